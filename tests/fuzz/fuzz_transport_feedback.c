/* fuzz_transport_feedback.c - any order of transport-wide numbers and times, with reports of any size
 * in between: what is written reads back, and nothing is reported twice.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include "proto/transport_feedback.h"
#include "wire/transport_cc.h"

static struct xc_transport_feedback f;
static uint64_t reported;

static void read_back(struct xc_span packet)
{
    static struct xc_rtcp_block block;
    struct xc_transport_cc t;
    struct xc_transport_cc_arrival arrival;
    size_t at = 0;
    FUZZ_CHECK(xc_rtcp_check(packet, true) && xc_rtcp_next(packet, &at, &block));
    FUZZ_CHECK(at == packet.size && xc_transport_cc_parse(&t, &block));
    uint32_t last = 0;
    while (xc_transport_cc_next(&t, &arrival)) {
        reported++;
        last = arrival.offset;
    }
    FUZZ_CHECK(last + 1u == t.status_count); /* ends with an arrival */
}

static void report(uint64_t now, size_t capacity)
{
    static uint8_t out[XC_MTU];
    struct xc_writer w = xc_writer_make(out, capacity);
    uint32_t waiting = f.count;
    bool due = f.count && now >= xc_transport_feedback_deadline(&f);
    bool wrote = xc_transport_feedback_write(&f, now, &w, 1, 2);
    FUZZ_CHECK(due || !wrote);
    FUZZ_CHECK(wrote || !due || capacity < XC_FEEDBACK_ROOM_MIN);
    if (!wrote) {
        FUZZ_CHECK(w.size == 0 && f.count == waiting);
        return;
    }
    FUZZ_CHECK(!w.failed && w.size <= capacity && f.count < waiting);
    read_back(xc_span_make(out, w.size));
    FUZZ_CHECK(reported == f.counters.reported);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xc_reader r = xc_reader_make(xc_span_make(data, size));
    uint64_t now = (uint64_t)xc_read16(&r) << 44, arrivals = 0;
    uint16_t sequence = xc_read16(&r);
    reported = 0;
    xc_transport_feedback_init(&f);
    while (xc_reader_left(&r)) {
        uint8_t op = xc_read8(&r);
        if (op < 0xc0) /* a number a little on or back */
            sequence = (uint16_t)(sequence + (op >> 2 & 15) - 4);
        else if (op < 0xe0)
            sequence = xc_read16(&r);
        if (op < 0xe0) {
            arrivals++;
            xc_transport_feedback_arrived(&f, now, sequence, op * 5u);
            now += (op & 3) * 300000u;
        } else if (op < 0xf0) {
            report(now, (size_t)xc_read8(&r) * 5 % (XC_MTU + 1));
        } else {
            now += (uint64_t)(op & 15) * (op & 15) * 40 * XC_NS_PER_MS;
        }
        FUZZ_CHECK(f.count <= XC_FEEDBACK_LOG);
        FUZZ_CHECK((f.count == 0) == (xc_transport_feedback_deadline(&f) == XC_NEVER));
    }
    now += XC_NS_PER_S;
    while (f.count)
        report(now, XC_MTU);
    FUZZ_CHECK(arrivals == reported + f.counters.duplicates + f.counters.dropped);
    return 0;
}
