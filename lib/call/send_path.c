/* send_path.c - the road out, in the order in which a frame travels it: take from the road's ring,
 * encode (audio), packetise, number, pace, protect, address. Runs on the shard.
 *
 *   audio_send: ready, encode ------------------> rtp_sender --------------> SRTP -> datagram
 *   video_send: take -> VP8 payloads (RFC 7741) -> rtp_sender -> pacer ----> SRTP -> datagram
 *
 * Audio and retransmissions of audio never wait for the pacer.
 * SPDX-License-Identifier: MIT */
#include "call/session_state.h"
#include "wire/vp8.h"

/* Audio frames encoded in one turn: a host that writes as fast as it can, and so keeps the ring full,
 * must not keep the shard from its sockets, commands and other calls. */
#define AUDIO_FRAMES_A_TURN 10

static bool may_send(const struct xc_session *session, const struct xc_stream_out *out)
{
    if (!out->wanted || out->section < 0 || !session->srtp || session->ending ||
        session->state == XCALL_STATE_ENDED)
        return false;
    const struct xc_media_agreed *agreed = &session->negotiation.media[out->section];
    return agreed->active && (agreed->direction & XC_SDP_SENDONLY) != 0 && !session->hold_local;
}

static void start_video(struct xc_session *session, uint64_t now)
{
    xc_pacer_set_rate(&session->pacer, now, (uint64_t)session->call.video_bitrate_bps * 5 / 2);
    xc_video_send_pause(session->roads.video_send, false);
    xc_send_path_force_key(session, now);
}

void xc_send_path_update(struct xc_session *session, uint64_t now)
{
    for (int kind = 0; kind < XC_KINDS; kind++) {
        struct xc_stream_out *out = &session->out[kind];
        if (!out->wanted)
            continue;
        bool sending = may_send(session, out);
        if (out->section >= 0 && session->negotiation.media[out->section].active) {
            const struct xc_media_agreed *agreed = &session->negotiation.media[out->section];
            xc_rtp_sender_set_header(out->rtp, agreed->codecs[0].send_payload_type,
                                     agreed->extension_ids[XC_EXT_MID],
                                     xc_span_make(agreed->mid, strlen(agreed->mid)));
        }
        if (sending == out->sending)
            continue;
        out->sending = sending;
        if (kind == XC_VIDEO && sending) {
            start_video(session, now);
        } else if (kind == XC_VIDEO) {
            xc_video_send_pause(session->roads.video_send, true);
            xc_rtp_sender_drop_waiting(out->rtp);
        }
    }
}

void xc_send_path_force_key(struct xc_session *session, uint64_t now)
{
    if (!session->roads.video_send)
        return;
    uint64_t gap = XC_MAX(XC_KEY_INTERVAL_MIN, 2 * xc_session_round_trip(session));
    if (session->last_key_forced && now < session->last_key_forced + gap) {
        session->key_pending = true; /* coalesced: one at the end of the interval */
        session->key_due = session->last_key_forced + gap;
        return;
    }
    session->key_pending = false;
    session->last_key_forced = now;
    session->work |= XC_WORK_ENCODE;
    xc_video_send_force_key(session->roads.video_send);
}

static void service_audio(struct xc_session *session, uint64_t now)
{
    struct xc_audio_send *send = session->roads.audio_send;
    struct xc_stream_out *out = &session->out[XC_AUDIO];
    if (!send)
        return;
    if (!out->sending) {
        xc_audio_send_trim(send);
        return;
    }
    for (int left = AUDIO_FRAMES_A_TURN; left && xc_audio_send_ready(send); left--) {
        struct xc_audio_frame frame;
        uint64_t start = xc_session_clock(session, now);
        bool encoded = xc_audio_send_encode(send, &frame);
        uint64_t end = xc_session_clock(session, now);
        xc_audio_send_add_encode_time(send, end - start);
        if (!encoded)
            continue;
        xc_rtp_sender_capture(out->rtp, frame.capture, frame.timestamp);
        uint64_t sequence = out->rtp->next_sequence;
        if (xc_rtp_sender_add(out->rtp, now, frame.timestamp, frame.marker, 0,
                              xc_span_make(NULL, 0), frame.bytes))
            xc_frame_log_audio_sent(session, &frame, start, end, sequence, now);
    }
}

static void packetize(struct xc_session *session, uint64_t now, const struct xc_video_frame *frame)
{
    struct xc_stream_out *out = &session->out[XC_VIDEO];
    struct xc_vp8_descriptor descriptor = {.start_of_partition = true,
                                           .has_picture_id = true,
                                           .long_picture_id = true,
                                           .picture_id = frame->picture_id};
    /* Even parts: a short last packet costs as much as a full one and delays nothing less. */
    uint32_t packets = (frame->size + XC_VIDEO_PAYLOAD_MAX - 1) / XC_VIDEO_PAYLOAD_MAX;
    uint32_t part = (frame->size + packets - 1) / packets;
    uint64_t first = out->rtp->next_sequence;
    xc_rtp_sender_capture(out->rtp, frame->capture, frame->timestamp);
    uint64_t tag = xc_frame_log_video_packetized(session, frame, packets, first,
                                                 xc_session_clock(session, now));
    for (uint32_t at = 0; at < frame->size; at += part) {
        uint8_t head[XC_VP8_DESCRIPTOR_MAX];
        uint32_t n = XC_MIN(part, frame->size - at);
        descriptor.start_of_partition = at == 0;
        size_t head_size = xc_vp8_write(&descriptor, head, sizeof head);
        if (!xc_rtp_sender_add(out->rtp, now, frame->timestamp, at + n == frame->size, tag,
                               xc_span_make(head, head_size), xc_span_make(frame->bytes + at, n))) {
            /* The queue is full of packets that nobody could send: start over with a key frame. */
            xc_rtp_sender_drop_waiting(out->rtp);
            xc_send_path_force_key(session, now);
            return;
        }
    }
}

static void service_video(struct xc_session *session, uint64_t now)
{
    struct xc_video_send *send = session->roads.video_send;
    if (!send)
        return;
    if (session->key_pending && now >= session->key_due)
        xc_send_path_force_key(session, now);
    const struct xc_video_frame *frame;
    while ((frame = xc_video_send_take(send)) != NULL) {
        if (session->out[XC_VIDEO].sending && frame->size)
            packetize(session, now, frame);
        xc_video_send_release(send);
        session->work |= XC_WORK_ENCODE; /* a picture may have waited for the place */
    }
    if (now >= xc_video_send_deadline(send))
        session->work |= XC_WORK_ENCODE;
    if (session->prepare_at && session->connected_at)
        session->prepare_at =
            xc_earlier(session->prepare_at, session->connected_at + XC_PREPARE_AFTER_CONNECT);
    if (session->prepare_at && now >= session->prepare_at) {
        session->prepare_at = 0;
        session->work |= XC_WORK_ENCODE;
    }
}

void xc_send_path_service(struct xc_session *session, uint64_t now)
{
    xc_send_path_update(session, now);
    service_audio(session, now);
    service_video(session, now);
}

/* One RTP packet into *out, protected. */
static bool emit(struct xc_session *session, uint64_t now, struct xc_stream_out *stream,
                 struct xc_datagram *out, struct xc_rtp_packet_out *info)
{
    if (!xc_rtp_sender_next(stream->rtp, now, out->data, out->capacity, info))
        return false;
    out->size = info->size;
    if (xc_srtp_protect(session->srtp, out->data, &out->size, out->capacity) != XC_SRTP_OK) {
        xc_session_end(session, XCALL_END_FAILED);
        return false;
    }
    xc_pacer_sent(&session->pacer, now, out->size);
    return true;
}

bool xc_send_path_output(struct xc_session *session, uint64_t now, struct xc_datagram *out)
{
    struct xc_stream_out *audio = &session->out[XC_AUDIO], *video = &session->out[XC_VIDEO];
    struct xc_rtp_packet_out info;
    size_t size;
    if (!session->srtp || !xc_transport_route(session, out))
        return false;
    if (audio->sending && xc_rtp_sender_waiting(audio->rtp, &size) &&
        emit(session, now, audio, out, &info))
        return true;
    if (!video->sending || !xc_rtp_sender_waiting(video->rtp, &size) ||
        !xc_pacer_ready(&session->pacer, now, xc_rtp_sender_waiting_bytes(video->rtp)) ||
        !emit(session, now, video, out, &info))
        return false;
    if (!info.retransmission && info.marker)
        xc_frame_log_video_sent(session, info.frame, xc_session_clock(session, now));
    return true;
}

uint64_t xc_send_path_deadline(const struct xc_session *session, uint64_t now)
{
    const struct xc_stream_out *video = &session->out[XC_VIDEO];
    uint64_t at = session->key_pending ? session->key_due : XC_NEVER;
    size_t size;
    if (session->out[XC_AUDIO].sending && session->roads.audio_send &&
        xc_audio_send_ready(session->roads.audio_send))
        return now; /* the rest of a burst: next turn */
    if (session->roads.video_send) {
        uint64_t due = xc_video_send_deadline(session->roads.video_send);
        at = xc_earlier(at, due > now ? due : XC_NEVER); /* due: the worker was told */
    }
    if (video->sending && session->srtp && xc_rtp_sender_waiting(video->rtp, &size))
        at = xc_earlier(
            at, xc_pacer_deadline(&session->pacer, now, xc_rtp_sender_waiting_bytes(video->rtp)));
    return at;
}
