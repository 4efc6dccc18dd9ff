/* models.c - see models.h. A video frame begins with the header of a VP8 frame (RFC 6386 section 9.1) or
 * of a VP9 frame (its specification's section 6.2), as the assembler looks at it, and then holds its
 * own number.
 * SPDX-License-Identifier: MIT */
#include "models.h"

#include <stdlib.h>

#include "base/rng.h"

#define AUDIO_MAGIC 0xa5
#define KEY_HEADER 10
#define DELTA_HEADER 5

struct audio_encoder {
    struct xc_rng rng;
    struct xc_audio_settings settings;
    uint32_t rate, channels;
};

struct audio_decoder {
    uint32_t rate, channels;
};

static size_t encoder_size(uint32_t channels)
{
    (void)channels;
    return sizeof(struct audio_encoder);
}

static bool encoder_init(void *memory, uint32_t rate, uint32_t channels,
                         const struct xc_audio_settings *settings, uint64_t seed)
{
    struct audio_encoder *encoder = memory;
    xc_rng_init_number(&encoder->rng, seed);
    encoder->settings = *settings;
    encoder->rate = rate;
    encoder->channels = channels;
    return true;
}

static void encoder_set(void *memory, const struct xc_audio_settings *settings)
{
    ((struct audio_encoder *)memory)->settings = *settings;
}

static int audio_encode(void *memory, const float *samples, uint32_t frames, uint8_t *packet,
                        size_t capacity)
{
    struct audio_encoder *encoder = memory;
    uint32_t ms = frames * 1000 / encoder->rate;
    uint32_t size = encoder->settings.bitrate_bps / 8 * ms / 1000;
    size = size * (80 + xc_rng_below(&encoder->rng, 41)) / 100;
    size = XC_CLAMP(size, 8u, (uint32_t)XC_MIN(capacity, (size_t)XC_AUDIO_PACKET_MAX));
    memset(packet, 0, size);
    packet[0] = AUDIO_MAGIC;
    packet[1] = (uint8_t)ms;
    packet[2] = (uint8_t)(int8_t)(samples[0] * 100.0f);
    return (int)size;
}

static uint32_t lookahead(void *memory)
{
    (void)memory;
    return 0;
}

static size_t decoder_size(uint32_t channels)
{
    (void)channels;
    return sizeof(struct audio_decoder);
}

static bool decoder_init(void *memory, uint32_t rate, uint32_t channels)
{
    struct audio_decoder *decoder = memory;
    decoder->rate = rate;
    decoder->channels = channels;
    return true;
}

static uint32_t packet_frames(struct xc_span packet, uint32_t rate)
{
    if (packet.size < 3 || packet.data[0] != AUDIO_MAGIC || packet.data[1] > 120)
        return 0;
    return packet.data[1] * rate / 1000;
}

static int audio_fill(void *memory, float *samples, uint32_t frames, float value)
{
    const struct audio_decoder *decoder = memory;
    for (uint32_t i = 0; i < frames * decoder->channels; i++)
        samples[i] = value;
    return (int)frames;
}

static int audio_decode(void *memory, struct xc_span packet, float *samples, uint32_t frames_max)
{
    const struct audio_decoder *decoder = memory;
    uint32_t frames = packet_frames(packet, decoder->rate);
    if (!frames || frames > frames_max)
        return -1;
    return audio_fill(memory, samples, frames, (float)(int8_t)packet.data[2] / 100.0f);
}

static bool has_fec(struct xc_span packet)
{
    (void)packet;
    return false;
}

static int decode_fec(void *memory, struct xc_span packet, float *samples, uint32_t frames)
{
    (void)packet;
    return audio_fill(memory, samples, frames, 0.0f);
}

static int conceal(void *memory, float *samples, uint32_t frames)
{
    return audio_fill(memory, samples, frames, 0.0f);
}

const struct xc_audio_codec sim_audio_model = {
    .name = "opus",
    .encoder_size = encoder_size,
    .encoder_init = encoder_init,
    .encoder_set = encoder_set,
    .encode = audio_encode,
    .lookahead = lookahead,
    .decoder_size = decoder_size,
    .decoder_init = decoder_init,
    .packet_frames = packet_frames,
    .decode = audio_decode,
    .has_fec = has_fec,
    .decode_fec = decode_fec,
    .conceal = conceal,
};

/* --- video ----------------------------------------------------------------------------------- */

struct video_encoder {
    struct xc_rng rng;
    struct xc_video_settings settings;
    uint32_t number;
    bool vp9;
};

struct video_decoder {
    uint32_t expected;
    bool started;
    struct xc_picture picture;
    uint8_t *memory;
    bool vp9;
};

static uint64_t broken_chains;

uint64_t sim_models_take_broken_chains(void)
{
    uint64_t n = broken_chains;
    broken_chains = 0;
    return n;
}

static struct video_encoder *make_encoder(const struct xc_video_settings *settings, uint64_t seed,
                                          bool vp9)
{
    struct video_encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder)
        return NULL;
    xc_rng_init_number(&encoder->rng, seed);
    encoder->settings = *settings;
    encoder->vp9 = vp9;
    return encoder;
}

static void *vp8_encoder_create(const struct xc_video_settings *settings, uint64_t seed)
{
    return make_encoder(settings, seed, false);
}

static void *vp9_encoder_create(const struct xc_video_settings *settings, uint64_t seed)
{
    return make_encoder(settings, seed, true);
}

static bool video_encoder_set(void *memory, const struct xc_video_settings *settings)
{
    ((struct video_encoder *)memory)->settings = *settings;
    return true;
}

/* Heads of frames that are shown, KEY_HEADER or DELTA_HEADER bytes. */
static void write_vp8_head(uint8_t *out, bool key, uint32_t width, uint32_t height)
{
    out[0] = key ? 0x10 : 0x11; /* bit 0: inter frame; bit 4: show_frame */
    if (!key)
        return;
    memcpy(out + 3, "\x9d\x01\x2a", 3);
    out[6] = (uint8_t)width;
    out[7] = (uint8_t)(width >> 8);
    out[8] = (uint8_t)height;
    out[9] = (uint8_t)(height >> 8);
}

static void write_vp9_head(uint8_t *out, bool key, uint32_t width, uint32_t height)
{
    out[0] = key ? 0x82 : 0x86; /* marker, profile 0, frame_type, show_frame */
    if (!key) {
        out[3] = 0x02; /* found_ref of the first reference */
        return;
    }
    memcpy(out + 1, "\x49\x83\x42", 3);
    uint32_t sides = (width - 1) << 16 | (height - 1); /* after 4 bits of colour */
    out[4] = (uint8_t)(sides >> 28);
    xc_store32(out + 5, sides << 4);
}

static void read_head(const uint8_t *in, bool vp9, uint32_t *width, uint32_t *height)
{
    if (vp9) {
        uint32_t sides = (uint32_t)in[4] << 28 | xc_load32(in + 5) >> 4;
        *width = (sides >> 16) + 1;
        *height = (sides & 0xffff) + 1;
    } else {
        *width = in[6] | (uint32_t)in[7] << 8;
        *height = in[8] | (uint32_t)in[9] << 8;
    }
}

static int video_encode(void *memory, const struct xc_picture *picture, uint32_t timestamp,
                        bool force_key, uint8_t *out, size_t capacity, struct xc_video_coded *coded)
{
    struct video_encoder *encoder = memory;
    (void)timestamp;
    bool key = force_key || encoder->number == 0;
    uint32_t mean = encoder->settings.bitrate_bps / 8 / XC_MAX(encoder->settings.frame_rate, 1u);
    uint32_t size = mean * (60 + xc_rng_below(&encoder->rng, 81)) / 100 * (key ? 5 : 1);
    size = XC_CLAMP(size, 32u, (uint32_t)capacity);
    memset(out, 0, size);
    uint32_t head = key ? KEY_HEADER : DELTA_HEADER;
    if (encoder->vp9)
        write_vp9_head(out, key, picture->width, picture->height);
    else
        write_vp8_head(out, key, picture->width, picture->height);
    encoder->number++;
    memcpy(out + head, &encoder->number, sizeof encoder->number);
    memset(coded, 0, sizeof *coded);
    coded->size = size;
    coded->key = key;
    return 0;
}

static struct video_decoder *make_decoder(uint32_t width_max, uint32_t height_max, bool vp9)
{
    struct video_decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return NULL;
    decoder->vp9 = vp9;
    decoder->memory = calloc(1, xc_picture_size_max(width_max, height_max));
    if (decoder->memory)
        return decoder;
    free(decoder);
    return NULL;
}

static void *vp8_decoder_create(uint32_t width_max, uint32_t height_max)
{
    return make_decoder(width_max, height_max, false);
}

static void *vp9_decoder_create(uint32_t width_max, uint32_t height_max)
{
    return make_decoder(width_max, height_max, true);
}

static void video_decoder_destroy(void *memory)
{
    struct video_decoder *decoder = memory;
    if (decoder)
        free(decoder->memory);
    free(decoder);
}

static int video_decode(void *memory, struct xc_span frame, struct xc_picture *picture)
{
    struct video_decoder *decoder = memory;
    bool key = frame.size && !(frame.data[0] & (decoder->vp9 ? 4 : 1));
    uint32_t head = key ? KEY_HEADER : DELTA_HEADER, number;
    if (frame.size < head + sizeof number)
        return -1;
    memcpy(&number, frame.data + head, sizeof number);
    if (key) {
        uint32_t width, height;
        read_head(frame.data, decoder->vp9, &width, &height);
        xc_picture_lay(&decoder->picture, decoder->memory, XC_PIXEL_I420, width, height);
    } else if (!decoder->started || number != decoder->expected) {
        broken_chains++;
    }
    decoder->started = true;
    decoder->expected = number + 1;
    *picture = decoder->picture;
    return 0;
}

static const struct xc_video_codec vp8_model = {
    .name = "VP8",
    .codec = XC_CODEC_VP8,
    .encoder_create = vp8_encoder_create,
    .encoder_destroy = free,
    .encoder_set = video_encoder_set,
    .encode = video_encode,
    .decoder_create = vp8_decoder_create,
    .decoder_destroy = video_decoder_destroy,
    .decode = video_decode,
};

static const struct xc_video_codec vp9_model = {
    .name = "VP9",
    .codec = XC_CODEC_VP9,
    .encoder_create = vp9_encoder_create,
    .encoder_destroy = free,
    .encoder_set = video_encoder_set,
    .encode = video_encode,
    .decoder_create = vp9_decoder_create,
    .decoder_destroy = video_decoder_destroy,
    .decode = video_decode,
};

const struct xc_video_codec *const sim_video_models[] = {&vp8_model, &vp9_model, NULL};
