/* fuzz_rtp_receiver.c - a receiver driven by arbitrary packets, reports and times. The input is a
 * list of operations (kind, time step, sequence, timestamp); after each the invariants of the
 * statistics, of the numbering and of the NACK deadline must hold.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "proto/rtp_receiver.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
    struct xc_rtp_receiver receiver;
    uint64_t now;
    uint64_t newest; /* highest extended number that was NEW */
    uint64_t packets, new_packets, probation;
    uint64_t round_trip;
};

static void feed(struct run *run, struct xc_reader *r, bool relative)
{
    struct xc_rtp rtp = {.header_size = XC_RTP_HEADER_SIZE};
    rtp.sequence = xc_read16(r);
    if (relative) /* so that long runs are easily found */
        rtp.sequence = (uint16_t)(run->newest + (uint64_t)(int8_t)rtp.sequence);
    rtp.timestamp = xc_read32(r);
    rtp.payload.size = rtp.timestamp & 1023;
    uint64_t extended = 0;
    int verdict = xc_rtp_receiver_input(&run->receiver, run->now, &rtp, &extended);
    run->packets++;
    switch (verdict) {
    case XC_RTP_NEW:
        run->new_packets++;
        run->newest = XC_MAX(run->newest, extended);
        CHECK((uint16_t)extended == rtp.sequence);
        CHECK(extended + XC_RTP_WINDOW > run->newest && extended >= 0x10000 - XC_RTP_WINDOW);
        /* The same packet at once again is always a duplicate. */
        CHECK(xc_rtp_receiver_input(&run->receiver, run->now, &rtp, &extended) == XC_RTP_DUPLICATE);
        run->packets++;
        break;
    case XC_RTP_DUPLICATE:
    case XC_RTP_OLD:
        CHECK((uint16_t)extended == rtp.sequence && extended <= run->newest);
        break;
    default:
        CHECK(verdict == XC_RTP_PROBATION);
        run->probation++;
    }
}

static void ask(struct run *run, size_t capacity)
{
    uint16_t asked[XC_NACK_BATCH_MAX];
    for (;;) {
        size_t n =
            xc_rtp_receiver_nacks(&run->receiver, run->now, run->round_trip, asked, capacity);
        CHECK(n <= capacity);
        for (size_t i = 1; i < n; i++)
            CHECK(xc_seq16_diff(asked[i], asked[i - 1]) > 0);
        if (n == 0)
            break;
    }
    CHECK(xc_rtp_receiver_deadline(&run->receiver) > run->now);
}

static void check_report(struct run *run)
{
    struct xc_rtcp_report report;
    if (!xc_rtp_receiver_report(&run->receiver, run->now, &report)) {
        CHECK(run->new_packets == 0);
        return;
    }
    CHECK(report.highest_sequence == (uint32_t)(run->newest - 0x10000));
    CHECK(report.cumulative_lost >= -0x800000 && report.cumulative_lost <= 0x7fffff);
}

static void check_counters(const struct run *run)
{
    const struct xc_rtp_receiver_counters *c = xc_rtp_receiver_counters(&run->receiver);
    CHECK(c->packets_received == run->packets - run->probation);
    CHECK(c->packets_received ==
          run->new_packets + c->packets_duplicated + c->packets_discarded_old);
    CHECK(c->packets_reordered + c->packets_repaired <= run->new_packets);
    CHECK(c->packets_lost + (int64_t)c->packets_received >= (int64_t)run->new_packets);
    CHECK(c->packets_repaired <= c->nacks_sent);
    CHECK(c->jitter_s >= 0 && c->jitter_s <= 10.0);
    CHECK(run->receiver.nack.count <= XC_NACK_TRACKED_MAX);
    for (uint32_t i = 1; i < run->receiver.nack.count; i++)
        CHECK(run->receiver.nack.missing[i].sequence > run->receiver.nack.missing[i - 1].sequence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xc_reader r = xc_reader_make(xc_span_make(data, size));
    static struct run run;
    memset(&run, 0, sizeof run);
    uint8_t flags = xc_read8(&r);
    run.round_trip = (uint64_t)xc_read8(&r) * XC_NS_PER_MS;
    xc_rtp_receiver_init(&run.receiver, &(struct xc_rtp_receiver_config){
                                            .ssrc = 1,
                                            .clock_rate = flags & 1 ? 90000 : 48000,
                                            .nack = !(flags & 2),
                                            .nack_delay = (flags >> 2 & 3) * 10 * XC_NS_PER_MS,
                                            .nack_give_up = 500 * XC_NS_PER_MS,
                                            .nack_retries_max = flags >> 4,
                                        });
    while (xc_reader_left(&r) >= 8) {
        uint8_t kind = xc_read8(&r);
        run.now += (uint64_t)xc_read8(&r) * XC_NS_PER_MS;
        uint64_t ntp_ns;
        switch (kind & 7) {
        case 0:
            feed(&run, &r, false);
            break;
        case 1:
            ask(&run, (size_t)(kind >> 3) + 1);
            break;
        case 2:
            check_report(&run);
            break;
        case 3:
            xc_rtp_receiver_sr(&run.receiver, run.now, (uint64_t)xc_read16(&r) << 48 | kind,
                               xc_read32(&r), 0, 0);
            break;
        case 4:
            xc_rtp_receiver_settled(&run.receiver, run.newest - (uint64_t)(kind >> 3) * 4);
            break;
        case 5:
            (void)xc_rtp_receiver_capture_ntp(&run.receiver, xc_read32(&r), &ntp_ns);
            (void)xc_rtp_receiver_take_given_up(&run.receiver, NULL);
            break;
        default:
            feed(&run, &r, true);
        }
        check_counters(&run);
    }
    return 0;
}
