/* json_doc.h - cJSON wrapped for documents off the bid path: config as data, golden expectations, status pages, the
 * simulated exchange's independent check of our answers.
 *
 * Part of: json.  Depends on: base.
 * Threads:  a document has one owner.
 * Never for exchange documents: cJSON turns 9007199254740993 into 9.00719925474099e+15.
 */
#ifndef MB_JSON_DOC_H
#define MB_JSON_DOC_H

#include <stdbool.h>
#include <stdint.h>

#include "moonbid/base.h"

struct mb_doc;  /* a node: object, array or scalar; the root is freed, the others are borrowed from it */

/* Fails: MB_ESYNTAX with the offset. Owns: mb_doc_free(root). */
int mb_doc_parse(struct mb_slice text, struct mb_doc **out, struct mb_error *err) MB_MUST_USE;
struct mb_doc *mb_doc_object(void); /* new and empty; free with mb_doc_free or hand to mb_doc_set / mb_doc_add */
struct mb_doc *mb_doc_array(void);
struct mb_doc *mb_doc_str(struct mb_slice s); /* bytes behind a NUL are lost: cJSON's strings end there */
struct mb_doc *mb_doc_num(double value);
struct mb_doc *mb_doc_bool(bool value);
void mb_doc_free(struct mb_doc *root); /* NULL allowed */

void mb_doc_set(struct mb_doc *object, const char *key, struct mb_doc *value); /* value taken */
void mb_doc_remove(struct mb_doc *object, const char *key);                    /* nothing happens where there is none */
void mb_doc_add(struct mb_doc *array, struct mb_doc *value);                   /* value taken */

/* NULL in gives NULL out, so that look-ups chain. */
struct mb_doc *mb_doc_get(const struct mb_doc *object, const char *key); /* case counts */
struct mb_doc *mb_doc_at(const struct mb_doc *array, int index);
struct mb_doc *mb_doc_first(const struct mb_doc *container);
struct mb_doc *mb_doc_next(const struct mb_doc *node);
const char *mb_doc_name(const struct mb_doc *node); /* its key in its object, or NULL */
int mb_doc_count(const struct mb_doc *container);
bool mb_doc_is_object(const struct mb_doc *node);
bool mb_doc_is_array(const struct mb_doc *node);
bool mb_doc_is_string(const struct mb_doc *node);
bool mb_doc_is_number(const struct mb_doc *node);
bool mb_doc_is_bool(const struct mb_doc *node);
const char *mb_doc_text(const struct mb_doc *node);   /* string value, or NULL */
double mb_doc_number(const struct mb_doc *node, double fallback);
bool mb_doc_true(const struct mb_doc *node);

/* Writes the document; `pretty` with indentation. */
void mb_xdoc_write(const struct mb_doc *root, bool pretty, struct mb_buf *out);

#endif /* MB_JSON_DOC_H */
