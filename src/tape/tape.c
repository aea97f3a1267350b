/* tape.c - a list of notes, and the look for the one that is meant.
 *
 * A replay of the same scripts asks in the order in which it was noted, so the look begins behind
 * the note that was played last. Other scripts ask in another order, or twice: then all notes are
 * gone over, of which there are few.
 */
#include "moonbid/tape.h"

enum { NOTES_FIRST = 16 };

static const char *const names[] = {
#define XX(name, text) text,
    MB_TAPE_KIND_MAP(XX)
#undef XX
};

const char *mb_tape_kind_name(enum mb_tape_kind kind)
{
    return names[kind];
}

bool mb_tape_is_verdict(enum mb_tape_kind kind)
{
    return kind == MB_TAPE_MAY || kind == MB_TAPE_FREQUENCY || kind == MB_TAPE_PER ||
           kind == MB_TAPE_RESERVE || kind == MB_TAPE_STOPPED;
}

enum mb_tape_kind mb_tape_kind_of(struct mb_slice name)
{
    int kind = 0;

    while (kind < MB_TAPE_KINDS && !mb_slice_is(name, names[kind])) {
        kind++;
    }
    return (enum mb_tape_kind)kind;
}

void mb_tape_record(struct mb_tape *tape, struct mb_arena *arena)
{
    *tape = (struct mb_tape){.arena = arena};
}

void mb_tape_rewind(struct mb_tape *tape, struct mb_tape_note *notes, size_t count)
{
    size_t i;

    *tape = (struct mb_tape){.plays = true,
                             .forgets_stops = tape->forgets_stops,
                             .notes = notes,
                             .count = count,
                             .size = count};
    for (i = 0; i < count; i++) {
        notes[i].played = false;
    }
}

static struct mb_tape_note *add(struct mb_tape *tape, const struct mb_tape_at *at)
{
    if (tape->count == tape->size) {
        size_t size = tape->size ? tape->size * 2 : NOTES_FIRST;
        struct mb_tape_note *more = mb_xarena_alloc_raw(tape->arena, size * sizeof(*more));

        if (tape->count > 0) {
            memcpy(more, tape->notes, tape->count * sizeof(*more));
        }
        tape->notes = more;
        tape->size = size;
    }
    tape->notes[tape->count] = (struct mb_tape_note){.at = *at};
    tape->notes[tape->count].at.key = mb_xarena_copy(tape->arena, at->key);
    return &tape->notes[tape->count++];
}

void mb_tape_note_value(struct mb_tape *tape, const struct mb_tape_at *at, int64_t value)
{
    add(tape, at)->value = value;
}

void mb_tape_note_text(struct mb_tape *tape, const struct mb_tape_at *at, struct mb_slice text)
{
    add(tape, at)->text = mb_xarena_copy(tape->arena, text);
}

/* --- playing --- */

static bool is_meant(const struct mb_tape_note *note, const struct mb_tape_at *at, bool any_key)
{
    return note->at.kind == at->kind && note->at.imp == at->imp &&
           mb_slice_eq(note->at.strategy, at->strategy) &&
           (any_key || mb_slice_eq(note->at.key, at->key));
}

static bool may_be_masked(enum mb_tape_kind kind)
{
    return kind == MB_TAPE_GET || kind == MB_TAPE_INCR || kind == MB_TAPE_ARM;
}

static struct mb_tape_note *look(struct mb_tape *tape, const struct mb_tape_at *at, bool any_key)
{
    size_t i;

    for (i = 0; i < tape->count; i++) {
        size_t place = tape->next + i < tape->count ? tape->next + i : tape->next + i - tape->count;
        struct mb_tape_note *note = &tape->notes[place];

        if (!note->played && is_meant(note, at, any_key)) {
            note->played = true;
            tape->next = place + 1 == tape->count ? 0 : place + 1;
            return note;
        }
    }
    return NULL;
}

static const struct mb_tape_note *find(struct mb_tape *tape, const struct mb_tape_at *at)
{
    const struct mb_tape_note *note = look(tape, at, false);

    if (!note && may_be_masked(at->kind)) {
        note = look(tape, at, true);
        tape->lost += !note;
    }
    return note;
}

int64_t mb_tape_play_value(struct mb_tape *tape, const struct mb_tape_at *at, int64_t fallback)
{
    const struct mb_tape_note *note = find(tape, at);

    return note ? note->value : fallback;
}

struct mb_slice mb_tape_play_text(struct mb_tape *tape, const struct mb_tape_at *at)
{
    const struct mb_tape_note *note = find(tape, at);

    return note ? note->text : MB_SLICE_NONE;
}
