/* The questions that docs/ledger.md teaches to ask: each can be asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "internal.h"

static char *read_docs(void)
{
    char *text = calloc(1, 1 << 16);
    FILE *file = fopen(SOURCE_DIR "/docs/ledger.md", "r");
    assert_non_null(text);
    assert_non_null(file);
    assert_in_range(fread(text, 1, (1 << 16) - 1, file), 1, (1 << 16) - 2);
    fclose(file);
    return text;
}

static void every_question_of_the_documentation_can_be_asked(void **state)
{
    (void)state;
    char dir[] = "/tmp/moonbid-ledger-docs-XXXXXX", path[64];
    struct mb_ledger *ledger = NULL;
    sqlite3 *db = NULL;
    int questions = 0;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(mb_ledger_open(dir, &ledger, NULL), 0);
    mb_ledger_close(ledger);
    snprintf(path, sizeof path, "%s/ledger.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char *docs = read_docs();
    const char *sql = strstr(docs, "```sql\n");
    assert_non_null(sql);
    sql += strlen("```sql\n");
    *strstr(sql, "```") = 0;
    while (*sql) {
        sqlite3_stmt *row = NULL;
        if (sqlite3_prepare_v2(db, sql, -1, &row, &sql) != SQLITE_OK) {
            fail_msg("%s: %s", sqlite3_errmsg(db), sql);
        }
        questions += row != NULL;
        assert_true(!row || sqlite3_step(row) == SQLITE_DONE);
        sqlite3_finalize(row);
    }
    assert_in_range(questions, 5, 50);
    sqlite3_close(db);
    free(docs);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

/* A column without a field, or a field in no column and not in `more`, would be lost. */
static void every_column_is_documented(void **state)
{
    (void)state;
    char *docs = read_docs(), name[64];
    for (size_t i = 0; i < mb__ledger_n_fields; i++) {
        snprintf(name, sizeof name, "`%s`", mb__ledger_fields[i].name);
        if (!strstr(docs, name)) {
            fail_msg("docs/ledger.md does not know %s", name);
        }
    }
    free(docs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_question_of_the_documentation_can_be_asked),
        cmocka_unit_test(every_column_is_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
