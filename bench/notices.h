/* notices.h - requests that each tell of another bid: no two have the same key in the ledger.
 */
#ifndef BENCH_NOTICES_H
#define BENCH_NOTICES_H

#include "wire.h"

struct notices;

/* Asks the server for a bid, and takes the token of its billing notice as the pattern of all.
 * `key_file` is the server's. */
struct notices *notices_open(int port, const char *path, const char *body_file,
                             const char *key_file);
/* A fresh notice, with a valid signature: as though another bid had been billed. */
const struct request *notices_next(void *notices);

#endif
