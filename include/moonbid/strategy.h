/* strategy.h - what a strategy file declares, as plain data: target, limits, handlers.
 *
 * Part of: auction.  Depends on: base, auction.h.
 * Lifetime: belongs to the script generation that loaded it; dies with it.
 */
#ifndef MB_STRATEGY_H
#define MB_STRATEGY_H

#include "moonbid/auction.h"

/* The keys of `target`; lua-api.md section 1. Values are compared as text, ids byte for byte, all else without case.
 * HOURS is not among them: see mb_target.hours. */
#define MB_TARGET_MAP(XX)                                                                              \
    XX(EXCHANGE, "exchange") XX(ENDPOINT, "endpoint") XX(FORMAT, "format") XX(COUNTRY, "country")      \
    XX(REGION, "region") XX(CITY, "city") XX(SIZE, "size") XX(DEVICE, "device") XX(OS, "os")           \
    XX(BROWSER, "browser") XX(LANGUAGE, "language") XX(ZONE, "zone") XX(SITE, "site")                  \
    XX(DOMAIN, "domain") XX(APP, "app") XX(TAG, "tag") XX(DEAL, "deal") XX(SEGMENT, "segment")         \
    XX(KEYWORD, "keyword") XX(CATEGORY, "category")

enum mb_target_key {
#define XX(name, text) MB_TARGET_##name,
    MB_TARGET_MAP(XX)
#undef XX
    MB_TARGET_COUNT
};

const char *mb_target_name(enum mb_target_key key);

/* All values that DEVICE, OS or BROWSER can have in a request, up to a NULL; NULL for other keys. */
const char *const *mb_device_names(enum mb_target_key key);

/* Is it an id, compared byte for byte? */
bool mb_target_is_id(enum mb_target_key key);

/* The values of a key: those written in the strategy, or the keys of a file, which lie in memory that all workers share and
 * are not copied. The former are lower case, countries upper case, ids as they are. */
struct mb_target_set {
    struct mb_slices values;
    const struct mb_rows *list; /* NULL: `values`. The same for all strategies that use the file */
};

/* NULL: the key is not given. */
struct mb_target {
    const struct mb_target_set *include[MB_TARGET_COUNT];
    const struct mb_target_set *exclude[MB_TARGET_COUNT];
    /* One bit a quarter of an hour of the week in the strategy's timezone, Monday 00:00 first; has_hours false: always. */
    bool has_hours;
    uint8_t hours[7 * 24 * 4 / 8];
    bool has_exclude_hours;
    uint8_t exclude_hours[7 * 24 * 4 / 8];
};

/* What limits.frequency and limits.per tell impressions apart by. */
#define MB_CAP_KEY_MAP(XX)                                                                             \
    XX(USER, "user") XX(IP, "ip") XX(CREATIVE, "creative") XX(STRATEGY, "strategy") XX(SITE, "site")   \
    XX(ZONE, "zone") XX(DOMAIN, "domain") XX(APP, "app") XX(TAG, "tag") XX(COUNTRY, "country")         \
    XX(FORMAT, "format") XX(ENDPOINT, "endpoint")

enum mb_cap_key {
#define XX(name, text) MB_CAP_##name,
    MB_CAP_KEY_MAP(XX)
#undef XX
    MB_CAP_COUNT
};

const char *mb_cap_key_name(enum mb_cap_key key);
enum mb_cap_key mb_cap_key_of(struct mb_slice name); /* MB_CAP_COUNT: none of them */

enum mb_pacing { MB_PACING_ASAP, MB_PACING_EVEN };
enum mb_reserve { MB_RESERVE_EXPECTED, MB_RESERVE_FULL };

/* Amounts in house currency; 0 means "no such limit" throughout. */
struct mb_limits {
    struct mb_price max_cpm, max_cpc;
    struct mb_amount daily, hourly, total;
    struct mb_slice budget; /* pool of budgets.lua, or absent */
    int64_t max_impressions, max_clicks;
    enum mb_cap_key per_key;    /* with per_total */
    struct mb_amount per_total;
    int64_t starts_ms, ends_ms; /* 0: open */
    struct mb_slice timezone;   /* absent: the config's */
    enum mb_pacing pacing;
    enum mb_reserve reserve;
    struct {
        uint32_t count; /* 0: none */
        int64_t per_ms;
        uint32_t keys; /* a bit for each enum mb_cap_key; joined */
        bool missing_is_nobid;
    } frequency;
    uint32_t qps;
    double expect_rate; /* 0: the default prior */
};

enum { /* bits of mb_strategy.handlers: an on_<event> is there; ON_NOTIFY hears all */
    MB_STRATEGY_ON_NOTIFY = 1u << MB_EVENT_COUNT
};
#define MB_STRATEGY_ON(event_type) (1u << (event_type))

/* A budget that several strategies share; budgets.lua. Of the limits it has total, daily, hourly,
 * timezone, reserve and pacing. */
struct mb_pool {
    struct mb_slice name; /* [a-z0-9_-]{1,63} */
    struct mb_limits limits;
    uint32_t guard_slot;
};

/* In front of the names of candidates, the shadows out of a folder of their own: they may be called like those that bid. */
#define MB_CANDIDATE "shadow:"

struct mb_strategy {
    struct mb_slice name; /* unique, [a-z0-9_-]{1,64}; of a candidate with MB_CANDIDATE in it */
    struct mb_slice file; /* relative to the scripts folder, or beside it */
    int line;             /* where known, else 0 */
    bool enabled; /* bids: false for a shadow */
    bool shadow;  /* is asked behind the answer, and bids nothing */
    enum mb_model model;
    struct mb_target target;
    struct mb_limits limits;
    const struct mb_pool *pool; /* of limits.budget; NULL: none */
    bool track_clicks;
    bool track_impressions;
    int32_t priority;
    struct mb_slices tokens; /* names of the strategy's own dynamic tokens */
    uint32_t handlers;
    uint32_t index;      /* place in the generation, 0.. */
    uint32_t guard_slot; /* of guard.h; the same over reloads for the same name */
};

#endif /* MB_STRATEGY_H */
