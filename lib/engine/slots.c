/* slots.c - ids and the pins that keep a call's memory while a thread is inside.
 *
 *   pin:   add to pins, then look at generation      (both seq_cst: of a pin and a free that race,
 *   free:  change generation, then look at pins       one sees the other)
 * SPDX-License-Identifier: MIT */
#include "engine/engine.h"

struct xc_call *xc_slot_pin(struct xcall_engine *engine, xcall_id id)
{
    uint32_t index = xc_id_index(id);
    if (index >= engine->slot_count)
        return NULL;
    struct xc_slot *slot = &engine->slots[index];
    atomic_fetch_add_explicit(&slot->pins, 1, memory_order_seq_cst);
    uint32_t generation = atomic_load_explicit(&slot->generation, memory_order_seq_cst);
    if (generation && generation == (uint32_t)(id >> 32))
        return slot->call;
    atomic_fetch_sub_explicit(&slot->pins, 1, memory_order_seq_cst);
    return NULL;
}

struct xc_call *xc_slot_pin_index(struct xcall_engine *engine, uint32_t index)
{
    if (index >= engine->slot_count)
        return NULL;
    struct xc_slot *slot = &engine->slots[index];
    atomic_fetch_add_explicit(&slot->pins, 1, memory_order_seq_cst);
    if (atomic_load_explicit(&slot->generation, memory_order_seq_cst))
        return slot->call;
    atomic_fetch_sub_explicit(&slot->pins, 1, memory_order_seq_cst);
    return NULL;
}

void xc_slot_unpin(struct xc_call *call)
{
    struct xc_slot *slot = &call->engine->slots[call->index];
    atomic_fetch_sub_explicit(&slot->pins, 1, memory_order_seq_cst);
}

/* Under the control lock, as all below but publish's store. */
bool xc_slots_take(struct xcall_engine *engine, uint32_t *index, uint32_t *generation)
{
    uint32_t max = engine->slot_count;
    if (engine->calls_live >= engine->config.calls_max)
        return false;
    for (uint32_t i = 0; i < max; i++) {
        uint32_t at = (engine->next_index + i) % max;
        struct xc_slot *slot = &engine->slots[at];
        if (slot->call || slot->last_generation == INT32_MAX)
            continue; /* one whose generations are used up; the top bit is of channel ids */
        engine->next_index = (at + 1) % max;
        *index = at;
        *generation = ++slot->last_generation;
        engine->calls_live++;
        return true;
    }
    return false;
}

void xc_slots_publish(struct xcall_engine *engine, struct xc_call *call)
{
    struct xc_slot *slot = &engine->slots[call->index];
    slot->call = call;
    uint32_t pins = call->data ? 3 : 2; /* the shard, the creator, the data thread */
    atomic_fetch_add_explicit(&slot->pins, pins, memory_order_seq_cst);
    atomic_fetch_add_explicit(&engine->data_calls, call->data != NULL, memory_order_seq_cst);
    atomic_store_explicit(&slot->generation, call->generation, memory_order_seq_cst);
}

bool xc_slots_free(struct xcall_engine *engine, struct xc_call *call)
{
    struct xc_slot *slot = &engine->slots[call->index];
    atomic_store_explicit(&slot->generation, 0, memory_order_seq_cst);
    if (atomic_load_explicit(&slot->pins, memory_order_seq_cst))
        return false;
    slot->call = NULL;
    return true;
}

void xc_slots_ended(struct xcall_engine *engine)
{
    engine->calls_live--;
}

void xc_slots_return(struct xcall_engine *engine, uint32_t index)
{
    engine->slots[index].call = NULL;
    engine->calls_live--;
}
