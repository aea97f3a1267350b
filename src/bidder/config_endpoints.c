/* config_endpoints.c - the config's endpoints: which exchange speaks there, and how.
 *
 * Idea: what depends on the exchange (defaults, which keys it knows) is decided by its name, which is read first.
 */
#include "config_table.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

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

static int take_tokens(struct mb__table *outer, struct mb_endpoint *endpoint)
{
    struct mb__table t = mb__inner(outer, "tokens");
    const struct mb_doc *member;
    struct mb_pair *pairs;
    size_t count = 0;
    int rc;

    if (!t.node) {
        return 0;
    }
    if ((rc = mb__want_table(&t))) {
        return rc;
    }
    pairs = mb_xarena_array(&t.config->arena, (size_t)mb_doc_count(t.node) + 1, sizeof(*pairs));
    for (member = mb_doc_first(t.node); member; member = mb_doc_next(member)) {
        if (!mb_doc_is_string(member) || !mb_doc_text(member)[0]) {
            return mb__wrong(&t, mb_doc_name(member), "expected parameter = 'token name', such as zone = 'zone_id'");
        }
        pairs[count].name = mb__keep(t.config, mb_doc_name(member));
        pairs[count].value = mb__keep(t.config, mb_doc_text(member));
        count++;
    }
    endpoint->tokens = (struct mb_pairs){pairs, count};
    return 0;
}

static int take_exchange(struct mb__table *t, struct mb_endpoint *endpoint)
{
    const char *text = NULL;
    int rc = mb__take_text(t, "exchange", &text);

    if (rc) {
        return rc;
    }
    endpoint->exchange = mb_exchange_of(mb_slice_of(text));
    if (endpoint->exchange == MB_EXCHANGE_NONE) {
        return mb__wrong(t, "exchange", "required: 'exoclick', 'xandr' or 'openrtb'");
    }
    return 0;
}

static int take_habits(struct mb__table *t, struct mb_endpoint *endpoint)
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
        int rc = mb__take_text(t, rows[i].key, &text);

        if (rc) {
            return rc;
        }
        other = text && strcmp(text, rows[i].other) == 0;
        if (text && rows[i].exchange != MB_EXCHANGE_NONE && endpoint->exchange != rows[i].exchange) {
            return mb__wrong(t, rows[i].key, "only for exchange = '%s'", mb_exchange_name(rows[i].exchange));
        }
        if (text && !other && strcmp(text, rows[i].usual) != 0) {
            return mb__wrong(t, rows[i].key, "expected '%s' or '%s'", rows[i].usual, rows[i].other);
        }
        *(bool *)((char *)endpoint + rows[i].offset) = other;
    }
    return 0;
}

/* What only OpenRTB has: its dialects, and for `generic` which notice books (the others are fixed). */
static int take_dialect(struct mb__table *t, struct mb_endpoint *endpoint)
{
    const char *dialect = NULL, *books_on = NULL;
    int rc;

    if ((rc = mb__take_text(t, "dialect", &dialect)) || (rc = mb__take_text(t, "books_on", &books_on))) {
        return rc;
    }
    if (endpoint->exchange == MB_EXCHANGE_XANDR) {
        endpoint->dialect = MB_DIALECT_XANDR; /* where it speaks OpenRTB */
    }
    if (endpoint->exchange != MB_EXCHANGE_OPENRTB) {
        return dialect    ? mb__wrong(t, "dialect", "only for exchange = 'openrtb'")
               : books_on ? mb__wrong(t, "books_on", "only for exchange = 'openrtb'")
                          : 0;
    }
    if (!dialect || strcmp(dialect, "generic") == 0) {
        endpoint->books_on_win = books_on && strcmp(books_on, "win") == 0;
        return books_on && !endpoint->books_on_win && strcmp(books_on, "billing") != 0
                   ? mb__wrong(t, "books_on", "expected 'billing' or 'win'")
                   : 0;
    }
    endpoint->dialect =
        strcmp(dialect, "exoclick") == 0 ? MB_DIALECT_EXOCLICK : MB_DIALECT_XANDR;
    if (endpoint->dialect == MB_DIALECT_XANDR && strcmp(dialect, "xandr") != 0) {
        return mb__wrong(t, "dialect", "expected 'generic', 'exoclick' or 'xandr'");
    }
    endpoint->books_on_win = endpoint->dialect == MB_DIALECT_XANDR;
    return books_on ? mb__wrong(t, "books_on", "only for the dialect 'generic': the others are fixed") : 0;
}

#define MINUTE_MS INT64_C(60000)

static int take_hold_time(struct mb__table *t, const char *key, int64_t *out_ms)
{
    const struct mb_doc *value = mb_doc_get(t->node, key);

    if (value && (!mb_doc_is_string(value) ||
                  !mb_time_parse_duration(mb_slice_of(mb_doc_text(value)), out_ms) ||
                  *out_ms < MINUTE_MS || *out_ms > 7 * 24 * 60 * MINUTE_MS)) {
        return mb__wrong(t, key, "expected a duration from '1m' to '7d'");
    }
    return 0;
}

/* How long money is held for a bid that nobody has booked: hold = { cpm = '1h', cpc = '24h' }. */
static int take_hold(struct mb__table *outer, struct mb_endpoint *endpoint)
{
    struct mb__table t = mb__inner(outer, "hold");
    const struct mb_doc *member;
    int rc;

    endpoint->hold_cpm_ms = 60 * MINUTE_MS;
    endpoint->hold_cpc_ms = 24 * 60 * MINUTE_MS;
    if (!t.node) {
        return 0;
    }
    if ((rc = mb__want_table(&t)) || (rc = take_hold_time(&t, "cpm", &endpoint->hold_cpm_ms)) ||
        (rc = take_hold_time(&t, "cpc", &endpoint->hold_cpc_ms))) {
        return rc;
    }
    for (member = mb_doc_first(t.node); member; member = mb_doc_next(member)) {
        if (strcmp(mb_doc_name(member), "cpm") != 0 && strcmp(mb_doc_name(member), "cpc") != 0) {
            return mb__wrong(&t, mb_doc_name(member), "unknown key");
        }
    }
    return 0;
}

static int take_endpoint(struct mb__table *t, struct mb_endpoint *endpoint)
{
    const char *text = NULL;
    int rc;

    if ((rc = mb__refuse_unknown(t)) || (rc = take_exchange(t, endpoint)) ||
        (rc = take_dialect(t, endpoint)) || (rc = take_habits(t, endpoint)) ||
        (rc = mb__take_slice(t, "name", &endpoint->name)) ||
        (rc = mb__take_slice(t, "path", &endpoint->path)) ||
        (rc = mb__take_slice(t, "currency", &endpoint->currency)) ||
        (rc = mb__take_slice(t, "member", &endpoint->member)) || (rc = take_tokens(t, endpoint)) ||
        (rc = mb__take_networks(t, "allow", 1, &endpoint->allow)) || (rc = take_hold(t, endpoint)) ||
        (rc = mb__take_text(t, "path", &text))) {
        return rc;
    }
    endpoint->timeout_ms = endpoint->exchange == MB_EXCHANGE_EXOCLICK  ? 300
                           : endpoint->exchange == MB_EXCHANGE_OPENRTB ? 120
                                                                       : 100;
    endpoint->margin_ms = endpoint->exchange == MB_EXCHANGE_EXOCLICK ? 50 : 20;
    if ((rc = mb__take_u32(t, "timeout_ms", 2, 60000, &endpoint->timeout_ms)) ||
        (rc = mb__take_u32(t, "margin_ms", 0, 59999, &endpoint->margin_ms))) {
        return rc;
    }
    if (!is_name(endpoint->name, 32)) {
        return mb__wrong(t, "name", "required: 1 to 32 of a-z 0-9 _ -");
    }
    if (endpoint->path.len < 2 || endpoint->path.data[0] != '/') {
        return mb__wrong(t, "path", "required: begins with '/', such as '/exoclick/bid'");
    }
    if (endpoint->margin_ms >= endpoint->timeout_ms) {
        return mb__wrong(t, "margin_ms", "must be less than timeout_ms (%u)", endpoint->timeout_ms);
    }
    if (!mb_slice_present(endpoint->currency)) {
        if (endpoint->exchange == MB_EXCHANGE_EXOCLICK) {
            return mb__wrong(t, "currency", "required: ExoClick's requests name no currency");
        }
        endpoint->currency = t->config->currency;
    }
    return 0;
}

int mb__take_endpoints(struct mb__table *outer)
{
    const struct mb_doc *list = mb_doc_get(outer->node, "endpoints");
    const struct mb_doc *item;
    struct mb_config *config = outer->config;
    size_t i = 0, k;

    if (!list) {
        return 0;
    }
    if (!mb_doc_is_array(list) || mb_doc_count(list) < 1 || mb_doc_count(list) > CONFIG_LIST_MAX) {
        return mb__wrong(outer, "endpoints", "expected a list of 1 to %d endpoints", CONFIG_LIST_MAX);
    }
    config->n_endpoints = (size_t)mb_doc_count(list);
    config->endpoints =
        mb_xarena_array(&config->arena, config->n_endpoints, sizeof(*config->endpoints));
    for (item = mb_doc_first(list); item; item = mb_doc_next(item), i++) {
        struct mb__table t = {.config = config, .node = item, .err = outer->err};
        int rc;

        snprintf(t.path, sizeof(t.path), "endpoints[%zu]", i + 1);
        if ((rc = take_endpoint(&t, &config->endpoints[i]))) {
            return rc;
        }
        config->endpoints[i].index = (uint32_t)i;
        for (k = 0; k < i; k++) {
            if (mb_slice_eq(config->endpoints[k].name, config->endpoints[i].name)) {
                return mb__wrong(&t, "name", "used by endpoints[%zu] already", k + 1);
            }
            if (mb_slice_eq(config->endpoints[k].path, config->endpoints[i].path)) {
                return mb__wrong(&t, "path", "used by endpoints[%zu] already", k + 1);
            }
        }
    }
    return 0;
}
