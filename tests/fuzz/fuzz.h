/* fuzz.h - what the fuzzers share: a broken promise ends the process, and inputs are text that a person can write.
 *
 * Each fuzz_NAME.c is libFuzzer's entry point. With MOONBID_FUZZ it is linked with libFuzzer, else with replay.c,
 * which runs the corpus. An input of several parts has a part a line, and the rest is the last one, so that a seed
 * can be made with an editor.
 */
#ifndef MB_TESTS_FUZZ_H
#define MB_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "moonbid/base.h"
#include "moonbid/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise of the code under test; where it is broken the input is kept by who runs the fuzzer. */
#define FUZZ_HOLDS(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* MB_SLICE for initializers of static data, where a compound literal is no constant. */
#define FUZZ_SLICE(literal) {"" literal, sizeof(literal) - 1}

/* The next line without its end; empty behind the last. */
static inline struct mb_slice fuzz_line(struct mb_slice *input)
{
    struct mb_slice line = mb_slice_present(*input) ? mb_slice_cut(input, '\n') : MB_SLICE("");

    if (!mb_slice_present(*input)) {
        *input = MB_SLICE("");
    }
    return line;
}

/* The bytes in a block of their own, so that the address sanitizer sees a read behind the end. free() the data. */
static inline struct mb_slice fuzz_exact(struct mb_slice s)
{
    char *copy = malloc(s.len ? s.len : 1);

    if (!copy) {
        abort();
    }
    if (s.len > 0) {
        memcpy(copy, s.data, s.len);
    }
    return mb_slice(copy, s.len);
}

/* Reads every byte, so that a sanitizer sees a slice that points to nowhere. */
static inline void fuzz_touch(struct mb_slice s)
{
    volatile char sum = 0;

    FUZZ_HOLDS(mb_slice_present(s) || s.len == 0);
    for (size_t i = 0; i < s.len; i++) {
        sum = (char)(sum ^ s.data[i]);
    }
}

/* Is it one JSON document, by the rules we keep ourselves? `doc` lives in the arena. */
static inline bool fuzz_is_json(struct mb_slice text, struct mb_arena *arena, struct mb_json *doc)
{
    struct mb_error err;

    return mb_json_parse(doc, arena, text, &err) == 0;
}

#endif /* MB_TESTS_FUZZ_H */
