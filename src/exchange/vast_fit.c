/* vast_fit.c - does a film fit the impression?
 *
 * The newest version of VAST that the player takes is chosen; and what it would refuse (a film of
 * another type or length than it asked for, a version that it does not know) is told before money
 * is held for it.
 */
#include "fields.h"
#include "moonbid/strategy.h"
#include "vast.h"

static bool has_number(struct mb_json_value list, int64_t number)
{
    for (struct mb_json_value v = mb_json_list_first(list); v.type != MB_JSON_NONE;
         v = mb_json_list_next(list, v)) {
        if (mb_json_i64(v, 0) == number) {
            return true;
        }
    }
    return false;
}

/* False for a list without one usable number: it is as good as none. */
static bool says_numbers(struct mb_json_value list)
{
    for (struct mb_json_value v = mb_json_list_first(list); v.type != MB_JSON_NONE;
         v = mb_json_list_next(list, v)) {
        if (mb_json_i64(v, 0) > 0) {
            return true;
        }
    }
    return false;
}

/* Sets the newest version that the impression's `protocols` (OpenRTB's list of them) takes, the
 * asked one alone where the table asks for one; 3.0, which every player reads, where the request
 * does not say. */
static void choose_version(struct mb_json_value media, struct mb_slice asked, struct mb__vast *out)
{
    static const struct {
        const char *text;
        enum mb__vast_version version;
        int as_inline, as_wrapper;
    } rows[] = {
        {"4.3", MB_VAST_4_3, 15, 16}, {"4.2", MB_VAST_4_2, 13, 14}, {"4.1", MB_VAST_4_1, 11, 12},
        {"4.0", MB_VAST_4_0, 7, 8},   {"3.0", MB_VAST_3_0, 3, 6},   {"2.0", MB_VAST_2_0, 2, 5},
    };
    struct mb_json_value taken = get(media, "protocols");
    taken = says_numbers(taken) ? taken : get(media, "protocol"); /* the name of 2.2 */
    bool says = says_numbers(taken);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !out->version; i++) {
        int protocol = out->is_wrapper ? rows[i].as_wrapper : rows[i].as_inline;
        bool is_wanted = mb_slice_present(asked) ? mb_slice_is(asked, rows[i].text)
                                                 : says || rows[i].version == MB_VAST_3_0;
        if (is_wanted && (!says || has_number(taken, protocol))) {
            out->version = rows[i].version;
            out->protocol = protocol;
        }
    }
}

/* Is one of the files of a type that the player takes? */
static bool is_type_taken(struct mb_json_value media, struct mb_json_value files)
{
    struct mb_json_value types = get(media, "mimes");
    bool says = false;
    for (struct mb_json_value t = mb_json_list_first(types); t.type != MB_JSON_NONE;
         t = mb_json_list_next(types, t)) {
        struct mb_slice type = mb__exchange_filled(mb_json_str(t));
        says = says || mb_slice_present(type);
        for (struct mb_json_value f = mb_json_list_first(files); f.type != MB_JSON_NONE;
             f = mb_json_list_next(files, f)) {
            if (mb_slice_present(type) && mb_slice_eq_nocase(type, mb_json_str(get(f, "type")))) {
                return true;
            }
        }
    }
    return !says;
}

/* A player on a page of https loads no file without. */
static bool is_secure(const struct mb_imp *imp, struct mb_json_value files)
{
    for (struct mb_json_value f = mb_json_list_first(files); imp->secure && f.type != MB_JSON_NONE;
         f = mb_json_list_next(files, f)) {
        if (mb_slice_starts(mb_json_str(get(f, "url")), MB_SLICE("http://"))) {
            return false;
        }
    }
    return true;
}

static bool is_length_taken(struct mb_json_value media, struct mb_json_value duration)
{
    int64_t least = mb_json_i64(get(media, "minduration"), 0);
    int64_t most = mb_json_i64(get(media, "maxduration"), 0);
    struct mb_json_value exact = get(media, "rqddurs");
    struct mb__vast_time time;
    (void)mb__vast_time(duration, &time);
    if (says_numbers(exact)) {
        return has_number(exact, (time.ms + 999) / 1000);
    }
    return (time.ms + 999) / 1000 >= least && (most <= 0 || time.ms / 1000 <= most);
}

const char *mb__vast_fit(const struct mb_bid *bid, struct mb__vast *out)
{
    struct mb_json_value media = media_of(bid->imp);
    struct mb_slice asked = mb_json_str(get(out->table, "version"));
    choose_version(media, asked, out);
    if (out->version == MB_VAST_NONE) {
        return mb_slice_present(asked) || !out->is_wrapper ? "vast.version" : "vast.wrapper";
    }
    if (!mb_json_present(get(out->table, "impression")) && mb_slice_empty(bid->imptracker) &&
        !(bid->strategy && bid->strategy->track_impressions)) { /* ours comes with the bid's token */
        return "vast.impression";
    }
    if (out->is_wrapper) {
        return NULL;
    }
    if (!mb_json_present(get(out->table, "title")) && mb_slice_empty(bid->title)) {
        return "vast.title";
    }
    return !is_type_taken(media, get(out->table, "media")) ||
                   !is_secure(bid->imp, get(out->table, "media")) ? "vast.media"
           : !is_length_taken(media, get(out->table, "duration")) ? "vast.duration"
                                                                  : NULL;
}
