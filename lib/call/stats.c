/* stats.c - the snapshot of a session's counters under W3C names (webrtc-stats), filled by the shard.
 * SPDX-License-Identifier: MIT */
#include "call/session_state.h"

_Static_assert((int)XC_CANDIDATE_HOST == XCALL_CANDIDATE_HOST &&
                   (int)XC_CANDIDATE_SRFLX == XCALL_CANDIDATE_SRFLX &&
                   (int)XC_CANDIDATE_PRFLX == XCALL_CANDIDATE_PRFLX &&
                   (int)XC_CANDIDATE_RELAY == XCALL_CANDIDATE_RELAY,
               "the types of candidates are those of the ABI");

#define MS_PER_S 1000.0

static double to_ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

static uint32_t public_codec(uint8_t codec)
{
    return codec == XC_CODEC_VP8 ? XCALL_CODEC_VP8 : codec == XC_CODEC_VP9 ? XCALL_CODEC_VP9 : 0;
}

static void fill_codec(const struct xc_session *session, const struct xc_stream_out *out,
                       struct xcall_rtp_sent_stats *to)
{
    if (out->section < 0)
        return;
    const struct xc_media_agreed *agreed = &session->negotiation.media[out->section];
    const struct xc_agreed_codec *codec = agreed->codec_count ? &agreed->codecs[0] : NULL;
    if (agreed->kind == XC_SDP_AUDIO) /* RED may stand before it */
        codec = xc_negotiate_codec(agreed, XC_CODEC_OPUS);
    if (!codec)
        return;
    to->codec = public_codec(codec->codec);
    to->payload_type = codec->send_payload_type;
}

static void fill_sent(const struct xc_session *session, int track, struct xcall_rtp_sent_stats *to)
{
    const struct xc_stream_out *out = &session->out[track];
    if (!out->present)
        return;
    const struct xc_rtp_sender_counters *rtp = xc_rtp_sender_counters(out->rtp);
    double rate = xc_track_is_video(track) ? 90000.0 : 48000.0;
    to->ssrc = out->ssrc;
    to->packets_sent = rtp->packets_sent;
    to->bytes_sent = rtp->bytes_sent;
    to->header_bytes_sent = rtp->header_bytes_sent;
    to->retransmitted_packets_sent = rtp->retransmitted_packets;
    to->retransmitted_bytes_sent = rtp->retransmitted_bytes;
    to->nack_count = out->nack_count;
    to->pli_count = out->pli_count;
    to->fir_count = out->fir_count;
    fill_codec(session, out, to);
    if (!out->reported)
        return;
    to->remote_fraction_lost = out->remote_fraction_lost / 256.0;
    to->remote_packets_lost = out->remote_cumulative_lost;
    to->remote_jitter_ms = out->remote_jitter / rate * MS_PER_S;
}

static void fill_received(const struct xc_session *session, int track,
                          struct xcall_rtp_received_stats *to)
{
    const struct xc_stream_in *in = &session->in[track];
    if (!in->active)
        return;
    const struct xc_rtp_receiver_counters *rtp = xc_rtp_receiver_counters(in->rtp);
    to->ssrc = in->ssrc;
    to->packets_received = rtp->packets_received;
    to->bytes_received = rtp->bytes_received;
    to->header_bytes_received = rtp->header_bytes_received;
    to->packets_lost = rtp->packets_lost;
    to->packets_discarded = rtp->packets_discarded_old;
    to->packets_duplicated = rtp->packets_duplicated;
    to->packets_repaired = rtp->packets_repaired;
    to->nack_count = in->nack_count;
    to->pli_count = in->pli_count;
    to->fir_count = in->fir_count;
    to->retransmitted_packets_received = rtp->retransmitted_packets;
    to->retransmitted_bytes_received = rtp->retransmitted_bytes;
    to->codec = public_codec(in->codec);
    to->payload_type = in->payload_type;
    to->jitter_ms = rtp->jitter_s * MS_PER_S;
}

static void fill_audio(const struct xc_session *session, struct xcall_stats *to)
{
    struct xc_audio_send_counters sent = {0};
    struct xc_audio_recv_counters got = {0};
    if (session->roads.audio_send) {
        xc_audio_send_counters(session->roads.audio_send, &sent);
        to->audio_sent.frames_encoded = sent.packets_encoded;
        to->audio_sent.total_encode_time_ms = sent.total_encode_time_s * MS_PER_S;
        to->audio_sent.audio_level = (double)sent.level;
        to->audio_sent.samples_written = sent.frames_written;
        to->audio_sent.samples_dropped = sent.frames_dropped_full;
        to->audio_sent.target_bitrate_bps = session->audio_settings.bitrate_bps;
    }
    if (!session->roads.audio_recv)
        return;
    struct xcall_rtp_received_stats *in = &to->audio_received;
    xc_audio_recv_counters(session->roads.audio_recv, &got);
    in->packets_discarded += got.packets_dropped_ring + got.packets_late + got.packets_discarded;
    in->jitter_buffer_delay_ms = got.jitter_buffer_delay_s * MS_PER_S;
    in->jitter_buffer_target_delay_ms = got.jitter_buffer_target_delay_s * MS_PER_S;
    in->jitter_buffer_minimum_delay_ms = got.jitter_buffer_minimum_delay_s * MS_PER_S;
    in->jitter_buffer_emitted_count = got.jitter_buffer_emitted_count;
    in->jitter_buffer_level_ms = got.current_delay_ms;
    in->jitter_buffer_target_ms = got.target_delay_ms;
    in->total_samples_received = got.samples_received;
    in->concealed_samples = got.concealed_samples;
    in->silent_concealed_samples = got.silent_concealed_samples;
    in->concealment_events = got.concealment_events;
    in->inserted_samples_for_deceleration = got.inserted_samples_for_deceleration;
    in->removed_samples_for_acceleration = got.removed_samples_for_acceleration;
    in->fec_packets_used = got.fec_packets_used;
    in->red_packets_used = got.red_packets_used;
    in->comfort_noise_samples = got.comfort_noise_samples;
    in->total_audio_energy = got.total_audio_energy;
    in->total_samples_duration_ms = got.total_samples_duration_s * MS_PER_S;
    in->audio_level = (double)got.level;
}

static void fill_video(const struct xc_session *session, int track,
                       struct xcall_rtp_sent_stats *out, struct xcall_rtp_received_stats *in)
{
    struct xc_video_send_counters sent = {0};
    struct xc_video_recv_counters got = {0};
    fill_sent(session, track, out);
    fill_received(session, track, in);
    if (session->out[track].present) {
        xc_video_send_counters(xc_video_send_of(session, track), &sent);
        out->frames_encoded = sent.frames_encoded;
        out->key_frames_encoded = sent.key_frames_encoded;
        out->frames_dropped =
            sent.pictures_replaced + sent.frames_dropped_rate + sent.frames_dropped_full;
        out->total_encode_time_ms = sent.total_encode_time_s * MS_PER_S;
        out->frame_width = sent.width;
        out->frame_height = sent.height;
        out->target_bitrate_bps =
            session->video_bps ? session->video_bps : session->call.video_bitrate_bps;
        out->total_packet_send_delay_ms = to_ms(session->out[track].pacer_delay_total);
    }
    if (!session->in[track].present)
        return;
    const struct xc_assemble_counters *order =
        xc_assemble_counters(session->video[track - XC_VIDEO].assemble);
    xc_video_recv_counters(xc_video_recv_of(session, track), &got);
    in->packets_discarded += order->packets_dropped_full + order->packets_late;
    in->jitter_buffer_delay_ms = got.jitter_buffer_delay_s * MS_PER_S;
    in->jitter_buffer_emitted_count = got.jitter_buffer_emitted_count;
    in->jitter_buffer_level_ms = in->jitter_buffer_target_ms =
        track == XC_VIDEO ? to_ms(session->sync.video_delay) : 0; /* only lip sync holds back */
    in->frames_received = order->frames + order->frames_dropped;
    in->frames_decoded = got.frames_decoded;
    in->key_frames_decoded = got.key_frames_decoded;
    in->frames_dropped = got.frames_dropped + order->frames_dropped;
    in->frames_delivered = got.frames_delivered;
    in->total_decode_time_ms = got.total_decode_time_s * MS_PER_S;
    in->total_processing_delay_ms = got.total_processing_delay_s * MS_PER_S;
    in->freeze_count = got.freeze_count;
    in->total_freezes_duration_ms = got.total_freezes_duration_s * MS_PER_S;
    in->total_inter_frame_delay_ms = got.total_inter_frame_delay_s * MS_PER_S;
    in->total_squared_inter_frame_delay_s2 = got.total_squared_inter_frame_delay_s;
    in->frame_width = got.width;
    in->frame_height = got.height;
}

void xc_session_stats(const struct xc_session *session, uint64_t now, struct xcall_stats *stats)
{
    const struct xc_session_counters *count = &session->count;
    const struct xc_ice_counters *ice = xc_ice_counters(&session->ice);
    memset(stats, 0, sizeof *stats);
    stats->size = sizeof *stats;
    stats->state = session->state;
    stats->time_ns = now;
    if (session->connected_at)
        stats->connected_after_ms =
            XC_MAX((session->connected_at - session->created) / XC_NS_PER_MS, UINT64_C(1));
    stats->round_trip_time_ms = to_ms(xc_session_round_trip(session));
    stats->total_round_trip_time_ms = to_ms(session->round_trip.total);
    stats->round_trip_time_measurements = session->round_trip.count;
    stats->packets_sent = count->packets_sent;
    stats->packets_received = count->packets_received;
    stats->bytes_sent = count->bytes_sent;
    stats->bytes_received = count->bytes_received;
    stats->packets_rejected = count->rejected_source + count->rejected_early +
                              count->rejected_kind + count->rejected_auth + count->rejected_replay +
                              count->rejected_malformed + count->rejected_stream +
                              ice->dropped_malformed + ice->dropped_integrity +
                              ice->dropped_unknown;
    stats->packets_rejected += count->rejected_direct;
    uint8_t local_type, remote_type;
    xc_ice_selected_types(&session->ice, &local_type, &remote_type);
    stats->local_candidate_type = local_type;
    stats->remote_candidate_type = remote_type;
    xc_relays_stats(session, stats);
    stats->send_errors = count->send_errors;
    stats->srtp_profile = session->srtp ? (uint32_t)session->srtp_profile : 0;
    stats->frame_traces_dropped = session->traces_dropped;
    stats->encoded_frames_dropped = session->encoded_dropped;
    fill_sent(session, XC_AUDIO, &stats->audio_sent);
    fill_received(session, XC_AUDIO, &stats->audio_received);
    fill_audio(session, stats);
    fill_video(session, XC_VIDEO, &stats->video_sent, &stats->video_received);
    fill_video(session, XC_SCREEN, &stats->screen_sent, &stats->screen_received);
}
