/* stop.c - see stop.h: a handler that writes into a pipe.
 *
 * SPDX-License-Identifier: MIT */
#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static int ends[2] = {-1, -1};

static void on_signal(int number)
{
    int saved = errno;
    char byte = (char)number;
    ssize_t ignored = write(ends[1], &byte, 1);
    (void)ignored;
    errno = saved;
}

int stop_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigset_t taken;
    if (pipe(ends) || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ||
        fcntl(ends[1], F_SETFL, O_NONBLOCK) < 0)
        return -1;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGTERM, &action, NULL) || sigaction(SIGINT, &action, NULL))
        return -1;
    action.sa_handler = SIG_IGN;
    if (sigaction(SIGPIPE, &action, NULL))
        return -1;
    sigemptyset(&taken);
    sigaddset(&taken, SIGTERM);
    sigaddset(&taken, SIGINT);
    return sigprocmask(SIG_UNBLOCK, &taken, NULL) ? -1 : ends[0];
}
