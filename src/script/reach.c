/* reach.c - can what a target asks for ever come?
 *
 * A strategy that waits for a tag on ExoClick bids on nothing, and nobody says why. So a target
 * that none of the endpoints it can hear will ever meet is an error. What only some of them send is
 * the trader's business.
 */
#include "internal.h"

#include <stdio.h>

static bool names(const struct mb_target_set *set, struct mb_slice value)
{
    for (size_t i = 0; set && i < set->values.count; i++)
        if (mb_slice_eq(set->values.items[i], value))
            return true;
    return false;
}

/* Requests of that endpoint pass `exchange` and `endpoint` of the target. */
static bool hears(const struct mb_target *target, const struct mb_endpoint *endpoint)
{
    const struct mb_target_set *const *in = target->include, *const *out = target->exclude;
    struct mb_slice exchange = mb_slice_of(mb_exchange_name(endpoint->exchange));
    return (!in[MB_TARGET_ENDPOINT] || names(in[MB_TARGET_ENDPOINT], endpoint->name)) &&
           (!in[MB_TARGET_EXCHANGE] || names(in[MB_TARGET_EXCHANGE], exchange)) &&
           !names(out[MB_TARGET_ENDPOINT], endpoint->name) &&
           !names(out[MB_TARGET_EXCHANGE], exchange);
}

/* Can a request of that endpoint have a value of the key? Fields as the codecs fill them; Xandr's
 * endpoints take its OpenRTB too. */
static bool sends(const struct mb_endpoint *endpoint, enum mb_target_key key, bool has_geo)
{
    if (endpoint->exchange == MB_EXCHANGE_XANDR)
        return key != MB_TARGET_ZONE;
    if (endpoint->exchange != MB_EXCHANGE_EXOCLICK)
        return true;
    switch (key) {
    case MB_TARGET_COUNTRY:
    case MB_TARGET_REGION:
    case MB_TARGET_CITY:
        return has_geo;
    case MB_TARGET_APP:
    case MB_TARGET_TAG:
    case MB_TARGET_DEAL:
    case MB_TARGET_SEGMENT:
    case MB_TARGET_CATEGORY:
        return false;
    default:
        return true;
    }
}

static bool sends_format(const struct mb_endpoint *endpoint, enum mb_format format)
{
    bool is_exoclick = endpoint->exchange == MB_EXCHANGE_EXOCLICK;
    switch (format) {
    case MB_FORMAT_BANNER:
        return true;
    case MB_FORMAT_PUSH:
    case MB_FORMAT_IN_PAGE_PUSH:
    case MB_FORMAT_DIRECT_LINK:
        return is_exoclick;
    case MB_FORMAT_POPUNDER:
        return is_exoclick || endpoint->dialect == MB_DIALECT_EXOCLICK;
    case MB_FORMAT_EMAIL_CLICK:
        return endpoint->exchange != MB_EXCHANGE_XANDR;
    default: /* native, video, audio */
        return !is_exoclick;
    }
}

static bool sends_a_format(const struct mb_endpoint *endpoint, const struct mb_target_set *formats)
{
    for (size_t i = 0; i < formats->values.count; i++)
        if (sends_format(endpoint, mb_format_of(formats->values.items[i])))
            return true;
    return false;
}

/* What the endpoints that the target hears can be met with, key by key. */
struct reach {
    size_t heard;
    bool exchanges[MB_EXCHANGE_COUNT];
    bool keys[MB_TARGET_COUNT];
    bool format;
};

static void add_endpoint(const struct mb__check *check, const struct mb_target *target,
                         const struct mb_endpoint *endpoint, struct reach *reach)
{
    const struct mb_target_set *formats = target->include[MB_TARGET_FORMAT];
    if (!hears(target, endpoint))
        return;
    reach->heard++;
    reach->exchanges[endpoint->exchange] = true;
    reach->format |= !formats || sends_a_format(endpoint, formats);
    for (int key = 0; key < MB_TARGET_COUNT; key++)
        reach->keys[key] |=
            sends(endpoint, (enum mb_target_key)key, check->script->options.has_geo);
}

/* "ExoClick and Xandr" */
static const char *who(const struct reach *reach)
{
    bool exoclick = reach->exchanges[MB_EXCHANGE_EXOCLICK];
    bool xandr = reach->exchanges[MB_EXCHANGE_XANDR];
    return exoclick && xandr ? "ExoClick and Xandr"
           : exoclick        ? "ExoClick"
           : xandr           ? "Xandr"
                             : "OpenRTB";
}

static const char *instead_of(const struct reach *reach, enum mb_target_key key)
{
    if (key == MB_TARGET_TAG)
        return "; it has zones";
    if (key == MB_TARGET_ZONE)
        return "; it has tags";
    return key == MB_TARGET_CATEGORY && !reach->exchanges[MB_EXCHANGE_XANDR] ? "; it has keywords"
                                                                             : "";
}

static void tell(struct mb__check *check, const struct reach *reach, enum mb_target_key key)
{
    char path[64];
    snprintf(path, sizeof(path), "target.%s", mb_target_name(key));
    if (key == MB_TARGET_COUNTRY || key == MB_TARGET_REGION || key == MB_TARGET_CITY)
        mb__script_bad(check, path, "can never be met: %s sends no %s and there is no geo database",
                       who(reach), mb_target_name(key));
    else
        mb__script_bad(check, path, "can never be met: %s sends no %s%s", who(reach),
                       mb_target_name(key), instead_of(reach, key));
}

void mb__script_check_reach(struct mb__check *check, const struct mb_target *target)
{
    const struct mb_script_options *options = &check->script->options;
    struct mb_endpoint named = {.exchange = MB_EXCHANGE_NONE};
    struct reach reach = {0};
    for (size_t i = 0; i < options->n_endpoints; i++)
        add_endpoint(check, target, &options->endpoints[i], &reach);
    /* Without a config, one endpoint of each exchange. */
    for (int e = 1; e < MB_EXCHANGE_COUNT && options->n_endpoints == 0; e++) {
        named.exchange = (enum mb_exchange)e;
        named.dialect = MB_DIALECT_EXOCLICK;
        if (!target->include[MB_TARGET_ENDPOINT])
            add_endpoint(check, target, &named, &reach);
    }
    if (reach.heard == 0 && options->n_endpoints > 0)
        mb__script_warn(check, "target", "no configured endpoint is of that exchange or name");
    if (reach.heard == 0)
        return;
    for (int key = 0; key < MB_TARGET_COUNT; key++)
        if (target->include[key] && !reach.keys[key])
            tell(check, &reach, (enum mb_target_key)key);
    if (!reach.format)
        mb__script_bad(check, "target.format", "can never be met: %s sends none of these formats",
                       who(&reach));
}
