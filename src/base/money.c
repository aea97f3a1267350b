/* money.c - all rounding of money happens in this file.
 *
 * Text becomes an integer digit by digit: no double stands between the wire and the ledger. Halves
 * go away from zero, so the first digit that is dropped decides alone and the rest need not be
 * looked at.
 */
#include "moonbid/base/money.h"

#include <assert.h>

#define MICROS 6
#define NANOS 9
/* Exponents saturate here: further than any text is long, far from overflow. */
#define EXPONENT_MAX INT64_C(1000000000000)

__extension__ typedef __int128 wide;

struct mb_amount mb_money_cost_of_impression(struct mb_price cpm)
{
    return (struct mb_amount){cpm.micros};
}

struct mb_amount mb_money_cost_of_click(struct mb_price cpc)
{
    assert(cpc.micros <= MB_PRICE_MAX_MICROS && cpc.micros >= -MB_PRICE_MAX_MICROS);
    return (struct mb_amount){cpc.micros * 1000};
}

/* A number's parts. Digits are those of the whole part and of the fraction, one behind the other.
 */
struct decimal {
    struct mb_slice whole;
    struct mb_slice fraction;
    int64_t exponent;
    bool negative;
};

static struct mb_slice take_digits(struct mb_slice *rest)
{
    size_t n = 0;
    while (n < rest->len && rest->data[n] >= '0' && rest->data[n] <= '9')
        n++;
    struct mb_slice digits = mb_slice(rest->data, n);
    *rest = mb_slice(rest->data + n, rest->len - n);
    return digits;
}

static bool take_char(struct mb_slice *rest, char a, char b)
{
    if (rest->len == 0 || (rest->data[0] != a && rest->data[0] != b))
        return false;
    *rest = mb_slice(rest->data + 1, rest->len - 1);
    return true;
}

static bool take_exponent(struct mb_slice *rest, int64_t *out)
{
    bool negative = take_char(rest, '-', '-');
    if (!negative)
        take_char(rest, '+', '+');
    struct mb_slice digits = take_digits(rest);
    int64_t exponent = 0;
    for (size_t i = 0; i < digits.len && exponent < EXPONENT_MAX; i++)
        exponent = exponent * 10 + (digits.data[i] - '0');
    *out = negative ? -exponent : exponent;
    return digits.len > 0;
}

/* The grammar of RFC 8259, section 6. */
static bool split(struct mb_slice text, struct decimal *out)
{
    if (text.len == 0)
        return false;
    *out = (struct decimal){.fraction = MB_SLICE("")};
    out->negative = take_char(&text, '-', '-');
    out->whole = take_digits(&text);
    if (out->whole.len == 0 || (out->whole.len > 1 && out->whole.data[0] == '0'))
        return false;
    if (take_char(&text, '.', '.')) {
        out->fraction = take_digits(&text);
        if (out->fraction.len == 0)
            return false;
    }
    if (take_char(&text, 'e', 'E') && !take_exponent(&text, &out->exponent))
        return false;
    return text.len == 0;
}

static int digit_at(const struct decimal *d, size_t i)
{
    return (i < d->whole.len ? d->whole.data[i] : d->fraction.data[i - d->whole.len]) - '0';
}

/* text * 10^scale as an integer of at most `max`; false leaves *out alone. */
static bool parse_scaled(struct mb_slice text, int scale, int64_t max, int64_t *out)
{
    struct decimal d;
    if (!split(text, &d))
        return false;
    size_t n_digits = d.whole.len + d.fraction.len;
    /* So many digits stand left of the result's point; fewer than none leaves nothing but zeros. */
    int64_t n_kept = (int64_t)d.whole.len + d.exponent + scale;
    uint64_t limit = (uint64_t)max;
    uint64_t value = 0;
    size_t i = 0;
    for (; i < n_digits && (int64_t)i < n_kept; i++) {
        uint64_t digit = (uint64_t)digit_at(&d, i);
        if (value > (limit - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (i < n_digits && n_kept >= 0 && digit_at(&d, i) >= 5)
        value++;
    for (int64_t zeros = n_kept - (int64_t)n_digits; zeros > 0 && value > 0; zeros--) {
        if (value > limit / 10)
            return false;
        value *= 10;
    }
    if (value > limit)
        return false;
    *out = d.negative ? -(int64_t)value : (int64_t)value;
    return true;
}

bool mb_money_parse_price(struct mb_slice text, struct mb_price *out)
{
    return parse_scaled(text, MICROS, MB_PRICE_MAX_MICROS, &out->micros);
}

bool mb_money_parse_amount(struct mb_slice text, struct mb_amount *out)
{
    return parse_scaled(text, NANOS, INT64_MAX, &out->nanos);
}

/* The comparison is false for NaN too. `max` must be below 2^63. */
static bool round_double(double value, double max, int64_t *out)
{
    if (!(value >= -max && value <= max))
        return false;
    int64_t whole = (int64_t)value;
    double rest = value - (double)whole;
    if (rest >= 0.5)
        whole++;
    else if (rest <= -0.5)
        whole--;
    *out = whole;
    return true;
}

bool mb_money_price_from_double(double value, struct mb_price *out)
{
    return round_double(value * 1e6, (double)MB_PRICE_MAX_MICROS, &out->micros);
}

bool mb_money_amount_from_double(double value, struct mb_amount *out)
{
    /* The largest double below 2^63. */
    return round_double(value * 1e9, 9223372036854774784.0, &out->nanos);
}

double mb_money_price_to_double(struct mb_price price)
{
    return (double)price.micros / 1e6;
}

double mb_money_amount_to_double(struct mb_amount amount)
{
    return (double)amount.nanos / 1e9;
}

static void add_scaled(struct mb_buf *buf, int64_t value, int scale)
{
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char text[32]; /* sign, 19 digits, point, and a zero before it */
    size_t at = sizeof(text);
    bool started = false; /* a fraction digit that is no trailing zero was met */
    for (int i = 0; i < scale; i++) {
        char digit = (char)('0' + rest % 10);
        rest /= 10;
        started = started || digit != '0';
        if (started)
            text[--at] = digit;
    }
    if (started)
        text[--at] = '.';
    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        text[--at] = '-';
    mb_xbuf_add(buf, text + at, sizeof(text) - at);
}

void mb_xbuf_add_price(struct mb_buf *buf, struct mb_price price)
{
    add_scaled(buf, price.micros, MICROS);
}

void mb_xbuf_add_amount(struct mb_buf *buf, struct mb_amount amount)
{
    add_scaled(buf, amount.nanos, NANOS);
}

/* value * factor / divisor (both > 0), halves away from zero, held inside +-max. */
static int64_t scale_rounded(int64_t value, int64_t factor, int64_t divisor, int64_t max)
{
    assert(factor > 0 && divisor > 0);
    wide product = (wide)value * factor;
    wide half = divisor / 2;
    /* The remainder is compared instead of adding the half: an odd divisor has no whole half. */
    wide quotient = product / divisor;
    wide rest = product % divisor;
    if (rest < 0)
        rest = -rest;
    if (rest > half || (rest == half && divisor % 2 == 0))
        quotient += product < 0 ? -1 : 1;
    if (quotient > max)
        return max;
    if (quotient < -(wide)max)
        return -max;
    return (int64_t)quotient;
}

struct mb_price mb_money_to_house(struct mb_price price, struct mb_rate rate)
{
    return (struct mb_price){
        scale_rounded(price.micros, rate.millionths, 1000000, MB_PRICE_MAX_MICROS)};
}

struct mb_price mb_money_from_house(struct mb_price price, struct mb_rate rate)
{
    return (struct mb_price){
        scale_rounded(price.micros, 1000000, rate.millionths, MB_PRICE_MAX_MICROS)};
}

struct mb_price mb_money_in_proportion(struct mb_price price, struct mb_price of, struct mb_price to)
{
    return (struct mb_price){
        scale_rounded(price.micros, of.micros, to.micros, MB_PRICE_MAX_MICROS)};
}

struct mb_amount mb_money_amount_to_house(struct mb_amount amount, struct mb_rate rate)
{
    return (struct mb_amount){scale_rounded(amount.nanos, rate.millionths, 1000000, INT64_MAX)};
}
