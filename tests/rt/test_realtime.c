/* test_realtime.c - the functions marked XCALL_REALTIME, on the threads of a real call: no
 * allocation, no lock, no system call but the wake-up, no page fault. The first tests show that each
 * check can fail. A first, unguarded call maps the code of the libraries, as mlockall would; the
 * guarded threads then run from the second call's first moment: its memory is touched at create.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "rt/guard.h"
#include "support/pair.h"

#define WIDTH 320u
#define HEIGHT 180u
#define BLOCK 480u /* 10 ms at 48 kHz */
#define BLOCK_NS UINT64_C(10000000)
#define LATE_NS (5 * BLOCK_NS)
#define BLOCKS 400 /* of a guarded call: 4 s, and more until the media below went through */
#define WARM_BLOCKS 150
#define MORE_BLOCKS 6000
#define LIMIT_MS 60000
#define WINDOW 50 /* blocks whose level is looked at together */
#define LEVEL_MIN UINT64_C(3000)
#define PICTURES_MIN 31

/* --- each check can fail ---------------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile uint8_t *fresh_page;
static int wake_fd, other_fd;

enum {
    MISDEED_NONE,
    MISDEED_MALLOC,
    MISDEED_LOCK,
    MISDEED_CALL,
    MISDEED_PAGE,
    MISDEED_WRITE_OTHER,
    MISDEED_WRITE_SHORT
};

struct misdeed {
    int kind;
    bool entered;
    struct guard_report report;
};

static void commit(int kind)
{
    const uint64_t one = 1;
    ssize_t written = 0;
    switch (kind) {
    case MISDEED_NONE:
        written = write(wake_fd, &one, sizeof one);
        break;
    case MISDEED_MALLOC:
        free(malloc(64));
        break;
    case MISDEED_LOCK:
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
        break;
    case MISDEED_CALL:
        syscall(SYS_getppid);
        break;
    case MISDEED_PAGE:
        *fresh_page = 1;
        break;
    case MISDEED_WRITE_OTHER:
        written = write(other_fd, &one, sizeof one);
        break;
    default:
        written = write(wake_fd, &one, sizeof one - 1);
        break;
    }
    (void)written;
}

static void *misdeed_thread(void *argument)
{
    struct misdeed *misdeed = argument;
    free(malloc(64)); /* the thread's own arena needs system calls */
    misdeed->entered = guard_enter(&misdeed->report);
    commit(misdeed->kind);
    guard_exit(&misdeed->report);
}

static struct guard_report guarded(int kind)
{
    struct misdeed misdeed = {.kind = kind};
    pthread_t thread;
    const uint64_t one = 1;
    assert_true(guard_init());
    /* Once unguarded, so that only the deed itself can fault. */
    assert_int_equal(write(wake_fd, &one, sizeof one), sizeof one);
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    syscall(SYS_getppid);
    assert_int_equal(pthread_create(&thread, NULL, misdeed_thread, &misdeed), 0);
    pthread_join(thread, NULL);
    assert_true(misdeed.entered);
    return misdeed.report;
}

static int find_descriptors(void **state)
{
    (void)state;
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    other_fd = ends[1];
    wake_fd = eventfd(0, EFD_NONBLOCK);
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* the kernel's own page moves are not ours */
    return 0;
}

static void test_innocence(void **state)
{
    (void)state;
    struct guard_report report = guarded(MISDEED_NONE);
    assert_int_equal(report.counts.allocations + report.counts.locks + report.trapped, 0);
    assert_int_equal(report.faults, 0);
}

static void test_finds_malloc(void **state)
{
    (void)state;
    struct guard_report report = guarded(MISDEED_MALLOC);
    assert_int_equal(report.counts.allocations, 2);
    assert_int_equal(report.counts.locks, 0);
}

static void test_finds_lock(void **state)
{
    (void)state;
    struct guard_report report = guarded(MISDEED_LOCK);
    assert_int_equal(report.counts.allocations, 0);
    assert_int_equal(report.counts.locks, 2);
}

static void test_finds_system_call(void **state)
{
    (void)state;
    struct guard_report report = guarded(MISDEED_CALL);
    assert_int_equal(report.trapped, 1);
    assert_int_equal(report.trapped_number, SYS_getppid);
}

static void test_finds_other_writes(void **state)
{
    (void)state;
    for (int kind = MISDEED_WRITE_OTHER; kind <= MISDEED_WRITE_SHORT; kind++) {
        struct guard_report report = guarded(kind);
        assert_int_equal(report.trapped, 1);
        assert_int_equal(report.trapped_number, SYS_write);
    }
}

static void test_finds_page_fault(void **state)
{
    (void)state;
    fresh_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(fresh_page != MAP_FAILED);
    struct guard_report report = guarded(MISDEED_PAGE);
    assert_int_equal(report.faults, 1);
    munmap((void *)(uintptr_t)fresh_page, 4096);
}

/* --- the threads of a call --------------------------------------------------------------------- */

struct host {
    struct pair_side *side;
    xcall_id audio, video;
    bool guarded, entered;
    uint32_t blocks;
    _Atomic uint32_t *start, *enough;
    struct guard_report captured, played;
    uint8_t brightness;
    int16_t tone[BLOCK];
    uint8_t luma[WIDTH * HEIGHT], chroma[WIDTH * HEIGHT / 4];
    uint8_t seen[3][WIDTH * HEIGHT];
    uint64_t energy;              /* of what was played in this window so far */
    _Atomic uint32_t loud, shown; /* windows with the tone; pictures */
    _Atomic uint32_t refused;
    uint64_t last_now;
};

static void fill_picture(xcall_picture *picture, uint8_t *y, uint8_t *u, uint8_t *v)
{
    memset(picture, 0, sizeof *picture);
    picture->size = sizeof *picture;
    picture->pixel = XCALL_PIXEL_I420;
    picture->width = WIDTH;
    picture->height = HEIGHT;
    picture->planes[0] = y;
    picture->planes[1] = u;
    picture->planes[2] = v;
    picture->strides[0] = WIDTH;
    picture->strides[1] = picture->strides[2] = WIDTH / 2;
}

static void capture_block(struct host *host, uint32_t block)
{
    xcall_picture picture;
    uint64_t now = xcall_now_ns();
    host->refused += now < host->last_now;
    host->last_now = now;
    int32_t result = xcall_audio_write(host->side->engine, host->audio, host->tone, BLOCK, now);
    host->refused += result != XCALL_OK && result != XCALL_E_AGAIN; /* the shard is short of time */
    if (block % 3)
        return;
    fill_picture(&picture, host->luma, host->chroma, host->chroma);
    picture.capture_ns = now;
    host->luma[block % sizeof host->luma] ^= 16; /* something moves */
    host->refused += xcall_video_write(host->side->engine, host->video, &picture) != 0;
}

static void play_block(struct host *host, uint32_t block)
{
    int16_t samples[BLOCK];
    xcall_picture picture;
    host->refused += xcall_audio_read(host->side->engine, host->audio, samples, BLOCK) != 0;
    for (uint32_t i = 0; i < BLOCK; i++)
        host->energy += (uint64_t)(samples[i] * samples[i]);
    if (block % WINDOW == WINDOW - 1) {
        host->loud += host->energy > LEVEL_MIN * LEVEL_MIN * WINDOW * BLOCK;
        host->energy = 0;
    }
    fill_picture(&picture, host->seen[0], host->seen[1], host->seen[2]);
    int32_t result = xcall_video_read(host->side->engine, host->video, &picture);
    host->shown += result == XCALL_OK;
    host->refused += result != XCALL_OK && result != XCALL_E_AGAIN;
}

static void run(struct host *host, struct guard_report *report,
                void (*block)(struct host *, uint32_t))
{
    memset(report, 0, sizeof *report);
    host->entered = !host->guarded || guard_enter(report);
    while (!atomic_load(host->start))
        ; /* all threads go under guard before the first block */
    uint64_t due = xcall_now_ns();
    for (uint32_t i = 0; i < host->blocks || (!atomic_load(host->enough) && i < MORE_BLOCKS); i++) {
        block(host, i);
        due += BLOCK_NS;
        guard_sleep_until(due);
        uint64_t now = xcall_now_ns();
        due = now > due + LATE_NS ? now : due; /* a stalled machine: no burst to catch up */
    }
    if (host->guarded)
        guard_exit(report);
}

static void *capture_thread(void *argument)
{
    struct host *host = argument;
    run(host, &host->captured, capture_block);
    return NULL;
}

static void *playout_thread(void *argument)
{
    struct host *host = argument;
    run(host, &host->played, play_block);
    return NULL;
}

static void set_up_host(struct host *host, struct pair_side *side, uint8_t brightness)
{
    for (uint32_t i = 0; i < BLOCK; i++)
        host->tone[i] = (int16_t)(8000 * sin(2 * 3.14159265 * 5 * i / BLOCK)); /* 500 Hz */
    host->side = side;
    host->brightness = brightness;
    memset(host->luma, brightness, sizeof host->luma);
    memset(host->chroma, 128, sizeof host->chroma);
    memset(host->seen, 0, sizeof host->seen);
    assert_int_equal(xcall_call_track(side->engine, side->call, XCALL_KIND_AUDIO, 0, &host->audio),
                     0);
    assert_int_equal(xcall_call_track(side->engine, side->call, XCALL_KIND_VIDEO, 0, &host->video),
                     0);
}

/* Media of both kinds went both ways; on a busy machine that takes as long as it does. */
static bool is_enough(struct host hosts[2], struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        xcall_stats stats;
        xcall_stats_init(&stats, sizeof stats);
        if (xcall_call_stats(pair->side[i].engine, pair->side[i].call, &stats) != XCALL_OK ||
            stats.audio_received.packets_received < hosts[i].blocks / 4 ||
            stats.video_received.frames_decoded < PICTURES_MIN || hosts[i].shown < PICTURES_MIN ||
            !hosts[i].loud)
            return false;
    }
    return true;
}

static void run_media(struct host hosts[2], struct pair *pair, bool guarded_threads,
                      uint32_t blocks)
{
    pthread_t threads[4];
    _Atomic uint32_t start, enough;
    atomic_init(&start, 0);
    atomic_init(&enough, 0);
    memset(hosts, 0, 2 * sizeof hosts[0]);
    for (uint32_t i = 0; i < 2; i++) {
        set_up_host(&hosts[i], &pair->side[i], i == 0 ? 90 : 200);
        hosts[i].guarded = guarded_threads;
        hosts[i].blocks = blocks;
        hosts[i].start = &start;
        hosts[i].enough = &enough;
        assert_int_equal(pthread_create(&threads[2 * i], NULL, capture_thread, &hosts[i]), 0);
        assert_int_equal(pthread_create(&threads[2 * i + 1], NULL, playout_thread, &hosts[i]), 0);
    }
    uint64_t begin = xcall_now_ns();
    atomic_store(&start, 1);
    for (uint64_t now = begin;
         now - begin < (atomic_load(&enough) ? blocks : MORE_BLOCKS) * BLOCK_NS;
         now = xcall_now_ns()) {
        pair_turn(pair);
        if (!atomic_load(&enough))
            atomic_store(&enough, is_enough(hosts, pair));
    }
    for (uint32_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

/* The media threads start before the call is connected. */
static void run_call(struct host hosts[2], struct pair *pair, bool guarded_threads, uint32_t blocks)
{
    assert_int_equal(pair_call(pair, true), XCALL_OK);
    run_media(hosts, pair, guarded_threads, blocks);
}

static void print_place(const char *what, const void *at)
{
    Dl_info info;
    if (at && dladdr(at, &info))
        print_error("  first %s from %s, near %s\n", what, info.dli_fname,
                    info.dli_sname ? info.dli_sname : "a static function");
}

static void assert_clean(const struct guard_report *report, const char *who)
{
    bool clean =
        !report->counts.allocations && !report->counts.locks && !report->trapped && !report->faults;
    if (clean)
        return;
    print_error("%s: %u allocations, %u locks, %u system calls (first number %d), %u page faults\n",
                who, (unsigned)report->counts.allocations, (unsigned)report->counts.locks,
                (unsigned)report->trapped, (int)report->trapped_number, (unsigned)report->faults);
    print_place("allocation or lock", report->counts.first);
    print_place("system call", report->trapped_at);
    fail();
}

static void check_media(struct host hosts[2], struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        xcall_stats stats;
        struct host *host = &hosts[i];
        assert_true(host->entered);
        assert_int_equal(host->refused, 0);
        assert_true(host->loud > 0);
        assert_true(host->shown >= PICTURES_MIN);
        assert_in_range(host->seen[0][HEIGHT / 2 * WIDTH], hosts[!i].brightness - 24,
                        hosts[!i].brightness + 24);
        xcall_stats_init(&stats, sizeof stats);
        assert_int_equal(xcall_call_stats(pair->side[i].engine, pair->side[i].call, &stats), 0);
        assert_true(stats.audio_received.packets_received >= host->blocks / 4);
        assert_int_equal(stats.audio_received.packets_lost, 0);
        assert_true(stats.video_received.frames_decoded >= PICTURES_MIN);
        print_message("side %d: %u audio packets, %u pictures shown, %u loud half seconds\n", i,
                      (unsigned)stats.audio_received.packets_received, (unsigned)host->shown,
                      (unsigned)host->loud);
    }
}

static void test_call(void **state)
{
    (void)state;
    static struct host hosts[2];
    struct pair pair;
    assert_int_equal(pair_open(&pair, 1, 4), XCALL_OK);
    run_call(hosts, &pair, false, WARM_BLOCKS);
    assert_int_equal(xcall_call_hang_up(pair.side[0].engine, pair.side[0].call), XCALL_OK);
    assert_true(pair_reach(&pair, XCALL_STATE_ENDED, LIMIT_MS));
    assert_true(guard_init()); /* the engines' eventfds */
    run_call(hosts, &pair, true, BLOCKS);
    assert_clean(&hosts[0].captured, "capture thread of alice");
    assert_clean(&hosts[1].captured, "capture thread of bob");
    assert_clean(&hosts[0].played, "playout thread of alice");
    assert_clean(&hosts[1].played, "playout thread of bob");
    check_media(hosts, &pair);
    pair_unref(&pair);
}

/* Video raised in mid-call: the media threads, which are new and under guard from their first write on,
 * find the memory of its track there. */
static void test_raised_video(void **state)
{
    (void)state;
    static struct host hosts[2];
    struct pair pair;
    xcall_call_config config;
    assert_int_equal(pair_open(&pair, 1, 4), XCALL_OK);
    run_call(hosts, &pair, false, WARM_BLOCKS);
    assert_int_equal(xcall_call_hang_up(pair.side[0].engine, pair.side[0].call), XCALL_OK);
    assert_true(pair_reach(&pair, XCALL_STATE_ENDED, LIMIT_MS));
    assert_true(guard_init());
    xcall_call_config_init(&config, sizeof config);
    config.video_direction = XCALL_DIRECTION_NONE;
    config.video_tracks = 1;
    config.video_width = config.video_width_max = WIDTH;
    config.video_height = config.video_height_max = HEIGHT;
    config.video_bitrate_bps = 300000;
    assert_int_equal(pair_call_with(&pair, &config), XCALL_OK);
    assert_true(pair_reach(&pair, XCALL_STATE_CONNECTED, LIMIT_MS));
    for (uint32_t i = 0; i < 2; i++) {
        xcall_id track;
        assert_int_equal(
            xcall_call_track(pair.side[i].engine, pair.side[i].call, XCALL_KIND_VIDEO, 0, &track),
            XCALL_OK);
        assert_int_equal(
            xcall_track_set_direction(pair.side[i].engine, track, XCALL_DIRECTION_BOTH), XCALL_OK);
    }
    run_media(hosts, &pair, true, BLOCKS);
    assert_clean(&hosts[0].captured, "capture thread of alice, video raised");
    assert_clean(&hosts[1].captured, "capture thread of bob, video raised");
    assert_clean(&hosts[0].played, "playout thread of alice, video raised");
    assert_clean(&hosts[1].played, "playout thread of bob, video raised");
    check_media(hosts, &pair);
    pair_unref(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_innocence),
        cmocka_unit_test(test_finds_malloc),
        cmocka_unit_test(test_finds_lock),
        cmocka_unit_test(test_finds_system_call),
        cmocka_unit_test(test_finds_other_writes),
        cmocka_unit_test(test_finds_page_fault),
        cmocka_unit_test(test_call),
        cmocka_unit_test(test_raised_video),
    };
    return cmocka_run_group_tests(tests, find_descriptors, NULL);
}
