/* newsettings.c - config, keys and database as the next generation will have them.
 *
 * For a reload the config file is read anew, and what a running server takes of it is put together
 * (mb_config_merge). Keys stand in the result by their names only; they travel apart (parcel.c).
 */
#include "checking.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "moonbid/json_doc.h"

/* In place of each key its name: a config is handed on and compared, keys are neither. */
static void name_keys(struct mb_config *config, const struct mb_notice_keys *keys)
{
    size_t i, count = mb_notice_keys_count(keys);
    struct mb_slice *names = mb_xarena_array(&config->arena, count, sizeof(*names));

    for (i = 0; i < count; i++) {
        char name[16];

        mb_notice_keys_name(keys, i, name);
        names[i] = mb_xarena_copy(&config->arena, mb_slice(name, sizeof(name)));
    }
    config->notice_keys = (struct mb_slices){names, count};
}

static int open_keys(struct mb__checking *c, struct mb_config *config)
{
    c->settings.keys = mb_xnotice_keys_new();
    mb__checking_step(c->progress, MB__DISK_STEP_MS, "notice_keys");
    int rc = mb__open_keys(config, c->check->kind == MB__CHECK_DRY, c->settings.keys, &c->err);

    if (!rc) {
        name_keys(config, c->settings.keys);
    }
    return rc;
}

int mb__checking_copy_geo(struct mb__checking *c, int fd)
{
    int *piece = &c->parcel.fds[MB__PIECE_GEO];

    *piece = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return *piece >= 0 ? 0 : mb_fail(&c->err, MB_EIO, NULL, "no descriptors: %s", strerror(errno));
}

/* The database in use goes on, under the name that it has. */
static int keep_geo(struct mb__checking *c)
{
    int fd = c->check->parcel->fds[MB__PIECE_GEO];

    mb_geo_close(c->settings.geo);
    c->settings.geo = NULL;
    return mb_geo_open_shared(fd, &c->settings.geo, &c->err) ? c->err.code : mb__checking_copy_geo(c, fd);
}

static bool has_geo_of(const struct mb__checking *c, const char *path)
{
    const struct mb__check *check = c->check;

    return check->parcel && check->parcel->fds[MB__PIECE_GEO] >= 0 &&
           strcmp(check->running->config->geoip, path) == 0;
}

/* One that is brought by somebody else every week and comes broken is no reason to refuse a trader's
 * scripts: the one in use stays. *is_other: it is not the one in use. */
static int open_geo(struct mb__checking *c, bool *is_other)
{
    const char *path = c->settings.config->geoip;
    struct mb_error err = {.at = -1};

    *is_other = false;
    if (!path) {
        return 0;
    }
    mb__checking_step(c->progress, MB__DISK_STEP_MS, path);
    c->head.geo_source = c->check->geo_source;
    if (has_geo_of(c, path) &&
        mb_geo_is_file(c->check->parcel->fds[MB__PIECE_GEO], path, &c->head.geo_source)) {
        return keep_geo(c); /* as with nearly all reloads: one copy in memory is enough, and it was looked at */
    }
    if (mb_geo_open(path, &c->settings.geo, &err)) {
        if (!has_geo_of(c, path)) {
            c->err = err;
            return err.code;
        }
        mb_log(MB_LOG_ERROR, "process", "geo database refused, the one before stays in use",
               "file=%s error=%s", path, err.what);
        snprintf(c->geo_problem, sizeof(c->geo_problem), "%s: %s; the one before stays in use", path,
                 err.what);
        return keep_geo(c);
    }
    c->head.geo_source = mb_geo_source(c->settings.geo);
    *is_other = true;
    return mb__checking_copy_geo(c, mb_geo_fd(c->settings.geo));
}

static void join_names(const struct mb_doc *list, char *out, size_t size)
{
    const struct mb_doc *item;
    size_t len = 0;

    out[0] = '\0';
    for (item = mb_doc_first(list); item && len < size; item = mb_doc_next(item)) {
        len += (size_t)snprintf(out + len, size - len, "%s%s", len > 0 ? "," : "",
                                mb_doc_text(item));
    }
}

static int merge(struct mb__checking *c, const struct mb_config *fresh)
{
    struct mb_doc *live = mb_doc_array(), *restart = mb_doc_array();
    const struct mb__check *check = c->check;
    int rc = mb_config_merge(check->running->config, fresh, live, restart, &c->settings.config,
                             &c->err);

    bool same_path = !rc && c->settings.config->geoip && has_geo_of(c, c->settings.config->geoip);
    bool is_other = false;

    rc = rc ? rc : open_geo(c, &is_other);
    if (same_path && is_other) { /* another file under the same name */
        mb_doc_add(live, mb_doc_str(MB_SLICE("geoip")));
    }
    join_names(live, c->head.changed, sizeof(c->head.changed));
    join_names(restart, c->head.restart, sizeof(c->head.restart));
    mb_doc_free(live);
    mb_doc_free(restart);
    return rc;
}

static const char *config_name(const struct mb__check *check)
{
    return check->config_path ? check->config_path : MB_PROCESS_CONFIG_FILE;
}

/* Key and file, where the error names the key only. */
static int in_config_file(struct mb__checking *c, int rc)
{
    struct mb_error inner = c->err;

    if (!rc || strncmp(inner.where, config_name(c->check), strlen(config_name(c->check))) == 0) {
        return rc;
    }
    (void)mb_fail(&c->err, rc, config_name(c->check), "%s%s%s", inner.where,
                  inner.where[0] ? ": " : "", inner.what);
    return rc;
}

int mb__checking_config(struct mb__checking *c, struct mb_config **out)
{
    const struct mb__check *check = c->check;

    mb__checking_step(c->progress, MB__SCRIPT_STEP_MS, config_name(check));
    return mb_process_read_config(check->config_path, check->settings, check->n_settings, out,
                                  &c->err);
}

static int take_fresh_config(struct mb__checking *c)
{
    struct mb_config *fresh = NULL;
    int rc = in_config_file(c, mb__checking_config(c, &fresh));

    if (!rc) {
        mb__complete_config(fresh, c->check->port, c->check->connections);
        rc = in_config_file(c, open_keys(c, fresh));
    }
    rc = rc ? rc : in_config_file(c, merge(c, fresh));
    mb_config_free(fresh);
    return rc;
}

static int copy_config(struct mb__checking *c)
{
    struct mb_doc *doc = mb_xconfig_to_doc(c->check->running->config);
    int rc = mb_config_from_doc(doc, &c->settings.config, &c->err);

    mb_doc_free(doc);
    return rc;
}

/* The config to go on with, its keys and its database. */
int mb__checking_settings(struct mb__checking *c)
{
    bool is_other;
    int rc;

    switch (c->check->kind) {
    case MB__CHECK_RELOAD:
        return take_fresh_config(c);
    case MB__CHECK_ROLL_BACK:
        c->head.geo_source = c->check->geo_source;
        return mb__settings_open(c->check->parcel, &c->settings, &c->err);
    case MB__CHECK_DRY:
        rc = mb__checking_config(c, &c->settings.config);
        break;
    default:
        rc = copy_config(c);
    }
    rc = rc ? rc : open_keys(c, c->settings.config);
    return rc ? rc : open_geo(c, &is_other);
}
