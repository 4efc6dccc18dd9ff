/* sdp_state.h - what the sdp_*.c files share: the state of one parse.
 * Lives on the stack of xc_sdp_parse.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_SDP_STATE_H
#define XC_WIRE_SDP_STATE_H

#include "wire/sdp.h"

struct xc_sdp_parser {
    struct xc_sdp *sdp;
    struct xc_sdp_error *error; /* may be NULL */
    uint32_t line;              /* counted from 1 */
    struct xc_span line_text;

    /* What stands above the first m line and holds for each section that says nothing else. */
    struct xc_sdp_transport transport;
    uint8_t direction;
    bool end_of_candidates;
    bool group_seen;
    uint32_t group_line;

    struct xc_sdp_section *section; /* NULL above the first m line */
    uint32_t section_line;
    uint32_t feedback_of_all; /* a=rtcp-fb:* of this section */
    bool own_fingerprints;    /* the session's were dropped for the section's */
};

/* Notes the error at the current line; always false. */
bool xc_sdp_fail(struct xc_sdp_parser *p, const char *text);
/* The value of an "m=" line: begins a section. */
bool xc_sdp_parse_media(struct xc_sdp_parser *p, struct xc_span value);
/* "name" or "name:value". Unknown attributes are ignored. */
bool xc_sdp_parse_attribute(struct xc_sdp_parser *p, struct xc_span attribute);
/* "sendrecv" ... by its XC_SDP_* number. */
extern const char *const xc_sdp_direction_names[4];
/* "actpass" ... by its XC_SDP_SETUP_* number; the first is NULL. */
extern const char *const xc_sdp_setup_names[5];

#endif
