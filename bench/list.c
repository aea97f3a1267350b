/* list.c - see list.h. All of the file is kept; a request is put together when its turn comes.
 */
#include "list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list {
    char *text;
    size_t bytes, at;
    struct request request;
};

struct list *list_open(const char *file)
{
    struct list *list = calloc(1, sizeof(*list));
    FILE *in = fopen(file, "rb");
    if (list == NULL)
        fail("no memory");
    if (in == NULL || fseek(in, 0, SEEK_END) != 0)
        fail("%s: %s", file, strerror(errno));
    list->bytes = (size_t)ftell(in);
    list->text = malloc(list->bytes + 1);
    rewind(in);
    if (list->text == NULL || fread(list->text, 1, list->bytes, in) != list->bytes)
        fail("%s: cannot be read", file);
    fclose(in);
    list->text[list->bytes] = '\0';
    if (list->bytes == 0 || list->text[list->bytes - 1] != '\n')
        fail("%s: no line, or the last has no end", file);
    return list;
}

const struct request *list_next(void *user)
{
    struct list *list = user;
    char *path = list->text + list->at, *end = strchr(path, '\n'), *tab = strchr(path, '\t');
    if (tab == NULL || tab > end)
        fail("a line is not a path, a tab and a body");
    *tab = '\0';
    put_request(&list->request, path, tab + 1, (size_t)(end - tab) - 1);
    *tab = '\t';
    list->at = (size_t)(end - list->text) + 1;
    if (list->at == list->bytes)
        list->at = 0;
    return &list->request;
}
