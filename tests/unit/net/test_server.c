/* What a well-meaning client sees: answers, keep-alive, pipelining, chunks, 100-continue, however
 * it cuts its bytes. */
#include "rig.h"

#define GET_HELLO "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_LAST "GET /bye HTTP/1.1\r\nHost: a\r\n\r\n"

static void answer_is_exactly_these_bytes(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_heard heard;
    rig_start(&rig, NULL);
    heard = rig_talk(&rig, GET_HELLO GET_LAST, strlen(GET_HELLO GET_LAST));
    assert_string_equal(
        heard.data, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
                    "Connection: close\r\n\r\nbye");
    assert_true(heard.eof);
    assert_string_equal(rig.last_ip, "127.0.0.1");
    rig_heard_free(&heard);
    rig_stop(&rig);
}

struct row {
    const char *name;
    const char *request;
    const char *answer; /* what must be in it */
    const char *absent; /* what must not, or NULL */
};

#define CHUNKED "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

/* Each request is sent whole, then byte by byte; both must give the same answer. */
static const struct row rows[] = {
    {"query", "GET /echo?a=1&b=%20 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /echo a=1&b=%20 ", NULL},
    {"empty query", "GET /echo? HTTP/1.1\r\nHost: a\r\n\r\n", "GET /echo  ", NULL},
    {"second question mark", "GET /echo?a?b HTTP/1.1\r\nHost: a\r\n\r\n", "GET /echo a?b ", NULL},
    {"absolute form", "GET http://a:80/echo?x HTTP/1.1\r\nHost: a\r\n\r\n", "GET /echo x ", NULL},
    {"absolute form without path", "GET http://a?x HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found",
     NULL},
    {"fragment", "GET /echo?x#frag HTTP/1.1\r\nHost: a\r\n\r\n", "GET /echo x ", "frag"},
    {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "404 ", NULL},
    {"body", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab\r\n",
     "POST /echo  ab\r\n", NULL},
    {"post without length", "POST /echo HTTP/1.1\r\nHost: a\r\n\r\n", "POST /echo  ", NULL},
    {"other method", "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", "PUT /echo  x",
     NULL},
    {"chunks", CHUNKED "3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n", "POST /echo  abc0123456789",
     NULL},
    {"no chunk", CHUNKED "0\r\n\r\n", "POST /echo  ", NULL},
    {"CRLF as data", CHUNKED "2\r\n\r\n\r\n1\r\n\n\r\n0\r\n\r\n", "POST /echo  \r\n\n", NULL},
    {"chunk extensions", CHUNKED "3;a=b;c=\"d e\"\r\nabc\r\n1;x\r\nd\r\n0\r\n\r\n",
     "POST /echo  abcd", NULL},
    {"trailers", CHUNKED "3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Two: 2\r\n\r\n", "POST /echo  abc",
     "X-Sum"},
    {"head", "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n", "Content-Length: 5\r\n", "hello"},
    {"204", "GET /none HTTP/1.1\r\nHost: a\r\n\r\n", "204 No Content\r\n", "Content-Length: 0"},
    {"1.0 closes", "GET /hello HTTP/1.0\r\n\r\n", "Connection: close\r\n\r\nhello", "bye"},
    {"1.0 keep-alive", "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
     "Connection: keep-alive\r\n\r\nhello", NULL},
    {"close asked for", "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
     "Connection: close\r\n\r\nhello", "bye"},
    {"upgrade is not offered",
     "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
     "200 OK", NULL},
    {"blank line before it", "\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "hello", NULL},
    {"no expectation without a body",
     "GET /hello HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", "hello", "100 Continue"},
    {"1.0 expects nothing",
     "POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx", "POST /echo  x",
     "100 Continue"},
    {"identity is no encoding",
     "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Encoding: identity\r\nContent-Length: 1\r\n\r\nx",
     "POST /echo  x", NULL},
};

static void check_row(const struct row *row, const struct rig_heard *heard, const char *how)
{
    if (strstr(heard->data, row->answer) == NULL)
        fail_msg("%s, %s: no \"%s\" in: %s", row->name, how, row->answer, heard->data);
    if (row->absent != NULL && strstr(heard->data, row->absent) != NULL)
        fail_msg("%s, %s: \"%s\" in: %s", row->name, how, row->absent, heard->data);
    if (!heard->eof)
        fail_msg("%s, %s: the connection was reset", row->name, how);
}

static void requests_are_answered(void **state)
{
    (void)state;
    struct rig rig;
    rig_start(&rig, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[1024];
        int len = snprintf(text, sizeof(text), "%s" GET_LAST, rows[i].request);
        struct rig_heard heard = rig_talk(&rig, text, (size_t)len);
        check_row(&rows[i], &heard, "whole");
        rig_heard_free(&heard);
    }
    rig_stop(&rig);
}

static void requests_may_come_byte_by_byte(void **state)
{
    (void)state;
    struct rig rig;
    rig_start(&rig, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[1024];
        struct rig_heard heard = {0};
        int len = snprintf(text, sizeof(text), "%s" GET_LAST, rows[i].request);
        int fd = rig_connect(&rig);
        setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &(int){1}, sizeof(int));
        for (int at = 0; at < len; at++) {
            rig_send_bytes(&rig, fd, text + at, 1);
            rig_run(&rig, -1);
        }
        rig_hear_end(&rig, fd, &heard);
        check_row(&rows[i], &heard, "byte by byte");
        rig_heard_free(&heard);
        close(fd);
    }
    rig_stop(&rig);
}

static void headers_reach_the_handler_trimmed(void **state)
{
    (void)state;
    struct rig rig;
    rig_start(&rig, NULL);
    const char *text =
        "GET /hello HTTP/1.0\r\nA:1\r\nB: \t two words \t \r\nEmpty:\r\nBlank:  \r\n\r\n";
    struct rig_heard heard = rig_talk(&rig, text, strlen(text));
    assert_string_equal(rig.last_headers, "A=1\nB=two words\nEmpty=\nBlank=\n");
    rig_heard_free(&heard);
    rig_stop(&rig);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    enum { N = 500 }; /* several times the pipeline limit */
    struct rig rig;
    rig_start(&rig, NULL);
    char *text = malloc(N * 64);
    int len = 0;
    for (int i = 0; i < N; i++)
        len += sprintf(text + len, "GET /echo?%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
    struct rig_heard heard = rig_talk(&rig, text, (size_t)len);
    const char *at = heard.data;
    for (int i = 0; i < N; i++) {
        char want[32];
        snprintf(want, sizeof(want), "GET /echo %d ", i);
        at = strstr(at, want);
        if (at == NULL)
            fail_msg("answer %d is missing or out of order", i);
    }
    assert_int_equal(rig_count(heard.data, "HTTP/1.1 200"), N);
    assert_int_equal(mb_http_server_counters(rig.server)->requests, N);
    free(text);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

/* The cut between two reads may fall anywhere: a request of several parts, cut in two at every
 * byte. */
static void any_cut_gives_the_same_answer(void **state)
{
    (void)state;
    const char *text = "POST /echo?q HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 5\r\n\r\nhello"
                       "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3;x=\"y\"\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n" GET_HELLO GET_LAST;
    struct rig rig;
    rig_start(&rig, NULL);
    for (size_t cut = 1; cut < strlen(text); cut++) {
        struct rig_heard heard = {0};
        int fd = rig_connect(&rig);
        uint64_t want = mb_http_server_counters(rig.server)->bytes_in + cut;
        rig_send_bytes(&rig, fd, text, cut);
        RIG_WAIT(&rig, -1, mb_http_server_counters(rig.server)->bytes_in == want);
        rig_send_bytes(&rig, fd, text + cut, strlen(text) - cut);
        rig_hear_end(&rig, fd, &heard);
        assert_contains(heard.data, "POST /echo q hello");
        assert_contains(heard.data, "POST /echo  abcde");
        assert_contains(heard.data, "\r\n\r\nhello");
        assert_contains(heard.data, "\r\n\r\nbye");
        rig_heard_free(&heard);
        close(fd);
    }
    rig_stop(&rig);
}

static void large_body_arrives_whole(void **state)
{
    (void)state;
    enum { BODY = 200000 };
    struct rig rig;
    struct rig_heard heard = {0};
    rig_start(&rig, NULL);
    int fd = rig_connect(&rig);
    char *body = malloc(BODY);
    for (int i = 0; i < BODY; i++)
        body[i] = (char)('a' + i % 23);
    rig_send(&rig, fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
    rig_send_bytes(&rig, fd, body, BODY);
    rig_send(&rig, fd, GET_LAST);
    rig_hear_end(&rig, fd, &heard);
    const char *came = strstr(heard.data, "POST /echo  ");
    assert_non_null(came);
    assert_memory_equal(came + strlen("POST /echo  "), body, BODY);
    close(fd);
    free(body);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

static void waiting_client_is_told_to_continue(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_heard heard = {0};
    rig_start(&rig, NULL);
    int fd = rig_connect(&rig);
    rig_send(&rig, fd,
             "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n"
             "Content-Length: 4\r\n\r\n");
    rig_hear(&rig, fd, &heard, "\r\n\r\n", 1);
    assert_string_equal(heard.data, "HTTP/1.1 100 Continue\r\n\r\n");
    rig_send(&rig, fd, "body");
    rig_hear(&rig, fd, &heard, "POST /echo  body", 1);
    assert_int_equal(rig_count(heard.data, "100 Continue"), 1);
    close(fd);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

static void client_that_sends_its_body_at_once_gets_no_100(void **state)
{
    (void)state;
    struct rig rig;
    rig_start(&rig, NULL);
    const char *text = "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                       "Content-Length: 4\r\n\r\nbody";
    struct rig_heard heard = rig_talk(&rig, text, strlen(text));
    assert_lacks(heard.data, "100 Continue");
    assert_contains(heard.data, "POST /echo  body");
    rig_heard_free(&heard);
    rig_stop(&rig);
}

/* An interim answer may not overtake the final answer of the request before. */
static void continue_waits_for_the_answers_before_it(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_heard heard = {0};
    rig_start(&rig, NULL);
    int fd = rig_connect(&rig);
    rig_send(&rig, fd,
             "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
             "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
             "Content-Length: 4\r\n\r\n");
    RIG_WAIT(&rig, fd, rig.n_kept == 1);
    rig_reply(rig.kept[0], 200, MB_SLICE("first"), false);
    rig.n_kept = 0;
    rig_hear(&rig, fd, &heard, "100 Continue", 1);
    assert_true(strstr(heard.data, "first") < strstr(heard.data, "100 Continue"));
    close(fd);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

static void half_closed_peer_still_gets_its_answers(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_heard heard = {0};
    rig_start(&rig, NULL);
    int fd = rig_connect(&rig);
    rig_send(&rig, fd, GET_HELLO "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    shutdown(fd, SHUT_WR);
    RIG_WAIT(&rig, -1, rig.n_kept == 1);
    rig_hear(&rig, fd, &heard, "hello", 1);
    rig_reply(rig.kept[0], 200, MB_SLICE("at last"), false);
    rig.n_kept = 0;
    rig_hear_end(&rig, fd, &heard);
    assert_contains(heard.data, "at last");
    assert_true(heard.eof);
    close(fd);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

static void request_cut_off_by_half_close_is_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_start(&rig, NULL);
    const char *text = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\nshort";
    struct rig_heard heard = rig_talk(&rig, text, strlen(text));
    assert_contains(heard.data, "HTTP/1.1 400 ");
    assert_contains(heard.data, "{\"error\":\"the request ends early\",\"at\":57}");
    assert_true(heard.eof);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

static void inherited_socket_is_served(void **state)
{
    (void)state;
    struct rig rig;
    struct mb_error err;
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    rig_start(&rig, NULL);
    assert_int_equal(mb_http_server_listen_fd(rig.server, fd, &err), 0);
    rig.port = ntohs(at.sin_port);
    struct rig_heard heard = rig_talk(&rig, GET_HELLO, strlen(GET_HELLO));
    assert_contains(heard.data, "hello");
    rig_heard_free(&heard);
    assert_int_equal(mb_http_server_listen_fd(rig.server, -1, &err), MB_EIO);
    rig_stop(&rig);
}

/* What a worker does for one that hangs: it takes connections from a socket that others hold, and
 * gives it back. */
static void lent_socket_listens_on_when_it_is_given_back(void **state)
{
    (void)state;
    struct rig rig;
    struct mb_error err;
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof(at);
    int held = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(held, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(held, 8), 0);
    assert_int_equal(getsockname(held, (struct sockaddr *)&at, &size), 0);
    rig_start(&rig, NULL);
    for (int round = 0; round < 2; round++) {
        int lent = dup(held);
        rig.port = ntohs(at.sin_port);
        assert_int_equal(mb_http_server_listen_fd(rig.server, lent, &err), 0);
        struct rig_heard heard = rig_talk(&rig, GET_HELLO, strlen(GET_HELLO));
        assert_contains(heard.data, "hello");
        rig_heard_free(&heard);
        mb_http_server_unlisten_fd(rig.server, lent);
        mb_http_server_unlisten_fd(rig.server, lent); /* and again: nothing */
    }
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    int taken = accept(held, NULL, NULL);
    assert_true(taken >= 0);
    close(taken);
    close(fd);
    close(held);
    rig_stop(&rig);
}

/* A worker that drains shuts its socket down; another that had taken it over must not try for ever. */
static void socket_that_another_shuts_down_is_let_go(void **state)
{
    (void)state;
    struct rig rig;
    struct mb_error err;
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof(at);
    int held = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(held, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(held, 8), 0);
    rig_start(&rig, NULL); /* has a listener of its own */
    assert_int_equal(mb_http_server_listen_fd(rig.server, dup(held), &err), 0);
    assert_int_equal(getsockname(held, (struct sockaddr *)&at, &size), 0);
    assert_int_equal(shutdown(held, SHUT_RD), 0);
    struct rig_heard heard = rig_talk(&rig, GET_HELLO, strlen(GET_HELLO));
    assert_contains(heard.data, "hello");
    rig_heard_free(&heard);
    close(held);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_is_exactly_these_bytes),
        cmocka_unit_test(requests_are_answered),
        cmocka_unit_test(requests_may_come_byte_by_byte),
        cmocka_unit_test(headers_reach_the_handler_trimmed),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(any_cut_gives_the_same_answer),
        cmocka_unit_test(large_body_arrives_whole),
        cmocka_unit_test(waiting_client_is_told_to_continue),
        cmocka_unit_test(client_that_sends_its_body_at_once_gets_no_100),
        cmocka_unit_test(continue_waits_for_the_answers_before_it),
        cmocka_unit_test(half_closed_peer_still_gets_its_answers),
        cmocka_unit_test(request_cut_off_by_half_close_is_refused),
        cmocka_unit_test(inherited_socket_is_served),
        cmocka_unit_test(lent_socket_listens_on_when_it_is_given_back),
        cmocka_unit_test(socket_that_another_shuts_down_is_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
