/* gatekeeper.h - from the store's facts, the policy and the limits to a decision, and its audit row. The same
 * function decides for call.invite, can_call and the admin command's explain.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_GATEKEEPER_H
#define XCALLD_GATEKEEPER_H

#include <xcall/gate.h>

#include "limits.h"
#include "policy.h"
#include "store.h"

struct gatekeeper;

struct gate_question {
    int64_t caller;
    const char *callee; /* a name, whether there is such an account or not */
    bool video;
    bool outdated; /* the caller's program is below policy client_min_version */
    int32_t dev;
    const uint8_t *address; /* 16 bytes; NULL: none (explain) */
    struct limits *limits;  /* looked at, never taken from; NULL: none */
};

struct gate_answer {
    struct xcall_gate_decision decision;
    struct gate_row row;
    uint64_t facts;
    int64_t retry_ms; /* with try_later */
    bool strangers;   /* the callee neither follows the caller nor has it as a contact */
    int32_t bucket;   /* the caller's of calls.make */
};

/* relay_configured: a TURN server and its secret are configured. It is noted in the store, for explain. */
struct gatekeeper *gatekeeper_create(struct store *store, bool relay_configured);
/* As the server that runs, or ran last, on this store would decide; writes nothing. */
struct gatekeeper *gatekeeper_look(struct store *store);
void gatekeeper_destroy(struct gatekeeper *gatekeeper);
/* Reads policy and roll-out again (a change in the store). */
int gatekeeper_reload(struct gatekeeper *gatekeeper);
const struct policy *gatekeeper_policy(const struct gatekeeper *gatekeeper);
bool gatekeeper_in_rollout(const struct gatekeeper *gatekeeper, int feature, int64_t user,
                           bool paid);
/* STORE_*. */
int gatekeeper_decide(struct gatekeeper *gatekeeper, const struct gate_question *question,
                      int64_t now, struct gate_answer *answer);
int gatekeeper_audit(struct gatekeeper *gatekeeper, const struct gate_question *question,
                     const struct gate_answer *answer, const uint8_t call[CALL_ID_SIZE],
                     int64_t now);
/* The policy of a decision row, unpacked, for a replay. */
void gatekeeper_unpack(uint32_t policy_word, struct xcall_gate_policy *policy);

#endif
