/* stats_json.c - xcall_stats as a JSON object, by tables of names and offsets.
 *
 * SPDX-License-Identifier: MIT */
#include "stats_json.h"

#include <math.h>
#include <stddef.h>

enum type { TYPE_U32, TYPE_U64, TYPE_I64, TYPE_F64 };

struct field {
    const char *name;
    enum type type;
    size_t offset;
};

#define S(type, name)                                                                              \
    {                                                                                              \
#name, TYPE_##type, offsetof(xcall_rtp_sent_stats, name)                                   \
    }
static const struct field sent_fields[] = {
    S(U64, packets_sent),
    S(U64, bytes_sent),
    S(U64, header_bytes_sent),
    S(U64, retransmitted_packets_sent),
    S(U64, retransmitted_bytes_sent),
    S(U64, nack_count),
    S(U64, pli_count),
    S(U64, fir_count),
    S(U64, frames_encoded),
    S(U64, key_frames_encoded),
    S(U64, frames_dropped),
    S(U64, samples_written),
    S(U64, samples_dropped),
    S(F64, total_encode_time_ms),
    S(F64, total_packet_send_delay_ms),
    S(F64, target_bitrate_bps),
    S(F64, audio_level),
    S(F64, remote_fraction_lost),
    S(F64, remote_jitter_ms),
    S(I64, remote_packets_lost),
    S(U32, ssrc),
    S(U32, frame_width),
    S(U32, frame_height),
    S(U32, codec),
    S(U32, payload_type),
};

#define R(type, name)                                                                              \
    {                                                                                              \
#name, TYPE_##type, offsetof(xcall_rtp_received_stats, name)                               \
    }
static const struct field received_fields[] = {
    R(U64, packets_received),
    R(U64, bytes_received),
    R(U64, header_bytes_received),
    R(I64, packets_lost),
    R(U64, packets_discarded),
    R(U64, packets_duplicated),
    R(U64, packets_repaired),
    R(U64, nack_count),
    R(U64, pli_count),
    R(F64, jitter_ms),
    R(F64, jitter_buffer_delay_ms),
    R(F64, jitter_buffer_target_delay_ms),
    R(F64, jitter_buffer_minimum_delay_ms),
    R(U64, jitter_buffer_emitted_count),
    R(F64, jitter_buffer_level_ms),
    R(F64, jitter_buffer_target_ms),
    R(U64, total_samples_received),
    R(U64, concealed_samples),
    R(U64, silent_concealed_samples),
    R(U64, concealment_events),
    R(U64, inserted_samples_for_deceleration),
    R(U64, removed_samples_for_acceleration),
    R(U64, fec_packets_used),
    R(U64, frames_received),
    R(U64, frames_decoded),
    R(U64, key_frames_decoded),
    R(U64, frames_dropped),
    R(U64, frames_delivered),
    R(F64, total_decode_time_ms),
    R(F64, total_processing_delay_ms),
    R(U64, freeze_count),
    R(F64, total_freezes_duration_ms),
    R(F64, audio_level),
    R(U32, ssrc),
    R(U32, frame_width),
    R(U32, frame_height),
    R(U32, codec),
    R(U32, payload_type),
    R(U64, retransmitted_packets_received),
    R(U64, retransmitted_bytes_received),
    R(U64, fir_count),
    R(U64, red_packets_used),
    R(U64, comfort_noise_samples),
    R(F64, total_audio_energy),
    R(F64, total_samples_duration_ms),
    R(F64, total_inter_frame_delay_ms),
    R(F64, total_squared_inter_frame_delay_s2),
};

#define C(type, name)                                                                              \
    {                                                                                              \
#name, TYPE_##type, offsetof(xcall_stats, name)                                            \
    }
static const struct field call_fields[] = {
    C(U64, time_ns),
    C(U64, connected_after_ms),
    C(F64, round_trip_time_ms),
    C(F64, total_round_trip_time_ms),
    C(U64, round_trip_time_measurements),
    C(U64, packets_sent),
    C(U64, packets_received),
    C(U64, bytes_sent),
    C(U64, bytes_received),
    C(U64, packets_rejected),
    C(U64, send_errors),
    C(U32, srtp_profile),
    C(U64, frame_traces_dropped),
    C(U64, encoded_frames_dropped),
    C(U32, relays_ready),
    C(U32, relay_error_code),
    C(U64, relay_packets_sent),
    C(U64, relay_packets_received),
};

static json_t *value_of(const void *at, enum type type)
{
    switch (type) {
    case TYPE_U32:
        return json_integer((json_int_t) * (const uint32_t *)at);
    case TYPE_U64:
        return json_integer((json_int_t) * (const uint64_t *)at);
    case TYPE_I64:
        return json_integer((json_int_t) * (const int64_t *)at);
    case TYPE_F64:
        break;
    }
    double value = *(const double *)at;
    return isfinite(value) ? json_real(value) : json_null();
}

static void add_fields(json_t *object, const void *from, const struct field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        json_object_set_new(object, fields[i].name,
                            value_of((const char *)from + fields[i].offset, fields[i].type));
}

#define ADD(object, from, fields) add_fields(object, from, fields, sizeof fields / sizeof *fields)

const char *state_name(uint32_t state)
{
    static const char *const names[] = {"new", "connecting", "connected", "reconnecting", "ended"};
    return state < sizeof names / sizeof *names ? names[state] : "unknown";
}

const char *end_reason_name(uint32_t reason)
{
    static const char *const names[] = {"none",           "hang_up",          "remote_hang_up",
                                        "connect_failed", "connection_lost",  "security",
                                        "negotiation",    "overflow",         "closed",
                                        "failed",         "relay_unavailable"};
    return reason < sizeof names / sizeof *names ? names[reason] : "unknown";
}

static json_t *candidate_name(uint32_t type)
{
    static const char *const names[] = {NULL, "host", "srflx", "prflx", "relay"};
    return type && type < sizeof names / sizeof *names ? json_string(names[type]) : json_null();
}

void stats_json_add(json_t *object, const xcall_stats *stats)
{
    json_t *part[6] = {json_object(), json_object(), json_object(),
                       json_object(), json_object(), json_object()};
    json_object_set_new(object, "state", json_string(state_name(stats->state)));
    ADD(object, stats, call_fields);
    json_object_set_new(object, "local_candidate_type",
                        candidate_name(stats->local_candidate_type));
    json_object_set_new(object, "remote_candidate_type",
                        candidate_name(stats->remote_candidate_type));
    ADD(part[0], &stats->audio_sent, sent_fields);
    ADD(part[1], &stats->audio_received, received_fields);
    ADD(part[2], &stats->video_sent, sent_fields);
    ADD(part[3], &stats->video_received, received_fields);
    ADD(part[4], &stats->screen_sent, sent_fields);
    ADD(part[5], &stats->screen_received, received_fields);
    json_object_set_new(object, "audio_sent", part[0]);
    json_object_set_new(object, "audio_received", part[1]);
    json_object_set_new(object, "video_sent", part[2]);
    json_object_set_new(object, "video_received", part[3]);
    json_object_set_new(object, "screen_sent", part[4]);
    json_object_set_new(object, "screen_received", part[5]);
}
