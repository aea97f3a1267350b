/* parts.c - opens what the config names: keys, geo database, guard, scripts.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "internal.h"

static int take_hex_key(struct mb_notice_keys *keys, struct mb_slice text, struct mb_error *err)
{
    uint8_t key[MB_NOTICE_KEY_BYTES];
    bool good = text.len == sizeof(key) * 2;
    size_t i;

    for (i = 0; i < text.len && good; i++) {
        good = isxdigit((unsigned char)text.data[i]);
    }
    if (!good) {
        return mb_fail(err, MB_EINVAL, "notice_keys",
                       "expected 'file:PATH' or %zu hexadecimal digits", sizeof(key) * 2);
    }
    for (i = 0; i < sizeof(key); i++) {
        char pair[3] = {text.data[i * 2], text.data[i * 2 + 1], '\0'};

        key[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return mb_notice_keys_add(keys, key);
}

static int make_folder_of(const char *path, struct mb_error *err)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];

    if (!slash || slash == path) {
        return 0;
    }
    snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
    return mb__process_make_folder(folder, err);
}

/* A key file is made on first start, but only where somebody serves with it. */
static int take_key_file(struct mb_notice_keys *keys, const char *path, bool offline,
                         struct mb_error *err)
{
    static const uint8_t zeros[MB_NOTICE_KEY_BYTES];
    struct stat st;
    int rc;

    if (offline && stat(path, &st) != 0 && errno == ENOENT) {
        return mb_notice_keys_add(keys, zeros);
    }
    rc = offline ? 0 : make_folder_of(path, err);
    return rc ? rc : mb_notice_keys_add_file(keys, path, err);
}

int mb__open_keys(const struct mb_config *config, bool offline, struct mb_notice_keys *keys,
                  struct mb_error *err)
{
    size_t i;

    for (i = 0; i < config->notice_keys.count; i++) {
        struct mb_slice key = config->notice_keys.items[i];
        int rc;

        if (mb_slice_starts(key, MB_SLICE("file:"))) {
            rc = take_key_file(keys, key.data + strlen("file:"), offline, err);
        } else {
            rc = take_hex_key(keys, key, err);
        }
        if (rc) {
            return rc == MB_ENOMEM
                       ? mb_fail(err, rc, "notice_keys", "at most %d keys", MB_NOTICE_KEYS_MAX)
                       : rc;
        }
    }
    return 0;
}

static void set_holds(const struct mb_config *config, struct mb_guard *guard)
{
    size_t i;

    for (i = 0; i < config->n_endpoints; i++) {
        const struct mb_endpoint *e = &config->endpoints[i];

        if (e->hold_cpm_ms > 0) {
            mb_guard_set_hold(guard, e->name, e->hold_cpm_ms, e->hold_cpc_ms);
        }
    }
}

static int open_guard(const struct mb_config *config, bool offline, struct mb_guard **out,
                      struct mb_error *err)
{
    struct mb_guard_options options = {0};
    struct mb_buf counters = {0}, frequency = {0};
    int rc;

    if (!offline) {
        mb_xbuf_printf(&counters, "%s/counters%c", config->data, '\0');
        mb_xbuf_printf(&frequency, "%s/frequency%c", config->data, '\0');
        options.counters_path = counters.data;
        options.frequency_path = frequency.data;
    }
    rc = mb_guard_open(&options, out, err);
    if (!rc) {
        mb_guard_set_silence(*out, config->silence_ms);
        set_holds(config, *out);
    }
    if (!rc && !offline) {
        mb__notes_clock(*out);
        rc = mb__pauses_read(*out, config->data, err);
    }
    mb_buf_fini(&counters);
    mb_buf_fini(&frequency);
    return rc;
}

int mb__parts_open_shared(struct mb_process_parts *parts, const struct mb_config *config,
                          struct mb_error *err)
{
    int rc = open_guard(config, false, &parts->guard, err);

    if (!rc) {
        rc = mb_recent_open(&parts->recent, err);
    }
    return rc ? rc : mb_recent_open(&parts->shadow_bids, err);
}

int mb_process_open_parts(const struct mb_config *config, bool offline,
                          struct mb_process_parts *out, struct mb_error *err)
{
    int rc;

    *out = (struct mb_process_parts){.config = config, .keys = mb_xnotice_keys_new()};
    mb_script_set_limit_ms(config->script_cpu_ms);
    rc = mb__open_keys(config, offline, out->keys, err);
    if (!rc && config->geoip) {
        rc = mb_geo_open(config->geoip, &out->geo, err);
    }
    if (!rc) {
        rc = open_guard(config, offline, &out->guard, err);
    }
    if (!rc) {
        rc = mb_recent_open(&out->recent, err);
    }
    if (rc) {
        mb_process_close_parts(out);
    }
    return rc;
}

void mb_process_close_parts(struct mb_process_parts *parts)
{
    if (parts->guard) {
        mb_guard_close(parts->guard);
    }
    mb_recent_close(parts->recent);
    mb_recent_close(parts->shadow_bids);
    mb_geo_close(parts->geo);
    mb_notice_keys_free(parts->keys);
    *parts = (struct mb_process_parts){0};
}

static struct mb_script_options options_of(const struct mb_process_parts *parts)
{
    const struct mb_config *config = parts->config;

    return (struct mb_script_options){
        .dir = config->scripts,
        .endpoints = config->endpoints,
        .n_endpoints = config->n_endpoints,
        .has_geo = parts->geo != NULL,
        .guard = parts->guard,
        .memory_bytes = (size_t)config->script_memory_mb * 1024 * 1024,
        .timezone = config->timezone,
    };
}

int mb_process_load_scripts(const struct mb_process_parts *parts, const char *shadow,
                            struct mb_script **out, struct mb_script_report *report)
{
    struct mb_script_options options = options_of(parts);
    struct mb_slice name = mb_slice_of(shadow ? shadow : "");

    if (shadow) {
        options.candidates = parts->config->shadow_scripts;
        options.only = (struct mb_slices){&name, 1};
        options.shadows_bid = true;
    }
    return mb_script_load(&options, out, report);
}

int mb_process_load_bundle(const struct mb_process_parts *parts, const struct mb_bundle *bundle,
                           struct mb_script **out, struct mb_script_report *report)
{
    return mb__load_bundle(parts, bundle, NULL, NULL, out, report);
}

int mb__load_bundle(const struct mb_process_parts *parts, const struct mb_bundle *bundle,
                    mb__on_file *on_file, void *user, struct mb_script **out,
                    struct mb_script_report *report)
{
    struct mb_script_options options = options_of(parts);

    options.bundle = bundle;
    options.on_file = on_file;
    options.on_file_user = user;
    return mb_script_load(&options, out, report);
}

void mb__add_path(const char *dir, struct mb_slice file, struct mb_buf *out)
{
    if (mb_bundle_is_beside(file)) {
        mb_xbuf_add_slice(out, file);
        return;
    }
    mb_xbuf_add_text(out, dir);
    if (mb_slice_present(file) && !mb_slice_is(file, dir)) { /* else the folder itself */
        mb_xbuf_printf(out, "/%.*s", MB_SLICE_ARG(file));
    }
}

void mb_process_add_place(const char *dir, const struct mb_script_problem *problem,
                          struct mb_buf *out)
{
    mb__add_path(dir, mb_slice_of(problem->file), out);
    if (problem->line > 0) {
        mb_xbuf_printf(out, ":%d", problem->line);
    }
}
