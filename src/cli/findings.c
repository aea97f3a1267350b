/* findings.c - the list of findings, as lines and as JSON.
 */
#include "findings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "moonbid/json.h"
#include "moonbid/json_doc.h"

void findings_init(struct findings *findings)
{
    *findings = (struct findings){0};
    mb_arena_init(&findings->arena, 16 * 1024);
}

void findings_fini(struct findings *findings)
{
    mb_buf_fini(&findings->pure);
    mb_buf_fini(&findings->impure);
    free(findings->items);
    mb_arena_fini(&findings->arena);
}

static struct mb_slice kept(struct findings *findings, struct mb_slice text)
{
    return mb_slice_present(text) ? mb_xarena_copy(&findings->arena, text) : MB_SLICE_NONE;
}

void findings_add(struct findings *findings, const struct finding *finding)
{
    struct finding *item;

    if (findings->count == findings->room) {
        findings->room = findings->room ? 2 * findings->room : 32;
        findings->items = realloc(findings->items, findings->room * sizeof(*findings->items));
        if (!findings->items) {
            abort();
        }
    }
    item = &findings->items[findings->count++];
    *item = *finding;
    item->file = kept(findings, finding->file);
    item->code = kept(findings, finding->code);
    item->message = kept(findings, finding->message);
    item->suggestion = kept(findings, finding->suggestion);
    findings->errors += !finding->warning;
}

/* "FILE:LINE", or a file without a line. */
static void take_place(struct mb_slice at, struct finding *out)
{
    const char *colon = memrchr(at.data, ':', at.len);
    int64_t line;

    out->file = at;
    if (colon && mb_slice_to_i64(mb_slice(colon + 1, (size_t)(at.data + at.len - colon - 1)), &line)) {
        out->file.len = (size_t)(colon - at.data);
        out->line = (int)line;
    }
}

static struct mb_slice text_of(const struct mb_doc *doc, const char *key)
{
    const char *text = mb_doc_text(mb_doc_get(doc, key));

    return text ? mb_slice_of(text) : MB_SLICE("");
}

void findings_add_report(struct findings *findings, struct mb_slice report)
{
    struct mb_doc *doc = NULL;
    const struct mb_doc *p;

    if (mb_doc_parse(report, &doc, NULL)) {
        return;
    }
    for (p = mb_doc_first(mb_doc_get(doc, "problems")); p; p = mb_doc_next(p)) {
        struct finding finding = {.warning = mb_slice_is(text_of(p, "kind"), "warning"),
                                  .message = text_of(p, "text")};

        take_place(text_of(p, "at"), &finding);
        finding.code =
            mb_slice_ends(finding.file, MB_SLICE(".json")) ? MB_SLICE("golden") : MB_SLICE("load");
        findings_add(findings, &finding);
    }
    mb_doc_free(doc);
}

/* --- text --- */

static void print_line(const struct finding *f)
{
    printf("%.*s", MB_SLICE_ARG(f->file));
    if (f->line > 0) {
        printf(":%d", f->line);
    }
    printf(": %s: %.*s%s%.*s\n", f->warning ? "warning" : "error", MB_SLICE_ARG(f->message),
           mb_slice_present(f->suggestion) ? ": " : "", MB_SLICE_ARG(f->suggestion));
}

static void print_purity(const struct findings *findings)
{
    const char *name = findings->impure.data;

    printf("pure: %zu of %zu strategies%s", findings->n_pure,
           findings->n_pure + findings->n_impure,
           findings->n_impure > 0 ? "; a replay may decide otherwise for: "
                                  : ", a replay decides as they did");
    for (size_t i = 0; i < findings->n_impure; i++, name += strlen(name) + 1) {
        printf("%s%s", i > 0 ? ", " : "", name);
    }
    printf("\n");
}

static const char *ending(size_t n)
{
    return n == 1 ? "" : "s";
}

void findings_print_text(const struct findings *findings, const struct findings_outcome *outcome)
{
    size_t warnings = findings->count - findings->errors;

    for (size_t i = 0; i < findings->count; i++) {
        print_line(&findings->items[i]);
    }
    if (outcome->taken) {
        print_purity(findings);
        printf("ok: %zu strateg%s, %zu warning%s, version %s\n", outcome->n_strategies,
               outcome->n_strategies == 1 ? "y" : "ies", warnings, ending(warnings),
               outcome->version);
    } else {
        printf("refused: %zu error%s\n", findings->errors, ending(findings->errors));
    }
}

/* --- JSON --- */

static void key_text(struct mb_json_writer *w, const char *key, struct mb_slice text)
{
    mb_jsonw_key(w, key);
    if (mb_slice_present(text)) {
        mb_jsonw_str(w, text);
    } else {
        mb_jsonw_null(w);
    }
}

static void key_number(struct mb_json_writer *w, const char *key, size_t number, bool known)
{
    mb_jsonw_key(w, key);
    if (known) {
        mb_jsonw_u64(w, number);
    } else {
        mb_jsonw_null(w);
    }
}

static void json_finding(struct mb_json_writer *w, const struct finding *f)
{
    mb_jsonw_object(w);
    key_text(w, "file", f->file);
    key_number(w, "line", (size_t)f->line, f->line > 0);
    key_number(w, "column", (size_t)f->column, f->column > 0);
    key_text(w, "code", f->code);
    key_text(w, "severity", f->warning ? MB_SLICE("warning") : MB_SLICE("error"));
    key_text(w, "message", f->message);
    key_text(w, "suggestion", f->suggestion);
    mb_jsonw_object_end(w);
}

static void json_names(struct mb_json_writer *w, const char *key, const struct mb_buf *names,
                       size_t count)
{
    const char *name = names->data;

    mb_jsonw_key(w, key);
    mb_jsonw_array(w);
    for (size_t i = 0; i < count; i++, name += strlen(name) + 1) {
        mb_jsonw_str(w, mb_slice_of(name));
    }
    mb_jsonw_array_end(w);
}

void findings_print_json(const struct findings *findings, const struct findings_outcome *outcome)
{
    struct mb_json_writer w;
    struct mb_buf out = {0};

    mb_json_writer_init(&w, &out);
    mb_jsonw_object(&w);
    key_text(&w, "outcome", outcome->taken ? MB_SLICE("ok") : MB_SLICE("refused"));
    key_text(&w, "version", outcome->taken ? mb_slice_of(outcome->version) : MB_SLICE_NONE);
    key_number(&w, "strategies", outcome->n_strategies, outcome->taken);
    key_number(&w, "errors", findings->errors, true);
    key_number(&w, "warnings", findings->count - findings->errors, true);
    mb_jsonw_key(&w, "findings");
    mb_jsonw_array(&w);
    for (size_t i = 0; i < findings->count; i++) {
        json_finding(&w, &findings->items[i]);
    }
    mb_jsonw_array_end(&w);
    json_names(&w, "pure", &findings->pure, findings->n_pure);
    json_names(&w, "impure", &findings->impure, findings->n_impure);
    mb_jsonw_object_end(&w);
    mb_xbuf_add_char(&out, '\n');
    fwrite(out.data, 1, out.len, stdout);
    mb_buf_fini(&out);
}
