/* script.c - a generation at work: requests opened and closed, strategies called, events handed
 * over.
 *
 * Each call fills `script->call`, runs a kept C function under all limits (state.c) and reads what
 * that left behind.
 *
 * Collector: it never runs inside a call. When the heap has passed four times its live size (or half
 * the cap), each end of a request does a step in proportion to what the request allocated, until the
 * cycle ends. A step is bounded, so that a request behind a script that filled the memory does not
 * pay for it. A cycle goes over all that lives, which with ten thousand strategies is in no cache:
 * with twice instead of four times, it made a tenth of a request.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    HEAP_GROWS_TO = 4, /* times its live size, before a cycle begins */
    STEP_KB_MAX = 512, /* of one step of the collector: what takes a script over a ms to make */
    HEADROOM_BYTES = 1024 * 1024, /* left for each call where a breach has filled the state */
};

struct mb_arena *mb__script_arena(struct mb_script *script)
{
    return script->open ? script->request.arena : &script->event_arena;
}

static uint64_t hash_text(struct mb_slice text)
{
    uint64_t hash = mb_slice_hash(text);
    return hash ? hash : 1;
}

/* True, once, for each of the first MB__ERRORS_SEEN texts: they are logged with their traceback. */
bool mb__script_is_new_error(struct mb__script_state *state)
{
    struct mb_script *script = (struct mb_script *)state;
    uint64_t hash = hash_text(mb_buf_slice(&state->error));
    for (size_t i = 0; i < script->n_errors_seen; i++)
        if (script->errors_seen[i] == hash)
            return false;
    if (script->n_errors_seen == MB__ERRORS_SEEN)
        return false;
    script->errors_seen[script->n_errors_seen++] = hash;
    return true;
}

/* Runs a kept function with the memory that the state may still take: always some headroom, so that
 * a state that one strategy filled serves the others until it is replaced. */
static enum mb__script_end run(struct mb_script *script, int kept)
{
    struct mb__script_state *state = &script->state;
    size_t limit_bytes = script->cap_bytes;
    if (state->used_bytes + HEADROOM_BYTES > limit_bytes) {
        size_t most_bytes = script->cap_bytes + script->cap_bytes / 8;
        limit_bytes = state->used_bytes + HEADROOM_BYTES;
        if (limit_bytes > most_bytes)
            limit_bytes = most_bytes;
    }
    enum mb__script_end end = mb__script_state_run(state, kept, limit_bytes, mb__script_limit_ns());
    if (end == MB__END_MEMORY)
        script->wants_replacing = true;
    return end;
}

/* Whether the call that breached, and held `before_bytes` at its start, is to blame for that: it
 * took more than an eighth of the cap, or belongs to a strategy that did so in this state. Others
 * find the state full and fail for want of what they may well have. */
static bool is_to_blame(struct mb_script *script, size_t before_bytes)
{
    struct mb__strategy *strategy = script->call.strategy;
    size_t wanted_bytes = script->state.wanted_bytes;
    if (wanted_bytes > before_bytes && wanted_bytes - before_bytes > script->cap_bytes / 8)
        strategy->filled = true;
    return strategy->filled;
}

static enum mb_nobid count_failure(struct mb_script_counts *counts, enum mb__script_end end)
{
    switch (end) {
    case MB__END_TIMEOUT:
        counts->timeouts++;
        return MB_NOBID_SCRIPT_TIMEOUT;
    case MB__END_MEMORY:
        counts->memory++;
        return MB_NOBID_SCRIPT_MEMORY;
    default:
        counts->errors++;
        return MB_NOBID_SCRIPT_ERROR;
    }
}

/* The traceback is there for an error that is new; one line each, because a log line is one line.
 */
static void log_failure(struct mb_script *script, const char *what)
{
    struct mb_buf *trace = &script->scratch;
    if (script->state.trace.len == 0)
        return;
    mb_buf_clear(trace);
    mb_xbuf_add_slice(trace, mb_buf_slice(&script->state.trace));
    for (size_t i = 0; i < trace->len; i++)
        if (trace->data[i] == '\n' || trace->data[i] == '\t')
            trace->data[i] = trace->data[i] == '\n' ? ';' : ' ';
    mb_log(MB_LOG_ERROR, "script", what, "strategy=%.*s error=%.*s trace=%.*s",
           MB_SLICE_ARG(script->call.strategy->plain.name),
           MB_SLICE_ARG(mb_buf_slice(&script->state.error)), MB_SLICE_ARG(mb_buf_slice(trace)));
}

static void start_call(struct mb_script *script, const struct mb_strategy *strategy, int64_t now_ms)
{
    script->call =
        (struct mb__call){.strategy = (struct mb__strategy *)(uintptr_t)strategy, .now_ms = now_ms};
    mb__script_show_slot(strategy->guard_slot);
}

/* --- what runs inside Lua's protection --- */

/* The function, and of ctx, req and imp those that it has parameters for: gives how many. */
static int push_call(lua_State *L, struct mb_script *script)
{
    int n = script->call.function.n_params;
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->call.function.ref);
    if (n < 1)
        return 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->ctx_ref);
    if (n < 2)
        return 1;
    mb__script_push_cached(L, script, MB__CLASS_REQUEST, script->request.request,
                           MB__CLASS_REQUEST);
    if (n < 3)
        return 2;
    mb__script_push_imp(L, script, script->call.imp);
    return 3;
}

static int run_bid(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    lua_call(L, push_call(L, script), 1);
    mb__script_take_result(L, 1);
    return 0;
}

static int run_token(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    struct mb_slice text;
    int n_args = push_call(L, script);
    if (script->call.function.n_params >= MB__TOKEN_PARAMS) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, script->returned_ref);
        lua_rawgeti(L, -1, script->call.bid->script_ref);
        lua_replace(L, -2);
        n_args++;
    }
    lua_call(L, n_args, 1);
    if (lua_isstring(L, 1)) {
        text.data = lua_tolstring(L, 1, &text.len);
        script->call.text = mb_xarena_copy(mb__script_arena(script), text);
    }
    return 0;
}

static int run_event(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->call.function.ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->ctx_ref);
    mb__script_push_cached(L, script, MB__CLASS_EVENT, script->call.event, MB__CLASS_EVENT);
    lua_call(L, 2, 1);
    if (script->call.may_answer && lua_istable(L, 1)) {
        mb_buf_clear(&script->scratch);
        const char *problem = mb__script_encode(L, 1, MB_SLICE_NONE, &script->scratch);
        if (problem)
            return luaL_error(L, "what on_click returned %s", problem);
        script->answer = mb_xarena_copy(&script->event_arena, mb_buf_slice(&script->scratch));
    }
    return 0;
}

void mb__script_keep_calls(struct mb_script *script)
{
    script->run_bid = mb__script_state_keep(&script->state, run_bid);
    script->run_token = mb__script_state_keep(&script->state, run_token);
    script->run_event = mb__script_state_keep(&script->state, run_event);
}

/* --- requests --- */

void mb_script_begin(struct mb_script *script, const struct mb_script_call *call)
{
    script->request = *call;
    script->open = true;
    script->stamp++;
    script->bytes_at_begin = script->state.used_bytes;
}

void mb_script_bid(struct mb_script *script, const struct mb_strategy *strategy,
                   const struct mb_imp *imp, struct mb_script_result *out)
{
    *out = (struct mb_script_result){.outcome = MB_NOBID_NONE};
    start_call(script, strategy, script->request.now_ms);
    struct mb__call *call = &script->call;
    call->imp = imp;
    call->result = out;
    call->function = call->strategy->bid;
    mb__script_seed(script, script->request.seed, imp->index, strategy->name);
    call->strategy->counts.calls++;
    size_t before_bytes = script->state.used_bytes;
    enum mb__script_end end = run(script, script->run_bid);
    if (end != MB__END_OK) {
        *out = (struct mb_script_result){.outcome = count_failure(&call->strategy->counts, end)};
        out->blameless = end == MB__END_MEMORY && !is_to_blame(script, before_bytes);
        out->problem = mb_xarena_copy(script->request.arena, mb_buf_slice(&script->state.error));
        log_failure(script, "bid failed");
    }
    out->notes = (struct mb_pairs){call->notes, call->n_notes};
    out->arm = call->arm;
    out->experiment = call->experiment;
    out->arm_share = call->arm_share;
}

static int find_token(const struct mb__strategy *strategy, struct mb_slice name)
{
    for (size_t i = 0; i < strategy->plain.tokens.count; i++)
        if (mb_slice_eq(strategy->plain.tokens.items[i], name))
            return (int)i;
    return -1;
}

bool mb_script_token(struct mb_script *script, const struct mb_strategy *strategy,
                     const struct mb_bid *bid, struct mb_slice name, struct mb_slice *out)
{
    *out = MB_SLICE_NONE;
    start_call(script, strategy, script->request.now_ms);
    struct mb__call *call = &script->call;
    int token = find_token(call->strategy, name);
    if (token < 0)
        return false;
    call->imp = bid->imp;
    call->bid = bid;
    call->function = call->strategy->tokens[token];
    mb__script_seed(script, script->request.seed, bid->imp->index, name);
    enum mb__script_end end = run(script, script->run_token);
    if (end != MB__END_OK) {
        count_failure(&call->strategy->counts, end);
        log_failure(script, "token failed");
        call->text = MB_SLICE_NONE;
    }
    *out = call->text;
    if (!out->data)
        call->strategy->counts.token_failures++;
    return out->data != NULL;
}

/* Drops the bid tables of the request. Assigning nil to a place that is there allocates nothing. */
static void drop_returned(struct mb_script *script)
{
    lua_State *L = script->state.L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->returned_ref);
    for (; script->returned > 0; script->returned--) {
        lua_pushnil(L);
        lua_rawseti(L, -2, script->returned);
    }
    lua_pop(L, 1);
}

static void collect(struct mb_script *script)
{
    lua_State *L = script->state.L;
    size_t used_bytes = script->state.used_bytes;
    if (!script->collecting && used_bytes < HEAP_GROWS_TO * script->live_bytes &&
        used_bytes < script->cap_bytes / 2)
        return;
    script->collecting = true;
    size_t taken_bytes =
        used_bytes > script->bytes_at_begin ? used_bytes - script->bytes_at_begin : 0;
    size_t step_kb = 1 + taken_bytes / 1024;
    bool done = lua_gc(L, LUA_GCSTEP, (int)(step_kb < STEP_KB_MAX ? step_kb : STEP_KB_MAX)) != 0;
    lua_gc(L, LUA_GCSTOP, 0); /* a step turns the collector on */
    if (done) {
        script->collecting = false;
        script->live_bytes = script->state.used_bytes;
    }
}

void mb_script_end(struct mb_script *script)
{
    script->open = false;
    script->stamp++;
    if (script->returned > 0)
        drop_returned(script);
    collect(script);
}

/* --- for traces --- */

struct mb_pairs mb_script_notes(const struct mb_script *script)
{
    return (struct mb_pairs){script->call.notes, script->call.n_notes};
}

struct mb_slice mb_script_traceback(const struct mb_script *script)
{
    return script->state.trace.len > 0 ? mb_buf_slice(&script->state.trace) : MB_SLICE_NONE;
}

void mb_script_set_on_line(struct mb_script *script, mb_script_on_line *on_line, void *user)
{
    script->on_line = on_line;
    script->on_line_user = user;
}

/* --- events --- */

static enum mb_nobid run_handler(struct mb_script *script, struct mb__function function,
                                 struct mb_slice *problem)
{
    if (function.ref == LUA_NOREF)
        return MB_NOBID_BID;
    struct mb__call *call = &script->call;
    call->function = function;
    enum mb__script_end end = run(script, script->run_event);
    if (end == MB__END_OK)
        return MB_NOBID_BID;
    call->strategy->counts.handler_failures++;
    if (problem)
        *problem = mb_xarena_copy(&script->event_arena, mb_buf_slice(&script->state.error));
    log_failure(script, "handler failed");
    return count_failure(&call->strategy->counts, end);
}

enum mb_nobid mb_script_event(struct mb_script *script, const struct mb_strategy *strategy,
                              const struct mb_event *event, int64_t now_ms,
                              struct mb_slice *problem)
{
    mb_arena_reset(&script->event_arena);
    if (problem)
        *problem = MB_SLICE_NONE;
    script->stamp++;
    script->bytes_at_begin = script->state.used_bytes;
    start_call(script, strategy, now_ms);
    script->call.event = event;
    script->call.may_answer = event->type == MB_EVENT_CLICK;
    script->answer = MB_SLICE_NONE;
    mb__script_seed(script, (uint64_t)now_ms, (uint64_t)event->type, event->key);
    const struct mb__function *handlers = script->call.strategy->handlers;
    enum mb_nobid own = run_handler(script, handlers[event->type], problem);
    script->call.may_answer = false;
    enum mb_nobid all = run_handler(script, handlers[MB_EVENT_COUNT], problem);
    script->stamp++;
    collect(script);
    return own != MB_NOBID_BID ? own : all;
}

struct mb_slice mb_script_answer(const struct mb_script *script)
{
    return script->answer;
}

/* --- the generation --- */

const struct mb_strategy *const *mb_script_strategies(const struct mb_script *script, size_t *count)
{
    *count = script->n_strategies;
    /* A strategy begins with what callers hold. */
    return (const struct mb_strategy *const *)script->strategies;
}

const struct mb_strategy *mb_script_strategy(const struct mb_script *script, struct mb_slice name)
{
    return mb_map_get(&script->by_name, name);
}

struct mb_slice mb_script_version(const struct mb_script *script)
{
    return mb_slice_of(script->version);
}

size_t mb_script_lua_bytes(const struct mb_script *script)
{
    return script->state.used_bytes;
}

bool mb_script_wants_replacing(const struct mb_script *script)
{
    return script->wants_replacing;
}

const struct mb_script_counts *mb_script_counts(const struct mb_script *script,
                                                const struct mb_strategy *strategy)
{
    (void)script;
    return &((const struct mb__strategy *)strategy)->counts;
}

void mb_script_free(struct mb_script *script)
{
    if (!script)
        return;
    mb__script_state_close(&script->state);
    mb__script_unload(script);
    mb_map_fini(&script->by_name);
    mb_map_fini(&script->pools);
    mb_buf_fini(&script->scratch);
    mb_arena_fini(&script->event_arena);
    mb_arena_fini(&script->arena);
    free(script);
}
