/* peer.c - see peer.h. SPDX-License-Identifier: MIT */
#include "peer.h"

#include <stdlib.h>

#include "models.h"
#include "virtual_time.h"

#define CANARY_BYTE 0xc5

static void configure(struct sim_peer *peer, const struct sim_options *options)
{
    bool real = options->codecs == SIM_CODECS_REAL;
    struct xcall_call_config *config = &peer->config;
    *config = (struct xcall_call_config){
        .size = sizeof *config,
        .role = peer->number == SIM_A ? XCALL_ROLE_OFFER : XCALL_ROLE_ANSWER,
        .flags = options->no_trickle ? XCALL_CALL_NO_TRICKLE : 0,
        .audio_direction = XCALL_DIRECTION_BOTH,
        .video_direction = options->no_video ? XCALL_DIRECTION_NONE : XCALL_DIRECTION_BOTH,
        .audio_rate = 48000,
        .audio_channels = 1,
        .audio_sample = XCALL_SAMPLE_S16,
        .audio_frame_ms = 20,
        .audio_bitrate_bps = 32000,
        .audio_complexity = 5,
        .audio_flags = XCALL_AUDIO_FEC | (options->dtx ? XCALL_AUDIO_DTX : 0),
        .audio_delay_ms_max = 1000,
        .video_width = real ? 320 : 64,
        .video_height = real ? 180 : 36,
        .video_width_max = real ? 320 : 64,
        .video_height_max = real ? 180 : 36,
        .video_frame_rate = 30,
        .video_bitrate_bps = real ? 300000 : 600000,
        .trace_frames = 256};
}

bool sim_peer_init(struct sim_peer *peer, int number, const struct sim_options *options,
                   uint64_t now)
{
    bool real = options->codecs == SIM_CODECS_REAL;
    struct xc_arena arena = {0};
    memset(peer, 0, sizeof *peer);
    peer->number = number;
    xc_rng_init_number(&peer->host, options->seed * 2 + (uint64_t)number + 1000);
    configure(peer, options);
    peer->addr = (struct xc_addr){
        .family = XC_ADDR_IPV4, .port = 5000, .bytes = {10, 0, 0, (uint8_t)(number + 1)}};
    peer->identity = xc_dtls_identity_create(SIM_UNIX_EPOCH / XC_NS_PER_S);
    peer->scratch = malloc(sizeof *peer->scratch);
    struct xc_session_config config = {.call = &peer->config,
                                       .identity = peer->identity,
                                       .audio_codec = real ? &xc_opus : &sim_audio_model,
                                       .video_codecs = real ? xc_vpx_codecs : sim_video_models,
                                       .unix_epoch = SIM_UNIX_EPOCH,
                                       .scratch = peer->scratch};
    xc_rng_bytes(&peer->host, config.seed, sizeof config.seed);
    config.codec_seed = xc_rng_u64(&peer->host);
    if (!peer->identity || !peer->scratch)
        return false;
    xc_session_create(&arena, &config, now);
    peer->memory_size = arena.used;
    peer->memory = aligned_alloc(XC_CACHE_LINE, arena.used + SIM_CANARY);
    size_t picture =
        xc_picture_size(XC_PIXEL_I420, peer->config.video_width_max, peer->config.video_height_max);
    peer->picture_memory = calloc(2, picture);
    peer->video_delays = calloc(SIM_DELAYS_MAX, sizeof *peer->video_delays);
    if (!peer->memory || !peer->picture_memory || !peer->video_delays)
        return false;
    memset(peer->memory + peer->memory_size, CANARY_BYTE, SIM_CANARY);
    arena = (struct xc_arena){.memory = peer->memory, .capacity = peer->memory_size};
    peer->session = xc_session_create(&arena, &config, now);
    if (!peer->session || !xc_session_add_local(peer->session, &peer->addr, 65535))
        return false;
    peer->roads = xc_session_roads(peer->session);
    xc_picture_lay(&peer->picture, peer->picture_memory, XC_PIXEL_I420,
                   peer->config.video_width_max, peer->config.video_height_max);
    xc_picture_lay(&peer->shown, peer->picture_memory + picture, XC_PIXEL_I420,
                   peer->config.video_width_max, peer->config.video_height_max);
    return true;
}

void sim_peer_deinit(struct sim_peer *peer)
{
    xc_session_destroy(peer->session);
    xc_dtls_identity_destroy(peer->identity);
    free(peer->scratch);
    free(peer->memory);
    free(peer->picture_memory);
    free(peer->video_delays);
}

bool sim_peer_canary_intact(const struct sim_peer *peer)
{
    for (size_t i = 0; i < SIM_CANARY; i++)
        if (peer->memory[peer->memory_size + i] != CANARY_BYTE)
            return false;
    return true;
}

/* A voice-like sound: bursts of a tone with pauses, so that DTX and stretching have work. */
void sim_peer_write_audio(struct sim_peer *peer, uint64_t now)
{
    int16_t block[SIM_AUDIO_BLOCK];
    bool talking = peer->audio_blocks / 60 % 3 != 2;
    for (int i = 0; i < SIM_AUDIO_BLOCK; i++) {
        uint64_t at = peer->audio_blocks * SIM_AUDIO_BLOCK + (uint64_t)i;
        int32_t saw = (int32_t)(at % 240) * 100 - 12000; /* 200 Hz */
        block[i] = (int16_t)(talking ? saw : (int32_t)xc_rng_below(&peer->host, 5));
    }
    peer->audio_blocks++;
    xc_audio_send_write(peer->roads->audio_send, now, now, block, SIM_AUDIO_BLOCK);
}

void sim_peer_read_audio(struct sim_peer *peer, uint64_t now)
{
    float block[SIM_AUDIO_BLOCK];
    struct xc_audio_played played;
    bool sound =
        xc_audio_recv_read(peer->roads->audio_recv, now, NULL, NULL, block, SIM_AUDIO_BLOCK, false);
    while (xc_audio_recv_take_played(peer->roads->audio_recv, &played)) {
        peer->played++;
        peer->added_delay_total += (double)(played.played - played.received) / 1e6;
        if (sound && !peer->first_audio)
            peer->first_audio = now;
    }
}

/* A bar that moves over a gradient. */
void sim_peer_write_video(struct sim_peer *peer, uint64_t now)
{
    struct xc_picture *p = &peer->picture;
    for (uint32_t y = 0; y < p->height; y++)
        for (uint32_t x = 0; x < p->width; x++)
            p->planes[0][y * p->strides[0] + x] =
                (uint8_t)(x + y + (x / 8 == peer->pictures % (p->width / 8) ? 90 : 0));
    for (int plane = 1; plane < 3; plane++)
        memset(p->planes[plane], 128, (size_t)p->strides[plane] * ((p->height + 1) / 2));
    peer->pictures++;
    xc_video_send_write(peer->roads->video_send[0], now, now, p);
}

void sim_peer_note_captures(struct sim_peer *peer)
{
    struct xcall_frame_trace trace;
    while (xc_ring_get(xc_session_trace_ring(peer->session), &trace)) {
        if (trace.kind != XCALL_KIND_VIDEO)
            continue;
        peer->captures[peer->capture_at % SIM_CAPTURES].timestamp = trace.rtp_timestamp;
        peer->captures[peer->capture_at++ % SIM_CAPTURES].capture = trace.capture;
    }
}

void sim_peer_read_video(struct sim_peer *peer, const struct sim_peer *other, uint64_t now)
{
    struct xc_video_stamps stamps;
    uint32_t width, height;
    while (xc_video_recv_peek(peer->roads->video_recv[0], now, &width, &height)) {
        if (!xc_video_recv_read(peer->roads->video_recv[0], now, &peer->shown, &stamps))
            return;
        if (!peer->first_video)
            peer->first_video = now;
        for (uint32_t i = 0; i < SIM_CAPTURES; i++) {
            if (!other->captures[i].capture || other->captures[i].timestamp != stamps.timestamp)
                continue;
            if (peer->video_delay_count < SIM_DELAYS_MAX)
                peer->video_delays[peer->video_delay_count++] =
                    (double)(now - other->captures[i].capture) / 1e6;
            break;
        }
    }
}
