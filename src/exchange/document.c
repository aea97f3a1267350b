/* document.c - the body as a JSON document, and the readings that both protocols need. */
#include "internal.h"

int mb__exchange_parse(const struct mb_wire_in *in, struct mb_json **out, struct mb_error *err)
{
    struct mb_json *doc = mb_xarena_alloc_raw(in->arena, sizeof *doc);
    int rc = mb_json_parse(doc, in->arena, in->body, err);
    if (rc == MB_ENOMEM) {
        /* Sound JSON, but deeper or longer than any request of the protocol. */
        rc = MB_EPROTOCOL;
        if (err) {
            err->code = rc;
        }
    }
    *out = doc;
    return rc;
}

void mb__exchange_count_slips(const struct mb_wire_in *in, const struct mb_json *doc)
{
    for (size_t i = 0; in->slips && i < MB_JSON_SLIP_COUNT; i++) {
        in->slips[i] += doc->slips[i];
    }
}

struct mb_slices mb__exchange_ids(const struct mb_wire_in *in, struct mb_json_value list)
{
    uint32_t room = mb_json_list_count(list);
    if (room == 0) {
        return (struct mb_slices){NULL, 0};
    }
    struct mb_slice *items = mb_xarena_alloc_raw(in->arena, room * sizeof *items);
    return (struct mb_slices){items, mb_json_list_ids(list, items)};
}

struct mb_slice mb__exchange_embedded(struct mb_json_value value)
{
    if (value.type == MB_JSON_OBJECT || value.type == MB_JSON_ARRAY) {
        return mb_json_text(value);
    }
    return mb__exchange_filled(mb_json_str(value));
}

struct mb_raw mb__exchange_raw(struct mb_json_value value)
{
    return (struct mb_raw){value.doc, value.token, value.type};
}

struct mb_price mb__exchange_floor(struct mb_json_value value)
{
    struct mb_price floor = {0};
    if (!mb_json_price(value, &floor) && value.type == MB_JSON_NUMBER && mb_json_text(value).data[0] != '-') {
        floor.micros = MB_PRICE_MAX_MICROS;
    }
    return floor.micros > 0 ? floor : (struct mb_price){0};
}

bool mb__exchange_rate(const struct mb_wire_in *in, struct mb_slice *currency, struct mb_rate *out)
{
    if (mb_rates_get(in->rates, *currency, out)) { /* which has upper case letters alone */
        return true;
    }
    *currency = mb__exchange_upper(*currency, in->arena);
    return mb_rates_get(in->rates, *currency, out);
}
