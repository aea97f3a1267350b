/* groups.c - a hash table of rows. SQLite would sort all events to group them; this holds one row a
 * group, and reads events in the order in which they lie.
 */
#include "groups.h"

#include <stdlib.h>

enum { ARENA_BYTES = 256 * 1024 };

void mb__groups_init(struct mb__groups *groups, size_t n_keys)
{
    *groups = (struct mb__groups){.n_keys = n_keys};
    mb_arena_init(&groups->arena, ARENA_BYTES);
}

void mb__groups_fini(struct mb__groups *groups)
{
    mb_map_fini(&groups->map);
    mb_buf_fini(&groups->joined);
    mb_arena_fini(&groups->arena);
}

static bool same_keys(const struct mb_report_row *row, const struct mb_slice *keys, size_t n_keys)
{
    for (size_t i = 0; i < n_keys; i++) {
        if (mb_slice_present(row->keys[i]) != mb_slice_present(keys[i]) ||
            !mb_slice_eq(row->keys[i], keys[i])) {
            return false;
        }
    }
    return true;
}

/* Lengths stand before the texts, so that no two lists of keys join to the same. */
static struct mb_slice join(struct mb__groups *groups, const struct mb_slice *keys)
{
    mb_buf_clear(&groups->joined);
    for (size_t i = 0; i < groups->n_keys; i++) {
        uint64_t head = mb_slice_present(keys[i]) ? keys[i].len + 1 : 0;
        mb_xbuf_add(&groups->joined, &head, sizeof head);
        mb_xbuf_add_slice(&groups->joined, keys[i]);
    }
    mb_xbuf_add_char(&groups->joined, '.'); /* without keys there is a row too */
    return mb_buf_slice(&groups->joined);
}

static struct mb_report_row *new_row(struct mb__groups *groups, const struct mb_slice *keys)
{
    struct mb_report_row *row = mb_xarena_alloc(&groups->arena, sizeof *row);
    struct mb_slice *own = mb_xarena_alloc(&groups->arena, (groups->n_keys + 1) * sizeof *own);
    for (size_t i = 0; i < groups->n_keys; i++) {
        own[i] = mb_slice_present(keys[i]) ? mb_xarena_copy(&groups->arena, keys[i])
                                           : MB_SLICE_NONE;
    }
    *row = (struct mb_report_row){.keys = own};
    return row;
}

struct mb_report_row *mb__groups_row(struct mb__groups *groups, const struct mb_slice *keys)
{
    if (groups->last && same_keys(groups->last, keys, groups->n_keys)) {
        return groups->last;
    }
    struct mb_slice joined = join(groups, keys);
    groups->last = mb_map_get(&groups->map, joined);
    if (!groups->last) {
        groups->last = new_row(groups, keys);
        (void)mb_xmap_put(&groups->map, joined, groups->last);
    }
    return groups->last;
}

/* --- order --- */

static int compare_text(struct mb_slice a, struct mb_slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

struct ordered {
    struct mb_report_row *row;
    size_t n_keys;
};

static int compare(const void *left, const void *right)
{
    const struct mb_report_row *a = ((const struct ordered *)left)->row;
    const struct mb_report_row *b = ((const struct ordered *)right)->row;
    if (a->spend.nanos != b->spend.nanos) {
        return a->spend.nanos > b->spend.nanos ? -1 : 1;
    }
    if (a->bids != b->bids) {
        return a->bids > b->bids ? -1 : 1;
    }
    for (size_t i = 0; i < ((const struct ordered *)left)->n_keys; i++) {
        int order = compare_text(a->keys[i], b->keys[i]);
        if (order) {
            return order;
        }
    }
    return 0;
}

struct mb_report_row **mb__xgroups_sorted(const struct mb__groups *groups, size_t *count)
{
    size_t at = 0, n = 0;
    const struct mb_map_entry *entry;
    struct ordered *order = calloc(groups->map.count + 1, sizeof *order);
    struct mb_report_row **rows = calloc(groups->map.count + 1, sizeof *rows);
    if (!order || !rows) {
        abort();
    }
    while ((entry = mb_map_next(&groups->map, &at))) {
        order[n++] = (struct ordered){entry->value, groups->n_keys};
    }
    qsort(order, n, sizeof *order, compare);
    for (size_t i = 0; i < n; i++) {
        rows[i] = order[i].row;
    }
    free(order);
    *count = n;
    return rows;
}
