/* state_file.h - what a client keeps between runs: the token, this device's key, the keys of peers that
 * were seen. JSON, mode 0600, written to a file beside it and renamed.
 * The core encodes (no I/O); the shell's thread reads and writes.
 * SPDX-License-Identifier: MIT */
#ifndef XC_CLIENT_STATE_FILE_H
#define XC_CLIENT_STATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XC_PEERS_MAX 1024  /* the one that was not seen for longest gives way */
#define XC_PEER_KEYS_MAX 8 /* of one account; the oldest gives way */
#define XC_TOKEN_SIZE 129  /* the protocol has 43 characters */
#define XC_STATE_NAME_SIZE 64
#define XC_LEAVING_MAX 8 /* sessions that are to end at the service; the oldest gives way */

struct xc_client_peer {
    char name[XC_STATE_NAME_SIZE];
    uint32_t key_count;
    uint8_t keys[XC_PEER_KEYS_MAX][32];
};

/* A session that was signed out of while the service did not hear it. */
struct xc_client_leaving {
    char token[XC_TOKEN_SIZE];
    uint8_t seed[32]; /* its device's: a token is heard with its key only */
};

struct xc_client_saved {
    char token[XC_TOKEN_SIZE]; /* empty: signed out */
    char name[XC_STATE_NAME_SIZE];
    uint8_t seed[32]; /* of this device's key pair */
    bool has_seed;
    uint32_t leaving_count; /* newest last */
    struct xc_client_leaving leaving[XC_LEAVING_MAX];
    uint32_t peer_count; /* newest last */
    struct xc_client_peer peers[XC_PEERS_MAX];
};

/* malloc'd JSON; NULL: no memory. */
char *xc_state_encode(const struct xc_client_saved *saved, const char *url);
/* NULL when it is good, else what is wrong with it: static text. What belongs to another URL than this is
 * left out. */
const char *xc_state_decode(const char *text, size_t length, const char *url,
                            struct xc_client_saved *saved);

/* 0, or an errno; a file that is not there is a good empty one. why: as of .._decode, or NULL. */
int xc_state_load(const char *path, const char *url, struct xc_client_saved *saved,
                  const char **why);
int xc_state_store(const char *path, const char *text);

/* Whether the key is known of this account: 0 the account is new, 1 known, 2 another key was. */
int xc_state_knows(const struct xc_client_saved *saved, const char *name, const uint8_t key[32]);
/* The same, and remembers it. */
int xc_state_meet(struct xc_client_saved *saved, const char *name, const uint8_t key[32]);

#endif
