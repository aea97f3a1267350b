/* rows.h - the rows of a text, found by their keys.
 *
 * Part of: base.  Depends on: slice, err.
 * Threads:  read-only once built.
 * Lifetime: the text and its table must stay as long as the rows. A table holds offsets and no
 *           pointer: it can lie in memory that several processes map, so that a million rows are
 *           there once, whoever reads them.
 *
 * A text is read as a list or as a map. Lines end with LF or CRLF, the last one with or without; a
 * UTF-8 byte order mark is skipped, and so are blank lines; blanks around keys and values are
 * dropped.
 *
 *     list   the line is the key: commas, quotes and # are bytes like others
 *     map    key,value: the value is all behind the first comma. A key or a value in double quotes
 *            is what stands between them; in such a value "" is one quote. A row without a key is
 *            skipped. Of rows with the same key the last one counts.
 */
#ifndef MB_BASE_ROWS_H
#define MB_BASE_ROWS_H

#include "moonbid/base/err.h"
#include "moonbid/base/slice.h"

enum mb_rows_kind { MB_ROWS_LIST, MB_ROWS_MAP, MB_ROWS_KINDS };

#define MB_ROWS_TEXT_MAX ((size_t)INT32_MAX) /* bytes: offsets have 31 bits */

struct mb_rows {
    struct mb_slice text;
    const void *slots;
    uint32_t n_slots;
    uint32_t count;    /* different keys */
    uint32_t repeated; /* rows of a map whose key stood above already, and the line of the first */
    uint32_t repeated_line;
    const char *problem; /* why the text cannot be read as that kind, or NULL; with its line */
    uint32_t problem_line;
};

/* Bytes that the table of a text takes: 8 for each of 1.5 to 3 slots a row, twice where the text
 * has a comma. 0: the text is longer than MB_ROWS_TEXT_MAX. Reads the text. */
size_t mb_rows_table_len(struct mb_slice text);
/* Makes the table of a text, for both kinds, in `len` zeroed bytes aligned to 8. What is wrong with
 * the text goes into the table: it concerns only who opens it as that kind. Some 200 ns a row. */
void mb_rows_make_table(struct mb_slice text, void *table, size_t len);

/* The rows of `text` by its table, `table.data` aligned to 8. False: it is no table of such a text.
 * Costs a look at each slot. */
bool mb_rows_open(struct mb_slice text, struct mb_slice table, enum mb_rows_kind kind,
                  struct mb_rows *out) MB_MUST_USE;

/* The key as it stands in the text, or absent where it is none. The second form takes ASCII letters
 * without case. O(1), no allocation. */
struct mb_slice mb_rows_find(const struct mb_rows *rows, struct mb_slice key);
struct mb_slice mb_rows_find_nocase(const struct mb_rows *rows, struct mb_slice key);
/* The value of a key that was found in a map. `*doubled`: "" in it stands for one quote. */
struct mb_slice mb_rows_value(const struct mb_rows *rows, struct mb_slice found, bool *doubled);
/* Keys one after the other, in no order: start with *at 0; absent at the end. */
struct mb_slice mb_rows_next(const struct mb_rows *rows, size_t *at);
/* The line, from 1, on which a key that was found stands. Reads all above it. */
uint32_t mb_rows_line(const struct mb_rows *rows, struct mb_slice found);

#endif /* MB_BASE_ROWS_H */
