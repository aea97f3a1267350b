/* market.c - the table of curves: finding, learning, fading, asking.
 *
 * A bid is counted in three cells, with site and size, without the site, without the size; so is
 * what becomes of it. A place is looked up in that order. A cell is found within PROBES of its
 * key's hash; where none is free the one of the least weight gives way.
 */
#include "market.h"

#include <math.h>

enum { PROBES = 16, FADE_EVERY_MS = 60000, DRAW_EVERY_MS = 3600000, TRIES = 4 };

#define FULL 4e6f           /* of a bin: floats count by one up to four times that */
#define NEAR 0.5            /* bins: prices so far from a curve's ends are still its own */
#define GAP MB__BINS_OCTAVE /* bins: between prices farther apart nothing is guessed */

static const uint64_t seed[2] = {UINT64_C(0x6d61726b65747321), UINT64_C(0x77696e2072617465)};

double mb__market_at(double price)
{
    double at = price > 0 ? log2(price / MB__PRICE_LEAST) * MB__BINS_OCTAVE : 0;
    return at < 0 ? 0 : at > MB__BINS - 1 ? MB__BINS - 1 : at;
}

double mb__market_price_at(double at)
{
    return MB__PRICE_LEAST * exp2(at / MB__BINS_OCTAVE);
}

/* --- places --- */

static bool by_click(enum mb_model model)
{
    return model != MB_MODEL_CPM;
}

void mb_market_fill(struct mb_market_bid *bid, const struct mb_market_place *place,
                    struct mb_price price)
{
    size_t endpoint = place->endpoint.len, site = place->site.len;

    endpoint = endpoint < sizeof(bid->endpoint) ? endpoint : sizeof(bid->endpoint);
    site = site < sizeof(bid->site) ? site : sizeof(bid->site);
    bid->price = (float)mb_money_price_to_double(price);
    bid->width = (uint16_t)place->size.width;
    bid->height = (uint16_t)place->size.height;
    bid->format = (uint8_t)place->format;
    bid->model = by_click(place->model) ? MB_MODEL_CPC : MB_MODEL_CPM;
    bid->endpoint_len = (uint8_t)endpoint;
    bid->site_len = (uint8_t)site;
    if (endpoint > 0) {
        memcpy(bid->endpoint, place->endpoint.data, endpoint);
    }
    if (site > 0) {
        memcpy(bid->site, place->site.data, site);
    }
}

static uint64_t key_of(const struct mb_market_bid *bid, int level)
{
    const uint16_t numbers[4] = {bid->format, bid->model, level < 2 ? bid->width : 0,
                                 level < 2 ? bid->height : 0};
    const struct mb_slice pieces[3] = {mb_slice((const char *)numbers, sizeof(numbers)),
                                       mb_slice(bid->endpoint, bid->endpoint_len),
                                       mb_slice(bid->site, level < 1 ? bid->site_len : 0)};
    uint64_t hash[2];

    mb__hash(seed, pieces, 3, hash);
    hash[0] = (hash[0] & ~UINT64_C(3)) | (unsigned)level;
    return hash[0] | 4; /* never 0 */
}

static bool has_level(const struct mb_market_bid *bid, int level)
{
    return level == 0 ? bid->site_len > 0 : level > 1 || (bid->width > 0 && bid->height > 0);
}

static size_t probe_at(uint64_t key, uint32_t probe)
{
    return ((key >> 8) + probe) % MB_MARKET_CELLS;
}

static struct mb__market_cell *find(const struct mb_guard *guard, uint64_t key)
{
    for (uint32_t i = 0; i < PROBES; i++) {
        size_t at = probe_at(key, i);

        if (atomic_load_explicit(&guard->market->keys[at], memory_order_acquire) == key) {
            return &guard->market->cells[at];
        }
    }
    return NULL;
}

static _Atomic uint64_t *key_of_cell(const struct mb_guard *guard,
                                     const struct mb__market_cell *cell)
{
    return &guard->market->keys[cell - guard->market->cells];
}

/* --- learning --- */

static double weight_of(const struct mb__market_cell *cell)
{
    double sum = 0;

    for (int i = 0; i < MB__BINS; i++) {
        sum += cell->bids[i] + cell->told[i];
    }
    return sum;
}

static void multiply(struct mb__market_cell *cell, float by)
{
    for (int i = 0; i < MB__BINS; i++) {
        cell->bids[i] *= by;
        cell->wins[i] *= by;
        cell->offset[i] *= by;
        cell->told[i] *= by;
        cell->heard[i] *= by;
    }
}

static double faded(int64_t age_ms)
{
    return exp2(-(double)age_ms / (double)MB_MARKET_HALF_LIFE_MS);
}

void mb__market_fade(struct mb__market_cell *cell, int64_t now_ms)
{
    if (now_ms - cell->as_of_ms >= FADE_EVERY_MS) {
        multiply(cell, (float)faded(now_ms - cell->as_of_ms));
        cell->as_of_ms = now_ms;
    }
}

/* Readers find no key, or no knots, while the cell changes hands. */
static void begin(struct mb_guard *guard, struct mb__market_cell *cell, uint64_t key,
                  const struct mb_market_bid *bid, int level, int64_t now_ms)
{
    uint32_t sequence = atomic_load(&cell->sequence) | 1;

    atomic_store(&cell->sequence, sequence);
    atomic_store(key_of_cell(guard, cell), 0);
    memset(cell->bids, 0, sizeof(cell->bids));
    memset(cell->wins, 0, sizeof(cell->wins));
    memset(cell->offset, 0, sizeof(cell->offset));
    memset(cell->told, 0, sizeof(cell->told));
    memset(cell->heard, 0, sizeof(cell->heard));
    cell->place = *bid;
    cell->place.site_len = level < 1 ? bid->site_len : 0;
    cell->place.width = level < 2 ? bid->width : 0;
    cell->place.height = level < 2 ? bid->height : 0;
    cell->level = (uint8_t)level;
    cell->noted_ms = 0;
    cell->as_of_ms = now_ms;
    cell->n_knots = 0;
    atomic_store(key_of_cell(guard, cell), key);
    atomic_store(&cell->sequence, sequence + 1);
}

static struct mb__market_cell *make(struct mb_guard *guard, const struct mb_market_bid *bid,
                                    int level, int64_t now_ms)
{
    uint64_t key = key_of(bid, level);
    struct mb__market_cell *cell = find(guard, key), *least = NULL;
    double least_weight = INFINITY;

    for (uint32_t i = 0; i < PROBES && !cell; i++) {
        size_t at = probe_at(key, i);
        struct mb__market_cell *other = &guard->market->cells[at];
        double weight = atomic_load(&guard->market->keys[at]) == 0 ? -1 : weight_of(other);

        if (weight < least_weight) {
            least = other;
            least_weight = weight;
        }
    }
    if (!cell) {
        if (least_weight >= 0) {
            atomic_fetch_add(&guard->market->evicted, 1);
        }
        begin(guard, least, key, bid, level, now_ms);
        cell = least;
    }
    mb__market_fade(cell, now_ms);
    cell->learned = cell->untold = true;
    return cell;
}

/* `by` may be below 0: what is known better now. */
static void add_bids(struct mb__market_cell *cell, double price, double by)
{
    double at = mb__market_at(price);
    int bin = (int)lrint(at);

    cell->bids[bin] += (float)by;
    cell->offset[bin] += (float)(by * (at - bin));
    if (cell->bids[bin] <= 0) {
        cell->bids[bin] = cell->offset[bin] = cell->wins[bin] = 0;
    }
    if (cell->bids[bin] > FULL) {
        multiply(cell, 0.5f);
    }
}

void mb_market_take_bid(struct mb_guard *guard, const struct mb_market_bid *bid, double weight,
                        int64_t now_ms)
{
    for (int level = 0; level < MB__MARKET_LEVELS; level++) {
        if (has_level(bid, level)) {
            add_bids(make(guard, bid, level, now_ms), (double)bid->price, weight);
        }
    }
}

static void learn(struct mb__market_cell *cell, const struct mb_event *event, bool won,
                  double weight)
{
    double price = mb_money_price_to_double(event->price_bid);
    bool told = event->has_min_to_win && event->min_to_win.micros > 0 &&
                won == (event->min_to_win.micros <= event->price_bid.micros);

    if (told) {
        double at = mb__market_at(mb_money_price_to_double(event->min_to_win));

        add_bids(cell, price, -weight);
        cell->told[(int)ceil(at)] += (float)weight;
        cell->heard[(int)lrint(mb__market_at(price))] += (float)weight;
    } else if (won) {
        cell->wins[(int)lrint(mb__market_at(price))] += (float)weight;
    }
}

void mb_market_say(struct mb_guard *guard, const struct mb_market_place *place,
                   struct mb_price price, double bids, double wins, int64_t now_ms)
{
    struct mb_market_bid bid = {0};

    mb_market_fill(&bid, place, price);
    for (int level = 0; level < MB__MARKET_LEVELS; level++) {
        if (has_level(&bid, level)) {
            struct mb__market_cell *cell = make(guard, &bid, level, now_ms);

            add_bids(cell, (double)bid.price, bids);
            cell->wins[(int)lrint(mb__market_at((double)bid.price))] += (float)wins;
        }
    }
}

/* ExoClick tells of no wins: its billing notice is the first word of one. */
static bool is_win(const struct mb_event *event)
{
    return event->type == MB_EVENT_WIN ||
           (event->type == MB_EVENT_BILLING && mb_slice_is(event->exchange, "exoclick"));
}

void mb__market_event(struct mb_guard *guard, const struct mb_event *event)
{
    bool won = is_win(event);
    struct mb_market_bid bid = {0};
    const struct mb_market_place place = {.endpoint = event->endpoint,
                                          .site = mb_slice_present(event->site_id) ? event->site_id
                                                                                   : event->zone_id,
                                          .size = event->size,
                                          .format = mb_format_of(event->format),
                                          .model = event->model};

    if ((!won && event->type != MB_EVENT_LOSS) || !event->has_price_bid) {
        return;
    }
    mb_market_fill(&bid, &place, event->price_bid);
    for (int level = 0; level < MB__MARKET_LEVELS; level++) {
        if (has_level(&bid, level)) {
            struct mb__market_cell *cell = make(guard, &bid, level, event->time_ms);
            int64_t age_ms = cell->as_of_ms - event->bid_time_ms;

            learn(cell, event, won, event->bid_time_ms && age_ms > 0 ? faded(age_ms) : 1);
        }
    }
}

void mb_market_refresh(struct mb_guard *guard, int64_t now_ms)
{
    for (size_t i = 0; i < MB_MARKET_CELLS; i++) {
        struct mb__market_cell *cell = &guard->market->cells[i];
        struct mb__knot knots[MB_MARKET_KNOTS];

        if (atomic_load(&guard->market->keys[i]) == 0) {
            continue;
        }
        uint32_t sequence = atomic_load(&cell->sequence);
        if (!cell->learned && !(sequence & 1) && now_ms - cell->as_of_ms < DRAW_EVERY_MS) {
            continue;
        }
        mb__market_fade(cell, now_ms);
        size_t count = mb__market_draw(cell, knots);
        atomic_store(&cell->sequence, sequence | 1);
        atomic_thread_fence(memory_order_release);
        memcpy(cell->knots, knots, count * sizeof(*knots));
        cell->n_knots = (uint32_t)count;
        atomic_store_explicit(&cell->sequence, (sequence | 1) + 1, memory_order_release);
        cell->learned = false;
    }
}

/* --- the ring --- */

void mb_market_push(struct mb_market_ring *ring, const struct mb_market_place *place,
                    struct mb_price price)
{
    uint64_t pushed = atomic_load_explicit(&ring->pushed, memory_order_relaxed);

    if (pushed - atomic_load_explicit(&ring->taken, memory_order_acquire) >= MB_MARKET_RING) {
        atomic_store_explicit(&ring->dropped,
                              atomic_load_explicit(&ring->dropped, memory_order_relaxed) + 1,
                              memory_order_relaxed);
        return;
    }
    mb_market_fill(&ring->bids[pushed % MB_MARKET_RING], place, price);
    atomic_store_explicit(&ring->pushed, pushed + 1, memory_order_release);
}

size_t mb_market_drain(struct mb_guard *guard, struct mb_market_ring *ring, size_t max, int64_t now_ms)
{
    uint64_t pushed = atomic_load_explicit(&ring->pushed, memory_order_acquire);
    uint64_t taken = atomic_load(&ring->taken), taken_dropped = atomic_load(&ring->taken_dropped);
    uint64_t lost = atomic_load(&ring->dropped) - taken_dropped;
    uint64_t n = pushed - taken < max ? pushed - taken : max;
    uint64_t stood_for = n > 0 ? lost * n / (pushed - taken) : 0; /* those taken later stand for the rest */
    double weight = n > 0 ? (double)(n + stood_for) / (double)n : 1;

    for (uint64_t end = taken + n; taken < end; taken++) {
        mb_market_take_bid(guard, &ring->bids[taken % MB_MARKET_RING], weight, now_ms);
    }
    atomic_store(&ring->taken_dropped, taken_dropped + stood_for);
    atomic_store_explicit(&ring->taken, taken, memory_order_release);
    return n;
}

/* --- asking --- */

/* A copy of what is drawn; 0 where there is nothing, or nothing whole. */
static size_t read_knots(const struct mb_guard *guard, const struct mb__market_cell *cell,
                         uint64_t key, struct mb__knot *out)
{
    for (int i = 0; i < TRIES; i++) {
        uint32_t before = atomic_load_explicit(&cell->sequence, memory_order_acquire);
        uint32_t count = cell->n_knots;

        if (before & 1 || count > MB_MARKET_KNOTS) {
            continue;
        }
        memcpy(out, cell->knots, count * sizeof(*out));
        bool same_key = atomic_load(key_of_cell(guard, cell)) == key;
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&cell->sequence, memory_order_relaxed) == before) {
            return same_key ? count : 0;
        }
    }
    return 0;
}

static double rate_on(const struct mb__knot *knots, size_t count, double at)
{
    size_t i = 0;

    while (i < count && (double)knots[i].at < at) {
        i++;
    }
    double before = i > 0 ? at - (double)knots[i - 1].at : INFINITY;
    double behind = i < count ? (double)knots[i].at - at : INFINITY;
    if (before + behind <= GAP) {
        double part = before / (before + behind);

        return (double)knots[i - 1].rate + part * (double)(knots[i].rate - knots[i - 1].rate);
    }
    if (behind <= NEAR) {
        return (double)knots[i].rate;
    }
    return before <= NEAR ? (double)knots[i - 1].rate : -1;
}

int64_t mb_market_rate(const struct mb_guard *guard, const struct mb_market_place *place,
                       struct mb_price price)
{
    double at = mb__market_at(mb_money_price_to_double(price));
    struct mb__knot knots[MB_MARKET_KNOTS];
    struct mb_market_bid bid = {0};
    double rate = -1;

    mb_market_fill(&bid, place, price);
    for (int level = 0; level < MB__MARKET_LEVELS && rate < 0; level++) {
        uint64_t key = key_of(&bid, level);
        const struct mb__market_cell *cell = has_level(&bid, level) ? find(guard, key) : NULL;

        rate = cell ? rate_on(knots, read_knots(guard, cell, key, knots), at) : -1;
    }
    return rate < 0 ? -1 : llrint(rate * 1e6);
}

static double price_on(const struct mb__knot *knots, size_t count, double rate)
{
    size_t i = 0;

    while (i < count && (double)knots[i].rate < rate) {
        i++;
    }
    if (i == count) {
        return -1;
    }
    if (i == 0 || (double)(knots[i].at - knots[i - 1].at) > GAP) {
        return mb__market_price_at((double)knots[i].at);
    }
    double rise = (double)(knots[i].rate - knots[i - 1].rate);
    double part = (rate - (double)knots[i - 1].rate) / rise;
    return mb__market_price_at((double)knots[i - 1].at +
                               part * (double)(knots[i].at - knots[i - 1].at));
}

int64_t mb_market_price(const struct mb_guard *guard, const struct mb_market_place *place,
                        int64_t rate_millionths)
{
    struct mb__knot knots[MB_MARKET_KNOTS];
    struct mb_market_bid bid = {0};
    double price = -1;

    mb_market_fill(&bid, place, (struct mb_price){0});
    for (int level = 0; level < MB__MARKET_LEVELS && price < 0; level++) {
        uint64_t key = key_of(&bid, level);
        const struct mb__market_cell *cell = has_level(&bid, level) ? find(guard, key) : NULL;

        price = cell ? price_on(knots, read_knots(guard, cell, key, knots),
                                (double)rate_millionths * 1e-6)
                     : -1;
    }
    return price < 0 ? -1 : llrint(price * 1e6);
}

uint64_t mb_market_evicted(const struct mb_guard *guard)
{
    return atomic_load(&guard->market->evicted);
}

size_t mb_market_count(const struct mb_guard *guard)
{
    size_t count = 0;

    for (size_t i = 0; i < MB_MARKET_CELLS; i++) {
        count += atomic_load_explicit(&guard->market->keys[i], memory_order_relaxed) != 0;
    }
    return count;
}

void mb_market_each(const struct mb_guard *guard,
                    void (*on_curve)(void *user, const struct mb_market_curve *curve), void *user)
{
    for (size_t i = 0; i < MB_MARKET_CELLS; i++) {
        const struct mb__market_cell *cell = &guard->market->cells[i];
        uint64_t key = atomic_load(&guard->market->keys[i]);
        struct mb__knot drawn[MB_MARKET_KNOTS];
        struct mb_market_knot knots[MB_MARKET_KNOTS];

        if (key == 0 || atomic_load(&cell->sequence) & 1) {
            continue;
        }
        struct mb_market_bid at = cell->place;
        struct mb_market_curve curve = {.knots = knots, .all_sizes = cell->level == 2};
        curve.n_knots = read_knots(guard, cell, key, drawn);
        for (size_t k = 0; k < curve.n_knots; k++) {
            knots[k] = (struct mb_market_knot){mb__market_price_at((double)drawn[k].at),
                                               (double)drawn[k].rate};
        }
        for (int b = 0; b < MB__BINS; b++) {
            curve.bids += (double)cell->bids[b];
            curve.wins += (double)cell->wins[b];
            curve.told += (double)cell->told[b];
        }
        curve.place = (struct mb_market_place){
            .endpoint = mb_slice(at.endpoint, at.endpoint_len),
            .site = at.site_len > 0 ? mb_slice(at.site, at.site_len) : MB_SLICE_NONE,
            .size = {at.width, at.height},
            .format = (enum mb_format)at.format,
            .model = (enum mb_model)at.model};
        on_curve(user, &curve);
    }
}
