/* notice.h - the signed, self-describing token of notice URLs and custom_notify_data.
 *
 * Part of: notice.  Depends on: base, auction.  Uses libsodium inside.
 * Threads:  keys are read-only after loading; no other state.
 * Form:     base64url( version, fields, 8-byte MAC ). The MAC is the first half of SipHashx-2-4
 * (128 bits) with a 128-bit key over the kind of notice and the body, so that a token for one kind
 * is worth nothing as another. The body is encoded once a bid.
 */
#ifndef MB_NOTICE_H
#define MB_NOTICE_H

#include "moonbid/auction.h"

enum {
    MB_NOTICE_TOKEN_MAX = 400, /* characters; longer `data` or ids do not fit and are refused */
    MB_NOTICE_KEYS_MAX = 8,
    MB_NOTICE_KEY_BYTES = 16,
    MB_NOTICE_DATA_MAX = 64,
};

/* What comes later than this after its bid is refused: no exchange bills, and hardly a visitor buys, so long after. */
#define MB_NOTICE_LIFE_MS (INT64_C(90) * 24 * 3600 * 1000)

struct mb_notice_keys; /* first signs, all verify; kept out of core dumps */

/* Owns: mb_notice_keys_free. */
struct mb_notice_keys *mb_xnotice_keys_new(void);
void mb_notice_keys_free(struct mb_notice_keys *keys);
/* Adds a key given as bytes. Fails: MB_ENOMEM beyond MB_NOTICE_KEYS_MAX. */
int mb_notice_keys_add(struct mb_notice_keys *keys,
                       const uint8_t key[MB_NOTICE_KEY_BYTES]) MB_MUST_USE;
/* Adds the key of a file of 32 hex digits; creates the file (0600, synced) with a fresh key where
 * there is none. Load time only. Fails: MB_EIO, MB_ESYNTAX with the file's name. */
int mb_notice_keys_add_file(struct mb_notice_keys *keys, const char *path,
                            struct mb_error *err) MB_MUST_USE;

size_t mb_notice_keys_count(const struct mb_notice_keys *keys);
/* A name for the key at that place, by which it can be told from others: 16 hex digits, no NUL. It tells nothing of the key. */
void mb_notice_keys_name(const struct mb_notice_keys *keys, size_t place, char out[16]);
/* Writes all keys as bytes to an empty memory file, and reads them back from its beginning, in another process: so that a key file
 * is read once for all. Fails: MB_EIO, MB_EINVAL (no such file). Owns: mb_notice_keys_free. */
int mb_notice_keys_write(const struct mb_notice_keys *keys, int fd, struct mb_error *err) MB_MUST_USE;
int mb_notice_keys_read(int fd, struct mb_notice_keys **out, struct mb_error *err) MB_MUST_USE;

/* What a token tells. Slices of a decoded one live in the arena. */
struct mb_notice {
    uint8_t bid_id[16];         /* random, unique */
    struct mb_slice strategy;   /* <= 64 bytes */
    struct mb_slice version;    /* content hash of the scripts, first 8 bytes as 16 hex digits */
    struct mb_slice arm;        /* <= 32 */
    struct mb_slice endpoint;   /* <= 32 */
    struct mb_slice auction_id; /* request id; kept up to 64 bytes, beyond that cut */
    struct mb_slice
        imp_id; /* absent where equal to auction_id (verify gives absent then); cut likewise */
    struct mb_slice zone_id, site_id, creative_id; /* <= 32 each, cut */
    struct mb_slice country;                       /* two letters or absent */
    struct mb_slice data;       /* the trader's, <= MB_NOTICE_DATA_MAX, never cut */
    struct mb_price price;      /* house currency */
    struct mb_price price_wire; /* as sent */
    int64_t rate_millionths;    /* what one unit of the wire's currency was worth; 0: the house's own */
    enum mb_model model;
    enum mb_format format;
    int64_t size;         /* of the impression: width in the higher half of 32 bits, height in the lower; 0: none */
    int64_t bid_time_ms;
    int64_t boot_id;      /* as in mb_event; below 65,536, for it has to be short */
    int64_t boot_skew_ms; /* mb_event.boot_ms - bid_time_ms: 0 but where a clock was set */
    uint64_t frequency_key, per_key; /* as in mb_event; 0: none */
    enum mb_exchange exchange; /* as it was for the bid, whatever the config says since; MB_EXCHANGE_NONE: the token does not say */
    bool books_on_win;         /* likewise: a win books, else its billing notice */
    bool test; /* books nothing */
    bool recorded; /* the recorder has its request, and shall have what becomes of it */
    bool watched; /* an image of ours tells of its impression: the booking stands for none */
};

/* What stands for personal data in front of scripts and records: 16 hex digits, no NUL, the same for the same text while the
 * signing key stays, and telling nothing to who has not the key. */
void mb_notice_pseudonym(const struct mb_notice_keys *keys, struct mb_slice text, char out[16]);

/* A seal on two texts together, such as a token and the landing page that goes with it: 11 characters of base64url, no
 * NUL. One call for making, one for checking with every key. Costs as a signature, plus a pass over the texts. */
enum { MB_NOTICE_SEAL_CHARS = 11 };
void mb_notice_seal(const struct mb_notice_keys *keys, struct mb_slice first, struct mb_slice second,
                    char out[MB_NOTICE_SEAL_CHARS]);
bool mb_notice_seal_holds(const struct mb_notice_keys *keys, struct mb_slice first, struct mb_slice second,
                          struct mb_slice seal);

/* 22 characters of base64url, no NUL. */
void mb_notice_bid_id_text(const uint8_t bid_id[16], char out[22]);

/* The body, encoded once a bid: then mb_notice_sign for each kind. Appends raw bytes. Fails:
 * MB_ENOMEM where the token would pass MB_NOTICE_TOKEN_MAX, or a text that is never cut is longer
 * than it may be; `body` is unchanged then. Costs: no malloc when `body` is warm. */
int mb_notice_encode(const struct mb_notice *notice, struct mb_buf *body) MB_MUST_USE;

/* Appends the token text for `kind`: MB_EVENT_BILLING for bUrl, MB_EVENT_WIN for Xandr's
 * custom_notify_data, and so on. */
void mb_notice_sign(const struct mb_notice_keys *keys, enum mb_event_type kind,
                    struct mb_slice body, struct mb_buf *token);

/* How many characters the token of a body of so many bytes has. */
size_t mb_notice_token_len(size_t body_len);

/* Writes the same to `token`, mb_notice_token_len(body.len) characters. `other`: a token that was made of `body` for another kind,
 * or NULL; what they share, all but the MAC, is copied and not encoded again. */
void mb_notice_sign_again(const struct mb_notice_keys *keys, enum mb_event_type kind,
                          struct mb_slice body, const char *other, char *token);

/* A body that mb_notice_encode made and nobody else could touch. Fails: MB_EINVAL. */
int mb_notice_decode(struct mb_slice body, struct mb_arena *arena, struct mb_notice *out) MB_MUST_USE;

/* Fails: MB_EFORGED altered, foreign, cut, or of another kind; nothing else is told. Constant time
 * over the keys. */
int mb_notice_verify(const struct mb_notice_keys *keys, enum mb_event_type kind,
                     struct mb_slice token, struct mb_arena *arena,
                     struct mb_notice *out) MB_MUST_USE;

#endif /* MB_NOTICE_H */
