/* tax.h - the parts of bench/tax. Both sides of the comparison use these settings and contents.
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_TAX_H
#define BENCH_TAX_H

#include "../common/common.h"

#define TAX_WIDTH 640
#define TAX_HEIGHT 360
#define TAX_FRAME_RATE 30
#define TAX_VIDEO_BITRATE 1000000
#define TAX_AUDIO_BITRATE 32000
#define TAX_COMPLEXITY 5
#define TAX_SPEECH_BLOCKS 1000 /* played again and again */
#define TAX_LOOP_FRAMES 60

struct tax_content {
    int16_t *speech;          /* TAX_SPEECH_BLOCKS blocks */
    struct bench_video video; /* without frames in an audio call */
    bool with_video;
    double seconds; /* of media */
};

struct tax_result {
    double cpu;                                /* s, user and system, of everything */
    double audio_packets, video_frames, bytes; /* received, both ways */
};

/* engine.c: a call with both ends in an engine without threads, stepped on the media's clock. */
bool tax_stepped(const struct tax_content *content, struct tax_result *result);
/* The same call on the real clock, with the engine's threads. threads: of the engine. */
bool tax_real_time(const struct tax_content *content, struct tax_result *result, uint32_t *threads);
/* bare.c: the same calls of libopus, libvpx, libsrtp2, sendto and recv, with nothing else. */
bool tax_bare(const struct tax_content *content, struct tax_result *result);

#endif
