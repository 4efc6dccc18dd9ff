/* push.h - wakes devices by what the operator named: a command or a URL gets one JSON object a push,
 * {"kind":..,"token":..,"call":..,"ring_left_ms":..}. Called on the service thread, waits for nothing.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_PUSH_H
#define XCALLD_PUSH_H

#include "options.h"
#include "pool.h"
#include "service.h"

struct pusher;
struct push_figures {
    struct pool_figures pool;
    uint64_t sent, failed, timed_out;
};

struct pusher *pusher_create(const struct options *options); /* NULL: no memory */
void pusher_destroy(struct pusher *pusher);
void pusher_put(struct pusher *pusher, const struct push_order *order);
void pusher_figures(struct pusher *pusher, struct push_figures *figures);

#endif
