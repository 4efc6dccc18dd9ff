/* virtual.c - setup over a slow and lossy link in virtual time: xcall-sim over many seeds.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "setup.h"

#define SEEDS_MAX 200

/* The number behind "name": in the JSON; negative when there is none or it did not happen. */
static double value_of(const char *json, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(json, key);
    if (!at || !strncmp(at + strlen(key), "null", 4))
        return -1;
    return strtod(at + strlen(key), NULL);
}

static bool run_one(const char *program, const char *options, uint32_t seed, char *json,
                    size_t room)
{
    char command[1024];
    const char *slash = strrchr(program, '/');
    int folder = slash ? (int)(slash - program + 1) : 0;
    snprintf(command, sizeof command, "'%.*sxcall-sim' --seed %u --seconds 2 %s --json -", folder,
             program, seed, options);
    FILE *pipe = popen(command, "r");
    if (!pipe)
        return false;
    size_t size = fread(json, 1, room - 1, pipe);
    json[size] = '\0';
    int status = pclose(pipe);
    if (size == 0 || !WIFEXITED(status) || WEXITSTATUS(status) > 1) {
        fprintf(stderr, "setup: this did not run: %s\n", command);
        return false;
    }
    return true;
}

bool setup_virtual(struct bench_report *report, const char *program, const char *name,
                   uint32_t round_trip_ms, uint32_t loss_pct, uint32_t seeds, uint32_t first_seed)
{
    static const char *const keys[3] = {"connected_ms", "first_audio_ms", "first_video_ms"};
    static const char *const names[3] = {"connected_ms", "audio_ms", "video_ms"};
    double values[3][SEEDS_MAX];
    uint32_t counts[3] = {0}, failed = 0;
    char options[64], json[8192];
    snprintf(options, sizeof options, "--delay %u --loss %u", round_trip_ms / 2, loss_pct);
    for (uint32_t i = 0; i < seeds && i < SEEDS_MAX; i++) {
        if (!run_one(program, options, first_seed + i, json, sizeof json))
            return false;
        for (int k = 0; k < 3; k++) {
            double value = value_of(json, keys[k]);
            if (value > 0)
                values[k][counts[k]++] = value;
            else if (k == 0)
                failed++;
        }
    }
    for (int k = 0; k < 3; k++) {
        bench_sort(values[k], counts[k]);
        bench_add(report, bench_mean(values[k], counts[k]), "%s.%s.avg", name, names[k]);
        bench_add(report, bench_quantile(values[k], counts[k], 0.5), "%s.%s.p50", name, names[k]);
        bench_add(report, bench_quantile(values[k], counts[k], 0.95), "%s.%s.p95", name, names[k]);
        bench_add(report, bench_quantile(values[k], counts[k], 1), "%s.%s.max", name, names[k]);
    }
    bench_add(report, (double)failed, "%s.not_connected", name);
    return true;
}
