/* internal.h - what the codecs of this folder share; nobody outside includes it.
 *
 * Part of: exchange.
 */
#ifndef MB_EXCHANGE_INTERNAL_H
#define MB_EXCHANGE_INTERNAL_H

#include "moonbid/exchange.h"

enum {
    MB_WIRE_LIST_MAX = 256, /* sizes and words taken of one list: what lies beyond is no help to a decision */
    MB_WIRE_TOKENS_MAX = 64 /* names taken of one query string */
};

/* --- codecs, one a protocol --- */

extern const struct mb_codec mb__exoclick_codec;
extern const struct mb_codec mb__xandr_codec;
extern const struct mb_codec mb__openrtb_codec;

/* --- document.c: the body as JSON --- */

/* Parses the body into a document of the arena. Fails: MB_ESYNTAX, not JSON; MB_EPROTOCOL, JSON past the
 * parser's limits. */
int mb__exchange_parse(const struct mb_wire_in *in, struct mb_json **out, struct mb_error *err);

/* Adds what the getters had to convert to the endpoint's counters; call when all fields were read. */
void mb__exchange_count_slips(const struct mb_wire_in *in, const struct mb_json *doc);

/* Ids or texts of an array (a scalar counts as one), all of them: the last may be the one that blocks us. Others and empty
 * ones are left out. */
struct mb_slices mb__exchange_ids(const struct mb_wire_in *in, struct mb_json_value list);

static inline bool mb__exchange_lists(struct mb_slices list, struct mb_slice item)
{
    for (size_t i = 0; i < list.count; i++) {
        if (mb_slice_eq(list.items[i], item)) {
            return true;
        }
    }
    return false;
}

/* A string's text, or an object or array as it stands: how exchanges send a document inside a document. */
struct mb_slice mb__exchange_embedded(struct mb_json_value value);

struct mb_raw mb__exchange_raw(struct mb_json_value value);

/* A floor as it is written, 0 where there is none. One that is beyond all prices is the highest price: it is not none. */
struct mb_price mb__exchange_floor(struct mb_json_value value);

/* What one unit of a currency is worth; *currency gets upper case letters. False: it has no rate, *out is unchanged. */
bool mb__exchange_rate(const struct mb_wire_in *in, struct mb_slice *currency, struct mb_rate *out);

/* --- text.c: values as both protocols write them --- */

/* mb__exchange_filled where something is to be trimmed, or nothing there. */
struct mb_slice mb__exchange_trimmed(struct mb_slice text);

/* Absent where it is empty or only blanks, else trimmed. */
static inline struct mb_slice mb__exchange_filled(struct mb_slice text)
{
    if (text.len > 0 && (unsigned char)text.data[0] > ' ' &&
        (unsigned char)text.data[text.len - 1] > ' ') {
        return text;
    }
    return mb__exchange_trimmed(text);
}

static inline struct mb_slice mb__exchange_either(struct mb_slice first, struct mb_slice second)
{
    return mb_slice_present(first) ? first : second;
}

/* Absent for the exchanges' "no such user": "0", "-1", empty. */
struct mb_slice mb__exchange_known_id(struct mb_slice id);

/* "en-US,de;q=0.8" -> "en"; absent where it does not begin with two letters that stand alone. */
struct mb_slice mb__exchange_language(struct mb_slice text, struct mb_arena *arena);

/* "https://user@Pub.Example:8080/x" or "Pub.Example" -> "pub.example". */
struct mb_slice mb__exchange_host(struct mb_slice url, struct mb_arena *arena);

struct mb_slice mb__exchange_upper(struct mb_slice text, struct mb_arena *arena);

/* "a, b,,c" -> a b c */
struct mb_slices mb__exchange_split(struct mb_slice text, char sep, struct mb_arena *arena);

bool mb__exchange_is_well_formed(struct mb_slice text, bool for_xml); /* of what is not empty; see below */
/* Well-formed UTF-8 (RFC 3629); with `for_xml` also free of what XML 1.0 cannot hold. Most texts of a bid are absent. */
static inline bool mb__exchange_encodable(struct mb_slice text, bool for_xml)
{
    return text.len == 0 || mb__exchange_is_well_formed(text, for_xml);
}

/* Appends the text as CDATA; what XML cannot hold at all was refused with the bid. */
void mb__exchange_add_cdata(struct mb_buf *buf, struct mb_slice text);

/* Appends the text for HTML and XML, inside attributes too. */
void mb__exchange_add_escaped(struct mb_buf *buf, struct mb_slice text);

/* xml_fragment.c: may the text stand inside an element as it is? */
bool mb__exchange_is_xml(struct mb_slice text);

/* A decimal integer as JSON writes it: what goes out bare must be one. */
bool mb__exchange_is_integer(struct mb_slice text);

/* --- tokens.c --- */

/* Percent-decodes once, '+' is a blank; a broken %X stays. A text without either is given back as it is. */
struct mb_slice mb__exchange_decode(struct mb_slice text, struct mb_arena *arena);

/* As mb_exchange_tokens, leaving out the wire name `skip`. */
struct mb_pairs mb__exchange_query(struct mb_slice query, struct mb_pairs rename, struct mb_slice skip,
                                   struct mb_arena *arena);

/* --- ExoClick --- */

int mb__exoclick_decode_request(const struct mb_wire_in *in, struct mb_request *out, struct mb_error *err);

enum mb_nobid mb__exoclick_check_bid(const struct mb_request *request, struct mb_bid *bid, const char **field);
void mb__exoclick_encode_answer(const struct mb_request *request, struct mb_bid *const *bids, size_t count,
                                struct mb_wire_out *out);

/* One member of the answer, in the order of the wire. */
struct mb__exoclick_field {
    const char *name;
    enum { MB_EXOCLICK_TEXT, MB_EXOCLICK_TEXTS, MB_EXOCLICK_INTEGER, MB_EXOCLICK_PRICE } kind;
    struct mb_slice text; /* TEXT, and the one element of TEXTS */
    const char *more;     /* behind a TEXT, needing no escape; or NULL */
    int64_t integer;
    struct mb_price price;
};

/* The same fields as XML: the layout is not published, so it is all in here. */
void mb__exoclick_write_xml(struct mb_buf *buf, const struct mb__exoclick_field *fields, size_t count);

/* --- Xandr --- */

int mb__xandr_decode_request(const struct mb_wire_in *in, struct mb_request *out, struct mb_error *err);
enum mb_nobid mb__xandr_check_bid(const struct mb_request *request, struct mb_bid *bid, const char **field);
void mb__xandr_encode_answer(const struct mb_request *request, struct mb_bid *const *bids, size_t count,
                             struct mb_wire_out *out);
int mb__xandr_decode_notice(const struct mb_wire_in *in, enum mb_wire_path path, struct mb_event **out,
                            size_t *count, struct mb_error *err);

int mb__xandr_encode_click_answer(struct mb_slice returned, struct mb_arena *arena, struct mb_buf *out,
                                  struct mb_error *err);

/* Names and values that the exchange takes: without '^', at most 550 bytes a value. */
bool mb__xandr_are_macros_possible(struct mb_pairs macros);

/* NULL where the list of segment actions is what the exchange takes, else the member at fault: "segment_actions". */
const char *mb__xandr_check_segments(struct mb_json_value list);

/* The currency of an endpoint's prices. */
struct mb_slice mb__xandr_currency(const struct mb_endpoint *endpoint);

/* The symbol of a bid error, without the exchange's prefix; absent for ids that have none. */
struct mb_slice mb__xandr_error_name(int64_t error_id);

/* --- OpenRTB --- */

int mb__openrtb_decode_request(const struct mb_wire_in *in, struct mb_request *out, struct mb_error *err);
/* openrtb_imps.c: the list `imp`. Fails (MB_EPROTOCOL) where it has none that one could bid on, or too many. */
int mb__openrtb_imps(const struct mb_wire_in *in, struct mb_json_value list, struct mb_request *out,
                     struct mb_error *err);
/* openrtb_device.c: the request's `device`, client hints included, and whether the user wants to be left alone there.
 * *geo: its member of that name, absent where that is no object. */
void mb__openrtb_device(struct mb_json_value device, struct mb_arena *arena, struct mb_request *out,
                        struct mb_json_value *geo);
enum mb_nobid mb__openrtb_check_bid(const struct mb_request *request, struct mb_bid *bid, const char **field);
void mb__openrtb_encode_answer(const struct mb_request *request, struct mb_bid *const *bids, size_t count,
                               struct mb_wire_out *out);

/* OpenRTB's number (list of no-bid reason codes) for a reason of ours. */
int mb__openrtb_no_bid_reason(enum mb_nobid reason);

/* openrtb_deal.c: NULL, or the field for which the bid cannot be on its deal, or needs one. Sets the seat where none is
 * named and the deal is for one alone. */
const char *mb__openrtb_check_deal(struct mb_bid *bid);

/* openrtb_blocked.c: the field of the bid that the publisher has blocked, or NULL; and whether it takes the language,
 * where "de" takes "de-AT". */
const char *mb__openrtb_blocked(const struct mb_request *request, const struct mb_bid *bid);
bool mb__openrtb_takes_language(const struct mb_request *request, struct mb_slice language);

/* openrtb_markup.c: what goes into `adm`. NULL, or the field that is missing for the impression's format. */
const char *mb__openrtb_check_markup(const struct mb_request *request, const struct mb_bid *bid);
void mb__openrtb_add_markup(const struct mb_request *request, const struct mb_bid *bid, struct mb_buf *out);

/* vast.c, vast_fit.c, vast_write.c: the VAST document that the bid's table `vast` describes, in the version that the
 * impression takes. NULL, or the path of the key that is wrong or missing; `out` may be NULL (then only that). */
const char *mb__openrtb_add_vast(const struct mb_bid *bid, struct mb_buf *out);
/* Sets the length in seconds and OpenRTB's number of the protocol by a table that was found sound, where they are 0. */
void mb__openrtb_tell_vast(const struct mb_bid *bid, int32_t *duration_s, int32_t *protocol);

/* Did the request come as Google's `request_native`, whose answer is an object `adm_native`? */
bool mb__openrtb_asks_native_object(const struct mb_imp *imp);
/* openrtb_native.c: the bid's native document, without a root. NULL, or the field that is missing or wrong; appends
 * to `out`, which may be NULL (then only that). */
const char *mb__openrtb_add_native(const struct mb_bid *bid, struct mb_buf *out);

/* The exchange's number of bids in one answer, and what it cuts a higher price per thousand to. */
enum { MB_XANDR_BIDS_MAX = 15, MB_XANDR_PRICE_MAX_MICROS = 999000000 };

#endif /* MB_EXCHANGE_INTERNAL_H */
