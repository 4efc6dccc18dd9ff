/* messages.c - msg.* and perm.* (docs/protocol.md 3). Only msg.send writes the fact that one account has
 * written to another. A message that a block keeps from its receiver is answered like any other.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "people.h"
#include "text.h"

#define LIST_MAX 50

/* --- messages ------------------------------------------------------------------------------------------------ */

/* The event, to the sender's other devices and to the receiver's unless it is kept from them. */
static void tell(struct request *request, const struct account *to, const char *text, int64_t id,
                 bool delivered)
{
    struct service *service = request->service;
    struct bus *bus = &service->bus;
    json_t *frame = json_pack("{s:s,s:{s:I,s:s,s:s,s:I,s:s}}", "t", "msg.new", "b", "msg",
                              (json_int_t)id, "from", request->session->name, "to", to->name, "at",
                              (json_int_t)service->now, "text", text);
    if (!frame) {
        service_fail(service, "memory");
        return;
    }
    bus->deliver(bus->context, request->user, 0, request->dev, frame, 0);
    if (delivered)
        bus->deliver(bus->context, to->id, 0, 0, frame, 0);
    json_decref(frame);
}

void message_send(struct request *request)
{
    struct service *service = request->service;
    struct account to;
    int64_t retry_ms, id = 0;
    bool blocked = false;
    const char *text = body_text(request, "text", 1, MESSAGE_MAX);
    if (!text)
        return;
    if (!text_plain(text, true)) { /* each would take six bytes of a frame */
        request_wrong(request, "text: control characters");
        return;
    }
    /* Also for a name that is none: nobody asks for many of them. */
    if (!limit_take(service->limits, LIMIT_MESSAGES, request->user, 0, service->now, &retry_ms)) {
        request_try_later(request, retry_ms);
        return;
    }
    if (!other_account(request, "to", &to))
        return;
    /* One that a block withholds makes less work: neither answer leaves before either could. */
    const struct policy *policy = service_policy(service);
    request_delay(request,
                  request_floor(service, policy->message_floor_ms, policy->message_jitter_ms));
    int done = store_edge_get(service->store, EDGE_BLOCK, to.id, request->user, &blocked);
    bool delivered = !blocked;
    if (done == STORE_OK)
        done = store_message_add(service->store, request->user, to.id, text, service->now,
                                 delivered, &id);
    if (done != STORE_OK) {
        store_worked(service, done, "message");
        request_error(request, "internal", NULL);
        return;
    }
    service->core->counters.messages++;
    service->core->counters.messages_withheld += !delivered;
    tell(request, &to, text, id, delivered);
    request_ok(request,
               json_pack("{s:I,s:I}", "msg", (json_int_t)id, "at", (json_int_t)service->now));
}

void message_list(struct request *request)
{
    struct service *service = request->service;
    int64_t before, limit;
    struct account with;
    size_t count = 0, size = 0;
    if (!other_account(request, "with", &with) ||
        !body_int(request, "before", 1, INT64_MAX, INT64_MAX, &before) ||
        !body_int(request, "limit", 1, LIST_MAX, LIST_MAX, &limit))
        return;
    struct message *messages = calloc((size_t)limit, sizeof *messages);
    int done = messages ? store_message_list(service->store, request->user, with.id,
                                             before == INT64_MAX ? 0 : before, messages,
                                             (size_t)limit, &count)
                        : STORE_FAILED;
    json_t *list = json_array();
    for (size_t i = 0; done == STORE_OK && i < count; i++) {
        json_t *row = json_pack("{s:I,s:s,s:I,s:s}", "msg", (json_int_t)messages[i].id, "from",
                                messages[i].from, "at", (json_int_t)messages[i].at_ms, "text",
                                messages[i].text);
        size += row ? json_dumpb(row, NULL, 0, JSON_COMPACT) + 1 : 0;
        if (size > FRAME_MAX - 256) {
            json_decref(row);
            break;
        }
        json_array_append_new(list, row);
    }
    free(messages);
    if (store_worked(service, done, "messages")) {
        request_ok(request, json_pack("{s:o}", "messages", list));
    } else {
        json_decref(list);
        request_error(request, "internal", NULL);
    }
}

void message_accept(struct request *request)
{
    struct service *service = request->service;
    struct account from;
    if (!other_account(request, "from", &from))
        return;
    int done = store_dm_edge_accept(service->store, from.id, request->user);
    if (!store_worked(service, done, "accept"))
        request_error(request, "internal", NULL);
    else if (done != STORE_OK)
        request_wrong(request, "from: has not written to you");
    else
        request_ok(request, NULL);
}

/* --- conversations ------------------------------------------------------------------------------------------- */

static json_t *chat_row(const struct chat *chat)
{
    return json_pack("{s:s,s:I,s:s,s:I,s:s,s:i,s:b}", "peer", chat->peer, "msg",
                     (json_int_t)chat->message, "dir", chat->outgoing ? "out" : "in", "at",
                     (json_int_t)chat->at_ms, "text", chat->text, "unread", (int)chat->unread,
                     "request", chat->request);
}

void message_chats(struct request *request)
{
    struct service *service = request->service;
    struct chat chats[LIST_MAX + 1];
    int64_t before, limit;
    size_t count = 0, size = 0;
    if (!body_int(request, "before", 1, INT64_MAX, INT64_MAX, &before) ||
        !body_int(request, "limit", 1, LIST_MAX, LIST_MAX, &limit))
        return;
    if (!store_worked(service,
                      store_chat_list(service->store, request->user,
                                      before == INT64_MAX ? 0 : before, chats, (size_t)limit + 1,
                                      &count),
                      "chats")) {
        request_error(request, "internal", NULL);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count && i < (size_t)limit; i++) {
        json_t *row = chat_row(&chats[i]);
        size += row ? json_dumpb(row, NULL, 0, JSON_COMPACT) + 1 : 0;
        if (size > FRAME_MAX - 256) {
            json_decref(row);
            break;
        }
        json_array_append_new(list, row);
    }
    bool more = count > json_array_size(list);
    request_ok(request, json_pack("{s:o,s:b}", "chats", list, "more", more));
}

/* How far the account has read, to its other devices; nobody else is ever told. */
static void tell_read(struct request *request, const char *peer, int64_t read)
{
    struct bus *bus = &request->service->bus;
    json_t *frame =
        json_pack("{s:s,s:{s:s,s:I}}", "t", "msg.read", "b", "with", peer, "msg", (json_int_t)read);
    if (!frame) {
        service_fail(request->service, "memory");
        return;
    }
    bus->deliver(bus->context, request->user, 0, request->dev, frame, 0);
    json_decref(frame);
}

void message_read(struct request *request)
{
    struct service *service = request->service;
    struct account with;
    int64_t message, read = 0;
    if (!other_account(request, "with", &with) ||
        !body_int(request, "msg", 1, INT64_MAX, INT64_MAX, &message))
        return;
    if (!store_worked(service,
                      store_chat_read(service->store, request->user, with.id, message, &read),
                      "read")) {
        request_error(request, "internal", NULL);
        return;
    }
    if (read)
        tell_read(request, with.name, read);
    request_ok(request, NULL);
}

/* --- settings ------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    size_t at;
} flags[] = {
    {"has_av_calls_enabled", offsetof(struct call_settings, enabled)},
    {"accept_calls_from_everyone", offsetof(struct call_settings, everyone)},
    {"accept_calls_from_verified", offsetof(struct call_settings, verified)},
    {"accept_calls_from_following", offsetof(struct call_settings, following)},
    {"accept_calls_from_addressbook", offsetof(struct call_settings, addressbook)},
    {"has_enhanced_call_privacy_enabled", offsetof(struct call_settings, enhanced)},
    {"silence_strangers", offsetof(struct call_settings, silence_strangers)},
    {"hide_busy", offsetof(struct call_settings, hide_busy)},
};
#define FLAGS (sizeof flags / sizeof *flags)

static json_t *settings_body(const struct call_settings *settings)
{
    json_t *body = json_object();
    for (size_t i = 0; i < FLAGS; i++) {
        const bool *flag = (const bool *)((const char *)settings + flags[i].at);
        json_object_set_new(body, flags[i].name, json_boolean(*flag));
    }
    json_t *quiet = json_null();
    if (settings->quiet_from_min >= 0) {
        char from[6], to[6];
        time_of_day_text(settings->quiet_from_min, from);
        time_of_day_text(settings->quiet_to_min, to);
        quiet = json_pack("{s:s,s:s,s:i}", "from", from, "to", to, "zone_min",
                          (int)settings->quiet_zone_min);
    }
    json_object_set_new(body, "quiet", quiet);
    json_object_set_new(body, "epoch", json_integer(settings->epoch));
    return body;
}

/* All members are there and fit, none is unknown. */
static bool read_quiet(json_t *quiet, struct call_settings *settings)
{
    if (json_is_null(quiet)) {
        settings->quiet_from_min = settings->quiet_to_min = -1;
        settings->quiet_zone_min = 0;
        return true;
    }
    const char *from = json_string_value(json_object_get(quiet, "from"));
    const char *to = json_string_value(json_object_get(quiet, "to"));
    json_t *zone = json_object_get(quiet, "zone_min");
    if (json_object_size(quiet) != 3 || !from || !to || !json_is_integer(zone) ||
        json_integer_value(zone) < -840 || json_integer_value(zone) > 840)
        return false;
    settings->quiet_zone_min = (int32_t)json_integer_value(zone);
    return time_of_day_parse(from, &settings->quiet_from_min) &&
           time_of_day_parse(to, &settings->quiet_to_min);
}

static bool read_setting(const char *name, json_t *value, struct call_settings *settings)
{
    if (strcmp(name, "quiet") == 0)
        return read_quiet(value, settings);
    for (size_t i = 0; i < FLAGS; i++)
        if (strcmp(flags[i].name, name) == 0) {
            *(bool *)((char *)settings + flags[i].at) = json_is_true(value);
            return json_is_boolean(value);
        }
    return false;
}

static bool load_settings(struct request *request, struct call_settings *settings)
{
    struct service *service = request->service;
    if (store_worked(service, store_settings_get(service->store, request->user, settings),
                     "settings"))
        return true;
    request_error(request, "internal", NULL);
    return false;
}

void settings_get(struct request *request)
{
    struct call_settings settings;
    if (load_settings(request, &settings))
        request_ok(request, settings_body(&settings));
}

void settings_set(struct request *request)
{
    struct service *service = request->service;
    struct call_settings settings;
    const char *name;
    json_t *value;
    if (!load_settings(request, &settings))
        return;
    json_object_foreach(request->body, name, value)
    {
        if (!read_setting(name, value, &settings)) {
            char sentence[96];
            snprintf(sentence, sizeof sentence, "%.48s: no such setting, or not such a value",
                     name);
            request_wrong(request, sentence);
            return;
        }
    }
    if (!store_worked(service, store_settings_set(service->store, request->user, &settings),
                      "settings")) {
        request_error(request, "internal", NULL);
        return;
    }
    calls_settings_changed(service, request->user);
    if (load_settings(request, &settings))
        request_ok(request, settings_body(&settings));
}
