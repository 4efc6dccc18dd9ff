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
    } kinds[] = {{"audio", XCALL_KIND_AUDIO, 0}, {"video", XCALL_KIND_VIDEO, 0}};
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
    {"mute", run_mute, true},    {"unmute", run_mute, false},        {"hold", run_hold, true},
    {"resume", run_hold, false}, {"key-frame", run_key_frame, true}, {"stats", run_stats, true},
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
