/* dcep.h - the Data Channel Establishment Protocol: the messages OPEN and ACK (RFC 8832 section 5), and
 * the payload protocol identifiers of data channels (RFC 8831 section 8). Pure functions on bytes.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_DCEP_H
#define XC_WIRE_DCEP_H

#include "base/bytes.h"

enum { /* SCTP payload protocol identifiers */
       XC_PPID_DCEP = 50,
       XC_PPID_STRING = 51,
       XC_PPID_BINARY = 53,
       XC_PPID_STRING_EMPTY = 56, /* one byte of no meaning: SCTP carries no empty message */
       XC_PPID_BINARY_EMPTY = 57,
};

enum { XC_DCEP_ACK = 0x02, XC_DCEP_OPEN = 0x03 }; /* RFC 8832 section 8.2.1 */

/* How a channel sends: reliably, or no more than so many retransmissions, or for so many ms. */
enum { XC_RELIABLE = 0, XC_RELIABLE_RETRANSMITS = 1, XC_RELIABLE_LIFE_TIME = 2 };

#define XC_DCEP_OPEN_HEADER 12
#define XC_DCEP_TEXT_MAX 65535 /* bytes of a label or protocol name */
#define XC_DCEP_OPEN_MAX (XC_DCEP_OPEN_HEADER + 2 * XC_DCEP_TEXT_MAX)

struct xc_dcep_open {
    bool unordered;
    uint8_t reliability;            /* XC_RELIABLE* */
    uint16_t priority;              /* RFC 8831 section 6.4: 128, 256, 512, 1024 */
    uint32_t parameter;             /* retransmissions or ms; 0 when reliable */
    struct xc_span label, protocol; /* UTF-8 that nobody has checked; borrowed */
};

/* The message's type, XC_DCEP_*; 0 for one that is empty or unknown. */
int xc_dcep_type(struct xc_span message);
/* False when it is malformed: an unknown channel type, or lengths that do not add up exactly. */
bool xc_dcep_parse_open(struct xc_dcep_open *open, struct xc_span message);
/* Sets failed in *w when there is no room, a text is too long, or reliability is unknown. */
void xc_dcep_write_open(struct xc_writer *w, const struct xc_dcep_open *open);
void xc_dcep_write_ack(struct xc_writer *w);

#endif
