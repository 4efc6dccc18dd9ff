/* xcall/trace.h - when each frame passed each stage.
 *
 * Ask for traces with xcall_call_config.trace_frames and read them often enough: when a ring is full
 * the newest are left out. Reading does not slow the media path.
 *
 * SPDX-License-Identifier: MIT */
#ifndef XCALL_TRACE_H
#define XCALL_TRACE_H

#include <xcall/base.h>
#include <xcall/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Stamps in ns of the engine's clock, which is xcall_now_ns() unless clock_permille or threads = 0 make
 * it another; 0: did not happen on this side. A frame sent by one side and received by the other has
 * the same ssrc and rtp_timestamp in both traces. */
typedef struct xcall_frame_trace {
    uint32_t kind;     /* XCALL_KIND_* */
    uint32_t received; /* 1: from the peer, 0: sent */
    uint32_t ssrc;
    uint32_t rtp_timestamp;
    uint64_t sequence; /* of the first packet; extended where received */
    uint32_t bytes;    /* encoded */
    uint32_t packets;
    uint32_t key;
    uint32_t reserved;
    uint64_t capture; /* the host's capture time */
    uint64_t written; /* write() handed in its last sample or the picture */
    uint64_t encode_start;
    uint64_t encode_end;
    uint64_t packetized;
    uint64_t sent;           /* the last packet left */
    uint64_t received_first; /* the first packet arrived */
    uint64_t received_last;
    uint64_t assembled; /* video: whole and in order; audio: in the jitter buffer */
    uint64_t decode_start;
    uint64_t decode_end;
    uint64_t delivered; /* audio: read() returned its first sample; video: video_read() took it */
} xcall_frame_trace;

/* Copies up to `capacity` oldest traces of the call; trace_size is sizeof(xcall_frame_trace) of the
 * caller's header. Returns how many. Errors: ENDED, INVALID, STATE (not asked for at create). */
XCALL_API int32_t xcall_trace_read(xcall_engine *engine, xcall_id call, xcall_frame_trace *traces,
                                   uint32_t trace_size, uint32_t capacity);
/* Writes traces in the Chrome trace-event form (one row a stage) to a file. name: of the process
 * row. Errors: INVALID, SYSTEM. Allocates and writes: not for a real-time thread. */
XCALL_API int32_t xcall_trace_write_json(const char *path, const char *name,
                                         const xcall_frame_trace *traces, uint32_t trace_size,
                                         uint32_t count);

#ifdef __cplusplus
}
#endif

#endif
