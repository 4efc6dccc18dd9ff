/* xcall/media.h - samples and pictures in and out, encoded frames out.
 *
 * Each track has one writing and one reading thread of the host's at a time (they may differ and may
 * change hands with a barrier of the host's own).
 *
 * What happens when the host is slow or fast:
 *   audio_write in bursts:  200 ms of samples may wait; a block that does not fit is dropped
 *                           (XCALL_E_AGAIN) and counted in samples_dropped
 *   audio_write stops:      nothing is sent; time goes on in the RTP time stamps
 *   audio_read stops:       costs nothing; the next read starts at the newest samples
 *   audio_read late:        playout is sped up (pitch kept) until the delay is back at its target
 *   video_write too fast:   the newest picture wins; replaced ones are counted in frames_dropped
 *   video_read stops:       decoding goes on, the newest pictures are kept
 *
 * SPDX-License-Identifier: MIT */
#ifndef XCALL_MEDIA_H
#define XCALL_MEDIA_H

#include <xcall/base.h>
#include <xcall/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Hands in captured samples: `frames` samples per channel, interleaved, in the call's format.
 * capture_ns: when the first one was captured (clock of xcall_now_ns()); 0: now. Any block length
 * up to the 200 ms that may wait. Errors: AGAIN (dropped), ENDED, INVALID, CLOSED. */
XCALL_REALTIME XCALL_API int32_t xcall_audio_write(xcall_engine *engine, xcall_id track,
                                                   const void *samples, uint32_t frames,
                                                   uint64_t capture_ns);
/* Fills `frames` samples per channel with what is to be played now; silence where there is nothing.
 * Any block length up to 10 s. A call id mixes all its tracks. Returns 0. Errors: ENDED, INVALID,
 * CLOSED (the samples are then untouched). */
XCALL_REALTIME XCALL_API int32_t xcall_audio_read(xcall_engine *engine, xcall_id track,
                                                  void *samples, uint32_t frames);

enum { XCALL_PIXEL_I420 = 1, XCALL_PIXEL_NV12 = 2 };

/* A picture in the host's memory. I420: planes Y, U, V; NV12: planes Y, UV. Strides in bytes. Chroma
 * sides are rounded up. */
typedef struct xcall_picture {
    uint32_t size;
    uint32_t pixel; /* XCALL_PIXEL_* */
    uint32_t width, height;
    uint32_t rotation; /* 0, 90, 180, 270: clockwise turn that makes it upright */
    uint32_t strides[3];
    uint8_t *planes[3];
    /* Write: capture time, 0: now. Read: when the sender captured it, on our clock, within some ms
     * (its sender reports and the capture time extension, half a round trip counted for the way); 0
     * until its first report. */
    uint64_t capture_ns;
    uint32_t rtp_timestamp; /* read: of the frame */
    uint32_t reserved;
} xcall_picture;

XCALL_API void xcall_picture_init(xcall_picture *picture, uint32_t size);
/* Copies the picture in; only the newest is encoded. Errors: INVALID (sides, strides, pixel), ENDED,
 * CLOSED. */
XCALL_REALTIME XCALL_API int32_t xcall_video_write(xcall_engine *engine, xcall_id track,
                                                   const xcall_picture *picture);
/* Takes the picture that is due now into the host's planes: set pixel, planes, strides, and width and
 * height as the room there is; on return width and height are the picture's. Errors: AGAIN (none is
 * due), TOO_SMALL (width and height then say what is needed), ENDED, INVALID, CLOSED. */
XCALL_REALTIME XCALL_API int32_t xcall_video_read(xcall_engine *engine, xcall_id track,
                                                  xcall_picture *picture);

/* An encoded frame as it was sent or received, for recording and forwarding. */
typedef struct xcall_encoded_frame {
    uint32_t size;
    uint32_t kind;     /* XCALL_KIND_* */
    uint32_t received; /* 1: from the peer, 0: sent */
    uint32_t key;      /* video: 1 for a key frame */
    xcall_id track;
    uint64_t time_ns;  /* when it was sent or received */
    uint64_t sequence; /* RTP sequence number of its first packet; extended where received */
    uint32_t rtp_timestamp;
    uint32_t clock_rate;    /* of rtp_timestamp, Hz */
    uint32_t width, height; /* key frames */
    uint64_t bytes;         /* length of the frame */
} xcall_encoded_frame;

XCALL_API void xcall_encoded_frame_init(xcall_encoded_frame *frame, uint32_t size);
/* The oldest kept encoded frame of the call (xcall_call_config.encoded_bytes). When nobody reads, the
 * newest ones are left out. Errors: AGAIN (none), TOO_SMALL (frame->bytes says what is needed),
 * ENDED, INVALID, STATE (not asked for at create). */
XCALL_API int32_t xcall_encoded_read(xcall_engine *engine, xcall_id call,
                                     xcall_encoded_frame *frame, void *bytes, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
