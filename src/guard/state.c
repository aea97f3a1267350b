/* state.c - what a restart has to find again, as bytes, and back.
 *
 *     clock      boot, anchor                     the guard's clock goes on within a boot
 *     reserved   head | cell: key, step length, n, (step, nanos, bids) x n | ...
 *     learned    cell: key, step length, n, (age, reached, booked) x n | ... | 0 | curve
 *
 * All are varints, behind a byte that counts forms. The head tells boot and time: steps of another
 * boot are moved by what the wall's clock says has passed. Bytes come from our own ledger; read
 * strictly all the same: what is damaged is left out from there on, and holds no money.
 */
#include "market.h"

enum { FORM = 1, STEP_MS_MAX = 7 * 24 * 3600 * 1000 / MB__STEPS };

/* --- writing --- */

static void put(struct mb_buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        mb_xbuf_add_char(out, (char)(value | 0x80));
    }
    mb_xbuf_add_char(out, (char)value);
}

void mb__xstate_add_form(struct mb_buf *out)
{
    put(out, FORM);
}

static void put_i64(struct mb_buf *out, int64_t value)
{
    put(out, (uint64_t)(value > 0 ? value : 0));
}

void mb__xstate_add_clock(const struct mb_guard *guard, struct mb_buf *out)
{
    put(out, FORM);
    put(out, atomic_load(&guard->shared->boot_id));
    put_i64(out, atomic_load(&guard->shared->clock_anchor_ms));
}

void mb__xstate_add_head(const struct mb_guard *guard, int64_t now_ms, struct mb_buf *out)
{
    put(out, FORM);
    put(out, atomic_load(&guard->shared->boot_id));
    put_i64(out, mb__guard_clock(guard, now_ms));
    put_i64(out, now_ms);
}

static void add_cohorts(const struct mb__slot *slot, uint32_t cell, struct mb_buf *out)
{
    struct mb_buf list = {0};
    uint64_t n = 0;

    for (int i = 0; i < MB__COHORTS; i++) {
        const struct mb__cohort *cohort = &slot->cells[cell].cohorts[i];
        int64_t open = atomic_load(&cohort->open);

        if (open > 0) {
            put_i64(&list, atomic_load(&cohort->step));
            put_i64(&list, open);
            put(&list, atomic_load(&cohort->bids));
            n++;
        }
    }
    if (n > 0) {
        put(out, atomic_load(&slot->cell_keys[cell]));
        put_i64(out, atomic_load(&slot->step_ms[cell]));
        put(out, n);
        mb_xbuf_add_slice(out, mb_buf_slice(&list));
    }
    mb_buf_fini(&list);
}

void mb__xstate_add_reserved(const struct mb__slot *slot, struct mb_buf *out)
{
    for (uint32_t i = 0; i < MB__CELLS; i++) {
        if (atomic_load(&slot->step_ms[i]) > 0) {
            add_cohorts(slot, i, out);
        }
    }
}

static void add_rates(const struct mb__slot *slot, uint32_t index, struct mb_buf *out)
{
    const struct mb__cell *cell = &slot->cells[index];
    uint64_t n = 0;

    for (int age = 0; age < MB__AGES; age++) {
        n += atomic_load(&cell->reached[age]) > 0;
    }
    put(out, atomic_load(&slot->cell_keys[index]));
    put_i64(out, atomic_load(&slot->step_ms[index]));
    put(out, n);
    for (int age = 0; age < MB__AGES && n > 0; age++) {
        uint64_t reached = atomic_load(&cell->reached[age]);

        if (reached > 0) {
            put(out, (uint64_t)age);
            put(out, reached);
            put(out, atomic_load(&cell->booked[age]));
            n--;
        }
    }
    for (; n > 0; n--) { /* another process took some back meanwhile */
        put(out, 0), put(out, 0), put(out, 0);
    }
}

void mb__xstate_add_learned(const struct mb__slot *slot, struct mb_buf *out)
{
    bool curve = false;

    for (uint32_t i = 0; i < MB__CELLS; i++) {
        if (atomic_load(&slot->step_ms[i]) > 0) {
            add_rates(slot, i, out);
        }
    }
    for (int i = 0; i < MB__QUARTERS && !curve; i++) {
        curve = atomic_load(&slot->traffic.curve[i]) > 0;
    }
    if (out->len > 0 || curve) {
        put(out, 0);
    }
    for (int i = 0; i < MB__QUARTERS && curve; i++) {
        put(out, atomic_load(&slot->traffic.curve[i]));
    }
}

/* --- reading --- */

struct reader {
    const char *at, *end;
    bool failed;
};

static uint64_t take(struct reader *r)
{
    uint64_t value = 0;

    for (unsigned shift = 0; r->at < r->end && shift < 64; shift += 7) {
        unsigned char byte = (unsigned char)*r->at++;

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    r->failed = true;
    return 0;
}

static int64_t take_i64(struct reader *r, int64_t most)
{
    uint64_t value = take(r);

    r->failed = r->failed || value > (uint64_t)most;
    return r->failed ? 0 : (int64_t)value;
}

static bool take_form(struct reader *r)
{
    r->failed = r->failed || take(r) != FORM;
    return !r->failed;
}

static void read_clock(struct mb_guard *guard, struct reader *r)
{
    struct mb__shared *shared = guard->shared;
    uint64_t boot_id;
    int64_t anchor;

    if (!take_form(r)) {
        return;
    }
    boot_id = take(r);
    anchor = take_i64(r, INT64_MAX);
    if (!r->failed && boot_id > 0 && boot_id == atomic_load(&shared->boot_id) && anchor > 0) {
        atomic_fetch_add(&shared->clock_offset_ms,
                         anchor - atomic_exchange(&shared->clock_anchor_ms, anchor));
    }
}

/* What to add to instants of the guard that told `r`'s head. */
static int64_t take_shift(const struct mb_guard *guard, struct reader *r, int64_t now_ms)
{
    uint64_t boot_id;
    int64_t clock_ms, wall_ms, passed;

    if (!take_form(r)) {
        return 0;
    }
    boot_id = take(r);
    clock_ms = take_i64(r, INT64_MAX / 2);
    wall_ms = take_i64(r, INT64_MAX / 2);
    passed = now_ms > wall_ms ? now_ms - wall_ms : 0;
    if (boot_id > 0 && boot_id == atomic_load(&guard->shared->boot_id)) {
        return 0;
    }
    return mb__guard_clock(guard, now_ms) - (clock_ms + passed);
}

/* Its step, where steps may be of another length now. */
static int64_t moved(int64_t step, int64_t old_ms, int64_t new_ms, int64_t shift)
{
    int64_t at_ms = step * old_ms + shift;

    return at_ms > 0 ? (at_ms + (shift || old_ms != new_ms ? new_ms / 2 : 0)) / new_ms : 0;
}

static void read_cell(struct mb_guard *guard, struct mb__slot *slot, struct reader *r,
                      int64_t shift, int64_t clock_ms)
{
    uint64_t key = take(r);
    int64_t old_ms = take_i64(r, STEP_MS_MAX), n = take_i64(r, MB__COHORTS), new_ms;
    uint32_t cell;

    if (r->failed || old_ms == 0 || key == 0) {
        r->failed = true;
        return;
    }
    cell = mb__cell_of_key(slot, key, old_ms);
    new_ms = atomic_load(&slot->step_ms[cell]);
    /* What became of these bids so far was counted by who told it. */
    atomic_store(&slot->cells[cell].folded, clock_ms / new_ms);
    for (; n > 0 && !r->failed; n--) {
        int64_t step = take_i64(r, INT64_MAX / STEP_MS_MAX);
        int64_t open = take_i64(r, INT64_MAX / (MB__COHORTS * MB__CELLS));
        int64_t bids = take_i64(r, UINT32_MAX);

        if (!r->failed) {
            mb__hold_add(guard, slot, MB_RESERVE_FULL, open);
            mb__cell_hold(guard, slot, cell, open, (uint32_t)bids,
                          moved(step, old_ms, new_ms, shift) * new_ms);
        }
    }
}

static void read_rates(struct mb__slot *slot, struct reader *r, uint64_t key)
{
    int64_t step_ms = take_i64(r, STEP_MS_MAX), n = take_i64(r, MB__AGES);
    struct mb__cell *cell;
    uint32_t index;

    if (r->failed || step_ms == 0) {
        r->failed = true;
        return;
    }
    index = mb__cell_of_key(slot, key, step_ms);
    cell = &slot->cells[index];
    for (; n > 0 && !r->failed; n--) {
        int64_t age = take_i64(r, MB__STEPS), reached = take_i64(r, INT64_MAX);
        int64_t booked = take_i64(r, INT64_MAX);

        /* Of steps of another length it says nothing. */
        if (!r->failed && step_ms == atomic_load(&slot->step_ms[index])) {
            atomic_store(&cell->reached[age], (uint64_t)reached);
            atomic_store(&cell->booked[age], (uint64_t)booked);
        }
    }
}

static void read_learned(struct mb__slot *slot, struct reader *r)
{
    uint64_t key;

    if (!take_form(r)) {
        return;
    }
    while ((key = take(r)) != 0 && !r->failed) {
        read_rates(slot, r, key);
    }
    for (int i = 0; i < MB__QUARTERS && r->at < r->end && !r->failed; i++) {
        atomic_store(&slot->traffic.curve[i], (uint64_t)take_i64(r, INT64_MAX));
    }
}

static void read_reserved(struct mb_guard *guard, uint32_t index, struct reader *r, int64_t now_ms)
{
    struct mb__slot *slot = mb__guard_slot(guard, index);
    int64_t shift = take_shift(guard, r, now_ms);

    /* No hash of anything, but not 0: it has to be told as well once nothing is held any more. */
    atomic_store(&guard->shared->told[index].reserved, 2);
    while (r->at < r->end && !r->failed) {
        read_cell(guard, slot, r, shift, mb__guard_clock(guard, now_ms));
    }
}

static void read_alarm(struct mb_guard *guard, uint32_t index, struct reader *r)
{
    unsigned alarm = r->end - r->at == 1 ? (unsigned char)*r->at - '0' : MB_GUARD_ALARMS;

    r->failed = alarm >= MB_GUARD_ALARMS;
    if (!r->failed) {
        atomic_store(&mb__guard_slot(guard, index)->alarm, alarm);
        atomic_store(&guard->shared->told[index].alarm, 2); /* as above: its end has to be told as well */
    }
}

void mb_guard_restore_state(struct mb_guard *guard, struct mb_slice name, struct mb_slice bytes,
                            int64_t now_ms)
{
    struct reader r = {bytes.data, bytes.data + bytes.len, false};
    struct mb_slice strategy = name, part = mb_slice_cut(&strategy, ':');
    bool market = mb_slice_eq(part, MB_SLICE("market"));
    uint32_t index = market ? MB_GUARD_NO_SLOT : mb_guard_slot(guard, strategy);
    struct mb__slot *slot = mb__guard_slot(guard, index); /* clock, market: none */

    if (market) {
        r.failed = !mb__market_restore(guard, strategy, bytes);
    }
    if (mb_slice_eq(part, MB_SLICE("clock"))) {
        read_clock(guard, &r);
    } else if (slot && mb_slice_eq(part, MB_SLICE("reserved"))) {
        read_reserved(guard, index, &r, now_ms);
    } else if (slot && mb_slice_eq(part, MB_SLICE("learned"))) {
        read_learned(slot, &r);
    } else if (slot && mb_slice_eq(part, MB_SLICE("alarm"))) {
        read_alarm(guard, index, &r);
    }
    if (slot) {
        mb__slot_refresh_now(guard, slot, mb__guard_clock(guard, now_ms));
    }
    if (r.failed) {
        mb_log(MB_LOG_WARN, "guard", "a note cannot be read", "name=%.*s", MB_SLICE_ARG(name));
    }
}
