/* timers.c - a binary heap of calls by deadline; each call knows its place. Shard only.
 * SPDX-License-Identifier: MIT */
#include "engine/engine.h"

#define NOWHERE UINT32_MAX

static void place(struct xc_shard *shard, uint32_t at, struct xc_call *call)
{
    shard->heap[at] = call;
    call->heap_at = at;
}

static void sift_up(struct xc_shard *shard, uint32_t at)
{
    struct xc_call *call = shard->heap[at];
    while (at > 0 && shard->heap[(at - 1) / 2]->deadline > call->deadline) {
        place(shard, at, shard->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(shard, at, call);
}

static void sift_down(struct xc_shard *shard, uint32_t at)
{
    struct xc_call *call = shard->heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= shard->heap_count)
            break;
        if (child + 1 < shard->heap_count &&
            shard->heap[child + 1]->deadline < shard->heap[child]->deadline)
            child++;
        if (shard->heap[child]->deadline >= call->deadline)
            break;
        place(shard, at, shard->heap[child]);
        at = child;
    }
    place(shard, at, call);
}

void xc_timers_set(struct xc_shard *shard, struct xc_call *call, uint64_t deadline)
{
    uint64_t before = call->deadline;
    call->deadline = deadline;
    if (call->heap_at == NOWHERE) {
        place(shard, shard->heap_count++, call);
        sift_up(shard, call->heap_at);
    } else if (deadline < before) {
        sift_up(shard, call->heap_at);
    } else if (deadline > before) {
        sift_down(shard, call->heap_at);
    }
}

void xc_timers_remove(struct xc_shard *shard, struct xc_call *call)
{
    uint32_t at = call->heap_at;
    if (at == NOWHERE)
        return;
    call->heap_at = NOWHERE;
    struct xc_call *last = shard->heap[--shard->heap_count];
    if (last == call)
        return;
    place(shard, at, last);
    sift_up(shard, at);
    sift_down(shard, last->heap_at);
}
