/* link.c - see link.h. SPDX-License-Identifier: MIT */
#include "link.h"

#include <math.h>
#include <stdlib.h>
#include <zlib.h>

#define TRACE_CHANCE 1504 /* bytes, as Mahimahi counts */
#define OVERHEAD 28       /* UDP and IPv4 headers count against the rate */
#define TRACE_MS_MAX UINT64_C(1000000000)

/* One line of a trace: a whole number of ms, nothing else. */
static bool read_time(const char *line, uint64_t *ms)
{
    char *end;
    if (*line < '0' || *line > '9')
        return false;
    *ms = strtoull(line, &end, 10); /* too large a number becomes the largest */
    end += strspn(end, " \t\r\n");
    return !*end && *ms <= TRACE_MS_MAX;
}

static bool read_trace(struct sim_link *link, const char *path, const char **words)
{
    char line[64];
    size_t room = 0;
    uint64_t ms, last = 0;
    *words = NULL;
    gzFile file = gzopen(path, "rb");
    if (!file) {
        *words = "the link trace cannot be opened";
        return false;
    }
    while (!*words && gzgets(file, line, sizeof line)) {
        if (!read_time(line, &ms) || ms < last) {
            *words = "the link trace is no list of ascending numbers (ms), one a line";
            break;
        }
        if (link->trace_count == room) {
            room = room ? 2 * room : 4096;
            uint64_t *grown = realloc(link->trace_ns, room * sizeof *grown);
            if (!grown) {
                *words = "there is no memory for the link trace";
                break;
            }
            link->trace_ns = grown;
        }
        link->trace_ns[link->trace_count++] = ms * XC_NS_PER_MS;
        last = ms;
    }
    if (gzclose(file) != Z_OK && !*words)
        *words = "the link trace cannot be read to its end";
    if (*words)
        return false;
    if (link->trace_count)
        link->trace_length = link->trace_ns[link->trace_count - 1];
    if (link->trace_length)
        return true;
    *words = "the link trace holds no times";
    return false;
}

bool sim_link_init(struct sim_link *link, const struct sim_link_options *options, uint64_t seed,
                   uint64_t start, const char **words)
{
    memset(link, 0, sizeof *link);
    link->options = *options;
    link->start = start;
    for (uint32_t i = 0; i < SIM_CHANCES; i++)
        xc_rng_init_number(&link->chances[i], seed * SIM_CHANCES + i + 1);
    return !options->trace_path || read_trace(link, options->trace_path, words);
}

void sim_link_deinit(struct sim_link *link)
{
    free(link->trace_ns);
    link->trace_ns = NULL;
}

double sim_link_burst(const struct sim_link_options *options)
{
    return options->burst > 1.0 ? options->burst : 1.0;
}

double sim_link_queue_ms(const struct sim_link_options *options)
{
    return options->queue_ms > 0 ? options->queue_ms : SIM_QUEUE_MS;
}

static double normal(struct xc_rng *rng)
{
    double a = xc_rng_unit(rng) + 1e-18, b = xc_rng_unit(rng);
    return sqrt(-2.0 * log(a)) * cos(2.0 * 3.14159265358979323846 * b);
}

static bool lost(struct sim_link *link)
{
    const struct sim_link_options *o = &link->options;
    double draw = xc_rng_unit(&link->chances[SIM_LOSS]);
    double p = o->loss_percent / 100.0, burst = sim_link_burst(o);
    if (burst <= 1.0)
        return draw < p;
    /* Gilbert: leaves a burst with 1/burst, enters so that the mean loss is p. */
    double leave = 1.0 / burst;
    double enter = p < 1.0 ? p * leave / (1.0 - p) : 1.0;
    link->in_burst = link->in_burst ? draw >= leave : draw < enter;
    return link->in_burst;
}

static bool down(const struct sim_link *link, uint64_t at)
{
    for (uint32_t i = 0; i < link->options.outage_count; i++) {
        const struct sim_outage *outage = &link->options.outages[i];
        if (at >= outage->at && at < outage->at + outage->length)
            return true;
    }
    return false;
}

/* When the recorded link has carried `size` more bytes. */
static uint64_t leave_trace(struct sim_link *link, uint64_t now, size_t size)
{
    for (;;) {
        uint64_t chance = link->trace_round * link->trace_length + link->trace_ns[link->trace_at];
        if (chance >= now && link->trace_room >= size) {
            link->trace_room -= size;
            return chance;
        }
        if (chance >= now && link->trace_room) {
            size -= link->trace_room; /* goes on at the next chance */
            link->trace_room = 0;
        }
        if (++link->trace_at == link->trace_count) {
            link->trace_at = 0;
            link->trace_round++;
        }
        link->trace_room = TRACE_CHANCE;
    }
}

/* When the last byte leaves the bottleneck; false when the queue is full. */
static bool leave_bottleneck(struct sim_link *link, uint64_t now, size_t size, uint64_t *at)
{
    const struct sim_link_options *o = &link->options;
    uint64_t start = link->free_at > now ? link->free_at : now;
    double queue = sim_link_queue_ms(o);
    *at = now;
    if (!link->trace_ns && o->rate_kbps <= 0)
        return true;
    if ((double)(start - now) > queue * 1e6) {
        link->queue_dropped++;
        return false;
    }
    if (link->trace_ns)
        *at = leave_trace(link, start, size + OVERHEAD);
    else
        *at = start + (uint64_t)((double)(size + OVERHEAD) * 8e6 / o->rate_kbps);
    link->free_at = *at;
    return true;
}

struct sim_fate sim_link_send(struct sim_link *link, uint64_t now, size_t size)
{
    const struct sim_link_options *o = &link->options;
    struct sim_fate fate = {0};
    bool gone = lost(link);
    double jitter = normal(&link->chances[SIM_JITTER]) * o->jitter_ms;
    bool early = xc_rng_unit(&link->chances[SIM_REORDER]) * 100.0 < o->reorder_percent;
    bool twice = xc_rng_unit(&link->chances[SIM_DUPLICATE]) * 100.0 < o->duplicate_percent;
    fate.corrupt = xc_rng_unit(&link->chances[SIM_CORRUPT]) * 100.0 < o->corrupt_percent;
    fate.corrupt_at = xc_rng_u32(&link->chances[SIM_CORRUPT]);
    uint64_t left;
    now -= link->start;
    link->packets++;
    if (down(link, now) || !leave_bottleneck(link, now, size, &left) || gone) {
        link->lost++;
        return fate;
    }
    double delay = o->delay_ms + (jitter > -o->delay_ms ? jitter : -o->delay_ms);
    uint64_t arrival = left + (uint64_t)(delay * 1e6);
    if (early) /* overtaken: later than what follows, outside the kept order */
        arrival += 30 * XC_NS_PER_MS;
    else if (arrival < link->last_arrival)
        arrival = link->last_arrival;
    if (!early)
        link->last_arrival = arrival;
    if (down(link, arrival)) {
        link->lost++;
        return fate;
    }
    link->corrupted += fate.corrupt;
    link->duplicated += twice;
    fate.copies = twice ? 2 : 1;
    fate.arrival[0] = link->start + arrival;
    fate.arrival[1] = fate.arrival[0] + 3 * XC_NS_PER_MS;
    return fate;
}
