/* exoclick_request.c - ExoClick's own request: one flat object, or the same names in a query string.
 *
 * A field is asked for by name from whichever of the two came in, so there is one decoder. Of the fields that
 * the exchange calls mandatory only `id` is insisted on: without it no answer is possible, while real callers do
 * leave the others out. A type that nobody knows is a request without a format, hence no bid.
 *
 * The e-mail address of `el` (base64) is personal data. It is taken out of the tokens and of the document that
 * scripts see as `raw`, and handed on in user.email only: the bidder, who has the key, makes a keyed hash of it and
 * forgets it.
 */
#include "shape.h"

/* What we read, and what says: this is OpenRTB, sent to the wrong place. */
#define REQUEST_MEMBERS(XX)                                                                        \
    XX(id) XX(type) XX(size) XX(export) XX(url) XX(sub) XX(keyword) XX(ip) XX(remote_addr)          \
    XX(remove_addr) XX(x_forwarded_for) XX(ua) XX(language) XX(user_id) XX(el) XX(imp) XX(seatbid)  \
    XX(openrtb)
SHAPE(request, REQUEST_MEMBERS)

static const struct {
    const char *type;
    enum mb_format format;
} types[] = {
    {"banner", MB_FORMAT_BANNER},
    {"popunder", MB_FORMAT_POPUNDER},
    {"push_notification", MB_FORMAT_PUSH},
    {"in_page_push_notification", MB_FORMAT_IN_PAGE_PUSH},
    {"direct_link", MB_FORMAT_DIRECT_LINK},
    {"email_click", MB_FORMAT_EMAIL_CLICK},
    {"email_clicks", MB_FORMAT_EMAIL_CLICK},
};

#define EMAIL MB_SLICE("el")

/* Where fields come from. */
struct source {
    struct mb_json *doc;    /* NULL for GET */
    struct mb_pairs query;  /* empty for POST */
    union request places;   /* in the document; in the query a field's pair, counted from 1 */
    struct mb_slice email;  /* as sent; kept out of the two above */
};

/* A field's text, digits of a number included; absent where it is missing, blank, or no scalar. */
static struct mb_slice field(const struct source *from, uint16_t place)
{
    return from->doc ? text_at(from->doc, place)
           : place   ? mb__exchange_filled(from->query.items[place - 1].value)
                     : MB_SLICE_NONE;
}

/* The same for a field that is an integer by contract and a string with some callers. */
static struct mb_slice id_field(const struct source *from, uint16_t place)
{
    return from->doc ? id_at(from->doc, place) : field(from, place);
}

/* Makes every `el` of the document null, before anybody can look. */
static void forget_email(struct mb_json_value root)
{
    for (struct mb_json_value v = mb_json_first(root); v.type != MB_JSON_NONE; v = mb_json_next(root, v)) {
        if (mb_slice_eq(mb_json_key(v), EMAIL)) {
            struct mb_json_token *token = &root.doc->tokens[v.token];
            token->type = MB_JSON_NULL;
            token->end = token->start;
        }
    }
}

static void open_query(const struct mb_wire_in *in, struct source *from)
{
    const struct mb_pairs none = {NULL, 0};
    from->email =
        mb_pairs_get(mb__exchange_query(in->query, none, MB_SLICE_NONE, in->arena), EMAIL);
    from->query = mb__exchange_query(in->query, none, EMAIL, in->arena);
    for (size_t i = 0; i < from->query.count; i++) {
        for (size_t name = 0; name < request_known.count; name++) {
            if (mb_slice_eq(from->query.items[i].name, request_known.texts[name])) {
                from->places.places[name] = (uint16_t)(i + 1);
            }
        }
    }
}

static int open_source(const struct mb_wire_in *in, struct source *from, struct mb_error *err)
{
    if (in->is_get) {
        open_query(in, from);
        return 0;
    }
    int rc = mb__exchange_parse(in, &from->doc, err);
    if (rc < 0) {
        return rc;
    }
    struct mb_json_value root = mb_json_root(from->doc);
    if (root.type != MB_JSON_OBJECT) {
        return mb_fail(err, MB_EPROTOCOL, "body", "a bid request is a JSON object");
    }
    find_request(root, &from->places);
    const char *stranger = from->places.imp       ? "imp"
                           : from->places.seatbid ? "seatbid"
                           : from->places.openrtb ? "openrtb"
                                                  : NULL;
    if (stranger) {
        return mb_fail(err, MB_EPROTOCOL, stranger, "this is OpenRTB, not the flat request");
    }
    if (from->places.el) {
        from->email = mb_json_str(value_at(from->doc, from->places.el));
        forget_email(root);
    }
    return 0;
}

/* The id exactly as sent, since it is echoed: not even blanks around it are touched. */
static struct mb_slice read_id(const struct source *from)
{
    uint16_t place = from->places.id;
    if (!mb_slice_present(field(from, place))) {
        return MB_SLICE_NONE;
    }
    return from->doc ? mb_json_str(value_at(from->doc, place)) : from->query.items[place - 1].value;
}

static enum mb_format read_format(const struct source *from)
{
    struct mb_slice type = field(from, from->places.type);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (mb_slice_is(type, types[i].type) || mb_slice_eq_nocase(type, mb_slice_of(types[i].type))) {
            return types[i].format;
        }
    }
    return MB_FORMAT_NONE;
}

/* A push request without a size means the small icon. */
static struct mb_size read_size(const struct source *from, enum mb_format format)
{
    struct mb_size size = {0, 0};
    if (!mb_size_parse(field(from, from->places.size), &size) && format == MB_FORMAT_PUSH) {
        size = (struct mb_size){192, 192};
    }
    return size;
}

/* Inlined wherever it stands, so that the length of a constant name is a constant. */
static inline __attribute__((always_inline)) struct mb_slice token(const struct mb_request *request, const char *name)
{
    return mb__exchange_filled(mb_pairs_get(request->tokens, mb_slice_of(name)));
}

static void read_site(const struct source *from, struct mb_request *out, struct mb_arena *arena)
{
    struct mb_site *site = &out->site;
    struct mb_slice keywords = field(from, from->places.keyword);
    site->id = token(out, "site_id");
    site->zone_id = token(out, "zone_id");
    site->sub = id_field(from, from->places.sub);
    site->page = field(from, from->places.url);
    site->domain = mb__exchange_host(mb__exchange_either(token(out, "src_hostname"), site->page), arena);
    site->keywords = mb__exchange_split(mb__exchange_either(keywords, token(out, "tags")), ',', arena);
    out->user.keyword = mb__exchange_either(keywords, token(out, "keyword"));
}

static void read_device(const struct source *from, struct mb_request *out, struct mb_arena *arena)
{
    struct mb_device *device = &out->device;
    /* The exchange's own page for publishers spells it `remove_addr`. */
    device->remote_ip = mb__exchange_either(field(from, from->places.remote_addr), field(from, from->places.remove_addr));
    device->ip = mb__exchange_either(field(from, from->places.ip), device->remote_ip);
    device->forwarded_for = field(from, from->places.x_forwarded_for);
    device->ua = field(from, from->places.ua);
    device->language = mb__exchange_language(
        mb__exchange_either(field(from, from->places.language), token(out, "language")), arena);
}

static struct mb_imp *read_imp(const struct source *from, const struct mb_request *request,
                               struct mb_arena *arena)
{
    struct mb_imp *imp = mb_xarena_alloc(arena, sizeof *imp);
    imp->id = request->id;
    imp->format = read_format(from);
    imp->size = read_size(from, imp->format);
    if (imp->size.width > 0) {
        imp->sizes = &imp->size;
        imp->n_sizes = 1;
    }
    imp->currency_wire = request->currency;
    imp->raw = request->raw;
    return imp;
}

int mb__exoclick_decode_request(const struct mb_wire_in *in, struct mb_request *out, struct mb_error *err)
{
    struct source from = {0};
    int rc = open_source(in, &from, err);
    if (rc < 0) {
        return rc;
    }
    *out = (struct mb_request){
        .endpoint = in->endpoint,
        .id = read_id(&from),
        .currency = in->endpoint->currency,
        .timeout_ms = in->endpoint->timeout_ms,
        .regs = {.gdpr = -1, .coppa = -1},
        .tokens = mb__exchange_query(in->query, in->endpoint->tokens, EMAIL, in->arena),
        .raw = mb__exchange_raw(from.doc ? mb_json_root(from.doc) : (struct mb_json_value){0}),
    };
    if (!mb_slice_present(out->id)) {
        return mb_fail(err, MB_EPROTOCOL, "id", "a bid request has an id: the answer repeats it");
    }
    if (mb_slice_eq_nocase(field(&from, from.places.export), MB_SLICE("xml"))) {
        out->answer_form = MB_ANSWER_XML;
    }
    read_site(&from, out, in->arena);
    read_device(&from, out, in->arena);
    out->user.id = mb__exchange_known_id(field(&from, from.places.user_id));
    out->user.email = mb__exchange_filled(from.email);
    out->imps = read_imp(&from, out, in->arena);
    out->n_imps = 1;
    if (from.doc) {
        mb__exchange_count_slips(in, from.doc);
    }
    return 0;
}
