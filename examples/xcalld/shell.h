/* shell.h - the service thread: takes what has come in, hands it to the core in one batch, waits until
 * the core's next deadline or the next input. It owns the core and the store.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_SHELL_H
#define XCALLD_SHELL_H

#include "exchange.h"
#include "hash.h"
#include "options.h"
#include "push.h"
#include "store.h"

struct shell;
struct shell_parts {
    const struct options *options;
    struct exchange *exchange;
    struct hasher *hasher;
    struct pusher *pusher;
    struct store *store; /* the shell's from now on */
};

/* False: the core does not start (logged). */
struct shell *shell_start(const struct shell_parts *parts);
/* After INPUT_STOP, or a core that cannot go on. The store is closed then. */
void shell_join(struct shell *shell);
/* Any thread: the store works, the service is not draining, and its thread has come round lately. */
bool shell_ready(const struct shell *shell);
bool shell_alive(const struct shell *shell);

#endif
