/* Requests of many connections that the loop finds together. */
#include "rig.h"

enum { CROWD = 40, FEW = 5, SLOW_MS = 5 };

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void connect_all(struct rig *rig, int *fds, int count)
{
    for (int i = 0; i < count; i++)
        fds[i] = rig_connect(rig);
    RIG_WAIT(rig, -1, mb_http_server_counters(rig->server)->accepted == (uint64_t)count);
}

/* Small enough to go out at once, without a turn of the loop. */
static void send_at_once(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_DONTWAIT), strlen(text));
}

static void close_all(const int *fds, int count)
{
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

static void everybody_gets_the_answer_to_his_own(void **state)
{
    (void)state;
    int fds[CROWD];
    struct rig rig;
    rig_start(&rig, NULL);
    connect_all(&rig, fds, CROWD);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < CROWD; i++) {
            char text[128];
            snprintf(text, sizeof(text), GET("/echo?%d-%d"), round, i);
            send_at_once(fds[i], text);
        }
        for (int i = 0; i < CROWD; i++) {
            char wanted[64];
            struct rig_heard heard = {0};
            snprintf(wanted, sizeof(wanted), "GET /echo %d-%d ", round, i);
            rig_hear(&rig, fds[i], &heard, wanted, 1);
            assert_int_equal(rig_count(heard.data, "HTTP/1.1"), 1);
            rig_heard_free(&heard);
        }
    }
    close_all(fds, CROWD);
    rig_stop(&rig);
}

static void bodies_beyond_the_room_of_a_round_arrive_whole(void **state)
{
    (void)state;
    enum { BODY = 60000 };
    static char text[BODY + 128];
    int fds[FEW];
    struct rig rig;
    rig_start(&rig, NULL);
    connect_all(&rig, fds, FEW);
    for (int i = 0; i < FEW; i++) {
        int head = snprintf(text, sizeof(text), "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", BODY);
        memset(text + head, 'a' + i, BODY);
        rig_send_bytes(&rig, fds[i], text, (size_t)head + BODY);
    }
    for (int i = 0; i < FEW; i++) {
        struct rig_heard heard = {0};
        char last[] = {(char)('a' + i), '\0'};
        size_t all = strlen("POST /echo  ") + BODY;
        while (heard.data == NULL || !strstr(heard.data, "\r\n\r\n") ||
               heard.len < (size_t)(strstr(heard.data, "\r\n\r\n") + 4 - heard.data) + all)
            assert_true(rig_hear_some(&rig, fds[i], &heard));
        assert_int_equal(strspn(strstr(heard.data, "/echo  ") + 7, last), BODY);
        rig_heard_free(&heard);
    }
    close_all(fds, FEW);
    rig_stop(&rig);
}

static struct {
    int fds[FEW];
    int handled;
    int answered[FEW]; /* when the n-th was handled, so many clients had something to read */
} slow;

static int clients_with_an_answer(void)
{
    int count = 0;
    for (int i = 0; i < FEW; i++) {
        char byte;
        count += recv(slow.fds[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
    }
    return count;
}

static void on_slow_request(void *user, struct mb_http_exchange *exchange, const struct mb_http_request *request)
{
    (void)user;
    (void)request;
    uint64_t end = uv_hrtime() + SLOW_MS * UINT64_C(1000000);
    slow.answered[slow.handled++] = clients_with_an_answer();
    while (uv_hrtime() < end) {
    }
    rig_reply(exchange, 200, MB_SLICE("done"), false);
}

static void slow_handler_keeps_no_answer_back(void **state)
{
    (void)state;
    struct rig rig;
    slow.handled = 0;
    rig_start_with(&rig, NULL, on_slow_request);
    connect_all(&rig, slow.fds, FEW);
    for (int i = 0; i < FEW; i++)
        send_at_once(slow.fds[i], GET("/slow"));
    RIG_WAIT(&rig, slow.fds[FEW - 1], slow.handled == FEW);
    for (int i = 0; i < FEW; i++)
        assert_int_equal(slow.answered[i], i);
    close_all(slow.fds, FEW);
    rig_stop(&rig);
}

static void handler_may_close_the_server_over_others(void **state)
{
    (void)state;
    int fds[FEW];
    struct rig rig;
    rig_start(&rig, NULL);
    connect_all(&rig, fds, FEW);
    rig.close_in_handler = true;
    for (int i = 0; i < FEW; i++)
        send_at_once(fds[i], GET("/hello"));
    for (int i = 0; i < FEW; i++) {
        struct rig_heard heard = {0};
        rig_hear_end(&rig, fds[i], &heard);
        assert_lacks(heard.data, "hello");
        rig_heard_free(&heard);
    }
    close_all(fds, FEW);
    rig_stop(&rig);
}

static void drain_begun_by_one_answers_the_others(void **state)
{
    (void)state;
    int fds[CROWD];
    struct rig rig;
    rig_start(&rig, NULL);
    connect_all(&rig, fds, CROWD);
    rig.drain_in_handler = true;
    for (int i = 0; i < CROWD; i++)
        send_at_once(fds[i], GET("/hello"));
    for (int i = 0; i < CROWD; i++) {
        struct rig_heard heard = {0};
        rig_hear_end(&rig, fds[i], &heard);
        assert_contains(heard.data, "hello");
        assert_true(heard.eof);
        rig_heard_free(&heard);
    }
    close_all(fds, CROWD);
    RIG_WAIT(&rig, -1, rig.n_drained == 1);
    rig_stop(&rig);
}

/* "/release" answers what "/later" kept. */
static void on_releasing_request(void *user, struct mb_http_exchange *exchange, const struct mb_http_request *request)
{
    struct rig *rig = user;
    if (mb_slice_is(request->path, "/release"))
        rig_reply(rig->kept[--rig->n_kept], 200, MB_SLICE("late"), false);
    rig_on_request(user, exchange, request);
}

/* While draining, the answer behind which nothing is known to come closes: bytes of the round are known. */
static void late_answer_of_a_drain_does_not_close_over_bytes_of_the_round(void **state)
{
    (void)state;
    int fds[2];
    struct rig rig;
    struct rig_heard heard = {0};
    rig_start_with(&rig, NULL, on_releasing_request);
    connect_all(&rig, fds, 2);
    send_at_once(fds[1], GET("/later"));
    RIG_WAIT(&rig, -1, rig.n_kept == 1);
    mb_http_server_drain(rig.server, RIG_PATIENCE_MS, rig_on_drained, &rig);
    send_at_once(fds[0], GET("/release")); /* is handled first */
    send_at_once(fds[1], GET("/hello"));
    rig_hear_end(&rig, fds[1], &heard);
    assert_contains(heard.data, "late");
    assert_contains(heard.data, "hello");
    rig_heard_free(&heard);
    close_all(fds, 2);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_gets_the_answer_to_his_own),
        cmocka_unit_test(bodies_beyond_the_room_of_a_round_arrive_whole),
        cmocka_unit_test(slow_handler_keeps_no_answer_back),
        cmocka_unit_test(handler_may_close_the_server_over_others),
        cmocka_unit_test(drain_begun_by_one_answers_the_others),
        cmocka_unit_test(late_answer_of_a_drain_does_not_close_over_bytes_of_the_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
