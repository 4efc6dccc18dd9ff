/* vpx_vp9.c - VP9 by libvpx, profile 0: its own settings, and what of the peer's frames is let through
 * to the decoder. VP9 bitstream specification; RFC 9628 for what a stream may hold.
 *
 * Each size takes a new encoder: growing in place corrupts the heap, and after shrinking the cyclic
 * refresh (1.12) may look for a superblock that is no longer there, without end: 196x235 to 144x2 did.
 *
 * libvpx, given a frame, takes bytes that follow its end for another frame, of any size. So every
 * frame goes in with a superframe index, which says where each of its parts ends, and the size in
 * each part's header is looked at first: no part can make libvpx allocate for more than was agreed.
 * SPDX-License-Identifier: MIT */
#include "media/vpx_internal.h"

#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>

#include "wire/vp9.h"

#define SPEED_DEFAULT 7
#define SPEED_MIN 5
#define SPEED_MAX 9
#define TILE_WIDTH 640 /* a tile column for each: they let the peer decode in threads */
#define AQ_CYCLIC 3    /* cyclic refresh */
#define INDEX_MAX 40   /* bytes: 8 frames of 3 bytes, 2 markers, rounded up */

static uint32_t layers_of(const struct xc_video_settings *s)
{
    (void)s;
    return 1;
}

static void fill(vpx_codec_enc_cfg_t *config, const struct xc_video_settings *s)
{
    (void)s;
    config->g_error_resilient = 0; /* loss is repaired by NACK and key frames */
    config->ss_number_layers = 1;
    config->ts_number_layers = 1;
}

/* VP8's -4, -6, -8, -10, -12 and VP9's 5 to 9 make about the same choice. */
static int speed_of(int32_t speed)
{
    if (speed == 0)
        return SPEED_DEFAULT;
    int32_t fast = XC_CLAMP(speed, -16, 16);
    fast = fast < 0 ? -fast : fast;
    return XC_CLAMP((fast + 6) / 2, SPEED_MIN, SPEED_MAX);
}

static int tile_columns_log2(uint32_t width)
{
    int log2 = 0;
    while (log2 < 3 && width >= (uint32_t)TILE_WIDTH << (log2 + 1))
        log2++;
    return log2;
}

static bool control(struct xc_vpx_encoder *e)
{
    const struct xc_video_settings *s = &e->settings;
    vpx_codec_ctx_t *c = &e->context;
    return vpx_codec_control(c, VP8E_SET_CPUUSED, speed_of(s->speed)) == VPX_CODEC_OK &&
           vpx_codec_control(c, VP8E_SET_ENABLEAUTOALTREF, 0u) == VPX_CODEC_OK &&
           vpx_codec_control(c, VP8E_SET_STATIC_THRESHOLD, 1u) == VPX_CODEC_OK &&
           vpx_codec_control(c, VP8E_SET_MAX_INTRA_BITRATE_PCT, xc_vpx_intra_percent(s)) ==
               VPX_CODEC_OK &&
           vpx_codec_control(c, VP9E_SET_NOISE_SENSITIVITY, 0u) == VPX_CODEC_OK &&
           vpx_codec_control(c, VP9E_SET_ROW_MT, 1u) == VPX_CODEC_OK &&
           vpx_codec_control(c, VP9E_SET_TILE_COLUMNS, tile_columns_log2(s->width)) ==
               VPX_CODEC_OK &&
           vpx_codec_control(c, VP9E_SET_AQ_MODE, (unsigned)AQ_CYCLIC) == VPX_CODEC_OK &&
           vpx_codec_control(c, VP9E_SET_FRAME_PARALLEL_DECODING, 0u) == VPX_CODEC_OK &&
           vpx_codec_control(c, VP9E_SET_TUNE_CONTENT,
                             s->screen ? VP9E_CONTENT_SCREEN : VP9E_CONTENT_DEFAULT) ==
               VPX_CODEC_OK;
}

static vpx_enc_frame_flags_t flags(struct xc_vpx_encoder *e, bool key, struct xc_video_coded *coded)
{
    (void)e;
    (void)coded;
    return key ? VPX_EFLAG_FORCE_KF : 0;
}

static bool part_fits(const struct xc_vpx_decoder *d, struct xc_span part, bool first)
{
    struct xc_vp9_frame look;
    if (!xc_vp9_frame_look(&look, part))
        return false;
    if (first && d->need_key && !look.key)
        return false;
    return !look.has_size || xc_vpx_size_fits(d, look.width, look.height);
}

static bool admit(struct xc_vpx_decoder *d, struct xc_span *frame)
{
    uint32_t sizes[XC_VP9_SPATIAL_MAX];
    int parts = xc_vp9_superframe_parse(*frame, sizes);
    if (parts < 0 || frame->size == 0)
        return false;
    if (parts > 0) {
        const uint8_t *at = frame->data;
        for (int i = 0; i < parts; at += sizes[i], i++)
            if (!part_fits(d, xc_span_make(at, sizes[i]), i == 0))
                return false;
        return true;
    }
    sizes[0] = (uint32_t)frame->size;
    if (!part_fits(d, *frame, true))
        return false;
    memcpy(d->room, frame->data, frame->size);
    size_t index = xc_vp9_superframe_write(sizes, 1, d->room + frame->size, INDEX_MAX);
    *frame = xc_span_make(d->room, frame->size + index);
    return index != 0;
}

static const struct xc_vpx_kind kind = {
    .encoder_interface = vpx_codec_vp9_cx,
    .decoder_interface = vpx_codec_vp9_dx,
    .resizes_in_place = false,
    .room_extra = INDEX_MAX,
    .layers = layers_of,
    .fill = fill,
    .control = control,
    .flags = flags,
    .admit = admit,
};

static void *encoder_create(const struct xc_video_settings *settings, uint64_t seed)
{
    (void)seed;
    return xc_vpx_encoder_create(&kind, settings);
}

static void *decoder_create(uint32_t width_max, uint32_t height_max)
{
    return xc_vpx_decoder_create(&kind, width_max, height_max);
}

const struct xc_video_codec xc_vp9 = {
    .name = "VP9",
    .codec = XC_CODEC_VP9,
    .encoder_create = encoder_create,
    .encoder_destroy = xc_vpx_encoder_destroy,
    .encoder_set = xc_vpx_encoder_set,
    .encode = xc_vpx_encode,
    .decoder_create = decoder_create,
    .decoder_destroy = xc_vpx_decoder_destroy,
    .decode = xc_vpx_decode,
};

const struct xc_video_codec *const xc_vpx_codecs[] = {&xc_vp8, &xc_vp9, NULL};
