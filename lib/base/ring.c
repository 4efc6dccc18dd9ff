/* ring.c - see ring.h. Nothing here allocates, locks or waits.
 * SPDX-License-Identifier: MIT */
#include "base/ring.h"

#include "base/bytes.h"

bool xc_ring_init(struct xc_ring *ring, struct xc_arena *arena, uint32_t element_size,
                  uint32_t count)
{
    xc_assert(count && (count & (count - 1)) == 0);
    memset(ring, 0, sizeof *ring);
    ring->element_size = (element_size + 7u) & ~7u;
    ring->copy_size = element_size;
    ring->count = count;
    ring->elements = xc_arena_take(arena, (size_t)ring->element_size * count);
    return ring->elements || xc_arena_measuring(arena);
}

bool xc_ring_put(struct xc_ring *ring, const void *element)
{
    void *slot = xc_ring_write_slot(ring);
    if (!slot)
        return false;
    memcpy(slot, element, ring->copy_size);
    xc_ring_push(ring);
    return true;
}

bool xc_ring_get(struct xc_ring *ring, void *element)
{
    const void *slot = xc_ring_read_slot(ring);
    if (!slot)
        return false;
    memcpy(element, slot, ring->copy_size);
    xc_ring_pop(ring);
    return true;
}

uint32_t xc_ring_level(const struct xc_ring *ring)
{
    return atomic_load_explicit(&ring->head, memory_order_acquire) -
           atomic_load_explicit(&ring->tail, memory_order_acquire);
}

bool xc_byte_ring_init(struct xc_byte_ring *ring, struct xc_arena *arena, uint32_t capacity)
{
    xc_assert(capacity && (capacity & (capacity - 1)) == 0);
    memset(ring, 0, sizeof *ring);
    ring->capacity = capacity;
    ring->bytes = xc_arena_take(arena, capacity);
    return ring->bytes || xc_arena_measuring(arena);
}

bool xc_byte_ring_init_untouched(struct xc_byte_ring *ring, struct xc_arena *arena,
                                 uint32_t capacity)
{
    xc_assert(capacity && (capacity & (capacity - 1)) == 0);
    memset(ring, 0, sizeof *ring);
    ring->capacity = capacity;
    ring->bytes = xc_arena_take_untouched(arena, capacity);
    return ring->bytes || xc_arena_measuring(arena);
}

uint32_t xc_byte_ring_level(const struct xc_byte_ring *ring)
{
    return atomic_load_explicit(&ring->head, memory_order_acquire) -
           atomic_load_explicit(&ring->tail, memory_order_acquire);
}

uint32_t xc_byte_ring_room(const struct xc_byte_ring *ring)
{
    return ring->capacity - xc_byte_ring_level(ring);
}

static void copy_in(struct xc_byte_ring *ring, uint32_t at, const void *bytes, uint32_t size)
{
    uint32_t start = at & (ring->capacity - 1);
    uint32_t first = XC_MIN(size, ring->capacity - start);
    memcpy(ring->bytes + start, bytes, first);
    if (size > first)
        memcpy(ring->bytes, (const uint8_t *)bytes + first, size - first);
}

bool xc_byte_ring_write2(struct xc_byte_ring *ring, const void *first, uint32_t first_size,
                         const void *second, uint32_t second_size)
{
    if (xc_byte_ring_room(ring) < (uint64_t)first_size + second_size)
        return false;
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (first_size)
        copy_in(ring, head, first, first_size);
    if (second_size)
        copy_in(ring, head + first_size, second, second_size);
    atomic_store_explicit(&ring->head, head + first_size + second_size, memory_order_release);
    return true;
}

bool xc_byte_ring_write(struct xc_byte_ring *ring, const void *bytes, uint32_t size)
{
    return xc_byte_ring_write2(ring, bytes, size, NULL, 0);
}

void xc_byte_ring_write_all(struct xc_byte_ring *ring, const struct xc_span *parts, size_t count)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size)
            copy_in(ring, head, parts[i].data, (uint32_t)parts[i].size);
        head += (uint32_t)parts[i].size;
    }
    atomic_store_explicit(&ring->head, head, memory_order_release);
}

bool xc_byte_ring_peek(const struct xc_byte_ring *ring, uint32_t offset, void *bytes, uint32_t size)
{
    if (xc_byte_ring_level(ring) < (uint64_t)offset + size)
        return false;
    uint32_t at = atomic_load_explicit(&ring->tail, memory_order_relaxed) + offset;
    uint32_t start = at & (ring->capacity - 1);
    uint32_t first = XC_MIN(size, ring->capacity - start);
    memcpy(bytes, ring->bytes + start, first);
    if (size > first)
        memcpy((uint8_t *)bytes + first, ring->bytes, size - first);
    return true;
}

uint32_t xc_byte_ring_skip(struct xc_byte_ring *ring, uint32_t size)
{
    /* Looked at once: XC_MIN would look twice, and between the looks the producer may write. */
    uint32_t level = xc_byte_ring_level(ring);
    uint32_t n = XC_MIN(size, level);
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    atomic_store_explicit(&ring->tail, tail + n, memory_order_release);
    return n;
}

bool xc_byte_ring_read(struct xc_byte_ring *ring, void *bytes, uint32_t size)
{
    if (!xc_byte_ring_peek(ring, 0, bytes, size))
        return false;
    xc_byte_ring_skip(ring, size);
    return true;
}
