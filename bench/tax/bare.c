/* bare.c - what a call cannot do without, and nothing else: libopus and libvpx set as the library
 * sets them, libsrtp2 with the library's ciphers under it, one sendto and one recv a packet.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <opus.h>

#include "../common/vp8_bare.h"
#include "proto/srtp.h"
#include "tax.h"

#define FRAME 960
#define HEADER 12
#define PAYLOAD_MAX 1150 /* of a video packet, about what the library makes */
#define KEY_SIZE 28      /* AES-128-GCM: key and salt */
#define WARM_UP_FRAMES 50

/* One direction of the call, both of its ends. */
struct road {
    int from, to;
    struct sockaddr_in address;
    struct xc_srtp *sender, *receiver;
    uint16_t sequences[2];
    OpusEncoder *encoder;
    OpusDecoder *decoder;
    struct bare_vp8 video;
    uint8_t *frame, *seen;
    bool with_video;
    double packets, frames, bytes;
};

static int open_socket(struct sockaddr_in *address)
{
    socklen_t size = sizeof *address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), buffer = 1 << 20;
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (fd < 0 || bind(fd, (struct sockaddr *)address, sizeof *address) != 0 ||
        getsockname(fd, (struct sockaddr *)address, &size) != 0)
        return -1;
    return fd;
}

static bool open_codecs(struct road *road)
{
    int error;
    road->encoder = opus_encoder_create(BENCH_RATE, 1, OPUS_APPLICATION_VOIP, &error);
    road->decoder = opus_decoder_create(BENCH_RATE, 1, &error);
    if (!road->encoder || !road->decoder)
        return false;
    opus_encoder_ctl(road->encoder, OPUS_SET_LSB_DEPTH(16));
    opus_encoder_ctl(road->encoder, OPUS_SET_BITRATE(TAX_AUDIO_BITRATE));
    opus_encoder_ctl(road->encoder, OPUS_SET_COMPLEXITY(TAX_COMPLEXITY));
    opus_encoder_ctl(road->encoder, OPUS_SET_INBAND_FEC(1));
    opus_encoder_ctl(road->encoder, OPUS_SET_PACKET_LOSS_PERC(0));
    opus_encoder_ctl(road->encoder, OPUS_SET_DTX(0));
    road->frame = malloc(BARE_VP8_FRAME_MAX);
    road->seen = malloc(BARE_VP8_FRAME_MAX);
    return road->frame && road->seen &&
           (!road->with_video ||
            bare_vp8_open(&road->video, TAX_WIDTH, TAX_HEIGHT, TAX_VIDEO_BITRATE));
}

static bool open_road(struct road *road, bool with_video)
{
    uint8_t keys[2][KEY_SIZE];
    struct sockaddr_in unused;
    memset(road, 0, sizeof *road);
    road->with_video = with_video;
    for (int i = 0; i < KEY_SIZE; i++) {
        keys[0][i] = (uint8_t)(3 * i + 1);
        keys[1][i] = (uint8_t)(5 * i + 2);
    }
    road->from = open_socket(&unused);
    road->to = open_socket(&road->address);
    if (road->from < 0 || road->to < 0 || !xc_srtp_library_init())
        return false;
    road->sender = xc_srtp_create(XC_SRTP_AEAD_AES_128_GCM, keys[0], keys[1], KEY_SIZE);
    road->receiver = xc_srtp_create(XC_SRTP_AEAD_AES_128_GCM, keys[1], keys[0], KEY_SIZE);
    return road->sender && road->receiver && open_codecs(road);
}

static void close_road(struct road *road)
{
    close(road->from);
    close(road->to);
    xc_srtp_destroy(road->sender);
    xc_srtp_destroy(road->receiver);
    if (road->with_video)
        bare_vp8_close(&road->video);
    opus_encoder_destroy(road->encoder);
    opus_decoder_destroy(road->decoder);
    free(road->frame);
    free(road->seen);
}

/* One packet there, decrypted in packet; its size, 0 on failure. */
static size_t carry(struct road *road, uint32_t kind, uint32_t timestamp, bool marker,
                    uint8_t *packet, size_t size, size_t room)
{
    uint16_t sequence = road->sequences[kind]++;
    memset(packet, 0, HEADER);
    packet[0] = 0x80;
    packet[1] = (uint8_t)(marker << 7 | (96 + kind));
    packet[2] = (uint8_t)(sequence >> 8);
    packet[3] = (uint8_t)sequence;
    for (int i = 0; i < 4; i++)
        packet[4 + i] = (uint8_t)(timestamp >> (24 - 8 * i));
    packet[11] = (uint8_t)(1 + kind);
    size += HEADER;
    if (xc_srtp_protect(road->sender, packet, &size, room) != XC_SRTP_OK ||
        sendto(road->from, packet, size, MSG_DONTWAIT, (struct sockaddr *)&road->address,
               sizeof road->address) != (ssize_t)size)
        return 0;
    ssize_t n = recv(road->to, packet, room, MSG_DONTWAIT);
    if (n <= 0)
        return 0;
    road->bytes += (double)n;
    size = (size_t)n;
    return xc_srtp_unprotect(road->receiver, packet, &size) == XC_SRTP_OK ? size - HEADER : 0;
}

static bool carry_audio(struct road *road, const float *samples, uint32_t number)
{
    uint8_t packet[1500];
    float heard[FRAME];
    int size = opus_encode_float(road->encoder, samples, FRAME, packet + HEADER, 1200);
    if (size <= 0)
        return false;
    size_t got = carry(road, 0, number * FRAME, false, packet, (size_t)size, sizeof packet);
    if (!got ||
        opus_decode_float(road->decoder, packet + HEADER, (int)got, heard, FRAME, 0) != FRAME)
        return false;
    road->packets++;
    return true;
}

static bool carry_video(struct road *road, uint8_t *i420, uint32_t number)
{
    uint8_t packet[1500];
    size_t size = bare_vp8_encode(&road->video, i420, number, road->frame), done = 0;
    size_t packets = (size + PAYLOAD_MAX - 1) / PAYLOAD_MAX;
    size_t part = packets ? (size + packets - 1) / packets : 0;
    for (size_t at = 0; at < size; at += part) {
        size_t n = size - at < part ? size - at : part;
        memcpy(packet + HEADER, road->frame + at, n);
        size_t got = carry(road, 1, number * 3000, at + n == size, packet, n, sizeof packet);
        memcpy(road->seen + done, packet + HEADER, got);
        done += got;
    }
    if (done != size)
        return false;
    if (size && bare_vp8_decode(&road->video, road->seen, size))
        road->frames++;
    return true;
}

static bool run(struct road roads[2], const struct tax_content *content, const float *samples,
                struct tax_result *result)
{
    uint32_t count = (uint32_t)(content->seconds * 50) + WARM_UP_FRAMES, picture = 0;
    const struct bench_video *video = &content->video;
    bool ok = true;
    for (uint32_t k = 0; ok && k < count; k++) {
        if (k == WARM_UP_FRAMES) {
            result->cpu = bench_cpu_seconds();
            for (int i = 0; i < 2; i++)
                roads[i].packets = roads[i].frames = roads[i].bytes = 0;
        }
        for (int i = 0; i < 2; i++)
            ok = carry_audio(&roads[i], samples + k % (TAX_SPEECH_BLOCKS / 2) * FRAME, k) && ok;
        for (; content->with_video && picture * 50 <= k * TAX_FRAME_RATE; picture++) {
            uint8_t *frame = video->frames + picture % video->count * video->frame_size;
            for (int i = 0; i < 2; i++)
                ok = carry_video(&roads[i], frame, picture) && ok;
        }
    }
    result->cpu = bench_cpu_seconds() - result->cpu;
    for (int i = 0; i < 2; i++) {
        result->audio_packets += roads[i].packets;
        result->video_frames += roads[i].frames;
        result->bytes += roads[i].bytes;
    }
    return ok;
}

bool tax_bare(const struct tax_content *content, struct tax_result *result)
{
    struct road roads[2];
    size_t count = (size_t)TAX_SPEECH_BLOCKS * BENCH_BLOCK;
    float *samples = malloc(count * sizeof *samples);
    bool ok = samples != NULL;
    memset(result, 0, sizeof *result);
    for (size_t i = 0; ok && i < count; i++)
        samples[i] = (float)content->speech[i] / 32768;
    if (!ok || !open_road(&roads[0], content->with_video) ||
        !open_road(&roads[1], content->with_video)) {
        fputs("tax: the bare codecs did not start\n", stderr);
        return false;
    }
    ok = run(roads, content, samples, result);
    if (!ok)
        fputs("tax: the bare call failed\n", stderr);
    for (int i = 0; i < 2; i++)
        close_road(&roads[i]);
    free(samples);
    return ok;
}
