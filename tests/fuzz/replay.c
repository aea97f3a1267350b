/* replay.c - runs a fuzzer over its corpus without libFuzzer: each file as it is, then changed in MUTANTS ways that
 * are the same in every run.
 *
 *     fuzz_NAME FOLDER|FILE...
 *
 * A failure ends the process, and says which file and which change of it did it.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

enum { MUTANTS = 300, CHANGES_MAX = 4, SEED_BYTES_MAX = 1 << 20 };

static char running[4200]; /* what a dying process says last */
static uint64_t chance;

/* Of the sanitizers; not there without them. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void say_what_ran(void)
{
    if (write(STDERR_FILENO, running, strlen(running)) < 0) {
        _exit(1);
    }
}

static void on_signal(int number)
{
    say_what_ran();
    signal(number, SIG_DFL);
    raise(number);
}

static uint32_t pick(size_t n)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (uint32_t)((chance >> 16) % n);
}

static void change(struct mb_buf *input)
{
    static const char bytes[] = "{}[]\",:\\u0019.eE+-%&=?/$tfn \r\n\t\x01\x1f\x7f\x80\xc3\xed\xff";
    size_t at = pick(input->len + 1), len = input->len - at;

    switch (pick(6)) {
    case 0: /* another byte; the final NUL too */
        if (len > 0) {
            input->data[at] = bytes[pick(sizeof(bytes))];
        }
        break;
    case 1: /* one bit */
        if (len > 0) {
            input->data[at] = (char)((unsigned char)input->data[at] ^ 1u << pick(8));
        }
        break;
    case 2: /* a byte more */
        mb_xbuf_add_char(input, '\0');
        memmove(input->data + at + 1, input->data + at, len);
        input->data[at] = bytes[pick(sizeof(bytes))];
        break;
    case 3: { /* some bytes fewer */
        size_t gone = len > 0 ? 1 + pick(len < 16 ? len : 16) : 0;

        memmove(input->data + at, input->data + at + gone, len - gone);
        input->len -= gone;
        break;
    }
    case 4: { /* a piece twice */
        struct mb_slice piece = fuzz_exact(mb_slice(input->data + at, len < 64 ? len : 64));

        mb_xbuf_add_slice(input, piece);
        free((void *)(uintptr_t)piece.data);
        break;
    }
    default: /* cut off */
        input->len = pick(4) == 0 ? at : input->len;
    }
}

static void run_one(const char *path, int mutant, struct mb_slice bytes)
{
    struct mb_slice exact = fuzz_exact(bytes);

    snprintf(running, sizeof(running), "replay: in %s, change %d\n", path, mutant);
    LLVMFuzzerTestOneInput((const uint8_t *)exact.data, exact.len);
    free((void *)(uintptr_t)exact.data);
}

static void run_file(const char *path)
{
    struct mb_buf seed = {0}, mutant = {0};
    FILE *file = fopen(path, "rb");

    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(2);
    }
    mb_xbuf_reserve(&seed, SEED_BYTES_MAX);
    seed.len = fread(seed.data, 1, SEED_BYTES_MAX, file);
    fclose(file);
    run_one(path, 0, mb_buf_slice(&seed));
    chance = UINT64_C(0x2545f4914f6cdd1d);
    for (int i = 1; i <= MUTANTS; i++) {
        mb_buf_clear(&mutant);
        mb_xbuf_reserve(&mutant, 1);
        mb_xbuf_add_slice(&mutant, mb_buf_slice(&seed));
        for (uint32_t n = 1 + pick(CHANGES_MAX); n > 0; n--) {
            change(&mutant);
        }
        run_one(path, i, mb_buf_slice(&mutant));
    }
    mb_buf_fini(&seed);
    mb_buf_fini(&mutant);
}

/* The files of a folder in order of their names; returns how many. */
static int run_folder(const char *path)
{
    struct dirent **entries = NULL;
    int n = scandir(path, &entries, NULL, alphasort), ran = 0;

    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            char name[4096];

            snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
            run_file(name);
            ran++;
        }
        free(entries[i]);
    }
    free(entries);
    return ran;
}

int main(int argc, char **argv)
{
    int ran = 0;

    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(say_what_ran);
    } else {
        signal(SIGSEGV, on_signal);
    }
    signal(SIGABRT, on_signal);
    for (int i = 1; i < argc; i++) {
        struct stat st;

        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
            ran += run_folder(argv[i]);
        } else {
            run_file(argv[i]);
            ran++;
        }
    }
    printf("%d seeds, %d changes of each\n", ran, MUTANTS);
    return ran > 0 ? 0 : 2; /* a corpus that is not found must not pass */
}
