/* config_table.c - one table of the config being read: its keys by type, and what is wrong by path.
 *
 * Idea: a cursor holds the document node and its path as text, so that every error names the key's path and what was
 * expected. A key that is absent leaves its default alone.
 */
#include "config_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int mb__wrong(const struct mb__table *t, const char *key, const char *fmt, ...)
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

struct mb_slice mb__keep(struct mb_config *config, const char *text)
{
    return mb_xarena_copy(&config->arena, mb_slice_of(text));
}

int mb__take_text(struct mb__table *t, const char *key, const char **out)
{
    const struct mb_doc *value = mb_doc_get(t->node, key);

    if (!value) {
        return 0;
    }
    if (!mb_doc_is_string(value) || !mb_doc_text(value)[0]) {
        return mb__wrong(t, key, "expected a text that is not empty");
    }
    *out = mb__keep(t->config, mb_doc_text(value)).data;
    return 0;
}

int mb__take_slice(struct mb__table *t, const char *key, struct mb_slice *out)
{
    const char *text = NULL;
    int rc = mb__take_text(t, key, &text);

    if (!rc && text) {
        *out = mb_slice_of(text);
    }
    return rc;
}

int mb__take_u32(struct mb__table *t, const char *key, uint32_t least, uint32_t most, uint32_t *out)
{
    const struct mb_doc *value = mb_doc_get(t->node, key);
    double number;

    if (!value) {
        return 0;
    }
    number = mb_doc_number(value, -1);
    if (!mb_doc_is_number(value) || number < least || number > most ||
        number != (double)(uint32_t)number) {
        return mb__wrong(t, key, "expected a whole number from %u to %u", least, most);
    }
    *out = (uint32_t)number;
    return 0;
}

int mb__take_duration(struct mb__table *t, const char *key, uint32_t *out_ms)
{
    const struct mb_doc *value = mb_doc_get(t->node, key);
    int64_t ms;

    if (!value) {
        return 0;
    }
    if (!mb_doc_is_string(value) ||
        !mb_time_parse_duration(mb_slice_of(mb_doc_text(value)), &ms) || ms > 86400000) {
        return mb__wrong(t, key, "expected a duration of at most a day such as '10s' or '15m'");
    }
    *out_ms = (uint32_t)ms;
    return 0;
}

int mb__take_texts(struct mb__table *t, const char *key, struct mb_slices *out)
{
    const struct mb_doc *list = mb_doc_get(t->node, key);
    const struct mb_doc *item;
    struct mb_slice *items;
    size_t count = 0;

    if (!list) {
        return 0;
    }
    if (!mb_doc_is_array(list) || mb_doc_count(list) < 1 || mb_doc_count(list) > CONFIG_LIST_MAX) {
        return mb__wrong(t, key, "expected a list of 1 to %d texts", CONFIG_LIST_MAX);
    }
    items = mb_xarena_array(&t->config->arena, (size_t)mb_doc_count(list), sizeof(*items));
    for (item = mb_doc_first(list); item; item = mb_doc_next(item)) {
        if (!mb_doc_is_string(item) || !mb_doc_text(item)[0]) {
            return mb__wrong(t, key, "expected texts in the list");
        }
        items[count++] = mb__keep(t->config, mb_doc_text(item));
    }
    out->items = items;
    out->count = count;
    return 0;
}

int mb__take_networks(struct mb__table *t, const char *key, int least, struct mb_cidrs *out)
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
        return mb__wrong(t, key, "expected a list of %d to %d networks", least, CONFIG_LIST_MAX);
    }
    items = mb_xarena_array(&t->config->arena, (size_t)mb_doc_count(list) + 1, sizeof(*items));
    for (item = mb_doc_first(list); item; item = mb_doc_next(item)) {
        if (!mb_doc_is_string(item) || !mb_cidr_parse(mb_slice_of(mb_doc_text(item)), &items[count])) {
            return mb__wrong(t, key, "expected networks such as '10.0.0.0/8', '192.0.2.7' or '2001:db8::/32', no bit "
                                 "set behind the prefix; number %zu is none", count + 1);
        }
        count++;
    }
    *out = (struct mb_cidrs){items, count};
    return 0;
}

/* Lua does not tell an empty list from an empty table, so one may stand for the other. */
int mb__want_table(const struct mb__table *t)
{
    bool is_empty_list = mb_doc_is_array(t->node) && mb_doc_count(t->node) == 0;

    return mb_doc_is_object(t->node) || is_empty_list ? 0
                                                      : mb__wrong(t, "", "expected a table with named keys");
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

int mb__refuse_unknown(const struct mb__table *t)
{
    const struct mb_doc *member;
    int rc = mb__want_table(t);

    if (rc) {
        return rc;
    }
    for (member = mb_doc_first(t->node); member; member = mb_doc_next(member)) {
        char path[CONFIG_PATH_MAX + 64];

        snprintf(path, sizeof(path), "%s%s%s", t->path, t->path[0] ? "." : "", mb_doc_name(member));
        if (!is_known(path)) {
            return mb__wrong(t, mb_doc_name(member), "unknown key");
        }
    }
    return 0;
}

struct mb__table mb__inner(const struct mb__table *outer, const char *key)
{
    struct mb__table t = {.config = outer->config, .node = mb_doc_get(outer->node, key), .err = outer->err};

    snprintf(t.path, sizeof(t.path), "%.64s%s%.48s", outer->path, outer->path[0] ? "." : "", key);
    return t;
}
