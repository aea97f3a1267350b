/* Look-ups, in a table and in a database that this test writes itself (MaxMind DB format 2.0). */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "moonbid/geo.h"

/* --- a database writer: nets into a binary tree, records as MaxMind maps --- */

enum { NODES_MAX = 1024, NO_NODE = -1, DATA_FLAG = 1 << 20 };

struct writer {
    bool v6;
    int nodes[NODES_MAX][2]; /* NO_NODE, a node, or DATA_FLAG | offset of the record */
    int n_nodes;
    struct mb_buf data;
};

static void put_control(struct mb_buf *out, int type, size_t size)
{
    assert_true(size < 29 + 256);
    size_t low = size < 29 ? size : 29;
    mb_xbuf_add_char(out, (char)((type > 7 ? 0 : type << 5) | (int)low));
    if (type > 7) {
        mb_xbuf_add_char(out, (char)(type - 7));
    }
    if (low == 29) {
        mb_xbuf_add_char(out, (char)(size - 29));
    }
}

static void put_map(struct mb_buf *out, size_t pairs)
{
    put_control(out, 7, pairs);
}

static void put_array(struct mb_buf *out, size_t items)
{
    put_control(out, 11, items);
}

static void put_text(struct mb_buf *out, const char *text)
{
    put_control(out, 2, strlen(text));
    mb_xbuf_add_text(out, text);
}

static void put_number(struct mb_buf *out, int type, uint64_t value, size_t bytes)
{
    put_control(out, type, bytes);
    while (bytes-- > 0) {
        mb_xbuf_add_char(out, (char)(value >> (8 * bytes)));
    }
}

static int new_node(struct writer *w)
{
    assert_true(w->n_nodes < NODES_MAX);
    w->nodes[w->n_nodes][0] = w->nodes[w->n_nodes][1] = NO_NODE;
    return w->n_nodes++;
}

/* The record is what was appended to w->data since `record`. */
static void put_net(struct writer *w, const char *net, int bits, size_t record)
{
    uint8_t address[16] = {0};
    bool v4 = !strchr(net, ':');
    assert_int_equal(inet_pton(v4 ? AF_INET : AF_INET6, net, v4 && w->v6 ? address + 12 : address),
                     1);
    bits += v4 && w->v6 ? 96 : 0;
    int node = 0;
    for (int i = 0; i < bits; i++) {
        int bit = address[i / 8] >> (7 - i % 8) & 1;
        if (i == bits - 1) {
            w->nodes[node][bit] = DATA_FLAG | (int)record;
        } else {
            if (w->nodes[node][bit] == NO_NODE) {
                int next = new_node(w);
                w->nodes[node][bit] = next;
            }
            node = w->nodes[node][bit];
        }
    }
}

static void put_metadata(struct mb_buf *out, const struct writer *w)
{
    mb_xbuf_add(out, "\xab\xcd\xefMaxMind.com", 14);
    put_map(out, 9);
    put_text(out, "binary_format_major_version"), put_number(out, 5, 2, 2);
    put_text(out, "binary_format_minor_version"), put_number(out, 5, 0, 2);
    put_text(out, "build_epoch"), put_number(out, 9, 1700000000, 8);
    put_text(out, "database_type"), put_text(out, "Test");
    put_text(out, "description"), put_map(out, 1), put_text(out, "en"), put_text(out, "test");
    put_text(out, "ip_version"), put_number(out, 5, w->v6 ? 6 : 4, 2);
    put_text(out, "languages"), put_array(out, 1), put_text(out, "en");
    put_text(out, "node_count"), put_number(out, 6, (uint64_t)w->n_nodes, 4);
    put_text(out, "record_size"), put_number(out, 5, 24, 2);
}

static void write_database(const struct writer *w, struct mb_buf *out)
{
    for (int i = 0; i < w->n_nodes; i++) {
        for (int side = 0; side < 2; side++) {
            int to = w->nodes[i][side];
            int record = to == NO_NODE    ? w->n_nodes
                         : to & DATA_FLAG ? w->n_nodes + 16 + (to & ~DATA_FLAG)
                                          : to;
            mb_xbuf_add_char(out, (char)(record >> 16));
            mb_xbuf_add_char(out, (char)(record >> 8));
            mb_xbuf_add_char(out, (char)record);
        }
    }
    mb_xbuf_add(out, (char[16]){0}, 16);
    mb_xbuf_add_slice(out, mb_buf_slice(&w->data));
    put_metadata(out, w);
}

static size_t put_nested(struct writer *w, const char *country, const char *region,
                         const char *city)
{
    size_t record = w->data.len;
    put_map(&w->data, 3);
    put_text(&w->data, "country"), put_map(&w->data, 1), put_text(&w->data, "iso_code");
    put_text(&w->data, country);
    put_text(&w->data, "subdivisions"), put_array(&w->data, 1), put_map(&w->data, 1);
    put_text(&w->data, "iso_code"), put_text(&w->data, region);
    put_text(&w->data, "city"), put_map(&w->data, 1), put_text(&w->data, "names"),
        put_map(&w->data, 2);
    put_text(&w->data, "de"), put_text(&w->data, "falsch"), put_text(&w->data, "en");
    put_text(&w->data, city);
    return record;
}

static size_t put_flat(struct writer *w, const char *key, const char *value)
{
    size_t record = w->data.len;
    put_map(&w->data, 1);
    put_text(&w->data, key), put_text(&w->data, value);
    return record;
}

/* --- the database of these tests --- */

static void make_database(bool v6, struct mb_buf *out)
{
    struct writer *w = calloc(1, sizeof *w);
    w->v6 = v6;
    new_node(w);
    put_net(w, "192.0.2.0", 25, put_nested(w, "DE", "BE", "Berlin"));
    put_net(w, "192.0.2.128", 25, put_flat(w, "country_code", "AT"));
    put_net(w, "198.51.100.7", 32, put_flat(w, "country_code", "de"));
    put_net(w, "198.51.100.8", 32, put_flat(w, "country", "CH"));
    size_t number = w->data.len;
    put_map(&w->data, 1), put_text(&w->data, "country_code"), put_number(&w->data, 5, 7, 2);
    put_net(w, "198.51.100.9", 32, number);
    if (v6) {
        put_net(w, "2001:db8::", 32, put_nested(w, "FR", "IDF", "Paris"));
        put_net(w, "2001:db9:0:1::", 64, put_flat(w, "country_code", "IT"));
    }
    write_database(w, out);
    mb_buf_fini(&w->data);
    free(w);
}

static void write_file(const char *path, const void *data, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

struct fixture {
    char path[64];
    struct mb_buf v4, v6;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->path, "/tmp/moonbid-geo-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    close(fd);
    make_database(false, &f->v4);
    make_database(true, &f->v6);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    mb_buf_fini(&f->v4);
    mb_buf_fini(&f->v6);
    free(f);
    return 0;
}

static void check_text(const char *ip, struct mb_slice got, const char *want)
{
    if (!mb_slice_eq(got, mb_slice_of(want)) || mb_slice_present(got) != (want != NULL)) {
        fail_msg("'%.*s', not '%s', for %s", MB_SLICE_ARG(got), want ? want : "", ip);
    }
}

static const struct row {
    const char *ip, *country, *region, *city;
    bool needs_v6;
} rows[] = {
    {"192.0.2.0", "DE", "BE", "Berlin", false},
    {"192.0.2.127", "DE", "BE", "Berlin", false},
    {"::ffff:192.0.2.1", "DE", "BE", "Berlin", false},
    {"::ffff:c000:201", "DE", "BE", "Berlin", false},
    {"192.0.2.128", "AT", NULL, NULL, false},
    {"192.0.3.1", NULL, NULL, NULL, false},
    {"198.51.100.7", NULL, NULL, NULL, false}, /* lower case: no alpha-2 of ours */
    {"198.51.100.8", NULL, NULL, NULL, false}, /* a layout that nobody has */
    {"198.51.100.9", NULL, NULL, NULL, false}, /* a number where a text is due */
    {"2001:db8::1", "FR", "IDF", "Paris", true},
    {"2001:0DB8:0:0:ffff:FFFF:255.255.255.255", "FR", "IDF", "Paris", true},
    {"2001:db9:0:1::5", "IT", NULL, NULL, true},
    {"2001:db9:0:2::5", NULL, NULL, NULL, true},
    /* no addresses */
    {"", NULL, NULL, NULL, false},
    {"192.0.2", NULL, NULL, NULL, false},
    {"192.0.2.1 ", NULL, NULL, NULL, false},
    {"192.0.2.1:80", NULL, NULL, NULL, false},
    {"555.1.12.54", NULL, NULL, NULL, false},
    {"0300.0.2.1", NULL, NULL, NULL, false},
    {"3221225985", NULL, NULL, NULL, false},
    {"2001:db8::1%lo", NULL, NULL, NULL, false},
    {"[2001:db8::1]", NULL, NULL, NULL, false},
    {"localhost", NULL, NULL, NULL, false},
    {"2001:0db8:0000:0000:0000:0000:0000:0000:0001:0001", NULL, NULL, NULL, false},
};

static void a_database_tells_the_place(void **state)
{
    struct fixture *f = *state;
    for (int v6 = 0; v6 <= 1; v6++) {
        const struct mb_buf *db = v6 ? &f->v6 : &f->v4;
        struct mb_error err = {0};
        struct mb_geo *geo = NULL;
        write_file(f->path, db->data, db->len);
        if (mb_geo_open(f->path, &geo, &err)) {
            fail_msg("%s", err.what);
        }
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            const struct row *row = &rows[i];
            bool known = v6 || !row->needs_v6; /* an IPv4 database knows no other addresses */
            struct mb_geo_answer a = mb_geo_look_up(geo, mb_slice_of(row->ip));
            check_text(row->ip, a.country, known ? row->country : NULL);
            check_text(row->ip, a.region, known ? row->region : NULL);
            check_text(row->ip, a.city, known ? row->city : NULL);
        }
        assert_false(mb_slice_present(mb_geo_look_up(geo, MB_SLICE("192.0.2.1\0")).country));
        assert_false(mb_slice_present(mb_geo_look_up(geo, MB_SLICE_NONE).country));
        mb_geo_close(geo);
    }
}

static void answers_stay_while_the_database_is_open(void **state)
{
    struct fixture *f = *state;
    struct mb_geo *geo = NULL;
    write_file(f->path, f->v6.data, f->v6.len);
    assert_int_equal(mb_geo_open(f->path, &geo, NULL), 0);
    struct mb_geo_answer first = mb_geo_look_up(geo, MB_SLICE("192.0.2.1"));
    struct mb_geo_answer other = mb_geo_look_up(geo, MB_SLICE("2001:db8::1"));
    struct mb_geo_answer again = mb_geo_look_up(geo, MB_SLICE("192.0.2.2"));
    assert_ptr_equal(first.country.data, again.country.data);
    assert_true(mb_slice_is(first.country, "DE") && mb_slice_is(other.country, "FR"));
    mb_geo_close(geo);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    struct fixture *f = *state;
    struct mb_error err = {0};
    struct mb_geo *geo = NULL;
    assert_int_equal(mb_geo_open("/no/such/file.mmdb", &geo, &err), MB_EIO);
    assert_string_equal(err.where, "/no/such/file.mmdb");

    write_file(f->path, "hello", 5);
    assert_int_equal(mb_geo_open(f->path, &geo, &err), MB_ESYNTAX);
    assert_string_equal(err.where, f->path);
    for (size_t len = 1; len < f->v6.len; len += 7) {
        write_file(f->path, f->v6.data, len);
        assert_int_equal(mb_geo_open(f->path, &geo, &err), MB_ESYNTAX);
    }
    assert_null(geo);
}

static void a_table_tells_the_country(void **state)
{
    (void)state;
    struct mb_geo *geo = mb_xgeo_table();
    mb_xgeo_put(geo, MB_SLICE("192.0.2.10"), MB_SLICE("US"));
    mb_xgeo_put(geo, MB_SLICE("192.0.2.10"), MB_SLICE("DE")); /* the last word counts */
    mb_xgeo_put(geo, MB_SLICE("2001:db8::1"), MB_SLICE("FR"));
    mb_xgeo_put(geo, MB_SLICE("no address"), MB_SLICE("FR"));
    check_text("v4", mb_geo_look_up(geo, MB_SLICE("192.0.2.10")).country, "DE");
    check_text("mapped", mb_geo_look_up(geo, MB_SLICE("::ffff:192.0.2.10")).country, "DE");
    check_text("v6", mb_geo_look_up(geo, MB_SLICE("2001:DB8:0::1")).country, "FR");
    check_text("other", mb_geo_look_up(geo, MB_SLICE("192.0.2.11")).country, NULL);
    check_text("none", mb_geo_look_up(geo, MB_SLICE("no address")).country, NULL);
    mb_geo_close(geo);
}

static void without_a_database_nothing_is_known(void **state)
{
    (void)state;
    check_text("none", mb_geo_look_up(NULL, MB_SLICE("192.0.2.10")).country, NULL);
    mb_geo_close(NULL);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_database_tells_the_place),
        CASE(answers_stay_while_the_database_is_open),
        CASE(a_file_that_is_no_database_is_refused),
        CASE(a_table_tells_the_country),
        CASE(without_a_database_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
