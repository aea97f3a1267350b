/* internal.h - what the files of index share: the values of an impression that targets are
 * compared with. */
#ifndef MB_INDEX_INTERNAL_H
#define MB_INDEX_INTERNAL_H

#include "moonbid/index.h"

/* Called with each form of a value that a set may hold; the slice lasts for the call. True stops.
 */
typedef bool mb__on_value(void *user, struct mb_slice value);

/* Gives the values of `key`, none where the request has none. Returns true where a call did. */
bool mb__index_values(enum mb_target_key key, const struct mb_request *request,
                      const struct mb_imp *imp, mb__on_value *on_value, void *user);

#endif /* MB_INDEX_INTERNAL_H */
