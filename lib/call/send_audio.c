/* send_audio.c - frames of audio on their way to packets: Opus, RED around it where that was agreed on
 * and is wished (RFC 2198), or a telephone event in its place (RFC 4733). Runs on the shard.
 * SPDX-License-Identifier: MIT */
#include "base/ntp.h"
#include "call/session_state.h"

/* Audio frames encoded in one turn: a host that writes as fast as it can, and so keeps the ring full,
 * must not keep the shard from its sockets, commands and other calls. */
#define AUDIO_FRAMES_A_TURN 10
#define VOICE_LEVEL 50 /* -dBov: louder than this counts as voice */

/* RFC 6464: -dBov of the RMS, in steps of 1 dB. */
static uint8_t level_of(float rms)
{
    uint8_t level = 0;
    while (level < XC_AUDIO_LEVEL_SILENT && rms < 0.944061f) { /* half a step below full scale */
        rms *= 1.122018f;
        level++;
    }
    return level;
}

/* The capture time goes with the first packet and once a second: the peer interpolates. */
static struct xc_rtp_values audio_values(struct xc_session *session,
                                         const struct xc_audio_frame *frame)
{
    struct xc_rtp_values values = {.has_audio_level = true, .audio_level = level_of(frame->level)};
    values.voice = values.audio_level < VOICE_LEVEL;
    struct xc_stream_out *out = &session->out[XC_AUDIO];
    if (!out->capture_told || frame->capture >= out->capture_told + XC_NS_PER_S) {
        out->capture_told = frame->capture;
        values.has_capture = true;
        values.capture_ntp = xc_ntp_from_unix_ns(session->unix_epoch + frame->capture);
    }
    return values;
}

static const struct xc_media_agreed *agreed_audio(const struct xc_session *session)
{
    return &session->negotiation.media[session->out[XC_AUDIO].section];
}

/* RED where the peer asks for it, or takes it and the host wishes it. NULL: plain Opus. */
static const struct xc_agreed_codec *red_of(const struct xc_session *session)
{
    const struct xc_media_agreed *agreed = agreed_audio(session);
    bool wished = (session->call.audio_flags & XCALL_AUDIO_RED) != 0 || agreed->remote_red;
    return wished ? xc_negotiate_codec(agreed, XC_CODEC_RED) : NULL;
}

static void send_frame(struct xc_session *session, uint64_t now, const struct xc_audio_frame *frame,
                       uint64_t encode_start, uint64_t encode_end)
{
    struct xc_stream_out *out = &session->out[XC_AUDIO];
    const struct xc_agreed_codec *red = red_of(session);
    struct xc_rtp_values values = audio_values(session, frame);
    uint8_t wrapped[XC_AUDIO_PACKET_MAX];
    struct xc_span payload = frame->bytes;
    uint8_t type = 0;
    if (red) {
        size_t room = XC_MIN(xc_rtp_sender_room(out->rtp, &values), (size_t)XC_AUDIO_PACKET_MAX);
        size_t size = xc_audio_red_wrap(&session->red, frame, red->inner_send, wrapped, room);
        if (size) {
            payload = xc_span_make(wrapped, size);
            type = red->send_payload_type;
        }
    } else {
        xc_audio_red_skip(&session->red);
    }
    xc_rtp_sender_capture(out->rtp, frame->capture, frame->timestamp);
    uint64_t sequence = out->rtp->next_sequence;
    if (xc_rtp_sender_add(out->rtp, now, frame->timestamp, frame->marker, 0, xc_span_make(NULL, 0),
                          payload, &values, type))
        xc_frame_log_audio_sent(session, frame, encode_start, encode_end, sequence, now);
}

/* A digit that sounds now takes the frame's place. */
static bool send_event(struct xc_session *session, uint64_t now, const struct xc_audio_frame *frame)
{
    const struct xc_agreed_codec *event =
        xc_negotiate_codec(agreed_audio(session), XC_CODEC_TELEPHONE_EVENT);
    struct xc_dtmf_packet packet;
    if (!xc_dtmf_active(&session->dtmf))
        return false;
    if (!event) {
        xc_dtmf_cancel(&session->dtmf);
        return false;
    }
    if (!xc_dtmf_next(&session->dtmf, frame->timestamp, frame->duration, &packet))
        return false;
    xc_audio_red_skip(&session->red);
    xc_rtp_sender_add(session->out[XC_AUDIO].rtp, now, packet.timestamp, packet.marker, 0,
                      xc_span_make(NULL, 0), xc_span_make(packet.payload, sizeof packet.payload),
                      NULL, event->send_payload_type);
    return true;
}

void xc_send_audio_service(struct xc_session *session, uint64_t now)
{
    struct xc_audio_send *send = session->roads.audio_send;
    if (!send)
        return;
    if (!session->out[XC_AUDIO].sending) {
        xc_audio_send_trim(send);
        return;
    }
    for (int left = AUDIO_FRAMES_A_TURN; left && xc_audio_send_ready(send); left--) {
        struct xc_audio_frame frame;
        uint64_t start = xc_session_clock(session, now);
        bool encoded = xc_audio_send_encode(send, &frame);
        uint64_t end = xc_session_clock(session, now);
        xc_audio_send_add_encode_time(send, end - start);
        if (!send_event(session, now, &frame) && encoded)
            send_frame(session, now, &frame, start, end);
    }
}
