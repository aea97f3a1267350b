/* view_event.c - the fields of `event`; lua-api.md section 5. */
#include "internal.h"

#include <stddef.h>

#define FIELD(kind, name, member, aux)                                                             \
    {                                                                                              \
        name, MB__FIELD_##kind, offsetof(struct mb_event, member), aux                             \
    }
#define TEXT(member) FIELD(STRING, #member, member, 0)
#define PRICE(member) FIELD(PRICE_IF, #member, member, offsetof(struct mb_event, has_##member))

static const struct mb__field event_fields[] = {
    FIELD(EVENT_TYPE, "type", type, 0),
    FIELD(I64, "time", time_ms, 0),
    TEXT(exchange_time),
    TEXT(exchange),
    TEXT(endpoint),
    TEXT(auction_id),
    TEXT(imp_id),
    TEXT(tag_id),
    TEXT(site_id),
    TEXT(zone_id),
    TEXT(country),
    TEXT(strategy),
    TEXT(version),
    TEXT(arm),
    TEXT(data),
    FIELD(MODEL, "model", model, 0),
    TEXT(currency),
    PRICE(price_bid),
    PRICE(price_paid),
    PRICE(price_sold_for),
    FIELD(AMOUNT, "cost", cost, 0),
    PRICE(min_to_win),
    FIELD(I32, "loss_code", loss_code, 0),
    TEXT(reason),
    TEXT(result),
    FIELD(BOOL, "fail", fail, 0),
    FIELD(I32_ID, "error_id", error_id, 0),
    TEXT(error),
    TEXT(error_name),
    FIELD(I32, "response_time_ms", response_time_ms, (uint16_t)-1),
    FIELD(TRISTATE, "post_pending", post_pending, 0),
    TEXT(payment_rule_id),
    TEXT(creative_id),
    TEXT(member_id),
    TEXT(user_id),
    TEXT(referrer),
    TEXT(user_agent),
    TEXT(userdata_json),
    TEXT(custom_data),
    TEXT(value),
    FIELD(BOOL, "test", test, 0),
    FIELD(RAW_TEXT, "tags", tags, 0),
    FIELD(RAW_TEXT, "responses", responses, 0),
    FIELD(RAW_TEXT, "bid_info", bid_info, 0),
    FIELD(RAW_TEXT, "full_tag_info", full_tag_info, 0),
    FIELD(RAW_TEXT, "raw", raw, 0),
};

const struct mb__class mb__script_event_class = {"event", event_fields,
                                                 sizeof(event_fields) / sizeof(event_fields[0])};
