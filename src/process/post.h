/* post.h - what post.c and post_spool.c share: the list of events whose fate has not come back. */
#ifndef MB_PROCESS_POST_H
#define MB_PROCESS_POST_H

#include "books.h"

enum { MB__SPOOL_ENTRIES_MAX = 8192 }; /* in one write */

struct mb__post_entry {
    struct mb__post_entry *prev, *next;
    struct mb_event *event; /* a clone of ours */
    void *ticket;
    int64_t sequence;
    int64_t queued_ms;
    bool sent;     /* over the present connection */
    bool refused;  /* it could not be recorded when it was sent last */
    bool answered; /* on_safe or on_failed was called */
    bool spooled;
    size_t bytes; /* when it is packed */
};

enum mb__spool_job { MB__JOB_NONE, MB__JOB_WRITE, MB__JOB_DROP };

struct mb__post {
    struct mb__post_options options;
    int poll_fd; /* epoll over `fd`, which changes: whoever waits for us has one that does not */
    int fd;      /* -1: not connected */
    bool welcome;
    bool full;          /* the socket takes no more: `poll_fd` waits for room too */
    int64_t connect_ms; /* not before */
    int64_t resend_ms;  /* what was refused; 0: nothing */
    struct mb__post_entry *head, *tail;
    struct mb__post_entry *unsent; /* all before it are sent, or wait for resend_ms */
    size_t n_entries, n_unanswered, n_spooled, n_bytes;
    int64_t last_sequence;
    struct mb__spool spool;
    struct mb__post_counts counts;
    struct mb_error refusal; /* code 0: none */
    /* the job: the thread's while it runs */
    enum mb__spool_job job;
    struct mb_buf records;
    int64_t sequences[MB__SPOOL_ENTRIES_MAX];
    size_t n_sequences;
    int rc;
    bool spool_failing; /* said once */
    struct mb_error spool_err;
    struct mb_buf packet; /* scratch */
    char room[MB__LINE_ROOM];
};

/* Tells the sender, if it has not been told. */
void mb__post_answer(struct mb__post *post, struct mb__post_entry *entry, bool safe);

/* Takes the entry out of the list and frees it. */
void mb__post_forget(struct mb__post *post, struct mb__post_entry *entry);

#endif /* MB_PROCESS_POST_H */
