/* dtmf.h - digits as telephone events (RFC 4733): what to send in place of an audio frame.
 *
 *   idle --digit--> tone: updates, 0xffff segments --> end, three times --> gap --> next digit
 *        --comma--> pause of 2 s (audio flows)
 *
 * Driven by the audio's own frames: one packet a frame at most, so that a tone keeps the time of the
 * voice around it. Limits as of W3C RTCDTMFSender. By value, no memory, owner: the session's shard.
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_DTMF_H
#define XC_PROTO_DTMF_H

#include "base/base.h"
#include "wire/telephone_event.h"

#define XC_DTMF_DIGITS_MAX 32 /* that wait */
#define XC_DTMF_DURATION_MS_MIN 40
#define XC_DTMF_DURATION_MS_MAX 6000
#define XC_DTMF_GAP_MS_MIN 30
#define XC_DTMF_GAP_MS_MAX 6000
#define XC_DTMF_PAUSE_MS 2000 /* of a comma */
#define XC_DTMF_END_PACKETS 3 /* RFC 4733 section 2.5.1.4 */
#define XC_DTMF_VOLUME 10     /* -10 dBm0 */

struct xc_dtmf_digit {
    char digit;
    uint16_t duration_ms, gap_ms;
};

enum xc_dtmf_state { XC_DTMF_IDLE, XC_DTMF_TONE, XC_DTMF_ENDING, XC_DTMF_WAITING };

struct xc_dtmf { /* all zero: idle */
    struct xc_dtmf_digit digits[XC_DTMF_DIGITS_MAX];
    uint8_t first, count;
    uint8_t state; /* XC_DTMF_* */
    uint8_t ends_left;
    struct xc_dtmf_digit now;
    uint32_t start; /* RTP: of the tone, later of its end */
    uint32_t total; /* units, of the tone or of the wait */
    uint32_t done;  /* units of the tone in segments that are over */
    bool cancelled;
};

struct xc_dtmf_packet {
    uint8_t payload[XC_TELEPHONE_EVENT_SIZE];
    uint32_t timestamp; /* of the event's segment, on the scale of the audio frames */
    bool marker;        /* the first packet of an event */
    bool end;
    char digit;
};

/* All of `digits` (0-9 A-D a-d * # and comma) behind what waits. False, and nothing queued, when one
 * of them is no digit, duration or gap is out of bounds, or they do not all find a place. */
bool xc_dtmf_queue(struct xc_dtmf *dtmf, const char *digits, size_t size, uint32_t duration_ms,
                   uint32_t gap_ms);
/* Forgets what waits; a tone that sounds ends with the next frame. */
void xc_dtmf_cancel(struct xc_dtmf *dtmf);
/* Does anything wait, sound or pause? */
bool xc_dtmf_active(const struct xc_dtmf *dtmf);
/* How many digits have not begun. */
uint32_t xc_dtmf_waiting(const struct xc_dtmf *dtmf);
/* At every audio frame (also one that DTX does not send): `timestamp` of its first sample and its
 * length, 48 kHz. True: *out goes out and the audio frame does not. */
bool xc_dtmf_next(struct xc_dtmf *dtmf, uint32_t timestamp, uint32_t frame_duration,
                  struct xc_dtmf_packet *out);

#endif
