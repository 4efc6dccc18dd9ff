/* test_budget.c - what one end of a call takes, term by term: the arena that the session is laid out
 * in, what the engine keeps for the call, and the heap of the libraries underneath. Prints the table
 * that docs/architecture.md quotes; the terms must add up to what a session really asks for and stay
 * within bounds that have names here. Thread: its own.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "call/session_state.h"
#include "engine/engine.h"

#define KIB 1024u
/* An end of an audio call with codec state; less of it is resident (bench load measures that). */
#define AUDIO_CALL_MAX (324u * KIB)
/* The defaults, 640x360 encoded and pictures of 1280x720 at the most, without libvpx. */
#define VIDEO_CALL_MAX (20u * KIB * KIB)
#define SESSION_MAX (60u * KIB)
#define RELAYS_MAX (96u * KIB)
#define TRACE_MAX 160u /* bytes of one kept frame trace */

struct term {
    const char *name;
    size_t bytes;
};

static void defaults(struct xcall_call_config *config, bool audio, bool video)
{
    xcall_call_config_init(config, sizeof *config);
    config->audio_direction = audio ? XCALL_DIRECTION_BOTH : XCALL_DIRECTION_NONE;
    config->video_direction = video ? XCALL_DIRECTION_BOTH : XCALL_DIRECTION_NONE;
}

/* As the engine does it: a session over an arena without memory. */
static size_t measure(const struct xcall_call_config *call)
{
    struct xc_session_config config = {
        .call = call, .audio_codec = &xc_opus, .video_codecs = xc_vpx_codecs};
    struct xc_arena arena = {0};
    assert_null(xc_session_create(&arena, &config, 0));
    return arena.used;
}

/* --- the terms of the arena ------------------------------------------------------------------- */

static size_t session_itself(void)
{
    struct xc_arena arena = {0};
    xc_arena_take(&arena, sizeof(struct xc_session));
    return arena.used;
}

static size_t audio_send(const struct xcall_call_config *call)
{
    struct xc_arena arena = {0};
    struct xc_audio_send_config config = {
        .format = {call->audio_rate, call->audio_channels, call->audio_sample},
        .codec = &xc_opus,
        .codec_channels = call->audio_channels,
        .frame_ms = call->audio_frame_ms};
    assert_null(xc_audio_send_create(&arena, &config));
    return arena.used;
}

static size_t audio_recv(const struct xcall_call_config *call)
{
    struct xc_arena arena = {0};
    struct xc_audio_recv_config config = {
        .format = {call->audio_rate, call->audio_channels, call->audio_sample}, .codec = &xc_opus};
    assert_null(xc_audio_recv_create(&arena, &config));
    return arena.used;
}

static size_t video_send(const struct xcall_call_config *call)
{
    struct xc_arena arena = {0};
    struct xc_video_send_config config = {.codecs = xc_vpx_codecs,
                                          .width_max = call->video_width_max,
                                          .height_max = call->video_height_max,
                                          .settings = {.width = call->video_width,
                                                       .height = call->video_height,
                                                       .frame_rate = call->video_frame_rate}};
    assert_null(xc_video_send_create(&arena, &config));
    return arena.used;
}

static size_t video_recv(const struct xcall_call_config *call)
{
    struct xc_arena arena = {0};
    struct xc_video_recv_config config = {.codecs = xc_vpx_codecs,
                                          .width_max = call->video_width_max,
                                          .height_max = call->video_height_max};
    assert_null(xc_video_recv_create(&arena, &config));
    return arena.used;
}

static size_t assembler(void)
{
    struct xc_arena arena = {0};
    struct xc_assemble_config config = {0};
    assert_null(xc_assemble_create(&arena, &config));
    return arena.used;
}

/* A track alone: what it adds to the session. */
static size_t track(bool video)
{
    struct xcall_call_config call;
    defaults(&call, !video, video);
    return measure(&call) - session_itself();
}

/* A received stream: order, loss, jitter, what is asked for again. */
static size_t stream_in(void)
{
    struct xc_arena arena = {0};
    xc_arena_take(&arena, sizeof(struct xc_rtp_receiver));
    return arena.used;
}

/* What a sent stream adds beside its road: numbering, packets that wait or are kept, and for video
 * the frames under way. */
static size_t stream_out(bool video)
{
    struct xcall_call_config call;
    defaults(&call, !video, video);
    size_t roads = video ? video_send(&call) + video_recv(&call) + assembler()
                         : audio_send(&call) + audio_recv(&call);
    return track(video) - roads - stream_in();
}

/* --- what stands beside the session ------------------------------------------------------------ */

static size_t call_itself(void)
{
    return (sizeof(struct xc_call) + XC_CACHE_LINE - 1) & ~(size_t)(XC_CACHE_LINE - 1);
}

static size_t signals_and_statistics(void)
{
    struct xc_arena arena = {0};
    struct xc_byte_ring ring;
    struct xc_cell cell;
    xc_arena_take(&arena, sizeof ring);
    xc_arena_take(&arena, sizeof cell);
    assert_true(xc_byte_ring_init(&ring, &arena, XC_CALL_SIGNALS_SIZE));
    assert_true(xc_cell_init(&cell, &arena, sizeof(struct xcall_stats)));
    return arena.used;
}

/* Bytes of heap in use; 0 under a sanitizer, whose allocator does not say. */
static size_t heap(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static size_t vp8_encoder(const struct xcall_call_config *call)
{
    struct xc_video_settings settings = {.width = call->video_width,
                                         .height = call->video_height,
                                         .bitrate_bps = call->video_bitrate_bps,
                                         .frame_rate = call->video_frame_rate};
    struct xc_video_coded coded;
    struct xc_picture picture;
    uint8_t *memory = calloc(1, xc_picture_size(XC_PIXEL_I420, settings.width, settings.height));
    uint8_t *out = malloc(XC_VIDEO_FRAME_MAX);
    assert_non_null(memory);
    assert_non_null(out);
    xc_picture_lay(&picture, memory, XC_PIXEL_I420, settings.width, settings.height);
    size_t before = heap();
    void *encoder = xc_vp8.encoder_create(&settings, 1);
    assert_non_null(encoder);
    assert_int_equal(xc_vp8.encode(encoder, &picture, 0, true, out, XC_VIDEO_FRAME_MAX, &coded), 0);
    size_t taken = heap() - before;
    xc_vp8.encoder_destroy(encoder);
    free(memory);
    free(out);
    return taken;
}

static size_t vp8_decoder(const struct xcall_call_config *call)
{
    struct xc_video_settings settings = {.width = call->video_width,
                                         .height = call->video_height,
                                         .bitrate_bps = call->video_bitrate_bps,
                                         .frame_rate = call->video_frame_rate};
    struct xc_video_coded coded;
    struct xc_picture picture, decoded;
    uint8_t *memory = calloc(1, xc_picture_size(XC_PIXEL_I420, settings.width, settings.height));
    uint8_t *out = malloc(XC_VIDEO_FRAME_MAX);
    assert_non_null(memory);
    assert_non_null(out);
    xc_picture_lay(&picture, memory, XC_PIXEL_I420, settings.width, settings.height);
    void *encoder = xc_vp8.encoder_create(&settings, 1);
    assert_non_null(encoder);
    assert_int_equal(xc_vp8.encode(encoder, &picture, 0, true, out, XC_VIDEO_FRAME_MAX, &coded), 0);
    size_t before = heap();
    void *decoder = xc_vp8.decoder_create(call->video_width_max, call->video_height_max);
    assert_non_null(decoder);
    assert_int_equal(xc_vp8.decode(decoder, xc_span_make(out, coded.size), &decoded), 0);
    size_t taken = heap() - before;
    xc_vp8.decoder_destroy(decoder);
    xc_vp8.encoder_destroy(encoder);
    free(memory);
    free(out);
    return taken;
}

/* One SSL object before its handshake, and the keys of both directions. */
static size_t dtls_and_srtp(void)
{
    uint8_t keys[2][XC_DTLS_KEYING_MAX] = {{1}, {2}};
    struct xc_dtls_identity *identity = xc_dtls_identity_create(UINT64_C(1790000000));
    assert_non_null(identity);
    assert_true(xc_srtp_library_init());
    xc_dtls_destroy(xc_dtls_create(identity)); /* what OpenSSL makes once */
    size_t before = heap();
    struct xc_dtls *dtls = xc_dtls_create(identity);
    struct xc_srtp *srtp = xc_srtp_create(XC_SRTP_AEAD_AES_128_GCM, keys[0], keys[1], 28);
    assert_non_null(dtls);
    assert_non_null(srtp);
    size_t taken = heap() - before;
    xc_srtp_destroy(srtp);
    xc_dtls_destroy(dtls);
    xc_dtls_identity_destroy(identity);
    return taken;
}

/* --- the tests --------------------------------------------------------------------------------- */

static size_t sum(const struct term *terms, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += terms[i].bytes;
    return bytes;
}

static void print(const char *title, const struct term *terms, size_t count)
{
    for (size_t i = 0; i < count; i++)
        print_message("| %s | %s | %.1f |\n", title, terms[i].name, (double)terms[i].bytes / KIB);
    print_message("| %s | total | %.1f |\n", title, (double)sum(terms, count) / KIB);
}

static void test_inside_the_session(void **state)
{
    (void)state;
    const struct term terms[] = {
        {"ICE agent", sizeof(struct xc_ice)},
        {"negotiation", sizeof(struct xc_negotiation)},
    };
    print("in the session", terms, XC_ARRAY_LEN(terms));
    assert_true(sum(terms, XC_ARRAY_LEN(terms)) < session_itself());
    assert_true(session_itself() <= SESSION_MAX);
}

static void test_audio(void **state)
{
    (void)state;
    struct xcall_call_config call;
    defaults(&call, true, false);
    const struct term terms[] = {
        {"session", session_itself()},
        {"audio sending road with Opus encoder", audio_send(&call)},
        {"audio receiving road with jitter buffer and Opus decoder", audio_recv(&call)},
        {"audio stream sent, with packets waiting or kept", stream_out(false)},
        {"audio stream received", stream_in()},
    };
    size_t arena = sum(terms, XC_ARRAY_LEN(terms));
    assert_int_equal(arena, measure(&call));
    print("audio", terms, XC_ARRAY_LEN(terms));
    size_t beside = call_itself() + signals_and_statistics() + dtls_and_srtp();
    print_message("| audio | with everything beside the session | %.1f |\n",
                  (double)(arena + beside) / KIB);
    assert_true(arena + beside <= AUDIO_CALL_MAX);
}

static void test_video(void **state)
{
    (void)state;
    struct xcall_call_config call;
    defaults(&call, true, true);
    const struct term terms[] = {
        {"session", session_itself()},
        {"audio, both directions, as above", track(false)},
        {"video sending road", video_send(&call)},
        {"video receiving road", video_recv(&call)},
        {"video assembler", assembler()},
        {"video stream sent, with packets waiting or kept", stream_out(true)},
        {"video stream received", stream_in()},
    };
    assert_int_equal(sum(terms, XC_ARRAY_LEN(terms)), measure(&call));
    print("audio and video", terms, XC_ARRAY_LEN(terms));
    assert_true(measure(&call) <= VIDEO_CALL_MAX);
}

/* Pictures are the video's memory: a host that bounds them to what it shows saves them. */
static void test_video_follows_its_bounds(void **state)
{
    (void)state;
    struct xcall_call_config call;
    defaults(&call, true, true);
    size_t before = measure(&call);
    call.video_width_max = call.video_width;
    call.video_height_max = call.video_height;
    size_t after = measure(&call);
    print_message("| audio and video | total, pictures up to 640x360 | %.1f |\n",
                  (double)after / KIB);
    size_t picture = xc_picture_size_max(1280, 720) - xc_picture_size_max(640, 360);
    assert_true(before - after >= 9 * picture && before - after <= 12 * picture);
}

static void test_beside_the_session(void **state)
{
    (void)state;
    struct xcall_call_config call;
    defaults(&call, true, true);
    const struct term terms[] = {
        {"call record", call_itself()},
        {"signals and statistics for the host", signals_and_statistics()},
        {"OpenSSL before its handshake, libsrtp2", dtls_and_srtp()},
        {"libvpx encoder, 640x360", vp8_encoder(&call)},
        {"libvpx decoder, 640x360", vp8_decoder(&call)},
    };
    print("beside it", terms, XC_ARRAY_LEN(terms));
    /* Not of every call, so not in the total. */
    print_message("| beside it | STUN and TURN servers, of a call that has some | %.1f |\n",
                  (double)sizeof(struct xc_relays) / KIB);
    assert_true(sizeof(struct xc_relays) <= RELAYS_MAX);
}

/* What is asked for on top costs what it says. */
static void test_traces_and_encoded(void **state)
{
    (void)state;
    struct xcall_call_config call;
    defaults(&call, true, false);
    size_t bare = measure(&call);
    call.trace_frames = 1000; /* rounded up to a power of two */
    size_t traced = measure(&call);
    assert_true(traced - bare >= 1024 * sizeof(struct xcall_frame_trace));
    assert_true(traced - bare <= 1024 * TRACE_MAX);
    call.encoded_bytes = 100000;
    assert_in_range(measure(&call) - traced, 131072, 131072 + 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inside_the_session),
        cmocka_unit_test(test_audio),
        cmocka_unit_test(test_video),
        cmocka_unit_test(test_video_follows_its_bounds),
        cmocka_unit_test(test_beside_the_session),
        cmocka_unit_test(test_traces_and_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
