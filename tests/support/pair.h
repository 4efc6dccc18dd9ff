/* pair.h - two engines that call each other over loopback UDP, for tests: one thread carries the
 * signals of both and keeps the score of every call's events. With threads = 0 the engines are
 * stepped on a virtual clock; with threads the pump waits on both event descriptors.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TESTS_PAIR_H
#define XC_TESTS_PAIR_H

#include <stdbool.h>
#include <stdint.h>
#include <xcall/xcall.h>

struct pair_side {
    xcall_engine *engine;
    xcall_id call;
    uint32_t state;   /* of the newest STATE event */
    uint32_t ended;   /* ENDED events: must never pass 1 */
    uint32_t reason;  /* of the ENDED event */
    uint32_t late;    /* events of the call after ENDED: must stay 0 */
    uint32_t signals; /* taken from this side */
    uint32_t pictures;
    uint32_t remote; /* flags of the newest REMOTE event */
    int32_t carried; /* the first error that handing in a signal gave */
};

struct pair {
    struct pair_side side[2]; /* 0 offers, 1 answers */
    uint64_t now;             /* threads = 0 */
    bool stepped;
    bool cut[2]; /* signals of this side are thrown away */
    /* What a signal of side `from` becomes on its way; in place. NULL: nothing. */
    void (*alter)(int from, uint32_t kind, char *text, size_t *size, size_t capacity);
};

/* Engines on loopback. Returns the first error, and has then released what was made. */
int32_t pair_open(struct pair *pair, uint32_t threads, uint32_t calls_max);
/* One call a side; `video` asks for both media. */
int32_t pair_call(struct pair *pair, bool video);
/* As above with the host's own configuration, whose role is filled in. */
int32_t pair_call_with(struct pair *pair, const xcall_call_config *config);
/* Takes all events that are there, and carries signals; how many events. */
uint32_t pair_pump(struct pair *pair);
/* threads = 0: steps both engines to now + ns until neither has anything more to say. */
void pair_step(struct pair *pair, uint64_t ns);
/* Both sides in this state (or ended, with XCALL_STATE_ENDED) within the limit; steps or waits. */
bool pair_reach(struct pair *pair, uint32_t state, uint32_t limit_ms);
/* One turn of waiting or stepping, about a millisecond. */
void pair_turn(struct pair *pair);
void pair_unref(struct pair *pair);

#endif
