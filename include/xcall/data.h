/* xcall/data.h - data channels: messages beside sound and pictures, to a libxcall or a browser
 * (RFC 8831, RFC 8832; the W3C RTCDataChannel of a page).
 *
 * A call that was created with data_channels in its configuration may have channels. They are opened by
 * either side: ours by xcall_channel_create, the peer's come as XCALL_EVENT_CHANNEL with a new id. All
 * of a call's channels share data_send_bytes and data_receive_bytes:
 *
 *   send faster than the network:  what does not fit answers XCALL_E_AGAIN; XCALL_EVENT_BUFFERED_LOW
 *                                  follows when half of data_send_bytes is free again
 *   events are not taken:          when data_receive_bytes are full the peer is slowed down, nothing
 *                                  is lost and no other call or media of this one is held up
 *
 * SPDX-License-Identifier: MIT */
#ifndef XCALL_DATA_H
#define XCALL_DATA_H

#include <xcall/base.h>
#include <xcall/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Messages go by one thread of the process (started by the first call with data channels, also for an
 * engine with threads = 0), and are outside the promise that nothing locks or allocates. Each function
 * may be called from any thread, but not from a real-time one. When a call ends, its channels end with
 * it: XCALL_EVENT_ENDED is the last event, what still waited in either direction is gone, and no CLOSED
 * comes for each.
 *
 * A process can have one owner of the library usrsctp: where the host uses it itself,
 * xcall_call_create with data channels answers XCALL_E_UNSUPPORTED. In a child forked from a process
 * that used data channels it answers XCALL_E_FORKED. */

#define XCALL_CHANNEL_MESSAGE_MAX 262144 /* bytes of one message, each way */

enum {                              /* xcall_channel_config.flags */
       XCALL_CHANNEL_UNORDERED = 1, /* messages may overtake each other */
       XCALL_CHANNEL_NEGOTIATED =
           2,                    /* both sides create it with the same id; nothing is announced */
       XCALL_CHANNEL_REMOTE = 4, /* of events and xcall_channel_info only: the peer opened it */
};

enum { /* event.state of XCALL_EVENT_CHANNEL, xcall_channel_info.state */
       XCALL_CHANNEL_CONNECTING = 1,
       XCALL_CHANNEL_OPEN = 2,
       XCALL_CHANNEL_CLOSING = 3,
       XCALL_CHANNEL_CLOSED = 4,
};

enum { /* event.flags of XCALL_EVENT_MESSAGE, and the kind to send */
       XCALL_MESSAGE_TEXT = 1,
       XCALL_MESSAGE_BINARY = 2,
};

enum { /* xcall_channel_config.priority (RFC 8831 section 6.4): shares of the way out, as 1 : 2 : 4 : 8 */
       XCALL_PRIORITY_VERY_LOW = 128,
       XCALL_PRIORITY_LOW = 256,
       XCALL_PRIORITY_MEDIUM = 512,
       XCALL_PRIORITY_HIGH = 1024,
};

typedef struct xcall_channel_config {
    uint32_t size;
    uint32_t flags;          /* XCALL_CHANNEL_*; default 0: ordered, announced to the peer */
    const char *label;       /* UTF-8, up to 65535 bytes; NULL: empty */
    const char *protocol;    /* likewise */
    int32_t max_retransmits; /* 0..65535 of a lost message; default -1: until it arrives */
    int32_t max_packet_life_time_ms; /* 0..65535 in which it may be sent and sent again; default -1.
                                        Not both */
    uint32_t priority;               /* 1..65535, XCALL_PRIORITY_*; default LOW, as in browsers */
    uint32_t id;                     /* 0..1023: the stream, for NEGOTIATED; unused otherwise */
    uint64_t low_threshold; /* see xcall_channel_set_low_threshold; default UINT64_MAX: never */
} xcall_channel_config;

XCALL_API void xcall_channel_config_init(xcall_channel_config *config, uint32_t size);

/* Opens a channel; *channel may be sent on at once (it waits until the call is connected). When the peer
 * has it too, XCALL_EVENT_CHANNEL comes with state OPEN; CLOSED when it never will. Errors: INVALID
 * (configuration; or the negotiated id is in use), LIMIT (data_channels of the call), AGAIN (a label
 * for which there is no room now), STATE (the call has no data channels), UNSUPPORTED (the peer takes
 * none, or the association is over), ENDED, CLOSED, VERSION. */
XCALL_API int32_t xcall_channel_create(xcall_engine *engine, xcall_id call,
                                       const xcall_channel_config *config, xcall_id *channel,
                                       xcall_error *error);
/* Hands in one message, copied: kind XCALL_MESSAGE_*, of 0 to XCALL_CHANNEL_MESSAGE_MAX bytes (text is
 * UTF-8, which is not checked). Errors: AGAIN (no room now; BUFFERED_LOW follows), LIMIT (longer than the
 * peer takes, or than 65536 bytes before it has said so: RFC 8841), STATE (closing), ENDED (no such
 * channel, any more), INVALID, CLOSED. */
XCALL_API int32_t xcall_channel_send(xcall_engine *engine, xcall_id channel, uint32_t kind,
                                     const void *bytes, size_t size);
/* Closes it in both directions once what waits has been sent; what comes in from now on is thrown away.
 * XCALL_EVENT_CHANNEL with CLOSED follows. Any number of times. Errors: ENDED, CLOSED. */
XCALL_API int32_t xcall_channel_close(xcall_engine *engine, xcall_id channel);
/* XCALL_EVENT_BUFFERED_LOW comes whenever buffered_amount falls from above this many bytes to it or
 * below: 0 when all is handed on, UINT64_MAX never. Where a send was answered with AGAIN it comes all
 * the same. Errors: ENDED, CLOSED. */
XCALL_API int32_t xcall_channel_set_low_threshold(xcall_engine *engine, xcall_id channel,
                                                  uint64_t bytes);
/* Bytes of messages handed in that the transport (which holds up to 1 MiB itself) has not taken yet. */
XCALL_API int32_t xcall_channel_buffered_amount(xcall_engine *engine, xcall_id channel,
                                                uint64_t *bytes);

typedef struct xcall_channel_info {
    uint32_t size;
    uint32_t state; /* XCALL_CHANNEL_*: CONNECTING to CLOSED */
    uint32_t flags; /* XCALL_CHANNEL_* of the configuration, REMOTE */
    int32_t id;     /* the stream; -1 before it is known */
    int32_t max_retransmits, max_packet_life_time_ms; /* -1: none */
    uint32_t priority, reserved;
    uint64_t buffered_amount, low_threshold; /* bytes */
    uint64_t messages_sent, bytes_sent;      /* handed to the transport */
    uint64_t messages_received, bytes_received;
} xcall_channel_info;

XCALL_API void xcall_channel_info_init(xcall_channel_info *info, uint32_t size);
/* A snapshot. Errors: ENDED (also once CLOSED was raised), CLOSED, INVALID. */
XCALL_API int32_t xcall_channel_get_info(xcall_engine *engine, xcall_id channel,
                                         xcall_channel_info *info);

#ifdef __cplusplus
}
#endif

#endif
