/* internal.h - what the files of index share: the index itself, the values of an impression that
 * targets are compared with, and the hours. */
#ifndef MB_INDEX_INTERNAL_H
#define MB_INDEX_INTERNAL_H

#include "moonbid/base/zone.h"
#include "moonbid/index.h"

/* --- index.c --- */

enum {
    MB__INDEX_STRATEGIES_MAX = 16384, /* as many as have a slot in the guard */
    MB__INDEX_BLOCK = 4, /* sets are whole blocks of so many words */
    MB__INDEX_WORDS_MAX = MB__INDEX_STRATEGIES_MAX / 64 + MB__INDEX_BLOCK, /* of a set of strategies */
};

/* Some of the strategies. */
struct mb__some {
    uint32_t *numbers; /* ascending; NULL: bits */
    uint64_t *bits;
    uint32_t count, room;
    /* Of a value that most of those name who have an include of its key: those of them who do not,
     * ascending. */
    bool has_others;
    uint32_t *others;
    uint32_t n_others;
};

/* A list file, and who has it. */
struct mb__row {
    const struct mb_rows *list;
    struct mb__some owners;
};

/* Which strategies name a value. */
struct mb__table {
    struct mb_map values; /* value -> struct mb__some */
    struct mb__row *rows;
    size_t n_rows;
    const struct mb__some **by_code; /* of a key with codes, values.c, that has no rows; else NULL */
    size_t named; /* sum over all values of the strategies that name them */
    bool used;
};

struct mb__key {
    struct mb__table include, exclude;
    uint64_t *any; /* strategies without an include of this key */
    size_t n_any;
};

/* Which strategies have their hours in the minute that was asked for last. */
struct mb__clock {
    int64_t minute;
    bool asked;
    uint64_t *bits;
};

struct mb_index {
    const struct mb_strategy *const *strategies;
    size_t count, words;
    struct mb__key keys[MB_TARGET_COUNT];
    enum mb_target_key order[MB_TARGET_COUNT]; /* in which keys are asked */
    size_t n_used;
    size_t n_spread; /* values of files */
    uint64_t *enabled;
    size_t n_enabled;
    uint64_t *timed; /* strategies with hours */
    size_t n_timed;
    struct mb__clock *clock;
    struct mb_zone *zones; /* distinct ones */
    struct mb_slice *zone_names;
    size_t n_zones;
    uint32_t *zone_of;     /* strategy -> zone */
    struct mb_arena arena; /* all of the above but the tables */
};

static inline void mb__index_set_bit(uint64_t *bits, size_t i)
{
    bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline bool mb__index_has_bit(const uint64_t *bits, size_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
}

/* --- values.c --- */

/* Called with each form of a value that a set may hold; the slice lasts for the call. True stops.
 */
typedef bool mb__on_value(void *user, struct mb_slice value);

/* Gives the values of `key`, none where the request has none. Returns true where a call did. */
bool mb__index_values(enum mb_target_key key, const struct mb_request *request,
                      const struct mb_imp *imp, mb__on_value *on_value, void *user);
/* Some keys have one value, one of few that there can be: those are numbered. How many; 0: the key is none of them. */
size_t mb__index_codes(enum mb_target_key key);
/* As it is spelt in sets; `room` may hold it. */
struct mb_slice mb__index_code_text(enum mb_target_key key, size_t code, char room[2]);
/* False where the value is not to be had by its code. */
bool mb__index_code_of(enum mb_target_key key, const struct mb_request *request, const struct mb_imp *imp,
                       size_t *code);
/* Does a list file hold the value, compared as the key's values are? */
bool mb__index_has_row(const struct mb_rows *list, enum mb_target_key key, struct mb_slice value);
/* A byte of a value as it is spelt in sets. */
char mb__index_spell(enum mb_target_key key, char c);

/* --- explain.c --- */

/* Keys in the order in which they are named: from the coarse to the fine. */
extern const enum mb_target_key mb__index_ask_order[MB_TARGET_COUNT];
/* Does the impression have a value of the set? One by one: not for the bid path. */
bool mb__index_hits(const struct mb_target_set *set, enum mb_target_key key,
                    const struct mb_request *request, const struct mb_imp *imp);

/* --- hours.c --- */

bool mb__index_is_timed(const struct mb_target *target);
/* `quarter` of the week in the strategy's zone. */
bool mb__index_in_hours(const struct mb_target *target, uint32_t quarter);
void mb__index_load_zone(struct mb_slice name, struct mb_zone *zone);

#endif /* MB_INDEX_INTERNAL_H */
