/* event.c - an event that outlives the request it came with.
 *
 * The copy is one block: the struct, then the bytes of all its slices one behind the other. Which fields are slices
 * stands in one table of offsets; a test fills every byte of the struct's slices to see that none was left out.
 */
#include <stdlib.h>

#include "moonbid/auction.h"

#define AT(field) offsetof(struct mb_event, field)

static const size_t slice_offsets[] = {
    AT(exchange_time), AT(exchange), AT(endpoint), AT(auction_id), AT(imp_id), AT(tag_id), AT(site_id),
    AT(zone_id), AT(country), AT(bid_id), AT(strategy), AT(version), AT(arm), AT(data), AT(currency),
    AT(reason), AT(result), AT(error), AT(error_name), AT(payment_rule_id), AT(creative_id), AT(member_id),
    AT(user_id), AT(referrer), AT(user_agent), AT(userdata_json), AT(custom_data), AT(value), AT(value_currency),
    AT(tags), AT(responses), AT(bid_info), AT(full_tag_info), AT(raw), AT(key), AT(format), AT(fetch_url),
};

enum { SLICES = sizeof(slice_offsets) / sizeof(slice_offsets[0]) };

static struct mb_slice *slice_at(struct mb_event *event, size_t i)
{
    return (struct mb_slice *)(void *)((char *)event + slice_offsets[i]);
}

static int64_t within_48_bits(int64_t ms)
{
    static const int64_t most = (INT64_C(1) << 48) - 1;
    return ms < 0 || ms > most ? 0 : ms;
}

int64_t mb_event_told_ms(const struct mb_event *event)
{
    enum { HOUR_MS = 3600 * 1000 };
    int64_t ms = 0;
    if (!mb_time_parse_utc(event->exchange_time, &ms)) {
        ms = event->time_ms - event->time_ms % HOUR_MS;
    }
    return within_48_bits(ms);
}

int64_t mb_event_key_ms(const struct mb_event *event)
{
    return event->attributed ? within_48_bits(event->bid_time_ms) : mb_event_told_ms(event);
}

struct mb_event *mb_xevent_clone(const struct mb_event *event)
{
    struct mb_event plan = *event;
    size_t bytes = sizeof *event;
    for (size_t i = 0; i < SLICES; i++) {
        bytes += slice_at(&plan, i)->len;
    }
    struct mb_event *copy = malloc(bytes);
    if (!copy) {
        abort();
    }
    *copy = plan;
    char *next = (char *)(copy + 1);
    for (size_t i = 0; i < SLICES; i++) {
        struct mb_slice *slice = slice_at(copy, i);
        if (!mb_slice_present(*slice)) {
            continue;
        }
        if (slice->len > 0) {
            memcpy(next, slice->data, slice->len);
        }
        slice->data = next;
        next += slice->len;
    }
    return copy;
}
