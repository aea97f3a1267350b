/* internal.h - what the files of the simulated exchange share.
 *
 *     run -> exoclick_traffic | xandr_traffic | openrtb_traffic -> (bidder)
 *         -> exoclick_answer | xandr_answer | openrtb_answer, openrtb_markup
 *         -> market -> notices | openrtb_notices -> chain
 *
 * The exchange reads our answers with parsers of its own (cJSON, xml.c) and keeps its own account
 * of what it sold, so that an error in the server is not repeated here. It shares with the server
 * only base, the JSON writer and the HTTP client.
 */
#ifndef MB_SIMULATOR_INTERNAL_H
#define MB_SIMULATOR_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "moonbid/base.h"

struct mb_http_client;
struct mb_http_reply;
struct mb_json_writer;
struct uv_loop_s;

/* What is spoken with the bidder. The exchanges' OpenRTB dialects are protocols of their own. */
enum mb__sim_protocol {
    MB__SIM_EXOCLICK,
    MB__SIM_XANDR,
    MB__SIM_OPENRTB,
    MB__SIM_OPENRTB_EXOCLICK,
    MB__SIM_OPENRTB_XANDR,
    MB__SIM_PROTOCOLS
};

const char *mb__sim_protocol_name(enum mb__sim_protocol protocol);

/* --- options.c: the command line --- */

struct mb__sim_address {
    char host[64];
    uint16_t port;
};

struct mb__sim_options {
    struct mb__sim_address target; /* the bidder's public listener */
    struct mb__sim_address verify; /* its admin listener; port 0: sides are not compared */
    uint32_t seconds;              /* 0: until `requests` or a signal */
    uint64_t requests;             /* 0: until `seconds` or a signal */
    uint32_t rate;                 /* bid requests a second; 0: as fast as answers come */
    uint32_t connections;
    uint64_t seed;
    /* Path of the endpoint, of MB__SIM_XANDR its prefix; "" leaves the protocol out. */
    const char *paths[MB__SIM_PROTOCOLS];
    struct mb_rate eur; /* what one EUR is worth in the bidder's house currency, USD here */
    bool json_report;
    bool live; /* a summary line each second on standard error */
};

/* Gives: 0, or 1 after --help, or -1 with the complaint printed. */
int mb__sim_options_read(int argc, char **argv, struct mb__sim_options *out) MB_MUST_USE;

/* --- random.c: chance that a seed repeats --- */

struct mb__sim_random {
    uint64_t state;
};

uint64_t mb__sim_random_next(struct mb__sim_random *random);
uint64_t mb__sim_random_below(struct mb__sim_random *random, uint64_t limit); /* limit > 0 */
bool mb__sim_random_percent(struct mb__sim_random *random, unsigned percent);

#define MB__SIM_PICK(random, array)                                                                \
    (&(array)[mb__sim_random_below((random), sizeof(array) / sizeof((array)[0]))])

/* --- visitors.c: who looks at the pages --- */

struct mb__sim_visitor {
    char ip[64];
    const char
        *country; /* alpha-2 as the free database has the address, or NULL for a test address */
    const char *language;
    const char *user_agent;
    const char *domain;
    char user_id[40];
    uint64_t user_number; /* the same person for Xandr */
};

void mb__sim_visitor_draw(struct mb__sim_random *random, struct mb__sim_visitor *out);

/* --- requests --- */

enum mb__sim_kind {
    MB__SIM_BANNER,
    MB__SIM_POPUNDER,
    MB__SIM_PUSH,
    MB__SIM_IN_PAGE_PUSH,
    MB__SIM_DIRECT_LINK,
    MB__SIM_EMAIL_CLICK,
    MB__SIM_XANDR_SINGLE,
    MB__SIM_XANDR_MULTI,
    MB__SIM_OPENRTB_BANNER,
    MB__SIM_OPENRTB_VIDEO,
    MB__SIM_OPENRTB_AUDIO,
    MB__SIM_OPENRTB_NATIVE,
    MB__SIM_OPENRTB_DEAL,
    MB__SIM_OPENRTB_MULTI,
    MB__SIM_EXOCLICK_OPENRTB_BANNER,
    MB__SIM_EXOCLICK_OPENRTB_POPUNDER,
    MB__SIM_EXOCLICK_OPENRTB_NATIVE,
    MB__SIM_EXOCLICK_OPENRTB_EMAIL,
    MB__SIM_XANDR_OPENRTB,
    MB__SIM_KINDS
};

const char *mb__sim_kind_name(enum mb__sim_kind kind);

enum { MB__SIM_TAGS_MAX = 4, MB__SIM_IMPS_MAX = 4, MB__SIM_MEMBERS_MAX = 2, MB__SIM_BIDS_MAX = 15 };

struct mb__sim_tag {
    char auction_id[24]; /* decimal, up to 2^63 - 1 */
    uint32_t id;
    struct mb_price reserve; /* 0: none */
};

/* What an OpenRTB impression offers; the first four stand in the order of OpenRTB's markup types.
 */
enum mb__sim_media {
    MB__SIM_MEDIA_BANNER,
    MB__SIM_MEDIA_VIDEO,
    MB__SIM_MEDIA_AUDIO,
    MB__SIM_MEDIA_NATIVE,
    MB__SIM_MEDIA_POPUNDER, /* ExoClick: instl without a media type */
    MB__SIM_MEDIA_EMAIL,    /* ExoClick: el without a media type */
    MB__SIM_MEDIA_TYPES
};

/* An OpenRTB impression. */
struct mb__sim_imp {
    char id[24];
    unsigned media; /* bits 1 << enum mb__sim_media */
    uint32_t width, height;
    struct mb_price floor;
    bool floor_in_eur; /* else USD */
    bool deals_only;
    bool native_root;           /* its native answer stands in an object with the member `native` */
    const char *deal;           /* NULL: none offered */
    struct mb_price deal_floor; /* USD */
};

/* One bid request, as sent. Zeroed, filled by a traffic file, freed with mb__sim_request_fini. */
struct mb__sim_request {
    enum mb__sim_protocol protocol;
    enum mb__sim_kind kind;
    bool is_get;
    bool wants_xml;
    struct mb_buf target;
    struct mb_buf body;
    char id[64];
    struct mb__sim_tag tags[MB__SIM_TAGS_MAX]; /* Xandr's own protocol only */
    size_t n_tags;
    struct mb__sim_imp imps[MB__SIM_IMPS_MAX]; /* OpenRTB only, with what follows */
    size_t n_imps;
    const char *version;     /* of the x-openrtb-version header */
    bool takes_usd;          /* an answer in USD */
    bool takes_eur;          /* an answer in EUR */
    const char *blocked;     /* advertiser domain */
    struct mb_rate eur_rate; /* as in the options */
    uint32_t members[MB__SIM_MEMBERS_MAX];
    size_t n_members;
    uint64_t user_number;
    const char *user_agent;
    const char *domain;
};

void mb__sim_exoclick_request(const char *path, struct mb__sim_random *random,
                              struct mb__sim_request *out);
void mb__sim_xandr_request(const char *prefix, struct mb__sim_random *random,
                           struct mb__sim_request *out);
/* `dialect`: one of the three OpenRTB protocols. */
void mb__sim_openrtb_request(enum mb__sim_protocol dialect, const char *path,
                             struct mb__sim_random *random, struct mb__sim_request *out);
void mb__sim_request_fini(struct mb__sim_request *request);

/* --- answers --- */

enum mb__sim_model { MB__SIM_CPM, MB__SIM_CPC, MB__SIM_SMART_CPC };

struct mb__sim_bid {
    struct mb_price price;
    enum mb__sim_model model;
    struct mb_buf notice;          /* path and query of bUrl or burl; Xandr: custom_notify_data */
    const struct mb__sim_tag *tag; /* Xandr's own protocol only */
    uint32_t member;               /* Xandr's own protocol only */
    const struct mb__sim_imp *imp; /* OpenRTB only, with what follows */
    struct mb_buf win, loss;       /* path and query of nurl and lurl; loss may be empty */
    struct mb_buf id, seat, ad_id; /* for the macros */
    bool in_eur;                   /* else USD */
};

struct mb__sim_bids {
    struct mb__sim_bid items[MB__SIM_BIDS_MAX];
    size_t count;
};

/* Reads and checks an answer as the exchange would. Gives: NULL and the bids (none: no bid), or why
 * the answer is rejected: a constant text, so that equal reasons can be counted. `out` zeroed
 * before; freed by _fini always. */
const char *mb__sim_exoclick_answer(const struct mb__sim_request *request,
                                    const struct mb_http_reply *reply, struct mb__sim_bids *out);
const char *mb__sim_xandr_answer(const struct mb__sim_request *request,
                                 const struct mb_http_reply *reply, struct mb__sim_bids *out);
const char *mb__sim_openrtb_answer(const struct mb__sim_request *request,
                                   const struct mb_http_reply *reply, struct mb__sim_bids *out);

/* Whether the markup of a bid can be shown as `media`. NULL, or why not. */
const char *mb__sim_openrtb_markup(const struct mb__sim_request *request,
                                   const struct mb__sim_imp *imp, enum mb__sim_media media,
                                   struct mb_slice markup);

/* The assets that every native request of the simulation asks for. */
struct mb__sim_asset {
    uint32_t id;
    bool required;
    const char *member, *key; /* of the answer, such as "title" and "text" */
    uint32_t type;            /* of image or data; 0: a title */
};

enum { MB__SIM_ASSETS = 4 };

extern const struct mb__sim_asset mb__sim_assets[MB__SIM_ASSETS];

void mb__sim_bids_fini(struct mb__sim_bids *bids);

/* --- xml.c, values.c: what the checks of answers stand on --- */

/* One field of a flat answer, decoded. */
struct mb__sim_field {
    char name[24];
    enum {
        MB__SIM_TEXT,
        MB__SIM_NUMBER,
        MB__SIM_TEXTS
    } type;             /* XML tells no types: all are TEXT */
    struct mb_buf text; /* of NUMBER the digits as sent, of TEXTS the only item */
};

enum { MB__SIM_FIELDS_MAX = 16 };

struct mb__sim_fields {
    struct mb__sim_field items[MB__SIM_FIELDS_MAX];
    size_t count;
};

void mb__sim_fields_fini(struct mb__sim_fields *fields);
struct mb__sim_field *mb__sim_field_add(struct mb__sim_fields *fields, struct mb_slice name);
const struct mb__sim_field *mb__sim_field_get(const struct mb__sim_fields *fields,
                                              const char *name);

/* Reads <root><name>text</name>...</root>, strictly. NULL, or what is wrong with it. */
const char *mb__sim_xml_read(struct mb_slice text, const char *root, struct mb__sim_fields *out);

/* Whether `text` is a well-formed XML document (elements, attributes, CDATA, comments, the five
 * entities; no doctype) with that root. NULL, or what is wrong with it. */
const char *mb__sim_xml_check(struct mb_slice text, const char *root);

/* Valid UTF-8 without characters that XML 1.0 cannot hold. */
bool mb__sim_is_xml_text(struct mb_slice text);

/* The bytes of the number (string quotes included, if it is one) behind the next `"key":` of
 * compact or spaced JSON, and `*rest` behind it; absent where there is none. A quote within a
 * string is escaped, so `"key":` can only be a key. It is how ids beyond 2^53 are compared, which
 * cJSON would round. */
struct mb_slice mb__sim_raw_value(struct mb_slice *rest, const char *key);

/* http(s)://host/..., without blanks, control characters or one of the exchange's own tokens left
 * in braces. */
bool mb__sim_is_url(struct mb_slice text);

/* The part of a URL that goes to the server: path and query. */
struct mb_slice mb__sim_path_of(struct mb_slice url);

/* A plain decimal above zero: digits, a point, no exponent. */
bool mb__sim_read_price(struct mb_slice text, struct mb_price *out);

/* Members of an object that is being written. */
void mb__sim_key_text(struct mb_json_writer *w, const char *key, const char *text);
void mb__sim_key_number(struct mb_json_writer *w, const char *key, uint64_t number);
void mb__sim_key_bool(struct mb_json_writer *w, const char *key, bool value);

bool mb__sim_content_type_is(const struct mb_http_reply *reply, const char *type);

/* --- market.c: the competition --- */

/* The best offer of the others for an impression of that kind, in the unit of the model. */
struct mb_price mb__sim_market_price(struct mb__sim_random *random, enum mb__sim_kind kind,
                                     enum mb__sim_model model);

/* --- account.c: what the exchange holds to be true --- */

enum { MB__SIM_MODELS = 3, MB__SIM_REASONS_MAX = 64 };

/* Counts of one protocol. What is told twice counts once. */
struct mb__sim_tally {
    uint64_t sold;     /* our bids that beat the market */
    uint64_t billings; /* bUrls and burls fetched */
    uint64_t wins;     /* wins told: Xandr's notify, OpenRTB's nurl */
    uint64_t losses;   /* lurls fetched */
    uint64_t clicks;   /* Xandr's clicks told */
    int64_t spend_nanos[MB__SIM_MODELS];
};

struct mb__sim_account {
    uint64_t requests[MB__SIM_KINDS], bids[MB__SIM_KINDS], nobids[MB__SIM_KINDS];
    struct mb__sim_tally tallies[MB__SIM_PROTOCOLS];
    uint64_t duplicates;     /* notices told once more */
    uint64_t notices;        /* answered as they must be, of all kinds */
    uint64_t retried;        /* notices sent again because the bidder said to come back later */
    uint64_t failed;         /* requests and notices without an answer, or notices refused */
    uint64_t rejected_total; /* answers that the exchange would not take */
    struct {
        const char *why;
        uint64_t count;
    } rejected[MB__SIM_REASONS_MAX];
    size_t n_rejected;
    struct mb_buf latency_us; /* one uint32_t per answered bid request */
};

void mb__sim_account_reject(struct mb__sim_account *account, const char *why,
                            const struct mb__sim_request *request,
                            const struct mb_http_reply *reply);
/* All protocols together. */
struct mb__sim_tally mb__sim_account_sum(const struct mb__sim_account *account);
int64_t mb__sim_tally_spend(const struct mb__sim_tally *tally);

/* --- chain.c: notices one after the other --- */

struct mb__sim_notices {
    struct mb_http_client
        *client; /* a connection pool of its own: notices do not slow the bids' clock */
    struct mb__sim_account *account;
    struct mb__sim_random *random;
    const char *xandr; /* prefix */
    uint64_t open;     /* told, not answered for good */
    struct mb__sim_step *waiting; /* told to come back later, a list of first steps of chains */
};

/* One notice; `counts` and `spends` point into the account, and are raised once it is answered. */
struct mb__sim_step {
    struct mb__sim_notices *notices;
    struct mb__sim_step *next;
    struct mb__sim_step *next_waiting;
    int64_t due_ns; /* boot time; of one that waits */
    int retries;
    const char *method;
    struct mb_buf target;
    struct mb_buf body;
    bool is_click;    /* of Xandr: may be answered with a click_response */
    uint64_t *counts; /* one more such event, or NULL */
    int64_t *spends;  /* `nanos` more, or NULL */
    int64_t nanos;
};

/* What is told of one bid, in order; zeroed before. */
struct mb__sim_chain {
    struct mb__sim_step *first, *last;
};

/* Appends a step to target + rest, without a body. Gives it for what else is to be set. */
struct mb__sim_step *mb__sim_chain_add(struct mb__sim_notices *notices, struct mb__sim_chain *chain,
                                       const char *method, const char *target,
                                       struct mb_slice rest);
/* Now and then the last step once more: the same bytes, and no effect on the account. */
void mb__sim_chain_maybe_repeat(struct mb__sim_notices *notices, struct mb__sim_chain *chain);
/* Sends the first step; each next one when the one before was answered, and none behind one that
 * was refused. Takes the steps. */
void mb__sim_chain_send(struct mb__sim_chain *chain);
/* Sends what was told to come back later and is due. `now_ns`: boot time. */
void mb__sim_chain_retry_due(struct mb__sim_notices *notices, int64_t now_ns);

/* --- notices.c, openrtb_notices.c: what follows a bid --- */

/* In a hundred: clicks of what was shown. */
enum { MB__SIM_CLICKS = 20 };

int64_t mb__sim_cost_nanos(enum mb__sim_model model, struct mb_price price);

/* The auction's outcome for each bid of an answer, and everything that is told about it. */
void mb__sim_settle(struct mb__sim_notices *notices, const struct mb__sim_request *request,
                    const struct mb__sim_bids *bids);
void mb__sim_openrtb_settle(struct mb__sim_notices *notices, const struct mb__sim_request *request,
                            const struct mb__sim_bids *bids);

/* --- verify.c: the other side's account --- */

struct mb__sim_totals {
    int64_t bids, billings, wins, losses, clicks, spend_nanos;
};

/* Fetches GET /status of the admin listener on the loop, again until `wanted` (over `before`) is
 * there or the deadline passes. `wanted` NULL: once. Gives: 0 and the totals in `out`; MB_EIO or
 * MB_EPROTOCOL. */
int mb__sim_totals_fetch(struct uv_loop_s *loop, const struct mb__sim_address *admin,
                         const struct mb__sim_totals *before, const struct mb__sim_totals *wanted,
                         struct mb__sim_totals *out, struct mb_error *err) MB_MUST_USE;
/* Equal, but losses: of those the bidder may know more, since Xandr tells them by its own protocol
 * too, and whether they can be attributed depends on what else was bid. */
bool mb__sim_totals_agree(const struct mb__sim_totals *before, const struct mb__sim_totals *wanted,
                          const struct mb__sim_totals *now);

/* --- run.c: the clock and the connections --- */

struct mb__sim_outcome {
    double elapsed_s; /* until the last bid request was answered */
    struct mb__sim_totals ours;
    struct mb__sim_totals theirs;
    bool compared;
    bool agree; /* true where nothing was compared */
};

int mb__sim_run(const struct mb__sim_options *options, struct mb__sim_account *account,
                struct mb__sim_outcome *out, struct mb_error *err) MB_MUST_USE;

/* --- report.c --- */

void mb__sim_report_live(const struct mb__sim_account *account, double elapsed_s);
void mb__sim_report(const struct mb__sim_options *options, struct mb__sim_account *account,
                    const struct mb__sim_outcome *outcome);

#endif /* MB_SIMULATOR_INTERNAL_H */
