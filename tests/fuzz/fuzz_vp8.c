/* fuzz_vp8.c - any payload as a VP8 descriptor and as a frame; a descriptor is written again.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include "wire/vp8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xc_vp8_descriptor a, b;
    struct xc_vp8_frame look;
    uint8_t out[XC_VP8_DESCRIPTOR_MAX + 1] = {0};
    if (xc_vp8_frame_look(&look, xc_span_make(data, size)) && look.key)
        FUZZ_CHECK(size >= 10 && look.width && look.width < 16384 && look.height);
    size_t taken = xc_vp8_parse(&a, xc_span_make(data, size));
    if (taken == 0)
        return 0;
    FUZZ_CHECK(taken < size && taken <= XC_VP8_DESCRIPTOR_MAX);
    FUZZ_CHECK(a.partition < 8 && a.temporal_id < 4 && a.key_index < 32);
    size_t written = xc_vp8_write(&a, out, XC_VP8_DESCRIPTOR_MAX);
    FUZZ_CHECK(written > 0 && written <= taken);
    FUZZ_CHECK(xc_vp8_parse(&b, xc_span_make(out, written + 1)) == written);
    FUZZ_CHECK(a.picture_id == b.picture_id && a.long_picture_id == b.long_picture_id);
    FUZZ_CHECK(a.has_tl0 == b.has_tl0 && a.tl0_picture_index == b.tl0_picture_index);
    FUZZ_CHECK(a.temporal_id == b.temporal_id && a.layer_sync == b.layer_sync);
    FUZZ_CHECK(a.key_index == b.key_index && a.partition == b.partition);
    return 0;
}
