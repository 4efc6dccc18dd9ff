/* frame_log.c - frame traces and encoded frames on their way to a host that asked for them. The shard
 * writes, the host's reader empties; when a ring is full the newest is left out and counted.
 * SPDX-License-Identifier: MIT */
#include "call/session_state.h"

static void put_trace(struct xc_session *session, const struct xcall_frame_trace *trace)
{
    if (!xc_ring_put(session->traces, trace))
        session->traces_dropped++;
}

static void put_encoded(struct xc_session *session, const struct xcall_encoded_frame *frame,
                        struct xc_span bytes)
{
    if (!xc_byte_ring_write2(session->encoded, frame, (uint32_t)sizeof *frame, bytes.data,
                             (uint32_t)bytes.size))
        session->encoded_dropped++;
}

void xc_frame_log_audio_sent(struct xc_session *session, const struct xc_audio_frame *frame,
                             uint64_t encode_start, uint64_t encode_end, uint64_t sequence,
                             uint64_t now)
{
    const struct xc_stream_out *out = &session->out[XC_AUDIO];
    uint32_t timestamp = frame->timestamp + out->rtp->config.timestamp_offset;
    if (session->encoded) {
        struct xcall_encoded_frame record = {.size = sizeof record,
                                             .kind = XCALL_KIND_AUDIO,
                                             .track = XC_AUDIO + 1,
                                             .time_ns = encode_end,
                                             .sequence = sequence,
                                             .rtp_timestamp = timestamp,
                                             .clock_rate = 48000,
                                             .bytes = frame->bytes.size};
        put_encoded(session, &record, frame->bytes);
    }
    if (session->traces) {
        uint64_t sent = xc_session_clock(session, now);
        struct xcall_frame_trace trace = {.kind = XCALL_KIND_AUDIO,
                                          .ssrc = out->ssrc,
                                          .rtp_timestamp = timestamp,
                                          .sequence = sequence,
                                          .bytes = (uint32_t)frame->bytes.size,
                                          .packets = 1,
                                          .capture = frame->capture,
                                          .written = frame->queued,
                                          .encode_start = encode_start,
                                          .encode_end = encode_end,
                                          .packetized = sent,
                                          .sent = sent};
        put_trace(session, &trace);
    }
}

void xc_frame_log_audio_received(struct xc_session *session, uint64_t now, uint64_t sequence,
                                 uint32_t timestamp, struct xc_span bytes)
{
    if (!session->encoded)
        return;
    struct xcall_encoded_frame record = {.size = sizeof record,
                                         .kind = XCALL_KIND_AUDIO,
                                         .track = XC_AUDIO + 1,
                                         .received = 1,
                                         .time_ns = now,
                                         .sequence = sequence,
                                         .rtp_timestamp = timestamp,
                                         .clock_rate = 48000,
                                         .bytes = bytes.size};
    put_encoded(session, &record, bytes);
}

/* Returns the tag under which the packets of this frame are queued. */
uint64_t xc_frame_log_video_packetized(struct xc_session *session, int track,
                                       const struct xc_video_frame *frame, uint32_t packets,
                                       uint64_t sequence, uint64_t now)
{
    const struct xc_stream_out *out = &session->out[track];
    uint64_t tag = ++session->frame_tag;
    uint32_t timestamp = frame->timestamp + out->rtp->config.timestamp_offset;
    if (session->encoded) {
        struct xcall_encoded_frame record = {.size = sizeof record,
                                             .kind = XCALL_KIND_VIDEO,
                                             .track = (xcall_id)track + 1,
                                             .key = frame->key,
                                             .time_ns = now,
                                             .sequence = sequence,
                                             .rtp_timestamp = timestamp,
                                             .clock_rate = 90000,
                                             .width = frame->key ? frame->width : 0,
                                             .height = frame->key ? frame->height : 0,
                                             .bytes = frame->size};
        put_encoded(session, &record, xc_span_make(frame->bytes, frame->size));
    }
    struct xc_frame_in_flight *flight =
        &xc_video_of(session, track)->in_flight[tag % XC_FRAMES_IN_FLIGHT];
    flight->tag = tag;
    flight->trace = (struct xcall_frame_trace){.kind = XCALL_KIND_VIDEO,
                                               .ssrc = out->ssrc,
                                               .rtp_timestamp = timestamp,
                                               .sequence = sequence,
                                               .bytes = frame->size,
                                               .packets = packets,
                                               .key = frame->key,
                                               .capture = frame->capture,
                                               .written = frame->queued,
                                               .encode_start = frame->encode_start,
                                               .encode_end = frame->encode_end,
                                               .packetized = now};
    return tag;
}

void xc_frame_log_video_sent(struct xc_session *session, int track, uint64_t tag, uint64_t now)
{
    struct xc_frame_in_flight *flight =
        &xc_video_of(session, track)->in_flight[tag % XC_FRAMES_IN_FLIGHT];
    if (flight->tag != tag)
        return;
    flight->tag = 0;
    flight->trace.sent = now;
    session->out[track].pacer_delay_total += now - flight->trace.packetized;
    if (session->traces)
        put_trace(session, &flight->trace);
}

void xc_frame_log_video_received(struct xc_session *session, int track,
                                 const struct xc_assembled *frame, struct xc_span bytes)
{
    if (!session->encoded)
        return;
    struct xcall_encoded_frame record = {.size = sizeof record,
                                         .kind = XCALL_KIND_VIDEO,
                                         .track = (xcall_id)track + 1,
                                         .received = 1,
                                         .key = frame->key,
                                         .time_ns = frame->last_received,
                                         .sequence = frame->first_sequence,
                                         .rtp_timestamp = frame->timestamp,
                                         .clock_rate = 90000,
                                         .width = frame->width,
                                         .height = frame->height,
                                         .bytes = bytes.size};
    put_encoded(session, &record, bytes);
}
