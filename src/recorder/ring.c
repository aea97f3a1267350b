/* ring.c - blocks of bytes from one thread to another, without a lock.
 *
 * Head and tail only grow; a block lies in one piece, so one that would go over the end leaves the
 * rest of the ring empty, with a mark, and begins at its start. The writer alone moves the head,
 * the reader alone the tail.
 */
#include "internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { HEAD_BYTES = 8 };
#define SKIP UINT32_MAX /* in place of a block's length: it begins anew */

struct mb__ring {
    char *memory;
    size_t bytes;
    _Alignas(64) _Atomic uint64_t head; /* bytes ever written */
    uint64_t room_at;                   /* where the block that is being written begins */
    uint64_t known_tail;                /* the writer need not look often */
    _Alignas(64) _Atomic uint64_t tail; /* bytes ever read */
};

struct mb__ring *mb__xring_new(size_t bytes)
{
    struct mb__ring *ring = aligned_alloc(64, sizeof(*ring));

    if (!ring) {
        abort();
    }
    memset(ring, 0, sizeof(*ring));
    ring->bytes = bytes;
    /* Pages that no record has reached cost nothing. */
    ring->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ring->memory == MAP_FAILED) {
        abort();
    }
    return ring;
}

void mb__ring_free(struct mb__ring *ring)
{
    munmap(ring->memory, ring->bytes);
    free(ring);
}

static size_t rounded(size_t bytes)
{
    return (HEAD_BYTES + bytes + HEAD_BYTES - 1) & ~(size_t)(HEAD_BYTES - 1);
}

static void set_length(struct mb__ring *ring, uint64_t at, uint32_t length)
{
    memcpy(ring->memory + (at & (ring->bytes - 1)), &length, sizeof(length));
}

static uint32_t length_at(const struct mb__ring *ring, uint64_t at)
{
    uint32_t length;

    memcpy(&length, ring->memory + (at & (ring->bytes - 1)), sizeof(length));
    return length;
}

static bool is_free(struct mb__ring *ring, uint64_t end)
{
    if (end - ring->known_tail > ring->bytes) {
        ring->known_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    }
    return end - ring->known_tail <= ring->bytes;
}

char *mb__ring_room(struct mb__ring *ring, size_t bytes)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t wanted = rounded(bytes), to_end = ring->bytes - (head & (ring->bytes - 1));
    uint64_t at = wanted > to_end ? head + to_end : head;

    if (wanted > ring->bytes || !is_free(ring, at + wanted)) {
        return NULL;
    }
    if (at != head) {
        set_length(ring, head, SKIP);
    }
    ring->room_at = at;
    return ring->memory + (at & (ring->bytes - 1)) + HEAD_BYTES;
}

void mb__ring_put(struct mb__ring *ring, size_t bytes)
{
    set_length(ring, ring->room_at, (uint32_t)bytes);
    atomic_store_explicit(&ring->head, ring->room_at + rounded(bytes), memory_order_release);
}

struct mb_slice mb__ring_first(struct mb__ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    if (tail != head && length_at(ring, tail) == SKIP) {
        tail += ring->bytes - (tail & (ring->bytes - 1));
        atomic_store_explicit(&ring->tail, tail, memory_order_release);
    }
    if (tail == head) {
        return MB_SLICE_NONE;
    }
    return mb_slice(ring->memory + (tail & (ring->bytes - 1)) + HEAD_BYTES, length_at(ring, tail));
}

void mb__ring_drop(struct mb__ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    atomic_store_explicit(&ring->tail, tail + rounded(length_at(ring, tail)), memory_order_release);
}
