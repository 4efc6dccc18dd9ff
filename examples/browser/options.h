/* options.h - the command line of browser-call.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BROWSER_OPTIONS_H
#define BROWSER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/options.h"

#define NAMES_MAX 8

struct options {
    char address[64]; /* to listen on, without brackets */
    bool ipv6, any;   /* any: all addresses of the machine */
    uint16_t port;    /* 0: one that is free */
    uint32_t calls;
    bool loopback; /* the calls may use loopback addresses */
    const char *bind, *audio_in;
    const char *names[NAMES_MAX]; /* host names under which the page may be opened */
    uint32_t names_count;
    uint32_t log_level;
};

/* What is wrong is said on stderr, the help on stdout. */
int options_parse(struct options *options, int argc, char **argv);

#endif
