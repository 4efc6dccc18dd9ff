/* session.c - a session's life: create, service, state, end, deadline. See session_state.h for the
 * files that make up the rest.
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

/* Every road that the call's directions ask for. True also when the arena only measures. */
static bool create_audio(struct xc_arena *arena, const struct xc_session_config *config,
                         struct xc_session_roads *roads)
{
    const struct xcall_call_config *call = config->call;
    struct xc_audio_format format = {call->audio_rate, call->audio_channels, call->audio_sample};
    if (sends(call->audio_direction)) {
        struct xc_audio_send_config send = {.format = format,
                                            .codec = config->audio_codec,
                                            .codec_channels = call->audio_channels,
                                            .frame_ms = call->audio_frame_ms,
                                            .settings = audio_settings(call),
                                            .seed = config->codec_seed + 0};
        roads->audio_send = xc_audio_send_create(arena, &send);
        if (!roads->audio_send && !xc_arena_measuring(arena))
            return false;
    }
    if (receives(call->audio_direction)) {
        struct xc_audio_recv_config recv = {.format = format,
                                            .codec = config->audio_codec,
                                            .delay_ms_min = call->audio_delay_ms_min,
                                            .delay_ms_max = call->audio_delay_ms_max,
                                            .seed = config->codec_seed + 1};
        roads->audio_recv = xc_audio_recv_create(arena, &recv);
        if (!roads->audio_recv && !xc_arena_measuring(arena))
            return false;
    }
    return true;
}

static bool create_video(struct xc_arena *arena, const struct xc_session_config *config,
                         struct xc_session_roads *roads, struct xc_assemble **assemble)
{
    const struct xcall_call_config *call = config->call;
    if (sends(call->video_direction)) {
        struct xc_video_send_config send = {
            .codec = config->video_codec,
            .width_max = call->video_width_max,
            .height_max = call->video_height_max,
            .settings = {.width = call->video_width,
                         .height = call->video_height,
                         .bitrate_bps = call->video_bitrate_bps,
                         .frame_rate = call->video_frame_rate,
                         .speed = call->video_speed,
                         .drop_frames = !(call->video_flags & XCALL_VIDEO_KEEP_FRAMES)},
            .seed = config->codec_seed + 2};
        roads->video_send = xc_video_send_create(arena, &send);
        if (!roads->video_send && !xc_arena_measuring(arena))
            return false;
    }
    if (receives(call->video_direction)) {
        struct xc_video_recv_config recv = {.codec = config->video_codec,
                                            .width_max = call->video_width_max,
                                            .height_max = call->video_height_max};
        struct xc_assemble_config order = {0};
        roads->video_recv = xc_video_recv_create(arena, &recv);
        *assemble = xc_assemble_create(arena, &order);
        if ((!roads->video_recv || !*assemble) && !xc_arena_measuring(arena))
            return false;
    }
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

static bool create_streams(struct xc_arena *arena, const struct xc_session_config *config,
                           struct xc_session *session, struct xc_rng *rng)
{
    const uint32_t directions[XC_KINDS] = {config->call->audio_direction,
                                           config->call->video_direction};
    struct xc_rtp_sender probe;
    for (int kind = 0; kind < XC_KINDS; kind++) {
        bool video = kind == XC_VIDEO;
        struct xc_rtp_sender_config sender = {
            .ssrc = xc_rng_u32(rng) | 1u,
            .first_sequence = (uint16_t)(xc_rng_u32(rng) & 0x7fff),
            .timestamp_offset = xc_rng_u32(rng),
            .clock_rate = video ? 90000 : 48000,
            .packets_max = video ? VIDEO_PACKETS_KEPT : AUDIO_PACKETS_KEPT,
            .bytes_max = video ? VIDEO_BYTES_KEPT : AUDIO_BYTES_KEPT,
            .keep_for = KEEP_FOR};
        struct xc_rtp_sender *rtp = NULL;
        if (sends(directions[kind])) {
            rtp = xc_arena_take(arena, sizeof *rtp);
            if (!xc_rtp_sender_init(rtp ? rtp : &probe, arena, &sender))
                return false;
        }
        struct xc_rtp_receiver *received =
            receives(directions[kind]) ? xc_arena_take(arena, sizeof *received) : NULL;
        struct xc_frame_in_flight *flight =
            video && sends(directions[kind])
                ? xc_arena_take(arena, XC_FRAMES_IN_FLIGHT * sizeof *flight)
                : NULL;
        if (session) {
            session->out[kind].rtp = rtp;
            session->in[kind].rtp = received;
            session->in_flight = flight;
            session->out[kind].ssrc = sender.ssrc;
            session->out[kind].section = session->in[kind].section = -1;
            session->out[kind].wanted = sends(directions[kind]);
            session->in[kind].wanted = receives(directions[kind]);
        }
    }
    return true;
}

static void add_wants(struct xc_session *session)
{
    const struct xcall_call_config *call = &session->call;
    const uint32_t directions[XC_KINDS] = {call->audio_direction, call->video_direction};
    for (int kind = 0; kind < XC_KINDS; kind++) {
        if (directions[kind] == XCALL_DIRECTION_NONE)
            continue;
        struct xc_media_want want = {.kind = kind == XC_VIDEO ? XC_SDP_VIDEO : XC_SDP_AUDIO,
                                     .direction = (uint8_t)directions[kind],
                                     .ssrc = session->out[kind].ssrc,
                                     .fec = (call->audio_flags & XCALL_AUDIO_FEC) != 0,
                                     .dtx = (call->audio_flags & XCALL_AUDIO_DTX) != 0,
                                     .stereo = call->audio_channels == 2};
        xc_negotiate_add_want(&session->negotiation, &want);
    }
}

static void init_protocols(struct xc_session *session, const struct xc_session_config *config,
                           uint64_t now)
{
    struct xc_ice_config ice = {.controlling = session->offerer,
                                .allow_loopback = config->allow_loopback};
    struct xc_negotiate_config negotiate = {.trickle =
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
}

struct xc_session *xc_session_create(struct xc_arena *arena, const struct xc_session_config *config,
                                     uint64_t now)
{
    struct xc_session_roads roads = {0};
    struct xc_assemble *assemble = NULL;
    struct xc_ring *traces = NULL;
    struct xc_byte_ring *encoded = NULL;
    struct xc_rng probe = {0};
    struct xc_session *session = xc_arena_take_untouched(arena, sizeof *session);
    xc_rng_init(session ? &session->rng : &probe, config->seed);
    struct xc_data_port *data = config->call->data_channels ? xc_data_port_create(arena) : NULL;
    bool ok = (data || !config->call->data_channels || xc_arena_measuring(arena)) &&
              create_audio(arena, config, &roads) &&
              create_video(arena, config, &roads, &assemble) &&
              create_rings(arena, config->call, &traces, &encoded) &&
              create_streams(arena, config, session, session ? &session->rng : &probe);
    xc_wipe(&probe, sizeof probe);
    if (xc_arena_measuring(arena))
        return NULL;
    if (!ok || !session || arena->used > arena->capacity) {
        xc_video_send_destroy(roads.video_send);
        xc_video_recv_destroy(roads.video_recv);
        return NULL;
    }
    session->call = *config->call;
    session->audio_codec = config->audio_codec;
    session->unix_epoch = config->unix_epoch;
    session->created = now;
    session->scratch = config->scratch;
    session->clock = config->clock;
    session->clock_context = config->clock_context;
    session->offerer = config->call->role == XCALL_ROLE_OFFER;
    session->offer_needed = session->offerer;
    session->state = XCALL_STATE_NEW;
    session->connect_deadline = XC_NEVER;
    session->audio_settings = audio_settings(config->call);
    session->roads = roads;
    session->assemble = assemble;
    session->traces = traces;
    session->encoded = encoded;
    session->data = data;
    init_protocols(session, config, now);
    if (roads.video_send) {
        xc_video_send_pause(roads.video_send, true);
        session->prepare_at = now + PREPARE_AFTER;
    }
    session->dtls = xc_dtls_create(config->identity);
    if (!session->dtls) {
        xc_session_destroy(session);
        return NULL;
    }
    return session;
}

void xc_session_destroy(struct xc_session *session)
{
    if (!session)
        return;
    xc_video_send_destroy(session->roads.video_send);
    xc_video_recv_destroy(session->roads.video_recv);
    xc_srtp_destroy(session->srtp);
    xc_dtls_destroy(session->dtls);
    xc_wipe(&session->ice, sizeof session->ice);
    xc_wipe(&session->rng, sizeof session->rng);
}

const struct xc_session_roads *xc_session_roads(const struct xc_session *session)
{
    return &session->roads;
}

uint32_t xc_session_ssrc(const struct xc_session *session, uint32_t kind, bool received)
{
    int index = kind == XCALL_KIND_VIDEO ? XC_VIDEO : XC_AUDIO;
    return received ? session->in[index].ssrc : session->out[index].ssrc;
}

bool xc_session_add_local(struct xc_session *session, const struct xc_addr *base,
                          uint16_t preference)
{
    return xc_ice_add_local(&session->ice, base, preference) >= 0;
}

/* --- life ----------------------------------------------------------------------------------- */

void xc_session_set_state(struct xc_session *session, uint32_t state)
{
    if (session->state == state || session->state == XCALL_STATE_ENDED)
        return;
    session->state = state;
    session->work |= XC_WORK_STATE;
}

void xc_session_end(struct xc_session *session, uint32_t reason)
{
    if (session->state == XCALL_STATE_ENDED)
        return;
    session->reason = reason;
    xc_data_port_end(session->data);
    /* Once: a hang-up has raised it already, and may have handed it out. */
    if (!session->ending && reason != XCALL_END_REMOTE_HANG_UP)
        session->bye_signal = true;
    for (int kind = 0; kind < XC_KINDS; kind++)
        session->out[kind].sending = false;
    xc_session_set_state(session, XCALL_STATE_ENDED);
}

/* Ends after BYE and close_notify went out; see xc_session_output. */
void xc_session_hang_up(struct xc_session *session, uint64_t now, uint32_t reason)
{
    if (session->state == XCALL_STATE_ENDED || session->ending)
        return;
    (void)now;
    session->ending = true;
    session->reason = reason;
    session->bye_rtcp = session->bye_dtls = session->srtp != NULL;
    session->bye_signal = true;
    for (int kind = 0; kind < XC_KINDS; kind++)
        session->out[kind].sending = false;
}

void xc_session_set_hold(struct xc_session *session, uint64_t now, bool hold)
{
    if (session->hold_local == hold || session->ending)
        return;
    session->hold_local = hold;
    session->negotiation.hold_local = hold;
    if (session->described)
        session->offer_needed = true;
    xc_send_path_update(session, now);
}

void xc_session_set_mute(struct xc_session *session, uint32_t kind, bool mute)
{
    int index = kind == XCALL_KIND_VIDEO ? XC_VIDEO : XC_AUDIO;
    session->out[index].muted = mute;
    if (index == XC_VIDEO && session->roads.video_send) {
        xc_video_send_mute(session->roads.video_send, mute);
        session->work |= XC_WORK_ENCODE;
    }
    if (index == XC_AUDIO && session->roads.audio_send)
        xc_audio_send_mute(session->roads.audio_send, mute);
}

void xc_session_request_key(struct xc_session *session, uint64_t now)
{
    (void)now;
    if (session->assemble)
        xc_assemble_need_key(session->assemble);
}

void xc_session_send_failed(struct xc_session *session)
{
    session->count.send_errors++;
}

void xc_session_service(struct xc_session *session, uint64_t now)
{
    if (session->state == XCALL_STATE_ENDED)
        return;
    xc_data_port_turn(session->data);
    xc_transport_service(session, now);
    if (session->state == XCALL_STATE_ENDED)
        return;
    xc_send_path_service(session, now);
    xc_recv_path_service(session, now);
}

/* The last datagrams of a call: BYE, then close_notify (or the alert of a failed handshake). */
static bool output_goodbye(struct xc_session *session, uint64_t now, struct xc_datagram *out)
{
    if (session->ending && xc_reports_output(session, now, out))
        return true;
    if (session->bye_dtls) {
        session->bye_dtls = false;
        xc_dtls_close(session->dtls, now);
    }
    if (xc_dtls_started(session->dtls) && xc_transport_route(session, out)) {
        out->size = xc_dtls_output(session->dtls, now, out->data, XC_MTU);
        if (out->size)
            return true;
    }
    if (session->ending)
        xc_session_end(session, session->reason);
    return false;
}

bool xc_session_output(struct xc_session *session, uint64_t now, struct xc_datagram *out)
{
    bool any;
    if (session->ending || session->state == XCALL_STATE_ENDED)
        any = output_goodbye(session, now, out);
    else
        any = xc_transport_output(session, now, out) || xc_send_path_output(session, now, out) ||
              xc_reports_output(session, now, out) || xc_transport_output_data(session, now, out);
    if (any) {
        session->count.packets_sent++;
        session->count.bytes_sent += out->size;
    }
    return any;
}

uint64_t xc_session_deadline(const struct xc_session *session, uint64_t now)
{
    if (session->state == XCALL_STATE_ENDED)
        return XC_NEVER;
    struct xc_addr local, remote;
    uint64_t at = xc_transport_deadline(session, now);
    if (session->prepare_at)
        at = xc_earlier(at, session->prepare_at);
    if (!xc_ice_selected(&session->ice, &local, &remote))
        return at; /* nothing else could go out */
    if (xc_data_port_pending(session->data) && !session->data->burst)
        return now; /* more than one turn's worth: media and sockets came between */
    at = xc_earlier(at, xc_send_path_deadline(session, now));
    at = xc_earlier(at, xc_recv_path_deadline(session, now));
    return xc_earlier(at, xc_reports_deadline(session, now));
}

uint32_t xc_session_take_work(struct xc_session *session)
{
    uint32_t work = session->work;
    if (xc_data_port_take_work(session->data))
        work |= XC_WORK_DATA;
    if (session->prepare_at)
        work &= ~(uint32_t)XC_WORK_ENCODE; /* it will be raised when the time has come */
    session->work = 0;
    return work;
}

uint32_t xc_session_state(const struct xc_session *session)
{
    return session->state;
}

uint32_t xc_session_reason(const struct xc_session *session)
{
    return session->reason;
}

const char *xc_session_reason_text(const struct xc_session *session)
{
    return session->reason_text;
}

bool xc_session_remote_hold(const struct xc_session *session)
{
    return session->hold_remote_told;
}

bool xc_session_frames_wait(const struct xc_session *session)
{
    return session->frames_wait;
}

bool xc_session_secure(const struct xc_session *session)
{
    return session->srtp != NULL;
}

struct xc_data_port *xc_session_data_port(struct xc_session *session)
{
    return session->data;
}

struct xc_ring *xc_session_trace_ring(struct xc_session *session)
{
    return session->traces;
}

struct xc_byte_ring *xc_session_encoded_ring(struct xc_session *session)
{
    return session->encoded;
}
