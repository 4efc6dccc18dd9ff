/* command.c - what host threads ask of a shard: a small heap block through its queue, in order.
 * Control side only, so the heap is allowed.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/engine.h"

int32_t xc_command_send(struct xc_call *call, uint32_t type, uint32_t a, uint32_t b,
                        const char *text, size_t size)
{
    struct xc_command *command = malloc(sizeof *command + size + 1);
    if (!command)
        return XCALL_E_MEMORY;
    *command = (struct xc_command){.type = type,
                                   .index = call->index,
                                   .generation = call->generation,
                                   .a = a,
                                   .b = b,
                                   .call = call,
                                   .size = size};
    if (size)
        memcpy(command->text, text, size);
    command->text[size] = '\0';
    if (!xc_mpsc_put(&call->shard->commands, (uint64_t)(uintptr_t)command)) {
        free(command);
        return XCALL_E_LIMIT;
    }
    /* Orders the put before the look at the sleep flag, as xc_wake_if_sleeping asks. */
    atomic_fetch_add_explicit(&call->notified, 0, memory_order_seq_cst);
    xc_wake_if_sleeping(&call->shard->wake);
    return XCALL_OK;
}

static void run_on_call(struct xc_shard *shard, const struct xc_command *command,
                        struct xc_call *call, uint64_t now)
{
    switch (command->type) {
    case XC_COMMAND_SIGNAL:
        xc_session_receive_signal(call->session, now, command->a,
                                  xc_span_make(command->text, command->size));
        break;
    case XC_COMMAND_HANG_UP:
        xc_session_hang_up(call->session, now, command->a);
        break;
    case XC_COMMAND_HOLD:
        xc_session_set_hold(call->session, now, command->a != 0);
        break;
    case XC_COMMAND_MUTE:
        xc_session_set_mute(call->session, command->a, command->b != 0);
        break;
    case XC_COMMAND_KEY:
        xc_session_request_key(call->session, now);
        break;
    default:
        break;
    }
    xc_shard_service(shard, call, now);
}

void xc_command_run(struct xc_shard *shard, struct xc_command *command, uint64_t now)
{
    if (command->type == XC_COMMAND_ATTACH) {
        xc_shard_attach(shard, command->call, now);
    } else {
        struct xc_call *call = shard->calls[command->index];
        if (call && call->generation == command->generation)
            run_on_call(shard, command, call, now);
    }
    free(command);
}
