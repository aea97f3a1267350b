/* internal.h - what the files of the simulated exchange share.
 *
 *     run -> exoclick_traffic | xandr_traffic -> (bidder) -> exoclick_answer | xandr_answer ->
 * market -> notices
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
    const char *exoclick; /* path of the endpoint; "" leaves the exchange out */
    const char *xandr;    /* prefix of the endpoint; "" leaves the exchange out */
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
    MB__SIM_KINDS
};

const char *mb__sim_kind_name(enum mb__sim_kind kind);

enum { MB__SIM_TAGS_MAX = 4, MB__SIM_MEMBERS_MAX = 2, MB__SIM_BIDS_MAX = 15 };

struct mb__sim_tag {
    char auction_id[24]; /* decimal, up to 2^63 - 1 */
    uint32_t id;
    struct mb_price reserve; /* 0: none */
};

/* One bid request, as sent. Zeroed, filled by a traffic file, freed with mb__sim_request_fini. */
struct mb__sim_request {
    enum mb__sim_kind kind;
    bool is_get;
    bool wants_xml;
    struct mb_buf target;
    struct mb_buf body;
    char id[64];
    struct mb__sim_tag tags[MB__SIM_TAGS_MAX]; /* Xandr only */
    size_t n_tags;
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
void mb__sim_request_fini(struct mb__sim_request *request);

/* --- answers --- */

enum mb__sim_model { MB__SIM_CPM, MB__SIM_CPC, MB__SIM_SMART_CPC };

struct mb__sim_bid {
    struct mb_price price;
    enum mb__sim_model model;
    struct mb_buf notice;          /* ExoClick: path and query of bUrl; Xandr: custom_notify_data */
    const struct mb__sim_tag *tag; /* Xandr only */
    uint32_t member;               /* Xandr only */
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

/* The bytes of the number (string quotes included, if it is one) behind the next `"key":` of
 * compact or spaced JSON, and `*rest` behind it; absent where there is none. A quote within a
 * string is escaped, so `"key":` can only be a key. It is how ids beyond 2^53 are compared, which
 * cJSON would round. */
struct mb_slice mb__sim_raw_value(struct mb_slice *rest, const char *key);

/* http(s)://host/..., without blanks, control characters or one of the exchange's own tokens left
 * in braces. */
bool mb__sim_is_url(struct mb_slice text);

/* A plain decimal above zero: digits, a point, no exponent. */
bool mb__sim_read_price(struct mb_slice text, struct mb_price *out);

bool mb__sim_content_type_is(const struct mb_http_reply *reply, const char *type);

/* --- market.c: the competition --- */

/* The best offer of the others for an impression of that kind, in the unit of the model. */
struct mb_price mb__sim_market_price(struct mb__sim_random *random, enum mb__sim_kind kind,
                                     enum mb__sim_model model);

/* --- account.c: what the exchange holds to be true --- */

enum mb__sim_exchange { MB__SIM_EXOCLICK, MB__SIM_XANDR, MB__SIM_EXCHANGES };
enum { MB__SIM_MODELS = 3, MB__SIM_REASONS_MAX = 64 };

struct mb__sim_account {
    uint64_t requests[MB__SIM_KINDS], bids[MB__SIM_KINDS], nobids[MB__SIM_KINDS];
    uint64_t sold;       /* our bids that beat the market */
    uint64_t billings;   /* distinct bUrls fetched */
    uint64_t wins;       /* distinct Xandr wins told */
    uint64_t clicks;     /* distinct Xandr clicks told */
    uint64_t duplicates; /* notices told once more */
    uint64_t notices;    /* answered as they must be, of all kinds */
    int64_t spend_nanos[MB__SIM_EXCHANGES][MB__SIM_MODELS];
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
int64_t mb__sim_account_spend(const struct mb__sim_account *account);

/* --- notices.c: what follows a bid --- */

struct mb__sim_notices {
    struct mb_http_client
        *client; /* a connection pool of its own: notices do not slow the bids' clock */
    struct mb__sim_account *account;
    struct mb__sim_random *random;
    const char *xandr; /* prefix */
    uint64_t open;     /* told, not answered */
};

/* The auction's outcome for each bid of an answer, and everything that is told about it. */
void mb__sim_settle(struct mb__sim_notices *notices, const struct mb__sim_request *request,
                    const struct mb__sim_bids *bids);

/* --- verify.c: the other side's account --- */

struct mb__sim_totals {
    int64_t bids, billings, wins, clicks, spend_nanos;
};

/* Fetches GET /status of the admin listener on the loop, again until `wanted` (over `before`) is
 * there or the deadline passes. `wanted` NULL: once. Gives: 0 and the totals in `out`; MB_EIO or
 * MB_EPROTOCOL. */
int mb__sim_totals_fetch(struct uv_loop_s *loop, const struct mb__sim_address *admin,
                         const struct mb__sim_totals *before, const struct mb__sim_totals *wanted,
                         struct mb__sim_totals *out, struct mb_error *err) MB_MUST_USE;
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
