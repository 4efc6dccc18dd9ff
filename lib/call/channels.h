/* channels.h - the data channels of one call: a machine on messages and stream resets (RFC 8831, DCEP
 * of RFC 8832), and the bytes that wait in either direction. Sans-I/O: the data thread feeds it what
 * SCTP says and does what it asks for; host threads open, send and close.
 *
 * Every function but those of the reader is called under the lock of the call's data, which its owner
 * (lib/engine/data.c) holds. The reader is the one consumer of the engine's events, without a lock.
 *
 *   host:         xc_channels_open / send / close          data thread: xc_channels_up / received / ...
 *   data thread:  xc_channels_next -> message or resets, then xc_channels_done with SCTP's answer
 *   data thread:  xc_channels_flush -> |records| -> reader: events of the host
 * SPDX-License-Identifier: MIT */
#ifndef XC_CALL_CHANNELS_H
#define XC_CALL_CHANNELS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/ring.h"
#include "wire/dcep.h"

#define XC_CHANNELS_MAX 1024
#define XC_CHANNEL_STREAMS 1024        /* stream ids 0 to 1023, as Chromium has them */
#define XC_CHANNEL_MESSAGE_MAX 262144u /* bytes, each way */
#define XC_CHANNEL_MESSAGE_DEFAULT                                                                 \
    65536u                        /* RFC 8841 section 6.1: of a peer that is not known yet */
#define XC_CHANNEL_RESETS_MAX 256 /* streams in one request */
#define XC_CHANNEL_NO_STREAM UINT16_MAX

enum { /* of a channel; the public numbers, XCALL_CHANNEL_* */
       XC_CHANNEL_FREE = 0,
       XC_CHANNEL_CONNECTING = 1,
       XC_CHANNEL_OPEN = 2,
       XC_CHANNEL_CLOSING = 3,
       XC_CHANNEL_CLOSED = 4, /* its event waits to be written */
};

struct xc_channel_options {
    struct xc_span label, protocol; /* borrowed */
    bool unordered, negotiated;
    uint8_t reliability; /* XC_RELIABLE* */
    uint32_t parameter;
    uint16_t priority;
    uint16_t stream; /* negotiated only */
    uint64_t low_threshold;
};

struct xc_channel_info {
    uint32_t state;
    uint16_t stream; /* XC_CHANNEL_NO_STREAM before it has one */
    bool unordered, negotiated, remote;
    uint8_t reliability;
    uint32_t parameter;
    uint16_t priority;
    uint64_t buffered, low_threshold;
    uint64_t messages_sent, bytes_sent, messages_received, bytes_received;
};

enum { /* xc_channel_record.type */
       XC_CHANNEL_RECORD_STATE =
           1, /* state; of a channel of the peer's, OPEN comes with its texts */
       XC_CHANNEL_RECORD_MESSAGE = 2,
       XC_CHANNEL_RECORD_LOW = 3,
};

struct xc_channel_record { /* followed by size bytes, a NUL, protocol_size bytes, a NUL */
    uint64_t serial, time;
    uint32_t slot, type, state, size, protocol_size;
    bool text, remote, unordered;
};

struct xc_channels_config {
    uint32_t channels_max;  /* 1 to XC_CHANNELS_MAX */
    uint32_t send_bytes;    /* that may wait to be sent; 2 * XC_CHANNEL_MESSAGE_MAX at least */
    uint32_t receive_bytes; /* that may wait for the host; likewise, a power of two */
};

struct xc_channels_counters {
    uint64_t messages_ignored;  /* for no channel, or of no known kind */
    uint64_t opens_refused;     /* wrong parity, malformed, id in use, too many */
    uint64_t messages_too_long; /* queued before the peer's limit was known */
};

struct xc_channels;

/* NULL: the arena measures, or is out of room. Its memory is not touched before it is used. */
struct xc_channels *xc_channels_create(struct xc_arena *arena,
                                       const struct xc_channels_config *config);

/* --- host --- */
/* XCALL_OK, LIMIT (channels_max, or no stream id left), INVALID (the negotiated id is in use), AGAIN (no
 * room for the label), ENDED (there will be no data any more). serial: never used before. */
int32_t xc_channels_open(struct xc_channels *channels, const struct xc_channel_options *options,
                         uint64_t serial, uint32_t *slot);
/* XCALL_OK, ENDED (no such channel), STATE (closing), LIMIT (too long for the peer), AGAIN (no room: a
 * LOW record follows when there is). */
int32_t xc_channels_send(struct xc_channels *channels, uint32_t slot, uint64_t serial, bool text,
                         struct xc_span message);
int32_t xc_channels_close(struct xc_channels *channels, uint32_t slot, uint64_t serial);
int32_t xc_channels_info(const struct xc_channels *channels, uint32_t slot, uint64_t serial,
                         struct xc_channel_info *info);
int32_t xc_channels_set_low(struct xc_channels *channels, uint32_t slot, uint64_t serial,
                            uint64_t threshold);

/* --- data thread --- */
void xc_channels_up(struct xc_channels *channels, uint64_t now, bool dtls_client, uint16_t streams,
                    uint32_t remote_message_max);
void xc_channels_down(struct xc_channels *channels, uint64_t now);
/* Is there room for whatever the peer may send next? Flush first. */
bool xc_channels_may_receive(const struct xc_channels *channels);
/* Only while xc_channels_may_receive. serial: for the channel that the message may open. */
void xc_channels_received(struct xc_channels *channels, uint64_t now, uint16_t stream,
                          uint32_t ppid, struct xc_span message, uint64_t serial);
/* streams: count of them; 0 means all. */
void xc_channels_reset_in(struct xc_channels *channels, uint64_t now, const uint16_t *streams,
                          uint32_t count);
void xc_channels_reset_out(struct xc_channels *channels, uint64_t now, const uint16_t *streams,
                           uint32_t count, bool taken);

enum { XC_CHANNELS_NOTHING = 0, XC_CHANNELS_SEND = 1, XC_CHANNELS_RESET = 2 };

struct xc_channels_out {
    uint32_t type;
    uint16_t stream; /* SEND */
    bool unordered;
    uint8_t reliability;
    uint32_t parameter, ppid;
    struct xc_span bytes;                    /* in the memory handed in */
    uint16_t streams[XC_CHANNEL_RESETS_MAX]; /* RESET */
    uint32_t stream_count;
    uint32_t slot; /* for xc_channels_done */
    uint64_t serial;
    bool ack;
};

/* What SCTP is to do next. memory: XC_CHANNEL_MESSAGE_MAX bytes at least. */
bool xc_channels_next(struct xc_channels *channels, uint64_t now, struct xc_channels_out *out,
                      uint8_t *memory);
enum { XC_CHANNELS_DONE = 0, XC_CHANNELS_AGAIN = 1, XC_CHANNELS_REFUSED = 2 }; /* as XC_SCTP_* */
/* SCTP's answer to it. AGAIN: it will be asked for again. */
void xc_channels_done(struct xc_channels *channels, uint64_t now, const struct xc_channels_out *out,
                      int result);
/* Writes the records that are due; false when some are left, for lack of room. */
bool xc_channels_flush(struct xc_channels *channels, uint64_t now);
const struct xc_channels_counters *xc_channels_counters(const struct xc_channels *channels);

/* --- reader --- */
/* The ring of records: struct xc_channel_record, then its texts. */
struct xc_byte_ring *xc_channels_records(struct xc_channels *channels);

#endif
