/* call.c - a call's memory and sockets, all taken here, on the host's thread, before the shard sees
 * it; and given back here when the shard and every pin have let go.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/engine.h"
#include "io/interfaces.h"
#include "io/memory.h"
#include "io/random.h"

static void close_sockets(struct xc_call *call)
{
    for (uint32_t i = 0; i < call->socket_count; i++)
        xc_udp_close(call->sockets[i].fd);
    call->socket_count = 0;
}

void xc_call_destroy(struct xc_call *call)
{
    if (!call)
        return;
    xc_session_destroy(call->session);
    xc_data_destroy(call->data);
    close_sockets(call);
    xc_memory_unmap(call->memory, call->memory_size);
    if (!call->relays_left)
        free(call->relays); /* wiped by the session */
    free(call);
}

void xc_call_populate(const struct xc_call *call, uint32_t track)
{
    const struct xc_span *memory = &call->roads.memory[track - 1];
    xc_memory_populate(memory->data, memory->size);
    if (track == XCALL_KIND_AUDIO)
        return;
    struct xc_span received =
        xc_video_recv_memory(call->roads.video_recv[track - XCALL_KIND_VIDEO]);
    xc_memory_populate(received.data, received.size);
}

static bool open_sockets(struct xcall_engine *engine, struct xc_call *call)
{
    struct xc_addr list[XC_CALL_SOCKETS_MAX];
    size_t count = 1;
    bool any = engine->bound && xc_addr_is_any(&engine->bind_addr); /* all of that family */
    if (engine->bound && !any)
        list[0] = engine->bind_addr;
    else
        count = xc_interfaces_list(list, XC_ARRAY_LEN(list),
                                   (engine->config.flags & XCALL_ENGINE_LOOPBACK) != 0);
    for (size_t i = 0; i < count; i++) {
        if (any && list[i].family != engine->bind_addr.family)
            continue;
        struct xc_socket *to = &call->sockets[call->socket_count];
        to->fd = xc_udp_open(&list[i], engine->config.port_min, engine->config.port_max, &to->addr);
        if (to->fd >= 0)
            call->socket_count++;
    }
    return call->socket_count > 0;
}

/* What the call itself keeps, behind the session in the same memory. */
static bool lay_out(struct xc_call *call, struct xc_arena *arena,
                    const struct xcall_call_config *config)
{
    uint32_t traces = xc_power_of_two(config->trace_frames);
    struct xc_byte_ring signals_probe;
    struct xc_cell stats_probe;
    struct xc_ring ring_probe;
    bool measuring = xc_arena_measuring(arena);
    call->signals = xc_arena_take(arena, sizeof *call->signals);
    call->stats = xc_arena_take(arena, sizeof *call->stats);
    bool ok =
        xc_byte_ring_init_untouched(measuring ? &signals_probe : call->signals, arena,
                                    XC_CALL_SIGNALS_SIZE) &&
        xc_cell_init(measuring ? &stats_probe : call->stats, arena, sizeof(struct xcall_stats));
    if (config->data_channels) {
        call->data = xc_data_create(arena, call);
        ok = ok && (call->data || measuring);
    }
    if (!config->trace_frames)
        return ok;
    call->played = xc_arena_take(arena, sizeof *call->played);
    call->delivered = xc_arena_take(arena, sizeof *call->delivered);
    return ok &&
           xc_ring_init(measuring ? &ring_probe : call->played, arena,
                        sizeof(struct xcall_frame_trace), traces) &&
           xc_ring_init(measuring ? &ring_probe : call->delivered, arena,
                        sizeof(struct xcall_frame_trace), traces);
}

static bool create_session(struct xc_call *call, const struct xc_session_config *config,
                           uint64_t now)
{
    struct xc_arena arena = {0};
    xc_session_create(&arena, config, now); /* measures */
    lay_out(call, &arena, config->call);
    call->memory_size = arena.used;
    call->memory = xc_memory_map(call->memory_size);
    if (!call->memory)
        return false;
    arena = (struct xc_arena){.memory = call->memory, .capacity = call->memory_size, .fresh = true};
    call->session = xc_session_create(&arena, config, now);
    if (!call->session || !lay_out(call, &arena, config->call))
        return false;
    call->roads = *xc_session_roads(call->session);
    return true;
}

static void note_server(struct xc_call *call, const struct xc_ice_server *server, bool *full)
{
    for (uint32_t i = 0; i < call->server_count; i++)
        if (call->servers[i].turn == server->turn &&
            xc_addr_equal(&call->servers[i].addr, &server->addr))
            return;
    *full = call->server_count == XC_ICE_SERVERS_MAX;
    if (*full)
        return;
    call->servers[call->server_count].turn = server->turn;
    call->servers[call->server_count++].addr = server->addr;
}

/* The session's memory for servers is taken with the first of them, here, on the host's thread. */
static int32_t note_servers(struct xc_call *call, const struct xc_ice_server *servers,
                            uint32_t count, const char **words)
{
    uint32_t before = call->server_count;
    bool full = false;
    if (count && !call->relays)
        call->relays = calloc(1, sizeof *call->relays);
    if (count && !call->relays) {
        *words = "there is no memory for the ICE servers";
        return XCALL_E_MEMORY;
    }
    for (uint32_t i = 0; i < count && !full; i++)
        note_server(call, &servers[i], &full);
    if (!full)
        return XCALL_OK;
    call->server_count = before;
    *words = "a call has at most 8 ICE servers";
    return XCALL_E_LIMIT;
}

int32_t xc_call_set_ice_servers(struct xc_call *call, const struct xc_ice_server *servers,
                                uint32_t count, const char **words)
{
    xc_lock_take(&call->engine->control);
    uint32_t before = call->server_count;
    int32_t result = note_servers(call, servers, count, words);
    if (result == XCALL_OK) { /* under the lock: in the order in which they were counted */
        result =
            xc_command_post(call, XC_COMMAND_ICE_SERVERS, count, servers, count * sizeof *servers);
        if (result != XCALL_OK) {
            call->server_count = before;
            *words = "too much waits for the engine's thread, or there is no memory";
        }
    }
    xc_lock_give(&call->engine->control);
    return result;
}

static int32_t fill(struct xcall_engine *engine, struct xc_call *call,
                    const struct xcall_call_config *config, const struct xc_ice_server *servers,
                    const char **words)
{
    struct xc_session_config session = {.call = config,
                                        .allow_loopback =
                                            (engine->config.flags & XCALL_ENGINE_LOOPBACK) != 0,
                                        .identity = engine->identity,
                                        .audio_codec = &xc_opus,
                                        .video_codecs = xc_vpx_codecs,
                                        .unix_epoch = engine->unix_epoch,
                                        .scratch = call->shard->scratch,
                                        .clock = engine->config.threads ? xc_engine_clock : NULL,
                                        .clock_context = engine};
    if (!xc_random_bytes(session.seed, sizeof session.seed) ||
        !xc_random_bytes(&session.codec_seed, sizeof session.codec_seed)) {
        *words = "the system gave no random bytes";
        return XCALL_E_SYSTEM;
    }
    bool created = create_session(call, &session, xc_engine_now(engine));
    xc_wipe(session.seed, sizeof session.seed);
    if (!created) {
        *words = "there is no memory for the call";
        return XCALL_E_MEMORY;
    }
    if (!open_sockets(engine, call)) {
        *words = "no UDP socket could be opened on any address of this machine";
        return XCALL_E_SYSTEM;
    }
    uint32_t usable = 0;
    for (uint32_t i = 0; i < call->socket_count; i++)
        usable +=
            xc_session_add_local(call->session, &call->sockets[i].addr, (uint16_t)(65535 - i));
    if (usable) {
        int32_t result = note_servers(call, servers, config->ice_server_count, words);
        if (result == XCALL_OK)
            xc_session_set_ice_servers(call->session, xc_engine_now(engine), call->relays, servers,
                                       config->ice_server_count);
        return result;
    }
    *words = "no address may be used: a loopback address needs XCALL_ENGINE_LOOPBACK";
    return XCALL_E_SYSTEM;
}

static int32_t reserve(struct xcall_engine *engine, struct xc_call *call, const char **words)
{
    xc_lock_take(&engine->control);
    bool ok = xc_slots_take(engine, &call->index, &call->generation);
    if (ok)
        engine->slots[call->index].call = call; /* taken; not yet to be pinned */
    xc_lock_give(&engine->control);
    if (ok)
        return XCALL_OK;
    *words = "the engine has as many calls as calls_max allows";
    return XCALL_E_LIMIT;
}

int32_t xc_call_create(struct xcall_engine *engine, const struct xcall_call_config *config,
                       const struct xc_ice_server *servers, xcall_id *id, const char **words)
{
    struct xc_call *call = aligned_alloc(XC_CACHE_LINE, (sizeof *call + XC_CACHE_LINE - 1) &
                                                            ~(size_t)(XC_CACHE_LINE - 1));
    if (!call) {
        *words = "there is no memory for the call";
        return XCALL_E_MEMORY;
    }
    memset(call, 0, sizeof *call);
    call->engine = engine;
    call->user = config->user;
    call->config = *config;
    call->config.ice_servers = NULL; /* borrowed */
    call->heap_at = UINT32_MAX;
    int32_t result = reserve(engine, call, words);
    if (result != XCALL_OK) {
        free(call);
        return result;
    }
    call->shard = &engine->shards[call->index % engine->shard_count];
    if (config->data_channels)
        result = xc_data_start(engine, words);
    if (result == XCALL_OK)
        result = fill(engine, call, &call->config, servers, words);
    xc_lock_take(&engine->control);
    if (result == XCALL_OK)
        xc_slots_publish(engine, call);
    else
        xc_slots_return(engine, call->index);
    xc_lock_give(&engine->control);
    if (result != XCALL_OK) {
        xc_call_destroy(call);
        return result;
    }
    /* From here on the shard owns it: this thread only has its pin. */
    *id = xc_call_id(call);
    xc_command_attach(call);
    xc_slot_unpin(call);
    return XCALL_OK;
}
