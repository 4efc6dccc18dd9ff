/* json_lines.c - the signals on stdin and stdout: JSON objects, one a line.
 *
 * What the library calls a signal is the W3C JSON of a description or candidate; on the line a
 * candidate also says "type":"candidate" and the end of the call is {"type":"hangup"}.
 *
 * SPDX-License-Identifier: MIT */
#include "json_lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES 65536

int line_reader_fill(struct line_reader *reader, int fd)
{
    if (reader->used) {
        memmove(reader->bytes, reader->bytes + reader->used, reader->length - reader->used);
        reader->length -= reader->used;
        reader->scanned = reader->used = 0;
    }
    if (reader->capacity - reader->length <= READ_BYTES) {
        size_t capacity = reader->length + 2 * READ_BYTES;
        char *bytes = realloc(reader->bytes, capacity + 1);
        if (!bytes)
            return -1;
        reader->bytes = bytes;
        reader->capacity = capacity;
    }
    ssize_t got = read(fd, reader->bytes + reader->length, READ_BYTES);
    if (got > 0)
        reader->length += (size_t)got;
    else if (got == 0 || (errno != EINTR && errno != EAGAIN))
        reader->ended = true;
    return 0;
}

int line_reader_next(struct line_reader *reader, char **line, size_t *length)
{
    char *end = NULL;
    if (reader->length > reader->scanned)
        end = memchr(reader->bytes + reader->scanned, '\n', reader->length - reader->scanned);
    if (!end) {
        reader->scanned = reader->length;
        if (reader->length - reader->used > LINE_BYTES_MAX)
            return LINE_TOO_LONG;
        if (!reader->ended || reader->length == reader->used)
            return LINE_NONE;
        end = reader->bytes + reader->length;
    }
    *end = '\0';
    *line = reader->bytes + reader->used;
    *length = (size_t)(end - *line);
    size_t next = (size_t)(end - reader->bytes) + 1;
    reader->used = reader->scanned = next < reader->length ? next : reader->length;
    return LINE_READY;
}

void line_reader_free(struct line_reader *reader)
{
    free(reader->bytes);
    memset(reader, 0, sizeof *reader);
}

static int signal_kind(json_t *object, char *error, size_t error_size)
{
    static const struct {
        const char *type, *member;
        int kind;
    } kinds[] = {{"offer", "sdp", SIGNAL_OFFER},
                 {"answer", "sdp", SIGNAL_ANSWER},
                 {"candidate", "candidate", SIGNAL_CANDIDATE},
                 {"hangup", NULL, SIGNAL_HANG_UP},
                 {"do", "action", SIGNAL_DO},
                 {"data", "label", SIGNAL_DATA}};
    const char *type = json_string_value(json_object_get(object, "type"));
    if (!type) {
        snprintf(error, error_size, "it has no \"type\" that is a string");
        return -1;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(type, kinds[i].type) != 0)
            continue;
        if (kinds[i].member && !json_is_string(json_object_get(object, kinds[i].member))) {
            snprintf(error, error_size, "the %s has no \"%s\" that is a string", type,
                     kinds[i].member);
            return -1;
        }
        return kinds[i].kind;
    }
    return SIGNAL_IGNORED; /* another peer's state and statistics, or something newer */
}

int signal_parse(const char *line, size_t length, json_t **object, char *error, size_t error_size)
{
    json_error_t wrong;
    *object = NULL;
    if (strspn(line, " \t\r") == length)
        return SIGNAL_IGNORED;
    *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &wrong);
    if (!*object) {
        snprintf(error, error_size, "it is no JSON (%.150s, at byte %d)", wrong.text,
                 wrong.position);
        return -1;
    }
    if (!json_is_object(*object)) {
        snprintf(error, error_size, "it is JSON but not an object");
        return -1;
    }
    return signal_kind(*object, error, error_size);
}

static bool line_is(const char *line, size_t length, const char *text)
{
    return length == strlen(text) && memcmp(line, text, length) == 0;
}

/* Of one section: its lines after the m line, up to the next. */
static void section_directions(const char *line, bool rejected, bool *sends, bool *receives)
{
    bool s = !rejected, r = !rejected; /* port 0 rejects the section, unless it is bundled */
    while (*line && strncmp(line, "m=", 2) != 0) {
        size_t length = strcspn(line, "\r\n");
        if (line_is(line, length, "a=bundle-only"))
            s = r = true;
        else if (line_is(line, length, "a=sendonly"))
            r = false;
        else if (line_is(line, length, "a=recvonly"))
            s = false;
        else if (line_is(line, length, "a=inactive"))
            s = r = false;
        line += length;
        line += strspn(line, "\r\n");
    }
    *sends |= s;
    *receives |= r;
}

void sdp_directions(const char *sdp, const char *media, bool *sends, bool *receives)
{
    size_t media_length = strlen(media);
    *sends = *receives = false;
    for (const char *line = sdp; *line;) {
        size_t length = strcspn(line, "\r\n");
        const char *next = line + length + strspn(line + length, "\r\n");
        if (length > media_length + 3 && line[0] == 'm' && line[1] == '=' &&
            strncmp(line + 2, media, media_length) == 0 && line[2 + media_length] == ' ')
            section_directions(next, strncmp(line + 3 + media_length, "0 ", 2) == 0, sends,
                               receives);
        line = next;
    }
}

void emit(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(object);
    if (!text)
        return;
    fputs(text, stdout);
    fputc('\n', stdout);
    fflush(stdout);
    free(text);
}

void emit_signal(uint32_t kind, const char *text, size_t length)
{
    json_t *signal = json_loadb(text, length, 0, NULL), *object = json_object();
    json_object_set_new(object, "type",
                        json_string(kind == XCALL_SIGNAL_OFFER    ? "offer"
                                    : kind == XCALL_SIGNAL_ANSWER ? "answer"
                                                                  : "candidate"));
    if (signal)
        json_object_update_missing(object, signal);
    json_decref(signal);
    emit(object);
}

void emit_state(const char *state, const char *reason)
{
    emit(json_pack("{s:s, s:s, s:s?}", "type", "state", "state", state, "reason", reason));
}
