/* command.c - what host threads ask of a shard. Attachments and signals go through its queue in order;
 * everything else is a bit of the call's that says what is wanted now, and can never fail: the newest
 * wish wins, and nobody can crowd out a hang-up.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/engine.h"

static uint64_t word_of(struct xc_command *command)
{
    return (uint64_t)(uintptr_t)command;
}

/* The queue has a place for the attachment of every slot beside XC_SHARD_SIGNALS_QUEUED signals (see
 * xc_shard_init), so that a put never fails. */
void xc_command_attach(struct xc_call *call)
{
    struct xc_shard *shard = call->shard;
    call->attach = (struct xc_command){.type = XC_COMMAND_ATTACH,
                                       .index = call->index,
                                       .generation = call->generation,
                                       .call = call};
    xc_mpsc_put(&shard->commands, word_of(&call->attach));
    xc_wake_if_sleeping(&shard->wake);
}

/* A place for one more signal; false when the call or its shard has too many. */
static bool reserve(struct xc_call *call)
{
    struct xc_shard *shard = call->shard;
    uint32_t of_call = atomic_fetch_add_explicit(&call->signals_queued, 1, memory_order_seq_cst);
    uint32_t of_all = atomic_fetch_add_explicit(&shard->signals_queued, 1, memory_order_seq_cst);
    return of_call < XC_CALL_SIGNALS_QUEUED &&
           of_all < XC_SHARD_SIGNALS_QUEUED(call->engine->slot_count);
}

static void give_back(struct xc_call *call)
{
    atomic_fetch_sub_explicit(&call->signals_queued, 1, memory_order_seq_cst);
    atomic_fetch_sub_explicit(&call->shard->signals_queued, 1, memory_order_seq_cst);
}

int32_t xc_command_post(struct xc_call *call, uint32_t type, uint32_t kind, const void *text,
                        size_t size)
{
    struct xc_command *command = NULL;
    bool room = reserve(call);
    if (room)
        command = malloc(sizeof *command + size + 1);
    if (!command) {
        give_back(call);
        return room ? XCALL_E_MEMORY : XCALL_E_LIMIT;
    }
    *command = (struct xc_command){.type = type,
                                   .index = call->index,
                                   .generation = call->generation,
                                   .kind = kind,
                                   .call = call,
                                   .size = size,
                                   .text = (char *)(command + 1)};
    if (size)
        memcpy(command->text, text, size);
    command->text[size] = '\0';
    xc_mpsc_put(&call->shard->commands, word_of(command));
    xc_wake_if_sleeping(&call->shard->wake);
    return XCALL_OK;
}

/* The names that are being asked for are those of candidates that will not be used: no datagram more. */
static void relay_only(struct xc_call *call, uint64_t now)
{
    xc_lookup_forget(call->shard, call);
    xc_session_relay_only(call->session, now);
}

static void run(struct xc_call *call, const struct xc_command *command, uint64_t now)
{
    struct xc_span text = xc_span_make(command->text, command->size);
    if (command->type == XC_COMMAND_DTMF)
        xc_session_send_dtmf(call->session, text, command->kind & 0xffff, command->kind >> 16);
    else if (command->type == XC_COMMAND_ICE_SERVERS)
        xc_session_set_ice_servers(call->session, now, call->relays,
                                   (const struct xc_ice_server *)(const void *)command->text,
                                   command->kind);
    else if (command->type == XC_COMMAND_RELAY_ONLY)
        relay_only(call, now);
    else
        xc_session_receive_signal(call->session, now, command->kind, text);
}

void xc_command_run(struct xc_shard *shard, struct xc_command *command, uint64_t now)
{
    struct xc_call *call = command->call;
    if (command->type == XC_COMMAND_ATTACH) {
        xc_shard_attach(shard, call, now);
        return; /* its memory is the call's */
    }
    atomic_fetch_sub_explicit(&shard->signals_queued, 1, memory_order_seq_cst);
    call = shard->calls[command->index]; /* NULL or another one when the signal's call has ended */
    if (call && call->generation == command->generation) {
        atomic_fetch_sub_explicit(&call->signals_queued, 1, memory_order_seq_cst);
        run(call, command, now);
        xc_shard_service(shard, call, now);
    }
    xc_wipe(command->text, command->size);
    free(command);
}

/* --- wishes ---------------------------------------------------------------------------------- */

void xc_command_want(struct xc_call *call, uint32_t set, uint32_t clear)
{
    uint32_t before = atomic_load_explicit(&call->wanted, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&call->wanted, &before, (before & ~clear) | set,
                                                  memory_order_seq_cst, memory_order_relaxed)) {
    }
    xc_shard_notify(call);
}

/* wanted: shifted so that this track's bits come first. */
static void follow_track(struct xc_call *call, uint32_t track, uint32_t wanted, uint64_t now)
{
    if (wanted & XC_WANT_MUTE)
        xc_session_set_mute(call->session, track, (wanted & XC_WANT_MUTE_ON) != 0);
    if (wanted & XC_WANT_KEY)
        xc_session_request_key(call->session, now, track);
    if (wanted & XC_WANT_DIRECTION)
        xc_session_set_direction(call->session, now, track, wanted / XC_WANT_DIRECTION_BIT & 3);
}

static void follow(struct xc_call *call, uint32_t wanted, uint64_t now)
{
    if (wanted & XC_WANT_HOLD)
        xc_session_set_hold(call->session, now, (wanted & XC_WANT_HOLD_ON) != 0);
    if (wanted & XC_WANT_RESTART_ICE)
        xc_session_restart_ice(call->session, now);
    for (uint32_t track = 1; track <= 1 + XC_VIDEOS; track++)
        follow_track(call, track, wanted / XC_WANT_TRACK >> (track - 1) * XC_WANT_TRACK_BITS, now);
    if (wanted & XC_WANT_HANG_UP)
        xc_session_hang_up(call->session, now, XCALL_END_HANG_UP);
}

void xc_command_follow(struct xc_call *call, uint64_t now)
{
    uint32_t wanted = atomic_exchange_explicit(&call->wanted, 0, memory_order_seq_cst);
    if (wanted)
        follow(call, wanted, now);
}
