/* internal.h - what the files of ledger share.
 *
 * Files: record.c has the table of an event's fields and their form as JSON; pack.c their form
 *        between processes; rows.c the same as rows of a table; file.c opens the database; ledger.c
 *        queues and commits; sums.c tells spend; notes.c keeps what the guard knows; counts.c what
 *        bids and no-bids came to; import.c takes over the file of an earlier version; report.c with
 *        groups.c, arms.c, read.c, and salvage.c with pages.c are for commands.
 */
#ifndef MB_LEDGER_INTERNAL_H
#define MB_LEDGER_INTERNAL_H

#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonbid/ledger.h"

/* --- record.c --- */

enum mb__field_kind {
    MB__FIELD_TEXT,
    MB__FIELD_I64,
    MB__FIELD_I32,
    MB__FIELD_I8,
    MB__FIELD_BOOL,
    MB__FIELD_MICROS, /* a price, with a bool that says whether there is one */
    MB__FIELD_TYPE,
    MB__FIELD_MODEL
};

struct mb__field {
    const char *name;
    enum mb__field_kind kind;
    bool column; /* has a column of its own; the others share `more` */
    size_t offset;
    size_t has;     /* MICROS: offset of the bool */
    int64_t absent; /* the value that means that there is none */
};

extern const struct mb__field mb__ledger_fields[];
extern const size_t mb__ledger_n_fields;

bool mb__field_is_absent(const struct mb_event *event, const struct mb__field *field);
struct mb_slice mb__field_text(const struct mb_event *event, const struct mb__field *field);
int64_t mb__field_integer(const struct mb_event *event, const struct mb__field *field);
/* False where the field cannot have that value. The text is lent. */
bool mb__field_set_text(struct mb_event *event, const struct mb__field *field,
                        struct mb_slice text);
bool mb__field_set_integer(struct mb_event *event, const struct mb__field *field, int64_t value);

/* An event of which nothing is known. */
struct mb_event mb__ledger_no_event(void);
/* The fields without a column as a JSON object; nothing where there are none. */
void mb__xledger_write_more(const struct mb_event *event, struct mb_buf *out);
/* Adds the fields of a JSON object to the event; names that we do not know are skipped. */
int mb__ledger_read_fields(struct mb_slice json, struct mb_arena *arena, struct mb_event *event,
                           struct mb_error *err) MB_MUST_USE;

/* --- file.c: one connection and what is prepared on it --- */

struct mb__ledger_file {
    sqlite3 *db;
    char path[PATH_MAX];
    sqlite3_stmt *insert, *origin, *add_spend, *add_per_key; /* rows.c; NULL until prepared */
    struct mb_buf key, text, more;                           /* rows.c: scratch */
};

/* Makes the path DIR/NAME. Fails: MB_EIO where it is too long. */
int mb__ledger_path(const char *dir, const char *name, char out[PATH_MAX],
                    struct mb_error *err) MB_MUST_USE;
/* `path` for writing: made where it is missing, brought to this version's tables. */
int mb__ledger_file_open(struct mb__ledger_file *file, const char *path,
                         struct mb_error *err) MB_MUST_USE;
/* For reading only; the file must be there and have this version's tables. */
int mb__ledger_file_open_to_read(struct mb__ledger_file *file, const char *path,
                                 struct mb_error *err) MB_MUST_USE;
/* Looks through all of it: MB_ESYNTAX where pages do not fit together, or the last day's sums and
 * events. */
int mb__ledger_file_check(struct mb__ledger_file *file, struct mb_error *err) MB_MUST_USE;
void mb__ledger_file_close(struct mb__ledger_file *file); /* safe on zeroed and twice */

int mb__ledger_exec(struct mb__ledger_file *file, const char *sql,
                    struct mb_error *err) MB_MUST_USE;
int mb__ledger_prepare(struct mb__ledger_file *file, const char *sql, sqlite3_stmt **out,
                       struct mb_error *err) MB_MUST_USE;
/* The failure that SQLite's result code stands for: MB_ESYNTAX for damage, else MB_EIO. */
int mb__ledger_failed(const struct mb__ledger_file *file, int code, struct mb_error *err);
bool mb__ledger_is_damage(int code);

/* --- rows.c --- */

/* The text itself where it is UTF-8, else a copy with U+FFFD for what is none. */
struct mb_slice mb__ledger_clean(struct mb_slice text, struct mb_buf *scratch);

int mb__ledger_prepare_rows(struct mb__ledger_file *file, struct mb_error *err) MB_MUST_USE;
/* Inside a transaction: records the event and adds it to the sums, unless its key is there. */
int mb__ledger_insert(struct mb__ledger_file *file, const struct mb_event *event,
                      struct mb_ledger_origin origin, enum mb_ledger_fate *fate,
                      struct mb_error *err) MB_MUST_USE;
/* The columns of `events`, in the order that mb__ledger_read_row wants. */
void mb__xledger_add_columns(struct mb_buf *sql);
/* The statement's row; texts live until its next step, or in the arena. */
int mb__ledger_read_row(struct mb__ledger_file *file, sqlite3_stmt *row, struct mb_arena *arena,
                        struct mb_event *out, struct mb_ledger_origin *origin,
                        struct mb_error *err) MB_MUST_USE;

/* --- sums.c --- */

int mb__ledger_each_strategy(struct mb__ledger_file *file, int64_t from_ms,
                             void (*on_spend)(void *user, const struct mb_spend *spend), void *user,
                             struct mb_error *err) MB_MUST_USE;
int mb__ledger_each_per_key(struct mb__ledger_file *file,
                            void (*on_per_key)(void *user, uint64_t key, struct mb_amount spent),
                            void *user, struct mb_error *err) MB_MUST_USE;

/* --- ledger.c --- */

/* The connection that commits, for who stands in the place of a commit. */
struct mb__ledger_file *mb__ledger_file_of(struct mb_ledger *ledger);

/* --- import.c --- */

/* Takes over DIR/ledger.ndjson, if there is one. */
int mb__ledger_import(struct mb__ledger_file *file, const char *dir,
                      struct mb_error *err) MB_MUST_USE;

#endif /* MB_LEDGER_INTERNAL_H */
