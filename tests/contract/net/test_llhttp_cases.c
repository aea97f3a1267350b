/* The request cases of llhttp's own test suite, against the running server.
 *
 * Each case's bytes are sent on a connection of their own, with a Host header inserted into the
 * first request where an HTTP/1.1 one lacks it, and our side is ended. "parse" then means: the
 * first answer is 2xx, or, where the case stops in the middle of a message, the server says exactly
 * that. "error" means: the last answer is 4xx or 5xx and the server ends the connection.
 *
 * The server has no lenient modes. Cases of a mode "request-lenient-..." record what a parser with
 * that leniency does: those that must be refused even so must be refused here too; those that
 * leniency lets through are left out, for the same bytes stand among the strict cases.
 * "request-finish" is about the end of input, which every case here has.
 *
 * Exceptions, where RFC 9110/9112 or what this server offers decides otherwise, are listed by title
 * with the reason.
 */
#include <cjson/cJSON.h>

#include "../../unit/net/rig.h"

#define CASES SHARED_DATA "/llhttp-cases/cases.json"

struct exception {
    const char *title;
    const char *answer; /* how the first answer begins instead */
    const char *reason;
};

static const struct exception exceptions[] = {
    {"No restart when keep-alive is off (1.0)", "HTTP/1.1 200 ",
     "answered and closed: what a peer sends behind its last request is not looked at"},
    {"CRLF between requests, explicit `close`", "HTTP/1.1 200 ", "the same"},
    {"Setting a flag and pausing", "HTTP/1.1 200 ",
     "an Upgrade that is not offered is ignored (RFC 9110, 7.8); llhttp stops for the other "
     "protocol"},
    {"Tabs in `Content-Length` (surrounding)", "HTTP/1.1 400 ",
     "llhttp 8.1 refuses the tab behind the number; refusing is the safe side"},
    {"SOURCE request with ICE", "HTTP/1.1 400 ", "not HTTP"},
    {"OPTIONS request with RTSP", "HTTP/1.1 400 ", "not HTTP"},
    {"ANNOUNCE request with RTSP", "HTTP/1.1 400 ", "not HTTP"},
    {"QUERY request", "HTTP/1.1 400 ", "a method that llhttp 8.1 does not know"},
    {"No HTTP version", "HTTP/1.1 505 ", "HTTP/0.9 is not spoken here"},
    {"POST with `chunked` as last transfer-encoding", "HTTP/1.1 501 ",
     "a coding that is not understood (RFC 9112, 6.1)"},
    {"POST with `chunked` as last transfer-encoding (multiple headers)", "HTTP/1.1 501 ",
     "the same"},
    {"M-SEARCH request", "HTTP/1.1 400 ", "only OPTIONS may ask about \"*\" (RFC 9112, 3.2.4)"},
    {"`host:port` and basic auth", "HTTP/1.1 400 ", "a user in the target (RFC 9110, 4.2.4)"},
    {NULL, NULL, NULL},
};

static const struct exception *exception_of(const char *title)
{
    for (size_t i = 0; exceptions[i].title != NULL; i++) {
        if (strcmp(exceptions[i].title, title) == 0)
            return &exceptions[i];
    }
    return NULL;
}

static void on_request(void *user, struct mb_http_exchange *exchange,
                       const struct mb_http_request *request)
{
    (void)user;
    (void)request;
    rig_reply(exchange, 200, MB_SLICE("ok"), false);
}

/* cJSON gives UTF-8; the cases are bytes written as latin-1. Characters beyond it stay as they are.
 */
static size_t to_bytes(const char *utf8, char *out)
{
    size_t len = 0;
    for (const unsigned char *at = (const unsigned char *)utf8; *at != '\0'; at++) {
        if ((*at & 0xfe) == 0xc2)
            out[len++] = (char)(((*at & 3) << 6) | (at[1] & 0x3f)), at++;
        else
            out[len++] = (char)*at;
    }
    return len;
}

static bool has_host(const char *bytes, size_t len)
{
    for (size_t i = 0; i + 6 < len; i++) {
        if (bytes[i] == '\n' && strncasecmp(bytes + i + 1, "host", 4) == 0)
            return true;
        if (strncmp(bytes + i, "\r\n\r\n", 4) == 0)
            return false;
    }
    return false;
}

/* Inserts Host behind the first request line, if it is a whole HTTP/1.1 line without one. */
static size_t insert_host(char *bytes, size_t len)
{
    static const char version[] = " HTTP/1.1\r\n", host[] = "Host: test\r\n";
    char *at = memmem(bytes, len, version, strlen(version));
    if (at == NULL || has_host(bytes, len))
        return len;
    at += strlen(version);
    memmove(at + strlen(host), at, len - (size_t)(at - bytes));
    memcpy(at, host, strlen(host));
    return len + strlen(host);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool last_is_refusal(const char *text)
{
    const char *last = "HTTP/1.1 ?";
    for (const char *at = text; (at = strstr(at, "HTTP/1.1 ")) != NULL; at++) {
        if (at[9] >= '1' && at[9] <= '5') /* not the words of an error body */
            last = at;
    }
    return last[9] == '4' || last[9] == '5';
}

/* NULL, or what is wrong. */
static const char *judge(const char *title, bool must_parse, const struct rig_heard *heard)
{
    const struct exception *exception = exception_of(title);
    bool cut_off = strstr(heard->data, "\"the request ends early\"") != NULL;
    if (!heard->eof)
        return "not ended in order";
    if (exception != NULL)
        return begins(heard->data, exception->answer) ? NULL : "not as its exception says";
    if (must_parse)
        return begins(heard->data, "HTTP/1.1 2") || cut_off ? NULL : "should parse";
    return last_is_refusal(heard->data) ? NULL : "should be refused";
}

static const char *text_of(const cJSON *item, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(item, name));
    assert_non_null(text);
    return text;
}

static char *read_cases(void)
{
    FILE *file = fopen(CASES, "rb");
    if (file == NULL)
        return NULL;
    char *text = calloc(1, 1 << 20);
    size_t len = fread(text, 1, (1 << 20) - 1, file);
    assert_true(len > 0);
    fclose(file);
    return text;
}

static void every_case_gets_its_verdict(void **state)
{
    cJSON *cases = cJSON_Parse(*state);
    const cJSON *item;
    struct rig rig;
    int wrong = 0, tried = 0;
    assert_true(cJSON_GetArraySize(cases) > 100);
    rig_start_with(&rig, NULL, on_request);
    cJSON_ArrayForEach(item, cases)
    {
        const char *title = text_of(item, "title");
        const char *raw = text_of(item, "bytes_latin1");
        bool must_parse = strcmp(text_of(item, "must"), "parse") == 0;
        if (must_parse && begins(text_of(item, "mode"), "request-lenient"))
            continue;
        char *bytes = malloc(strlen(raw) + 64);
        size_t len = insert_host(bytes, to_bytes(raw, bytes));
        struct rig_heard heard = rig_talk(&rig, bytes, len);
        const char *complaint = judge(title, must_parse, &heard);
        tried++;
        if (complaint != NULL) {
            print_error("%s (%s): %s\n%s\n%s\n---\n", title, text_of(item, "mode"), complaint, raw,
                        heard.data);
            wrong++;
        }
        rig_heard_free(&heard);
        free(bytes);
    }
    cJSON_Delete(cases);
    rig_stop(&rig);
    assert_true(tried > 100);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    char *text = read_cases();
    if (text == NULL) {
        puts("skipped: no " CASES);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(every_case_gets_its_verdict, text),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(text);
    return failed;
}
