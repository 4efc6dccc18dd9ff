/* options.c - the command line that all benches have.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "common.h"

static void bad_use(const char *program, const char *text, const char *what)
{
    fprintf(stderr, "%s: %s \"%s\" (--help lists the options)\n", program, text, what);
    exit(2);
}

static double number(const char *program, const char *name, const char *text, double max)
{
    char *end;
    double value = text ? strtod(text, &end) : 0;
    if (!text || *end || !(value > 0) || value > max)
        bad_use(program, "there must be a number in range after", name);
    return value;
}

void bench_options_parse(struct bench_options *options, int argc, char **argv, const char *usage)
{
    options->program = argv[0];
    for (int i = 1; i < argc; i += 2) { /* every option but --help has a value */
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!strcmp(argv[i], "--help")) {
            printf("%s\n  --json FILE    also write the figures there\n"
                   "  --seconds N    media seconds of each part (default %g)\n"
                   "  --runs N       median and spread over so many (default %u)\n"
                   "  --only PART    one part only; without the others\n",
                   usage, options->seconds, (unsigned)options->runs);
            exit(0);
        } else if (!strcmp(argv[i], "--json")) {
            options->json = value;
        } else if (!strcmp(argv[i], "--seconds")) {
            options->seconds = number(argv[0], argv[i], value, 86400);
        } else if (!strcmp(argv[i], "--runs")) {
            options->runs = (uint32_t)number(argv[0], argv[i], value, 1000);
        } else if (!strcmp(argv[i], "--only")) {
            options->only = value;
        } else {
            bad_use(argv[0], "there is no option", argv[i]);
        }
        if (!value)
            bad_use(argv[0], "there must be something after", argv[i]);
    }
    if (options->runs == 0)
        options->runs = 1;
}

bool bench_wanted(const struct bench_options *options, const char *part)
{
    return !options->only || !strcmp(options->only, part);
}
