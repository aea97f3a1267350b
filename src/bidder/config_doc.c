/* config_doc.c - a config as a document again, and what a running server takes of another one.
 *
 * Two configs are compared as documents in which every key stands with its value, defaults too, and tables in order
 * of their keys: what differs there is what changes, however the files were written. What a server takes is put
 * together as a document as well and then read like any other, so that it is held to the same rules.
 */
#include "moonbid/config.h"

#include <stdio.h>
#include <stdlib.h>

#include "moonbid/json_doc.h"

enum { KEY_PATH_MAX = 128 };

/* --- writing --- */

static void set_text(struct mb_doc *node, const char *key, const char *text)
{
    if (text) {
        mb_doc_set(node, key, mb_doc_str(mb_slice_of(text)));
    }
}

static void set_slice(struct mb_doc *node, const char *key, struct mb_slice text)
{
    if (mb_slice_present(text)) {
        mb_doc_set(node, key, mb_doc_str(text));
    }
}

static void set_number(struct mb_doc *node, const char *key, uint32_t value)
{
    mb_doc_set(node, key, mb_doc_num(value));
}

/* 0, the default of some, cannot be written. */
static void set_duration(struct mb_doc *node, const char *key, uint32_t ms)
{
    char text[24];

    snprintf(text, sizeof(text), "%ums", ms);
    set_text(node, key, ms > 0 ? text : NULL);
}

static void set_texts(struct mb_doc *node, const char *key, struct mb_slices texts)
{
    struct mb_doc *list = mb_doc_array();
    size_t i;

    for (i = 0; i < texts.count; i++) {
        mb_doc_add(list, mb_doc_str(texts.items[i]));
    }
    mb_doc_set(node, key, list);
}

static void set_networks(struct mb_doc *node, const char *key, struct mb_cidrs networks)
{
    struct mb_doc *list = mb_doc_array();
    size_t i;

    for (i = 0; i < networks.count; i++) {
        char ip[MB_IP_TEXT_MAX], text[MB_IP_TEXT_MAX + 4];
        bool is_v4 = strchr(mb_ip_text(&networks.items[i].network, ip).data, ':') == NULL;

        snprintf(text, sizeof(text), "%s/%d", ip, networks.items[i].bits - (is_v4 ? 96 : 0));
        mb_doc_add(list, mb_doc_str(mb_slice_of(text)));
    }
    mb_doc_set(node, key, list);
}

static int by_name(const void *a, const void *b)
{
    const struct mb_pair *left = a, *right = b;

    return strcmp(left->name.data, right->name.data);
}

static void set_tokens(struct mb_doc *node, struct mb_pairs tokens)
{
    struct mb_doc *table = mb_doc_object();
    struct mb_pair *sorted = calloc(tokens.count + 1, sizeof(*sorted));
    size_t i;

    if (!sorted) {
        abort();
    }
    for (i = 0; i < tokens.count; i++) {
        sorted[i] = tokens.items[i];
    }
    qsort(sorted, tokens.count, sizeof(*sorted), by_name);
    for (i = 0; i < tokens.count; i++) {
        set_slice(table, sorted[i].name.data, sorted[i].value);
    }
    free(sorted);
    mb_doc_set(node, "tokens", table);
}

static int by_currency(const void *a, const void *b)
{
    const struct mb_rate_of *left = a, *right = b;

    return memcmp(left->currency.data, right->currency.data, 3);
}

/* But that of the house currency, which is always 1. */
static void set_rates(struct mb_doc *node, struct mb_rates rates)
{
    struct mb_doc *table = mb_doc_object();
    size_t i, count = rates.count - 1;
    struct mb_rate_of *sorted = calloc(rates.count, sizeof(*sorted));

    if (!sorted) {
        abort();
    }
    memcpy(sorted, rates.items + 1, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), by_currency);
    for (i = 0; i < count; i++) {
        mb_doc_set(table, sorted[i].currency.data, mb_doc_num((double)sorted[i].rate.millionths / 1e6));
    }
    free(sorted);
    mb_doc_set(node, "rates", table);
}

static void set_hold(struct mb_doc *node, const struct mb_endpoint *endpoint)
{
    struct mb_doc *hold = mb_doc_object();

    set_duration(hold, "cpm", (uint32_t)endpoint->hold_cpm_ms);
    set_duration(hold, "cpc", (uint32_t)endpoint->hold_cpc_ms);
    mb_doc_set(node, "hold", hold);
}

static bool is_habit_of(enum mb_exchange exchange, enum mb_exchange protocol)
{
    return protocol == MB_EXCHANGE_NONE || protocol == exchange;
}

static struct mb_doc *endpoint_doc(const struct mb_endpoint *endpoint)
{
    static const char *const dialects[] = {[MB_DIALECT_GENERIC] = "generic",
                                           [MB_DIALECT_EXOCLICK] = "exoclick",
                                           [MB_DIALECT_XANDR] = "xandr"};
    bool is_openrtb = endpoint->exchange == MB_EXCHANGE_OPENRTB;
    struct mb_doc *node = mb_doc_object();

    set_slice(node, "name", endpoint->name);
    set_slice(node, "path", endpoint->path);
    set_text(node, "exchange", mb_exchange_name(endpoint->exchange));
    set_text(node, "dialect", is_openrtb ? dialects[endpoint->dialect] : NULL);
    if (is_openrtb && endpoint->dialect == MB_DIALECT_GENERIC) {
        set_text(node, "books_on", endpoint->books_on_win ? "win" : "billing");
    }
#define XX(key, protocol, usual, other, member)                            \
    if (is_habit_of(endpoint->exchange, MB_EXCHANGE_##protocol)) {        \
        set_text(node, key, endpoint->member ? other : usual);            \
    }
    MB_CONFIG_HABIT_MAP(XX)
#undef XX
    set_slice(node, "currency", endpoint->currency);
    set_slice(node, "member", endpoint->member);
    set_tokens(node, endpoint->tokens);
    set_number(node, "timeout_ms", endpoint->timeout_ms);
    set_number(node, "margin_ms", endpoint->margin_ms);
    if (endpoint->hold_cpm_ms > 0) { /* those that stand in no file have the guard's own */
        set_hold(node, endpoint);
    }
    if (endpoint->allow.count > 0) {
        set_networks(node, "allow", endpoint->allow);
    }
    return node;
}

static void set_limits(struct mb_doc *root, const struct mb_config *c)
{
    struct mb_doc *limits = mb_doc_object(), *script = mb_doc_object();

    set_number(limits, "header_bytes", c->header_bytes);
    set_number(limits, "body_bytes", c->body_bytes);
    set_number(limits, "connections", c->connections);
    set_duration(limits, "idle", c->idle_ms);
    set_duration(limits, "header", c->header_ms);
    set_duration(limits, "body", c->body_ms);
    set_duration(limits, "write", c->write_ms);
    set_duration(limits, "grace", c->grace_ms);
    set_duration(limits, "money_guard", c->money_guard_ms);
    set_number(limits, "backlog_ms", c->backlog_ms);
    mb_doc_set(root, "limits", limits);
    set_number(script, "cpu_ms", c->script_cpu_ms);
    set_number(script, "memory_mb", c->script_memory_mb);
    set_number(script, "hard_ms", c->script_hard_ms);
    mb_doc_set(root, "script", script);
}

static void set_fetch(struct mb_doc *root, const struct mb_config *c)
{
    struct mb_doc *fetch = mb_doc_object();

    set_networks(fetch, "allow", c->fetch_allow);
    set_duration(fetch, "timeout", c->fetch_timeout_ms);
    set_duration(fetch, "retry", c->fetch_retry_ms);
    mb_doc_set(root, "fetch", fetch);
}

static void set_recorder(struct mb_doc *root, const struct mb_recorder_settings *recorder)
{
    struct mb_doc *node = mb_doc_object();

    mb_doc_set(node, "rate", mb_doc_num(recorder->rate));
    mb_doc_set(node, "max_mb", mb_doc_num((double)(recorder->max_bytes >> 20)));
    set_text(node, "ip", mb_recorder_mask_name(recorder->ip));
    set_text(node, "ids", mb_recorder_mask_name(recorder->ids));
    mb_doc_set(root, "recorder", node);
}

static void set_shadow(struct mb_doc *root, const struct mb_config *c)
{
    struct mb_doc *node = mb_doc_object();

    mb_doc_set(node, "rate", mb_doc_num(c->shadow_rate));
    mb_doc_set(node, "cpu_share", mb_doc_num(c->shadow_cpu_share));
    set_text(node, "scripts", c->shadow_scripts);
    mb_doc_set(root, "shadow", node);
}

struct mb_doc *mb_xconfig_to_doc(const struct mb_config *c)
{
    struct mb_doc *root = mb_doc_object(), *endpoints = mb_doc_array();
    size_t i;

    set_texts(root, "listen", c->listen);
    set_text(root, "admin", c->admin);
    set_text(root, "admin_token", c->admin_token);
    mb_doc_set(root, "workers",
               c->workers > 0 ? mb_doc_num(c->workers) : mb_doc_str(MB_SLICE("auto")));
    set_text(root, "user", c->user);
    set_text(root, "scripts", c->scripts);
    set_text(root, "data", c->data);
    set_text(root, "timezone", c->timezone);
    set_slice(root, "currency", c->currency);
    set_rates(root, c->rates);
    set_slice(root, "notice_url", c->notice_url);
    set_slice(root, "click_url", c->click_url);
    set_slice(root, "pixel_url", c->pixel_url);
    set_texts(root, "notice_keys", c->notice_keys);
    set_text(root, "geoip", c->geoip);
    set_duration(root, "silence", c->silence_ms);
    set_networks(root, "trusted_proxies", c->trusted_proxies);
    set_text(root, "log_level", mb_log_level_name(c->log_level));
    for (i = 0; i < c->n_endpoints; i++) {
        mb_doc_add(endpoints, endpoint_doc(&c->endpoints[i]));
    }
    mb_doc_set(root, "endpoints", endpoints);
    set_limits(root, c);
    set_fetch(root, c);
    set_recorder(root, &c->recorder);
    set_shadow(root, c);
    return root;
}

/* --- comparing --- */

enum change { LIVE, RESTART };

static const struct {
    const char *path;
    enum change change;
} keys[] = {
#define XX(path, change) {path, change},
    MB_CONFIG_KEY_MAP(XX)
#undef XX
};

enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static struct mb_doc *copy_of(const struct mb_doc *node)
{
    struct mb_buf text = {0};
    struct mb_doc *copy = NULL;

    mb_xdoc_write(node, false, &text);
    if (mb_doc_parse(mb_buf_slice(&text), &copy, NULL)) {
        abort(); /* it has just been written */
    }
    mb_buf_fini(&text);
    return copy;
}

static bool same(const struct mb_doc *a, const struct mb_doc *b)
{
    struct mb_buf left = {0}, right = {0};
    bool equal;

    if (!a || !b) {
        return a == b;
    }
    mb_xdoc_write(a, false, &left);
    mb_xdoc_write(b, false, &right);
    equal = mb_slice_eq(mb_buf_slice(&left), mb_buf_slice(&right));
    mb_buf_fini(&left);
    mb_buf_fini(&right);
    return equal;
}

struct merging {
    struct mb_doc *live, *restart;
};

static void note(struct mb_doc *list, const char *table, const char *name, const char *key)
{
    char path[KEY_PATH_MAX];

    snprintf(path, sizeof(path), "%s%s%s%s%s", table, table[0] ? "." : "", name,
             name[0] && key[0] ? "." : "", key);
    mb_doc_add(list, mb_doc_str(mb_slice_of(path)));
}

/* One key of a table: `merged`, a copy of the running one, gets the fresh value where that is taken. */
static void merge_key(const struct merging *m, struct mb_doc *merged, const struct mb_doc *fresh,
                      const char *table, const char *name, const char *key, enum change change)
{
    const struct mb_doc *value = mb_doc_get(fresh, key);

    if (same(mb_doc_get(merged, key), value)) {
        return;
    }
    note(change == LIVE ? m->live : m->restart, table, name, key);
    if (change == LIVE && value) {
        mb_doc_set(merged, key, copy_of(value));
    } else if (change == LIVE) {
        mb_doc_remove(merged, key);
    }
}

static struct mb_doc *find_endpoint(const struct mb_doc *list, const char *name)
{
    struct mb_doc *item;

    for (item = mb_doc_first(list); item; item = mb_doc_next(item)) {
        if (strcmp(mb_doc_text(mb_doc_get(item, "name")), name) == 0) {
            return item;
        }
    }
    return NULL;
}

static void merge_endpoints(const struct merging *m, struct mb_doc *merged, const struct mb_doc *fresh)
{
    struct mb_doc *item;
    size_t i;

    for (item = mb_doc_first(fresh); item; item = mb_doc_next(item)) {
        const char *name = mb_doc_text(mb_doc_get(item, "name"));

        if (!find_endpoint(merged, name)) {
            note(m->restart, "endpoints", name, "");
        }
    }
    for (item = mb_doc_first(merged); item; item = mb_doc_next(item)) {
        const char *name = mb_doc_text(mb_doc_get(item, "name"));
        const struct mb_doc *other = find_endpoint(fresh, name);

        if (!other) {
            note(m->restart, "endpoints", name, "");
        }
        for (i = 0; other && i < KEYS; i++) {
            if (strncmp(keys[i].path, "endpoints[].", 12) == 0) {
                merge_key(m, item, other, "endpoints", name, keys[i].path + 12, keys[i].change);
            }
        }
    }
}

static void merge_all(const struct merging *m, struct mb_doc *merged, const struct mb_doc *fresh)
{
    size_t i;

    for (i = 0; i < KEYS; i++) {
        const char *dot = strchr(keys[i].path, '.');
        char table[KEY_PATH_MAX];

        if (!dot) {
            merge_key(m, merged, fresh, "", "", keys[i].path, keys[i].change);
        } else if (!strchr(keys[i].path, '[')) {
            snprintf(table, sizeof(table), "%.*s", (int)(dot - keys[i].path), keys[i].path);
            merge_key(m, mb_doc_get(merged, table), mb_doc_get(fresh, table), table, "", dot + 1,
                      keys[i].change);
        }
    }
    merge_endpoints(m, mb_doc_get(merged, "endpoints"), mb_doc_get(fresh, "endpoints"));
}

int mb_config_merge(const struct mb_config *running, const struct mb_config *fresh, struct mb_doc *live,
                    struct mb_doc *restart, struct mb_config **out, struct mb_error *err)
{
    struct merging m = {live, restart};
    struct mb_doc *merged = mb_xconfig_to_doc(running), *other = mb_xconfig_to_doc(fresh);
    int rc;

    merge_all(&m, merged, other);
    rc = mb_config_from_doc(merged, out, err);
    mb_doc_free(merged);
    mb_doc_free(other);
    return rc;
}
