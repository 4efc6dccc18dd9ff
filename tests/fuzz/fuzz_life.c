/* fuzz_life.c - any inputs at a desk, in any order and at any time: what is promised of each call holds.
 * Eight bytes an input: type, call, other call, flags, reason, rev, milliseconds (2).
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include "call/life.h"

#define CALLS 32

static struct {
    uint32_t state, starts, ends;
} told[CALLS];

static void take(const struct xcall_life_action *action)
{
    uint32_t call = action->call[0] - 1u;
    FUZZ_CHECK(call < CALLS && action->size == sizeof *action);
    FUZZ_CHECK(action->type >= XCALL_LIFE_SEND_INVITE && action->type <= XCALL_LIFE_TELL);
    if (action->type == XCALL_LIFE_START_MEDIA)
        FUZZ_CHECK(told[call].starts++ == told[call].ends);
    if (action->type == XCALL_LIFE_END_MEDIA)
        FUZZ_CHECK(++told[call].ends == told[call].starts);
    if (action->type != XCALL_LIFE_TELL)
        return;
    FUZZ_CHECK(action->state > XCALL_LIFE_IDLE && action->state < XCALL_LIFE_STATES);
    FUZZ_CHECK((action->state == XCALL_LIFE_ENDED) == (action->reason != XCALL_LIFE_END_NONE));
    /* An id may be used again when it was forgotten. */
    if (told[call].state == XCALL_LIFE_ENDED || told[call].state == XCALL_LIFE_IDLE)
        FUZZ_CHECK(action->state != XCALL_LIFE_ACTIVE && action->state != XCALL_LIFE_RINGING_OUT);
    told[call].state = action->state;
}

static struct xcall_life_input input_of(const uint8_t *data, uint64_t now_ms)
{
    static const char *const peers[] = {"alice", "bob", "carol", NULL, ""};
    struct xcall_life_input input = {.size = sizeof input,
                                     .type = data[0] % (XCALL_LIFE_INPUTS + 2),
                                     .now_ms = now_ms,
                                     .flags = data[3],
                                     .reason = data[4] & 31,
                                     .rev = data[5] & 63};
    input.call[0] = data[1] % (CALLS + 1);
    input.other[0] = data[2] % (CALLS + 1);
    input.peer = peers[data[1] / (CALLS + 1) % XC_ARRAY_LEN(peers)];
    input.ring_ms = (uint32_t)data[4] * data[5];
    return input;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct xc_desk desk;
    struct xcall_desk_config config;
    struct xcall_life_action action;
    uint64_t now_ms = 0;
    if (!size)
        return 0;
    memset(told, 0, sizeof told);
    xcall_desk_config_init(&config, sizeof config);
    config.flags = data[0] & 3;
    config.calls_max = 1 + (data[0] >> 2) % 16;
    config.tombstone_ms = data[0] & 128 ? 1000 : 120000;
    xc_desk_init(&desk, &config);
    for (size_t at = 1; at + 8 <= size; at += 8) {
        now_ms += (uint64_t)data[at + 6] << (data[at + 7] & 15);
        struct xcall_life_input input = input_of(data + at, now_ms);
        int32_t result = xc_desk_input(&desk, &input);
        FUZZ_CHECK(result == XCALL_OK || result == XCALL_E_STATE || result == XCALL_E_LIMIT ||
                   result == XCALL_E_INVALID);
        FUZZ_CHECK(desk.action_count < XC_DESK_ACTIONS_MAX);
        while (xc_desk_next_action(&desk, &action))
            take(&action);
        FUZZ_CHECK(xc_desk_calls(&desk, NULL, 0) <= config.calls_max);
        FUZZ_CHECK(result == XCALL_E_INVALID || xc_desk_deadline(&desk) > now_ms);
    }
    return 0;
}
