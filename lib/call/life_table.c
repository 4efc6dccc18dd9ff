/* life_table.c - every state of a call and every input: what is done. A row an input, a column a state.
 *   -  nothing, and that is in order      !  XCALL_E_STATE      ~  stale news, counted
 * SPDX-License-Identifier: MIT */
#include "call/life_steps.h"

#define S(name) xc_life_##name
#define O S(nothing)
#define X S(refuse)
#define L S(stale)

/* clang-format off */
static xc_life_step *const table[XCALL_LIFE_INPUTS][XCALL_LIFE_STATES] = {
    /* input                      idle         calling          ringing_out      ringing_in  connecting       active           reconnecting     ended */
    [0] =                         {X,          X,               X,               X,          X,               X,               X,               X},
    [XCALL_LIFE_PLACE] =          {S(place),   X,               X,               X,          X,               X,               X,               X},
    [XCALL_LIFE_ALERTED] =        {X,          X,               X,               S(alerted), X,               X,               X,               X},
    [XCALL_LIFE_ACCEPT] =         {X,          X,               X,               S(accept),  X,               X,               X,               X},
    [XCALL_LIFE_DECLINE] =        {X,          X,               X,               S(decline), X,               X,               X,               X},
    [XCALL_LIFE_HANG_UP] =        {X,          S(cancel),       S(cancel),       S(decline), S(hang_up),      S(hang_up),      S(hang_up),      O},
    [XCALL_LIFE_HOLD] =           {X,          X,               X,               X,          S(hold),         S(hold),         S(hold),         X},
    [XCALL_LIFE_UNHOLD] =         {X,          X,               X,               X,          S(unhold),       S(unhold),       S(unhold),       X},
    [XCALL_LIFE_INCOMING] =       {S(incoming),L,               L,               L,          L,               L,               L,               L},
    [XCALL_LIFE_REMOTE_RINGING] = {L,          S(ringing),      L,               L,          L,               L,               L,               L},
    [XCALL_LIFE_REMOTE_ACCEPTED]= {L,          S(accepted),     S(accepted),     L,          L,               L,               L,               S(accepted_late)},
    [XCALL_LIFE_ACCEPT_TAKEN] =   {L,          L,               L,               L,          S(taken),        S(taken),        S(taken),        L},
    [XCALL_LIFE_REFUSED] =        {L,          S(refused),      S(refused),      L,          L,               L,               L,               L},
    [XCALL_LIFE_REMOTE_ENDED] =   {S(entomb),  S(ended),        S(ended),        S(ended),   S(ended),        S(ended),        S(ended),        L},
    [XCALL_LIFE_MERGED] =         {S(release), S(merged),       S(merged),       L,          L,               L,               L,               S(release)},
    [XCALL_LIFE_REMOTE_HOLD] =    {L,          L,               L,               L,          S(remote_hold),  S(remote_hold),  S(remote_hold),  L},
    [XCALL_LIFE_REMOTE_UNHOLD] =  {L,          L,               L,               L,          S(remote_unhold),S(remote_unhold),S(remote_unhold),L},
    [XCALL_LIFE_CARRIER_LOST] =   {O,          O,               O,               O,          O,               O,               O,               O},
    [XCALL_LIFE_CARRIER_BACK] =   {O,          S(catch_up),     O,               O,          O,               O,               S(restart),      O},
    [XCALL_LIFE_MEDIA_UP] =       {X,          X,               X,               X,          S(media_up),     O,               S(media_up),     O},
    [XCALL_LIFE_MEDIA_LOST] =     {X,          X,               X,               X,          O,               S(media_lost),   O,               O},
    [XCALL_LIFE_MEDIA_FAILED] =   {X,          S(media_failed), S(media_failed), X,          S(media_failed), S(media_failed), S(media_failed), O},
    [XCALL_LIFE_TIME] =           {O,          O,               O,               O,          O,               O,               O,               O},
};
/* clang-format on */

xc_life_step *xc_life_step_of(uint32_t state, uint32_t input)
{
    return table[input][state];
}
