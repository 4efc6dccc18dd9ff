/* test_media.c - attacks on SRTP, RTP, RTCP and the codecs of a whole call: by somebody without the keys,
 * and by a peer that has them and lies. The ids are those of docs/security.md.
 * SPDX-License-Identifier: MIT */
#include "hostile.h"

#define SSRC_BAD 0xbadbadu

static size_t rtp(uint8_t *out, int kind, uint16_t sequence, uint32_t ssrc, const void *payload,
                  size_t size)
{
    memcpy(out, wire[0].header[kind], 12); /* the payload type in use */
    out[0] = 0x80;
    out[1] |= 0x80;
    xc_store16(out + 2, sequence);
    xc_store32(out + 4, 1000u + sequence * 3000u);
    xc_store32(out + 8, ssrc);
    if (size)
        memcpy(out + 12, payload, size);
    return 12 + size;
}

/* The host writes nothing while side 0's keys are used for lies: its own numbers stay as they are. */
static struct world *turned(uint64_t seed)
{
    struct world *world = hostile_connected(seed);
    hostile_run(world, 500);
    world->silent = true;
    hostile_run(world, 100);
    assert_true(wire[0].header[RTP_AUDIO][0] && wire[0].header[RTP_VIDEO][0]);
    return world;
}

/* C3: RTP and RTCP of 0 to 30 bytes, of every kind of first byte. */
static void test_short_packets(void **state)
{
    (void)state;
    struct world *world = hostile_connected(1);
    static const uint8_t seconds[] = {0, 96, 111, 127, 200, 201, 205, 206, 239, 255};
    uint64_t before = rejected(world, 0), sent = 0;
    for (size_t size = 0; size <= 30; size++) {
        for (size_t n = 0; n < sizeof seconds; n++) {
            uint8_t bytes[30];
            for (int first = 128; first < 192; first += 21) {
                memset(bytes, 0, sizeof bytes);
                bytes[0] = (uint8_t)first;
                bytes[1] = seconds[n];
                inject_as_peer(world, 0, bytes, size);
                sent++;
            }
        }
    }
    assert_int_equal(rejected(world, 0), before + sent);
    assert_in_call(world);
    world_free(world);
}

/* C3: one bit of a genuine packet is another, its tag is zero, its E bit is off: nothing of it is taken,
 * and the genuine one that comes after it still is. */
static void test_damaged_packets(void **state)
{
    (void)state;
    struct world *world = hostile_connected(2);
    struct xcall_stats before, after;
    uint8_t bytes[XC_MTU];
    world_stats(world, 0, &before);
    uint32_t sent = 0;
    for (uint32_t ms = 0; ms < 3000; ms++) {
        uint32_t first = world->flight_end;
        hostile_run(world, 1);
        for (uint32_t at = first; at != world->flight_end; at++) {
            struct flight *flight = &world->flights[at % WORLD_FLIGHT];
            int kind = xc_datagram_kind(xc_span_make(flight->bytes, flight->size));
            if (flight->to != 0 || (kind != XC_DATAGRAM_RTP && kind != XC_DATAGRAM_RTCP))
                continue;
            for (int lie = 0; lie < 4; lie++) {
                memcpy(bytes, flight->bytes, flight->size);
                if (lie == 0)
                    memset(bytes + flight->size - 20, 0, 16); /* the tag of GCM, or most of it */
                else if (lie == 1)
                    bytes[flight->size - 4] ^= 0x80; /* E bit of RTCP, tag of RTP */
                else if (lie == 2)
                    bytes[12 + ms % (flight->size - 12)] ^= (uint8_t)(1 << ms % 8);
                else
                    memset(bytes + 8, 0, flight->size - 8); /* tag, key index and all */
                inject_as_peer(world, 0, bytes, flight->size);
                sent++;
            }
        }
    }
    world_stats(world, 0, &after);
    assert_true(sent > 400);
    assert_int_equal(after.packets_rejected - before.packets_rejected, sent);
    assert_int_equal(after.audio_received.packets_lost, 0);
    assert_int_equal(after.video_received.packets_lost, 0);
    assert_in_call(world);
    world_free(world);
}

/* Each packet comes three times, at once and 100 ms later. */
static void test_replay(void **state)
{
    (void)state;
    enum { KEPT = 64 };
    static struct flight kept[KEPT];
    struct world *world = hostile_connected(3);
    struct xcall_stats before, after, theirs[2];
    uint64_t sent = 0, count = 0;
    world_stats(world, 0, &before);
    world_stats(world, 1, &theirs[0]);
    for (uint32_t ms = 0; ms < 2000; ms++) {
        uint32_t first = world->flight_end;
        hostile_run(world, 1);
        for (uint32_t at = first; at != world->flight_end; at++) {
            struct flight *flight = &world->flights[at % WORLD_FLIGHT];
            int kind = xc_datagram_kind(xc_span_make(flight->bytes, flight->size));
            if (flight->to == 0 && (kind == XC_DATAGRAM_RTP || kind == XC_DATAGRAM_RTCP))
                kept[count++ % KEPT] = *flight;
        }
        for (uint64_t n = 0; n < XC_MIN(count, (uint64_t)KEPT); n++) {
            struct flight *flight = &kept[n];
            uint64_t age = world_now - flight->due;
            if (world_now < flight->due || (age != 0 && age != 100 * XC_NS_PER_MS))
                continue;
            inject_as_peer(world, 0, flight->bytes, flight->size);
            sent++;
        }
    }
    world_stats(world, 0, &after);
    world_stats(world, 1, &theirs[1]);
    assert_true(sent > 200);
    assert_int_equal(after.packets_rejected - before.packets_rejected, sent);
    assert_in_range(after.audio_received.packets_received - before.audio_received.packets_received,
                    1, theirs[1].audio_sent.packets_sent - theirs[0].audio_sent.packets_sent + 2);
    assert_in_call(world);
    world_free(world);
}

/* A peer invents streams without end: as many as the table has, then no more, and its first one works. */
static void test_ssrc_flood(void **state)
{
    (void)state;
    struct world *world = turned(4);
    uint8_t bytes[200], payload[40] = {0xfc};
    uint64_t before = rejected(world, 1), accepted = 0;
    for (uint32_t n = 0; n < 3000; n++) {
        size_t size = rtp(bytes, n & 1 ? RTP_VIDEO : RTP_AUDIO, 7, 0x10000 + n, payload, 40);
        accepted += say(world, 0, false, bytes, size);
        xc_srtp_remove(world->side[0].session->srtp, 0x10000 + n,
                       true); /* makes room at the liar's */
        if (n % 20 == 0)
            hostile_run(world, 1);
    }
    assert_int_equal(accepted, 3000);
    assert_in_range(rejected(world, 1) - before, 3000 - XC_SRTP_STREAMS_MAX, 3000);
    assert_in_call(world);
    world_free(world);
}

/* A new SSRC with a payload type that nobody agreed on takes no stream's place. */
static void test_unknown_payload(void **state)
{
    (void)state;
    struct world *world = turned(15);
    const struct xc_session *session = world->side[1].session;
    uint32_t sound = session->in[XC_AUDIO].ssrc, pictures = session->in[XC_VIDEO].ssrc;
    uint8_t bytes[200], payload[40] = {0xfc};
    uint64_t before = rejected(world, 1);
    for (int track = XC_AUDIO; track <= XC_VIDEO; track++) {
        const struct xc_media_agreed *agreed =
            &session->negotiation.media[session->in[track].section];
        struct xc_rtp head = {.payload_type = 35, .sequence = 7, .extension_count = 1};
        head.ssrc = SSRC_BAD + (uint32_t)track;
        head.extensions[0] = (struct xc_rtp_extension){
            agreed->extension_ids[XC_EXT_MID], xc_span_make(agreed->mid, strlen(agreed->mid))};
        size_t size = xc_rtp_write_header(&head, bytes, sizeof bytes);
        assert_true(size > 0);
        memcpy(bytes + size, payload, sizeof payload);
        assert_true(say(world, 0, false, bytes, size + sizeof payload));
    }
    hostile_run(world, 100);
    assert_int_equal(session->in[XC_AUDIO].ssrc, sound);
    assert_int_equal(session->in[XC_VIDEO].ssrc, pictures);
    assert_int_equal(rejected(world, 1) - before, 2);
    assert_in_call(world);
    world_free(world);
}

/* Headers that lie about what stands in them; a peer's own, where its SRTP can say such a thing. */
static void test_rtp_headers(void **state)
{
    (void)state;
    struct world *world = turned(5);
    uint8_t bytes[400];
    for (uint32_t n = 0; n < 6000; n++) {
        size_t size = rtp(bytes, n & 1, (uint16_t)(100 + n), SSRC_BAD, "", 0);
        memset(bytes + 12, (int)(n * 37), 200);
        size += n % 180;
        switch (n % 8) {
        case 0: /* 15 CSRCs, on 12 bytes and more */
            bytes[0] |= 15;
            break;
        case 1: /* padding over the packet */
            bytes[0] |= 0x20;
            bytes[size - 1] = (uint8_t)(size > 12 ? 255 - n % 3 : 0);
            break;
        case 2: /* an extension block longer than the packet */
            bytes[0] |= 0x10;
            xc_store16(bytes + 12, 0xbede);
            xc_store16(bytes + 14, (uint16_t)(n * 999));
            break;
        case 3: /* of one word: an element longer than it; id 15; id 0 */
            bytes[0] |= 0x10;
            xc_store16(bytes + 12, 0xbede);
            xc_store16(bytes + 14, 1);
            bytes[16] = (uint8_t)(n >> 3);
            break;
        case 4: /* two-byte form */
            bytes[0] |= 0x10;
            xc_store16(bytes + 12, 0x1000);
            xc_store16(bytes + 14, 2);
            bytes[16] = (uint8_t)n;
            bytes[17] = (uint8_t)(n >> 8);
            break;
        case 5: /* another version */
            bytes[0] = (uint8_t)(n << 6);
            break;
        case 6: /* a payload type that nobody agreed on */
            bytes[1] = (uint8_t)(n >> 3);
            break;
        default:
            break;
        }
        if (!say(world, 0, false, bytes, size))
            inject_as_peer(world, 1, bytes, size);
        if (n % 20 == 0)
            hostile_run(world, 1);
    }
    assert_true(rejected(world, 1) > 1000);
    assert_in_call(world);
    world_free(world);
}

/* C33: id 15 ends the one-byte block, cut elements end it too; the packet itself is fine. */
static void test_extension_ends_block(void **state)
{
    (void)state;
    struct world *world = turned(6);
    struct xcall_stats before, after;
    uint8_t bytes[200];
    static const uint8_t blocks[][8] = {{0xbe, 0xde, 0, 1, 0xf0, 0x10, 0x31, 0x22},
                                        {0xbe, 0xde, 0, 1, 0x1f, 1, 2, 3},
                                        {0xbe, 0xde, 0, 1, 0, 0, 0, 0x23},
                                        {0x12, 0x34, 0, 1, 9, 9, 9, 9}};
    world_stats(world, 1, &before);
    for (uint32_t n = 0; n < 40; n++) {
        size_t size = rtp(bytes, RTP_AUDIO, (uint16_t)(100 + n), SSRC_BAD, blocks[n % 4], 8);
        bytes[0] |= 0x10;
        memset(bytes + size, 0xf8, 3); /* Opus: 20 ms */
        assert_true(say(world, 0, false, bytes, size + 3));
    }
    hostile_run(world, 5);
    world_stats(world, 1, &after);
    assert_int_equal(after.packets_rejected, before.packets_rejected);
    assert_int_equal(after.audio_received.ssrc, SSRC_BAD);
    assert_int_equal(after.audio_received.packets_received, 40);
    assert_in_call(world);
    world_free(world);
}

/* RTCP whose lengths and counts lie, of every packet type, and random ones. */
static void test_rtcp_lies(void **state)
{
    (void)state;
    struct world *world = turned(7);
    struct xc_rng rng;
    xc_rng_init_number(&rng, 7);
    uint8_t bytes[400];
    uint32_t said = 0;
    for (uint32_t n = 0; n < 20000; n++) {
        size_t size = 8 + 4 * (size_t)xc_rng_below(&rng, 60) + (n % 7 == 0 ? n % 4 : 0);
        xc_rng_bytes(&rng, bytes, size);
        bytes[0] = (uint8_t)(0x80 | (bytes[0] & 0x3f));
        bytes[1] = (uint8_t)(200 + n % 8);
        xc_store32(bytes + 4, SSRC_BAD); /* SRTCP takes so many senders and no more */
        if (n % 3)                       /* a length that fits, counts that do not */
            xc_store16(bytes + 2, (uint16_t)(size / 4 - 1));
        if (n % 2)
            xc_store32(bytes + 8, xc_load32(wire[1].header[n & 2 ? 0 : 1] + 8));
        said += say(world, 0, true, bytes, size);
        if (n % 50 == 0)
            hostile_run(world, 1);
    }
    assert_true(said > 15000);
    assert_true(rejected(world, 1) > 1000);
    assert_in_call(world);
    world_free(world);
}

static size_t feedback(uint8_t *out, uint8_t type, uint8_t format, uint32_t media, size_t words)
{
    out[0] = (uint8_t)(0x80 | format);
    out[1] = type;
    xc_store16(out + 2, (uint16_t)(2 + words));
    xc_store32(out + 4, SSRC_BAD);
    xc_store32(out + 8, media);
    return 12 + 4 * words;
}

/* NACKs for all there was, again and again: what is sent again is bounded by what is sent. */
static void test_nack_storm(void **state)
{
    (void)state;
    struct world *world = hostile_connected(8);
    uint8_t bytes[400];
    hostile_run(world, 1000);
    uint64_t start = wire[1].bytes;
    hostile_run(world, 2000);
    uint64_t usual = wire[1].bytes - start;
    start = wire[1].bytes;
    for (uint32_t ms = 0; ms < 2000; ms++) {
        for (int kind = 0; kind < 2; kind++) {
            const uint8_t *header = wire[1].header[kind];
            size_t size = feedback(bytes, 205, 1, xc_load32(header + 8), 60);
            for (uint32_t i = 0; i < 60; i++)
                xc_store32(bytes + 12 + 4 * i,
                           (uint32_t)(uint16_t)(xc_load16(header + 2) - 17 * i) << 16 | 0xffff);
            assert_true(say(world, 0, true, bytes, size));
        }
        hostile_run(world, 1);
    }
    uint64_t stormy = wire[1].bytes - start;
    if (stormy > 2 * usual + 5 * 16384)
        fail_msg("%lu bytes under the storm, %lu without", (unsigned long)stormy,
                 (unsigned long)usual);
    struct xcall_stats stats;
    world_stats(world, 1, &stats);
    assert_true(stats.audio_sent.nack_count >= 2000);
    assert_in_call(world);
    world_free(world);
}

/* Feedback with counts that promise more than there is: TWCC, REMB of 255 SSRCs, FIR and SLI lists. */
static void test_feedback_lies(void **state)
{
    (void)state;
    struct world *world = hostile_connected(9);
    uint8_t bytes[1200];
    for (uint32_t n = 0; n < 3000; n++) {
        size_t words = 2 + n % 40;
        uint32_t ssrc = xc_load32(wire[1].header[n & 1] + 8);
        size_t size = feedback(bytes, n % 4 == 0 ? 205 : 206,
                               n % 4 == 0   ? 15
                               : n % 4 == 1 ? 15
                                            : (uint8_t)(n % 32),
                               ssrc, words);
        memset(bytes + 12, (int)(n * 31), 4 * words);
        if (n % 4 == 0) { /* 65535 packets, chunks for a few */
            xc_store16(bytes + 12, (uint16_t)n);
            xc_store16(bytes + 14, 0xffff);
        } else if (n % 4 == 1) {
            memcpy(bytes + 12, "REMB\xff\x00\x00\x00", 8);
        }
        say(world, 0, true, bytes, size);
        if (n % 10 == 0)
            hostile_run(world, 1);
    }
    assert_in_call(world);
    world_free(world);
}

/* PLI and FIR without end: key frames stay rare. */
static void test_key_frame_storm(void **state)
{
    (void)state;
    struct world *world = hostile_connected(10);
    struct xcall_stats before, after;
    uint8_t bytes[64];
    hostile_run(world, 1000);
    world_stats(world, 1, &before);
    for (uint32_t ms = 0; ms < 6000; ms++) {
        uint32_t ssrc = xc_load32(wire[1].header[RTP_VIDEO] + 8);
        size_t size = feedback(bytes, 206, 1, ssrc, 0);
        assert_true(say(world, 0, true, bytes, size));
        size = feedback(bytes, 206, 4, 0, 2);
        xc_store32(bytes + 12, ssrc);
        xc_store32(bytes + 16, ms << 24);
        assert_true(say(world, 0, true, bytes, size));
        hostile_run(world, 1);
    }
    world_stats(world, 1, &after);
    assert_true(after.video_sent.pli_count - before.video_sent.pli_count >= 6000);
    assert_in_range(after.video_sent.key_frames_encoded - before.video_sent.key_frames_encoded, 1,
                    6000 / 300 + 2);
    assert_in_call(world);
    world_free(world);
}

/* BYE for streams of others, for its own, with counts and reasons that lie. */
static void test_bye(void **state)
{
    (void)state;
    struct world *world = hostile_connected(11);
    uint8_t bytes[64];
    for (uint32_t n = 0; n < 300; n++) {
        memset(bytes, (int)n, sizeof bytes);
        bytes[0] = (uint8_t)(0x80 | (n % 32));
        bytes[1] = 203;
        xc_store16(bytes + 2, 3);
        xc_store32(bytes + 4, xc_load32(wire[n & 1].header[n >> 1 & 1] + 8));
        xc_store32(bytes + 8, n);
        say(world, 0, true, bytes, 16);
        hostile_run(world, 1);
    }
    assert_in_call(world);
    world_free(world);
}

/* VP8 headers of 16383x16383, of other sizes from one frame to the next, and cut anywhere. */
static void test_vp8_sizes(void **state)
{
    (void)state;
    struct world *world = turned(12);
    struct xcall_stats before, after;
    uint8_t bytes[200], payload[100];
    static const uint16_t sides[] = {16383, 0, 1, 16, 64, 4096, 48, 8191, 63};
    world_stats(world, 1, &before);
    for (uint32_t n = 0; n < 600; n++) {
        struct xc_writer w = xc_writer_make(payload, sizeof payload);
        xc_write8(&w, 0x10);                         /* a frame begins */
        xc_write24(&w, n % 3 ? 0x100200 : 0x110200); /* every third is no key frame */
        xc_write24(&w, 0x9d012a);
        for (int i = 0; i < 2; i++) {
            uint16_t side = sides[(n / (i ? 1 : 9)) % XC_ARRAY_LEN(sides)];
            xc_write8(&w, (uint8_t)side); /* little endian, two bits of scaling above */
            xc_write8(&w, (uint8_t)(side >> 8 | (n & 3) << 6));
        }
        memset(w.data + w.size, (int)n, sizeof payload - w.size);
        size_t size = rtp(bytes, RTP_VIDEO, (uint16_t)(100 + n), SSRC_BAD, payload, 1 + n % 100);
        assert_true(say(world, 0, false, bytes, size));
        hostile_run(world, 5);
    }
    world_stats(world, 1, &after);
    assert_int_equal(after.video_received.ssrc, SSRC_BAD);
    assert_true(after.video_received.frame_width <= WORLD_WIDTH * 64);
    assert_in_call(world);
    world_free(world);
}

/* Opus packets that are none: every first byte, 48 frames of 120 ms, empty, random, too long. */
static void test_opus_garbage(void **state)
{
    (void)state;
    struct world *world = turned(13);
    struct xc_rng rng;
    uint8_t bytes[1300], payload[1180];
    xc_rng_init_number(&rng, 13);
    for (uint32_t n = 0; n < 3000; n++) {
        size_t size = n % 4 ? xc_rng_below(&rng, 60) : xc_rng_below(&rng, sizeof payload);
        xc_rng_bytes(&rng, payload, sizeof payload);
        payload[0] = (uint8_t)n;
        if (n % 3 == 0)
            payload[0] |= 3, payload[1] = (uint8_t)(n % 2 ? 0xff : 48); /* how many frames */
        size = rtp(bytes, RTP_AUDIO, (uint16_t)(100 + n), SSRC_BAD, payload, size);
        assert_true(say(world, 0, false, bytes, size));
        if (n % 3 == 0)
            hostile_run(world, 10);
    }
    assert_in_call(world);
    world_free(world);
}

/* C28: how often and how much we report, over a minute (RFC 3550 section 6.2: no more than a twentieth
 * of the session's bandwidth, at most one regular report in half the smallest interval). */
static void test_report_interval(void **state)
{
    (void)state;
    struct world *world = hostile_connected(14);
    hostile_run(world, 60000);
    for (int i = 0; i < 2; i++) {
        assert_in_range(wire[i].rtcp - wire[i].arrivals, 10, 240);
        assert_true((wire[i].rtcp_bytes - wire[i].arrival_bytes) * 20 <= wire[i].bytes);
        /* Feedback on arrivals has its own bounds: 50 to 100 ms, a twentieth above 70 kb/s. */
        assert_in_range(wire[i].arrivals, 10, 60000 / 50 + 1);
        assert_true(wire[i].arrival_bytes * 10 <= wire[i].bytes);
    }
    assert_in_call(world);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_packets),
        cmocka_unit_test(test_damaged_packets),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_ssrc_flood),
        cmocka_unit_test(test_unknown_payload),
        cmocka_unit_test(test_rtp_headers),
        cmocka_unit_test(test_extension_ends_block),
        cmocka_unit_test(test_rtcp_lies),
        cmocka_unit_test(test_nack_storm),
        cmocka_unit_test(test_feedback_lies),
        cmocka_unit_test(test_key_frame_storm),
        cmocka_unit_test(test_bye),
        cmocka_unit_test(test_vp8_sizes),
        cmocka_unit_test(test_opus_garbage),
        cmocka_unit_test(test_report_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
