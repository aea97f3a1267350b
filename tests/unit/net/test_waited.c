/* How long a request has waited for those before it. */
#include "rig.h"

#define SLOW_MS 60

static struct {
    uint32_t ms[16];
    int n;
} waited;

/* Holds the loop for a while, as a handler that computes does. */
static void on_slow_request(void *user, struct mb_http_exchange *exchange, const struct mb_http_request *request)
{
    (void)user;
    waited.ms[waited.n++] = request->waited_ms;
    if (mb_slice_is(request->path, "/slow")) {
        uint64_t end = uv_hrtime() + SLOW_MS * UINT64_C(1000000);
        while (uv_hrtime() < end) {
        }
    }
    rig_reply(exchange, 200, MB_SLICE("done"), false);
}

#define SLOW "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"
#define FAST "GET /fast HTTP/1.1\r\nHost: a\r\n\r\n"

static void requests_of_one_connection_wait_for_each_other(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_heard heard = {0};
    waited.n = 0;
    rig_start_with(&rig, NULL, on_slow_request);
    int fd = rig_connect(&rig);
    rig_send(&rig, fd, SLOW SLOW FAST FAST);
    rig_hear(&rig, fd, &heard, "done", 4);
    for (int i = 1; i < 4; i++)
        assert_true(waited.ms[i] >= waited.ms[i - 1]);
    assert_true(waited.ms[1] >= SLOW_MS - 1); /* both times are cut to whole milliseconds */
    assert_true(waited.ms[3] >= 2 * SLOW_MS - 1);
    rig_heard_free(&heard);
    rig_send(&rig, fd, FAST);
    rig_hear(&rig, fd, &heard, "done", 1);
    assert_true(waited.ms[4] < waited.ms[3]); /* the queue was empty in between */
    close(fd);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

static void requests_of_many_connections_wait_for_each_other(void **state)
{
    (void)state;
    enum { CONNS = 5 };
    int fds[CONNS];
    struct rig rig;
    waited.n = 0;
    rig_start_with(&rig, NULL, on_slow_request);
    for (int i = 0; i < CONNS; i++)
        fds[i] = rig_connect(&rig);
    RIG_WAIT(&rig, -1, mb_http_server_counters(rig.server)->accepted == CONNS);
    for (int i = 0; i < CONNS; i++) /* small enough to go out at once, without a turn of the loop */
        assert_int_equal(send(fds[i], SLOW, strlen(SLOW), MSG_DONTWAIT), strlen(SLOW));
    RIG_WAIT(&rig, fds[CONNS - 1], waited.n == CONNS);
    assert_true(waited.ms[CONNS - 1] >= (CONNS - 1) * SLOW_MS - 1);
    for (int i = 0; i < CONNS; i++)
        close(fds[i]);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_of_one_connection_wait_for_each_other),
        cmocka_unit_test(requests_of_many_connections_wait_for_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
