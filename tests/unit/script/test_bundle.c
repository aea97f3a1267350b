/* A scripts folder as one sealed block: what is in it, what is not, and who may change it. */
#include "fixture.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "moonbid/bundle.h"

static struct mb_bundle *bundle;

static int teardown(void **state)
{
    mb_bundle_free(bundle);
    bundle = NULL;
    return fixture_teardown(state);
}

static void make_folder(const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void read_folder(void)
{
    struct mb_error err = {.at = -1};
    mb_bundle_free(bundle);
    if (mb_bundle_read(folder, &bundle, &err) != 0)
        fail_msg("%s: %s", err.where, err.what);
}

static void holds_what_scripts_may_ask_for_and_nothing_else(void **state)
{
    (void)state;
    static const char *const wanted[] = {"golden/a.json", "lib/deep/m.lua", "lists/zones",
                                         "strategies/a b.lua", "strategies/a.lua", "top.lua"};
    static const char *const unwanted[] = {"notes.txt", "strategies/.a.lua.swp", "strategies/a.lua~",
                                           ".git/x.lua"};
    make_folder("lib/deep");
    make_folder(".git");
    make_folder("golden");
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
        put_text(wanted[i], wanted[i]);
    for (size_t i = 0; i < sizeof(unwanted) / sizeof(*unwanted); i++)
        put_text(unwanted[i], unwanted[i]);
    read_folder();
    assert_int_equal(mb_bundle_count(bundle), sizeof(wanted) / sizeof(*wanted));
    for (size_t i = 0; i < mb_bundle_count(bundle); i++) {
        expect_slice(mb_bundle_path(bundle, i), wanted[i]);
        expect_slice(mb_bundle_file(bundle, mb_slice_of(wanted[i])), wanted[i]);
        assert_int_equal(mb_bundle_bytes(bundle, i).data[strlen(wanted[i])], 0);
    }
    assert_null(mb_bundle_file(bundle, MB_SLICE("strategies/a")).data);
    assert_null(mb_bundle_file(bundle, MB_SLICE("../etc/passwd")).data);
    assert_null(mb_bundle_file(bundle, MB_SLICE("")).data);
}

static void only_files_right_in_strategies_are_strategies(void **state)
{
    (void)state;
    put_text("strategies/a.lua", "");
    make_folder("strategies/old");
    put_text("strategies/old/b.lua", "");
    put_text("lib/c.lua", "");
    read_folder();
    for (size_t i = 0; i < mb_bundle_count(bundle); i++)
        assert_int_equal(mb_bundle_is_strategy(bundle, i),
                         mb_slice_is(mb_bundle_path(bundle, i), "strategies/a.lua"));
}

static void a_single_file_is_the_only_strategy(void **state)
{
    (void)state;
    char path[128];
    put_text("alone.lua", "");
    put_text("other.lua", "");
    put_text("lib/m.lua", "");
    snprintf(path, sizeof(path), "%s/alone.lua", folder);
    assert_int_equal(mb_bundle_read(path, &bundle, NULL), 0);
    assert_null(mb_bundle_file(bundle, MB_SLICE("other.lua")).data);
    assert_non_null(mb_bundle_file(bundle, MB_SLICE("lib/m.lua")).data);
    for (size_t i = 0; i < mb_bundle_count(bundle); i++)
        assert_int_equal(mb_bundle_is_strategy(bundle, i),
                         mb_slice_is(mb_bundle_path(bundle, i), "alone.lua"));
}

static void nobody_can_change_it(void **state)
{
    (void)state;
    put_text("strategies/a.lua", "return 1");
    read_folder();
    int fd = mb_bundle_fd(bundle);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 1), -1);
    assert_ptr_equal(mmap(NULL, 1, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    put_text("strategies/a.lua", "return 2");
    expect_slice(mb_bundle_file(bundle, MB_SLICE("strategies/a.lua")), "return 1");
}

static void another_process_maps_the_same(void **state)
{
    (void)state;
    put_text("strategies/a.lua", "return 1");
    read_folder();
    pid_t child = fork();
    if (child == 0) {
        struct mb_bundle *mapped;
        if (mb_bundle_map(dup(mb_bundle_fd(bundle)), &mapped, NULL) != 0)
            _exit(1);
        bool same = mb_slice_eq(mb_bundle_version(mapped), mb_bundle_version(bundle)) &&
                    mb_slice_is(mb_bundle_file(mapped, MB_SLICE("strategies/a.lua")), "return 1");
        mb_bundle_free(mapped);
        _exit(same ? 0 : 2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void what_is_no_sealed_bundle_is_refused(void **state)
{
    (void)state;
    static const char garbage[] = "mbbundl1 and then some text that is long enough for a header";
    struct mb_bundle *mapped;
    struct mb_error err;
    int fd = memfd_create("test", MFD_ALLOW_SEALING);
    assert_int_equal(write(fd, garbage, sizeof(garbage)), sizeof(garbage));
    assert_int_equal(mb_bundle_map(fd, &mapped, &err), MB_EINVAL);
    assert_int_equal(fcntl(fd, F_ADD_SEALS,
                           F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
                     0);
    assert_int_equal(mb_bundle_map(fd, &mapped, &err), MB_EINVAL);
    assert_null(mapped);
    close(fd);
    assert_int_equal(mb_bundle_map(fd, &mapped, &err), MB_EINVAL);
}

static void what_cannot_be_read_is_named(void **state)
{
    (void)state;
    struct mb_error err;
    assert_int_equal(mb_bundle_read("/nonexistent/scripts", &bundle, &err), MB_EIO);
    assert_string_equal(err.where, "/nonexistent/scripts");
    assert_int_equal(mb_bundle_read("/dev", &bundle, &err), MB_EIO);
    char path[256], deep[64] = "strategies";
    for (int i = 0; i < 9; i++) {
        strcat(deep, "/d");
        snprintf(path, sizeof(path), "%s/%s", folder, deep);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    assert_int_equal(mb_bundle_read(folder, &bundle, &err), MB_ENOMEM);
    assert_non_null(strstr(err.where, "strategies/d/d"));
}

static void a_folder_that_holds_itself_ends(void **state)
{
    (void)state;
    char path[128];
    struct mb_error err;
    snprintf(path, sizeof(path), "%s/lib/loop", folder);
    assert_int_equal(symlink("..", path), 0);
    assert_int_equal(mb_bundle_read(folder, &bundle, &err), MB_ENOMEM);
}

static void the_version_depends_on_names_too(void **state)
{
    (void)state;
    char before[17] = "", path[128], other[128];
    put_text("strategies/a.lua", "return 1");
    read_folder();
    memcpy(before, mb_bundle_version(bundle).data, 16);
    read_folder();
    expect_slice(mb_bundle_version(bundle), before);
    snprintf(path, sizeof(path), "%s/strategies/a.lua", folder);
    snprintf(other, sizeof(other), "%s/strategies/b.lua", folder);
    assert_int_equal(rename(path, other), 0);
    read_folder();
    assert_false(mb_slice_is(mb_bundle_version(bundle), before));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(holds_what_scripts_may_ask_for_and_nothing_else),
        TEST(only_files_right_in_strategies_are_strategies),
        TEST(a_single_file_is_the_only_strategy),
        TEST(nobody_can_change_it),
        TEST(another_process_maps_the_same),
        TEST(what_is_no_sealed_bundle_is_refused),
        TEST(what_cannot_be_read_is_named),
        TEST(a_folder_that_holds_itself_ends),
        TEST(the_version_depends_on_names_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
