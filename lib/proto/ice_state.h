/* ice_state.h - the private records of the ICE agent, here so that struct xc_ice has a size and
 * needs no other memory. Included by proto/ice.h only; fields are touched by ice*.c only.
 * Owner: the thread of the session. Times are ns; XC_NEVER stands for "not set".
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_ICE_STATE_H
#define XC_PROTO_ICE_STATE_H

#define XC_ICE_CREDENTIAL_MAX 256   /* bytes of a remote ufrag or password, RFC 8839 section 5.4 */
#define XC_ICE_TRANSACTIONS_MAX 256 /* requests that wait for an answer; the oldest is forgotten */
#define XC_ICE_RESPONSES_MAX 16     /* answers not yet drained; newer ones are dropped, counted */
#define XC_ICE_REFLEXIVE_RESERVED 8 /* remote slots that signalled candidates cannot take */
#define XC_ICE_NO_PAIR 255

/* Both ends of one generation of the session: a restart begins a new one. */
struct xc_ice_credentials {
    char ufrag[XC_ICE_UFRAG_SIZE + 1], password[XC_ICE_PASSWORD_SIZE + 1]; /* ours */
    bool local_known, remote_known;
    uint16_t remote_ufrag_size, remote_password_size;
    uint8_t remote_ufrag[XC_ICE_CREDENTIAL_MAX], remote_password[XC_ICE_CREDENTIAL_MAX];
    uint32_t remote_hash; /* of remote_ufrag, never 0 */
};

struct xc_ice_local {
    uint8_t type;                       /* XC_CANDIDATE_HOST; SRFLX: has no pairs; RELAY */
    struct xc_addr base, addr, related; /* addr: as signalled; related: family NONE if not */
    uint32_t priority;
    uint32_t reflexive_priority; /* PRIORITY of a check, RFC 8445 section 7.1.1 */
};

struct xc_ice_remote {
    uint8_t type; /* XC_CANDIDATE_*; 0 = free slot */
    bool learned; /* from a check (peer-reflexive), not signalled */
    struct xc_addr addr;
    uint32_t priority;
    uint32_t ufrag_hash; /* the generation it belongs to; 0 = the one that comes next */
    uint64_t heard_at;   /* the last authenticated check from there */
};

enum {
    XC_ICE_PAIR_FREE = 0,
    XC_ICE_PAIR_WAITING,
    XC_ICE_PAIR_IN_PROGRESS,
    XC_ICE_PAIR_SUCCEEDED,
    XC_ICE_PAIR_FAILED,
};

struct xc_ice_pair {
    uint8_t state; /* XC_ICE_PAIR_* */
    uint8_t local, remote;
    uint8_t local_type;       /* XC_CANDIDATE_* of our end, as the newest answer saw it */
    uint8_t sends;            /* transmissions of the check in progress */
    bool valid;               /* a check of ours was answered */
    bool nominated;           /* by both sides */
    bool nominating;          /* our checks carry USE-CANDIDATE */
    bool nominate_when_valid; /* the peer's check carried it, ours is not answered yet */
    bool heard;               /* an authenticated check of the peer arrived */
    bool triggered;           /* stands in the triggered-check queue, in trigger_order */
    uint32_t trigger_order;
    uint64_t priority;
    uint64_t sent_at, retransmit_at, interval;
    uint64_t answered_at, nominated_at;
    uint64_t round_trip; /* smoothed; 0 = unknown */
};

/* The pair that carries media. It outlives a restart: then `pair` is XC_ICE_NO_PAIR and its checks
 * go by the previous credentials. */
struct xc_ice_path {
    bool active;
    bool nominated; /* false: the best valid pair while nobody has nominated one */
    bool disconnected;
    uint8_t pair;
    uint8_t local_type, remote_type; /* XC_CANDIDATE_*, when it was taken */
    struct xc_addr local, remote;
    uint32_t reflexive_priority;
    uint64_t selected_at;
    uint64_t answered_at;      /* the last valid response */
    uint64_t check_at;         /* when the next consent request goes out */
    uint64_t unanswered_since; /* the first request since then */
    uint64_t round_trip;
};

struct xc_ice_transaction {
    uint8_t id[XC_STUN_TRANSACTION_SIZE];
    bool used, use_candidate, controlling;
    uint8_t pair; /* XC_ICE_NO_PAIR: the path, by the previous credentials */
    uint64_t sent_at;
};

struct xc_ice_response {
    struct xc_addr local, remote;
    uint8_t transaction[XC_STUN_TRANSACTION_SIZE];
    bool previous;  /* credentials */
    uint16_t error; /* 0 = success */
    uint8_t unknown_count;
    uint16_t unknown[8];
};

struct xc_ice {
    struct xc_ice_config config; /* defaults filled in */
    struct xc_rng rng;
    struct xc_ice_counters counters;
    bool controlling, closed, failed;
    int state, state_taken;
    uint64_t tie_breaker;
    uint64_t next_at; /* the deadline, kept by every function that changes something */

    struct xc_ice_credentials current, previous;
    bool remote_ahead; /* the peer restarted and we have not yet */
    bool end_of_candidates;
    bool gathering;     /* more local candidates may come */
    bool names_ignored; /* the peer hides behind names: only its checks can find us */

    uint32_t remote_changes;          /* goes up with each new remote address */
    uint32_t local_count, pair_slots; /* pair_slots: slots above are free */
    struct xc_ice_local locals[XC_ICE_LOCAL_MAX];
    struct xc_ice_remote remotes[XC_ICE_REMOTE_MAX];
    struct xc_ice_pair pairs[XC_ICE_PAIRS_MAX];
    struct xc_ice_path path;
    bool lingering; /* media of the peer may still come by the path before this one */
    struct xc_addr lingering_local, lingering_remote;

    uint64_t checks_started_at;
    uint64_t valid_since; /* first valid pair of this generation */
    uint64_t nominate_at;
    uint64_t new_check_at, extra_check_at; /* of the two pacers, see ice_checks.c */
    uint32_t trigger_counter;
    uint32_t transaction_next;
    struct xc_ice_transaction transactions[XC_ICE_TRANSACTIONS_MAX];
    uint32_t response_first, response_count;
    struct xc_ice_response responses[XC_ICE_RESPONSES_MAX];
};

#endif
