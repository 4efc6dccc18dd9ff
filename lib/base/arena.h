/* arena.h - memory handed in at create, given out in order, never given back piece by piece.
 * An arena over NULL only measures: run the same init twice, first to learn the size, then to take
 * it. That keeps one list of what an object needs (its init) and no heap below io.
 * SPDX-License-Identifier: MIT */
#ifndef XC_BASE_ARENA_H
#define XC_BASE_ARENA_H

#include "base/base.h"

struct xc_arena {
    uint8_t *memory; /* aligned to XC_CACHE_LINE; NULL measures */
    size_t capacity;
    size_t used; /* grows past capacity when it does not fit, so that the caller can tell */
    bool fresh;  /* zero pages of the system that nobody has touched: they need no clearing */
    bool lazy;   /* what is taken now is not used for long: see xc_arena_take_untouched */
};

#define XC_PAGE 4096 /* the smallest page of the systems we run on */

/* The next `size` bytes aligned to XC_CACHE_LINE, not cleared; NULL when measuring or out of room. */
static inline uint8_t *xc_arena_advance(struct xc_arena *arena, size_t size)
{
    size_t at = arena->used;
    arena->used += (size + XC_CACHE_LINE - 1) & ~(size_t)(XC_CACHE_LINE - 1);
    if (!arena->memory || arena->used > arena->capacity)
        return NULL;
    return arena->memory + at;
}

/* Zeroed memory whose every page has been touched, unless the arena is lazy: a real-time thread takes
 * no fault on it. */
static inline void *xc_arena_take(struct xc_arena *arena, size_t size)
{
    uint8_t *memory = xc_arena_advance(arena, size);
    if (!memory || !size)
        return memory;
    if (!arena->fresh)
        return memset(memory, 0, size);
    if (arena->lazy)
        return memory;
    for (size_t at = 0; at < size; at += XC_PAGE)
        *(volatile uint8_t *)(memory + at) = 0;
    *(volatile uint8_t *)(memory + size - 1) = 0;
    return memory;
}

/* Zeroed memory that costs nothing until it is used: for what no real-time thread touches first
 * (frames between workers and shard, pictures that a decoder fills, tables of the control side). */
static inline void *xc_arena_take_untouched(struct xc_arena *arena, size_t size)
{
    uint8_t *memory = xc_arena_advance(arena, size);
    if (memory && !arena->fresh)
        memset(memory, 0, size);
    return memory;
}

static inline bool xc_arena_measuring(const struct xc_arena *arena)
{
    return arena->memory == NULL;
}

#endif
