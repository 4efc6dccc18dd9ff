/* traces.h - keeps the frame traces of the call and writes them at its end.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PEER_TRACES_H
#define PEER_TRACES_H

#include <stddef.h>
#include <stdint.h>
#include <xcall/call.h>
#include <xcall/trace.h>

#define TRACES_RING 8192      /* frames that the library keeps between two reads */
#define TRACES_MAX (1u << 20) /* kept here; later ones are counted and dropped */

struct traces {
    xcall_frame_trace *items; /* owned */
    uint32_t count, capacity;
    uint64_t dropped;
};

/* Takes what the library has now. */
void traces_collect(struct traces *traces, xcall_engine *engine, xcall_id call);
/* JSON array of objects with the members of xcall_frame_trace, kind in words. 0 or -1. */
int traces_write_raw(const struct traces *traces, const char *path);
void traces_free(struct traces *traces);

#endif
