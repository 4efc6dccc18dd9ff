/* vp9.h - the VP9 payload descriptor (RFC 9628 section 4.2), the bits of a VP9 frame that a transport
 * needs (VP9 bitstream specification section 6.2: key frame, size) and the superframe index that
 * holds several frames together (its Annex B).
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_VP9_H
#define XC_WIRE_VP9_H

#include "base/bytes.h"

#define XC_VP9_SPATIAL_MAX 8 /* layers: N_S is 3 bits */
#define XC_VP9_REFERENCES_MAX 3
#define XC_VP9_PICTURES_MAX 16 /* of a picture group that are kept; more of them are read over */
#define XC_VP9_STRUCTURE_MAX (2 + 4 * XC_VP9_SPATIAL_MAX + 4 * XC_VP9_PICTURES_MAX)
#define XC_VP9_DESCRIPTOR_MAX (8 + XC_VP9_STRUCTURE_MAX)

struct xc_vp9_picture { /* one of a picture group */
    uint8_t temporal_id;
    bool switching_up; /* U */
    uint8_t reference_count;
    uint8_t references[XC_VP9_REFERENCES_MAX]; /* P_DIFF */
};

struct xc_vp9_structure {
    uint8_t spatial_layers; /* 1..8 */
    bool has_sizes;         /* Y */
    uint16_t widths[XC_VP9_SPATIAL_MAX], heights[XC_VP9_SPATIAL_MAX];
    bool has_pictures;      /* G */
    uint16_t picture_count; /* N_G, 0..255; the first XC_VP9_PICTURES_MAX are in pictures */
    struct xc_vp9_picture pictures[XC_VP9_PICTURES_MAX];
};

struct xc_vp9_descriptor {
    bool has_picture_id;  /* I */
    bool inter_predicted; /* P: refers to an earlier picture */
    bool has_layer;       /* L */
    bool flexible;        /* F: reference indices instead of a picture group */
    bool start_of_frame;  /* B */
    bool end_of_frame;    /* E */
    bool has_structure;   /* V */
    bool not_inter_layer; /* Z: no upper spatial layer refers to it */
    bool long_picture_id; /* M: 15 bits */
    uint16_t picture_id;
    uint8_t temporal_id;                       /* 0..7 */
    bool switching_up;                         /* U */
    uint8_t spatial_id;                        /* 0..7 */
    bool inter_layer;                          /* D: refers to a lower spatial layer */
    uint8_t tl0_picture_index;                 /* with L and without F */
    uint8_t reference_count;                   /* with P and F: 1..3 */
    uint8_t references[XC_VP9_REFERENCES_MAX]; /* P_DIFF, 7 bits */
    struct xc_vp9_structure structure;
};

/* Returns the descriptor's size, 0 when it is truncated, malformed or nothing follows it. */
size_t xc_vp9_parse(struct xc_vp9_descriptor *descriptor, struct xc_span payload);
/* Returns the size written, 0 when it does not fit or holds what cannot be written. */
size_t xc_vp9_write(const struct xc_vp9_descriptor *descriptor, uint8_t *out, size_t capacity);

struct xc_vp9_frame {
    uint8_t profile;
    bool show_existing; /* shows an old frame once more; nothing below is set */
    bool key, intra_only;
    bool show;
    bool has_size; /* else the size is that of a frame that it refers to */
    uint32_t width, height;
};

/* Looks at a frame's uncompressed header; false when these are no bytes of a VP9 frame or not of
 * profile 0 (8 bits a sample, 4:2:0), the only one that calls use. */
bool xc_vp9_frame_look(struct xc_vp9_frame *look, struct xc_span frame);

/* The sizes of the frames in a superframe: their number; 0 when there is no index at the end, and
 * the whole is one frame; negative when the index contradicts itself. */
int xc_vp9_superframe_parse(struct xc_span bytes, uint32_t sizes[XC_VP9_SPATIAL_MAX]);
/* A frame never ends in such a byte; an index always does. */
bool xc_vp9_superframe_marker(uint8_t last);
size_t xc_vp9_superframe_index_size(uint32_t count);
/* Writes the index of 1..8 frames, each smaller than 2^24; its size, 0 when it does not fit. */
size_t xc_vp9_superframe_write(const uint32_t *sizes, uint32_t count, uint8_t *out,
                               size_t capacity);

#endif
