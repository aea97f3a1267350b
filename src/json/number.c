/* number.c - numbers between text and value. Whole numbers never pass through a double. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && is_digit(*p))
        p++;
    return p;
}

const char *mb__json_scan_number(const char *p, const char *end, bool *is_integer,
                                 const char **wrong)
{
    *is_integer = true;
    if (p < end && *p == '-')
        p++;
    if (p == end || !is_digit(*p))
        goto fail;
    p = *p == '0' ? p + 1 : skip_digits(p, end);
    if (p < end && *p == '.') {
        *is_integer = false;
        p++;
        if (p == end || !is_digit(*p))
            goto fail;
        p = skip_digits(p, end);
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        *is_integer = false;
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        if (p == end || !is_digit(*p))
            goto fail;
        p = skip_digits(p, end);
    }
    return p;

fail:
    *wrong = p;
    return NULL;
}

bool mb__json_is_number(struct mb_slice text)
{
    bool is_integer;
    const char *wrong;
    const char *end = text.data + text.len;
    return text.len && mb__json_scan_number(text.data, end, &is_integer, &wrong) == end;
}

/* The exponent of a number, held inside +-10^12: further than any text is long. */
static int64_t read_exponent(const char *p, const char *end)
{
    int64_t exponent = 0;
    bool negative = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    for (; p < end && exponent < INT64_C(1000000000000); p++)
        exponent = exponent * 10 + (*p - '0');
    return negative ? -exponent : exponent;
}

/* Walks the digits that stand left of the point once the exponent has moved it. */
bool mb__json_number_i64(struct mb_slice text, int64_t *out)
{
    const char *p = text.data;
    const char *end = text.data + text.len;
    bool negative = *p == '-';
    if (negative)
        p++;
    const char *whole_end = skip_digits(p, end);
    const char *digits_end = whole_end;
    if (digits_end < end && *digits_end == '.')
        digits_end = skip_digits(digits_end + 1, end);
    int64_t left = whole_end - p;
    if (digits_end < end)
        left += read_exponent(digits_end + 1, end);

    int64_t value = 0; /* counted downwards: INT64_MIN has no positive twin */
    for (; left > 0 && (p < digits_end || value != 0); left--) {
        if (p == whole_end && p < digits_end)
            p++; /* the point */
        int digit = p < digits_end ? *p++ - '0' : 0;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value))
            return false;
    }
    if (!negative && value == INT64_MIN)
        return false;
    *out = negative ? value : -value;
    return true;
}

/* glibc gives out its one static object for "C": no allocation, nothing to free. */
static locale_t c_locale(void)
{
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

double mb__json_number_f64(struct mb_slice text)
{
    return strtod_l(text.data, NULL, c_locale());
}

/* Fifteen digits settle whatever a person or a program wrote with so many; only denormals can do
 * with fewer than these print, so they begin at one. */
void mb__json_print_f64(double value, char out[32])
{
    locale_t callers = uselocale(c_locale());
    double least_normal = 2.2250738585072014e-308;
    int digits = value < least_normal && value > -least_normal ? 1 : 15;
    do {
        snprintf(out, 32, "%.*g", digits, value);
    } while (strtod_l(out, NULL, c_locale()) != value && digits++ < 17);
    uselocale(callers);
}
