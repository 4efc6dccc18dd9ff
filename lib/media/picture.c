/* picture.c - sizes and layout of pictures; conversion, rotation and scaling by libyuv, in as few
 * passes as the work needs: at most one intermediate picture, in the caller's scratch. No state.
 * SPDX-License-Identifier: MIT */
#include "media/picture.h"

#include <libyuv.h>

/* Rows start on 16 bytes: what libyuv's and libvpx's SIMD loops like best. */
static uint32_t round_stride(uint32_t bytes)
{
    return (bytes + 15u) & ~15u;
}

static uint32_t chroma_side(uint32_t side)
{
    return (side + 1) / 2;
}

static bool side_valid(uint32_t side)
{
    return side >= XC_PICTURE_SIDE_MIN && side <= XC_PICTURE_SIDE_MAX;
}

/* Bytes of payload in a row of that plane. */
static uint32_t row_bytes(const struct xc_picture *picture, int plane)
{
    if (plane == 0)
        return picture->width;
    return chroma_side(picture->width) * (picture->pixel == XC_PIXEL_NV12 ? 2u : 1u);
}

static uint32_t row_count(const struct xc_picture *picture, int plane)
{
    return plane == 0 ? picture->height : chroma_side(picture->height);
}

static int plane_count(const struct xc_picture *picture)
{
    return picture->pixel == XC_PIXEL_NV12 ? 2 : 3;
}

size_t xc_picture_size(uint32_t pixel, uint32_t width, uint32_t height)
{
    if (!side_valid(width) || !side_valid(height))
        return 0;
    if (pixel != XC_PIXEL_I420 && pixel != XC_PIXEL_NV12)
        return 0;
    size_t luma = (size_t)round_stride(width) * height;
    uint32_t chroma_row = chroma_side(width);
    uint32_t chroma_stride =
        pixel == XC_PIXEL_NV12 ? round_stride(2 * chroma_row) : 2 * round_stride(chroma_row);
    return luma + (size_t)chroma_stride * chroma_side(height);
}

size_t xc_picture_size_max(uint32_t width_max, uint32_t height_max)
{
    if (!side_valid(width_max) || !side_valid(height_max))
        return 0;
    /* I420 is never smaller than NV12: its two chroma strides are rounded one by one. A picture
     * that fits may have any smaller sides; size grows with each side. */
    size_t upright = xc_picture_size(XC_PIXEL_I420, width_max, height_max);
    size_t turned = xc_picture_size(XC_PIXEL_I420, height_max, width_max);
    return XC_MAX(upright, turned);
}

bool xc_picture_fits(uint32_t width, uint32_t height, uint32_t width_max, uint32_t height_max)
{
    return (width <= width_max && height <= height_max) ||
           (width <= height_max && height <= width_max);
}

bool xc_picture_valid(const struct xc_picture *picture)
{
    if (!side_valid(picture->width) || !side_valid(picture->height))
        return false;
    if (picture->pixel != XC_PIXEL_I420 && picture->pixel != XC_PIXEL_NV12)
        return false;
    if (picture->rotation % 90 != 0 || picture->rotation >= 360)
        return false;
    for (int i = 0; i < plane_count(picture); i++) {
        if (!picture->planes[i] || picture->strides[i] < row_bytes(picture, i) ||
            picture->strides[i] > XC_PICTURE_STRIDE_MAX)
            return false;
    }
    return true;
}

void xc_picture_lay(struct xc_picture *picture, uint8_t *memory, uint32_t pixel, uint32_t width,
                    uint32_t height)
{
    memset(picture, 0, sizeof *picture);
    picture->pixel = pixel;
    picture->width = width;
    picture->height = height;
    for (int i = 0; i < plane_count(picture); i++) {
        picture->planes[i] = memory;
        picture->strides[i] = round_stride(row_bytes(picture, i));
        memory += (size_t)picture->strides[i] * row_count(picture, i);
    }
}

void xc_picture_copy(struct xc_picture *to, const struct xc_picture *from)
{
    xc_assert(to->pixel == from->pixel && to->width == from->width && to->height == from->height);
    for (int i = 0; i < plane_count(from); i++) {
        uint32_t bytes = row_bytes(from, i);
        uint32_t rows = row_count(from, i);
        uint8_t *out = to->planes[i];
        const uint8_t *in = from->planes[i];
        for (uint32_t row = 0; row < rows; row++) {
            memcpy(out, in, bytes);
            out += to->strides[i];
            in += from->strides[i];
        }
    }
    to->rotation = from->rotation;
}

/* Either format, any rotation, into I420 of the rotated size. */
static bool turn(const struct xc_picture *to, const struct xc_picture *from)
{
    enum RotationMode mode = (enum RotationMode)from->rotation;
    if (from->pixel == XC_PIXEL_NV12)
        return NV12ToI420Rotate(from->planes[0], (int)from->strides[0], from->planes[1],
                                (int)from->strides[1], to->planes[0], (int)to->strides[0],
                                to->planes[1], (int)to->strides[1], to->planes[2],
                                (int)to->strides[2], (int)from->width, (int)from->height,
                                mode) == 0;
    return I420Rotate(from->planes[0], (int)from->strides[0], from->planes[1],
                      (int)from->strides[1], from->planes[2], (int)from->strides[2], to->planes[0],
                      (int)to->strides[0], to->planes[1], (int)to->strides[1], to->planes[2],
                      (int)to->strides[2], (int)from->width, (int)from->height, mode) == 0;
}

static bool scale(const struct xc_picture *to, const struct xc_picture *from)
{
    return I420Scale(from->planes[0], (int)from->strides[0], from->planes[1], (int)from->strides[1],
                     from->planes[2], (int)from->strides[2], (int)from->width, (int)from->height,
                     to->planes[0], (int)to->strides[0], to->planes[1], (int)to->strides[1],
                     to->planes[2], (int)to->strides[2], (int)to->width, (int)to->height,
                     kFilterBox) == 0;
}

static void interleave(const struct xc_picture *to, const struct xc_picture *planar)
{
    MergeUVPlane(planar->planes[1], (int)planar->strides[1], planar->planes[2],
                 (int)planar->strides[2], to->planes[1], (int)to->strides[1],
                 (int)chroma_side(to->width), (int)chroma_side(to->height));
}

struct room {
    uint8_t *memory;
    size_t left;
};

static uint8_t *take_room(struct room *room, size_t size)
{
    if (!room->memory || room->left < size)
        return NULL;
    uint8_t *memory = room->memory;
    room->memory += size;
    room->left -= size;
    return memory;
}

/* Same size and upright: one pass, no scratch but for none at all. */
static void convert_straight(struct xc_picture *to, const struct xc_picture *from)
{
    if (to->pixel == from->pixel) {
        xc_picture_copy(to, from);
    } else if (to->pixel == XC_PIXEL_I420) {
        turn(to, from); /* rotation 0: NV12 to I420 */
    } else {
        CopyPlane(from->planes[0], (int)from->strides[0], to->planes[0], (int)to->strides[0],
                  (int)to->width, (int)to->height);
        interleave(to, from);
    }
}

bool xc_picture_convert(struct xc_picture *to, const struct xc_picture *from, uint8_t *scratch,
                        size_t scratch_size)
{
    to->rotation = 0;
    if (!xc_picture_valid(to) || !xc_picture_valid(from))
        return false;
    bool side = from->rotation == 90 || from->rotation == 270;
    uint32_t width = side ? from->height : from->width;
    uint32_t height = side ? from->width : from->height;
    bool resize = width != to->width || height != to->height;
    if (!resize && from->rotation == 0) {
        convert_straight(to, from);
        return true;
    }
    struct room room = {scratch, scratch_size};
    struct xc_picture planar = *to; /* where the I420 result goes: luma always straight to `to` */
    if (to->pixel == XC_PIXEL_NV12) {
        uint32_t stride = round_stride(chroma_side(to->width));
        size_t plane = (size_t)stride * chroma_side(to->height);
        uint8_t *chroma = take_room(&room, 2 * plane);
        if (!chroma)
            return false;
        planar.pixel = XC_PIXEL_I420;
        planar.planes[1] = chroma;
        planar.planes[2] = chroma + plane;
        planar.strides[1] = planar.strides[2] = stride;
    }
    bool ok;
    if (!resize) {
        ok = turn(&planar, from);
    } else if (from->rotation == 0 && from->pixel == XC_PIXEL_I420) {
        ok = scale(&planar, from);
    } else {
        uint8_t *memory = take_room(&room, xc_picture_size(XC_PIXEL_I420, width, height));
        if (!memory)
            return false;
        struct xc_picture upright;
        xc_picture_lay(&upright, memory, XC_PIXEL_I420, width, height);
        ok = turn(&upright, from) && scale(&planar, &upright);
    }
    if (ok && to->pixel == XC_PIXEL_NV12)
        interleave(to, &planar);
    return ok;
}

size_t xc_picture_scratch_size(uint32_t width_max, uint32_t height_max)
{
    size_t size = xc_picture_size_max(width_max, height_max);
    if (!size)
        return 0;
    /* one upright I420 picture, and the chroma planes of an NV12 result before they are merged */
    uint32_t long_side = chroma_side(XC_MAX(width_max, height_max));
    uint32_t short_side = chroma_side(XC_MIN(width_max, height_max));
    size_t upright = (size_t)round_stride(long_side) * short_side;
    size_t turned = (size_t)round_stride(short_side) * long_side;
    return size + 2 * XC_MAX(upright, turned);
}

void xc_picture_fill_black(struct xc_picture *picture)
{
    for (int i = 0; i < plane_count(picture); i++) {
        uint32_t rows = row_count(picture, i);
        for (uint32_t row = 0; row < rows; row++) /* limited range: black is 16, 128, 128 */
            memset(picture->planes[i] + (size_t)row * picture->strides[i], i == 0 ? 16 : 128,
                   row_bytes(picture, i));
    }
    picture->rotation = 0;
}
