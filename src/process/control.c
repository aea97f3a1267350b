/* control.c - a worker's ear for the supervisor.
 *
 * The life pipe has one writer, the supervisor, which never writes: that it becomes readable means
 * that the supervisor is dead. Then this worker bids no more, at once: a new supervisor would map
 * new shared memory, and old and new would spend the same budgets.
 */
#include "internal.h"

#include <unistd.h>

static void take_bundle(struct mb__worker *worker, struct mb__letter *letter)
{
    struct mb__letter_head refused = {.type = MB__LETTER_OUTCOME,
                                      .ticket = letter->head.ticket,
                                      .outcome = MB__RELOAD_REFUSED,
                                      .error = "the bundle did not arrive"};
    struct mb_bundle *bundle = NULL;
    struct mb_error err;

    if (letter->fd >= 0 && mb_bundle_map(letter->fd, &bundle, &err) == 0) {
        letter->fd = -1;
        mb__reload_build(worker, bundle, letter->head.ticket);
    } else {
        mb__control_send(worker, &refused, MB_SLICE_NONE, -1);
    }
}

/* The strategy may have gone meanwhile, with a reload. */
static void roll_back(struct mb__worker *worker, struct mb__letter *letter)
{
    struct mb__letter_head refused = {.type = MB__LETTER_OUTCOME,
                                      .ticket = letter->head.ticket,
                                      .outcome = MB__RELOAD_REFUSED,
                                      .error = "the strategy or its bundle is not there"};
    const struct mb_strategy *strategy =
        mb_script_strategy(mb_bidder_script(worker->bidder), mb_slice(letter->text,
                                                                       letter->head.text_len));
    struct mb_bundle *before = NULL;
    struct mb_error err;

    if (strategy && letter->fd >= 0 && mb_bundle_map(letter->fd, &before, &err) == 0) {
        letter->fd = -1;
        mb__reload_roll_back(worker, before, strategy->file, letter->head.ticket);
    } else {
        mb__control_send(worker, &refused, MB_SLICE_NONE, -1);
    }
}

/* A build on the helper thread may be looking places up: then the swap waits for its end. */
void mb__control_use_places(struct mb__worker *worker)
{
    struct mb_geo *old = worker->parts.geo;

    if (!worker->control.fresh_places || worker->reload.running != MB__BUILD_NONE) {
        return;
    }
    worker->parts.geo = worker->control.fresh_places;
    worker->control.fresh_places = NULL;
    mb_bidder_use_geo(worker->bidder, worker->parts.geo);
    mb_geo_close(old);
}

static void take_places(struct mb__worker *worker, struct mb__letter *letter)
{
    struct mb_geo *fresh;
    struct mb_error err;

    if (mb_geo_open_shared(letter->fd, &fresh, &err)) {
        mb_log(MB_LOG_ERROR, "process", "geo database not taken, the one before stays in use",
               "worker=%u error=%s", worker->options->seat + 1, err.what);
        return;
    }
    mb_geo_close(worker->control.fresh_places);
    worker->control.fresh_places = fresh;
    mb__control_use_places(worker);
}

static void take(struct mb__worker *worker, struct mb__letter *letter)
{
    switch (letter->head.type) {
    case MB__LETTER_RELOAD:
        mb__reload_build(worker, NULL, letter->head.ticket);
        break;
    case MB__LETTER_TAKE:
        take_bundle(worker, letter);
        break;
    case MB__LETTER_ROLL_BACK:
        roll_back(worker, letter);
        break;
    case MB__LETTER_PLACES:
        take_places(worker, letter);
        break;
    case MB__LETTER_RELOADED:
        mb__reload_answer(worker, letter);
        break;
    case MB__LETTER_DRAIN:
        mb__worker_drain(worker, "told to");
        break;
    default:
        break;
    }
    if (letter->fd >= 0) {
        close(letter->fd);
    }
}

static void on_letter(uv_poll_t *handle, int status, int events)
{
    struct mb__worker *worker = handle->data;
    struct mb__letter *letter = &worker->control.letter;
    int got;

    (void)status;
    (void)events;
    while (!worker->stopping &&
           (got = mb__channel_receive(worker->options->channel, letter)) != 0) {
        if (got < 0) {
            uv_poll_stop(handle);
            return;
        }
        take(worker, letter);
    }
}

static void on_life_over(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    uv_poll_stop(handle);
    mb__worker_drain(handle->data, "the supervisor is dead");
}

static void watch(struct mb__worker *worker, uv_poll_t *handle, int fd, uv_poll_cb on_event)
{
    uv_poll_init(&worker->loop, handle, fd);
    handle->data = worker;
    uv_poll_start(handle, UV_READABLE | UV_DISCONNECT, on_event);
}

void mb__control_open(struct mb__worker *worker)
{
    watch(worker, &worker->control.channel, worker->options->channel, on_letter);
    watch(worker, &worker->control.life, worker->options->life_fd, on_life_over);
}

void mb__control_close(struct mb__worker *worker)
{
    uv_close((uv_handle_t *)&worker->control.channel, NULL);
    uv_close((uv_handle_t *)&worker->control.life, NULL);
}

void mb__control_send(struct mb__worker *worker, const struct mb__letter_head *head,
                      struct mb_slice text, int pass_fd)
{
    if (!mb__channel_send(worker->options->channel, head, text, pass_fd)) {
        mb_log(MB_LOG_WARN, "process", "the supervisor does not listen", NULL);
    }
}
