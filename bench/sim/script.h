/* script.h - what both hosts of a call do in mid-call, drawn from a seed: adding, removing and muting
 * video, a screen, hold, ICE restarts, directions; often both at once. The same seed gives the same
 * lines everywhere (a linear congruential generator and nothing else), so that simulated calls and
 * calls with browsers replay the same story.
 *
 *   x = x * 6364136223846793005 + 1442695040888963407 (mod 2^64), from the seed; two draws are thrown
 *   away first; draw(n) = (x >> 33) % n
 *   lines: 6 + draw(10). Each: gap by draw(4): 0: 0 ms, 1: draw(60), 2: draw(400), 3: draw(1500);
 *   side draw(2); action draw(16) of script_actions
 * SPDX-License-Identifier: MIT */
#ifndef SIM_SCRIPT_H
#define SIM_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#define SCRIPT_LINES_MAX 15
#define SCRIPT_ACTIONS 16

struct script_line {
    uint32_t at_ms; /* since both sides are connected */
    int side;       /* 0: a, the offerer; 1: b */
    int action;     /* index of script_actions */
};

struct script_action {
    const char *name;   /* as xcall-peer's "do" lines have it */
    uint32_t track;     /* 0: none; 1 audio, 2 video, 3 screen */
    uint32_t direction; /* XCALL_DIRECTION_*, where the action sets one */
};

extern const struct script_action script_actions[SCRIPT_ACTIONS];

/* How many lines, in the order of time. */
uint32_t script_make(uint64_t seed, struct script_line lines[SCRIPT_LINES_MAX]);

#endif
