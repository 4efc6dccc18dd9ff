/* xcall/base.h - version, errors, ids and the clock of libxcall.
 *
 * Conventions of every xcall header:
 *   - A function that can fail returns int32_t: 0 (or a count) on success, a negative XCALL_E_* on
 *     failure; out-parameters are untouched on failure.
 *   - A struct that may grow begins with `uint32_t size`; fill it by its xcall_*_init(&s, sizeof s).
 *     A library newer or older than this header then keeps working: an unknown tail is ignored, a
 *     missing tail takes its defaults.
 *   - Pointers handed in are borrowed for the call unless said otherwise.
 *   - Functions marked XCALL_REALTIME never allocate, lock or wait; the only system call that one of
 *     them may make is an 8-byte write to a non-blocking eventfd (the write functions do, when the
 *     engine's thread that they have work for sleeps).
 *   - Every function may be called from any thread; no thread needs to be registered. After fork()
 *     every function that takes an engine answers XCALL_E_FORKED in the child.
 *
 * SPDX-License-Identifier: MIT */
#ifndef XCALL_BASE_H
#define XCALL_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XCALL_VERSION_MAJOR 0
#define XCALL_VERSION_MINOR 1
#define XCALL_VERSION_PATCH 0
#define XCALL_ABI_VERSION 0 /* the soname's number */

#if defined(__GNUC__)
#define XCALL_API __attribute__((visibility("default")))
#else
#define XCALL_API
#endif
#define XCALL_REALTIME /* may be called by a real-time thread; see the conventions above */

/* Errors. Numbers are never reused. */
enum {
    XCALL_OK = 0,
    XCALL_E_INVALID = -1,      /* an argument is out of its range, or NULL where it must not be */
    XCALL_E_MEMORY = -2,       /* no memory */
    XCALL_E_LIMIT = -3,        /* a limit given at create is reached */
    XCALL_E_ENDED = -4,        /* the id's call is over, or never was */
    XCALL_E_BUSY = -5,         /* another thread is in the one-consumer part of this queue */
    XCALL_E_STATE = -6,        /* not possible in the present state */
    XCALL_E_TIMEOUT = -7,      /* nothing came within the time given */
    XCALL_E_CLOSED = -8,       /* the engine is closed */
    XCALL_E_FORKED = -9,       /* called in a child process of the one that made the engine */
    XCALL_E_UNSUPPORTED = -10, /* well formed, but not something that this library does (no function
                                  answers it today) */
    XCALL_E_SYSTEM = -11,      /* the operating system refused; the error text has its words */
    XCALL_E_AGAIN = -12,       /* nothing there now, or no room now: try again later */
    XCALL_E_TOO_SMALL = -13,   /* the memory handed in is too small; the needed size is returned */
    XCALL_E_VERSION = -14,     /* header and library do not fit together */
    XCALL_E_OVERFLOW = -15,    /* the host did not take its events (no function answers it today;
                                  the call's ENDED event says XCALL_END_OVERFLOW) */
    XCALL_E_SIGNAL = -16, /* a signal (offer, answer, candidate) is malformed or unacceptable */
};

/* Engine, call and track ids: never 0, never used twice within an engine. A track id names a track
 * of a call; where a function takes a track, the call's own id means its first fitting track. */
typedef uint64_t xcall_id;

/* Why a create, configure or signal function failed, in words. */
typedef struct xcall_error {
    uint32_t size;
    int32_t code;   /* XCALL_E_* */
    char text[256]; /* a sentence, UTF-8, NUL-terminated; empty on success */
} xcall_error;

XCALL_API void xcall_error_init(xcall_error *error, uint32_t size);

/* "XCALL_E_INVALID" and so on; "XCALL_E_UNKNOWN" for a number that is none. Static text. */
XCALL_API const char *xcall_error_name(int32_t code);
/* A sentence for the number. Static text. */
XCALL_API const char *xcall_error_text(int32_t code);

/* "0.1.0". */
XCALL_API const char *xcall_version(void);
XCALL_API uint32_t xcall_abi_version(void);
/* One line naming each library in use with its run-time version and the SRTP back end. Static. */
XCALL_API const char *xcall_dependency_versions(void);

/* The clock of capture times and traces: monotonic, in nanoseconds. Real-time. */
XCALL_REALTIME XCALL_API uint64_t xcall_now_ns(void);

#ifdef __cplusplus
}
#endif

#endif
