/* data.h - the data channels of a run: known by their labels, messages as JSON lines.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PEER_DATA_H
#define PEER_DATA_H

#include <jansson.h>
#include <stdbool.h>
#include <xcall/xcall.h>

#define DATA_CHANNELS 64
#define DATA_LABEL "data" /* of the channel that --offer opens by itself */

/* A message that found no room in the library: it waits for its channel's turn. */
struct data_waiting {
    struct data_waiting *next;
    uint32_t kind; /* XCALL_MESSAGE_* */
    size_t size;
    uint8_t bytes[];
};

struct data_channel {
    xcall_id id; /* 0: the entry is free */
    char *label; /* owned */
    bool open, closing;
    struct data_waiting *first, *last; /* owned */
};

struct data {
    xcall_engine *engine;
    xcall_id call;
    struct data_channel channels[DATA_CHANNELS];
    uint64_t messages_sent, messages_received, bytes_sent, bytes_received;
};

/* Opens a channel as the members of `object` say: label, protocol, unordered, max_retransmits,
 * max_packet_life_time_ms, negotiated, id, priority. A result of the library's. */
int32_t data_open(struct data *data, const json_t *object);
int32_t data_close_channel(struct data *data, const char *label);
/* A "data" line: sends its "text" or "base64" on the newest channel of that label, which is opened
 * when there is none. -1 and a sentence: the line is wrong. */
int data_take(struct data *data, const json_t *object, char *error, size_t error_size);
/* XCALL_EVENT_CHANNEL, _MESSAGE, _BUFFERED_LOW: told as lines on stdout. */
void data_event(struct data *data, const xcall_event *event);
void data_free(struct data *data);

#endif
