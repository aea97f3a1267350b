/* err.h - the one list of failure codes, and the detail that travels with a failure.
 *
 * Part of: base.  Depends on: nothing.
 * Threads:  no state.
 * Rule:     0 or positive is success, negative is one of MB_ERR_MAP. "No bid" is not a failure:
 *           it is a value with a reason (auction.h). Whoever handles an error logs it, once.
 */
#ifndef MB_BASE_ERR_H
#define MB_BASE_ERR_H

#include <stddef.h>

#define MB_MUST_USE __attribute__((warn_unused_result))
#define MB_PRINTF(fmt_index, args_index) __attribute__((format(printf, fmt_index, args_index)))

/* name, number (never renumbered), text */
#define MB_ERR_MAP(XX)                                    \
    XX(EINVAL, -1, "argument or value out of range")      \
    XX(ENOMEM, -2, "size limit or memory exhausted")      \
    XX(ESYNTAX, -3, "not well-formed")                    \
    XX(EPROTOCOL, -4, "well-formed, but not the protocol") \
    XX(ENOTFOUND, -5, "no such thing")                    \
    XX(EDUP, -6, "already recorded")                      \
    XX(EIO, -7, "input or output failed")                 \
    XX(EFORGED, -8, "signature does not hold")            \
    XX(ESCRIPT, -9, "script raised an error")             \
    XX(ETIMEOUT, -10, "time limit reached")               \
    XX(EBUSY, -11, "in use by another")                   \
    XX(EUNSUPPORTED, -12, "not supported here")           \
    XX(ECLOSED, -13, "closed")

enum mb_err {
#define XX(name, number, text) MB_##name = (number),
    MB_ERR_MAP(XX)
#undef XX
};

/* What went wrong, in words. Lives on the caller's stack; fixed arrays, so nothing to free. */
struct mb_error {
    int code;       /* one of enum mb_err, or 0 */
    long at;        /* byte offset in the input, or -1 where there is none */
    char where[192]; /* file:line, field path, or "" */
    char what[320];  /* one sentence without a final stop */
};

/* The list's text for `code`; never NULL ("unknown error" for a stranger). */
const char *mb_err_text(int code);

/* The list's name for `code`, such as "EINVAL"; never NULL. */
const char *mb_err_name(int code);

/* Fills `err` (which may be NULL) and returns `code`, so that a caller can write
 * `return mb_fail(err, MB_EINVAL, "config.listen", "...")`. `where` may be NULL; long text is cut. */
int mb_fail(struct mb_error *err, int code, const char *where, const char *fmt, ...)
    MB_PRINTF(4, 5);

/* The same for a failure at a byte of the input. */
int mb_fail_at(struct mb_error *err, int code, long at, const char *fmt, ...) MB_PRINTF(4, 5);

#endif /* MB_BASE_ERR_H */
