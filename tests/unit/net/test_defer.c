/* Late answers, peers that leave before them, draining, closing: nothing is lost, used twice or
 * left open. */
#include "rig.h"

#define HELLO "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
#define LATER "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
#define BYE "GET /bye HTTP/1.1\r\nHost: a\r\n\r\n"

static const struct mb_http_counters *counters(const struct rig *rig)
{
    return mb_http_server_counters(rig->server);
}

static void late_answers_keep_the_order_of_requests(void **state)
{
    (void)state;
    static const int orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}};
    static const char *const words[] = {"zero", "one", "two", "three"};
    struct rig rig;
    rig_start(&rig, NULL);
    for (size_t o = 0; o < sizeof(orders) / sizeof(orders[0]); o++) {
        struct rig_heard heard = {0};
        int fd = rig_connect(&rig);
        rig_send(&rig, fd, LATER LATER HELLO LATER LATER HELLO);
        RIG_WAIT(&rig, fd, rig.n_kept == 4);
        for (int i = 0; i < 4; i++) {
            int which = orders[o][i];
            rig_reply(rig.kept[which], 200, mb_slice_of(words[which]), false);
            rig_run(&rig, fd);
        }
        rig.n_kept = 0;
        rig_hear(&rig, fd, &heard, "hello", 2);
        const char *at = heard.data;
        static const char *const expected[] = {"zero", "one", "hello", "two", "three", "hello"};
        for (size_t i = 0; i < 6; i++) {
            at = strstr(at, expected[i]);
            if (at == NULL)
                fail_msg("order %zu: \"%s\" is not in its place: %s", o, expected[i], heard.data);
        }
        assert_int_equal(rig_count(heard.data, "HTTP/1.1 200"), 6);
        close(fd);
        rig_heard_free(&heard);
    }
    rig_stop(&rig);
}

static void answer_after_the_peer_has_left_goes_nowhere(void **state)
{
    (void)state;
    struct rig rig;
    rig_start(&rig, NULL);
    int fd = rig_connect(&rig);
    rig_send(&rig, fd, LATER LATER);
    RIG_WAIT(&rig, fd, rig.n_kept == 2);
    rig_reply(rig.kept[1], 200, MB_SLICE("never sent"), false);
    /* A reset, not an orderly end: nobody is there to listen. */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    close(fd);
    RIG_WAIT(&rig, -1, counters(&rig)->open == 0);
    rig_reply(rig.kept[0], 200, MB_SLICE("never sent"), false);
    rig.n_kept = 0;
    rig_stop(&rig);
}

static void answer_after_the_server_is_closed_is_safe(void **state)
{
    (void)state;
    struct rig rig;
    rig_start(&rig, NULL);
    int fd = rig_connect(&rig);
    rig_send(&rig, fd, LATER);
    RIG_WAIT(&rig, fd, rig.n_kept == 1);
    rig.close_in_handler = true; /* closed here, so rig_stop need not */
    mb_http_server_close(rig.server);
    uv_run(&rig.loop, UV_RUN_DEFAULT);
    rig_reply(rig.kept[0], 200, MB_SLICE("never sent"), false);
    rig.n_kept = 0;
    close(fd);
    rig_stop(&rig);
}

/* The handler may close the server under its own request, with more requests behind it. */
static void server_may_be_closed_in_a_handler(void **state)
{
    (void)state;
    struct rig rig;
    rig_start(&rig, NULL);
    rig.close_in_handler = true;
    int fd = rig_connect(&rig);
    rig_send(&rig, fd,
             "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody" HELLO LATER);
    uv_run(&rig.loop, UV_RUN_DEFAULT);
    assert_int_equal(rig.n_kept, 0);
    assert_string_equal(rig.last_headers, "Host=a\nContent-Length=4\n");
    close(fd);
    rig_stop(&rig);
}

static void nothing_follows_an_answer_that_closes(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_heard heard = {0};
    rig_start(&rig, NULL);
    int fd = rig_connect(&rig);
    rig_send(&rig, fd, LATER LATER LATER HELLO);
    RIG_WAIT(&rig, fd, rig.n_kept == 3);
    rig_reply(rig.kept[2], 200, MB_SLICE("third"), false);
    rig_reply(rig.kept[0], 200, MB_SLICE("first"), true);
    rig_hear_end(&rig, fd, &heard);
    rig_reply(rig.kept[1], 200, MB_SLICE("second"), false);
    rig.n_kept = 0;
    assert_contains(heard.data, "Connection: close\r\n\r\nfirst");
    assert_int_equal(rig_count(heard.data, "HTTP/1.1"), 1);
    close(fd);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

/* A connection that we ended waits for the peer's end, but not for ever. */
static void lingering_ends(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_heard heard = {0};
    rig_start(&rig, NULL);
    int fd = rig_connect(&rig);
    rig_send(&rig, fd, BYE);
    rig_hear_end(&rig, fd, &heard);
    rig_send(&rig, fd, HELLO); /* thrown away */
    assert_int_equal(counters(&rig)->open, 1);
    RIG_WAIT(&rig, fd, counters(&rig)->open == 0);
    assert_int_equal(counters(&rig)->requests, 1);
    close(fd);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

static void drain_without_connections_is_done_at_once_but_later(void **state)
{
    (void)state;
    struct rig rig;
    rig_start(&rig, NULL);
    mb_http_server_drain(rig.server, 60000, rig_on_drained, &rig);
    assert_int_equal(rig.n_drained, 0);
    RIG_WAIT(&rig, -1, rig.n_drained == 1);
    rig_stop(&rig);
}

/* One connection idle, one with a deferred answer, one in the middle of a request. */
static void drain_lets_requests_in_flight_finish(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_heard idle = {0}, waits = {0}, half = {0};
    rig_start(&rig, NULL);
    int a = rig_connect(&rig), b = rig_connect(&rig), c = rig_connect(&rig);
    rig_send(&rig, a, HELLO);
    rig_hear(&rig, a, &idle, "hello", 1);
    rig_send(&rig, b, LATER);
    rig_send(&rig, c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo");
    RIG_WAIT(&rig, -1, rig.n_kept == 1 && counters(&rig)->bytes_in > 110);
    mb_http_server_drain(rig.server, 60000, rig_on_drained, &rig);
    rig_hear_end(&rig, a, &idle);
    assert_lacks(idle.data, "Connection: close");
    rig_send(&rig, c, "dy");
    rig_hear_end(&rig, c, &half);
    assert_contains(half.data, "Connection: close\r\n\r\nPOST /echo  body");
    assert_int_equal(rig.n_drained, 0);
    rig_reply(rig.kept[0], 200, MB_SLICE("done"), false);
    rig.n_kept = 0;
    rig_hear_end(&rig, b, &waits);
    assert_contains(waits.data, "Connection: close\r\n\r\ndone");
    close(a);
    close(b);
    close(c);
    RIG_WAIT(&rig, -1, rig.n_drained == 1);
    assert_int_equal(counters(&rig)->open, 0);
    rig_heard_free(&idle);
    rig_heard_free(&waits);
    rig_heard_free(&half);
    rig_stop(&rig);
}

static void drain_takes_no_new_connection(void **state)
{
    (void)state;
    struct rig rig;
    struct sockaddr_in to = {.sin_family = AF_INET};
    rig_start(&rig, NULL);
    to.sin_port = htons(rig.port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    mb_http_server_drain(rig.server, 60000, rig_on_drained, &rig);
    RIG_WAIT(&rig, -1, rig.n_drained == 1);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
    rig_stop(&rig);
}

/* Both are what a peer may do in good faith while the drain begins. */
static void drain_answers_what_was_on_its_way(void **state)
{
    (void)state;
    struct rig rig;
    struct sockaddr_in to = {.sin_family = AF_INET};
    rig_start(&rig, NULL);
    to.sin_port = htons(rig.port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int idle = rig_connect(&rig);
    struct rig_heard first = {0}, heard = {0}, fresh_heard = {0};
    rig_send(&rig, idle, HELLO);
    rig_hear(&rig, idle, &first, "hello", 1);
    int fresh = socket(AF_INET, SOCK_STREAM, 0); /* connected, and not accepted */
    assert_int_equal(connect(fresh, (struct sockaddr *)&to, sizeof(to)), 0);
    mb_http_server_drain(rig.server, 60000, rig_on_drained, &rig);
    assert_int_equal(send(idle, HELLO, strlen(HELLO), 0), strlen(HELLO));
    assert_int_equal(send(fresh, HELLO, strlen(HELLO), 0), strlen(HELLO));
    rig_hear_end(&rig, idle, &heard);
    rig_hear_end(&rig, fresh, &fresh_heard);
    assert_contains(heard.data, "Connection: close\r\n\r\nhello");
    assert_contains(fresh_heard.data, "Connection: close\r\n\r\nhello");
    close(idle);
    close(fresh);
    RIG_WAIT(&rig, -1, rig.n_drained == 1);
    rig_heard_free(&first);
    rig_heard_free(&heard);
    rig_heard_free(&fresh_heard);
    rig_stop(&rig);
}

static void drain_cuts_what_is_left_when_the_grace_is_over(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_heard heard = {0};
    rig_start(&rig, NULL);
    int fd = rig_connect(&rig);
    rig_send(&rig, fd, LATER);
    RIG_WAIT(&rig, fd, rig.n_kept == 1);
    mb_http_server_drain(rig.server, 30, rig_on_drained, &rig);
    RIG_WAIT(&rig, fd, rig.n_drained == 1);
    rig_hear_end(&rig, fd, &heard);
    assert_int_equal(heard.len, 0);
    close(fd);
    rig_heard_free(&heard);
    rig_stop(&rig); /* answers the kept one */
}

/* Pipelined requests of the read that starts the drain are all answered; only the last says close.
 */
static void drain_in_a_handler_answers_the_whole_read(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_heard heard = {0};
    rig_start(&rig, NULL);
    rig.drain_in_handler = true;
    int fd = rig_connect(&rig);
    rig_send(&rig, fd, HELLO HELLO HELLO);
    rig_hear_end(&rig, fd, &heard);
    close(fd);
    assert_int_equal(rig_count(heard.data, "hello"), 3);
    assert_int_equal(rig_count(heard.data, "Connection: close"), 1);
    assert_contains(heard.data, "Connection: close\r\n\r\nhello");
    RIG_WAIT(&rig, -1, rig.n_drained == 1);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

/* The peer has its answer and keeps its end open: a stop does not wait the whole second for it. */
static void drain_is_short_with_connections_that_linger_already(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_heard heard = {0};
    rig_start(&rig, NULL);
    int fd = rig_connect(&rig);
    rig_send(&rig, fd, "GET /bye HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_hear_end(&rig, fd, &heard);
    uint64_t start = uv_hrtime();
    mb_http_server_drain(rig.server, RIG_PATIENCE_MS, rig_on_drained, &rig);
    RIG_WAIT(&rig, -1, rig.n_drained == 1);
    assert_true(uv_hrtime() - start < 700 * UINT64_C(1000000));
    close(fd);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_answers_keep_the_order_of_requests),
        cmocka_unit_test(answer_after_the_peer_has_left_goes_nowhere),
        cmocka_unit_test(answer_after_the_server_is_closed_is_safe),
        cmocka_unit_test(server_may_be_closed_in_a_handler),
        cmocka_unit_test(nothing_follows_an_answer_that_closes),
        cmocka_unit_test(lingering_ends),
        cmocka_unit_test(drain_without_connections_is_done_at_once_but_later),
        cmocka_unit_test(drain_lets_requests_in_flight_finish),
        cmocka_unit_test(drain_takes_no_new_connection),
        cmocka_unit_test(drain_answers_what_was_on_its_way),
        cmocka_unit_test(drain_cuts_what_is_left_when_the_grace_is_over),
        cmocka_unit_test(drain_in_a_handler_answers_the_whole_read),
        cmocka_unit_test(drain_is_short_with_connections_that_linger_already),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
