/* latency.h - the parts of bench/latency.
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include "../common/common.h"

#define LATENCY_TRACES 16384

enum { /* stages of a frame, in order; they add up to end to end */
       STAGE_WAIT,
       STAGE_ENCODE,
       STAGE_PACKETIZE,
       STAGE_PACE,
       STAGE_NETWORK,
       STAGE_BUFFER, /* jitter_buffer or assemble */
       STAGE_DECODE,
       STAGE_DELIVER,
       STAGES,
};

/* What is known of each frame that was found again, in ms; one array of a kind, grown together. */
struct latency_found {
    double *end_to_end, *added, *pull_wait, *hold, *frame, *look_ahead, *residual, *bare;
    double *stages[STAGES];
    size_t count, room;
};

/* Makes room for one more and returns its place. */
size_t latency_found_next(struct latency_found *found);
void latency_found_free(struct latency_found *found);
/* The received trace of the same frame; NULL when there is none. */
const xcall_frame_trace *latency_match(const xcall_frame_trace *received, size_t count,
                                       const xcall_frame_trace *sent);
/* A sent frame by its capture time. */
const xcall_frame_trace *latency_captured(const xcall_frame_trace *sent, size_t count,
                                          uint64_t capture);
double latency_ms(uint64_t from, uint64_t to); /* may be negative */
void latency_add_found(struct bench_report *report, const char *part, const char *buffer,
                       struct latency_found *found);

/* One run each; false with a line on stderr when it failed. */
bool latency_audio(struct bench_report *report, const struct bench_options *options);
bool latency_video(struct bench_report *report, const struct bench_options *options,
                   const char *part, uint32_t width, uint32_t height, uint32_t bitrate);

/* bare.c: libvpx without anything around it, paced as in the call. ms of each frame into times. */
struct latency_bare {
    double *times; /* by frame number; 0: dropped */
    double psnr;
    double bytes;
};

bool latency_bare_run(const struct bench_video *video, uint32_t bitrate, uint64_t start,
                      uint32_t frames, struct latency_bare *bare);

#endif
