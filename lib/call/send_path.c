/* send_path.c - the road out, in the order in which a frame travels it: take from the road's ring,
 * encode (audio), packetise, number, pace, protect, address. Runs on the shard.
 *
 *   audio_send: ready, encode ------------------> rtp_sender --------------> SRTP -> datagram
 *   video_send: take -> video_payload -----------> rtp_sender -> pacer ----> SRTP -> datagram
 *
 * Audio and retransmissions of audio never wait for the pacer.
 * SPDX-License-Identifier: MIT */
#include "call/session_state.h"
#include "call/video_payload.h"

/* Audio frames encoded in one turn: a host that writes as fast as it can, and so keeps the ring full,
 * must not keep the shard from its sockets, commands and other calls. */
#define AUDIO_FRAMES_A_TURN 10

static bool may_send(const struct xc_session *session, const struct xc_stream_out *out)
{
    if (!out->present || out->section < 0 || !session->srtp || session->ending ||
        session->state == XCALL_STATE_ENDED)
        return false;
    const struct xc_media_agreed *agreed = &session->negotiation.media[out->section];
    return agreed->active && (agreed->direction & XC_SDP_SENDONLY) != 0 && !session->hold_local;
}

static void start_video(struct xc_session *session, uint64_t now, int track)
{
    xc_video_send_pause(xc_video_send_of(session, track), false);
    xc_send_path_force_key(session, now, track);
}

/* One pacer for all video that is sent. */
static void set_pacer(struct xc_session *session, uint64_t now)
{
    uint64_t bps = 0;
    for (int track = XC_VIDEO; track < XC_TRACKS; track++)
        bps += session->out[track].sending ? session->call.video_bitrate_bps : 0;
    if (bps)
        xc_pacer_set_rate(&session->pacer, now, bps * 5 / 2);
}

void xc_send_path_update(struct xc_session *session, uint64_t now)
{
    for (int track = 0; track < XC_TRACKS; track++) {
        struct xc_stream_out *out = &session->out[track];
        if (!out->present)
            continue;
        bool sending = may_send(session, out);
        if (out->section >= 0 && session->negotiation.media[out->section].active) {
            const struct xc_media_agreed *agreed = &session->negotiation.media[out->section];
            struct xc_rtp_sender_header header = {
                .payload_type = agreed->codecs[0].send_payload_type,
                .mid = xc_span_make(agreed->mid, strlen(agreed->mid)),
            };
            header.extension_ids[XC_EXT_MID] = agreed->extension_ids[XC_EXT_MID];
            xc_rtp_sender_set_header(out->rtp, &header);
        }
        if (sending == out->sending)
            continue;
        out->sending = sending;
        if (!xc_track_is_video(track))
            continue;
        if (sending) {
            start_video(session, now, track);
        } else {
            xc_video_send_pause(xc_video_send_of(session, track), true);
            xc_rtp_sender_drop_waiting(out->rtp);
        }
        set_pacer(session, now);
    }
}

void xc_send_path_force_key(struct xc_session *session, uint64_t now, int track)
{
    struct xc_video_state *video = xc_video_of(session, track);
    uint64_t gap = XC_MAX(XC_KEY_INTERVAL_MIN, 2 * xc_session_round_trip(session));
    if (video->last_key_forced && now < video->last_key_forced + gap) {
        video->key_pending = true; /* coalesced: one at the end of the interval */
        video->key_due = video->last_key_forced + gap;
        return;
    }
    video->key_pending = false;
    video->last_key_forced = now;
    session->work |= XC_WORK_ENCODE << (track - XC_VIDEO);
    xc_video_send_force_key(xc_video_send_of(session, track));
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
                              xc_span_make(NULL, 0), frame.bytes, NULL, 0))
            xc_frame_log_audio_sent(session, &frame, start, end, sequence, now);
    }
}

static void packetize(struct xc_session *session, uint64_t now, int track,
                      const struct xc_video_frame *frame)
{
    struct xc_stream_out *out = &session->out[track];
    /* Even parts: a short last packet costs as much as a full one and delays nothing less. */
    uint32_t packets = (frame->size + XC_VIDEO_PAYLOAD_MAX - 1) / XC_VIDEO_PAYLOAD_MAX;
    uint32_t part = (frame->size + packets - 1) / packets;
    uint64_t first = out->rtp->next_sequence;
    xc_rtp_sender_capture(out->rtp, frame->capture, frame->timestamp);
    uint64_t tag = xc_frame_log_video_packetized(session, track, frame, packets, first,
                                                 xc_session_clock(session, now));
    for (uint32_t at = 0; at < frame->size; at += part) {
        uint8_t head[XC_VIDEO_PAYLOAD_HEAD_MAX];
        uint32_t n = XC_MIN(part, frame->size - at);
        size_t head_size = xc_video_payload_head(frame, at == 0, at + n == frame->size, head);
        if (!xc_rtp_sender_add(out->rtp, now, frame->timestamp, at + n == frame->size, tag,
                               xc_span_make(head, head_size), xc_span_make(frame->bytes + at, n),
                               NULL, 0)) {
            /* The queue is full of packets that nobody could send: start over with a key frame. */
            xc_rtp_sender_drop_waiting(out->rtp);
            xc_send_path_force_key(session, now, track);
            return;
        }
    }
}

static void service_video(struct xc_session *session, uint64_t now, int track)
{
    struct xc_video_send *send = xc_video_send_of(session, track);
    struct xc_video_state *video = xc_video_of(session, track);
    uint32_t encode = XC_WORK_ENCODE << (track - XC_VIDEO);
    if (!send)
        return;
    if (video->key_pending && now >= video->key_due)
        xc_send_path_force_key(session, now, track);
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

void xc_send_path_service(struct xc_session *session, uint64_t now)
{
    xc_send_path_update(session, now);
    service_audio(session, now);
    for (int track = XC_VIDEO; track < XC_TRACKS; track++)
        service_video(session, now, track);
}

static uint32_t waiting_bytes(const struct xc_session *session)
{
    uint32_t bytes = 0;
    for (int track = XC_VIDEO; track < XC_TRACKS; track++)
        bytes +=
            session->out[track].sending ? xc_rtp_sender_waiting_bytes(session->out[track].rtp) : 0;
    return bytes;
}

/* One RTP packet into *out, protected. */
static bool emit(struct xc_session *session, uint64_t now, struct xc_stream_out *stream,
                 struct xc_datagram *out, struct xc_rtp_packet_out *info)
{
    if (!xc_rtp_sender_next(stream->rtp, now, NULL, out->data, out->capacity, info))
        return false;
    out->size = info->size;
    if (xc_srtp_protect(session->srtp, out->data, &out->size, out->capacity) != XC_SRTP_OK) {
        xc_session_end(session, XCALL_END_FAILED);
        return false;
    }
    xc_pacer_sent(&session->pacer, now, out->size);
    return true;
}

static bool output_video(struct xc_session *session, uint64_t now, int track,
                         struct xc_datagram *out)
{
    struct xc_stream_out *video = &session->out[track];
    struct xc_rtp_packet_out info;
    size_t size;
    if (!video->sending || !xc_rtp_sender_waiting(video->rtp, &size) ||
        !xc_pacer_ready(&session->pacer, now, waiting_bytes(session)) ||
        !emit(session, now, video, out, &info))
        return false;
    if (!info.retransmission && info.marker)
        xc_frame_log_video_sent(session, track, info.frame, xc_session_clock(session, now));
    return true;
}

bool xc_send_path_output(struct xc_session *session, uint64_t now, struct xc_datagram *out)
{
    struct xc_stream_out *audio = &session->out[XC_AUDIO];
    struct xc_rtp_packet_out info;
    size_t size;
    if (!session->srtp || !xc_transport_route(session, out))
        return false;
    if (audio->sending && xc_rtp_sender_waiting(audio->rtp, &size) &&
        emit(session, now, audio, out, &info))
        return true;
    /* Packet by packet in turn: a large picture of one must not hold up the other. */
    for (int i = 0; i < XC_VIDEOS; i++) {
        session->video_turn = (session->video_turn + 1) % XC_VIDEOS;
        if (output_video(session, now, XC_VIDEO + (int)session->video_turn, out))
            return true;
    }
    return false;
}

uint64_t xc_send_path_deadline(const struct xc_session *session, uint64_t now)
{
    uint64_t at = XC_NEVER;
    if (session->out[XC_AUDIO].sending && xc_audio_send_ready(session->roads.audio_send))
        return now; /* the rest of a burst: next turn */
    for (int track = XC_VIDEO; track < XC_TRACKS; track++) {
        const struct xc_video_state *video = &session->video[track - XC_VIDEO];
        if (!session->out[track].present)
            continue;
        if (video->key_pending)
            at = xc_earlier(at, video->key_due);
        uint64_t due = xc_video_send_deadline(xc_video_send_of(session, track));
        at = xc_earlier(at, due > now ? due : XC_NEVER); /* due: the worker was told */
    }
    if (session->srtp && waiting_bytes(session))
        at = xc_earlier(at, xc_pacer_deadline(&session->pacer, now, waiting_bytes(session)));
    return at;
}
