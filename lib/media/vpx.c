/* vpx.c - VP8 and VP9 by libvpx, what both have in common: objects, coding, settings for calls. Memory
 * of the codec is libvpx's own.
 *
 * Settings: no look-ahead, constant bit rate, key frames on request only, fixed speed, one thread
 * (more of them cost 3 to 15 times as long on a busy machine, and changing their number later was
 * CVE-2023-5217). An encoder never grows in place: libvpx refuses it for VP8 and corrupts the heap
 * for VP9, so that growth means a new encoder. Every change of size begins with a key frame, which
 * VP9 would not make by itself. One thread at a time per object.
 * SPDX-License-Identifier: MIT */
#include "media/vpx_internal.h"

#include <stdlib.h>

#include <vpx/vp8dx.h>

#define TIMEBASE 90000u
#define QUANTIZER_MIN 2
#define QUANTIZER_MAX 56
#define BUFFER_INITIAL_MS 500
#define BUFFER_SIZE_MS 1000
#define DROP_THRESHOLD 30 /* percent of the buffer */
#define BITRATE_KBPS_MIN 20u
#define BITRATE_KBPS_MAX 50000u
/* Rate control takes the time since the last frame for its budget. After a pause that would be one
 * huge frame, so that no more than this is told. */
#define PTS_STEP_MAX (TIMEBASE / 4)

static uint32_t kbps_of(uint32_t bitrate_bps)
{
    return XC_CLAMP(bitrate_bps / 1000, BITRATE_KBPS_MIN, BITRATE_KBPS_MAX);
}

static bool settings_valid(const struct xc_video_settings *s)
{
    return s->width >= XC_PICTURE_SIDE_MIN && s->width <= XC_PICTURE_SIDE_MAX &&
           s->height >= XC_PICTURE_SIDE_MIN && s->height <= XC_PICTURE_SIDE_MAX &&
           s->frame_rate >= 1 && s->frame_rate <= 60;
}

static void fill_config(const struct xc_vpx_kind *kind, vpx_codec_enc_cfg_t *config,
                        const struct xc_video_settings *s)
{
    config->g_w = s->width;
    config->g_h = s->height;
    config->g_timebase.num = 1;
    config->g_timebase.den = (int)TIMEBASE;
    config->g_threads = 1;
    config->g_profile = 0;
    config->g_pass = VPX_RC_ONE_PASS;
    config->g_lag_in_frames = 0;
    config->rc_end_usage = VPX_CBR;
    config->rc_target_bitrate = kbps_of(s->bitrate_bps);
    config->rc_min_quantizer = QUANTIZER_MIN;
    config->rc_max_quantizer = QUANTIZER_MAX;
    config->rc_undershoot_pct = 100;
    config->rc_overshoot_pct = 15;
    config->rc_buf_initial_sz = BUFFER_INITIAL_MS;
    config->rc_buf_optimal_sz = XC_VPX_BUFFER_OPTIMAL_MS;
    config->rc_buf_sz = BUFFER_SIZE_MS;
    config->rc_dropframe_thresh = s->drop_frames && !s->screen ? DROP_THRESHOLD : 0;
    config->rc_resize_allowed = 0;
    config->kf_mode = VPX_KF_DISABLED;
    kind->fill(config, s);
}

unsigned xc_vpx_intra_percent(const struct xc_video_settings *s)
{
    return XC_MAX(XC_VPX_BUFFER_OPTIMAL_MS * s->frame_rate / 20, 300u);
}

static void encoder_stop(struct xc_vpx_encoder *e)
{
    if (e->live)
        vpx_codec_destroy(&e->context); /* before its context is overwritten or freed */
    e->live = false;
}

static bool encoder_start(struct xc_vpx_encoder *e)
{
    vpx_codec_iface_t *interface = e->kind->encoder_interface();
    encoder_stop(e);
    memset(&e->context, 0, sizeof e->context);
    if (vpx_codec_enc_config_default(interface, &e->config, 0) != VPX_CODEC_OK)
        return false;
    fill_config(e->kind, &e->config, &e->settings);
    /* on failure libvpx has already destroyed what it had made of the context */
    if (vpx_codec_enc_init(&e->context, interface, &e->config, 0) != VPX_CODEC_OK)
        return false;
    e->live = true;
    e->need_key = true;
    e->width_most = e->settings.width;
    e->height_most = e->settings.height;
    if (!e->kind->control(e)) {
        encoder_stop(e);
        return false;
    }
    return true;
}

void *xc_vpx_encoder_create(const struct xc_vpx_kind *kind,
                            const struct xc_video_settings *settings)
{
    if (!settings_valid(settings))
        return NULL;
    struct xc_vpx_encoder *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->kind = kind;
    e->settings = *settings;
    if (!encoder_start(e)) {
        free(e);
        return NULL;
    }
    return e;
}

void xc_vpx_encoder_destroy(void *encoder)
{
    struct xc_vpx_encoder *e = encoder;
    if (!e)
        return;
    encoder_stop(e);
    free(e);
}

bool xc_vpx_encoder_set(void *encoder, const struct xc_video_settings *settings)
{
    struct xc_vpx_encoder *e = encoder;
    if (!settings_valid(settings))
        return false;
    struct xc_video_settings old = e->settings;
    bool resized = settings->width != old.width || settings->height != old.height;
    e->settings = *settings;
    if (!e->live || (resized && !e->kind->resizes_in_place) || settings->width > e->width_most ||
        settings->height > e->height_most || e->kind->layers(settings) != e->kind->layers(&old))
        return encoder_start(e);
    fill_config(e->kind, &e->config, settings);
    if (vpx_codec_enc_config_set(&e->context, &e->config) != VPX_CODEC_OK)
        return encoder_start(e); /* a new encoder rather than one in an unknown state */
    e->need_key = e->need_key || resized;
    if (resized || old.speed != settings->speed || old.screen != settings->screen ||
        old.frame_rate != settings->frame_rate) {
        if (!e->kind->control(e))
            return encoder_start(e);
    }
    return true;
}

/* Strictly increasing, whatever the timestamps do. */
static void advance_pts(struct xc_vpx_encoder *e, uint32_t timestamp)
{
    int32_t step = e->started ? xc_seq32_diff(timestamp, e->timestamp_last) : 1;
    e->pts += (uint64_t)XC_CLAMP(step, 1, (int32_t)PTS_STEP_MAX);
    e->timestamp_last = timestamp;
    e->started = true;
}

static void wrap_image(vpx_image_t *image, const struct xc_picture *picture)
{
    vpx_img_wrap(image, VPX_IMG_FMT_I420, picture->width, picture->height, 1, picture->planes[0]);
    for (int i = 0; i < 3; i++) {
        image->planes[i] = picture->planes[i];
        image->stride[i] = (int)picture->strides[i];
    }
}

static int collect_packets(struct xc_vpx_encoder *e, uint8_t *out, size_t capacity,
                           struct xc_video_coded *coded)
{
    vpx_codec_iter_t iterator = NULL;
    const vpx_codec_cx_pkt_t *packet;
    size_t size = 0;
    bool fits = true, key = false;
    while ((packet = vpx_codec_get_cx_data(&e->context, &iterator)) != NULL) {
        if (packet->kind != VPX_CODEC_CX_FRAME_PKT)
            continue;
        fits = fits && packet->data.frame.sz <= capacity - size;
        if (fits) {
            memcpy(out + size, packet->data.frame.buf, packet->data.frame.sz);
            size += packet->data.frame.sz;
        }
        key = key || (packet->data.frame.flags & VPX_FRAME_IS_KEY) != 0;
    }
    if (!fits) {
        e->need_key = true; /* the encoder refers to a frame that nobody will ever see */
        return -1;
    }
    coded->size = size; /* none: dropped by rate control, no error */
    coded->key = key && size;
    if (coded->key)
        e->need_key = false;
    return 0;
}

int xc_vpx_encode(void *encoder, const struct xc_picture *picture, uint32_t timestamp,
                  bool force_key, uint8_t *out, size_t capacity, struct xc_video_coded *coded)
{
    struct xc_vpx_encoder *e = encoder;
    memset(coded, 0, sizeof *coded);
    if (picture->pixel != XC_PIXEL_I420 || picture->width != e->settings.width ||
        picture->height != e->settings.height || !xc_picture_valid(picture))
        return -1;
    if (!e->live && !encoder_start(e))
        return -1;
    advance_pts(e, timestamp);
    vpx_image_t image;
    wrap_image(&image, picture);
    vpx_enc_frame_flags_t flags = e->kind->flags(e, force_key || e->need_key, coded);
    unsigned long duration = TIMEBASE / e->settings.frame_rate;
    if (vpx_codec_encode(&e->context, &image, (vpx_codec_pts_t)e->pts, duration, flags,
                         VPX_DL_REALTIME) != VPX_CODEC_OK) {
        encoder_stop(e); /* starts anew, with a key frame, at the next picture */
        return -1;
    }
    if (collect_packets(e, out, capacity, coded) < 0)
        return -1;
    if (coded->size)
        e->step++; /* a dropped frame leaves its place in the pattern to the next */
    return 0;
}

void *xc_vpx_decoder_create(const struct xc_vpx_kind *kind, uint32_t width_max, uint32_t height_max)
{
    if (!xc_picture_size_max(width_max, height_max))
        return NULL;
    struct xc_vpx_decoder *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->kind = kind;
    d->width_max = width_max;
    d->height_max = height_max;
    d->need_key = true;
    if (kind->room_extra) {
        d->room = malloc(XC_VIDEO_FRAME_MAX + kind->room_extra);
        if (!d->room) {
            free(d);
            return NULL;
        }
    }
    vpx_codec_dec_cfg_t config = {.threads = 1, .w = width_max, .h = height_max};
    if (vpx_codec_dec_init(&d->context, kind->decoder_interface(), &config, 0) != VPX_CODEC_OK) {
        free(d->room);
        free(d);
        return NULL;
    }
    return d;
}

void xc_vpx_decoder_destroy(void *decoder)
{
    struct xc_vpx_decoder *d = decoder;
    if (!d)
        return;
    vpx_codec_destroy(&d->context);
    free(d->room);
    free(d);
}

bool xc_vpx_size_fits(const struct xc_vpx_decoder *d, uint32_t width, uint32_t height)
{
    return width >= XC_PICTURE_SIDE_MIN && height >= XC_PICTURE_SIDE_MIN &&
           xc_picture_fits(width, height, d->width_max, d->height_max);
}

int xc_vpx_decode(void *decoder, struct xc_span frame, struct xc_picture *picture)
{
    struct xc_vpx_decoder *d = decoder;
    int corrupted = 0;
    if (frame.size > XC_VIDEO_FRAME_MAX || !d->kind->admit(d, &frame) ||
        vpx_codec_decode(&d->context, frame.data, (unsigned)frame.size, NULL, 0) != VPX_CODEC_OK ||
        vpx_codec_control(&d->context, VP8D_GET_FRAME_CORRUPTED, &corrupted) != VPX_CODEC_OK ||
        corrupted) {
        d->need_key = true; /* an error does not spoil the decoder: the next key frame heals it */
        return -1;
    }
    d->need_key = false;
    vpx_codec_iter_t iterator = NULL;
    const vpx_image_t *image = vpx_codec_get_frame(&d->context, &iterator);
    if (!image)
        return 1; /* not for show */
    if (image->fmt != VPX_IMG_FMT_I420 || !xc_vpx_size_fits(d, image->d_w, image->d_h)) {
        d->need_key = true;
        return -1;
    }
    memset(picture, 0, sizeof *picture);
    picture->pixel = XC_PIXEL_I420;
    picture->width = image->d_w;
    picture->height = image->d_h;
    for (int i = 0; i < 3; i++) {
        picture->planes[i] = image->planes[i];
        picture->strides[i] = (uint32_t)image->stride[i];
    }
    return 0;
}
