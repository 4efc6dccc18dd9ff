/* stats_json.h - xcall_stats as a JSON object with the members' own names.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PEER_STATS_JSON_H
#define PEER_STATS_JSON_H

#include <jansson.h>
#include <xcall/call.h>

/* Adds every member to the object; the four streams are objects of their own. */
void stats_json_add(json_t *object, const xcall_stats *stats);
const char *state_name(uint32_t state);
const char *end_reason_name(uint32_t reason);

#endif
