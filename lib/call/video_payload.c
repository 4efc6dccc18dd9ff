/* video_payload.c - see video_payload.h. Picture ids are of 15 bits and grow by one with each frame,
 * whatever the codec: a browser takes a hole for a lost frame.
 * SPDX-License-Identifier: MIT */
#include "call/video_payload.h"

#include "wire/vp8.h"
#include "wire/vp9.h"

static size_t vp8_head(const struct xc_video_frame *frame, bool first, uint8_t *out)
{
    struct xc_vp8_descriptor d = {.start_of_partition = first,
                                  .non_reference = frame->not_reference,
                                  .has_picture_id = true,
                                  .long_picture_id = true,
                                  .picture_id = frame->picture_id,
                                  .has_tl0 = frame->layered,
                                  .tl0_picture_index = frame->tl0_index,
                                  .has_tid = frame->layered,
                                  .temporal_id = frame->temporal_id,
                                  .layer_sync = frame->layer_sync};
    return xc_vp8_write(&d, out, XC_VIDEO_PAYLOAD_HEAD_MAX);
}

/* One spatial and one temporal layer: no layer indices. The structure goes with each key frame: one
 * layer of that size, a group of one picture that refers to the one before it. */
static size_t vp9_head(const struct xc_video_frame *frame, bool first, bool last, uint8_t *out)
{
    struct xc_vp9_descriptor d = {.has_picture_id = true,
                                  .long_picture_id = true,
                                  .picture_id = frame->picture_id,
                                  .inter_predicted = !frame->key,
                                  .start_of_frame = first,
                                  .end_of_frame = last,
                                  .not_inter_layer = true,
                                  .has_structure = first && frame->key};
    if (d.has_structure)
        d.structure =
            (struct xc_vp9_structure){.spatial_layers = 1,
                                      .has_sizes = true,
                                      .widths = {frame->width},
                                      .heights = {frame->height},
                                      .has_pictures = true,
                                      .picture_count = 1,
                                      .pictures = {{.reference_count = 1, .references = {1}}}};
    return xc_vp9_write(&d, out, XC_VIDEO_PAYLOAD_HEAD_MAX);
}

size_t xc_video_payload_head(const struct xc_video_frame *frame, bool first, bool last,
                             uint8_t out[XC_VIDEO_PAYLOAD_HEAD_MAX])
{
    switch (frame->codec) {
    case XC_CODEC_VP8:
        return vp8_head(frame, first, out);
    case XC_CODEC_VP9:
        return vp9_head(frame, first, last, out);
    default:
        return 0;
    }
}
