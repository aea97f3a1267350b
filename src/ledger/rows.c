/* rows.c - an event as a row of `events`, and what it adds to the sums.
 *
 * The key is the table's key, so refusing a duplicate costs no second look-up, and as keys begin
 * with a time, new rows go to the end of the tree. Where the key is there already, `sender` and
 * `sequence` tell an event that is another's duplicate from one that is sent again because its
 * sender never heard that it was recorded.
 */
#include "internal.h"

#include <stdio.h>

#define QUARTER_HOUR_MS (INT64_C(15) * 60 * 1000)

/* --- statements --- */

void mb__xledger_add_columns(struct mb_buf *sql)
{
    for (size_t i = 0; i < mb__ledger_n_fields; i++) {
        if (mb__ledger_fields[i].column) {
            mb_xbuf_printf(sql, "%s, ", mb__ledger_fields[i].name);
        }
    }
    mb_xbuf_add_text(sql, "more, sender, sequence");
}

static int prepare_insert(struct mb__ledger_file *file, struct mb_error *err)
{
    struct mb_buf sql = {0};
    mb_xbuf_add_text(&sql, "INSERT INTO events (");
    mb__xledger_add_columns(&sql);
    mb_xbuf_add_text(&sql, ") VALUES (?, ?, ?");
    for (size_t i = 0; i < mb__ledger_n_fields; i++) {
        mb_xbuf_add_text(&sql, mb__ledger_fields[i].column ? ", ?" : "");
    }
    mb_xbuf_add(&sql, ") ON CONFLICT (key) DO NOTHING", sizeof ") ON CONFLICT (key) DO NOTHING");
    int rc = mb__ledger_prepare(file, sql.data, &file->insert, err);
    mb_buf_fini(&sql);
    return rc;
}

int mb__ledger_prepare_rows(struct mb__ledger_file *file, struct mb_error *err)
{
    int rc = prepare_insert(file, err);
    if (rc == 0) {
        rc = mb__ledger_prepare(file, "SELECT sender, sequence, price_paid_micros FROM events WHERE key = ?",
                                &file->origin, err);
    }
    if (rc == 0) {
        rc = mb__ledger_prepare(
            file,
            "INSERT INTO quarter_hours VALUES (?, ?, ?, 1, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " events = events + 1, impressions = impressions + excluded.impressions,"
            " clicks = clicks + excluded.clicks, cost_nanos = cost_nanos + excluded.cost_nanos",
            &file->add_spend, err);
    }
    return rc ? rc
              : mb__ledger_prepare(file,
                                   "INSERT INTO per_keys VALUES (?, ?) ON CONFLICT DO UPDATE"
                                   " SET cost_nanos = cost_nanos + excluded.cost_nanos",
                                   &file->add_per_key, err);
}

/* Runs a statement that gives no rows, and makes it ready for the next. */
static int run(struct mb__ledger_file *file, sqlite3_stmt *statement, struct mb_error *err)
{
    int code = sqlite3_step(statement);
    (void)sqlite3_reset(statement);
    return code == SQLITE_DONE ? 0 : mb__ledger_failed(file, code, err);
}

/* --- writing --- */

struct mb_slice mb__ledger_clean(struct mb_slice text, struct mb_buf *scratch)
{
    struct mb_slice rest = text;
    size_t len;
    while (rest.len > 0 && (len = mb_slice_utf8(rest)) > 0) {
        rest = mb_slice(rest.data + len, rest.len - len);
    }
    if (rest.len == 0) {
        return text;
    }
    mb_buf_clear(scratch);
    for (rest = text; rest.len > 0; rest = mb_slice(rest.data + len, rest.len - len)) {
        len = mb_slice_utf8(rest);
        if (len > 0) {
            mb_xbuf_add(scratch, rest.data, len);
        } else {
            mb_xbuf_add_text(scratch, "\xef\xbf\xbd");
            len = 1;
        }
    }
    return mb_buf_slice(scratch);
}

static int bind_text(sqlite3_stmt *statement, int at, struct mb_slice text)
{
    return mb_slice_present(text)
               ? sqlite3_bind_text64(statement, at, text.data, text.len, SQLITE_STATIC, SQLITE_UTF8)
               : sqlite3_bind_null(statement, at);
}

/* An event without a key gets one that nothing else has, and that is the same when it is sent
 * again. */
static struct mb_slice key_of(struct mb__ledger_file *file, const struct mb_event *event,
                              struct mb_ledger_origin origin)
{
    if (!mb_slice_empty(event->key)) {
        return mb__ledger_clean(event->key, &file->key);
    }
    uint64_t first = (uint64_t)origin.sender, second = (uint64_t)origin.sequence;
    if (origin.sender == 0) {
        sqlite3_randomness(sizeof first, &first);
        sqlite3_randomness(sizeof second, &second);
    }
    mb_buf_clear(&file->key);
    mb_xbuf_printf(&file->key, "%012llx:~%llx-%llx",
                   (unsigned long long)event->time_ms & 0xffffffffffff, (unsigned long long)first,
                   (unsigned long long)second);
    return mb_buf_slice(&file->key);
}

static int bind_field(struct mb__ledger_file *file, int at, const struct mb_event *event,
                      const struct mb__field *field)
{
    sqlite3_stmt *insert = file->insert;
    bool number = field->kind == MB__FIELD_I64 || field->kind == MB__FIELD_BOOL;
    if (!number && mb__field_is_absent(event, field)) {
        return sqlite3_bind_null(insert, at);
    }
    if (field->kind == MB__FIELD_TEXT) {
        struct mb_slice text = mb__field_text(event, field);
        struct mb_slice cleaned = mb__ledger_clean(text, &file->text);
        return cleaned.data == text.data
                   ? bind_text(insert, at, text)
                   : sqlite3_bind_text64(insert, at, cleaned.data, cleaned.len, SQLITE_TRANSIENT,
                                         SQLITE_UTF8);
    }
    if (field->kind == MB__FIELD_TYPE || field->kind == MB__FIELD_MODEL) {
        return bind_text(insert, at, mb__field_text(event, field));
    }
    return sqlite3_bind_int64(insert, at, mb__field_integer(event, field));
}

static int bind_event(struct mb__ledger_file *file, const struct mb_event *event,
                      struct mb_ledger_origin origin)
{
    int at = 0, code = SQLITE_OK;
    for (size_t i = 0; i < mb__ledger_n_fields && code == SQLITE_OK; i++) {
        if (mb__ledger_fields[i].column) {
            code = bind_field(file, ++at, event, &mb__ledger_fields[i]);
        }
    }
    mb_buf_clear(&file->more);
    mb__xledger_write_more(event, &file->more);
    if (code == SQLITE_OK) {
        code = bind_text(file->insert, ++at,
                         file->more.len > 0 ? mb_buf_slice(&file->more) : MB_SLICE_NONE);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(file->insert, ++at, origin.sender);
    }
    return code == SQLITE_OK ? sqlite3_bind_int64(file->insert, ++at, origin.sequence) : code;
}

/* Does it tell another price than the one that is there? One that tells none does not. */
static bool is_repriced(sqlite3_stmt *there, const struct mb_event *event)
{
    return event->has_price_paid && (sqlite3_column_type(there, 2) == SQLITE_NULL ||
                                     sqlite3_column_int64(there, 2) != event->price_paid.micros);
}

/* The one that is there: is it this one? */
static int compare_origin(struct mb__ledger_file *file, const struct mb_event *event,
                          struct mb_ledger_origin origin, enum mb_ledger_fate *fate,
                          struct mb_error *err)
{
    int code = bind_text(file->origin, 1, event->key);
    if (code == SQLITE_OK) {
        code = sqlite3_step(file->origin);
    }
    bool same = code == SQLITE_ROW && origin.sender != 0 &&
                sqlite3_column_int64(file->origin, 0) == origin.sender &&
                sqlite3_column_int64(file->origin, 1) == origin.sequence;
    bool repriced = code == SQLITE_ROW && is_repriced(file->origin, event);
    *fate = same ? MB_LEDGER_RESENT : repriced ? MB_LEDGER_REPRICED : MB_LEDGER_DUPLICATE;
    (void)sqlite3_reset(file->origin);
    return code == SQLITE_ROW ? 0 : mb__ledger_failed(file, code, err);
}

static int64_t quarter_hour_of(int64_t ms)
{
    int64_t past = ms % QUARTER_HOUR_MS;
    return ms - (past < 0 ? past + QUARTER_HOUR_MS : past);
}

/* As mb_guard_book counts, so that the sums can take the place of the events. */
static int add_to_sums(struct mb__ledger_file *file, const struct mb_event *event,
                       struct mb_error *err)
{
    bool click = event->model == MB_MODEL_CPC || event->model == MB_MODEL_SMART_CPC;
    int64_t cost = event->books ? event->cost.nanos : 0;
    sqlite3_stmt *s = file->add_spend;
    if (!event->attributed || event->test || !mb_slice_present(event->strategy)) {
        return 0;
    }
    if (sqlite3_bind_int64(s, 1, quarter_hour_of(event->time_ms)) ||
        bind_text(s, 2, mb__ledger_clean(event->strategy, &file->text)) ||
        bind_text(s, 3, mb_slice_of(mb_event_name(event->type))) ||
        sqlite3_bind_int64(s, 4, event->books && !click) ||
        sqlite3_bind_int64(s, 5, event->books && click) || sqlite3_bind_int64(s, 6, cost)) {
        return mb__ledger_failed(file, sqlite3_errcode(file->db), err);
    }
    int rc = run(file, s, err);
    if (rc || !event->books || !event->per_key) {
        return rc;
    }
    if (sqlite3_bind_int64(file->add_per_key, 1, (int64_t)event->per_key) ||
        sqlite3_bind_int64(file->add_per_key, 2, cost)) {
        return mb__ledger_failed(file, sqlite3_errcode(file->db), err);
    }
    return run(file, file->add_per_key, err);
}

int mb__ledger_insert(struct mb__ledger_file *file, const struct mb_event *event,
                      struct mb_ledger_origin origin, enum mb_ledger_fate *fate,
                      struct mb_error *err)
{
    struct mb_event keyed = *event;
    keyed.key = key_of(file, event, origin);
    int code = bind_event(file, &keyed, origin);
    if (code != SQLITE_OK) {
        return mb__ledger_failed(file, code, err);
    }
    int rc = run(file, file->insert, err);
    if (rc) {
        return rc;
    }
    if (sqlite3_changes(file->db) == 0) {
        return compare_origin(file, &keyed, origin, fate, err);
    }
    *fate = MB_LEDGER_NEW;
    return add_to_sums(file, event, err);
}

/* --- reading --- */

static bool read_column(sqlite3_stmt *row, int at, const struct mb__field *field,
                        struct mb_event *event)
{
    switch (sqlite3_column_type(row, at)) {
    case SQLITE_NULL:
        return true;
    case SQLITE_INTEGER:
        return mb__field_set_integer(event, field, sqlite3_column_int64(row, at));
    case SQLITE_TEXT: {
        const char *text = (const char *)sqlite3_column_text(row, at);
        return mb__field_set_text(event, field,
                                  mb_slice(text, (size_t)sqlite3_column_bytes(row, at)));
    }
    default:
        return false;
    }
}

int mb__ledger_read_row(struct mb__ledger_file *file, sqlite3_stmt *row, struct mb_arena *arena,
                        struct mb_event *out, struct mb_ledger_origin *origin, struct mb_error *err)
{
    int at = 0;
    *out = mb__ledger_no_event();
    for (size_t i = 0; i < mb__ledger_n_fields; i++) {
        if (mb__ledger_fields[i].column && !read_column(row, at++, &mb__ledger_fields[i], out)) {
            return mb_fail(err, MB_ESYNTAX, file->path, "the ledger is damaged: a record's %s",
                           mb__ledger_fields[i].name);
        }
    }
    if (out->type == MB_EVENT_NONE || mb_slice_empty(out->key)) {
        return mb_fail(err, MB_ESYNTAX, file->path, "the ledger is damaged: half a record");
    }
    const char *more = (const char *)sqlite3_column_text(row, at);
    size_t len = (size_t)sqlite3_column_bytes(row, at);
    if (origin) {
        origin->sender = sqlite3_column_int64(row, at + 1);
        origin->sequence = sqlite3_column_int64(row, at + 2);
    }
    return more ? mb__ledger_read_fields(mb_slice(more, len), arena, out, err) : 0;
}
