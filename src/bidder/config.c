/* config.c - the config document over the defaults, key by key.
 *
 * Idea: a cursor holds the document node and its path as text, so that every error names the key's path and what was expected.
 * Each table of the config has one function; it names every key that it knows and refuses the rest.
 */
#include "moonbid/config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "moonbid/json_doc.h"

enum { CONFIG_PATH_MAX = 128, CONFIG_LIST_MAX = 256 };

/* One table being read: its node and its path. */
struct table {
    struct mb_config *config;
    const struct mb_doc *node;
    char path[CONFIG_PATH_MAX];
    struct mb_error *err;
};

static int wrong(const struct table *t, const char *key, const char *fmt, ...) MB_PRINTF(3, 4);

static int wrong(const struct table *t, const char *key, const char *fmt, ...)
{
    char what[256];
    char where[CONFIG_PATH_MAX + 64];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    snprintf(where, sizeof(where), "%s%s%s", t->path, t->path[0] && key[0] ? "." : "", key);
    return mb_fail(t->err, MB_EINVAL, where, "%s", what);
}

static struct mb_slice keep(struct mb_config *config, const char *text)
{
    return mb_xarena_copy(&config->arena, mb_slice_of(text));
}

static int take_text(struct table *t, const char *key, const char **out)
{
    const struct mb_doc *value = mb_doc_get(t->node, key);

    if (!value) {
        return 0;
    }
    if (!mb_doc_is_string(value) || !mb_doc_text(value)[0]) {
        return wrong(t, key, "expected a text that is not empty");
    }
    *out = keep(t->config, mb_doc_text(value)).data;
    return 0;
}

static int take_slice(struct table *t, const char *key, struct mb_slice *out)
{
    const char *text = NULL;
    int rc = take_text(t, key, &text);

    if (!rc && text) {
        *out = mb_slice_of(text);
    }
    return rc;
}

static int take_u32(struct table *t, const char *key, uint32_t least, uint32_t most, uint32_t *out)
{
    const struct mb_doc *value = mb_doc_get(t->node, key);
    double number;

    if (!value) {
        return 0;
    }
    number = mb_doc_number(value, -1);
    if (!mb_doc_is_number(value) || number < least || number > most ||
        number != (double)(uint32_t)number) {
        return wrong(t, key, "expected a whole number from %u to %u", least, most);
    }
    *out = (uint32_t)number;
    return 0;
}

static int take_duration(struct table *t, const char *key, uint32_t *out_ms)
{
    const struct mb_doc *value = mb_doc_get(t->node, key);
    int64_t ms;

    if (!value) {
        return 0;
    }
    if (!mb_doc_is_string(value) ||
        !mb_time_parse_duration(mb_slice_of(mb_doc_text(value)), &ms) || ms > 86400000) {
        return wrong(t, key, "expected a duration of at most a day such as '10s' or '15m'");
    }
    *out_ms = (uint32_t)ms;
    return 0;
}

static int take_texts(struct table *t, const char *key, struct mb_slices *out)
{
    const struct mb_doc *list = mb_doc_get(t->node, key);
    const struct mb_doc *item;
    struct mb_slice *items;
    size_t count = 0;

    if (!list) {
        return 0;
    }
    if (!mb_doc_is_array(list) || mb_doc_count(list) < 1 || mb_doc_count(list) > CONFIG_LIST_MAX) {
        return wrong(t, key, "expected a list of 1 to %d texts", CONFIG_LIST_MAX);
    }
    items = mb_xarena_array(&t->config->arena, (size_t)mb_doc_count(list), sizeof(*items));
    for (item = mb_doc_first(list); item; item = mb_doc_next(item)) {
        if (!mb_doc_is_string(item) || !mb_doc_text(item)[0]) {
            return wrong(t, key, "expected texts in the list");
        }
        items[count++] = keep(t->config, mb_doc_text(item));
    }
    out->items = items;
    out->count = count;
    return 0;
}

/* Networks such as '10.0.0.0/8'; at least `least` of them. */
static int take_networks(struct table *t, const char *key, int least, struct mb_cidrs *out)
{
    const struct mb_doc *list = mb_doc_get(t->node, key);
    const struct mb_doc *item;
    struct mb_cidr *items;
    size_t count = 0;

    if (!list) {
        return 0;
    }
    if (!(mb_doc_is_array(list) || (mb_doc_is_object(list) && mb_doc_count(list) == 0)) ||
        mb_doc_count(list) < least || mb_doc_count(list) > CONFIG_LIST_MAX) {
        return wrong(t, key, "expected a list of %d to %d networks", least, CONFIG_LIST_MAX);
    }
    items = mb_xarena_array(&t->config->arena, (size_t)mb_doc_count(list) + 1, sizeof(*items));
    for (item = mb_doc_first(list); item; item = mb_doc_next(item)) {
        if (!mb_doc_is_string(item) || !mb_cidr_parse(mb_slice_of(mb_doc_text(item)), &items[count])) {
            return wrong(t, key, "expected networks such as '10.0.0.0/8', '192.0.2.7' or '2001:db8::/32', no bit "
                                 "set behind the prefix; number %zu is none", count + 1);
        }
        count++;
    }
    *out = (struct mb_cidrs){items, count};
    return 0;
}

/* Lua does not tell an empty list from an empty table, so one may stand for the other. */
static int want_table(const struct table *t)
{
    bool is_empty_list = mb_doc_is_array(t->node) && mb_doc_count(t->node) == 0;

    return mb_doc_is_object(t->node) || is_empty_list ? 0
                                                      : wrong(t, "", "expected a table with named keys");
}

/* Is `path` a key, or the table of one? "endpoints[3].name" stands for "endpoints[].name". */
static bool is_known(const char *path)
{
    static const char *const keys[] = {
#define XX(key, change) key,
        MB_CONFIG_KEY_MAP(XX)
#undef XX
    };
    char plain[CONFIG_PATH_MAX + 64];
    size_t len = 0, i;

    for (; *path && len + 1 < sizeof(plain); path++) {
        if (len == 0 || plain[len - 1] != '[' || *path == ']') {
            plain[len++] = *path;
        }
    }
    plain[len] = '\0';
    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strncmp(keys[i], plain, len) == 0 && strchr(".[", keys[i][len])) {
            return true; /* strchr finds the end as well */
        }
    }
    return false;
}

static int refuse_unknown(const struct table *t)
{
    const struct mb_doc *member;
    int rc = want_table(t);

    if (rc) {
        return rc;
    }
    for (member = mb_doc_first(t->node); member; member = mb_doc_next(member)) {
        char path[CONFIG_PATH_MAX + 64];

        snprintf(path, sizeof(path), "%s%s%s", t->path, t->path[0] ? "." : "", mb_doc_name(member));
        if (!is_known(path)) {
            return wrong(t, mb_doc_name(member), "unknown key");
        }
    }
    return 0;
}

static struct table inner(const struct table *outer, const char *key)
{
    struct table t = {.config = outer->config, .node = mb_doc_get(outer->node, key), .err = outer->err};

    snprintf(t.path, sizeof(t.path), "%.64s%s%.48s", outer->path, outer->path[0] ? "." : "", key);
    return t;
}

/* A key of the contract whose work is not in this version: said once, so that nobody relies on it. */
static void warn_unused(const struct table *t, const char *key)
{
    if (mb_doc_get(t->node, key)) {
        mb_log(MB_LOG_WARN, "config", "key has no effect in this version", "key=%s%s%s", t->path,
               t->path[0] ? "." : "", key);
    }
}

static bool is_name(struct mb_slice s, size_t most)
{
    size_t i;

    for (i = 0; i < s.len; i++) {
        char c = s.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-')) {
            return false;
        }
    }
    return s.len >= 1 && s.len <= most;
}

static bool is_currency(struct mb_slice s)
{
    return s.len == 3 && s.data[0] >= 'A' && s.data[0] <= 'Z' && s.data[1] >= 'A' &&
           s.data[1] <= 'Z' && s.data[2] >= 'A' && s.data[2] <= 'Z';
}

static int take_rates(struct table *outer)
{
    struct table t = inner(outer, "rates");
    size_t room = t.node ? (size_t)mb_doc_count(t.node) : 0, count = 0;
    struct mb_rate_of *rates =
        mb_xarena_array(&outer->config->arena, room + 1, sizeof(*rates));
    const struct mb_doc *member;
    int rc = t.node ? want_table(&t) : 0;

    if (rc) {
        return rc;
    }
    rates[count++] = (struct mb_rate_of){outer->config->currency, {1000000}};
    for (member = t.node ? mb_doc_first(t.node) : NULL; member; member = mb_doc_next(member)) {
        struct mb_price rate = {0};

        if (!is_currency(mb_slice_of(mb_doc_name(member))) || !mb_doc_is_number(member) ||
            !mb_money_price_from_double(mb_doc_number(member, 0), &rate) || rate.micros <= 0) {
            return wrong(&t, mb_doc_name(member),
                         "expected a currency code = what one unit is worth, such as EUR = 1.08");
        }
        if (mb_slice_is(outer->config->currency, mb_doc_name(member)) && rate.micros != 1000000) {
            return wrong(&t, mb_doc_name(member), "is the house currency: one unit of it is worth 1");
        }
        rates[count].currency = keep(t.config, mb_doc_name(member));
        rates[count++].rate.millionths = rate.micros;
    }
    outer->config->rates = (struct mb_rates){rates, count};
    return 0;
}

static int take_tokens(struct table *outer, struct mb_endpoint *endpoint)
{
    struct table t = inner(outer, "tokens");
    const struct mb_doc *member;
    struct mb_pair *pairs;
    size_t count = 0;
    int rc;

    if (!t.node) {
        return 0;
    }
    if ((rc = want_table(&t))) {
        return rc;
    }
    pairs = mb_xarena_array(&t.config->arena, (size_t)mb_doc_count(t.node) + 1, sizeof(*pairs));
    for (member = mb_doc_first(t.node); member; member = mb_doc_next(member)) {
        if (!mb_doc_is_string(member) || !mb_doc_text(member)[0]) {
            return wrong(&t, mb_doc_name(member), "expected parameter = 'token name', such as zone = 'zone_id'");
        }
        pairs[count].name = keep(t.config, mb_doc_name(member));
        pairs[count].value = keep(t.config, mb_doc_text(member));
        count++;
    }
    endpoint->tokens = (struct mb_pairs){pairs, count};
    return 0;
}

static int take_exchange(struct table *t, struct mb_endpoint *endpoint)
{
    const char *text = NULL;
    int rc = take_text(t, "exchange", &text);

    if (rc) {
        return rc;
    }
    endpoint->exchange = mb_exchange_of(mb_slice_of(text));
    if (endpoint->exchange == MB_EXCHANGE_NONE) {
        return wrong(t, "exchange", "required: 'exoclick', 'xandr' or 'openrtb'");
    }
    return 0;
}

static int take_habits(struct table *t, struct mb_endpoint *endpoint)
{
    static const struct {
        const char *key;
        enum mb_exchange exchange;
        const char *usual, *other;
        size_t offset;
    } rows[] = {
#define XX(key, exchange, usual, other, member) \
    {key, MB_EXCHANGE_##exchange, usual, other, offsetof(struct mb_endpoint, member)},
        MB_CONFIG_HABIT_MAP(XX)
#undef XX
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *text = NULL;
        bool other;
        int rc = take_text(t, rows[i].key, &text);

        if (rc) {
            return rc;
        }
        other = text && strcmp(text, rows[i].other) == 0;
        if (text && endpoint->exchange != rows[i].exchange) {
            return wrong(t, rows[i].key, "only for exchange = '%s'", mb_exchange_name(rows[i].exchange));
        }
        if (text && !other && strcmp(text, rows[i].usual) != 0) {
            return wrong(t, rows[i].key, "expected '%s' or '%s'", rows[i].usual, rows[i].other);
        }
        *(bool *)((char *)endpoint + rows[i].offset) = other;
    }
    return 0;
}

/* What only OpenRTB has: its dialects, and for `generic` which notice books (the others are fixed). */
static int take_dialect(struct table *t, struct mb_endpoint *endpoint)
{
    const char *dialect = NULL, *books_on = NULL;
    int rc;

    if ((rc = take_text(t, "dialect", &dialect)) || (rc = take_text(t, "books_on", &books_on))) {
        return rc;
    }
    if (endpoint->exchange == MB_EXCHANGE_XANDR) {
        endpoint->dialect = MB_DIALECT_XANDR; /* where it speaks OpenRTB */
    }
    if (endpoint->exchange != MB_EXCHANGE_OPENRTB) {
        return dialect    ? wrong(t, "dialect", "only for exchange = 'openrtb'")
               : books_on ? wrong(t, "books_on", "only for exchange = 'openrtb'")
                          : 0;
    }
    if (!dialect || strcmp(dialect, "generic") == 0) {
        endpoint->books_on_win = books_on && strcmp(books_on, "win") == 0;
        return books_on && !endpoint->books_on_win && strcmp(books_on, "billing") != 0
                   ? wrong(t, "books_on", "expected 'billing' or 'win'")
                   : 0;
    }
    endpoint->dialect =
        strcmp(dialect, "exoclick") == 0 ? MB_DIALECT_EXOCLICK : MB_DIALECT_XANDR;
    if (endpoint->dialect == MB_DIALECT_XANDR && strcmp(dialect, "xandr") != 0) {
        return wrong(t, "dialect", "expected 'generic', 'exoclick' or 'xandr'");
    }
    endpoint->books_on_win = endpoint->dialect == MB_DIALECT_XANDR;
    return books_on ? wrong(t, "books_on", "only for the dialect 'generic': the others are fixed") : 0;
}

#define MINUTE_MS INT64_C(60000)

static int take_hold_time(struct table *t, const char *key, int64_t *out_ms)
{
    const struct mb_doc *value = mb_doc_get(t->node, key);

    if (value && (!mb_doc_is_string(value) ||
                  !mb_time_parse_duration(mb_slice_of(mb_doc_text(value)), out_ms) ||
                  *out_ms < MINUTE_MS || *out_ms > 7 * 24 * 60 * MINUTE_MS)) {
        return wrong(t, key, "expected a duration from '1m' to '7d'");
    }
    return 0;
}

/* How long money is held for a bid that nobody has booked: hold = { cpm = '1h', cpc = '24h' }. */
static int take_hold(struct table *outer, struct mb_endpoint *endpoint)
{
    struct table t = inner(outer, "hold");
    const struct mb_doc *member;
    int rc;

    endpoint->hold_cpm_ms = 60 * MINUTE_MS;
    endpoint->hold_cpc_ms = 24 * 60 * MINUTE_MS;
    if (!t.node) {
        return 0;
    }
    if ((rc = want_table(&t)) || (rc = take_hold_time(&t, "cpm", &endpoint->hold_cpm_ms)) ||
        (rc = take_hold_time(&t, "cpc", &endpoint->hold_cpc_ms))) {
        return rc;
    }
    for (member = mb_doc_first(t.node); member; member = mb_doc_next(member)) {
        if (strcmp(mb_doc_name(member), "cpm") != 0 && strcmp(mb_doc_name(member), "cpc") != 0) {
            return wrong(&t, mb_doc_name(member), "unknown key");
        }
    }
    return 0;
}

static int take_endpoint(struct table *t, struct mb_endpoint *endpoint)
{
    const char *text = NULL;
    int rc;

    if ((rc = refuse_unknown(t)) || (rc = take_exchange(t, endpoint)) ||
        (rc = take_dialect(t, endpoint)) || (rc = take_habits(t, endpoint)) ||
        (rc = take_slice(t, "name", &endpoint->name)) ||
        (rc = take_slice(t, "path", &endpoint->path)) ||
        (rc = take_slice(t, "currency", &endpoint->currency)) ||
        (rc = take_slice(t, "member", &endpoint->member)) || (rc = take_tokens(t, endpoint)) ||
        (rc = take_networks(t, "allow", 1, &endpoint->allow)) || (rc = take_hold(t, endpoint)) ||
        (rc = take_text(t, "path", &text))) {
        return rc;
    }
    endpoint->timeout_ms = endpoint->exchange == MB_EXCHANGE_EXOCLICK  ? 300
                           : endpoint->exchange == MB_EXCHANGE_OPENRTB ? 120
                                                                       : 100;
    endpoint->margin_ms = endpoint->exchange == MB_EXCHANGE_EXOCLICK ? 50 : 20;
    if ((rc = take_u32(t, "timeout_ms", 2, 60000, &endpoint->timeout_ms)) ||
        (rc = take_u32(t, "margin_ms", 0, 59999, &endpoint->margin_ms))) {
        return rc;
    }
    if (!is_name(endpoint->name, 32)) {
        return wrong(t, "name", "required: 1 to 32 of a-z 0-9 _ -");
    }
    if (endpoint->path.len < 2 || endpoint->path.data[0] != '/') {
        return wrong(t, "path", "required: begins with '/', such as '/exoclick/bid'");
    }
    if (endpoint->margin_ms >= endpoint->timeout_ms) {
        return wrong(t, "margin_ms", "must be less than timeout_ms (%u)", endpoint->timeout_ms);
    }
    if (!mb_slice_present(endpoint->currency)) {
        if (endpoint->exchange == MB_EXCHANGE_EXOCLICK) {
            return wrong(t, "currency", "required: ExoClick's requests name no currency");
        }
        endpoint->currency = t->config->currency;
    }
    return 0;
}

static int take_endpoints(struct table *outer)
{
    const struct mb_doc *list = mb_doc_get(outer->node, "endpoints");
    const struct mb_doc *item;
    struct mb_config *config = outer->config;
    size_t i = 0, k;

    if (!list) {
        return 0;
    }
    if (!mb_doc_is_array(list) || mb_doc_count(list) < 1 || mb_doc_count(list) > CONFIG_LIST_MAX) {
        return wrong(outer, "endpoints", "expected a list of 1 to %d endpoints", CONFIG_LIST_MAX);
    }
    config->n_endpoints = (size_t)mb_doc_count(list);
    config->endpoints =
        mb_xarena_array(&config->arena, config->n_endpoints, sizeof(*config->endpoints));
    for (item = mb_doc_first(list); item; item = mb_doc_next(item), i++) {
        struct table t = {.config = config, .node = item, .err = outer->err};
        int rc;

        snprintf(t.path, sizeof(t.path), "endpoints[%zu]", i + 1);
        if ((rc = take_endpoint(&t, &config->endpoints[i]))) {
            return rc;
        }
        config->endpoints[i].index = (uint32_t)i;
        for (k = 0; k < i; k++) {
            if (mb_slice_eq(config->endpoints[k].name, config->endpoints[i].name)) {
                return wrong(&t, "name", "used by endpoints[%zu] already", k + 1);
            }
            if (mb_slice_eq(config->endpoints[k].path, config->endpoints[i].path)) {
                return wrong(&t, "path", "used by endpoints[%zu] already", k + 1);
            }
        }
    }
    return 0;
}

static int take_limits(struct table *outer)
{
    struct table t = inner(outer, "limits");
    struct mb_config *c = outer->config;
    int rc;

    if (!t.node) {
        return 0;
    }
    if ((rc = refuse_unknown(&t)) ||
        (rc = take_u32(&t, "header_bytes", 1024, 1 << 20, &c->header_bytes)) ||
        (rc = take_u32(&t, "body_bytes", 1024, 1 << 26, &c->body_bytes)) ||
        (rc = take_u32(&t, "connections", 1, 1000000, &c->connections)) ||
        (rc = take_u32(&t, "backlog_ms", 1, 60000, &c->backlog_ms)) ||
        (rc = take_duration(&t, "idle", &c->idle_ms)) ||
        (rc = take_duration(&t, "header", &c->header_ms)) ||
        (rc = take_duration(&t, "body", &c->body_ms)) ||
        (rc = take_duration(&t, "write", &c->write_ms)) ||
        (rc = take_duration(&t, "money_guard", &c->money_guard_ms)) ||
        (rc = take_duration(&t, "grace", &c->grace_ms))) {
        return rc;
    }
    return 0;
}

static int take_script(struct table *outer)
{
    struct table t = inner(outer, "script");
    struct mb_config *c = outer->config;
    int rc;

    if (!t.node) {
        return 0;
    }
    if ((rc = refuse_unknown(&t)) ||
        (rc = take_u32(&t, "cpu_ms", 1, 1000, &c->script_cpu_ms)) ||
        (rc = take_u32(&t, "memory_mb", 1, 65536, &c->script_memory_mb)) ||
        (rc = take_u32(&t, "hard_ms", 10, 60000, &c->script_hard_ms))) {
        return rc;
    }
    return 0;
}

static int take_fetch(struct table *outer)
{
    struct table t = inner(outer, "fetch");
    struct mb_config *c = outer->config;
    int rc;

    if (!t.node) {
        return 0;
    }
    if ((rc = refuse_unknown(&t)) || (rc = take_networks(&t, "allow", 0, &c->fetch_allow)) ||
        (rc = take_duration(&t, "timeout", &c->fetch_timeout_ms)) ||
        (rc = take_duration(&t, "retry", &c->fetch_retry_ms))) {
        return rc;
    }
    return c->fetch_timeout_ms > 0 ? 0 : wrong(&t, "timeout", "expected more than nothing");
}

static int take_workers(struct table *t)
{
    const struct mb_doc *value = mb_doc_get(t->node, "workers");

    if (mb_doc_is_string(value) && strcmp(mb_doc_text(value), "auto") == 0) {
        t->config->workers = 0;
        return 0;
    }
    return take_u32(t, "workers", 1, 1024, &t->config->workers);
}

static int take_log_level(struct table *t)
{
    const char *text = NULL;
    int rc = take_text(t, "log_level", &text);

    if (!rc && text && !mb_log_level_of(mb_slice_of(text), &t->config->log_level)) {
        return wrong(t, "log_level", "expected 'debug', 'info', 'warn' or 'error'");
    }
    return rc;
}

/* HOST or HOST:PORT, an IPv6 address in brackets. A name such as 127.example is none. */
static bool is_loopback(struct mb_slice address)
{
    static const struct mb_slice networks[] = {{"127.0.0.0/8", 11}, {"::1", 3}};
    bool bracketed = mb_slice_starts(address, MB_SLICE("["));
    struct mb_slice rest = bracketed ? mb_slice(address.data + 1, address.len - 1) : address;
    struct mb_slice host = mb_slice_cut(&rest, bracketed ? ']' : ':');
    struct mb_cidr network;
    struct mb_ip ip;
    size_t i;

    for (i = 0; mb_ip_parse(host, &ip) && i < sizeof(networks) / sizeof(networks[0]); i++) {
        if (mb_cidr_parse(networks[i], &network) && mb_cidr_contains(&network, &ip)) {
            return true;
        }
    }
    return mb_slice_eq_nocase(host, MB_SLICE("localhost"));
}

/* Bytes that may stand in a base: what would begin a query, break a header or end a quoted text may not. */
static bool is_base_text(struct mb_slice s)
{
    size_t i;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] <= ' ' || s.data[i] > '~' || strchr("?#\"<>\\^`{|}", s.data[i])) {
            return false;
        }
    }
    return true;
}

/* The base of URLs that we give out: http://HOST or https://HOST, final slashes are dropped. *host has its port. */
static int check_base(struct table *t, const char *key, struct mb_slice *base, struct mb_slice *host)
{
    size_t scheme = mb_slice_starts(*base, MB_SLICE("https://"))  ? 8
                    : mb_slice_starts(*base, MB_SLICE("http://")) ? 7
                                                                  : 0;
    struct mb_slice rest = mb_slice(base->data + scheme, base->len - scheme);

    *host = mb_slice_cut(&rest, '/');
    if (scheme == 0 || mb_slice_empty(*host) || !is_base_text(*base)) {
        return wrong(t, key, "expected http://HOST or https://HOST, a path behind it allowed");
    }
    while (mb_slice_ends(*base, MB_SLICE("/"))) {
        base->len--;
    }
    return 0;
}

/* A base that only this machine reaches, while exchanges and visitors shall come from elsewhere. */
static int check_reach(struct table *t, const char *key, struct mb_slice *base)
{
    const struct mb_slices *listen = &t->config->listen;
    struct mb_slice host;
    size_t i;
    int rc = check_base(t, key, base, &host);

    for (i = 0; !rc && i < listen->count; i++) {
        if (is_loopback(host) && !is_loopback(listen->items[i])) {
            return wrong(t, key, "is a loopback address, but listen (%.*s) is not: nobody outside could follow it",
                         MB_SLICE_ARG(listen->items[i]));
        }
    }
    return rc;
}

/* What two keys must say together. */
static int check_whole(struct table *t)
{
    struct mb_config *c = t->config;
    size_t i;
    int rc;

    if (!is_currency(c->currency)) {
        return wrong(t, "currency", "expected three capital letters such as USD");
    }
    for (i = 0; i < c->n_endpoints; i++) {
        char path[64];

        if (!mb_config_rate(c, c->endpoints[i].currency, &c->endpoints[i].rate)) {
            snprintf(path, sizeof(path), "endpoints[%zu].currency", i + 1);
            return wrong(t, path, "'%.*s' has no entry in rates (the house currency is %.*s)",
                         MB_SLICE_ARG(c->endpoints[i].currency), MB_SLICE_ARG(c->currency));
        }
    }
    if ((rc = check_reach(t, "notice_url", &c->notice_url)) ||
        (mb_slice_present(c->click_url) && (rc = check_reach(t, "click_url", &c->click_url)))) {
        return rc;
    }
    if (c->admin && !is_loopback(mb_slice_of(c->admin)) && !c->admin_token) {
        return wrong(t, "admin_token", "required where admin (%s) is not loopback", c->admin);
    }
    return 0;
}

static int take_top(struct table *t)
{
    struct mb_config *c = t->config;
    int rc;

    if ((rc = refuse_unknown(t)) || (rc = take_texts(t, "listen", &c->listen)) ||
        (rc = take_text(t, "admin", &c->admin)) ||
        (rc = take_text(t, "admin_token", &c->admin_token)) || (rc = take_workers(t)) ||
        (rc = take_text(t, "user", &c->user)) || (rc = take_text(t, "scripts", &c->scripts)) ||
        (rc = take_text(t, "data", &c->data)) ||
        (rc = take_text(t, "timezone", &c->timezone)) ||
        (rc = take_slice(t, "currency", &c->currency)) || (rc = take_rates(t)) ||
        (rc = take_slice(t, "notice_url", &c->notice_url)) ||
        (rc = take_slice(t, "click_url", &c->click_url)) ||
        (rc = take_texts(t, "notice_keys", &c->notice_keys)) ||
        (rc = take_text(t, "geoip", &c->geoip)) || (rc = take_log_level(t)) ||
        (rc = take_duration(t, "silence", &c->silence_ms)) ||
        (rc = take_networks(t, "trusted_proxies", 0, &c->trusted_proxies)) || (rc = take_endpoints(t)) ||
        (rc = take_limits(t)) || (rc = take_script(t)) || (rc = take_fetch(t))) {
        return rc;
    }
    warn_unused(t, "pixel_url");
    warn_unused(t, "recorder");
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
    set_default_endpoints(c);
    return c;
}

int mb_config_from_doc(const struct mb_doc *doc, struct mb_config **out, struct mb_error *err)
{
    struct table t = {.config = mb_xconfig_default(), .node = doc, .err = err};
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
