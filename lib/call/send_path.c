/* send_path.c - the road out, in the order in which a frame travels it: take from the road's ring,
 * encode (audio), packetise, number, pace, protect, address. Runs on the shard.
 *
 *   audio_send: ready, encode ------------------> rtp_sender --------------> SRTP -> datagram
 *   video_send: take -> video_payload -----------> rtp_sender -> pacer ----> SRTP -> datagram
 *
 * Audio and retransmissions of audio never wait for the pacer.
 * SPDX-License-Identifier: MIT */
#include "call/session_state.h"

#define VIDEO_BPS_MIN 30000u
#define REMB_LIFE (10 * XC_NS_PER_S) /* a receiver repeats it each second or so while it holds */

/* What the host no longer wishes to send stops at once, before the peer has agreed. */
static bool wishes(const struct xc_session *session, int track)
{
    const struct xc_media_want *want = &session->negotiation.wants[session->want_of[track]];
    return ((want->direction | want->accept) & XC_SDP_SENDONLY) != 0;
}

static bool may_send(const struct xc_session *session, int track)
{
    const struct xc_stream_out *out = &session->out[track];
    if (!out->present || out->section < 0 || !session->srtp || session->ending ||
        session->state == XCALL_STATE_ENDED)
        return false;
    const struct xc_media_agreed *agreed = &session->negotiation.media[out->section];
    return agreed->active && (agreed->direction & XC_SDP_SENDONLY) != 0 && !session->hold_local &&
           wishes(session, track);
}

static uint32_t videos_sending(const struct xc_session *session)
{
    uint32_t count = 0;
    for (int track = XC_VIDEO; track < XC_TRACKS; track++)
        count += session->out[track].sending;
    return count;
}

/* What video may use: as the host set it, less where the peer's REMB allows less for all of it. One
 * pacer for all video. */
void xc_send_path_set_rate(struct xc_session *session, uint64_t now)
{
    uint32_t count = videos_sending(session), bps = session->call.video_bitrate_bps;
    if (!count)
        return;
    if (session->remb_bps)
        bps = (uint32_t)XC_MIN(bps, XC_MAX(session->remb_bps / count, VIDEO_BPS_MIN));
    session->video_bps = bps;
    for (int track = XC_VIDEO; track < XC_TRACKS; track++)
        if (session->out[track].sending)
            xc_video_send_set_bitrate(xc_video_send_of(session, track), bps);
    xc_pacer_set_rate(&session->pacer, now, (uint64_t)bps * count * 5 / 2);
}

/* What the headers of a stream carry from now on. */
static void set_header(struct xc_session *session, struct xc_stream_out *out, int track)
{
    const struct xc_media_agreed *agreed = &session->negotiation.media[out->section];
    /* RED and telephone events name their own type, packet by packet. */
    const struct xc_agreed_codec *codec =
        xc_track_is_video(track) ? &agreed->codecs[0] : xc_negotiate_codec(agreed, XC_CODEC_OPUS);
    struct xc_rtp_sender_header header = {
        .payload_type = codec->send_payload_type,
        .repair_payload_type = codec->repair_send,
        .mid = xc_span_make(agreed->mid, strlen(agreed->mid)),
    };
    for (int known = 0; known < XC_EXT_KNOWN; known++)
        if (agreed->extensions_send >> known & 1)
            header.extension_ids[known] = agreed->extension_ids[known];
    xc_rtp_sender_set_header(out->rtp, &header);
    if (!xc_track_is_video(track))
        return;
    xc_video_send_set_codec(xc_video_send_of(session, track), codec->codec);
    xc_video_send_set_orientation(xc_video_send_of(session, track),
                                  header.extension_ids[XC_EXT_VIDEO_ORIENTATION] != 0);
}

void xc_send_path_agreed(struct xc_session *session, uint64_t now)
{
    for (int track = 0; track < XC_TRACKS; track++)
        if (session->out[track].section >= 0)
            set_header(session, &session->out[track], track);
    xc_send_path_update(session, now);
}

void xc_send_path_update(struct xc_session *session, uint64_t now)
{
    for (int track = 0; track < XC_TRACKS; track++) {
        struct xc_stream_out *out = &session->out[track];
        if (!out->present)
            continue;
        bool sending = may_send(session, track);
        if (sending == out->sending)
            continue;
        out->sending = sending;
        if (!sending)
            xc_rtp_sender_drop_waiting(out->rtp);
        if (track == XC_AUDIO && !sending)
            xc_dtmf_cancel(&session->dtmf); /* digits of before are not wanted after */
        if (!xc_track_is_video(track))
            continue;
        if (sending)
            xc_send_video_start(session, now, track);
        else
            xc_video_send_pause(xc_video_send_of(session, track), true);
        xc_send_path_set_rate(session, now);
    }
}

void xc_send_path_service(struct xc_session *session, uint64_t now)
{
    if (session->remb_bps && now >= session->remb_at + REMB_LIFE) {
        session->remb_bps = 0;
        xc_send_path_set_rate(session, now);
    }
    xc_send_path_update(session, now);
    xc_send_audio_service(session, now);
    for (int track = XC_VIDEO; track < XC_TRACKS; track++)
        xc_send_video_service(session, now, track);
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
    if (!xc_rtp_sender_next(stream->rtp, now, &session->transport_sequence, out->data,
                            out->capacity, info))
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
    for (int track = XC_VIDEO; track < XC_TRACKS; track++)
        at = xc_earlier(at, xc_send_video_deadline(session, now, track));
    if (session->srtp && waiting_bytes(session))
        at = xc_earlier(at, xc_pacer_deadline(&session->pacer, now, waiting_bytes(session)));
    return at;
}
