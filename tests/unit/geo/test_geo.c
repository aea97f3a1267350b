/* Look-ups, in a table and in databases that this test writes itself. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "mmdb.h"
#include "moonbid/geo.h"

/* --- the database of these tests --- */

static size_t put_nested(struct writer *w, const char *country, const char *region,
                         const char *city)
{
    size_t record = w->data.len;
    put_map(&w->data, 5);
    put_text(&w->data, "postal"), put_map(&w->data, 1), put_text(&w->data, "code");
    put_text(&w->data, "10117");
    put_text(&w->data, "location"), put_map(&w->data, 3), put_text(&w->data, "accuracy_radius");
    put_number(&w->data, 5, 20, 2);
    put_text(&w->data, "latitude"), put_double(&w->data, 52.5196);
    put_text(&w->data, "longitude"), put_double(&w->data, -13.4069);
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
            check_text(row->ip, a.zip, known && row->city ? "10117" : NULL);
            assert_int_equal(a.has_location, known && row->city);
            assert_true(!a.has_location || (a.lat == 52.5196 && a.lon == -13.4069));
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
    for (size_t len = 0; len < f->v6.len; len += 7) {
        write_file(f->path, f->v6.data, len);
        assert_int_equal(mb_geo_open(f->path, &geo, &err), MB_ESYNTAX);
    }
    assert_int_equal(mb_geo_open("/dev/null", &geo, &err), MB_EINVAL);
    assert_int_equal(mb_geo_open("/tmp", &geo, &err), MB_EINVAL);
    assert_null(geo);
}

/* What is half one file and half another: good metadata behind a tree or records that are not its. */
static void a_damaged_database_is_refused(void **state)
{
    struct fixture *f = *state;
    struct mb_error err = {0};
    struct mb_geo *geo = NULL;
    size_t records = (size_t)mb_slice_find(mb_buf_slice(&f->v6), MB_SLICE("postal")) - 2;
    static const struct {
        bool tree;
        char byte;
        const char *want;
    } damages[] = {{true, '\xff', "its tree is damaged"},
                   {true, 0, "its tree is damaged"},
                   {false, '\xff', "its records are damaged"}};
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct mb_buf copy = {0};
        mb_xbuf_add_slice(&copy, mb_buf_slice(&f->v6));
        memset(copy.data + (damages[i].tree ? 60 : records), damages[i].byte, 120);
        write_file(f->path, copy.data, copy.len);
        assert_int_equal(mb_geo_open(f->path, &geo, &err), MB_ESYNTAX);
        if (!strstr(err.what, damages[i].want)) {
            fail_msg("'%s', not '%s'", err.what, damages[i].want);
        }
        mb_buf_fini(&copy);
    }
    struct writer *w = calloc(1, sizeof *w);
    struct mb_buf networks = {0};
    new_node(w);
    put_net(w, "192.0.2.0", 24, put_flat(w, "autonomous_system_organization", "Example"));
    write_database(w, &networks);
    write_file(f->path, networks.data, networks.len);
    assert_int_equal(mb_geo_open(f->path, &geo, &err), MB_ESYNTAX);
    assert_non_null(strstr(err.what, "it tells no country"));
    mb_buf_fini(&networks);
    mb_buf_fini(&w->data);
    free(w);
    assert_null(geo);
}

static void what_happens_to_the_file_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct mb_geo *geo = NULL;
    write_file(f->path, f->v6.data, f->v6.len);
    assert_int_equal(mb_geo_open(f->path, &geo, NULL), 0);
    write_file(f->path, "", 0); /* a mapped file would raise SIGBUS from here on */
    check_text("v4", mb_geo_look_up(geo, MB_SLICE("192.0.2.1")).city, "Berlin");
    assert_int_equal(unlink(f->path), 0);
    check_text("v6", mb_geo_look_up(geo, MB_SLICE("2001:db8::1")).city, "Paris");
    mb_geo_close(geo);
}

/* A reload asks, and nearly always the file is as it was. */
static void a_file_that_is_as_it_was_is_known(void **state)
{
    struct fixture *f = *state;
    struct mb_geo *geo = NULL;
    struct mb_geo_source source = {0};
    char other[8192];
    write_file(f->path, f->v6.data, f->v6.len);
    assert_int_equal(mb_geo_open(f->path, &geo, NULL), 0);
    assert_true(f->v6.len + 1 < sizeof(other));
    memcpy(other, f->v6.data, f->v6.len);
    other[f->v6.len] = 0;
    assert_true(mb_geo_is_file(mb_geo_fd(geo), f->path, &source));
    for (size_t at = 0; at < f->v6.len; at += f->v6.len / 7) {
        other[at] ^= 1;
        write_file(f->path, other, f->v6.len);
        assert_false(mb_geo_is_file(mb_geo_fd(geo), f->path, &source));
        other[at] ^= 1;
    }
    write_file(f->path, other, f->v6.len - 1);
    assert_false(mb_geo_is_file(mb_geo_fd(geo), f->path, &source));
    write_file(f->path, other, f->v6.len + 1);
    assert_false(mb_geo_is_file(mb_geo_fd(geo), f->path, &source));
    write_file(f->path, "", 0);
    assert_false(mb_geo_is_file(mb_geo_fd(geo), f->path, &source));
    write_file(f->path, other, f->v6.len);
    assert_true(mb_geo_is_file(mb_geo_fd(geo), f->path, &source));
    assert_int_equal(unlink(f->path), 0);
    assert_false(mb_geo_is_file(mb_geo_fd(geo), f->path, &source));
    assert_int_equal(mkfifo(f->path, 0600), 0);
    assert_false(mb_geo_is_file(mb_geo_fd(geo), f->path, &source));
    assert_int_equal(unlink(f->path), 0);
    assert_false(mb_geo_is_file(mb_geo_fd(geo), "/", &source));
    mb_geo_close(geo);
}

/* Where a reload knows from the file's state that it is the one, not a byte is read: there is no memory to compare with. */
static void a_file_in_a_known_state_is_not_read(void **state)
{
    struct mb_geo_source now, other;
    struct stat st;
    (void)state;
    assert_int_equal(stat(__FILE__, &st), 0);
    now = (struct mb_geo_source){st.st_dev, st.st_ino, st.st_size,
                                 st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec,
                                 st.st_ctim.tv_sec * INT64_C(1000000000) + st.st_ctim.tv_nsec};
    assert_true(mb_geo_is_file(-1, __FILE__, &now));
    for (int field = 0; field < 5; field++) {
        other = now;
        other.device += field == 0, other.inode += field == 1, other.size += field == 2;
        other.modified_ns += field == 3, other.changed_ns += field == 4;
        assert_false(mb_geo_is_file(-1, __FILE__, &other));
    }
}

static void what_was_compared_is_known_then_unless_it_is_too_young(void **state)
{
    static const struct mb_geo_source none;
    struct fixture *f = *state;
    struct mb_geo_source source = {0};
    struct mb_geo *geo = NULL;
    char text[65536];
    FILE *old = fopen(__FILE__, "r");
    size_t len = fread(text, 1, sizeof(text), old);
    int memory = memfd_create("test", MFD_CLOEXEC);
    fclose(old);
    assert_int_equal(write(memory, text, len), len);
    assert_true(mb_geo_is_file(memory, __FILE__, &source));
    assert_true(mb_geo_is_file(-1, __FILE__, &source)); /* known */
    close(memory);

    write_file(f->path, f->v6.data, f->v6.len);
    assert_int_equal(mb_geo_open(f->path, &geo, NULL), 0);
    source = mb_geo_source(geo);
    assert_memory_equal(&source, &none, sizeof(none));
    assert_true(mb_geo_is_file(mb_geo_fd(geo), f->path, &source));
    assert_memory_equal(&source, &none, sizeof(none)); /* what comes in the same tick would not show */
    mb_geo_close(geo);
}

static void another_process_uses_the_same_memory(void **state)
{
    struct fixture *f = *state;
    struct mb_geo *geo = NULL, *shared = NULL;
    write_file(f->path, f->v6.data, f->v6.len);
    assert_int_equal(mb_geo_open(f->path, &geo, NULL), 0);
    assert_int_equal(mb_geo_open_shared(mb_geo_fd(geo), &shared, NULL), 0);
    struct stat ours, theirs;
    assert_int_equal(fstat(mb_geo_fd(geo), &ours) | fstat(mb_geo_fd(shared), &theirs), 0);
    assert_true(ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev);
    assert_int_equal(write(mb_geo_fd(shared), "x", 1), -1); /* sealed */
    assert_int_equal(ftruncate(mb_geo_fd(shared), 0), -1);
    mb_geo_close(geo);
    check_text("v4", mb_geo_look_up(shared, MB_SLICE("192.0.2.1")).city, "Berlin");
    mb_geo_close(shared);

    struct mb_error err = {0};
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(mb_geo_open_shared(fd, &shared, &err), MB_EINVAL); /* a file: may be cut short */
    assert_int_equal(mb_geo_open_shared(-1, &shared, &err), MB_EINVAL);
    close(fd);
    struct mb_geo *table = mb_xgeo_table();
    assert_int_equal(mb_geo_fd(table), -1);
    mb_geo_close(table);
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

/* An address is one where the C library takes it, whatever is sent. */
static void the_same_texts_are_addresses_as_elsewhere(void **state)
{
    (void)state;
    static const char *const parts[] = {"0", "1", "9", "00", "01", "10", "99", "025", "100", "249", "255",
                                        "256", "260", "300", "999", "1000", "", " 1", "1 ", "+1", "-1", "a", ":", "\xff"};
    enum { PARTS = sizeof(parts) / sizeof(parts[0]) };
    unsigned seed = 1, valid = 0;
    for (unsigned round = 0; round < 20000; round++) {
        char text[64] = "", mapped[96];
        unsigned dots = round % 8 ? 3 : 2 + round / 8 % 3;
        for (unsigned i = 0; i <= dots; i++) {
            seed = seed * 1103515245 + 12345;
            unsigned of = round % 2 ? 11 : PARTS;
            strcat(strcat(text, i ? "." : ""), parts[(seed >> 16) % of]);
        }
        struct in_addr address;
        bool is_one = inet_pton(AF_INET, text, &address) == 1;
        struct mb_geo *geo = mb_xgeo_table();
        mb_xgeo_put(geo, mb_slice_of(text), MB_SLICE("DE"));
        check_text(text, mb_geo_look_up(geo, mb_slice_of(text)).country, is_one ? "DE" : NULL);
        if (is_one) {
            snprintf(mapped, sizeof(mapped), "::ffff:%s", text);
            check_text(mapped, mb_geo_look_up(geo, mb_slice_of(mapped)).country, "DE");
            valid++;
        }
        mb_geo_close(geo);
    }
    assert_true(valid > 1000);
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
        CASE(a_damaged_database_is_refused),
        CASE(what_happens_to_the_file_changes_nothing),
        CASE(a_file_that_is_as_it_was_is_known),
        CASE(a_file_in_a_known_state_is_not_read),
        CASE(what_was_compared_is_known_then_unless_it_is_too_young),
        CASE(another_process_uses_the_same_memory),
        CASE(a_table_tells_the_country),
        CASE(the_same_texts_are_addresses_as_elsewhere),
        CASE(without_a_database_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
