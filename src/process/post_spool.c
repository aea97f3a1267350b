/* post_spool.c - what waits too long for the bookkeeper is made safe in the worker's own file.
 *
 *     begin    in the loop: copies what is to be written
 *     run      on a thread: writes and syncs
 *     end      in the loop: answers all whose fate did not come meanwhile
 */
#include "post.h"

/* Has something waited for too long, or was it refused? */
static bool must_spool(const struct mb__post *post, int64_t now_ms)
{
    const struct mb__post_entry *entry;

    for (entry = post->n_unanswered > 0 ? post->head : NULL; entry; entry = entry->next) {
        if (!entry->answered &&
            (entry->refused || now_ms - entry->queued_ms >= post->options.slow_ms)) {
            return true;
        }
        if (!entry->answered && !post->resend_ms) {
            return false; /* the oldest; the others are younger */
        }
    }
    return false;
}

bool mb__post_spool_begin(struct mb__post *post, int64_t now_ms)
{
    struct mb__post_entry *entry;

    if (post->job != MB__JOB_NONE) {
        return false;
    }
    if (post->n_spooled == 0 && post->spool.fd >= 0 && post->spool.size > 0) {
        post->job = MB__JOB_DROP;
        return true;
    }
    if (!must_spool(post, now_ms)) {
        return false;
    }
    mb_buf_clear(&post->records);
    post->n_sequences = 0;
    for (entry = post->head; entry && post->n_sequences < MB__SPOOL_ENTRIES_MAX;
         entry = entry->next) {
        if (!entry->answered) {
            mb__xspool_add(&post->records, entry->sequence, entry->event);
            post->sequences[post->n_sequences++] = entry->sequence;
        }
    }
    post->job = MB__JOB_WRITE;
    return true;
}

void mb__post_spool_run(struct mb__post *post)
{
    post->rc = 0;
    if (post->job == MB__JOB_DROP) {
        mb__spool_drop(&post->spool);
    } else {
        post->rc = mb__spool_write(&post->spool, mb_buf_slice(&post->records), &post->spool_err);
    }
}

/* Logs the first failure and the recovery, not each of a thousand tries between them. */
static void note_outcome(struct mb__post *post)
{
    if (post->rc && !post->spool_failing) {
        mb_log(MB_LOG_ERROR, "process", "spool not written, notices are answered 503",
               "where=%s error=%s", post->spool_err.where, post->spool_err.what);
    } else if (!post->rc && post->spool_failing) {
        mb_log(MB_LOG_INFO, "process", "spool written again", NULL);
    }
    post->spool_failing = post->rc != 0;
}

/* What nobody can record and who sent it will send again need not wait here; but what is on its way
 * may have been recorded. */
static void give_up(struct mb__post *post, struct mb__post_entry *entry)
{
    mb__post_answer(post, entry, false);
    if (!entry->sent || entry->refused) {
        mb__post_forget(post, entry);
    }
}

void mb__post_spool_end(struct mb__post *post)
{
    struct mb__post_entry *entry = post->head, *next;
    enum mb__spool_job job = post->job;
    size_t i;

    post->job = MB__JOB_NONE;
    if (job == MB__JOB_DROP) {
        return;
    }
    note_outcome(post);
    for (i = 0; i < post->n_sequences; i++) {
        while (entry && entry->sequence < post->sequences[i]) {
            entry = entry->next;
        }
        if (!entry || entry->sequence != post->sequences[i]) {
            continue; /* its fate came meanwhile */
        }
        next = entry->next;
        if (post->rc) {
            give_up(post, entry);
        } else {
            entry->spooled = true;
            post->n_spooled++;
            post->counts.spooled++;
            mb__post_answer(post, entry, true);
        }
        entry = next;
    }
}
