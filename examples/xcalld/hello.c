/* hello.c - a connection becomes a device's: token, key, resume (docs/protocol.md 2); ack and sync.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "text.h"

#define PING_MS 25000
#define DAY_MS 86400000ll
#define EXTEND_MS 21600000ll /* a token's life is written anew when it would grow by so much */
#define CAPS_MAX 16
#define CLIENT_NAME_MAX 64

struct hello {
    uint8_t hash[HASH_SIZE], key[KEY_SIZE];
    char version[32];
    const char *resume; /* NULL: none */
    int64_t last_sq;
    bool has_wake;
    uint8_t wake[CALL_ID_SIZE];
};

static bool read_client(struct request *request, struct hello *hello)
{
    json_t *client = json_object_get(request->body, "client");
    json_t *caps = json_object_get(request->body, "caps");
    size_t i;
    json_t *cap;
    if (client && !json_is_null(client)) {
        const char *name = json_string_value(json_object_get(client, "name"));
        const char *version = json_string_value(json_object_get(client, "version"));
        if (!name || strlen(name) > CLIENT_NAME_MAX || !version ||
            strlen(version) >= sizeof hello->version ||
            strspn(version, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+_-") !=
                strlen(version)) {
            request_wrong(request, "client: name and version are texts of at most 64 and 31 bytes");
            return false;
        }
        strncpy(hello->version, version, sizeof hello->version - 1);
    }
    bool fine =
        !caps || json_is_null(caps) || (json_is_array(caps) && json_array_size(caps) <= CAPS_MAX);
    json_array_foreach(caps, i, cap) fine = fine && json_is_string(cap);
    if (!fine)
        request_wrong(request, "caps: not a list of at most 16 texts");
    return fine;
}

static bool read_hello(struct request *request, struct hello *hello)
{
    size_t size = 0;
    const char *token = body_text(request, "token", 1, 128);
    const char *key = token ? body_text(request, "key", 1, 64) : NULL;
    if (!key)
        return false;
    if (!base64_decode(key, hello->key, sizeof hello->key, &size) || size != KEY_SIZE) {
        request_wrong(request, "key: not 32 bytes in base64");
        return false;
    }
    json_t *resume = json_object_get(request->body, "resume");
    if (resume && !json_is_string(resume) && !json_is_null(resume)) {
        request_wrong(request, "resume: not a text");
        return false;
    }
    hello->resume = json_string_value(resume);
    if (!body_int(request, "last_sq", 0, INT64_MAX, 0, &hello->last_sq))
        return false;
    const char *wake = body_text_or(request, "wake_call", 36, "");
    if (!wake)
        return false;
    hello->has_wake = *wake != '\0';
    if (hello->has_wake && !call_id_parse(wake, hello->wake)) {
        request_wrong(request, "wake_call: not a UUID");
        return false;
    }
    if (!read_client(request, hello))
        return false;
    if (!token_hash(token, hello->hash)) {
        request_error(request, "bad_token", NULL);
        return false;
    }
    return true;
}

/* What the store knows of a token. */
struct owner {
    struct account account;
    struct device device;
};

static int refuse(struct request *request, const char *code, int close)
{
    request->service->core->counters.hello_failed++;
    request_error(request, code, NULL);
    return close;
}

/* Token and key against the store; the key of the first hello is fixed. 0: go on; else the request is answered,
 * and a close code. */
static int check(struct request *request, const struct hello *hello, struct owner *owner)
{
    struct service *service = request->service;
    struct store *store = service->store;
    int64_t expires = 0, now = service->now, user = 0;
    int32_t dev = 0;
    int found = store_session_find(store, hello->hash, now, &user, &dev, &expires);
    if (found == STORE_OK)
        found = store_account_by_id(store, user, &owner->account);
    if (found == STORE_OK)
        found = store_device_get(store, user, dev, &owner->device);
    if (!store_worked(service, found, "hello"))
        return refuse(request, "internal", CLOSE_RESTART);
    if (found != STORE_OK || owner->device.revoked)
        return refuse(request, "bad_token", CLOSE_SIGN_IN);
    if (owner->account.state == ACCOUNT_SUSPENDED)
        return refuse(request, "bad_token", CLOSE_GONE);
    if (owner->device.has_key && memcmp(owner->device.key, hello->key, KEY_SIZE) != 0)
        return refuse(request, "key_mismatch", CLOSE_SIGN_IN);
    int64_t until = now + service_policy(service)->token_days * DAY_MS;
    int done = STORE_OK;
    if (!owner->device.has_key)
        done = store_device_set_key(store, user, dev, hello->key);
    if (done == STORE_OK && until - expires >= EXTEND_MS)
        done = store_session_extend(store, hello->hash, until);
    if (done == STORE_OK)
        done = store_device_touch(store, user, dev, now);
    return store_worked(service, done, "hello") ? 0 : refuse(request, "internal", CLOSE_RESTART);
}

/* --- welcome -------------------------------------------------------------------------------------------- */

static void epoch_text(const struct presence *presence, char text[BASE64_TEXT(8)])
{
    base64url_encode(&presence->epoch, sizeof presence->epoch, text);
}

/* Is every event since last_sq still here? */
static bool can_resume(const struct presence *presence, const struct hello *hello)
{
    char epoch[BASE64_TEXT(8)];
    epoch_text(presence, epoch);
    uint64_t last = (uint64_t)hello->last_sq;
    if (!hello->resume || strcmp(hello->resume, epoch) != 0 || last > presence->sq)
        return false;
    return last == presence->sq || (presence->first && presence->first->sq <= last + 1);
}

static void send_welcome(struct request *request, const struct presence *presence, bool resumed)
{
    const struct policy *policy = service_policy(request->service);
    char epoch[BASE64_TEXT(8)];
    size_t size = 0;
    epoch_text(presence, epoch);
    json_t *limits =
        json_pack("{s:i,s:i,s:I,s:I,s:I}", "frame_bytes", FRAME_MAX, "ping_ms", PING_MS, "ring_ms",
                  (json_int_t)policy->ring_ms, "reach_ms", (json_int_t)policy->reach_ms,
                  "connect_ms", (json_int_t)policy->connect_ms);
    json_t *body = json_pack("{s:i,s:s,s:b,s:s,s:I,s:I,s:o}", "dev", presence->session.dev, "name",
                             presence->session.name, "resume", resumed, "epoch", epoch, "sq",
                             (json_int_t)presence->sq, "now", (json_int_t)request->service->now,
                             "limits", limits);
    char *text = body ? answer_text("welcome", request->id, body, &size) : NULL;
    if (text)
        outbox_send(request->service, request->connection, text, size, 0, NULL);
    else
        service_fail(request->service, "memory");
    free(text);
    request->answered = true;
}

static size_t compact_size(const json_t *value)
{
    return json_dumpb(value, NULL, 0, JSON_COMPACT);
}

/* A frame's worth of calls: bodies go first (call.incoming follows and has them), then calls from the end. */
static json_t *sync_body(struct service *service, struct session *session)
{
    json_t *calls = calls_snapshot(service, session);
    json_t *body = json_pack("{s:o}", "calls", calls ? calls : json_array());
    for (size_t i = json_array_size(calls); i-- && compact_size(body) > FRAME_MAX - 256;)
        json_object_del(json_array_get(calls, i), "body");
    while (json_array_size(calls) && compact_size(body) > FRAME_MAX - 256)
        json_array_remove(calls, json_array_size(calls) - 1);
    return body;
}

static void send_sync(struct service *service, struct presence *presence)
{
    json_t *frame =
        json_pack("{s:s,s:o}", "t", "sync", "b", sync_body(service, &presence->session));
    if (frame)
        service->bus.deliver(service->bus.context, presence->session.user, presence->session.dev, 0,
                             frame, 0);
    else
        service_fail(service, "memory");
    json_decref(frame);
}

static void replay(struct service *service, const struct presence *presence)
{
    for (const struct event *event = presence->first; event; event = event->next)
        outbox_send(service, presence->session.connection, event->text, event->size, event->flags,
                    event->call);
}

static void welcome(struct request *request, const struct hello *hello, const struct owner *owner,
                    struct connection *connection)
{
    struct service *service = request->service;
    struct counters *counters = &service->core->counters;
    struct presence *presence = device_find(service, owner->account.id, owner->device.dev);
    if (!presence)
        presence = device_add(service, owner->account.id, owner->device.dev);
    if (!presence) {
        refuse(request, "internal", 0);
        return;
    }
    struct session *session = &presence->session;
    memcpy(session->name, owner->account.name, sizeof session->name);
    memcpy(session->client_version, hello->version, sizeof session->client_version);
    session->paid = owner->account.paid;
    bool resumed = can_resume(presence, hello);
    connection_authenticated(service, connection);
    device_online(service, presence, connection);
    counters->welcomed++;
    counters->resumed += resumed;
    counters->resume_gaps += !resumed && hello->resume != NULL;
    events_drop(service, presence, resumed ? (uint64_t)hello->last_sq : UINT64_MAX);
    send_welcome(request, presence, resumed);
    if (resumed)
        replay(service, presence);
    else
        send_sync(service, presence);
    calls_device_online(service, session, resumed, hello->has_wake ? hello->wake : NULL);
}

static void hello_handle(struct request *request)
{
    struct service *service = request->service;
    struct connection *connection = connection_find(service, request->connection);
    struct hello hello = {0};
    struct owner owner = {0};
    if (request->session) {
        request_wrong(request, "this connection is a device's already");
        return;
    }
    int code = read_hello(request, &hello) ? check(request, &hello, &owner) : CLOSE_SIGN_IN;
    if (code)
        connection_close(service, connection, code);
    else
        welcome(request, &hello, &owner, connection);
}

static void sync_handle(struct request *request)
{
    request_ok(request, sync_body(request->service, request->session));
}

static void ack_handle(struct request *request)
{
    int64_t said = 0;
    if (!body_int(request, "sq", 0, INT64_MAX, -1, &said))
        return;
    struct presence *presence = device_find(request->service, request->user, request->dev);
    uint64_t up_to = (uint64_t)said;
    if (presence)
        events_drop(request->service, presence, up_to < presence->sq ? up_to : presence->sq);
    request_ok(request, NULL);
}

const struct handler_row session_handlers[] = {
    {.type = "hello", .handle = hello_handle, .before_hello = true, .reads = true},
    {.type = "sync", .handle = sync_handle, .reads = true},
    {.type = "ack", .handle = ack_handle, .reads = true},
    {.type = NULL},
};
