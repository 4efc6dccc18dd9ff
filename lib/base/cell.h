/* cell.h - a latest-value cell: one writer, one reader, the newest value wins, nobody waits.
 * Three slots: the writer owns one, the reader owns one, the third is exchanged (acquire/release on
 * `middle`, whose FRESH bit says that it holds a value that the reader has not taken).
 * SPDX-License-Identifier: MIT */
#ifndef XC_BASE_CELL_H
#define XC_BASE_CELL_H

#include <stdatomic.h>

#include "base/arena.h"

struct xc_cell {
    uint8_t *slots; /* three of `size` bytes */
    uint32_t size;
    uint32_t back;                                   /* writer's slot */
    _Alignas(XC_CACHE_LINE) _Atomic uint32_t middle; /* slot | XC_CELL_FRESH */
    _Alignas(XC_CACHE_LINE) uint32_t front;          /* reader's slot */
};

bool xc_cell_init(struct xc_cell *cell, struct xc_arena *arena, uint32_t size);
/* Writer: makes *value the newest. */
void xc_cell_write(struct xc_cell *cell, const void *value);
/* Reader: copies the newest value (all zero before the first write); true when it is new. */
bool xc_cell_read(struct xc_cell *cell, void *value);

#endif
