/* exchange.h - what goes between the net thread and the service thread: inputs one way, outputs the other,
 * both bounded. The net thread never waits: beyond the mark it stops reading sockets. The service thread
 * waits where the net thread is behind.
 *
 * Inputs that were dealt with go back to the net thread together with what they led to: one wake-up a batch.
 * It thereby knows how many frames of each socket are still under way, and how long each took.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_EXCHANGE_H
#define XCALLD_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

enum {
    INPUT_OPENED,
    INPUT_FRAME,
    INPUT_CLOSED,
    INPUT_HASHED,
    INPUT_METRICS,
    INPUT_DRAIN,
    INPUT_STOP
};
struct input {
    struct input *next;
    uint64_t number; /* connection, hash job, metrics request */
    int64_t at_us;   /* FRAME: when it was read */
    size_t size;
    int kind;
    bool fits;    /* HASHED */
    bool goodbye; /* CLOSED: the device said that it leaves */
    char text[];  /* a frame; an address; a hash; with a NUL behind it */
};

enum { OUTPUT_SEND, OUTPUT_CLOSE, OUTPUT_METRICS, OUTPUT_STOPPED };
struct output {
    struct output *next;
    uint64_t number;
    uint32_t size, flags; /* OUT_* */
    int kind, code;
    uint8_t call[CALL_ID_SIZE];
    unsigned char bytes[]; /* OUTPUT_HEAD bytes that libwebsockets may write, then the text */
};
#define OUTPUT_HEAD 16 /* LWS_PRE */

struct output_list {
    struct output *first, *last;
    uint32_t count;
};

struct exchange_limits {
    uint32_t inputs, outputs;
    size_t input_bytes;
};
struct exchange_figures {
    uint64_t inputs, outputs;
    uint32_t inputs_waiting, outputs_waiting;
};

struct exchange;
/* wake_net: makes the net thread call exchange_take_outputs; from any thread. */
struct exchange *exchange_create(const struct exchange_limits *limits,
                                 void (*wake_net)(void *context), void *context);
void exchange_destroy(struct exchange *exchange);
struct input *input_make(int kind, uint64_t number, const void *text,
                         size_t size); /* NULL: no memory */
struct output *output_make(int kind, uint64_t number, const void *text, size_t size);
void output_add(struct output_list *list, struct output *output); /* NULL: nothing */

/* Net thread and workers. False: the input was taken, but no more should be read from where it came. */
bool exchange_put_input(struct exchange *exchange, struct input *input);
/* Net thread: all outputs and all inputs that are done with; lists to be freed. */
void exchange_take_outputs(struct exchange *exchange, struct output **outputs, struct input **done);

/* Service thread. Waits for an input, until `wait_ms` have passed. */
struct input *exchange_take_inputs(struct exchange *exchange, int64_t wait_ms);
/* What a batch led to, which is the exchange's then, and its inputs. Waits while the net thread has more
 * outputs than the limit before it. */
void exchange_finish(struct exchange *exchange, struct output_list *outputs, struct input *inputs);
/* The net thread has ended: outputs are dropped from now on. */
void exchange_net_gone(struct exchange *exchange);
void exchange_figures(struct exchange *exchange, struct exchange_figures *figures);

#endif
