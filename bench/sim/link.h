/* link.h - one direction of a simulated path: delay, jitter, loss, rate and queue, or a recorded link.
 * Every kind of chance has a generator of its own, drawn once a packet, so that the fate of the k-th
 * packet does not depend on the other settings.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "base/rng.h"

#define SIM_OUTAGES_MAX 8

struct sim_outage {
    uint64_t at, length; /* ns */
};

#define SIM_QUEUE_MS 1000.0 /* unless the options say more */

struct sim_link_options {
    double delay_ms, jitter_ms; /* jitter: standard deviation, order kept */
    double loss_percent, burst; /* burst: mean length of a loss in packets, 1 = independent */
    double rate_kbps;           /* 0: no limit */
    double queue_ms;            /* of a limited link */
    double reorder_percent, duplicate_percent, corrupt_percent;
    double drift_ppm;       /* of the sending side's media clock */
    const char *trace_path; /* Mahimahi form, plain or gzip */
    struct sim_outage outages[SIM_OUTAGES_MAX];
    uint32_t outage_count;
};

enum { SIM_LOSS = 0, SIM_JITTER, SIM_REORDER, SIM_DUPLICATE, SIM_CORRUPT, SIM_CHANCES };

struct sim_link {
    struct sim_link_options options;
    struct xc_rng chances[SIM_CHANCES];
    bool in_burst;
    uint64_t start;        /* 0 of outages and trace; the three below count from it, too */
    uint64_t free_at;      /* when the bottleneck is idle again */
    uint64_t last_arrival; /* keeps the order */
    uint64_t *trace_ns;    /* chances to send 1504 bytes; repeats */
    size_t trace_count, trace_at;
    uint64_t trace_length, trace_round, trace_room; /* bytes left of the chance in use */
    /* counters */
    uint64_t packets, lost, queue_dropped, corrupted, duplicated;
};

struct sim_fate {
    uint32_t copies; /* 0: lost; 2: duplicated */
    uint64_t arrival[2];
    bool corrupt;
    uint32_t corrupt_at; /* random; modulo the size */
};

/* start: the virtual time from which outages and the trace are counted. False with a sentence in
 * *words when the trace cannot be read. */
bool sim_link_init(struct sim_link *link, const struct sim_link_options *options, uint64_t seed,
                   uint64_t start, const char **words);
void sim_link_deinit(struct sim_link *link);
/* What acts where the options leave it open (0). */
double sim_link_burst(const struct sim_link_options *options);
double sim_link_queue_ms(const struct sim_link_options *options);
struct sim_fate sim_link_send(struct sim_link *link, uint64_t now, size_t size);

#endif
