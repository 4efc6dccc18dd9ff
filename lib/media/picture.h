/* picture.h - uncompressed pictures: I420 inside, I420 or NV12 at the host, any even or odd size.
 * libyuv does the conversion, rotation and scaling.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_PICTURE_H
#define XC_MEDIA_PICTURE_H

#include "base/arena.h"

#define XC_PICTURE_SIDE_MAX 4096
#define XC_PICTURE_SIDE_MIN 2
#define XC_PICTURE_STRIDE_MAX 65536 /* times XC_PICTURE_SIDE_MAX still fits libyuv's int */

enum { XC_PIXEL_I420 = 1, XC_PIXEL_NV12 = 2 };

/* Borrowed planes; NV12 uses planes 0 and 1. Chroma sides are rounded up. */
struct xc_picture {
    uint32_t pixel; /* XC_PIXEL_* */
    uint32_t width, height;
    uint32_t rotation; /* 0, 90, 180, 270: clockwise turn that makes it upright */
    uint8_t *planes[3];
    uint32_t strides[3];
};

/* Bytes of a tightly packed picture (strides rounded up to 16); 0 when a side is out of bounds. */
size_t xc_picture_size(uint32_t pixel, uint32_t width, uint32_t height);
/* Enough for a picture of either pixel format that fits width x height or height x width (a phone
 * that is turned swaps its sides); 0 when a side is out of bounds. */
size_t xc_picture_size_max(uint32_t width_max, uint32_t height_max);
/* Does width x height fit into width_max x height_max, upright or turned by 90 degrees? */
bool xc_picture_fits(uint32_t width, uint32_t height, uint32_t width_max, uint32_t height_max);
/* Known format and rotation, sides within bounds, planes present, strides wide enough. */
bool xc_picture_valid(const struct xc_picture *picture);
/* Lays planes over memory of xc_picture_size() bytes. */
void xc_picture_lay(struct xc_picture *picture, uint8_t *memory, uint32_t pixel, uint32_t width,
                    uint32_t height);
/* Plane-by-plane copy, same format and size; real-time (memcpy only). */
void xc_picture_copy(struct xc_picture *to, const struct xc_picture *from);
/* Format, rotation (applied, so that the result is upright) and size change as needed into I420 or
 * NV12 `to`, whose width and height are already set. `scratch` is at least
 * xc_picture_scratch_size() bytes; it may be NULL where nothing is rotated or resized. False: invalid
 * picture or too little scratch. */
bool xc_picture_convert(struct xc_picture *to, const struct xc_picture *from, uint8_t *scratch,
                        size_t scratch_size);
/* width_max, height_max: of both pictures, upright or turned. */
size_t xc_picture_scratch_size(uint32_t width_max, uint32_t height_max);
void xc_picture_fill_black(struct xc_picture *picture);

#endif
