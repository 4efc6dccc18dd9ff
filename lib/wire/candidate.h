/* candidate.h - the candidate attribute of SDP (RFC 8839 section 5.1), as text and as a struct.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_CANDIDATE_H
#define XC_WIRE_CANDIDATE_H

#include "wire/addr.h"

enum {
    XC_CANDIDATE_HOST = 1,
    XC_CANDIDATE_SRFLX = 2,
    XC_CANDIDATE_PRFLX = 3,
    XC_CANDIDATE_RELAY = 4,
};

#define XC_FOUNDATION_MAX 32
#define XC_CANDIDATE_TEXT_MAX 704 /* host name and ufrag at their longest, with the NUL */
#define XC_HOST_NAME_MAX 255

struct xc_candidate {
    char foundation[XC_FOUNDATION_MAX + 1];
    uint8_t component; /* 1 = RTP (and RTCP by rtcp-mux) */
    uint8_t type;      /* XC_CANDIDATE_* */
    bool udp;          /* false: TCP or an unknown transport; parsed, never used */
    uint32_t priority;
    struct xc_addr addr;                  /* family XC_ADDR_NONE where a host name stands */
    char host_name[XC_HOST_NAME_MAX + 1]; /* set where the address is a name (".local") */
    struct xc_addr related;               /* raddr rport, family XC_ADDR_NONE if absent */
    char ufrag[257];                      /* "ufrag" extension, empty if absent */
};

enum {
    XC_CANDIDATE_OK = 0,
    XC_CANDIDATE_IGNORED = 1, /* well formed, but not used: TCP, unknown type, component not 1,
                               * port 0, the unspecified address, a host name not ".local" */
    XC_CANDIDATE_BAD = 2,
};

/* Text with or without "a=" and with "candidate:" in front; unknown extensions are skipped. */
int xc_candidate_parse(struct xc_candidate *candidate, struct xc_span text);
/* "candidate:..." without "a="; returns the length, 0 when it does not fit. */
size_t xc_candidate_format(const struct xc_candidate *candidate, char *text, size_t capacity);
/* RFC 8445 section 5.1.2.1. */
uint32_t xc_candidate_priority(uint8_t type, uint16_t local_preference, uint8_t component);

#endif
