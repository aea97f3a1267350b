/* doc.c - cJSON behind our own names. A node is a cJSON item under another type; nothing else is
 * kept.
 *
 * cJSON_InitHooks is never called: it is global, and other users of the library in the process
 * would get our memory.
 */
#include "moonbid/json_doc.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cJSON *item(const struct mb_doc *node)
{
    return (cJSON *)(uintptr_t)node;
}

static struct mb_doc *node_of(cJSON *it)
{
    return (struct mb_doc *)it;
}

/* cJSON gives NULL for one reason where its arguments are sound. */
static cJSON *must(cJSON *it)
{
    if (!it) {
        fprintf(stderr, "moonbid: the system has no memory for a document\n");
        abort();
    }
    return it;
}

int mb_doc_parse(struct mb_slice text, struct mb_doc **out, struct mb_error *err)
{
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text.data, text.len, &end, 0);
    long at = end ? (long)(end - text.data) : 0;
    if (!root)
        return mb_fail_at(err, MB_ESYNTAX, at, "not JSON");
    struct mb_slice rest = mb_slice_trim(mb_slice(end, text.len - (size_t)at));
    if (rest.len) {
        cJSON_Delete(root);
        return mb_fail_at(err, MB_ESYNTAX, (long)(rest.data - text.data), "nothing more is due");
    }
    *out = node_of(root);
    return 0;
}

struct mb_doc *mb_doc_object(void)
{
    return node_of(must(cJSON_CreateObject()));
}

struct mb_doc *mb_doc_array(void)
{
    return node_of(must(cJSON_CreateArray()));
}

struct mb_doc *mb_doc_str(struct mb_slice s)
{
    struct mb_buf text = {0};
    mb_xbuf_add_slice(&text, s);
    mb_xbuf_add_char(&text, '\0');
    cJSON *it = must(cJSON_CreateString(text.data));
    mb_buf_fini(&text);
    return node_of(it);
}

struct mb_doc *mb_doc_num(double value)
{
    return node_of(must(cJSON_CreateNumber(value)));
}

struct mb_doc *mb_doc_bool(bool value)
{
    return node_of(must(cJSON_CreateBool(value)));
}

void mb_doc_free(struct mb_doc *root)
{
    cJSON_Delete(item(root));
}

void mb_doc_set(struct mb_doc *object, const char *key, struct mb_doc *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(item(object), key);
    if (!cJSON_AddItemToObject(item(object), key, item(value)))
        must(NULL);
}

void mb_doc_remove(struct mb_doc *object, const char *key)
{
    cJSON_DeleteItemFromObjectCaseSensitive(item(object), key);
}

void mb_doc_add(struct mb_doc *array, struct mb_doc *value)
{
    if (!cJSON_AddItemToArray(item(array), item(value)))
        must(NULL);
}

struct mb_doc *mb_doc_get(const struct mb_doc *object, const char *key)
{
    return node_of(cJSON_GetObjectItemCaseSensitive(item(object), key));
}

struct mb_doc *mb_doc_at(const struct mb_doc *array, int index)
{
    return node_of(cJSON_GetArrayItem(item(array), index));
}

struct mb_doc *mb_doc_first(const struct mb_doc *container)
{
    return container ? node_of(item(container)->child) : NULL;
}

struct mb_doc *mb_doc_next(const struct mb_doc *node)
{
    return node ? node_of(item(node)->next) : NULL;
}

const char *mb_doc_name(const struct mb_doc *node)
{
    return node ? item(node)->string : NULL;
}

int mb_doc_count(const struct mb_doc *container)
{
    return cJSON_GetArraySize(item(container));
}

bool mb_doc_is_object(const struct mb_doc *node)
{
    return cJSON_IsObject(item(node));
}

bool mb_doc_is_array(const struct mb_doc *node)
{
    return cJSON_IsArray(item(node));
}

bool mb_doc_is_string(const struct mb_doc *node)
{
    return cJSON_IsString(item(node));
}

bool mb_doc_is_number(const struct mb_doc *node)
{
    return cJSON_IsNumber(item(node));
}

bool mb_doc_is_bool(const struct mb_doc *node)
{
    return cJSON_IsBool(item(node));
}

const char *mb_doc_text(const struct mb_doc *node)
{
    return cJSON_GetStringValue(item(node));
}

double mb_doc_number(const struct mb_doc *node, double fallback)
{
    return cJSON_IsNumber(item(node)) ? item(node)->valuedouble : fallback;
}

bool mb_doc_true(const struct mb_doc *node)
{
    return cJSON_IsTrue(item(node));
}

void mb_xdoc_write(const struct mb_doc *root, bool pretty, struct mb_buf *out)
{
    char *text = pretty ? cJSON_Print(item(root)) : cJSON_PrintUnformatted(item(root));
    if (!text)
        must(NULL);
    mb_xbuf_add_text(out, text);
    cJSON_free(text);
}
