/* list.h - the requests of a file, sent in turn: each line has a path, a tab and a body, or none: a
 * GET.
 */
#ifndef BENCH_LIST_H
#define BENCH_LIST_H

#include "wire.h"

struct list;

struct list *list_open(const char *file);
/* The next one; behind the last comes the first. */
const struct request *list_next(void *list);

#endif
