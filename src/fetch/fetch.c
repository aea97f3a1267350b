/* fetch.c - one thread, one list of jobs, libcurl's multi interface.
 *
 * Why a thread and not the worker's loop: OpenSSL reads its certificates (tens of milliseconds) and
 * shakes hands on the thread that calls it, and while that lasts no bid would be made.
 *
 *     add (owner) -> incoming -> waiting -> under way -> answered: counted, gone
 *                                   ^           |
 *                                   +-----------+  no answer, or an ill server: again, later
 *
 * Only `incoming`, settings, sums and `stopping` are shared, under the lock. The thread works with
 * a copy of the settings.
 */
#include "moonbid/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "moonbid/base.h"
#include "moonbid/metrics.h"

enum {
    ALLOW_MAX = 256,      /* networks, as in the config */
    BODY_MAX = 64 * 1024, /* nobody reads it: what is longer is cut off */
    IDLE_MS = 60000,
    HOSTS = 4096, /* places to count a host's URLs by its hash; two that share one share its bound */
};

struct job {
    struct job *next;
    struct mb_fetch *fetch;
    CURL *easy; /* under way */
    uint64_t host;
    int64_t due_ms;
    unsigned tries;
    bool refused; /* an address of its host may not be called */
    size_t body_bytes;
    size_t len;
    char url[];
};

/* Jobs in their order. */
struct jobs {
    struct job *head, **tail;
};

struct settings {
    struct mb_cidr networks[ALLOW_MAX];
    struct mb_fetch_settings of; /* allow points to `networks` */
};

struct mb_fetch {
    struct mb_fetch_counts *counts;
    pthread_t thread;
    bool started;
    int wake_fd;

    pthread_mutex_t lock;
    struct jobs incoming;
    size_t n_jobs, n_bytes; /* of all that are not gone */
    uint16_t n_of_host[HOSTS];
    struct settings next;
    bool changed, stopping;
    int64_t stop_ms;

    /* the thread's own */
    struct settings now;
    struct jobs waiting;
    struct job *active[MB_FETCH_ACTIVE_MAX];
    size_t n_active;
    CURLM *multi;
};

static int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void append(struct jobs *jobs, struct job *job)
{
    job->next = NULL;
    *jobs->tail = job;
    jobs->tail = &job->next;
}

static struct job *take_out(struct jobs *jobs, struct job **at)
{
    struct job *job = *at;

    *at = job->next;
    if (!job->next) {
        jobs->tail = at;
    }
    return job;
}

static void wake(struct mb_fetch *f)
{
    uint64_t one = 1;

    (void)!write(f->wake_fd, &one, sizeof(one)); /* full: it will wake anyway */
}

static void copy_settings(struct settings *to, const struct mb_fetch_settings *from)
{
    size_t count = from->allow.count < ALLOW_MAX ? from->allow.count : ALLOW_MAX;

    memcpy(to->networks, from->allow.items, count * sizeof(to->networks[0]));
    to->of = *from;
    to->of.allow = (struct mb_cidrs){to->networks, count};
}

/* --- one try --- */

static bool is_allowed(const struct mb_fetch *f, const struct sockaddr *address)
{
    struct mb_ip ip = {{0}};

    if (address->sa_family == AF_INET) {
        memset(ip.bytes + 10, 0xff, 2);
        memcpy(ip.bytes + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        memcpy(ip.bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
    } else {
        return false;
    }
    return mb_fetch_may_call(&ip, f->now.of.allow);
}

static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct job *job = user;

    (void)purpose;
    if (!is_allowed(job->fetch, &address->addr)) {
        job->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t skip_body(char *data, size_t size, size_t n, void *user)
{
    struct job *job = user;

    (void)data;
    job->body_bytes += size * n;
    return job->body_bytes > BODY_MAX ? 0 : size * n;
}

static void start(struct mb_fetch *f, struct job *job)
{
    CURL *easy = curl_easy_init();
    const char *url = job->url;

    if (!easy) {
        abort();
    }
    job->easy = easy;
    job->tries++;
    job->refused = false;
    job->body_bytes = 0;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, job);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)MB_FETCH_REDIRECTS_MAX);
    curl_easy_setopt(easy, CURLOPT_PROXY,
                     ""); /* whatever the environment says: the check is on the address */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)f->now.of.timeout_ms);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "moonbid");
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, job);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, skip_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, job);
    f->active[f->n_active++] = job;
    if (curl_multi_add_handle(f->multi, easy)) {
        abort();
    }
}

static void gone(struct mb_fetch *f, struct job *job, uint64_t *outcome)
{
    mb_metrics_add(outcome, 1);
    pthread_mutex_lock(&f->lock);
    f->n_jobs--;
    f->n_of_host[job->host % HOSTS]--;
    f->n_bytes -= job->len;
    pthread_mutex_unlock(&f->lock);
    free(job);
}

static int64_t random_below(int64_t n)
{
    uint32_t bits = 0;

    (void)!getrandom(&bits, sizeof(bits), 0);
    return n > 0 ? bits % n : 0;
}

static void again_later(struct mb_fetch *f, struct job *job)
{
    int64_t wait_ms = (int64_t)f->now.of.retry_ms << (job->tries - 1);

    job->due_ms = clock_ms() + wait_ms / 2 + random_below(wait_ms + 1);
    mb_metrics_add(&f->counts->retries, 1);
    append(&f->waiting, job);
}

static bool is_ill(long status)
{
    return status >= 500 || status == 408 || status == 429;
}

static void judge(struct mb_fetch *f, struct job *job, CURLcode code, long status)
{
    bool cut = code == CURLE_WRITE_ERROR && job->body_bytes > BODY_MAX;

    if (code == CURLE_OK || cut) {
        if (status >= 200 && status < 300) {
            gone(f, job, &f->counts->delivered);
            return;
        }
        if (!is_ill(status)) {
            gone(f, job, &f->counts->rejected);
            return;
        }
    } else if (job->refused || code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
        gone(f, job, &f->counts->refused);
        return;
    } else if (code == CURLE_TOO_MANY_REDIRECTS) {
        gone(f, job, &f->counts->rejected);
        return;
    }
    if (job->tries < MB_FETCH_TRIES) {
        again_later(f, job);
    } else {
        gone(f, job, &f->counts->failed);
    }
}

/* --- the thread --- */

static void end(struct mb_fetch *f, struct job *job)
{
    size_t i = 0;

    while (f->active[i] != job) {
        i++;
    }
    f->active[i] = f->active[--f->n_active];
    curl_multi_remove_handle(f->multi, job->easy);
    curl_easy_cleanup(job->easy);
    job->easy = NULL;
}

static void take_answers(struct mb_fetch *f)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(f->multi, &left))) {
        CURLcode code = message->data.result;
        struct job *job = NULL;
        long status = 0;

        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &job);
        curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        end(f, job);
        judge(f, job, code, status);
    }
}

static bool is_busy(const struct mb_fetch *f, uint64_t host)
{
    size_t i, count = 0;

    for (i = 0; i < f->n_active; i++) {
        count += f->active[i]->host == host;
    }
    return count >= MB_FETCH_HOST_MAX;
}

/* Starts what is due; gives how long the thread may sleep. A host that is slow holds up nobody
 * else. */
static int start_due(struct mb_fetch *f, bool stopping)
{
    int64_t now_ms = clock_ms(), next_ms = now_ms + IDLE_MS;
    struct job **at = &f->waiting.head;

    while (*at) {
        struct job *job = *at;

        if (stopping && job->tries > 0) {
            gone(f, take_out(&f->waiting, at), &f->counts->dropped);
        } else if (job->due_ms > now_ms) {
            next_ms = job->due_ms < next_ms ? job->due_ms : next_ms;
            at = &job->next;
        } else if (f->n_active == MB_FETCH_ACTIVE_MAX || is_busy(f, job->host)) {
            at = &job->next;
        } else {
            start(f, take_out(&f->waiting, at));
        }
    }
    return (int)(next_ms - now_ms);
}

/* Takes over what the owner has left; false: it is time to end. */
static bool look_up(struct mb_fetch *f, bool *stopping, int64_t *stop_ms)
{
    pthread_mutex_lock(&f->lock);
    if (f->incoming.head) {
        *f->waiting.tail = f->incoming.head;
        f->waiting.tail = f->incoming.tail;
        f->incoming = (struct jobs){NULL, &f->incoming.head};
    }
    if (f->changed) {
        copy_settings(&f->now, &f->next.of);
        f->changed = false;
    }
    *stopping = f->stopping;
    *stop_ms = f->stop_ms;
    pthread_mutex_unlock(&f->lock);
    return !*stopping || (clock_ms() < *stop_ms && (f->n_active > 0 || f->waiting.head));
}

static void drop_rest(struct mb_fetch *f)
{
    while (f->n_active > 0) {
        struct job *job = f->active[0];

        end(f, job);
        gone(f, job, &f->counts->dropped);
    }
    while (f->waiting.head) {
        gone(f, take_out(&f->waiting, &f->waiting.head), &f->counts->dropped);
    }
}

static void *run(void *user)
{
    struct mb_fetch *f = user;
    bool stopping;
    int64_t stop_ms;

    mb_turn_give_way();
    if (curl_global_init(CURL_GLOBAL_DEFAULT) || !(f->multi = curl_multi_init())) {
        abort();
    }
    while (look_up(f, &stopping, &stop_ms)) {
        struct curl_waitfd waker = {.fd = f->wake_fd, .events = CURL_WAIT_POLLIN};
        uint64_t count;
        int running, sleep_ms = start_due(f, stopping);

        curl_multi_perform(f->multi, &running);
        take_answers(f);
        if (stopping) {
            int64_t left_ms = stop_ms - clock_ms();

            sleep_ms = left_ms < 0 ? 0 : left_ms < 20 ? (int)left_ms : 20;
        } else if (f->waiting.head && f->n_active < MB_FETCH_ACTIVE_MAX) {
            sleep_ms =
                sleep_ms < 20 ? sleep_ms : 20; /* an answer may have made room, or a wait begun */
        }
        curl_multi_poll(f->multi, &waker, 1, sleep_ms, NULL);
        (void)!read(f->wake_fd, &count, sizeof(count));
    }
    drop_rest(f);
    curl_multi_cleanup(f->multi);
    curl_global_cleanup();
    return NULL;
}

/* --- the owner --- */

struct mb_fetch *mb_xfetch_new(const struct mb_fetch_settings *settings,
                               struct mb_fetch_counts *counts)
{
    struct mb_fetch *f = calloc(1, sizeof(*f));

    if (!f) {
        abort();
    }
    f->counts = counts;
    f->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (f->wake_fd < 0 || pthread_mutex_init(&f->lock, NULL)) {
        abort();
    }
    f->incoming.tail = &f->incoming.head;
    f->waiting.tail = &f->waiting.head;
    copy_settings(&f->now, settings);
    return f;
}

void mb_fetch_set(struct mb_fetch *f, const struct mb_fetch_settings *settings)
{
    pthread_mutex_lock(&f->lock);
    copy_settings(&f->next, settings);
    f->changed = true;
    pthread_mutex_unlock(&f->lock);
    wake(f);
}

/* Signals are the first thread's business. */
static bool start_thread(struct mb_fetch *f)
{
    sigset_t all, before;

    if (!f->started) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        f->started = pthread_create(&f->thread, NULL, run, f) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    return f->started;
}

/* "//HOST:PORT" of an URL, as a number. */
static uint64_t host_of(struct mb_slice url)
{
    struct mb_slice rest = url;

    (void)mb_slice_cut(&rest, '/');
    (void)mb_slice_cut(&rest, '/');
    return mb_slice_hash(mb_slice_cut(&rest, '/'));
}

void mb_fetch_add(struct mb_fetch *f, struct mb_slice url)
{
    struct job *job;
    bool taken;

    if (memchr(url.data, '\0', url.len)) {
        mb_metrics_add(&f->counts->refused, 1);
        return;
    }
    job = calloc(1, sizeof(*job) + url.len + 1);
    if (!job) {
        abort();
    }
    job->fetch = f;
    job->len = url.len;
    job->host = host_of(url);
    memcpy(job->url, url.data, url.len);
    pthread_mutex_lock(&f->lock);
    taken = f->n_jobs < MB_FETCH_QUEUE_MAX && f->n_bytes + url.len <= MB_FETCH_BYTES_MAX &&
            f->n_of_host[job->host % HOSTS] < MB_FETCH_HOST_QUEUE_MAX && start_thread(f);
    if (taken) {
        f->n_jobs++;
        f->n_of_host[job->host % HOSTS]++;
        f->n_bytes += url.len;
        append(&f->incoming, job);
    }
    pthread_mutex_unlock(&f->lock);
    if (taken) {
        wake(f);
    } else {
        mb_metrics_add(&f->counts->overflow, 1);
        free(job);
    }
}

void mb_fetch_stop(struct mb_fetch *f, uint32_t grace_ms)
{
    if (!f) {
        return;
    }
    if (f->started) {
        pthread_mutex_lock(&f->lock);
        f->stopping = true;
        f->stop_ms = clock_ms() + grace_ms;
        pthread_mutex_unlock(&f->lock);
        wake(f);
        pthread_join(f->thread, NULL);
    }
    close(f->wake_fd);
    pthread_mutex_destroy(&f->lock);
    free(f);
}
