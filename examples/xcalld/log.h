/* log.h - the structured log: one JSON object a line, to stderr or a file, written by a thread of its own
 * so that nobody waits for a disk or a pipe. Any thread may log.
 * Lines beyond the rate, or beyond what waits to be written, are counted and that is said.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_LOG_H
#define XCALLD_LOG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct log_options {
    const char *file; /* NULL: stderr */
    char level;       /* 'e', 'w', 'i', 'd': this one and what is worse */
    unsigned lines_per_second;
};

/* False: the file cannot be written (errno) or there is no thread. */
bool log_open(const struct log_options *options);
void log_reopen(void); /* soon: after the file was moved away */
void log_close(void);  /* what waits is written */
/* facts: an object, borrowed, or NULL. */
void log_event(char level, const char *event, json_t *facts);
/* Facts in the way of json_pack. */
void log_facts(char level, const char *event, const char *format, ...);
uint64_t log_lost(void);

#endif
