/* json_lines.h - the signals on stdin and stdout: JSON objects, one a line.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PEER_JSON_LINES_H
#define PEER_JSON_LINES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xcall/engine.h>

#define LINE_BYTES_MAX (1u << 20)

/* Collects what a descriptor gives and cuts it into lines. */
struct line_reader {
    char *bytes; /* owned */
    size_t length, capacity, scanned, used;
    bool ended; /* end of input was seen */
};

enum { LINE_NONE = 0, LINE_READY = 1, LINE_TOO_LONG = -1 };

/* Reads once from fd (which is readable, so it does not wait). */
int line_reader_fill(struct line_reader *reader, int fd);
/* The next whole line, NUL-terminated without its end; valid until the next call. An unfinished
 * last line counts as a line once the input has ended. */
int line_reader_next(struct line_reader *reader, char **line, size_t *length);
void line_reader_free(struct line_reader *reader);

enum {
    SIGNAL_IGNORED = 0,
    SIGNAL_OFFER,
    SIGNAL_ANSWER,
    SIGNAL_CANDIDATE,
    SIGNAL_HANG_UP,
    SIGNAL_DO,
    SIGNAL_DATA
};

/* Reads one line: SIGNAL_*, or -1 with a sentence in error. *object is the caller's. */
int signal_parse(const char *line, size_t length, json_t **object, char *error, size_t error_size);

/* Whether an SDP has a section of this media ("audio", "video") in which its owner sends,
 * receives. */
void sdp_directions(const char *sdp, const char *media, bool *sends, bool *receives);

/* Writes one line on stdout and flushes it; takes the object. */
void emit(json_t *object);
/* A description or candidate of the library's as a line; candidates get their type. */
void emit_signal(uint32_t kind, const char *text, size_t length);
void emit_state(const char *state, const char *reason);

#endif
