/* auction.h - the nouns: endpoint, bid request, impression, bid, event, and the reasons for not bidding.
 *
 * Part of: auction.  Depends on: base.
 * Threads:  plain structs; no state.
 * Lifetime: a request, its impressions and bids live in the arena of one decision; their slices point into the
 *           request's bytes or that arena. An absent field is an absent slice, 0, or the enum's _NONE.
 *           No struct here knows a wire format: codecs (exchange.h) fill and read them.
 */
#ifndef MB_AUCTION_H
#define MB_AUCTION_H

#include <stdbool.h>
#include <stdint.h>

#include "moonbid/base.h"

struct mb_json;     /* json.h: the request's document, for `raw`; opaque here */
struct mb_strategy; /* strategy.h */

/* --- names: one list each gives the enum and the text that Lua, reports and metrics show --- */

#define MB_EXCHANGE_MAP(XX)   \
    XX(EXOCLICK, "exoclick")  \
    XX(XANDR, "xandr")        \
    XX(OPENRTB, "openrtb")

#define MB_FORMAT_MAP(XX)               \
    XX(BANNER, "banner")                \
    XX(POPUNDER, "popunder")            \
    XX(PUSH, "push")                    \
    XX(IN_PAGE_PUSH, "in_page_push")    \
    XX(NATIVE, "native")                \
    XX(VIDEO, "video")                  \
    XX(AUDIO, "audio")                  \
    XX(DIRECT_LINK, "direct_link")      \
    XX(EMAIL_CLICK, "email_click")

#define MB_MODEL_MAP(XX) \
    XX(CPM, "cpm")       \
    XX(CPC, "cpc")       \
    XX(SMART_CPC, "smart_cpc")

#define MB_EVENT_MAP(XX)           \
    XX(WIN, "win")                 \
    XX(LOSS, "loss")               \
    XX(BILLING, "billing")         \
    XX(IMPRESSION, "impression")   \
    XX(CLICK, "click")             \
    XX(CONVERSION, "conversion")   \
    XX(PENDING, "pending")         \
    XX(KEPT, "kept")               \
    XX(SOLD, "sold")               \
    XX(DEFAULT, "default")         \
    XX(ERROR, "error")             \
    XX(OTHER, "other") /* a notify type that nobody knows: recorded, books nothing */

/* lua-api.md section 7. SCRIPT is the strategy's own word (mb_decision.own_reason). */
#define MB_NOBID_MAP(XX)                 \
    XX(NONE, "none")                     \
    XX(NO_STRATEGY, "no_strategy")       \
    XX(TARGET, "target")                 \
    XX(HOURS, "hours")                   \
    XX(NOT_STARTED, "not_started")       \
    XX(ENDED, "ended")                   \
    XX(QPS, "qps")                       \
    XX(FREQUENCY, "frequency")           \
    XX(BUDGET, "budget")                 \
    XX(HOURLY, "hourly")                 \
    XX(PACING, "pacing")                 \
    XX(BELOW_FLOOR, "below_floor")       \
    XX(OVER_MAX_BID, "over_max_bid")     \
    XX(INVALID_BID, "invalid_bid")       \
    XX(CURRENCY, "currency")             \
    XX(OUTRANKED, "outranked")           \
    XX(DEADLINE, "deadline")             \
    XX(SCRIPT_ERROR, "script_error")     \
    XX(SCRIPT_TIMEOUT, "script_timeout") \
    XX(SCRIPT_MEMORY, "script_memory")   \
    XX(BENCHED, "benched")               \
    XX(PAUSED, "paused")                 \
    XX(OVERLOAD, "overload")             \
    XX(DRAINING, "draining")             \
    XX(BLOCKED, "blocked")               \
    XX(TEST, "test")                     \
    XX(MONEY_GUARD, "money_guard")       \
    XX(SCRIPT, "script")

enum mb_exchange {
    MB_EXCHANGE_NONE,
#define XX(name, text) MB_EXCHANGE_##name,
    MB_EXCHANGE_MAP(XX)
#undef XX
    MB_EXCHANGE_COUNT
};

/* How an exchange speaks OpenRTB. */
enum mb_dialect { MB_DIALECT_GENERIC, MB_DIALECT_EXOCLICK, MB_DIALECT_XANDR };

enum mb_format {
    MB_FORMAT_NONE,
#define XX(name, text) MB_FORMAT_##name,
    MB_FORMAT_MAP(XX)
#undef XX
    MB_FORMAT_COUNT
};

enum mb_model {
    MB_MODEL_NONE,
#define XX(name, text) MB_MODEL_##name,
    MB_MODEL_MAP(XX)
#undef XX
    MB_MODEL_COUNT
};

enum mb_event_type {
    MB_EVENT_NONE,
#define XX(name, text) MB_EVENT_##name,
    MB_EVENT_MAP(XX)
#undef XX
    MB_EVENT_COUNT
};

/* MB_NOBID_BID is no reason: it says that there is a bid. */
enum mb_nobid {
    MB_NOBID_BID,
#define XX(name, text) MB_NOBID_##name,
    MB_NOBID_MAP(XX)
#undef XX
    MB_NOBID_COUNT
};

/* The text of a value ("" for _NONE and strangers), and the value of a text (_NONE for strangers; case counts). */
const char *mb_exchange_name(enum mb_exchange exchange);
const char *mb_format_name(enum mb_format format);
const char *mb_model_name(enum mb_model model);
const char *mb_event_name(enum mb_event_type type);
const char *mb_nobid_name(enum mb_nobid reason);
enum mb_exchange mb_exchange_of(struct mb_slice name);
enum mb_format mb_format_of(struct mb_slice name);
enum mb_model mb_model_of(struct mb_slice name);
enum mb_event_type mb_event_of(struct mb_slice name);

/* --- small parts --- */

struct mb_pair { /* a name and its value: a query parameter, a macro, a note */
    struct mb_slice name;
    struct mb_slice value;
};

struct mb_pairs {
    const struct mb_pair *items;
    size_t count;
};

struct mb_slices {
    const struct mb_slice *items;
    size_t count;
};

struct mb_size {
    uint32_t width; /* pixels; 0x0: unknown */
    uint32_t height;
};

/* A break of several films (OpenRTB 2.6, 3.2.7: Video). Numbers as there; 0: not told. */
struct mb_pod {
    struct mb_slice id;          /* impressions of one request with the same are of one break */
    int32_t sequence;            /* of the break in what is watched: -1 last, 1 first */
    int32_t slot;                /* in the break: -1 last, 1 first, 2 one of both */
    int32_t duration_s, ads_max; /* of the part that bidders may divide among films */
    struct mb_price floor_per_s; /* CPM in house currency for each second of film there */
};

/* The first value of that name, or absent. O(pairs). */
struct mb_slice mb_pairs_get(struct mb_pairs pairs, struct mb_slice name);

/* What one unit of a currency is worth in house currency. The house currency itself is in it, with 1. */
struct mb_rates {
    const struct mb_rate_of {
        struct mb_slice currency; /* ISO 4217, upper case */
        struct mb_rate rate;
    } *items;
    size_t count;
};

/* False, *out unchanged: the table has none. */
bool mb_rates_get(const struct mb_rates *rates, struct mb_slice currency, struct mb_rate *out);

/* "DEU" -> "DE" (ISO 3166-1, upper case); absent for what is none. And back. */
struct mb_slice mb_country_of_alpha3(struct mb_slice alpha3);
struct mb_slice mb_country_to_alpha3(struct mb_slice alpha2);

/* "300x250" -> 300, 250; blanks and 'X' tolerated. False, *out unchanged, else. */
bool mb_size_parse(struct mb_slice text, struct mb_size *out);

/* A place in the request's document: script code turns it into a Lua value when it is asked for. */
struct mb_raw {
    struct mb_json *doc; /* NULL: none (a GET request) */
    uint32_t token;
    uint8_t type;
};

/* --- where requests come in: one row of the config --- */

struct mb_endpoint {
    struct mb_slice name;         /* unique, [a-z0-9_-]{1,32} */
    struct mb_slice path;         /* ExoClick: the bid URL's path; Xandr: the prefix of /bid, /notify, /click */
    enum mb_exchange exchange;
    struct mb_slice currency;     /* ISO 4217; of prices on the wire where the wire has none */
    struct mb_rate rate;          /* what one unit of it is worth in house currency */
    struct mb_pairs tokens;       /* query parameter on the wire -> name of the exchange's token */
    uint32_t timeout_ms;          /* > margin_ms; the request's own limit goes before */
    uint32_t margin_ms;
    enum mb_dialect dialect;      /* OpenRTB */
    bool books_on_win;            /* OpenRTB: a win books, else its billing notice */
    bool says_why_not;            /* OpenRTB: no bid is 200 with `nbr`, else 204 */
    bool price_in_base64;         /* OpenRTB: asks for ${AUCTION_PRICE:B64} */
    int64_t hold_cpm_ms, hold_cpc_ms; /* how long money is held for a bid; 0: the guard's own times */
    bool tells_each_tag;          /* Xandr's platform: a tag without a bid gets a no_bid of its own, else nothing */
    bool tracker_as_text;         /* ExoClick: `imptrackers` is a text, else a list of one */
    bool burl_asks_price;         /* ExoClick: bUrl has macros for price and currency */
    bool refuses_xml;             /* ExoClick: no bid where XML is asked for */
    bool native_as_object;        /* OpenRTB: native's adm is an object, else a text */
    bool declines_tests;          /* a request that is a test or for debugging gets no bid */
    bool notices_come_once;       /* who is answered 503 does not call again: its notices are taken in overload too */
    struct mb_slice member;       /* Xandr: member to bid for where the request names several; or absent */
    struct mb_cidrs allow;        /* who may call; count 0: anybody */
    uint32_t index;               /* place in the config, 0.. */
};

/* --- a bid request --- */

struct mb_imp {
    struct mb_slice id;     /* ExoClick: the request's id; Xandr: auction_id_64, every digit */
    enum mb_format format;
    struct mb_size size;    /* the first of sizes, or 0x0 */
    const struct mb_size *sizes;
    size_t n_sizes;
    struct mb_price floor;      /* CPM, house currency; 0 where none */
    struct mb_price floor_wire; /* as sent */
    struct mb_slice currency_wire;
    bool secure;
    struct mb_slice tag_id;
    struct mb_slice position; /* "above", "below", or absent */
    struct mb_slices members;   /* Xandr: ids that may bid */
    struct mb_slices deals;     /* ids */
    const struct mb_price *deal_floors; /* OpenRTB: CPM in house currency, one a deal; NULL elsewhere */
    bool native_in_root;        /* native 1.0: the answer stands in an object `native` */
    bool interstitial;
    bool rewarded;              /* the user is given something for watching */
    bool deals_only;            /* a private auction: bids without a deal are not taken */
    struct mb_pod pod;          /* OpenRTB: video and audio */
    bool floor_is_strange;      /* the floor's currency has no rate: no bid can be held against it */
    struct mb_price estimated_price; /* CPM, house currency; 0 where none */
    struct mb_raw raw;
    uint32_t index; /* 0.. in the request */
};

struct mb_site {
    struct mb_slice id, domain, page, name, referrer, publisher_id, zone_id, sub;
    struct mb_slices categories, keywords;
};

struct mb_app {
    struct mb_slice id, bundle, name, domain;
};

/* Fills in what the exchange did not send, once somebody reads it: most requests end before. */
struct mb_later {
    void (*fill)(void *user); /* NULL: done */
    void *user;
};

/* A member that may come later: what was sent, else what is worked out now. `later` NULL: nothing will come. */
static inline struct mb_slice mb_later(struct mb_later *later, const struct mb_slice *member)
{
    if (!mb_slice_present(*member) && later && later->fill) {
        void (*fill)(void *) = later->fill;
        later->fill = NULL;
        fill(later->user);
    }
    return *member;
}

struct mb_device {
    struct mb_slice ip, remote_ip, forwarded_for, ua;
    struct mb_slice os, os_version, type, browser, make, model; /* may come later */
    struct mb_slice language;
    struct mb_later *later;
    struct mb_slice hinted_browser; /* by client hints; weighed against the user agent's */
    enum mb_hint { MB_HINT_NONE, MB_HINT_NO, MB_HINT_YES } hinted_mobile;
};

/* In our words (mb_device_names), absent for strangers: a devicetype of OpenRTB (AdCOM, Device Types), of
 * which 1 is a phone or a tablet and so neither; a system's name; a browser's brand in client hints. */
struct mb_slice mb_device_type_of(int64_t openrtb);
struct mb_slice mb_device_os_of(struct mb_slice name);
struct mb_slice mb_device_browser_of(struct mb_slice brand);
/* `first`, unless it is only an engine's or a web view's name and `second` is not. Absent says least. */
struct mb_slice mb_device_browser_that_says_more(struct mb_slice first, struct mb_slice second);
/* Client hints count Windows otherwise: "13" and above is 11, "0.1" is 7. */
struct mb_slice mb_device_windows_of_hint(struct mb_slice platform_version);

struct mb_geo_place { /* all may come later; `country` is ISO 3166-1 alpha-2, upper case */
    struct mb_slice country, region, city, zip, lat, lon; /* lat, lon: decimal degrees */
    struct mb_later *later;
};

struct mb_user {
    struct mb_slice id; /* absent for the exchanges' "unknown": 0, -1, empty */
    struct mb_slice buyer_id, gender, keyword;
    struct mb_slice email;      /* as sent, from decoding until the bidder has hashed it; never shown */
    struct mb_slice email_hash; /* keyed, 16 hex digits */
    int32_t year_of_birth; /* 0: unknown */
    bool opted_out;
    struct mb_raw eids; /* OpenRTB: ids of others, by source */
    struct mb_slices segments;
    struct mb_slice data; /* the bidder's own stored data, text */
};

struct mb_blocked {
    struct mb_slices apps, seats, categories, domains, creatives, brands, languages, attributes, adservers;
};

struct mb_regs {
    int8_t gdpr, coppa; /* -1 unknown, 0, 1 */
    struct mb_slice us_privacy, gpp, consent;
    struct mb_slices gpp_sid; /* sections of `gpp` that apply */
};

enum mb_answer_form { MB_ANSWER_JSON, MB_ANSWER_XML };

struct mb_request {
    const struct mb_endpoint *endpoint;
    enum mb_exchange protocol; /* in which it came and is answered: the endpoint's, but at Xandr either of two */
    struct mb_slice id;
    bool test;  /* no ad is served: nothing is booked */
    bool debug; /* the exchange asks for debug text; nothing is booked */
    struct mb_slice currency; /* of prices on the wire */
    struct mb_price price_max; /* CPM on the wire: the exchange cuts a higher one to it; 0: it does not */
    uint8_t at;               /* 1 first price, 2 second price, 0 unknown */
    uint32_t timeout_ms;      /* the request's own, else the endpoint's; before the margin */
    struct mb_imp *imps;
    size_t n_imps; /* at least 1 */
    struct mb_site site;
    struct mb_app app;
    struct mb_device device;
    struct mb_geo_place geo;
    struct mb_user user;
    struct mb_blocked blocked;
    struct mb_regs regs;
    struct mb_slices seats;          /* OpenRTB: those that may bid; none: all */
    struct mb_slices languages;      /* OpenRTB: in which a creative may be; none: all */
    struct mb_raw schain;            /* OpenRTB: who sells this to whom */
    struct mb_pairs tokens;          /* parameters of the endpoint's URL, decoded, present ones only */
    enum mb_answer_form answer_form; /* what the exchange wants back */
    struct mb_raw raw;
};

/* --- a bid --- */

struct mb_icon {
    struct mb_size size; /* 0x0: fits any */
    struct mb_slice url;
};

struct mb_bid {
    const struct mb_strategy *strategy;
    const struct mb_imp *imp;
    struct mb_slice id;          /* ours: unique, 22 characters of base64url */
    enum mb_model model;
    struct mb_slice currency;    /* of `price` as the script gave it; absent: house */
    struct mb_price price;       /* house currency, per thousand (CPM) or per click */
    struct mb_price price_wire;  /* the same in the request's currency, as sent */
    struct mb_rate rate;         /* what one unit of that was worth */
    struct mb_price ecpm;        /* house currency; for CPM the price; else the script's, 0 where it gave none */
    struct mb_slice click_url, image_url, url, title, description, imptracker, data;
    const struct mb_icon *icons;
    size_t n_icons;
    struct mb_slice markup, native, vast;           /* native and ext: JSON text */
    struct mb_slice vast_table;                     /* JSON text: what VAST is to be made of, instead of `vast` */
    struct mb_slice creative_id, creative_code, ad_id, campaign_id, deal_id, seat, member_id;
    struct mb_slices advertiser_domains, categories, attributes;
    struct mb_size size;
    int32_t expires_s;
    struct mb_slice bundle, tactic, language; /* what OpenRTB may be told of the ad besides; language as BCP 47 */
    struct mb_slices apis;
    int32_t duration_s, category_taxonomy, protocol, media_rating, width_ratio, height_ratio; /* 0: not told */
    int32_t slot_in_pod; /* -1 last, 0 any, 1 first, 2 first or last */
    struct mb_slice custom_notify_data, segment_actions, userdata_js, pixel_url, pixel_type;
    struct mb_pairs custom_macros;
    bool exclusive;
    struct mb_slice ext;
    struct mb_slice win_url, billing_url, loss_url; /* the trader's: fetched by the engine once it is told of the event */
    struct mb_slice arm;
    struct mb_slice notice_url; /* the engine's own billing notice, made before encoding */
    struct mb_slice win_notice, loss_notice; /* OpenRTB: the others, likewise */
    struct mb_slice impression_url; /* likewise, where an image of ours tells of its impression */
    bool names_impression_url; /* its markup says itself where that image goes */
    struct mb_slice notice_token; /* the signed token for custom_notify_data, made before encoding */
    int script_ref;             /* private to script: the Lua table while the request lasts */
};

/* --- what happens to a bid afterwards --- */

struct mb_event {
    enum mb_event_type type;
    int64_t time_ms;                 /* when we took it */
    struct mb_slice exchange_time;   /* as the exchange wrote it */
    struct mb_slice exchange, endpoint, auction_id, imp_id, tag_id, site_id, zone_id, country;
    struct mb_slice bid_id;          /* ours, from the token; absent: unattributed */
    struct mb_slice strategy, version, arm, data;
    enum mb_model model;
    int64_t rate_millionths;         /* what the prices were converted at: one unit of the exchange's currency; 0: none was */
    struct mb_slice currency;        /* of the price fields: house, unless said */
    bool has_price_bid, has_price_paid, has_price_sold_for, has_min_to_win;
    struct mb_price price_bid, price_paid, price_sold_for, min_to_win;
    struct mb_amount cost;           /* what this event booked, house currency; 0 for all that do not book */
    bool books;                      /* this event is the one that books money for its bid */
    bool shown;                      /* this event stands for the impression that frequency caps count */
    uint64_t frequency_key;          /* whom the bid was shown to, by limits.frequency; 0: no cap */
    uint64_t per_key;                /* what limits.per counts the bid's cost under; 0: nothing */
    bool attributed;                 /* a valid token named the bid */
    bool recorded;                   /* the recorder has the request of its bid; not in the ledger */
    bool test;
    bool fail;
    int8_t post_pending;             /* -1 absent, 0, 1 */
    int32_t loss_code;               /* 0: none */
    int32_t error_id;                /* 0: none; an open list */
    int32_t response_time_ms;        /* -1: none */
    int64_t bid_time_ms;             /* when the bid was made, from the token; 0: unknown */
    int64_t boot_id, boot_ms;        /* the same by a clock that nobody sets: see mb_guard_set_clock; 0: unknown */
    struct mb_slice format;          /* mb_format_name of the impression that was bid on */
    struct mb_size size;             /* of it; 0x0: none */
    struct mb_slice reason, result, error, error_name;
    struct mb_slice payment_rule_id, creative_id, member_id, user_id, referrer, user_agent;
    struct mb_slice userdata_json;   /* JSON text, whether it came as string or object */
    struct mb_slice custom_data;     /* the trader's own, as the script gave it */
    struct mb_slice value, value_currency; /* of a conversion, as sent */
    struct mb_amount revenue;        /* its value in house currency */
    struct mb_slice tags, responses, bid_info, full_tag_info, raw; /* JSON text as sent */
    /* What makes this event distinct: a second one with the same key is a duplicate. At most 160 bytes. It begins with
     * mb_event_key_ms in twelve hexadecimal digits and a colon, so that new keys sort behind old ones. */
    struct mb_slice key;
    bool price_missing;              /* a price was to be told, and none could be read. Not recorded */
    struct mb_slice fetch_url;       /* the trader's URL for this event, its macros filled; absent: none. Not recorded */
};

/* What became of an event that was to be recorded. */
enum mb_event_fate {
    MB_EVENT_NEW,
    MB_EVENT_REPEATED, /* one with its key was there */
    MB_EVENT_REPRICED, /* likewise, and this one tells another price: it changes nothing either, but somebody errs */
};

/* The instant that an event's key begins with: when its bid was made; without one, mb_event_told_ms. Within 0 .. 2^48 - 1. */
int64_t mb_event_key_ms(const struct mb_event *event);
/* What the exchange says, so that a repeat gives the same whether its bid is known or not. Where it says no time: the hour
 * (UTC) in which the event came, because Xandr's auction ids are unique within one. Likewise. */
int64_t mb_event_told_ms(const struct mb_event *event);

/* What one strategy has spent and counted in its attributed events, tests left out: sums of a ledger. */
struct mb_spend {
    struct mb_slice strategy;
    uint64_t events[MB_EVENT_COUNT];
    uint64_t impressions, clicks; /* events that booked, by the model of their price */
    struct mb_amount total;
    const struct mb_spend_part {
        int64_t start_ms; /* of a quarter of an hour */
        struct mb_amount cost;
    } *recent; /* the last days, oldest first; part of `total` */
    size_t n_recent;
};

/* What one strategy booked on one day of its time zone that its limits had no room for, or that nothing was held for. */
struct mb_overrun {
    struct mb_slice strategy;
    int64_t day;                   /* mb_zone_day_number: days since 1970-01-01 */
    struct mb_amount daily, total; /* past limits.daily that day; past limits.total, booked that day */
    uint64_t late;                 /* bookings for which nothing was held any more, and what they cost */
    struct mb_amount late_cost;
};

/* A copy of the event and all it points to, in one block; free() it. Aborts without memory. */
struct mb_event *mb_xevent_clone(const struct mb_event *event);

#endif /* MB_AUCTION_H */
