/* bodies.h - what docs/protocol.md says of bodies: the lines that are signed, the signature (Ed25519,
 * RFC 8032), the safety number, and what of an SDP description and of a candidate may travel.
 * Pure functions; any thread.
 * SPDX-License-Identifier: MIT */
#ifndef XC_CLIENT_BODIES_H
#define XC_CLIENT_BODIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XC_KEY_TEXT 45       /* 32 bytes in base64, NUL */
#define XC_SIGNATURE_TEXT 89 /* 64 bytes */
#define XC_BODY_LINES_MAX 4096
#define XC_SAFETY_SIZE 72

struct xc_body_claim {
    const char *call, *type, *from, *to; /* UUID, "offer" or "answer", account names */
    const char *sdp;
    uint32_t seq; /* 0: the sender's first of the call, which has no such line */
};

/* The lines; their length, 0: the description has not what must be signed, or it differs between
 * sections, or it is written so that two readers may see different things. */
size_t xc_body_lines(const struct xc_body_claim *claim, char lines[XC_BODY_LINES_MAX]);
bool xc_body_sign(const struct xc_body_claim *claim, const uint8_t seed[32],
                  char signature[XC_SIGNATURE_TEXT]);
bool xc_body_verify(const struct xc_body_claim *claim, const uint8_t key[32],
                    const char *signature);

bool xc_key_public(const uint8_t seed[32], uint8_t key[32]);
void xc_key_write(const uint8_t key[32], char text[XC_KEY_TEXT]);
bool xc_key_read(const char *text, uint8_t key[32]);

/* The same whichever side is named first. */
bool xc_safety_number(const char *name_a, const uint8_t key_a[32], const char *name_b,
                      const uint8_t key_b[32], char number[XC_SAFETY_SIZE]);

/* A copy (malloc) without candidates and without addresses in o=, c= and a=rtcp lines. */
char *xc_sdp_without_addresses(const char *sdp);
/* A copy without candidates of other types than relay. */
char *xc_sdp_relay_only(const char *sdp);
/* Of a candidate attribute's value, with or without "candidate:" before it. */
bool xc_candidate_is_relay(const char *candidate);
/* A copy whose related address is 0.0.0.0 with port 0 where it is a relayed candidate. */
char *xc_candidate_hide(const char *candidate);

bool xc_uuid_read(const char *text, uint8_t uuid[16]);
void xc_uuid_write(const uint8_t uuid[16], char text[37]);

#endif
