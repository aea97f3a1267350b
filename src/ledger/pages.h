/* pages.h - the records of a database file, page by page, whatever has become of its trees.
 *
 * Part of: ledger (private). For salvage: SQLite itself finds a record only from the root down, so that one lost page hides
 * all that hang on it.
 */
#ifndef MB_LEDGER_PAGES_H
#define MB_LEDGER_PAGES_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MB__PAGE_BYTES = 4096 };

/* Binds the record's values to the parameters 1.. of `row`, texts lent. False goes on without it. */
struct mb__page_reader {
    sqlite3_stmt *row;
    int n_columns; /* records of another number are of another table */
    /* The row is bound and reset; what this steps it for is its own affair. Not 0 ends the reading. */
    int (*on_record)(void *user, sqlite3_stmt *row);
    void *user;
};

/* Reads each page of the file (its write-ahead log must have been taken into it before). A record that is not whole is passed
 * over. One that a page holds which is not in use any more is given as well. Gives what on_record gave last, 0 at the end of
 * the file, -1 where it cannot be read. */
int mb__pages_read(const char *path, const struct mb__page_reader *reader);

#endif /* MB_LEDGER_PAGES_H */
