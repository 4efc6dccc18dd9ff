/* test_sctp.c - two associations of usrsctp joined by queues in one thread: messages, partial
 * reliability, resets, back-pressure; then a peer that has passed DTLS and means harm: every chunk type
 * with every wrong length, INITs again and again, storms of RE-CONFIG, junk. It may end its own
 * association, no more than that: no crash, no leak, no answer without bound.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/crc32c.h"
#include "proto/sctp.h"
#include "wire/dcep.h"

#define PACKET_MAX 1160
#define QUEUE 4096
#define MESSAGE_MAX 262144

struct packet {
    uint16_t size;
    uint8_t bytes[PACKET_MAX];
};

struct end {
    struct xc_sctp *sctp;
    struct packet *queue; /* of what it sent */
    uint32_t first, count;
    uint64_t sent, overflowed;
    uint32_t ups, downs, messages, resets_in, resets_out;
    uint32_t stream, ppid, size, sum;
    uint8_t last[PACKET_MAX]; /* the newest packet that it sent */
    size_t last_size;
};

static struct end ends[2];
static uint32_t cookies; /* packets that carried one */
static _Alignas(8) uint8_t memory[MESSAGE_MAX + 1];
static uint8_t big[MESSAGE_MAX + 1];

/* What usrsctp knows an association by goes out in the state cookie: it must be no address of ours. */
static void assert_no_address(const struct end *end, struct xc_span packet)
{
    const void *address = end->sctp;
    if (packet.size < 13 || (packet.data[12] != 2 && packet.data[12] != 10))
        return; /* neither INIT ACK nor COOKIE ECHO */
    for (size_t at = 12; at + sizeof address <= packet.size; at++)
        assert_memory_not_equal(packet.data + at, &address, sizeof address);
    cookies++;
}

static void on_output(void *context, struct xc_span packet)
{
    struct end *end = context;
    assert_in_range(packet.size, 12, PACKET_MAX);
    assert_no_address(end, packet);
    memcpy(end->last, packet.data, packet.size);
    end->last_size = packet.size;
    end->sent++;
    if (end->count == QUEUE) {
        end->overflowed++;
        return;
    }
    struct packet *to = &end->queue[(end->first + end->count++) % QUEUE];
    to->size = (uint16_t)packet.size;
    memcpy(to->bytes, packet.data, packet.size);
}

static void on_ready(void *context)
{
    (void)context;
}

static void take(struct end *end)
{
    struct xc_sctp_event event;
    while (xc_sctp_receive(end->sctp, &event, memory, sizeof memory)) {
        end->ups += event.type == XC_SCTP_UP;
        end->downs += event.type == XC_SCTP_DOWN;
        end->resets_in += event.type == XC_SCTP_RESET_IN;
        end->resets_out += event.type == XC_SCTP_RESET_OUT;
        if (event.type != XC_SCTP_MESSAGE)
            continue;
        end->messages++;
        end->stream = event.stream;
        end->ppid = event.ppid;
        end->size = (uint32_t)event.bytes.size;
        end->sum = xc_crc32c(0, event.bytes.data, event.bytes.size);
    }
}

/* Carries packets until neither end has any. */
static void carry(void)
{
    while (ends[0].count || ends[1].count) {
        for (int i = 0; i < 2; i++) {
            if (!ends[i].count)
                continue;
            struct packet packet = ends[i].queue[ends[i].first];
            ends[i].first = (ends[i].first + 1) % QUEUE;
            ends[i].count--;
            if (ends[!i].sctp)
                xc_sctp_input(ends[!i].sctp, packet.bytes, packet.size);
        }
        for (int i = 0; i < 2; i++)
            if (ends[i].sctp)
                take(&ends[i]);
    }
}

static void tick(uint32_t ms)
{
    for (; ms >= 10; ms -= 10) {
        xc_sctp_library_tick(10);
        carry();
    }
}

static void begin(void)
{
    for (int i = 0; i < 2; i++) {
        struct packet *queue = ends[i].queue ? ends[i].queue : malloc(QUEUE * sizeof *queue);
        struct xc_sctp_config config = {.local_port = 5000,
                                        .remote_port = 5000,
                                        .packet_max = PACKET_MAX,
                                        .context = &ends[i],
                                        .output = on_output,
                                        .ready = on_ready};
        ends[i] = (struct end){.queue = queue};
        ends[i].sctp = xc_sctp_create(&config);
        assert_non_null(ends[i].sctp);
    }
    carry();
    tick(50);
    assert_int_equal(ends[0].ups, 1);
    assert_int_equal(ends[1].ups, 1);
}

static void finish(void)
{
    for (int i = 0; i < 2; i++) {
        xc_sctp_destroy(ends[i].sctp);
        ends[i].sctp = NULL;
        ends[i].count = 0;
    }
    tick(500);
}

static int send_message(int i, uint16_t stream, size_t size)
{
    struct xc_sctp_message message = {
        .stream = stream, .ppid = XC_PPID_BINARY, .bytes = xc_span_make(big, size)};
    return xc_sctp_send(ends[i].sctp, &message);
}

static void test_messages(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 1144, 1145, 70000, MESSAGE_MAX};
    begin();
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t)(i * 13);
    for (uint32_t n = 0; n < 10; n++) {
        size_t size = sizes[n % 5];
        assert_int_equal(send_message((int)(n & 1), (uint16_t)(n * 100), size), XC_SCTP_OK);
        carry();
        tick(50);
        struct end *to = &ends[!(n & 1)];
        assert_int_equal(to->messages, n / 2 + 1);
        assert_int_equal(to->size, size);
        assert_int_equal(to->stream, n * 100);
        assert_int_equal(to->ppid, XC_PPID_BINARY);
        assert_int_equal(to->sum, xc_crc32c(0, big, size));
    }
    assert_int_equal(send_message(0, 1023, 1), XC_SCTP_OK);
    assert_int_equal(send_message(0, 1024, 1), XC_SCTP_FAILED);
    carry();
    assert_true(cookies >= 2); /* both kinds were looked at */
    finish();
}

/* A message that is longer than any may be, and so one that never ends, ends the association. */
static void test_room_of_a_message(void **state)
{
    (void)state;
    begin();
    assert_int_equal(send_message(0, 0, MESSAGE_MAX + 1), XC_SCTP_OK);
    for (int n = 0; n < 10 && !ends[1].downs; n++) {
        carry();
        tick(50);
    }
    assert_int_equal(ends[1].downs, 1);
    assert_int_equal(ends[1].messages, 0);
    finish();
}

static void test_reset(void **state)
{
    (void)state;
    const uint16_t streams[] = {4, 6};
    begin();
    send_message(0, 4, 10);
    carry();
    tick(50);
    assert_int_equal(xc_sctp_reset(ends[0].sctp, streams, 2), XC_SCTP_OK);
    carry();
    tick(300);
    assert_int_equal(ends[0].resets_out, 1);
    assert_int_equal(ends[1].resets_in, 1);
    assert_int_equal(ends[1].messages, 1);
    assert_int_equal(send_message(0, 4, 10), XC_SCTP_OK); /* and begins anew */
    carry();
    assert_int_equal(ends[1].messages, 2);
    finish();
}

/* Nobody reads: the window closes, the sender is told, and all comes when somebody reads again. */
static void test_back_pressure(void **state)
{
    (void)state;
    uint32_t sent = 0;
    begin();
    for (int idle = 0; idle < 3;) {
        bool ok = send_message(0, 2, 32768) == XC_SCTP_OK;
        idle = ok ? 0 : idle + 1;
        sent += ok;
        while (ends[0].count || ends[1].count) /* without take(&ends[1]) */
            for (int i = 0; i < 2; i++) {
                if (!ends[i].count)
                    continue;
                struct packet packet = ends[i].queue[ends[i].first];
                ends[i].first = (ends[i].first + 1) % QUEUE;
                ends[i].count--;
                xc_sctp_input(ends[!i].sctp, packet.bytes, packet.size);
            }
        assert_in_range(sent, 0, 80);
    }
    assert_true(sent >= 32);
    take(&ends[1]);
    tick(3000);
    assert_int_equal(ends[1].messages, sent);
    finish();
}

static void test_checksum(void **state)
{
    (void)state;
    begin();
    send_message(0, 0, 100);
    for (uint32_t bit = 0; bit < 8 * 64; bit++) {
        struct packet packet = ends[0].queue[ends[0].first];
        packet.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        xc_sctp_input(ends[1].sctp, packet.bytes, packet.size);
    }
    assert_int_equal(xc_sctp_packets_rejected(ends[1].sctp), 8 * 64);
    for (size_t size = 0; size < 12; size++) {
        uint8_t bytes[12] = {0};
        xc_sctp_input(ends[1].sctp, bytes, size);
    }
    carry();
    assert_int_equal(ends[1].messages, 1);
    finish();
}

/* --- the peer means harm --------------------------------------------------------------------- */

/* A packet to end 1 as end 0 would send it: right ports, tag and checksum. */
static void attack(const uint8_t *chunks, size_t size)
{
    uint8_t packet[PACKET_MAX];
    uint64_t before = ends[1].sent;
    assert_true(size + 12 <= sizeof packet);
    memcpy(packet, ends[0].last, 8);
    memset(packet + 8, 0, 4);
    memcpy(packet + 12, chunks, size);
    uint32_t crc = xc_crc32c(0, packet, size + 12);
    for (int i = 0; i < 4; i++)
        packet[8 + i] = (uint8_t)(crc >> 8 * i);
    xc_sctp_input(ends[1].sctp, packet, size + 12);
    take(&ends[1]);
    assert_in_range(ends[1].sent - before, 0, 16);
    ends[1].count = 0; /* what it answers is heard by nobody */
}

static uint32_t died;

static void renew_when_down(void)
{
    if (!ends[1].downs)
        return;
    died++;
    finish();
    begin();
    send_message(0, 0, 1);
    carry();
}

static size_t chunk(uint8_t *to, uint8_t type, uint8_t flags, uint16_t length, size_t size,
                    uint8_t fill)
{
    memset(to, fill, size);
    to[0] = type;
    to[1] = flags;
    xc_store16(to + 2, length);
    return size;
}

static void test_every_chunk(void **state)
{
    (void)state;
    static const size_t sizes[] = {4, 5, 8, 12, 16, 20, 24, 40, 100, 1100};
    static const uint8_t fills[] = {0, 1, 0xff};
    uint8_t bytes[PACKET_MAX];
    begin();
    send_message(0, 0, 1);
    carry();
    for (uint32_t n = 0; n < 256 * XC_ARRAY_LEN(sizes) * 5 * 3; n++) {
        uint8_t type = (uint8_t)n;
        size_t size = sizes[n / 256 % XC_ARRAY_LEN(sizes)];
        uint32_t kind = n / 256 / XC_ARRAY_LEN(sizes) % 5;
        const uint16_t lengths[] = {(uint16_t)(size - 1), 0, (uint16_t)(size + 1), UINT16_MAX,
                                    (uint16_t)size};
        uint8_t fill = fills[n / 256 / XC_ARRAY_LEN(sizes) / 5];
        attack(bytes, chunk(bytes, type, fill, lengths[kind], size, fill));
        renew_when_down();
    }
    assert_true(died > 0); /* an ABORT among them did what it says: they get there */
    finish();
}

/* Parameters within RE-CONFIG, FORWARD-TSN, ASCONF, INIT and AUTH, with lengths that lie. */
static void test_every_parameter(void **state)
{
    (void)state;
    static const uint8_t types[] = {0x82, 0xc0, 0xc1, 0x80, 0x01, 0x02, 0x0f, 0x0a, 0x0e, 0x09};
    static const uint16_t parameters[] = {13,     14,     15,     16,     17,     18,
                                          5,      6,      7,      0x8000, 0x8008, 0xc001,
                                          0xc002, 0xc003, 0xc004, 0xc006, 0xffff};
    uint8_t bytes[PACKET_MAX];
    begin();
    send_message(0, 0, 1);
    carry();
    for (uint32_t n = 0; n < XC_ARRAY_LEN(types) * XC_ARRAY_LEN(parameters) * 6 * 3; n++) {
        uint32_t rest = n;
        uint8_t type = types[rest % XC_ARRAY_LEN(types)];
        rest /= XC_ARRAY_LEN(types);
        uint16_t parameter = parameters[rest % XC_ARRAY_LEN(parameters)];
        rest /= XC_ARRAY_LEN(parameters);
        static const uint16_t lengths[] = {0, 3, 4, 16, 17, UINT16_MAX};
        static const size_t heads[] = {4, 12, 20};
        size_t head = heads[rest / 6];
        size_t size = chunk(bytes, type, 0, (uint16_t)(head + 64), head + 64, 0);
        xc_store16(bytes + head, parameter);
        xc_store16(bytes + head + 2, lengths[rest % 6]);
        xc_store16(bytes + head + 16, parameter);
        xc_store16(bytes + head + 18, lengths[(rest + 3) % 6]);
        attack(bytes, size);
        renew_when_down();
    }
    finish();
}

static uint32_t next_request(void)
{
    static uint32_t number;
    return number++;
}

static void test_storms(void **state)
{
    (void)state;
    uint8_t bytes[PACKET_MAX];
    begin();
    send_message(0, 0, 1);
    carry();
    for (uint32_t n = 0; n < 3000;
         n++) { /* reset what was asked for never, in number order or not */
        size_t streams = n % 500;
        size_t parameter = 16 + 2 * streams;
        size_t size =
            chunk(bytes, 0x82, 0, (uint16_t)(4 + parameter), 4 + ((parameter + 3) & ~(size_t)3), 0);
        xc_store16(bytes + 4, 13);
        xc_store16(bytes + 6, (uint16_t)parameter);
        xc_store32(bytes + 8, next_request());
        for (size_t i = 0; i < streams; i++)
            xc_store16(bytes + 20 + 2 * i, (uint16_t)(i * 131));
        attack(bytes, size);
        renew_when_down();
    }
    for (uint32_t n = 0; n < 2000; n++) { /* INIT within an association, cookies of nobody */
        size_t size = chunk(bytes, n % 3 == 2 ? 0x0a : 0x01, 0, n % 3 == 2 ? 200 : 20,
                            n % 3 == 2 ? 200 : 20, (uint8_t)n);
        attack(bytes, size);
        renew_when_down();
    }
    for (uint32_t n = 0; n < 4000; n++) { /* fragments that never end, in holes */
        size_t size = chunk(bytes, 0, n & 1 ? 2 : 0, 1000, 1000, (uint8_t)n);
        xc_store32(bytes + 4, n * 7);
        attack(bytes, size);
        renew_when_down();
    }
    finish();
}

static void test_junk(void **state)
{
    (void)state;
    uint8_t bytes[PACKET_MAX];
    uint32_t seed = 12345;
    begin();
    send_message(0, 0, 1);
    carry();
    for (uint32_t n = 0; n < 20000; n++) {
        size_t size = 0;
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
        static const uint8_t types[] = {0,  1,  2,  3,    4,    5,    6,    7,    8,    9,    10,
                                        11, 14, 15, 0x80, 0x81, 0x82, 0x84, 0xc0, 0xc1, 0x40, 0xc2};
        while (size < 200) { /* several chunks of a likely form */
            uint16_t length = (uint16_t)(4 + bytes[size + 1] % 60);
            bytes[size] = types[bytes[size] % sizeof types];
            xc_store16(bytes + size + 2, length);
            size += (length + 3u) & ~3u;
        }
        attack(bytes, size);
        renew_when_down();
    }
    finish();
}

static int set_up(void **state)
{
    (void)state;
    return xc_sctp_library_init() ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        free(ends[i].queue);
    return 0;
}

static void test_one_owner(void **state)
{
    (void)state;
    assert_false(xc_sctp_library_init());
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_owner),
                                       cmocka_unit_test(test_messages),
                                       cmocka_unit_test(test_room_of_a_message),
                                       cmocka_unit_test(test_reset),
                                       cmocka_unit_test(test_back_pressure),
                                       cmocka_unit_test(test_checksum),
                                       cmocka_unit_test(test_every_chunk),
                                       cmocka_unit_test(test_every_parameter),
                                       cmocka_unit_test(test_storms),
                                       cmocka_unit_test(test_junk)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
