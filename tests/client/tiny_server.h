/* tiny_server.h - as much of a call service as two clients need, over plain WebSocket on loopback, in a
 * thread of its own: accounts of any name, invite, accept, sig, the end. No gate, no store, no resume.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TESTS_TINY_SERVER_H
#define XC_TESTS_TINY_SERVER_H

#include <stdbool.h>
#include <stdint.h>

struct tiny_server;

enum {                       /* what it does wrong, or demands */
       TINY_SWAP_OFFER = 1,  /* another fingerprint */
       TINY_SWAP_ANSWER = 2, /* another key, and a signature that fits none */
       TINY_RELAY = 4,       /* every call is to be relayed, and there is no relay */
};

struct tiny_server *tiny_start(void);
const char *tiny_url(const struct tiny_server *server);
void tiny_behave(struct tiny_server *server, uint32_t flags);
/* Closes this account's connection, without a word. */
void tiny_cut(struct tiny_server *server, const char *name);
uint32_t tiny_hellos(const struct tiny_server *server);
/* Whether a sig with a candidate of another type than relay has passed. */
bool tiny_saw_addresses(const struct tiny_server *server);
void tiny_stop(struct tiny_server *server);

#endif
