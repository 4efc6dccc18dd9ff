/* test_counters.c - what a whole call tells of itself beyond packets: repair by RTX, audio out of RED,
 * comfort noise while the peer is silent, codec and payload type in use, requests for key frames by
 * FIR where the peer knows no PLI, telephone events. Two sessions in virtual time.
 * SPDX-License-Identifier: MIT */
#include "session_world.h"

#include <stdio.h>
#include <string.h>

#define HALF_TRIP (20 * XC_NS_PER_MS)

static const char *cut_lines[2]; /* SDP lines that contain one of these never reach the peer */

/* The line ends are those of JSON: a backslash, 'r', a backslash, 'n'. */
static void cut(int from, uint32_t kind, char *text, size_t *size, size_t capacity)
{
    (void)from, (void)kind, (void)capacity;
    for (int i = 0; i < 2 && cut_lines[i]; i++) {
        char *found;
        while ((found = strstr(text, cut_lines[i]))) {
            char *begin = found, *end = strstr(found, "\\r\\n");
            assert_non_null(end);
            while (strncmp(begin, "\\r\\n", 4))
                begin--;
            memmove(begin, end, strlen(end) + 1);
        }
    }
    *size = strlen(text);
}

static struct world *make(uint64_t seed, const char *first, const char *second)
{
    struct world *world = world_make(seed, HALF_TRIP);
    cut_lines[0] = first;
    cut_lines[1] = second;
    world->alter = cut;
    return world;
}

static void connect(struct world *world, uint64_t seed)
{
    world_open(world, seed);
    for (uint32_t ms = 0; ms < 5000 && !world_connected(world); ms += 10)
        world_run(world, 10);
    assert_true(world_connected(world));
    world_run(world, 500);
}

/* Side 0 asks ten times for a key frame; what it counted and side 1 heard. */
static void ask_for_keys(struct world *world, struct xcall_stats *asking, struct xcall_stats *asked)
{
    for (int i = 0; i < 10; i++) {
        xc_session_request_key(world->side[0].session, world_now, XCALL_KIND_VIDEO);
        world_run(world, 500);
    }
    world_stats(world, 0, asking);
    world_stats(world, 1, asked);
}

static void test_key_frames_by_fir(void **state)
{
    (void)state;
    struct xcall_stats asking, asked;
    struct world *world = make(1, "nack pli", NULL);
    connect(world, 1);
    ask_for_keys(world, &asking, &asked);
    assert_int_equal(asking.video_received.pli_count, 0);
    assert_in_range(asking.video_received.fir_count, 10, 100);
    assert_int_equal(asked.video_sent.pli_count, 0);
    assert_int_equal(asked.video_sent.fir_count, asking.video_received.fir_count);
    /* Each has a number of its own, and so leads to a key frame. */
    assert_in_range(asking.video_received.key_frames_decoded, 5, 20);
    world_free(world);
}

static void test_key_frames_by_pli(void **state)
{
    (void)state;
    struct xcall_stats asking, asked;
    for (int neither = 0; neither < 2; neither++) {
        struct world *world = neither ? make(2, "nack pli", "ccm fir") : make(2, "ccm fir", NULL);
        connect(world, 2);
        ask_for_keys(world, &asking, &asked);
        assert_int_equal(asking.video_received.fir_count, 0);
        assert_in_range(asking.video_received.pli_count, 10, 100);
        assert_int_equal(asked.video_sent.pli_count, asking.video_received.pli_count);
        assert_in_range(asking.video_received.key_frames_decoded, 5, 20);
        world_free(world);
    }
}

/* What side 0 repeats arrives at side 1 by RTX, apart from what the link loses of that, too. */
static void test_repair(void **state)
{
    (void)state;
    struct xcall_stats from, to;
    struct world *world = make(3, NULL, NULL);
    connect(world, 3);
    world->loss_percent[0] = 10;
    world_run(world, 10000);
    world_stats(world, 0, &from);
    world_stats(world, 1, &to);
    uint64_t repeated = from.video_sent.retransmitted_packets_sent;
    uint64_t came = to.video_received.retransmitted_packets_received;
    assert_true(repeated > 5);
    assert_true(came > repeated / 2 && came <= repeated);
    assert_true(to.video_received.packets_repaired > 0);
    assert_true(to.video_received.packets_repaired <= came);
    assert_true(to.video_received.retransmitted_bytes_received > came);
    assert_true(to.video_received.retransmitted_bytes_received < to.video_received.bytes_received);
    assert_true(to.video_received.nack_count > 0 && from.video_sent.nack_count > 0);
    /* W3C: the mean time between pictures and its spread come from these two sums. */
    double frames = (double)to.video_received.frames_delivered;
    double mean = to.video_received.total_inter_frame_delay_ms / frames;
    assert_true(mean > 30 && mean < 60); /* written each 40 ms */
    assert_true(to.video_received.total_squared_inter_frame_delay_s2 >=
                mean * mean * 1e-6 * (frames - 1) * 0.99);
    world_free(world);
}

static void test_red(void **state)
{
    (void)state;
    struct xcall_stats from, to;
    struct world *world = make(4, " nack", NULL); /* RED alone repairs */
    for (int i = 0; i < 2; i++) {
        world->side[i].call.audio_flags = XCALL_AUDIO_RED;
        world->side[i].call.video_direction = XCALL_DIRECTION_NONE;
    }
    connect(world, 4);
    world->loss_percent[0] = 10;
    world_run(world, 10000);
    world_stats(world, 0, &from);
    world_stats(world, 1, &to);
    assert_true(to.audio_received.packets_lost > 20);
    assert_true(to.audio_received.red_packets_used > 20);
    /* One lost alone costs nothing; two in a row and more do: 0.1 x 0.1 of the time. */
    assert_true(to.audio_received.concealed_samples * 20 <
                to.audio_received.total_samples_received);
    assert_int_equal(to.audio_received.fec_packets_used, 0);
    assert_int_not_equal(to.audio_received.payload_type, from.audio_sent.payload_type); /* RED's */
    assert_int_equal(to.audio_received.codec, 0);
    world_free(world);
}

/* Zeros into side 0's sound, and nothing else. */
static void keep_silent(struct world *world, uint32_t ms)
{
    static const int16_t zeros[WORLD_BLOCK];
    for (uint32_t n = 0; n < ms; n += 10) {
        for (int i = 0; i < 2; i++)
            xc_audio_send_write(world->side[i].roads->audio_send, world_now, world_now, zeros,
                                WORLD_BLOCK);
        world_run(world, 10);
    }
}

/* asker: the side that wants DTX. Its peer does as it is asked, by usedtx=1. */
static void silence_with_dtx(int asker)
{
    struct xcall_stats before[2], after[2];
    struct world *world = make(5, NULL, NULL);
    for (int i = 0; i < 2; i++)
        world->side[i].call.video_direction = XCALL_DIRECTION_NONE;
    world->side[asker].call.audio_flags |= XCALL_AUDIO_DTX;
    connect(world, 5);
    world_run(world, 1000);
    world->silent = true;
    keep_silent(world, 1000); /* the codec makes sure that it is silence */
    for (int i = 0; i < 2; i++)
        world_stats(world, i, &before[i]);
    keep_silent(world, 10000);
    for (int i = 0; i < 2; i++) {
        world_stats(world, i, &after[i]);
        const struct xcall_rtp_received_stats *a = &before[i].audio_received;
        const struct xcall_rtp_received_stats *b = &after[i].audio_received;
        assert_in_range(b->packets_received - a->packets_received, 10, 60); /* of 500 */
        assert_true(b->comfort_noise_samples - a->comfort_noise_samples > 8 * 48000);
        assert_int_equal(b->packets_lost, a->packets_lost);
        assert_true(b->concealed_samples - a->concealed_samples < 48000 / 5);
        assert_true(b->total_samples_duration_ms - a->total_samples_duration_ms > 9900);
    }
    world_free(world);
}

static void test_comfort_noise(void **state)
{
    (void)state;
    silence_with_dtx(0);
    silence_with_dtx(1);
}

static void test_codec_in_use(void **state)
{
    (void)state;
    for (uint32_t codec = XCALL_CODEC_VP8; codec <= XCALL_CODEC_VP9; codec++) {
        struct xcall_stats stats[2];
        struct world *world = make(6, NULL, NULL);
        for (int i = 0; i < 2; i++)
            world->side[i].call.video_codec = codec;
        connect(world, 6);
        world_run(world, 1000);
        for (int i = 0; i < 2; i++)
            world_stats(world, i, &stats[i]);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(stats[i].video_sent.codec, codec);
            assert_int_equal(stats[!i].video_received.codec, codec);
            assert_int_equal(stats[!i].video_received.payload_type,
                             stats[i].video_sent.payload_type);
            assert_int_equal(stats[!i].audio_received.payload_type,
                             stats[i].audio_sent.payload_type);
            assert_in_range(stats[i].audio_sent.payload_type, 96, 127);
            assert_true(stats[i].audio_received.total_audio_energy > 0);
            assert_int_equal(stats[i].screen_sent.codec, 0);
        }
        world_free(world);
    }
}

/* --- telephone events -------------------------------------------------------------------------- */

static uint8_t event_type; /* its payload type */
static uint32_t events, event_begins;

static void count_events(struct world *world, int from, const struct xc_datagram *datagram)
{
    (void)world;
    struct xc_span bytes = xc_span_make(datagram->data, datagram->size);
    if (from || xc_datagram_kind(bytes) != XC_DATAGRAM_RTP ||
        (datagram->data[1] & 0x7f) != event_type)
        return;
    events++;
    event_begins += datagram->data[1] >> 7;
}

static void test_telephone_events(void **state)
{
    (void)state;
    struct xcall_stats stats;
    for (int taken = 0; taken < 2; taken++) {
        struct world *world = make(7, taken ? NULL : "telephone-event", NULL);
        connect(world, 7);
        const struct xc_negotiation *n = &world->side[0].session->negotiation;
        const struct xc_agreed_codec *event =
            xc_negotiate_codec(&n->media[0], XC_CODEC_TELEPHONE_EVENT);
        assert_int_equal(event != NULL, taken);
        event_type = event ? event->send_payload_type : 255;
        events = event_begins = 0;
        world->sent = count_events;
        xc_session_send_dtmf(world->side[0].session, xc_span_make("159#", 4), 100, 70);
        world_run(world, 2000);
        /* 100 ms each in frames of 20 ms, and the end two times more (RFC 4733 section 2.5.1.4). */
        assert_int_equal(event_begins, taken ? 4 : 0);
        assert_in_range(events, taken ? 4 * 6 : 0, taken ? 4 * 8 : 0);
        world_stats(world, 1, &stats);
        assert_int_equal(stats.packets_rejected, 0);
        assert_int_equal(stats.audio_received.packets_lost, 0);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_frames_by_fir),
        cmocka_unit_test(test_key_frames_by_pli),
        cmocka_unit_test(test_repair),
        cmocka_unit_test(test_red),
        cmocka_unit_test(test_comfort_noise),
        cmocka_unit_test(test_codec_in_use),
        cmocka_unit_test(test_telephone_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
