/* misses.c - all that keeps a strategy from an impression, for traces: what its target wants, and
 * what the request has instead. */
#include "internal.h"

#include <stdio.h>

enum { HAS_MAX = 16, DAYS = 7, QUARTERS_A_DAY = 96, DAY_BYTES = QUARTERS_A_DAY / 8 };

static const char *const day_names[DAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/* The values of a key on their way to a list. */
struct gathered {
    struct mb_arena *arena;
    struct mb_slice *items;
    size_t count;
};

/* A value comes as sent and then as spelt in sets: the second adds nothing to read. */
static bool gather(void *user, struct mb_slice value)
{
    struct gathered *g = user;

    for (size_t i = 0; i < g->count; i++) {
        if (mb_slice_eq_nocase(g->items[i], value)) {
            return false;
        }
    }
    g->items[g->count++] = mb_xarena_copy(g->arena, value);
    return g->count == HAS_MAX;
}

static struct mb_slices values_of(enum mb_target_key key, const struct mb_request *request,
                                  const struct mb_imp *imp, struct mb_arena *arena)
{
    struct gathered g = {arena, mb_xarena_array(arena, HAS_MAX, sizeof(struct mb_slice)), 0};

    (void)mb__index_values(key, request, imp, gather, &g);
    return (struct mb_slices){g.items, g.count};
}

static bool is_open(const uint8_t *hours, int day, int quarter)
{
    int bit = day * QUARTERS_A_DAY + quarter;

    return hours[bit / 8] >> (bit % 8) & 1;
}

/* "08:00-12:00 14:00-20:00" of one day. */
static void add_spans(struct mb_buf *out, const uint8_t *hours, int day)
{
    for (int from = 0; from < QUARTERS_A_DAY; from++) {
        int to = from;

        while (to < QUARTERS_A_DAY && is_open(hours, day, to)) {
            to++;
        }
        if (to > from) {
            mb_xbuf_printf(out, " %02d:%02d-%02d:%02d", from / 4, from % 4 * 15, to / 4,
                           to % 4 * 15);
            from = to;
        }
    }
}

/* Days that are alike and follow each other stand together. */
static struct mb_slice hours_text(struct mb_arena *arena, const uint8_t *hours)
{
    static const uint8_t never[DAY_BYTES];
    struct mb_buf out = {0};
    struct mb_slice copy;

    for (int day = 0, last; day < DAYS; day = last + 1) {
        last = day;
        while (last + 1 < DAYS &&
               memcmp(hours + day * DAY_BYTES, hours + (last + 1) * DAY_BYTES, DAY_BYTES) == 0) {
            last++;
        }
        if (memcmp(hours + day * DAY_BYTES, never, DAY_BYTES) == 0) {
            continue;
        }
        mb_xbuf_printf(&out, "%s%s", out.len ? ", " : "", day_names[day]);
        if (last > day) {
            mb_xbuf_printf(&out, "-%s", day_names[last]);
        }
        add_spans(&out, hours, day);
    }
    copy = mb_xarena_copy(arena, mb_buf_slice(&out));
    mb_buf_fini(&out);
    return copy;
}

static struct mb_slices moment_text(struct mb_arena *arena, uint32_t quarter)
{
    struct mb_slice *text = mb_xarena_array(arena, 1, sizeof(*text));
    unsigned in_day = quarter % QUARTERS_A_DAY;

    *text = mb_xarena_printf(arena, "%s %02u:%02u", day_names[quarter / QUARTERS_A_DAY % DAYS],
                             in_day / 4, in_day % 4 * 15);
    return (struct mb_slices){text, 1};
}

/* Adds what of the hours does not hold; gives how many. */
static size_t miss_hours(const struct mb_strategy *strategy, int64_t now_ms, struct mb_arena *arena,
                         struct mb_index_miss *out)
{
    const struct mb_target *target = &strategy->target;
    struct mb_zone zone;
    uint32_t quarter;
    size_t n = 0;

    if (!mb__index_is_timed(target)) {
        return 0;
    }
    mb__index_load_zone(strategy->limits.timezone, &zone);
    quarter = mb_zone_week_quarter(&zone, now_ms);
    if (target->has_hours && !(target->hours[quarter / 8] >> (quarter % 8) & 1)) {
        out[n++] = (struct mb_index_miss){.key = "hours",
                                          .hours = hours_text(arena, target->hours),
                                          .has = moment_text(arena, quarter)};
    }
    if (target->has_exclude_hours && target->exclude_hours[quarter / 8] >> (quarter % 8) & 1) {
        out[n++] = (struct mb_index_miss){.key = "hours",
                                          .excluded = true,
                                          .hours = hours_text(arena, target->exclude_hours),
                                          .has = moment_text(arena, quarter)};
    }
    return n;
}

size_t mb_index_misses(const struct mb_strategy *strategy, const struct mb_request *request,
                       const struct mb_imp *imp, int64_t now_ms, struct mb_arena *arena,
                       struct mb_index_miss out[MB_INDEX_MISSES_MAX])
{
    const struct mb_target *target = &strategy->target;
    size_t n = 0;

    for (size_t i = 0; i < MB_TARGET_COUNT; i++) {
        enum mb_target_key key = mb__index_ask_order[i];
        const struct mb_target_set *sets[] = {target->include[key], target->exclude[key]};

        for (int excluded = 0; excluded < 2; excluded++) {
            if (sets[excluded] &&
                mb__index_hits(sets[excluded], key, request, imp) == (bool)excluded) {
                out[n++] = (struct mb_index_miss){.key = mb_target_name(key),
                                                  .excluded = excluded,
                                                  .set = sets[excluded],
                                                  .has = values_of(key, request, imp, arena)};
            }
        }
    }
    return n + miss_hours(strategy, now_ms, arena, &out[n]);
}
