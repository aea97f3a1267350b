/* internal.h - what the files of the recorder share.
 *
 * Part of: recorder (private).
 * Files:    recorder.c is the owner's side and the thread; ring.c lies between them; pack.c is the
 * form of a record there; line.c makes JSON of it, mask.c hides persons in it; segment.c has the
 * files.
 */
#ifndef MB_RECORDER_INTERNAL_H
#define MB_RECORDER_INTERNAL_H

#include "moonbid/recorder.h"

/* --- ring.c: blocks of bytes from one thread to another --- */

struct mb__ring;

struct mb__ring *mb__xring_new(size_t bytes); /* a power of two */
void mb__ring_free(struct mb__ring *ring);
/* The writer: room for a block of at most so many bytes, or NULL; then how many it became. */
char *mb__ring_room(struct mb__ring *ring, size_t bytes);
void mb__ring_put(struct mb__ring *ring, size_t bytes);
/* The reader: the oldest block, absent: none; then it is done with. */
struct mb_slice mb__ring_first(struct mb__ring *ring);
void mb__ring_drop(struct mb__ring *ring);

/* --- pack.c --- */

enum mb__record_kind { MB__RECORD_REQUEST, MB__RECORD_OUTCOME };

/* At most so many bytes are one record; larger ones are dropped. */
size_t mb__pack_request_max(const struct mb_bidder *bidder, const struct mb_bidder_in *in);
size_t mb__pack_request(const struct mb_bidder *bidder, const struct mb_bidder_in *in,
                        const struct mb_bidder_out *out, char *to);
size_t mb__pack_outcome_max(const struct mb_event *event);
size_t mb__pack_outcome(const struct mb_event *event, char *to);

/* Reads what was packed, in the same order. */
struct mb__unpack {
    const char *at;
};
uint64_t mb__unpack_number(struct mb__unpack *u);
struct mb_slice mb__unpack_slice(struct mb__unpack *u);

/* --- mask.c --- */

enum { MB__MASKED_MAX = 64 };

struct mb__masker {
    enum mb_recorder_mask ip, ids;           /* as they are set for this record */
    struct mb_notice_keys *keys;             /* of pseudonyms */
    struct mb_arena arena;                   /* of the present record */
    struct mb_pair replaced[MB__MASKED_MAX]; /* what was found in it, and what stands there now */
    size_t n_replaced;
};

void mb__masker_init(struct mb__masker *masker, const uint8_t key[MB_RECORDER_KEY_BYTES]);
void mb__masker_fini(struct mb__masker *masker);
/* A record begins. */
void mb__masker_reset(struct mb__masker *masker);
/* A JSON body, a query, an address, as they may be kept; in the arena, or as given. `is_json`: the body is that. */
struct mb_slice mb__mask_body(struct mb__masker *masker, struct mb_slice body, bool *is_json);
struct mb_slice mb__mask_query(struct mb__masker *masker, struct mb_slice query);
struct mb_slice mb__mask_ip(struct mb__masker *masker, struct mb_slice ip);
/* Any text in which something that was masked in this record may stand. */
struct mb_slice mb__mask_text(struct mb__masker *masker, struct mb_slice text);

/* --- line.c --- */

/* Appends the record as one line. */
void mb__line_of_record(struct mb_slice record, struct mb__masker *masker, struct mb_buf *out);
/* The first line of a segment. */
void mb__line_of_segment(uint32_t worker, int64_t now_ms,
                         const struct mb_recorder_settings *settings, struct mb_buf *out);

/* --- segment.c: files, on the thread only --- */

struct mb__segments;

struct mb__segments *mb__xsegments_new(const char *folder, uint32_t worker,
                                       struct mb_recorder_counts *counts);
void mb__segments_free(struct mb__segments *segments); /* ends the open one */
void mb__segments_limit(struct mb__segments *segments, uint64_t max_bytes);
/* Is a file open that takes lines? Opens one where there is none; `fresh` then: it wants its first
 * line. False: the disk refuses, and is not asked again for some seconds. */
bool mb__segments_ready(struct mb__segments *segments, int64_t now_ms, bool *fresh);
void mb__segments_add(struct mb__segments *segments, struct mb_slice line);
/* Everything so far shall be readable in the file; starts another one where it is large or old. */
void mb__segments_flush(struct mb__segments *segments, int64_t now_ms);

#endif /* MB_RECORDER_INTERNAL_H */
