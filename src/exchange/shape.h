/* shape.h - the members of one kind of object, found in one walk over it: how requests are read.
 *
 * Part of: exchange (private).
 *
 * A protocol has more fields than a request, and a request more than we read; asking an object for
 * one after the other costs their product. So a reader lists the members that it knows once,
 *
 *     #define SIZE_MEMBERS(XX) XX(w) XX(h)
 *     SHAPE(size, SIZE_MEMBERS)
 *
 * and then has `union size`, with the place of each member's value in the document (0: none), and
 * find_size(object, &size), which fills it where it stands: a copy made right after it was written in
 * pieces would keep the processor waiting. The lists stand in static memory that is written before
 * main.
 */
#ifndef MB_EXCHANGE_SHAPE_H
#define MB_EXCHANGE_SHAPE_H

#include "internal.h"

#define SHAPE_PLACE(name) uint16_t name;
#define SHAPE_NAME(name) #name,

#define SHAPE(kind, MEMBERS)                                                                       \
    static const char *const kind##_names[] = {MEMBERS(SHAPE_NAME)};                               \
    static struct mb_json_names kind##_known;                                                      \
    union kind {                                                                                   \
        uint16_t places[sizeof kind##_names / sizeof kind##_names[0]];                             \
        struct {                                                                                   \
            MEMBERS(SHAPE_PLACE)                                                                   \
        };                                                                                         \
    };                                                                                             \
    static __attribute__((constructor)) void prepare_##kind(void)                                  \
    {                                                                                              \
        mb_json_names_init(&kind##_known, kind##_names,                                            \
                           sizeof kind##_names / sizeof kind##_names[0]);                          \
    }                                                                                              \
    static inline void find_##kind(struct mb_json_value object, union kind *found)                 \
    {                                                                                              \
        *found = (union kind){{0}};                                                                \
        if (object.type == MB_JSON_OBJECT)                                                         \
            mb_json_pick(object, &kind##_known, found->places);                                    \
    }

/* --- what stands at a place --- */

static inline struct mb_json_value value_at(struct mb_json *doc, uint16_t place)
{
    return mb_json_picked(doc, place);
}

/* An object, or absent: one of another type is none, so that what stands elsewhere is asked for. */
static inline struct mb_json_value object_at(struct mb_json *doc, uint16_t place)
{
    struct mb_json_value value = value_at(doc, place);
    return value.type == MB_JSON_OBJECT ? value : (struct mb_json_value){.doc = doc};
}

static inline struct mb_slice text_at(struct mb_json *doc, uint16_t place)
{
    return place ? mb__exchange_filled(mb_json_str(value_at(doc, place))) : MB_SLICE_NONE;
}

static inline struct mb_slice id_at(struct mb_json *doc, uint16_t place)
{
    return place ? mb__exchange_filled(mb_json_id(value_at(doc, place))) : MB_SLICE_NONE;
}

static inline int64_t integer_at(struct mb_json *doc, uint16_t place, int64_t fallback)
{
    return place ? mb_json_i64(value_at(doc, place), fallback) : fallback;
}

/* OpenRTB writes yes and no as 1 and 0; false where it is not said. */
static inline bool flag_at(struct mb_json *doc, uint16_t place)
{
    bool said = false;
    if (place)
        mb_json_flag(value_at(doc, place), &said);
    return said;
}

#endif /* MB_EXCHANGE_SHAPE_H */
