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

static void expect_file(const char *path, const char *text, bool rolled_back)
{
    expect_slice(mb_bundle_file(bundle, mb_slice_of(path)), text);
    assert_int_equal(mb_bundle_rolled_back(bundle, mb_slice_of(path)), rolled_back);
}

static void replace_with(struct mb_bundle *other)
{
    mb_bundle_free(bundle);
    bundle = other;
}

static void read_keeping(void)
{
    struct mb_bundle *bids = bundle;
    bundle = NULL;
    read_folder();
    assert_int_equal(mb_bundle_keep_rolled_back(&bundle, bids, NULL), 0);
    mb_bundle_free(bids);
}

static void a_file_goes_back_until_it_is_edited(void **state)
{
    (void)state;
    const struct mb_slice path = MB_SLICE("strategies/a.lua");
    struct mb_bundle *before, *composed;
    char version[17] = "";
    put_text("+first.lua", "stays"); /* sorts before the hidden folder */
    put_text("strategies/a.lua", "old a");
    put_text("strategies/b.lua", "old b");
    read_folder();
    before = bundle;
    bundle = NULL;
    put_text("strategies/a.lua", "new a");
    put_text("strategies/b.lua", "new b");
    read_folder();
    assert_int_equal(mb_bundle_roll_back(bundle, before, path, &composed, NULL), 0);
    replace_with(composed);
    expect_file("strategies/a.lua", "old a", true);
    expect_file("strategies/b.lua", "new b", false);
    expect_file("+first.lua", "stays", false);
    size_t n = 0;
    for (size_t i = 0; i < mb_bundle_count(bundle); i++)
        n += mb_bundle_is_strategy(bundle, i);
    assert_int_equal(n, 2);
    memcpy(version, mb_bundle_version(bundle).data, 16);
    read_keeping();
    expect_slice(mb_bundle_version(bundle), version);
    put_text("strategies/b.lua", "third b");
    read_keeping();
    expect_file("strategies/a.lua", "old a", true);
    expect_file("strategies/b.lua", "third b", false);
    put_text("strategies/a.lua", "third a");
    read_keeping();
    expect_file("strategies/a.lua", "third a", false);
    assert_int_equal(mb_bundle_roll_back(bundle, before, path, &composed, NULL), 0);
    replace_with(composed);
    expect_file("strategies/a.lua", "old a", true);
    mb_bundle_free(before);
}

static void nothing_to_go_back_to_is_said(void **state)
{
    (void)state;
    static const char *const paths[] = {"strategies/same.lua", "strategies/new.lua",
                                        "strategies/gone.lua", "strategies/never.lua"};
    struct mb_bundle *before, *composed = NULL;
    char path[256];
    put_text("strategies/same.lua", "same");
    put_text("strategies/gone.lua", "gone");
    read_folder();
    before = bundle;
    bundle = NULL;
    snprintf(path, sizeof(path), "%s/strategies/gone.lua", folder);
    assert_int_equal(remove(path), 0);
    put_text("strategies/new.lua", "new");
    read_folder();
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        struct mb_error err;
        assert_int_equal(
            mb_bundle_roll_back(bundle, before, mb_slice_of(paths[i]), &composed, &err),
            MB_ENOTFOUND);
        assert_null(composed);
        assert_non_null(strstr(err.what, paths[i]));
    }
    mb_bundle_free(before);
}

static void a_single_file_goes_back_too(void **state)
{
    (void)state;
    struct mb_bundle *before, *composed;
    char path[256];
    put_text("one.lua", "old");
    put_text("lib/+.lua", "");
    snprintf(path, sizeof(path), "%s/one.lua", folder);
    assert_int_equal(mb_bundle_read(path, &before, NULL), 0);
    put_text("one.lua", "new");
    assert_int_equal(mb_bundle_read(path, &bundle, NULL), 0);
    assert_int_equal(mb_bundle_roll_back(bundle, before, MB_SLICE("one.lua"), &composed, NULL), 0);
    replace_with(composed);
    mb_bundle_free(before);
    expect_file("one.lua", "old", true);
    for (size_t i = 0; i < mb_bundle_count(bundle); i++)
        assert_int_equal(mb_bundle_is_strategy(bundle, i),
                         mb_slice_is(mb_bundle_path(bundle, i), "one.lua"));
}

/* Is the strategy file of that path, which may be of candidates, one that is loaded? */
static bool is_loaded(const char *path)
{
    for (size_t i = 0; i < mb_bundle_count(bundle); i++)
        if (mb_slice_is(mb_bundle_path(bundle, i), path))
            return mb_bundle_is_strategy(bundle, i);
    return false;
}

static void candidates_stand_beside_and_stay_there(void **state)
{
    (void)state;
    char root[160], file[256], list[256], golden[256], single[256];
    struct mb_rows rows;
    struct mb_bundle *before, *composed;
    snprintf(root, sizeof(root), "%s/lib", folder); /* whose files are modules of the other one as well */
    snprintf(file, sizeof(file), "%s/strategies/a.lua", root);
    snprintf(list, sizeof(list), "%s/lists/zones", root);
    snprintf(golden, sizeof(golden), "%s/golden/a.json", root);
    snprintf(single, sizeof(single), "%s/strategies/a.lua", folder);
    make_folder("lib/strategies");
    make_folder("lib/lists");
    make_folder("lib/golden");
    put_text("strategies/a.lua", "old");
    put_text("lib/strategies/a.lua", "candidate");
    put_text("lib/lists/zones", "one\ntwo\n");
    put_text("lib/golden/a.json", "{}");
    put_text("lib/budgets.lua", "return {}");
    assert_int_equal(mb_bundle_read_again(folder, root, NULL, &bundle, NULL), 0);
    expect_slice(mb_bundle_file(bundle, mb_slice_of(file)), "candidate");
    assert_true(is_loaded("strategies/a.lua") && is_loaded(file));
    assert_false(is_loaded("lib/strategies/a.lua"));
    assert_null(mb_bundle_file(bundle, mb_slice_of(golden)).data);
    assert_true(mb_bundle_rows(bundle, mb_slice_of(list), MB_ROWS_LIST, &rows));
    assert_true(mb_slice_present(mb_rows_find(&rows, MB_SLICE("two"))));
    assert_int_equal(mb_bundle_root(bundle, mb_slice_of(file)).len, strlen(root) + 1);
    assert_int_equal(mb_bundle_root(bundle, MB_SLICE("strategies/a.lua")).len, 0);

    before = bundle;
    put_text("strategies/a.lua", "new");
    assert_int_equal(mb_bundle_read_again(folder, root, before, &bundle, NULL), 0);
    assert_int_equal(mb_bundle_roll_back(bundle, before, MB_SLICE("strategies/a.lua"), &composed, NULL), 0);
    replace_with(composed);
    mb_bundle_free(before);
    expect_slice(mb_bundle_file(bundle, MB_SLICE("strategies/a.lua")), "old");
    assert_true(is_loaded("strategies/a.lua") && is_loaded(file));
    assert_true(mb_bundle_rows(bundle, mb_slice_of(list), MB_ROWS_LIST, &rows));

    mb_bundle_free(bundle);
    assert_int_equal(mb_bundle_read_again(single, root, NULL, &bundle, NULL), 0);
    assert_true(is_loaded("strategies/a.lua") && is_loaded(file));
    mb_bundle_free(bundle);
    bundle = NULL;
    assert_int_equal(mb_bundle_read_again(folder, "/nowhere", NULL, &bundle, NULL), MB_EIO);
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
        TEST(a_file_goes_back_until_it_is_edited),
        TEST(nothing_to_go_back_to_is_said),
        TEST(a_single_file_goes_back_too),
        TEST(candidates_stand_beside_and_stay_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
