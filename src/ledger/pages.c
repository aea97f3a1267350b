/* pages.c - records of tables without rowid, read from the pages of a SQLite database file.
 *
 * Both kinds of page of such a table hold whole records: leaves and, between them, the ones that the inner pages part them
 * by. (sqlite.org/fileformat2.html, sections 1.6 B-tree Pages and 2.1 Record Format.)
 *
 *     page:   kind(1) | first free(2) | cells(2) | content begins(2) | fragments(1) | right child(4, inner) | pointers(2 each)
 *     cell:   left child(4, inner) | payload's length(varint) | payload, or its beginning and where it goes on(4)
 *     record: header's length(varint) | a type for each column(varint) | values
 *
 * Nothing here trusts a number of the file.
 */
#include "pages.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    INNER_PAGE = 0x02,
    LEAF_PAGE = 0x0a,
    FILE_HEADER_BYTES = 100, /* in front of the first page's own */
    RECORD_MAX = 1 << 24,    /* no event is longer: a number beyond it is damage */
    /* The payload that stays on its page, section 1.6. */
    LOCAL_MOST = (MB__PAGE_BYTES - 12) * 64 / 255 - 23,
    LOCAL_LEAST = (MB__PAGE_BYTES - 12) * 32 / 255 - 23,
    GOES_ON_BYTES = MB__PAGE_BYTES - 4 /* of a page that a record goes on in */
};

struct span {
    const uint8_t *at, *end;
};

struct file {
    const uint8_t *bytes, *end; /* the last page may be cut */
    size_t n_pages;
    uint8_t *whole; /* a record that went over several pages */
};

static uint32_t big_endian(const uint8_t *at, size_t len)
{
    uint32_t number = 0;
    for (size_t i = 0; i < len; i++) {
        number = number << 8 | at[i];
    }
    return number;
}

static bool take_varint(struct span *s, uint64_t *out)
{
    uint64_t number = 0;
    for (int i = 0; i < 9 && s->at < s->end; i++) {
        uint8_t byte = *s->at++;
        number = i == 8 ? number << 8 | byte : number << 7 | (byte & 0x7f);
        if (i == 8 || byte < 0x80) {
            *out = number;
            return true;
        }
    }
    return false;
}

/* --- a record's values --- */

/* Bytes of a value of that type; the types 10 and 11 stand in no file. */
static bool length_of(uint64_t type, size_t *out)
{
    static const uint8_t lengths[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
    *out = type < sizeof lengths ? lengths[type] : (size_t)(type - 12) / 2;
    return (type < sizeof lengths || type >= 12) && *out <= RECORD_MAX;
}

static int64_t integer_of(const uint8_t *at, size_t len)
{
    uint64_t number = len > 0 && at[0] >= 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < len; i++) {
        number = number << 8 | at[i];
    }
    return (int64_t)number;
}

static bool bind_value(sqlite3_stmt *row, int column, uint64_t type, const uint8_t *at, size_t len)
{
    if (type == 0) {
        return sqlite3_bind_null(row, column) == SQLITE_OK;
    }
    if (type == 8 || type == 9) {
        return sqlite3_bind_int64(row, column, (int64_t)type - 8) == SQLITE_OK;
    }
    if (type <= 6) {
        return sqlite3_bind_int64(row, column, integer_of(at, len)) == SQLITE_OK;
    }
    return type >= 13 && type % 2 == 1 && /* no column of ours holds another kind */
           sqlite3_bind_text64(row, column, (const char *)at, len, SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK;
}

static bool bind_record(struct span record, const struct mb__page_reader *reader)
{
    struct span types = record;
    uint64_t header_len, type;
    size_t len;
    int column = 0;
    if (!take_varint(&types, &header_len) || header_len > (uint64_t)(record.end - record.at)) {
        return false;
    }
    const uint8_t *value = types.end = record.at + header_len;
    while (types.at < types.end) {
        if (!take_varint(&types, &type) || !length_of(type, &len) || len > (size_t)(record.end - value) ||
            ++column > reader->n_columns || !bind_value(reader->row, column, type, value, len)) {
            return false;
        }
        value += len;
    }
    return column == reader->n_columns && value == record.end;
}

/* --- a page's cells --- */

static size_t local_bytes(size_t len)
{
    size_t kept = LOCAL_LEAST + (len - LOCAL_LEAST) % GOES_ON_BYTES;
    return len <= LOCAL_MOST ? len : kept <= LOCAL_MOST ? kept : LOCAL_LEAST;
}

/* The record of a cell: where it lies or, if it goes on elsewhere, put together. */
static bool record_of(struct file *file, struct span cell, struct span *out)
{
    uint64_t len;
    if (!take_varint(&cell, &len) || len == 0 || len > RECORD_MAX) {
        return false;
    }
    size_t here = local_bytes((size_t)len), have = here;
    bool goes_on = here < len;
    if ((size_t)(cell.end - cell.at) < here + (goes_on ? 4 : 0)) {
        return false;
    }
    *out = (struct span){cell.at, cell.at + len};
    if (!goes_on) {
        return true;
    }
    uint8_t *whole = realloc(file->whole, (size_t)len);
    if (whole == NULL) {
        abort();
    }
    file->whole = whole;
    memcpy(whole, cell.at, here);
    uint32_t next = big_endian(cell.at + here, 4);
    while (have < len) {
        if (next < 2 || next > file->n_pages) {
            return false;
        }
        const uint8_t *page = file->bytes + (size_t)(next - 1) * MB__PAGE_BYTES;
        size_t more = len - have < GOES_ON_BYTES ? (size_t)len - have : GOES_ON_BYTES;
        if ((size_t)(file->end - page) < 4 + more) {
            return false;
        }
        memcpy(whole + have, page + 4, more);
        have += more;
        next = big_endian(page, 4);
    }
    *out = (struct span){whole, whole + len};
    return true;
}

static int read_page(struct file *file, size_t number, const struct mb__page_reader *reader)
{
    const uint8_t *page = file->bytes + number * MB__PAGE_BYTES;
    const uint8_t *end = file->end - page < MB__PAGE_BYTES ? file->end : page + MB__PAGE_BYTES;
    const uint8_t *head = page + (number == 0 ? FILE_HEADER_BYTES : 0);
    if (end - head < 12 || (head[0] != INNER_PAGE && head[0] != LEAF_PAGE)) {
        return 0;
    }
    bool is_inner = head[0] == INNER_PAGE;
    const uint8_t *pointers = head + (is_inner ? 12 : 8);
    size_t count = big_endian(head + 3, 2), room = (size_t)(end - pointers) / 2;
    int rc = 0;
    for (size_t i = 0; i < (count < room ? count : room) && rc == 0; i++) {
        size_t at = big_endian(pointers + 2 * i, 2) + (is_inner ? 4 : 0);
        struct span record;
        sqlite3_clear_bindings(reader->row);
        if (at < (size_t)(end - page) && record_of(file, (struct span){page + at, end}, &record) &&
            bind_record(record, reader)) {
            rc = reader->on_record(reader->user, reader->row);
        }
        sqlite3_reset(reader->row);
    }
    return rc;
}

int mb__pages_read(const char *path, const struct mb__page_reader *reader)
{
    struct file file = {0};
    struct stat stat;
    int rc = 0, fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &stat) != 0) {
        rc = -1;
    } else if (stat.st_size > 0) {
        size_t len = (size_t)stat.st_size;
        void *bytes = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
        rc = bytes == MAP_FAILED ? -1 : 0;
        file = (struct file){.bytes = bytes, .end = (const uint8_t *)bytes + len,
                             .n_pages = (len + MB__PAGE_BYTES - 1) / MB__PAGE_BYTES};
        for (size_t i = 0; rc == 0 && i < file.n_pages; i++) {
            rc = read_page(&file, i, reader);
        }
        if (bytes != MAP_FAILED) {
            munmap(bytes, len);
        }
        sqlite3_clear_bindings(reader->row); /* they lent from there */
    }
    if (fd >= 0) {
        close(fd);
    }
    free(file.whole);
    return rc;
}
