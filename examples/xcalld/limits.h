/* limits.h - token buckets, in memory, bounded, persisted every 10 s so that a restart refills nothing
 * (docs/security.md, abuse 2 to 5, 8, 9, 21, 24). Service thread.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_LIMITS_H
#define XCALLD_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "store.h"

enum { /* what is counted; sizes and refills are policy values of the same names, see policy.c */
       LIMIT_CALLS_ACCOUNT, /* invites an account */
       LIMIT_CALLS_DEVICE,
       LIMIT_CALLS_ADDRESS, /* by /24 or /48 */
       LIMIT_CALLEES,       /* distinct new callees an account a day */
       LIMIT_PAIR,          /* rings of a pair (caller, callee) */
       LIMIT_PAIR_DAY,      /* unanswered ones */
       LIMIT_STRANGERS,     /* incoming rings of strangers a callee */
       LIMIT_CANCELS,       /* invite and cancel, an account */
       LIMIT_CAN_CALL,
       LIMIT_MESSAGES,
       LIMIT_FRAMES, /* all frames a device */
       LIMIT_SIGN_IN_ADDRESS,
       LIMIT_SIGN_IN_ACCOUNT, /* (account, /24 or /48), so that nobody else's tries count; or (account,
                               * device) of who is signed in and says the password again */
       LIMIT_SIGN_UP_ADDRESS,
       LIMIT_TURN, /* credentials an account */
       LIMIT_REPORTS,
       LIMIT_CONNECTIONS,         /* new ones an address */
       LIMIT_SIGN_IN_ACCOUNT_ALL, /* from all addresses together: much more */
       LIMIT_COUNT,
       LIMIT_REPORT_PAIR = LIMIT_COUNT, /* no policy: one report a day of a reporter and reported */
       LIMIT_KINDS,
};

struct limits;
struct limit_size {
    double size, per_s;
}; /* tokens; 0 size: no limit */

struct limits *limits_create(struct store *store, int64_t now);
void limits_destroy(struct limits *limits);
void limits_set(struct limits *limits, int kind, struct limit_size size); /* as policy says */
/* a and b name who: account ids, a network's hash, (caller, callee) ... */
bool limit_there(struct limits *limits, int kind, int64_t a, int64_t b, int64_t now,
                 int64_t *retry_ms); /* would one fit? takes nothing */
bool limit_take(struct limits *limits, int kind, int64_t a, int64_t b, int64_t now,
                int64_t *retry_ms);
void limit_take_many(struct limits *limits, int kind, int64_t a, int64_t b, int64_t now,
                     double count);                  /* below 0 too: a penalty */
int limits_save(struct limits *limits, int64_t now); /* every 10 s */
int64_t limit_network(const uint8_t address[16]);    /* /24 or /48 as a number */
/* What was taken since the mark is given back, as far as it is noted; limits_keep: for good. */
size_t limits_mark(const struct limits *limits);
void limits_undo(struct limits *limits, size_t mark);
void limits_keep(struct limits *limits);
void limits_not_saved(struct limits *limits);     /* the batch of the last save was rolled back */
size_t limits_count(const struct limits *limits); /* buckets that are not full */

#endif
