/* channels_state.h - the inside of struct xc_channels, shared by channels.c (the host's side, and what
 * SCTP says) and channels_send.c (what waits to be sent, in which order). See channels.h.
 * SPDX-License-Identifier: MIT */
#ifndef XC_CALL_CHANNELS_STATE_H
#define XC_CALL_CHANNELS_STATE_H

#include <xcall/base.h>

#include "call/channels.h"

#define XC_CHANNEL_NO_BLOCK UINT32_MAX
#define XC_CHANNEL_BLOCK_SIZE 1024
#define XC_CHANNEL_BLOCK_BYTES (XC_CHANNEL_BLOCK_SIZE - 16)

struct xc_channel_block {  /* a piece of a message; the first four words count in its first one */
    uint32_t next;         /* of the message, or of the free ones */
    uint32_t next_message; /* of the channel */
    uint32_t size;         /* of the message */
    uint32_t ppid;
    uint8_t bytes[XC_CHANNEL_BLOCK_BYTES];
};

struct xc_channel {
    uint64_t serial;
    uint32_t state; /* XC_CHANNEL_* */
    uint16_t stream, priority;
    bool unordered, negotiated, remote;
    uint8_t reliability;
    bool acked;           /* unordered messages may overtake our OPEN (RFC 8832 section 6) */
    bool ack_due;         /* the peer's OPEN is to be answered */
    bool closed_here;     /* by the host: what still comes in is ignored */
    bool reset_requested; /* SCTP was asked to reset our side */
    bool reset_in, reset_out;
    bool open_due, closed_due, low_due; /* records to be written */
    bool starved;                       /* a send was answered with AGAIN */
    bool active;                        /* in the list of those with something to send */
    uint32_t parameter;
    uint32_t first, last; /* messages, by their first blocks */
    uint32_t credit;      /* bytes that it may send in this round */
    uint64_t buffered, low_threshold;
    uint64_t messages_sent, bytes_sent, messages_received, bytes_received;
};

struct xc_channels {
    struct xc_channels_config config;
    bool up, ended, dtls_client;
    uint16_t streams;     /* that both sides have */
    uint32_t message_max; /* of what we send */
    bool events_due;      /* some channel has a record to be written */
    bool acks_due;
    bool starving;
    uint32_t resets_sent; /* streams in the request that waits for its answer */
    struct xc_channels_counters count;
    struct xc_byte_ring records;
    struct xc_channel *channels; /* channels_max */
    uint16_t *active;            /* a ring of slots with something to send */
    uint32_t active_first, active_count;
    struct xc_channel_block *blocks;
    uint32_t block_count, blocks_used_ever, block_free, blocks_left;
    uint16_t slot_of[XC_CHANNEL_STREAMS];        /* slot + 1; 0: none */
    uint8_t reset_due[XC_CHANNEL_STREAMS / 8];   /* bits: our side is to be reset */
    uint8_t reset_sent[XC_CHANNEL_STREAMS / 8];  /* ... SCTP was asked to */
    uint8_t stream_lost[XC_CHANNEL_STREAMS / 8]; /* could not be reset: never used again */
};

static inline bool xc_stream_bit(const uint8_t *bits, uint16_t stream)
{
    return (bits[stream / 8] >> stream % 8 & 1) != 0;
}

static inline void xc_stream_mark(uint8_t *bits, uint16_t stream, bool on)
{
    uint8_t bit = (uint8_t)(1u << stream % 8);
    bits[stream / 8] = (uint8_t)(on ? bits[stream / 8] | bit : bits[stream / 8] & ~bit);
}

static inline uint32_t xc_channel_slot(const struct xc_channels *c,
                                       const struct xc_channel *channel)
{
    return (uint32_t)(channel - c->channels);
}

/* channels_send.c */
void xc_channels_init_blocks(struct xc_channels *c);
/* False when there is no room. */
bool xc_channels_queue(struct xc_channels *c, struct xc_channel *channel, uint32_t ppid,
                       struct xc_span first, struct xc_span second, struct xc_span third);
void xc_channels_drop_queue(struct xc_channels *c, struct xc_channel *channel);

/* channels.c */
/* Ends it from our side: what waits is dropped, and our stream reset. */
void xc_channels_abandon(struct xc_channels *c, struct xc_channel *channel);
/* The channel's queue became empty, or it began to close. */
void xc_channels_drained(struct xc_channels *c, struct xc_channel *channel);

#endif
