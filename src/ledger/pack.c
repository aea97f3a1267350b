/* pack.c - an event as bytes, on its way from one process of this program to another.
 *
 * For each field that is there: its place in the table of record.c, one byte; then a text's length,
 * four bytes, and the text, or a number, eight bytes; as this machine has them. A tenth of the work
 * that JSON is, which a notice would do on both ends. No file has this form: the table may change.
 */
#include "internal.h"

#include <string.h>

static bool is_text(const struct mb__field *field)
{
    return field->kind == MB__FIELD_TEXT;
}

size_t mb_ledger_packed_bytes(const struct mb_event *event)
{
    size_t bytes = 0;
    for (size_t i = 0; i < mb__ledger_n_fields; i++) {
        const struct mb__field *field = &mb__ledger_fields[i];
        if (!mb__field_is_absent(event, field)) {
            bytes += 1 + (is_text(field) ? sizeof(uint32_t) + mb__field_text(event, field).len
                                         : sizeof(int64_t));
        }
    }
    return bytes;
}

static char *put(char *at, const void *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

void mb_xledger_pack_event(const struct mb_event *event, struct mb_buf *out)
{
    size_t bytes = mb_ledger_packed_bytes(event);
    mb_xbuf_reserve(out, bytes);
    char *at = out->data + out->len;
    for (size_t i = 0; i < mb__ledger_n_fields; i++) {
        const struct mb__field *field = &mb__ledger_fields[i];
        if (mb__field_is_absent(event, field)) {
            continue;
        }
        *at++ = (char)i;
        if (is_text(field)) {
            struct mb_slice text = mb__field_text(event, field);
            uint32_t len = (uint32_t)text.len;
            at = put(at, &len, sizeof len);
            at = put(at, text.data, text.len);
        } else {
            int64_t number = mb__field_integer(event, field);
            at = put(at, &number, sizeof number);
        }
    }
    out->len += bytes;
}

static bool take(struct mb_slice *rest, void *out, size_t len)
{
    if (rest->len < len) {
        return false;
    }
    memcpy(out, rest->data, len);
    *rest = mb_slice(rest->data + len, rest->len - len);
    return true;
}

static bool set_number(struct mb_event *event, const struct mb__field *field, int64_t number)
{
    switch (field->kind) {
    case MB__FIELD_TYPE:
        event->type = (enum mb_event_type)number;
        return number > MB_EVENT_NONE && number < MB_EVENT_COUNT;
    case MB__FIELD_MODEL:
        event->model = (enum mb_model)number;
        return number > MB_MODEL_NONE && number < MB_MODEL_COUNT;
    default:
        return mb__field_set_integer(event, field, number);
    }
}

static bool take_value(struct mb_slice *rest, const struct mb__field *field, struct mb_event *event)
{
    uint32_t len;
    int64_t number;
    if (!is_text(field)) {
        return take(rest, &number, sizeof number) && set_number(event, field, number);
    }
    if (!take(rest, &len, sizeof len) || len > rest->len) {
        return false;
    }
    struct mb_slice text = mb_slice(rest->data, len);
    *rest = mb_slice(rest->data + len, rest->len - len);
    return mb__field_set_text(event, field, text);
}

int mb_ledger_unpack_event(struct mb_slice bytes, struct mb_event *out)
{
    struct mb_event event = mb__ledger_no_event();
    uint8_t place;
    while (take(&bytes, &place, sizeof place)) {
        if (place >= mb__ledger_n_fields ||
            !take_value(&bytes, &mb__ledger_fields[place], &event)) {
            return MB_ESYNTAX;
        }
    }
    if (event.type == MB_EVENT_NONE) {
        return MB_ESYNTAX;
    }
    *out = event;
    return 0;
}
