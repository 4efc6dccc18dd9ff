/* actions.c - {"type":"do","action":...} lines: what a person would click in mid-call.
 *
 * Each is answered by one line: {"type":"done","action":"...","error":null or a sentence}. Only a
 * line that is wrong in itself (an unknown action, a bad member) ends the run.
 *
 * SPDX-License-Identifier: MIT */
#include "peer.h"

#include <string.h>

struct action {
    const char *name;
    /* The library's result, or 0. -1 with error set: the line is wrong. */
    int32_t (*run)(struct peer *peer, const json_t *object, bool on, char *error, size_t size);
    bool on;
};

enum { LINE_IS_WRONG = INT32_MIN };

/* The tracks that "kind" names: all when it is absent. */
static int32_t for_tracks(struct peer *peer, const json_t *object, char *error, size_t size,
                          int32_t (*run)(xcall_engine *, xcall_id, int32_t), int32_t value)
{
    static const struct {
        const char *name;
        uint32_t kind, index;
    } kinds[] = {{"audio", XCALL_KIND_AUDIO, 0},
                 {"video", XCALL_KIND_VIDEO, VIDEO_CAMERA},
                 {"screen", XCALL_KIND_VIDEO, VIDEO_SCREEN}};
    const char *wanted = json_string_value(json_object_get(object, "kind"));
    int32_t result = XCALL_E_INVALID;
    bool known = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        xcall_id track = 0;
        if (wanted && strcmp(wanted, kinds[i].name) != 0)
            continue;
        known = true;
        if (xcall_call_track(peer->engine, peer->call, kinds[i].kind, kinds[i].index, &track) == 0)
            result = run(peer->engine, track, value);
    }
    if (known)
        return result;
    snprintf(error, size, "there is no \"kind\" \"%.40s\"", wanted);
    return LINE_IS_WRONG;
}

static int32_t run_mute(struct peer *peer, const json_t *object, bool on, char *error, size_t size)
{
    return for_tracks(peer, object, error, size, xcall_track_set_mute, on);
}

static int32_t run_hold(struct peer *peer, const json_t *object, bool on, char *error, size_t size)
{
    (void)object, (void)error, (void)size;
    int32_t result = xcall_call_set_hold(peer->engine, peer->call, on);
    if (result == 0)
        peer->flow.held_here = on;
    return result;
}

/* Raised to be sent, its pictures are written from now on. */
static int32_t set_video(struct peer *peer, uint32_t index, uint32_t direction)
{
    xcall_id track = peer->media.videos[index].track;
    if ((direction & XCALL_DIRECTION_SEND) && media_write_video(&peer->media, index))
        return XCALL_E_SYSTEM;
    return track ? xcall_track_set_direction(peer->engine, track, direction) : XCALL_E_INVALID;
}

static int32_t run_video(struct peer *peer, const json_t *object, bool on, char *error, size_t size)
{
    (void)object, (void)error, (void)size;
    return set_video(peer, VIDEO_CAMERA, on ? XCALL_DIRECTION_BOTH : XCALL_DIRECTION_NONE);
}

static int32_t run_screen(struct peer *peer, const json_t *object, bool on, char *error,
                          size_t size)
{
    (void)object, (void)error, (void)size;
    return set_video(peer, VIDEO_SCREEN, on ? XCALL_DIRECTION_BOTH : XCALL_DIRECTION_NONE);
}

/* "kind": audio, video or screen; "direction": none, recv, send or both. */
static int32_t run_direction(struct peer *peer, const json_t *object, bool on, char *error,
                             size_t size)
{
    static const char *const names[] = {"none", "recv", "send", "both"};
    static const char *const kinds[] = {"video", "screen", "audio"};
    const char *wanted = json_string_value(json_object_get(object, "direction"));
    const char *kind = json_string_value(json_object_get(object, "kind"));
    uint32_t direction = 0, index = 0;
    xcall_id track = 0;
    (void)on;
    while (direction < 4 && !(wanted && strcmp(wanted, names[direction]) == 0))
        direction++;
    while (index < 3 && !(kind && strcmp(kind, kinds[index]) == 0))
        index++;
    if (direction == 4 || index == 3) {
        snprintf(error, size,
                 "\"direction\" needs \"kind\" audio, video or screen and "
                 "\"direction\" none, recv, send or both");
        return LINE_IS_WRONG;
    }
    if (index < VIDEO_COUNT)
        return set_video(peer, index, direction);
    int32_t result = xcall_call_track(peer->engine, peer->call, XCALL_KIND_AUDIO, 0, &track);
    return result ? result : xcall_track_set_direction(peer->engine, track, direction);
}

static int32_t run_restart_ice(struct peer *peer, const json_t *object, bool on, char *error,
                               size_t size)
{
    (void)object, (void)on, (void)error, (void)size;
    return xcall_call_restart_ice(peer->engine, peer->call);
}

static uint32_t number_of(const json_t *object, const char *member, uint32_t otherwise)
{
    const json_t *value = json_object_get(object, member);
    json_int_t number = json_integer_value(value);
    return !value || number < 0 || number > UINT32_MAX ? otherwise : (uint32_t)number;
}

/* "servers": as in the file of --ice-server-file; new ones, or new credentials. */
static int32_t run_ice_servers(struct peer *peer, const json_t *object, bool on, char *error,
                               size_t size)
{
    (void)on;
    if (servers_take(&peer->servers, json_object_get(object, "servers"), error, size))
        return LINE_IS_WRONG;
    return xcall_call_set_ice_servers(peer->engine, peer->call, peer->servers.list,
                                      peer->servers.count, NULL);
}

static int32_t run_dtmf(struct peer *peer, const json_t *object, bool on, char *error, size_t size)
{
    const char *digits = json_string_value(json_object_get(object, "digits"));
    (void)on;
    if (!digits) {
        snprintf(error, size, "\"dtmf\" has no \"digits\" that are a string");
        return LINE_IS_WRONG;
    }
    return xcall_call_send_dtmf(peer->engine, peer->call, digits,
                                number_of(object, "duration_ms", 100),
                                number_of(object, "gap_ms", 70));
}

static int32_t run_channel(struct peer *peer, const json_t *object, bool on, char *error,
                           size_t size)
{
    const char *label = json_string_value(json_object_get(object, "label"));
    if (!label) {
        snprintf(error, size, "a channel has no \"label\" that is a string");
        return LINE_IS_WRONG;
    }
    return on ? data_open(&peer->data, object) : data_close_channel(&peer->data, label);
}

static int32_t run_stats(struct peer *peer, const json_t *object, bool on, char *error, size_t size)
{
    (void)object, (void)on, (void)error, (void)size;
    files_say_stats(peer);
    return 0;
}

static int32_t run_key_frame(struct peer *peer, const json_t *object, bool on, char *error,
                             size_t size)
{
    xcall_id track = 0;
    (void)object, (void)on, (void)error, (void)size;
    int32_t result = xcall_call_track(peer->engine, peer->call, XCALL_KIND_VIDEO, 0, &track);
    return result ? result : xcall_track_request_key_frame(peer->engine, track);
}

static const struct action actions[] = {
    {"mute", run_mute, true},
    {"unmute", run_mute, false},
    {"hold", run_hold, true},
    {"resume", run_hold, false},
    {"add-video", run_video, true},
    {"remove-video", run_video, false},
    {"add-screen", run_screen, true},
    {"remove-screen", run_screen, false},
    {"direction", run_direction, true},
    {"restart-ice", run_restart_ice, true},
    {"ice-servers", run_ice_servers, true},
    {"dtmf", run_dtmf, true},
    {"open-channel", run_channel, true},
    {"close-channel", run_channel, false},
    {"key-frame", run_key_frame, true},
    {"stats", run_stats, true},
};

int action_take(struct peer *peer, const json_t *object, char *error, size_t error_size)
{
    const char *name = json_string_value(json_object_get(object, "action"));
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(name, actions[i].name) != 0)
            continue;
        int32_t result = actions[i].run(peer, object, actions[i].on, error, error_size);
        if (result == LINE_IS_WRONG)
            return -1;
        emit(json_pack("{s:s, s:s, s:s?}", "type", "done", "action", name, "error",
                       result ? xcall_error_text(result) : NULL));
        return 0;
    }
    snprintf(error, error_size, "there is no action \"%.40s\"", name);
    return -1;
}
