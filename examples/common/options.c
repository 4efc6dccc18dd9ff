/* options.c - see options.h.
 *
 * SPDX-License-Identifier: MIT */
#include "options.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const char *program;
    const struct option_row *row;
    void *into;
};

void options_print(const struct option_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", rows[i].name, rows[i].value);
        printf("  %-42s %s\n", left, rows[i].help);
    }
}

/* The beginning of a sentence about this option's value. */
static void begin_sentence(const struct reader *reader, const char *text)
{
    fprintf(stderr, "%s: %s: \"%s\" is not ", reader->program, reader->row->name, text);
}

static int parse_number(const char *text, double *value)
{
    char *end = NULL;
    if (*text == '\0' || strspn(text, "0123456789.") != strlen(text))
        return -1;
    *value = strtod(text, &end);
    return *end == '\0' ? 0 : -1;
}

static int set_number(const struct reader *reader, uint32_t *to, const char *text)
{
    double value = 0;
    if (parse_number(text, &value) || value != (double)(uint64_t)value ||
        value < reader->row->min || value > reader->row->max) {
        begin_sentence(reader, text);
        fprintf(stderr, "a whole number from %u to %u\n", reader->row->min, reader->row->max);
        return -1;
    }
    *to = (uint32_t)value;
    return 0;
}

static int set_size(const struct reader *reader, uint32_t *to, const char *text)
{
    uint32_t min = reader->row->min, max = reader->row->max;
    unsigned width = 0, height = 0;
    char tail = 0;
    if (sscanf(text, "%ux%u%c", &width, &height, &tail) != 2 || width < min || width > max ||
        height < min || height > max) {
        begin_sentence(reader, text);
        fprintf(stderr, "WIDTHxHEIGHT with sides from %u to %u\n", min, max);
        return -1;
    }
    to[0] = width;
    to[1] = height;
    return 0;
}

/* The place of the word among those of the option's value. */
static int set_name(const struct reader *reader, uint32_t *to, const char *text)
{
    uint32_t index = 0;
    for (const char *name = reader->row->value; *name; index++) {
        size_t length = strcspn(name, "|");
        if (strlen(text) == length && memcmp(text, name, length) == 0) {
            *to = index;
            return 0;
        }
        name += length + (name[length] == '|');
    }
    begin_sentence(reader, text);
    fprintf(stderr, "one of %s\n", reader->row->value);
    return -1;
}

static int set_own(const struct reader *reader, const char *text)
{
    const char *wrong = reader->row->take(reader->into, text);
    if (wrong)
        fprintf(stderr, "%s: %s \"%s\": %s\n", reader->program, reader->row->name, text, wrong);
    return wrong ? -1 : 0;
}

static int set(const struct reader *reader, const char *text)
{
    void *to = (char *)reader->into + reader->row->offset;
    switch (reader->row->kind) {
    case OPTION_FLAG:
        *(bool *)to = true;
        return 0;
    case OPTION_TEXT:
        if (*text == '\0') {
            fprintf(stderr, "%s: %s: the value is empty\n", reader->program, reader->row->name);
            return -1;
        }
        *(const char **)to = text;
        return 0;
    case OPTION_NUMBER:
        return set_number(reader, to, text);
    case OPTION_SECONDS:
        if (parse_number(text, to) || *(double *)to <= 0 || *(double *)to > 1e6) {
            begin_sentence(reader, text);
            fprintf(stderr, "a number of seconds above 0\n");
            return -1;
        }
        return 0;
    case OPTION_SIZE:
        return set_size(reader, to, text);
    case OPTION_NAME:
        return set_name(reader, to, text);
    case OPTION_OWN:
        return set_own(reader, text);
    case OPTION_HELP:
        break;
    }
    return 0;
}

static bool counts(const struct option_table *table, const char *name)
{
    for (size_t i = 0; i < table->only_count; i++)
        if (strcmp(table->only[i], name) == 0)
            return true;
    return !table->only;
}

static bool find(struct reader *reader, const struct option_table *tables, size_t count,
                 const char *argument, size_t length)
{
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < tables[t].count; i++) {
            const struct option_row *row = &tables[t].rows[i];
            if (strlen(row->name) != length || memcmp(row->name, argument, length) != 0 ||
                !counts(&tables[t], row->name))
                continue;
            reader->row = row;
            reader->into = tables[t].into;
            return true;
        }
    return false;
}

int options_read(const char *program, const struct option_table *tables, size_t count, int argc,
                 char **argv)
{
    struct reader reader = {.program = program};
    for (int i = 1; i < argc; i++) {
        const char *equals = strchr(argv[i], '=');
        size_t length = equals ? (size_t)(equals - argv[i]) : strlen(argv[i]);
        const char *value = equals ? equals + 1 : NULL;
        if (!find(&reader, tables, count, argv[i], length)) {
            fprintf(stderr, "%s: unknown option \"%s\" (--help lists them)\n", program, argv[i]);
            return OPTIONS_BAD;
        }
        bool alone = reader.row->kind == OPTION_FLAG || reader.row->kind == OPTION_HELP;
        if (alone && value) {
            fprintf(stderr, "%s: %s takes no value\n", program, reader.row->name);
            return OPTIONS_BAD;
        }
        if (reader.row->kind == OPTION_HELP)
            return OPTIONS_HELP;
        if (!alone && !value && ++i == argc) {
            fprintf(stderr, "%s: %s needs a value: %s\n", program, reader.row->name,
                    reader.row->value);
            return OPTIONS_BAD;
        }
        if (set(&reader, value || alone ? value : argv[i]))
            return OPTIONS_BAD;
    }
    return OPTIONS_RUN;
}
