/* dtls.h - DTLS 1.2 (RFC 6347) for DTLS-SRTP (RFC 5764, RFC 8827), OpenSSL wrapped in one file.
 * Owner: the session's thread; an identity is read-only after create and may be shared by threads.
 * Sans-I/O: datagrams in, datagrams out, a deadline. The handshake counts as done only when the
 * peer's certificate matches one of the fingerprints of its description; before that no key is
 * exported and no byte of application data is handed up.
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_DTLS_H
#define XC_PROTO_DTLS_H

#include "base/bytes.h"

enum {
    XC_DTLS_NEW = 0, /* waits for start */
    XC_DTLS_CONNECTING,
    XC_DTLS_CONNECTED, /* fingerprint matched, keys may be exported */
    XC_DTLS_CLOSED,    /* close_notify seen or sent */
    XC_DTLS_FAILED,
};
enum {
    XC_DTLS_FAIL_NONE = 0,
    XC_DTLS_FAIL_FINGERPRINT, /* the certificate is not the one of the description */
    XC_DTLS_FAIL_NO_PROFILE,  /* no SRTP profile in common */
    XC_DTLS_FAIL_TIMEOUT,     /* no answer for XC_DTLS_HANDSHAKE_MAX */
    XC_DTLS_FAIL_PROTOCOL,    /* alert or malformed handshake */
    XC_DTLS_FAIL_MEMORY,
};
enum { XC_SRTP_NONE = 0, XC_SRTP_AES128_CM_SHA1_80 = 1, XC_SRTP_AEAD_AES_128_GCM = 7 };

#define XC_DTLS_HANDSHAKE_MAX (30 * XC_NS_PER_S)
#define XC_DTLS_EARLY_MAX                                                                          \
    8 /* datagrams kept that arrive before start, RFC 8842 section 5.3; the
                               first ones, of up to 1500 bytes */
#define XC_DTLS_FINGERPRINTS_MAX 4
#define XC_DTLS_KEYING_MAX 64
/* Application data of one record: XC_MTU less header 13, nonce 8 and tag 16 (RFC 5288). */
#define XC_DTLS_RECORD_MAX (XC_MTU - 37)

struct xc_dtls_fingerprint {
    char hash[16]; /* "sha-256", "sha-384" or "sha-512", any case; others never match */
    uint8_t digest[64];
    uint8_t size;
};

/* A self-signed ECDSA P-256 certificate with its key, and the SSL_CTX made of them. */
struct xc_dtls_identity;

/* wall_s: Unix time for notBefore (a day before) and notAfter (30 days). NULL: OpenSSL failed. */
struct xc_dtls_identity *xc_dtls_identity_create(uint64_t wall_s);
void xc_dtls_identity_destroy(struct xc_dtls_identity *identity);
/* SHA-256 of the certificate. */
void xc_dtls_identity_fingerprint(const struct xc_dtls_identity *identity, uint8_t digest[32]);

struct xc_dtls;

/* NULL: no memory. It keeps the identity alive, so the two may be destroyed in any order. */
struct xc_dtls *xc_dtls_create(struct xc_dtls_identity *identity);
void xc_dtls_destroy(struct xc_dtls *dtls); /* NULL is fine */

/* The peer's fingerprints, from its description; must be set before start. A second call replaces
 * them only while NEW. */
void xc_dtls_set_fingerprints(struct xc_dtls *dtls, const struct xc_dtls_fingerprint *list,
                              size_t count);
/* Before start: no media follows, so that a peer that agrees on no SRTP profile will do. */
void xc_dtls_set_data_only(struct xc_dtls *dtls);
/* Begins: the client sends its ClientHello at the next output. Early datagrams are taken now. */
void xc_dtls_start(struct xc_dtls *dtls, uint64_t now, bool client);
bool xc_dtls_started(const struct xc_dtls *dtls);
/* A datagram of kind DTLS from a source that ICE knows. Before start it is kept (bounded). Records
 * that cannot belong to the state are dropped before OpenSSL sees them; an alert that is not
 * authenticated ends the handshake (PROTOCOL) only when nothing moves for a second after it. */
void xc_dtls_input(struct xc_dtls *dtls, uint64_t now, struct xc_span datagram);
/* The next datagram to send: its size, or 0 when there is none. capacity >= XC_MTU. */
size_t xc_dtls_output(struct xc_dtls *dtls, uint64_t now, uint8_t *out, size_t capacity);
/* Retransmits when the timer is due (50 ms, doubling to 1 s; 5 s after 4.5 s without an answer). */
void xc_dtls_tick(struct xc_dtls *dtls, uint64_t now);
uint64_t xc_dtls_deadline(const struct xc_dtls *dtls, uint64_t now);

int xc_dtls_state(const struct xc_dtls *dtls);
int xc_dtls_failure(const struct xc_dtls *dtls);
/* The negotiated profile (XC_SRTP_*); XC_SRTP_NONE unless CONNECTED, or where there is none. */
int xc_dtls_profile(const struct xc_dtls *dtls);
/* "ECDHE-ECDSA-AES128-GCM-SHA256", or "" before CONNECTED. */
const char *xc_dtls_cipher(const struct xc_dtls *dtls);
/* RFC 5764 section 4.2: our and the peer's master key then salt, each key||salt as libsrtp2 takes
 * them. False unless CONNECTED with a profile. The caller wipes them. */
bool xc_dtls_export(struct xc_dtls *dtls, uint8_t local[XC_DTLS_KEYING_MAX],
                    uint8_t remote[XC_DTLS_KEYING_MAX], size_t *size);
/* Application data for SCTP: one record out, of 1 to XC_DTLS_RECORD_MAX bytes (false: dropped, not
 * connected or eight datagrams wait for output), one record in (0: none). Eight records wait at the
 * most; receive until 0 after each input. capacity >= 1500. */
bool xc_dtls_send(struct xc_dtls *dtls, uint64_t now, struct xc_span record);
size_t xc_dtls_receive(struct xc_dtls *dtls, uint8_t *record, size_t capacity);
/* Queues close_notify; CLOSED after. */
void xc_dtls_close(struct xc_dtls *dtls, uint64_t now);

#endif
