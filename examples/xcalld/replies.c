/* replies.c - the answers that a device may ask for again by the same id (docs/protocol.md 1), and
 * answers that wait for their time. Bounded a device and in all; the store of a device that has
 * asked nothing for ten minutes goes.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "core.h"

/* --- stores by last use -------------------------------------------------------------------------------- */

static void unlink_store(struct reply_store *all, struct replies *replies)
{
    *(replies->older ? &replies->older->newer : &all->oldest) = replies->newer;
    *(replies->newer ? &replies->newer->older : &all->newest) = replies->older;
    replies->older = replies->newer = NULL;
}

static void link_newest(struct reply_store *all, struct replies *replies)
{
    replies->older = all->newest;
    replies->newer = NULL;
    *(all->newest ? &all->newest->newer : &all->oldest) = replies;
    all->newest = replies;
}

static struct replies *replies_of(struct service *service, struct presence *device)
{
    struct reply_store *all = &service->core->replies;
    struct replies *replies = device->replies;
    if (!replies) {
        replies = calloc(1, sizeof *replies);
        if (!replies)
            return NULL;
        replies->device = device;
        device->replies = replies;
    } else {
        unlink_store(all, replies);
    }
    link_newest(all, replies);
    replies->used_ms = service->now;
    return replies;
}

/* --- replies of one device ------------------------------------------------------------------------------ */

static void remove_reply(struct service *service, struct replies *replies, struct reply *reply)
{
    struct reply **at = &replies->first, *before = NULL;
    while (*at != reply) {
        before = *at;
        at = &before->next;
    }
    *at = reply->next;
    if (replies->last == reply)
        replies->last = before;
    replies->count--;
    replies->pending -= reply->pending;
    replies->bytes -= sizeof *reply + reply->size;
    service->core->replies.bytes -= sizeof *reply + reply->size;
    free(reply->text);
    free(reply);
}

static struct reply *find_reply(const struct presence *device, const char *id)
{
    struct reply *reply = device->replies ? device->replies->first : NULL;
    while (reply && strcmp(reply->id, id) != 0)
        reply = reply->next;
    return reply;
}

/* Room for one more: the oldest answers go; those that are still waited for stay. */
static void make_room(struct service *service, struct replies *replies)
{
    struct reply *reply = replies->first;
    while (reply) {
        struct reply *next = reply->next;
        bool old = service->now - reply->at_ms >= REPLY_MS;
        bool full = replies->count >= REPLIES_MAX || replies->bytes > REPLY_BYTES_MAX;
        if (!old && !full)
            break;
        if (!reply->pending)
            remove_reply(service, replies, reply);
        reply = next;
    }
}

void replies_free(struct service *service, struct presence *device)
{
    struct replies *replies = device->replies;
    if (!replies)
        return;
    while (replies->first)
        remove_reply(service, replies, replies->first);
    unlink_store(&service->core->replies, replies);
    device->replies = NULL;
    free(replies);
}

/* All devices together: the store that was used longest ago goes, where nothing in it is waited for. */
static void bound_all(struct service *service)
{
    struct reply_store *all = &service->core->replies;
    struct replies *replies = all->oldest;
    while (replies && all->bytes > REPLY_BYTES_ALL) {
        struct replies *next = replies->newer;
        if (!replies->pending)
            replies_free(service, replies->device);
        replies = next;
    }
}

int reply_begin(struct service *service, struct presence *device, uint64_t connection,
                const char *id, bool repeatable)
{
    struct reply *known = find_reply(device, id);
    if (known && !known->pending && service->now - known->at_ms >= REPLY_MS) {
        remove_reply(service, device->replies, known);
        known = NULL;
    }
    if (known) {
        service->core->counters.repeats++;
        known->connection = connection;
        if (!known->pending)
            outbox_send(service, connection, known->text, known->size, 0, NULL);
        return REPLY_KNOWN;
    }
    struct replies *replies = replies_of(service, device);
    if (replies)
        make_room(service, replies);
    struct reply *reply = replies && replies->count < REPLIES_MAX ? calloc(1, sizeof *reply) : NULL;
    if (!reply)
        return REPLY_FULL;
    strncpy(reply->id, id, sizeof reply->id - 1);
    reply->at_ms = service->now;
    reply->connection = connection;
    reply->pending = true;
    reply->repeatable = repeatable;
    *(replies->last ? &replies->last->next : &replies->first) = reply;
    replies->last = reply;
    replies->count++;
    replies->pending++;
    replies->bytes += sizeof *reply;
    service->core->replies.bytes += sizeof *reply;
    return REPLY_NEW;
}

/* --- answers that wait for their time ------------------------------------------------------------------ */

static bool sooner(const struct delayed *a, const struct delayed *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->number < b->number;
}

static bool heap_push(struct reply_store *all, const struct delayed *delayed)
{
    if (all->heap_count == all->heap_capacity) {
        size_t capacity = all->heap_capacity ? all->heap_capacity * 2 : 64;
        struct delayed *heap =
            capacity <= DELAYED_MAX ? realloc(all->heap, capacity * sizeof *heap) : NULL;
        if (!heap)
            return false;
        all->heap = heap;
        all->heap_capacity = capacity;
    }
    size_t at = all->heap_count++;
    for (; at && sooner(delayed, &all->heap[(at - 1) / 2]); at = (at - 1) / 2)
        all->heap[at] = all->heap[(at - 1) / 2];
    all->heap[at] = *delayed;
    return true;
}

static struct delayed heap_pop(struct reply_store *all)
{
    struct delayed first = all->heap[0], last = all->heap[--all->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= all->heap_count)
            break;
        if (child + 1 < all->heap_count && sooner(&all->heap[child + 1], &all->heap[child]))
            child++;
        if (!sooner(&all->heap[child], &last))
            break;
        all->heap[at] = all->heap[child];
        at = child;
    }
    if (all->heap_count)
        all->heap[at] = last;
    return first;
}

/* The answer is known and its time has come. */
static void let_out(struct service *service, struct presence *device, struct reply *reply)
{
    reply->pending = false;
    device->replies->pending--;
    outbox_send(service, reply->connection, reply->text, reply->size, 0, NULL);
    if (reply->repeatable)
        remove_reply(service, device->replies, reply);
}

bool reply_answer(struct service *service, struct presence *device, const char *id,
                  const char *text, size_t size, int64_t at_ms)
{
    struct reply *reply = find_reply(device, id);
    if (!reply || !reply->pending || reply->text)
        return false;
    reply->text = malloc(size ? size : 1);
    if (!reply->text) {
        remove_reply(service, device->replies, reply);
        return false;
    }
    memcpy(reply->text, text, size);
    reply->size = (uint32_t)size;
    device->replies->bytes += size;
    service->core->replies.bytes += size;
    struct delayed delayed = {.at_ms = at_ms,
                              .user = device->session.user,
                              .dev = device->session.dev,
                              .number = service->core->replies.number++};
    strncpy(delayed.id, id, sizeof delayed.id - 1);
    if (at_ms <= service->now || !heap_push(&service->core->replies, &delayed))
        let_out(service, device, reply);
    bound_all(service);
    return true;
}

void reply_forget(struct service *service, struct presence *device, const char *id)
{
    struct reply *reply = find_reply(device, id);
    if (reply)
        remove_reply(service, device->replies, reply);
}

void replies_tick(struct service *service)
{
    struct reply_store *all = &service->core->replies;
    while (all->heap_count && all->heap[0].at_ms <= service->now) {
        struct delayed due = heap_pop(all);
        struct presence *device = device_find(service, due.user, due.dev);
        struct reply *reply = device ? find_reply(device, due.id) : NULL;
        if (reply && reply->pending && reply->text)
            let_out(service, device, reply);
    }
    struct replies *replies = all->oldest, *newer;
    for (; replies && service->now - replies->used_ms >= REPLY_MS; replies = newer) {
        newer = replies->newer;
        if (!replies->pending)
            replies_free(service, replies->device);
    }
}

int64_t replies_deadline(const struct service *service)
{
    const struct reply_store *all = &service->core->replies;
    int64_t deadline = all->heap_count ? all->heap[0].at_ms : INT64_MAX;
    if (all->oldest && !all->oldest->pending && all->oldest->used_ms + REPLY_MS < deadline)
        deadline = all->oldest->used_ms + REPLY_MS;
    return deadline;
}

void reply_store_free(struct reply_store *store)
{
    free(store->heap);
    memset(store, 0, sizeof *store);
}
