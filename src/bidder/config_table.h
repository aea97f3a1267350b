/* config_table.h - what the files that read the config share: one table of it, its keys taken by type.
 *
 * Part of: bidder (private). Every mb__take_ leaves *out alone where the key is absent. All of them return 0, or MB_EINVAL
 * with the key's path and what was expected in t->err. What they give lives in the config's arena.
 */
#ifndef MB_BIDDER_CONFIG_TABLE_H
#define MB_BIDDER_CONFIG_TABLE_H

#include "moonbid/config.h"
#include "moonbid/json_doc.h"

enum { CONFIG_PATH_MAX = 128, CONFIG_LIST_MAX = 256 };

/* One table being read: its node, NULL where it is absent, and its path. */
struct mb__table {
    struct mb_config *config;
    const struct mb_doc *node;
    char path[CONFIG_PATH_MAX];
    struct mb_error *err;
};

/* The table under that key. */
struct mb__table mb__inner(const struct mb__table *outer, const char *key);

/* Fails with the path of `key` in this table ("" for the table itself) and what was expected. Always MB_EINVAL. */
int mb__wrong(const struct mb__table *t, const char *key, const char *fmt, ...) MB_PRINTF(3, 4);

/* Fails where the node is no table with named keys. An empty list may stand for one. */
int mb__want_table(const struct mb__table *t);
/* The same, and where it has a key that MB_CONFIG_KEY_MAP does not. */
int mb__refuse_unknown(const struct mb__table *t);

/* A copy in the config's arena, with a 0 behind it. */
struct mb_slice mb__keep(struct mb_config *config, const char *text);

/* Texts are never empty. */
int mb__take_text(struct mb__table *t, const char *key, const char **out);
int mb__take_slice(struct mb__table *t, const char *key, struct mb_slice *out);
int mb__take_texts(struct mb__table *t, const char *key, struct mb_slices *out);
int mb__take_u32(struct mb__table *t, const char *key, uint32_t least, uint32_t most, uint32_t *out);
/* '10s', '15m': at most a day. */
int mb__take_duration(struct mb__table *t, const char *key, uint32_t *out_ms);
/* Networks such as '10.0.0.0/8'; at least `least` of them. */
int mb__take_networks(struct mb__table *t, const char *key, int least, struct mb_cidrs *out);

/* `endpoints`. */
int mb__take_endpoints(struct mb__table *outer);

/* HOST or HOST:PORT, an IPv6 address in brackets. A name such as 127.example is none. */
bool mb__is_loopback(struct mb_slice address);
/* The base of URLs that we give out: http://HOST or https://HOST, whose final slashes are dropped here. Fails also where
 * only this machine reaches it while `listen` is for others. */
int mb__check_base(struct mb__table *t, const char *key, struct mb_slice *base);

#endif
