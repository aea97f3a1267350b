/* new.c - `moonbid new`: a commented strategy and its spec, from the two texts in new/.
 *
 * What is written loads, bids on what the kit's builder for its format makes, and its spec passes:
 * so whoever begins has something that works to change. Nothing that exists is written over.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "moonbid/auction.h"

static const char strategy_text[] = {
#include "new_strategy.inc"
    0};
static const char spec_text[] = {
#include "new_spec.inc"
    0};

#define IMAGE "      image_url = 'https://cdn.example/300x250.png',\n"
#define CLICK "      click_url = 'https://go.example/?zone={zone_id}&p={price}&cv={click_token}',\n"
#define TEXTS "      title = 'A title',\n      description = 'A sentence',\n"
#define ICON "      icon_url = 'https://cdn.example/192x192.png',\n"

/* What a bid of each format needs, and how the kit asks for one. */
static const struct kind {
    enum mb_format format;
    const char *model, *price, *max;
    const char *fields;
    const char *request, *other; /* builders of the kit */
} kinds[] = {
    {MB_FORMAT_BANNER, "cpm", "0.50", "2.00", IMAGE CLICK, "kit.exoclick.banner",
     "kit.exoclick.popunder"},
    {MB_FORMAT_POPUNDER, "cpm", "1.20", "3.00",
     "      url = 'https://go.example/?zone={zone_id}&p={price}&cv={click_token}',\n",
     "kit.exoclick.popunder", "kit.exoclick.banner"},
    {MB_FORMAT_PUSH, "cpc", "0.04", "0.10", TEXTS ICON CLICK, "kit.exoclick.push",
     "kit.exoclick.banner"},
    {MB_FORMAT_IN_PAGE_PUSH, "cpm", "0.40", "2.00", IMAGE CLICK, "kit.exoclick.in_page_push",
     "kit.exoclick.banner"},
    {MB_FORMAT_DIRECT_LINK, "cpm", "1.00", "3.00",
     "      url = 'https://go.example/?zone={zone_id}&p={price}&cv={click_token}',\n",
     "kit.exoclick.direct_link", "kit.exoclick.banner"},
    {MB_FORMAT_EMAIL_CLICK, "cpc", "0.05", "0.10",
     "      click_url = 'https://go.example/?el={email_encoded}&p={price}',\n",
     "kit.exoclick.email_click", "kit.exoclick.banner"},
    {MB_FORMAT_NATIVE, "cpm", "0.60", "2.00", TEXTS ICON IMAGE CLICK, "kit.openrtb.native",
     "kit.openrtb.banner"},
    {MB_FORMAT_VIDEO, "cpm", "2.50", "6.00",
     "      vast = {\n        title = 'A title', duration = '15s', impression = "
     "'https://t.example/i?b={{bid_id}}',\n"
     "        media = { { url = 'https://cdn.example/a.mp4', type = 'video/mp4', width = 640, "
     "height = 480, bitrate = 800 } },\n"
     "      },\n" CLICK,
     "kit.openrtb.video", "kit.openrtb.banner"},
    {MB_FORMAT_AUDIO, "cpm", "1.50", "4.00",
     "      vast = {\n        title = 'A title', duration = '15s', impression = "
     "'https://t.example/i?b={{bid_id}}',\n"
     "        media = { { url = 'https://cdn.example/a.m4a', type = 'audio/mp4' } },\n"
     "      },\n" CLICK,
     "kit.openrtb.audio", "kit.openrtb.banner"},
};

/* Floors and other strategies are met by the thousand. */
static const char worth_line[] = "    local worth = price * 1000 * 0.01 -- of a thousand: say that "
                                 "one in a hundred is clicked\n";

static const char floor_case[] =
    "  it('leaves what is dearer to others', function()\n"
    "    assert.nobids(bidder:bid(@REQUEST@ { imp = { bidfloor = 100 } }), 'floor')\n"
    "  end)\n\n";

struct names {
    const char *program;
    const char *name, *scripts, *spec;
    const struct kind *kind;
};

static const struct kind *find_kind(const char *format)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(mb_format_name(kinds[i].format), format) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

/* What stands for @WORD@. */
static const char *value_of(const struct names *names, struct mb_slice word)
{
    const struct kind *kind = names->kind;
    bool is_openrtb = strncmp(kind->request, "kit.openrtb", strlen("kit.openrtb")) == 0;
    bool is_cpm = strcmp(kind->model, "cpm") == 0;
    const struct {
        const char *word, *value;
    } rows[] = {
        {"NAME", names->name},
        {"SCRIPTS", names->scripts},
        {"SPEC", names->spec},
        {"FORMAT", mb_format_name(kind->format)},
        {"MODEL", kind->model},
        {"UNIT", kind->model},
        {"MAX", kind->max},
        {"PRICE", kind->price},
        {"WORTH", is_cpm ? "price" : "worth"},
        {"WORTHLINE", is_cpm ? "" : worth_line},
        {"ECPM", is_cpm ? "" : "      ecpm = worth,\n"},
        {"FIELDS", kind->fields},
        {"REQUEST", kind->request},
        {"OTHER", kind->other},
        {"FLOOR", is_openrtb ? floor_case : ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (mb_slice_is(word, rows[i].word)) {
            return rows[i].value;
        }
    }
    return NULL;
}

static void fill(const struct names *names, struct mb_slice text, struct mb_buf *out)
{
    while (mb_slice_present(text)) {
        struct mb_slice plain = mb_slice_cut(&text, '@'), word;
        const char *value;

        mb_xbuf_add_slice(out, plain);
        if (!mb_slice_present(text)) {
            break;
        }
        word = mb_slice_cut(&text, '@');
        value = value_of(names, word);
        if (value) {
            fill(names, mb_slice_of(value), out);
        }
    }
}

/* Makes the folders above a file. */
static int make_folders(const char *path)
{
    struct mb_buf folder = {0};
    int rc = 0;

    for (const char *at = strchr(path + 1, '/'); at && rc == 0; at = strchr(at + 1, '/')) {
        mb_buf_clear(&folder);
        mb_xbuf_add(&folder, path, (size_t)(at - path));
        mb_xbuf_add_char(&folder, '\0');
        rc = mkdir(folder.data, 0777) != 0 && errno != EEXIST ? -errno : 0;
    }
    mb_buf_fini(&folder);
    return rc;
}

static int write_new(const char *path, struct mb_slice text)
{
    int fd, rc = make_folders(path);

    if (rc) {
        return cli_say(CLI_ENVIRONMENT, "%s: %s", path, strerror(-rc));
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        return errno == EEXIST
                   ? cli_say(CLI_NO, "%s is there already; nothing is written over", path)
                   : cli_say(CLI_ENVIRONMENT, "%s: %s", path, strerror(errno));
    }
    rc = write(fd, text.data, text.len) == (ssize_t)text.len && close(fd) == 0
             ? CLI_OK
             : cli_say(CLI_ENVIRONMENT, "%s: %s", path, strerror(errno));
    if (rc == CLI_OK) {
        printf("wrote %s\n", path);
    }
    return rc;
}

static bool is_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

    return len > 0 && len <= 64 && name[len] == '\0';
}

/* The folder that the scripts stand in, with a slash behind it; "" for the present one. */
static struct mb_slice folder_of(const char *scripts)
{
    const char *slash = strrchr(scripts, '/');

    return slash ? mb_slice(scripts, (size_t)(slash - scripts) + 1) : MB_SLICE("");
}

static int write_both(struct mb_arena *arena, struct names *names)
{
    struct mb_slice strategy =
        mb_xarena_printf(arena, "%s/strategies/%s.lua", names->scripts, names->name);
    struct mb_slice spec = mb_xarena_printf(arena, "%.*sspec/strategies/%s_spec.lua",
                                            MB_SLICE_ARG(folder_of(names->scripts)), names->name);
    struct mb_buf text = {0};
    int code;

    names->spec = spec.data;
    if (access(spec.data, F_OK) == 0) {
        return cli_say(CLI_NO, "%s is there already; nothing is written over", spec.data);
    }
    fill(names, mb_slice(strategy_text, sizeof(strategy_text) - 1), &text);
    code = write_new(strategy.data, mb_buf_slice(&text));
    if (code == CLI_OK) {
        mb_buf_clear(&text);
        fill(names, mb_slice(spec_text, sizeof(spec_text) - 1), &text);
        code = write_new(spec.data, mb_buf_slice(&text));
    }
    mb_buf_fini(&text);
    if (code == CLI_OK) {
        printf("next: edit the first, run `busted %s`, then `%s reload`\n", spec.data,
               names->program);
    }
    return code;
}

static int run(const struct cli_args *args)
{
    struct names names = {.name = args->operand, .program = args->program};
    struct mb_config *config = NULL;
    struct mb_arena arena;
    int code;

    if (!is_name(args->operand)) {
        return cli_say(CLI_USAGE, "'%s' is no name of a strategy: 1 to 64 of a-z 0-9 _ -",
                       args->operand);
    }
    names.kind = find_kind(args->format ? args->format : "banner");
    if (!names.kind) {
        return cli_say(
            CLI_USAGE,
            "--format: one of banner popunder push in_page_push native video audio direct_link "
            "email_click, not '%s'",
            args->format);
    }
    code = cli_config(args, &config);
    if (code != CLI_OK) {
        return code;
    }
    mb_arena_init(&arena, 1024);
    names.scripts = config->scripts;
    code = write_both(&arena, &names);
    mb_arena_fini(&arena);
    mb_config_free(config);
    return code;
}

const struct cli_command cli_new = {
    .name = "new",
    .summary = "begin a strategy: a commented file and its spec",
    .flags = " config scripts set format ",
    .operand = "NAME",
    .help = "usage: moonbid new [--format FORMAT] [--scripts DIR] NAME\n"
            "\n"
            "Writes DIR/strategies/NAME.lua, which bids, and spec/strategies/NAME_spec.lua beside "
            "DIR, which\n"
            "passes. Nothing that exists is written over.\n"
            "\n"
            "  --format FORMAT  banner (default) popunder push in_page_push native video audio "
            "direct_link\n"
            "                   email_click\n"
            "  --scripts DIR    default: the config's\n"
            "\n"
            "exit:    0 written, 1 there already, 2 usage, 3 environment\n"
            "example: moonbid new --format push de_push_spring\n",
    .run = run,
};
