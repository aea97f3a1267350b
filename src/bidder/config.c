/* config.c - the config document over the defaults, key by key.
 *
 * Idea: each table of the config has one function; what is not said there keeps its default.
 */
#include "config_table.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_currency(struct mb_slice s)
{
    return s.len == 3 && s.data[0] >= 'A' && s.data[0] <= 'Z' && s.data[1] >= 'A' &&
           s.data[1] <= 'Z' && s.data[2] >= 'A' && s.data[2] <= 'Z';
}

static int take_rates(struct mb__table *outer)
{
    struct mb__table t = mb__inner(outer, "rates");
    size_t room = t.node ? (size_t)mb_doc_count(t.node) : 0, count = 0;
    struct mb_rate_of *rates =
        mb_xarena_array(&outer->config->arena, room + 1, sizeof(*rates));
    const struct mb_doc *member;
    int rc = t.node ? mb__want_table(&t) : 0;

    if (rc) {
        return rc;
    }
    rates[count++] = (struct mb_rate_of){outer->config->currency, {1000000}};
    for (member = t.node ? mb_doc_first(t.node) : NULL; member; member = mb_doc_next(member)) {
        struct mb_price rate = {0};

        if (!is_currency(mb_slice_of(mb_doc_name(member))) || !mb_doc_is_number(member) ||
            !mb_money_price_from_double(mb_doc_number(member, 0), &rate) || rate.micros <= 0) {
            return mb__wrong(&t, mb_doc_name(member),
                         "expected a currency code = what one unit is worth, such as EUR = 1.08");
        }
        if (mb_slice_is(outer->config->currency, mb_doc_name(member)) && rate.micros != 1000000) {
            return mb__wrong(&t, mb_doc_name(member), "is the house currency: one unit of it is worth 1");
        }
        rates[count].currency = mb__keep(t.config, mb_doc_name(member));
        rates[count++].rate.millionths = rate.micros;
    }
    outer->config->rates = (struct mb_rates){rates, count};
    return 0;
}

static int take_limits(struct mb__table *outer)
{
    struct mb__table t = mb__inner(outer, "limits");
    struct mb_config *c = outer->config;
    int rc;

    if (!t.node) {
        return 0;
    }
    if ((rc = mb__refuse_unknown(&t)) ||
        (rc = mb__take_u32(&t, "header_bytes", 1024, 1 << 20, &c->header_bytes)) ||
        (rc = mb__take_u32(&t, "body_bytes", 1024, 1 << 26, &c->body_bytes)) ||
        (rc = mb__take_u32(&t, "connections", 1, 1000000, &c->connections)) ||
        (rc = mb__take_u32(&t, "backlog_ms", 1, 60000, &c->backlog_ms)) ||
        (rc = mb__take_duration(&t, "idle", &c->idle_ms)) ||
        (rc = mb__take_duration(&t, "header", &c->header_ms)) ||
        (rc = mb__take_duration(&t, "body", &c->body_ms)) ||
        (rc = mb__take_duration(&t, "write", &c->write_ms)) ||
        (rc = mb__take_duration(&t, "money_guard", &c->money_guard_ms)) ||
        (rc = mb__take_duration(&t, "grace", &c->grace_ms))) {
        return rc;
    }
    return 0;
}

static int take_script(struct mb__table *outer)
{
    struct mb__table t = mb__inner(outer, "script");
    struct mb_config *c = outer->config;
    int rc;

    if (!t.node) {
        return 0;
    }
    if ((rc = mb__refuse_unknown(&t)) ||
        (rc = mb__take_u32(&t, "cpu_ms", 1, 1000, &c->script_cpu_ms)) ||
        (rc = mb__take_u32(&t, "memory_mb", 1, 65536, &c->script_memory_mb)) ||
        (rc = mb__take_u32(&t, "hard_ms", 10, 60000, &c->script_hard_ms))) {
        return rc;
    }
    return 0;
}

static int take_fetch(struct mb__table *outer)
{
    struct mb__table t = mb__inner(outer, "fetch");
    struct mb_config *c = outer->config;
    int rc;

    if (!t.node) {
        return 0;
    }
    if ((rc = mb__refuse_unknown(&t)) || (rc = mb__take_networks(&t, "allow", 0, &c->fetch_allow)) ||
        (rc = mb__take_duration(&t, "timeout", &c->fetch_timeout_ms)) ||
        (rc = mb__take_duration(&t, "retry", &c->fetch_retry_ms))) {
        return rc;
    }
    return c->fetch_timeout_ms > 0 ? 0 : mb__wrong(&t, "timeout", "expected more than nothing");
}

static const char *const mask_names[] = {
#define XX(name, text) text,
    MB_RECORDER_MASK_MAP(XX)
#undef XX
};

const char *mb_recorder_mask_name(enum mb_recorder_mask mask)
{
    return mask_names[mask];
}

/* `own`: the one beside 'keep' and 'drop' that this kind of data knows. */
static int take_mask(struct mb__table *t, const char *key, enum mb_recorder_mask own, enum mb_recorder_mask *out)
{
    const enum mb_recorder_mask known[] = {MB_RECORDER_KEEP, own, MB_RECORDER_DROP};
    const char *text = NULL;
    int rc = mb__take_text(t, key, &text);
    size_t i;

    for (i = 0; !rc && text && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(text, mask_names[known[i]]) == 0) {
            *out = known[i];
            return 0;
        }
    }
    return rc || !text ? rc : mb__wrong(t, key, "expected '%s', 'keep' or 'drop'", mask_names[own]);
}

static int take_recorder(struct mb__table *outer)
{
    struct mb__table t = mb__inner(outer, "recorder");
    struct mb_recorder_settings *r = &outer->config->recorder;
    uint32_t max_mb = (uint32_t)(r->max_bytes >> 20);
    const struct mb_doc *rate = mb_doc_get(t.node, "rate");
    int rc;

    if (!t.node) {
        return 0;
    }
    if ((rc = mb__refuse_unknown(&t)) || (rc = mb__take_u32(&t, "max_mb", 1, 1 << 20, &max_mb)) ||
        (rc = take_mask(&t, "ip", MB_RECORDER_CUT, &r->ip)) ||
        (rc = take_mask(&t, "ids", MB_RECORDER_HASH, &r->ids))) {
        return rc;
    }
    r->max_bytes = (uint64_t)max_mb << 20;
    r->rate = mb_doc_number(rate, r->rate);
    if ((rate && !mb_doc_is_number(rate)) || !(r->rate >= 0 && r->rate <= 1)) {
        return mb__wrong(&t, "rate", "expected a share of requests from 0 to 1, such as 0.01");
    }
    return 0;
}

static int take_part(struct mb__table *t, const char *key, double *out)
{
    const struct mb_doc *value = mb_doc_get(t->node, key);

    *out = mb_doc_number(value, *out);
    return (value && !mb_doc_is_number(value)) || !(*out >= 0 && *out <= 1)
               ? mb__wrong(t, key, "expected a part from 0 to 1, such as 0.1")
               : 0;
}

static int take_shadow(struct mb__table *outer)
{
    struct mb__table t = mb__inner(outer, "shadow");
    int rc;

    if (!t.node) {
        return 0;
    }
    if ((rc = mb__refuse_unknown(&t)) || (rc = take_part(&t, "rate", &outer->config->shadow_rate)) ||
        (rc = take_part(&t, "cpu_share", &outer->config->shadow_cpu_share))) {
        return rc;
    }
    return mb__take_text(&t, "scripts", &outer->config->shadow_scripts);
}

static int take_workers(struct mb__table *t)
{
    const struct mb_doc *value = mb_doc_get(t->node, "workers");

    if (mb_doc_is_string(value) && strcmp(mb_doc_text(value), "auto") == 0) {
        t->config->workers = 0;
        return 0;
    }
    return mb__take_u32(t, "workers", 1, 1024, &t->config->workers);
}

static int take_log_level(struct mb__table *t)
{
    const char *text = NULL;
    int rc = mb__take_text(t, "log_level", &text);

    if (!rc && text && !mb_log_level_of(mb_slice_of(text), &t->config->log_level)) {
        return mb__wrong(t, "log_level", "expected 'debug', 'info', 'warn' or 'error'");
    }
    return rc;
}

/* What two keys must say together. */
static int check_whole(struct mb__table *t)
{
    struct mb_config *c = t->config;
    size_t i;
    int rc;

    if (!is_currency(c->currency)) {
        return mb__wrong(t, "currency", "expected three capital letters such as USD");
    }
    for (i = 0; i < c->n_endpoints; i++) {
        char path[64];

        if (!mb_config_rate(c, c->endpoints[i].currency, &c->endpoints[i].rate)) {
            snprintf(path, sizeof(path), "endpoints[%zu].currency", i + 1);
            return mb__wrong(t, path, "'%.*s' has no entry in rates (the house currency is %.*s)",
                         MB_SLICE_ARG(c->endpoints[i].currency), MB_SLICE_ARG(c->currency));
        }
    }
    if ((rc = mb__check_base(t, "notice_url", &c->notice_url)) ||
        (mb_slice_present(c->click_url) && (rc = mb__check_base(t, "click_url", &c->click_url))) ||
        (mb_slice_present(c->pixel_url) && (rc = mb__check_base(t, "pixel_url", &c->pixel_url)))) {
        return rc;
    }
    if (c->admin && !mb__is_loopback(mb_slice_of(c->admin)) && !c->admin_token) {
        return mb__wrong(t, "admin_token", "required where admin (%s) is not loopback", c->admin);
    }
    return 0;
}

static int take_top(struct mb__table *t)
{
    struct mb_config *c = t->config;
    int rc;

    if ((rc = mb__refuse_unknown(t)) || (rc = mb__take_texts(t, "listen", &c->listen)) ||
        (rc = mb__take_text(t, "admin", &c->admin)) ||
        (rc = mb__take_text(t, "admin_token", &c->admin_token)) || (rc = take_workers(t)) ||
        (rc = mb__take_text(t, "user", &c->user)) || (rc = mb__take_text(t, "scripts", &c->scripts)) ||
        (rc = mb__take_text(t, "data", &c->data)) ||
        (rc = mb__take_text(t, "timezone", &c->timezone)) ||
        (rc = mb__take_slice(t, "currency", &c->currency)) || (rc = take_rates(t)) ||
        (rc = mb__take_slice(t, "notice_url", &c->notice_url)) ||
        (rc = mb__take_slice(t, "click_url", &c->click_url)) ||
        (rc = mb__take_slice(t, "pixel_url", &c->pixel_url)) ||
        (rc = mb__take_texts(t, "notice_keys", &c->notice_keys)) ||
        (rc = mb__take_text(t, "geoip", &c->geoip)) || (rc = take_log_level(t)) ||
        (rc = mb__take_duration(t, "silence", &c->silence_ms)) ||
        (rc = mb__take_networks(t, "trusted_proxies", 0, &c->trusted_proxies)) || (rc = mb__take_endpoints(t)) ||
        (rc = take_limits(t)) || (rc = take_script(t)) || (rc = take_fetch(t)) ||
        (rc = take_recorder(t)) || (rc = take_shadow(t))) {
        return rc;
    }
    return check_whole(t);
}

static void set_default_endpoints(struct mb_config *c)
{
    static const struct mb_endpoint defaults[] = {
        {.name = {"exoclick", 8},
         .path = {"/exoclick/bid", 13},
         .exchange = MB_EXCHANGE_EXOCLICK,
         .timeout_ms = 300,
         .margin_ms = 50},
        {.name = {"xandr", 5},
         .path = {"/xandr", 6},
         .exchange = MB_EXCHANGE_XANDR,
         .dialect = MB_DIALECT_XANDR,
         .timeout_ms = 100,
         .margin_ms = 20},
        {.name = {"openrtb", 7},
         .path = {"/openrtb/bid", 12},
         .exchange = MB_EXCHANGE_OPENRTB,
         .timeout_ms = 120,
         .margin_ms = 20},
    };
    struct mb_rate_of *house = mb_xarena_alloc(&c->arena, sizeof(*house));
    size_t i;

    c->n_endpoints = sizeof(defaults) / sizeof(defaults[0]);
    c->endpoints = mb_xarena_array(&c->arena, c->n_endpoints, sizeof(*c->endpoints));
    for (i = 0; i < c->n_endpoints; i++) {
        c->endpoints[i] = defaults[i];
        c->endpoints[i].index = (uint32_t)i;
        c->endpoints[i].currency = c->currency;
        c->endpoints[i].rate = (struct mb_rate){1000000};
    }
    *house = (struct mb_rate_of){c->currency, {1000000}};
    c->rates = (struct mb_rates){house, 1};
}

struct mb_config *mb_xconfig_default(void)
{
    static const struct mb_slice listen[] = {{"127.0.0.1:8080", 14}};
    static const struct mb_slice keys[] = {{"file:var/notice.key", 19}};
    struct mb_config *c = calloc(1, sizeof(*c));

    if (!c) {
        abort();
    }
    mb_arena_init(&c->arena, 16384);
    c->listen = (struct mb_slices){listen, 1};
    c->admin = "127.0.0.1:9090";
    c->scripts = "scripts";
    c->data = "var";
    c->timezone = "UTC";
    c->currency = MB_SLICE("USD");
    c->notice_url = MB_SLICE("http://127.0.0.1:8080");
    c->notice_keys = (struct mb_slices){keys, 1};
    c->header_bytes = 16384;
    c->body_bytes = 262144;
    c->connections = 20000;
    c->idle_ms = 150000;
    c->header_ms = c->body_ms = c->write_ms = 10000;
    c->grace_ms = 10000;
    c->backlog_ms = 50;
    c->money_guard_ms = 10000;
    c->fetch_timeout_ms = 3000;
    c->fetch_retry_ms = 1000;
    c->log_level = MB_LOG_INFO;
    c->script_cpu_ms = 5;
    c->script_memory_mb = 64;
    c->script_hard_ms = 250;
    c->recorder = (struct mb_recorder_settings){.rate = 0.01,
                                                .max_bytes = UINT64_C(1024) << 20,
                                                .ip = MB_RECORDER_CUT,
                                                .ids = MB_RECORDER_HASH};
    c->shadow_rate = c->shadow_cpu_share = 0.1;
    set_default_endpoints(c);
    return c;
}

int mb_config_from_doc(const struct mb_doc *doc, struct mb_config **out, struct mb_error *err)
{
    struct mb__table t = {.config = mb_xconfig_default(), .node = doc, .err = err};
    int rc = take_top(&t);

    *out = t.config;
    if (rc) {
        mb_config_free(t.config);
        *out = NULL;
    }
    return rc;
}

void mb_config_free(struct mb_config *config)
{
    if (config) {
        mb_arena_fini(&config->arena);
        free(config);
    }
}

bool mb_config_rate(const struct mb_config *config, struct mb_slice currency, struct mb_rate *out)
{
    return mb_rates_get(&config->rates, currency, out);
}

const struct mb_endpoint *mb_config_endpoint(const struct mb_config *config, struct mb_slice name)
{
    size_t i;

    for (i = 0; i < config->n_endpoints; i++) {
        if (mb_slice_eq(config->endpoints[i].name, name)) {
            return &config->endpoints[i];
        }
    }
    return NULL;
}
