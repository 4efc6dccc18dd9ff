/* data.c - data channels between two engines of this process over loopback UDP: MB/s of 64 KiB messages,
 * the round trip of 64 bytes, memory of a call with and without data; and libdatachannel's figures, run
 * by turns with ours. See docs/benchmarks.md.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/common.h"

#define ROUNDS 2000
#define BULK 65536u
#define SMALL 64u
#define CALLS 32 /* of the memory part */
#define LIMIT (30 * BENCH_S)

static const char usage[] =
    "usage: bench-data [options]\n"
    "Data channels: MB/s of 64 KiB messages and the round trip of 64 bytes between two engines, "
    "beside\n"
    "libdatachannel (npm node-datachannel, in the folder that BENCH_NODE_DATACHANNEL names).\n"
    "Parts: libxcall, libdatachannel, memory.\n";

struct run {
    xcall_engine *engine[2];
    xcall_id call[2], channel[2];
    uint64_t begun, opened, sent, bulk_begin, bulk_end, bytes;
    double trips[ROUNDS];
    uint32_t trip_count;
};

static uint8_t block[BULK];

static void send_small(struct run *run)
{
    run->sent = xcall_now_ns();
    xcall_channel_send(run->engine[0], run->channel[0], XCALL_MESSAGE_BINARY, block, SMALL);
}

static void fill(const struct run *run)
{
    while (xcall_channel_send(run->engine[0], run->channel[0], XCALL_MESSAGE_BINARY, block, BULK) ==
           XCALL_OK)
        ;
}

static void on_message(struct run *run, int side, const xcall_event *event)
{
    uint64_t now = xcall_now_ns();
    if (run->bulk_begin) {
        run->bytes += event->data_length;
        run->bulk_end = now;
    } else if (side == 1) {
        xcall_channel_send(run->engine[1], event->channel, XCALL_MESSAGE_BINARY, event->data,
                           event->data_length);
    } else {
        run->trips[run->trip_count++] = (double)(now - run->sent) / 1e6;
        if (run->trip_count < ROUNDS) {
            send_small(run);
        } else {
            run->bulk_begin = now;
            fill(run);
        }
    }
}

static void take(struct run *run, int side, const xcall_event *event)
{
    if (event->type == XCALL_EVENT_SIGNAL)
        xcall_call_receive_signal(run->engine[!side], run->call[!side], event->signal_kind,
                                  event->text, event->text_length, NULL);
    else if (event->type == XCALL_EVENT_MESSAGE)
        on_message(run, side, event);
    else if (event->type == XCALL_EVENT_BUFFERED_LOW && run->bulk_begin)
        fill(run);
    else if (event->type == XCALL_EVENT_CHANNEL && side == 0) {
        run->opened = xcall_now_ns();
        send_small(run);
    }
}

static void pump(struct run *run)
{
    struct pollfd fds[2];
    xcall_event event;
    xcall_event_init(&event, sizeof event);
    for (int i = 0; i < 2; i++)
        fds[i] = (struct pollfd){.fd = xcall_engine_event_fd(run->engine[i]), .events = POLLIN};
    poll(fds, 2, 100);
    for (int i = 0; i < 2; i++)
        while (xcall_engine_next_event(run->engine[i], &event, 0) == XCALL_OK)
            take(run, i, &event);
}

static void create_call(struct run *run, int side, uint32_t channels)
{
    xcall_call_config config;
    xcall_call_config_init(&config, sizeof config);
    config.role = side ? XCALL_ROLE_ANSWER : XCALL_ROLE_OFFER;
    config.data_channels = channels;
    int32_t result = xcall_call_create(run->engine[side], &config, &run->call[side], NULL);
    if (result != XCALL_OK)
        bench_fail("xcall_call_create", result);
}

static bool run_ours(struct bench_report *report, double seconds)
{
    struct run *run = calloc(1, sizeof *run);
    xcall_channel_config config;
    if (!run)
        return false;
    run->begun = xcall_now_ns();
    for (int i = 0; i < 2; i++) {
        run->engine[i] = bench_engine(1, 4, 1000);
        create_call(run, i, 4);
    }
    xcall_channel_config_init(&config, sizeof config);
    config.label = "bench";
    int32_t result =
        xcall_channel_create(run->engine[0], run->call[0], &config, &run->channel[0], NULL);
    if (result != XCALL_OK)
        bench_fail("xcall_channel_create", result);
    double cpu = bench_cpu_seconds();
    bool done = false;
    while (!done && xcall_now_ns() - run->begun < LIMIT) {
        pump(run);
        done = run->bulk_begin &&
               run->bulk_end > run->bulk_begin + (uint64_t)(seconds * (double)BENCH_S);
    }
    if (done) {
        double elapsed = (double)(run->bulk_end - run->bulk_begin) / 1e9;
        bench_add(report, (double)run->bytes / 1e6 / elapsed, "libxcall.mb_per_s");
        bench_sort(run->trips, ROUNDS);
        bench_add(report, bench_quantile(run->trips, ROUNDS, 0.5), "libxcall.round_trip_ms");
        bench_add(report, bench_quantile(run->trips, ROUNDS, 0.95), "libxcall.round_trip_p95_ms");
        bench_add(report, (double)(run->opened - run->begun) / 1e6, "libxcall.open_ms");
        bench_add(report, (bench_cpu_seconds() - cpu) / ((double)run->bytes / 1e9),
                  "libxcall.cpu_s_per_gb");
    }
    for (int i = 0; i < 2; i++)
        xcall_engine_unref(run->engine[i]);
    free(run);
    return done;
}

/* False only when it is there and failed. */
static bool run_theirs(struct bench_report *report, const struct bench_options *options,
                       bool *missing)
{
    const char *folder = getenv("BENCH_NODE_DATACHANNEL");
    const char *script = getenv("BENCH_NODE_DATACHANNEL_SCRIPT");
    double trip, speed, open;
    char command[4096];
    *missing = !folder || !*folder || !script;
    if (*missing)
        return true;
    snprintf(command, sizeof command, "timeout 60 node '%s' '%s' %g %d", script, folder,
             options->seconds, ROUNDS);
    FILE *from = popen(command, "r");
    bool ok = from && fscanf(from, "%lf %lf %lf", &trip, &speed, &open) == 3;
    if (from)
        pclose(from);
    if (!ok)
        return false;
    bench_add(report, speed, "libdatachannel.mb_per_s");
    bench_add(report, trip, "libdatachannel.round_trip_ms");
    bench_add(report, open, "libdatachannel.open_ms");
    return true;
}

/* KiB that a call takes when created, and with channels that nobody uses yet. */
static void run_memory(struct bench_report *report)
{
    for (int with = 0; with < 2; with++) {
        struct run run = {.engine = {bench_engine(1, CALLS + 2, 1000), NULL}};
        create_call(&run, 0, with ? 64 : 0); /* what the first one brings along */
        bench_sleep_until(xcall_now_ns() + 100 * BENCH_MS);
        double before = bench_resident_kib();
        for (int i = 0; i < CALLS; i++)
            create_call(&run, 0, with ? 64 : 0);
        bench_sleep_until(xcall_now_ns() + 100 * BENCH_MS);
        bench_add(report, (bench_resident_kib() - before) / CALLS,
                  with ? "memory.call_with_channels_kib" : "memory.call_without_kib");
        xcall_engine_unref(run.engine[0]);
    }
}

static void print_row(const struct bench_report *report, const char *name)
{
    double spread;
    double speed = bench_median(report, &spread, "%s.mb_per_s", name);
    if (isnan(speed))
        return;
    printf("  %-16s %8.1f (spread %5.1f) %10.3f %12.1f\n", name, speed, spread,
           bench_median(report, NULL, "%s.round_trip_ms", name),
           bench_median(report, NULL, "%s.open_ms", name));
}

static void print_table(const struct bench_report *report, bool missing)
{
    printf("\ndata channels        MB/s of 64 KiB      64 bytes, ms    to open, ms\n");
    print_row(report, "libxcall");
    print_row(report, "libdatachannel");
    if (missing)
        printf("  %-16s missing: npm node-datachannel could not be had\n", "libdatachannel");
    double without = bench_median(report, NULL, "memory.call_without_kib");
    if (!isnan(without))
        printf("a call takes %.0f KiB, with 64 data channels that are not used yet %.0f KiB\n",
               without, bench_median(report, NULL, "memory.call_with_channels_kib"));
}

int main(int argc, char **argv)
{
    struct bench_options options = {.seconds = 2, .runs = 5};
    bool missing = false, ok = true;
    bench_options_parse(&options, argc, argv, usage);
    struct bench_report *report = bench_report_create("data", &options);
    bool ours = bench_wanted(&options, "libxcall");
    bool theirs = bench_wanted(&options, "libdatachannel");
    bool memory = bench_wanted(&options, "memory");
    if (!ours && !theirs && !memory) {
        fprintf(stderr, "data: there is no part \"%s\"\n", options.only);
        return 2;
    }
    memset(block, 7, sizeof block);
    bench_setting(report, "message_bytes", "%u", BULK);
    bench_setting(report, "round_trips", "%d", ROUNDS);
    if (memory)
        run_memory(report);
    for (uint32_t run = 0; run < options.runs && ok; run++) {
        ok = !ours || run_ours(report, options.seconds);
        ok = ok && (!theirs || run_theirs(report, &options, &missing));
    }
    bench_setting(report, "libdatachannel", missing ? "\"missing\"" : "\"npm node-datachannel\"");
    if (ok) {
        bench_print_machine(report);
        print_table(report, theirs && missing);
    } else {
        fprintf(stderr, "data: a run did not end in time\n");
    }
    int result = ok ? bench_report_write(report) : 1;
    bench_report_destroy(report);
    return result;
}
