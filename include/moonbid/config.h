/* config.h - the config file as checked data.
 *
 * Part of: bidder.  Depends on: base, json, auction, net's limits are plain numbers here.
 * Lifetime: one heap object with an arena of its own; strings die with it.
 */
#ifndef MB_CONFIG_H
#define MB_CONFIG_H

#include "moonbid/auction.h"

struct mb_doc;

/* Every key by its path, and what a reload does with another value: LIVE takes it; RESTART keeps the value that the server
 * was started with. docs/config.md says the same to operators, and a spec compares. */
#define MB_CONFIG_KEY_MAP(XX)                                                                          \
    XX("listen", RESTART) XX("admin", RESTART) XX("admin_token", LIVE) XX("workers", RESTART)          \
    XX("user", RESTART) XX("scripts", RESTART) XX("data", RESTART) XX("timezone", RESTART)             \
    XX("currency", RESTART) XX("rates", LIVE) XX("notice_url", LIVE) XX("click_url", LIVE)             \
    XX("pixel_url", LIVE) XX("notice_keys", LIVE) XX("geoip", LIVE) XX("silence", LIVE)              \
    XX("fetch.allow", LIVE) XX("fetch.timeout", LIVE) XX("fetch.retry", LIVE)                          \
    XX("trusted_proxies", LIVE) XX("log_level", LIVE) XX("recorder.rate", LIVE) XX("recorder.max_mb", LIVE) XX("recorder.ip", LIVE) XX("recorder.ids", LIVE) XX("shadow.rate", LIVE) XX("shadow.cpu_share", LIVE) XX("shadow.scripts", LIVE)                           \
    XX("endpoints[].name", RESTART) XX("endpoints[].exchange", RESTART)                                \
    XX("endpoints[].dialect", RESTART) XX("endpoints[].books_on", RESTART)                             \
    XX("endpoints[].currency", RESTART) XX("endpoints[].path", LIVE) XX("endpoints[].tokens", LIVE)    \
    XX("endpoints[].timeout_ms", LIVE) XX("endpoints[].margin_ms", LIVE) XX("endpoints[].allow", LIVE) \
    XX("endpoints[].member", LIVE) XX("endpoints[].no_bid", LIVE)                                      \
    XX("endpoints[].price_encoding", LIVE) XX("endpoints[].hold", RESTART)                             \
    XX("endpoints[].native_adm", LIVE)                                                                 \
    XX("endpoints[].tag_no_bids", LIVE) XX("endpoints[].imptrackers", LIVE)                            \
    XX("endpoints[].burl_macros", LIVE) XX("endpoints[].xml", LIVE)                                    \
    XX("endpoints[].tests", LIVE) XX("endpoints[].notice_retries", LIVE)                               \
    XX("limits.header_bytes", LIVE) XX("limits.body_bytes", LIVE) XX("limits.connections", LIVE)       \
    XX("limits.idle", LIVE) XX("limits.header", LIVE) XX("limits.body", LIVE) XX("limits.write", LIVE) \
    XX("limits.grace", LIVE) XX("limits.money_guard", LIVE) XX("limits.backlog_ms", LIVE)              \
    XX("script.cpu_ms", LIVE) XX("script.memory_mb", LIVE) XX("script.hard_ms", LIVE)

/* Keys of an endpoint for habits in which exchanges of one protocol differ, or of which their pages say nothing: the
 * protocol (NONE: all), the usual value, the other one, and the bool of mb_endpoint that says "the other". */
#define MB_CONFIG_HABIT_MAP(XX)                                       \
    XX("no_bid", OPENRTB, "204", "nbr", says_why_not)                 \
    XX("price_encoding", OPENRTB, "plain", "b64", price_in_base64)    \
    XX("native_adm", OPENRTB, "text", "object", native_as_object)     \
    XX("tag_no_bids", XANDR, "left_out", "told", tells_each_tag)      \
    XX("imptrackers", EXOCLICK, "list", "text", tracker_as_text)      \
    XX("burl_macros", EXOCLICK, "none", "price", burl_asks_price)     \
    XX("xml", EXOCLICK, "elements", "refuse", refuses_xml)            \
    XX("tests", NONE, "answered", "declined", declines_tests)         \
    XX("notice_retries", NONE, "expected", "none", notices_come_once)

/* What becomes of personal data in a recording. */
#define MB_RECORDER_MASK_MAP(XX) XX(KEEP, "keep") XX(CUT, "cut") XX(HASH, "hash") XX(DROP, "drop")
enum mb_recorder_mask {
#define XX(name, text) MB_RECORDER_##name,
    MB_RECORDER_MASK_MAP(XX)
#undef XX
};
const char *mb_recorder_mask_name(enum mb_recorder_mask mask);

struct mb_recorder_settings {
    double rate;        /* share of requests, 0 to 1 */
    uint64_t max_bytes; /* of all segments together */
    enum mb_recorder_mask ip;  /* KEEP, CUT (to the network), DROP */
    enum mb_recorder_mask ids; /* of users and devices: KEEP, HASH, DROP */
};

struct mb_config {
    struct mb_arena arena;
    struct mb_slices listen;      /* "127.0.0.1:8080" */
    const char *admin;            /* address, or NULL: off */
    const char *admin_token;      /* NULL: none; required where admin is not loopback */
    uint32_t workers;             /* 0: auto */
    const char *scripts;          /* folder */
    const char *data;             /* folder */
    const char *timezone;         /* IANA name */
    struct mb_slice currency;     /* house */
    struct mb_slice notice_url;   /* base without a final slash */
    struct mb_slice click_url;    /* likewise, of click redirects; the same where none is given */
    struct mb_slice pixel_url;    /* likewise, of the images that count impressions */
    struct mb_slices notice_keys; /* "file:var/notice.key", or 32 hex digits */
    const char *geoip;            /* path, or NULL */
    uint32_t money_guard_ms;      /* bids go on for so long while spend is not recorded */
    uint32_t silence_ms;          /* how long a strategy's bids may go without any notice; 0: for ever */
    struct mb_cidrs trusted_proxies; /* whose X-Forwarded-For is believed */
    struct mb_cidrs fetch_allow;  /* networks that a strategy's own notice URLs may lead to although they are not public */
    uint32_t fetch_timeout_ms, fetch_retry_ms; /* of one try; before the second one */
    struct mb_endpoint *endpoints;
    size_t n_endpoints;
    struct mb_rates rates;
    uint32_t header_bytes, body_bytes, connections;
    uint32_t idle_ms, header_ms, body_ms, write_ms;
    uint32_t backlog_ms;          /* a request that has waited longer is answered without a bid */
    uint32_t grace_ms;            /* what a stop leaves open requests */
    enum mb_log_level log_level;
    const char *user;             /* whom to become when everything is bound, or NULL: nobody else */
    uint32_t script_cpu_ms, script_memory_mb, script_hard_ms;
    struct mb_recorder_settings recorder;
    const char *shadow_scripts;           /* folder of candidates; NULL: none */
    double shadow_rate, shadow_cpu_share; /* parts of requests, and of a worker's CPU time, that shadow strategies get */
};

/* What `http-api.md` section 3 calls the defaults. Owns: mb_config_free. Aborts without memory. */
struct mb_config *mb_xconfig_default(void);

/* Takes a document over the defaults; every key is checked, unknown ones refused. Paths in it are relative to the current folder.
 * Fails: MB_EINVAL with err->where = the key's path ("endpoints[2].timeout_ms") and what was expected; *out NULL. */
int mb_config_from_doc(const struct mb_doc *doc, struct mb_config **out, struct mb_error *err) MB_MUST_USE;
void mb_config_free(struct mb_config *config); /* NULL allowed */

/* The config as a document that mb_config_from_doc reads back to the same: every key that has a value, defaults too, tables
 * in order of their keys, so that equal configs give equal documents. Owns: mb_doc_free. */
struct mb_doc *mb_xconfig_to_doc(const struct mb_config *config);

/* What `running` becomes when `fresh` was read: the keys that are LIVE as `fresh` has them, all others as they run. An endpoint is
 * the one of the same name; one that is new or missing needs a restart.
 *
 * Wants:  live, restart  arrays of a document; get the path of every key whose value differs, such as "limits.body_bytes" and
 *                        "endpoints.xandr.margin_ms".
 * Fails:  MB_EINVAL  what comes out is no good config, such as a rate dropped whose currency an endpoint keeps.
 * Owns:   mb_config_free. */
int mb_config_merge(const struct mb_config *running, const struct mb_config *fresh, struct mb_doc *live,
                    struct mb_doc *restart, struct mb_config **out, struct mb_error *err) MB_MUST_USE;

/* Rate of `currency` into house currency. False where the table has none (house itself: 1). */
bool mb_config_rate(const struct mb_config *config, struct mb_slice currency, struct mb_rate *out);

/* The endpoint of that name, or NULL. */
const struct mb_endpoint *mb_config_endpoint(const struct mb_config *config, struct mb_slice name);

#endif /* MB_CONFIG_H */
