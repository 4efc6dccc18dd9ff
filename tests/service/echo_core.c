/* echo_core.c - in the place of xcalld's core, for tests of the shell alone: what a frame says is done.
 *   {"do":"echo"}                      the frame comes back
 *   {"do":"send","n":N,"bytes":B,"flags":F,"call":C}   N frames of B bytes
 *   {"do":"close","code":C}   {"do":"push"}   {"do":"hash","password":P,"hash":H}
 *   {"do":"hold","file":F}    the service thread makes this file and stands still until it is gone
 *   {"do":"address"}          whom the shell takes the client for
 *   {"do":"frames"}           how many frames there were, with this one
 * SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin.h"
#include "service.h"
#include "session.h"

#define OPEN_MAX 16384

struct known {
    uint64_t connection;
    uint8_t address[16];
};
struct jobs {
    uint64_t job, connection;
};
static struct {
    struct service_world world;
    struct known known[OPEN_MAX];
    struct jobs jobs[64];
    uint64_t jobs_made, frames, opened, closed, goodbyes;
    bool draining;
} core;

int store_open(const char *path, struct store **store, char *error, size_t error_size)
{
    (void)path, (void)error, (void)error_size;
    *store = (struct store *)(void *)&core;
    return STORE_OK;
}

int store_checkpointed(struct store *store, const struct store_keeper *keeper)
{
    (void)store, (void)keeper;
    return STORE_OK;
}

int store_clean(struct store *store, bool *done)
{
    (void)store;
    *done = false;
    return STORE_OK;
}

const char *store_vfs(void)
{
    return NULL;
}

const char *store_error(const struct store *store)
{
    (void)store;
    return "";
}

void store_close(struct store *store)
{
    (void)store;
}

int admin_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    return 1;
}

void call_id_text(const uint8_t call[CALL_ID_SIZE], char text[37])
{
    static const int dash[16] = {[4] = 1, [6] = 1, [8] = 1, [10] = 1};
    for (int i = 0; i < 16; i++)
        text += sprintf(text, "%s%02x", dash[i] ? "-" : "", call[i]);
}

struct service *service_create(const struct service_config *config, struct store *store,
                               const struct service_world *world, int64_t now)
{
    (void)config, (void)store, (void)now;
    core.world = *world;
    return (struct service *)(void *)&core;
}

void service_destroy(struct service *service)
{
    (void)service;
}

void service_begin(struct service *service, int64_t now)
{
    (void)service, (void)now;
}

void service_end(struct service *service)
{
    (void)service;
}

void service_opened(struct service *service, uint64_t connection, const uint8_t address[16])
{
    (void)service;
    core.opened++;
    struct known *known = &core.known[connection % OPEN_MAX];
    known->connection = connection;
    memcpy(known->address, address, 16);
}

void service_closed(struct service *service, uint64_t connection, bool goodbye)
{
    (void)service, (void)connection;
    core.goodbyes += goodbye;
    core.closed++;
}

static void reply(uint64_t connection, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    core.world.send(core.world.context, connection, text, strlen(text), 0, NULL);
    free(text);
    json_decref(object);
}

static void send_many(uint64_t connection, json_t *frame)
{
    size_t bytes = (size_t)json_integer_value(json_object_get(frame, "bytes"));
    uint8_t call[CALL_ID_SIZE] = {(uint8_t)json_integer_value(json_object_get(frame, "call"))};
    unsigned flags = (unsigned)json_integer_value(json_object_get(frame, "flags"));
    char *text = malloc(bytes + 32);
    for (json_int_t i = 0; i < json_integer_value(json_object_get(frame, "n")); i++) {
        memset(text, ' ', bytes + 32);
        int used = snprintf(text, 32, "{\"i\":%d}", (int)i);
        text[used] = ' ';
        core.world.send(core.world.context, connection, text,
                        bytes > (size_t)used ? bytes : (size_t)used, flags, call);
    }
    free(text);
}

static void hash(uint64_t connection, json_t *frame)
{
    struct jobs *job = &core.jobs[++core.jobs_made % 64];
    job->job = core.jobs_made;
    job->connection = connection;
    core.world.hash(core.world.context, job->job,
                    json_string_value(json_object_get(frame, "password")),
                    json_string_value(json_object_get(frame, "hash")));
}

/* As long as somebody wants, not as long as a clock says: the test may be slow. */
static void hold(const char *path)
{
    const struct timespec look = {.tv_nsec = 5000000};
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file)
        return;
    fclose(file);
    while (access(path, F_OK) == 0)
        nanosleep(&look, NULL);
}

static void obey(uint64_t connection, json_t *frame, const char *what)
{
    char text[64] = "";
    if (strcmp(what, "send") == 0)
        send_many(connection, frame);
    else if (strcmp(what, "close") == 0)
        core.world.close(core.world.context, connection,
                         (int)json_integer_value(json_object_get(frame, "code")));
    else if (strcmp(what, "hash") == 0)
        hash(connection, frame);
    else if (strcmp(what, "push") == 0) {
        struct push_order order = {
            .kind = "fcm", .token = "device-token", .call = {1, 2, 3}, .ring_left_ms = 45000};
        core.world.push(core.world.context, &order);
    } else if (strcmp(what, "hold") == 0) {
        hold(json_string_value(json_object_get(frame, "file")));
    } else if (strcmp(what, "address") == 0) {
        inet_ntop(AF_INET6, core.known[connection % OPEN_MAX].address, text, sizeof text);
        reply(connection, json_pack("{s:s}", "address", text));
    } else if (strcmp(what, "frames") == 0) {
        reply(connection, json_pack("{s:I}", "frames", (json_int_t)core.frames));
    } else if (strcmp(what, "log") == 0) {
        json_t *facts = json_pack("{s:i}", "n", 1);
        for (json_int_t i = 0; i < json_integer_value(json_object_get(frame, "n")); i++)
            core.world.log(core.world.context, 'i', "flood", facts);
        json_decref(facts);
    } else
        core.world.send(core.world.context, connection, what, strlen(what), 0, NULL);
}

void service_frame(struct service *service, uint64_t connection, const char *text, size_t size)
{
    (void)service;
    json_t *frame = json_loadb(text, size, 0, NULL);
    const char *what = json_string_value(json_object_get(frame, "do"));
    core.frames++;
    if (!what || strcmp(what, "echo") == 0)
        core.world.send(core.world.context, connection, text, size, 0, NULL);
    else
        obey(connection, frame, what);
    json_decref(frame);
}

void service_hashed(struct service *service, uint64_t job, const char *result)
{
    (void)service;
    reply(core.jobs[job % 64].connection,
          result ? json_pack("{s:s}", "hashed", result) : json_pack("{s:n}", "hashed"));
}

int64_t service_deadline(const struct service *service)
{
    (void)service;
    return INT64_MAX;
}

void service_drain(struct service *service, int64_t reconnect_in_ms)
{
    (void)service;
    core.draining = true;
    for (int i = 0; i < OPEN_MAX; i++)
        if (core.known[i].connection)
            reply(core.known[i].connection,
                  json_pack("{s:s, s:{s:I}}", "t", "goaway", "b", "reconnect_in_ms",
                            (json_int_t)reconnect_in_ms));
}

bool service_ready(const struct service *service)
{
    (void)service;
    return !core.draining;
}

char *service_metrics(const struct service *service)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {{"frames", core.frames}, {"closed", core.closed}, {"goodbyes", core.goodbyes}};
    char *text = malloc(512);
    int size = 0;
    (void)service;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        size +=
            snprintf(text + size, 512 - (size_t)size,
                     "# HELP echo_%s_total how many\n# TYPE echo_%s_total counter\n"
                     "echo_%s_total %llu\n",
                     rows[i].name, rows[i].name, rows[i].name, (unsigned long long)rows[i].value);
    return text;
}
