/* money.h - prices and amounts as exact integers; every conversion and rounding of the project.
 *
 * Part of: base.  Depends on: buf, slice.
 * Threads:  values; no state.
 * Units:    a price is an integer of micro-units (1 000 000 = 1.00) per thousand impressions (CPM) or per
 *           click (CPC); an amount is an integer of nano-units (1 000 000 000 = 1.00). So the cost of one
 *           impression, CPM / 1000, is the price's own integer, exactly; a click's is that times 1000.
 *           Two structs, so that the compiler refuses to mix them.
 */
#ifndef MB_BASE_MONEY_H
#define MB_BASE_MONEY_H

#include <stdint.h>

#include "moonbid/base/buf.h"

struct mb_price {
    int64_t micros;
};

struct mb_amount {
    int64_t nanos;
};

/* Largest price taken anywhere: a million a thousand (or a click). Keeps every product inside 64 bits. */
#define MB_PRICE_MAX_MICROS INT64_C(1000000000000)

/* What one event costs. */
struct mb_amount mb_money_cost_of_impression(struct mb_price cpm);
struct mb_amount mb_money_cost_of_click(struct mb_price cpc);

/* Reads a JSON-style decimal number ("0.34", "1e-3", "12") to the nearest micro-unit, halves away from zero, without
 * floating point.
 * Gives: true and *out; false, *out unchanged, where it is no such number or beyond MB_PRICE_MAX_MICROS. */
bool mb_money_parse_price(struct mb_slice text, struct mb_price *out);
bool mb_money_parse_amount(struct mb_slice text, struct mb_amount *out);

/* A Lua number to the nearest micro-unit. False for NaN, infinity and beyond the maximum. */
bool mb_money_price_from_double(double value, struct mb_price *out);
bool mb_money_amount_from_double(double value, struct mb_amount *out);
double mb_money_price_to_double(struct mb_price price);
double mb_money_amount_to_double(struct mb_amount amount);

/* Plain decimal, no exponent, no needless zeros, '.' in every locale: 0.34, 12, 0.000001. */
void mb_xbuf_add_price(struct mb_buf *buf, struct mb_price price);
void mb_xbuf_add_amount(struct mb_buf *buf, struct mb_amount amount);

/* A currency's worth in house currency, in millionths: 1.08 is 1080000. */
struct mb_rate {
    int64_t millionths; /* > 0 */
};

/* price * rate and price / rate, to the nearest micro-unit, halves away from zero (128-bit inside).
 * A price stays within MB_PRICE_MAX_MICROS and an amount within 64 bits: beyond, the limit is the result. */
struct mb_price mb_money_to_house(struct mb_price price, struct mb_rate rate);
struct mb_price mb_money_from_house(struct mb_price price, struct mb_rate rate);
struct mb_amount mb_money_amount_to_house(struct mb_amount amount, struct mb_rate rate);
/* price * of / to, likewise: a price told in a bid's wire currency, by what the bid was in both. `to` > 0. */
struct mb_price mb_money_in_proportion(struct mb_price price, struct mb_price of, struct mb_price to);

#endif /* MB_BASE_MONEY_H */
