/* latency.h - how long the newest frames of a call spent in each stage of this side.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BROWSER_LATENCY_H
#define BROWSER_LATENCY_H

#include <jansson.h>
#include <stdint.h>
#include <xcall/call.h>
#include <xcall/trace.h>

#define LATENCY_FRAMES 256 /* the newest of each kind and direction; a power of two */
#define LATENCY_STAGES 6

struct latency_ring {
    float ms[LATENCY_STAGES][LATENCY_FRAMES];
    uint32_t next[LATENCY_STAGES]; /* counts up without end */
};

struct latency {
    struct latency_ring rings[2][2]; /* audio, video; sent, received */
};

void latency_add(struct latency *latency, const xcall_frame_trace *trace);
/* {"audio":{"sent":{"encode":{"p50":ms,"p95":ms},...},"received":{...}},"video":...}; stages that no
 * frame has passed are left out. Owned by the caller. */
json_t *latency_json(const struct latency *latency);

#endif
