/* check.h - what every entry point checks first. SPDX-License-Identifier: MIT */
#ifndef XC_API_CHECK_H
#define XC_API_CHECK_H

#include "engine/engine.h"

/* An engine that may be used: XCALL_OK or the error to answer. Real-time. */
static inline int32_t xc_check_engine(const struct xcall_engine *engine)
{
    if (!engine)
        return XCALL_E_INVALID;
    if (xc_fork_guard_forked(&engine->guard))
        return XCALL_E_FORKED;
    return XCALL_OK;
}

/* Pins the id's call while it is live. Real-time. */
static inline int32_t xc_enter(struct xcall_engine *engine, xcall_id id, struct xc_call **call)
{
    int32_t result = xc_check_engine(engine);
    if (result != XCALL_OK)
        return result;
    *call = xc_slot_pin(engine, id);
    if (!*call)
        return atomic_load_explicit(&engine->closing, memory_order_seq_cst) ? XCALL_E_CLOSED
                                                                            : XCALL_E_ENDED;
    if (!atomic_load_explicit(&(*call)->detached, memory_order_seq_cst))
        return XCALL_OK;
    xc_slot_unpin(*call);
    return atomic_load_explicit(&engine->closing, memory_order_seq_cst) ? XCALL_E_CLOSED
                                                                        : XCALL_E_ENDED;
}

/* As above, but an ended call whose memory is still there will do. */
static inline int32_t xc_enter_ended(struct xcall_engine *engine, xcall_id id,
                                     struct xc_call **call)
{
    int32_t result = xc_check_engine(engine);
    if (result != XCALL_OK)
        return result;
    *call = xc_slot_pin(engine, id);
    return *call ? XCALL_OK : XCALL_E_ENDED;
}

/* Fills a caller's xcall_error and answers its code. */
int32_t xc_report(struct xcall_error *error, int32_t code, const char *text, uint32_t line);

/* Copies the part of a sized struct that both sides know. */
static inline void xc_copy_sized(void *to, const void *from, uint32_t to_size, uint32_t from_size)
{
    memcpy(to, from, XC_MIN(to_size, from_size));
}

#endif
