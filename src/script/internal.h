/* internal.h - what the files of the script module share.
 *
 * Every C function that Lua calls finds its state through the allocator's user pointer
 * (mb__script_state_of), so that no closure needs an upvalue for it and coroutines find it too.
 */
#ifndef MB_SCRIPT_INTERNAL_H
#define MB_SCRIPT_INTERNAL_H

#include "moonbid/base.h"
#include "moonbid/bundle.h"
#include "moonbid/json.h"
#include "moonbid/script.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

/* --- state.c: one lua_State, its memory cap, its protected calls --- */

enum { MB__SCRIPT_SMALL_STEP = 16, MB__SCRIPT_SMALL_LISTS = 16 };

/* First member of whatever owns a Lua state. */
struct mb__script_state {
    lua_State *L;
    lua_Alloc inner; /* the state's own allocator, under ours */
    void *inner_user;
    struct mb__script_block *kept[MB__SCRIPT_SMALL_LISTS]; /* freed by Lua, by size; memory.c */
    size_t kept_bytes;                                     /* in them */
    size_t used_bytes;   /* held by Lua */
    size_t limit_bytes;  /* a growth beyond it fails; 0: no limit (outside protected calls) */
    bool breached;       /* the limit was hit in the present call */
    size_t wanted_bytes; /* held, and the allocation with which that happened */
    bool timed_out;      /* the hook fired in the present call */
    char *stack_top;     /* C stack where the present call began */
    struct mb_buf error; /* text of the last failure, with file:line */
    struct mb_buf trace; /* its traceback where the text is new, else empty */
    bool (*is_new_error)(
        struct mb__script_state *state); /* asked before a traceback is made; may be NULL */
};

enum mb__script_end { MB__END_OK, MB__END_ERROR, MB__END_TIMEOUT, MB__END_MEMORY };

int mb__script_state_open(struct mb__script_state *state);
void mb__script_state_close(struct mb__script_state *state);
/* Inline: each C function that Lua calls begins with it. */
static inline struct mb__script_state *mb__script_state_of(lua_State *L)
{
    void *user;
    lua_getallocf(L, &user);
    return user;
}

/* Runs `function` (a C function kept at that stack place by mb__script_state_keep) with the time,
 * memory and C stack limits on. What it needs it finds in the owner of the state. */
enum mb__script_end mb__script_state_run(struct mb__script_state *state, int kept,
                                         size_t limit_bytes, uint64_t limit_ns);
/* Keeps a C function at a fixed place of the main stack, so that calling it later allocates
 * nothing. */
int mb__script_state_keep(struct mb__script_state *state, lua_CFunction function);

/* --- memory.c --- */

/* A lua_State whose memory is counted in `state` and held below its limit; NULL without memory. */
lua_State *mb__script_memory_open(struct mb__script_state *state);
void mb__script_memory_close(struct mb__script_state *state);

/* --- limit.c --- */

void mb__script_limit_enter(struct mb__script_state *state, uint64_t limit_ns);
void mb__script_limit_leave(void);
/* Tells the beacon, if there is one, whose call comes next. */
void mb__script_show_slot(uint32_t slot);
uint64_t mb__script_limit_ns(void);
/* Raises where more than 256 KiB of C stack are in use by this call. */
void mb__script_check_stack(lua_State *L);

/* --- lists.c: files of lists/, held outside Lua --- */

struct mb__list {
    struct mb_slice name; /* of the file in lists/ */
    bool is_map;
    bool beside; /* of the candidates' folder */
    struct mb_rows rows;
    struct mb__list *next;
};

void mb__script_list_install(lua_State *L); /* pushes the functions `list` and `map` */
/* The list that the value at `index` is, or NULL. */
const struct mb__list *mb__script_to_list(lua_State *L, int index);

/* --- view.c: read-only windows on C structs --- */

enum mb__class_id {
    MB__CLASS_REQUEST,
    MB__CLASS_IMP,
    MB__CLASS_SITE,
    MB__CLASS_APP,
    MB__CLASS_DEVICE,
    MB__CLASS_GEO,
    MB__CLASS_USER,
    MB__CLASS_REGS,
    MB__CLASS_BLOCKED,
    MB__CLASS_EVENT,
    MB__CLASS_RECORDS, /* classes above have named fields */
    MB__CLASS_TOKENS = MB__CLASS_RECORDS,
    MB__CLASS_SLICES,
    MB__CLASS_SIZES,
    MB__CLASS_IMPS,
    MB__CLASS_JSON,
    MB__CLASS_COUNT
};

enum mb__field_kind {
    MB__FIELD_STRING,
    MB__FIELD_STRINGS,      /* struct mb_slices */
    MB__FIELD_SIZES,        /* `aux`: offset of the count */
    MB__FIELD_IMPS,         /* the request itself */
    MB__FIELD_RECORD,       /* `aux`: class of the struct at the offset */
    MB__FIELD_DECIMAL,      /* a number kept as text */
    MB__FIELD_STRING_LATER, /* `aux`: offset of the struct mb_later pointer that fills it in */
    MB__FIELD_DECIMAL_LATER,
    MB__FIELD_BOOL,
    MB__FIELD_TRISTATE, /* int8_t: -1 nil, 0 false, 1 true */
    MB__FIELD_U32,      /* 0: nil */
    MB__FIELD_I32,      /* `aux`: the value that is nil, as int16_t */
    MB__FIELD_I32_ID,   /* 0: nil; digits else */
    MB__FIELD_I64,
    MB__FIELD_PRICE,
    MB__FIELD_PRICE_SET, /* 0: nil */
    MB__FIELD_PRICE_IF,  /* `aux`: offset of the bool that says it is there */
    MB__FIELD_AMOUNT,
    MB__FIELD_FORMAT,
    MB__FIELD_MODEL,
    MB__FIELD_EVENT_TYPE,
    MB__FIELD_AT,
    MB__FIELD_EXCHANGE, /* struct mb_endpoint pointer */
    MB__FIELD_ENDPOINT,
    MB__FIELD_RAW,     /* struct mb_raw */
    MB__FIELD_RAW_TEXT /* JSON text, parsed when asked for */
};

struct mb__field {
    const char *name;
    uint8_t kind; /* enum mb__field_kind */
    uint16_t offset;
    uint16_t aux;
};

struct mb__class {
    const char *name;
    const struct mb__field *fields;
    size_t n_fields;
};

extern const struct mb__class mb__script_request_class, mb__script_imp_class, mb__script_site_class,
    mb__script_app_class, mb__script_device_class, mb__script_geo_class, mb__script_user_class,
    mb__script_regs_class, mb__script_blocked_class, mb__script_event_class;

enum { MB__FIELD_SLOTS = 128 }; /* a class has at most 50 fields: chains stay short */

/* From the pointer of an interned string (lua_topointer) to the field of that name. */
struct mb__field_table {
    struct {
        const void *key;
        const struct mb__field *field;
    } slots[MB__FIELD_SLOTS];
};

/* A class in one state. */
struct mb__view_class {
    struct mb_script *script;
    enum mb__class_id id;
    int metatable_ref;
    struct mb__field_table fields; /* empty where the class has no named ones */
};

/* A userdata of a view. Good while `stamp` is the script's. */
struct mb__view {
    const struct mb__view_class *class;
    const void *object;
    uint64_t stamp;
};

struct mb__sizes_view {
    struct mb__view view;
    size_t count;
};

struct mb__json_view {
    struct mb__view view; /* object NULL */
    struct mb_json_value value;
};

enum {
    MB__CACHE_FIRST_IMP = MB__CLASS_COUNT,
    MB__CACHE_IMPS = 48
}; /* places below are class ids */

/* A view that a request makes once. */
struct mb__cached {
    uint64_t stamp; /* of the view that stands there */
    int ref;        /* its place in the registry, taken for good */
};

/* Anchors the names and fills the table; finds by what lua_topointer gives for the key, of whatever
 * type that is (NULL: no such field). No other object's pointer is that of an anchored string. */
void mb__script_fields_fill(lua_State *L, const struct mb__field *fields, size_t count,
                            struct mb__field_table *table);
const struct mb__field *mb__script_fields_find(const struct mb__field_table *table,
                                               const void *key);
void mb__script_views_open(lua_State *L); /* metatables and field tables */
/* Pushes a new view of `bytes`, of which the caller fills what is behind struct mb__view. */
void *mb__script_push_view(lua_State *L, struct mb_script *script, enum mb__class_id class_id,
                           const void *object, size_t bytes);
/* view_push.c: a field of `object`, which is of the field's class; a size as "300x250". */
void mb__script_push_field(lua_State *L, struct mb_script *script, const struct mb__field *field,
                           const void *object);
void mb__script_push_size(lua_State *L, struct mb_size size);
/* The same, made once a request and kept under `place`. */
void mb__script_push_cached(lua_State *L, struct mb_script *script, enum mb__class_id class_id,
                            const void *object, int place);
void mb__script_push_imp(lua_State *L, struct mb_script *script, const struct mb_imp *imp);
void mb__script_push_json(lua_State *L, struct mb_json_value value, struct mb_slice key);
void mb__script_push_slice(lua_State *L, struct mb_slice s);
/* --- script.c: the generation --- */

enum { MB__ERRORS_SEEN = 256 }; /* distinct error texts that are logged per generation */

/* A function of a strategy. What it has no parameter for need not be made before a call. */
struct mb__function {
    int ref;      /* in the registry; LUA_NOREF: none */
    int n_params; /* MB__ALL_PARAMS for `...` */
};
enum { MB__TOKEN_PARAMS = 4, MB__ALL_PARAMS = 255 }; /* the bid is a token's last */

struct mb__strategy {
    struct mb_strategy plain; /* first: what callers hold */
    struct mb__function bid;
    struct mb__function handlers[MB_EVENT_COUNT + 1]; /* by type; the last is on_notify */
    struct mb__function *tokens;                      /* as plain.tokens */
    bool tokens_see_bid;                              /* one of them has a parameter for it */
    struct mb_script_counts counts;
    int64_t log_second; /* of the rate limit of log.* */
    uint32_t logged;    /* lines in that second */
    bool filled;        /* a call of it has filled this state */
};

/* What the present call works on; set before it, read by the functions that Lua calls. */
struct mb__call {
    struct mb__strategy *strategy; /* NULL while loading */
    const struct mb_imp *imp;
    const struct mb_bid *bid;
    const struct mb_event *event;
    bool loading;
    int64_t now_ms;
    struct mb_script_result *result;
    struct mb_slice text; /* what a token function gave */
    struct mb__function function;
    struct mb_pair *notes;
    size_t n_notes;
    struct mb_slice arm, experiment; /* of ctx.arm, joined */
    double arm_share;
    bool may_answer; /* a handler's table goes back to the exchange */
};

struct mb_script {
    struct mb__script_state state; /* first: found from any C function */
    struct mb_arena arena;         /* of all that lives as long as the generation */
    struct mb__strategy **strategies;
    size_t n_strategies;
    struct mb_map by_name;
    struct mb_map pools; /* name -> struct mb_pool */
    char version[17];
    size_t cap_bytes;
    size_t live_bytes; /* after the last full cycle of the collector */
    bool collecting, wants_replacing;

    /* load time */
    struct mb_script_options options;
    struct mb_script_report *report;
    const struct mb_bundle *bundle;
    struct mb_arena files; /* what loading needs and nothing afterwards */
    struct mb_slice file;  /* strategy file being loaded */
    int line;              /* last line that ran in it */
    struct mb__list *lists;
    struct mb_bundle *shared;   /* where their rows lie; NULL without lists */
    const struct mb_zone *zone; /* of options.timezone */
    struct mb_guard *guard;
    struct mb_map zones; /* name -> struct mb_zone */

    /* the present request */
    struct mb_script_call request;
    bool open;
    uint64_t stamp;
    size_t bytes_at_begin;
    uint64_t random; /* state of the generator */
    struct mb__call call;
    struct mb_arena event_arena; /* documents of the present event */
    struct mb_slice answer;      /* what its handler gave; in event_arena */
    struct mb_buf scratch;       /* JSON text on its way to the arena */
    mb_script_on_line *on_line;  /* of log.*; NULL: the log */
    void *on_line_user;
    int returned;                /* bid tables kept for tokens in this request */

    /* registry references and kept functions */
    int returned_ref, ctx_ref, nobid_ref, list_ref, strategy_ref, getinfo_ref;
    int run_load, run_bid, run_token, run_event;
    struct mb__view_class classes[MB__CLASS_COUNT];
    struct mb__field_table bid_fields, ctx_values;
    struct mb__cached cached[MB__CACHE_FIRST_IMP + MB__CACHE_IMPS]; /* by place */

    uint64_t errors_seen[MB__ERRORS_SEEN];
    size_t n_errors_seen;
};

/* The generation that runs this state. Not for states of mb_script_read_table. */
static inline struct mb_script *mb__script_of(lua_State *L)
{
    return (struct mb_script *)mb__script_state_of(L);
}

/* The arena of the present request or event. */
struct mb_arena *mb__script_arena(struct mb_script *script);
/* Starts the generator of a call: `turn` and `name` tell calls of one seed apart. */
void mb__script_seed(struct mb_script *script, uint64_t seed, uint64_t turn, struct mb_slice name);
/* The time zone of that name, read once; NULL: there is none. */
const struct mb_zone *mb__script_zone(struct mb_script *script, struct mb_slice name);

/* --- sandbox.c, lib_*.c --- */

/* Pushes the table of globals that every strategy file starts with. */
void mb__script_sandbox_open(lua_State *L);
/* Pushes a new environment for a strategy file, from the base table at `base`. */
void mb__script_sandbox_env(lua_State *L, int base);
/* From now on writing a global raises. */
void mb__script_sandbox_freeze(lua_State *L, int env);
/* Raises that the upvalue's name is read-only. */
int mb__script_raise_read_only(lua_State *L);
/* Replaces the table on top by a read-only userdata that stands for it. */
void mb__script_lock(lua_State *L, const char *name);
/* Set the replaced functions in the table on top; `from` is the original os table. */
void mb__script_lib_base(lua_State *L);
void mb__script_lib_os(lua_State *L, int from);
/* Replaces a view or shared table at `index` by a plain copy; leaves any other value. */
void mb__script_open_userdata(lua_State *L, int index);
/* Pushes a userdata with the string keys of the table at `index` in order; `count` of them. */
struct mb_slice *mb__script_sorted_keys(lua_State *L, int index, size_t count);
void mb__script_safe_text(lua_State *L, int index); /* pushes tostring(value) without an address */
int mb__script_lua_format(
    lua_State *L); /* string.format without addresses; upvalue: the original */
int mb__script_lua_random(lua_State *L);   /* math.random and ctx.random */
void mb__script_log_install(lua_State *L); /* pushes the table `log` */
void mb__script_ctx_open(lua_State *L);
int mb__script_lua_win_rate(lua_State *L); /* ctx_market.c */
int mb__script_lua_price_for(lua_State *L);
void mb__script_nobid_install(lua_State *L); /* nobid.c: pushes the function `nobid` */
/* The reason that it made the value at `index` of, lent until that is collected; else absent. */
struct mb_slice mb__script_to_nobid(lua_State *L, int index);
/* The block of the userdata at `index` where its metatable is the referenced one, else NULL. */
void *mb__script_to_userdata(lua_State *L, int index, int metatable_ref);
void mb__script_keep_calls(struct mb_script *script);
bool mb__script_is_new_error(struct mb__script_state *state);

/* --- result.c, encode.c: from what a script gave to plain data --- */

void mb__script_results_open(lua_State *L);
/* Fills the present call's result from what `bid` returned, the value at `index`. */
void mb__script_take_result(lua_State *L, int index);
/* Appends the value at `index` as JSON. NULL, or what no JSON can hold. `name` is the member's key:
 * an empty table is an array where the key is known to be one. */
const char *mb__script_encode(lua_State *L, int index, struct mb_slice name, struct mb_buf *out);

/* --- loader.c --- */

void mb__script_unload(struct mb_script *script); /* frees what lies outside the arena */

/* --- strategy.c, limits.c, budgets.c, target.c, hours.c: from a table to checked data --- */

struct mb__check { /* the strategy whose table is checked */
    struct mb_script *script;
    int line;
    size_t errors;
};

/* Adds "<path>: <text>" to the report; bad is an error. */
void mb__script_bad(struct mb__check *check, const char *path, const char *fmt, ...)
    MB_PRINTF(3, 4);
void mb__script_warn(struct mb__check *check, const char *path, const char *fmt, ...)
    MB_PRINTF(3, 4);
/* "a string", "a table", "nothing" ... of the value at `index`, for messages. */
const char *mb__script_kind(lua_State *L, int index);
/* Reports each key of the table at `index` that `names` (NULL-terminated) has not. */
void mb__script_refuse_unknown(lua_State *L, int index, struct mb__check *check, const char *path,
                               const char *const *names);
/* Checks the table at `index`; every problem goes to the report. NULL where it has errors, or is
 * not among those asked for. */
struct mb__strategy *mb__script_take_strategy(lua_State *L, int index, struct mb__check *check);
void mb__script_take_limits(lua_State *L, int index, struct mb__check *check, enum mb_model model,
                            struct mb_limits *out);
/* budgets.c: takes what budgets.lua returned; and gives a strategy the pool that it names. */
void mb__script_take_pools(lua_State *L, int index);
void mb__script_join_pool(struct mb__check *check, struct mb_strategy *strategy);
/* A pool of budgets.lua; `out` has its name. */
void mb__script_take_pool(lua_State *L, int index, struct mb__check *check, struct mb_pool *out);
void mb__script_take_target(lua_State *L, int index, struct mb__check *check,
                            struct mb_target *out);
/* 'mon-fri 08:00-20:00', 'sat,sun', '22:00-02:00': sets its quarters of an hour. False: not such a
 * text. */
bool mb__script_parse_hours(struct mb_slice text, uint8_t *bits);
/* The day that may be meant by the first one in such a text that is none; NULL: nothing comes near. */
const char *mb__script_day_meant(struct mb_slice text);

/* reach.c: reports what no endpoint that the target hears can ever send. */
void mb__script_check_reach(struct mb__check *check, const struct mb_target *target);

/* suggest.c: the name that differs least from the word, by two letters at most; NULL: none. */
const char *mb__script_nearest(struct mb_slice word, const char *(*name)(size_t i), size_t count);

#endif /* MB_SCRIPT_INTERNAL_H */
