/* srtp.h - SRTP and SRTCP (RFC 3711, RFC 7714), libsrtp2 wrapped in one file, with its ciphers and
 * authentication replaced by ones on OpenSSL: no lock and no allocation for a packet.
 * Owner: the session's thread. One object holds both directions of one call.
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_SRTP_H
#define XC_PROTO_SRTP_H

#include "base/bytes.h"
#include "proto/dtls.h"

#define XC_SRTP_TRAILER_MAX 148 /* SRTP_MAX_TRAILER_LEN + 4, room behind a packet */
#define XC_SRTP_STREAMS_MAX 96  /* SSRCs a direction; more are refused */

enum {
    XC_SRTP_OK = 0,
    XC_SRTP_BAD_AUTH = 1,
    XC_SRTP_REPLAY = 2,
    XC_SRTP_BAD = 3,     /* malformed, or of no stream */
    XC_SRTP_EXPIRED = 4, /* key limit reached: the call must end */
};

struct xc_srtp;

/* Once a process, from any thread (the engine does it at create); true when libsrtp2 is usable and
 * our ciphers are in place. Tolerates a host that initialised libsrtp2 before. Takes 10 to 40 ms
 * the first time. The code must stay mapped from then on (link with -z nodelete). */
bool xc_srtp_library_init(void);

/* keys: as xc_dtls_export gives them. NULL: no memory or an unknown profile. */
struct xc_srtp *xc_srtp_create(int profile, const uint8_t *local_key, const uint8_t *remote_key,
                               size_t key_size);
void xc_srtp_destroy(struct xc_srtp *srtp); /* NULL is fine */

/* In place; *size grows by the tag, capacity >= *size + XC_SRTP_TRAILER_MAX, else XC_SRTP_BAD. The
 * same packet may be protected again (retransmission) only byte for byte equal: other bytes under a
 * used sequence number give the keystream away. A stream's first sequence number should be below
 * 2^15 (RFC 3711 section 3.3.1: a receiver that misses the packets around a wrap never syncs). */
int xc_srtp_protect(struct xc_srtp *srtp, uint8_t *packet, size_t *size, size_t capacity);
int xc_srtp_protect_rtcp(struct xc_srtp *srtp, uint8_t *packet, size_t *size, size_t capacity);
/* In place; on any result but XC_SRTP_OK the bytes are undefined and must be dropped. */
int xc_srtp_unprotect(struct xc_srtp *srtp, uint8_t *packet, size_t *size);
int xc_srtp_unprotect_rtcp(struct xc_srtp *srtp, uint8_t *packet, size_t *size);
/* Bytes that protecting adds to an RTP packet / an RTCP packet. */
size_t xc_srtp_overhead(const struct xc_srtp *srtp);
size_t xc_srtcp_overhead(const struct xc_srtp *srtp);
/* Forgets a stream of the receiving (or sending) direction, at BYE or replacement, and so makes
 * room for another. A sending SSRC that was removed is refused from then on (keystream; the latest
 * 64 are remembered); a receiving one that comes back begins with an empty replay window. */
void xc_srtp_remove(struct xc_srtp *srtp, uint32_t ssrc, bool sending);

#endif
