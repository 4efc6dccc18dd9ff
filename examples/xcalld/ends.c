/* ends.c - see ends.h.
 * SPDX-License-Identifier: MIT */
#include "ends.h"

#include <string.h>
#include <xcall/life.h>

static const char *const end_names[] = {
    [XCALL_LIFE_END_NONE] = "",
    [XCALL_LIFE_END_HANGUP] = "hangup",
    [XCALL_LIFE_END_CANCELLED] = "cancelled",
    [XCALL_LIFE_END_DECLINED] = "declined",
    [XCALL_LIFE_END_BUSY] = "busy",
    [XCALL_LIFE_END_NO_ANSWER] = "no_answer",
    [XCALL_LIFE_END_UNREACHABLE] = "unreachable",
    [XCALL_LIFE_END_ANSWERED_ELSEWHERE] = "answered_elsewhere",
    [XCALL_LIFE_END_DECLINED_ELSEWHERE] = "declined_elsewhere",
    [XCALL_LIFE_END_MERGED] = "merged",
    [XCALL_LIFE_END_DENIED] = "denied",
    [XCALL_LIFE_END_PERM_REVOKED] = "perm_revoked",
    [XCALL_LIFE_END_BLOCKED] = "blocked",
    [XCALL_LIFE_END_FAILED_CONNECT] = "failed_connect",
    [XCALL_LIFE_END_MEDIA_LOST] = "media_lost",
    [XCALL_LIFE_END_SIGNAL_LOST] = "signal_lost",
    [XCALL_LIFE_END_SERVER_RESTART] = "server_restart",
    [XCALL_LIFE_END_SUPERSEDED] = "superseded",
    [XCALL_LIFE_END_UNSUPPORTED] = "unsupported",
    [XCALL_LIFE_END_SECURITY] = "security",
    [XCALL_LIFE_END_RELAY_UNAVAILABLE] = "relay_unavailable",
};
#define END_NAMES (sizeof end_names / sizeof end_names[0])

const char *end_name(uint32_t end)
{
    return end < END_NAMES ? end_names[end] : "unknown";
}

uint32_t end_of_name(const char *name)
{
    for (uint32_t end = 1; end < END_NAMES; end++) {
        if (strcmp(end_names[end], name) == 0)
            return end;
    }
    return XCALL_LIFE_END_NONE;
}

uint32_t end_seen(uint32_t end, bool by_caller_side, bool was_accepted)
{
    switch (end) {
    case XCALL_LIFE_END_BLOCKED:
    case XCALL_LIFE_END_PERM_REVOKED:
    case XCALL_LIFE_END_DENIED:
        if (was_accepted)
            return XCALL_LIFE_END_HANGUP;
        return by_caller_side ? XCALL_LIFE_END_NO_ANSWER : XCALL_LIFE_END_CANCELLED;
    case XCALL_LIFE_END_UNREACHABLE:
        return XCALL_LIFE_END_NO_ANSWER;
    case XCALL_LIFE_END_UNSUPPORTED:
        return by_caller_side && !was_accepted ? XCALL_LIFE_END_NO_ANSWER : end;
    case XCALL_LIFE_END_SUPERSEDED:
        return by_caller_side || was_accepted ? end : XCALL_LIFE_END_CANCELLED;
    case XCALL_LIFE_END_MERGED:
        return XCALL_LIFE_END_SUPERSEDED;
    case XCALL_LIFE_END_SECURITY:
        return XCALL_LIFE_END_HANGUP;
    case XCALL_LIFE_END_RELAY_UNAVAILABLE:
    case XCALL_LIFE_END_SERVER_RESTART:
        return XCALL_LIFE_END_FAILED_CONNECT;
    default:
        return end;
    }
}
