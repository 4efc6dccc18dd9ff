/* vp8_bare.h - VP8 by libvpx with nothing around it, set as lib/media/vpx.c sets it.
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_VP8_BARE_H
#define BENCH_VP8_BARE_H

#include <stdbool.h>
#include <stdint.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

#define BARE_VP8_FRAME_MAX (1u << 20)
#define BARE_VP8_RATE 30u /* frames a second */

struct bare_vp8 {
    vpx_codec_ctx_t encoder, decoder;
    uint32_t width, height;
};

bool bare_vp8_open(struct bare_vp8 *codec, uint32_t width, uint32_t height, uint32_t bitrate);
void bare_vp8_close(struct bare_vp8 *codec);
/* Frame `number` from i420 into bytes; its size, 0 when there is none. */
size_t bare_vp8_encode(struct bare_vp8 *codec, uint8_t *i420, uint32_t number, uint8_t *bytes);
const vpx_image_t *bare_vp8_decode(struct bare_vp8 *codec, const uint8_t *bytes, size_t size);
double bench_psnr_of_error(double mean_square_error);

#endif
