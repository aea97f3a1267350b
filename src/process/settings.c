/* settings.c - the config file with the command line's settings over it.
 *
 * Both become one document before anything is checked, so that a setting is held to the same rules,
 * and refused with the same words, as the key in the file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "moonbid/json_doc.h"
#include "moonbid/process.h"

/* A JSON value, or the text as it stands: currency=EUR needs no quotes. */
static struct mb_doc *value_of(const char *text)
{
    struct mb_doc *value = NULL;

    if (mb_doc_parse(mb_slice_of(text), &value, NULL) == 0) {
        return value;
    }
    return mb_doc_str(mb_slice_of(text));
}

/* An object, or Lua's empty table, which reads as an empty list. */
static bool takes_keys(const struct mb_doc *node)
{
    return mb_doc_is_object(node) || (mb_doc_is_array(node) && mb_doc_count(node) == 0);
}

/* The table below `node` that the path's next segment names; made where an object lacks it, NULL
 * where there can be none. */
static struct mb_doc *step(struct mb_doc *node, const char *name)
{
    struct mb_doc *next;
    char *end;
    long index = strtol(name, &end, 10);

    if (mb_doc_is_array(node) && mb_doc_count(node) > 0) {
        return *end == '\0' && index >= 1 ? mb_doc_at(node, (int)(index - 1)) : NULL;
    }
    if (!takes_keys(node)) {
        return NULL;
    }
    next = mb_doc_get(node, name);
    if (!next) {
        next = mb_doc_object();
        mb_doc_set(node, name, next);
    }
    return next;
}

static int apply(struct mb_doc *root, const struct mb_setting *setting, struct mb_error *err)
{
    struct mb_doc *node = root;
    char path[256];
    char *name = path;
    char *dot;

    if (strlen(setting->key) >= sizeof(path)) {
        return mb_fail(err, MB_EINVAL, "--set", "key too long");
    }
    strcpy(path, setting->key);
    while (node && (dot = strchr(name, '.')) != NULL) {
        *dot = '\0';
        node = step(node, name);
        name = dot + 1;
    }
    if (!node || name[0] == '\0' || !takes_keys(node)) {
        return mb_fail(
            err, MB_EINVAL, setting->key,
            "no such key; a list is set as a whole, in JSON: listen=[\"127.0.0.1:8080\"]");
    }
    mb_doc_set(node, name, value_of(setting->value));
    return 0;
}

/* The key belongs to the data that it signed for, so it lives there unless the config says
 * otherwise. */
static void keep_key_with_data(struct mb_doc *root)
{
    const char *data = mb_doc_text(mb_doc_get(root, "data"));
    struct mb_buf path = {0};
    struct mb_doc *keys;

    if (!data || mb_doc_get(root, "notice_keys")) {
        return;
    }
    mb_xbuf_printf(&path, "file:%s/notice.key", data);
    keys = mb_doc_array();
    mb_doc_add(keys, mb_doc_str(mb_buf_slice(&path)));
    mb_doc_set(root, "notice_keys", keys);
    mb_buf_fini(&path);
}

/* Who serves on loopback alone (trials, tests) wants notices where it listens; http-api.md's
 * default is the same for the default listener. Any other listener needs a notice_url of its own:
 * config.c refuses to do without. */
static void let_notices_come_back(struct mb_doc *root)
{
    const char *listen = mb_doc_text(mb_doc_first(mb_doc_get(root, "listen")));
    struct mb_buf url = {0};

    if (!listen || strncmp(listen, "127.", 4) != 0 || mb_doc_get(root, "notice_url")) {
        return;
    }
    mb_xbuf_printf(&url, "http://%s", listen);
    mb_doc_set(root, "notice_url", mb_doc_str(mb_buf_slice(&url)));
    mb_buf_fini(&url);
}

int mb_process_read_config(const char *path, const struct mb_setting *settings, size_t count,
                           struct mb_config **out, struct mb_error *err)
{
    struct mb_doc *root = NULL;
    size_t i;
    int rc = 0;

    *out = NULL;
    if (path || access(MB_PROCESS_CONFIG_FILE, F_OK) == 0) {
        rc = mb_script_read_table(path ? path : MB_PROCESS_CONFIG_FILE, &root, err);
    } else {
        root = mb_doc_object();
    }
    for (i = 0; !rc && i < count; i++) {
        rc = apply(root, &settings[i], err);
    }
    if (!rc) {
        keep_key_with_data(root);
        let_notices_come_back(root);
        rc = mb_config_from_doc(root, out, err);
    }
    mb_doc_free(root);
    return rc;
}
