/* stress.h - what the stress programs share: options, a seeded generator a thread, one line of result.
 *   program [--cycles N] [--seconds N] [--seed N]
 * SPDX-License-Identifier: MIT */
#ifndef XC_TESTS_ENGINE_STRESS_H
#define XC_TESTS_ENGINE_STRESS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stress_options {
    uint32_t cycles;
    uint32_t seconds;
    uint64_t seed;
};

static inline struct stress_options stress_parse(int argc, char **argv, uint32_t cycles,
                                                 uint32_t seconds)
{
    struct stress_options options = {cycles, seconds, 1};
    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned long long value = strtoull(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--cycles"))
            options.cycles = (uint32_t)value;
        else if (!strcmp(argv[i], "--seconds"))
            options.seconds = (uint32_t)value;
        else if (!strcmp(argv[i], "--seed"))
            options.seed = value;
    }
    return options;
}

/* splitmix64: each thread has a state of its own. */
static inline uint64_t stress_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

#define STRESS_CHECK(condition, options)                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s (seed %llu)\n", __FILE__, __LINE__, #condition,             \
                    (unsigned long long)(options)->seed);                                          \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#endif
