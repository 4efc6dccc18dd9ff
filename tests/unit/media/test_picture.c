/* test_picture.c - sizes, layout, copies and conversions of pictures against a naive implementation,
 * with odd sizes and wide strides.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "video_model.h"

static const uint32_t sides[][2] = {{2, 2},   {2, 3},   {3, 2},   {5, 7},    {16, 16},
                                    {17, 33}, {64, 48}, {65, 49}, {99, 101}, {320, 181}};

static void sizes_have_bounds(void **state)
{
    (void)state;
    assert_int_equal(xc_picture_size(XC_PIXEL_I420, 1, 100), 0);
    assert_int_equal(xc_picture_size(XC_PIXEL_I420, 100, 1), 0);
    assert_int_equal(xc_picture_size(XC_PIXEL_I420, 4097, 100), 0);
    assert_int_equal(xc_picture_size(XC_PIXEL_I420, 100, UINT32_MAX), 0);
    assert_int_equal(xc_picture_size(3, 100, 100), 0);
    assert_int_equal(xc_picture_size(XC_PIXEL_I420, 640, 360), 640 * 360 * 3 / 2);
    assert_int_equal(xc_picture_size(XC_PIXEL_NV12, 640, 360), 640 * 360 * 3 / 2);
    /* 17x5: luma 32 * 5, chroma 9x3: two strides of 16, or one of 32 */
    assert_int_equal(xc_picture_size(XC_PIXEL_I420, 17, 5), 32 * 5 + 2 * 16 * 3);
    assert_int_equal(xc_picture_size(XC_PIXEL_NV12, 17, 5), 32 * 5 + 32 * 3);
    assert_int_equal(xc_picture_size_max(0, 4), 0);
    assert_int_equal(xc_picture_scratch_size(0, 4), 0);
}

static void every_smaller_picture_fits(void **state)
{
    (void)state;
    for (uint32_t w = 2; w <= 70; w++) {
        for (uint32_t h = 2; h <= 70; h++) {
            assert_true(xc_picture_size(XC_PIXEL_I420, w, h) <= xc_picture_size_max(70, 37) ||
                        !xc_picture_fits(w, h, 70, 37));
            assert_true(xc_picture_size(XC_PIXEL_NV12, w, h) <= xc_picture_size_max(70, 37) ||
                        !xc_picture_fits(w, h, 70, 37));
        }
    }
    assert_true(xc_picture_fits(37, 70, 70, 37));
    assert_true(xc_picture_fits(70, 37, 70, 37));
    assert_false(xc_picture_fits(70, 38, 70, 37));
    assert_false(xc_picture_fits(38, 38, 70, 37));
}

static void layout_stays_inside(void **state)
{
    (void)state;
    for (size_t i = 0; i < XC_ARRAY_LEN(sides); i++) {
        for (uint32_t pixel = XC_PIXEL_I420; pixel <= XC_PIXEL_NV12; pixel++) {
            struct xc_picture p = model_picture(pixel, sides[i][0], sides[i][1]);
            assert_true(xc_picture_valid(&p));
            model_draw(&p, 1); /* ASan checks */
            xc_picture_fill_black(&p);
            for (uint32_t y = 0; y < p.height; y++)
                for (uint32_t x = 0; x < p.width; x++)
                    assert_int_equal(*model_sample(&p, 0, x, y), 16);
            uint32_t last_x = model_chroma(p.width) - 1, last_y = model_chroma(p.height) - 1;
            assert_int_equal(*model_sample(&p, 1, last_x, last_y), 128);
            assert_int_equal(*model_sample(&p, 2, last_x, last_y), 128);
            free(p.planes[0]);
        }
    }
}

static void invalid_pictures_are_refused(void **state)
{
    (void)state;
    struct xc_picture good = model_picture(XC_PIXEL_I420, 20, 10), to = good;
    for (int fault = 0; fault < 10; fault++) {
        struct xc_picture p = good;
        switch (fault) {
        case 0:
            p.pixel = 0;
            break;
        case 1:
            p.pixel = 3;
            break;
        case 2:
            p.width = 1;
            break;
        case 3:
            p.height = 4097;
            break;
        case 4:
            p.rotation = 45;
            break;
        case 5:
            p.rotation = 360;
            break;
        case 6:
            p.planes[2] = NULL;
            break;
        case 7:
            p.strides[0] = 19;
            break;
        case 8:
            p.strides[1] = 9;
            break;
        default:
            p.strides[2] = XC_PICTURE_STRIDE_MAX + 1;
            break;
        }
        assert_false(xc_picture_valid(&p));
        assert_false(xc_picture_convert(&to, &p, NULL, 0));
    }
    free(good.planes[0]);
}

/* A picture whose strides are wider than they need be, over one block with a known filling. */
static struct xc_picture wide_picture(uint32_t pixel, uint32_t width, uint32_t height)
{
    struct xc_picture p = {.pixel = pixel, .width = width, .height = height};
    for (int i = 0; i < (pixel == XC_PIXEL_NV12 ? 2 : 3); i++) {
        uint32_t rows = i ? model_chroma(height) : height;
        uint32_t bytes = i == 0                   ? width
                         : pixel == XC_PIXEL_NV12 ? 2 * model_chroma(width)
                                                  : model_chroma(width);
        p.strides[i] = bytes + 5 + (uint32_t)i;
        size_t size = (size_t)p.strides[i] * (rows - 1) + bytes;
        p.planes[i] = malloc(size);
        memset(p.planes[i], 0xee, size);
    }
    return p;
}

static void free_wide(struct xc_picture *p)
{
    for (int i = 0; i < (p->pixel == XC_PIXEL_NV12 ? 2 : 3); i++)
        free(p->planes[i]);
}

static void assert_rotated(const struct xc_picture *to, const struct xc_picture *from)
{
    for (int plane = 0; plane < 3; plane++) {
        uint32_t width = plane ? model_chroma(from->width) : from->width;
        uint32_t height = plane ? model_chroma(from->height) : from->height;
        for (uint32_t y = 0; y < height; y++) {
            for (uint32_t x = 0; x < width; x++) {
                uint32_t to_x = x, to_y = y;
                if (from->rotation == 90) {
                    to_x = height - 1 - y;
                    to_y = x;
                } else if (from->rotation == 180) {
                    to_x = width - 1 - x;
                    to_y = height - 1 - y;
                } else if (from->rotation == 270) {
                    to_x = y;
                    to_y = width - 1 - x;
                }
                if (*model_sample(to, plane, to_x, to_y) != *model_sample(from, plane, x, y))
                    fail_msg("%ux%u rotation %u plane %d at %u,%u", from->width, from->height,
                             from->rotation, plane, x, y);
            }
        }
    }
}

static void rotation_and_format_are_exact(void **state)
{
    (void)state;
    size_t scratch_size = xc_picture_scratch_size(320, 181);
    uint8_t *scratch = malloc(scratch_size);
    for (size_t i = 0; i < XC_ARRAY_LEN(sides); i++) {
        for (uint32_t variant = 0; variant < 16; variant++) {
            uint32_t rotation = variant % 4 * 90;
            struct xc_picture from =
                wide_picture(variant & 4 ? XC_PIXEL_NV12 : XC_PIXEL_I420, sides[i][0], sides[i][1]);
            model_draw(&from, variant);
            from.rotation = rotation;
            bool side = rotation == 90 || rotation == 270;
            struct xc_picture to =
                wide_picture(variant & 8 ? XC_PIXEL_NV12 : XC_PIXEL_I420,
                             side ? from.height : from.width, side ? from.width : from.height);
            to.rotation = 180; /* is to be overwritten */
            assert_true(xc_picture_convert(&to, &from, scratch, scratch_size));
            assert_int_equal(to.rotation, 0);
            assert_rotated(&to, &from);
            /* the padding at the end of a row is not ours */
            assert_true(to.height < 2 || to.planes[0][to.width] == 0xee);
            free_wide(&from);
            free_wide(&to);
        }
    }
    free(scratch);
}

/* Smooth content looks the same at any size: the naive picture is drawn at the target size. */
static void draw_smooth(const struct xc_picture *p)
{
    for (int plane = 0; plane < 3; plane++) {
        uint32_t width = plane ? model_chroma(p->width) : p->width;
        uint32_t height = plane ? model_chroma(p->height) : p->height;
        for (uint32_t y = 0; y < height; y++)
            for (uint32_t x = 0; x < width; x++) {
                double u = (x + 0.5) / width, v = (y + 0.5) / height;
                double value = plane == 0   ? 30 + 150 * u + 50 * v
                               : plane == 1 ? 60 + 120 * v
                                            : 200 - 100 * u;
                *model_sample(p, plane, x, y) = (uint8_t)(value + 0.5);
            }
    }
}

static void scaling_keeps_content(void **state)
{
    (void)state;
    static const uint32_t targets[][2] = {{320, 180}, {161, 91}, {99, 57}, {640, 360}, {33, 19}};
    size_t scratch_size = xc_picture_scratch_size(641, 361);
    uint8_t *scratch = malloc(scratch_size);
    for (size_t i = 0; i < XC_ARRAY_LEN(targets); i++) {
        for (uint32_t variant = 0; variant < 8; variant++) {
            struct xc_picture upright = model_picture(XC_PIXEL_I420, 321, 181);
            draw_smooth(&upright);
            /* laid on its side: 270 degrees off, to be turned by 90 */
            struct xc_picture from =
                model_picture(variant & 1 ? XC_PIXEL_NV12 : XC_PIXEL_I420, variant & 2 ? 181 : 321,
                              variant & 2 ? 321 : 181);
            upright.rotation = variant & 2 ? 270 : 0;
            assert_true(xc_picture_convert(&from, &upright, scratch, scratch_size));
            from.rotation = variant & 2 ? 90 : 0;
            struct xc_picture to = model_picture(variant & 4 ? XC_PIXEL_NV12 : XC_PIXEL_I420,
                                                 targets[i][0], targets[i][1]);
            struct xc_picture naive = model_picture(XC_PIXEL_I420, targets[i][0], targets[i][1]);
            draw_smooth(&naive);
            assert_true(xc_picture_convert(&to, &from, scratch, scratch_size));
            double psnr = model_psnr(&to, &naive);
            if (psnr < 40)
                fail_msg("target %ux%u variant %u: %.1f dB", to.width, to.height, variant, psnr);
            free(upright.planes[0]);
            free(from.planes[0]);
            free(to.planes[0]);
            free(naive.planes[0]);
        }
    }
    free(scratch);
}

static void scratch_is_bounded(void **state)
{
    (void)state;
    struct xc_picture from = model_picture(XC_PIXEL_NV12, 101, 67);
    model_draw(&from, 0);
    from.rotation = 90;
    struct xc_picture to = model_picture(XC_PIXEL_NV12, 41, 63);
    size_t size = xc_picture_scratch_size(101, 67);
    size_t needed = SIZE_MAX;
    for (size_t n = 0; n <= size; n += 64) {
        uint8_t *scratch = malloc(n + 1); /* ASan guards its end */
        if (xc_picture_convert(&to, &from, scratch, n))
            needed = XC_MIN(needed, n);
        else
            assert_int_equal(needed, SIZE_MAX);
        free(scratch);
    }
    assert_true(needed <= size);
    /* the largest need: both pictures at the bounds */
    for (uint32_t w = 2; w < 40; w += 3) {
        for (uint32_t h = 2; h < 40; h += 5) {
            size_t bound = xc_picture_scratch_size(w, h);
            uint8_t *scratch = malloc(bound);
            struct xc_picture a = model_picture(XC_PIXEL_NV12, w, h);
            struct xc_picture b = model_picture(XC_PIXEL_NV12, w, h);
            model_draw(&a, 3);
            a.rotation = 90;
            assert_true(xc_picture_convert(&b, &a, scratch, bound));
            free(a.planes[0]);
            free(b.planes[0]);
            free(scratch);
        }
    }
    free(from.planes[0]);
    free(to.planes[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_have_bounds),
        cmocka_unit_test(every_smaller_picture_fits),
        cmocka_unit_test(layout_stays_inside),
        cmocka_unit_test(invalid_pictures_are_refused),
        cmocka_unit_test(rotation_and_format_are_exact),
        cmocka_unit_test(scaling_keeps_content),
        cmocka_unit_test(scratch_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
