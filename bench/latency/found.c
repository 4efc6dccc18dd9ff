/* found.c - frames that were found again: their figures, and the traces that belong to them.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "latency.h"

#define COLUMNS 16

static void columns_of(struct latency_found *found, double **columns[COLUMNS])
{
    double **fixed[] = {&found->end_to_end, &found->added,      &found->pull_wait, &found->hold,
                        &found->frame,      &found->look_ahead, &found->residual,  &found->bare};
    for (int i = 0; i < 8; i++)
        columns[i] = fixed[i];
    for (int i = 0; i < STAGES; i++)
        columns[8 + i] = &found->stages[i];
}

size_t latency_found_next(struct latency_found *found)
{
    double **columns[COLUMNS];
    columns_of(found, columns);
    if (found->count == found->room) {
        found->room = found->room ? 2 * found->room : 1024;
        for (int i = 0; i < COLUMNS; i++) {
            *columns[i] = realloc(*columns[i], found->room * sizeof(double));
            if (!*columns[i])
                bench_fail("no memory", XCALL_E_MEMORY);
        }
    }
    for (int i = 0; i < COLUMNS; i++)
        (*columns[i])[found->count] = 0;
    return found->count++;
}

void latency_found_free(struct latency_found *found)
{
    double **columns[COLUMNS];
    columns_of(found, columns);
    for (int i = 0; i < COLUMNS; i++)
        free(*columns[i]);
    *found = (struct latency_found){0};
}

const xcall_frame_trace *latency_match(const xcall_frame_trace *received, size_t count,
                                       const xcall_frame_trace *sent)
{
    for (size_t i = 0; i < count; i++)
        if (received[i].ssrc == sent->ssrc && received[i].rtp_timestamp == sent->rtp_timestamp)
            return &received[i];
    return NULL;
}

const xcall_frame_trace *latency_captured(const xcall_frame_trace *sent, size_t count,
                                          uint64_t capture)
{
    for (size_t i = 0; i < count; i++)
        if (sent[i].capture == capture)
            return &sent[i];
    return NULL;
}

double latency_ms(uint64_t from, uint64_t to)
{
    return (double)(int64_t)(to - from) * 1e-6;
}

void latency_add_found(struct bench_report *report, const char *part, const char *buffer,
                       struct latency_found *found)
{
    const char *const names[STAGES] = {"wait",    "encode", "packetize", "pace",
                                       "network", buffer,   "decode",    "deliver"};
    bench_add_quantiles(report, found->end_to_end, found->count, "%s.end_to_end_ms", part);
    bench_add_quantiles(report, found->added, found->count, "%s.engine_added_ms", part);
    for (int i = 0; i < STAGES; i++)
        bench_add_quantiles(report, found->stages[i], found->count, "%s.stages.%s", part, names[i]);
    bench_add_quantiles(report, found->residual, found->count, "%s.residual_ms", part);
}
