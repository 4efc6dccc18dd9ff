/* exchange.c - three lists and a lock.
 * SPDX-License-Identifier: MIT */
#include "exchange.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct exchange {
    struct exchange_limits limits;
    void (*wake_net)(void *context);
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t inputs_there, outputs_gone;
    struct input *first_input, *last_input, *done;
    struct output *first_output, *last_output;
    size_t input_bytes;
    struct exchange_figures figures;
    bool net_gone, net_woken;
};

struct exchange *exchange_create(const struct exchange_limits *limits,
                                 void (*wake_net)(void *context), void *context)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return NULL;
    exchange->limits = *limits;
    exchange->wake_net = wake_net;
    exchange->context = context;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&exchange->lock, NULL);
    pthread_cond_init(&exchange->inputs_there, &attributes);
    pthread_cond_init(&exchange->outputs_gone, &attributes);
    pthread_condattr_destroy(&attributes);
    return exchange;
}

static void free_inputs(struct input *inputs)
{
    while (inputs) {
        struct input *input = inputs;
        inputs = input->next;
        free(input);
    }
}

static void free_outputs(struct output *outputs)
{
    while (outputs) {
        struct output *output = outputs;
        outputs = output->next;
        free(output);
    }
}

void exchange_destroy(struct exchange *exchange)
{
    if (!exchange)
        return;
    free_inputs(exchange->first_input);
    free_inputs(exchange->done);
    free_outputs(exchange->first_output);
    pthread_cond_destroy(&exchange->inputs_there);
    pthread_cond_destroy(&exchange->outputs_gone);
    pthread_mutex_destroy(&exchange->lock);
    free(exchange);
}

struct input *input_make(int kind, uint64_t number, const void *text, size_t size)
{
    struct input *input = malloc(sizeof *input + size + 1);
    if (!input)
        return NULL;
    *input = (struct input){.kind = kind, .number = number, .size = size};
    if (size)
        memcpy(input->text, text, size);
    input->text[size] = '\0';
    return input;
}

struct output *output_make(int kind, uint64_t number, const void *text, size_t size)
{
    struct output *output = malloc(sizeof *output + OUTPUT_HEAD + size);
    if (!output)
        return NULL;
    *output = (struct output){.kind = kind, .number = number, .size = (uint32_t)size};
    if (size)
        memcpy(output->bytes + OUTPUT_HEAD, text, size);
    return output;
}

void output_add(struct output_list *list, struct output *output)
{
    if (!output)
        return;
    output->next = NULL;
    if (list->first)
        list->last->next = output;
    else
        list->first = output;
    list->last = output;
    list->count++;
}

bool exchange_put_input(struct exchange *exchange, struct input *input)
{
    pthread_mutex_lock(&exchange->lock);
    if (exchange->first_input)
        exchange->last_input->next = input;
    else
        exchange->first_input = input;
    exchange->last_input = input;
    exchange->figures.inputs++;
    exchange->figures.inputs_waiting++;
    exchange->input_bytes += input->size;
    bool room = exchange->figures.inputs_waiting < exchange->limits.inputs &&
                exchange->input_bytes < exchange->limits.input_bytes;
    pthread_cond_signal(&exchange->inputs_there);
    pthread_mutex_unlock(&exchange->lock);
    return room;
}

void exchange_take_outputs(struct exchange *exchange, struct output **outputs, struct input **done)
{
    pthread_mutex_lock(&exchange->lock);
    *outputs = exchange->first_output;
    *done = exchange->done;
    exchange->first_output = exchange->last_output = NULL;
    exchange->done = NULL;
    exchange->figures.outputs_waiting = 0;
    exchange->net_woken = false;
    pthread_cond_signal(&exchange->outputs_gone);
    pthread_mutex_unlock(&exchange->lock);
}

struct input *exchange_take_inputs(struct exchange *exchange, int64_t wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&exchange->lock);
    while (!exchange->first_input && wait_ms > 0)
        if (pthread_cond_timedwait(&exchange->inputs_there, &exchange->lock, &until))
            break;
    struct input *inputs = exchange->first_input;
    exchange->first_input = exchange->last_input = NULL;
    exchange->figures.inputs_waiting = 0;
    exchange->input_bytes = 0;
    pthread_mutex_unlock(&exchange->lock);
    return inputs;
}

static struct input *wipe(struct input *inputs)
{
    struct input *last = NULL;
    for (struct input *input = inputs; input; input = input->next) {
        last = input;
        if (input->size)
            sodium_memzero(input->text, input->size); /* passwords, tokens, messages */
    }
    return last;
}

/* Under the lock. */
static void append(struct exchange *exchange, const struct output_list *outputs)
{
    if (exchange->first_output)
        exchange->last_output->next = outputs->first;
    else
        exchange->first_output = outputs->first;
    exchange->last_output = outputs->last;
    exchange->figures.outputs += outputs->count;
    exchange->figures.outputs_waiting += outputs->count;
}

void exchange_finish(struct exchange *exchange, struct output_list *outputs, struct input *inputs)
{
    struct input *last = wipe(inputs);
    if (!last && !outputs->first)
        return;
    pthread_mutex_lock(&exchange->lock);
    while (outputs->first && exchange->figures.outputs_waiting >= exchange->limits.outputs &&
           !exchange->net_gone)
        pthread_cond_wait(&exchange->outputs_gone, &exchange->lock);
    bool gone = exchange->net_gone;
    if (outputs->first && !gone)
        append(exchange, outputs);
    if (last) {
        last->next = exchange->done;
        exchange->done = inputs;
    }
    bool wake = !exchange->net_woken && !gone;
    exchange->net_woken = true;
    pthread_mutex_unlock(&exchange->lock);
    if (gone)
        free_outputs(outputs->first);
    *outputs = (struct output_list){0};
    if (wake)
        exchange->wake_net(exchange->context);
}

void exchange_net_gone(struct exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    exchange->net_gone = true;
    pthread_cond_broadcast(&exchange->outputs_gone);
    pthread_mutex_unlock(&exchange->lock);
}

void exchange_figures(struct exchange *exchange, struct exchange_figures *figures)
{
    pthread_mutex_lock(&exchange->lock);
    *figures = exchange->figures;
    pthread_mutex_unlock(&exchange->lock);
}
