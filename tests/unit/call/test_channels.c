/* test_channels.c - the machine of data channels above an SCTP that the test plays: each state step, who
 * may open which stream, what is refused, the order of sending, closing and using ids again; and the
 * port between session and data thread.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <xcall/base.h>

#include "call/channels.h"
#include "call/data_port.h"

static struct xc_channels *c;
static void *arena_memory;
static uint8_t memory[XC_CHANNEL_MESSAGE_MAX], big[XC_CHANNEL_MESSAGE_MAX];
static uint64_t serial;
static struct xc_channels_out out;
static struct xc_channel_record record;
static char *texts;

static void make(uint32_t channels_max)
{
    struct xc_channels_config config = {channels_max, 2 * XC_CHANNEL_MESSAGE_MAX,
                                        2 * XC_CHANNEL_MESSAGE_MAX};
    struct xc_arena arena = {0};
    assert_null(xc_channels_create(&arena, &config));
    size_t size = arena.used;
    free(arena_memory);
    arena_memory = aligned_alloc(XC_CACHE_LINE, size);
    arena = (struct xc_arena){.memory = arena_memory, .capacity = size - XC_CACHE_LINE};
    assert_null(xc_channels_create(&arena, &config));
    arena = (struct xc_arena){.memory = arena_memory, .capacity = size};
    c = xc_channels_create(&arena, &config);
    assert_non_null(c);
}

static void up(bool client)
{
    xc_channels_up(c, 1, client, XC_CHANNEL_STREAMS, XC_CHANNEL_MESSAGE_MAX);
}

static uint32_t open_one(const char *label, uint64_t *id)
{
    struct xc_channel_options options = {
        .label = xc_span_make(label, strlen(label)), .priority = 256, .low_threshold = UINT64_MAX};
    uint32_t slot = UINT32_MAX;
    *id = ++serial;
    assert_int_equal(xc_channels_open(c, &options, *id, &slot), XCALL_OK);
    return slot;
}

static bool next(void)
{
    return xc_channels_next(c, 1, &out, memory);
}

static void done(int result)
{
    xc_channels_done(c, 1, &out, result);
}

static void expect_send(uint16_t stream, uint32_t ppid, size_t size)
{
    assert_true(next());
    assert_int_equal(out.type, XC_CHANNELS_SEND);
    assert_int_equal(out.stream, stream);
    assert_int_equal(out.ppid, ppid);
    assert_int_equal(out.bytes.size, size);
    done(XC_CHANNELS_DONE);
}

static void expect_reset(uint16_t stream)
{
    assert_true(next());
    assert_int_equal(out.type, XC_CHANNELS_RESET);
    assert_int_equal(out.stream_count, 1);
    assert_int_equal(out.streams[0], stream);
    done(XC_CHANNELS_DONE);
}

static bool take_record(void)
{
    struct xc_byte_ring *ring = xc_channels_records(c);
    assert_true(xc_channels_flush(c, 2));
    if (!xc_byte_ring_read(ring, &record, sizeof record))
        return false;
    texts = realloc(texts, record.size + record.protocol_size + 2);
    assert_true(xc_byte_ring_read(ring, texts, record.size + record.protocol_size + 2));
    return true;
}

static void expect_record(uint32_t type, uint64_t id, uint32_t state)
{
    assert_true(take_record());
    assert_int_equal(record.type, type);
    assert_int_equal(record.serial, id);
    assert_int_equal(record.state, state);
}

static void receive(uint16_t stream, uint32_t ppid, const void *bytes, size_t size)
{
    assert_true(xc_channels_flush(c, 2));
    assert_true(xc_channels_may_receive(c));
    xc_channels_received(c, 2, stream, ppid, xc_span_make(bytes, size), ++serial);
}

static void peer_opens(uint16_t stream)
{
    uint8_t bytes[64];
    struct xc_writer w = xc_writer_make(bytes, sizeof bytes);
    struct xc_dcep_open open = {.priority = 512,
                                .unordered = true,
                                .label = xc_span_make("them", 4),
                                .protocol = xc_span_make("p", 1)};
    xc_dcep_write_open(&w, &open);
    receive(stream, XC_PPID_DCEP, bytes, w.size);
}

static void test_open_and_ack(void **state)
{
    (void)state;
    uint64_t id;
    struct xc_channel_info info;
    make(4);
    uint32_t slot = open_one("hello", &id);
    assert_int_equal(xc_channels_send(c, slot, id, true, xc_span_make("early", 5)), XCALL_OK);
    assert_false(next());
    up(true);
    expect_send(0, XC_PPID_DCEP, 12 + 5);
    expect_send(0, XC_PPID_STRING, 5);
    assert_false(next());
    assert_false(take_record());
    receive(0, XC_PPID_DCEP, "\x02", 1);
    expect_record(XC_CHANNEL_RECORD_STATE, id, XC_CHANNEL_OPEN);
    receive(0, XC_PPID_DCEP, "\x02", 1); /* once more: nothing */
    receive(0, XC_PPID_BINARY, "ab", 2);
    expect_record(XC_CHANNEL_RECORD_MESSAGE, id, XC_CHANNEL_OPEN);
    assert_int_equal(record.size, 2);
    assert_false(record.text);
    receive(0, XC_PPID_STRING_EMPTY, "x", 1);
    expect_record(XC_CHANNEL_RECORD_MESSAGE, id, XC_CHANNEL_OPEN);
    assert_int_equal(record.size, 0);
    assert_true(record.text);
    assert_int_equal(xc_channels_send(c, slot, id, false, xc_span_make("", 0)), XCALL_OK);
    expect_send(0, XC_PPID_BINARY_EMPTY, 1);
    assert_int_equal(xc_channels_info(c, slot, id, &info), XCALL_OK);
    assert_int_equal(info.messages_sent, 2);
    assert_int_equal(info.bytes_sent, 5);
    assert_int_equal(info.messages_received, 2);
    assert_int_equal(xc_channels_info(c, slot, id + 1, &info), XCALL_E_ENDED);
    assert_int_equal(xc_channels_info(c, 99, id, &info), XCALL_E_ENDED);
}

/* RFC 8832 section 6: nothing overtakes the OPEN before it was acknowledged. */
static void test_unordered_after_ack(void **state)
{
    (void)state;
    struct xc_channel_options options = {.unordered = true,
                                         .reliability = XC_RELIABLE_RETRANSMITS,
                                         .parameter = 2,
                                         .priority = 256,
                                         .low_threshold = UINT64_MAX};
    uint32_t slot;
    make(4);
    up(false);
    assert_int_equal(xc_channels_open(c, &options, ++serial, &slot), XCALL_OK);
    uint64_t id = serial;
    assert_true(next());
    assert_int_equal(out.stream, 1); /* the DTLS server has the odd ones */
    assert_false(out.unordered);
    assert_int_equal(out.reliability, XC_RELIABLE);
    assert_int_equal(out.bytes.data[1], 0x81);
    done(XC_CHANNELS_DONE);
    xc_channels_send(c, slot, id, false, xc_span_make("a", 1));
    assert_true(next());
    assert_false(out.unordered);
    assert_int_equal(out.reliability, XC_RELIABLE_RETRANSMITS);
    assert_int_equal(out.parameter, 2);
    done(XC_CHANNELS_DONE);
    receive(1, XC_PPID_BINARY, "b", 1); /* who sends on it has it: as good as an ACK */
    expect_record(XC_CHANNEL_RECORD_STATE, id, XC_CHANNEL_OPEN);
    expect_record(XC_CHANNEL_RECORD_MESSAGE, id, XC_CHANNEL_OPEN);
    xc_channels_send(c, slot, id, false, xc_span_make("a", 1));
    assert_true(next());
    assert_true(out.unordered);
}

static void test_peer_opens(void **state)
{
    (void)state;
    make(2);
    up(true);
    peer_opens(1);
    uint64_t id = serial;
    expect_record(XC_CHANNEL_RECORD_STATE, id, XC_CHANNEL_OPEN);
    assert_true(record.remote);
    assert_string_equal(texts, "them");
    assert_string_equal(texts + 5, "p");
    assert_true(next());
    assert_true(out.ack);
    assert_int_equal(out.ppid, XC_PPID_DCEP);
    assert_false(out.unordered);
    assert_int_equal(out.bytes.size, 1);
    assert_int_equal(out.bytes.data[0], XC_DCEP_ACK);
    done(XC_CHANNELS_AGAIN);
    expect_send(1, XC_PPID_DCEP, 1);
    assert_false(next());
}

/* Wrong parity, malformed, id in use, too many: our side is reset, and no ACK goes out. */
static void test_refused(void **state)
{
    (void)state;
    make(2);
    up(true);
    peer_opens(2);
    assert_false(take_record());
    expect_reset(2);
    assert_false(next());
    peer_opens(4); /* one request at a time */
    assert_false(next());
    xc_channels_reset_out(c, 1, (uint16_t[]){2}, 1, true);
    expect_reset(4);
    xc_channels_reset_out(c, 1, (uint16_t[]){4}, 1, true);
    receive(3, XC_PPID_DCEP, "\x03\x00\x01", 3);
    expect_reset(3);
    xc_channels_reset_out(c, 1, NULL, 0, true);
    peer_opens(5);
    expect_record(XC_CHANNEL_RECORD_STATE, serial, XC_CHANNEL_OPEN);
    uint64_t first = serial;
    expect_send(5, XC_PPID_DCEP, 1);
    peer_opens(5); /* in use: that is the end of it */
    expect_reset(5);
    peer_opens(7);
    expect_record(XC_CHANNEL_RECORD_STATE, serial, XC_CHANNEL_OPEN);
    expect_send(7, XC_PPID_DCEP, 1);
    peer_opens(9); /* two is the most */
    assert_false(take_record());
    xc_channels_reset_in(c, 1, (uint16_t[]){5}, 1);
    xc_channels_reset_out(c, 1, (uint16_t[]){5}, 1, true);
    expect_record(XC_CHANNEL_RECORD_STATE, first, XC_CHANNEL_CLOSED);
    expect_reset(9);
    receive(11, XC_PPID_BINARY, "x", 1); /* of no channel */
    receive(7, 52, "x", 1);              /* of no kind */
    receive(7, XC_PPID_DCEP, "\x09", 1);
    assert_false(take_record());
    assert_int_equal(xc_channels_counters(c)->messages_ignored, 3);
    assert_int_equal(xc_channels_counters(c)->opens_refused, 5);
}

static void test_close(void **state)
{
    (void)state;
    uint64_t id, other;
    make(4);
    up(true);
    uint32_t slot = open_one("", &id);
    expect_send(0, XC_PPID_DCEP, 12);
    receive(0, XC_PPID_DCEP, "\x02", 1);
    assert_true(take_record());
    xc_channels_send(c, slot, id, true, xc_span_make("last", 4));
    assert_int_equal(xc_channels_close(c, slot, id), XCALL_OK);
    assert_int_equal(xc_channels_close(c, slot, id), XCALL_OK);
    assert_int_equal(xc_channels_send(c, slot, id, true, xc_span_make("no", 2)), XCALL_E_STATE);
    expect_send(0, XC_PPID_STRING, 4); /* what waits goes first */
    assert_true(next());
    done(XC_CHANNELS_AGAIN);
    expect_reset(0);
    receive(0, XC_PPID_STRING, "late", 4);
    assert_false(take_record());
    xc_channels_reset_out(c, 1, (uint16_t[]){0}, 1, true);
    assert_false(take_record()); /* the peer has yet to reset its side */
    open_one("", &other);
    expect_send(2, XC_PPID_DCEP, 12); /* stream 0 is not free before */
    xc_channels_reset_in(c, 1, (uint16_t[]){0}, 1);
    expect_record(XC_CHANNEL_RECORD_STATE, id, XC_CHANNEL_CLOSED);
    assert_int_equal(xc_channels_close(c, slot, id), XCALL_E_ENDED);
    open_one("", &other);
    expect_send(0, XC_PPID_DCEP, 12);
}

static void test_peer_closes(void **state)
{
    (void)state;
    make(4);
    up(true);
    peer_opens(1);
    uint64_t id = serial;
    expect_send(1, XC_PPID_DCEP, 1);
    assert_true(take_record());
    uint32_t slot = record.slot;
    for (int i = 0; i < 3; i++)
        xc_channels_send(c, slot, id, false, xc_span_make(big, 5000));
    xc_channels_reset_in(c, 1, (uint16_t[]){1}, 1);
    expect_reset(1); /* what waited is gone */
    /* The peer has both resets and uses the id again, before its answer to ours is here. */
    peer_opens(1);
    expect_record(XC_CHANNEL_RECORD_STATE, id, XC_CHANNEL_CLOSED);
    expect_record(XC_CHANNEL_RECORD_STATE, serial, XC_CHANNEL_OPEN);
    xc_channels_reset_out(c, 1, (uint16_t[]){1}, 1, true); /* of the old one: no harm */
    assert_false(take_record());
    expect_send(1, XC_PPID_DCEP, 1);
}

static void test_reset_not_taken(void **state)
{
    (void)state;
    uint64_t id, other;
    make(4);
    up(true);
    uint32_t slot = open_one("", &id);
    expect_send(0, XC_PPID_DCEP, 12);
    xc_channels_close(c, slot, id);
    assert_true(next());
    done(XC_CHANNELS_REFUSED);
    expect_record(XC_CHANNEL_RECORD_STATE, id, XC_CHANNEL_CLOSED);
    open_one("", &other);
    expect_send(2, XC_PPID_DCEP, 12); /* stream 0 is lost for good */
}

static void test_negotiated(void **state)
{
    (void)state;
    struct xc_channel_options options = {
        .negotiated = true, .stream = 7, .priority = 256, .low_threshold = UINT64_MAX};
    uint32_t slot;
    make(4);
    assert_int_equal(xc_channels_open(c, &options, ++serial, &slot), XCALL_OK);
    uint64_t id = serial;
    assert_int_equal(xc_channels_open(c, &options, ++serial, &slot), XCALL_E_INVALID);
    options.stream = 500;
    assert_int_equal(xc_channels_open(c, &options, ++serial, &slot), XCALL_OK);
    uint64_t beyond = serial;
    xc_channels_up(c, 1, true, 100, 0);
    expect_record(XC_CHANNEL_RECORD_STATE, id, XC_CHANNEL_OPEN);
    expect_record(XC_CHANNEL_RECORD_STATE, beyond, XC_CHANNEL_CLOSED); /* the peer has 100 */
    assert_false(next());
}

static void test_limits_of_size(void **state)
{
    (void)state;
    uint64_t id;
    make(2);
    uint32_t slot = open_one("", &id);
    assert_int_equal(xc_channels_send(c, slot, id, true, xc_span_make(big, 65537)), XCALL_E_LIMIT);
    assert_int_equal(xc_channels_send(c, slot, id, true, xc_span_make(big, 65536)), XCALL_OK);
    xc_channels_up(c, 1, true, 1024, 1000); /* less than RFC 8841's default */
    expect_send(0, XC_PPID_DCEP, 12);
    expect_reset(0);
    assert_int_equal(xc_channels_counters(c)->messages_too_long, 1);
    make(2);
    xc_channels_up(c, 1, true, 1024, 0);
    slot = open_one("", &id);
    assert_int_equal(xc_channels_send(c, slot, id, true, xc_span_make(big, sizeof big)), XCALL_OK);
    expect_send(0, XC_PPID_DCEP, 12);
    expect_send(0, XC_PPID_STRING, sizeof big);
}

static void test_room(void **state)
{
    (void)state;
    uint64_t id;
    struct xc_channel_info info;
    uint32_t sent = 0;
    make(2);
    up(true);
    uint32_t slot = open_one("", &id);
    expect_send(0, XC_PPID_DCEP, 12);
    receive(0, XC_PPID_DCEP, "\x02", 1);
    assert_true(take_record());
    xc_channels_set_low(c, slot, id, 50000);
    while (xc_channels_send(c, slot, id, false, xc_span_make(big, 10000)) == XCALL_OK)
        sent++;
    assert_in_range(sent, 45, 52);
    assert_false(take_record());
    uint32_t low = 0;
    for (uint32_t left = sent; left--;) {
        expect_send(0, XC_PPID_BINARY, 10000);
        while (take_record()) {
            assert_int_equal(record.type, XC_CHANNEL_RECORD_LOW);
            low++;
            assert_true(left == 5 || left <= sent / 2 + 1);
        }
    }
    assert_int_equal(low, 2); /* half is free, and the threshold */
    assert_int_equal(xc_channels_info(c, slot, id, &info), XCALL_OK);
    assert_int_equal(info.buffered, 0);
    /* The way in: full records stop the reading, nothing is lost. */
    uint32_t got = 0;
    for (; xc_channels_may_receive(c); got++)
        receive(0, XC_PPID_BINARY, big, 50000);
    assert_in_range(got, 4, 6);
    while (take_record())
        got--;
    assert_int_equal(got, 0);
    assert_true(xc_channels_may_receive(c));
}

/* Bytes sent while both always have something: as their priorities. */
static void test_priorities(void **state)
{
    (void)state;
    uint32_t slots[2], bytes[2] = {0, 0};
    uint64_t ids[2];
    make(2);
    up(true);
    for (int i = 0; i < 2; i++) {
        struct xc_channel_options options = {.priority = i ? 1024 : 128,
                                             .low_threshold = UINT64_MAX};
        ids[i] = ++serial;
        assert_int_equal(xc_channels_open(c, &options, ids[i], &slots[i]), XCALL_OK);
    }
    for (int turn = 0; turn < 2000; turn++) {
        for (int i = 0; i < 2; i++)
            for (int n = 0; n < 3; n++) {
                struct xc_channel_info info;
                xc_channels_info(c, slots[i], ids[i], &info);
                if (info.buffered < 30000)
                    xc_channels_send(c, slots[i], ids[i], false, xc_span_make(big, 10000));
            }
        assert_true(next());
        bytes[out.stream / 2] += (uint32_t)out.bytes.size;
        done(XC_CHANNELS_DONE);
    }
    assert_in_range(bytes[1] / (bytes[0] / 100), 700, 900);
}

static void test_down(void **state)
{
    (void)state;
    uint64_t id;
    struct xc_channel_options options = {.priority = 256, .low_threshold = UINT64_MAX};
    uint32_t slot;
    make(2);
    up(true);
    slot = open_one("", &id);
    xc_channels_send(c, slot, id, true, xc_span_make("a", 1));
    xc_channels_down(c, 1);
    assert_false(next());
    expect_record(XC_CHANNEL_RECORD_STATE, id, XC_CHANNEL_CLOSED);
    assert_int_equal(xc_channels_open(c, &options, ++serial, &slot), XCALL_E_ENDED);
    up(true);
    assert_int_equal(xc_channels_open(c, &options, ++serial, &slot), XCALL_E_ENDED);
    xc_channels_received(c, 1, 1, XC_PPID_DCEP, xc_span_make("\x02", 1), ++serial);
    assert_false(take_record());
}

static void test_port(void **state)
{
    (void)state;
    struct xc_arena arena = {0};
    uint8_t packet[XC_DATA_RECEIVE_MAX];
    struct xc_data_transport transport = {.remote_port = 5000};
    assert_null(xc_data_port_create(&arena));
    size_t size = arena.used;
    void *from = aligned_alloc(XC_CACHE_LINE, size);
    arena = (struct xc_arena){.memory = from, .capacity = size};
    struct xc_data_port *port = xc_data_port_create(&arena);
    assert_false(xc_data_port_is_open(NULL));
    xc_data_port_input(port, xc_span_make(big, 100)); /* before the keys: dropped */
    assert_int_equal(xc_data_port_receive(port, packet), 0);
    assert_false(xc_data_port_take_work(port));
    xc_data_port_open(port, &transport);
    assert_true(xc_data_port_take_work(port));
    assert_false(xc_data_port_take_work(port));
    xc_data_port_input(port, xc_span_make(big, XC_DATA_RECEIVE_MAX));
    xc_data_port_input(port, xc_span_make(big, XC_DATA_RECEIVE_MAX + 1));
    assert_int_equal(xc_data_port_receive(port, packet), XC_DATA_RECEIVE_MAX);
    assert_int_equal(xc_data_port_receive(port, packet), 0);
    assert_false(xc_data_port_send(port, xc_span_make(big, XC_DTLS_RECORD_MAX + 1)));
    uint32_t sent = 0, got = 0;
    while (xc_data_port_send(port, xc_span_make(big, XC_DATA_PACKET_MAX)))
        sent++;
    assert_true(sent > 1000);
    assert_int_equal(xc_data_port_output(port, packet), 0); /* no turn has begun */
    while (xc_data_port_pending(port)) {
        uint32_t burst = 0;
        xc_data_port_turn(port);
        while (xc_data_port_output(port, packet))
            burst++;
        assert_in_range(burst, 1, XC_DATA_BURST_MAX);
        got += burst;
    }
    assert_int_equal(got, sent);
    xc_data_port_end(port);
    xc_data_port_open(port, &transport);
    assert_int_equal(xc_data_port_state(port), XC_DATA_ENDED);
    free(from);
}

static int tear_down(void **state)
{
    (void)state;
    free(arena_memory);
    free(texts);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_open_and_ack),
                                       cmocka_unit_test(test_unordered_after_ack),
                                       cmocka_unit_test(test_peer_opens),
                                       cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_close),
                                       cmocka_unit_test(test_peer_closes),
                                       cmocka_unit_test(test_reset_not_taken),
                                       cmocka_unit_test(test_negotiated),
                                       cmocka_unit_test(test_limits_of_size),
                                       cmocka_unit_test(test_room),
                                       cmocka_unit_test(test_priorities),
                                       cmocka_unit_test(test_down),
                                       cmocka_unit_test(test_port)};
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
