/* sim_grid.c - many whole calls in virtual time over a grid of impairments and faults that the seed
 * draws, each checked at every step (bench/sim/invariants.c) and by what it must have achieved.
 * A failure prints the seed and the xcall-sim command that shows the same link.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

#define PICK(rng, list) ((list)[xc_rng_below(rng, (uint32_t)XC_ARRAY_LEN(list))])

/* Memory that is given back: what the heap holds after a run (OpenSSL's, libsrtp's and the codecs'
 * blocks, too) is compared with what it held MEMORY_RUNS runs before. The first runs are left out:
 * libraries keep tables that they make once. A block of 1.3 kB lost in each run is found. */
#define MEMORY_RUNS 50
#define MEMORY_RUNS_FIRST 10
#define MEMORY_GROWTH_MAX (64u * 1024u)

struct tally {
    unsigned passed, failed;
};

struct memory {
    size_t in_use[MEMORY_RUNS]; /* after the newest runs, by turns */
    unsigned runs;
};

static void draw_link(struct xc_rng *rng, struct sim_link_options *link)
{
    static const double delays[] = {0, 1, 5, 20, 50, 100, 200};
    static const double losses[] = {0, 0, 0, 1, 5, 10, 20, 30};
    static const double bursts[] = {1, 1, 3, 8};
    static const double jitters[] = {0, 0, 5, 20, 60};
    static const double rates[] = {0, 0, 0, 0, 100, 400, 1000, 3000};
    static const double queues[] = {50, 200, 1000};
    static const double small[] = {0, 0, 0, 1, 5};
    static const double drifts[] = {0, 0, 50, -50, 300, -300};
    link->delay_ms = PICK(rng, delays);
    link->loss_percent = PICK(rng, losses);
    link->burst = PICK(rng, bursts);
    link->jitter_ms = PICK(rng, jitters);
    link->rate_kbps = PICK(rng, rates);
    link->queue_ms = PICK(rng, queues);
    link->reorder_percent = PICK(rng, small);
    link->duplicate_percent = PICK(rng, small);
    link->corrupt_percent = PICK(rng, small);
    link->drift_ppm = PICK(rng, drifts);
    if (xc_rng_below(rng, 8) == 0) {
        static const double lengths[] = {0.3, 2, 8, 40};
        link->outages[link->outage_count++] = (struct sim_outage){
            (uint64_t)((1.0 + 3.0 * xc_rng_unit(rng)) * 1e9), (uint64_t)(PICK(rng, lengths) * 1e9)};
    }
}

static void draw(uint64_t seed, bool real, struct sim_options *options)
{
    struct xc_rng rng;
    xc_rng_init_number(&rng, seed + 424242);
    sim_options_init(options);
    options->seed = seed;
    options->codecs = real ? SIM_CODECS_REAL : SIM_CODECS_MODEL;
    options->seconds = real ? 3 : 2 + 4 * xc_rng_unit(&rng);
    draw_link(&rng, &options->links[0]);
    if (xc_rng_below(&rng, 3) == 0)
        draw_link(&rng, &options->links[1]);
    else
        options->links[1] = options->links[0];
    options->no_video = xc_rng_below(&rng, 4) == 0;
    options->no_trickle = xc_rng_below(&rng, 4) == 0;
    options->dtx = xc_rng_below(&rng, 4) == 0;
    options->hang_up_by_b = xc_rng_below(&rng, 2) == 0;
    if (xc_rng_below(&rng, 3) == 0)
        options->signal_delay_ms = xc_rng_below(&rng, 1500);
    if (xc_rng_below(&rng, 4) == 0)
        options->hostile_per_s = 1 + xc_rng_below(&rng, 200);
    switch (xc_rng_below(&rng, 6)) {
    case 0:
        options->hold_at = 0.5;
        options->hold_for = 1;
        break;
    case 1:
        options->read_pause_at = 0.5;
        options->read_pause_for = 1;
        break;
    case 2:
        options->write_pause_at = 0.5;
        options->write_pause_for = 1;
        break;
    default:
        break;
    }
}

/* A link on which a call must work: nothing cut, a loss that repairs cope with, room for media, and no
 * corruption: a certificate with a flipped bit ends a call, and rightly so. */
static bool fair(const struct sim_link_options *link, bool video)
{
    return !link->outage_count && !link->corrupt_percent && link->loss_percent <= 10 &&
           link->burst <= 3 && (link->rate_kbps == 0 || link->rate_kbps >= (video ? 3000 : 100)) &&
           (link->rate_kbps == 0 || link->queue_ms >= 200);
}

static const char *judge(const struct sim_options *o, const struct sim_result *r)
{
    if (r->invariant_failures)
        return r->failure;
    if (!r->end_reason[0] || !r->end_reason[1])
        return "a side did not end";
    bool must = fair(&o->links[0], !o->no_video) && fair(&o->links[1], !o->no_video);
    if (!must)
        return NULL;
    if (r->connected_ms < 0)
        return "a fair link, and no connection";
    for (int i = 0; i < 2; i++) {
        const struct sim_direction *d = &r->directions[i];
        if (d->audio_played * 2 < d->audio_sent && o->hold_for + o->read_pause_for == 0)
            return "less than half of the audio was played";
        if (!o->no_video && !d->video_delivered)
            return "no picture was delivered";
    }
    if (r->end_reason[0] > 2 || r->end_reason[1] > 2)
        return "a call on a fair link did not end by a hang-up";
    return NULL;
}

static void print_link(const char *prefix, const struct sim_link_options *l)
{
    fprintf(stderr,
            " --%s-delay %g --%s-jitter %g --%s-loss %g --%s-burst %g --%s-rate %g --%s-queue %g"
            " --%s-reorder %g --%s-duplicate %g --%s-corrupt %g --%s-drift %g",
            prefix, l->delay_ms, prefix, l->jitter_ms, prefix, l->loss_percent, prefix, l->burst,
            prefix, l->rate_kbps, prefix, l->queue_ms, prefix, l->reorder_percent, prefix,
            l->duplicate_percent, prefix, l->corrupt_percent, prefix, l->drift_ppm);
    for (uint32_t i = 0; i < l->outage_count; i++)
        fprintf(stderr, " --%s-outage %g:%g", prefix, (double)l->outages[i].at / 1e9,
                (double)l->outages[i].length / 1e9);
}

static void print_command(const struct sim_options *o)
{
    fprintf(stderr, "    xcall-sim --seed %llu --seconds %.17g --codecs %s",
            (unsigned long long)o->seed, o->seconds, o->codecs ? "real" : "model");
    print_link("ab", &o->links[0]);
    print_link("ba", &o->links[1]);
    fprintf(stderr, "%s%s%s%s", o->no_video ? " --no-video" : "",
            o->no_trickle ? " --no-trickle" : "", o->dtx ? " --dtx" : "",
            o->hang_up_by_b ? " --hang-up-by-b" : "");
    if (o->signal_delay_ms >= 0)
        fprintf(stderr, " --signal-delay %g", o->signal_delay_ms);
    if (o->hostile_per_s > 0)
        fprintf(stderr, " --hostile %g", o->hostile_per_s);
    if (o->hold_for > 0)
        fprintf(stderr, " --hold %g:%g", o->hold_at, o->hold_for);
    if (o->read_pause_for > 0)
        fprintf(stderr, " --read-pause %g:%g", o->read_pause_at, o->read_pause_for);
    if (o->write_pause_for > 0)
        fprintf(stderr, " --write-pause %g:%g", o->write_pause_at, o->write_pause_for);
    fputc('\n', stderr);
}

static bool run_one(uint64_t seed, bool real)
{
    struct sim_options options;
    struct sim_result result, again;
    const char *words = "", *broken;
    draw(seed, real, &options);
    if (!sim_run(&options, &result, &words)) {
        broken = words;
    } else {
        broken = judge(&options, &result);
        /* The same seed gives the same call, to the last counter. */
        if (!broken && seed % 25 == 0 && sim_run(&options, &again, &words) &&
            memcmp(&result, &again, sizeof result) != 0)
            broken = "the same seed gave another result";
    }
    if (!broken)
        return true;
    fprintf(stderr, "seed %llu (%s codecs): %s\n", (unsigned long long)seed,
            real ? "real" : "model", broken);
    print_command(&options);
    return false;
}

/* False when the heap has grown too much since MEMORY_RUNS runs before. Under a sanitizer, which has
 * a heap of its own, the numbers are 0; there its leak check does this. */
static bool memory_is_back(struct memory *memory, uint64_t seed)
{
    struct mallinfo2 info = mallinfo2();
    size_t now = info.uordblks + info.hblkhd;
    size_t *then = &memory->in_use[memory->runs % MEMORY_RUNS];
    bool known = memory->runs >= MEMORY_RUNS + MEMORY_RUNS_FIRST;
    bool back = !known || now <= *then + MEMORY_GROWTH_MAX;
    if (!back)
        fprintf(stderr, "seed %llu: memory is not given back: %zu bytes in %d runs\n",
                (unsigned long long)seed, now - *then, MEMORY_RUNS);
    *then = now;
    memory->runs++;
    return back;
}

/* Every `jobs`-th seed from `first` on: model codecs, then real ones. */
static struct tally run_share(uint64_t first, unsigned count, unsigned real, unsigned share,
                              unsigned jobs)
{
    struct tally tally = {0, 0};
    struct memory memory = {.runs = 0};
    for (unsigned i = share; i < count + real; i += jobs) {
        bool passed = run_one(first + i, i >= count);
        if (memory_is_back(&memory, first + i) && passed)
            tally.passed++;
        else
            tally.failed++;
    }
    return tally;
}

static struct tally run_all(uint64_t first, unsigned count, unsigned real, unsigned jobs)
{
    struct tally sum = {0, 0}, part;
    int pipes[64];
    for (unsigned share = 0; share < jobs; share++) {
        int ends[2];
        if (pipe(ends) != 0)
            exit(2);
        if (fork() == 0) {
            part = run_share(first, count, real, share, jobs);
            _exit(write(ends[1], &part, sizeof part) == sizeof part ? 0 : 2);
        }
        close(ends[1]);
        pipes[share] = ends[0];
    }
    for (unsigned share = 0; share < jobs; share++) {
        unsigned mine = (count + real + jobs - 1 - share) / jobs;
        if (read(pipes[share], &part, sizeof part) == sizeof part) {
            sum.passed += part.passed;
            sum.failed += part.failed;
        } else {
            fprintf(stderr, "a share of %u runs died\n", mine);
            sum.failed += mine;
        }
        close(pipes[share]);
        wait(NULL);
    }
    return sum;
}

int main(int argc, char **argv)
{
    static const struct option table[] = {{"seeds", 1, 0, 's'}, {"real", 1, 0, 'r'},
                                          {"first", 1, 0, 'f'}, {"jobs", 1, 0, 'j'},
                                          {"help", 0, 0, 'h'},  {0}};
    unsigned count = 500, real = 20, jobs = 2;
    uint64_t first = 1;
    int code;
    while ((code = getopt_long(argc, argv, "", table, NULL)) != -1) {
        switch (code) {
        case 's':
            count = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'r':
            real = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'f':
            first = strtoull(optarg, NULL, 10);
            break;
        case 'j':
            jobs = XC_CLAMP((unsigned)strtoul(optarg, NULL, 10), 1u, 64u);
            break;
        default:
            puts("usage: sim_grid [--seeds N] [--real N] [--first SEED] [--jobs N]\n"
                 "Runs N simulated calls with model codecs and N with real ones.");
            return code == 'h' ? 0 : 2;
        }
    }
    struct tally tally = run_all(first, count, real, jobs);
    printf("%u passed, %u failed, 0 skipped\n", tally.passed, tally.failed);
    return tally.failed ? 1 : 0;
}
