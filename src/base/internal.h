/* internal.h - the base module's one way to take memory from the system.
 *
 * Part of: base, not seen outside of it.
 */
#ifndef MB_BASE_INTERNAL_H
#define MB_BASE_INTERNAL_H

#include <stdio.h>
#include <stdlib.h>

/* realloc that aborts: the supervisor starts another worker, which the journal makes safe. */
static inline void *mb__base_xrealloc(void *old, size_t bytes)
{
    void *memory = realloc(old, bytes ? bytes : 1);
    if (!memory) {
        fprintf(stderr, "moonbid: the system has no memory for %zu bytes\n", bytes);
        abort();
    }
    return memory;
}

#endif /* MB_BASE_INTERNAL_H */
