/* life_steps.h - the steps of a call's life that are about this call alone.
 * SPDX-License-Identifier: MIT */
#ifndef XC_CALL_LIFE_STEPS_H
#define XC_CALL_LIFE_STEPS_H

#include "call/life_state.h"

xc_life_step xc_life_nothing; /* in order, and nothing changes */
xc_life_step xc_life_refuse;  /* a mistake of this side's host */
xc_life_step xc_life_alerted, xc_life_decline, xc_life_cancel, xc_life_hang_up, xc_life_hold;
xc_life_step xc_life_ringing, xc_life_accepted, xc_life_accepted_late, xc_life_taken,
    xc_life_refused, xc_life_ended, xc_life_entomb, xc_life_remote_hold, xc_life_remote_unhold;
xc_life_step xc_life_catch_up, xc_life_restart;
xc_life_step xc_life_media_up, xc_life_media_lost, xc_life_media_failed;

#endif
