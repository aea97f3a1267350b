/* report.c - the list of what loading found. */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void mb_script_report_add(struct mb_script_report *report, bool warning, struct mb_slice file,
                        int line, const char *fmt, ...)
{
    void *grown = realloc(report->problems, (report->count + 1) * sizeof(*report->problems));
    if (!grown)
        abort();
    report->problems = grown;
    struct mb_script_problem *problem = &report->problems[report->count++];
    *problem = (struct mb_script_problem){.warning = warning, .line = line};
    snprintf(problem->file, sizeof(problem->file), "%.*s", MB_SLICE_ARG(file));
    va_list args;
    va_start(args, fmt);
    vsnprintf(problem->text, sizeof(problem->text), fmt, args);
    va_end(args);
    if (!warning)
        report->errors++;
}

void mb_script_report_fini(struct mb_script_report *report)
{
    free(report->problems);
    *report = (struct mb_script_report){0};
}
