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
};

/* Zeroed memory aligned to XC_CACHE_LINE, or NULL when measuring or out of room. */
static inline void *xc_arena_take(struct xc_arena *arena, size_t size)
{
    size_t at = arena->used;
    arena->used += (size + XC_CACHE_LINE - 1) & ~(size_t)(XC_CACHE_LINE - 1);
    if (!arena->memory || arena->used > arena->capacity)
        return NULL;
    memset(arena->memory + at, 0, size);
    return arena->memory + at;
}

static inline bool xc_arena_measuring(const struct xc_arena *arena)
{
    return arena->memory == NULL;
}

#endif
