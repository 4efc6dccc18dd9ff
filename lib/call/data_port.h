/* data_port.h - what joins a session to the data thread: two byte rings of SCTP packets, and what the
 * session has to say of the transport, published once. Neither side ever waits: a full ring drops the
 * packet, which SCTP takes for the network's loss.
 *
 *   shard:        DTLS record in  -> xc_data_port_input  -> |to_data|   -> data thread
 *   data thread:  SCTP packet out -> xc_data_port_send   -> |from_data| -> shard: xc_data_port_output
 *
 * SCTP over DTLS: RFC 8261; no SCTP object may exist before xc_data_port_open, which the session calls
 * when the peer's fingerprint was verified and a section m=application was agreed on.
 * SPDX-License-Identifier: MIT */
#ifndef XC_CALL_DATA_PORT_H
#define XC_CALL_DATA_PORT_H

#include "base/bytes.h"
#include "base/ring.h"
#include "proto/dtls.h"

/* The largest SCTP packet: one DTLS record, in whole words (RFC 9260 section 3.2 pads chunks). */
#define XC_DATA_PACKET_MAX (XC_DTLS_RECORD_MAX & ~3)
#define XC_DATA_RECEIVE_MAX 1500 /* ... of a peer's, which may think more of the path */
/* A window of SCTP (XC_SCTP_WINDOW) in packets, so that what may be under way always fits. */
#define XC_DATA_PORT_BYTES (2u * 1024u * 1024u)
#define XC_DATA_BURST_MAX 64 /* packets that a session sends a turn, between media */

enum { XC_DATA_CLOSED = 0, XC_DATA_OPEN = 1, XC_DATA_ENDED = 2 }; /* only ever grows */

struct xc_data_transport {
    bool dtls_client;          /* of this side: even stream ids (RFC 8832 section 6) */
    uint16_t local_port;       /* SCTP ports, a=sctp-port (RFC 8841) */
    uint16_t remote_port;      /* ... of the peer */
    uint32_t max_message_size; /* what the peer takes; 0: no limit (RFC 8841 section 6.1) */
};

struct xc_data_port {
    struct xc_byte_ring to_data;        /* producer shard, consumer data thread */
    struct xc_byte_ring from_data;      /* producer data thread, consumer shard */
    struct xc_data_transport transport; /* written before OPEN is published */
    _Atomic uint32_t state;   /* XC_DATA_*: stored by the shard, read by the data thread */
    uint32_t burst;           /* shard: packets left in this turn */
    uint64_t packets_dropped; /* shard: to_data was full, or a record was too long */
    bool told;                /* shard: to_data or state changed since xc_data_port_take_work */
};

/* The port of one call from the arena, its rings untouched; NULL when measuring or out of room. */
struct xc_data_port *xc_data_port_create(struct xc_arena *arena);

/* --- shard: the session --- */
void xc_data_port_open(struct xc_data_port *port, const struct xc_data_transport *transport);
bool xc_data_port_is_open(const struct xc_data_port *port); /* false for NULL */
/* The transport is gone for good. Any number of times; NULL is fine. */
void xc_data_port_end(struct xc_data_port *port);
/* One DTLS application record. Dropped unless open. */
void xc_data_port_input(struct xc_data_port *port, struct xc_span packet);
/* A new turn of the session begins: XC_DATA_BURST_MAX packets may go. NULL is fine. */
void xc_data_port_turn(struct xc_data_port *port);
/* The next packet for xc_dtls_send: its size, 0 when there is none or the turn's burst is over. */
size_t xc_data_port_output(struct xc_data_port *port, uint8_t packet[XC_DTLS_RECORD_MAX]);
/* Are packets left, so that the session wants another turn at once? NULL is fine. */
bool xc_data_port_pending(const struct xc_data_port *port);
/* Must the data thread be woken for this call? Once a change. NULL is fine. */
bool xc_data_port_take_work(struct xc_data_port *port);

/* --- data thread --- */
uint32_t xc_data_port_state(const struct xc_data_port *port);
/* The next packet of the peer: its size, or 0. */
size_t xc_data_port_receive(struct xc_data_port *port, uint8_t packet[XC_DATA_RECEIVE_MAX]);
/* False when there is no room (lost) or it is no packet that DTLS could carry. */
bool xc_data_port_send(struct xc_data_port *port, struct xc_span packet);

#endif
