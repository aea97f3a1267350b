/* report.c - what happened: a line each second, and the account at the end as text or JSON. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "moonbid/json.h"

static const char *const models[MB__SIM_MODELS] = {"cpm", "cpc", "smart_cpc"};

static uint64_t sum(const uint64_t counts[MB__SIM_KINDS])
{
    uint64_t total = 0;

    for (size_t kind = 0; kind < MB__SIM_KINDS; kind++) {
        total += counts[kind];
    }
    return total;
}

static double units(int64_t nanos)
{
    return (double)nanos / 1e9;
}

void mb__sim_report_live(const struct mb__sim_account *account, double elapsed_s)
{
    bool terminal = isatty(STDERR_FILENO);
    struct mb__sim_tally tally = mb__sim_account_sum(account);

    fprintf(stderr,
            "%s%5.0f s  requests %llu  bids %llu  sold %llu  billed %llu  won %llu  lost %llu  "
            "clicks %llu  "
            "spend %.4f  rejected %llu  failed %llu%s",
            terminal ? "\r" : "", elapsed_s, (unsigned long long)sum(account->requests),
            (unsigned long long)sum(account->bids), (unsigned long long)tally.sold,
            (unsigned long long)tally.billings, (unsigned long long)tally.wins,
            (unsigned long long)tally.losses, (unsigned long long)tally.clicks,
            units(mb__sim_tally_spend(&tally)), (unsigned long long)account->rejected_total,
            (unsigned long long)account->failed, terminal ? "\033[K" : "\n");
}

/* --- latencies --- */

static const struct {
    const char *name;
    double share;
} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static size_t sort_latencies(struct mb__sim_account *account)
{
    size_t count = account->latency_us.len / sizeof(uint32_t);

    if (count > 0) {
        qsort(account->latency_us.data, count, sizeof(uint32_t), compare_u32);
    }
    return count;
}

/* Of sorted latencies; 0 where there are none. */
static double quantile_ms(const struct mb__sim_account *account, size_t count, double share)
{
    size_t at = (size_t)(share * (double)count);
    uint32_t us;

    if (count == 0) {
        return 0;
    }
    at = at < count ? at : count - 1;
    memcpy(&us, account->latency_us.data + at * sizeof(us), sizeof(us));
    return us / 1000.0;
}

/* --- text --- */

static void print_row(const char *name, int64_t ours, int64_t theirs)
{
    printf("  %-12s %16lld %16lld%s\n", name, (long long)ours, (long long)theirs,
           ours == theirs ? "" : "   <- differs");
}

static void print_comparison(const struct mb__sim_outcome *outcome)
{
    printf("\n  %-12s %16s %16s\n", "both sides", "exchange", "bidder");
    print_row("bids", outcome->ours.bids, outcome->theirs.bids);
    print_row("billings", outcome->ours.billings, outcome->theirs.billings);
    print_row("wins", outcome->ours.wins, outcome->theirs.wins);
    printf("  %-12s %16lld %16lld   (by lurl; the bidder's are at least these)\n", "losses",
           (long long)outcome->ours.losses, (long long)outcome->theirs.losses);
    print_row("clicks", outcome->ours.clicks, outcome->theirs.clicks);
    print_row("spend_nanos", outcome->ours.spend_nanos, outcome->theirs.spend_nanos);
    printf("  %s\n", outcome->agree ? "the sides agree" : "THE SIDES DO NOT AGREE");
}

static void print_protocols(const struct mb__sim_account *account)
{
    printf("  %-16s %10s %10s %10s %10s %10s %16s\n", "", "sold", "billed", "won", "lost", "clicks",
           "spend");
    for (size_t i = 0; i < MB__SIM_PROTOCOLS; i++) {
        const struct mb__sim_tally *tally = &account->tallies[i];
        printf("  %-16s %10llu %10llu %10llu %10llu %10llu %16.9f\n",
               mb__sim_protocol_name((enum mb__sim_protocol)i), (unsigned long long)tally->sold,
               (unsigned long long)tally->billings, (unsigned long long)tally->wins,
               (unsigned long long)tally->losses, (unsigned long long)tally->clicks,
               units(mb__sim_tally_spend(tally)));
    }
}

static void print_rejected(const struct mb__sim_account *account)
{
    printf("rejected answers %llu, notices retried %llu, failed %llu\n",
           (unsigned long long)account->rejected_total, (unsigned long long)account->retried,
           (unsigned long long)account->failed);
    for (size_t i = 0; i < account->n_rejected; i++) {
        printf("  %8llu  %s\n", (unsigned long long)account->rejected[i].count,
               account->rejected[i].why);
    }
}

static void print_text(const struct mb__sim_account *account, size_t n_latencies,
                       const struct mb__sim_outcome *outcome)
{
    uint64_t requests = sum(account->requests);

    printf("\n%llu bid requests in %.1f s (%.0f/s)\n", (unsigned long long)requests,
           outcome->elapsed_s, outcome->elapsed_s > 0 ? (double)requests / outcome->elapsed_s : 0);
    printf("  %-26s %10s %10s %10s\n", "", "requests", "bids", "no bid");
    for (size_t kind = 0; kind < MB__SIM_KINDS; kind++) {
        printf("  %-26s %10llu %10llu %10llu\n", mb__sim_kind_name((enum mb__sim_kind)kind),
               (unsigned long long)account->requests[kind], (unsigned long long)account->bids[kind],
               (unsigned long long)account->nobids[kind]);
    }
    print_protocols(account);
    printf("notices %llu, of them repeated %llu\n", (unsigned long long)account->notices,
           (unsigned long long)account->duplicates);
    printf("latency ms");
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
        printf("  %s %.3f", quantiles[i].name,
               quantile_ms(account, n_latencies, quantiles[i].share));
    }
    puts("");
    print_rejected(account);
    if (outcome->compared) {
        print_comparison(outcome);
    }
}

/* --- JSON --- */

static void write_kinds(struct mb_json_writer *w, const char *key,
                        const uint64_t counts[MB__SIM_KINDS])
{
    mb_jsonw_key(w, key);
    mb_jsonw_object(w);
    for (size_t kind = 0; kind < MB__SIM_KINDS; kind++) {
        mb__sim_key_number(w, mb__sim_kind_name((enum mb__sim_kind)kind), counts[kind]);
    }
    mb_jsonw_object_end(w);
}

static void write_protocols(struct mb_json_writer *w, const struct mb__sim_account *account)
{
    mb_jsonw_key(w, "protocols");
    mb_jsonw_object(w);
    for (size_t i = 0; i < MB__SIM_PROTOCOLS; i++) {
        const struct mb__sim_tally *tally = &account->tallies[i];
        mb_jsonw_key(w, mb__sim_protocol_name((enum mb__sim_protocol)i));
        mb_jsonw_object(w);
        mb__sim_key_number(w, "sold", tally->sold);
        mb__sim_key_number(w, "billings", tally->billings);
        mb__sim_key_number(w, "wins", tally->wins);
        mb__sim_key_number(w, "losses", tally->losses);
        mb__sim_key_number(w, "clicks", tally->clicks);
        mb_jsonw_key(w, "spend_nanos");
        mb_jsonw_object(w);
        for (size_t model = 0; model < MB__SIM_MODELS; model++) {
            mb_jsonw_key(w, models[model]);
            mb_jsonw_i64(w, tally->spend_nanos[model]);
        }
        mb_jsonw_object_end(w);
        mb_jsonw_object_end(w);
    }
    mb_jsonw_object_end(w);
}

static void write_totals(struct mb_json_writer *w, const char *key,
                         const struct mb__sim_totals *totals)
{
    mb_jsonw_key(w, key);
    mb_jsonw_object(w);
    mb_jsonw_key(w, "bids");
    mb_jsonw_i64(w, totals->bids);
    mb_jsonw_key(w, "billings");
    mb_jsonw_i64(w, totals->billings);
    mb_jsonw_key(w, "wins");
    mb_jsonw_i64(w, totals->wins);
    mb_jsonw_key(w, "losses");
    mb_jsonw_i64(w, totals->losses);
    mb_jsonw_key(w, "clicks");
    mb_jsonw_i64(w, totals->clicks);
    mb_jsonw_key(w, "spend_nanos");
    mb_jsonw_i64(w, totals->spend_nanos);
    mb_jsonw_object_end(w);
}

static void write_rejected(struct mb_json_writer *w, const struct mb__sim_account *account)
{
    mb_jsonw_key(w, "rejected");
    mb_jsonw_object(w);
    for (size_t i = 0; i < account->n_rejected; i++) {
        mb__sim_key_number(w, account->rejected[i].why, account->rejected[i].count);
    }
    mb_jsonw_object_end(w);
}

static void print_json(const struct mb__sim_account *account, size_t n_latencies,
                       const struct mb__sim_outcome *outcome)
{
    struct mb_buf text = {0};
    struct mb_json_writer w;

    mb_json_writer_init(&w, &text);
    mb_jsonw_object(&w);
    mb_jsonw_key(&w, "seconds");
    mb_jsonw_f64(&w, outcome->elapsed_s);
    write_kinds(&w, "requests", account->requests);
    write_kinds(&w, "bids", account->bids);
    write_kinds(&w, "nobids", account->nobids);
    mb__sim_key_number(&w, "notices", account->notices);
    mb__sim_key_number(&w, "duplicates", account->duplicates);
    mb__sim_key_number(&w, "retried", account->retried);
    mb__sim_key_number(&w, "failed", account->failed);
    write_rejected(&w, account);
    write_protocols(&w, account);
    mb_jsonw_key(&w, "latency_ms");
    mb_jsonw_object(&w);
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
        mb_jsonw_key(&w, quantiles[i].name);
        mb_jsonw_f64(&w, quantile_ms(account, n_latencies, quantiles[i].share));
    }
    mb_jsonw_object_end(&w);
    write_totals(&w, "exchange", &outcome->ours);
    if (outcome->compared) {
        write_totals(&w, "bidder", &outcome->theirs);
        mb_jsonw_key(&w, "agree");
        mb_jsonw_bool(&w, outcome->agree);
    }
    mb_jsonw_object_end(&w);
    printf("%.*s\n", MB_SLICE_ARG(mb_buf_slice(&text)));
    mb_buf_fini(&text);
}

void mb__sim_report(const struct mb__sim_options *options, struct mb__sim_account *account,
                    const struct mb__sim_outcome *outcome)
{
    size_t n_latencies = sort_latencies(account);

    if (options->json_report) {
        print_json(account, n_latencies, outcome);
    } else {
        print_text(account, n_latencies, outcome);
    }
}
