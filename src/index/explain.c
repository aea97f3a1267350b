/* explain.c - why a strategy cannot want an impression, for traces: its target read key by key. */
#include "internal.h"

/* The order in which keys are named: from the coarse to the fine. */
const enum mb_target_key mb__index_ask_order[] = { /* its size is declared: each is asked once */
    MB_TARGET_EXCHANGE, MB_TARGET_FORMAT,  MB_TARGET_ENDPOINT, MB_TARGET_COUNTRY,
    MB_TARGET_ZONE,     MB_TARGET_SITE,    MB_TARGET_SIZE,     MB_TARGET_TAG,
    MB_TARGET_DEAL,     MB_TARGET_DEVICE,  MB_TARGET_OS,       MB_TARGET_BROWSER,
    MB_TARGET_LANGUAGE, MB_TARGET_REGION,  MB_TARGET_CITY,     MB_TARGET_DOMAIN,
    MB_TARGET_APP,      MB_TARGET_SEGMENT, MB_TARGET_KEYWORD,  MB_TARGET_CATEGORY,
};

/* A set, and which key's it is. */
struct asked {
    const struct mb_target_set *set;
    enum mb_target_key key;
};

static bool is_in(void *user, struct mb_slice value)
{
    const struct asked *asked = user;

    for (size_t i = 0; i < asked->set->values.count; i++) {
        if (mb_slice_eq(asked->set->values.items[i], value)) {
            return true;
        }
    }
    return asked->set->list && mb__index_has_row(asked->set->list, asked->key, value);
}

bool mb__index_hits(const struct mb_target_set *set, enum mb_target_key key,
                    const struct mb_request *request, const struct mb_imp *imp)
{
    struct asked asked = {set, key};

    return mb__index_values(key, request, imp, is_in, &asked);
}

const char *mb_index_explain(const struct mb_strategy *strategy, const struct mb_request *request,
                             const struct mb_imp *imp, int64_t now_ms)
{
    const struct mb_target *target = &strategy->target;
    struct mb_zone zone;

    for (size_t i = 0; i < MB_TARGET_COUNT; i++) {
        enum mb_target_key k = mb__index_ask_order[i];

        if ((target->include[k] && !mb__index_hits(target->include[k], k, request, imp)) ||
            (target->exclude[k] && mb__index_hits(target->exclude[k], k, request, imp))) {
            return mb_target_name(k);
        }
    }
    if (mb__index_is_timed(target)) {
        mb__index_load_zone(strategy->limits.timezone, &zone);
        if (!mb__index_in_hours(target, mb_zone_week_quarter(&zone, now_ms))) {
            return "hours";
        }
    }
    return NULL;
}
