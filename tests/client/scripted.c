/* scripted.c - see scripted.h.
 * SPDX-License-Identifier: MIT */
#include "client/scripted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/bodies.h"

const char scripted_sdp[] = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
                            "a=fingerprint:sha-256 AA:BB:CC\r\na=ice-ufrag:abcd\r\n"
                            "a=ice-pwd:0123456789012345678901\r\nm=audio 9 x 1\r\n";
static uint32_t seed;

static void pseudo_random(void *context, void *bytes, size_t size)
{
    (void)context;
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        ((uint8_t *)bytes)[i] = (uint8_t)(seed >> 24);
    }
}

static void open_core(struct scripted *s, uint32_t flags, struct xc_client_saved *saved)
{
    xcall_client_config config;
    memset(s, 0, sizeof *s);
    xcall_client_config_init(&config, sizeof config);
    config.flags = flags;
    config.url = "wss://example.org/xcall";
    config.name = "test";
    config.user = 77;
    config.requests_max = 4;
    seed = 1;
    s->now = 1000000;
    struct xc_client_core_config core = {
        .host = &config, .random = pseudo_random, .saved = saved, .keep = true};
    assert_int_equal(xc_client_core_create(&core, s->now, &s->core), XCALL_OK);
}

void scripted_open(struct scripted *s, uint32_t flags)
{
    open_core(s, flags, NULL);
}

void scripted_open_saved(struct scripted *s, const char *text)
{
    struct xc_client_saved *saved = calloc(1, sizeof *saved);
    assert_non_null(saved);
    assert_null(xc_state_decode(text, strlen(text), "wss://example.org/xcall", saved));
    open_core(s, 0, saved);
}

void scripted_close(struct scripted *s)
{
    xc_client_core_destroy(s->core);
    for (uint32_t i = 0; i < s->frame_count; i++)
        json_decref(s->frames[i]);
    json_decref(s->quality);
    free(s->saved);
}

static void note(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
}

static void on_event(struct scripted *s, const xcall_event *event)
{
    assert_int_equal(event->user, 77);
    switch (event->type) {
    case XCALL_CLIENT_EVENT_SESSION:
        s->session = event->state;
        s->session_count++;
        s->session_code = event->code;
        note(s->session_text, sizeof s->session_text, event->text);
        note(s->session_name, sizeof s->session_name, event->protocol);
        break;
    case XCALL_CLIENT_EVENT_CALL:
        s->call = event->call;
        s->call_state = event->state;
        s->call_reason = event->reason;
        s->call_flags = event->flags;
        s->call_media = event->media;
        s->call_events++;
        s->call_ended += event->state == XCALL_LIFE_ENDED;
        note(s->call_text, sizeof s->call_text, event->text);
        note(s->call_peer, sizeof s->call_peer, event->protocol);
        break;
    case XCALL_CLIENT_EVENT_MESSAGE:
        s->messages++;
        s->message_flags = event->flags;
        note(s->message, sizeof s->message, event->text);
        note(s->message_from, sizeof s->message_from, event->protocol);
        break;
    case XCALL_CLIENT_EVENT_READ:
        s->reads++;
        s->read_to = event->call;
        note(s->read_with, sizeof s->read_with, event->protocol);
        break;
    default:
        assert_int_equal(event->type, XCALL_CLIENT_EVENT_ANSWER);
        s->answers++;
        s->answer_code = event->code;
        s->answer_number = event->call;
        note(s->answer, sizeof s->answer, event->text);
        note(s->answer_type, sizeof s->answer_type, event->protocol);
    }
}

static char *signal_text(const char *type)
{
    json_t *signal = json_pack("{s:s, s:s}", "type", type, "sdp", scripted_sdp);
    char *text = json_dumps(signal, JSON_COMPACT);
    json_decref(signal);
    return text;
}

bool scripted_media(struct scripted *s, uint32_t type, uint32_t value, const char *text)
{
    xcall_event event;
    xcall_event_init(&event, sizeof event);
    event.type = type;
    event.call = s->media;
    event.user = s->media_call;
    event.state = event.signal_kind = event.reason = value;
    event.flags = type == XCALL_EVENT_REMOTE ? value : 0;
    event.text = text ? text : "";
    event.text_length = strlen(event.text);
    bool taken = xc_client_core_take_event(s->core, s->now, &event);
    scripted_run(s);
    return taken;
}

/* The engine describes itself as it would: an offer at once, an answer to an offer. */
static void describe(struct scripted *s, bool answer)
{
    char *text = signal_text(answer ? "answer" : "offer");
    if (!s->silent_media)
        scripted_media(s, XCALL_EVENT_SIGNAL, answer ? XCALL_SIGNAL_ANSWER : XCALL_SIGNAL_OFFER,
                       text);
    free(text);
}

static void on_media(struct scripted *s, const struct xc_client_output *output)
{
    switch (output->op) {
    case XC_CLIENT_MEDIA_CREATE:
        s->media_call = output->call;
        s->answerer = output->answerer;
        s->video = output->video;
        s->relay = output->relay;
        s->media = 500 + ++s->created;
        xc_client_core_media_created(s->core, s->now, output->call,
                                     s->fail_create ? XCALL_E_LIMIT : XCALL_OK, s->media);
        if (!output->answerer && !s->fail_create)
            describe(s, false);
        break;
    case XC_CLIENT_MEDIA_SIGNAL:
        s->signals++;
        s->signal_kind = output->kind;
        assert_true(output->text_length < sizeof s->signal);
        note(s->signal, sizeof s->signal, output->text);
        if (output->kind == XCALL_SIGNAL_OFFER)
            describe(s, true);
        break;
    case XC_CLIENT_MEDIA_LOOK:
        s->looks++;
        xc_client_core_figures(s->core, s->now, output->call, &s->figures);
        break;
    case XC_CLIENT_MEDIA_HANG_UP:
        s->hang_ups++;
        xc_client_core_figures(s->core, s->now, output->call, &s->figures);
        break;
    case XC_CLIENT_MEDIA_HOLD:
        s->holds++;
        s->hold = output->on;
        break;
    case XC_CLIENT_MEDIA_RESTART:
        s->restarts++;
        break;
    case XC_CLIENT_MEDIA_RELAY:
        s->relays++;
        break;
    default:
        if (!output->url_count) {
            s->without_servers++;
            break;
        }
        s->servers++;
        note(s->server_url, sizeof s->server_url, output->urls[0]);
        s->server_urls[0] = '\0';
        s->server_count = output->url_count;
        for (uint32_t i = 0; i < output->url_count; i++)
            snprintf(s->server_urls + strlen(s->server_urls),
                     sizeof s->server_urls - strlen(s->server_urls), "%s%s", i ? " " : "",
                     output->urls[i]);
        note(s->server_user, sizeof s->server_user, output->username);
    }
}

/* Kept for the test to look at; what needs no thought is answered here. */
static void on_frame(struct scripted *s, json_t *frame)
{
    static const char *const told[] = {"sig",         "call.media",  "call.alerting",
                                       "call.cancel", "call.hangup", "call.decline"};
    const char *type = text_at(frame, "t");
    assert_non_null(frame);
    if (!strcmp(type, "ack")) {
        s->acked = json_integer_value(json_object_get(json_object_get(frame, "b"), "sq"));
        json_decref(frame);
        return;
    }
    if (!strcmp(type, "call.quality")) {
        json_decref(s->quality);
        s->quality = json_incref(frame);
        s->qualities++;
        scripted_ok(s, frame, "");
        json_decref(frame);
        return;
    }
    s->frames[s->frame_count++] = frame;
    for (size_t i = 0; i < sizeof told / sizeof told[0] && !s->mute; i++)
        if (!strcmp(type, told[i]))
            scripted_ok(s, frame, "");
}

void scripted_run(struct scripted *s)
{
    struct xc_client_output *output;
    while ((output = xc_client_core_output(s->core))) {
        switch (output->type) {
        case XC_CLIENT_CONNECT:
            assert_false(s->wants_link || s->linked);
            s->wants_link = true;
            s->connects++;
            s->link_asked_at = s->now;
            break;
        case XC_CLIENT_DISCONNECT:
            s->wants_link = s->linked = false;
            s->disconnects++;
            break;
        case XC_CLIENT_FRAME:
            assert_true(s->linked);
            assert_true(s->frame_count < SCRIPTED_MAX);
            on_frame(s, json_loads(output->text, 0, NULL));
            break;
        case XC_CLIENT_POST:
            on_event(s, &output->event);
            break;
        case XC_CLIENT_SAVE:
            free(s->saved);
            s->saved = xc_client_copy(output->text);
            break;
        default:
            on_media(s, output);
        }
        xc_client_output_free(output);
    }
}

void scripted_wait(struct scripted *s, uint64_t ms)
{
    uint64_t until = s->now + ms;
    while (s->now < until) {
        uint64_t next = xc_client_core_deadline(s->core);
        s->now = next > until ? until : next > s->now ? next : s->now;
        uint64_t before = next;
        xc_client_core_time(s->core, s->now);
        scripted_run(s);
        if (xc_client_core_deadline(s->core) <= s->now && before <= s->now)
            fail_msg("a deadline does not pass");
    }
}

void scripted_link(struct scripted *s)
{
    for (int i = 0; i < 320 && !s->wants_link; i++)
        scripted_wait(s, 100);
    assert_true(s->wants_link);
    s->wants_link = false;
    s->linked = true;
    xc_client_core_connected(s->core, s->now);
    scripted_run(s);
}

void scripted_drop(struct scripted *s, uint32_t code)
{
    s->linked = s->wants_link = false;
    xc_client_core_disconnected(s->core, s->now, code, NULL);
    for (uint32_t i = 0; i < s->frame_count; i++)
        json_decref(s->frames[i]);
    s->frame_count = 0;
    scripted_run(s);
}

void scripted_say(struct scripted *s, const char *format, ...)
{
    char text[16384];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert_true(length > 0 && (size_t)length < sizeof text);
    xc_client_core_frame(s->core, s->now, text, (size_t)length);
    scripted_run(s);
}

const json_t *scripted_heard(struct scripted *s, const char *type)
{
    static json_t *kept;
    if (!s->frame_count)
        fail_msg("nothing was said where %s should be", type);
    json_decref(kept);
    kept = s->frames[0];
    s->frame_count--;
    memmove(&s->frames[0], &s->frames[1], s->frame_count * sizeof s->frames[0]);
    assert_string_equal(text_at(kept, "t"), type);
    return kept;
}

bool scripted_silent(struct scripted *s)
{
    if (s->frame_count)
        print_message("%s was said\n", text_at(s->frames[0], "t"));
    return !s->frame_count;
}

const char *text_at(const json_t *frame, const char *path)
{
    char part[64];
    while (*path) {
        size_t size = strcspn(path, ".");
        memcpy(part, path, size);
        part[size] = '\0';
        frame = json_object_get(frame, part);
        path += size + (path[size] == '.');
    }
    const char *text = json_string_value(frame);
    return text ? text : "";
}

static void answer(struct scripted *s, const json_t *frame, const char *type, const char *body)
{
    char id[40];
    note(id, sizeof id, text_at(frame, "id"));
    assert_true(id[0]);
    scripted_say(s, "{\"t\":\"%s\",\"re\":\"%s\",\"b\":{%s}}", type, id, body);
}

void scripted_ok(struct scripted *s, const json_t *frame, const char *body)
{
    answer(s, frame, "ok", body);
}

void scripted_err(struct scripted *s, const json_t *frame, const char *body)
{
    answer(s, frame, "err", body);
}

void scripted_online(struct scripted *s)
{
    assert_int_equal(xc_client_core_sign_in(s->core, s->now, false, "alice", "password", "desk"),
                     XCALL_OK);
    scripted_run(s);
    scripted_link(s);
    scripted_ok(s, scripted_heard(s, "account.sign_in"), "\"token\":\"secret\",\"dev\":1");
    assert_string_equal(text_at(scripted_heard(s, "hello"), "b.token"), "secret");
    scripted_say(s, "{\"t\":\"welcome\",\"b\":{\"dev\":1,\"name\":\"alice\",\"resume\":false,"
                    "\"epoch\":\"e1\",\"sq\":10,\"now\":1,\"limits\":{}}}");
    scripted_say(s, "{\"t\":\"sync\",\"b\":{\"calls\":[]}}");
    assert_int_equal(s->session, XCALL_CLIENT_ONLINE);
    assert_true(scripted_silent(s));
}

void scripted_back(struct scripted *s, const char *epoch, const char *calls)
{
    scripted_link(s);
    assert_string_equal(text_at(scripted_heard(s, "hello"), "b.resume"), "e1");
    scripted_say(s,
                 "{\"t\":\"welcome\",\"b\":{\"dev\":1,\"name\":\"alice\",\"resume\":%s,"
                 "\"epoch\":\"%s\",\"sq\":10,\"now\":1,\"limits\":{}}}",
                 calls ? "false" : "true", epoch);
    if (calls)
        scripted_say(s, "{\"t\":\"sync\",\"b\":{\"calls\":%s}}", calls);
}

char *peer_body(const char *call, const char *type, const char *from, const char *to, uint8_t byte)
{
    return peer_body_later(call, type, from, to, byte, 0);
}

char *peer_body_later(const char *call, const char *type, const char *from, const char *to,
                      uint8_t byte, uint32_t seq)
{
    uint8_t secret[32], key[32];
    char key_text[XC_KEY_TEXT], signature[XC_SIGNATURE_TEXT];
    struct xc_body_claim claim = {call, type, from, to, scripted_sdp, seq};
    memset(secret, byte, sizeof secret);
    assert_true(xc_key_public(secret, key));
    assert_true(xc_body_sign(&claim, secret, signature));
    xc_key_write(key, key_text);
    json_t *body = json_pack("{s:s, s:s, s:s, s:s}", "type", type, "sdp", scripted_sdp, "key",
                             key_text, "sig", signature);
    if (seq)
        json_object_set_new(body, "seq", json_integer(seq));
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}

void scripted_incoming(struct scripted *s, const char *call, const char *from, uint32_t sq,
                       const char *more)
{
    char *body = peer_body(call, "offer", from, "alice", PEER_SEED);
    scripted_say(
        s,
        "{\"t\":\"call.incoming\",\"sq\":%u,\"call\":\"%s\",\"rev\":1,\"b\":{\"from\":\"%s\","
        "\"media\":\"a\",\"body\":%s,\"ring_left_ms\":50000%s}}",
        sq, call, from, body, more);
    free(body);
}
