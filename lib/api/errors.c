/* errors.c - names and sentences of error numbers. SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "api/check.h"

#define ERRORS(X)                                                                                  \
    X(XCALL_OK, "no error")                                                                        \
    X(XCALL_E_INVALID, "an argument is out of its range")                                          \
    X(XCALL_E_MEMORY, "no memory")                                                                 \
    X(XCALL_E_LIMIT, "a limit given at create is reached")                                         \
    X(XCALL_E_ENDED, "the call is over or never was")                                              \
    X(XCALL_E_BUSY, "another thread is already in this function")                                  \
    X(XCALL_E_STATE, "not possible in the present state")                                          \
    X(XCALL_E_TIMEOUT, "nothing came within the time given")                                       \
    X(XCALL_E_CLOSED, "the engine is closed")                                                      \
    X(XCALL_E_FORKED, "called in a child of the process that made the engine")                     \
    X(XCALL_E_UNSUPPORTED, "not supported by this library")                                        \
    X(XCALL_E_SYSTEM, "the operating system refused")                                              \
    X(XCALL_E_AGAIN, "nothing there now, or no room now")                                          \
    X(XCALL_E_TOO_SMALL, "the memory handed in is too small")                                      \
    X(XCALL_E_VERSION, "header and library do not fit together")                                   \
    X(XCALL_E_OVERFLOW, "events were not taken in time")                                           \
    X(XCALL_E_SIGNAL, "a signal is malformed or unacceptable")

const char *xcall_error_name(int32_t code)
{
    switch (code) {
#define NAME(number, text)                                                                         \
    case number:                                                                                   \
        return #number;
        ERRORS(NAME)
#undef NAME
    default:
        return "XCALL_E_UNKNOWN";
    }
}

const char *xcall_error_text(int32_t code)
{
    switch (code) {
#define TEXT(number, text)                                                                         \
    case number:                                                                                   \
        return text;
        ERRORS(TEXT)
#undef TEXT
    default:
        return "unknown error";
    }
}

void xcall_error_init(xcall_error *error, uint32_t size)
{
    if (!error || size < sizeof error->size)
        return;
    memset(error, 0, size);
    error->size = size;
}

int32_t xc_report(struct xcall_error *error, int32_t code, const char *text, uint32_t line)
{
    if (!error || error->size < sizeof *error)
        return code;
    error->code = code;
    if (line)
        snprintf(error->text, sizeof error->text, "line %u: %s", line, text);
    else
        snprintf(error->text, sizeof error->text, "%s", code == XCALL_OK ? "" : text);
    return code;
}
