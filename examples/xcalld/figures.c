/* figures.c - what the shell counts: sockets, queues, closes, hashes, pushes, the log. Behind the core's own
 * in /metrics. No names, no addresses.
 * SPDX-License-Identifier: MIT */
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "log.h"
#include "net_private.h"

static void head(FILE *file, const char *name, const char *type, const char *meaning)
{
    fprintf(file, "# HELP xcalld_%s %s\n# TYPE xcalld_%s %s\n", name, meaning, name, type);
}

static void counter(FILE *file, const char *name, const char *meaning, uint64_t value)
{
    head(file, name, "counter", meaning);
    fprintf(file, "xcalld_%s %llu\n", name, (unsigned long long)value);
}

static void gauge(FILE *file, const char *name, const char *meaning, uint64_t value)
{
    head(file, name, "gauge", meaning);
    fprintf(file, "xcalld_%s %llu\n", name, (unsigned long long)value);
}

static void print_sockets(struct net *net, FILE *file)
{
    const struct net_figures *figures = &net->figures;
    gauge(file, "sockets", "WebSockets now", net->sockets);
    gauge(file, "handshakes", "sockets that are no WebSocket yet", net->handshakes);
    counter(file, "accepted_total", "TCP connections that came", figures->accepted);
    counter(file, "upgraded_total", "WebSockets opened", figures->upgraded);
    head(file, "refused_total", "counter", "connections refused, by cause");
    fprintf(file, "xcalld_refused_total{cause=\"handshakes\"} %llu\n",
            (unsigned long long)figures->refused_total);
    fprintf(file, "xcalld_refused_total{cause=\"network\"} %llu\n",
            (unsigned long long)figures->refused_network);
    fprintf(file, "xcalld_refused_total{cause=\"origin\"} %llu\n",
            (unsigned long long)figures->refused_origin);
    fprintf(file, "xcalld_refused_total{cause=\"full\"} %llu\n",
            (unsigned long long)figures->refused_full);
    head(file, "closes_total", "counter", "WebSockets closed, by close code");
    for (unsigned i = 0; i < CLOSE_CODES; i++)
        fprintf(file, "xcalld_closes_total{code=\"%u\"} %llu\n", close_codes[i],
                (unsigned long long)figures->closes[i]);
    fprintf(file, "xcalld_closes_total{code=\"other\"} %llu\n",
            (unsigned long long)figures->closes[CLOSE_CODES]);
    counter(file, "dead_total", "WebSockets that did not answer pings", figures->dead);
    counter(file, "frames_in_total", "frames received", figures->frames_in);
    counter(file, "frame_bytes_in_total", "bytes of frames received", figures->bytes_in);
    counter(file, "frames_out_total", "frames sent", figures->frames_out);
    counter(file, "frame_bytes_out_total", "bytes of frames sent", figures->bytes_out);
    counter(file, "frames_dropped_total", "candidates dropped for slow readers", figures->dropped);
    counter(file, "frames_replaced_total", "call states that newer ones replaced",
            figures->replaced);
    counter(file, "pauses_total", "times that a socket was not read", figures->pauses);
    counter(file, "pages_total", "files of the page served", figures->pages);
    counter(file, "tls_reloads_total", "certificates read again", figures->reloads);
    counter(file, "tls_reload_failures_total", "certificates that did not fit",
            figures->reload_failures);
}

static void print_frame_times(const struct net_figures *figures, FILE *file)
{
    uint64_t count = 0;
    head(file, "frame_seconds", "histogram",
         "from a frame read to what it led to, committed, with its sockets");
    for (unsigned i = 0; i < FRAME_TIMES; i++) {
        count += figures->frame_times[i];
        fprintf(file, "xcalld_frame_seconds_bucket{le=\"%g\"} %llu\n", frame_times_ms[i] / 1e3,
                (unsigned long long)count);
    }
    count += figures->frame_times[FRAME_TIMES];
    fprintf(file, "xcalld_frame_seconds_bucket{le=\"+Inf\"} %llu\n", (unsigned long long)count);
    fprintf(file, "xcalld_frame_seconds_sum %.6f\n", (double)figures->frame_us / 1e6);
    fprintf(file, "xcalld_frame_seconds_count %llu\n", (unsigned long long)count);
}

static uint64_t resident_bytes(void)
{
    unsigned long long size, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        if (fscanf(file, "%llu %llu", &size, &resident) != 2)
            resident = 0;
        fclose(file);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

void figures_print(struct net *net, FILE *file)
{
    struct exchange_figures exchange;
    struct pool_figures hashes;
    struct push_figures pushes;
    exchange_figures(net->parts.exchange, &exchange);
    hasher_figures(net->parts.hasher, &hashes);
    pusher_figures(net->parts.pusher, &pushes);
    print_sockets(net, file);
    print_frame_times(&net->figures, file);
    gauge(file, "inputs_waiting", "inputs that wait for the service thread",
          exchange.inputs_waiting);
    gauge(file, "outputs_waiting", "outputs that wait for the net thread",
          exchange.outputs_waiting);
    gauge(file, "hashes_waiting", "passwords that wait to be hashed",
          (uint64_t)hashes.waiting + hashes.running);
    counter(file, "hashes_total", "passwords hashed or compared", hashes.done);
    counter(file, "hashes_refused_total", "passwords that found the queue full", hashes.refused);
    gauge(file, "pushes_waiting", "pushes that wait or run",
          (uint64_t)pushes.pool.waiting + pushes.pool.running);
    head(file, "push_results_total", "counter", "pushes by result");
    fprintf(file, "xcalld_push_results_total{result=\"sent\"} %llu\n",
            (unsigned long long)pushes.sent);
    fprintf(file, "xcalld_push_results_total{result=\"failed\"} %llu\n",
            (unsigned long long)pushes.failed);
    fprintf(file, "xcalld_push_results_total{result=\"timed_out\"} %llu\n",
            (unsigned long long)pushes.timed_out);
    fprintf(file, "xcalld_push_results_total{result=\"dropped\"} %llu\n",
            (unsigned long long)pushes.pool.refused);
    counter(file, "log_lines_lost_total", "lines beyond the log's rate", log_lost());
    gauge(file, "draining", "1 after SIGTERM", net->drain_until_ms ? 1 : 0);
    gauge(file, "resident_bytes", "memory of the process", resident_bytes());
}
