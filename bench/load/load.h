/* load.h - the parts of bench/load.
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "../common/common.h"

struct load_plan {
    uint32_t calls;    /* both ends of each in the one engine */
    uint32_t threads;  /* shards */
    uint32_t permille; /* of real time */
    double seconds;    /* of media that are measured */
};

struct load_result {
    double cpu;          /* core-s a call-s */
    double busy;         /* share of all cores */
    double rss_kib;      /* a call, both ends */
    double threads;      /* of the engine */
    double late_frames;  /* of 20 ms, concealed at the receivers */
    double frames;       /* received */
    double host_late_ms; /* the media thread behind its time line, at the worst */
    double idle_kib;     /* the engine without calls */
    double connect_ms;   /* until all were connected */
};

/* One row; to be run in a process of its own. */
bool load_run(const struct load_plan *plan, struct load_result *result);

#endif
