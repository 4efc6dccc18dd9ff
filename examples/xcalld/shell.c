/* shell.c - the loop around service.h.
 * SPDX-License-Identifier: MIT */
#include "shell.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "service.h"

#define WAIT_MAX_MS 250   /* so that what the admin command changed is seen soon */
#define ROUND_MAX_MS 5000 /* a thread that has not come round for so long is stuck */
#define BATCH_MAX 1024    /* inputs a transaction */
#define GATHER_US 2000    /* from one transaction's begin to the next one's, see gather */

struct shell {
    struct shell_parts parts;
    struct service *service;
    struct service_clock clock;
    struct output_list outputs; /* of the batch */
    pthread_t thread;
    int64_t begun_us; /* the last batch */
    atomic_bool ready;
    atomic_llong round_ms;
    bool stop;
};

/* --- what the core asks for ---------------------------------------------------------------------- */

static void on_send(void *context, uint64_t connection, const char *text, size_t size,
                    unsigned flags, const uint8_t call[CALL_ID_SIZE])
{
    struct shell *shell = context;
    struct output *output = output_make(OUTPUT_SEND, connection, text, size);
    if (!output) {
        log_facts('e', "no_memory", "{s:s}", "for", "a frame");
        return;
    }
    output->flags = flags;
    if (call)
        memcpy(output->call, call, CALL_ID_SIZE);
    output_add(&shell->outputs, output);
}

static void on_close(void *context, uint64_t connection, int code)
{
    struct shell *shell = context;
    struct output *output = output_make(OUTPUT_CLOSE, connection, NULL, 0);
    if (output)
        output->code = code;
    output_add(&shell->outputs, output);
}

static void on_hash(void *context, uint64_t job, const char *password, const char *hash)
{
    struct shell *shell = context;
    hasher_put(shell->parts.hasher, job, password, hash);
}

static void on_push(void *context, const struct push_order *order)
{
    struct shell *shell = context;
    pusher_put(shell->parts.pusher, order);
}

static void on_random(void *context, void *memory, size_t size)
{
    (void)context;
    randombytes_buf(memory, size);
}

static void on_log(void *context, char level, const char *event, json_t *facts)
{
    (void)context;
    log_event(level, event, facts);
}

/* --- the loop ------------------------------------------------------------------------------------ */

static void answer_metrics(struct shell *shell, uint64_t number)
{
    char *text = service_metrics(shell->service);
    output_add(&shell->outputs,
               output_make(OUTPUT_METRICS, number, text ? text : "", text ? strlen(text) : 0));
    free(text);
}

static void take(struct shell *shell, struct input *input)
{
    switch (input->kind) {
    case INPUT_OPENED:
        service_opened(shell->service, input->number, (const uint8_t *)input->text);
        break;
    case INPUT_FRAME:
        service_frame(shell->service, input->number, input->text, input->size);
        break;
    case INPUT_CLOSED:
        service_closed(shell->service, input->number, input->goodbye);
        break;
    case INPUT_HASHED:
        service_hashed(shell->service, input->number, input->fits ? input->text : NULL);
        break;
    case INPUT_DRAIN:
        service_drain(shell->service, (int64_t)input->number);
        break;
    case INPUT_METRICS:
        answer_metrics(shell, input->number);
        break;
    default:
        shell->stop = true;
    }
}

static int64_t wait_ms(struct shell *shell)
{
    int64_t deadline = service_deadline(shell->service), now = clock_now(&shell->clock);
    if (deadline <= now)
        return 0;
    return deadline - now < WAIT_MAX_MS ? deadline - now : WAIT_MAX_MS;
}

/* A transaction writes each page that it touched into the log, and those of one frame are mostly those of the
 * next: at 1,000 attempts a second a transaction a frame was 3,400 a second and 80 MB of log. What comes in
 * within 2 ms of the last one's begin shares one; who comes alone does not wait. */
static void gather(const struct shell *shell)
{
    int64_t left = shell->begun_us + GATHER_US - clock_monotonic_us();
    struct timespec nap = {.tv_nsec = left * 1000};
    if (left > 0 && left <= GATHER_US)
        nanosleep(&nap, NULL);
}

/* One transaction; what did not fit into it is handed back. */
static struct input *batch(struct shell *shell, struct input *inputs)
{
    struct input *last = NULL, *input = inputs;
    shell->begun_us = clock_monotonic_us();
    service_begin(shell->service, clock_now(&shell->clock));
    for (unsigned count = 0; input && count < BATCH_MAX; count++) {
        take(shell, input);
        last = input;
        input = input->next;
    }
    service_end(shell->service);
    if (last)
        last->next = NULL;
    exchange_finish(shell->parts.exchange, &shell->outputs, last ? inputs : NULL);
    atomic_store(&shell->ready, service_ready(shell->service));
    atomic_store(&shell->round_ms, clock_monotonic_ms());
    return input;
}

static void *run(void *context)
{
    struct shell *shell = context;
    struct input *rest = NULL;
    while (!shell->stop || rest) {
        if (!rest) {
            gather(shell);
            rest = exchange_take_inputs(shell->parts.exchange, wait_ms(shell));
        }
        rest = batch(shell, rest);
    }
    atomic_store(&shell->ready, false);
    service_destroy(shell->service);
    store_close(shell->parts.store);
    output_add(&shell->outputs, output_make(OUTPUT_STOPPED, 0, NULL, 0));
    exchange_finish(shell->parts.exchange, &shell->outputs, NULL);
    return NULL;
}

struct shell *shell_start(const struct shell_parts *parts)
{
    struct shell *shell = calloc(1, sizeof *shell);
    if (!shell)
        return NULL;
    shell->parts = *parts;
    struct service_world world = {.context = shell,
                                  .send = on_send,
                                  .close = on_close,
                                  .hash = on_hash,
                                  .push = on_push,
                                  .random = on_random,
                                  .log = on_log};
    struct service_config config = {
        .turn_secret = parts->options->turn.count ? parts->options->turn_secret : NULL,
        .connections_max = (uint32_t)parts->options->connections_max,
    };
    for (unsigned i = 0; i < parts->options->turn.count; i++)
        config.turn_urls[i] = parts->options->turn.texts[i];
    shell->service = service_create(&config, parts->store, &world, clock_now(&shell->clock));
    atomic_store(&shell->round_ms, clock_monotonic_ms());
    atomic_store(&shell->ready, shell->service && service_ready(shell->service));
    if (!shell->service || pthread_create(&shell->thread, NULL, run, shell)) {
        if (shell->service)
            service_destroy(shell->service);
        free(shell);
        return NULL;
    }
    return shell;
}

void shell_join(struct shell *shell)
{
    pthread_join(shell->thread, NULL);
    free(shell);
}

bool shell_alive(const struct shell *shell)
{
    return clock_monotonic_ms() - atomic_load(&shell->round_ms) < ROUND_MAX_MS;
}

bool shell_ready(const struct shell *shell)
{
    return atomic_load(&shell->ready) && shell_alive(shell);
}
