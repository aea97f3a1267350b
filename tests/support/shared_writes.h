/* shared_writes.h - which cache lines of shared memory a piece of code writes to.
 *
 *     shared_writes_watch();
 *     ... code ...
 *     shared_writes_end();
 *     shared_writes[0 .. shared_writes_count] are the addresses written to, in order
 *
 * All memory that this process maps as shared is made read-only meanwhile. A write faults; the
 * handler notes its address, opens the memory for that one instruction (the processor's trap flag)
 * and closes it again. So an exchange that changes nothing is seen too, as the other processors
 * would see it. x86-64 and Linux only: SHARED_WRITES says whether.
 */
#ifndef TESTS_SHARED_WRITES_H
#define TESTS_SHARED_WRITES_H

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__x86_64__) && defined(__linux__)
#define SHARED_WRITES 1
#else
#define SHARED_WRITES 0
#endif

enum { SHARED_MAPPINGS_MAX = 16, SHARED_WRITES_MAX = 4096, SHARED_LINE = 64 };

static struct {
    char *start;
    size_t len;
} shared_mappings[SHARED_MAPPINGS_MAX];
static size_t shared_mappings_count;
static uintptr_t shared_writes[SHARED_WRITES_MAX];
static size_t shared_writes_count; /* more than the most: the rest was not noted */

#if SHARED_WRITES
#define SHARED_TRAP_FLAG 0x100

static void shared_writes_protect(int how)
{
    for (size_t i = 0; i < shared_mappings_count; i++) {
        if (mprotect(shared_mappings[i].start, shared_mappings[i].len, how) != 0) {
            abort();
        }
    }
}

static void shared_writes_on_fault(int number, siginfo_t *info, void *context)
{
    ucontext_t *cpu = context;
    char *at = info->si_addr;
    bool is_ours = false;

    (void)number;
    for (size_t i = 0; i < shared_mappings_count; i++) {
        is_ours = is_ours || (at >= shared_mappings[i].start &&
                              at < shared_mappings[i].start + shared_mappings[i].len);
    }
    if (!is_ours) {
        signal(SIGSEGV, SIG_DFL); /* a fault like any other: it comes again, and ends the test */
        return;
    }
    if (shared_writes_count < SHARED_WRITES_MAX) {
        shared_writes[shared_writes_count] = (uintptr_t)at;
    }
    shared_writes_count++;
    shared_writes_protect(PROT_READ | PROT_WRITE);
    cpu->uc_mcontext.gregs[REG_EFL] |= SHARED_TRAP_FLAG;
}

static void shared_writes_on_step(int number, siginfo_t *info, void *context)
{
    ucontext_t *cpu = context;

    (void)number, (void)info;
    shared_writes_protect(PROT_READ);
    cpu->uc_mcontext.gregs[REG_EFL] &= ~SHARED_TRAP_FLAG;
}

/* Finds the mappings that are shared and may be written to. */
static void shared_writes_find(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];

    shared_mappings_count = 0;
    while (maps && fgets(line, sizeof(line), maps)) {
        uintptr_t start, end;
        char rights[5];

        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &start, &end, rights) == 3 &&
            strcmp(rights, "rw-s") == 0 && shared_mappings_count < SHARED_MAPPINGS_MAX) {
            shared_mappings[shared_mappings_count].start = (char *)start;
            shared_mappings[shared_mappings_count++].len = end - start;
        }
    }
    if (maps) {
        fclose(maps);
    }
}

static void shared_writes_watch(void)
{
    struct sigaction on_fault = {.sa_sigaction = shared_writes_on_fault, .sa_flags = SA_SIGINFO};
    struct sigaction on_step = {.sa_sigaction = shared_writes_on_step, .sa_flags = SA_SIGINFO};

    shared_writes_find();
    shared_writes_count = 0;
    sigaction(SIGSEGV, &on_fault, NULL);
    sigaction(SIGTRAP, &on_step, NULL);
    shared_writes_protect(PROT_READ);
}

static void shared_writes_end(void)
{
    shared_writes_protect(PROT_READ | PROT_WRITE);
    signal(SIGSEGV, SIG_DFL);
    signal(SIGTRAP, SIG_DFL);
}
#else
static void shared_writes_watch(void)
{
}
static void shared_writes_end(void)
{
}
#endif

#endif /* TESTS_SHARED_WRITES_H */
