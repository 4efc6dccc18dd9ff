/* bodies.h - what a call's bodies and candidates may say (docs/protocol.md, "Bodies and their signature"). They are
 * other people's bytes: whatever does not fit is refused, and what is passed on is rebuilt of the known
 * members only. Pure; any thread.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_BODIES_H
#define XCALLD_BODIES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define BODY_SDP_MAX 12288
#define BODY_CANDIDATE_MAX 1024
#define BODY_E2E_MAX 4096

enum { BODY_OFFER = 1, BODY_ANSWER = 2 };
struct body_rules {
    int types; /* BODY_* */
    bool
        addresses; /* candidates and addresses are fine: after the accept of a call that is not relayed */
    const uint8_t *key; /* of the sending device, 32 bytes; NULL: it has none, and nothing fits */
};
/* A body to pass on, new; NULL: *why says what is wrong with it. */
json_t *body_take(const json_t *body, const struct body_rules *rules, const char **why);

/* An RTCIceCandidateInit to pass on, new; NULL: it is none, or (relay) not a relayed one that hides what it
 * is related to. */
json_t *candidate_take(const json_t *data, bool relay);
bool candidate_fits(const char *line, bool relay); /* the line alone: RFC 8839 section 5.1 */
bool sdp_hides_addresses(const char *sdp);         /* no candidate, no address but 0.0.0.0 and :: */

#endif
