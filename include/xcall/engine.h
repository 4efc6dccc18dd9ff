/* xcall/engine.h - the engine: create, close, events, stepping.
 *
 * An engine owns every thread, socket and byte that its calls use. Any number of engines may live in
 * a process.
 *
 *   create -> (calls, events, media) -> close -> unref
 *
 * close() ends all calls at once, from any thread, any number of times. After it no call is created
 * and nothing is posted (XCALL_E_CLOSED); a call that was ended by it answers XCALL_E_CLOSED, and
 * XCALL_E_ENDED once it was freed. The engine's memory goes with the last reference, released on any
 * thread.
 *
 * SPDX-License-Identifier: MIT */
#ifndef XCALL_ENGINE_H
#define XCALL_ENGINE_H

#include <xcall/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct xcall_engine xcall_engine;

enum {                            /* xcall_engine_config.flags */
       XCALL_ENGINE_LOOPBACK = 1, /* gather and use loopback addresses (RFC 8445 forbids them) */
};

enum { /* log levels */
       XCALL_LOG_NONE = 0,
       XCALL_LOG_ERROR = 1,
       XCALL_LOG_WARNING = 2,
       XCALL_LOG_INFO = 3,
       XCALL_LOG_DEBUG = 4, /* the only level that shows addresses and SDP */
};

typedef struct xcall_engine_config {
    uint32_t size;
    uint32_t flags;           /* XCALL_ENGINE_* */
    uint32_t threads;         /* shard threads, 0..64; default 1. 0: the host steps the engine */
    uint32_t codec_workers;   /* video codec threads, 2..64, an odd number is one less; default 2;
                                ignored when threads is 0 */
    uint32_t calls_max;       /* 1..65536; default 16 */
    uint32_t posted_max;      /* events of the host's own that may wait, 0..65536; default 64 */
    uint32_t log_level;       /* XCALL_LOG_*; default XCALL_LOG_WARNING */
    uint32_t clock_permille;  /* speed of the engine's clock against real time, 1..1000; default
                                1000. For load tests: media, timers and statistics all run at it */
    const char *bind_address; /* one address to use instead of all interfaces'; NULL: all */
    uint32_t port_min, port_max; /* UDP ports to use; default 0, 0: any */
} xcall_engine_config;

XCALL_API void xcall_engine_config_init(xcall_engine_config *config, uint32_t size);

/* Creates an engine with one reference, owned by the caller. error may be NULL. Waits for its
 * threads to start; makes a certificate (about a millisecond). Errors: INVALID, MEMORY, SYSTEM,
 * VERSION (a configuration that was not initialised). */
XCALL_API int32_t xcall_engine_create(const xcall_engine_config *config, xcall_engine **engine,
                                      xcall_error *error);
/* Ends every call and wakes a waiting consumer. Does not wait for the network. Idempotent. With
 * threads = 0 the calls end in the next xcall_engine_step. */
XCALL_API int32_t xcall_engine_close(xcall_engine *engine);
XCALL_API int32_t xcall_engine_ref(xcall_engine *engine);
/* Gives back one reference; the last one closes, joins the engine's threads and frees everything.
 * NULL is fine. In a forked child the memory is left alone. */
XCALL_API void xcall_engine_unref(xcall_engine *engine);

enum { /* xcall_event.type */
       XCALL_EVENT_NONE = 0,
       XCALL_EVENT_STATE = 1,   /* state; coalesced: only the newest is delivered */
       XCALL_EVENT_SIGNAL = 2,  /* signal_kind, text: carry it to the peer */
       XCALL_EVENT_ENDED = 3,   /* reason; the last event of a call, exactly once */
       XCALL_EVENT_PICTURE = 4, /* track: a picture is due; xcall_video_read() it. Coalesced */
       XCALL_EVENT_REMOTE = 5,  /* flags: the peer's hold state changed. Coalesced */
       XCALL_EVENT_LOG = 6,     /* level, text */
       XCALL_EVENT_POSTED = 7,  /* code, text, user: from xcall_engine_post_event */
       XCALL_EVENT_TRACK = 8, /* track; flags: XCALL_DIRECTION_* that both sides agreed on, as seen
                                   from here, holds counted. Coalesced */
       XCALL_EVENT_CHANNEL = 9, /* channel, state XCALL_CHANNEL_OPEN or CLOSED; flags; of a channel
                                   that the peer opened, its text (the label) and protocol */
       XCALL_EVENT_MESSAGE =
           10, /* channel, flags XCALL_MESSAGE_*, data; text too when it is TEXT */
       XCALL_EVENT_BUFFERED_LOW = 11, /* channel: there is room, or its threshold was reached */
       XCALL_EVENT_LIBRARY = 0x100,   /* from here on: of a library above this one, from
                                       xcall_engine_post (xcall/client.h has its own) */
};

enum { /* xcall_event.state */
       XCALL_STATE_NEW = 0,
       XCALL_STATE_CONNECTING = 1,
       XCALL_STATE_CONNECTED = 2,    /* keys verified, media may flow */
       XCALL_STATE_RECONNECTING = 3, /* the peer has not answered for a while; still trying */
       XCALL_STATE_ENDED = 4,
};

enum { /* xcall_event.reason: why a call ended */
       XCALL_END_NONE = 0,
       XCALL_END_HANG_UP = 1,         /* by this side */
       XCALL_END_REMOTE_HANG_UP = 2,  /* by the peer */
       XCALL_END_CONNECT_FAILED = 3,  /* no path to the peer within the time */
       XCALL_END_CONNECTION_LOST = 4, /* consent of the peer expired (RFC 7675) */
       XCALL_END_SECURITY = 5,    /* certificate and fingerprint differ, or the handshake failed */
       XCALL_END_NEGOTIATION = 6, /* nothing in common, or a bad description */
       XCALL_END_OVERFLOW = 7,    /* the host did not take its signals */
       XCALL_END_CLOSED = 8,      /* the engine was closed */
       XCALL_END_FAILED = 9,      /* something inside failed: memory, codec */
       XCALL_END_RELAY_UNAVAILABLE = 10, /* the call must be relayed and no relay can be had */
};

enum {                                     /* xcall_event.signal_kind, xcall_call_receive_signal */
       XCALL_SIGNAL_OFFER = 1,             /* {"type":"offer","sdp":"..."} */
       XCALL_SIGNAL_ANSWER = 2,            /* {"type":"answer","sdp":"..."} */
       XCALL_SIGNAL_CANDIDATE = 3,         /* {"candidate":"...","sdpMid":"0",...} */
       XCALL_SIGNAL_END_OF_CANDIDATES = 4, /* {"candidate":"","sdpMid":"0",...} */
       XCALL_SIGNAL_BYE = 5,               /* {"type":"bye"} */
};

enum {                        /* xcall_event.flags of XCALL_EVENT_REMOTE */
       XCALL_REMOTE_HOLD = 1, /* the peer put the call on hold */
};

typedef struct xcall_event {
    uint32_t size;
    uint32_t type;        /* XCALL_EVENT_* */
    xcall_id call;        /* 0 for events that belong to no call */
    xcall_id track;       /* 0 or the track concerned */
    uint64_t user;        /* the call's user value, or the posted one */
    uint64_t time_ns;     /* when it happened, clock of xcall_now_ns() */
    uint32_t state;       /* XCALL_STATE_* */
    uint32_t reason;      /* XCALL_END_* */
    uint32_t signal_kind; /* XCALL_SIGNAL_* */
    uint32_t flags;       /* XCALL_REMOTE_* or XCALL_DIRECTION_* */
    uint32_t level;       /* XCALL_LOG_* */
    int32_t code;
    const char *text;     /* UTF-8, NUL-terminated; lives until the next call on this queue */
    size_t text_length;   /* without the NUL */
    xcall_id channel;     /* 0 or the data channel concerned */
    const uint8_t *data;  /* of a message, with a NUL behind it; lives as long as text */
    size_t data_length;   /* without the NUL */
    const char *protocol; /* of a channel that the peer opened; lives as long as text, or NULL */
    xcall_id media;       /* of events from a library above: the call that it is about, or 0 */
} xcall_event;

XCALL_API void xcall_event_init(xcall_event *event, uint32_t size);

/* Takes the oldest event. timeout_ms: 0 returns at once, -1 waits without end. One consumer at a
 * time. After XCALL_EVENT_ENDED was taken, statistics, traces and encoded frames of that call may
 * still be read until the next call of this function, which frees the call. Errors: TIMEOUT, BUSY,
 * CLOSED (when closed and all events are taken), INVALID, FORKED. */
XCALL_API int32_t xcall_engine_next_event(xcall_engine *engine, xcall_event *event,
                                          int32_t timeout_ms);
/* A descriptor that is readable while events wait (for select, poll and loops); owned by the engine.
 * With threads = 0 it is also readable when the engine wants to be stepped. Negative: an error. */
XCALL_API int32_t xcall_engine_event_fd(xcall_engine *engine);
/* Ends a wait in xcall_engine_next_event, which then answers XCALL_E_TIMEOUT; where nobody waits, it
 * is the next wait that ends at once. */
XCALL_API int32_t xcall_engine_wake(xcall_engine *engine);
/* Puts an event of the host's own (type POSTED) into the queue; text is copied (at most 1023 bytes).
 * Errors: LIMIT when posted_max wait already, INVALID (a longer text), MEMORY, CLOSED. */
XCALL_API int32_t xcall_engine_post_event(xcall_engine *engine, xcall_id call, int32_t code,
                                          uint64_t user, const char *text, size_t text_length);
/* Puts an event of a library above this one into the queue: its type is XCALL_EVENT_LIBRARY or more, time_ns
 * is set here, text (at most 65535 bytes) and protocol (at most 255) are copied, data is not taken.
 * Any thread. Errors: LIMIT when posted_max wait already, INVALID, MEMORY, CLOSED. */
XCALL_API int32_t xcall_engine_post(xcall_engine *engine, const xcall_event *event);

/* threads = 0 only: runs everything that is due at now_ns, which never goes back and which is the
 * engine's clock from then on; it begins at xcall_now_ns() at create or later, and may run at any
 * speed (an earlier time counts as that one). *deadline_ns: step again then, or when the event descriptor is
 * readable, or after a media or call function; UINT64_MAX: only then. Go on after close until
 * xcall_engine_next_event answers CLOSED. Errors: STATE (engine with threads), BUSY (another thread
 * steps). */
XCALL_API int32_t xcall_engine_step(xcall_engine *engine, uint64_t now_ns, uint64_t *deadline_ns);

#ifdef __cplusplus
}
#endif

#endif
