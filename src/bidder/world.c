/* world.c - what a decision reads beside its request: the guard, the clock, the database of places.
 *
 * All of it passes here, so that a tape (tape.h) can note it and say it again. Without a tape it is
 * one comparison.
 */
#include <stdlib.h>

#include "internal.h"

static struct mb_tape_at at(enum mb_tape_kind kind, const struct mb_strategy *strategy,
                            const struct mb_imp *imp, const char *key)
{
    return (struct mb_tape_at){kind, (uint16_t)imp->index, strategy->name, mb_slice_of(key)};
}

static bool plays(const struct mb_bidder *b)
{
    return mb_tape_plays(b->tape);
}

/* What was said, on its way to who asked. `usual`: leaves no note. */
static int64_t note(struct mb_bidder *b, const struct mb_tape_at *where, int64_t said,
                    int64_t usual)
{
    if (said != usual) {
        mb_tape_note_value(b->tape, where, said);
    }
    return said;
}

enum mb_nobid mb__bidder_may(struct mb_bidder *b, const struct mb_strategy *strategy,
                             const struct mb_imp *imp)
{
    struct mb_tape_at where;

    if (!b->tape) {
        return mb_guard_may(b->options.guard, strategy, b->now_ms);
    }
    where = at(MB_TAPE_MAY, strategy, imp, "");
    if (plays(b)) {
        return (enum mb_nobid)mb_tape_play_value(b->tape, &where, MB_NOBID_BID);
    }
    return (enum mb_nobid)note(b, &where, mb_guard_may(b->options.guard, strategy, b->now_ms),
                               MB_NOBID_BID);
}

bool mb__bidder_is_benched(struct mb_bidder *b, const struct mb_strategy *strategy,
                           const struct mb_imp *imp)
{
    enum mb_guard_bench usual = MB_GUARD_NOT_BENCHED;
    struct mb_tape_at where;

    if (!b->tape) {
        return mb_guard_benched(b->options.guard, strategy->guard_slot) != usual;
    }
    where = at(MB_TAPE_BENCHED, strategy, imp, "");
    if (plays(b)) {
        return mb_tape_play_value(b->tape, &where, usual) != usual;
    }
    return note(b, &where, mb_guard_benched(b->options.guard, strategy->guard_slot), usual) !=
           usual;
}

static bool is_late(const struct mb_bidder *b)
{
    return b->options.clock_ms && b->options.clock_ms(b->options.user) >= b->deadline_ms;
}

bool mb__bidder_is_late(struct mb_bidder *b, const struct mb_strategy *strategy,
                        const struct mb_imp *imp, const char *point)
{
    struct mb_tape_at where;

    if (!b->tape) {
        return is_late(b);
    }
    where = at(MB_TAPE_LATE, strategy, imp, point);
    return (plays(b) ? mb_tape_play_value(b->tape, &where, 0) : note(b, &where, is_late(b), 0)) !=
           0;
}

enum mb_nobid mb__bidder_frequency(struct mb_bidder *b, const struct mb_strategy *strategy,
                                   const struct mb_imp *imp, const char *phase, uint64_t key)
{
    struct mb_tape_at where = at(MB_TAPE_FREQUENCY, strategy, imp, phase);
    enum mb_nobid said;

    if (plays(b)) {
        return (enum mb_nobid)mb_tape_play_value(b->tape, &where, MB_NOBID_BID);
    }
    said = mb_guard_frequency(b->options.guard, strategy, key, b->now_ms);
    return b->tape ? (enum mb_nobid)note(b, &where, said, MB_NOBID_BID) : said;
}

enum mb_nobid mb__bidder_per(struct mb_bidder *b, const struct mb_strategy *strategy,
                             const struct mb_imp *imp, const char *phase, uint64_t key)
{
    struct mb_tape_at where = at(MB_TAPE_PER, strategy, imp, phase);
    enum mb_nobid said;

    if (plays(b)) {
        return (enum mb_nobid)mb_tape_play_value(b->tape, &where, MB_NOBID_BID);
    }
    said = mb_guard_per(b->options.guard, strategy, key, b->now_ms);
    return b->tape ? (enum mb_nobid)note(b, &where, said, MB_NOBID_BID) : said;
}

enum mb_nobid mb__bidder_reserve(struct mb_bidder *b, const struct mb_bid *bid,
                                 const struct mb_guard_offer *offer)
{
    struct mb_tape_at where;

    if (!b->tape) {
        return mb_guard_reserve(b->options.guard, bid->strategy, offer, b->now_ms);
    }
    where = at(MB_TAPE_RESERVE, bid->strategy, bid->imp, "");
    if (plays(b)) {
        return (enum mb_nobid)mb_tape_play_value(b->tape, &where, MB_NOBID_BID);
    }
    return (enum mb_nobid)note(b, &where,
                               mb_guard_reserve(b->options.guard, bid->strategy, offer, b->now_ms),
                               MB_NOBID_BID);
}

static bool is_stop(enum mb_nobid outcome)
{
    return outcome == MB_NOBID_SCRIPT_TIMEOUT || outcome == MB_NOBID_SCRIPT_MEMORY;
}

/* How fast this machine was, and how full a state, is not in the request either: a call that was
 * stopped is stopped again without being run. */
void mb__bidder_call(struct mb_bidder *b, const struct mb_strategy *strategy,
                     const struct mb_imp *imp, struct mb_script_result *result)
{
    enum mb_nobid stopped = MB_NOBID_BID;
    struct mb_tape_at where;

    if (!b->tape) {
        mb_script_bid(b->script, strategy, imp, result);
        return;
    }
    where = at(MB_TAPE_STOPPED, strategy, imp, "");
    if (plays(b) && !b->tape->forgets_stops) {
        stopped = (enum mb_nobid)mb_tape_play_value(b->tape, &where, MB_NOBID_BID);
    }
    if (is_stop(stopped)) {
        *result = (struct mb_script_result){.outcome = stopped, .blameless = true};
        return;
    }
    mb_script_bid(b->script, strategy, imp, result);
    if (!plays(b) && is_stop(result->outcome)) {
        mb_tape_note_value(b->tape, &where, result->outcome);
    }
}

/* --- what is derived --- */

static struct mb_slice text_of(struct mb_bidder *b, enum mb_tape_kind kind, const char *key,
                               struct mb_slice found)
{
    struct mb_tape_at where = {kind, MB_TAPE_NO_IMP, MB_SLICE(""), mb_slice_of(key)};

    if (plays(b)) {
        return mb_tape_play_text(b->tape, &where);
    }
    if (b->tape && mb_slice_present(found)) {
        mb_tape_note_text(b->tape, &where, found);
    }
    return found;
}

/* Degrees, as they were noted. */
static bool number_of(struct mb_bidder *b, struct mb_slice text, double *out)
{
    char *end;

    if (mb_slice_empty(text)) {
        return false;
    }
    text = mb_xarena_copy(&b->arena, text);
    *out = strtod(text.data, &end);
    return *end == '\0';
}

struct mb_geo_answer mb__bidder_look_up(struct mb_bidder *b, struct mb_slice ip)
{
    struct mb_geo_answer found = {0};
    struct mb_slice lat = MB_SLICE_NONE, lon = MB_SLICE_NONE;

    if (!b->tape) {
        return mb_geo_look_up(b->options.geo, ip);
    }
    if (!plays(b)) {
        found = mb_geo_look_up(b->options.geo, ip);
        if (found.has_location) {
            lat = mb_xarena_printf(&b->arena, "%.17g", found.lat);
            lon = mb_xarena_printf(&b->arena, "%.17g", found.lon);
        }
    }
    found.country = text_of(b, MB_TAPE_PLACE, "country", found.country);
    found.region = text_of(b, MB_TAPE_PLACE, "region", found.region);
    found.city = text_of(b, MB_TAPE_PLACE, "city", found.city);
    found.zip = text_of(b, MB_TAPE_PLACE, "zip", found.zip);
    lat = text_of(b, MB_TAPE_PLACE, "lat", lat);
    lon = text_of(b, MB_TAPE_PLACE, "lon", lon);
    if (plays(b)) {
        found.has_location = number_of(b, lat, &found.lat) && number_of(b, lon, &found.lon);
    }
    return found;
}

/* A script may know that two requests are of one address, not which. */
struct mb_slice mb__bidder_email_hash(struct mb_bidder *b, struct mb_slice email)
{
    char hash[16];

    if (plays(b)) {
        return text_of(b, MB_TAPE_EMAIL, "", MB_SLICE_NONE);
    }
    if (!mb_slice_present(email)) {
        return MB_SLICE_NONE;
    }
    mb_notice_pseudonym(b->options.keys, email, hash);
    return text_of(b, MB_TAPE_EMAIL, "", mb_xarena_copy(&b->arena, mb_slice(hash, sizeof(hash))));
}
