/* flow.h - whether media flows in the four directions of a call, judged from the statistics.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PEER_FLOW_H
#define PEER_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xcall/call.h>

enum { FLOW_AUDIO_SENT, FLOW_AUDIO_RECEIVED, FLOW_VIDEO_SENT, FLOW_VIDEO_RECEIVED, FLOW_COUNT };

struct flow {
    bool asked[FLOW_COUNT];
    uint64_t total[FLOW_COUNT];
    uint64_t moved_ns[FLOW_COUNT]; /* when the total last grew */
    uint64_t now_ns;
    bool held, held_here; /* the peer, this side holds the call: nothing is expected */
};

/* Takes a snapshot. pictures_read: taken by this program. */
void flow_update(struct flow *flow, const xcall_stats *stats, uint64_t pictures_read,
                 uint64_t now_ns);
/* 0 when all that was asked for flowed and did not stop; 1 and a sentence otherwise. */
int flow_verdict(const struct flow *flow, char *sentence, size_t size);

#endif
