/* show.c - what happens, a line each on stdout: words for a person, or JSON objects (--json).
 *
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../peer/stats_json.h"
#include "phone.h"

void phone_say(struct phone *phone, const char *event, json_t *facts, const char *format, ...)
{
    va_list arguments;
    json_t *object = facts ? facts : json_object();
    if (phone->options.json) {
        json_object_set_new(object, "event", json_string(event));
        emit(object);
        return;
    }
    json_decref(object);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

/* Remembered until a `wait` asks for it, so that a script never comes too late. */
void phone_heard(struct phone *phone, const char *what)
{
    size_t length = strlen(phone->heard), more = strlen(what);
    if (length + more + 2 > sizeof phone->heard) { /* the oldest words go */
        memmove(phone->heard, phone->heard + length / 2, length - length / 2 + 1);
        length = strlen(phone->heard);
    }
    snprintf(phone->heard + length, sizeof phone->heard - length, " %s ", what);
}

static void show_session(struct phone *phone, const xcall_event *event)
{
    static const char *const names[] = {"signed_out", "connecting", "online", "offline"};
    const char *name = event->state < 4 ? names[event->state] : "unknown";
    bool was = phone->session == event->state;
    phone->session = event->state;
    phone->leaving = phone->leaving && event->state != XCALL_CLIENT_SIGNED_OUT;
    if (event->protocol)
        snprintf(phone->name, sizeof phone->name, "%s", event->protocol);
    if (was && !event->code)
        return;
    phone_heard(phone, name);
    bool failed = event->code != 0;
    const char *why = failed && event->text ? event->text : "";
    const char *words = event->code == XCALL_E_STATE ? xcall_client_code_text(why) : "";
    phone_say(phone, name, json_pack("{s:s, s:s}", "name", phone->name, "error", why),
              "%s%s%s%s%s%s%s", name, event->state == XCALL_CLIENT_ONLINE ? " as " : "",
              event->state == XCALL_CLIENT_ONLINE ? phone->name : "", *why ? ": " : "", why,
              *words ? ": " : "", words);
    if (!failed || event->state != XCALL_CLIENT_SIGNED_OUT)
        return;
    bool new_token = phone->options.token_file && strcmp(why, "key_mismatch") == 0;
    phone_fail(phone, "not signed in: %s%s", why,
               new_token ? ": a token is good for one device; `xcalld admin token` makes another"
                         : "");
}

static struct phone_call *keep_call(struct phone *phone, const xcall_event *event)
{
    struct phone_call *call = phone_call_find(phone, event->call);
    for (int i = 0; !call && i < PHONE_CALLS_MAX; i++)
        if (!phone->calls[i].id)
            call = &phone->calls[i];
    if (!call)
        return NULL;
    call->id = event->call;
    call->media = event->media ? event->media : call->media;
    call->flags = event->flags;
    if (event->protocol)
        snprintf(call->peer, sizeof call->peer, "%s", event->protocol);
    return call;
}

static void ring(struct phone *phone, const struct phone_call *call)
{
    const char *answer = phone->options.answer;
    bool video = call->flags & XCALL_LIFE_VIDEO;
    phone_heard(phone, "incoming");
    phone_say(phone, "incoming",
              json_pack("{s:s, s:b, s:b}", "from", call->peer, "video", video, "waiting",
                        (call->flags & XCALL_LIFE_WAITING) != 0),
              "%s calls (%s)%s: accept or decline", call->peer, video ? "video" : "audio",
              call->flags & XCALL_LIFE_WAITING ? " while another call goes on" : "");
    xcall_client_alerted(phone->client, call->id);
    if (answer && strcmp(answer, "yes") == 0 && !(call->flags & XCALL_LIFE_WAITING))
        xcall_client_accept(phone->client, call->id, 0);
}

static void show_connected(struct phone *phone, const struct phone_call *call)
{
    xcall_client_call_info info;
    xcall_client_call_info_init(&info, sizeof info);
    if (xcall_client_call_get(phone->client, call->id, &info))
        info.safety_number[0] = '\0';
    phone_heard(phone, "active");
    phone_say(phone, "active",
              json_pack("{s:s, s:b, s:b, s:s}", "peer", call->peer, "relay", info.relay != 0,
                        "key_changed", info.key_changed != 0, "safety_number", info.safety_number),
              "connected with %s%s; safety number %s%s", call->peer,
              info.relay ? " through a relay" : "", info.safety_number,
              info.key_changed ? " (this is a new key of theirs: compare it)" : "");
}

static void show_end(struct phone *phone, struct phone_call *call, const xcall_event *event)
{
    const char *reason = xcall_life_reason_name(event->reason);
    const char *code = event->text_length ? event->text : "";
    if (phone->placing == call->id)
        phone->placing = 0;
    if (phone->media_of == call->id) /* its media may have ended before */
        phone_media_stop(phone, XCALL_END_HANG_UP, "");
    if (event->reason == XCALL_LIFE_END_DENIED || *code) {
        phone->refused = true;
        phone_heard(phone, "refused");
        phone_heard(phone, "ended");
        phone_say(phone, "refused", json_pack("{s:s, s:s}", "peer", call->peer, "code", code),
                  "refused: %s: %s", code, xcall_client_code_text(code));
    } else {
        phone_heard(phone, "ended");
        phone_say(phone, "ended", json_pack("{s:s, s:s}", "peer", call->peer, "reason", reason),
                  "the call with %s is over: %s", call->peer, reason);
    }
    memset(call, 0, sizeof *call);
}

static void show_call(struct phone *phone, const xcall_event *event)
{
    struct phone_call *call = keep_call(phone, event);
    if (!call)
        return;
    uint32_t before = call->state;
    call->state = event->state;
    if (call->media && (call->state == XCALL_LIFE_CONNECTING || call->state == XCALL_LIFE_ACTIVE))
        phone_media_start(phone, call);
    if (call->state == before && event->state != XCALL_LIFE_ENDED) {
        if (phone->media_of == call->id)
            phone->media.flow.held_here = (call->flags & XCALL_LIFE_HELD) != 0;
        return;
    }
    switch (event->state) {
    case XCALL_LIFE_CALLING:
        phone_say(phone, "calling", json_pack("{s:s}", "peer", call->peer), "calling %s",
                  call->peer);
        break;
    case XCALL_LIFE_RINGING_OUT:
        phone_heard(phone, "ringing");
        phone_say(phone, "ringing", json_pack("{s:s}", "peer", call->peer), "it rings at %s's",
                  call->peer);
        break;
    case XCALL_LIFE_RINGING_IN:
        ring(phone, call);
        break;
    case XCALL_LIFE_CONNECTING:
        phone_say(phone, "connecting", json_pack("{s:s}", "peer", call->peer), "connecting");
        break;
    case XCALL_LIFE_ACTIVE:
        phone_media_connected(phone);
        if (before == XCALL_LIFE_RECONNECTING)
            phone_say(phone, "reconnected", json_pack("{s:s}", "peer", call->peer),
                      "connected again");
        else
            show_connected(phone, call);
        break;
    case XCALL_LIFE_RECONNECTING:
        phone_heard(phone, "reconnecting");
        phone_say(phone, "reconnecting", json_pack("{s:s}", "peer", call->peer), "reconnecting");
        break;
    case XCALL_LIFE_ENDED:
        show_end(phone, call, event);
        break;
    default:
        break;
    }
}

static void show_list(struct phone *phone, json_t *array)
{
    size_t index;
    json_t *item;
    json_array_foreach(array, index, item)
    {
        char *text = json_is_string(item) ? NULL : json_dumps(item, JSON_COMPACT);
        phone_say(phone, "item", json_pack("{s:O}", "item", item), "  %s",
                  text ? text : json_string_value(item));
        free(text);
    }
    if (json_array_size(array) == 0)
        phone_say(phone, "item", NULL, "  none");
}

static void show_member(struct phone *phone, const char *key, json_t *value)
{
    if (json_is_array(value)) {
        phone_say(phone, "list", json_pack("{s:s}", "of", key), "%s:", key);
        show_list(phone, value);
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    phone_say(phone, "value", json_pack("{s:s, s:O}", "key", key, "value", value), "  %s: %s", key,
              text ? text : "?");
    free(text);
}

static void show_answer(struct phone *phone, const xcall_event *event)
{
    const char *type = event->protocol ? event->protocol : "";
    if (phone->answers_wanted)
        phone->answers_wanted--;
    phone_heard(phone, "answer");
    if (event->code) {
        phone_say(phone, "error", json_pack("{s:s, s:s}", "request", type, "code", event->text),
                  "%s: %s: %s", type, event->text, xcall_client_code_text(event->text));
        phone->exit_code = EXIT_FAILED;
        return;
    }
    json_t *body = json_loadb(event->text, event->text_length, 0, NULL);
    if (json_object_size(body) == 0 || strcmp(type, "msg.send") == 0) {
        phone_say(phone, "done", json_pack("{s:s}", "request", type), "done");
    } else {
        const char *key;
        json_t *value;
        json_object_foreach(body, key, value) show_member(phone, key, value);
    }
    json_decref(body);
}

void phone_event(struct phone *phone, const xcall_event *event)
{
    switch (event->type) {
    case XCALL_CLIENT_EVENT_SESSION:
        show_session(phone, event);
        break;
    case XCALL_CLIENT_EVENT_CALL:
        show_call(phone, event);
        break;
    case XCALL_CLIENT_EVENT_MESSAGE:
        phone_heard(phone, "message");
        phone_say(phone, "message",
                  json_pack("{s:s, s:s}", "from", event->protocol, "text", event->text), "%s: %s",
                  event->protocol, event->text);
        break;
    case XCALL_CLIENT_EVENT_READ:
        phone_say(phone, "read", json_pack("{s:s}", "from", event->protocol),
                  "read on another device: what %s wrote", event->protocol);
        break;
    case XCALL_CLIENT_EVENT_ANSWER:
        show_answer(phone, event);
        break;
    case XCALL_EVENT_LOG:
        fprintf(stderr, "xcall-phone: log: %.*s\n", (int)event->text_length, event->text);
        break;
    default:
        break;
    }
}
