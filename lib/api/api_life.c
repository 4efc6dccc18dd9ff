/* api_life.c - the desk's entry points: sizes are checked, memory is taken, then one call below.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "api/check.h"
#include "call/life.h"

struct xcall_desk {
    struct xc_desk desk;
};

void xcall_desk_config_init(xcall_desk_config *config, uint32_t size)
{
    const struct xcall_desk_config defaults = {.size = size,
                                               .calls_max = 4,
                                               .reach_ms = 35000,
                                               .ring_ms = 60000,
                                               .connect_ms = 30000,
                                               .media_lost_ms = 30000,
                                               .tombstone_ms = 120000};
    if (!config || size < sizeof config->size)
        return;
    memset(config, 0, size);
    xc_copy_sized(config, &defaults, size, sizeof defaults);
}

static void init(void *memory, uint32_t size)
{
    if (!memory || size < sizeof size)
        return;
    memset(memory, 0, size);
    memcpy(memory, &size, sizeof size);
}

void xcall_life_input_init(xcall_life_input *input, uint32_t size)
{
    init(input, size);
}

void xcall_life_action_init(xcall_life_action *action, uint32_t size)
{
    init(action, size);
}

void xcall_life_info_init(xcall_life_info *info, uint32_t size)
{
    init(info, size);
}

int32_t xcall_desk_create(const xcall_desk_config *given, xcall_desk **desk)
{
    struct xcall_desk_config config;
    if (!desk)
        return XCALL_E_INVALID;
    xcall_desk_config_init(&config, sizeof config);
    if (given && given->size < sizeof given->size)
        return XCALL_E_VERSION;
    if (given)
        xc_copy_sized(&config, given, sizeof config, given->size);
    config.size = sizeof config;
    if (xc_desk_check(&config))
        return XCALL_E_INVALID;
    struct xcall_desk *made = calloc(1, sizeof *made);
    if (!made)
        return XCALL_E_MEMORY;
    xc_desk_init(&made->desk, &config);
    *desk = made;
    return XCALL_OK;
}

void xcall_desk_destroy(xcall_desk *desk)
{
    free(desk);
}

int32_t xcall_desk_input(xcall_desk *desk, const xcall_life_input *given)
{
    struct xcall_life_input input = {0};
    if (!desk || !given)
        return XCALL_E_INVALID;
    if (given->size < sizeof given->size)
        return XCALL_E_VERSION;
    xc_copy_sized(&input, given, sizeof input, given->size);
    return xc_desk_input(&desk->desk, &input);
}

int32_t xcall_desk_next_action(xcall_desk *desk, xcall_life_action *action)
{
    struct xcall_life_action full;
    if (!desk || !action)
        return XCALL_E_INVALID;
    if (action->size < sizeof action->size)
        return XCALL_E_VERSION;
    if (!xc_desk_next_action(&desk->desk, &full))
        return XCALL_E_AGAIN;
    full.size = action->size;
    xc_copy_sized(action, &full, full.size, sizeof full);
    return XCALL_OK;
}

uint64_t xcall_desk_deadline(const xcall_desk *desk)
{
    return desk ? xc_desk_deadline(&desk->desk) : UINT64_MAX;
}

int32_t xcall_desk_call(const xcall_desk *desk, const uint8_t call[16], xcall_life_info *info)
{
    if (!desk || !call || !info)
        return XCALL_E_INVALID;
    if (info->size < sizeof info->size)
        return XCALL_E_VERSION;
    const struct xc_life_call *from = xc_desk_call(&desk->desk, call);
    if (!from)
        return XCALL_E_ENDED;
    struct xcall_life_info full = {.size = info->size,
                                   .state = from->state,
                                   .reason = from->reason,
                                   .flags = from->flags,
                                   .rev = from->rev,
                                   .placed_ms = from->placed_ms,
                                   .accepted_ms = from->accepted_ms,
                                   .active_ms = from->active_ms,
                                   .ended_ms = from->ended_ms};
    memcpy(full.peer, from->peer, sizeof full.peer);
    xc_copy_sized(info, &full, full.size, sizeof full);
    return XCALL_OK;
}

int32_t xcall_desk_calls(const xcall_desk *desk, uint8_t (*calls)[16], uint32_t capacity)
{
    if (!desk || (!calls && capacity))
        return XCALL_E_INVALID;
    return (int32_t)xc_desk_calls(&desk->desk, calls, capacity);
}

const char *xcall_life_state_name(uint32_t state)
{
    const char *name = xc_life_state_name(state);
    return name ? name : "unknown";
}

const char *xcall_life_reason_name(uint32_t reason)
{
    const char *name = xc_life_reason_name(reason);
    return name ? name : "unknown";
}
