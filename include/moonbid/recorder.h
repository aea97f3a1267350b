/* recorder.h - a sampled, bounded record of live traffic, in compressed segments of NDJSON.
 *
 * Part of: recorder.  Depends on: bidder.  Uses zlib inside, on a thread of its own.
 * Threads:  one owner (the loop's thread) calls; masking, writing and compressing happen on the
 * thread, at a lower priority. Promise:  the owner copies bytes into a ring of fixed size and never
 * waits: no lock, no allocation, no system call. What finds the ring full is dropped and counted,
 * as is what the disk refuses. A segment that was cut anywhere, by kill -9 or a full disk, is
 * readable up to a second before the end. Lifetime: open -> (wants -> [the bidder decides with
 * `tape`] -> take)*, outcome* -> close.
 */
#ifndef MB_RECORDER_H
#define MB_RECORDER_H

#include "moonbid/bidder.h"

/* What is counted. Zeroed is valid. Read with mb_metrics_read at any time. */
#define MB_RECORDER_COUNT_MAP(XX)                                                                  \
    XX(requests, "Bid requests recorded.")                                                         \
    XX(outcomes, "Notices of recorded bids recorded.")                                             \
    XX(dropped, "Records dropped because the ring was full.")                                      \
    XX(failed, "Records lost because they could not be written.")                                  \
    XX(bytes, "Compressed bytes written.")                                                         \
    XX(removed, "Segments removed to keep within recorder.max_mb.")

struct mb_recorder_counts {
#define XX(name, help) uint64_t name;
    MB_RECORDER_COUNT_MAP(XX)
#undef XX
};

enum { MB_RECORDER_KEY_BYTES = 16 };

struct mb_recorder_options {
    const char *folder;                 /* where segments go; made when the first is */
    uint32_t worker;                    /* in the names of its segments */
    uint8_t key[MB_RECORDER_KEY_BYTES]; /* of pseudonyms: the same for all workers of one start */
    struct mb_recorder_settings settings;
    struct mb_recorder_counts *counts; /* borrowed */
};

struct mb_recorder;

/* Never fails for a disk's sake: what is wrong there is logged and counted when records are
 * written. The thread starts with the first record. Owns: mb_recorder_close. Aborts without memory.
 */
struct mb_recorder *mb_xrecorder_open(const struct mb_recorder_options *options);
/* Other settings from the next request on. */
void mb_recorder_set(struct mb_recorder *recorder, const struct mb_recorder_settings *settings);
/* Writes what is in the ring and closes the segment. Blocks as long as the disk does. NULL allowed.
 */
void mb_recorder_close(struct mb_recorder *recorder);

/* The tape for a request that is to be recorded, by its seed alone; NULL: it is not. */
struct mb_tape *mb_recorder_tape(struct mb_recorder *recorder, uint64_t seed);
/* A request that was handled with that tape, before the next handle. What was no bid request is
 * left out. */
void mb_recorder_take(struct mb_recorder *recorder, const struct mb_bidder *bidder,
                      const struct mb_bidder_in *in, const struct mb_bidder_out *out);
/* An event that was not recorded in the ledger before; left out unless its bid's request is in a
 * record. */
void mb_recorder_outcome(struct mb_recorder *recorder, const struct mb_event *event);

#endif /* MB_RECORDER_H */
