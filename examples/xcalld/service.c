/* service.c - a batch: begin, inputs, timers, commit, then everything out (service.h); frames to handlers.
 * SPDX-License-Identifier: MIT */
#include "service.h"

#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "text.h"

#define DAY_S 86400
#define DAY_MS 86400000ll
#define UNDONE_MAX                                                                                 \
    8 /* inputs of a batch that are undone one by one; each costs as much as all before it */

/* --- what the other files ask for ---------------------------------------------------------------------------- */

void service_log(struct service *service, char level, const char *event, json_t *facts)
{
    json_t *none = facts ? facts : json_object();
    service->core->world.log(service->core->world.context, level, event, none);
    json_decref(none);
}

void service_fail(struct service *service, const char *what)
{
    if (service->core->failed)
        return;
    service->core->failed = true;
    service_log(service, 'e', "input_failed", json_pack("{s:s}", "what", what));
}

bool store_worked(struct service *service, int result, const char *what)
{
    if (result != STORE_FAILED)
        return true;
    service->core->counters.store_failures++;
    service_log(service, 'e', "store_failed",
                json_pack("{s:s,s:s}", "what", what, "error", store_error(service->store)));
    service_fail(service, what);
    return false;
}

const struct policy *service_policy(const struct service *service)
{
    return gatekeeper_policy(service->gatekeeper);
}

void service_reload(struct service *service)
{
    if (gatekeeper_reload(service->gatekeeper) != STORE_OK) {
        service->core->counters.store_failures++;
        service_log(service, 'e', "policy_not_read", NULL);
    }
    for (int kind = 0; kind < LIMIT_COUNT; kind++)
        limits_set(service->limits, kind, service_policy(service)->limits[kind]);
    limits_set(service->limits, LIMIT_REPORT_PAIR, (struct limit_size){1, 1.0 / DAY_S});
    service->core->counters.reloads++;
}

bool strangers_unrelayed(const struct service *service)
{
    bool relay = service->config.turn_urls[0] && service->config.turn_secret;
    return !relay && service_policy(service)->relay_strangers == XCALL_RELAY_AUTO;
}

bool session_outdated(struct service *service, const struct session *session)
{
    return version_below(session->client_version, service_policy(service)->client_min_version);
}

/* --- life ------------------------------------------------------------------------------------------------ */

static void add_types(struct core *core, const struct handler_row *rows)
{
    for (; rows->type && core->types_count < TYPES_MAX; rows++)
        core->types[core->types_count++].row = rows;
}

static bool create_parts(struct service *service, int64_t now)
{
    struct core *core = service->core;
    uint8_t key[16];
    core->world.random(core->world.context, key, sizeof key);
    service->limits = table_init(&core->held, key) ? limits_create(service->store, now) : NULL;
    service->gatekeeper = gatekeeper_create(service->store, service->config.turn_urls[0] &&
                                                                service->config.turn_secret);
    service->sessions = sessions_create(service);
    if (!service->limits || !service->gatekeeper || !service->sessions)
        return false;
    if (store_change_last(service->store, &core->change) != STORE_OK)
        return false;
    service_reload(service);
    if (strangers_unrelayed(service)) /* each learns the other's network address */
        service_log(service, 'w', "strangers_not_relayed", NULL);
    service->calls = calls_create(service);
    return service->calls != NULL;
}

struct service *service_create(const struct service_config *config, struct store *store,
                               const struct service_world *world, int64_t now)
{
    struct service *service = calloc(1, sizeof *service);
    struct core *core = service ? calloc(1, sizeof *core) : NULL;
    if (!core) {
        free(service);
        return NULL;
    }
    service->config = *config;
    service->store = store;
    service->core = core;
    service->now = now;
    core->world = *world;
    core->polled_ms = core->saved_ms = core->erase_ms = now;
    core->retention_ms = now + RETENTION_MS;
    core->batch = 1;
    service->world = outbox_world(service);
    service->bus = sessions_bus(service);
    add_types(core, session_handlers);
    add_types(core, account_handlers);
    add_types(core, people_handlers);
    add_types(core, call_handlers);
    if (!create_parts(service, now)) {
        service_log(service, 'e', "service_not_created",
                    json_pack("{s:s}", "error", store_error(store)));
        service_destroy(service);
        return NULL;
    }
    outbox_flush(service); /* what the calls' loading led to */
    return service;
}

void service_destroy(struct service *service)
{
    if (!service)
        return;
    struct core *core = service->core;
    if (service->limits)
        limits_save(service->limits, service->now);
    if (service->calls)
        calls_destroy(service->calls);
    if (service->sessions)
        sessions_destroy(service);
    if (core->held.slots)
        requests_free(service);
    gatekeeper_destroy(service->gatekeeper);
    limits_destroy(service->limits);
    reply_store_free(&core->replies);
    outbox_free(&core->outbox);
    free(core);
    free(service);
}

/* --- a batch ------------------------------------------------------------------------------------------------- */

/* Where that fails the old ones stay: nobody changes them before the next try. */
static bool load_calls(struct service *service)
{
    struct calls *loaded = calls_create(service);
    if (!loaded)
        return false;
    calls_destroy(service->calls);
    service->calls = loaded;
    return true;
}

/* After a batch that was rolled back the calls are as the store has them, and their devices are here. First of
 * all: can the store be written? A disk that is full takes an empty transaction. */
static void recover(struct service *service)
{
    struct core *core = service->core;
    core->recover_ms = service->now + RECOVER_MS;
    if (store_probe(service->store) != STORE_OK || store_begin(service->store) != STORE_OK)
        return;
    core->step++;
    core->failed = core->broken = false;
    bool loaded = load_calls(service);
    struct table *devices = &service->sessions->devices;
    struct table_node *node = loaded ? table_first(devices) : NULL;
    for (; node; node = table_next(devices, node)) {
        struct presence *presence = TABLE_ENTRY(node, struct presence, node);
        if (presence->session.connection)
            calls_device_online(service, &presence->session, true, NULL);
    }
    if (loaded)
        service_reload(service);
    if (!loaded || core->failed || store_commit(service->store) != STORE_OK) {
        store_rollback(service->store);
        core->broken = true;
        core->failed = false;
        sessions_rollback(service);
        outbox_drop(service, 0, 0);
        return;
    }
    sessions_commit(service);
    outbox_flush(service);
    core->recover_ms = 0;
    core->erase_ms = service->now; /* a deletion, or its end, may be undone */
    service_log(service, 'i', "recovered", NULL);
}

void step_begin(struct service *service)
{
    struct core *core = service->core;
    core->step++;
    core->failed = core->lost;
    service->sessions->stepped = NULL;
    core->marks = (struct marks){.asked = core->asked_count,
                                 .items = core->outbox.count,
                                 .bytes = core->outbox.size,
                                 .store = store_mark(service->store),
                                 .limits = limits_mark(service->limits),
                                 .change = core->change};
    calls_step(service);
}

/* What the step did is taken back, and its requests are answered. false: only with the whole batch. */
static bool step_undo(struct service *service)
{
    struct core *core = service->core;
    const struct marks *marks = &core->marks;
    if (core->lost)
        return false;
    bool full = store_unwritable(service->store);
    if (!core->broken && (full || ++core->undone > UNDONE_MAX ||
                          store_undo_to(service->store, marks->store) != STORE_OK))
        return false;
    limits_undo(service->limits, marks->limits);
    core->change = marks->change;
    outbox_drop(service, marks->items, marks->bytes);
    if (!calls_step_undo(service))
        return false;
    core->counters.failed_steps++;
    sessions_step_undo(service);
    size_t closes = core->outbox.count;
    requests_failed(service, marks->asked, core->broken ? "try_later" : "internal");
    outbox_before(service, marks->items, closes);
    return true;
}

bool step_end(struct service *service)
{
    struct core *core = service->core;
    if (!core->failed && !core->outbox.lost)
        return true;
    if (!step_undo(service))
        core->lost = true;
    core->failed = core->lost;
    return false;
}

void service_begin(struct service *service, int64_t now)
{
    struct core *core = service->core;
    if (now > service->now)
        service->now = now;
    core->batch++;
    core->failed = core->lost = false;
    core->undone = 0;
    core->change_before = core->change;
    core->asked_count = 0;
    core->counters.batches++;
    if (core->broken && service->now >= core->recover_ms)
        recover(service);
    core->in_batch = true;
    bool look = service->now - core->polled_ms >= POLL_MS;
    bool changed = look && (store_changed(service->store) || core->poll_again);
    if (look)
        core->polled_ms = service->now;
    core->poll_again = changed;
    step_begin(service);
    if (core->broken) { /* still read; whatever is written all the same is rolled back */
        (void)store_begin_reading(service->store);
        return;
    }
    core->lost = !store_worked(service, store_begin(service->store), "begin");
    step_begin(service);
    if (changed && !core->lost) {
        changes_poll(service);
        core->poll_again = !step_end(service);
    }
}

/* A bounded piece of retention (policy keep_*_days); the next one soon where there is more. */
static void forget_old(struct service *service)
{
    const struct policy *policy = service_policy(service);
    struct retention keep = {.history_ms = policy->keep_history_days * DAY_MS,
                             .decisions_ms = policy->keep_decisions_days * DAY_MS,
                             .messages_ms = policy->keep_messages_days * DAY_MS,
                             .quality_ms = policy->keep_quality_days * DAY_MS,
                             .reports_ms = policy->keep_reports_days * DAY_MS};
    bool more = false;
    store_worked(service, store_retention(service->store, &keep, service->now, &more), "retention");
    service->core->retention_ms = service->now + (more ? RETENTION_MORE_MS : RETENTION_MS);
}

void erase_soon(struct service *service)
{
    struct core *core = service->core;
    if (core->erase_ms > service->now + ERASE_MS)
        core->erase_ms = service->now + ERASE_MS;
}

/* A step of what deleted accounts have left. Where it fails, and where there was nothing, it is looked again with
 * retention. */
static void erase(struct service *service)
{
    int64_t asked_ms = 0;
    bool more = false;
    bool worked = store_worked(service, store_erase(service->store, &asked_ms, &more), "erase");
    if (worked && asked_ms)
        service_log(service, 'i', "account_erased",
                    json_pack("{s:I}", "after_ms", (json_int_t)(service->now - asked_ms)));
    service->core->erase_ms = service->now + (worked && more ? ERASE_MS : RETENTION_MS);
}

/* Nothing of the batch happened. */
static void undo(struct service *service)
{
    struct core *core = service->core;
    core->counters.failed_batches++;
    service_log(service, 'e', "batch_failed",
                json_pack("{s:s,s:i}", "error", store_error(service->store), "requests",
                          (int)core->asked_count));
    core->broken = true;
    core->poll_again = true;
    store_rollback(service->store);
    limits_undo(service->limits, 0);
    sessions_rollback(service);
    outbox_drop(service, 0, 0);
    size_t closes = core->outbox.count;
    requests_failed(service, 0, "try_later");
    outbox_before(service, 0, closes);
    outbox_flush(service);
    core->in_batch = false;
    core->change = core->change_before;
    limits_not_saved(service->limits);
    if (service->now >= core->recover_ms)
        recover(service);
    core->failed = core->lost = false;
}

static void end_broken(struct service *service)
{
    struct core *core = service->core;
    step_begin(service);
    sessions_tick(service);
    requests_tick(service);
    step_end(service);
    store_rollback(service->store);
    core->in_batch = false;
    sessions_commit(service);
    limits_keep(service->limits);
    replies_tick(service);
    outbox_flush(service);
}

static void end_ticks(struct service *service)
{
    struct core *core = service->core;
    bool save = service->now - core->saved_ms >= SAVE_MS;
    step_begin(service);
    sessions_tick(service);
    step_end(service);
    step_begin(service);
    requests_tick(service);
    step_end(service);
    if (!core->lost)
        calls_tick(service);
    if (save && !core->lost) {
        core->saved_ms = service->now;
        step_begin(service);
        store_worked(service, limits_save(service->limits, service->now), "limits");
        if (!step_end(service))
            limits_not_saved(service->limits);
    }
    if (!core->lost && service->now >= core->retention_ms) {
        step_begin(service);
        forget_old(service);
        step_end(service);
    }
    if (!core->lost && service->now >= core->erase_ms) {
        step_begin(service);
        erase(service);
        step_end(service);
    }
}

/* Once more where it was not the disk: the same statements in a transaction of their own. */
static bool commit(struct service *service)
{
    struct store *store = service->store;
    size_t all = store_mark(store);
    if (store_commit(store) == STORE_OK)
        return true;
    service->core->counters.store_failures++;
    if (!store_unwritable(store) && store_undo_to(store, all) == STORE_OK &&
        store_commit(store) == STORE_OK)
        return true;
    service_log(service, 'e', "store_failed",
                json_pack("{s:s,s:s}", "what", "commit", "error", store_error(store)));
    return false;
}

void service_end(struct service *service)
{
    struct core *core = service->core;
    if (core->broken) {
        end_broken(service);
        return;
    }
    end_ticks(service);
    if (!core->lost && !core->outbox.lost && commit(service)) {
        core->in_batch = false;
        sessions_commit(service);
        limits_keep(service->limits);
        replies_tick(service); /* of earlier batches, or of a delay that is over already */
        outbox_flush(service);
    } else {
        undo(service);
    }
}

int64_t service_deadline(const struct service *service)
{
    const struct core *core = service->core;
    bool broken = core->broken; /* then what writes has no time */
    int64_t deadlines[] = {core->polled_ms + POLL_MS,
                           broken ? INT64_MAX : core->saved_ms + SAVE_MS,
                           broken ? INT64_MAX : core->retention_ms,
                           broken ? INT64_MAX : core->erase_ms,
                           sessions_deadline(service),
                           replies_deadline(service),
                           broken ? core->recover_ms : calls_deadline(service)};
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++)
        first = deadlines[i] < first ? deadlines[i] : first;
    return first;
}

void service_opened(struct service *service, uint64_t connection, const uint8_t address[16])
{
    step_begin(service);
    connection_opened(service, connection, address);
    step_end(service);
}

void service_closed(struct service *service, uint64_t connection, bool goodbye)
{
    struct connection *found = connection_find(service, connection);
    step_begin(service);
    if (found)
        connection_closed(service, found, goodbye);
    step_end(service);
}

void service_hashed(struct service *service, uint64_t job, const char *result)
{
    step_begin(service);
    request_hashed(service, job, result);
    step_end(service);
}

void service_drain(struct service *service, int64_t reconnect_in_ms)
{
    struct table *connections = &service->sessions->connections;
    bool alone = !service->core->in_batch;
    if (alone)
        service_begin(service, service->now);
    step_begin(service);
    service->draining = true;
    struct table_node *node = table_first(connections);
    for (; node; node = table_next(connections, node)) {
        struct connection *connection = TABLE_ENTRY(node, struct connection, node);
        uint32_t random;
        size_t size = 0;
        service->world.random(service->world.context, &random, sizeof random);
        /* Half of the time to one and a half: they do not all come back at once. */
        json_int_t wait =
            reconnect_in_ms / 2 + (json_int_t)(reconnect_in_ms * (double)random / 4294967296.0);
        char *text =
            answer_text("goaway", NULL, json_pack("{s:I}", "reconnect_in_ms", wait), &size);
        if (text && connection->stage != STAGE_CLOSING)
            outbox_send(service, connection->id, text, size, 0, NULL);
        free(text);
    }
    step_end(service);
    if (alone)
        service_end(service);
}

bool service_ready(const struct service *service)
{
    return !service->core->broken && !service->draining;
}

/* --- a frame ------------------------------------------------------------------------------------------------- */

/* No deeper than allowed, told before the parser recurses. */
static bool shallow(const char *text, size_t size)
{
    unsigned depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > NESTING_MAX)
                return false;
        } else if ((c == '}' || c == ']') && depth) {
            depth--;
        }
    }
    return true;
}

static bool id_valid(const char *id)
{
    size_t length = strlen(id);
    return length >= 1 && length <= REQUEST_ID_MAX &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == length;
}

static struct type_row *type_of(struct core *core, const char *type)
{
    for (size_t i = 0; i < core->types_count; i++)
        if (strcmp(core->types[i].row->type, type) == 0)
            return &core->types[i];
    return NULL;
}

/* A repeat of a request that made an account or session, or is about to. true: dealt with. */
static bool early_repeat(struct service *service, struct connection *connection, const char *id)
{
    if (!id || strcmp(connection->early_id, id) != 0 ||
        (!connection->early && !connection->early_pending))
        return false;
    service->core->counters.repeats++;
    if (connection->early)
        outbox_send(service, connection->id, connection->early, strlen(connection->early), 0, NULL);
    return true;
}

/* The store alone, or memory: carried out while it cannot be written. */
static bool only_reads(const struct handler_row *row)
{
    return row->reads && strcmp(row->type, "hello") != 0 && strcmp(row->type, "sync") != 0;
}

static void call_handler(struct request *request, const struct handler_row *row)
{
    struct service *service = request->service;
    request_asked(request);
    if (service->core->broken && !only_reads(row))
        service->core->failed = true;
    if (service->core->failed) /* requests_failed answers it */
        request->answered = true;
    else if (row->needs_call && !request->has_call)
        request_wrong(request, "call: missing");
    else
        row->handle(request);
    if (!request->answered && request->id && row->handle) {
        service_log(service, 'e', "not_answered", json_pack("{s:s}", "type", row->type));
        request_error(request, "internal", NULL);
    }
}

/* Of a connection without a device: hello, or a request for a token. */
static void early_frame(struct request *request, struct connection *connection,
                        const struct handler_row *row)
{
    struct service *service = request->service;
    bool first = connection->stage == STAGE_SILENT;
    if (!row || !row->before_hello) {
        if (first || row) {
            connection_close(service, connection, CLOSE_SIGN_IN);
        } else if (request->id) {
            request_asked(request);
            request_wrong(request, "no such type");
        }
        return;
    }
    if (first)
        connection_greeted(service, connection);
    if (early_repeat(service, connection, request->id))
        return;
    if (!row->reads && request->id && !connection->early_pending) {
        free(connection->early);
        connection->early = NULL;
        connection->early_pending = true;
        strncpy(connection->early_id, request->id, REQUEST_ID_MAX);
    } else if (!row->reads && connection->early_pending) {
        request_asked(request);
        request_try_later(request, 1000);
        return;
    }
    call_handler(request, row);
}

/* Every frame counts, those that are not understood too. false: too many, closed. */
static bool frame_fits(struct service *service, struct connection *connection)
{
    const struct presence *device = connection->device;
    int64_t retry_ms;
    if (device ? limit_take(service->limits, LIMIT_FRAMES, device->session.user,
                            device->session.dev, service->now, &retry_ms)
               : ++connection->frames <= EARLY_FRAMES_MAX)
        return true;
    service->core->counters.limited++;
    connection_close(service, connection, CLOSE_TOO_MANY);
    return false;
}

static void device_frame(struct request *request, struct connection *connection,
                         const struct handler_row *row)
{
    struct service *service = request->service;
    struct presence *presence = connection->device;
    request->session = &presence->session;
    request->user = presence->session.user;
    request->dev = presence->session.dev;
    if (request->id) {
        int begun = reply_begin(service, presence, connection->id, request->id, row && row->reads);
        if (begun == REPLY_KNOWN)
            return;
        if (begun == REPLY_FULL) {
            request_asked(request);
            request_try_later(request, 1000);
            return;
        }
    }
    if (row) {
        call_handler(request, row);
    } else if (request->id) {
        request_asked(request);
        request_wrong(request, "no such type");
    } else {
        service->core->counters.ignored++;
    }
}

/* The envelope: what cannot even be answered closes the connection, the rest is bad_frame. */
static void envelope(struct service *service, struct connection *connection, json_t *frame)
{
    json_t *type = json_object_get(frame, "t"), *id = json_object_get(frame, "id");
    json_t *call = json_object_get(frame, "call"), *body = json_object_get(frame, "b");
    if (!json_is_string(type) ||
        (id && (!json_is_string(id) || !id_valid(json_string_value(id))))) {
        service->core->counters.malformed++;
        connection_close(service, connection, CLOSE_MALFORMED);
        return;
    }
    json_t *empty = body ? NULL : json_object();
    struct request request = {.service = service,
                              .connection = connection->id,
                              .type = json_string_value(type),
                              .id = json_string_value(id),
                              .body = body ? body : empty};
    const char *call_text = json_string_value(call);
    request.has_call = call_text && call_id_parse(call_text, request.call);
    struct type_row *row = type_of(service->core, request.type);
    if ((call && !request.has_call) || !json_is_object(request.body)) {
        service->core->counters.malformed++;
        if (request.id && connection->stage != STAGE_SILENT) {
            request_asked(&request);
            request_error(&request, "bad_frame",
                          json_pack("{s:s}", "text", "call is not a UUID, or b not an object"));
        } else {
            connection_close(service, connection, CLOSE_MALFORMED);
        }
    } else {
        if (row)
            row->count++;
        if (connection->device)
            device_frame(&request, connection, row ? row->row : NULL);
        else
            early_frame(&request, connection, row ? row->row : NULL);
    }
    json_decref(empty);
}

static void take_frame(struct service *service, uint64_t connection, const char *text, size_t size)
{
    struct connection *from = connection_find(service, connection);
    struct counters *counters = &service->core->counters;
    json_error_t error;
    if (!from || from->stage == STAGE_CLOSING)
        return;
    counters->frames++;
    counters->frame_bytes += size;
    if (!frame_fits(service, from))
        return;
    /* One that fails is not free of charge. */
    service->core->marks.limits = limits_mark(service->limits);
    json_t *frame = size <= FRAME_MAX && shallow(text, size)
                        ? json_loadb(text, size, JSON_REJECT_DUPLICATES, &error)
                        : NULL;
    if (json_is_object(frame)) {
        envelope(service, from, frame);
    } else {
        counters->malformed++;
        connection_close(service, from, CLOSE_MALFORMED);
    }
    json_decref(frame);
}

void service_frame(struct service *service, uint64_t connection, const char *text, size_t size)
{
    step_begin(service);
    take_frame(service, connection, text, size);
    step_end(service);
}
