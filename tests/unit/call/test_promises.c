/* test_promises.c - what docs/promises.md says of a whole call and no part can show alone: the first
 * sound and picture, storms of key frame requests, repair, FEC that follows the loss, numbers that
 * SRTP can follow, descriptions that ask for more than there is, statistics that add up, and a peer
 * whose certificate is another's. Two sessions in virtual time.
 * SPDX-License-Identifier: MIT */
#include "session_world.h"

#include <stdio.h>
#include <string.h>

#define HALF_TRIP (20 * XC_NS_PER_MS)

/* silent: nothing is written yet. */
static struct world *connect(uint64_t seed, uint64_t delay, bool silent)
{
    struct world *world = world_make(seed, delay);
    world->silent = silent;
    world_open(world, seed);
    for (uint32_t ms = 0; ms < 5000 && !world_connected(world); ms += 10)
        world_run(world, 10);
    assert_true(world_connected(world));
    return world;
}

static struct world *connected(uint64_t seed, uint64_t delay)
{
    return connect(seed, delay, false);
}

/* The oldest trace of this kind that side i sent. */
static struct xcall_frame_trace first_sent(struct world *world, int i, uint32_t kind)
{
    struct xcall_frame_trace trace;
    while (xc_ring_get(xc_session_trace_ring(world->side[i].session), &trace))
        if (trace.kind == kind && !trace.received)
            return trace;
    fail_msg("no frame of kind %u was sent", (unsigned)kind);
    return trace;
}

/* Both hosts write from the first moment; the first frames out are new, whole and decodable. */
static void test_first_frames(void **state)
{
    (void)state;
    struct world *world = connected(1, HALF_TRIP);
    world_run(world, 200);
    for (int i = 0; i < 2; i++) {
        const struct side *side = &world->side[i], *other = &world->side[!i];
        struct xcall_frame_trace video, audio = first_sent(world, i, XCALL_KIND_AUDIO);
        assert_true(audio.capture + 40 * XC_NS_PER_MS >= side->connected_at); /* one frame old */
        assert_true(audio.sent <= side->connected_at + 20 * XC_NS_PER_MS);
        assert_true(other->read_sound_at <= side->connected_at + HALF_TRIP + 40 * XC_NS_PER_MS);
        video = first_sent(world, i, XCALL_KIND_VIDEO);
        assert_int_equal(video.key, 1);
        assert_true(video.capture + 40 * XC_NS_PER_MS >= side->connected_at); /* the newest */
        assert_true(video.sent <= side->connected_at + 2 * XC_NS_PER_MS);
        assert_true(other->shown >= 2);
    }
    world_free(world);
}

/* A peer that asks for key frames without end gets one each 300 ms at the most, and only as many as a
 * fifth of the bytes pays for; and a peer of ours asks once per 50 ms. */
static void test_key_frame_storm(void **state)
{
    (void)state;
    struct world *world = connected(2, HALF_TRIP);
    struct xcall_stats before[2], after[2];
    world_run(world, 1000);
    for (int i = 0; i < 2; i++)
        world_stats(world, i, &before[i]);
    world->ask_for_keys = true;
    world_run(world, 3000);
    for (int i = 0; i < 2; i++) {
        world_stats(world, i, &after[i]);
        uint64_t keys =
            after[i].video_sent.key_frames_encoded - before[i].video_sent.key_frames_encoded;
        uint64_t asked = after[i].video_received.pli_count - before[i].video_received.pli_count;
        assert_int_equal(world->side[i].keys_asked, 3000);
        assert_in_range(keys, 2, 11); /* 3000 / 300, and the one that was owed */
        assert_in_range(asked, 5, 61);
    }
    world_free(world);
}

/* What is lost comes again, once each but for what is lost again, and the picture goes on. */
static void test_loss_is_repaired(void **state)
{
    (void)state;
    struct world *world = connected(3, HALF_TRIP);
    struct xcall_stats a, b;
    world_run(world, 500);
    world->loss_percent[0] = 5;
    world_run(world, 8000);
    world->loss_percent[0] = 0;
    world_run(world, 1000);
    world->silent = true; /* what is on its way arrives */
    world_run(world, 500);
    world_stats(world, 0, &a);
    world_stats(world, 1, &b);
    assert_true(b.video_received.packets_repaired > 0);
    assert_true(b.audio_received.packets_repaired > 0);
    assert_true(b.video_received.nack_count > 0);
    assert_int_equal(a.video_sent.nack_count, b.video_received.nack_count); /* a's side is clean */
    assert_true(a.video_sent.retransmitted_packets_sent <= a.video_sent.packets_sent / 8);
    assert_int_equal(b.video_received.freeze_count, 0);
    assert_int_equal(b.video_received.frames_decoded, b.video_received.frames_received);
    assert_int_equal(b.video_received.pli_count, 0); /* no key frame was needed */
    /* What came by RTX was lost before (RFC 4588 section 8). */
    assert_in_range(b.video_received.packets_lost, 1, b.video_received.packets_repaired);
    world_free(world);
}

/* In-band FEC prepares for the loss that the peer reports, and costs nothing on a clean link. */
static void test_fec_follows_the_loss(void **state)
{
    (void)state;
    struct world *world = connected(4, 150 * XC_NS_PER_MS); /* too far for a repair in time */
    const struct xc_audio_settings *set = &world->side[0].session->audio_settings;
    struct xcall_stats b;
    world_run(world, 3000);
    assert_int_equal(set->loss_percent, 0);
    world->loss_percent[0] = 15;
    world_run(world, 8000);
    assert_in_range(set->loss_percent, 5, 20);
    assert_int_equal(world->side[1].session->audio_settings.loss_percent, 0); /* hears all of it */
    world_run(world, 8000);
    world_stats(world, 1, &b);
    assert_true(b.audio_received.fec_packets_used > 0);
    world->loss_percent[0] = 0;
    world_run(world, 30000);
    assert_int_equal(set->loss_percent, 0);
    world_free(world);
}

/* libsrtp2 never syncs when the packets around a first wrap are lost (RFC 3711 section 3.3.1). */
static void test_first_numbers(void **state)
{
    (void)state;
    uint32_t seen = 0;
    for (uint64_t seed = 10; seed < 74; seed++) {
        struct world *world = world_make(seed, 0);
        world_open(world, seed);
        for (int i = 0; i < 2; i++)
            for (int kind = 0; kind <= XC_VIDEO; kind++) {
                uint64_t first = world->side[i].session->out[kind].rtp->next_sequence & 0xffff;
                assert_in_range(first, 0, 0x7fff);
                seen |= first & 0x7c00 ? 1u << (first >> 10) : 1u;
            }
        world_free(world);
    }
    assert_int_equal(seen, UINT32_MAX); /* and they are spread over the whole range */
}

/* --- descriptions ------------------------------------------------------------------------------ */

static void insert(char *text, size_t *size, size_t capacity, char *at, const char *what)
{
    size_t length = strlen(what), rest = *size - (size_t)(at - text) + 1;
    assert_true(*size + length < capacity);
    memmove(at + length, at, rest);
    memcpy(at, what, length);
    *size += length;
}

static void ask_for_simulcast(int from, uint32_t kind, char *text, size_t *size, size_t capacity)
{
    if (from != 0 || kind != XCALL_SIGNAL_OFFER)
        return;
    char *end = strstr(text, "\"}"); /* the video section is the last one */
    assert_non_null(end);
    insert(text, size, capacity, end,
           "a=rid:h send\\r\\na=rid:l send\\r\\na=simulcast:send h;l\\r\\n");
}

/* Simulcast is not there: the answer says nothing of it, and the call works without. */
static void test_simulcast_is_not_answered(void **state)
{
    (void)state;
    struct world *world = world_make(5, HALF_TRIP);
    world->alter = ask_for_simulcast;
    world_open(world, 5);
    world_run(world, 1000);
    assert_true(world_connected(world));
    assert_non_null(strstr(world->side[0].last_signal, "a=simulcast"));
    assert_null(strstr(world->side[1].last_signal, "simulcast"));
    assert_null(strstr(world->side[1].last_signal, "a=rid"));
    assert_true(world->side[1].shown > 0);
    world_free(world);
}

static void change_fingerprint(int from, uint32_t kind, char *text, size_t *size, size_t capacity)
{
    (void)size;
    (void)capacity;
    if (from != 0 || kind != XCALL_SIGNAL_OFFER)
        return;
    char *digest = strstr(text, "a=fingerprint:sha-256 ");
    assert_non_null(digest);
    digest += strlen("a=fingerprint:sha-256 ");
    *digest = *digest == '0' ? '1' : '0';
}

/* Somebody in the signalling path put another certificate's digest in: no sound, no picture. */
static void test_another_certificate(void **state)
{
    (void)state;
    struct world *world = world_make(6, HALF_TRIP);
    world->alter = change_fingerprint;
    world_open(world, 6);
    world_run(world, 3000);
    const struct side *deceived = &world->side[1];
    assert_int_equal(xc_session_state(deceived->session), XCALL_STATE_ENDED);
    assert_int_equal(xc_session_reason(deceived->session), XCALL_END_SECURITY);
    assert_false(xc_session_secure(deceived->session));
    for (int i = 0; i < 2; i++) {
        struct xcall_stats stats;
        world_stats(world, i, &stats);
        assert_int_equal(world->side[i].shown, 0);
        assert_true(world->side[i].energy == 0);
        assert_int_equal(stats.audio_received.packets_received, 0);
        assert_int_equal(xc_session_state(world->side[i].session), XCALL_STATE_ENDED);
    }
    world_free(world);
}

/* --- statistics -------------------------------------------------------------------------------- */

/* On a perfect link what one side sent is what the other received, kind by kind. */
static void test_statistics_add_up(void **state)
{
    (void)state;
    struct world *world = connect(7, HALF_TRIP, true);
    struct xcall_stats stats[2];
    world_run(world, 100);
    world->silent = false;
    world_run(world, 5000);
    world->silent = true; /* what is on its way arrives */
    world_run(world, 1000);
    for (int i = 0; i < 2; i++)
        world_stats(world, i, &stats[i]);
    for (int i = 0; i < 2; i++) {
        const struct xcall_rtp_sent_stats *audio = &stats[!i].audio_sent;
        const struct xcall_rtp_sent_stats *video = &stats[!i].video_sent;
        const struct xcall_rtp_received_stats *heard = &stats[i].audio_received;
        const struct xcall_rtp_received_stats *seen = &stats[i].video_received;
        assert_int_equal(heard->packets_received, audio->packets_sent);
        assert_int_equal(heard->bytes_received, audio->bytes_sent);
        assert_int_equal(heard->header_bytes_received, audio->header_bytes_sent);
        assert_int_equal(heard->ssrc, audio->ssrc);
        assert_int_equal(heard->packets_lost, 0);
        assert_int_equal(seen->packets_received, video->packets_sent);
        assert_int_equal(seen->bytes_received, video->bytes_sent);
        assert_int_equal(seen->frames_received, video->frames_encoded);
        assert_int_equal(seen->frames_decoded, seen->frames_received);
        assert_int_equal(seen->key_frames_decoded, video->key_frames_encoded);
        assert_int_equal(seen->frames_delivered + seen->frames_dropped, seen->frames_decoded);
        assert_int_equal(seen->jitter_buffer_emitted_count, seen->frames_decoded);
        double decoding = seen->total_processing_delay_ms - seen->jitter_buffer_delay_ms;
        assert_true(decoding - seen->total_decode_time_ms < 1e-6 &&
                    seen->total_decode_time_ms - decoding < 1e-6);
        assert_true(seen->jitter_buffer_level_ms >= 0 && seen->jitter_buffer_level_ms < 1000);
        assert_true(seen->jitter_buffer_target_ms == seen->jitter_buffer_level_ms);
        assert_int_equal(stats[i].packets_rejected, 0);
        assert_int_equal(stats[i].packets_received, stats[!i].packets_sent);
        assert_int_equal(stats[i].bytes_received, stats[!i].bytes_sent);
        assert_true(stats[i].round_trip_time_ms >= 39 && stats[i].round_trip_time_ms < 43);
        double mean =
            stats[i].total_round_trip_time_ms / (double)stats[i].round_trip_time_measurements;
        assert_true(mean >= 39 && mean < 43);
        /* W3C: the mean delay of a sample is one total over the other. */
        double held = heard->jitter_buffer_delay_ms / (double)heard->jitter_buffer_emitted_count;
        assert_true(held >= 0 && held < 40);
        assert_true(heard->concealed_samples <= heard->total_samples_received);
        assert_int_equal(stats[i].srtp_profile, 7);
    }
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_frames),
        cmocka_unit_test(test_key_frame_storm),
        cmocka_unit_test(test_loss_is_repaired),
        cmocka_unit_test(test_fec_follows_the_loss),
        cmocka_unit_test(test_first_numbers),
        cmocka_unit_test(test_simulcast_is_not_answered),
        cmocka_unit_test(test_another_certificate),
        cmocka_unit_test(test_statistics_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
