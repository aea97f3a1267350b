/* device.c - what a user agent tells, by the rules of device_rules.inc.
 *
 * One pass cuts the text into words and notes which marks begin at a word, and where; words that
 * end with "bot" or "TV" are marks of their own. Then each list of rules is asked for the first
 * that holds. The marks of a letter stand side by side, so a word is compared with some ten of
 * them, and words that are numbers with none.
 */
#include <assert.h>

#include "internal.h"

/* Longer agents are read this far: real ones have some 150 bytes, in-app ones 400. It bounds what a
 * hostile one of any length costs. */
enum { UA_MAX_BYTES = 1024 };

enum mark {
    ANY, /* in a rule: nothing asked */
#define INITIAL(letter, name) FIRST_##name, BEFORE_##name = FIRST_##name - 1,
#define MARK(name, text) name,
#include "device_rules.inc"
    MARKS_OF_TEXT,
    A_BOT = MARKS_OF_TEXT, /* by the end of a word */
    A_TV,
    MARKS
};

/* Two letters tell most marks from most words, without a call. */
static const struct mark_text {
    const char *text;
    uint8_t len;
    char first, second;
} mark_texts[MARKS] = {
#define MARK(name, text) [name] = {text, sizeof(text) - 1, (text)[0], (text)[1]},
#include "device_rules.inc"
};

enum { MARK_LEAST = 2 }; /* letters */

#define MARK(name, text) static_assert(sizeof(text) > MARK_LEAST, "a mark has two letters");
#include "device_rules.inc"

/* The first mark of each letter; 0: none has it. */
static const uint16_t first_marks[256] = {
#define INITIAL(letter, name) [letter] = FIRST_##name,
#include "device_rules.inc"
};

struct rule {
    const char *is;
    enum mark sign;
    enum mark and;     /* must be there as well */
    enum mark not ;    /* must not; ANY: nothing forbidden */
    enum mark version; /* of a system: stands behind it */
};

static const struct rule type_rules[] = {
#define TYPE(...) {__VA_ARGS__},
#include "device_rules.inc"
};

static const struct rule os_rules[] = {
#define OS(...) {__VA_ARGS__},
#include "device_rules.inc"
};

static const struct rule browser_rules[] = {
#define BROWSER(...) {__VA_ARGS__},
#include "device_rules.inc"
};

static const struct {
    const char *nt, *name;
} windows_names[] = {
#define WINDOWS_NAME(nt, name) {nt, name},
#include "device_rules.inc"
};

static const struct {
    const char *name, *begins;
} makes[] = {
#define MAKE(name, begins) {name, begins},
#include "device_rules.inc"
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Offset behind the first place of each mark; 0: not there. */
struct sight {
    uint16_t behind[MARKS];
};

/* --- the pass --- */

static bool is_word_char(char c)
{
    char lower = (char)(c | 0x20);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

static bool ends_with(struct mb_slice word, const char *end)
{
    struct mb_slice s = mb_slice_of(end);
    return word.len >= s.len &&
           mb_slice_eq_nocase(mb_slice(word.data + word.len - s.len, s.len), s);
}

/* "+http://...": where a machine says whom to complain to. */
static bool is_complaint(struct mb_slice word, struct mb_slice ua, size_t start)
{
    return start > 0 && ua.data[start - 1] == '+' && mb_slice_starts(word, MB_SLICE("http"));
}

/* CUBOT makes telephones. */
static bool is_machine(struct mb_slice word)
{
    return (ends_with(word, "bot") && !mb_slice_eq_nocase(word, MB_SLICE("cubot"))) ||
           ends_with(word, "crawler") || ends_with(word, "spider");
}

static void note_end(struct sight *sight, struct mb_slice ua, size_t start, size_t end)
{
    struct mb_slice word = {ua.data + start, end - start};
    switch (ua.data[end - 1]) {
    case 'p':
    case 's':
        sight->behind[A_BOT] |= is_complaint(word, ua, start) ? (uint16_t)end : 0;
        break;
    case 't':
    case 'T':
    case 'r':
    case 'R':
        sight->behind[A_BOT] |= is_machine(word) ? (uint16_t)end : 0;
        break;
    case 'V':
        if (word.len >= 2 && word.data[word.len - 2] == 'T') {
            sight->behind[A_TV] = (uint16_t)end;
        }
        break;
    default:
        break;
    }
}

static void note_word(struct sight *sight, struct mb_slice ua, size_t start, size_t end)
{
    const char *word = ua.data + start;
    size_t left = ua.len - start;
    size_t m = left >= MARK_LEAST ? first_marks[(unsigned char)word[0]] : 0;
    for (; m > 0 && mark_texts[m].first == word[0]; m++) {
        const struct mark_text *mark = &mark_texts[m];
        if (mark->second == word[1] && mark->len <= left && !sight->behind[m] &&
            memcmp(word, mark->text, mark->len) == 0) {
            sight->behind[m] = (uint16_t)(start + mark->len);
        }
    }
    note_end(sight, ua, start, end);
}

static void note_words(struct sight *sight, struct mb_slice ua)
{
    size_t start = 0;
    for (size_t i = 0; i <= ua.len; i++) {
        if (i < ua.len && is_word_char(ua.data[i])) {
            continue;
        }
        if (i > start) {
            note_word(sight, ua, start, i);
        }
        start = i + 1;
    }
}

static const struct rule *first_rule(const struct sight *sight, const struct rule *rules,
                                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct rule *r = &rules[i];
        if (sight->behind[r->sign] && (r->and == ANY || sight->behind[r->and ]) &&
            (r->not == ANY || !sight->behind[r->not ])) {
            return r;
        }
    }
    return NULL;
}

/* --- versions --- */

/* "CrOS x86_64 14541.0.0": the processor stands between. */
static size_t skip_processor(struct mb_slice ua, size_t at)
{
    at++;
    while (at < ua.len && ua.data[at] != ' ' && ua.data[at] != ')') {
        at++;
    }
    return at;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The number at `at`, behind one blank, slash or dash: digits with dots or underscores between,
 * which become dots. Cut to the room there is. */
static struct mb_slice version_at(struct mb_slice ua, size_t at, char *out, size_t room)
{
    size_t len = 0;
    if (at < ua.len && (ua.data[at] == ' ' || ua.data[at] == '/' || ua.data[at] == '-')) {
        at++;
    }
    for (; at < ua.len && len < room; at++) {
        bool mark = ua.data[at] == '.' || ua.data[at] == '_';
        if (!is_digit(ua.data[at]) && !(mark && len > 0)) {
            break;
        }
        out[len++] = mark ? '.' : ua.data[at];
    }
    while (len > 0 && out[len - 1] == '.') {
        len--;
    }
    return len > 0 ? mb_slice(out, len) : MB_SLICE_NONE;
}

static struct mb_slice windows_name(struct mb_slice nt)
{
    for (size_t i = 0; i < COUNT(windows_names); i++) {
        if (mb_slice_is(nt, windows_names[i].nt)) {
            return mb_slice_of(windows_names[i].name);
        }
    }
    return nt;
}

static void read_system(const struct sight *sight, struct mb_slice ua, struct mb_geo_device *out)
{
    const struct rule *rule = first_rule(sight, os_rules, COUNT(os_rules));
    if (!rule) {
        return;
    }
    out->os = mb_slice_of(rule->is);
    size_t at = sight->behind[rule->version];
    if (at == 0) {
        return;
    }
    if (rule->version == CROS) {
        at = skip_processor(ua, at);
    }
    out->os_version = version_at(ua, at, out->version_text, sizeof(out->version_text));
    if (rule->version == WINDOWS_NT) {
        out->os_version = windows_name(out->os_version);
    }
}

/* --- model and make --- */

/* Between "Android 13; " and the model some say U, a language, an architecture; K is what reduced
 * agents say instead of a model. */
static bool is_model(struct mb_slice part)
{
    static const char *const others[] = {"K",      "U",      "wv",  "Mobile",
                                         "Tablet", "arm_64", "arm", "HarmonyOS"};
    bool language =
        part.len == 2 || (part.len == 5 && (part.data[2] == '-' || part.data[2] == '_'));
    if (part.len == 0 || (language && part.data[0] >= 'a' && part.data[0] <= 'z') ||
        mb_slice_starts(part, MB_SLICE("rv:"))) {
        return false;
    }
    for (size_t i = 0; i < COUNT(others); i++) {
        if (mb_slice_is(part, others[i])) {
            return false;
        }
    }
    return true;
}

/* The first part that is a model in what stands behind the system's version, up to the bracket. */
static struct mb_slice android_model(struct mb_slice ua, size_t at)
{
    struct mb_slice rest = mb_slice(ua.data + at, ua.len - at);
    long end = mb_slice_find_char(rest, ')');
    if (end < 0) {
        return MB_SLICE_NONE; /* cut, or none of the usual form */
    }
    rest.len = (size_t)end;
    (void)mb_slice_cut(&rest, ';'); /* the version */
    while (mb_slice_present(rest)) {
        struct mb_slice part = mb_slice_trim(mb_slice_cut(&rest, ';'));
        long build = mb_slice_find(part, MB_SLICE("Build/"));
        if (build >= 0) {
            part = mb_slice_trim(mb_slice(part.data, (size_t)build));
        }
        if (mb_slice_starts(part, MB_SLICE("SAMSUNG SM-"))) {
            part = mb_slice(part.data + 8, part.len - 8);
        }
        if (is_model(part)) {
            return part;
        }
    }
    return MB_SLICE_NONE;
}

static void read_model(const struct sight *sight, struct mb_slice ua, struct mb_geo_device *out)
{
    if (mb_slice_is(out->os, "ios")) {
        out->model = mb_slice_of(sight->behind[IPHONE] ? "iPhone"
                                 : sight->behind[IPAD] ? "iPad"
                                 : sight->behind[IPOD] ? "iPod touch"
                                                       : NULL);
    } else if (sight->behind[ANDROID] && !mb_slice_is(out->type, "bot")) {
        out->model = android_model(ua, sight->behind[ANDROID]);
    }
    for (size_t i = 0; i < COUNT(makes); i++) {
        if (mb_slice_starts(out->model, mb_slice_of(makes[i].begins))) {
            out->make = mb_slice_of(makes[i].name);
            return;
        }
    }
}

/* --- what others call --- */

void mb_geo_device(struct mb_slice ua, struct mb_geo_device *out)
{
    struct sight sight = {0};

    out->type = out->os = out->os_version = out->browser = out->make = out->model = MB_SLICE_NONE;
    if (ua.len > UA_MAX_BYTES) {
        ua.len = UA_MAX_BYTES;
    }
    note_words(&sight, ua);
    const struct rule *type = first_rule(&sight, type_rules, COUNT(type_rules));
    const struct rule *browser = first_rule(&sight, browser_rules, COUNT(browser_rules));
    out->type = mb_slice_of(type ? type->is : NULL);
    out->browser = mb_slice_of(browser ? browser->is : NULL);
    read_system(&sight, ua, out);
    read_model(&sight, ua, out);
}

const char *mb_geo_device_value(enum mb_geo_part part, size_t i)
{
    static const struct {
        const struct rule *rules;
        size_t count;
    } lists[] = {[MB_GEO_TYPE] = {type_rules, COUNT(type_rules)},
                 [MB_GEO_OS] = {os_rules, COUNT(os_rules)},
                 [MB_GEO_BROWSER] = {browser_rules, COUNT(browser_rules)}};
    return i < lists[part].count ? lists[part].rules[i].is : NULL;
}
