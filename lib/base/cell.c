/* cell.c - see cell.h.
 * SPDX-License-Identifier: MIT */
#include "base/cell.h"

#define XC_CELL_FRESH 4u

bool xc_cell_init(struct xc_cell *cell, struct xc_arena *arena, uint32_t size)
{
    memset(cell, 0, sizeof *cell);
    cell->size = size;
    cell->back = 0;
    cell->front = 2;
    atomic_init(&cell->middle, 1);
    cell->slots = xc_arena_take(arena, (size_t)3 * size);
    return cell->slots || xc_arena_measuring(arena);
}

void xc_cell_write(struct xc_cell *cell, const void *value)
{
    memcpy(cell->slots + (size_t)cell->back * cell->size, value, cell->size);
    uint32_t old =
        atomic_exchange_explicit(&cell->middle, cell->back | XC_CELL_FRESH, memory_order_acq_rel);
    cell->back = old & ~XC_CELL_FRESH;
}

bool xc_cell_read(struct xc_cell *cell, void *value)
{
    bool fresh = (atomic_load_explicit(&cell->middle, memory_order_relaxed) & XC_CELL_FRESH) != 0;
    if (fresh) {
        uint32_t old = atomic_exchange_explicit(&cell->middle, cell->front, memory_order_acq_rel);
        cell->front = old & ~XC_CELL_FRESH;
    }
    memcpy(value, cell->slots + (size_t)cell->front * cell->size, cell->size);
    return fresh;
}
