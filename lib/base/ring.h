/* ring.h - wait-free rings between exactly one producer thread and one consumer thread.
 *
 *   xc_ring       elements of one size, a power of two of them
 *   xc_byte_ring  samples or records as bytes, a power of two of them
 *
 * head (producer) and tail (consumer) stand on cache lines of their own and only ever grow; each is
 * stored with release by its owner and loaded with acquire by the other side. Memory is handed in.
 * SPDX-License-Identifier: MIT */
#ifndef XC_BASE_RING_H
#define XC_BASE_RING_H

#include <stdatomic.h>

#include "base/arena.h"

struct xc_ring {
    _Alignas(XC_CACHE_LINE) _Atomic uint32_t head; /* next to write; pairs with loads by consumer */
    uint32_t tail_seen;                            /* producer's last look at tail */
    _Alignas(XC_CACHE_LINE) _Atomic uint32_t tail; /* next to read; pairs with loads by producer */
    uint32_t head_seen;                            /* consumer's last look at head */
    _Alignas(XC_CACHE_LINE) uint8_t *elements;
    uint32_t element_size; /* from slot to slot, a multiple of 8 */
    uint32_t copy_size;    /* as asked for: what the copying forms copy */
    uint32_t count;        /* power of two */
};

/* count: a power of two. Returns false only when the arena is out of room (not when measuring). */
bool xc_ring_init(struct xc_ring *ring, struct xc_arena *arena, uint32_t element_size,
                  uint32_t count);

/* Producer: the slot to fill, or NULL when the ring is full; then xc_ring_push publishes it. */
static inline void *xc_ring_write_slot(struct xc_ring *ring)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (head - ring->tail_seen == ring->count) {
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (head - ring->tail_seen == ring->count)
            return NULL;
    }
    return ring->elements + (size_t)(head & (ring->count - 1)) * ring->element_size;
}

static inline void xc_ring_push(struct xc_ring *ring)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

/* Consumer: the oldest element, or NULL when empty; then xc_ring_pop gives its slot back. */
static inline void *xc_ring_read_slot(struct xc_ring *ring)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (tail == ring->head_seen) {
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (tail == ring->head_seen)
            return NULL;
    }
    return ring->elements + (size_t)(tail & (ring->count - 1)) * ring->element_size;
}

static inline void xc_ring_pop(struct xc_ring *ring)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
}

/* Copying forms: false when full or empty. */
bool xc_ring_put(struct xc_ring *ring, const void *element);
bool xc_ring_get(struct xc_ring *ring, void *element);
/* How many elements stand in the ring; exact only on the producer's or the consumer's thread. */
uint32_t xc_ring_level(const struct xc_ring *ring);

struct xc_byte_ring {
    _Alignas(XC_CACHE_LINE) _Atomic uint32_t head; /* bytes ever written; pairs with consumer */
    _Alignas(XC_CACHE_LINE) _Atomic uint32_t tail; /* bytes ever read; pairs with producer */
    _Alignas(XC_CACHE_LINE) uint8_t *bytes;
    uint32_t capacity; /* power of two */
};

bool xc_byte_ring_init(struct xc_byte_ring *ring, struct xc_arena *arena, uint32_t capacity);
/* As above, in memory that is not touched until it is used (see arena.h): no real-time thread. */
bool xc_byte_ring_init_untouched(struct xc_byte_ring *ring, struct xc_arena *arena,
                                 uint32_t capacity);
uint32_t xc_byte_ring_level(const struct xc_byte_ring *ring);
uint32_t xc_byte_ring_room(const struct xc_byte_ring *ring);
/* All or nothing: false when there is no room for (or fewer than) `size` bytes. */
bool xc_byte_ring_write(struct xc_byte_ring *ring, const void *bytes, uint32_t size);
bool xc_byte_ring_peek(const struct xc_byte_ring *ring, uint32_t offset, void *bytes,
                       uint32_t size);
bool xc_byte_ring_read(struct xc_byte_ring *ring, void *bytes, uint32_t size);
/* Consumer: forgets up to `size` bytes; returns how many. */
uint32_t xc_byte_ring_skip(struct xc_byte_ring *ring, uint32_t size);
/* Two parts published as one record: a consumer sees both or neither. */
bool xc_byte_ring_write2(struct xc_byte_ring *ring, const void *first, uint32_t first_size,
                         const void *second, uint32_t second_size);
/* The same of any number of parts, for which there must be room. */
struct xc_span;
void xc_byte_ring_write_all(struct xc_byte_ring *ring, const struct xc_span *parts, size_t count);

#endif
