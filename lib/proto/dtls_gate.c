/* dtls_gate.c - which DTLS records may reach the handshake (RFC 6347 sections 4.1 and 4.2).
 * Owner: the dtls object. Pure: it reads bytes and keeps a few flags.
 * SPDX-License-Identifier: MIT */
#include "proto/dtls_gate.h"

enum { HANDSHAKE_HEADER_SIZE = 12, CLIENT_HELLO = 1 };
enum { TYPE_CHANGE_CIPHER_SPEC = 20, TYPE_ALERT, TYPE_HANDSHAKE, TYPE_DATA };

void xc_dtls_gate_init(struct xc_dtls_gate *gate, bool client)
{
    memset(gate, 0, sizeof *gate);
    gate->client = client;
}

/* Handshake types that a role may receive in the clear (RFC 5246 section 7.4): no HelloRequest (0),
 * and no Finished, which is encrypted. */
static bool type_expected(bool client, uint8_t type)
{
    switch (type) {
    case 2:  /* ServerHello */
    case 3:  /* HelloVerifyRequest */
    case 4:  /* NewSessionTicket */
    case 12: /* ServerKeyExchange */
    case 13: /* CertificateRequest */
    case 14: /* ServerHelloDone */
    case 22: /* CertificateStatus */
        return client;
    case CLIENT_HELLO:
    case 15: /* CertificateVerify */
    case 16: /* ClientKeyExchange */
        return !client;
    default:
        return type == 11; /* Certificate */
    }
}

static bool hello_is_first(struct xc_dtls_gate *gate, const uint8_t *random)
{
    if (!gate->hello_seen)
        memcpy(gate->hello_random, random, XC_DTLS_HELLO_RANDOM_SIZE);
    gate->hello_seen = true;
    return memcmp(gate->hello_random, random, XC_DTLS_HELLO_RANDOM_SIZE) == 0;
}

/* A record of epoch 0 with handshake messages: each header must hold together. */
static bool admit_handshake(struct xc_dtls_gate *gate, const uint8_t *body, size_t size)
{
    for (size_t at = 0; at < size;) {
        if (size - at < HANDSHAKE_HEADER_SIZE)
            return false;
        const uint8_t *header = body + at;
        const uint8_t *part = header + HANDSHAKE_HEADER_SIZE;
        uint32_t length = xc_load24(header + 1);
        uint32_t offset = xc_load24(header + 6);
        uint32_t part_size = xc_load24(header + 9);
        at += HANDSHAKE_HEADER_SIZE;
        if (!type_expected(gate->client, header[0]) || length > XC_DTLS_CERTIFICATES_MAX ||
            part_size > size - at || offset > length || part_size > length - offset ||
            (part_size == 0 && length != 0))
            return false;
        if (header[0] == CLIENT_HELLO && offset == 0 &&
            part_size >= 2 + XC_DTLS_HELLO_RANDOM_SIZE && !hello_is_first(gate, part + 2)) {
            gate->other_hello_seen = true;
            return false;
        }
        at += part_size;
    }
    return true;
}

static bool admit_plain(struct xc_dtls_gate *gate, uint8_t type, const uint8_t *body, size_t size)
{
    switch (type) {
    case TYPE_CHANGE_CIPHER_SPEC:
        return size == 1 && body[0] == 1;
    case TYPE_ALERT: /* fatal, or close_notify */
        gate->alert_seen = gate->alert_seen || (size == 2 && (body[0] == 2 || body[1] == 0));
        return false;
    case TYPE_HANDSHAKE:
        return admit_handshake(gate, body, size);
    default:
        return false;
    }
}

static bool admit(struct xc_dtls_gate *gate, struct xc_span record)
{
    uint8_t type = record.data[0];
    const uint8_t *body = record.data + XC_DTLS_RECORD_HEADER_SIZE;
    size_t body_size = record.size - XC_DTLS_RECORD_HEADER_SIZE;
    uint16_t epoch = xc_load16(record.data + 3);
    if (record.data[1] != 0xfe || body_size == 0 ||
        (type == TYPE_DATA && body_size > XC_DTLS_DATA_MAX))
        return false;
    if (epoch == 0)
        return !gate->connected && admit_plain(gate, type, body, body_size);
    if (epoch != 1 || type < TYPE_ALERT || type > TYPE_DATA)
        return false;
    return gate->connected || gate->ahead_count++ < XC_DTLS_AHEAD_MAX;
}

struct xc_span xc_dtls_gate_next(struct xc_dtls_gate *gate, struct xc_span *datagram)
{
    while (datagram->size >= XC_DTLS_RECORD_HEADER_SIZE) {
        size_t size = XC_DTLS_RECORD_HEADER_SIZE + (size_t)xc_load16(datagram->data + 11);
        if (size > datagram->size)
            break; /* a length that lies: nothing behind it can be found */
        struct xc_span record = xc_span_make(datagram->data, size);
        *datagram = xc_span_make(datagram->data + size, datagram->size - size);
        if (admit(gate, record))
            return record;
    }
    *datagram = xc_span_make(NULL, 0);
    return *datagram;
}
