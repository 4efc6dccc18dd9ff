/* dcep.c - see dcep.h. RFC 8832 section 5.1: type, channel type, priority, reliability parameter,
 * the two lengths, label, protocol.
 * SPDX-License-Identifier: MIT */
#include "wire/dcep.h"

#define UNORDERED 0x80u /* of the channel type */

int xc_dcep_type(struct xc_span message)
{
    if (message.size == 0 || (message.data[0] != XC_DCEP_ACK && message.data[0] != XC_DCEP_OPEN))
        return 0;
    return message.data[0];
}

bool xc_dcep_parse_open(struct xc_dcep_open *open, struct xc_span message)
{
    struct xc_reader r = xc_reader_make(message);
    uint8_t type = xc_read8(&r);
    uint8_t channel = xc_read8(&r);
    uint16_t priority = xc_read16(&r);
    uint32_t parameter = xc_read32(&r);
    size_t label_size = xc_read16(&r), protocol_size = xc_read16(&r);
    const uint8_t *label = xc_read_bytes(&r, label_size);
    const uint8_t *protocol = xc_read_bytes(&r, protocol_size);
    uint8_t reliability = (uint8_t)(channel & ~UNORDERED);
    if (r.failed || xc_reader_left(&r) || type != XC_DCEP_OPEN ||
        reliability > XC_RELIABLE_LIFE_TIME)
        return false;
    *open = (struct xc_dcep_open){.unordered = (channel & UNORDERED) != 0,
                                  .reliability = reliability,
                                  .priority = priority,
                                  /* RFC 8832 section 5.1: of no meaning when reliable */
                                  .parameter = reliability == XC_RELIABLE ? 0 : parameter,
                                  .label = xc_span_make(label, label_size),
                                  .protocol = xc_span_make(protocol, protocol_size)};
    return true;
}

void xc_dcep_write_open(struct xc_writer *w, const struct xc_dcep_open *open)
{
    if (open->label.size > XC_DCEP_TEXT_MAX || open->protocol.size > XC_DCEP_TEXT_MAX ||
        open->reliability > XC_RELIABLE_LIFE_TIME) {
        w->failed = true;
        return;
    }
    xc_write8(w, XC_DCEP_OPEN);
    xc_write8(w, (uint8_t)(open->reliability | (open->unordered ? UNORDERED : 0)));
    xc_write16(w, open->priority);
    xc_write32(w, open->reliability == XC_RELIABLE ? 0 : open->parameter);
    xc_write16(w, (uint16_t)open->label.size);
    xc_write16(w, (uint16_t)open->protocol.size);
    xc_write_bytes(w, open->label.data, open->label.size);
    xc_write_bytes(w, open->protocol.data, open->protocol.size);
}

void xc_dcep_write_ack(struct xc_writer *w)
{
    xc_write8(w, XC_DCEP_ACK);
}
