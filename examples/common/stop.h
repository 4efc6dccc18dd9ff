/* stop.h - SIGTERM and SIGINT as a descriptor of the event loop.
 *
 * SPDX-License-Identifier: MIT */
#ifndef COMMON_STOP_H
#define COMMON_STOP_H

/* The first thing that is done: from here on the two end the run in order. They may have come already
 * where the parent blocked them for that. Returns a descriptor with a byte to read for each, or -1 and
 * errno. SIGPIPE is ignored: the reader of stdout may go first. */
int stop_catch(void);

#endif
