/* flow.c - whether media flows in the four directions of a call, judged from the statistics.
 *
 * SPDX-License-Identifier: MIT */
#include "flow.h"

#include <stdio.h>

/* Opus with DTX sends a packet each 400 ms, a still picture may wait a few seconds. */
#define STOPPED_NS 5000000000u

static const char *const names[FLOW_COUNT] = {"audio was sent", "audio was received",
                                              "video was sent", "video was received"};

void flow_update(struct flow *flow, const xcall_stats *stats, uint64_t pictures_read,
                 uint64_t now_ns)
{
    const xcall_rtp_received_stats *audio = &stats->audio_received;
    uint64_t played = audio->total_samples_received > audio->concealed_samples
                          ? audio->total_samples_received - audio->concealed_samples
                          : 0;
    uint64_t decoded = stats->video_received.frames_decoded;
    const uint64_t now[FLOW_COUNT] = {
        stats->audio_sent.packets_sent, audio->packets_received ? played : 0,
        stats->video_sent.packets_sent, decoded < pictures_read ? decoded : pictures_read};
    flow->now_ns = now_ns;
    for (int i = 0; i < FLOW_COUNT; i++) {
        if (now[i] > flow->total[i] || flow->held || flow->held_here || flow->idle[i])
            flow->moved_ns[i] = now_ns;
        flow->total[i] = now[i];
    }
}

/* The last look is as of the hang-up, which may lie before the look before it. */
static uint64_t still_ns(const struct flow *flow, int i)
{
    return flow->now_ns > flow->moved_ns[i] ? flow->now_ns - flow->moved_ns[i] : 0;
}

int flow_verdict(const struct flow *flow, char *sentence, size_t size)
{
    for (int i = 0; i < FLOW_COUNT; i++) {
        if (!flow->asked[i])
            continue;
        if (flow->total[i] == 0) {
            snprintf(sentence, size, "no %s", names[i]);
            return 1;
        }
        if (still_ns(flow, i) > STOPPED_NS) {
            snprintf(sentence, size, "media stopped: no %s in the last %.1f s", names[i],
                     (double)still_ns(flow, i) / 1e9);
            return 1;
        }
    }
    return 0;
}
