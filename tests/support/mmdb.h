/* mmdb.h - writes small geo databases in MaxMind's format (MaxMind DB 2.0), for tests: nets into a
 * binary tree, records as maps. Include cmocka.h before it. */
#ifndef MB_TESTS_MMDB_H
#define MB_TESTS_MMDB_H

#include <arpa/inet.h>
#include <string.h>

#include "moonbid/base.h"

enum { NODES_MAX = 1024, NO_NODE = -1, DATA_FLAG = 1 << 20 };

struct writer {
    bool v6;
    int nodes[NODES_MAX][2]; /* NO_NODE, a node, or DATA_FLAG | offset of the record */
    int n_nodes;
    struct mb_buf data;
};

static void put_control(struct mb_buf *out, int type, size_t size)
{
    assert_true(size < 29 + 256);
    size_t low = size < 29 ? size : 29;
    mb_xbuf_add_char(out, (char)((type > 7 ? 0 : type << 5) | (int)low));
    if (type > 7) {
        mb_xbuf_add_char(out, (char)(type - 7));
    }
    if (low == 29) {
        mb_xbuf_add_char(out, (char)(size - 29));
    }
}

static void put_map(struct mb_buf *out, size_t pairs)
{
    put_control(out, 7, pairs);
}

static void put_array(struct mb_buf *out, size_t items)
{
    put_control(out, 11, items);
}

static void put_text(struct mb_buf *out, const char *text)
{
    put_control(out, 2, strlen(text));
    mb_xbuf_add_text(out, text);
}

static void put_number(struct mb_buf *out, int type, uint64_t value, size_t bytes)
{
    put_control(out, type, bytes);
    while (bytes-- > 0) {
        mb_xbuf_add_char(out, (char)(value >> (8 * bytes)));
    }
}

static void put_double(struct mb_buf *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_number(out, 3, bits, 8);
}

static int new_node(struct writer *w)
{
    assert_true(w->n_nodes < NODES_MAX);
    w->nodes[w->n_nodes][0] = w->nodes[w->n_nodes][1] = NO_NODE;
    return w->n_nodes++;
}

/* The record is what was appended to w->data since `record`. */
static void put_net(struct writer *w, const char *net, int bits, size_t record)
{
    uint8_t address[16] = {0};
    bool v4 = !strchr(net, ':');
    assert_int_equal(inet_pton(v4 ? AF_INET : AF_INET6, net, v4 && w->v6 ? address + 12 : address),
                     1);
    bits += v4 && w->v6 ? 96 : 0;
    int node = 0;
    for (int i = 0; i < bits; i++) {
        int bit = address[i / 8] >> (7 - i % 8) & 1;
        if (i == bits - 1) {
            w->nodes[node][bit] = DATA_FLAG | (int)record;
        } else {
            if (w->nodes[node][bit] == NO_NODE) {
                int next = new_node(w);
                w->nodes[node][bit] = next;
            }
            node = w->nodes[node][bit];
        }
    }
}

static void put_metadata(struct mb_buf *out, const struct writer *w)
{
    mb_xbuf_add(out, "\xab\xcd\xefMaxMind.com", 14);
    put_map(out, 9);
    put_text(out, "binary_format_major_version"), put_number(out, 5, 2, 2);
    put_text(out, "binary_format_minor_version"), put_number(out, 5, 0, 2);
    put_text(out, "build_epoch"), put_number(out, 9, 1700000000, 8);
    put_text(out, "database_type"), put_text(out, "Test");
    put_text(out, "description"), put_map(out, 1), put_text(out, "en"), put_text(out, "test");
    put_text(out, "ip_version"), put_number(out, 5, w->v6 ? 6 : 4, 2);
    put_text(out, "languages"), put_array(out, 1), put_text(out, "en");
    put_text(out, "node_count"), put_number(out, 6, (uint64_t)w->n_nodes, 4);
    put_text(out, "record_size"), put_number(out, 5, 24, 2);
}

static void write_database(const struct writer *w, struct mb_buf *out)
{
    for (int i = 0; i < w->n_nodes; i++) {
        for (int side = 0; side < 2; side++) {
            int to = w->nodes[i][side];
            int record = to == NO_NODE    ? w->n_nodes
                         : to & DATA_FLAG ? w->n_nodes + 16 + (to & ~DATA_FLAG)
                                          : to;
            mb_xbuf_add_char(out, (char)(record >> 16));
            mb_xbuf_add_char(out, (char)(record >> 8));
            mb_xbuf_add_char(out, (char)record);
        }
    }
    mb_xbuf_add(out, (char[16]){0}, 16);
    mb_xbuf_add_slice(out, mb_buf_slice(&w->data));
    put_metadata(out, w);
}

#endif /* MB_TESTS_MMDB_H */
