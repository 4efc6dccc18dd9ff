/* vp8_bare.c - see vp8_bare.h. Every setting here mirrors fill_config() and apply_controls() of
 * lib/media/vpx.c; a change there belongs here too, or the comparison is none.
 * SPDX-License-Identifier: MIT */
#include "vp8_bare.h"

#include <math.h>
#include <string.h>

#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>

#define TIMEBASE 90000u

bool bare_vp8_open(struct bare_vp8 *codec, uint32_t width, uint32_t height, uint32_t bitrate)
{
    vpx_codec_enc_cfg_t config;
    memset(codec, 0, sizeof *codec);
    codec->width = width;
    codec->height = height;
    if (vpx_codec_enc_config_default(vpx_codec_vp8_cx(), &config, 0) != VPX_CODEC_OK)
        return false;
    config.g_w = width;
    config.g_h = height;
    config.g_timebase.num = 1;
    config.g_timebase.den = (int)TIMEBASE;
    config.g_threads = 1;
    config.g_pass = VPX_RC_ONE_PASS;
    config.g_lag_in_frames = 0;
    config.g_error_resilient = 0;
    config.rc_end_usage = VPX_CBR;
    config.rc_target_bitrate = bitrate / 1000;
    config.rc_min_quantizer = 2;
    config.rc_max_quantizer = 56;
    config.rc_undershoot_pct = 100;
    config.rc_overshoot_pct = 15;
    config.rc_buf_initial_sz = 500;
    config.rc_buf_optimal_sz = 600;
    config.rc_buf_sz = 1000;
    config.rc_dropframe_thresh = 0; /* XCALL_VIDEO_KEEP_FRAMES */
    config.rc_resize_allowed = 0;
    config.kf_mode = VPX_KF_DISABLED;
    vpx_codec_ctx_t *c = &codec->encoder;
    if (vpx_codec_enc_init(c, vpx_codec_vp8_cx(), &config, 0) != VPX_CODEC_OK)
        return false;
    vpx_codec_dec_cfg_t limits = {.threads = 1, .w = width, .h = height};
    if (vpx_codec_control(c, VP8E_SET_CPUUSED, -8) != VPX_CODEC_OK ||
        vpx_codec_control(c, VP8E_SET_NOISE_SENSITIVITY, 0) != VPX_CODEC_OK ||
        vpx_codec_control(c, VP8E_SET_STATIC_THRESHOLD, 1) != VPX_CODEC_OK ||
        vpx_codec_control(c, VP8E_SET_TOKEN_PARTITIONS, VP8_ONE_TOKENPARTITION) != VPX_CODEC_OK ||
        vpx_codec_control(c, VP8E_SET_MAX_INTRA_BITRATE_PCT, 600 * BARE_VP8_RATE / 20) !=
            VPX_CODEC_OK ||
        vpx_codec_control(c, VP8E_SET_SCREEN_CONTENT_MODE, 0u) != VPX_CODEC_OK ||
        vpx_codec_dec_init(&codec->decoder, vpx_codec_vp8_dx(), &limits, 0) != VPX_CODEC_OK) {
        vpx_codec_destroy(c);
        return false;
    }
    return true;
}

void bare_vp8_close(struct bare_vp8 *codec)
{
    vpx_codec_destroy(&codec->encoder);
    vpx_codec_destroy(&codec->decoder);
}

size_t bare_vp8_encode(struct bare_vp8 *codec, uint8_t *i420, uint32_t number, uint8_t *bytes)
{
    vpx_image_t image;
    vpx_codec_iter_t iterator = NULL;
    const vpx_codec_cx_pkt_t *packet;
    size_t size = 0;
    vpx_img_wrap(&image, VPX_IMG_FMT_I420, codec->width, codec->height, 1, i420);
    if (vpx_codec_encode(&codec->encoder, &image, 1 + (vpx_codec_pts_t)number * 3000,
                         TIMEBASE / BARE_VP8_RATE, number == 0 ? VPX_EFLAG_FORCE_KF : 0,
                         VPX_DL_REALTIME) != VPX_CODEC_OK)
        return 0;
    while ((packet = vpx_codec_get_cx_data(&codec->encoder, &iterator)) != NULL) {
        if (packet->kind != VPX_CODEC_CX_FRAME_PKT ||
            packet->data.frame.sz > BARE_VP8_FRAME_MAX - size)
            continue;
        memcpy(bytes + size, packet->data.frame.buf, packet->data.frame.sz);
        size += packet->data.frame.sz;
    }
    return size;
}

const vpx_image_t *bare_vp8_decode(struct bare_vp8 *codec, const uint8_t *bytes, size_t size)
{
    vpx_codec_iter_t iterator = NULL;
    if (vpx_codec_decode(&codec->decoder, bytes, (unsigned)size, NULL, 0) != VPX_CODEC_OK)
        return NULL;
    return vpx_codec_get_frame(&codec->decoder, &iterator);
}

double bench_psnr_of_error(double mean_square_error)
{
    return 10 * log10(255.0 * 255.0 / mean_square_error);
}
