/* Limits of struct mb_http_limits: sizes, numbers, times. The clock is the loop's, with short
 * limits. */
#include "rig.h"

#define HELLO "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
#define LATER "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"

static const struct mb_http_counters *counters(const struct rig *rig)
{
    return mb_http_server_counters(rig->server);
}

static void zero_is_no_limit_but_refused(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    for (size_t i = 0; i < sizeof(struct mb_http_limits) / sizeof(uint32_t); i++) {
        struct mb_http_server_options options = {
            .loop = &loop, .limits = mb_http_limits_default(), .on_request = rig_on_request};
        struct mb_http_server *server = NULL;
        struct mb_error err;
        memset((uint32_t *)(void *)&options.limits + i, 0, sizeof(uint32_t));
        assert_int_equal(mb_http_server_new(&options, &server, &err), MB_EINVAL);
        assert_null(server);
    }
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void addresses_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        int code;
    } cases[] = {
        {"127.0.0.1", MB_EINVAL},
        {"localhost:80", MB_EINVAL},
        {"127.0.0.1:65536", MB_EINVAL},
        {"127.0.0.1:-1", MB_EINVAL},
        {"127.0.0.1:", MB_EINVAL},
        {"127.0.0.1:8x", MB_EINVAL},
        {"[::1:80", MB_EINVAL},
        {"::1:80", MB_EINVAL},
        {"[127.0.0.1]:0", MB_EINVAL},
        {"", MB_EINVAL},
        {":", MB_EINVAL},
        {"[]:1", MB_EINVAL},
        {"192.0.2.1:0", MB_EIO},
        {"127.0.0.2:0", 0},
        {"[::1]:0", 0},
    };
    struct rig rig;
    rig_start(&rig, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint16_t port = 0;
        struct mb_error err = {0};
        int code = mb_http_server_listen(rig.server, cases[i].address, &port, &err);
        if (code != cases[i].code)
            fail_msg("%s: %d, wanted %d", cases[i].address, code, cases[i].code);
        assert_int_equal(port != 0, code == 0);
    }
    rig_stop(&rig);
}

static void taken_port_is_busy(void **state)
{
    (void)state;
    struct rig rig;
    char address[32];
    uint16_t port;
    struct mb_error err;
    rig_start(&rig, NULL);
    snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)rig.port);
    assert_int_equal(mb_http_server_listen(rig.server, address, &port, &err), MB_EBUSY);
    rig_stop(&rig);
}

/* Each size at its limit and one byte beyond. */
static void sizes_hold_to_the_byte(void **state)
{
    (void)state;
    enum { HEADER = 200, BODY = 50 };
    static const struct {
        const char *name;
        int path, header, body;
        bool chunked;
        const char *answer;
    } cases[] = {
        {"headers fill it", 1, HEADER - 34, 0, false, "HTTP/1.1 404 "},
        {"headers one over", 1, HEADER - 33, 0, false, "HTTP/1.1 431 "},
        {"headers far over", 1, 70000, 0, false, "HTTP/1.1 431 "},
        {"line too long", HEADER, 1, 0, false, "HTTP/1.1 414 "},
        {"line far too long", 70000, 1, 0, false, "HTTP/1.1 414 "},
        {"body fills it", 1, 1, BODY, false, "HTTP/1.1 404 "},
        {"body one over", 1, 1, BODY + 1, false, "HTTP/1.1 413 "},
        {"chunk fills it", 1, 1, BODY, true, "HTTP/1.1 404 "},
        {"chunk one over", 1, 1, BODY + 1, true, "HTTP/1.1 413 "},
    };
    struct mb_http_limits limits = mb_http_limits_default();
    limits.header_bytes = HEADER;
    limits.body_bytes = BODY;
    struct rig rig;
    rig_start(&rig, &limits);
    char *fill = malloc(70001);
    memset(fill, 'x', 70000);
    fill[70000] = '\0';
    char *text = malloc(200000);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int len = sprintf(text, "POST /%.*s HTTP/1.1\r\nHost: a\r\nX: %.*s\r\n", cases[i].path,
                          fill, cases[i].header, fill);
        if (cases[i].chunked)
            len += sprintf(text + len, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%.*s\r\n0\r\n\r\n",
                           (unsigned)cases[i].body, cases[i].body, fill);
        else if (cases[i].body > 0)
            len += sprintf(text + len, "Content-Length: %d\r\n\r\n%.*s", cases[i].body,
                           cases[i].body, fill);
        else
            len += sprintf(text + len, "\r\n");
        struct rig_heard heard = rig_talk(&rig, text, (size_t)len);
        if (strncmp(heard.data, cases[i].answer, strlen(cases[i].answer)) != 0)
            fail_msg("%s: wanted %s, got %s", cases[i].name, cases[i].answer, heard.data);
        rig_heard_free(&heard);
    }
    free(text);
    free(fill);
    rig_stop(&rig);
}

static void too_many_headers_are_refused(void **state)
{
    (void)state;
    struct rig rig;
    char text[8192];
    rig_start(&rig, NULL);
    for (int n = 99; n <= 100; n++) {
        int len = sprintf(text, "GET /hello HTTP/1.1\r\nHost: a\r\n");
        for (int i = 0; i < n; i++)
            len += sprintf(text + len, "X-%d: %d\r\n", i, i);
        len += sprintf(text + len, "\r\n");
        struct rig_heard heard = rig_talk(&rig, text, (size_t)len);
        assert_contains(heard.data, n == 99 ? "HTTP/1.1 200 " : "HTTP/1.1 431 ");
        rig_heard_free(&heard);
    }
    rig_stop(&rig);
}

/* One-byte chunks are fine; extensions and trailers without end are not. */
static void chunk_framing_is_bounded(void **state)
{
    (void)state;
    static const char head[] =
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    enum { N = 20000 };
    struct rig rig;
    struct rig_heard heard = {0};
    rig_start(&rig, NULL);
    char *text = malloc(sizeof(head) + N * 6 + 16);
    int len = sprintf(text, "%s", head);
    for (int i = 0; i < N; i++)
        len += sprintf(text + len, "1\r\nx\r\n");
    len += sprintf(text + len, "0\r\n\r\n");
    heard = rig_talk(&rig, text, (size_t)len);
    assert_contains(heard.data, "HTTP/1.1 200 ");
    rig_heard_free(&heard);
    int fd = rig_connect(&rig);
    memset(text, 'e', N * 6);
    rig_send(&rig, fd, head);
    rig_send(&rig, fd, "1;");
    rig_send_bytes(&rig, fd, text, N * 6);
    rig_hear(&rig, fd, &heard, "more chunk framing than body", 1);
    assert_contains(heard.data, "HTTP/1.1 413 ");
    close(fd);
    free(text);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

static void connection_beyond_the_limit_is_closed_and_counted(void **state)
{
    (void)state;
    struct mb_http_limits limits = mb_http_limits_default();
    limits.connections = 2;
    struct rig rig;
    struct rig_heard heard = {0};
    rig_start(&rig, &limits);
    int a = rig_connect(&rig);
    int b = rig_connect(&rig);
    RIG_WAIT(&rig, a, counters(&rig)->open == 2);
    int c = rig_connect(&rig);
    rig_hear_end(&rig, c, &heard);
    assert_int_equal(heard.len, 0);
    assert_int_equal(counters(&rig)->refused, 1);
    assert_int_equal(counters(&rig)->accepted, 2);
    rig_heard_free(&heard);
    close(c);
    close(a);
    RIG_WAIT(&rig, b, counters(&rig)->open == 1);
    int d = rig_connect(&rig);
    rig_send(&rig, d, HELLO);
    rig_hear(&rig, d, &heard, "hello", 1);
    close(b);
    close(d);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

static void pipeline_limit_stops_parsing_not_answers(void **state)
{
    (void)state;
    struct mb_http_limits limits = mb_http_limits_default();
    limits.pipeline = 2;
    struct rig rig;
    struct rig_heard heard = {0};
    rig_start(&rig, &limits);
    int fd = rig_connect(&rig);
    rig_send(&rig, fd, LATER LATER LATER LATER HELLO);
    RIG_WAIT(&rig, fd, rig.n_kept == 2);
    for (int i = 0; i < 10; i++)
        rig_run(&rig, fd);
    assert_int_equal(rig.n_kept, 2);
    rig_reply(rig.kept[0], 200, MB_SLICE("one."), false);
    RIG_WAIT(&rig, fd, rig.n_kept == 3);
    rig_reply(rig.kept[1], 200, MB_SLICE("two."), false);
    rig_reply(rig.kept[2], 200, MB_SLICE("three."), false);
    RIG_WAIT(&rig, fd, rig.n_kept == 4);
    rig_reply(rig.kept[3], 200, MB_SLICE("four."), false);
    rig.n_kept = 0;
    rig_hear(&rig, fd, &heard, "hello", 1);
    assert_true(strstr(heard.data, "one.") < strstr(heard.data, "two."));
    assert_true(strstr(heard.data, "three.") < strstr(heard.data, "four."));
    close(fd);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

/* With a peer that asks much and reads nothing, the answers in memory stay few and the connection
 * ends. */
static void peer_that_never_reads_is_bounded_and_closed(void **state)
{
    (void)state;
    struct mb_http_limits limits = mb_http_limits_default();
    limits.write_ms = 150;
    struct rig rig;
    rig_start(&rig, &limits);
    int fd = rig_connect(&rig);
    char text[64 * 64];
    int len = 0;
    for (int i = 0; i < 64; i++)
        len += sprintf(text + len, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_send_bytes(&rig, fd, text, (size_t)len);
    RIG_WAIT(&rig, -1, counters(&rig)->requests > 0);
    RIG_WAIT(&rig, -1, counters(&rig)->closed == 1);
    assert_true(counters(&rig)->requests <= 8);
    assert_int_equal(counters(&rig)->timeouts, 1);
    struct pollfd peer = {.fd = fd, .events = POLLRDHUP};
    assert_int_equal(poll(&peer, 1, RIG_PATIENCE_MS), 1);
    assert_true(peer.revents & POLLERR); /* reset: the kernel keeps nothing for it either */
    close(fd);
    rig_stop(&rig);
}

/* A few bytes now and then are no progress: whoever reads so keeps our memory. A slow line is another thing. */
static void peer_that_reads_a_trickle_is_cut_and_a_slow_one_is_not(void **state)
{
    (void)state;
    struct mb_http_limits limits = mb_http_limits_default();
    limits.write_ms = 1000; /* far above what a busy machine keeps this process waiting */
    for (int slow = 0; slow < 2; slow++) {
        size_t step = slow ? 262144 : 16, got = 0;
        struct rig rig;
        rig_start(&rig, &limits);
        int fd = rig_connect(&rig);
        rig_send(&rig, fd, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
        RIG_WAIT(&rig, -1, counters(&rig)->requests == 1);
        char *bytes = malloc(step);
        uint64_t next = uv_hrtime();
        while (counters(&rig)->closed == 0 && got < BIG_BYTES) {
            ssize_t part = uv_hrtime() < next ? 0 : recv(fd, bytes, step, MSG_DONTWAIT);
            if (part > 0) {
                got += (size_t)part;
                next = uv_hrtime() + 20 * UINT64_C(1000000);
            }
            rig_run(&rig, -1);
        }
        assert_int_equal(counters(&rig)->closed, slow ? 0 : 1);
        free(bytes);
        close(fd);
        rig_stop(&rig);
    }
}

/* The last answer is in the kernel and the connection is shut down: the end of it stands behind bytes that nobody takes. */
static void peer_that_never_reads_the_last_answer_is_cut(void **state)
{
    (void)state;
    struct rig rig;
    int small = 1;
    rig_start(&rig, NULL);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(rig.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    rig_send(&rig, fd, "GET /later HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    RIG_WAIT(&rig, -1, rig.n_kept == 1);
    rig_reply(rig.kept[0], 200, mb_slice(rig_big, 16384), false);
    rig.n_kept = 0;
    RIG_WAIT(&rig, -1, counters(&rig)->closed == 1);
    struct pollfd peer = {.fd = fd, .events = POLLRDHUP};
    assert_int_equal(poll(&peer, 1, RIG_PATIENCE_MS), 1);
    assert_true(peer.revents & POLLERR);
    close(fd);
    rig_stop(&rig);
}

static void peer_that_reads_late_gets_everything(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_heard heard = {0};
    rig_start(&rig, NULL);
    int fd = rig_connect(&rig);
    for (int i = 0; i < 4; i++)
        rig_send(&rig, fd, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_send(&rig, fd, "GET /bye HTTP/1.1\r\nHost: a\r\n\r\n");
    RIG_WAIT(&rig, -1, counters(&rig)->requests > 0);
    rig_hear_end(&rig, fd, &heard);
    assert_true(heard.eof);
    assert_true(heard.len > 4u * BIG_BYTES);
    assert_memory_equal(heard.data + heard.len - 3, "bye", 3);
    close(fd);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

static void idle_connection_is_closed_without_a_word(void **state)
{
    (void)state;
    struct mb_http_limits limits = mb_http_limits_default();
    limits.idle_ms = 50;
    struct rig rig;
    struct rig_heard heard = {0};
    rig_start(&rig, &limits);
    int fd = rig_connect(&rig);
    rig_send(&rig, fd, HELLO "\r\n"); /* the blank line begins no request */
    rig_hear_end(&rig, fd, &heard);
    assert_int_equal(rig_count(heard.data, "HTTP/1.1"), 1);
    assert_true(heard.eof);
    close(fd);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

/* Whoever sends too slowly is told so; single bytes in time do not help. */
static void slow_request_is_answered_408(void **state)
{
    (void)state;
    static const struct {
        const char *name, *head;
        bool drips;
    } cases[] = {
        {"headers", "GET /hello HTTP/1.1\r\nHost", false},
        {"headers that drip", "GET /hello HTTP/1.1\r\nHost: a\r\nX: ", true},
        {"body", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\nx", false},
        {"body that drips", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\nx",
         true},
    };
    struct mb_http_limits limits = mb_http_limits_default();
    limits.header_ms = limits.body_ms = 80;
    struct rig rig;
    rig_start(&rig, &limits);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig_heard heard = {0};
        int fd = rig_connect(&rig);
        rig_send(&rig, fd, cases[i].head);
        while (heard.len == 0 && rig_hear_some(&rig, fd, &heard)) {
            if (cases[i].drips)
                rig_send(&rig, fd, "x");
        }
        rig_hear_end(&rig, fd, &heard);
        if (strncmp(heard.data, "HTTP/1.1 408 ", 13) != 0 || !heard.eof)
            fail_msg("%s: %s", cases[i].name, heard.data);
        assert_int_equal(counters(&rig)->timeouts, i + 1);
        close(fd);
        rig_heard_free(&heard);
    }
    rig_stop(&rig);
}

/* Time that the handler takes is not the peer's fault. */
static void waiting_for_the_handler_is_not_idle(void **state)
{
    (void)state;
    struct mb_http_limits limits = mb_http_limits_default();
    limits.idle_ms = limits.header_ms = 30;
    struct rig rig;
    struct rig_heard heard = {0};
    rig_start(&rig, &limits);
    int fd = rig_connect(&rig);
    rig_send(&rig, fd, LATER);
    RIG_WAIT(&rig, fd, rig.n_kept == 1);
    uint64_t until = uv_hrtime() + 100 * UINT64_C(1000000);
    RIG_WAIT(&rig, fd, uv_hrtime() > until);
    rig_reply(rig.kept[0], 200, MB_SLICE("late"), false);
    rig.n_kept = 0;
    rig_hear(&rig, fd, &heard, "late", 1);
    close(fd);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_is_no_limit_but_refused),
        cmocka_unit_test(addresses_are_checked),
        cmocka_unit_test(taken_port_is_busy),
        cmocka_unit_test(sizes_hold_to_the_byte),
        cmocka_unit_test(too_many_headers_are_refused),
        cmocka_unit_test(chunk_framing_is_bounded),
        cmocka_unit_test(connection_beyond_the_limit_is_closed_and_counted),
        cmocka_unit_test(pipeline_limit_stops_parsing_not_answers),
        cmocka_unit_test(peer_that_never_reads_is_bounded_and_closed),
        cmocka_unit_test(peer_that_reads_a_trickle_is_cut_and_a_slow_one_is_not),
        cmocka_unit_test(peer_that_never_reads_the_last_answer_is_cut),
        cmocka_unit_test(peer_that_reads_late_gets_everything),
        cmocka_unit_test(idle_connection_is_closed_without_a_word),
        cmocka_unit_test(slow_request_is_answered_408),
        cmocka_unit_test(waiting_for_the_handler_is_not_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
