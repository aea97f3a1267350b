/* parts.c - small parts that every codec and target reads: pairs and sizes. */
#include "moonbid/auction.h"

bool mb_rates_get(const struct mb_rates *rates, struct mb_slice currency, struct mb_rate *out)
{
    for (size_t i = 0; i < rates->count; i++) {
        if (mb_slice_eq(rates->items[i].currency, currency)) {
            *out = rates->items[i].rate;
            return true;
        }
    }
    return false;
}

struct mb_slice mb_pairs_get(struct mb_pairs pairs, struct mb_slice name)
{
    for (size_t i = 0; i < pairs.count; i++) {
        if (mb_slice_eq(pairs.items[i].name, name)) {
            return pairs.items[i].value;
        }
    }
    return MB_SLICE_NONE;
}

/* Digits only: mb_slice_to_i64 would also take "+300" and "-1". */
static bool parse_pixels(struct mb_slice text, uint32_t *out)
{
    int64_t value = 0;
    if (text.len == 0 || text.data[0] < '0' || text.data[0] > '9' || !mb_slice_to_i64(text, &value) ||
        value > UINT32_MAX) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

bool mb_size_parse(struct mb_slice text, struct mb_size *out)
{
    struct mb_size size = {0, 0};
    long x = mb_slice_find_char(text, 'x');
    if (x < 0) {
        x = mb_slice_find_char(text, 'X');
    }
    if (x < 0) {
        return false;
    }
    size_t at = (size_t)x;
    struct mb_slice width = mb_slice_trim(mb_slice(text.data, at));
    struct mb_slice height = mb_slice_trim(mb_slice(text.data + at + 1, text.len - at - 1));
    if (!parse_pixels(width, &size.width) || !parse_pixels(height, &size.height)) {
        return false;
    }
    *out = size;
    return true;
}
