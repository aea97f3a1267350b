/* decide.c - a bidder whose guard, clock and database of places are the tape of a record.
 */
#include "internal.h"

#include <stdlib.h>

enum { COUNTERS = 64, FREQUENCIES = 64 /* nobody asks the guard, so it may be small */ };

struct mb_replay_decider {
    struct mb_guard *guard;
    struct mb_notice_keys *keys;
    struct mb_bidder *bidder;
    struct mb_tape tape;
    bool forgets_stops;
    struct mb_replay_did *did;
    size_t size;
};

static int load(struct mb_replay_decider *d, const struct mb_replay_decider_options *options,
                struct mb_script_report *report)
{
    const struct mb_config *config = options->config;
    struct mb_script_options script_options = {.bundle = options->bundle,
                                               .endpoints = config->endpoints,
                                               .n_endpoints = config->n_endpoints,
                                               .has_geo = true, /* as recorded */
                                               .guard = d->guard,
                                               .memory_bytes = (size_t)config->script_memory_mb
                                                               << 20,
                                               .timezone = config->timezone};
    struct mb_script *script;
    int rc = mb_script_load(&script_options, &script, report);

    if (!rc) {
        (void)mb_bidder_take_script(d->bidder, script);
    }
    return rc;
}

int mb_replay_decider_new(const struct mb_replay_decider_options *options,
                          struct mb_replay_decider **out, struct mb_script_report *report,
                          struct mb_error *err)
{
    static const uint8_t key[MB_NOTICE_KEY_BYTES];
    struct mb_guard_options guard_options = {.counters_max = COUNTERS,
                                             .frequency_max = FREQUENCIES};
    struct mb_replay_decider *d = calloc(1, sizeof(*d));
    struct mb_bidder_options bidder_options = {.config = options->config, .decides_only = true};
    int rc;

    *out = NULL;
    if (!d) {
        abort();
    }
    d->forgets_stops = options->forgets_stops;
    d->keys = mb_xnotice_keys_new();
    if ((rc = mb_notice_keys_add(d->keys, key)) ||
        (rc = mb_guard_open(&guard_options, &d->guard, err))) {
        goto fail;
    }
    bidder_options.guard = d->guard;
    bidder_options.keys = d->keys;
    if ((rc = mb_bidder_new(&bidder_options, &d->bidder, err)) || (rc = load(d, options, report))) {
        goto fail;
    }
    *out = d;
    return 0;
fail:
    mb_replay_decider_free(d);
    return rc;
}

void mb_replay_decider_free(struct mb_replay_decider *d)
{
    if (d) {
        mb_bidder_free(d->bidder);
        mb_guard_close(d->guard);
        mb_notice_keys_free(d->keys);
        free(d->did);
        free(d);
    }
}

static void take(const struct mb_decision *from, struct mb_replay_did *to)
{
    const struct mb_bid *bid = from->bid;

    *to = (struct mb_replay_did){.strategy = from->strategy->name,
                                 .imp = from->imp->index,
                                 .outcome = from->outcome,
                                 .own = from->own_reason,
                                 .has_bid = bid != NULL};
    if (bid) {
        to->model = bid->model;
        to->format = bid->imp->format;
        to->price = bid->price;
        to->ecpm = bid->ecpm;
        to->price_wire = bid->price_wire;
        to->id = bid->id;
        to->deal = bid->deal_id;
        to->creative = bid->creative_id;
        to->arm = bid->arm;
        to->data = bid->data;
    }
}

const struct mb_replay_did *mb_replay_decide(struct mb_replay_decider *d,
                                             const struct mb_replay_record *record, size_t *count)
{
    struct mb_bidder_in in = record->in;
    const struct mb_decision *decisions;
    struct mb_bidder_out out;
    size_t i;

    d->tape.forgets_stops = d->forgets_stops;
    mb_tape_rewind(&d->tape, record->reads, record->n_reads);
    in.tape = &d->tape;
    mb_bidder_handle(d->bidder, &in, &out);
    decisions = mb_bidder_decisions(d->bidder, count);
    if (*count > d->size) {
        d->size = *count * 2;
        free(d->did);
        d->did = calloc(d->size, sizeof(*d->did));
        if (!d->did) {
            abort();
        }
    }
    for (i = 0; i < *count; i++) {
        take(&decisions[i], &d->did[i]);
    }
    return d->did;
}
