/* market_state.c - curves as bytes, for the ledger to keep: a note for each place of the table,
 * once a minute where it has learned something.
 *
 * Only bins with something in them are written. The form is this machine's, and of this version;
 * another one is not read.
 */
#include "market.h"

#include <math.h>
#include <stdio.h>

enum { NOTE_EVERY_MS = 60000, FORM = 1 };

struct head {
    uint8_t form, level;
    uint16_t bins;
    uint32_t zero;
    uint64_t key;
    int64_t as_of_ms;
    struct mb_market_bid place;
};

struct bin {
    uint32_t at;
    float bids, wins, offset, told, heard;
};

static void write_cell(uint64_t key, const struct mb__market_cell *cell, struct mb_buf *out)
{
    struct head head = {.form = FORM,
                        .level = cell->level,
                        .key = key,
                        .as_of_ms = cell->as_of_ms,
                        .place = cell->place};

    mb_xbuf_add(out, &head, sizeof(head));
    for (uint32_t i = 0; i < MB__BINS; i++) {
        if (cell->bids[i] > 0 || cell->told[i] > 0 || cell->heard[i] > 0) {
            struct bin bin = {
                i, cell->bids[i], cell->wins[i], cell->offset[i], cell->told[i], cell->heard[i]};

            mb_xbuf_add(out, &bin, sizeof(bin));
            head.bins++;
        }
    }
    memcpy(out->data, &head, sizeof(head));
}

void mb__market_note(struct mb_guard *guard, int64_t now_ms, const struct mb_guard_notes *notes)
{
    struct mb_buf bytes = {0};

    for (size_t i = 0; i < MB_MARKET_CELLS; i++) {
        struct mb__market_cell *cell = &guard->market->cells[i];
        uint64_t key = atomic_load(&guard->market->keys[i]);
        char name[32];

        if (key == 0 || !cell->untold ||
            (cell->noted_ms && now_ms - cell->noted_ms < NOTE_EVERY_MS)) {
            continue;
        }
        mb_buf_clear(&bytes);
        write_cell(key, cell, &bytes);
        int len = snprintf(name, sizeof(name), "market:%zu", i);
        notes->on_state(notes->user, mb_slice(name, (size_t)len), mb_buf_slice(&bytes));
        cell->untold = false;
        cell->noted_ms = now_ms;
    }
    mb_buf_fini(&bytes);
}

void mb__market_note_again(struct mb_guard *guard)
{
    for (size_t i = 0; i < MB_MARKET_CELLS; i++) {
        struct mb__market_cell *cell = &guard->market->cells[i];

        if (atomic_load(&guard->market->keys[i]) != 0) {
            cell->noted_ms = 0;
            cell->untold = true;
        }
    }
}

static bool is_count(float value)
{
    return isfinite(value) && value >= 0;
}

static bool read_bins(struct mb__market_cell *cell, struct mb_slice bytes)
{
    for (; bytes.len >= sizeof(struct bin);
         bytes = mb_slice(bytes.data + sizeof(struct bin), bytes.len - sizeof(struct bin))) {
        struct bin bin;

        memcpy(&bin, bytes.data, sizeof(bin));
        if (bin.at >= MB__BINS || !is_count(bin.bids) || !is_count(bin.wins) ||
            !is_count(bin.told) || !is_count(bin.heard) || !isfinite(bin.offset)) {
            return false;
        }
        cell->bids[bin.at] = bin.bids;
        cell->wins[bin.at] = bin.wins;
        cell->offset[bin.at] = bin.offset;
        cell->told[bin.at] = bin.told;
        cell->heard[bin.at] = bin.heard;
    }
    return true;
}

/* Into the place where it was: keys are looked for from the same place in every process. */
bool mb__market_restore(struct mb_guard *guard, struct mb_slice place, struct mb_slice bytes)
{
    struct head head;
    int64_t index;

    if (!mb_slice_to_i64(place, &index) || index < 0 || index >= MB_MARKET_CELLS ||
        bytes.len < sizeof(head)) {
        return false;
    }
    memcpy(&head, bytes.data, sizeof(head));
    if (head.form != FORM || head.level >= MB__MARKET_LEVELS || head.key == 0 ||
        bytes.len != sizeof(head) + head.bins * sizeof(struct bin) ||
        head.place.endpoint_len > sizeof(head.place.endpoint) ||
        head.place.site_len > sizeof(head.place.site) || head.place.format >= MB_FORMAT_COUNT) {
        return false;
    }
    struct mb__market_cell *cell = &guard->market->cells[index];
    if (atomic_load(&guard->market->keys[index]) != 0) {
        return true; /* a bookkeeper that was replaced: what the memory holds is newer */
    }
    cell->place = head.place;
    cell->level = head.level;
    cell->as_of_ms = head.as_of_ms;
    if (!read_bins(cell, mb_slice(bytes.data + sizeof(head), bytes.len - sizeof(head)))) {
        return false;
    }
    cell->learned = true;
    atomic_store(&guard->market->keys[index], head.key);
    return true;
}
