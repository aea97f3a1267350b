/* values.c - the values of an impression that a target's sets are compared with.
 *
 * Sets hold lower case, countries upper case, ids what the trader wrote. So a value is given as
 * it came and, where that differs, in the set's case; a set that has either form holds. Nothing
 * is allocated: the other case is made on the stack, and a value too long for it is only given as
 * it came.
 */
#include "internal.h"

enum { CASED_BYTES_MAX = 256 };

/* Who gets the values. */
struct sink {
    mb__on_value *on_value;
    void *user;
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c;
}

char mb__index_spell(enum mb_target_key key, char c)
{
    if (mb_target_is_id(key)) {
        return c;
    }
    return key == MB_TARGET_COUNTRY ? upper(c) : lower(c);
}

/* Whether a letter is of the other case than the set: between `first` and the 25 behind it. */
static bool has_letter_from(struct mb_slice value, char first)
{
    for (size_t i = 0; i < value.len; i++) {
        if ((unsigned char)(value.data[i] - first) < 26) {
            return true;
        }
    }
    return false;
}

static bool give_cased(struct sink sink, struct mb_slice value, char (*change)(char))
{
    char cased[CASED_BYTES_MAX];

    if (mb_slice_empty(value)) {
        return false;
    }
    if (sink.on_value(sink.user, value)) {
        return true;
    }
    if (value.len > sizeof(cased) || !has_letter_from(value, change == upper ? 'a' : 'A')) {
        return false;
    }
    for (size_t i = 0; i < value.len; i++) {
        cased[i] = change(value.data[i]);
    }
    return sink.on_value(sink.user, mb_slice(cased, value.len));
}

static bool give(struct sink sink, struct mb_slice value)
{
    return give_cased(sink, value, lower);
}

static bool give_all(struct sink sink, struct mb_slices values)
{
    for (size_t i = 0; i < values.count; i++) {
        if (give(sink, values.items[i])) {
            return true;
        }
    }
    return false;
}

/* Writes the digits of a number in front of `end`. */
static char *put_digits(char *end, uint32_t number)
{
    do {
        *--end = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return end;
}

/* "300x250" */
static bool give_size(struct sink sink, struct mb_size size)
{
    char text[24], *const end = text + sizeof(text), *at = end;

    if (size.width == 0 && size.height == 0) {
        return false;
    }
    at = put_digits(at, size.height);
    *--at = 'x';
    at = put_digits(at, size.width);
    return sink.on_value(sink.user, mb_slice(at, (size_t)(end - at)));
}

/* The size that stands alone is mostly the first of the list. */
static bool give_sizes(struct sink sink, const struct mb_imp *imp)
{
    bool is_first = imp->n_sizes > 0 && imp->sizes[0].width == imp->size.width &&
                    imp->sizes[0].height == imp->size.height;

    if (!is_first && give_size(sink, imp->size)) {
        return true;
    }
    for (size_t i = 0; i < imp->n_sizes; i++) {
        if (give_size(sink, imp->sizes[i])) {
            return true;
        }
    }
    return false;
}

/* "de-AT": as a whole, and "de". */
static bool give_language(struct sink sink, struct mb_slice language)
{
    return give(sink, language) || (language.len > 2 && give(sink, mb_slice(language.data, 2)));
}

/* "www.a.example": itself, then "a.example", then "example". */
static bool give_domain(struct sink sink, struct mb_slice domain)
{
    while (mb_slice_present(domain)) {
        if (give(sink, domain)) {
            return true;
        }
        (void)mb_slice_cut(&domain, '.');
    }
    return false;
}

/* A list in one text, "cars, used cars": as a whole, and its parts. */
static bool give_list(struct sink sink, struct mb_slice text)
{
    struct mb_slice rest = text;

    if (give(sink, text)) {
        return true;
    }
    while (mb_slice_present(rest)) {
        if (give(sink, mb_slice_trim(mb_slice_cut(&rest, ',')))) {
            return true;
        }
    }
    return false;
}

static bool give_keywords(struct sink sink, const struct mb_request *request)
{
    if (give_list(sink, request->user.keyword)) {
        return true;
    }
    for (size_t i = 0; i < request->site.keywords.count; i++) {
        if (give_list(sink, request->site.keywords.items[i])) {
            return true;
        }
    }
    return false;
}

/* --- codes --- */

enum { LETTERS = 26 };

size_t mb__index_codes(enum mb_target_key key)
{
    switch (key) {
    case MB_TARGET_EXCHANGE:
        return MB_EXCHANGE_COUNT;
    case MB_TARGET_FORMAT:
        return MB_FORMAT_COUNT;
    case MB_TARGET_COUNTRY:
        return LETTERS * LETTERS;
    default:
        return 0;
    }
}

struct mb_slice mb__index_code_text(enum mb_target_key key, size_t code, char room[2])
{
    if (key == MB_TARGET_EXCHANGE) {
        return mb_slice_of(mb_exchange_name((enum mb_exchange)code));
    }
    if (key == MB_TARGET_FORMAT) {
        return mb_slice_of(mb_format_name((enum mb_format)code));
    }
    room[0] = (char)('A' + code / LETTERS);
    room[1] = (char)('A' + code % LETTERS);
    return mb_slice(room, 2);
}

bool mb__index_code_of(enum mb_target_key key, const struct mb_request *request, const struct mb_imp *imp,
                       size_t *code)
{
    if (key == MB_TARGET_EXCHANGE) {
        *code = request->endpoint ? (size_t)request->endpoint->exchange : 0;
        return request->endpoint != NULL;
    }
    if (key == MB_TARGET_FORMAT) {
        *code = (size_t)imp->format;
        return true;
    }
    struct mb_slice country = mb_later(request->geo.later, &request->geo.country);
    if (country.len != 2) {
        return false;
    }
    unsigned first = (unsigned char)(country.data[0] - 'A'), second = (unsigned char)(country.data[1] - 'A');
    *code = first * LETTERS + second;
    return first < LETTERS && second < LETTERS;
}

bool mb__index_has_row(const struct mb_rows *list, enum mb_target_key key, struct mb_slice value)
{
    return mb_slice_present(mb_target_is_id(key) ? mb_rows_find(list, value)
                                                 : mb_rows_find_nocase(list, value));
}

bool mb__index_values(enum mb_target_key key, const struct mb_request *request,
                      const struct mb_imp *imp, mb__on_value *on_value, void *user)
{
    struct sink sink = {on_value, user};

    switch (key) {
    case MB_TARGET_EXCHANGE:
        return request->endpoint &&
               give(sink, mb_slice_of(mb_exchange_name(request->endpoint->exchange)));
    case MB_TARGET_ENDPOINT:
        return request->endpoint && give(sink, request->endpoint->name);
    case MB_TARGET_FORMAT:
        return give(sink, mb_slice_of(mb_format_name(imp->format)));
    case MB_TARGET_COUNTRY:
        return give_cased(sink, mb_later(request->geo.later, &request->geo.country), upper);
    case MB_TARGET_REGION:
        return give(sink, mb_later(request->geo.later, &request->geo.region));
    case MB_TARGET_CITY:
        return give(sink, mb_later(request->geo.later, &request->geo.city));
    case MB_TARGET_SIZE:
        return give_sizes(sink, imp);
    case MB_TARGET_DEVICE:
        return give(sink, mb_later(request->device.later, &request->device.type));
    case MB_TARGET_OS:
        return give(sink, mb_later(request->device.later, &request->device.os));
    case MB_TARGET_BROWSER:
        return give(sink, mb_later(request->device.later, &request->device.browser));
    case MB_TARGET_LANGUAGE:
        return give_language(sink, request->device.language);
    case MB_TARGET_ZONE:
        return give(sink, request->site.zone_id);
    case MB_TARGET_SITE:
        return give(sink, request->site.id);
    case MB_TARGET_DOMAIN:
        return give_domain(sink, request->site.domain) || give_domain(sink, request->app.domain);
    case MB_TARGET_APP:
        return give(sink, request->app.bundle) || give(sink, request->app.id);
    case MB_TARGET_TAG:
        return give(sink, imp->tag_id);
    case MB_TARGET_DEAL:
        return give_all(sink, imp->deals);
    case MB_TARGET_SEGMENT:
        return give_all(sink, request->user.segments);
    case MB_TARGET_KEYWORD:
        return give_keywords(sink, request);
    case MB_TARGET_CATEGORY:
        return give_all(sink, request->site.categories);
    case MB_TARGET_COUNT:
        break;
    }
    return false;
}
