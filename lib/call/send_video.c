/* send_video.c - frames of video on their way to packets: payload descriptors, what the headers say of
 * a frame, and key frames within their budget (proto/key_budget.h). Runs on the shard.
 * SPDX-License-Identifier: MIT */
#include "base/ntp.h"
#include "call/session_state.h"
#include "call/video_payload.h"

/* Bytes of a frame in a packet at the most; headers, tag and RTX's two bytes fit beside it. */
#define PAYLOAD_MAX 1100

/* Asks the encoder for a key frame if one is due. */
static void follow_budget(struct xc_session *session, uint64_t now, int track)
{
    struct xc_video_state *video = xc_video_of(session, track);
    if (!xc_key_budget_due(&video->keys, now, xc_session_round_trip(session)))
        return;
    session->work |= XC_WORK_ENCODE << (track - XC_VIDEO);
    xc_video_send_force_key(xc_video_send_of(session, track));
}

void xc_send_video_want_key(struct xc_session *session, uint64_t now, int track)
{
    if (!session->out[track].sending)
        return;
    xc_key_budget_request(&xc_video_of(session, track)->keys, now, xc_session_round_trip(session));
    follow_budget(session, now, track);
}

void xc_send_video_start(struct xc_session *session, uint64_t now, int track)
{
    struct xc_video_state *video = xc_video_of(session, track);
    xc_video_send_pause(xc_video_send_of(session, track), false);
    xc_key_budget_init(&video->keys);
    video->rotation_told = 0;
    session->out[track].capture_told = 0;
    xc_send_video_want_key(session, now, track);
}

/* What the frame's packets say beside it: how it stands with its last packet (TS 26.114 section
 * 7.4.5), that it is to be shown at once until the peer is known to have heard it. */
static struct xc_rtp_values frame_values(struct xc_session *session, int track,
                                         const struct xc_video_frame *frame)
{
    struct xc_rtp_values values = {0};
    struct xc_stream_out *out = &session->out[track];
    struct xc_video_state *video = xc_video_of(session, track);
    values.has_rotation = frame->key || frame->rotation || video->rotation_told;
    values.rotation = video->rotation_told = frame->rotation;
    values.has_playout_delay =
        (session->call.video_flags & XCALL_VIDEO_LOW_DELAY) != 0 && (frame->key || !out->reported);
    if (!out->capture_told || frame->capture >= out->capture_told + XC_NS_PER_S) {
        out->capture_told = frame->capture;
        values.has_capture = true;
        values.capture_ntp = xc_ntp_from_unix_ns(session->unix_epoch + frame->capture);
    }
    return values;
}

static void packetize(struct xc_session *session, uint64_t now, int track,
                      const struct xc_video_frame *frame)
{
    struct xc_stream_out *out = &session->out[track];
    struct xc_rtp_values values = frame_values(session, track, frame);
    uint32_t room = (uint32_t)XC_MIN(xc_rtp_sender_room(out->rtp, &values),
                                     (size_t)PAYLOAD_MAX + XC_VIDEO_PAYLOAD_HEAD_MAX) -
                    XC_VIDEO_PAYLOAD_HEAD_MAX;
    /* Even parts: a short last packet costs as much as a full one and delays nothing less. */
    uint32_t packets = (frame->size + room - 1) / room;
    uint32_t part = (frame->size + packets - 1) / packets;
    xc_rtp_sender_capture(out->rtp, frame->capture, frame->timestamp);
    uint64_t tag = xc_frame_log_video_packetized(
        session, track, frame, packets, out->rtp->next_sequence, xc_session_clock(session, now));
    for (uint32_t at = 0; at < frame->size; at += part) {
        uint8_t head[XC_VIDEO_PAYLOAD_HEAD_MAX];
        uint32_t n = XC_MIN(part, frame->size - at);
        bool last = at + n == frame->size;
        struct xc_rtp_values own = values;
        own.has_rotation = values.has_rotation && last;
        size_t head_size = xc_video_payload_head(frame, at == 0, last, head);
        if (!xc_rtp_sender_add(out->rtp, now, frame->timestamp, last, tag,
                               xc_span_make(head, head_size), xc_span_make(frame->bytes + at, n),
                               &own, 0)) {
            /* The queue is full of packets that nobody could send: start over with a key frame. */
            xc_rtp_sender_drop_waiting(out->rtp);
            xc_send_video_want_key(session, now, track);
            return;
        }
    }
    xc_key_budget_sent(&xc_video_of(session, track)->keys, now, frame->size, frame->key);
}

void xc_send_video_service(struct xc_session *session, uint64_t now, int track)
{
    struct xc_video_send *send = xc_video_send_of(session, track);
    struct xc_video_state *video = xc_video_of(session, track);
    uint32_t encode = XC_WORK_ENCODE << (track - XC_VIDEO);
    if (!send)
        return;
    follow_budget(session, now, track);
    const struct xc_video_frame *frame;
    while ((frame = xc_video_send_take(send)) != NULL) {
        if (session->out[track].sending && frame->size)
            packetize(session, now, track, frame);
        xc_video_send_release(send);
        session->work |= encode; /* a picture may have waited for the place */
    }
    if (now >= xc_video_send_deadline(send))
        session->work |= encode;
    if (video->prepare_at && session->connected_at)
        video->prepare_at =
            xc_earlier(video->prepare_at, session->connected_at + XC_PREPARE_AFTER_CONNECT);
    if (video->prepare_at && now >= video->prepare_at) {
        video->prepare_at = 0;
        session->work |= encode;
    }
}

uint64_t xc_send_video_deadline(const struct xc_session *session, uint64_t now, int track)
{
    const struct xc_video_state *video = &session->video[track - XC_VIDEO];
    if (!session->out[track].present)
        return XC_NEVER;
    uint64_t at = session->out[track].sending
                      ? xc_key_budget_deadline(&video->keys, xc_session_round_trip(session))
                      : XC_NEVER;
    uint64_t due = xc_video_send_deadline(xc_video_send_of(session, track));
    return xc_earlier(at, due > now ? due : XC_NEVER); /* due: the worker was told */
}
