/* calls.c - the native ends: one call for each WebSocket that says so, driven by its lines.
 *
 * Lines are JSON objects (docs/browser.md lists them). What a page sends is not trusted: a line that
 * is wrong is answered with a sentence and counted, and a call that does not come about is ended.
 *
 * SPDX-License-Identifier: MIT */
#include "calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../peer/stats_json.h"
#include "signalling.h"

#define SECOND_NS 1000000000u
#define CONNECT_SECONDS 30
#define TRACE_FRAMES 1024 /* between two seconds; a call has about 200 */
#define TRACE_BATCH 128
#define EVENTS_A_ROUND 256 /* then the sockets have their turn */
#define ECHO_BYTES_MAX 2000
#define CHANNELS_MAX 8
#define DTMF_MS 120
#define DTMF_GAP_MS 80

static int fail(const char *what, int32_t code, const xcall_error *error)
{
    fprintf(stderr, "browser-call: %s: %s (%s)\n", what,
            error->text[0] ? error->text : xcall_error_text(code), xcall_error_name(code));
    return code == XCALL_E_INVALID || code == XCALL_E_SYSTEM ? 2 : 1;
}

int calls_open(struct calls *calls, const struct options *options)
{
    char sentence[256];
    xcall_engine_config config;
    xcall_error error;
    xcall_error_init(&error, sizeof error);
    memset(calls, 0, sizeof *calls);
    calls->calls_max = options->calls;
    if (studio_open(&calls->studio, options->audio_in, sentence, sizeof sentence)) {
        fprintf(stderr, "browser-call: %s\n", sentence);
        return 2;
    }
    xcall_engine_config_init(&config, sizeof config);
    config.flags = options->loopback ? XCALL_ENGINE_LOOPBACK : 0;
    config.bind_address = options->bind;
    config.calls_max = options->calls;
    config.log_level = options->log_level;
    int32_t result = xcall_engine_create(&config, &calls->engine, &error);
    if (result) {
        calls->engine = NULL;
        return fail("cannot start", result, &error);
    }
    if (studio_start(&calls->studio, calls->engine)) {
        fprintf(stderr, "browser-call: cannot start a thread\n");
        return 1;
    }
    return 0;
}

void calls_close(struct calls *calls)
{
    studio_close(&calls->studio);
    if (calls->engine) {
        xcall_engine_close(calls->engine);
        xcall_engine_unref(calls->engine);
    }
}

static uint32_t place_of(const struct calls *calls, const struct call *call)
{
    return (uint32_t)(call - calls->places);
}

static struct call *find(struct calls *calls, xcall_id id)
{
    for (uint32_t i = 0; i < calls->calls_max; i++)
        if (id && calls->places[i].id == id)
            return &calls->places[i];
    return NULL;
}

/* reason: what the page is told where it did not ask for this. */
static void hang_up(struct calls *calls, struct call *call, const char *reason)
{
    if (call->hanging_up)
        return;
    call->hanging_up = true;
    call->reason = reason;
    xcall_call_hang_up(calls->engine, call->id);
}

void calls_let_go(struct calls *calls, struct call *call)
{
    call->socket = NULL;
    hang_up(calls, call, NULL);
}

void calls_hang_up_all(struct calls *calls)
{
    for (uint32_t i = 0; i < calls->calls_max; i++)
        if (calls->places[i].id)
            hang_up(calls, &calls->places[i], "closed");
}

/* --- lines of the page --------------------------------------------------------------------------- */

static void say(struct socket *socket, const char *type, const char *text)
{
    socket_send(socket, json_pack("{s:s, s:s}", "type", type, "text", text), false);
}

static void configure(const struct calls *calls, xcall_call_config *config)
{
    xcall_call_config_init(config, sizeof *config);
    config->role = XCALL_ROLE_ANSWER;
    config->video_direction = XCALL_DIRECTION_BOTH;
    config->video_tracks = STUDIO_VIDEOS; /* the second takes the page's screen */
    config->video_width = STUDIO_WIDTH;
    config->video_height = STUDIO_HEIGHT;
    config->video_width_max = STUDIO_WIDTH_MAX;
    config->video_height_max = STUDIO_HEIGHT_MAX;
    config->video_frame_rate = STUDIO_FPS;
    config->audio_rate = calls->studio.audio.rate;
    config->audio_channels = calls->studio.audio.channels;
    config->audio_sample = calls->studio.audio.is_float ? XCALL_SAMPLE_F32 : XCALL_SAMPLE_S16;
    config->trace_frames = TRACE_FRAMES;
    config->data_channels = CHANNELS_MAX;
}

/* {"type":"call"} */
static int take_call(struct calls *calls, struct socket *socket, struct call **own)
{
    xcall_call_config config;
    xcall_error error;
    char sentence[320];
    struct call *call = NULL;
    if (*own)
        return -1;
    for (uint32_t i = 0; i < calls->calls_max && !call; i++)
        if (!calls->places[i].id)
            call = &calls->places[i];
    if (!call) {
        snprintf(sentence, sizeof sentence, "All %u calls are taken; try again later.",
                 calls->calls_max);
        say(socket, "refused", sentence);
        return 0;
    }
    memset(call, 0, sizeof *call);
    configure(calls, &config);
    xcall_error_init(&error, sizeof error);
    int32_t result = xcall_call_create(calls->engine, &config, &call->id, &error);
    if (result) {
        call->id = 0;
        snprintf(sentence, sizeof sentence, "The call could not be made: %s",
                 error.text[0] ? error.text : xcall_error_text(result));
        say(socket, "refused", sentence);
        return 0;
    }
    call->socket = socket;
    call->created_ns = xcall_now_ns();
    calls->active++;
    *own = call;
    studio_add(&calls->studio, place_of(calls, call), call->id);
    socket_send(socket,
                json_pack("{s:s, s:s, s:i}", "type", "ready", "version", xcall_version(),
                          "calls_max", (int)calls->calls_max),
                false);
    return 0;
}

/* An offer, an answer or a candidate, as the browser made it. */
static int take_signal(struct calls *calls, struct call *call, const json_t *object, uint32_t kind,
                       const char *member, char *why, size_t why_size)
{
    const char *value = json_string_value(json_object_get(object, member));
    xcall_error error;
    xcall_error_init(&error, sizeof error);
    if (!call || !value) {
        snprintf(why, why_size, call ? "it has no \"%s\" that is a string" : "there is no call%.0s",
                 member);
        return -1;
    }
    if (kind == XCALL_SIGNAL_CANDIDATE && !*value)
        kind = XCALL_SIGNAL_END_OF_CANDIDATES;
    char *text = json_dumps(object, JSON_COMPACT);
    int32_t result =
        text ? xcall_call_receive_signal(calls->engine, call->id, kind, text, strlen(text), &error)
             : XCALL_E_MEMORY;
    free(text);
    if (result == 0 || result == XCALL_E_ENDED)
        return 0;
    snprintf(why, why_size, "%s", error.text[0] ? error.text : xcall_error_text(result));
    return -1;
}

/* {"type":"dtmf","digits":"..."}: the native end sends them. */
static int take_dtmf(struct calls *calls, struct call *call, const json_t *object, char *why,
                     size_t why_size)
{
    const char *digits = json_string_value(json_object_get(object, "digits"));
    int32_t result =
        call && digits ? xcall_call_send_dtmf(calls->engine, call->id, digits, DTMF_MS, DTMF_GAP_MS)
                       : XCALL_E_INVALID;
    if (result == 0 || result == XCALL_E_ENDED)
        return 0;
    snprintf(why, why_size, "no digits were sent: %s", xcall_error_text(result));
    return -1;
}

static int take_object(struct calls *calls, struct socket *socket, struct call **own,
                       const json_t *object, char *why, size_t why_size)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    struct call *call = *own;
    if (!type) {
        snprintf(why, why_size, "it is no object with a \"type\"");
        return -1;
    }
    if (strcmp(type, "call") == 0) {
        snprintf(why, why_size, "this page has a call already");
        return take_call(calls, socket, own);
    }
    if (strcmp(type, "hangup") == 0) {
        if (call)
            hang_up(calls, call, NULL);
        return 0;
    }
    if (strcmp(type, "offer") == 0)
        return take_signal(calls, call, object, XCALL_SIGNAL_OFFER, "sdp", why, why_size);
    if (strcmp(type, "answer") == 0)
        return take_signal(calls, call, object, XCALL_SIGNAL_ANSWER, "sdp", why, why_size);
    if (strcmp(type, "candidate") == 0)
        return take_signal(calls, call, object, XCALL_SIGNAL_CANDIDATE, "candidate", why, why_size);
    if (strcmp(type, "dtmf") == 0)
        return take_dtmf(calls, call, object, why, why_size);
    snprintf(why, why_size, "there is no such \"type\"");
    return -1;
}

int calls_take_line(struct calls *calls, struct socket *socket, struct call **call,
                    const char *line, size_t length)
{
    char why[320] = "it is no JSON", sentence[400];
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
    int result = object ? take_object(calls, socket, call, object, why, sizeof why) : -1;
    json_decref(object);
    if (result == 0)
        return 0;
    snprintf(sentence, sizeof sentence, "A line of the page was refused: %s.", why);
    say(socket, "error", sentence);
    return ++socket->bad_lines > BAD_LINES_MAX ? -1 : 0;
}

/* --- events of the engine ------------------------------------------------------------------------ */

static void send_signal(struct socket *socket, const xcall_event *event)
{
    if (event->signal_kind == XCALL_SIGNAL_BYE)
        return; /* ENDED says it */
    json_t *object = json_loadb(event->text, event->text_length, 0, NULL);
    if (object && !json_object_get(object, "type"))
        json_object_set_new(object, "type", json_string("candidate"));
    if (object)
        socket_send(socket, object, false);
}

static void send_text(struct calls *calls, xcall_id channel, const char *text, size_t length)
{
    /* No room, or the channel has gone: a chat line that is not answered does no harm. */
    xcall_channel_send(calls->engine, channel, XCALL_MESSAGE_TEXT, text, length);
}

/* Cut where a character begins (RFC 3629). */
static void echo(struct calls *calls, const xcall_event *event)
{
    static const char said[] = "you said: ";
    char text[sizeof said + ECHO_BYTES_MAX];
    size_t length = event->data_length;
    if (!(event->flags & XCALL_MESSAGE_TEXT))
        return;
    if (length > ECHO_BYTES_MAX) {
        length = ECHO_BYTES_MAX;
        while (length > 0 && (event->data[length] & 0xC0) == 0x80)
            length--;
    }
    memcpy(text, said, sizeof said - 1);
    memcpy(text + sizeof said - 1, event->data, length);
    send_text(calls, event->channel, text, sizeof said - 1 + length);
}

static void greet(struct calls *calls, const xcall_event *event)
{
    char text[160];
    if (event->state != XCALL_CHANNEL_OPEN)
        return;
    int length =
        snprintf(text, sizeof text, "This is libxcall %s. Say something.", xcall_version());
    send_text(calls, event->channel, text, (size_t)length);
}

static void send_stats(struct calls *calls, struct call *call)
{
    xcall_frame_trace traces[TRACE_BATCH];
    xcall_stats stats;
    int32_t got;
    while ((got = xcall_trace_read(calls->engine, call->id, traces, sizeof *traces, TRACE_BATCH)) >
           0)
        for (int32_t i = 0; i < got; i++)
            latency_add(&call->latency, &traces[i]);
    xcall_stats_init(&stats, sizeof stats);
    if (!call->socket || xcall_call_stats(calls->engine, call->id, &stats))
        return;
    json_t *object =
        json_pack("{s:s, s:i, s:f}", "type", "stats", "calls", (int)calls->active, "heard",
                  (double)studio_loudest(&calls->studio, place_of(calls, call)));
    stats_json_add(object, &stats);
    json_object_set_new(object, "latency", latency_json(&call->latency));
    socket_send(call->socket, object, true);
}

static void end(struct calls *calls, struct call *call, const xcall_event *event)
{
    send_stats(calls, call);
    studio_remove(&calls->studio, place_of(calls, call));
    if (call->socket) {
        socket_send(call->socket,
                    json_pack("{s:s, s:s, s:s}", "type", "ended", "reason",
                              event->reason == XCALL_END_HANG_UP && call->reason
                                  ? call->reason
                                  : end_reason_name(event->reason),
                              "text", event->text ? event->text : ""),
                    false);
        socket_call_ended(call->socket);
    }
    call->id = 0;
    call->socket = NULL;
    calls->active--;
}

static void take_state(struct calls *calls, struct call *call, uint32_t state)
{
    if (state == XCALL_STATE_CONNECTED && !call->connected) {
        call->connected = true;
        studio_connected(&calls->studio, place_of(calls, call));
    }
    if (call->socket)
        socket_send(call->socket,
                    json_pack("{s:s, s:s}", "type", "state", "state", state_name(state)), false);
}

static void take_event(struct calls *calls, const xcall_event *event)
{
    struct call *call = find(calls, event->call);
    if (event->type == XCALL_EVENT_LOG)
        fprintf(stderr, "browser-call: log: %.*s\n", (int)event->text_length, event->text);
    if (!call)
        return;
    switch (event->type) {
    case XCALL_EVENT_SIGNAL:
        if (call->socket)
            send_signal(call->socket, event);
        break;
    case XCALL_EVENT_STATE:
        take_state(calls, call, event->state);
        break;
    case XCALL_EVENT_PICTURE:
        studio_look(&calls->studio, place_of(calls, call));
        break;
    case XCALL_EVENT_TRACK:
        if (!(event->flags & XCALL_DIRECTION_RECV))
            studio_forget(&calls->studio, place_of(calls, call), event->track);
        break;
    case XCALL_EVENT_CHANNEL:
        greet(calls, event);
        break;
    case XCALL_EVENT_MESSAGE:
        echo(calls, event);
        break;
    case XCALL_EVENT_ENDED:
        end(calls, call, event);
        break;
    default:
        break;
    }
}

void calls_take_events(struct calls *calls)
{
    xcall_event event;
    xcall_event_init(&event, sizeof event);
    for (int i = 0; i < EVENTS_A_ROUND; i++) {
        if (xcall_engine_next_event(calls->engine, &event, 0) < 0)
            return;
        take_event(calls, &event);
    }
}

void calls_every_second(struct calls *calls)
{
    uint64_t now = xcall_now_ns();
    for (uint32_t i = 0; i < calls->calls_max; i++) {
        struct call *call = &calls->places[i];
        if (!call->id)
            continue;
        if (!call->connected && now > call->created_ns + CONNECT_SECONDS * (uint64_t)SECOND_NS)
            hang_up(calls, call, "connect_failed");
        send_stats(calls, call);
    }
}
