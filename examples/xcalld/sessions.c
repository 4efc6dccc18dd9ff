/* sessions.c - connections and devices: who is connected, the events that a device gets and what of them is
 * kept for its return. Everything is bounded: connections in all, a network address, without a device; events
 * a device and in all; devices that are away.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "json_text.h"

void link_init(struct link *list)
{
    list->next = list->prev = list;
}

void link_add(struct link *list, struct link *link)
{
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

void link_remove(struct link *link)
{
    if (!link->next)
        return;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = link->prev = NULL;
}

static struct link *link_first(const struct link *list)
{
    return list->next == list ? NULL : list->next;
}

struct sessions *sessions_create(struct service *service)
{
    const struct service_world *world = &service->core->world;
    struct sessions *sessions = calloc(1, sizeof *sessions);
    uint8_t key[3][16];
    if (!sessions)
        return NULL;
    world->random(world->context, key, sizeof key);
    bool fine = table_init(&sessions->connections, key[0]);
    fine = table_init(&sessions->devices, key[1]) && fine;
    fine = table_init(&sessions->addresses, key[2]) && fine;
    link_init(&sessions->silent);
    link_init(&sessions->greeted);
    link_init(&sessions->retained);
    link_init(&sessions->waiting);
    if (fine)
        return sessions;
    table_free(&sessions->connections);
    table_free(&sessions->devices);
    table_free(&sessions->addresses);
    free(sessions);
    return NULL;
}

/* --- events ------------------------------------------------------------------------------------------------ */

void events_drop(struct service *service, struct presence *device, uint64_t up_to)
{
    struct sessions *sessions = service->sessions;
    while (device->first && device->first->sq <= up_to) {
        struct event *event = device->first;
        device->first = event->next;
        device->events--;
        device->event_bytes -= event->size;
        sessions->event_bytes -= event->size + sizeof *event;
        free(event);
    }
    if (!device->first) {
        device->last = NULL;
        link_remove(&device->waiting);
    }
}

static void bound_events(struct service *service, struct presence *device)
{
    struct sessions *sessions = service->sessions;
    while (device->events > EVENTS_MAX || device->event_bytes > EVENT_BYTES_MAX)
        events_drop(service, device, device->first->sq);
    while (sessions->event_bytes > EVENT_BYTES_ALL && link_first(&sessions->waiting)) {
        struct link *link = link_first(&sessions->waiting);
        events_drop(service, LINK_ENTRY(link, struct presence, waiting), UINT64_MAX);
    }
}

static void touch(struct service *service, struct presence *device)
{
    if (device->stepped_step == service->core->step)
        return;
    device->stepped_step = service->core->step;
    device->stepped_sq = device->sq;
    device->stepped = service->sessions->stepped;
    service->sessions->stepped = device;
    if (device->touched_batch == service->core->batch)
        return;
    device->touched_batch = service->core->batch;
    device->touched_sq = device->sq;
    device->touched = service->sessions->touched;
    service->sessions->touched = device;
}

/* rest: the frame's text behind its first brace. */
static void give_event(struct service *service, struct presence *device, const char *rest,
                       size_t rest_size, unsigned flags, const uint8_t *call)
{
    char head[40];
    touch(service, device);
    int head_size =
        snprintf(head, sizeof head, "{\"sq\":%llu,", (unsigned long long)(device->sq + 1));
    size_t size = (size_t)head_size + rest_size;
    struct event *event = malloc(sizeof *event + size);
    device->sq++;
    if (!event) { /* a gap in what is kept: this device gets a sync when it comes back */
        events_drop(service, device, UINT64_MAX);
        service_fail(service, "memory");
        return;
    }
    *event = (struct event){.sq = device->sq, .size = (uint32_t)size, .flags = flags};
    if (call)
        memcpy(event->call, call, CALL_ID_SIZE);
    memcpy(event->text, head, (size_t)head_size);
    memcpy(event->text + head_size, rest, rest_size);
    if (!device->first)
        link_add(&service->sessions->waiting, &device->waiting);
    *(device->last ? &device->last->next : &device->first) = event;
    device->last = event;
    device->events++;
    device->event_bytes += size;
    service->sessions->event_bytes += size + sizeof *event;
    service->core->counters.events++;
    if (device->session.connection)
        outbox_send(service, device->session.connection, event->text, size, flags, event->call);
    bound_events(service, device);
}

/* --- the bus, of one process --------------------------------------------------------------------------------- */

static struct presence *first_device(struct service *service, int64_t user)
{
    struct table *devices = &service->sessions->devices;
    struct table_node *node = table_find(devices, table_hash(devices, &user, sizeof user));
    for (; node; node = table_again(node)) {
        struct presence *device = TABLE_ENTRY(node, struct presence, node);
        if (device->session.user == user)
            return device;
    }
    return NULL;
}

static struct presence *next_device(const struct presence *before)
{
    struct table_node *node = table_again(&before->node);
    for (; node; node = table_again(node)) {
        struct presence *device = TABLE_ENTRY(node, struct presence, node);
        if (device->session.user == before->session.user)
            return device;
    }
    return NULL;
}

struct presence *device_find(struct service *service, int64_t user, int32_t dev)
{
    struct presence *device = first_device(service, user);
    while (device && device->session.dev != dev)
        device = next_device(device);
    return device;
}

struct session *session_of(struct service *service, int64_t user, int32_t dev)
{
    struct presence *device = device_find(service, user, dev);
    return device && device->session.connection ? &device->session : NULL;
}

static unsigned bus_deliver(void *context, int64_t user, int32_t dev, int32_t except, json_t *frame,
                            unsigned flags)
{
    struct service *service = context;
    struct presence *device = first_device(service, user);
    uint8_t call[CALL_ID_SIZE] = {0};
    const char *id = json_string_value(json_object_get(frame, "call"));
    unsigned count = 0;
    size_t size = 0;
    char *text = device ? json_text(frame, &size) : NULL;
    if (device && !text)
        service_fail(service, "memory");
    if (id)
        call_id_parse(id, call);
    for (; device && text; device = next_device(device)) {
        if ((dev && device->session.dev != dev) || device->session.dev == except)
            continue;
        give_event(service, device, text + 1, size - 1, flags, call);
        count++;
    }
    free(text);
    return count;
}

static bool bus_online(void *context, int64_t user, int32_t dev)
{
    struct presence *device = first_device(context, user);
    for (; device; device = next_device(device))
        if (device->session.connection && (!dev || device->session.dev == dev))
            return true;
    return false;
}

static void bus_disconnect(void *context, int64_t user, int32_t dev, int code)
{
    struct service *service = context;
    struct presence *device = first_device(service, user);
    while (device) {
        if (device->session.connection && (!dev || device->session.dev == dev)) {
            connection_close(service, connection_find(service, device->session.connection), code);
            device = first_device(service, user); /* a device may have been forgotten for it */
        } else {
            device = next_device(device);
        }
    }
}

struct bus sessions_bus(struct service *service)
{
    return (struct bus){.context = service,
                        .deliver = bus_deliver,
                        .online = bus_online,
                        .disconnect = bus_disconnect};
}

/* --- devices ---------------------------------------------------------------------------------------------- */

void device_forget(struct service *service, struct presence *device)
{
    struct sessions *sessions = service->sessions;
    events_drop(service, device, UINT64_MAX);
    replies_free(service, device);
    table_remove(&sessions->devices, &device->node);
    if (device->session.connection)
        sessions->connected--;
    if (device->retained.next)
        sessions->retained_count--;
    link_remove(&device->retained);
    for (struct presence **at = &sessions->touched; *at; at = &(*at)->touched)
        if (*at == device) {
            *at = device->touched;
            break;
        }
    for (struct presence **at = &sessions->stepped; *at; at = &(*at)->stepped)
        if (*at == device) {
            *at = device->stepped;
            break;
        }
    free(device);
}

struct presence *device_add(struct service *service, int64_t user, int32_t dev)
{
    struct presence *device = calloc(1, sizeof *device);
    if (!device)
        return NULL;
    device->session.user = user;
    device->session.dev = dev;
    service->world.random(service->world.context, &device->epoch, sizeof device->epoch);
    struct table *devices = &service->sessions->devices;
    table_add(devices, &device->node, table_hash(devices, &user, sizeof user));
    return device;
}

void device_online(struct service *service, struct presence *device, struct connection *connection)
{
    struct sessions *sessions = service->sessions;
    if (device->session.connection) {
        struct connection *old = connection_find(service, device->session.connection);
        service->core->counters.displaced++;
        if (old) {
            old->device = NULL;
            connection_close(service, old, CLOSE_DISPLACED);
        }
    } else {
        sessions->connected++;
    }
    if (device->retained.next)
        sessions->retained_count--;
    link_remove(&device->retained);
    touch(service, device);
    device->attached_batch = service->core->batch;
    device->attached_step = service->core->step;
    connection->device = device;
    device->session.connection = connection->id;
    memcpy(device->session.address, connection->address, sizeof connection->address);
}

static void device_offline(struct service *service, struct presence *device, bool goodbye)
{
    struct sessions *sessions = service->sessions;
    device->session.connection = 0;
    device->offline_ms = service->now;
    sessions->connected--;
    sessions->retained_count++;
    link_add(&sessions->retained, &device->retained);
    int64_t user = device->session.user;
    int32_t dev = device->session.dev;
    if (step_writes(service)) /* first: should the step be undone, they look who is here */
        calls_device_offline(service, user, dev, goodbye);
    if (step_writes(service))
        store_worked(service, store_device_touch(service->store, user, dev, service->now), "touch");
    if (sessions->retained_count > service->config.connections_max)
        device_forget(service,
                      LINK_ENTRY(link_first(&sessions->retained), struct presence, retained));
}

void device_end(struct service *service, int64_t user, int32_t dev, int code)
{
    if (step_writes(service))
        calls_device_gone(service, user, dev);
    struct presence *device = first_device(service, user);
    while (device) {
        struct presence *next = next_device(device);
        struct connection *connection = device->session.connection
                                            ? connection_find(service, device->session.connection)
                                            : NULL;
        if (!dev || device->session.dev == dev) {
            if (connection) {
                connection->device = NULL;
                connection_close(service, connection, code);
            }
            device_forget(service, device);
        }
        device = next;
    }
}

/* --- connections -------------------------------------------------------------------------------------------- */

struct connection *connection_find(struct service *service, uint64_t id)
{
    struct table *connections = &service->sessions->connections;
    struct table_node *node = table_find(connections, table_hash(connections, &id, sizeof id));
    for (; node; node = table_again(node)) {
        struct connection *connection = TABLE_ENTRY(node, struct connection, node);
        if (connection->id == id)
            return connection;
    }
    return NULL;
}

/* Open connections of a network: /24, or /48 (limit_network). */
static struct address_count *count_address(struct service *service, const uint8_t address[16])
{
    struct table *addresses = &service->sessions->addresses;
    int64_t network = limit_network(address);
    uint64_t hash = table_hash(addresses, &network, sizeof network);
    struct table_node *node = table_find(addresses, hash);
    for (; node; node = table_again(node)) {
        struct address_count *found = TABLE_ENTRY(node, struct address_count, node);
        if (found->network == network) {
            found->count++;
            return found;
        }
    }
    struct address_count *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    made->network = network;
    made->count = 1;
    table_add(addresses, &made->node, hash);
    return made;
}

static bool unauthenticated(const struct connection *connection)
{
    return connection->stage == STAGE_SILENT || connection->stage == STAGE_GREETED;
}

void connection_authenticated(struct service *service, struct connection *connection)
{
    if (unauthenticated(connection))
        service->sessions->unauthenticated--;
    link_remove(&connection->link);
    connection->stage = STAGE_DEVICE;
    free(connection->early);
    connection->early = NULL;
    connection->early_pending = false;
}

void connection_greeted(struct service *service, struct connection *connection)
{
    link_remove(&connection->link);
    connection->stage = STAGE_GREETED;
    connection->since_ms = service->now;
    link_add(&service->sessions->greeted, &connection->link);
}

/* Out of its list and away from its device. */
static void leave(struct service *service, struct connection *connection, bool goodbye)
{
    struct presence *device = connection->device;
    if (unauthenticated(connection))
        service->sessions->unauthenticated--;
    link_remove(&connection->link);
    connection->stage = STAGE_CLOSING;
    connection->device = NULL;
    if (device)
        device_offline(service, device, goodbye);
}

void connection_close(struct service *service, struct connection *connection, int code)
{
    if (!connection || connection->stage == STAGE_CLOSING)
        return;
    service->core->counters.closed++;
    leave(service, connection, false);
    outbox_close(service, connection->id, code);
}

void connection_closed(struct service *service, struct connection *connection, bool goodbye)
{
    struct sessions *sessions = service->sessions;
    if (connection->stage != STAGE_CLOSING)
        leave(service, connection, goodbye);
    struct address_count *count = connection->address_count;
    if (count && --count->count == 0) {
        table_remove(&sessions->addresses, &count->node);
        free(count);
    }
    table_remove(&sessions->connections, &connection->node);
    free(connection->early);
    free(connection);
}

/* The oldest connection that has said nothing makes place; one that has, only where there is none. */
static bool make_place(struct service *service, const struct connection *except)
{
    const struct link *lists[] = {&service->sessions->silent, &service->sessions->greeted};
    for (size_t i = 0; i < 2; i++) {
        struct link *link = link_first(lists[i]);
        struct connection *oldest = link ? LINK_ENTRY(link, struct connection, link) : NULL;
        if (oldest && oldest != except) {
            connection_close(service, oldest, CLOSE_TOO_MANY);
            return true;
        }
    }
    return false;
}

static bool welcome_here(struct service *service, struct connection *connection)
{
    struct sessions *sessions = service->sessions;
    const struct policy *policy = service_policy(service);
    int64_t retry_ms;
    if (!connection->address_count ||
        connection->address_count->count > (uint64_t)policy->connections_per_address)
        return false;
    if (!limit_take(service->limits, LIMIT_CONNECTIONS, limit_network(connection->address), 0,
                    service->now, &retry_ms))
        return false;
    if (sessions->connections.count > service->config.connections_max)
        return make_place(service, connection);
    return true;
}

void connection_opened(struct service *service, uint64_t id, const uint8_t address[16])
{
    struct sessions *sessions = service->sessions;
    struct connection *connection =
        connection_find(service, id) ? NULL : calloc(1, sizeof *connection);
    service->core->counters.opened++;
    if (!connection) {
        service->core->counters.refused++;
        outbox_close(service, id, CLOSE_TOO_MANY);
        return;
    }
    connection->id = id;
    connection->since_ms = service->now;
    memcpy(connection->address, address, sizeof connection->address);
    connection->address_count = count_address(service, address);
    table_add(&sessions->connections, &connection->node,
              table_hash(&sessions->connections, &id, sizeof id));
    connection->stage = STAGE_SILENT;
    link_add(&sessions->silent, &connection->link);
    sessions->unauthenticated++;
    if (service->draining) {
        connection_close(service, connection, CLOSE_RESTART);
    } else if (!welcome_here(service, connection)) {
        service->core->counters.refused++;
        connection_close(service, connection, CLOSE_TOO_MANY);
    } else if (sessions->unauthenticated > (uint64_t)service_policy(service)->unauthenticated_max) {
        make_place(service, connection);
    }
}

/* --- time, the batch's end --------------------------------------------------------------------------------- */

static int64_t due(const struct link *list, int64_t after_ms)
{
    struct link *link = link_first(list);
    return link ? LINK_ENTRY(link, struct connection, link)->since_ms + after_ms : INT64_MAX;
}

static int64_t retained_due(const struct sessions *sessions)
{
    struct link *link = link_first(&sessions->retained);
    return link ? LINK_ENTRY(link, struct presence, retained)->offline_ms + RESUME_MS : INT64_MAX;
}

void sessions_tick(struct service *service)
{
    struct sessions *sessions = service->sessions;
    while (due(&sessions->silent, FIRST_FRAME_MS) <= service->now)
        connection_close(service,
                         LINK_ENTRY(link_first(&sessions->silent), struct connection, link),
                         CLOSE_SIGN_IN);
    while (due(&sessions->greeted, SIGN_IN_MS) <= service->now)
        connection_close(service,
                         LINK_ENTRY(link_first(&sessions->greeted), struct connection, link),
                         CLOSE_SIGN_IN);
    while (retained_due(sessions) <= service->now)
        device_forget(service,
                      LINK_ENTRY(link_first(&sessions->retained), struct presence, retained));
}

int64_t sessions_deadline(const struct service *service)
{
    const struct sessions *sessions = service->sessions;
    int64_t first = due(&sessions->silent, FIRST_FRAME_MS);
    int64_t sign_in = due(&sessions->greeted, SIGN_IN_MS), retained = retained_due(sessions);
    first = sign_in < first ? sign_in : first;
    return retained < first ? retained : first;
}

void sessions_commit(struct service *service)
{
    service->sessions->touched = service->sessions->stepped = NULL;
}

static void take_back(struct service *service, struct presence *device, uint64_t sq)
{
    struct event **at = &device->first, *last = NULL;
    while (*at && (*at)->sq <= sq) {
        last = *at;
        at = &last->next;
    }
    while (*at) {
        struct event *event = *at;
        *at = event->next;
        device->events--;
        device->event_bytes -= event->size;
        service->sessions->event_bytes -= event->size + sizeof *event;
        free(event);
    }
    device->last = last;
    if (!device->first)
        link_remove(&device->waiting);
    device->sq = sq;
}

/* Events that never went out are taken back: their numbers are given again. Whoever signed in in this batch
 * was not told: it connects again. */
void sessions_rollback(struct service *service)
{
    struct sessions *sessions = service->sessions;
    struct presence *device;
    sessions->stepped = NULL;
    while ((device = sessions->touched)) {
        sessions->touched = device->touched;
        take_back(service, device, device->touched_sq);
        if (device->session.connection && device->attached_batch == service->core->batch)
            connection_close(service, connection_find(service, device->session.connection),
                             CLOSE_RESTART);
    }
}

/* Whoever signed in in this step is gone, and so is the connection that it displaced: the calls look. */
void sessions_step_undo(struct service *service)
{
    struct sessions *sessions = service->sessions;
    struct presence *device;
    for (device = sessions->stepped; device; device = device->stepped)
        take_back(service, device, device->stepped_sq);
    while ((device = sessions->stepped)) {
        int64_t user = device->session.user;
        sessions->stepped = device->stepped;
        if (device->session.connection && device->attached_step == service->core->step) {
            connection_close(service, connection_find(service, device->session.connection),
                             CLOSE_RESTART);
            calls_look(service, user);
        }
    }
}

void sessions_destroy(struct service *service)
{
    struct sessions *sessions = service->sessions;
    struct table_node *node;
    while ((node = table_first(&sessions->devices))) {
        struct presence *device = TABLE_ENTRY(node, struct presence, node);
        device_forget(service, device);
    }
    while ((node = table_first(&sessions->connections))) {
        struct connection *connection = TABLE_ENTRY(node, struct connection, node);
        connection->device = NULL;
        connection_closed(service, connection, false);
    }
    table_free(&sessions->connections);
    table_free(&sessions->devices);
    table_free(&sessions->addresses);
    free(sessions);
    service->sessions = NULL;
}
