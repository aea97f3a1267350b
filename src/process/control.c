/* control.c - a worker's ear for the supervisor.
 *
 * The life pipe has one writer, the supervisor, which never writes: that it becomes readable means
 * that the supervisor is dead. Then this worker bids no more, at once: a new supervisor would map
 * new shared memory, and old and new would spend the same budgets.
 */
#include "internal.h"

static void take(struct mb__worker *worker, struct mb__letter *letter)
{
    switch (letter->head.type) {
    case MB__LETTER_TAKE:
        mb__reload_take(worker, letter);
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
    mb__parcel_close(&letter->parcel);
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

void mb__control_send(struct mb__worker *worker, const struct mb__letter_head *head)
{
    if (!mb__channel_send(worker->options->channel, head, NULL)) {
        mb_log(MB_LOG_WARN, "process", "the supervisor does not listen", NULL);
    }
}
