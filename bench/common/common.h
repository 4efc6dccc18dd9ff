/* common.h - what the benches share: options, figures and their JSON, contents with markers, hosts.
 *
 *   options.c  command line            report.c  figures over runs, JSON, machine
 *   content.c  speech, pictures, marks  host.c    an engine with its call, its signals
 *   pair.c     two processes that share a socket for signals and hand results to their parent
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <xcall/xcall.h>

#define BENCH_SCHEMA 1
#define BENCH_MS UINT64_C(1000000)
#define BENCH_S UINT64_C(1000000000)
#define BENCH_RATE 48000u
#define BENCH_BLOCK 480u /* samples: 10 ms */
#define BENCH_BLOCK_NS (10 * BENCH_MS)

/* --- options.c ------------------------------------------------------------------------------ */

struct bench_options {
    const char *json; /* NULL: none */
    double seconds;
    uint32_t runs;
    const char *only;    /* NULL, or the one part to run */
    const char *program; /* argv[0] */
};

/* Ends the program with code 0 after --help, 2 on bad use. Defaults are what is in *options. */
void bench_options_parse(struct bench_options *options, int argc, char **argv, const char *usage);
bool bench_wanted(const struct bench_options *options, const char *part);

/* --- report.c ------------------------------------------------------------------------------- */

struct bench_report;

struct bench_report *bench_report_create(const char *bench, const struct bench_options *options);
void bench_report_destroy(struct bench_report *report);
/* One run's value of the figure with this dotted path; a part of digits is a place in an array. */
void bench_add(struct bench_report *report, double value, const char *path, ...)
    __attribute__((format(printf, 3, 4)));
/* p50, p95, p99 and max under the path; sorts the values. */
void bench_add_quantiles(struct bench_report *report, double *values, size_t count,
                         const char *path, ...) __attribute__((format(printf, 4, 5)));
/* The median over runs; NaN when there is no such figure. spread: largest minus smallest. */
double bench_median(const struct bench_report *report, double *spread, const char *path, ...)
    __attribute__((format(printf, 3, 4)));
/* value is JSON. */
void bench_setting(struct bench_report *report, const char *name, const char *value, ...)
    __attribute__((format(printf, 3, 4)));
/* Writes the JSON where the options ask for it; 0, or 1 with a line on stderr. */
int bench_report_write(const struct bench_report *report);
void bench_print_machine(const struct bench_report *report);

void bench_sort(double *values, size_t count);
double bench_quantile(const double *sorted, size_t count, double at);
double bench_mean(const double *values, size_t count);

/* --- content.c ------------------------------------------------------------------------------ */

/* Speech-like: voiced and unvoiced syllables with pauses, about -20 dBFS. */
void bench_speech(int16_t *samples, size_t count, uint32_t seed);

#define BENCH_MARK_SAMPLES 480u
#define BENCH_MARK_KINDS 4u
/* A short chirp, low or high, upwards or downwards, added at samples[0, BENCH_MARK_SAMPLES). */
void bench_mark_add(int16_t *samples, uint32_t kind);
/* Where in samples[from, to) the chirp begins that fits best; -1 when none is there. */
int64_t bench_mark_find(const int16_t *samples, size_t from, size_t to, uint32_t kind);

struct bench_video {
    uint32_t width, height, count;
    uint8_t *frames; /* I420, one after the other; made to be shown in a loop */
    size_t frame_size;
};

bool bench_video_create(struct bench_video *video, uint32_t width, uint32_t height, uint32_t count);
void bench_video_destroy(struct bench_video *video);
/* Frame `number` of the endless loop with its number drawn into it: in work, frame_size bytes. */
void bench_video_frame(const struct bench_video *video, uint32_t number, uint8_t *work);
/* The number that is drawn in a luma plane; -1 when it cannot be read. */
int32_t bench_video_number(const uint8_t *luma, uint32_t stride, uint32_t width, uint32_t height);
/* Of the luma plane, in dB; 99 when equal. */
double bench_psnr(const uint8_t *a, const uint8_t *b, size_t count);
void bench_picture_of(xcall_picture *picture, uint8_t *i420, uint32_t width, uint32_t height);

/* --- host.c --------------------------------------------------------------------------------- */

struct bench_host {
    xcall_engine *engine;
    xcall_id call;
    int peer;              /* socket to the other process, -1: none */
    uint32_t state;        /* XCALL_STATE_* as last told */
    uint64_t described_at; /* when its offer or answer was taken */
    uint64_t connected_at; /* xcall_now_ns() when the event was taken */
    bool picture;          /* a PICTURE event came since this was last cleared */
    bool offer_waits;      /* an offer came and there is no call yet: in text */
    char text[16384];
    size_t text_length;
};

void bench_fail(const char *what, int32_t code);
void bench_sleep_until(uint64_t when);
/* As a device's audio thread: real-time where the system lets us. True when it did. */
bool bench_real_time_thread(void);
/* An engine on the loopback address; ends the process with a sentence when that fails. */
xcall_engine *bench_engine(uint32_t threads, uint32_t calls_max, uint32_t permille);
void bench_host_open(struct bench_host *host, int peer);
int32_t bench_host_call(struct bench_host *host, const xcall_call_config *config);
/* Takes events and the peer's signals for at most timeout_ms; returns after the first of them. */
void bench_host_pump(struct bench_host *host, int timeout_ms);
/* Reads all traces of one kind and direction; the caller frees. */
xcall_frame_trace *bench_host_traces(struct bench_host *host, uint32_t kind, uint32_t received,
                                     size_t *count);
void bench_host_close(struct bench_host *host);

/* Joins calls of one engine: carries the signals of call a to call b and back. */
struct bench_loop {
    xcall_engine *engine;
    xcall_id *calls; /* 2n: call 2i speaks with call 2i + 1; `user` is the place in here */
    uint8_t *connected;
    uint32_t count, connected_count, ended_count;
};

bool bench_loop_event(struct bench_loop *loop, int timeout_ms);

double bench_cpu_seconds(void); /* of this process, user and system */
uint32_t bench_threads(void);   /* of this process */
double bench_resident_kib(void);

/* --- pair.c --------------------------------------------------------------------------------- */

struct bench_child {
    int peer;  /* socket to the other one */
    FILE *out; /* results, for bench_put */
    void *config;
};

typedef void (*bench_role)(struct bench_child *child);

/* Runs both roles in processes of their own, made before either has an engine, and `meanwhile` (or
 * NULL) in this one; false when one fails or takes longer than limit_s. results: two files at their
 * start, for bench_get. */
bool bench_pair_run(bench_role alice, bench_role bob, void (*meanwhile)(void *), void *config,
                    unsigned limit_s, FILE *results[2]);
void bench_put(FILE *file, const void *values, size_t size, size_t count);
void *bench_get(FILE *file, size_t size, size_t *count);

#endif
