/* fuzz_vp9.c - any payload as a VP9 descriptor, as a frame and as a superframe; a descriptor is written
 * again. SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include "wire/vp9.h"

static void look(struct xc_span bytes)
{
    struct xc_vp9_frame frame;
    uint32_t sizes[XC_VP9_SPATIAL_MAX];
    if (xc_vp9_frame_look(&frame, bytes)) {
        FUZZ_CHECK(frame.profile == 0 && bytes.size > 0);
        FUZZ_CHECK(!frame.key || (frame.has_size && bytes.size >= 9));
        FUZZ_CHECK(!frame.has_size || (frame.width - 1 < 65536 && frame.height - 1 < 65536));
    }
    int count = xc_vp9_superframe_parse(bytes, sizes);
    FUZZ_CHECK(count <= XC_VP9_SPATIAL_MAX);
    uint64_t total = 0;
    for (int i = 0; i < count; i++)
        total += sizes[i];
    FUZZ_CHECK(total < bytes.size || count <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xc_vp9_descriptor a, b;
    uint8_t out[XC_VP9_DESCRIPTOR_MAX + 1] = {0};
    look(xc_span_make(data, size));
    size_t taken = xc_vp9_parse(&a, xc_span_make(data, size));
    if (taken == 0)
        return 0;
    FUZZ_CHECK(taken < size);
    FUZZ_CHECK(a.temporal_id < 8 && a.spatial_id < 8 && a.reference_count <= 3);
    size_t written = xc_vp9_write(&a, out, XC_VP9_DESCRIPTOR_MAX);
    if (a.has_structure && a.structure.picture_count > XC_VP9_PICTURES_MAX) {
        FUZZ_CHECK(written == 0);
        return 0;
    }
    FUZZ_CHECK(written > 0 && written <= taken);
    FUZZ_CHECK(xc_vp9_parse(&b, xc_span_make(out, written + 1)) == written);
    FUZZ_CHECK(memcmp(&a, &b, sizeof a) == 0);
    return 0;
}
