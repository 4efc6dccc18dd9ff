/* video_model.h - what the video tests share: moving pictures, PSNR, memory for an arena, and a codec
 * whose frames say what they were made from and refuse to decode after a gap.
 * SPDX-License-Identifier: MIT */
#ifndef VIDEO_MODEL_H
#define VIDEO_MODEL_H

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "media/video_codec.h"

static inline uint32_t model_chroma(uint32_t side)
{
    return (side + 1) / 2;
}

/* A picture over fresh memory of exactly its size, so that ASan sees every step outside. */
static inline struct xc_picture model_picture(uint32_t pixel, uint32_t width, uint32_t height)
{
    struct xc_picture picture;
    xc_picture_lay(&picture, malloc(xc_picture_size(pixel, width, height)), pixel, width, height);
    return picture;
}

static inline uint8_t *model_sample(const struct xc_picture *p, int plane, uint32_t x, uint32_t y)
{
    if (plane && p->pixel == XC_PIXEL_NV12)
        return p->planes[1] + (size_t)y * p->strides[1] + 2 * x + (uint32_t)(plane - 1);
    return p->planes[plane] + (size_t)y * p->strides[plane] + x;
}

/* A gradient that pans, a disc that moves, and colours: frame `n` of a film. */
static inline void model_draw(const struct xc_picture *p, uint32_t n)
{
    for (int plane = 0; plane < 3; plane++) {
        uint32_t step = plane ? 2 : 1;
        uint32_t width = plane ? model_chroma(p->width) : p->width;
        uint32_t height = plane ? model_chroma(p->height) : p->height;
        for (uint32_t y = 0; y < height; y++) {
            for (uint32_t x = 0; x < width; x++) {
                uint32_t at_x = x * step, at_y = y * step;
                uint32_t value = plane ? 96 + (at_x / 4 + at_y / 8 + n) % 64
                                       : 40 + (at_x + at_y + 3 * n) / 4 % 128;
                int64_t dx = (int64_t)at_x - (int64_t)(4 * n % p->width);
                int64_t dy = (int64_t)at_y - (int64_t)(p->height / 2);
                if (dx * dx + dy * dy < (int64_t)p->height * p->height / 16)
                    value = plane == 1 ? 60 : plane == 2 ? 200 : 220;
                *model_sample(p, plane, x, y) = (uint8_t)value;
            }
        }
    }
}

static inline double model_psnr(const struct xc_picture *a, const struct xc_picture *b)
{
    double sum = 0, n = 0;
    for (int plane = 0; plane < 3; plane++) {
        uint32_t width = plane ? model_chroma(a->width) : a->width;
        uint32_t height = plane ? model_chroma(a->height) : a->height;
        for (uint32_t y = 0; y < height; y++) {
            for (uint32_t x = 0; x < width; x++) {
                double d = *model_sample(a, plane, x, y) - *model_sample(b, plane, x, y);
                sum += d * d;
                n++;
            }
        }
    }
    return sum == 0 ? 99 : 10 * log10(255.0 * 255.0 * n / sum);
}

/* The memory that `arena` measured; free with free(arena.memory). */
static inline struct xc_arena model_arena(size_t size)
{
    struct xc_arena arena = {.capacity = size};
    arena.memory = aligned_alloc(XC_CACHE_LINE, (size + 63) & ~(size_t)63);
    return arena;
}

/* -- the model codecs: |key|index|previous|width|height|first luma sample|timestamp|codec|, 32 bytes  */

#define MODEL_FRAME_SIZE 32

struct model_encoder {
    struct xc_video_settings settings;
    uint32_t index;
    uint32_t sets;
    bool need_key;
    uint8_t codec;
};

struct model_control { /* the tests' handle on the next calls */
    int fail_encode, drop_encode, fail_create, fail_set;
    size_t size; /* of frames; 0 = MODEL_FRAME_SIZE */
    struct model_encoder *encoder;
    int encoders, decoders; /* alive */
};

static struct model_control model;

static void *model_encoder_make(const struct xc_video_settings *settings, uint8_t codec)
{
    if (model.fail_create) {
        model.fail_create--;
        return NULL;
    }
    struct model_encoder *e = calloc(1, sizeof *e);
    e->settings = *settings;
    e->need_key = true;
    e->codec = codec;
    model.encoder = e;
    model.encoders++;
    return e;
}

static void *model_encoder_create(const struct xc_video_settings *settings, uint64_t seed)
{
    (void)seed;
    return model_encoder_make(settings, XC_CODEC_VP8);
}

static void *other_encoder_create(const struct xc_video_settings *settings, uint64_t seed)
{
    (void)seed;
    return model_encoder_make(settings, XC_CODEC_VP9);
}

static void model_encoder_destroy(void *encoder)
{
    model.encoders--;
    free(encoder);
}

static bool model_encoder_set(void *encoder, const struct xc_video_settings *settings)
{
    struct model_encoder *e = encoder;
    if (model.fail_set) {
        model.fail_set--;
        return false;
    }
    if (settings->width != e->settings.width || settings->height != e->settings.height)
        e->need_key = true;
    e->settings = *settings;
    e->sets++;
    return true;
}

static int model_encode(void *encoder, const struct xc_picture *picture, uint32_t timestamp,
                        bool force_key, uint8_t *out, size_t capacity, struct xc_video_coded *coded)
{
    struct model_encoder *e = encoder;
    memset(coded, 0, sizeof *coded);
    if (model.fail_encode) {
        model.fail_encode--;
        return -1;
    }
    if (model.drop_encode) {
        model.drop_encode--;
        return 0;
    }
    if (picture->pixel != XC_PIXEL_I420 || picture->width != e->settings.width ||
        picture->height != e->settings.height || capacity < MODEL_FRAME_SIZE)
        return -1;
    coded->key = force_key || e->need_key;
    e->need_key = false;
    coded->size = model.size ? model.size : MODEL_FRAME_SIZE;
    memset(out, 0, coded->size);
    out[0] = coded->key ? 0 : 1;
    xc_store32(out + 4, e->index + 1);
    xc_store32(out + 8, e->index);
    e->index++;
    xc_store16(out + 12, (uint16_t)picture->width);
    xc_store16(out + 14, (uint16_t)picture->height);
    out[16] = picture->planes[0][0];
    xc_store32(out + 20, timestamp);
    out[24] = e->codec;
    return 0;
}

struct model_decoder {
    uint32_t index;
    bool need_key;
    uint8_t codec;
    uint8_t *memory;
};

static void *model_decoder_make(uint32_t width_max, uint32_t height_max, uint8_t codec)
{
    struct model_decoder *d = calloc(1, sizeof *d);
    d->memory = malloc(xc_picture_size_max(width_max, height_max));
    d->need_key = true;
    d->codec = codec;
    model.decoders++;
    return d;
}

static void *model_decoder_create(uint32_t width_max, uint32_t height_max)
{
    return model_decoder_make(width_max, height_max, XC_CODEC_VP8);
}

static void *other_decoder_create(uint32_t width_max, uint32_t height_max)
{
    return model_decoder_make(width_max, height_max, XC_CODEC_VP9);
}

static void model_decoder_destroy(void *decoder)
{
    struct model_decoder *d = decoder;
    model.decoders--;
    free(d->memory);
    free(d);
}

static int model_decode(void *decoder, struct xc_span frame, struct xc_picture *picture)
{
    struct model_decoder *d = decoder;
    if (frame.size < MODEL_FRAME_SIZE || frame.data[24] != d->codec)
        return -1;
    bool key = (frame.data[0] & 1) == 0;
    if (!key && (d->need_key || xc_load32(frame.data + 8) != d->index)) {
        d->need_key = true;
        return -1;
    }
    d->need_key = false;
    d->index = xc_load32(frame.data + 4);
    xc_picture_lay(picture, d->memory, XC_PIXEL_I420, xc_load16(frame.data + 12),
                   xc_load16(frame.data + 14));
    for (int plane = 0; plane < 3; plane++)
        memset(picture->planes[plane], frame.data[16],
               (size_t)picture->strides[plane] *
                   (plane ? model_chroma(picture->height) : picture->height));
    return 0;
}

static const struct xc_video_codec model_codec = {
    .name = "MODEL",
    .codec = XC_CODEC_VP8,
    .encoder_create = model_encoder_create,
    .encoder_destroy = model_encoder_destroy,
    .encoder_set = model_encoder_set,
    .encode = model_encode,
    .decoder_create = model_decoder_create,
    .decoder_destroy = model_decoder_destroy,
    .decode = model_decode,
};

static const struct xc_video_codec other_codec = {
    .name = "OTHER",
    .codec = XC_CODEC_VP9,
    .encoder_create = other_encoder_create,
    .encoder_destroy = model_encoder_destroy,
    .encoder_set = model_encoder_set,
    .encode = model_encode,
    .decoder_create = other_decoder_create,
    .decoder_destroy = model_decoder_destroy,
    .decode = model_decode,
};

static const struct xc_video_codec *const model_codecs[] = {&model_codec, &other_codec, NULL};

#endif
