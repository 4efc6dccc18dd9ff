/* vpx_vp8.c - VP8 by libvpx: its own settings, its temporal layers, and what of the peer's frames is
 * let through to the decoder. RFC 6386; RFC 7741 for what a stream may hold.
 *
 * Temporal layers: the base refers to LAST, which it alone renews; layer 1 of three keeps its frame
 * in GOLDEN; the highest layer is referred to by none. Nothing above the base touches the entropy
 * state, so that a receiver may do without any upper layer.
 *
 *   two:   0 1 0 1          three:  0 2 1 2 0 2 1 2
 *
 * SPDX-License-Identifier: MIT */
#include "media/vpx_internal.h"

#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>

#include "wire/vp8.h"

#define SPEED_DEFAULT (-8)
#define SPEED_MIN (-15) /* -16 dropped 53 of 120 frames at 500 kb/s (measured) */

#define ONLY_LAST (VP8_EFLAG_NO_REF_GF | VP8_EFLAG_NO_REF_ARF)
#define RENEW_NONE                                                                                 \
    (VP8_EFLAG_NO_UPD_LAST | VP8_EFLAG_NO_UPD_GF | VP8_EFLAG_NO_UPD_ARF | VP8_EFLAG_NO_UPD_ENTROPY)
#define BASE (ONLY_LAST | VP8_EFLAG_NO_UPD_GF | VP8_EFLAG_NO_UPD_ARF)
#define MIDDLE (ONLY_LAST | (RENEW_NONE & ~VP8_EFLAG_NO_UPD_GF))

struct place {
    uint8_t layer;
    bool sync, not_reference;
    vpx_enc_frame_flags_t flags;
};

struct pattern {
    uint32_t length;
    uint8_t share[XC_TEMPORAL_LAYERS_MAX];   /* of the bit rate up to this layer, percent */
    uint8_t divisor[XC_TEMPORAL_LAYERS_MAX]; /* of the frame rate up to this layer */
    struct place places[4];
};

/* by number of layers - 2; shares as browsers divide */
static const struct pattern patterns[] = {
    {.length = 2,
     .share = {60, 100},
     .divisor = {2, 1},
     .places = {{.layer = 0, .flags = BASE},
                {1, .sync = true, .not_reference = true, .flags = ONLY_LAST | RENEW_NONE}}},
    {.length = 4,
     .share = {40, 60, 100},
     .divisor = {4, 2, 1},
     .places = {{.layer = 0, .flags = BASE},
                {2, .sync = true, .not_reference = true, .flags = ONLY_LAST | RENEW_NONE},
                {1, .sync = true, .flags = MIDDLE},
                {2, .not_reference = true, .flags = VP8_EFLAG_NO_REF_ARF | RENEW_NONE}}},
};

static uint32_t layers_of(const struct xc_video_settings *s)
{
    return XC_CLAMP(s->temporal_layers, 1u, (uint32_t)XC_TEMPORAL_LAYERS_MAX);
}

static void fill(vpx_codec_enc_cfg_t *config, const struct xc_video_settings *s)
{
    uint32_t layers = layers_of(s);
    /* one layer: loss is repaired by NACK and key frames; layers may be left out on the way */
    config->g_error_resilient = layers > 1 ? VPX_ERROR_RESILIENT_DEFAULT : 0;
    config->ts_number_layers = layers;
    if (layers == 1)
        return;
    const struct pattern *pattern = &patterns[layers - 2];
    config->ts_periodicity = pattern->length;
    for (uint32_t i = 0; i < pattern->length; i++)
        config->ts_layer_id[i] = pattern->places[i].layer;
    for (uint32_t i = 0; i < layers; i++) {
        config->ts_target_bitrate[i] = config->rc_target_bitrate * pattern->share[i] / 100;
        config->ts_rate_decimator[i] = pattern->divisor[i];
    }
}

static bool control(struct xc_vpx_encoder *e)
{
    const struct xc_video_settings *s = &e->settings;
    int speed = s->speed == 0 ? SPEED_DEFAULT : s->speed > 0 ? -s->speed : s->speed;
    speed = XC_CLAMP(speed, SPEED_MIN, -1);
    vpx_codec_ctx_t *c = &e->context;
    return vpx_codec_control(c, VP8E_SET_CPUUSED, speed) == VPX_CODEC_OK &&
           vpx_codec_control(c, VP8E_SET_NOISE_SENSITIVITY, 0) == VPX_CODEC_OK &&
           vpx_codec_control(c, VP8E_SET_STATIC_THRESHOLD, 1) == VPX_CODEC_OK &&
           vpx_codec_control(c, VP8E_SET_TOKEN_PARTITIONS, VP8_ONE_TOKENPARTITION) ==
               VPX_CODEC_OK &&
           vpx_codec_control(c, VP8E_SET_MAX_INTRA_BITRATE_PCT, xc_vpx_intra_percent(s)) ==
               VPX_CODEC_OK &&
           vpx_codec_control(c, VP8E_SET_SCREEN_CONTENT_MODE, s->screen ? 1u : 0u) == VPX_CODEC_OK;
}

static vpx_enc_frame_flags_t flags(struct xc_vpx_encoder *e, bool key, struct xc_video_coded *coded)
{
    uint32_t layers = layers_of(&e->settings);
    if (layers == 1)
        return key ? VPX_EFLAG_FORCE_KF : 0;
    const struct pattern *pattern = &patterns[layers - 2];
    if (key)
        e->step = 0;
    const struct place *place = &pattern->places[e->step % pattern->length];
    coded->layered = true;
    coded->temporal_id = place->layer;
    coded->layer_sync = place->sync || key;
    coded->not_reference = place->not_reference;
    vpx_codec_control(&e->context, VP8E_SET_TEMPORAL_LAYER_ID, place->layer);
    return key ? VPX_EFLAG_FORCE_KF : place->flags; /* a key frame renews all */
}

static bool admit(struct xc_vpx_decoder *d, struct xc_span *frame)
{
    struct xc_vp8_frame look;
    if (!xc_vp8_frame_look(&look, *frame))
        return false;
    return look.key ? xc_vpx_size_fits(d, look.width, look.height) : !d->need_key;
}

static const struct xc_vpx_kind kind = {
    .encoder_interface = vpx_codec_vp8_cx,
    .decoder_interface = vpx_codec_vp8_dx,
    .resizes_in_place = true,
    .layers = layers_of,
    .fill = fill,
    .control = control,
    .flags = flags,
    .admit = admit,
};

static void *encoder_create(const struct xc_video_settings *settings, uint64_t seed)
{
    (void)seed; /* libvpx draws no random numbers */
    return xc_vpx_encoder_create(&kind, settings);
}

static void *decoder_create(uint32_t width_max, uint32_t height_max)
{
    return xc_vpx_decoder_create(&kind, width_max, height_max);
}

const struct xc_video_codec xc_vp8 = {
    .name = "VP8",
    .codec = XC_CODEC_VP8,
    .encoder_create = encoder_create,
    .encoder_destroy = xc_vpx_encoder_destroy,
    .encoder_set = xc_vpx_encoder_set,
    .encode = xc_vpx_encode,
    .decoder_create = decoder_create,
    .decoder_destroy = xc_vpx_decoder_destroy,
    .decode = xc_vpx_decode,
};
