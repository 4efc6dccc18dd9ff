/* rtcp.h - RTCP packets: SR, RR, SDES, BYE (RFC 3550), generic NACK and PLI (RFC 4585), FIR (RFC
 * 5104), REMB (draft-alvestrand-rmcat-remb); transport-wide feedback is transport_cc.h's. A compound packet is walked one block at a time.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_RTCP_H
#define XC_WIRE_RTCP_H

#include "base/bytes.h"

enum {
    XC_RTCP_SR = 200,
    XC_RTCP_RR = 201,
    XC_RTCP_SDES = 202,
    XC_RTCP_BYE = 203,
    XC_RTCP_APP = 204,
    XC_RTCP_RTPFB = 205,
    XC_RTCP_PSFB = 206,
    XC_RTCP_XR = 207,
};
enum { XC_RTPFB_NACK = 1, XC_RTPFB_TRANSPORT_CC = 15 };
enum { XC_PSFB_PLI = 1, XC_PSFB_FIR = 4, XC_PSFB_AFB = 15 };

#define XC_RTCP_REPORTS_MAX 31
#define XC_RTCP_NACKS_MAX 64 /* PID/BLP pairs kept of one NACK block */
#define XC_RTCP_BYES_MAX 31
#define XC_RTCP_FIRS_MAX 16
#define XC_RTCP_REMB_SSRCS_MAX 16
#define XC_CNAME_MAX 255

struct xc_rtcp_report {
    uint32_t ssrc;
    uint8_t fraction_lost;   /* 1/256 */
    int32_t cumulative_lost; /* 24 bits, signed */
    uint32_t highest_sequence;
    uint32_t jitter; /* RTP time units */
    uint32_t last_sr;
    uint32_t delay_since_last_sr; /* 1/65536 s */
};

struct xc_rtcp_nack {
    uint16_t pid;
    uint16_t blp;
};

struct xc_rtcp_fir {
    uint32_t ssrc;
    uint8_t sequence;
};

/* One block of a compound packet. Which members are set depends on type and format. */
struct xc_rtcp_block {
    uint8_t type;        /* XC_RTCP_* */
    uint8_t format;      /* the count or FMT field */
    struct xc_span body; /* after the 4-byte header, without padding */
    uint32_t sender_ssrc;
    uint32_t media_ssrc; /* RTPFB, PSFB */
    /* SR */
    uint64_t ntp;
    uint32_t rtp_timestamp, packet_count, octet_count;
    /* SR, RR */
    struct xc_rtcp_report reports[XC_RTCP_REPORTS_MAX];
    uint8_t report_count;
    /* NACK */
    struct xc_rtcp_nack nacks[XC_RTCP_NACKS_MAX];
    uint8_t nack_count;
    /* FIR */
    struct xc_rtcp_fir firs[XC_RTCP_FIRS_MAX];
    uint8_t fir_count;
    /* REMB */
    bool remb;
    uint64_t remb_bps; /* UINT64_MAX: more than 64 bits hold */
    uint32_t remb_ssrcs[XC_RTCP_REMB_SSRCS_MAX];
    uint8_t remb_ssrc_count;
    /* BYE */
    uint32_t byes[XC_RTCP_BYES_MAX];
    uint8_t bye_count;
    /* SDES: the first chunk's CNAME */
    struct xc_span cname;
};

/* Checks the whole compound's framing (version, lengths that add up, padding only on the last
 * block, but for transport feedback, whose padding stays in its body); `reduced_size` allows a first block that is no report (RFC 5506). */
bool xc_rtcp_check(struct xc_span packet, bool reduced_size);
/* Walks a checked packet: *at starts at 0; false at its end or at a block whose own fields do not
 * fit (then the rest is dropped too). */
bool xc_rtcp_next(struct xc_span packet, size_t *at, struct xc_rtcp_block *block);

/* Writers append one block each; the writer's `failed` tells when it did not fit. */
void xc_rtcp_write_sr(struct xc_writer *w, uint32_t ssrc, uint64_t ntp, uint32_t rtp_timestamp,
                      uint32_t packet_count, uint32_t octet_count,
                      const struct xc_rtcp_report *reports, size_t report_count);
void xc_rtcp_write_rr(struct xc_writer *w, uint32_t ssrc, const struct xc_rtcp_report *reports,
                      size_t report_count);
void xc_rtcp_write_sdes_cname(struct xc_writer *w, uint32_t ssrc, struct xc_span cname);
void xc_rtcp_write_bye(struct xc_writer *w, const uint32_t *ssrcs, size_t count);
/* sequences: ascending on the 16-bit circle; packs them into PID/BLP pairs. */
void xc_rtcp_write_nack(struct xc_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc,
                        const uint16_t *sequences, size_t count);
void xc_rtcp_write_remb(struct xc_writer *w, uint32_t sender_ssrc, uint64_t bps,
                        const uint32_t *ssrcs, size_t count);
void xc_rtcp_write_pli(struct xc_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc);
void xc_rtcp_write_fir(struct xc_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc,
                       uint8_t sequence);

#endif
