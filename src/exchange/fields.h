/* fields.h - the fields of an object by name, for the readers of OpenRTB's documents; and what
 * Xandr adds to one.
 *
 * Part of: exchange (private).
 */
#ifndef MB_EXCHANGE_FIELDS_H
#define MB_EXCHANGE_FIELDS_H

#include "internal.h"

/* Inlined wherever they stand, so that the length of a constant name is a constant. */
#define INLINE static inline __attribute__((always_inline))

INLINE struct mb_json_value get(struct mb_json_value object, const char *key)
{
    return mb_json_get(object, mb_slice_of(key));
}

INLINE struct mb_slice text(struct mb_json_value object, const char *key)
{
    return mb__exchange_filled(mb_json_str(get(object, key)));
}

INLINE struct mb_slice id(struct mb_json_value object, const char *key)
{
    return mb__exchange_filled(mb_json_id(get(object, key)));
}

/* OpenRTB writes yes and no as 1 and 0; false where it is not said. */
INLINE bool flag(struct mb_json_value object, const char *key)
{
    bool said = false;
    mb_json_flag(get(object, key), &said);
    return said;
}

/* The object of the media type that the impression is of; absent where it was not decoded from OpenRTB. */
static inline struct mb_json_value media_of(const struct mb_imp *imp)
{
    struct mb_json_value object = {imp->raw.doc, imp->raw.token, imp->raw.type};
    switch (imp->format) {
    case MB_FORMAT_BANNER:
        return get(object, "banner");
    case MB_FORMAT_VIDEO:
        return get(object, "video");
    case MB_FORMAT_AUDIO:
        return get(object, "audio");
    case MB_FORMAT_NATIVE:
        return get(object, "native");
    default:
        return (struct mb_json_value){.doc = object.doc};
    }
}

/* What Xandr adds to an object of the specification. */
INLINE struct mb_json_value xandr_ext(struct mb_json_value object)
{
    return get(get(object, "ext"), "appnexus");
}

#endif /* MB_EXCHANGE_FIELDS_H */
