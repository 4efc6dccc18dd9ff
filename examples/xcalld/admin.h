/* admin.h - what the files of the admin command share: a parsed command line, and answers.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_ADMIN_H
#define XCALLD_ADMIN_H

#include <jansson.h>

#include "policy.h"
#include "store.h"

enum { DONE = 0, REFUSED = 1, BAD_USE = 2 };

enum { /* options; admin.c has their names */
       OPTION_STORE,
       OPTION_HELP,
       OPTION_VERIFIED,
       OPTION_PAID,
       OPTION_STATE,
       OPTION_REMOVE,
       OPTION_ALLOW,
       OPTION_CALLS,
       OPTION_ENHANCED,
       OPTION_SILENCE,
       OPTION_HIDE_BUSY,
       OPTION_QUIET,
       OPTION_ZONE,
       OPTION_ALL,
       OPTION_HOURS,
       OPTION_VIDEO,
       OPTION_YES,
       OPTION_REPLAY,
       OPTION_LAST,
       OPTION_DENIED,
       OPTION_INCLUDE,
       OPTION_EXCLUDE,
       OPTION_REVOKE,
       OPTION_COUNT,
};

struct admin {
    struct store *store;
    int64_t now;
    const char *words[3];              /* after the command; NULL: not given */
    const char *options[OPTION_COUNT]; /* NULL: not given; "": a switch that is */
};

/* A sentence on standard error; returns how. */
int admin_say(int how, const char *format, ...) __attribute__((format(printf, 2, 3)));
int admin_failed(struct admin *admin); /* the store did not work */
int admin_print(json_t *row);          /* one line; steals row */
/* A write is one transaction: begin with DONE, end with how it went. */
int admin_begin(struct admin *admin);
int admin_end(struct admin *admin, int how);
int admin_find(struct admin *admin, const char *name,
               struct account *account); /* DONE, or said why not */
/* on or off; unchanged where the option is not given. */
int admin_switch(const struct admin *admin, int option, bool *value);
int admin_number(const struct admin *admin, int option, int64_t min, int64_t max, int64_t *value);

typedef int admin_run(struct admin *admin);
admin_run admin_account, admin_token, admin_device, admin_follow, admin_contact, admin_block,
    admin_message, admin_settings, admin_export, admin_delete; /* admin_people.c */
admin_run admin_rollout, admin_policy, admin_explain, admin_audit,
    admin_backup; /* admin_service.c */

int admin_main(int argc, char **argv); /* argv[1]: the command */

#endif
