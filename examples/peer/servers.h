/* servers.h - STUN and TURN servers as JSON: an array of W3C RTCIceServer objects,
 * [{"urls":"turn:192.0.2.1:3478","username":"...","credential":"..."}].
 *
 * SPDX-License-Identifier: MIT */
#ifndef PEER_SERVERS_H
#define PEER_SERVERS_H

#include <jansson.h>
#include <stddef.h>
#include <xcall/xcall.h>

#define SERVERS_MAX 8

struct servers {
    json_t *json; /* owned: the strings live there */
    uint32_t count;
    xcall_ice_server list[SERVERS_MAX];
};

/* -1 and a sentence: it is no such array, or a longer one. What was there before goes. */
int servers_take(struct servers *servers, const json_t *array, char *error, size_t error_size);
/* From a file, which keeps credentials off the command line, and one more that needs none. Either
 * may be NULL. */
int servers_read(struct servers *servers, const char *file, const char *url, char *error,
                 size_t error_size);
void servers_free(struct servers *servers);

#endif
