/* err.c - texts of the failure codes, and the filling of struct mb_error.
 *
 * All that is formatted goes into the caller's fixed arrays and is cut there, so that reporting a
 * failure cannot fail itself.
 */
#include "moonbid/base/err.h"

#include <stdarg.h>
#include <stdio.h>

const char *mb_err_text(int code)
{
    switch (code) {
#define XX(name, number, text)                                                                     \
    case number:                                                                                   \
        return text;
        MB_ERR_MAP(XX)
#undef XX
    default:
        return "unknown error";
    }
}

const char *mb_err_name(int code)
{
    switch (code) {
#define XX(name, number, text)                                                                     \
    case number:                                                                                   \
        return #name;
        MB_ERR_MAP(XX)
#undef XX
    default:
        return "EUNKNOWN";
    }
}

static void fill(struct mb_error *err, int code, long at, const char *where, const char *fmt,
                 va_list args)
{
    err->code = code;
    err->at = at;
    snprintf(err->where, sizeof(err->where), "%s", where ? where : "");
    vsnprintf(err->what, sizeof(err->what), fmt, args);
}

int mb_fail(struct mb_error *err, int code, const char *where, const char *fmt, ...)
{
    if (err) {
        va_list args;
        va_start(args, fmt);
        fill(err, code, -1, where, fmt, args);
        va_end(args);
    }
    return code;
}

int mb_fail_at(struct mb_error *err, int code, long at, const char *fmt, ...)
{
    if (err) {
        va_list args;
        va_start(args, fmt);
        fill(err, code, at, NULL, fmt, args);
        va_end(args);
    }
    return code;
}
