/* caps.c - limits by a key: how often somebody has seen a strategy, what it has spent on a zone.
 *
 * The key is a hash of the values, made twice: when the limit is asked, and when the bid is signed,
 * so that its notice finds the same counter whatever the exchange tells with it.
 */
#include "internal.h"

/* Absent: the request does not tell. */
static struct mb_slice value_of(const struct mb_bidder *b, enum mb_cap_key key,
                                const struct mb_strategy *strategy, const struct mb_imp *imp,
                                const struct mb_bid *bid)
{
    const struct mb_request *r = &b->request;

    switch (key) {
    case MB_CAP_USER:
        return r->user.id;
    case MB_CAP_IP:
        return r->device.ip;
    case MB_CAP_CREATIVE:
        return mb_slice_present(bid->creative_id)     ? bid->creative_id
               : mb_slice_present(bid->creative_code) ? bid->creative_code
                                                      : bid->data;
    case MB_CAP_STRATEGY:
        return strategy->name;
    case MB_CAP_SITE:
        return r->site.id;
    case MB_CAP_ZONE:
        return r->site.zone_id;
    case MB_CAP_DOMAIN:
        return r->site.domain;
    case MB_CAP_APP:
        return r->app.bundle;
    case MB_CAP_TAG:
        return imp->tag_id;
    case MB_CAP_COUNTRY:
        return mb_later(r->geo.later, &r->geo.country);
    case MB_CAP_FORMAT:
        return mb_slice_of(mb_format_name(imp->format));
    case MB_CAP_ENDPOINT:
        return r->endpoint->name;
    case MB_CAP_COUNT:
        break;
    }
    return MB_SLICE_NONE;
}

static bool has_cap(const struct mb_strategy *strategy)
{
    return strategy->limits.frequency.count > 0;
}

static bool has_per(const struct mb_strategy *strategy)
{
    return strategy->limits.per_total.nanos > 0;
}

/* 0: a value is missing. */
static uint64_t frequency_key(const struct mb_bidder *b, const struct mb_strategy *strategy,
                              const struct mb_imp *imp, const struct mb_bid *bid)
{
    struct mb_slice values[1 + MB_CAP_COUNT] = {strategy->name};
    size_t count = 1;
    int key;

    for (key = 0; key < MB_CAP_COUNT; key++) {
        if (strategy->limits.frequency.keys >> key & 1) {
            values[count] = value_of(b, (enum mb_cap_key)key, strategy, imp, bid);
            if (mb_slice_empty(values[count++])) {
                return 0;
            }
        }
    }
    return mb_guard_frequency_key(b->options.guard, values, count);
}

static uint64_t per_key(const struct mb_bidder *b, const struct mb_strategy *strategy,
                        const struct mb_imp *imp, const struct mb_bid *bid)
{
    struct mb_slice values[2] = {strategy->name,
                                 value_of(b, strategy->limits.per_key, strategy, imp, bid)};

    return mb_slice_empty(values[1]) ? 0 : mb_guard_per_key(values, 2);
}

/* Before the script runs all is asked that does not hang on the creative, afterwards the rest. */
static bool is_due(bool hangs_on_creative, const struct mb_bid *bid)
{
    return hangs_on_creative == (bid != NULL);
}

enum mb_nobid mb__bidder_caps(struct mb_bidder *b, const struct mb_strategy *strategy,
                              const struct mb_imp *imp, const struct mb_bid *bid)
{
    const struct mb_limits *limits = &strategy->limits;
    const char *phase = bid ? "creative" : "";
    enum mb_nobid reason = MB_NOBID_BID;
    uint64_t key;

    if (has_cap(strategy) && is_due(limits->frequency.keys >> MB_CAP_CREATIVE & 1, bid)) {
        key = frequency_key(b, strategy, imp, bid);
        if (key) {
            reason = mb__bidder_frequency(b, strategy, imp, phase, key);
        } else if (limits->frequency.missing_is_nobid) {
            reason = MB_NOBID_FREQUENCY;
        }
    }
    if (reason == MB_NOBID_BID && has_per(strategy) &&
        is_due(limits->per_key == MB_CAP_CREATIVE, bid)) {
        key = per_key(b, strategy, imp, bid);
        if (key) {
            reason = mb__bidder_per(b, strategy, imp, phase, key);
        }
    }
    return reason;
}

void mb__bidder_cap_keys(const struct mb_bidder *b, const struct mb_bid *bid,
                         uint64_t *frequency, uint64_t *per)
{
    const struct mb_strategy *strategy = bid->strategy;

    *frequency = has_cap(strategy) ? frequency_key(b, strategy, bid->imp, bid) : 0;
    *per = has_per(strategy) ? per_key(b, strategy, bid->imp, bid) : 0;
}
