/* mask.c - hides persons in a record: addresses, ids of people and of their devices.
 *
 * What an exchange calls them is known by name, wherever it stands: a codec that reads one field
 * more cannot make the recorder forget it. A value becomes another one of the same kind: an address
 * its network's, an id a pseudonym, so that whoever counts by it still does, and a body stays one
 * that decodes. What says "unknown" is nobody's and stays. A pseudonym is made with a key that
 * lives as long as the server: later nobody can make it again.
 */
#include "internal.h"

#include <stdlib.h>

#include "moonbid/json.h"

enum { ARENA_BYTES = 65536, ALIKE_MIN = 4, HEX_CHARS = 16 };

enum person { NOBODY, ADDRESS, ID, EMAIL };

#define NAMED(text, person) {{text, sizeof(text) - 1}, person}

static const struct {
    struct mb_slice key;
    enum person person;
} names[] = {
    NAMED("ip", ADDRESS),
    NAMED("ipv6", ADDRESS),
    NAMED("ip_address", ADDRESS),
    NAMED("remote_addr", ADDRESS),
    NAMED("remote_ip", ADDRESS),
    NAMED("x_forwarded_for", ADDRESS),
    NAMED("forwarded_for", ADDRESS),
    NAMED("user_id", ID),
    NAMED("user_id_64", ID),
    NAMED("buyeruid", ID),
    NAMED("ifa", ID),
    NAMED("didsha1", ID),
    NAMED("didmd5", ID),
    NAMED("dpidsha1", ID),
    NAMED("dpidmd5", ID),
    NAMED("macsha1", ID),
    NAMED("macmd5", ID),
    NAMED("idfa", ID),
    NAMED("aaid", ID),
    NAMED("gaid", ID),
    NAMED("device_id", ID),
    NAMED("el", EMAIL),
    NAMED("email", EMAIL),
    NAMED("emailsha1", EMAIL),
    NAMED("emailmd5", EMAIL),
};

void mb__masker_init(struct mb__masker *masker, const uint8_t key[MB_RECORDER_KEY_BYTES])
{
    memset(masker, 0, sizeof(*masker));
    masker->keys = mb_xnotice_keys_new();
    if (mb_notice_keys_add(masker->keys, key)) {
        abort(); /* the first of several that fit */
    }
    mb_arena_init(&masker->arena, ARENA_BYTES);
}

void mb__masker_fini(struct mb__masker *masker)
{
    mb_notice_keys_free(masker->keys);
    mb_arena_fini(&masker->arena);
}

void mb__masker_reset(struct mb__masker *masker)
{
    mb_arena_reset(&masker->arena);
    masker->n_replaced = 0;
}

/* `parent`: the key of the object around it, or of the list around that. */
static enum person who(struct mb_slice key, struct mb_slice parent)
{
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (mb_slice_eq(key, names[i].key)) {
            return names[i].person;
        }
    }
    return mb_slice_eq(key, MB_SLICE("id")) &&
                   (mb_slice_eq(parent, MB_SLICE("user")) || mb_slice_eq(parent, MB_SLICE("uids")))
               ? ID
               : NOBODY;
}

static struct mb_slice remember(struct mb__masker *m, struct mb_slice from, struct mb_slice to)
{
    if (m->n_replaced < MB__MASKED_MAX && from.len >= ALIKE_MIN) {
        m->replaced[m->n_replaced++] = (struct mb_pair){from, to};
    }
    return to;
}

static struct mb_slice pseudonym(struct mb__masker *m, struct mb_slice id)
{
    char hash[HEX_CHARS];

    mb_notice_pseudonym(m->keys, id, hash);
    return mb_xarena_copy(&m->arena, mb_slice(hash, sizeof(hash)));
}

/* The network: /24 of IPv4, /48 of IPv6. */
static struct mb_slice network_of(struct mb__masker *m, struct mb_slice ip)
{
    char text[MB_IP_TEXT_MAX];
    struct mb_ip parsed;
    bool is_v4;

    if (!mb_ip_parse(ip, &parsed)) {
        return MB_SLICE("");
    }
    is_v4 = memchr(ip.data, ':', ip.len) == NULL;
    memset(parsed.bytes + (is_v4 ? 15 : 6), 0, is_v4 ? 1 : 10);
    return mb_xarena_copy(&m->arena, mb_ip_text(&parsed, text));
}

struct mb_slice mb__mask_ip(struct mb__masker *m, struct mb_slice ip)
{
    if (!mb_slice_present(ip) || m->ip == MB_RECORDER_KEEP) {
        return ip;
    }
    return remember(m, ip, m->ip == MB_RECORDER_CUT ? network_of(m, ip) : MB_SLICE(""));
}

static struct mb_slice mask_id(struct mb__masker *m, struct mb_slice id)
{
    if (m->ids == MB_RECORDER_KEEP || mb_slice_empty(id) || mb_slice_is(id, "0") ||
        mb_slice_is(id, "-1")) {
        return id;
    }
    return remember(m, id, m->ids == MB_RECORDER_HASH ? pseudonym(m, id) : MB_SLICE(""));
}

static struct mb_slice mask_value(struct mb__masker *m, enum person person, struct mb_slice value)
{
    switch (person) {
    case ADDRESS:
        return mb__mask_ip(m, value);
    case ID:
        return mask_id(m, value);
    case EMAIL:
        return mb_slice_empty(value) ? value : remember(m, value, MB_SLICE("masked"));
    case NOBODY:
        break;
    }
    return value;
}

/* --- a body --- */

struct rewriting {
    struct mb__masker *masker;
    struct mb_slice text;
    size_t copied;     /* of `text` */
    struct mb_buf out; /* NULL data: nothing has been replaced yet */
};

static void replace(struct rewriting *r, struct mb_json_value value, struct mb_slice with)
{
    struct mb_slice old = mb_json_text(value);
    size_t at = (size_t)(old.data - r->text.data);
    struct mb_json_writer w;

    mb_xbuf_add(&r->out, r->text.data + r->copied, at - r->copied);
    mb_json_writer_init(&w, &r->out);
    mb_jsonw_str(&w, with);
    r->copied = at + old.len;
}

static void mask_member(struct rewriting *r, struct mb_json_value value, struct mb_slice key,
                        struct mb_slice parent)
{
    enum person person = who(key, parent);
    struct mb_slice old = mb_json_id(value), masked;

    if (person == NOBODY || !mb_slice_present(old)) {
        return;
    }
    masked = mask_value(r->masker, person, old);
    if (!mb_slice_eq(masked, old)) {
        replace(r, value, masked);
    }
}

static void walk(struct rewriting *r, struct mb_json_value node, struct mb_slice name)
{
    struct mb_json_value at;

    for (at = mb_json_first(node); at.type != MB_JSON_NONE; at = mb_json_next(node, at)) {
        struct mb_slice key = node.type == MB_JSON_OBJECT ? mb_json_key(at) : name;

        if (at.type == MB_JSON_OBJECT || at.type == MB_JSON_ARRAY) {
            walk(r, at, key);
        } else if (node.type == MB_JSON_OBJECT) {
            mask_member(r, at, key, name);
        }
    }
}

struct mb_slice mb__mask_body(struct mb__masker *m, struct mb_slice body, bool *is_json)
{
    struct rewriting r = {.masker = m};
    struct mb_json doc;
    struct mb_slice masked = body;

    *is_json = !mb_slice_empty(body) && mb_json_parse(&doc, &m->arena, body, NULL) == 0;
    if (!*is_json) {
        return body; /* what was decided on decodes; a GET has none */
    }
    r.text = doc.text;
    walk(&r, mb_json_root(&doc), MB_SLICE(""));
    if (r.copied > 0) {
        mb_xbuf_add(&r.out, r.text.data + r.copied, r.text.len - r.copied);
        masked = mb_xarena_copy(&m->arena, mb_buf_slice(&r.out));
    }
    mb_buf_fini(&r.out);
    return masked;
}

/* --- texts --- */

/* Appends one parameter of a query, name=value. */
static void mask_parameter(struct mb__masker *m, struct mb_slice parameter, struct mb_buf *out)
{
    struct mb_slice rest = parameter, name = mb_slice_cut(&rest, '='), masked;
    struct mb_buf value = {0};
    enum person person = who(name, MB_SLICE_NONE);

    mb_xbuf_add_urldecoded(&value, rest, true);
    masked = mask_value(m, person, mb_xarena_copy(&m->arena, mb_buf_slice(&value)));
    if (person == NOBODY || mb_slice_eq(masked, mb_buf_slice(&value))) {
        mb_xbuf_add_slice(out, parameter);
    } else {
        mb_xbuf_add_slice(out, name);
        mb_xbuf_add_char(out, '=');
        mb_xbuf_add_urlencoded(out, masked);
    }
    mb_buf_fini(&value);
}

struct mb_slice mb__mask_query(struct mb__masker *m, struct mb_slice query)
{
    struct mb_slice rest = query, masked;
    struct mb_buf out = {0};

    if (mb_slice_empty(query)) {
        return query;
    }
    while (mb_slice_present(rest)) {
        if (out.len > 0) {
            mb_xbuf_add_char(&out, '&');
        }
        mask_parameter(m, mb_slice_cut(&rest, '&'), &out);
    }
    masked = mb_xarena_copy(&m->arena, mb_buf_slice(&out));
    mb_buf_fini(&out);
    return masked;
}

static const struct mb_pair *found_at(const struct mb__masker *m, struct mb_slice rest)
{
    size_t i;

    for (i = 0; i < m->n_replaced; i++) {
        if (mb_slice_starts(rest, m->replaced[i].name)) {
            return &m->replaced[i];
        }
    }
    return NULL;
}

struct mb_slice mb__mask_text(struct mb__masker *m, struct mb_slice text)
{
    struct mb_buf out = {0};
    struct mb_slice rest = text, masked;

    if (m->n_replaced == 0 || mb_slice_empty(text)) {
        return text;
    }
    while (rest.len > 0) {
        const struct mb_pair *pair = found_at(m, rest);
        size_t step = pair ? pair->name.len : 1;

        mb_xbuf_add_slice(&out, pair ? pair->value : mb_slice(rest.data, 1));
        rest = mb_slice(rest.data + step, rest.len - step);
    }
    masked = mb_xarena_copy(&m->arena, mb_buf_slice(&out));
    mb_buf_fini(&out);
    return masked;
}
