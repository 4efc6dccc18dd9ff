/* latency.c - how long the newest frames of a call spent in each stage of this side.
 *
 * The stages are those of xcall-report; only one side's traces are known here, so those of sent frames
 * end when the last packet left and those of received ones begin when the first one came.
 *
 * SPDX-License-Identifier: MIT */
#include "latency.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct stage {
    const char *name;
    size_t first, last; /* stamps in xcall_frame_trace */
};

#define STAGE(name, first, last)                                                                   \
    {                                                                                              \
        name, offsetof(xcall_frame_trace, first), offsetof(xcall_frame_trace, last)                \
    }
static const struct stage stages[2][LATENCY_STAGES] = {
    {STAGE("collect", capture, written), STAGE("wait", written, encode_start),
     STAGE("encode", encode_start, encode_end), STAGE("packetize", encode_end, packetized),
     STAGE("send", packetized, sent), STAGE("total", capture, sent)},
    {STAGE("arrive", received_first, received_last), STAGE("buffer", received_last, decode_start),
     STAGE("decode", decode_start, decode_end), STAGE("deliver", decode_end, delivered),
     STAGE("total", received_first, delivered)},
};

static uint64_t stamp(const xcall_frame_trace *trace, size_t offset)
{
    uint64_t value;
    memcpy(&value, (const char *)trace + offset, sizeof value);
    return value;
}

void latency_add(struct latency *latency, const xcall_frame_trace *trace)
{
    uint32_t received = trace->received != 0;
    struct latency_ring *ring = &latency->rings[trace->kind == XCALL_KIND_VIDEO][received];
    for (uint32_t i = 0; i < LATENCY_STAGES && stages[received][i].name; i++) {
        uint64_t first = stamp(trace, stages[received][i].first);
        uint64_t last = stamp(trace, stages[received][i].last);
        if (first && last >= first)
            ring->ms[i][ring->next[i]++ % LATENCY_FRAMES] = (float)(last - first) / 1e6f;
    }
}

static int compare(const void *left, const void *right)
{
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

static json_t *figures(const float *ms, uint32_t count)
{
    float ordered[LATENCY_FRAMES];
    memcpy(ordered, ms, count * sizeof *ms);
    qsort(ordered, count, sizeof *ordered, compare);
    return json_pack("{s:f, s:f}", "p50", (double)ordered[(count - 1) / 2], "p95",
                     (double)ordered[(count - 1) * 95 / 100]);
}

json_t *latency_json(const struct latency *latency)
{
    static const char *const kinds[] = {"audio", "video"}, *const directions[] = {"sent",
                                                                                  "received"};
    json_t *all = json_object();
    for (int kind = 0; kind < 2; kind++) {
        json_t *of_kind = json_object();
        for (int received = 0; received < 2; received++) {
            const struct latency_ring *ring = &latency->rings[kind][received];
            json_t *direction = json_object();
            for (int i = 0; i < LATENCY_STAGES && stages[received][i].name; i++) {
                uint32_t count = ring->next[i] < LATENCY_FRAMES ? ring->next[i] : LATENCY_FRAMES;
                if (count)
                    json_object_set_new(direction, stages[received][i].name,
                                        figures(ring->ms[i], count));
            }
            json_object_set_new(of_kind, directions[received], direction);
        }
        json_object_set_new(all, kinds[kind], of_kind);
    }
    return all;
}
