/* host.c - an engine with one call whose signals travel over a socket, and many calls of one engine
 * that speak with each other. One thread a host, but for media.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

void bench_fail(const char *what, int32_t code)
{
    fprintf(stderr, "bench: %s: %s\n", what, xcall_error_text(code));
    _exit(1);
}

void bench_sleep_until(uint64_t when)
{
    struct timespec at = {.tv_sec = (time_t)(when / BENCH_S), .tv_nsec = (long)(when % BENCH_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
}

bool bench_real_time_thread(void)
{
    struct sched_param how = {.sched_priority = 10};
    return sched_setscheduler(0, SCHED_FIFO, &how) == 0; /* 0: this thread */
}

xcall_engine *bench_engine(uint32_t threads, uint32_t calls_max, uint32_t permille)
{
    xcall_engine_config config;
    xcall_engine *engine = NULL;
    xcall_error error;
    xcall_engine_config_init(&config, sizeof config);
    xcall_error_init(&error, sizeof error);
    config.flags = XCALL_ENGINE_LOOPBACK;
    config.threads = threads;
    config.calls_max = calls_max;
    config.clock_permille = permille;
    config.bind_address = "127.0.0.1";
    if (xcall_engine_create(&config, &engine, &error) != XCALL_OK) {
        fprintf(stderr, "bench: no engine: %s\n", error.text);
        _exit(1);
    }
    return engine;
}

void bench_host_open(struct bench_host *host, int peer)
{
    memset(host, 0, sizeof *host);
    host->peer = peer;
    host->engine = bench_engine(1, 4, 1000);
}

int32_t bench_host_call(struct bench_host *host, const xcall_call_config *config)
{
    xcall_error error;
    xcall_error_init(&error, sizeof error);
    host->state = XCALL_STATE_NEW;
    host->connected_at = host->described_at = 0;
    host->picture = false;
    int32_t result = xcall_call_create(host->engine, config, &host->call, &error);
    if (result != XCALL_OK)
        bench_fail(error.text, result);
    return result;
}

/* --- signals over a socket: 4 bytes of kind, then the text ----------------------------------- */

static void send_signal(struct bench_host *host, const xcall_event *event)
{
    uint32_t kind = event->signal_kind;
    struct iovec parts[2] = {{&kind, sizeof kind},
                             {(void *)(uintptr_t)event->text, event->text_length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (host->peer >= 0 && sendmsg(host->peer, &message, MSG_NOSIGNAL) < 0 && errno != EPIPE &&
        errno != ECONNRESET)
        bench_fail("a signal could not be carried", XCALL_E_SYSTEM);
}

static void receive_signal(struct bench_host *host)
{
    uint32_t kind = 0;
    struct iovec parts[2] = {{&kind, sizeof kind}, {host->text, sizeof host->text}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t n = recvmsg(host->peer, &message, MSG_DONTWAIT);
    if (n == 0)
        host->peer = -1; /* the other one is done */
    if (n < (ssize_t)sizeof kind)
        return;
    host->text_length = (size_t)n - sizeof kind;
    if (!host->call && kind == XCALL_SIGNAL_OFFER) {
        host->offer_waits = true;
        return;
    }
    if (!host->call)
        return;
    int32_t result = xcall_call_receive_signal(host->engine, host->call, kind, host->text,
                                               host->text_length, NULL);
    if (result != XCALL_OK && result != XCALL_E_ENDED && kind != XCALL_SIGNAL_BYE)
        bench_fail("a signal was refused", result);
}

static void take_events(struct bench_host *host)
{
    xcall_event event;
    xcall_event_init(&event, sizeof event);
    while (xcall_engine_next_event(host->engine, &event, 0) == XCALL_OK) {
        if (event.type == XCALL_EVENT_LOG)
            fprintf(stderr, "bench: engine: %s\n", event.text);
        if (event.call != host->call)
            continue;
        if (event.type == XCALL_EVENT_SIGNAL) {
            if (!host->described_at)
                host->described_at = xcall_now_ns();
            send_signal(host, &event);
        }
        if (event.type == XCALL_EVENT_PICTURE)
            host->picture = true;
        if (event.type == XCALL_EVENT_ENDED) {
            host->state = XCALL_STATE_ENDED;
            return; /* the next one would free the call */
        }
        if (event.type != XCALL_EVENT_STATE)
            continue;
        host->state = event.state;
        if (event.state == XCALL_STATE_CONNECTED && !host->connected_at)
            host->connected_at = xcall_now_ns();
    }
}

void bench_host_pump(struct bench_host *host, int timeout_ms)
{
    struct pollfd fds[2] = {{.fd = xcall_engine_event_fd(host->engine), .events = POLLIN},
                            {.fd = host->peer, .events = POLLIN}};
    if (host->offer_waits)
        return;
    if (poll(fds, 2, timeout_ms) <= 0)
        return;
    if (fds[0].revents)
        take_events(host);
    if (fds[1].revents)
        receive_signal(host);
}

xcall_frame_trace *bench_host_traces(struct bench_host *host, uint32_t kind, uint32_t received,
                                     size_t *count)
{
    enum { ROOM = 65536 };
    xcall_frame_trace *traces = malloc(ROOM * sizeof *traces);
    size_t kept = 0;
    int32_t n = traces ? xcall_trace_read(host->engine, host->call, traces, sizeof *traces, ROOM)
                       : XCALL_E_MEMORY;
    if (n < 0)
        bench_fail("traces cannot be read", n);
    for (int32_t i = 0; i < n; i++)
        if (traces[i].kind == kind && traces[i].received == received)
            traces[kept++] = traces[i];
    *count = kept;
    return traces;
}

void bench_host_close(struct bench_host *host)
{
    xcall_engine_unref(host->engine);
    host->engine = NULL;
}

/* --- many calls of one engine ---------------------------------------------------------------- */

bool bench_loop_event(struct bench_loop *loop, int timeout_ms)
{
    xcall_event event;
    xcall_event_init(&event, sizeof event);
    int32_t result = xcall_engine_next_event(loop->engine, &event, timeout_ms);
    if (result != XCALL_OK)
        return false;
    uint64_t place = event.user;
    if (event.type == XCALL_EVENT_LOG)
        fprintf(stderr, "bench: engine: %s\n", event.text);
    if (place >= loop->count || event.type == XCALL_EVENT_LOG)
        return true;
    if (event.type == XCALL_EVENT_SIGNAL) {
        result = xcall_call_receive_signal(loop->engine, loop->calls[place ^ 1], event.signal_kind,
                                           event.text, event.text_length, NULL);
        if (result != XCALL_OK && result != XCALL_E_ENDED)
            bench_fail("a signal was refused", result);
    } else if (event.type == XCALL_EVENT_STATE && event.state == XCALL_STATE_CONNECTED &&
               !loop->connected[place]) {
        loop->connected[place] = 1;
        loop->connected_count++;
    } else if (event.type == XCALL_EVENT_ENDED) {
        loop->ended_count++;
    }
    return true;
}

/* --- this process ---------------------------------------------------------------------------- */

double bench_cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

uint32_t bench_threads(void)
{
    char line[128];
    unsigned count = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Threads: %u", &count) == 1)
            break;
    if (file)
        fclose(file);
    return count;
}

double bench_resident_kib(void)
{
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%lu %lu", &size, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
}
