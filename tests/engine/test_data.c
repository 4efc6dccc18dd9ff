/* test_data.c - data channels of two whole engines over loopback UDP: every kind of message and channel,
 * what is refused, back-pressure, closing and using ids again, hanging up and letting go in the midst.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <xcall/xcall.h>

#define LIMIT_NS (60 * UINT64_C(1000000000))

struct side {
    xcall_engine *engine;
    xcall_id call, channel; /* the newest that the peer opened, or that opened */
    uint32_t opened, closed, messages, low, ended, state;
    uint64_t bytes;
    uint32_t kind, size; /* of the newest message */
    uint32_t sum;        /* of its bytes */
    uint32_t in_order;   /* messages whose first word was the next number */
    uint32_t next;
    char label[64], protocol[64];
    uint32_t channel_flags;
    bool pause; /* events are not taken */
};

static struct side side[2];
static uint64_t now_ns; /* threads = 0 */
static bool stepped, data_alone;
static uint8_t big[XCALL_CHANNEL_MESSAGE_MAX + 1];

static void take(int i, const xcall_event *event)
{
    struct side *s = &side[i];
    switch (event->type) {
    case XCALL_EVENT_SIGNAL:
        xcall_call_receive_signal(side[!i].engine, side[!i].call, event->signal_kind, event->text,
                                  event->text_length, NULL);
        break;
    case XCALL_EVENT_STATE:
        s->state = event->state;
        break;
    case XCALL_EVENT_ENDED:
        s->ended++;
        break;
    case XCALL_EVENT_CHANNEL:
        assert_true(event->state == XCALL_CHANNEL_OPEN || event->state == XCALL_CHANNEL_CLOSED);
        s->opened += event->state == XCALL_CHANNEL_OPEN;
        s->closed += event->state == XCALL_CHANNEL_CLOSED;
        if (event->state == XCALL_CHANNEL_OPEN) {
            s->channel = event->channel;
            s->channel_flags = event->flags;
            strncpy(s->label, event->text, sizeof s->label - 1);
            strncpy(s->protocol, event->protocol, sizeof s->protocol - 1);
        }
        break;
    case XCALL_EVENT_MESSAGE:
        s->messages++;
        s->bytes += event->data_length;
        s->kind = event->flags;
        s->size = (uint32_t)event->data_length;
        s->sum = 0;
        for (size_t n = 0; n < event->data_length; n++)
            s->sum = s->sum * 31 + event->data[n];
        assert_int_equal(event->data[event->data_length], 0);
        if (event->data_length >= 4 && memcmp(event->data, &s->next, 4) == 0)
            s->in_order++;
        s->next++;
        break;
    case XCALL_EVENT_BUFFERED_LOW:
        s->low++;
        break;
    default:
        break;
    }
}

static void turn(void)
{
    struct pollfd fds[2];
    xcall_event event;
    xcall_event_init(&event, sizeof event);
    for (int i = 0; i < 2; i++)
        fds[i] = (struct pollfd){.fd = xcall_engine_event_fd(side[i].engine), .events = POLLIN};
    poll(fds, 2, 1);
    for (int i = 0; i < 2; i++) {
        uint64_t deadline;
        now_ns = xcall_now_ns();
        if (stepped)
            xcall_engine_step(side[i].engine, now_ns, &deadline);
        for (int n = 0; n < 64 && !side[i].pause; n++) {
            if (xcall_engine_next_event(side[i].engine, &event, 0) != XCALL_OK)
                break;
            take(i, &event);
        }
    }
}

#define UNTIL(condition)                                                                           \
    for (uint64_t begin_ = xcall_now_ns(); !(condition);) {                                        \
        assert_true(xcall_now_ns() - begin_ < LIMIT_NS);                                           \
        turn();                                                                                    \
    }

/* channels: of side 0; the other has `others`. */
static void open_unlike(uint32_t threads, uint32_t channels, uint32_t others)
{
    xcall_engine_config engine;
    xcall_call_config call;
    memset(side, 0, sizeof side);
    stepped = threads == 0;
    xcall_engine_config_init(&engine, sizeof engine);
    engine.flags = XCALL_ENGINE_LOOPBACK;
    engine.threads = threads;
    engine.bind_address = "127.0.0.1";
    for (int i = 0; i < 2; i++)
        assert_int_equal(xcall_engine_create(&engine, &side[i].engine, NULL), XCALL_OK);
    for (int i = 0; i < 2; i++) {
        xcall_call_config_init(&call, sizeof call);
        call.role = i ? XCALL_ROLE_ANSWER : XCALL_ROLE_OFFER;
        call.data_channels = i ? others : channels;
        if (data_alone)
            call.audio_direction = XCALL_DIRECTION_NONE;
        assert_int_equal(xcall_call_create(side[i].engine, &call, &side[i].call, NULL), XCALL_OK);
    }
    UNTIL(side[0].state == XCALL_STATE_CONNECTED && side[1].state == XCALL_STATE_CONNECTED)
}

static void open_pair(uint32_t threads, uint32_t channels)
{
    open_unlike(threads, channels, channels);
}

static void close_pair(void)
{
    for (int i = 0; i < 2; i++)
        xcall_engine_unref(side[i].engine);
}

static xcall_id open_channel(int i, const xcall_channel_config *config)
{
    xcall_id channel = 0;
    uint32_t opened[2] = {side[0].opened, side[1].opened};
    assert_int_equal(xcall_channel_create(side[i].engine, side[i].call, config, &channel, NULL),
                     XCALL_OK);
    UNTIL(side[0].opened > opened[0] &&
          (side[1].opened > opened[1] || (config->flags & XCALL_CHANNEL_NEGOTIATED)))
    return channel;
}

static void send_one(int i, xcall_id channel, uint32_t kind, size_t size)
{
    uint32_t before = side[!i].messages, sum = 0;
    for (size_t n = 0; n < size; n++) {
        big[n] = (uint8_t)(n * 7 + size);
        sum = sum * 31 + big[n];
    }
    assert_int_equal(xcall_channel_send(side[i].engine, channel, kind, big, size), XCALL_OK);
    UNTIL(side[!i].messages > before)
    assert_int_equal(side[!i].size, size);
    assert_int_equal(side[!i].kind, kind);
    assert_int_equal(side[!i].sum, sum);
}

static void messages_both_ways(uint32_t threads)
{
    xcall_channel_config config;
    open_pair(threads, 8);
    xcall_channel_config_init(&config, sizeof config);
    config.label = "chat";
    config.protocol = "v1";
    xcall_id channel = open_channel(0, &config);
    assert_string_equal(side[1].label, "chat");
    assert_string_equal(side[1].protocol, "v1");
    assert_true(side[1].channel_flags & XCALL_CHANNEL_REMOTE);
    const size_t sizes[] = {0, 1, 64, 1159, 1160, 5000, 65536, XCALL_CHANNEL_MESSAGE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        send_one(0, channel, XCALL_MESSAGE_TEXT, sizes[i]);
        send_one(1, side[1].channel, XCALL_MESSAGE_BINARY, sizes[i]);
    }
    assert_int_equal(xcall_channel_send(side[0].engine, channel, XCALL_MESSAGE_TEXT, big,
                                        XCALL_CHANNEL_MESSAGE_MAX + 1),
                     XCALL_E_LIMIT);
    xcall_channel_info info;
    xcall_channel_info_init(&info, sizeof info);
    assert_int_equal(xcall_channel_get_info(side[0].engine, channel, &info), XCALL_OK);
    assert_int_equal(info.messages_sent, 8);
    assert_int_equal(info.messages_received, 8);
    assert_int_equal(info.bytes_sent, info.bytes_received);
    assert_int_equal(info.state, XCALL_CHANNEL_OPEN);
    close_pair();
}

static void test_messages(void **state)
{
    (void)state;
    messages_both_ways(1);
}

static void test_messages_stepped(void **state)
{
    (void)state;
    messages_both_ways(0);
}

/* Every reliability, ordered or not; a loss-free path brings all of them. */
static void test_kinds_of_channel(void **state)
{
    (void)state;
    open_pair(1, 16);
    for (int i = 0; i < 6; i++) {
        xcall_channel_config config;
        xcall_channel_config_init(&config, sizeof config);
        config.flags = i % 2 ? XCALL_CHANNEL_UNORDERED : 0;
        config.max_retransmits = i / 2 == 1 ? 3 : -1;
        config.max_packet_life_time_ms = i / 2 == 2 ? 3000 : -1;
        config.priority = XCALL_PRIORITY_HIGH;
        xcall_id channel = open_channel(i % 2, &config);
        xcall_channel_info info;
        xcall_channel_info_init(&info, sizeof info);
        assert_int_equal(
            xcall_channel_get_info(side[!(i % 2)].engine, side[!(i % 2)].channel, &info), XCALL_OK);
        assert_int_equal(info.max_retransmits, config.max_retransmits);
        assert_int_equal(info.max_packet_life_time_ms, config.max_packet_life_time_ms);
        assert_int_equal(info.flags & XCALL_CHANNEL_UNORDERED, config.flags);
        assert_int_equal(info.priority, XCALL_PRIORITY_HIGH);
        send_one(i % 2, channel, XCALL_MESSAGE_BINARY, 20000);
    }
    close_pair();
}

static void test_negotiated(void **state)
{
    (void)state;
    xcall_channel_config config;
    xcall_id both[2], again;
    open_pair(1, 8);
    xcall_channel_config_init(&config, sizeof config);
    config.flags = XCALL_CHANNEL_NEGOTIATED;
    config.id = 77;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            xcall_channel_create(side[i].engine, side[i].call, &config, &both[i], NULL), XCALL_OK);
        assert_int_equal(xcall_channel_create(side[i].engine, side[i].call, &config, &again, NULL),
                         XCALL_E_INVALID);
    }
    UNTIL(side[0].opened == 1 && side[1].opened == 1)
    send_one(0, both[0], XCALL_MESSAGE_TEXT, 10);
    send_one(1, both[1], XCALL_MESSAGE_TEXT, 10);
    xcall_channel_close(side[0].engine, both[0]);
    UNTIL(side[0].closed == 1 && side[1].closed == 1)
    for (int i = 0; i < 2; i++) /* both resets are through: the id is free */
        assert_int_equal(
            xcall_channel_create(side[i].engine, side[i].call, &config, &both[i], NULL), XCALL_OK);
    UNTIL(side[0].opened == 2 && side[1].opened == 2)
    send_one(0, both[0], XCALL_MESSAGE_BINARY, 1000);
    close_pair();
}

/* Opened and closed from either side in turn; ids of streams come back, ids of channels never do. */
static void test_cycles(void **state)
{
    (void)state;
    xcall_channel_config config;
    xcall_id last = 0;
    open_pair(1, 4);
    xcall_channel_config_init(&config, sizeof config);
    for (uint32_t i = 0; i < 1000; i++) {
        xcall_id channel = open_channel((int)(i & 1), &config);
        assert_int_not_equal(channel, last);
        last = channel;
        if (i % 100 == 0)
            send_one((int)(i & 1), channel, XCALL_MESSAGE_TEXT, 100);
        int closer = (int)(i >> 1 & 1);
        xcall_channel_close(side[closer].engine,
                            closer == (int)(i & 1) ? channel : side[closer].channel);
        UNTIL(side[0].closed == i + 1 && side[1].closed == i + 1)
        assert_int_equal(xcall_channel_send(side[i & 1].engine, channel, 1, "a", 1), XCALL_E_ENDED);
    }
    close_pair();
}

/* The limit of either side holds: what the peer has no place for is closed, without an ACK. */
static void test_limits(void **state)
{
    (void)state;
    xcall_channel_config config;
    xcall_id channel;
    xcall_error error;
    open_pair(1, 4);
    xcall_channel_config_init(&config, sizeof config);
    for (int i = 0; i < 4; i++)
        open_channel(i & 1, &config);
    xcall_error_init(&error, sizeof error);
    assert_int_equal(xcall_channel_create(side[0].engine, side[0].call, &config, &channel, &error),
                     XCALL_E_LIMIT);
    assert_true(strlen(error.text) > 10);
    config.max_retransmits = config.max_packet_life_time_ms = 1;
    assert_int_equal(xcall_channel_create(side[0].engine, side[0].call, &config, &channel, &error),
                     XCALL_E_INVALID);
    close_pair();
}

/* The reader stops: the writer is stopped too, no byte is lost, and all goes on. */
static void test_back_pressure(void **state)
{
    (void)state;
    xcall_channel_config config;
    open_pair(1, 4);
    xcall_channel_config_init(&config, sizeof config);
    xcall_id channel = open_channel(0, &config);
    side[1].pause = true;
    uint32_t sent = 0, idle = 0;
    uint64_t buffered = 0;
    uint64_t begin = xcall_now_ns();
    while (idle < 300 || (sent < 64 && xcall_now_ns() - begin < LIMIT_NS)) {
        memcpy(big, &sent, 4);
        int32_t result =
            xcall_channel_send(side[0].engine, channel, XCALL_MESSAGE_BINARY, big, 16384);
        idle = result == XCALL_OK ? 0 : idle + 1;
        sent += result == XCALL_OK;
        assert_true(result == XCALL_OK || result == XCALL_E_AGAIN);
        if (idle)
            turn();
    }
    assert_in_range(sent, 64, 16384); /* at most four buffers of 1 MiB */
    assert_true(sent * 16384u <= 5u << 20);
    assert_int_equal(xcall_channel_buffered_amount(side[0].engine, channel, &buffered), XCALL_OK);
    assert_true(buffered > 0);
    side[1].pause = false;
    UNTIL(side[1].messages == sent)
    assert_int_equal(side[1].in_order, sent);
    UNTIL(side[0].low >= 1)
    close_pair();
}

/* A message of high priority does not wait behind the bulk of another channel. */
static void test_bulk_does_not_block(void **state)
{
    (void)state;
    xcall_channel_config config;
    open_pair(1, 4);
    xcall_channel_config_init(&config, sizeof config);
    xcall_id bulk = open_channel(0, &config);
    config.priority = XCALL_PRIORITY_HIGH;
    xcall_id quick = open_channel(0, &config);
    while (xcall_channel_send(side[0].engine, bulk, XCALL_MESSAGE_BINARY, big, 65536) == XCALL_OK)
        ;
    /* There is no room for it either; it goes as soon as there is. */
    while (xcall_channel_send(side[0].engine, quick, XCALL_MESSAGE_TEXT, "now", 3) != XCALL_OK)
        turn();
    uint64_t left = 0;
    UNTIL(side[1].size == 3)
    assert_int_equal(xcall_channel_buffered_amount(side[0].engine, quick, &left), XCALL_OK);
    assert_int_equal(left, 0);
    close_pair();
}

static void test_hang_up_in_the_midst(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        xcall_channel_config config;
        open_pair(1, 8);
        xcall_channel_config_init(&config, sizeof config);
        xcall_id channel = open_channel(0, &config);
        for (int i = 0; i < 10; i++)
            xcall_channel_send(side[0].engine, channel, XCALL_MESSAGE_BINARY, big, 65536);
        if (round < 3)
            xcall_call_hang_up(side[round & 1].engine, side[round & 1].call);
        if (round == 3)
            xcall_engine_close(side[0].engine);
        if (round < 4) {
            UNTIL(side[0].ended == 1 && side[1].ended == 1)
            int32_t result = xcall_channel_send(side[0].engine, channel, 1, "a", 1);
            assert_true(result == XCALL_E_ENDED || result == XCALL_E_CLOSED);
        }
        close_pair(); /* round 4: with everything under way */
    }
}

/* An engine that is let go of while its call lives and its ring of events is full to the brim, so that
 * there is no room even for what tells of the channels' end: it ends all the same. */
static void test_unref_with_full_events(void **state)
{
    (void)state;
    const size_t size = 262070; /* four of them leave room for two records in 2^20 bytes */
    xcall_channel_config config;
    xcall_id channel = 0;
    open_pair(0, 8);
    xcall_channel_config_init(&config, sizeof config);
    for (int i = 0; i < 8; i++)
        channel = open_channel(0, &config);
    side[1].pause = true;
    for (int sent = 0; sent < 5;) {
        sent += xcall_channel_send(side[0].engine, channel, XCALL_MESSAGE_BINARY, big, size) ==
                XCALL_OK;
        turn();
    }
    for (uint64_t begin = xcall_now_ns(); xcall_now_ns() - begin < UINT64_C(1000000000);)
        turn();
    alarm(60); /* it is the test's fault to hang then */
    close_pair();
    alarm(0);
}

/* A call with neither sound nor pictures, nor tracks for them: what concerns those says so. */
static void test_data_alone(void **state)
{
    (void)state;
    xcall_channel_config config;
    xcall_stats stats;
    xcall_id track;
    int16_t samples[480] = {0};
    data_alone = true;
    open_pair(1, 4);
    data_alone = false;
    xcall_channel_config_init(&config, sizeof config);
    xcall_id channel = open_channel(0, &config);
    send_one(0, channel, XCALL_MESSAGE_TEXT, 1000);
    send_one(1, side[1].channel, XCALL_MESSAGE_BINARY, 100000);
    for (int i = 0; i < 2; i++) {
        xcall_engine *engine = side[i].engine;
        xcall_id call = side[i].call;
        assert_int_equal(xcall_call_track(engine, call, XCALL_KIND_AUDIO, 0, &track),
                         XCALL_E_INVALID);
        assert_int_equal(xcall_audio_write(engine, call, samples, 480, 0), XCALL_E_INVALID);
        assert_int_equal(xcall_audio_read(engine, call, samples, 480), XCALL_E_INVALID);
        assert_int_equal(xcall_call_send_dtmf(engine, call, "1", 100, 70), XCALL_E_INVALID);
        assert_int_equal(xcall_call_set_hold(engine, call, 1), XCALL_OK);
        assert_int_equal(xcall_call_set_hold(engine, call, 0), XCALL_OK);
        xcall_stats_init(&stats, sizeof stats);
        assert_int_equal(xcall_call_stats(engine, call, &stats), XCALL_OK);
        assert_int_equal(stats.audio_sent.packets_sent + stats.video_sent.packets_sent, 0);
        assert_int_equal(stats.packets_rejected, 0);
    }
    send_one(0, channel, XCALL_MESSAGE_TEXT, 10);
    xcall_call_restart_ice(side[0].engine, side[0].call);
    for (int n = 0; n < 200; n++)
        turn();
    send_one(1, side[1].channel, XCALL_MESSAGE_TEXT, 10);
    assert_int_equal(side[0].ended + side[1].ended, 0);
    close_pair();
}

static void test_without_data(void **state)
{
    (void)state;
    xcall_channel_config config;
    xcall_id channel;
    open_pair(1, 0);
    xcall_channel_config_init(&config, sizeof config);
    assert_int_equal(xcall_channel_create(side[0].engine, side[0].call, &config, &channel, NULL),
                     XCALL_E_STATE);
    assert_int_equal(xcall_channel_send(side[0].engine, side[0].call, 1, "a", 1), XCALL_E_ENDED);
    assert_int_equal(xcall_channel_send(side[0].engine, UINT64_MAX, 1, "a", 1), XCALL_E_ENDED);
    assert_int_equal(xcall_channel_send(side[0].engine, UINT64_MAX, 3, "a", 1), XCALL_E_INVALID);
    close_pair();
}

/* The peer turns the section down: what waits for it is closed, and nothing new is begun. */
static void test_peer_without_data(void **state)
{
    (void)state;
    xcall_channel_config config;
    xcall_id channel, other;
    open_unlike(1, 4, 0);
    xcall_channel_config_init(&config, sizeof config);
    int32_t result = xcall_channel_create(side[0].engine, side[0].call, &config, &channel, NULL);
    if (result == XCALL_OK) /* the data thread had not heard of it yet */
        UNTIL(side[0].closed == 1)
    else
        assert_int_equal(result, XCALL_E_UNSUPPORTED);
    assert_int_equal(xcall_channel_create(side[0].engine, side[0].call, &config, &other, NULL),
                     XCALL_E_UNSUPPORTED);
    assert_int_equal(side[0].ended + side[1].ended, 0);
    xcall_call_hang_up(side[0].engine, side[0].call);
    UNTIL(side[0].ended == 1 && side[1].ended == 1)
    close_pair();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_messages),
                                       cmocka_unit_test(test_messages_stepped),
                                       cmocka_unit_test(test_kinds_of_channel),
                                       cmocka_unit_test(test_negotiated),
                                       cmocka_unit_test(test_cycles),
                                       cmocka_unit_test(test_limits),
                                       cmocka_unit_test(test_back_pressure),
                                       cmocka_unit_test(test_bulk_does_not_block),
                                       cmocka_unit_test(test_hang_up_in_the_midst),
                                       cmocka_unit_test(test_data_alone),
                                       cmocka_unit_test(test_unref_with_full_events),
                                       cmocka_unit_test(test_peer_without_data),
                                       cmocka_unit_test(test_without_data)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
