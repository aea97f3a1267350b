/* vast.c - what a strategy may say in a table `vast`.
 *
 * Every table of it has a list of its keys with the kind of value that is due; so a misspelt key is
 * told, as in the bid itself.
 */
#include "fields.h"
#include "vast.h"

#include <math.h>

enum kind {
    TEXT,
    URL,
    URLS, /* one or a list */
    COUNT,
    BOOL,
    DURATION,
    OFFSET,
    EVENTS,   /* a table: name of the event -> URLs */
    PROGRESS, /* a table: offset -> URLs */
    AD_ID,    /* a table: registry, id */
    MEDIA,    /* lists of tables */
    COMPANIONS,
    EXTENSIONS, /* a list of tables or of XML texts */
    XML,
};

enum { LONGEST_S = 86400 }; /* a film of a day */

enum { IN_INLINE = 1, IN_WRAPPER = 2, ANYWHERE = 3, REQUIRED = 4 };

struct key {
    const char *name;
    enum kind kind;
    unsigned where;
};

static const struct key ad_keys[] = {
    {"version", TEXT, ANYWHERE},
    {"id", TEXT, ANYWHERE},
    {"wrapper", URL, IN_WRAPPER},
    {"system", TEXT, ANYWHERE},
    {"title", TEXT, IN_INLINE},
    {"description", TEXT, IN_INLINE},
    {"advertiser", TEXT, IN_INLINE},
    {"universal_ad_id", AD_ID, IN_INLINE},
    {"impression", URLS, ANYWHERE},
    {"error", URL, ANYWHERE},
    {"duration", DURATION, IN_INLINE | REQUIRED},
    {"skipoffset", OFFSET, IN_INLINE},
    {"click_url", URL, IN_INLINE},
    {"click_tracking", URLS, ANYWHERE},
    {"tracking", EVENTS, ANYWHERE},
    {"progress", PROGRESS, ANYWHERE},
    {"media", MEDIA, IN_INLINE | REQUIRED},
    {"companions", COMPANIONS, IN_INLINE},
    {"extensions", EXTENSIONS, ANYWHERE},
    {NULL, TEXT, 0},
};

static const struct key media_keys[] = {
    {"url", URL, ANYWHERE | REQUIRED},
    {"type", TEXT, ANYWHERE | REQUIRED},
    {"width", COUNT, ANYWHERE},
    {"height", COUNT, ANYWHERE},
    {"delivery", TEXT, ANYWHERE},
    {"bitrate", COUNT, ANYWHERE},
    {"min_bitrate", COUNT, ANYWHERE},
    {"max_bitrate", COUNT, ANYWHERE},
    {"codec", TEXT, ANYWHERE},
    {"id", TEXT, ANYWHERE},
    {"api_framework", TEXT, ANYWHERE},
    {"scalable", BOOL, ANYWHERE},
    {"maintain_aspect_ratio", BOOL, ANYWHERE},
    {NULL, TEXT, 0},
};

static const struct key companion_keys[] = {
    {"width", COUNT, ANYWHERE | REQUIRED},
    {"height", COUNT, ANYWHERE | REQUIRED},
    {"image", URL, ANYWHERE},
    {"type", TEXT, ANYWHERE},
    {"iframe", URL, ANYWHERE},
    {"html", TEXT, ANYWHERE},
    {"click_url", URL, ANYWHERE},
    {"id", TEXT, ANYWHERE},
    {NULL, TEXT, 0},
};

static const struct key ad_id_keys[] = {
    {"registry", TEXT, ANYWHERE | REQUIRED}, {"id", TEXT, ANYWHERE | REQUIRED}, {NULL, TEXT, 0}};

static const struct key extension_keys[] = {
    {"type", TEXT, ANYWHERE}, {"xml", XML, ANYWHERE | REQUIRED}, {NULL, TEXT, 0}};

/* The linear events of VAST 2.0 to 4.3: a misspelt one would never be heard of. */
static const char *const events[] = {
    "creativeView",
    "start",
    "firstQuartile",
    "midpoint",
    "thirdQuartile",
    "complete",
    "mute",
    "unmute",
    "pause",
    "rewind",
    "resume",
    "fullscreen",
    "exitFullscreen",
    "expand",
    "collapse",
    "acceptInvitation",
    "close",
    "skip",
    "acceptInvitationLinear",
    "closeLinear",
    "playerExpand",
    "playerCollapse",
    "loaded",
    "otherAdInteraction",
    "interactiveStart",
    "notUsed",
    NULL,
};

/* --- values --- */

static bool is_text(struct mb_json_value value)
{
    struct mb_slice text = value.type == MB_JSON_STRING ? mb_json_str(value) : MB_SLICE_NONE;
    return !mb_slice_empty(text) && mb__exchange_encodable(text, true);
}

static bool is_xml(struct mb_json_value value)
{
    return is_text(value) && mb__exchange_is_xml(mb_json_str(value));
}

/* A URL holds no blank; more cannot be said, for macros of the exchange may stand in it. */
static bool is_url(struct mb_json_value value)
{
    return is_text(value) && mb_slice_find_char(mb_json_str(value), ' ') < 0;
}

static bool are_urls(struct mb_json_value value)
{
    if (value.type == MB_JSON_OBJECT || mb_json_list_count(value) == 0) {
        return false;
    }
    for (struct mb_json_value v = mb_json_list_first(value); v.type != MB_JSON_NONE;
         v = mb_json_list_next(value, v)) {
        if (!is_url(v)) {
            return false;
        }
    }
    return true;
}

/* Two digits and what ends them. */
static bool take_pair(struct mb_slice *rest, char end, int64_t most, int64_t *out)
{
    if (rest->len < 2 || rest->data[0] < '0' || rest->data[0] > '9' || rest->data[1] < '0' ||
        rest->data[1] > '9' || (end && (rest->len < 3 || rest->data[2] != end))) {
        return false;
    }
    *out = (rest->data[0] - '0') * 10 + rest->data[1] - '0';
    size_t taken = end ? 3 : 2;
    *rest = mb_slice(rest->data + taken, rest->len - taken);
    return *out <= most;
}

/* HH:MM:SS, or with .mmm behind it, as VAST writes it. */
static bool parse_clock(struct mb_slice text, int64_t *out_ms)
{
    int64_t hours, minutes, seconds, tens, last = 0;
    if (!take_pair(&text, ':', 99, &hours) || !take_pair(&text, ':', 59, &minutes) ||
        !take_pair(&text, '\0', 59, &seconds)) {
        return false;
    }
    *out_ms = ((hours * 60 + minutes) * 60 + seconds) * 1000;
    if (text.len == 0) {
        return true;
    }
    struct mb_slice rest = mb_slice(text.data + 1, text.len - 1);
    bool is_fraction = text.data[0] == '.' && text.len == 4 && take_pair(&rest, '\0', 99, &tens) &&
                       rest.data[0] >= '0' && rest.data[0] <= '9';
    last = is_fraction ? rest.data[0] - '0' : 0;
    *out_ms += is_fraction ? tens * 10 + last : 0;
    return is_fraction;
}

bool mb__vast_time_text(struct mb_slice text, struct mb__vast_time *out)
{
    int64_t percent;
    *out = (struct mb__vast_time){0};
    if (mb_slice_ends(text, MB_SLICE("%")) &&
        mb_slice_to_i64(mb_slice(text.data, text.len - 1), &percent)) {
        out->share = text;
        return percent >= 0 && percent <= 100;
    }
    return (parse_clock(text, &out->ms) || mb_time_parse_duration(text, &out->ms)) &&
           out->ms <= LONGEST_S * INT64_C(1000);
}

bool mb__vast_time(struct mb_json_value value, struct mb__vast_time *out)
{
    if (value.type == MB_JSON_STRING) {
        return mb__vast_time_text(mb_json_str(value), out);
    }
    double seconds = value.type == MB_JSON_NUMBER ? mb_json_f64(value, -1) : -1;
    bool is_sound = seconds >= 0 && seconds <= LONGEST_S;
    *out = (struct mb__vast_time){.ms = is_sound ? (int64_t)llround(seconds * 1000) : 0};
    return is_sound;
}

/* --- tables --- */

struct reader {
    const struct mb_bid *bid;
    struct mb_arena *arena;
    unsigned where; /* IN_INLINE or IN_WRAPPER */
    bool is_audio;
    const char *culprit; /* the first, or NULL */
};

static void blame(struct reader *r, const char *path, struct mb_slice key)
{
    if (!r->culprit) {
        bool is_key_plain =
            !mb_slice_empty(key) && key.len <= 64 && mb__exchange_encodable(key, true);
        r->culprit = mb_xarena_printf(r->arena, "%s%s%.*s", path, is_key_plain ? "." : "",
                                      is_key_plain ? (int)key.len : 0, is_key_plain ? key.data : "")
                         .data;
    }
}

static void read_table(struct reader *r, struct mb_json_value table, const char *path,
                       const struct key *keys);

/* Lua's empty table is an empty object here. */
static bool is_empty(struct mb_json_value list)
{
    return list.type == MB_JSON_OBJECT ? mb_json_count(list) == 0 : mb_json_list_count(list) == 0;
}

/* A list of tables; `also` judges each. One table alone is a list of one. */
static void read_tables(struct reader *r, struct mb_json_value list, const char *path,
                        const struct key *keys,
                        const char *(*also)(const struct reader *r, struct mb_json_value table))
{
    unsigned place = 0;
    if (is_empty(list)) {
        blame(r, path, MB_SLICE_NONE);
    }
    for (struct mb_json_value v = mb_json_list_first(list); v.type != MB_JSON_NONE;
         v = mb_json_list_next(list, v)) {
        const char *at = mb_xarena_printf(r->arena, "%s[%u]", path, ++place).data;
        read_table(r, v, at, keys);
        const char *culprit = r->culprit ? NULL : also ? also(r, v) : NULL;
        if (culprit) {
            blame(r, at, mb_slice_of(culprit));
        }
    }
}

static bool is_event(struct mb_slice name)
{
    for (size_t i = 0; events[i]; i++) {
        if (mb_slice_is(name, events[i])) {
            return true;
        }
    }
    return false;
}

/* URLs by the name of an event, or by the time at which they are due. */
static void read_moments(struct reader *r, struct mb_json_value table, const char *path,
                         bool by_time)
{
    if (table.type != MB_JSON_OBJECT) {
        blame(r, path, MB_SLICE_NONE);
    }
    for (struct mb_json_value v = mb_json_first(table); v.type != MB_JSON_NONE;
         v = mb_json_next(table, v)) {
        struct mb_slice key = mb_json_key(v);
        struct mb__vast_time time;
        if (!are_urls(v) || !(by_time ? mb__vast_time_text(key, &time) : is_event(key))) {
            blame(r, path, key);
        }
    }
}

/* A picture must have a size, a sound has none; and the player must know the type. */
static const char *judge_media(const struct reader *r, struct mb_json_value media)
{
    struct mb_slice delivery = mb_json_str(get(media, "delivery"));
    if (!r->is_audio && mb_json_i64(get(media, "width"), 0) == 0) {
        return "width";
    }
    if (!r->is_audio && mb_json_i64(get(media, "height"), 0) == 0) {
        return "height";
    }
    return mb_slice_empty(delivery) || mb_slice_is(delivery, "progressive") ||
                   mb_slice_is(delivery, "streaming")
               ? NULL
               : "delivery";
}

static const char *judge_companion(const struct reader *r, struct mb_json_value companion)
{
    (void)r;
    bool has_image = mb_json_present(get(companion, "image"));
    int resources = has_image + mb_json_present(get(companion, "iframe")) +
                    mb_json_present(get(companion, "html"));
    return resources != 1                                          ? "image"
           : has_image && !mb_json_present(get(companion, "type")) ? "type"
                                                                   : NULL;
}

/* What an extension holds is XML of others, and goes out as it is. */
static void read_extensions(struct reader *r, struct mb_json_value list, const char *path)
{
    unsigned place = 0;
    if (is_empty(list)) {
        blame(r, path, MB_SLICE_NONE);
    }
    for (struct mb_json_value v = mb_json_list_first(list); v.type != MB_JSON_NONE;
         v = mb_json_list_next(list, v)) {
        const char *at = mb_xarena_printf(r->arena, "%s[%u]", path, ++place).data;
        if (v.type == MB_JSON_OBJECT) {
            read_table(r, v, at, extension_keys);
        } else if (!is_xml(v)) {
            blame(r, at, MB_SLICE_NONE);
        }
    }
}

static bool is_scalar_sound(enum kind kind, struct mb_json_value value)
{
    struct mb__vast_time time;
    switch (kind) {
    case TEXT:
        return is_text(value);
    case URL:
        return is_url(value);
    case URLS:
        return are_urls(value);
    case XML:
        return is_xml(value);
    case COUNT:
        return mb_json_is_integer(value) && mb_json_i64(value, -1) >= 0;
    case BOOL:
        return value.type == MB_JSON_TRUE || value.type == MB_JSON_FALSE;
    case DURATION:
        return mb__vast_time(value, &time) && time.ms > 0;
    default: /* OFFSET */
        return mb__vast_time(value, &time);
    }
}

static void read_value(struct reader *r, const struct key *key, struct mb_json_value value,
                       const char *path)
{
    const char *at = mb_xarena_printf(r->arena, "%s.%s", path, key->name).data;
    switch (key->kind) {
    case EVENTS:
    case PROGRESS:
        read_moments(r, value, at, key->kind == PROGRESS);
        break;
    case AD_ID:
        read_table(r, value, at, ad_id_keys);
        break;
    case MEDIA:
        read_tables(r, value, at, media_keys, judge_media);
        break;
    case COMPANIONS:
        read_tables(r, value, at, companion_keys, judge_companion);
        break;
    case EXTENSIONS:
        read_extensions(r, value, at);
        break;
    default:
        if (!is_scalar_sound(key->kind, value)) {
            blame(r, at, MB_SLICE_NONE);
        }
    }
}

static const struct key *find_key(const struct key *keys, struct mb_slice name)
{
    while (keys->name && !mb_slice_is(name, keys->name)) {
        keys++;
    }
    return keys->name ? keys : NULL;
}

static void read_table(struct reader *r, struct mb_json_value table, const char *path,
                       const struct key *keys)
{
    if (table.type != MB_JSON_OBJECT) {
        blame(r, path, MB_SLICE_NONE);
        return;
    }
    for (struct mb_json_value v = mb_json_first(table); v.type != MB_JSON_NONE && !r->culprit;
         v = mb_json_next(table, v)) {
        const struct key *key = find_key(keys, mb_json_key(v));
        if (!key || !(key->where & r->where)) {
            blame(r, path, mb_json_key(v));
        } else {
            read_value(r, key, v, path);
        }
    }
    for (; keys->name && !r->culprit; keys++) {
        if ((keys->where & REQUIRED) && (keys->where & r->where) &&
            !mb_json_present(get(table, keys->name))) {
            blame(r, path, mb_slice_of(keys->name));
        }
    }
}

const char *mb__vast_read(const struct mb_bid *bid, struct mb__vast *out)
{
    struct mb_arena *arena = bid->imp->raw.doc->arena;
    struct reader r = {.bid = bid, .arena = arena, .is_audio = bid->imp->format == MB_FORMAT_AUDIO};
    struct mb_json *doc = mb_xarena_alloc(arena, sizeof *doc);
    *out = (struct mb__vast){.bid = bid};
    if (mb_json_parse(doc, arena, bid->vast_table, NULL) != 0) {
        return "vast";
    }
    out->table = mb_json_root(doc);
    out->is_wrapper = mb_json_present(get(out->table, "wrapper"));
    r.where = out->is_wrapper ? IN_WRAPPER : IN_INLINE;
    read_table(&r, out->table, "vast", ad_keys);
    return r.culprit ? r.culprit : mb__vast_fit(bid, out);
}
