/* turn_server.h - a TURN server (RFC 8656) and STUN server for tests, sans-I/O, in virtual time, and
 * hostile on demand. It listens on one address, gives out relayed addresses on one host (ports from
 * 49152 up), and relays between its own allocations inside and to all others through its output.
 * A caller that carries datagrams asks turn_server_owns(remote) for each, hands those in by
 * turn_server_input, and delivers what turn_server_output gives. All calls in one thread.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TESTS_TURN_SERVER_H
#define XC_TESTS_TURN_SERVER_H

#include "proto/datagram.h"
#include "wire/stun.h"

#define TURN_SERVER_ALLOCATIONS 16
#define TURN_SERVER_PEERS 64   /* permissions, and as many channels, an allocation */
#define TURN_SERVER_QUEUE 1024 /* datagrams that wait for turn_server_output; then dropped */
#define TURN_SERVER_DATAGRAM 1600
#define TURN_SERVER_DENIED 8
#define TURN_SERVER_METHODS 16 /* indexes by method, XC_STUN_BINDING ... XC_STUN_CHANNEL_BIND */

enum { /* forge: answers that come before (or instead of) each true one; bits */
       TURN_FORGE_ERRORS = 1,  /* 401 without MESSAGE-INTEGRITY, then 400 and 437, then the truth */
       TURN_FORGE_SUCCESS = 2, /* a success under a wrong key, then the truth */
       TURN_FORGE_GARBAGE = 4, /* cut and malformed copies of the answer, then the truth */
       TURN_FORGE_TRANSACTION =
           8,                    /* a success of a transaction that nobody began, then the truth */
       TURN_FORGE_NO_TRUTH = 16, /* the true answer is withheld */
       TURN_FORGE_BAD_NONCE =
           32, /* each challenge: nonce cookie promises algorithms, none follow */
       TURN_FORGE_NO_ADDRESS = 64, /* Allocate success without XOR-RELAYED-ADDRESS */
       TURN_FORGE_WEAK =
           128, /* each answer by MESSAGE-INTEGRITY under the true key, then the truth */
       TURN_FORGE_SHORT_LIST = 256, /* each challenge: an altered list, of MD5 alone */
       TURN_FORGE_PLAIN = 512,      /* each challenge: no list, and a nonce without its cookie */
};

struct turn_server_config {
    struct xc_addr addr;                     /* where it listens: STUN and TURN */
    struct xc_addr relay;                    /* host of the relayed addresses; port ignored */
    const char *realm, *username, *password; /* kept by the caller */
    uint32_t lifetime_s;                     /* of an allocation; 0 = 600 */
    uint32_t permission_s, channel_s;        /* 0 = 300, 600 */
};

struct turn_server_permission {
    struct xc_addr peer; /* port ignored */
    uint64_t until;      /* 0: free slot */
};

struct turn_server_channel {
    struct xc_addr peer;
    uint16_t number;
    uint64_t until; /* 0: free slot */
};

struct turn_server_allocation {
    bool used;
    struct xc_addr client, relayed;
    uint64_t until;
    uint8_t transaction[XC_STUN_TRANSACTION_SIZE]; /* of the Allocate that made it */
    struct turn_server_permission permissions[TURN_SERVER_PEERS];
    struct turn_server_channel channels[TURN_SERVER_PEERS];
};

struct turn_server_datagram {
    struct xc_addr local, remote;
    size_t size;
    uint8_t bytes[TURN_SERVER_DATAGRAM];
};

struct turn_server {
    struct turn_server_config config;

    /* Knobs, changed by the test at any time. */
    uint16_t refuse[TURN_SERVER_METHODS];       /* this method gets this error; 0 = served */
    uint32_t refuse_count[TURN_SERVER_METHODS]; /* so many times; 0 = for ever */
    uint32_t drop_next;                         /* this many datagrams from clients are lost */
    uint32_t drop_answers;                      /* this many answers to clients are lost */
    uint32_t forge;                             /* TURN_FORGE_* */
    uint32_t quota;                             /* allocations in all, then 486; 0 = no limit */
    bool silent;                                /* everything in is lost */
    bool open;                                  /* no credentials wanted */
    bool grant_lifetime;                        /* LIFETIME says granted_lifetime, whatever holds */
    uint32_t granted_lifetime;
    bool offer_algorithms; /* PASSWORD-ALGORITHMS and the nonce cookie that says so */
    uint16_t algorithms[2];
    bool anonymity; /* the nonce wants USERHASH, and USERNAME is refused */
    uint32_t denied_count;
    struct xc_addr denied[TURN_SERVER_DENIED]; /* hosts that get 403, as peers */
    uint64_t nonce_life;                       /* 0 = for ever */

    /* What it saw. */
    uint32_t requests[TURN_SERVER_METHODS]; /* requests and indications in, by method */
    uint32_t errors[TURN_SERVER_METHODS];   /* error responses given */
    uint32_t challenges, stale_nonces;      /* of them: 401, 438 */
    uint32_t bad_integrity;                 /* 401 for a wrong password */
    uint32_t by_sha256, by_sha1;            /* requests that were authentic */
    uint32_t usernames, userhashes;         /* requests that carried one */
    uint32_t channel_data_in, indications_in;
    uint32_t relayed_out, relayed_in; /* from clients to peers, and back */
    uint32_t dropped_no_permission;   /* either way */
    uint32_t malformed, queue_overflows;
    uint64_t last_request_at;

    uint32_t nonce_number;
    uint64_t nonce_at;
    uint16_t next_port;
    struct turn_server_allocation allocations[TURN_SERVER_ALLOCATIONS];
    uint32_t first, count;
    struct turn_server_datagram queue[TURN_SERVER_QUEUE];
};

/* The struct is large (1.7 MB): static or from the heap. */
void turn_server_init(struct turn_server *server, const struct turn_server_config *config);
/* Whether a datagram sent to this address is for turn_server_input: the server's own address or any
 * port of the relay's host. */
bool turn_server_owns(const struct turn_server *server, const struct xc_addr *addr);
/* A datagram from `remote` to `local`, which is the server's address or a relayed one. */
void turn_server_input(struct turn_server *server, uint64_t now, const struct xc_addr *local,
                       const struct xc_addr *remote, struct xc_span datagram);
/* The next datagram out: local is the server's or a relayed address, remote where it goes. What goes
 * to an allocation of the same server is relayed inside and not seen here. */
bool turn_server_output(struct turn_server *server, uint64_t now, struct xc_datagram *out);
/* From now on every nonce given before is answered with 438. */
void turn_server_stale_nonce(struct turn_server *server);
void turn_server_deny(struct turn_server *server, const struct xc_addr *host);
/* `method` gets `code` for the next `count` requests (0: for ever); code 0: served again. */
void turn_server_refuse(struct turn_server *server, uint16_t method, uint16_t code, uint32_t count);
/* Loses all allocations, as a restart does. */
void turn_server_forget(struct turn_server *server);
uint32_t turn_server_allocations(const struct turn_server *server, uint64_t now);
/* NULL when there is none at `now`. */
struct turn_server_allocation *turn_server_of(struct turn_server *server, uint64_t now,
                                              const struct xc_addr *client);

#endif
