/* options.h - a command line driven by tables, which are also the help text.
 *
 * SPDX-License-Identifier: MIT */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,    /* bool; no value */
    OPTION_TEXT,    /* const char *, into argv; not empty */
    OPTION_NUMBER,  /* uint32_t from min to max */
    OPTION_SECONDS, /* double above 0 */
    OPTION_SIZE,    /* "640x360": uint32_t twice, each from min to max */
    OPTION_NAME,    /* uint32_t: the place of the word in `value`, "a|b|c" */
    OPTION_OWN,     /* take() looks at it */
    OPTION_HELP,
};

struct option_row {
    const char *name; /* "--size" */
    enum option_kind kind;
    size_t offset; /* in the table's struct */
    uint32_t min, max;
    const char *value; /* of the help text */
    const char *help;
    /* NULL: taken; else a sentence about what it should be. */
    const char *(*take)(void *into, const char *value);
};

struct option_table {
    const struct option_row *rows;
    size_t count;
    void *into;
    const char *const *only; /* these rows alone count; NULL: all */
    size_t only_count;
};

enum { OPTIONS_RUN = 0, OPTIONS_HELP = 1, OPTIONS_BAD = -1 };

/* Fills what the tables say. Bad use is told by one line on stderr, with the program's name before it.
 * OPTIONS_HELP at --help. "--name value" and "--name=value"; texts point into argv. */
int options_read(const char *program, const struct option_table *tables, size_t count, int argc,
                 char **argv);
void options_print(const struct option_row *rows, size_t count);

#endif
