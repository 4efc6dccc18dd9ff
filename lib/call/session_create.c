/* session_create.c - a session's memory: every track that the call may ever have is laid out here, both
 * its roads, so that nothing is taken later. What belongs to a direction that the call does not begin
 * with is left untouched: it costs no memory until the direction is raised.
 * SPDX-License-Identifier: MIT */
#include "call/session_state.h"

/* Packets that wait or are kept for retransmission: half a second of audio at 128 kb/s (later than
 * that it cannot be played any more), two seconds of video at 2 Mb/s. */
#define AUDIO_PACKETS_KEPT 64
#define AUDIO_BYTES_KEPT (8u * 1024u)
#define VIDEO_PACKETS_KEPT 512
#define VIDEO_BYTES_KEPT (512u * 1024u)
/* Making an encoder takes a processor for some ms: on a short path after the handshake, which it would
 * only slow down, on a long one while it waits for answers. */
#define PREPARE_AFTER (15 * XC_NS_PER_MS)
#define KEEP_FOR (2 * XC_NS_PER_S)
/* At two and a half times the media rate, 60 ms hold four and a half average frames at 30 a second:
 * an ordinary frame never waits, a key frame's second half is spread out. */
#define PACER_BURST (60 * XC_NS_PER_MS)
#define PACER_DELAY_MAX (60 * XC_NS_PER_MS)

static void random_text(struct xc_rng *rng, char *text, size_t size)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i + 1 < size; i++)
        text[i] = alphabet[xc_rng_below(rng, 64)];
    text[size - 1] = '\0';
}

static bool sends(uint32_t direction)
{
    return (direction & XCALL_DIRECTION_SEND) != 0;
}

static bool receives(uint32_t direction)
{
    return (direction & XCALL_DIRECTION_RECV) != 0;
}

static struct xc_audio_settings audio_settings(const struct xcall_call_config *call)
{
    return (struct xc_audio_settings){
        .bitrate_bps = call->audio_bitrate_bps,
        .complexity = (uint8_t)call->audio_complexity,
        .fec = (call->audio_flags & XCALL_AUDIO_FEC) != 0,
        .dtx = (call->audio_flags & XCALL_AUDIO_DTX) != 0,
        .low_delay = (call->audio_flags & XCALL_AUDIO_LOW_DELAY) != 0,
        .music = (call->audio_flags & XCALL_AUDIO_MUSIC) != 0,
    };
}

/* What the call begins with for a track: XCALL_DIRECTION_*. */
static uint32_t direction_of(const struct xcall_call_config *call, int track)
{
    return track == XC_AUDIO   ? call->audio_direction
           : track == XC_VIDEO ? call->video_direction
                               : call->screen_direction;
}

static bool is_present(const struct xcall_call_config *call, int track)
{
    uint32_t kept = track == XC_AUDIO ? call->audio_tracks : call->video_tracks;
    uint32_t number = track == XC_SCREEN ? 2 : 1;
    return direction_of(call, track) != XCALL_DIRECTION_NONE || kept >= number;
}

static bool create_audio(struct xc_arena *arena, const struct xc_session_config *config,
                         struct xc_session_roads *roads)
{
    const struct xcall_call_config *call = config->call;
    struct xc_audio_format format = {call->audio_rate, call->audio_channels, call->audio_sample};
    struct xc_audio_send_config send = {.format = format,
                                        .codec = config->audio_codec,
                                        .codec_channels = call->audio_channels,
                                        .frame_ms = call->audio_frame_ms,
                                        .settings = audio_settings(call),
                                        .seed = config->codec_seed + 0};
    struct xc_audio_recv_config recv = {.format = format,
                                        .codec = config->audio_codec,
                                        .delay_ms_min = call->audio_delay_ms_min,
                                        .delay_ms_max = call->audio_delay_ms_max,
                                        .seed = config->codec_seed + 1};
    arena->lazy = !sends(call->audio_direction);
    roads->audio_send = xc_audio_send_create(arena, &send);
    arena->lazy = !receives(call->audio_direction);
    roads->audio_recv = xc_audio_recv_create(arena, &recv);
    arena->lazy = false;
    return (roads->audio_send && roads->audio_recv) || xc_arena_measuring(arena);
}

static bool create_video(struct xc_arena *arena, const struct xc_session_config *config, int track,
                         struct xc_session_roads *roads, struct xc_video_state *video)
{
    const struct xcall_call_config *call = config->call;
    int number = track - XC_VIDEO;
    uint32_t direction = direction_of(call, track);
    bool screen = track == XC_SCREEN;
    struct xc_video_send_config send = {
        .codecs = config->video_codecs,
        .width_max = call->video_width_max,
        .height_max = call->video_height_max,
        .settings = {.width = screen ? call->video_width_max : call->video_width,
                     .height = screen ? call->video_height_max : call->video_height,
                     .bitrate_bps = call->video_bitrate_bps,
                     .frame_rate = call->video_frame_rate,
                     .speed = call->video_speed,
                     .temporal_layers = (uint8_t)call->temporal_layers,
                     .screen = screen,
                     .drop_frames = !(call->video_flags & XCALL_VIDEO_KEEP_FRAMES) && !screen},
        .seed = config->codec_seed + 2 + (uint64_t)number};
    struct xc_video_recv_config recv = {.codecs = config->video_codecs,
                                        .width_max = call->video_width_max,
                                        .height_max = call->video_height_max};
    struct xc_assemble_config order = {0};
    arena->lazy = !sends(direction);
    size_t from = arena->used;
    roads->video_send[number] = xc_video_send_create(arena, &send);
    roads->memory[track] = xc_span_make(arena->memory ? arena->memory + from : NULL,
                                        arena->memory ? arena->used - from : 0);
    video->in_flight = xc_arena_take(arena, XC_FRAMES_IN_FLIGHT * sizeof *video->in_flight);
    arena->lazy = !receives(direction);
    roads->video_recv[number] = xc_video_recv_create(arena, &recv);
    video->assemble = xc_assemble_create(arena, &order);
    arena->lazy = false;
    return (roads->video_send[number] && roads->video_recv[number] && video->assemble) ||
           xc_arena_measuring(arena);
}

static bool create_roads(struct xc_arena *arena, const struct xc_session_config *config,
                         struct xc_session_roads *roads, struct xc_video_state video[XC_VIDEOS])
{
    size_t from = arena->used;
    if (is_present(config->call, XC_AUDIO)) {
        if (!create_audio(arena, config, roads))
            return false;
        roads->memory[XC_AUDIO] = xc_span_make(arena->memory ? arena->memory + from : NULL,
                                               arena->memory ? arena->used - from : 0);
    }
    for (int track = XC_VIDEO; track < XC_TRACKS; track++)
        if (is_present(config->call, track) &&
            !create_video(arena, config, track, roads, &video[track - XC_VIDEO]))
            return false;
    return true;
}

static bool create_rings(struct xc_arena *arena, const struct xcall_call_config *call,
                         struct xc_ring **traces, struct xc_byte_ring **encoded)
{
    struct xc_ring trace_probe;
    struct xc_byte_ring encoded_probe;
    if (call->trace_frames) {
        uint32_t count = xc_power_of_two(call->trace_frames);
        *traces = xc_arena_take(arena, sizeof **traces);
        if (!xc_ring_init(*traces ? *traces : &trace_probe, arena, sizeof(struct xcall_frame_trace),
                          count))
            return false;
    }
    if (call->encoded_bytes) {
        uint32_t capacity = xc_power_of_two(XC_MAX(call->encoded_bytes, 4096u));
        *encoded = xc_arena_take(arena, sizeof **encoded);
        if (!xc_byte_ring_init(*encoded ? *encoded : &encoded_probe, arena, capacity))
            return false;
    }
    return true;
}

static bool create_stream(struct xc_arena *arena, const struct xc_session_config *config, int track,
                          struct xc_session *session, struct xc_rng *rng)
{
    bool video = xc_track_is_video(track);
    uint32_t direction = direction_of(config->call, track);
    struct xc_rtp_sender probe;
    struct xc_rtp_sender_config sender = {
        .ssrc = xc_rng_u32(rng) | 1u,
        .first_sequence = (uint16_t)(xc_rng_u32(rng) & 0x7fff),
        .timestamp_offset = xc_rng_u32(rng),
        .clock_rate = video ? 90000 : 48000,
        .packets_max = video ? VIDEO_PACKETS_KEPT : AUDIO_PACKETS_KEPT,
        .bytes_max = video ? VIDEO_BYTES_KEPT : AUDIO_BYTES_KEPT,
        .keep_for = KEEP_FOR,
        .repair_ssrc = video ? xc_rng_u32(rng) | 1u : 0,
        .repair_first_sequence = (uint16_t)(xc_rng_u32(rng) & 0x7fff)};
    arena->lazy = !sends(direction);
    struct xc_rtp_sender *rtp = xc_arena_take(arena, sizeof *rtp);
    bool ok = xc_rtp_sender_init(rtp ? rtp : &probe, arena, &sender);
    arena->lazy = !receives(direction);
    struct xc_rtp_receiver *received = xc_arena_take(arena, sizeof *received);
    arena->lazy = false;
    if (!session)
        return ok;
    session->out[track].rtp = rtp;
    session->in[track].rtp = received;
    session->out[track].ssrc = sender.ssrc;
    session->out[track].repair_ssrc = sender.repair_ssrc;
    session->out[track].present = session->in[track].present = true;
    return ok;
}

static bool create_streams(struct xc_arena *arena, const struct xc_session_config *config,
                           struct xc_session *session, struct xc_rng *rng)
{
    for (int track = 0; track < XC_TRACKS; track++) {
        if (session) {
            session->out[track].section = session->in[track].section = -1;
            session->want_of[track] = -1;
        }
        if (is_present(config->call, track) && !create_stream(arena, config, track, session, rng))
            return false;
    }
    return true;
}

/* What the two sides may agree on for a track. A track that the call does not begin with takes what the
 * peer sends, until the host says otherwise. */
static struct xc_media_want want_of(const struct xc_session *session, int track)
{
    const struct xcall_call_config *call = &session->call;
    uint32_t direction = direction_of(call, track);
    bool vp9 = call->video_codec == XCALL_CODEC_VP9;
    struct xc_media_want want = {.kind = xc_track_is_video(track) ? XC_SDP_VIDEO : XC_SDP_AUDIO,
                                 .direction = (uint8_t)direction,
                                 .accept = direction ? XC_SDP_INACTIVE : XC_SDP_RECVONLY,
                                 .ssrc = session->out[track].ssrc};
    if (xc_track_is_video(track)) {
        want.repair_ssrc = session->out[track].repair_ssrc;
        want.video_codecs[0] = vp9 ? XC_CODEC_VP9 : XC_CODEC_VP8;
        want.video_codecs[1] = vp9 ? XC_CODEC_VP8 : XC_CODEC_VP9;
        want.prefer_codecs = call->video_codec != XCALL_CODEC_ANY;
        want.screen = track == XC_SCREEN;
        return want;
    }
    want.fec = (call->audio_flags & XCALL_AUDIO_FEC) != 0;
    want.dtx = (call->audio_flags & XCALL_AUDIO_DTX) != 0;
    want.stereo = call->audio_channels == 2;
    want.red = true;
    want.red_first = (call->audio_flags & XCALL_AUDIO_RED) != 0;
    want.telephone_event = true;
    return want;
}

static void add_wants(struct xc_session *session)
{
    for (int track = 0; track < XC_TRACKS; track++) {
        if (!session->out[track].present)
            continue;
        struct xc_media_want want = want_of(session, track);
        session->want_of[track] = (int8_t)session->negotiation.want_count;
        xc_negotiate_add_want(&session->negotiation, &want);
    }
    if (!session->call.data_channels)
        return;
    struct xc_media_want data = {.kind = XC_SDP_APPLICATION,
                                 .direction = XC_SDP_SENDRECV,
                                 .max_message_size = XCALL_CHANNEL_MESSAGE_MAX};
    xc_negotiate_add_want(&session->negotiation, &data);
}

static void init_protocols(struct xc_session *session, const struct xc_session_config *config,
                           uint64_t now)
{
    struct xc_ice_config ice = {.controlling = session->offerer,
                                .allow_loopback = config->allow_loopback,
                                .relay_only = session->relay_only};
    struct xc_negotiate_config negotiate = {.extensions = (1u << XC_EXT_KNOWN) - 1,
                                            .trickle =
                                                !(config->call->flags & XCALL_CALL_NO_TRICKLE)};
    random_text(&session->rng, negotiate.cname, sizeof negotiate.cname);
    random_text(&session->rng, negotiate.stream_id, sizeof negotiate.stream_id);
    memcpy(negotiate.fingerprint.hash, "sha-256", 8);
    xc_dtls_identity_fingerprint(config->identity, negotiate.fingerprint.digest);
    negotiate.fingerprint.size = 32;
    xc_ice_init(&session->ice, &ice, &session->rng);
    xc_negotiate_init(&session->negotiation, &negotiate, session->offerer, &session->rng);
    add_wants(session);
    xc_pacer_init(&session->pacer, (uint64_t)config->call->video_bitrate_bps * 5 / 2, PACER_BURST,
                  PACER_DELAY_MAX);
    xc_rtcp_schedule_init(&session->reports, now, &session->rng, XC_REPORT_MINIMUM);
    xc_round_trip_init(&session->round_trip);
    xc_sync_init(&session->sync);
    xc_audio_red_init(&session->red, 1);
    xc_audio_red_in_init(&session->red_in, config->audio_codec);
    xc_transport_feedback_init(&session->feedback);
    session->transport_sequence = (uint16_t)xc_rng_u32(&session->rng);
}

static void destroy_roads(const struct xc_session_roads *roads)
{
    for (int i = 0; i < XC_VIDEOS; i++) {
        xc_video_send_destroy(roads->video_send[i]);
        xc_video_recv_destroy(roads->video_recv[i]);
    }
}

/* What is fixed for the session's life. */
static void fill(struct xc_session *session, const struct xc_session_config *config, uint64_t now)
{
    session->call = *config->call;
    session->audio_codec = config->audio_codec;
    session->unix_epoch = config->unix_epoch;
    session->created = now;
    session->scratch = config->scratch;
    session->clock = config->clock;
    session->clock_context = config->clock_context;
    session->call.ice_servers = NULL; /* borrowed: see xc_session_set_ice_servers */
    session->relay_only = config->call->ice_policy == XCALL_ICE_RELAY;
    session->servers_awaited = (config->call->flags & XCALL_CALL_SERVERS_LATER) != 0;
    session->allow_loopback = config->allow_loopback;
    session->offerer = config->call->role == XCALL_ROLE_OFFER;
    session->offer_needed = session->offerer;
    session->state = XCALL_STATE_NEW;
    session->connect_deadline = XC_NEVER;
    session->audio_settings = audio_settings(config->call);
    init_protocols(session, config, now);
    for (int track = XC_VIDEO; track < XC_TRACKS; track++) {
        if (!session->out[track].present)
            continue;
        xc_video_send_pause(xc_video_send_of(session, track), true);
        if (sends(direction_of(config->call, track)))
            xc_video_of(session, track)->prepare_at = now + PREPARE_AFTER;
    }
}

struct xc_session *xc_session_create(struct xc_arena *arena, const struct xc_session_config *config,
                                     uint64_t now)
{
    struct xc_session_roads roads = {0};
    struct xc_video_state video[XC_VIDEOS] = {0};
    struct xc_ring *traces = NULL;
    struct xc_byte_ring *encoded = NULL;
    struct xc_rng probe = {0};
    struct xc_session *session = xc_arena_take_untouched(arena, sizeof *session);
    xc_rng_init(session ? &session->rng : &probe, config->seed);
    struct xc_data_port *data = config->call->data_channels ? xc_data_port_create(arena) : NULL;
    bool ok = (data || !config->call->data_channels || xc_arena_measuring(arena)) &&
              create_roads(arena, config, &roads, video) &&
              create_rings(arena, config->call, &traces, &encoded) &&
              create_streams(arena, config, session, session ? &session->rng : &probe);
    xc_wipe(&probe, sizeof probe);
    if (xc_arena_measuring(arena))
        return NULL;
    if (!ok || !session || arena->used > arena->capacity) {
        destroy_roads(&roads);
        return NULL;
    }
    session->roads = roads;
    memcpy(session->video, video, sizeof video);
    session->data = data;
    session->traces = traces;
    session->encoded = encoded;
    fill(session, config, now);
    session->dtls = xc_dtls_create(config->identity);
    if (!session->dtls) {
        xc_session_destroy(session);
        return NULL;
    }
    return session;
}
