/* internal.h - what the files of index share: the values of an impression that targets are
 * compared with, and the hours. */
#ifndef MB_INDEX_INTERNAL_H
#define MB_INDEX_INTERNAL_H

#include "moonbid/base/zone.h"
#include "moonbid/index.h"

/* --- values.c --- */

/* Called with each form of a value that a set may hold; the slice lasts for the call. True stops.
 */
typedef bool mb__on_value(void *user, struct mb_slice value);

/* Gives the values of `key`, none where the request has none. Returns true where a call did. */
bool mb__index_values(enum mb_target_key key, const struct mb_request *request,
                      const struct mb_imp *imp, mb__on_value *on_value, void *user);
/* Does a list file hold the value, compared as the key's values are? */
bool mb__index_has_row(const struct mb_rows *list, enum mb_target_key key, struct mb_slice value);
/* A byte of a value as it is spelt in sets. */
char mb__index_spell(enum mb_target_key key, char c);

/* --- hours.c --- */

bool mb__index_is_timed(const struct mb_target *target);
/* `quarter` of the week in the strategy's zone. */
bool mb__index_in_hours(const struct mb_target *target, uint32_t quarter);
void mb__index_load_zone(struct mb_slice name, struct mb_zone *zone);

#endif /* MB_INDEX_INTERNAL_H */
