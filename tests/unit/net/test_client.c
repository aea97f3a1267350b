/* The client: against our server, and against a socket that says what a row tells it to. */
#include "rig.h"

/* What on_reply saw, one after the other. */
struct seen {
    int n;
    int error[1024];
    int status[1024];
    char body[64]; /* of the last */
    char type[64];
    struct mb_http_client *close_in_reply;
};

static void on_reply(void *user, const struct mb_http_reply *reply)
{
    struct seen *seen = user;
    assert_true(seen->n < 1024);
    seen->error[seen->n] = reply->error;
    seen->status[seen->n] = reply->status;
    snprintf(seen->body, sizeof(seen->body), "%.*s", MB_SLICE_ARG(reply->body));
    snprintf(seen->type, sizeof(seen->type), "%.*s", MB_SLICE_ARG(reply->content_type));
    seen->n++;
    if (reply->error == 0)
        assert_true(reply->elapsed_ns > 0);
    if (seen->close_in_reply != NULL)
        mb_http_client_close(seen->close_in_reply);
}

static struct mb_http_client *client_of(struct rig *rig, uint16_t port, uint32_t conns,
                                        uint32_t timeout_ms)
{
    struct mb_http_client_options options = {.loop = &rig->loop,
                                             .host = "127.0.0.1",
                                             .port = port,
                                             .connections = conns,
                                             .timeout_ms = timeout_ms,
                                             .body_bytes = 1000};
    struct mb_http_client *client;
    struct mb_error err;
    assert_int_equal(mb_http_client_new(&options, &client, &err), 0);
    return client;
}

static void send_to(struct mb_http_client *client, const char *target, struct mb_slice body,
                    struct seen *seen)
{
    const char *method = mb_slice_present(body) ? "POST" : "GET";
    assert_int_equal(mb_http_client_send(client, method, mb_slice_of(target), MB_SLICE_NONE, body,
                                         on_reply, seen),
                     0);
}

static void options_are_checked(void **state)
{
    (void)state;
    static const struct mb_http_client_options wrong[] = {
        {.host = "localhost", .port = 1, .connections = 1, .timeout_ms = 1},
        {.host = "127.0.0.1", .port = 0, .connections = 1, .timeout_ms = 1},
        {.host = "127.0.0.1", .port = 1, .connections = 0, .timeout_ms = 1},
        {.host = "127.0.0.1", .port = 1, .connections = 1, .timeout_ms = 0},
    };
    struct mb_http_client *client = NULL;
    struct mb_error err;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(mb_http_client_new(&wrong[i], &client, &err), MB_EINVAL);
    assert_null(client);
}

static void target_cannot_end_the_request_line(void **state)
{
    (void)state;
    static const char *const targets[] = {"", "/a b", "/a\r\nX: y", "/\x7f"};
    struct rig rig;
    struct seen seen = {0};
    rig_start(&rig, NULL);
    struct mb_http_client *client = client_of(&rig, rig.port, 1, 1000);
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        assert_int_equal(mb_http_client_send(client, "GET", mb_slice_of(targets[i]), MB_SLICE_NONE,
                                             MB_SLICE_NONE, on_reply, &seen),
                         MB_EINVAL);
    assert_int_equal(mb_http_client_pending(client), 0);
    mb_http_client_close(client);
    rig_stop(&rig);
    assert_int_equal(seen.n, 0);
}

static void many_requests_share_few_connections(void **state)
{
    (void)state;
    enum { N = 1000 };
    struct rig rig;
    struct seen seen = {0};
    rig_start(&rig, NULL);
    struct mb_http_client *client = client_of(&rig, rig.port, 4, 5000);
    for (int i = 0; i < N; i++)
        send_to(client, "/echo?x", MB_SLICE("payload"), &seen);
    assert_int_equal(seen.n, 0); /* never before the return */
    assert_int_equal(mb_http_client_pending(client), N);
    RIG_WAIT(&rig, -1, seen.n == N);
    for (int i = 0; i < N; i++)
        assert_int_equal(seen.status[i], 200);
    assert_string_equal(seen.body, "POST /echo x payload");
    assert_string_equal(seen.type, "text/plain");
    assert_int_equal(mb_http_server_counters(rig.server)->accepted, 4);
    assert_int_equal(mb_http_client_pending(client), 0);
    mb_http_client_close(client);
    rig_stop(&rig);
}

static void replies_of_every_kind_are_taken(void **state)
{
    (void)state;
    struct rig rig;
    struct seen seen = {0};
    rig_start(&rig, NULL);
    struct mb_http_client *client = client_of(&rig, rig.port, 1, 5000);
    send_to(client, "/none", MB_SLICE_NONE, &seen);
    send_to(client, "/bye", MB_SLICE_NONE, &seen); /* closes: the next opens another */
    assert_int_equal(mb_http_client_send(client, "HEAD", MB_SLICE("/hello"), MB_SLICE("X-A: b\r\n"),
                                         MB_SLICE_NONE, on_reply, &seen),
                     0);
    send_to(client, "/big", MB_SLICE_NONE, &seen); /* beyond body_bytes */
    send_to(client, "/hello", MB_SLICE_NONE, &seen);
    RIG_WAIT(&rig, -1, seen.n == 5);
    static const int status[] = {204, 200, 200, 0, 200};
    static const int error[] = {0, 0, 0, MB_ESYNTAX, 0};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(seen.status[i], status[i]);
        assert_int_equal(seen.error[i], error[i]);
    }
    assert_string_equal(seen.body, "hello");
    mb_http_client_close(client);
    rig_stop(&rig);
}

/* --- against a peer that follows a script --- */

struct row {
    const char *name;
    const char *says; /* then it ends the connection */
    int error;
    int status;
    const char *body;
};

static const struct row rows[] = {
    {"length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0, 200, "ok"},
    {"chunks",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=\"y\"\r\nk\r\n0\r\n\r\n",
     0, 200, "ok"},
    {"until the end", "HTTP/1.0 200 OK\r\n\r\nok", 0, 200, "ok"},
    {"close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 0, 200, "ok"},
    {"interim first",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 0, 201, ""},
    {"204", "HTTP/1.1 204 No Content\r\n\r\n", 0, 204, ""},
    {"nothing", "", MB_EIO, 0, ""},
    {"cut in the headers", "HTTP/1.1 200 OK\r\nContent-", MB_EIO, 0, ""},
    {"cut in the body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", MB_EIO, 0, ""},
    {"cut in the chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok", MB_EIO, 0,
     ""},
    {"not HTTP", "SSH-2.0-OpenSSH\r\n", MB_ESYNTAX, 0, ""},
    {"bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx", MB_ESYNTAX, 0, ""},
    {"too long", "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", MB_ESYNTAX, 0, ""},
};

static int listen_on(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

/* Takes a connection and a request on it. */
static int take_request(struct rig *rig, int listener)
{
    char request[4096];
    int fd = -1;
    RIG_WAIT(rig, listener, (fd = accept(listener, NULL, NULL)) >= 0);
    RIG_WAIT(rig, fd, recv(fd, request, sizeof(request), MSG_DONTWAIT) > 0);
    return fd;
}

static void scripted_replies(size_t step)
{
    struct rig rig;
    uint16_t port;
    int listener = listen_on(&port);
    rig_start(&rig, NULL);
    struct mb_http_client *client = client_of(&rig, port, 1, 5000);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct seen seen = {0};
        send_to(client, "/", MB_SLICE("x"), &seen);
        int fd = take_request(&rig, listener);
        size_t len = strlen(rows[i].says);
        for (size_t at = 0; at < len; at += step) {
            rig_send_bytes(&rig, fd, rows[i].says + at, len - at < step ? len - at : step);
            rig_run(&rig, -1);
        }
        close(fd);
        RIG_WAIT(&rig, -1, seen.n == 1);
        if (seen.error[0] != rows[i].error || seen.status[0] != rows[i].status ||
            strcmp(seen.body, rows[i].body) != 0)
            fail_msg("%s: error %d status %d body %s", rows[i].name, seen.error[0], seen.status[0],
                     seen.body);
        for (int turns = 0; turns < 3; turns++)
            rig_run(&rig, -1); /* let it see the end of an idle connection */
    }
    mb_http_client_close(client);
    close(listener);
    rig_stop(&rig);
}

static void replies_are_judged(void **state)
{
    (void)state;
    scripted_replies(4096);
}

static void replies_are_judged_byte_by_byte(void **state)
{
    (void)state;
    scripted_replies(1);
}

static void refused_connection_fails_each_request_once(void **state)
{
    (void)state;
    struct rig rig;
    struct seen seen = {0};
    uint16_t port;
    close(listen_on(&port)); /* a port that nobody has now */
    rig_start(&rig, NULL);
    struct mb_http_client *client = client_of(&rig, port, 2, 5000);
    for (int i = 0; i < 5; i++)
        send_to(client, "/", MB_SLICE_NONE, &seen);
    RIG_WAIT(&rig, -1, seen.n == 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(seen.error[i], MB_EIO);
    mb_http_client_close(client);
    rig_stop(&rig);
}

/* The queue counts too: with one connection and a server that never answers, all are over in time.
 */
static void silence_ends_in_a_timeout(void **state)
{
    (void)state;
    struct rig rig;
    struct seen seen = {0};
    rig_start(&rig, NULL);
    struct mb_http_client *client = client_of(&rig, rig.port, 1, 60);
    for (int i = 0; i < 3; i++)
        send_to(client, "/later", MB_SLICE_NONE, &seen);
    RIG_WAIT(&rig, -1, seen.n == 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(seen.error[i], MB_ETIMEOUT);
    mb_http_client_close(client);
    rig_stop(&rig);
}

/* A kept-alive connection that the server ends just as a request goes out: GET is sent again, POST
 * is not. */
static void safe_request_is_repeated_on_a_stale_connection(void **state)
{
    (void)state;
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    for (int post = 0; post < 2; post++) {
        struct rig rig;
        struct seen seen = {0};
        uint16_t port;
        int listener = listen_on(&port);
        rig_start(&rig, NULL);
        struct mb_http_client *client = client_of(&rig, port, 1, 5000);
        send_to(client, "/", MB_SLICE_NONE, &seen);
        int fd = take_request(&rig, listener);
        rig_send(&rig, fd, ok);
        RIG_WAIT(&rig, -1, seen.n == 1);
        send_to(client, "/", post ? MB_SLICE("x") : MB_SLICE_NONE, &seen);
        char byte;
        RIG_WAIT(&rig, fd, recv(fd, &byte, 1, MSG_DONTWAIT) == 1);
        close(fd);
        if (!post) {
            fd = take_request(&rig, listener);
            rig_send(&rig, fd, ok);
        }
        RIG_WAIT(&rig, -1, seen.n == 2);
        assert_int_equal(seen.error[1], post ? MB_EIO : 0);
        if (!post)
            close(fd);
        mb_http_client_close(client);
        close(listener);
        rig_stop(&rig);
    }
}

static void closing_ends_what_is_pending(void **state)
{
    (void)state;
    struct rig rig;
    struct seen seen = {0};
    rig_start(&rig, NULL);
    struct mb_http_client *client = client_of(&rig, rig.port, 1, 5000);
    send_to(client, "/later", MB_SLICE_NONE, &seen);
    send_to(client, "/hello", MB_SLICE_NONE, &seen);
    RIG_WAIT(&rig, -1, rig.n_kept == 1);
    mb_http_client_close(client);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.error[0], MB_ECLOSED);
    assert_int_equal(seen.error[1], MB_ECLOSED);
    rig_stop(&rig);
}

static void client_may_be_closed_in_a_reply(void **state)
{
    (void)state;
    struct rig rig;
    struct seen seen = {0};
    rig_start(&rig, NULL);
    struct mb_http_client *client = client_of(&rig, rig.port, 2, 5000);
    seen.close_in_reply = client;
    for (int i = 0; i < 6; i++)
        send_to(client, "/hello", MB_SLICE_NONE, &seen);
    RIG_WAIT(&rig, -1, seen.n == 6);
    assert_int_equal(seen.error[0], 0);
    assert_int_equal(seen.error[5], MB_ECLOSED);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(target_cannot_end_the_request_line),
        cmocka_unit_test(many_requests_share_few_connections),
        cmocka_unit_test(replies_of_every_kind_are_taken),
        cmocka_unit_test(replies_are_judged),
        cmocka_unit_test(replies_are_judged_byte_by_byte),
        cmocka_unit_test(refused_connection_fails_each_request_once),
        cmocka_unit_test(silence_ends_in_a_timeout),
        cmocka_unit_test(safe_request_is_repeated_on_a_stale_connection),
        cmocka_unit_test(closing_ends_what_is_pending),
        cmocka_unit_test(client_may_be_closed_in_a_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
