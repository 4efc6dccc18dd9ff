/* data.h - the data thread: one a process, which owns all of usrsctp, and the data of each call that was
 * created with data channels. It starts with the first such call, and ends with the last engine that
 * had one; usrsctp itself stays initialised, with one idle thread of its own, until the process ends.
 *
 *   host:   lock, machine (call/channels.h), unlock, xc_data_notify
 *   shard:  packets through the port (call/data_port.h), xc_data_notify; never the lock
 *   reader: records (the one consumer of the engine's events), xc_data_taken
 *
 * With threads = 0 the data thread runs all the same; it wakes the engine's descriptor. It follows the
 * real clock, whatever the engine's is.
 * SPDX-License-Identifier: MIT */
#ifndef XC_ENGINE_DATA_H
#define XC_ENGINE_DATA_H

#include "call/channels.h"
#include "call/data_port.h"
#include "io/thread.h"

struct xcall_engine;
struct xc_call;
struct xc_sctp;

struct xc_data {
    struct xc_call *call;
    struct xc_data_port *port; /* of the session */
    struct xc_lock lock;       /* of the machine */
    struct xc_channels *channels;
    /* between threads */
    _Atomic uint32_t
        notified; /* it stands in the thread's list, or is about to; at the end for good */
    _Atomic uint32_t stalled; /* the thread waits for the reader to make room */
    struct xc_data *next_notified;
    /* data thread */
    struct xc_sctp *sctp;
    struct xc_data *next_work, *next_live, **live_link;
    bool in_work;   /* in the list of those that have something to do */
    bool ready;     /* SCTP has something for us, or room */
    bool wrote;     /* packets for the shard */
    bool retry;     /* SCTP could not do it now: at the next tick */
    bool releasing; /* ended, but still in the list of those notified */
    uint32_t hold;  /* packets of the peer to wait for before a refused message is tried again */
    uint64_t packets_lost; /* no room towards the shard */
};

/* Of the engine's first call with data; then nothing. XCALL_OK or an error with its sentence. */
int32_t xc_data_start(struct xcall_engine *engine, const char **words);
/* When the engine's calls are gone; waits for the thread when this engine was its last. */
void xc_data_stop(struct xcall_engine *engine);
/* All threads of the engine are gone: ends what is left, and waits until the thread has let go. */
void xc_data_end_all(struct xcall_engine *engine);

/* A call's data from the arena; NULL when measuring or out of room. */
struct xc_data *xc_data_create(struct xc_arena *arena, struct xc_call *call);
void xc_data_destroy(struct xc_data *data); /* NULL is fine */
/* Any thread that pins the call, and the shard: there is something to do. Real-time. */
void xc_data_notify(struct xc_data *data);
/* Shard: the call is over. The thread lets go of it, and of its pin, soon. NULL is fine. */
void xc_data_end(struct xc_data *data);

/* Host threads that pin the call; each is the machine's function under the lock. */
int32_t xc_data_open(struct xc_data *data, const struct xc_channel_options *options, uint64_t *id);
int32_t xc_data_send(struct xc_data *data, uint64_t id, bool text, struct xc_span message);
int32_t xc_data_close(struct xc_data *data, uint64_t id);
int32_t xc_data_set_low(struct xc_data *data, uint64_t id, uint64_t threshold);
int32_t xc_data_info(struct xc_data *data, uint64_t id, struct xc_channel_info *info);

uint64_t xc_data_serial(struct xcall_engine *engine); /* of a new channel: never twice */

/* Reader: the head of the next record, false when there is none; then its texts (with a NUL behind each)
 * are read from xc_channels_records, and xc_data_taken is called. */
bool xc_data_peek(struct xc_data *data, struct xc_channel_record *record);
void xc_data_taken(struct xc_data *data);

/* Channel ids: serial (36 bits), slot (10), call index (17), below a bit that no call's id has. */
#define XC_CHANNEL_ID_BIT (UINT64_C(1) << 63)
#define XC_CHANNEL_SERIAL_MAX ((UINT64_C(1) << 36) - 1)
static inline uint64_t xc_channel_id(uint32_t call_index, uint32_t slot, uint64_t serial)
{
    return XC_CHANNEL_ID_BIT | serial << 27 | (uint64_t)slot << 17 | call_index;
}

static inline uint32_t xc_channel_id_call(uint64_t id)
{
    return (uint32_t)(id & 0x1ffff);
}

#endif
