/* turn_state.h - the private records of a TURN allocation, here so that struct xc_turn has a size and
 * needs no other memory. Included by proto/turn.h only; fields are touched by turn*.c only. Owner:
 * the thread of the session. Times are ns; XC_NEVER stands for "not set".
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_TURN_STATE_H
#define XC_PROTO_TURN_STATE_H

/* RFC 8489 allows 763 bytes each, with which a request would not fit in XC_MTU; a server that sends
 * more than this is not understood. coturn's nonce has 16 to 48, its realm up to 127. */
#define XC_TURN_REALM_MAX 256
#define XC_TURN_NONCE_MAX 256
#define XC_TURN_ALGORITHMS_MAX 32

struct xc_turn_transaction {
    bool used;
    uint8_t sends;      /* of this transaction id */
    uint8_t challenges; /* 401 and 438 in a row */
    uint16_t method;
    bool has_old_id;
    uint8_t id[XC_STUN_TRANSACTION_SIZE];
    uint8_t old_id[XC_STUN_TRANSACTION_SIZE]; /* sent under xc_turn.before, then challenged */
    uint32_t generation; /* of the credentials and nonce that it was written with */
    uint64_t sent_at, send_at, interval;
};

struct xc_turn_peer {
    struct xc_addr addr; /* family XC_ADDR_NONE: free */
    bool wants_channel;
    bool refused;         /* its permission: not asked again */
    bool channel_refused; /* its channel: not asked again, Send indications do */
    bool bound;           /* `channel` carries until channel_until */
    uint8_t failures;     /* requests in a row that led to nothing */
    uint16_t channel;     /* 0: none chosen yet */
    uint64_t used_at;
    uint64_t permitted_until, channel_until; /* 0: not */
    uint64_t ask_at;                         /* the next request */
    struct xc_turn_transaction transaction;
};

struct xc_turn_credentials {
    uint16_t username_size, password_size; /* username_size 0: none */
    uint8_t username[XC_TURN_USERNAME_MAX], password[XC_TURN_PASSWORD_MAX];
};

/* What a challenge said, and the key that follows. */
struct xc_turn_challenge {
    bool known, proven;  /* proven: an answer was authentic under it */
    uint32_t generation; /* each its own */
    uint16_t realm_size, nonce_size, algorithms_size;
    uint8_t realm[XC_TURN_REALM_MAX], nonce[XC_TURN_NONCE_MAX];
    uint8_t algorithms[XC_TURN_ALGORITHMS_MAX]; /* PASSWORD-ALGORITHMS to be sent back */
    bool anonymous;                             /* USERHASH, not USERNAME */
    uint16_t algorithm;                         /* XC_STUN_ALGORITHM_* of the key */
    uint16_t key_size;
    uint8_t key[XC_STUN_KEY_MAX];
};

struct xc_turn {
    struct xc_addr server, local, relayed, mapped;
    struct xc_rng rng;
    struct xc_turn_counters counters;
    uint8_t state, failure;
    uint16_t error_code;
    bool ask_family;    /* Allocate carries REQUESTED-ADDRESS-FAMILY */
    bool sha256_proven; /* an answer was authentic by a key of SHA-256: nothing weaker will do */
    bool freed_before;  /* the one try to remove a forgotten allocation (437) was made */
    struct xc_turn_credentials credentials, next_credentials;
    struct xc_turn_challenge said,
        before;          /* the newest; the one that it may have displaced wrongly */
    uint32_t generation; /* of the newest */

    uint64_t started_at;
    /* While allocating: a refusal that nobody authenticated counts only when the server does not
     * contradict it until then. */
    uint64_t verdict_at;
    uint8_t verdict;
    uint16_t verdict_code;

    uint64_t refresh_at, expires_at;      /* CLOSED: when its release gives up */
    uint64_t smoothed_rtt, rtt_variation; /* RFC 6298; 0 = no sample */
    struct xc_turn_transaction life;      /* Allocate or Refresh */
    uint64_t peers_paced_at;
    uint16_t next_channel;
    uint32_t peer_slots; /* slots above are free */
    struct xc_turn_peer peers[XC_TURN_PEERS_MAX];
    uint64_t next_at; /* the deadline, kept by every function that changes something */
};

#endif
