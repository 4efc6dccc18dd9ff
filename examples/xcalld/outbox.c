/* outbox.c - what a batch lets out once it is committed: frames, closes, pushes and passwords to hash, in
 * order, in memory that is used again by the next batch.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "core.h"

#define KEEP_ITEMS 4096 /* of memory, between batches */
#define KEEP_BYTES (1u << 20)

static struct out_item *add(struct outbox *outbox, int kind, uint64_t to)
{
    if (outbox->count == outbox->capacity) {
        size_t capacity = outbox->capacity ? outbox->capacity * 2 : 64;
        struct out_item *items = realloc(outbox->items, capacity * sizeof *items);
        if (!items) {
            outbox->lost = true;
            return NULL;
        }
        outbox->items = items;
        outbox->capacity = capacity;
    }
    struct out_item *item = &outbox->items[outbox->count++];
    memset(item, 0, sizeof *item);
    item->kind = kind;
    item->to = to;
    return item;
}

/* A copy of the bytes; where they are. A password never stays behind in memory that has moved. */
static size_t put(struct outbox *outbox, const void *bytes, size_t size)
{
    if (outbox->room - outbox->size < size) {
        size_t room = outbox->room ? outbox->room * 2 : 16384;
        while (room - outbox->size < size)
            room *= 2;
        char *moved = malloc(room);
        if (!moved) {
            outbox->lost = true;
            return 0;
        }
        if (outbox->size)
            memcpy(moved, outbox->bytes, outbox->size);
        if (outbox->secret && outbox->bytes)
            explicit_bzero(outbox->bytes, outbox->size);
        free(outbox->bytes);
        outbox->bytes = moved;
        outbox->room = room;
    }
    size_t at = outbox->size;
    memcpy(outbox->bytes + at, bytes, size);
    outbox->size += size;
    return at;
}

void outbox_send(struct service *service, uint64_t connection, const char *text, size_t size,
                 unsigned flags, const uint8_t *call)
{
    struct outbox *outbox = &service->core->outbox;
    struct out_item *item = add(outbox, OUT_SEND, connection);
    if (!item)
        return;
    item->flags = flags;
    if (call)
        memcpy(item->call, call, CALL_ID_SIZE);
    item->size = size;
    item->at = put(outbox, text, size);
}

void outbox_close(struct service *service, uint64_t connection, int code)
{
    struct out_item *item = add(&service->core->outbox, OUT_CLOSE, connection);
    if (item)
        item->code = code;
}

/* --- in the world's place ---------------------------------------------------------------------------- */

static void collect_send(void *context, uint64_t connection, const char *text, size_t size,
                         unsigned flags, const uint8_t call[CALL_ID_SIZE])
{
    outbox_send(context, connection, text, size, flags, call);
}

static void collect_close(void *context, uint64_t connection, int code)
{
    struct connection *found = connection_find(context, connection);
    if (found)
        connection_close(context, found, code);
}

static void collect_hash(void *context, uint64_t job, const char *password, const char *hash)
{
    struct service *service = context;
    struct outbox *outbox = &service->core->outbox;
    struct out_item *item = add(outbox, OUT_HASH, job);
    if (!item)
        return;
    outbox->secret = true;
    item->at = put(outbox, password, strlen(password) + 1);
    if (hash)
        item->hash = put(outbox, hash, strlen(hash) + 1);
}

static void collect_push(void *context, const struct push_order *order)
{
    struct service *service = context;
    struct out_item *item = add(&service->core->outbox, OUT_PUSH, 0);
    if (item)
        item->at = put(&service->core->outbox, order, sizeof *order);
}

static void pass_random(void *context, void *memory, size_t size)
{
    const struct service_world *world = &((struct service *)context)->core->world;
    world->random(world->context, memory, size);
}

static void pass_log(void *context, char level, const char *event, json_t *facts)
{
    const struct service_world *world = &((struct service *)context)->core->world;
    world->log(world->context, level, event, facts);
}

struct service_world outbox_world(struct service *service)
{
    return (struct service_world){.context = service,
                                  .send = collect_send,
                                  .close = collect_close,
                                  .hash = collect_hash,
                                  .push = collect_push,
                                  .random = pass_random,
                                  .log = pass_log};
}

/* --- out ------------------------------------------------------------------------------------------------ */

static void empty(struct outbox *outbox)
{
    if (outbox->secret && outbox->bytes)
        explicit_bzero(outbox->bytes, outbox->size);
    outbox->count = outbox->size = 0;
    outbox->lost = outbox->secret = false;
    if (outbox->capacity > KEEP_ITEMS) {
        free(outbox->items);
        outbox->items = NULL;
        outbox->capacity = 0;
    }
    if (outbox->room > KEEP_BYTES) {
        free(outbox->bytes);
        outbox->bytes = NULL;
        outbox->room = 0;
    }
}

void outbox_flush(struct service *service)
{
    struct outbox *outbox = &service->core->outbox;
    const struct service_world *world = &service->core->world;
    struct counters *counters = &service->core->counters;
    for (size_t i = 0; i < outbox->count; i++) {
        const struct out_item *item = &outbox->items[i];
        const char *at = outbox->bytes ? outbox->bytes + item->at : "";
        struct push_order order;
        switch (item->kind) {
        case OUT_SEND:
            counters->sent++;
            counters->sent_bytes += item->size;
            world->send(world->context, item->to, at, item->size, item->flags, item->call);
            break;
        case OUT_CLOSE:
            world->close(world->context, item->to, item->code);
            break;
        case OUT_PUSH:
            counters->pushes++;
            memcpy(&order, at, sizeof order);
            world->push(world->context, &order);
            break;
        default:
            world->hash(world->context, item->to, at,
                        item->hash ? outbox->bytes + item->hash : NULL);
            break;
        }
    }
    empty(outbox);
}

void outbox_drop(struct service *service, size_t items, size_t bytes)
{
    struct outbox *outbox = &service->core->outbox;
    size_t kept = items;
    for (size_t i = items; i < outbox->count; i++)
        if (outbox->items[i].kind == OUT_CLOSE) {
            outbox->items[kept] = outbox->items[i];
            if (outbox->items[kept].code != CLOSE_MALFORMED)
                outbox->items[kept].code = CLOSE_RESTART;
            kept++;
        }
    if (outbox->secret && outbox->bytes && outbox->size > bytes)
        explicit_bzero(outbox->bytes + bytes, outbox->size - bytes);
    outbox->count = kept;
    outbox->size = bytes;
    outbox->lost = false;
    outbox->secret = outbox->secret && items > 0;
}

static void turn(struct out_item *items, size_t from, size_t to)
{
    while (from + 1 < to) {
        struct out_item item = items[from];
        items[from++] = items[--to];
        items[to] = item;
    }
}

void outbox_before(struct service *service, size_t first, size_t second)
{
    struct outbox *outbox = &service->core->outbox;
    size_t added = outbox->count - second;
    turn(outbox->items, first, outbox->count);
    turn(outbox->items, first, first + added);
    turn(outbox->items, first + added, outbox->count);
}

void outbox_free(struct outbox *outbox)
{
    empty(outbox);
    free(outbox->items);
    free(outbox->bytes);
    memset(outbox, 0, sizeof *outbox);
}
