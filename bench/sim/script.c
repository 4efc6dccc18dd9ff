/* script.c - see script.h. SPDX-License-Identifier: MIT */
#include "script.h"

const struct script_action script_actions[SCRIPT_ACTIONS] = {
    {"add-video", 2, 3},
    {"add-video", 2, 3},
    {"remove-video", 2, 0},
    {"mute", 2, 0},
    {"unmute", 2, 0},
    {"add-screen", 3, 2},
    {"remove-screen", 3, 0},
    {"hold", 0, 0},
    {"resume", 0, 0},
    {"resume", 0, 0},
    {"restart-ice", 0, 0},
    {"restart-ice", 0, 0},
    {"direction video send", 2, 2},
    {"direction video recv", 2, 1},
    {"direction audio recv", 1, 1},
    {"direction audio both", 1, 3},
};

static uint32_t draw(uint64_t *x, uint32_t n)
{
    *x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*x >> 33) % n;
}

uint32_t script_make(uint64_t seed, struct script_line lines[SCRIPT_LINES_MAX])
{
    static const uint32_t gaps[4] = {1, 60, 400, 1500};
    uint64_t x = seed;
    uint32_t at = 0;
    draw(&x, 1);
    draw(&x, 1);
    uint32_t count = 6 + draw(&x, 10);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t kind = draw(&x, 4);
        at += kind ? draw(&x, gaps[kind]) : 0;
        lines[i].at_ms = at;
        lines[i].side = (int)draw(&x, 2);
        lines[i].action = (int)draw(&x, SCRIPT_ACTIONS);
    }
    return count;
}
