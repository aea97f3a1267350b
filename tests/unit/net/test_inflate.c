/* Compressed bodies: what a peer may send, and what a hostile one gets. */
#include "rig.h"

#include <zlib.h>

enum { GZIP = 16 + 15, ZLIB = 15, RAW = -15 };

/* `text` compressed in one of these formats; gives the bytes written. */
static size_t pack(int format, const char *text, size_t len, char *out, size_t size)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, format, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)size;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t packed = z.total_out;
    deflateEnd(&z);
    return packed;
}

/* A POST to /echo, its body whole or in chunks of seven bytes. */
static size_t post(char *out, const char *coding, const char *body, size_t len, bool chunked)
{
    size_t at = (size_t)sprintf(out, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Encoding: %s\r\n", coding);
    if (!chunked) {
        at += (size_t)sprintf(out + at, "Content-Length: %zu\r\n\r\n", len);
        memcpy(out + at, body, len);
        return at + len;
    }
    at += (size_t)sprintf(out + at, "Transfer-Encoding: chunked\r\n\r\n");
    for (size_t i = 0; i < len; i += 7) {
        size_t part = len - i < 7 ? len - i : 7;
        at += (size_t)sprintf(out + at, "%zx\r\n", part);
        memcpy(out + at, body + i, part);
        at += part;
        at += (size_t)sprintf(out + at, "\r\n");
    }
    return at + (size_t)sprintf(out + at, "0\r\n\r\n");
}

static const char next_request[] = "GET /bye HTTP/1.1\r\nHost: a\r\n\r\n";

static struct rig_heard talk(struct rig *rig, const char *coding, const char *body, size_t len, bool chunked)
{
    char *text = malloc(len * 12 + 1024);
    size_t size = post(text, coding, body, len, chunked);
    memcpy(text + size, next_request, sizeof(next_request));
    struct rig_heard heard = rig_talk(rig, text, size + sizeof(next_request) - 1);
    free(text);
    return heard;
}

static void all_formats_are_taken(void **state)
{
    (void)state;
    static const struct {
        const char *coding;
        int format;
    } rows[] = {
        {"gzip", GZIP},       {"x-gzip", GZIP}, {"GZip", GZIP},         {"identity, gzip", GZIP},
        {"deflate", ZLIB},    {"deflate", RAW}, {"Deflate", ZLIB},      {" ,gzip, ", GZIP},
    };
    const char *plain = "{\"id\":\"a body that says a body that says a body\"}";
    struct rig rig;
    rig_start(&rig, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int chunked = 0; chunked < 2; chunked++) {
            char packed[256];
            size_t len = pack(rows[i].format, plain, strlen(plain), packed, sizeof(packed));
            struct rig_heard heard = talk(&rig, rows[i].coding, packed, len, chunked);
            if (strstr(heard.data, plain) == NULL || strstr(heard.data, "\r\n\r\nbye") == NULL)
                fail_msg("%s, format %d, chunked %d: %s", rows[i].coding, rows[i].format, chunked, heard.data);
            rig_heard_free(&heard);
        }
    }
    rig_stop(&rig);
}

/* A coding of nothing is nothing: GET requests of some peers carry the header too. */
static void no_body_needs_no_stream(void **state)
{
    (void)state;
    struct rig rig;
    rig_start(&rig, NULL);
    const char *text = "GET /hello HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n\r\n"
                       "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Encoding: deflate\r\nContent-Length: 0\r\n\r\n";
    struct rig_heard heard = rig_talk(&rig, text, strlen(text));
    assert_int_equal(rig_count(heard.data, "HTTP/1.1 200 "), 2);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

/* The inflated size counts, to the byte, in every format; the connection lives. */
static void inflated_size_is_limited_to_the_byte(void **state)
{
    (void)state;
    enum { LIMIT = 40000 };
    static const int formats[] = {GZIP, ZLIB, RAW};
    struct mb_http_limits limits = mb_http_limits_default();
    limits.body_bytes = LIMIT;
    struct rig rig;
    rig_start(&rig, &limits);
    char *plain = malloc(LIMIT + 1);
    memset(plain, 'x', LIMIT + 1);
    for (size_t i = 0; i < 3; i++) {
        for (size_t more = 0; more < 2; more++) {
            char packed[1024];
            size_t len = pack(formats[i], plain, LIMIT + more, packed, sizeof(packed));
            struct rig_heard heard = talk(&rig, formats[i] == GZIP ? "gzip" : "deflate", packed, len, false);
            assert_contains(heard.data, more ? "HTTP/1.1 413 " : "HTTP/1.1 200 ");
            assert_int_equal(heard.len > LIMIT, more == 0);
            assert_contains(heard.data, "\r\n\r\nbye");
            rig_heard_free(&heard);
        }
    }
    free(plain);
    rig_stop(&rig);
}

/* 256 MB in 255 kB: refused after the first 256 kB of it have been made. */
static void bomb_is_cut_short(void **state)
{
    (void)state;
    enum { PACKED = 262000 };
    size_t plain_len = 256u << 20;
    char *plain = calloc(1, plain_len);
    char *packed = malloc(PACKED);
    size_t len = pack(GZIP, plain, plain_len, packed, PACKED);
    struct rig rig;
    rig_start(&rig, NULL);
    struct rig_heard heard = talk(&rig, "gzip", packed, len, false);
    assert_contains(heard.data, "HTTP/1.1 413 ");
    assert_contains(heard.data, "inflated body too large");
    const char *at = strstr(heard.data, "\"at\":");
    assert_non_null(at);
    assert_in_range(strtoul(at + 5, NULL, 10), 100, 1200); /* what it took of the compressed bytes */
    assert_contains(heard.data, "\r\n\r\nbye");
    rig_heard_free(&heard);
    free(packed);
    free(plain);
    rig_stop(&rig);
}

struct damage {
    const char *name;
    int format;
    long cut;            /* bytes left off at the end */
    long flip;           /* byte to spoil, from the end where negative; 0: none */
    const char *behind;  /* more bytes */
    const char *says;
};

static void damaged_bodies_are_told_what_is_wrong(void **state)
{
    (void)state;
    static const struct damage rows[] = {
        {"cut in the data", GZIP, 12, 0, "", "ends early"},
        {"cut in the check", GZIP, 1, 0, "", "ends early"},
        {"only a header", ZLIB, 1000, 0, "", "ends early"},
        {"cut without a header", RAW, 3, 0, "", "ends early"},
        {"wrong sum", GZIP, 0, -8, "", "incorrect data check"},
        {"wrong length", GZIP, 0, -1, "", "incorrect length check"},
        {"wrong sum of zlib", ZLIB, 0, -1, "", "incorrect data check"},
        {"unknown method", GZIP, 0, 2, "", "unknown compression method"},
        {"unknown flags", GZIP, 0, 3, "", "unknown header flags set"},
        {"something behind it", GZIP, 0, 0, "x", "behind the end"},
        {"something behind it, zlib", ZLIB, 0, 0, "\r\n", "behind the end"},
        {"something behind it, bare", RAW, 0, 0, "{}", "behind the end"},
    };
    const char *plain = "some text, some more text, and some text that ends here";
    struct rig rig;
    rig_start(&rig, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char packed[256];
        long len = (long)pack(rows[i].format, plain, strlen(plain), packed, sizeof(packed));
        long flip = rows[i].flip < 0 ? len + rows[i].flip : rows[i].flip;
        if (flip != 0)
            packed[flip] = (char)(packed[flip] ^ 0x41 ^ 0xff);
        len = len - rows[i].cut > 2 ? len - rows[i].cut : 2;
        memcpy(packed + len, rows[i].behind, strlen(rows[i].behind));
        len += (long)strlen(rows[i].behind);
        struct rig_heard heard =
            talk(&rig, rows[i].format == GZIP ? "gzip" : "deflate", packed, (size_t)len, i % 2 != 0);
        if (strncmp(heard.data, "HTTP/1.1 400 ", 13) != 0 || strstr(heard.data, rows[i].says) == NULL ||
            strstr(heard.data, "\r\n\r\nbye") == NULL)
            fail_msg("%s: %s", rows[i].name, heard.data);
        rig_heard_free(&heard);
    }
    rig_stop(&rig);
}

/* zlib's header can ask for a dictionary that only the peer has. */
static void dictionary_is_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_start(&rig, NULL);
    struct rig_heard heard = talk(&rig, "deflate", "\x78\xbb\x00\x00\x00\x01\x03\x00", 8, false);
    assert_contains(heard.data, "HTTP/1.1 400 ");
    assert_contains(heard.data, "dictionary");
    rig_heard_free(&heard);
    rig_stop(&rig);
}

static void refused_coding_hears_which_are_taken(void **state)
{
    (void)state;
    struct rig rig;
    rig_start(&rig, NULL);
    struct rig_heard heard = talk(&rig, "zstd", "abc", 3, false);
    assert_contains(heard.data, "HTTP/1.1 415 ");
    assert_contains(heard.data, "\r\nAccept-Encoding: gzip, deflate\r\n");
    rig_heard_free(&heard);
    rig_stop(&rig);
}

/* A stream that was left in any state must not show in the next one's. */
static void refused_body_leaves_nothing_behind(void **state)
{
    (void)state;
    const char *plain = "clean";
    char packed[64];
    size_t len = pack(GZIP, plain, 5, packed, sizeof(packed));
    struct rig rig;
    rig_start(&rig, NULL);
    for (size_t cut = 1; cut < len; cut++) {
        struct rig_heard heard = talk(&rig, "gzip", packed, cut, false);
        assert_contains(heard.data, "HTTP/1.1 400 ");
        rig_heard_free(&heard);
        heard = talk(&rig, "gzip", packed, len, false);
        assert_contains(heard.data, "POST /echo  cleanHTTP/1.1 200 ");
        rig_heard_free(&heard);
    }
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_formats_are_taken),
        cmocka_unit_test(no_body_needs_no_stream),
        cmocka_unit_test(inflated_size_is_limited_to_the_byte),
        cmocka_unit_test(bomb_is_cut_short),
        cmocka_unit_test(damaged_bodies_are_told_what_is_wrong),
        cmocka_unit_test(dictionary_is_refused),
        cmocka_unit_test(refused_coding_hears_which_are_taken),
        cmocka_unit_test(refused_body_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
