/* rtp_receiver.c - reception of one SSRC: sequence numbers and loss (RFC 3550 A.1, A.3), jitter
 * (A.8), report blocks (section 6.4.1), the clock mapping of sender reports. What is missing is
 * kept by nack_tracker.c. Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#include "proto/rtp_receiver.h"

#include "base/ntp.h"
#include "proto/rtp_clock.h"

#define NO_SEQUENCE UINT32_C(0x10000)
/* Transit times that differ by more than this are a new timestamp base, not jitter. */
#define TRANSIT_JUMP_S 10
#define LOST_MAX 0x7fffff
#define LOST_MIN (-0x800000)

static uint64_t *seen_word(struct xc_rtp_receiver *receiver, uint64_t extended)
{
    return &receiver->seen[extended % XC_RTP_WINDOW / 64];
}

static uint64_t seen_bit(uint64_t extended)
{
    return UINT64_C(1) << (extended % 64);
}

static uint64_t expected(const struct xc_rtp_receiver *receiver)
{
    return receiver->expected_before + (receiver->highest - receiver->first + 1);
}

void xc_rtp_receiver_init(struct xc_rtp_receiver *receiver,
                          const struct xc_rtp_receiver_config *config)
{
    memset(receiver, 0, sizeof *receiver);
    receiver->config = *config;
    receiver->sequence_after_jump = NO_SEQUENCE;
    xc_nack_init(&receiver->nack, &(struct xc_nack_config){
                                      .delay = config->nack_delay,
                                      .give_up = config->nack_give_up,
                                      .retries_max = config->nack_retries_max,
                                  });
}

void xc_rtp_receiver_set_give_up(struct xc_rtp_receiver *receiver, uint64_t nack_give_up)
{
    receiver->config.nack_give_up = receiver->nack.config.give_up = nack_give_up;
}

/* A run of numbers begins with this packet: at the start, or after a jump. */
static void start_run(struct xc_rtp_receiver *receiver, uint64_t extended)
{
    memset(receiver->seen, 0, sizeof receiver->seen);
    *seen_word(receiver, extended) |= seen_bit(extended);
    receiver->started = true;
    receiver->first = receiver->highest = extended;
    receiver->sequence_after_jump = NO_SEQUENCE;
    receiver->has_transit = false;
}

/* A packet far from all others (A.1): only when the next one follows it is it believed. */
static int input_jump(struct xc_rtp_receiver *receiver, uint16_t sequence, uint64_t *extended)
{
    if (sequence != receiver->sequence_after_jump) {
        receiver->sequence_after_jump = (uint16_t)(sequence + 1);
        return XC_RTP_PROBATION;
    }
    receiver->expected_before = expected(receiver);
    if (receiver->config.nack)
        xc_nack_restart(&receiver->nack, receiver->highest);
    /* Always upwards, even when the peer went back: nobody above sees a number twice. */
    *extended = receiver->highest + (uint16_t)(sequence - (uint16_t)receiver->highest);
    start_run(receiver, *extended);
    return XC_RTP_NEW;
}

static void advance(struct xc_rtp_receiver *receiver, uint64_t now, uint64_t extended)
{
    uint64_t skipped = extended - receiver->highest - 1;
    if (skipped >= XC_RTP_WINDOW)
        memset(receiver->seen, 0, sizeof receiver->seen);
    else
        for (uint64_t n = receiver->highest + 1; n <= extended; n++)
            *seen_word(receiver, n) &= ~seen_bit(n);
    if (skipped && receiver->config.nack)
        xc_nack_skipped(&receiver->nack, now, receiver->highest + 1, extended - 1);
    receiver->highest = extended;
    *seen_word(receiver, extended) |= seen_bit(extended);
}

/* A packet that is not the newest. */
static int input_behind(struct xc_rtp_receiver *receiver, uint64_t extended, bool *repaired)
{
    struct xc_rtp_receiver_counters *counters = &receiver->counters;
    if (receiver->highest - extended >= XC_RTP_WINDOW) {
        counters->packets_discarded_old++;
        return XC_RTP_OLD;
    }
    if (*seen_word(receiver, extended) & seen_bit(extended)) {
        counters->packets_duplicated++;
        return XC_RTP_DUPLICATE;
    }
    *seen_word(receiver, extended) |= seen_bit(extended);
    receiver->first = XC_MIN(receiver->first, extended);
    bool asked =
        receiver->config.nack && xc_nack_arrived(&receiver->nack, extended) == XC_NACK_REPAIRED;
    *repaired = *repaired || asked;
    if (*repaired)
        counters->packets_repaired++;
    else
        counters->packets_reordered++;
    return XC_RTP_NEW;
}

/* A.8, for packets that came by themselves: a repair says nothing about the network's jitter. */
static void update_jitter(struct xc_rtp_receiver *receiver, uint64_t now, uint32_t timestamp)
{
    uint32_t rate = receiver->config.clock_rate;
    uint32_t transit = xc_rtp_ticks(now, rate) - timestamp;
    uint32_t apart = transit - receiver->transit;
    if (apart >> 31)
        apart = 0 - apart;
    if (receiver->has_transit && apart <= (uint64_t)rate * TRANSIT_JUMP_S)
        receiver->jitter_16th += apart - ((receiver->jitter_16th + 8) >> 4);
    receiver->transit = transit;
    receiver->has_transit = true;
    if (rate)
        receiver->counters.jitter_s = (double)receiver->jitter_16th / 16 / rate;
}

/* A repair of what is far behind, or far from all that we know. */
static int input_far(struct xc_rtp_receiver *receiver, int32_t ahead, uint64_t *extended)
{
    *extended = (uint64_t)((int64_t)receiver->highest + ahead);
    receiver->counters.packets_discarded_old++;
    return XC_RTP_OLD;
}

/* *repaired: in, whether it came by RTX; out, whether it came because it was missing. */
static int sort_in(struct xc_rtp_receiver *receiver, uint64_t now, uint16_t sequence,
                   uint64_t *extended, bool *repaired)
{
    if (!receiver->started) {
        *extended = UINT64_C(0x10000) + sequence;
        start_run(receiver, *extended);
        return XC_RTP_NEW;
    }
    int32_t ahead = xc_seq16_diff(sequence, (uint16_t)receiver->highest);
    if (ahead >= XC_RTP_MAX_DROPOUT || ahead <= -XC_RTP_MAX_DROPOUT)
        return *repaired ? input_far(receiver, ahead, extended)
                         : input_jump(receiver, sequence, extended);
    *extended = (uint64_t)((int64_t)receiver->highest + ahead);
    if (ahead <= 0)
        return input_behind(receiver, *extended, repaired);
    advance(receiver, now, *extended);
    if (*repaired)
        receiver->counters.packets_repaired++;
    return XC_RTP_NEW;
}

/* What the stream's own loss counts: RTX is another stream (RFC 4588 section 8). */
static uint64_t received_plain(const struct xc_rtp_receiver_counters *counters)
{
    return counters->packets_received - counters->retransmitted_packets;
}

int xc_rtp_receiver_input(struct xc_rtp_receiver *receiver, uint64_t now, const struct xc_rtp *rtp,
                          uint64_t *extended)
{
    return xc_rtp_receiver_input_from(receiver, now, now, rtp, extended);
}

int xc_rtp_receiver_input_from(struct xc_rtp_receiver *receiver, uint64_t now, uint64_t arrived,
                               const struct xc_rtp *rtp, uint64_t *extended)
{
    bool repaired = rtp->repair;
    int verdict = sort_in(receiver, now, rtp->sequence, extended, &repaired);
    if (verdict == XC_RTP_PROBATION)
        return verdict;
    /* Padding alone carries the time stamp of a frame that left long ago. */
    if (verdict == XC_RTP_NEW && !repaired && rtp->payload.size)
        update_jitter(receiver, arrived, rtp->timestamp);
    /* Late ones and duplicates count as received (section 6.4.1). */
    struct xc_rtp_receiver_counters *counters = &receiver->counters;
    counters->packets_received++;
    counters->bytes_received += rtp->payload.size;
    counters->header_bytes_received += rtp->header_size + rtp->padding;
    if (rtp->repair) {
        counters->retransmitted_packets++;
        counters->retransmitted_bytes += rtp->payload.size;
    }
    counters->packets_lost = (int64_t)(expected(receiver) - received_plain(counters));
    counters->given_up = receiver->nack.given_up;
    return verdict;
}

void xc_rtp_receiver_sr(struct xc_rtp_receiver *receiver, uint64_t now, uint64_t ntp,
                        uint32_t rtp_timestamp, uint32_t packet_count, uint32_t octet_count)
{
    receiver->has_sr = true;
    receiver->sr_ntp = ntp;
    receiver->sr_arrived = now;
    receiver->sr_rtp_timestamp = rtp_timestamp;
    receiver->counters.sender_reports++;
    receiver->counters.sender_packet_count = packet_count;
    receiver->counters.sender_octet_count = octet_count;
}

bool xc_rtp_receiver_capture_ntp(const struct xc_rtp_receiver *receiver, uint32_t rtp_timestamp,
                                 uint64_t *ntp_ns)
{
    if (!receiver->has_sr || receiver->config.clock_rate == 0)
        return false;
    int64_t base = (int64_t)xc_ntp_to_ns(receiver->sr_ntp); /* below 2^62 */
    int64_t ns = base + xc_rtp_ticks_to_ns(xc_seq32_diff(rtp_timestamp, receiver->sr_rtp_timestamp),
                                           receiver->config.clock_rate);
    if (ns < 0)
        return false;
    *ntp_ns = (uint64_t)ns;
    return true;
}

static uint8_t fraction_lost(uint64_t expected_interval, uint64_t received_interval)
{
    if (received_interval >= expected_interval)
        return 0;
    uint64_t fraction = ((expected_interval - received_interval) << 8) / expected_interval;
    return (uint8_t)XC_MIN(fraction, UINT64_C(255)); /* a whole interval lost does not fit */
}

bool xc_rtp_receiver_report(struct xc_rtp_receiver *receiver, uint64_t now,
                            struct xc_rtcp_report *report)
{
    if (!receiver->started)
        return false;
    uint64_t expected_now = expected(receiver);
    uint64_t received = received_plain(&receiver->counters);
    int64_t lost = receiver->counters.packets_lost;
    *report = (struct xc_rtcp_report){
        .ssrc = receiver->config.ssrc,
        .fraction_lost = fraction_lost(expected_now - receiver->expected_prior,
                                       received - receiver->received_prior),
        .cumulative_lost = (int32_t)XC_CLAMP(lost, LOST_MIN, LOST_MAX),
        /* Our numbers start one roll-over up, RFC 3550's cycles at 0. */
        .highest_sequence = (uint32_t)(receiver->highest - 0x10000),
        .jitter = (uint32_t)XC_MIN(receiver->jitter_16th >> 4, (uint64_t)UINT32_MAX),
    };
    if (receiver->has_sr) {
        report->last_sr = xc_ntp_middle(receiver->sr_ntp);
        report->delay_since_last_sr =
            xc_ntp_short_from_ns(now > receiver->sr_arrived ? now - receiver->sr_arrived : 0);
    }
    receiver->expected_prior = expected_now;
    receiver->received_prior = received;
    return true;
}

size_t xc_rtp_receiver_nacks(struct xc_rtp_receiver *receiver, uint64_t now, uint64_t round_trip,
                             uint16_t *sequences, size_t capacity)
{
    size_t count = xc_nack_due(&receiver->nack, now, round_trip, sequences, capacity);
    receiver->counters.nacks_sent = receiver->nack.requests_sent;
    receiver->counters.given_up = receiver->nack.given_up;
    return count;
}

uint64_t xc_rtp_receiver_deadline(const struct xc_rtp_receiver *receiver)
{
    return xc_nack_deadline(&receiver->nack);
}

bool xc_rtp_receiver_take_given_up(struct xc_rtp_receiver *receiver, uint64_t *extended)
{
    return xc_nack_take_lost(&receiver->nack, extended);
}

void xc_rtp_receiver_settled(struct xc_rtp_receiver *receiver, uint64_t extended)
{
    xc_nack_settled(&receiver->nack, extended);
}

const struct xc_rtp_receiver_counters *
xc_rtp_receiver_counters(const struct xc_rtp_receiver *receiver)
{
    return &receiver->counters;
}
