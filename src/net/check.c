/* check.c - what a request must be beyond what llhttp checks, and the request as the handler sees
 * it.
 *
 * Two kinds of refusal. Where the end of the request is in doubt (line ends, transfer codings,
 * lengths) nothing behind it can be trusted: answered at once, and the connection ends. Where only
 * its content is wrong (Host, Content-Encoding) the body is read to its end, the answer is given in
 * its place, and the connection lives. A client that waits for 100 may or may not send its body
 * after a refusal, so there the first kind serves.
 *
 * No 411: a request with neither Content-Length nor Transfer-Encoding has no body (RFC 9112, 6.3),
 * so the handler sees an empty one and says what it thinks of that.
 */
#include "internal.h"

#include <string.h>

/* --- the lines themselves --- */

/* "METHOD target HTTP/1.x", single blanks. llhttp takes more blanks, other protocols, and no
 * version at all. */
static bool check_request_line(struct mb__net_message *msg)
{
    const char *method_end = memchr(msg->base, ' ', msg->header_bytes);
    if (method_end == NULL || method_end + 1 != msg->base + msg->target_at)
        return mb__net_message_fail(msg, 400, "more than one blank before the target",
                                    msg->target_at);
    uint32_t end = msg->target_at + msg->target_len;
    struct mb_slice rest = mb_slice(msg->base + end, msg->header_bytes - end);
    bool versioned = mb_slice_starts(rest, MB_SLICE(" HTTP/"));
    if (!versioned && msg->base[end] == ' ')
        return mb__net_message_fail(msg, 400, "no HTTP version behind the target", end + 1);
    if (!versioned || msg->parser.http_major != 1)
        return mb__net_message_fail(msg, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here", end);
    if (msg->parser.method == HTTP_CONNECT) /* a 2xx would turn the connection into a tunnel */
        return mb__net_message_fail(msg, 501, "no tunnels here", 0);
    return true;
}

/* Lines end with CRLF, hold no other CR, no LF and no NUL, and none continues the one before. */
static bool check_lines(struct mb__net_message *msg)
{
    const char *at = msg->base;
    const char *end = at + msg->header_bytes;
    const char *nul = memchr(at, '\0', msg->header_bytes);
    if (nul != NULL)
        return mb__net_message_fail(msg, 400, "NUL in the headers", (uint64_t)(nul - at));
    while (at < end) {
        uint64_t place = (uint64_t)(at - msg->base);
        if (*at == ' ' || *at == '\t')
            return mb__net_message_fail(msg, 400, "folded header line", place);
        if (*at == ':')
            return mb__net_message_fail(msg, 400, "header without a name", place);
        const char *cr = memchr(at, '\r', (size_t)(end - at));
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        if (cr == NULL || lf != cr + 1) {
            const char *bare = cr != NULL && (lf == NULL || cr < lf) ? cr : lf;
            return mb__net_message_fail(msg, 400, "bare CR or LF in the headers",
                                        (uint64_t)(bare - msg->base));
        }
        at = lf + 1;
    }
    return true;
}

/* --- the headers that decide about the request itself --- */

struct findings {
    uint32_t hosts, lengths, codings;
    bool chunked; /* the last transfer coding seen */
};

/* A comma would be allowed in a name, but it is what two joined Host headers look like. */
static bool is_host_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == ':' || (c != '\0' && strchr("-_~%!$&'()*+;=[]", c) != NULL);
}

/* Host with or without a port; no user, no blank, not empty. */
static bool is_host(struct mb_slice host)
{
    for (size_t i = 0; i < host.len; i++) {
        if (!is_host_char((unsigned char)host.data[i]))
            return false;
    }
    return host.len > 0;
}

/* Where the authority of a target in absolute form begins and ends; absent for another form. */
static struct mb_slice authority_of(struct mb_slice target)
{
    if (mb_slice_starts(target, MB_SLICE("/"))) /* nearly all: not worth a search */
        return MB_SLICE_NONE;
    long scheme = mb_slice_find(target, MB_SLICE("://"));
    if (scheme < 0)
        return MB_SLICE_NONE;
    size_t from = (size_t)scheme + 3, to = from;
    while (to < target.len && strchr("/?#", target.data[to]) == NULL)
        to++;
    return mb_slice(target.data + from, to - from);
}

/* Origin form, or absolute form with a host, whatever Host says beside it; only OPTIONS may ask
 * about "*". */
static void check_target(struct mb__net_message *msg)
{
    struct mb_slice target = mb_slice(msg->base + msg->target_at, msg->target_len);
    struct mb_slice authority = authority_of(target);
    if (mb_slice_is(target, "*")
            ? msg->parser.method != HTTP_OPTIONS
            : !mb_slice_starts(target, MB_SLICE("/")) && !mb_slice_present(authority))
        mb__net_message_reject(msg, 400, "not a target of this method", msg->target_at);
    else if (mb_slice_present(authority) && !is_host(authority))
        mb__net_message_reject(msg, 400, "not a host in the target", msg->target_at);
}

static bool check_codings(struct mb__net_message *msg, struct mb_slice value, uint32_t at,
                          struct findings *found)
{
    while (mb_slice_present(value)) {
        struct mb_slice coding = mb_slice_trim(mb_slice_cut(&value, ','));
        if (mb_slice_empty(coding))
            continue;
        if (!mb_slice_eq_nocase(coding, MB_SLICE("chunked")))
            return mb__net_message_fail(msg, 501, "no transfer coding but chunked is known here",
                                        at);
        if (found->chunked)
            return mb__net_message_fail(msg, 400, "chunked twice", at);
        found->chunked = true;
    }
    return true;
}

/* Content-Encoding is a list, over all headers of the name; one coding of those known is taken. */
static void check_encoding(struct mb__net_message *msg, struct mb_slice value, uint32_t at)
{
    while (mb_slice_present(value)) {
        struct mb_slice coding = mb_slice_trim(mb_slice_cut(&value, ','));
        if (mb_slice_empty(coding) || mb_slice_eq_nocase(coding, MB_SLICE("identity")))
            continue;
        if (msg->coding != MB__NET_CODING_NONE)
            mb__net_message_reject(msg, 415, "more than one content encoding", at);
        else if (mb_slice_eq_nocase(coding, MB_SLICE("gzip")) ||
                 mb_slice_eq_nocase(coding, MB_SLICE("x-gzip")))
            msg->coding = MB__NET_CODING_GZIP;
        else if (mb_slice_eq_nocase(coding, MB_SLICE("deflate")))
            msg->coding = MB__NET_CODING_DEFLATE;
        else
            mb__net_message_reject(msg, 415, "content encoding not taken here", at);
    }
}

static bool check_expect(struct mb__net_message *msg, struct mb_slice value, uint32_t at)
{
    if (msg->parser.http_minor == 0)
        return true; /* to be ignored, says RFC 9110, 10.1.1 */
    if (!mb_slice_eq_nocase(value, MB_SLICE("100-continue")))
        return mb__net_message_fail(msg, 417, "no expectation but 100-continue is met here", at);
    msg->expects_continue = mb__net_message_has_body(msg);
    return true;
}

static bool check_field(struct mb__net_message *msg, uint32_t i, struct findings *found)
{
    const struct mb__net_field *field = &msg->fields[i];
    struct mb_slice name = mb__net_message_name(msg, i);
    uint32_t at = field->name_at;
    if (msg->base[at + field->name_len] != ':')
        return mb__net_message_fail(msg, 400, "blank between header name and colon",
                                    at + field->name_len);
    switch (name.len) { /* most headers are none of these: do not compare them five times */
    case 4:
        if (mb_slice_eq_nocase(name, MB_SLICE("host"))) {
            found->hosts++;
            if (!is_host(mb__net_message_value(msg, i)))
                mb__net_message_reject(msg, 400, "not a host", at);
        }
        return true;
    case 6:
        if (mb_slice_eq_nocase(name, MB_SLICE("expect")))
            return check_expect(msg, mb__net_message_value(msg, i), at);
        return true;
    case 14:
        found->lengths += mb_slice_eq_nocase(name, MB_SLICE("content-length"));
        return true;
    case 16:
        if (mb_slice_eq_nocase(name, MB_SLICE("content-encoding")))
            check_encoding(msg, mb__net_message_value(msg, i), at);
        return true;
    case 17:
        if (mb_slice_eq_nocase(name, MB_SLICE("transfer-encoding"))) {
            found->codings++;
            return check_codings(msg, mb__net_message_value(msg, i), at, found);
        }
        return true;
    default:
        return true;
    }
}

/* How long the body is must be said once and in one way. */
static bool check_length(struct mb__net_message *msg, const struct findings *found)
{
    uint32_t end = msg->header_bytes;
    if (found->lengths > 1)
        return mb__net_message_fail(msg, 400, "more than one Content-Length", end);
    if (found->lengths > 0 && found->codings > 0)
        return mb__net_message_fail(msg, 400, "both Content-Length and Transfer-Encoding", end);
    if (found->codings > 0 && msg->parser.http_minor == 0)
        return mb__net_message_fail(msg, 400, "Transfer-Encoding in HTTP/1.0", end);
    if (found->codings > 0 && !found->chunked)
        return mb__net_message_fail(msg, 400, "empty Transfer-Encoding", end);
    if (msg->parser.content_length > msg->body_limit)
        return mb__net_message_fail(msg, 413, "body too large", end);
    return true;
}

bool mb__net_check_request(struct mb__net_message *msg)
{
    struct findings found = {0};
    if (!check_lines(msg) || !check_request_line(msg))
        return false;
    check_target(msg);
    for (uint32_t i = 0; i < msg->n_fields; i++) {
        if (!check_field(msg, i, &found))
            return false;
    }
    if (!check_length(msg, &found))
        return false;
    if (found.hosts > 1 || (found.hosts == 0 && msg->parser.http_minor > 0))
        mb__net_message_reject(msg, 400, found.hosts ? "more than one Host" : "no Host",
                               msg->header_bytes);
    if (msg->status != 0 && msg->expects_continue)
        msg->readable = false;
    return msg->status == 0 || msg->readable;
}

/* --- as the handler sees it --- */

static enum mb_http_method method_of(uint8_t method)
{
    switch (method) {
    case HTTP_GET:
        return MB_HTTP_GET;
    case HTTP_HEAD:
        return MB_HTTP_HEAD;
    case HTTP_POST:
        return MB_HTTP_POST;
    default:
        return MB_HTTP_OTHER;
    }
}

/* Path and query of a target in origin, absolute, authority or asterisk form. A fragment has no
 * business here and is left out. */
static void split_target(struct mb_http_request *out)
{
    struct mb_slice rest = out->target;
    struct mb_slice authority = authority_of(rest);
    if (mb_slice_present(authority)) {
        size_t at = (size_t)(authority.data - rest.data) + authority.len;
        rest = mb_slice(rest.data + at, rest.len - at);
    }
    long fragment = mb_slice_find_char(rest, '#');
    if (fragment >= 0)
        rest.len = (size_t)fragment;
    out->path = mb_slice_cut(&rest, '?');
    out->query = rest;
    if (mb_slice_empty(out->path))
        out->path = MB_SLICE("/");
}

void mb__net_request_fill(const struct mb__net_message *msg, struct mb_http_header *headers,
                          struct mb_http_request *out)
{
    mb__net_message_headers(msg, headers);
    *out = (struct mb_http_request){
        .method = method_of(msg->parser.method),
        .method_name = mb_slice(msg->base, msg->target_at - 1),
        .target = mb_slice(msg->base + msg->target_at, msg->target_len),
        .body = mb__net_message_body(msg),
        .headers = headers,
        .n_headers = msg->n_fields,
    };
    split_target(out);
}

struct mb_slice mb_http_header(const struct mb_http_request *request, struct mb_slice name)
{
    for (size_t i = 0; i < request->n_headers; i++) {
        if (mb_slice_eq_nocase(request->headers[i].name, name))
            return request->headers[i].value;
    }
    return MB_SLICE_NONE;
}
