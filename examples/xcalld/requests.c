/* requests.c - how a handler answers: at once, at a time, or after a password was hashed; and how it reads
 * the members of a body (session.h).
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "json_text.h"
#include "text.h"

/* --- answers --------------------------------------------------------------------------------------------- */

char *answer_text(const char *type, const char *re, json_t *body, size_t *size)
{
    json_t *frame = json_object();
    if (!body)
        body = json_object();
    bool fine = frame && body && json_object_set_new(frame, "t", json_string(type)) == 0;
    if (fine && re)
        fine = json_object_set_new(frame, "re", json_string(re)) == 0;
    fine = fine && json_object_set(frame, "b", body) == 0;
    *size = 0;
    char *text = fine ? json_text(frame, size) : NULL;
    json_decref(frame);
    json_decref(body);
    return text;
}

/* Before the hello there is no device that could store an answer: the connection keeps the last one. */
static void answer_early(struct service *service, struct connection *connection, const char *id,
                         char *text, size_t size)
{
    outbox_send(service, connection->id, text, size, 0, NULL);
    if (!connection->early_pending || strcmp(connection->early_id, id) != 0) {
        free(text);
        return;
    }
    free(connection->early);
    connection->early = text;
    connection->early_pending = false;
}

static void answer(struct request *request, const char *type, json_t *body)
{
    struct service *service = request->service;
    size_t size = 0;
    if (request->answered) { /* a handler's mistake: the first answer stands */
        service_log(service, 'e', "answered_twice", NULL);
        json_decref(body);
        return;
    }
    request->answered = true;
    if (!request->id) {
        json_decref(body);
    } else {
        char *text = answer_text(type, request->id, body, &size);
        struct presence *device =
            request->user ? device_find(service, request->user, request->dev) : NULL;
        struct connection *connection = connection_find(service, request->connection);
        if (!text)
            service_fail(service, "memory");
        else if (device &&
                 reply_answer(service, device, request->id, text, size, request->delay_until))
            free(text);
        else if (connection && !request->user) {
            answer_early(service, connection, request->id, text, size);
        } else {
            if (connection)
                outbox_send(service, request->connection, text, size, 0, NULL);
            free(text);
        }
    }
    if (request->held)
        request_free(request);
}

void request_ok(struct request *request, json_t *body)
{
    answer(request, "ok", body);
}

void request_error(struct request *request, const char *code, json_t *more)
{
    struct service *service = request->service;
    json_t *body = more ? more : json_object();
    json_object_set_new(body, "code", json_string(code));
    metrics_code(service, code);
    if (strcmp(code, "internal") == 0)
        service_fail(service, "internal");
    answer(request, "err", body);
}

void request_try_later(struct request *request, int64_t retry_ms)
{
    request->service->core->counters.limited++;
    request_error(request, "try_later", json_pack("{s:I}", "retry_ms", (json_int_t)retry_ms));
}

void request_wrong(struct request *request, const char *sentence)
{
    request_error(request, "bad_request", json_pack("{s:s}", "text", sentence));
}

void request_delay(struct request *request, int64_t at)
{
    request->delay_until = at;
}

int64_t request_floor(struct service *service, int64_t floor_ms, int64_t jitter_ms)
{
    uint32_t random = 0;
    service->world.random(service->world.context, &random, sizeof random);
    int64_t jitter = jitter_ms > 0 ? (int64_t)(random % (uint64_t)(jitter_ms + 1)) : 0;
    return service->now + floor_ms + jitter;
}

/* --- requests that wait ----------------------------------------------------------------------------------- */

struct request *request_hold(struct request *request)
{
    struct core *core = request->service->core;
    struct held *held = core->held.count < HELD_MAX ? calloc(1, sizeof *held) : NULL;
    char *id = held && request->id ? strdup(request->id) : NULL;
    char *type = held ? strdup(request->type) : NULL;
    if (!held || !type || (request->id && !id)) {
        free(id);
        free(type);
        free(held);
        request_try_later(request, 1000);
        return NULL;
    }
    held->request = *request;
    held->request.id = id;
    held->request.type = type;
    held->request.body = json_incref(request->body);
    held->request.held = true;
    held->job = ++core->job;
    held->batch = core->batch;
    held->step = core->step;
    held->since_ms = request->service->now;
    table_add(&core->held, &held->node, table_hash(&core->held, &held->job, sizeof held->job));
    request->answered = true; /* the copy is to be answered now */
    return &held->request;
}

void request_free(struct request *request)
{
    struct held *held = (struct held *)request;
    table_remove(&request->service->core->held, &held->node);
    json_decref(request->body);
    free((char *)(uintptr_t)request->id);
    free((char *)(uintptr_t)request->type);
    free(held);
}

void request_hash(struct request *request, const char *password, const char *hash,
                  void (*done)(struct request *request, const char *result))
{
    struct held *held = (struct held *)request;
    struct service *service = request->service;
    held->done = done;
    service->world.hash(service->world.context, held->job, password, hash);
}

static struct held *held_of(struct core *core, uint64_t job)
{
    struct table_node *node = table_find(&core->held, table_hash(&core->held, &job, sizeof job));
    for (; node; node = table_again(node)) {
        struct held *held = TABLE_ENTRY(node, struct held, node);
        if (held->job == job)
            return held;
    }
    return NULL;
}

void request_hashed(struct service *service, uint64_t job, const char *result)
{
    struct held *held = held_of(service->core, job);
    if (!held || !held->done)
        return;
    struct request *request = &held->request;
    request->session = request->user ? session_of(service, request->user, request->dev) : NULL;
    request->answered = false;
    request_asked(request);
    if (!step_writes(service))
        request_try_later(request, 1000);
    else if (result && strcmp(result, HASH_NOT_DONE) == 0)
        request_try_later(request, 1000); /* a right password must not be called wrong for it */
    else
        held->done(request, result);
}

void requests_tick(struct service *service)
{
    struct core *core = service->core;
    if (!core->held.count || service->now - core->held_looked_ms < 1000)
        return;
    core->held_looked_ms = service->now;
    struct table_node *node = table_first(&core->held);
    while (node) {
        struct table_node *next = table_next(&core->held, node);
        struct held *held = TABLE_ENTRY(node, struct held, node);
        if (service->now - held->since_ms >= HELD_MS) {
            held->request.answered = false;
            request_asked(&held->request);
            request_try_later(&held->request, 1000);
        }
        node = next;
    }
}

void request_asked(struct request *request)
{
    struct core *core = request->service->core;
    if (core->asked_count == core->asked_capacity) {
        size_t capacity = core->asked_capacity ? core->asked_capacity * 2 : 64;
        struct asked *asked = realloc(core->asked, capacity * sizeof *asked);
        if (!asked) {
            service_fail(request->service, "memory");
            return;
        }
        core->asked = asked;
        core->asked_capacity = capacity;
    }
    struct asked *asked = &core->asked[core->asked_count++];
    memset(asked, 0, sizeof *asked);
    asked->connection = request->connection;
    asked->user = request->user;
    asked->dev = request->dev;
    if (request->id)
        strncpy(asked->id, request->id, REQUEST_ID_MAX);
}

/* Held requests that began in what failed: their passwords were never handed out. */
static void drop_held(struct core *core, bool batch)
{
    struct table_node *node = table_first(&core->held);
    while (node) {
        struct table_node *next = table_next(&core->held, node);
        struct held *held = TABLE_ENTRY(node, struct held, node);
        if (batch ? held->batch == core->batch : held->step == core->step)
            request_free(&held->request);
        node = next;
    }
}

static void request_failed(struct service *service, const struct asked *asked, const char *code)
{
    struct presence *device = asked->user ? device_find(service, asked->user, asked->dev) : NULL;
    struct connection *connection = connection_find(service, asked->connection);
    if (device && asked->id[0])
        reply_forget(service, device, asked->id);
    if (!connection)
        return;
    connection->early_pending = false;
    connection->early_id[0] = '\0';
    if (!asked->id[0])
        return;
    size_t size = 0;
    json_t *body = strcmp(code, "try_later") == 0
                       ? json_pack("{s:s,s:i}", "code", code, "retry_ms", 1000)
                       : json_pack("{s:s}", "code", code);
    char *text = answer_text("err", asked->id, body, &size);
    metrics_code(service, code);
    if (text)
        outbox_send(service, asked->connection, text, size, 0, NULL);
    free(text);
}

void requests_failed(struct service *service, size_t asked, const char *code)
{
    struct core *core = service->core;
    drop_held(core, asked == 0);
    for (size_t i = asked; i < core->asked_count; i++)
        request_failed(service, &core->asked[i], code);
}

void requests_free(struct service *service)
{
    struct core *core = service->core;
    while (core->held.count)
        request_free(&TABLE_ENTRY(table_first(&core->held), struct held, node)->request);
    table_free(&core->held);
    free(core->asked);
}

/* --- members of a body ----------------------------------------------------------------------------------- */

static void wrong(struct request *request, const char *member, const char *what)
{
    char sentence[160];
    snprintf(sentence, sizeof sentence, "%.48s: %s", member, what);
    request_wrong(request, sentence);
}

static json_t *member_of(struct request *request, const char *member)
{
    json_t *value = json_object_get(request->body, member);
    return json_is_null(value) ? NULL : value;
}

const char *body_text(struct request *request, const char *member, size_t min, size_t max)
{
    json_t *value = member_of(request, member);
    if (!json_is_string(value)) {
        wrong(request, member, value ? "not a text" : "missing");
        return NULL;
    }
    size_t length = json_string_length(value);
    if (length < min || length > max) {
        wrong(request, member, length < min ? "too short" : "too long");
        return NULL;
    }
    return json_string_value(value);
}

const char *body_text_or(struct request *request, const char *member, size_t max,
                         const char *otherwise)
{
    return member_of(request, member) ? body_text(request, member, 0, max) : otherwise;
}

bool body_bool(struct request *request, const char *member, bool *value)
{
    json_t *found = member_of(request, member);
    if (!json_is_boolean(found)) {
        wrong(request, member, found ? "neither true nor false" : "missing");
        return false;
    }
    *value = json_is_true(found);
    return true;
}

bool body_int(struct request *request, const char *member, int64_t min, int64_t max,
              int64_t otherwise, int64_t *value)
{
    json_t *found = member_of(request, member);
    if (!found && otherwise >= min) {
        *value = otherwise;
        return true;
    }
    if (!json_is_integer(found)) {
        wrong(request, member, found ? "not a whole number" : "missing");
        return false;
    }
    *value = json_integer_value(found);
    if (*value < min || *value > max) {
        wrong(request, member, "out of range");
        return false;
    }
    return true;
}
