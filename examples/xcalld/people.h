/* people.h - what people.c and messages.c share: the other account of a request, and the handlers of
 * messages.c. Service thread.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_PEOPLE_H
#define XCALLD_PEOPLE_H

#include "session.h"

/* The account that a member names, not the request's own; else the request is answered and false. */
bool other_account(struct request *request, const char *member, struct account *account);

handler message_send, message_list, message_accept, message_chats, message_read, settings_get,
    settings_set;

#endif
