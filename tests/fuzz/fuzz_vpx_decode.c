/* fuzz_vpx_decode.c - frames of any bytes into the VP8 and the VP9 decoder behind their gates:
 * |size, 16 bit|frame|, each list to both; a superframe of VP9 is a frame here.
 * What comes out is a valid picture within the bounds, and every sample of it can be read.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "media/video_codec.h"

#define SIDE_MAX 160

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct xc_picture *picture)
{
    if (!xc_picture_valid(picture) ||
        !xc_picture_fits(picture->width, picture->height, SIDE_MAX, SIDE_MAX))
        abort();
    struct xc_picture copy;
    uint8_t *memory = malloc(xc_picture_size(picture->pixel, picture->width, picture->height));
    xc_picture_lay(&copy, memory, picture->pixel, picture->width, picture->height);
    xc_picture_copy(&copy, picture);
    free(memory);
}

static void decode_list(const struct xc_video_codec *codec, const uint8_t *data, size_t size)
{
    void *decoder = codec->decoder_create(SIDE_MAX, SIDE_MAX);
    struct xc_reader r = xc_reader_make(xc_span_make(data, size));
    while (decoder && xc_reader_left(&r) > 2) {
        size_t frame_size = xc_read16(&r);
        frame_size = XC_MIN(frame_size, xc_reader_left(&r));
        uint8_t *frame = malloc(frame_size ? frame_size : 1); /* ASan guards its end */
        const uint8_t *bytes = xc_read_bytes(&r, frame_size);
        if (frame_size)
            memcpy(frame, bytes, frame_size);
        struct xc_picture picture;
        if (codec->decode(decoder, xc_span_make(frame, frame_size), &picture) == 0)
            look_at(&picture);
        free(frame);
    }
    codec->decoder_destroy(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decode_list(&xc_vp8, data, size);
    decode_list(&xc_vp9, data, size);
    return 0;
}
