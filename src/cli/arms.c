/* arms.c - differences between arms as text, JSON and CSV.
 */
#include "arms.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Six digits behind the point, as a report's ratios; nothing for what is not known. */
static const char *number(double value, bool sign, char text[32])
{
    text[0] = '\0';
    if (!isnan(value))
        snprintf(text, 32, sign ? "%+.6f" : "%.6f", value);
    return text;
}

static const char *or_dash(const char *text)
{
    return text[0] ? text : "-";
}

/* --- text --- */

static void text_head(const struct mb_experiment *e, const enum mb_report_key *keys, size_t n_keys,
                      struct mb_buf *out)
{
    mb_xbuf_add_text(out, "\n# arms against ");
    mb_xbuf_add_slice(out, e->arms[0].name);
    for (size_t i = 0; i < n_keys; i++)
        if (keys[i] != MB_REPORT_ARM)
            mb_xbuf_printf(out, ", %s %.*s", mb_report_key_name(keys[i]),
                           MB_SLICE_ARG(mb_slice_present(e->keys[i]) ? e->keys[i] : MB_SLICE("-")));
    mb_xbuf_add_text(out, ": differences, with 95 % intervals\n");
}

static void text_difference(const struct mb_arm *arm, int figure, struct mb_buf *out)
{
    const struct mb_arms_difference *d = &arm->differences[figure];
    char text[5][32];
    mb_xbuf_printf(out, "%-16.*s  %-28s  %12s  %12s  %12s  %12s  %12s  %s\n",
                   MB_SLICE_ARG(arm->name), mb_arms_figure_name((enum mb_arms_figure)figure),
                   or_dash(number(d->control, false, text[0])),
                   or_dash(number(d->arm, false, text[1])),
                   or_dash(number(isnan(d->low) ? NAN : d->arm - d->control, true, text[2])),
                   or_dash(number(d->low, true, text[3])), or_dash(number(d->high, true, text[4])),
                   mb_arms_verdict_text(d->verdict));
}

static void text_ratio(const struct mb_experiment *e, struct mb_buf *out)
{
    static const char *const texts[] = {
        [MB_ARMS_RATIO_UNKNOWN] = "# exposures: not enough data to hold them against the weights",
        [MB_ARMS_RATIO_FITS] = "# exposures fit the weights",
        [MB_ARMS_RATIO_BROKEN] = "# WARNING: exposures do not fit the weights (sample ratio "
                                 "mismatch). What parts users into arms is not fair, or a few "
                                 "users make most calls: believe no difference above",
        [MB_ARMS_RATIO_MIXED] = "# WARNING: the weights changed in this time, and arms were seen "
                                "at different times: look at "
                                "each part alone (--since, --until)"};
    mb_xbuf_add_text(out, texts[e->ratio]);
    if (!isnan(e->p))
        mb_xbuf_printf(out, " (p %.3g)", e->p);
    for (size_t i = 0; i < e->n_arms; i++) {
        const struct mb_arm *arm = &e->arms[i];
        mb_xbuf_printf(out, "%s %.*s %llu", i ? "," : ":", MB_SLICE_ARG(arm->name),
                       (unsigned long long)arm->exposures);
        if (!isnan(arm->share))
            mb_xbuf_printf(out, " of weight %.2f %%", 100 * arm->share);
    }
    mb_xbuf_add_char(out, '\n');
}

void cli_arms_text(const struct mb_experiment *experiments, size_t count,
                   const enum mb_report_key *keys, size_t n_keys, struct mb_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct mb_experiment *e = &experiments[i];
        text_head(e, keys, n_keys, out);
        mb_xbuf_printf(out, "%-16s  %-28s  %12s  %12s  %12s  %12s  %12s  %s\n", "arm", "figure",
                       "control", "arm's", "difference", "low", "high", "verdict");
        for (size_t a = 1; a < e->n_arms; a++)
            for (int f = 0; f < MB_ARMS_FIGURES; f++)
                text_difference(&e->arms[a], f, out);
        text_ratio(e, out);
    }
}

/* --- JSON --- */

static void json_number(struct mb_json_writer *w, const char *key, double value)
{
    mb_jsonw_key(w, key);
    mb_jsonw_f64(w, value);
}

static void json_text(struct mb_json_writer *w, const char *key, const char *text)
{
    mb_jsonw_key(w, key);
    mb_jsonw_str(w, mb_slice_of(text));
}

static void json_arm(struct mb_json_writer *w, const struct mb_arm *arm, bool control)
{
    mb_jsonw_object(w);
    mb_jsonw_key(w, "arm");
    mb_jsonw_str(w, arm->name);
    mb_jsonw_key(w, "exposures");
    mb_jsonw_u64(w, arm->exposures);
    json_number(w, "share", arm->share);
    mb_jsonw_key(w, "differences");
    mb_jsonw_array(w);
    for (int f = 0; f < MB_ARMS_FIGURES && !control; f++) {
        const struct mb_arms_difference *d = &arm->differences[f];
        mb_jsonw_object(w);
        json_text(w, "figure", mb_arms_figure_name((enum mb_arms_figure)f));
        json_number(w, "control", d->control);
        json_number(w, "arm", d->arm);
        json_number(w, "low", d->low);
        json_number(w, "high", d->high);
        json_text(w, "verdict", mb_arms_verdict_text(d->verdict));
        mb_jsonw_object_end(w);
    }
    mb_jsonw_array_end(w);
    mb_jsonw_object_end(w);
}

void cli_arms_json(const struct mb_experiment *experiments, size_t count,
                   const enum mb_report_key *keys, size_t n_keys, struct mb_json_writer *w)
{
    mb_jsonw_key(w, "experiments");
    mb_jsonw_array(w);
    for (size_t i = 0; i < count; i++) {
        const struct mb_experiment *e = &experiments[i];
        mb_jsonw_object(w);
        for (size_t k = 0; k < n_keys; k++) {
            if (keys[k] == MB_REPORT_ARM)
                continue;
            mb_jsonw_key(w, mb_report_key_name(keys[k]));
            if (mb_slice_present(e->keys[k]))
                mb_jsonw_str(w, e->keys[k]);
            else
                mb_jsonw_null(w);
        }
        mb_jsonw_key(w, "control");
        mb_jsonw_str(w, e->arms[0].name);
        json_text(w, "sample_ratio", mb_arms_ratio_text(e->ratio));
        json_number(w, "p", e->p);
        mb_jsonw_key(w, "arms");
        mb_jsonw_array(w);
        for (size_t a = 0; a < e->n_arms; a++)
            json_arm(w, &e->arms[a], a == 0);
        mb_jsonw_array_end(w);
        mb_jsonw_object_end(w);
    }
    mb_jsonw_array_end(w);
}

/* --- CSV --- */

void cli_arms_csv_headings(struct mb_buf *out)
{
    mb_xbuf_add_text(out, ",exposures,share,sample_ratio");
    for (int f = 0; f < MB_ARMS_FIGURES; f++) {
        const char *name = mb_arms_figure_name((enum mb_arms_figure)f);
        mb_xbuf_printf(out, ",%s_difference,%s_low,%s_high,%s_verdict", name, name, name, name);
    }
}

static const struct mb_arm *arm_of(const struct mb_experiment *e, const enum mb_report_key *keys,
                                   size_t n_keys, const struct mb_slice *row)
{
    struct mb_slice name = MB_SLICE_NONE;
    for (size_t k = 0; k < n_keys; k++) {
        if (keys[k] == MB_REPORT_ARM)
            name = row[k];
        else if (!mb_slice_eq(e->keys[k], row[k]))
            return NULL;
    }
    for (size_t a = 0; a < e->n_arms; a++)
        if (mb_slice_present(name) && mb_slice_eq(e->arms[a].name, name))
            return &e->arms[a];
    return NULL;
}

static void csv_arm(const struct mb_experiment *e, const struct mb_arm *arm, struct mb_buf *out)
{
    char text[3][32];
    mb_xbuf_printf(out, ",%llu,%s,%s", (unsigned long long)arm->exposures,
                   number(arm->share, false, text[0]), mb_arms_ratio_text(e->ratio));
    for (int f = 0; f < MB_ARMS_FIGURES; f++) {
        const struct mb_arms_difference *d = &arm->differences[f];
        if (arm == e->arms)
            mb_xbuf_add_text(out, ",,,,control");
        else
            mb_xbuf_printf(out, ",%s,%s,%s,%s",
                           number(isnan(d->low) ? NAN : d->arm - d->control, false, text[0]),
                           number(d->low, false, text[1]), number(d->high, false, text[2]),
                           mb_arms_verdict_text(d->verdict));
    }
}

void cli_arms_csv_cells(const struct mb_experiment *experiments, size_t count,
                        const enum mb_report_key *keys, size_t n_keys, const struct mb_slice *row,
                        struct mb_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct mb_arm *arm = arm_of(&experiments[i], keys, n_keys, row);
        if (arm) {
            csv_arm(&experiments[i], arm, out);
            return;
        }
    }
    for (int i = 0; i < 3 + 4 * MB_ARMS_FIGURES; i++)
        mb_xbuf_add_char(out, ',');
}
