/* names.c - the text of every enum of the auction, and the way back.
 *
 * One table per list, made by the list's own macro, so that a new name cannot be forgotten here. Lists are short
 * (at most some thirty rows) and looked up when files are loaded or a wire is read: a linear search does.
 */
#include "moonbid/auction.h"
#include "moonbid/strategy.h"

#define XX(name, text) text,
static const char *const exchange_names[] = {"", MB_EXCHANGE_MAP(XX)};
static const char *const format_names[] = {"", MB_FORMAT_MAP(XX)};
static const char *const model_names[] = {"", MB_MODEL_MAP(XX)};
static const char *const event_names[] = {"", MB_EVENT_MAP(XX)};
static const char *const nobid_names[] = {"", MB_NOBID_MAP(XX)};
static const char *const target_names[] = {MB_TARGET_MAP(XX)};
static const char *const cap_key_names[] = {MB_CAP_KEY_MAP(XX)};
#undef XX

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

/* Values arrive from scripts and shared memory as well, so a stranger is answered, not asserted away. */
static const char *name_at(const char *const *names, size_t count, size_t value)
{
    return value < count ? names[value] : "";
}

/* Index of `name`, or 0 (_NONE). The empty name of row 0 is nobody's name. */
static size_t value_of(const char *const *names, size_t count, struct mb_slice name)
{
    for (size_t i = 1; i < count; i++) {
        if (mb_slice_is(name, names[i])) {
            return i;
        }
    }
    return 0;
}

const char *mb_exchange_name(enum mb_exchange exchange)
{
    return name_at(exchange_names, COUNT_OF(exchange_names), (size_t)exchange);
}

const char *mb_format_name(enum mb_format format)
{
    return name_at(format_names, COUNT_OF(format_names), (size_t)format);
}

const char *mb_model_name(enum mb_model model)
{
    return name_at(model_names, COUNT_OF(model_names), (size_t)model);
}

const char *mb_event_name(enum mb_event_type type)
{
    return name_at(event_names, COUNT_OF(event_names), (size_t)type);
}

const char *mb_nobid_name(enum mb_nobid reason)
{
    return name_at(nobid_names, COUNT_OF(nobid_names), (size_t)reason);
}

const char *mb_target_name(enum mb_target_key key)
{
    return name_at(target_names, COUNT_OF(target_names), (size_t)key);
}

bool mb_target_is_id(enum mb_target_key key)
{
    switch (key) {
    case MB_TARGET_ENDPOINT:
    case MB_TARGET_ZONE:
    case MB_TARGET_SITE:
    case MB_TARGET_APP:
    case MB_TARGET_TAG:
    case MB_TARGET_DEAL:
    case MB_TARGET_SEGMENT:
    case MB_TARGET_CATEGORY:
        return true;
    default:
        return false;
    }
}

const char *mb_cap_key_name(enum mb_cap_key key)
{
    return name_at(cap_key_names, COUNT_OF(cap_key_names), (size_t)key);
}

enum mb_cap_key mb_cap_key_of(struct mb_slice name)
{
    size_t key = 0;

    while (key < MB_CAP_COUNT && !mb_slice_is(name, cap_key_names[key])) {
        key++;
    }
    return (enum mb_cap_key)key;
}

enum mb_exchange mb_exchange_of(struct mb_slice name)
{
    return (enum mb_exchange)value_of(exchange_names, COUNT_OF(exchange_names), name);
}

enum mb_format mb_format_of(struct mb_slice name)
{
    return (enum mb_format)value_of(format_names, COUNT_OF(format_names), name);
}

enum mb_model mb_model_of(struct mb_slice name)
{
    return (enum mb_model)value_of(model_names, COUNT_OF(model_names), name);
}

enum mb_event_type mb_event_of(struct mb_slice name)
{
    return (enum mb_event_type)value_of(event_names, COUNT_OF(event_names), name);
}
