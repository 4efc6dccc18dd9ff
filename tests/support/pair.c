/* pair.c - see pair.h. Thread: the test's own.
 * SPDX-License-Identifier: MIT */
#include "pair.h"

#include <poll.h>
#include <string.h>

#include "loopback.h"

#define STEP_NS UINT64_C(1000000)
#define PAIR_SIGNAL_MAX 65536
#define TURNS_MAX 64 /* exchanges of datagrams and signals within one instant */

int32_t pair_open(struct pair *pair, uint32_t threads, uint32_t calls_max)
{
    xcall_engine_config config;
    memset(pair, 0, sizeof *pair);
    xcall_engine_config_init(&config, sizeof config);
    config.flags = XCALL_ENGINE_LOOPBACK;
    config.threads = threads;
    config.calls_max = calls_max;
    config.bind_address = "127.0.0.1";
    pair->stepped = threads == 0;
    pair->now = xcall_now_ns();
    for (int i = 0; i < 2; i++) {
        int32_t result = xcall_engine_create(&config, &pair->side[i].engine, NULL);
        if (result != XCALL_OK) {
            pair_unref(pair);
            return result;
        }
    }
    return XCALL_OK;
}

int32_t pair_call_with(struct pair *pair, const xcall_call_config *given)
{
    xcall_call_config config = *given;
    for (int i = 0; i < 2; i++) {
        struct pair_side *side = &pair->side[i];
        xcall_engine *engine = side->engine;
        memset(side, 0, sizeof *side);
        side->engine = engine;
        config.role = i == 0 ? XCALL_ROLE_OFFER : XCALL_ROLE_ANSWER;
        int32_t result = xcall_call_create(engine, &config, &side->call, NULL);
        if (result != XCALL_OK)
            return result;
    }
    return XCALL_OK;
}

int32_t pair_call(struct pair *pair, bool video)
{
    xcall_call_config config;
    xcall_call_config_init(&config, sizeof config);
    if (video) {
        config.video_direction = XCALL_DIRECTION_BOTH;
        config.video_width = config.video_width_max = 320;
        config.video_height = config.video_height_max = 180;
        config.video_bitrate_bps = 300000;
    }
    return pair_call_with(pair, &config);
}

static void take(struct pair *pair, int i, const xcall_event *event)
{
    struct pair_side *side = &pair->side[i], *other = &pair->side[!i];
    if (event->call != side->call || !side->call)
        return;
    side->late += side->ended != 0;
    switch (event->type) {
    case XCALL_EVENT_STATE:
        side->state = event->state;
        break;
    case XCALL_EVENT_SIGNAL:
        side->signals++;
        if (pair->cut[i] || !other->call)
            break;
        static char text[PAIR_SIGNAL_MAX];
        size_t size = event->text_length;
        memcpy(text, event->text, size);
        if (pair->alter)
            pair->alter(i, event->signal_kind, text, &size, sizeof text);
        int32_t result = xcall_call_receive_signal(other->engine, other->call, event->signal_kind,
                                                   text, size, NULL);
        if (result != XCALL_OK && result != XCALL_E_ENDED && side->carried == XCALL_OK)
            side->carried = result;
        break;
    case XCALL_EVENT_ENDED:
        side->state = XCALL_STATE_ENDED;
        side->reason = event->reason;
        side->ended++;
        break;
    case XCALL_EVENT_PICTURE:
        side->pictures++;
        break;
    case XCALL_EVENT_REMOTE:
        side->remote = event->flags;
        break;
    default:
        break;
    }
}

uint32_t pair_pump(struct pair *pair)
{
    uint32_t count = 0;
    xcall_event event;
    xcall_event_init(&event, sizeof event);
    for (int i = 0; i < 2; i++) {
        while (pair->side[i].engine &&
               xcall_engine_next_event(pair->side[i].engine, &event, 0) == XCALL_OK) {
            take(pair, i, &event);
            count++;
        }
    }
    return count;
}

void pair_step(struct pair *pair, uint64_t ns)
{
    uint64_t deadline;
    pair->now += ns;
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        loopback_settle();
        for (int i = 0; i < 2; i++)
            if (pair->side[i].engine)
                xcall_engine_step(pair->side[i].engine, pair->now, &deadline);
        if (!pair_pump(pair) && turn > 0)
            break;
    }
}

void pair_turn(struct pair *pair)
{
    struct pollfd fds[2];
    if (pair->stepped) {
        pair_step(pair, STEP_NS);
        return;
    }
    for (int i = 0; i < 2; i++) {
        int32_t fd = pair->side[i].engine ? xcall_engine_event_fd(pair->side[i].engine) : -1;
        fds[i] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    poll(fds, 2, 1);
    pair_pump(pair);
}

bool pair_reach(struct pair *pair, uint32_t state, uint32_t limit_ms)
{
    uint64_t start = pair->stepped ? pair->now : xcall_now_ns();
    for (;;) {
        if (pair->side[0].state == state && pair->side[1].state == state)
            return true;
        uint64_t now = pair->stepped ? pair->now : xcall_now_ns();
        if (now - start > limit_ms * UINT64_C(1000000))
            return false;
        pair_turn(pair);
    }
}

void pair_unref(struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        xcall_engine_unref(pair->side[i].engine);
        pair->side[i].engine = NULL;
    }
}
