/* test_repair.c - what a call's packets say and do under loss: RTX or plain retransmissions, feedback
 * for every packet, REMB, DTMF, RED, orientation, capture times. Two sessions in virtual time; packets
 * are looked at behind SRTP, where the linker's --wrap puts this program in between.
 * SPDX-License-Identifier: MIT */
#include "session_world.h"

#include <string.h>

#include "wire/transport_cc.h"

#define HALF_TRIP (20 * XC_NS_PER_MS)

void __real_xc_recv_path_rtp(struct xc_session *session, uint64_t now, struct xc_span packet);
void __wrap_xc_recv_path_rtp(struct xc_session *session, uint64_t now, struct xc_span packet);
void __real_xc_reports_input(struct xc_session *session, uint64_t now, struct xc_span packet);
void __wrap_xc_reports_input(struct xc_session *session, uint64_t now, struct xc_span packet);

/* What was seen of the packets that side 1 received and of the RTCP that side 0 received. */
static struct seen {
    const struct xc_session *receiver, *sender;
    uint32_t rtx, rtx_without_mid, events, event_ends, markers;
    uint8_t digits[16];
    uint32_t digit_count;
    uint32_t red, opus;
    uint16_t numbers[65536]; /* times that a transport-wide number came; then, was reported */
    uint16_t reported[65536];
    bool counts; /* numbers are counted */
} seen;

static void see_audio(const struct xc_rtp *rtp, const struct xc_agreed_codec *codec)
{
    seen.red += codec->codec == XC_CODEC_RED;
    seen.opus += codec->codec == XC_CODEC_OPUS;
    if (codec->codec != XC_CODEC_TELEPHONE_EVENT)
        return;
    assert_int_equal(rtp->payload.size, 4);
    seen.events++;
    seen.event_ends += (rtp->payload.data[1] & 0x80) != 0;
    if (rtp->marker)
        seen.digits[seen.digit_count++ % 16] = rtp->payload.data[0];
}

void __wrap_xc_recv_path_rtp(struct xc_session *session, uint64_t now, struct xc_span packet)
{
    const struct xc_negotiation *n = &session->negotiation;
    struct xc_rtp rtp;
    if (session == seen.receiver && xc_rtp_parse(&rtp, packet)) {
        uint16_t number;
        if (seen.counts &&
            xc_ext_transport_read(xc_rtp_extension_find(&rtp, session->feedback_id), &number))
            seen.numbers[number]++;
        for (int i = 0; i < n->media_count; i++) {
            bool repair = false;
            const struct xc_agreed_codec *codec =
                xc_negotiate_codec_received(&n->media[i], rtp.payload_type, &repair);
            if (!codec || !n->media[i].active)
                continue;
            if (n->media[i].kind == XC_SDP_AUDIO)
                see_audio(&rtp, codec);
            seen.rtx += repair;
            seen.rtx_without_mid +=
                repair && !xc_rtp_extension_find(&rtp, n->media[i].extension_ids[XC_EXT_MID]).data;
        }
    }
    __real_xc_recv_path_rtp(session, now, packet);
}

static void see_feedback(const struct xc_rtcp_block *block)
{
    struct xc_transport_cc feedback;
    struct xc_transport_cc_arrival arrival;
    assert_true(xc_transport_cc_parse(&feedback, block));
    while (xc_transport_cc_next(&feedback, &arrival))
        seen.reported[arrival.sequence]++;
}

void __wrap_xc_reports_input(struct xc_session *session, uint64_t now, struct xc_span packet)
{
    struct xc_rtcp_block block;
    size_t at = 0;
    if (session == seen.sender && seen.counts)
        while (xc_rtcp_next(packet, &at, &block))
            if (block.type == XC_RTCP_RTPFB && block.format == XC_RTPFB_TRANSPORT_CC)
                see_feedback(&block);
    __real_xc_reports_input(session, now, packet);
}

static void watch(const struct world *world)
{
    memset(&seen, 0, sizeof seen);
    seen.sender = world->side[0].session;
    seen.receiver = world->side[1].session;
}

static struct world *begin(struct world *world, uint64_t seed)
{
    world_open(world, seed);
    watch(world);
    for (uint32_t ms = 0; ms < 5000 && !world_connected(world); ms += 10)
        world_run(world, 10);
    assert_true(world_connected(world));
    world_run(world, 300);
    return world;
}

static struct world *connected(uint64_t seed)
{
    return begin(world_make(seed, HALF_TRIP), seed);
}

static void lose(struct world *world, uint32_t percent, uint32_t ms)
{
    world->loss_percent[0] = percent;
    world_run(world, ms);
    world->loss_percent[0] = 0;
    world_run(world, 1500);
}

static void check_repaired(struct world *world, struct xcall_stats *b)
{
    world->silent = true;
    world_run(world, 500);
    world_stats(world, 1, b);
    assert_true(b->video_received.packets_repaired > 5);
    assert_int_equal(b->video_received.freeze_count, 0);
    assert_int_equal(b->video_received.pli_count, 0);
    assert_int_equal(b->video_received.frames_decoded, b->video_received.frames_received);
}

static void test_rtx(void **state)
{
    (void)state;
    struct world *world = connected(1);
    struct xcall_stats a, b;
    lose(world, 5, 8000);
    check_repaired(world, &b);
    world_stats(world, 0, &a);
    assert_in_range(seen.rtx, 6, a.video_sent.retransmitted_packets_sent);
    assert_int_equal(seen.rtx_without_mid, 0); /* Firefox drops them */
    world_free(world);
}

static void without_rtx(int from, uint32_t kind, char *text, size_t *size, size_t capacity)
{
    (void)from, (void)kind, (void)size, (void)capacity;
    for (char *at = text; (at = strstr(at, "rtx/90000")) != NULL; at++)
        memcpy(at, "nil", 3);
}

/* The peer takes no RTX: the same packets again. */
static void test_plain_retransmissions(void **state)
{
    (void)state;
    struct world *world = world_make(2, HALF_TRIP);
    struct xcall_stats b;
    world->alter = without_rtx;
    begin(world, 2);
    lose(world, 5, 8000);
    check_repaired(world, &b);
    assert_int_equal(seen.rtx, 0);
    world_free(world);
}

/* Each number that came is reported once: media, repairs, and a source that nobody knows. */
static void test_every_arrival_is_reported_once(void **state)
{
    (void)state;
    struct world *world = connected(3);
    struct xc_session *b = world->side[1].session;
    uint32_t came = 0;
    assert_int_not_equal(b->feedback_id, 0);
    world->silent = true;
    world_run(world, 500);
    seen.counts = true;
    world->silent = false;
    lose(world, 5, 4000);
    world->silent = true;
    world_run(world, 500);
    uint16_t number = (uint16_t)(world->side[0].session->transport_sequence + 2);
    uint8_t stranger[] = {0x90,
                          127,
                          0,
                          1,
                          0,
                          0,
                          0,
                          1,
                          0xde,
                          0xad,
                          0xbe,
                          0xef,
                          0xbe,
                          0xde,
                          0,
                          1,
                          (uint8_t)(b->feedback_id << 4 | 1),
                          (uint8_t)(number >> 8),
                          (uint8_t)number,
                          0,
                          1};
    xc_recv_path_rtp(b, world_now, xc_span_make(stranger, sizeof stranger));
    world_run(world, 500);
    assert_int_equal(seen.numbers[number], 1);
    for (uint32_t i = 0; i < 65536; i++) {
        came += seen.numbers[i];
        assert_int_equal(seen.reported[i], seen.numbers[i]);
    }
    assert_true(came > 300);
    assert_true(seen.rtx > 0);
    world_free(world);
}

/* REMB of the peer, as if it had come. */
static void remb(struct world *world, uint64_t bps)
{
    uint8_t bytes[64];
    struct xc_writer w = xc_writer_make(bytes, sizeof bytes);
    uint32_t ssrc = world->side[0].session->out[XC_VIDEO].ssrc;
    xc_rtcp_write_remb(&w, 1, bps, &ssrc, 1);
    xc_reports_input(world->side[0].session, world_now, xc_span_make(bytes, w.size));
}

static void test_remb(void **state)
{
    (void)state;
    struct world *world = connected(4);
    struct xcall_stats a;
    uint64_t rate = world->side[0].session->pacer.rate_bps;
    remb(world, 80000);
    world_stats(world, 0, &a);
    assert_in_range((uint64_t)a.video_sent.target_bitrate_bps, 79000, 81000);
    assert_true(world->side[0].session->pacer.rate_bps < rate);
    remb(world, 150000);
    world_stats(world, 0, &a);
    assert_in_range((uint64_t)a.video_sent.target_bitrate_bps, 148000, 152000);
    remb(world, 10000000);
    world_stats(world, 0, &a);
    assert_int_equal((uint64_t)a.video_sent.target_bitrate_bps, 200000); /* the host's own */
    assert_int_equal(world->side[0].session->pacer.rate_bps, rate);
    world_free(world);
}

/* FIR, and its repetition, which is no other request (RFC 5104 section 4.3.1.2). */
static void test_fir(void **state)
{
    (void)state;
    struct world *world = connected(5);
    struct xcall_stats before, after;
    uint8_t bytes[64];
    struct xc_writer w = xc_writer_make(bytes, sizeof bytes);
    world_run(world, 2000);
    world_stats(world, 0, &before);
    xc_rtcp_write_fir(&w, 1, world->side[0].session->out[XC_VIDEO].ssrc, 7);
    for (int n = 0; n < 3; n++) {
        xc_reports_input(world->side[0].session, world_now, xc_span_make(bytes, w.size));
        world_run(world, 1000);
    }
    world_stats(world, 0, &after);
    assert_int_equal(after.video_sent.fir_count - before.video_sent.fir_count, 3);
    assert_int_equal(after.video_sent.key_frames_encoded - before.video_sent.key_frames_encoded, 1);
    world_free(world);
}

static void test_dtmf(void **state)
{
    (void)state;
    struct world *world = connected(6);
    struct xcall_stats b;
    xc_session_send_dtmf(world->side[0].session, xc_span_make("19*#D", 5), 100, 70);
    world_run(world, 2000);
    static const uint8_t digits[] = {1, 9, 10, 11, 15};
    assert_int_equal(seen.digit_count, sizeof digits);
    assert_memory_equal(seen.digits, digits, sizeof digits);
    assert_in_range(seen.event_ends, 3 * sizeof digits, 3 * sizeof digits);
    assert_in_range(seen.events, 5 * 6, 5 * 9); /* 100 ms in frames of 20 ms, and the ends */
    world_stats(world, 1, &b);
    assert_int_equal(b.audio_received.packets_lost, 0);
    uint32_t events = seen.events;
    world->side[1].energy = 0;
    world_run(world, 500);
    assert_int_equal(seen.events, events);
    assert_true(world->side[1].energy > 1.0); /* the voice is back */
    world_free(world);
}

static double concealed(uint64_t seed, uint32_t flags)
{
    struct world *world = world_make(seed, 150 * XC_NS_PER_MS); /* too far for repair in time */
    struct xcall_stats b;
    for (int i = 0; i < 2; i++)
        world->side[i].call.audio_flags = flags;
    begin(world, seed);
    lose(world, 10, 10000);
    world_stats(world, 1, &b);
    assert_int_equal(seen.red > seen.opus, flags != 0);
    world_free(world);
    return (double)b.audio_received.concealed_samples /
           (double)b.audio_received.total_samples_received;
}

static void test_red(void **state)
{
    (void)state;
    double plain = concealed(7, 0), red = concealed(7, XCALL_AUDIO_RED);
    assert_true(plain > 0.04);
    assert_true(red < plain / 3);
}

/* What a picture says of its capture is true within a few ms, before and after loss. */
static void test_capture_time(void **state)
{
    (void)state;
    struct world *world = connected(8);
    world_run(world, 3000);
    for (int n = 0; n < 20; n++) {
        world_run(world, 40);
        for (int i = 0; i < 2; i++) /* encoded and sent in the ms that it was written in */
            assert_in_range(world->side[i].capture_age, HALF_TRIP - 3 * XC_NS_PER_MS,
                            HALF_TRIP + 3 * XC_NS_PER_MS);
    }
    world_free(world);
}

/* By the extension: the picture is turned by the receiver; where the peer does not take it, by us. */
static void test_orientation(void **state)
{
    (void)state;
    struct world *world = connected(9);
    struct xc_video_stamps stamps;
    world->side[0].rotation = 90;
    world_run(world, 1000);
    assert_true(xc_video_recv_last(world->side[1].roads->video_recv[0], &stamps));
    assert_int_equal(stamps.rotation, 1);
    world->side[0].rotation = 0;
    world_run(world, 1000);
    assert_true(xc_video_recv_last(world->side[1].roads->video_recv[0], &stamps));
    assert_int_equal(stamps.rotation, 0);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rtx),
        cmocka_unit_test(test_plain_retransmissions),
        cmocka_unit_test(test_every_arrival_is_reported_once),
        cmocka_unit_test(test_remb),
        cmocka_unit_test(test_fir),
        cmocka_unit_test(test_dtmf),
        cmocka_unit_test(test_red),
        cmocka_unit_test(test_capture_time),
        cmocka_unit_test(test_orientation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
