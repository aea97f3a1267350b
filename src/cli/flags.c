/* flags.c - one table of all flags; each command names those that it takes.
 *
 * A flag that stands for a key of the config becomes a setting, so that the config's own check
 * judges its value.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "moonbid/json_doc.h"

enum form {
    TEXT,    /* a field of cli_args */
    SWITCH,  /* no value */
    KEY,     /* a config key, its value a text */
    LIST,    /* a config key, its value the one member of a list */
    SETTING, /* key=value */
    LOG_FORMAT,
    SPEND
};

struct flag {
    const char *name;
    enum form form;
    size_t offset; /* of TEXT and SWITCH */
};

static const struct flag flags[] = {
    {"config", TEXT, offsetof(struct cli_args, config)},
    {"endpoint", TEXT, offsetof(struct cli_args, endpoint)},
    {"query", TEXT, offsetof(struct cli_args, query)},
    {"now", TEXT, offsetof(struct cli_args, now)},
    {"seed", TEXT, offsetof(struct cli_args, seed)},
    {"shadow", TEXT, offsetof(struct cli_args, shadow)},
    {"by", TEXT, offsetof(struct cli_args, by)},
    {"since", TEXT, offsetof(struct cli_args, since)},
    {"until", TEXT, offsetof(struct cli_args, until)},
    {"control", TEXT, offsetof(struct cli_args, control)},
    {"format", TEXT, offsetof(struct cli_args, format)},
    {"spend", SPEND, 0},
    {"against", TEXT, offsetof(struct cli_args, against)},
    {"threads", TEXT, offsetof(struct cli_args, threads)},
    {"trace", SWITCH, offsetof(struct cli_args, trace)},
    {"all", SWITCH, offsetof(struct cli_args, all)},
    {"strict", SWITCH, offsetof(struct cli_args, strict)},
    {"watch", SWITCH, offsetof(struct cli_args, watch)},
    {"admin", KEY, 0},
    {"scripts", KEY, 0},
    {"data", KEY, 0},
    {"workers", SETTING, 0},
    {"listen", LIST, 0},
    {"set", SETTING, 0},
    {"log-format", LOG_FORMAT, 0},
    {"log-file", TEXT, offsetof(struct cli_args, log_file)},
};

int cli_say(int code, const char *fmt, ...)
{
    va_list args;

    fputs("moonbid: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    return code;
}

/* What the config or the scripts say wrongly is an answer; what the machine refuses is the
 * environment. */
int cli_fail(const struct mb_error *err)
{
    bool answer = err->code == MB_ESCRIPT || err->code == MB_EINVAL || err->code == MB_EUNSUPPORTED;

    return cli_say(answer ? CLI_NO : CLI_ENVIRONMENT, "%s%s%s", err->where,
                   err->where[0] ? ": " : "", err->what[0] ? err->what : mb_err_text(err->code));
}

int cli_unreadable(const char *dir)
{
    return cli_say(CLI_ENVIRONMENT, "%s: cannot be read: expected a folder with strategies/*.lua",
                   dir);
}

int cli_config(const struct cli_args *args, struct mb_config **out)
{
    struct mb_error err = {.at = -1};

    if (mb_process_read_config(args->config, args->settings, args->n_settings, out, &err)) {
        return cli_fail(&err);
    }
    return CLI_OK;
}

size_t cli_print_problems(const struct mb_doc *doc, size_t *errors)
{
    const struct mb_doc *p;
    size_t warnings = 0;

    *errors = 0;
    for (p = mb_doc_first(mb_doc_get(doc, "problems")); p; p = mb_doc_next(p)) {
        const char *at = mb_doc_text(mb_doc_get(p, "at"));
        const char *kind = mb_doc_text(mb_doc_get(p, "kind"));
        const char *text = mb_doc_text(mb_doc_get(p, "text"));

        printf("%s: %s: %s\n", at ? at : "?", kind ? kind : "error", text ? text : "");
        *errors += !kind || strcmp(kind, "warning") != 0;
        warnings += kind && strcmp(kind, "warning") == 0;
    }
    return warnings;
}

void cli_print_report(const char *dir, const struct mb_script_report *report)
{
    struct mb_buf place = {0};
    size_t i;

    for (i = 0; i < report->count; i++) {
        const struct mb_script_problem *p = &report->problems[i];

        mb_buf_clear(&place);
        mb_process_add_place(dir, p, &place);
        printf("%.*s: %s: %s\n", MB_SLICE_ARG(mb_buf_slice(&place)),
               p->warning ? "warning" : "error", p->text);
    }
    mb_buf_fini(&place);
}

static const struct flag *find(const struct cli_command *command, const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        char padded[32];

        snprintf(padded, sizeof(padded), " %s ", flags[i].name);
        if (strcmp(flags[i].name, name) == 0 && strstr(command->flags, padded)) {
            return &flags[i];
        }
    }
    return NULL;
}

static int add_setting(struct cli_args *out, const char *key, const char *value)
{
    if (out->n_settings == CLI_SETTINGS_MAX) {
        return cli_say(CLI_USAGE, "at most %d settings", CLI_SETTINGS_MAX);
    }
    out->settings[out->n_settings++] = (struct mb_setting){key, value};
    return CLI_OK;
}

static int add_pair(struct cli_args *out, const char *text)
{
    struct mb_slice rest = mb_slice_of(text);
    struct mb_slice key = mb_slice_cut(&rest, '=');

    if (!mb_slice_present(rest) || key.len == 0) {
        return cli_say(CLI_USAGE, "--set takes key=value, such as script.cpu_ms=10, not '%s'",
                       text);
    }
    return add_setting(out, mb_xarena_copy(&out->arena, key).data, rest.data);
}

/* Quoted, so that no value is read as anything but a text. */
static const char *quoted(struct cli_args *out, const char *value, bool list)
{
    struct mb_buf text = {0};
    const char *at;
    struct mb_slice copy;

    mb_xbuf_add_text(&text, list ? "[\"" : "\"");
    for (at = value; *at; at++) {
        if (*at == '"' || *at == '\\') {
            mb_xbuf_add_char(&text, '\\');
        }
        mb_xbuf_add_char(&text, *at);
    }
    mb_xbuf_add_text(&text, list ? "\"]" : "\"");
    copy = mb_xarena_copy(&out->arena, mb_buf_slice(&text));
    mb_buf_fini(&text);
    return copy.data;
}

static int take_log_format(struct cli_args *out, const char *value)
{
    if (strcmp(value, "json") != 0 && strcmp(value, "text") != 0) {
        return cli_say(CLI_USAGE, "--log-format is text or json, not '%s'", value);
    }
    out->log_format = value[0] == 'j' ? MB_LOG_JSON : MB_LOG_TEXT;
    return CLI_OK;
}

static int add_spend(struct cli_args *out, const char *value)
{
    if (out->n_spends == CLI_SPENDS_MAX) {
        return cli_say(CLI_USAGE, "at most %d --spend", CLI_SPENDS_MAX);
    }
    out->spends[out->n_spends++] = value;
    return CLI_OK;
}

static int take(const struct flag *flag, const char *value, struct cli_args *out)
{
    switch (flag->form) {
    case TEXT:
        *(const char **)(void *)((char *)out + flag->offset) = value;
        return CLI_OK;
    case SWITCH:
        *(bool *)(void *)((char *)out + flag->offset) = true;
        return CLI_OK;
    case KEY:
        return add_setting(out, flag->name, quoted(out, value, false));
    case LIST:
        return add_setting(out, flag->name, quoted(out, value, true));
    case SETTING:
        return strcmp(flag->name, "set") == 0 ? add_pair(out, value)
                                              : add_setting(out, flag->name, value);
    case LOG_FORMAT:
        return take_log_format(out, value);
    case SPEND:
        return add_spend(out, value);
    }
    return CLI_USAGE;
}

/* One flag at argv[*i], as `--name value` or `--name=value`. */
static int parse_flag(const struct cli_command *command, int argc, char **argv, int *i,
                      struct cli_args *out)
{
    struct mb_slice rest = mb_slice_of(argv[*i] + 2);
    const char *name = mb_xarena_copy(&out->arena, mb_slice_cut(&rest, '=')).data;
    const struct flag *flag = find(command, name);
    const char *value = rest.data;

    if (!flag) {
        return cli_say(CLI_USAGE, "%s takes no --%s; see `moonbid %s --help`", command->name, name,
                       command->name);
    }
    if (flag->form == SWITCH && value) {
        return cli_say(CLI_USAGE, "--%s takes no value", name);
    }
    if (flag->form != SWITCH && !value) {
        if (*i + 1 == argc) {
            return cli_say(CLI_USAGE, "--%s needs a value", name);
        }
        value = argv[++*i];
    }
    return take(flag, value, out);
}

static int add_operand(const struct cli_command *command, const char *text, struct cli_args *out)
{
    bool several = command->operand && strstr(command->operand, "...");

    if (!command->operand || (out->operand && !several)) {
        return cli_say(CLI_USAGE, "'%s' is not expected; see `moonbid %s --help`", text, command->name);
    }
    if (out->n_operands == CLI_OPERANDS_MAX) {
        return cli_say(CLI_USAGE, "at most %d files; a folder is taken as a whole", CLI_OPERANDS_MAX);
    }
    out->operand = out->operand ? out->operand : text;
    out->operands[out->n_operands++] = text;
    return CLI_OK;
}

int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_args *out)
{
    int i;

    for (i = 0; i < argc; i++) {
        int code;

        if (strncmp(argv[i], "--", 2) == 0 && argv[i][2]) {
            code = parse_flag(command, argc, argv, &i, out);
            if (code != CLI_OK) {
                return code;
            }
        } else if ((code = add_operand(command, argv[i], out)) != CLI_OK) {
            return code;
        }
    }
    if (command->operand && command->operand[0] != '[' && !out->operand) {
        return cli_say(CLI_USAGE, "%s is missing; see `moonbid %s --help`", command->operand,
                       command->name);
    }
    return CLI_OK;
}
