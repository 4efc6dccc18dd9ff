/* api_call.c - the entry points of calls: checks, then one call below.
 * SPDX-License-Identifier: MIT */
#include "api/check.h"

void xcall_call_config_init(xcall_call_config *config, uint32_t size)
{
    const struct xcall_call_config defaults = {.size = size,
                                               .role = XCALL_ROLE_OFFER,
                                               .audio_direction = XCALL_DIRECTION_BOTH,
                                               .audio_rate = 48000,
                                               .audio_channels = 1,
                                               .audio_sample = XCALL_SAMPLE_S16,
                                               .audio_frame_ms = 20,
                                               .audio_bitrate_bps = 32000,
                                               .audio_complexity = 5,
                                               .audio_flags = XCALL_AUDIO_FEC,
                                               .audio_delay_ms_max = 1000,
                                               .video_width = 640,
                                               .video_height = 360,
                                               .video_width_max = 1280,
                                               .video_height_max = 720,
                                               .video_frame_rate = 30,
                                               .video_bitrate_bps = 1000000,
                                               .temporal_layers = 1,
                                               .data_send_bytes = 1u << 20,
                                               .data_receive_bytes = 1u << 20};
    if (!config || size < sizeof config->size)
        return;
    memset(config, 0, size);
    xc_copy_sized(config, &defaults, size, sizeof defaults);
}

static bool within(uint32_t value, uint32_t low, uint32_t high)
{
    return value >= low && value <= high;
}

static const char *check_audio(const struct xcall_call_config *c)
{
    if (c->audio_direction > XCALL_DIRECTION_BOTH)
        return "audio_direction is unknown";
    if (!within(c->audio_rate, 8000, 48000))
        return "audio_rate is not within 8000 to 48000";
    if (!within(c->audio_channels, 1, 2))
        return "audio_channels is not 1 or 2";
    if (!within(c->audio_sample, XCALL_SAMPLE_S16, XCALL_SAMPLE_F32))
        return "audio_sample is unknown";
    if (c->audio_frame_ms != 10 && c->audio_frame_ms != 20 && c->audio_frame_ms != 40 &&
        c->audio_frame_ms != 60)
        return "audio_frame_ms is not 10, 20, 40 or 60";
    if (!within(c->audio_bitrate_bps, 6000, 510000))
        return "audio_bitrate_bps is not within 6000 to 510000";
    /* One packet must fit under the MTU. */
    if ((uint64_t)c->audio_bitrate_bps * c->audio_frame_ms / 8000 > 1000)
        return "audio_bitrate_bps is too high for packets of audio_frame_ms";
    if (c->audio_complexity > 10)
        return "audio_complexity is above 10";
    if (c->audio_flags & ~(uint32_t)(XCALL_AUDIO_FEC | XCALL_AUDIO_DTX | XCALL_AUDIO_LOW_DELAY |
                                     XCALL_AUDIO_MUSIC | XCALL_AUDIO_RED))
        return "audio_flags has an unknown bit";
    if (c->audio_delay_ms_min > c->audio_delay_ms_max || c->audio_delay_ms_max > 10000)
        return "audio_delay_ms_min and audio_delay_ms_max are no range up to 10000";
    if (c->audio_tracks > 1)
        return "audio_tracks is above 1";
    return NULL;
}

static const char *check_video(const struct xcall_call_config *c)
{
    if (c->video_direction > XCALL_DIRECTION_BOTH)
        return "video_direction is unknown";
    if (!within(c->video_width_max, 16, 4096) || !within(c->video_height_max, 16, 4096))
        return "video_width_max or video_height_max is not within 16 to 4096";
    if (!within(c->video_width, 16, c->video_width_max) ||
        !within(c->video_height, 16, c->video_height_max))
        return "video_width or video_height is not within 16 to its maximum";
    if (!within(c->video_frame_rate, 1, 60))
        return "video_frame_rate is not within 1 to 60";
    if (!within(c->video_bitrate_bps, 30000, 20000000))
        return "video_bitrate_bps is not within 30000 to 20000000";
    if (c->video_speed > 0 || c->video_speed < -16)
        return "video_speed is not within -16 to 0";
    if (c->video_flags & ~(uint32_t)(XCALL_VIDEO_KEEP_FRAMES | XCALL_VIDEO_LOW_DELAY))
        return "video_flags has an unknown bit";
    if (c->video_tracks > XC_VIDEOS)
        return "video_tracks is above 2";
    if (c->screen_direction > XCALL_DIRECTION_BOTH)
        return "screen_direction is unknown";
    if (c->video_codec > XCALL_CODEC_VP9)
        return "video_codec is unknown";
    if (!within(c->temporal_layers, 1, 3))
        return "temporal_layers is not within 1 to 3";
    return NULL;
}

static const char *check_config(const struct xcall_call_config *c)
{
    if (!within(c->role, XCALL_ROLE_OFFER, XCALL_ROLE_ANSWER))
        return "role is unknown";
    if (c->flags & ~(uint32_t)(XCALL_CALL_NO_TRICKLE | XCALL_CALL_SERVERS_LATER))
        return "flags has an unknown bit";
    if (!c->audio_direction && !c->video_direction && !c->screen_direction && !c->audio_tracks &&
        !c->video_tracks && !c->data_channels)
        return "neither audio nor video nor data is asked for";
    if (c->trace_frames > 65536)
        return "trace_frames is above 65536";
    if (c->encoded_bytes > 1u << 26)
        return "encoded_bytes is above 2^26";
    if (c->ice_policy > XCALL_ICE_RELAY)
        return "ice_policy is unknown";
    if (c->data_channels > XC_CHANNELS_MAX)
        return "data_channels is above 1024";
    if (!within(c->data_send_bytes, 1u << 19, 1u << 26) ||
        !within(c->data_receive_bytes, 1u << 19, 1u << 26))
        return "data_send_bytes or data_receive_bytes is not within 2^19 to 2^26";
    const char *words = check_audio(c);
    return words ? words : check_video(c);
}

void xcall_ice_server_init(xcall_ice_server *server, uint32_t size)
{
    if (!server || size < sizeof server->size)
        return;
    memset(server, 0, size);
    server->size = size;
}

static struct xc_span text_span(const char *text)
{
    return xc_span_make(text, text ? strlen(text) : 0);
}

static int32_t read_server(struct xc_ice_server *to, const xcall_ice_server *from,
                           const char **words)
{
    if (!from->url) {
        *words = "an ICE server has no URL";
        return XCALL_E_INVALID;
    }
    int result = xc_ice_server_parse(to, text_span(from->url), words);
    if (result != XC_ICE_SERVER_OK)
        return result == XC_ICE_SERVER_UNSUPPORTED ? XCALL_E_UNSUPPORTED : XCALL_E_INVALID;
    return xc_ice_server_credentials(to, text_span(from->username), text_span(from->password),
                                     words)
               ? XCALL_OK
               : XCALL_E_INVALID;
}

/* An array of the caller's: its elements are as large as the first one says. */
static int32_t read_servers(struct xc_ice_server *to, const xcall_ice_server *from, uint32_t count,
                            const char **words)
{
    int32_t result = XCALL_OK;
    if (count > XC_ICE_SERVERS_MAX) {
        *words = "a call has at most 8 ICE servers";
        return XCALL_E_LIMIT;
    }
    if (count && (!from || from->size < sizeof from->size)) {
        *words = from ? "an ICE server was not initialised" : "ice_servers is NULL";
        return from ? XCALL_E_VERSION : XCALL_E_INVALID;
    }
    for (uint32_t i = 0; i < count && result == XCALL_OK; i++) {
        xcall_ice_server server = {0};
        const char *at = (const char *)from + (size_t)i * from->size;
        xc_copy_sized(&server, at, sizeof server, from->size);
        if (server.size != from->size) {
            *words = "the ICE servers are not of one size";
            return XCALL_E_VERSION;
        }
        result = read_server(&to[i], &server, words);
    }
    return result;
}

int32_t xcall_call_create(xcall_engine *engine, const xcall_call_config *given, xcall_id *call,
                          xcall_error *error)
{
    struct xcall_call_config config;
    struct xc_ice_server servers[XC_ICE_SERVERS_MAX];
    const char *words = "";
    int32_t result = xc_check_engine(engine);
    if (result != XCALL_OK)
        return xc_report(error, result, xcall_error_text(result), 0);
    if (!call)
        return xc_report(error, XCALL_E_INVALID, "call is NULL", 0);
    xcall_call_config_init(&config, sizeof config);
    if (given && given->size < sizeof given->size)
        return xc_report(error, XCALL_E_VERSION, "the configuration was not initialised", 0);
    if (given)
        xc_copy_sized(&config, given, sizeof config, given->size);
    config.size = sizeof config;
    words = check_config(&config);
    if (words)
        return xc_report(error, XCALL_E_INVALID, words, 0);
    if (atomic_load_explicit(&engine->closing, memory_order_seq_cst))
        return xc_report(error, XCALL_E_CLOSED, "the engine is closed", 0);
    result = read_servers(servers, config.ice_servers, config.ice_server_count, &words);
    if (result == XCALL_OK)
        result = xc_call_create(engine, &config, servers, call, &words);
    xc_wipe(servers, sizeof servers);
    return xc_report(error, result, words, 0);
}

static int32_t check_signal(struct xcall_engine *engine, uint32_t kind, const char *text,
                            size_t length, xcall_error *error)
{
    const char *words = "";
    uint32_t line = 0;
    if (!text || length > XC_SDP_TEXT_MAX)
        return xc_report(error, text ? XCALL_E_LIMIT : XCALL_E_INVALID,
                         text ? "the signal is longer than 65536 bytes" : "text is NULL", 0);
    xc_lock_take(&engine->control);
    int32_t result =
        xc_signal_check(kind, xc_span_make(text, length), engine->check_scratch, &words, &line);
    xc_lock_give(&engine->control);
    return xc_report(error, result, words, line);
}

int32_t xcall_call_receive_signal(xcall_engine *engine, xcall_id id, uint32_t kind,
                                  const char *text, size_t length, xcall_error *error)
{
    struct xc_call *call;
    int32_t result = xc_enter(engine, id, &call);
    if (result != XCALL_OK)
        return xc_report(error, result, xcall_error_text(result), 0);
    result = check_signal(engine, kind, text, length, error);
    if (result == XCALL_OK) {
        result = xc_command_post(call, XC_COMMAND_SIGNAL, kind, text, length);
        xc_report(error, result, xcall_error_text(result), 0);
    }
    xc_slot_unpin(call);
    return result;
}

static int32_t want(xcall_engine *engine, xcall_id id, uint32_t set, uint32_t clear)
{
    struct xc_call *call;
    int32_t result = xc_enter(engine, id, &call);
    if (result != XCALL_OK)
        return result;
    xc_command_want(call, set, clear);
    xc_slot_unpin(call);
    return XCALL_OK;
}

int32_t xcall_call_hang_up(xcall_engine *engine, xcall_id call)
{
    return want(engine, call, XC_WANT_HANG_UP, 0);
}

int32_t xcall_call_set_hold(xcall_engine *engine, xcall_id call, int32_t hold)
{
    return want(engine, call, XC_WANT_HOLD | (hold ? XC_WANT_HOLD_ON : 0), XC_WANT_HOLD_ON);
}

static bool has_track(const struct xc_call *call, uint32_t track)
{
    if (track == XCALL_KIND_AUDIO)
        return call->roads.audio_send != NULL;
    return track > XCALL_KIND_AUDIO && track <= 1 + XC_VIDEOS &&
           call->roads.video_send[track - XCALL_KIND_VIDEO] != NULL;
}

int32_t xcall_call_track(xcall_engine *engine, xcall_id id, uint32_t kind, uint32_t index,
                         xcall_id *track)
{
    struct xc_call *call;
    int32_t result = xc_enter(engine, id, &call);
    if (result != XCALL_OK)
        return result;
    bool known =
        kind == XCALL_KIND_AUDIO ? index == 0 : kind == XCALL_KIND_VIDEO && index < XC_VIDEOS;
    if (!track || !known || !has_track(call, kind + index))
        result = XCALL_E_INVALID;
    else
        *track = xc_call_id(call) | (kind + index);
    xc_slot_unpin(call);
    return result;
}

/* The number of a track id, or of the first track of a call id; 0 when the call has no such track. */
static uint32_t track_of(const struct xc_call *call, xcall_id id)
{
    uint32_t track = xc_id_track(id);
    for (uint32_t first = 1; !track && first <= 1 + XC_VIDEOS; first++)
        track = has_track(call, first) ? first : 0;
    return has_track(call, track) ? track : 0;
}

/* XC_WANT_* of one track. */
static int32_t want_of_track(xcall_engine *engine, xcall_id id, uint32_t set, uint32_t clear,
                             bool video)
{
    struct xc_call *call;
    int32_t result = xc_enter(engine, id, &call);
    if (result != XCALL_OK)
        return result;
    uint32_t track = track_of(call, id);
    if (video && !xc_id_track(id) && has_track(call, XCALL_KIND_VIDEO))
        track = XCALL_KIND_VIDEO;
    if (!track || (video && track == XCALL_KIND_AUDIO)) {
        xc_slot_unpin(call);
        return XCALL_E_INVALID;
    }
    if (set & XC_WANT_DIRECTION && set >= XC_WANT_DIRECTION_BIT)
        xc_call_populate(call, track);
    uint32_t shift = (track - 1) * XC_WANT_TRACK_BITS;
    xc_command_want(call, set * XC_WANT_TRACK << shift, clear * XC_WANT_TRACK << shift);
    xc_slot_unpin(call);
    return XCALL_OK;
}

int32_t xcall_track_set_mute(xcall_engine *engine, xcall_id track, int32_t mute)
{
    return want_of_track(engine, track, XC_WANT_MUTE | (mute ? XC_WANT_MUTE_ON : 0),
                         XC_WANT_MUTE_ON, false);
}

int32_t xcall_track_set_direction(xcall_engine *engine, xcall_id track, uint32_t direction)
{
    if (direction > XCALL_DIRECTION_BOTH)
        return XCALL_E_INVALID;
    return want_of_track(engine, track, XC_WANT_DIRECTION | direction * XC_WANT_DIRECTION_BIT,
                         XCALL_DIRECTION_BOTH * XC_WANT_DIRECTION_BIT, false);
}

int32_t xcall_track_request_key_frame(xcall_engine *engine, xcall_id track)
{
    return want_of_track(engine, track, XC_WANT_KEY, 0, true);
}

int32_t xcall_call_set_ice_policy(xcall_engine *engine, xcall_id id, uint32_t policy)
{
    struct xc_call *call;
    if (policy != XCALL_ICE_RELAY)
        return XCALL_E_INVALID;
    int32_t result = xc_enter(engine, id, &call);
    if (result != XCALL_OK)
        return result;
    result = xc_command_post(call, XC_COMMAND_RELAY_ONLY, 0, NULL, 0);
    xc_slot_unpin(call);
    return result;
}

int32_t xcall_call_restart_ice(xcall_engine *engine, xcall_id call)
{
    return want(engine, call, XC_WANT_RESTART_ICE, 0);
}

int32_t xcall_call_set_ice_servers(xcall_engine *engine, xcall_id id,
                                   const xcall_ice_server *servers, uint32_t count,
                                   xcall_error *error)
{
    struct xc_ice_server list[XC_ICE_SERVERS_MAX];
    const char *words = "";
    struct xc_call *call;
    int32_t result = xc_enter(engine, id, &call);
    if (result != XCALL_OK)
        return xc_report(error, result, xcall_error_text(result), 0);
    result = read_servers(list, servers, count, &words);
    if (result == XCALL_OK)
        result = xc_call_set_ice_servers(call, list, count, &words);
    xc_wipe(list, sizeof list);
    xc_slot_unpin(call);
    return xc_report(error, result, words, 0);
}

int32_t xcall_call_send_dtmf(xcall_engine *engine, xcall_id id, const char *digits,
                             uint32_t duration_ms, uint32_t gap_ms)
{
    struct xc_call *call;
    int32_t result = xc_enter(engine, id, &call);
    if (result != XCALL_OK)
        return result;
    size_t count = digits ? strlen(digits) : 0;
    if (!count || strspn(digits, "0123456789ABCDabcd*#,") != count ||
        !within(duration_ms, 40, 6000) || !within(gap_ms, 30, 6000) ||
        !has_track(call, XCALL_KIND_AUDIO))
        result = XCALL_E_INVALID;
    else if (count > XC_DTMF_DIGITS_MAX)
        result = XCALL_E_LIMIT;
    else
        result = xc_command_post(call, XC_COMMAND_DTMF, duration_ms | gap_ms << 16, digits, count);
    xc_slot_unpin(call);
    return result;
}

void xcall_stats_init(xcall_stats *stats, uint32_t size)
{
    if (!stats || size < sizeof stats->size)
        return;
    memset(stats, 0, size);
    stats->size = size;
}

int32_t xcall_call_stats(xcall_engine *engine, xcall_id id, xcall_stats *stats)
{
    struct xcall_stats full;
    struct xc_call *call;
    if (!stats || stats->size < sizeof stats->size)
        return XCALL_E_INVALID;
    int32_t result = xc_enter_ended(engine, id, &call);
    if (result != XCALL_OK)
        return result;
    xc_lock_take(&engine->control);
    xc_cell_read(call->stats, &full);
    xc_lock_give(&engine->control);
    full.size = stats->size;
    full.state = atomic_load_explicit(&call->state, memory_order_seq_cst);
    xc_copy_sized(stats, &full, stats->size, sizeof full);
    xc_slot_unpin(call);
    return XCALL_OK;
}
