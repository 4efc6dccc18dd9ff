/* calls_world.c - see calls_world.h.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "calls_world.h"
#include "policy.h"
#include "text.h"

/* --- what the core asks of the world ---------------------------------------------------------------- */

static struct client *client_of(struct world *world, uint64_t connection)
{
    for (size_t i = 0; i < world->client_count; i++) {
        if (world->clients[i].connection == connection && connection)
            return &world->clients[i];
    }
    return NULL;
}

static void on_send(void *context, uint64_t connection, const char *text, size_t size,
                    unsigned flags, const uint8_t *call)
{
    struct client *client = client_of(context, connection);
    (void)flags;
    (void)call;
    if (!client)
        return;
    assert_true(client->heard_count < HEARD_MAX);
    assert_true(size <= 16384);
    json_t *frame = json_loadb(text, size, 0, NULL);
    assert_non_null(frame);
    client->raw[client->heard_count] = strndup(text, size);
    client->heard[client->heard_count++] = frame;
    json_t *sq = json_object_get(frame, "sq");
    if (json_is_integer(sq))
        client->last_sq = json_integer_value(sq);
}

static void on_close(void *context, uint64_t connection, int code)
{
    struct client *client = client_of(context, connection);
    if (client)
        client->closed = code;
}

static void on_hash(void *context, uint64_t job, const char *password, const char *hash)
{
    (void)context;
    (void)job;
    (void)password;
    (void)hash;
}

static void on_push(void *context, const struct push_order *order)
{
    struct world *world = context;
    world->pushes++;
    world->last_push = *order;
}

static void on_random(void *context, void *memory, size_t size)
{
    uint8_t *bytes = memory;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)world_chance(context, 256);
}

static void on_log(void *context, char level, const char *event, json_t *facts)
{
    (void)context;
    if (level != 'e')
        return;
    char *text = json_dumps(facts, 0);
    fprintf(stderr, "%s %s\n", event, text ? text : "");
    free(text);
}

uint32_t world_chance(struct world *world, uint32_t below)
{
    world->random = world->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(world->random >> 33) % below;
}

/* --- life ------------------------------------------------------------------------------------------- */

static void service_up(struct world *world)
{
    struct service_world out = {world, on_send, on_close, on_hash, on_push, on_random, on_log};
    world->service = service_create(&world->config, world->store, &out, world->now);
    assert_non_null(world->service);
}

void world_start(struct world *world, const char *turn_url)
{
    char error[256] = "";
    memset(world, 0, sizeof *world);
    world->now = INT64_C(1700000000000);
    world->random = 1;
    world->config.connections_max = 1000;
    world->config.turn_urls[0] = turn_url;
    world->config.turn_secret = turn_url ? "north" : NULL;
    assert_int_equal(store_open(":memory:", &world->store, error, sizeof error), STORE_OK);
    service_up(world);
}

void world_stop(struct world *world)
{
    service_destroy(world->service);
    store_close(world->store);
    for (size_t i = 0; i < world->client_count; i++)
        client_forget(&world->clients[i]);
}

void world_restart(struct world *world)
{
    service_destroy(world->service);
    for (size_t i = 0; i < world->client_count; i++)
        world->clients[i].connection = 0;
    service_up(world);
}

/* The closes that the core asked for come back to it, as the network's do. */
static void close_asked(struct world *world)
{
    for (size_t i = 0; i < world->client_count; i++) {
        struct client *client = &world->clients[i];
        if (client->closed && client->connection)
            client_drop(world, client);
    }
}

void world_advance(struct world *world, int64_t ms)
{
    int64_t until = world->now + ms;
    for (;;) {
        int64_t next = service_deadline(world->service);
        if (next > until)
            break;
        if (next > world->now)
            world->now = next;
        service_begin(world->service, world->now);
        service_end(world->service);
        close_asked(world);
    }
    world->now = until;
    service_begin(world->service, world->now);
    service_end(world->service);
    close_asked(world);
}

int64_t world_account(struct world *world, const char *name)
{
    int64_t id = 0;
    assert_int_equal(store_account_add(world->store, name, NULL, world->now, &id), STORE_OK);
    return id;
}

void world_friends(struct world *world, int64_t a, int64_t b)
{
    assert_int_equal(store_edge_set(world->store, EDGE_FOLLOW, a, b, true, world->now), STORE_OK);
    assert_int_equal(store_edge_set(world->store, EDGE_FOLLOW, b, a, true, world->now), STORE_OK);
    assert_int_equal(store_dm_edge_set(world->store, a, b, true, world->now), STORE_OK);
}

void world_policy(struct world *world, const char *key, const char *value)
{
    char words[256];
    int result = policy_set(world->store, key, value, world->now, words, sizeof words);
    if (result != STORE_OK)
        fail_msg("%s: %s", key, words);
    assert_int_equal(store_change_add(world->store, CHANGE_POLICY, 0, 0, world->now), STORE_OK);
    world_restart(world); /* the store has no other process that writes: read it again */
}

struct client *world_client(struct world *world, const char *name)
{
    assert_true(world->client_count < CLIENTS_MAX);
    struct client *client = &world->clients[world->client_count++];
    struct account account;
    uint8_t random[TOKEN_BYTES], hash[HASH_SIZE], key[KEY_SIZE];
    assert_int_equal(store_account_by_name(world->store, name, &account), STORE_OK);
    snprintf(client->name, sizeof client->name, "%s", name);
    client->user = account.id;
    assert_int_equal(store_device_add(world->store, client->user, "test", world->now, &client->dev),
                     STORE_OK);
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)world_chance(world, 256);
    token_make(random, client->token, hash);
    assert_int_equal(store_session_add(world->store, hash, client->user, client->dev,
                                       world->now + INT64_C(86400000) * 90),
                     STORE_OK);
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)world_chance(world, 256);
    base64_encode(key, sizeof key, client->key);
    return client;
}

/* --- clients ------------------------------------------------------------------------------------------ */

static void frame_in(struct world *world, struct client *client, json_t *frame)
{
    char *text = json_dumps(frame, JSON_COMPACT);
    json_decref(frame);
    assert_non_null(text);
    service_begin(world->service, world->now);
    service_frame(world->service, client->connection, text, strlen(text));
    service_end(world->service);
    free(text);
    close_asked(world);
}

static void hello(struct world *world, struct client *client, const char *wake_call, bool resume)
{
    static const uint8_t address[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
    client->connection = ++world->connections;
    client->closed = 0;
    service_begin(world->service, world->now);
    service_opened(world->service, client->connection, address);
    service_end(world->service);
    json_t *body =
        json_pack("{s:s,s:s,s:{s:s,s:s},s:[s,s]}", "token", client->token, "key", client->key,
                  "client", "name", "test", "version", "1.2.3", "caps", "audio", "video");
    if (wake_call)
        json_object_set_new(body, "wake_call", json_string(wake_call));
    if (resume) {
        json_object_set_new(body, "resume", json_string(client->epoch));
        json_object_set_new(body, "last_sq", json_integer(client->last_sq));
    }
    frame_in(world, client, json_pack("{s:s,s:o}", "t", "hello", "b", body));
    json_t *welcome = client_event(client, "welcome", NULL);
    assert_non_null(welcome);
    snprintf(client->epoch, sizeof client->epoch, "%s",
             json_string_value(json_object_get(answer_body(welcome), "epoch")));
}

void client_connect(struct world *world, struct client *client, const char *wake_call)
{
    client_forget(client);
    hello(world, client, wake_call, false);
}

void client_resume(struct world *world, struct client *client)
{
    hello(world, client, NULL, true);
}

static void closed(struct world *world, struct client *client, bool goodbye)
{
    uint64_t connection = client->connection;
    if (!connection)
        return;
    service_begin(world->service, world->now);
    service_closed(world->service, connection, goodbye);
    service_end(world->service);
    client->connection = 0;
}

void client_drop(struct world *world, struct client *client)
{
    closed(world, client, false);
}

void client_leave(struct world *world, struct client *client)
{
    closed(world, client, true);
}

void client_forget(struct client *client)
{
    for (size_t i = 0; i < client->heard_count; i++) {
        json_decref(client->heard[i]);
        free(client->raw[i]);
    }
    client->heard_count = 0;
}

uint64_t client_send(struct world *world, struct client *client, const char *type, const char *call,
                     json_t *body)
{
    char id[32];
    uint64_t number = ++world->requests;
    snprintf(id, sizeof id, "r%llu", (unsigned long long)number);
    json_t *frame = json_pack("{s:s,s:s}", "t", type, "id", id);
    if (call)
        json_object_set_new(frame, "call", json_string(call));
    json_object_set_new(frame, "b", body ? body : json_object());
    assert_true(client->connection);
    frame_in(world, client, frame);
    return number;
}

static size_t answer_at(struct client *client, uint64_t number)
{
    char id[32];
    snprintf(id, sizeof id, "r%llu", (unsigned long long)number);
    for (size_t i = client->heard_count; i-- > 0;) {
        const char *re = json_string_value(json_object_get(client->heard[i], "re"));
        if (re && strcmp(re, id) == 0)
            return i;
    }
    return SIZE_MAX;
}

json_t *client_answer(struct client *client, uint64_t number)
{
    size_t at = answer_at(client, number);
    return at == SIZE_MAX ? NULL : client->heard[at];
}

const char *client_raw_answer(struct client *client, uint64_t number)
{
    size_t at = answer_at(client, number);
    return at == SIZE_MAX ? NULL : client->raw[at];
}

json_t *client_ask(struct world *world, struct client *client, const char *type, const char *call,
                   json_t *body)
{
    uint64_t number = client_send(world, client, type, call, body);
    for (int waited = 0; !client_answer(client, number) && waited < 300; waited += 10)
        world_advance(world, 10);
    json_t *answer = client_answer(client, number);
    if (!answer)
        fail_msg("%s: no answer", type);
    return answer;
}

static bool event_is(json_t *frame, const char *type, const char *call)
{
    const char *t = json_string_value(json_object_get(frame, "t"));
    const char *c = json_string_value(json_object_get(frame, "call"));
    return strcmp(t, type) == 0 && (!call || (c && strcmp(c, call) == 0));
}

json_t *client_event(struct client *client, const char *type, const char *call)
{
    for (size_t i = client->heard_count; i-- > 0;) {
        if (event_is(client->heard[i], type, call))
            return client->heard[i];
    }
    return NULL;
}

size_t client_count(struct client *client, const char *type, const char *call)
{
    size_t count = 0;
    for (size_t i = 0; i < client->heard_count; i++)
        count += event_is(client->heard[i], type, call);
    return count;
}

/* --- words -------------------------------------------------------------------------------------------- */

json_t *answer_body(json_t *answer)
{
    return json_object_get(answer, "b");
}

const char *answer_code(json_t *answer)
{
    if (strcmp(json_string_value(json_object_get(answer, "t")), "ok") == 0)
        return "ok";
    return json_string_value(json_object_get(answer_body(answer), "code"));
}

const char *state_of(struct client *client, const char *call)
{
    static char text[96];
    json_t *event = client_event(client, "call.state", call);
    if (!event)
        return "";
    json_t *body = answer_body(event);
    const char *end = json_string_value(json_object_get(body, "end"));
    snprintf(text, sizeof text, "%s%s%s%s", json_string_value(json_object_get(body, "st")),
             end ? " " : "", end ? end : "",
             json_is_true(json_object_get(body, "reached")) ? " reached" : "");
    return text;
}

json_t *make_body(const struct client *client, const char *type, const char *more_lines)
{
    char sdp[4096], sig[96];
    uint8_t bytes[64] = {1, 2, 3};
    base64_encode(bytes, sizeof bytes, sig);
    snprintf(sdp, sizeof sdp,
             "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
             "c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n%s",
             more_lines ? more_lines : "");
    return json_pack("{s:s,s:s,s:s,s:s}", "type", type, "sdp", sdp, "key", client->key, "sig", sig);
}

json_t *make_invite(const struct client *client, const char *to, const char *media)
{
    return json_pack("{s:s,s:s,s:o}", "to", to, "media", media, "body",
                     make_body(client, "offer", NULL));
}

void make_id(char id[37], unsigned number)
{
    snprintf(id, 37, "%08x-0000-4000-8000-%012x", number, number);
}
