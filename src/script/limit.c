/* limit.c - stops a call that takes too much CPU time or C stack.
 *
 * A call publishes a number that is odd while it runs. The limiter's tick, in a signal handler of
 * the same thread, notes the number and the time when it sees a call first; when it finds the same
 * call later and the limit has passed, it sets a count hook of one instruction that raises. The
 * hook stays until the call ends, so pcall cannot swallow it: the first instruction after it raises
 * again. At the end of a call the number goes first and the hook after it: a tick between the two
 * sees an even number and sets nothing that would stay behind.
 *
 * All of it is thread-local; the initial-exec model keeps the access free of calls, as a signal
 * handler needs.
 */
#include "internal.h"

#include <signal.h>
#include <stdatomic.h>

/* C functions that nest (coroutines, callbacks of sort and gsub) take from 0.5 to 9 kB a level. 2
 * MiB would be safe on the usual 8, but an error is unwound in time that grows with the square of
 * the depth, and nothing can stop that: 0.3 s from there, so that the supervisor had to kill the
 * worker, and 5 ms from here. A callback within thirty others is still fine. */
enum { C_STACK_BYTES = 256 * 1024 };

static _Thread_local struct {
    volatile uint64_t number;
    volatile uint64_t limit_ns;
    lua_State *volatile L;
    volatile uint64_t seen_number, seen_ns; /* the tick's own */
    volatile sig_atomic_t hooked;
    struct mb_script_beacon *beacon;
} current __attribute__((tls_model("initial-exec")));

static _Atomic uint32_t limit_ms = 5;

void mb_script_set_limit_ms(uint32_t cpu_ms)
{
    atomic_store(&limit_ms, cpu_ms);
}

uint64_t mb__script_limit_ns(void)
{
    return (uint64_t)atomic_load_explicit(&limit_ms, memory_order_relaxed) * 1000000;
}

static void on_overtime(lua_State *L, lua_Debug *activation)
{
    (void)activation;
    mb__script_state_of(L)->timed_out = true;
    luaL_error(L, "the call ran too long");
}

void mb_script_set_beacon(struct mb_script_beacon *beacon)
{
    current.beacon = beacon;
}

void mb__script_show_slot(uint32_t slot)
{
    if (current.beacon)
        atomic_store_explicit(&current.beacon->slot, slot, memory_order_relaxed);
}

static void show_number(void)
{
    if (current.beacon)
        atomic_store_explicit(&current.beacon->call, current.number, memory_order_release);
}

void mb_script_tick(uint64_t cpu_now_ns)
{
    uint64_t number = current.number;
    if ((number & 1) == 0)
        return;
    if (current.seen_number != number) {
        current.seen_number = number;
        current.seen_ns = cpu_now_ns;
        return;
    }
    if (current.hooked || cpu_now_ns - current.seen_ns < current.limit_ns)
        return;
    current.hooked = 1;
    lua_sethook(current.L, on_overtime, LUA_MASKCOUNT, 1);
}

void mb__script_limit_enter(struct mb__script_state *state, uint64_t limit_ns)
{
    current.L = state->L;
    current.limit_ns = limit_ns;
    atomic_signal_fence(memory_order_seq_cst);
    current.number = current.number + 1;
    atomic_signal_fence(memory_order_seq_cst);
    show_number();
}

void mb__script_limit_leave(void)
{
    current.number = current.number + 1;
    atomic_signal_fence(memory_order_seq_cst);
    show_number();
    if (current.hooked) {
        lua_sethook(current.L, NULL, 0, 0);
        current.hooked = 0;
    }
}

void mb__script_check_stack(lua_State *L)
{
    char *top = mb__script_state_of(L)->stack_top;
    char *here = __builtin_frame_address(0);
    if (top - here > C_STACK_BYTES)
        luaL_error(L, "C stack overflow: calls nest too deep");
}
