/* fake_calls.c - in the place of calls.c: keeps what it is told, answers call.* simply.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "world.h"

struct calls {
    int nothing;
};

static void note(int64_t user, int32_t dev)
{
    told.last_user = user;
    told.last_dev = dev;
}

void calls_device_online(struct service *service, struct session *session, bool resumed,
                         const uint8_t *wake_call)
{
    (void)resumed;
    told.online++;
    if (told.online_fails)
        service_fail(service, "test");
    told.wake = wake_call != NULL;
    note(session->user, session->dev);
    if (told.deliver_online) {
        json_t *frame = json_pack("{s:s,s:{}}", "t", "call.state", "b");
        service->bus.deliver(service->bus.context, session->user, session->dev, 0, frame,
                             OUT_STATE);
        json_decref(frame);
    }
}

void calls_device_offline(struct service *service, int64_t user, int32_t dev, bool goodbye)
{
    (void)service, (void)goodbye;
    told.offline++;
    note(user, dev);
}

void calls_device_gone(struct service *service, int64_t user, int32_t dev)
{
    (void)service;
    told.gone++;
    note(user, dev);
}

void calls_blocked(struct service *service, int64_t blocker, int64_t blocked)
{
    (void)service;
    told.blocked++;
    told.last_user = blocker;
    told.last_other = blocked;
}

void calls_settings_changed(struct service *service, int64_t user)
{
    (void)service;
    told.settings++;
    told.last_user = user;
}

json_t *calls_snapshot(struct service *service, struct session *session)
{
    (void)service;
    (void)session;
    char body[6001];
    json_t *calls = json_array();
    memset(body, 'x', 6000);
    body[6000] = '\0';
    for (unsigned i = 0; i < told.snapshot_calls; i++)
        json_array_append_new(calls, json_pack("{s:i,s:s}", "number", (int)i, "body", body));
    return calls;
}

struct calls *calls_create(struct service *service)
{
    (void)service;
    told.created++;
    return calloc(1, sizeof(struct calls));
}

void calls_destroy(struct calls *calls)
{
    free(calls);
}

void calls_step(struct service *service)
{
    (void)service;
}

bool calls_step_undo(struct service *service)
{
    (void)service;
    return true;
}

void calls_look(struct service *service, int64_t user)
{
    (void)service;
    told.looked++;
    told.last_user = user;
}

void calls_tick(struct service *service)
{
    (void)service;
    told.ticks++;
}

int64_t calls_deadline(const struct service *service)
{
    (void)service;
    return INT64_MAX;
}

void calls_metrics(const struct service *service, char **text, size_t *size)
{
    (void)service;
    text_append(text, size, "fake_calls 1\n");
}

/* Pushes, and answers 200 ms later. */
static void invite(struct request *request)
{
    struct push_order order = {.kind = "fake", .ring_left_ms = 60000};
    told.pushes++;
    request->service->world.push(request->service->world.context, &order);
    request_delay(request, request->service->now + 200);
    request_ok(request, json_pack("{s:s}", "st", "ringing"));
}

static void silence(struct request *request)
{
    (void)request; /* a handler's mistake */
}

static void fail(struct request *request)
{
    request_error(request, "internal", NULL);
}

const struct handler_row call_handlers[] = {
    {.type = "call.invite", .handle = invite, .needs_call = true},
    {.type = "call.silence", .handle = silence},
    {.type = "call.fail", .handle = fail},
    {.type = NULL},
};
