/* vast.h - a bid's table `vast` as a VAST document: read and checked (vast.c), held against the
 * impression (vast_fit.c), written (vast_write.c).
 *
 * Part of: exchange (private).
 */
#ifndef MB_EXCHANGE_VAST_H
#define MB_EXCHANGE_VAST_H

#include "internal.h"

enum mb__vast_version {
    MB_VAST_NONE,
    MB_VAST_2_0 = 20,
    MB_VAST_3_0 = 30,
    MB_VAST_4_0 = 40,
    MB_VAST_4_1 = 41,
    MB_VAST_4_2 = 42,
    MB_VAST_4_3 = 43,
};

/* A table that was found sound. */
struct mb__vast {
    const struct mb_bid *bid;
    struct mb_json_value table;
    enum mb__vast_version version;
    int protocol; /* OpenRTB's number of version and kind */
    bool is_wrapper;
};

/* Reads the bid's table for its impression: NULL and *out, or the path of the first key that is
 * wrong, such as "vast.media[2].type"; it lives in the request's arena. */
const char *mb__vast_read(const struct mb_bid *bid, struct mb__vast *out);

/* Sets the version and the protocol of a table whose keys are sound: NULL, or the path of the key for
 * which the impression would refuse it. */
const char *mb__vast_fit(const struct mb_bid *bid, struct mb__vast *out);

/* A point of the film: "5s", "00:00:05", "00:00:05.250" or 5 as milliseconds, or a share of it,
 * "25%". */
struct mb__vast_time {
    int64_t ms;
    struct mb_slice share; /* absent: `ms` says */
};
bool mb__vast_time(struct mb_json_value value, struct mb__vast_time *out);
bool mb__vast_time_text(struct mb_slice text, struct mb__vast_time *out);

void mb__vast_write(const struct mb__vast *vast, struct mb_buf *out);

#endif /* MB_EXCHANGE_VAST_H */
