/* sctp.h - one SCTP association over a channel of datagrams (RFC 9260 in DTLS, RFC 8261), with partial
 * reliability (RFC 3758) and stream reset (RFC 6525). The only file that knows usrsctp.
 *
 * Owner: one thread of the process, the data thread, which makes every call in here: usrsctp's clock,
 * timers and output callback belong to the process. It reads gettimeofday and /dev/urandom itself, and
 * takes its memory from the heap; where that fails in its midst it may crash (its authors' choice).
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_SCTP_H
#define XC_PROTO_SCTP_H

#include "base/bytes.h"

#define XC_SCTP_STREAMS 1024           /* each way: what Chromium has too */
#define XC_SCTP_WINDOW (1024u * 1024u) /* bytes that may wait in an association, each way */
#define XC_SCTP_TICK_MS 10             /* how often xc_sctp_library_tick wants to be called */
#define XC_SCTP_RESETS_MAX 256         /* streams in one request */

struct xc_sctp_config {
    uint16_t local_port, remote_port;
    uint16_t packet_max; /* bytes of one packet */
    void *context;
    /* Both are called from within functions of this header, which they must not call. */
    void (*output)(void *context, struct xc_span packet);
    void (*ready)(void *context); /* something to receive, or room to send: look soon */
};

enum { /* xc_sctp_event.type */
       XC_SCTP_NOTHING = 0,
       XC_SCTP_UP,           /* streams_out, streams_in */
       XC_SCTP_MESSAGE,      /* stream, ppid, bytes */
       XC_SCTP_RESET_IN,     /* the peer has reset these streams to us */
       XC_SCTP_RESET_OUT,    /* the peer has taken the reset of these streams to it */
       XC_SCTP_RESET_FAILED, /* it has not */
       XC_SCTP_DOWN,         /* the association is over */
};

struct xc_sctp_event {
    uint32_t type;
    uint16_t stream;
    uint16_t streams_out, streams_in;
    uint32_t ppid;
    struct xc_span bytes;    /* in the caller's memory */
    const uint16_t *streams; /* of a reset, in the caller's memory */
    uint32_t stream_count;   /* 0: all streams */
};

struct xc_sctp_message {
    uint16_t stream;
    bool unordered;
    uint8_t reliability; /* XC_RELIABLE* of wire/dcep.h */
    uint32_t parameter;
    uint32_t ppid;
    struct xc_span bytes; /* at least one */
};

enum { XC_SCTP_OK = 0, XC_SCTP_AGAIN = 1, XC_SCTP_FAILED = 2 };

/* Once a process, before anything else, on the data thread or before it starts. False when somebody
 * else in the process has initialised usrsctp already: two owners cannot share it. */
bool xc_sctp_library_init(void);
/* Runs the timers of all associations; elapsed since the last call. */
void xc_sctp_library_tick(uint32_t elapsed_ms);

struct xc_sctp;

/* Begins to connect, as the peer does too (RFC 8831 section 6.2). NULL: no memory. */
struct xc_sctp *xc_sctp_create(const struct xc_sctp_config *config);
void xc_sctp_destroy(struct xc_sctp *sctp); /* aborts; NULL is fine */
/* A packet of the peer's; overwritten. Dropped when its checksum is wrong. */
void xc_sctp_input(struct xc_sctp *sctp, uint8_t *packet, size_t size);
/* The next event; false when there is none. memory takes a message of capacity - 1 bytes at the most:
 * a longer one ends the association (RFC 8841 section 6.1: the peer was told). */
bool xc_sctp_receive(struct xc_sctp *sctp, struct xc_sctp_event *event, uint8_t *memory,
                     size_t capacity);
/* All or nothing. AGAIN: no room now. FAILED: never, for this stream. */
int xc_sctp_send(struct xc_sctp *sctp, const struct xc_sctp_message *message);
/* Resets our side of up to XC_SCTP_RESETS_MAX streams, behind what they still have to send. AGAIN: an
 * earlier request waits for its answer. */
int xc_sctp_reset(struct xc_sctp *sctp, const uint16_t *streams, uint32_t count);
/* Packets with a wrong checksum or too short. */
uint64_t xc_sctp_packets_rejected(const struct xc_sctp *sctp);

#endif
