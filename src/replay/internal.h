/* internal.h - what the files of replay share.
 *
 * Part of: replay (private).
 * Files:    reader.c has the lines of files, record.c what a line says, decide.c a bidder that
 * decides it, compare.c what differs, sums.c what is counted, run.c the threads.
 */
#ifndef MB_REPLAY_INTERNAL_H
#define MB_REPLAY_INTERNAL_H

#include "moonbid/replay.h"

/* --- reader.c --- */

struct mb__reader;

/* Fails: MB_EIO naming the first file that is not there. */
int mb__reader_open(const char *const *paths, size_t count, struct mb__reader **out,
                    struct mb_error *err) MB_MUST_USE;
void mb__reader_close(struct mb__reader *reader); /* NULL allowed */
/* Whole lines of one file, some hundred kilobytes, each with its newline. */
struct mb__block {
    struct mb_buf text;
    size_t file;         /* place in `paths` */
    uint64_t first_line; /* 1.. */
};
/* 1: there is one; 0: no more. Fails: MB_EIO. */
int mb__reader_next(struct mb__reader *reader, struct mb__block *out,
                    struct mb_error *err) MB_MUST_USE;
void mb__reader_progress(const struct mb__reader *reader, uint64_t *done, uint64_t *total);
uint64_t mb__reader_cut_files(const struct mb__reader *reader); /* whose end is torn */
uint64_t mb__reader_long_lines(const struct mb__reader *reader);

/* --- sums.c: what one thread counts --- */

struct mb__sums {
    struct mb_replay_result result; /* but the list of strategies */
    struct mb_map strategies;       /* name -> struct mb_replay_strategy */
    struct mb_slice version;        /* of the scripts that decide */
    const char *const *paths;
};

void mb__sums_fini(struct mb__sums *sums);
/* A request that was decided again. */
void mb__sums_add(struct mb__sums *sums, const struct mb_replay_record *record,
                  const struct mb_replay_did *again, size_t n_again, size_t file, uint64_t line);
/* Adds `from` to the result that all threads share, strategies in order of their names. */
void mb__sums_merge(struct mb_replay_result *into, const struct mb__sums *from);

#endif /* MB_REPLAY_INTERNAL_H */
