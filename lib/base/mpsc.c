/* mpsc.c - see mpsc.h.
 * SPDX-License-Identifier: MIT */
#include "base/mpsc.h"

bool xc_mpsc_init(struct xc_mpsc *queue, struct xc_arena *arena, uint32_t count)
{
    xc_assert(count && (count & (count - 1)) == 0);
    memset(queue, 0, sizeof *queue);
    queue->count = count;
    queue->cells = xc_arena_take(arena, (size_t)count * sizeof *queue->cells);
    if (!queue->cells)
        return xc_arena_measuring(arena);
    for (uint32_t i = 0; i < count; i++)
        atomic_init(&queue->cells[i].turn, i);
    return true;
}

bool xc_mpsc_put(struct xc_mpsc *queue, uint64_t word)
{
    uint32_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
    for (;;) {
        struct xc_mpsc_cell *cell = &queue->cells[head & (queue->count - 1)];
        uint32_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
        int32_t ahead = xc_seq32_diff(turn, head);
        if (ahead < 0)
            return false;
        if (ahead > 0) {
            head = atomic_load_explicit(&queue->head, memory_order_relaxed);
            continue;
        }
        if (atomic_compare_exchange_weak_explicit(&queue->head, &head, head + 1,
                                                  memory_order_relaxed, memory_order_relaxed)) {
            cell->word = word;
            /* seq_cst, not release: who puts next looks whether the consumer sleeps (io/wake.h). */
            atomic_store_explicit(&cell->turn, head + 1, memory_order_seq_cst);
            return true;
        }
    }
}

bool xc_mpsc_get(struct xc_mpsc *queue, uint64_t *word)
{
    struct xc_mpsc_cell *cell = &queue->cells[queue->tail & (queue->count - 1)];
    uint32_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
    if (xc_seq32_diff(turn, queue->tail + 1) < 0)
        return false;
    *word = cell->word;
    atomic_store_explicit(&cell->turn, queue->tail + queue->count, memory_order_release);
    queue->tail++;
    return true;
}
