/* The public JSON parsing test suite: y_ files must be taken, n_ files refused at a position, i_
 * files survived. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "moonbid/json.h"

#define SUITE SHARED_DATA "/json-test-suite/test_parsing"

static struct mb_slice read_file(struct mb_arena *arena, const char *name)
{
    struct mb_slice path = mb_xarena_printf(arena, "%s/%s", SUITE, name);
    FILE *file = fopen(path.data, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size_t len = (size_t)ftell(file);
    rewind(file);
    /* Exactly as long as the text, so that the address sanitizer sees a step too far. */
    char *text = mb_xarena_alloc_raw(arena, len);
    assert_int_equal(fread(text, 1, len, file), len);
    fclose(file);
    return mb_slice(text, len);
}

/* Visits everything, so that each string is decoded and each number converted. */
static void read_all(struct mb_json_value value)
{
    (void)mb_json_str(value);
    (void)mb_json_f64(value, 0);
    (void)mb_json_i64(value, 0);
    struct mb_json_value at = mb_json_first(value);
    for (; at.type != MB_JSON_NONE; at = mb_json_next(value, at)) {
        if (value.type == MB_JSON_OBJECT)
            (void)mb_json_key(at);
        read_all(at);
    }
}

static int check_file(const char *name)
{
    struct mb_arena arena;
    mb_arena_init(&arena, 4096);
    struct mb_slice text = read_file(&arena, name);
    struct mb_json doc;
    struct mb_error err = {.at = -1};
    int code = mb_json_parse(&doc, &arena, text, &err);
    if (code == 0)
        read_all(mb_json_root(&doc));

    int wrong = 0;
    if (name[0] == 'y' && code != 0) {
        print_error("%s: refused at %ld: %s\n", name, err.at, err.what);
        wrong = 1;
    } else if (name[0] == 'n' && code == 0) {
        print_error("%s: taken\n", name);
        wrong = 1;
    } else if (code != 0 && (err.at < 0 || (size_t)err.at > text.len || doc.n_tokens != 0)) {
        print_error("%s: position %ld of %zu bytes\n", name, err.at, text.len);
        wrong = 1;
    }
    mb_arena_fini(&arena);
    return wrong;
}

static void every_file_of_the_suite_is_judged_as_its_name_says(void **state)
{
    (void)state;
    DIR *dir = opendir(SUITE);
    assert_non_null(dir);
    int n_files = 0, n_wrong = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        n_files++;
        n_wrong += check_file(entry->d_name);
    }
    closedir(dir);
    assert_true(n_files > 300);
    assert_int_equal(n_wrong, 0);
}

int main(void)
{
    DIR *dir = opendir(SUITE);
    if (!dir) {
        printf("skipped: %s is not there\n", SUITE);
        return 77;
    }
    closedir(dir);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_of_the_suite_is_judged_as_its_name_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
