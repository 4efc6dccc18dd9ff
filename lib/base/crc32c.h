/* crc32c.h - the CRC of SCTP packets (RFC 9260 appendix A; polynomial 0x1EDC6F41, reflected), by the
 * processor's instruction where it has one, by tables elsewhere. Any thread.
 * SPDX-License-Identifier: MIT */
#ifndef XC_BASE_CRC32C_H
#define XC_BASE_CRC32C_H

#include "base/base.h"

/* Of the whole: begin with 0, or go on with what an earlier part gave. On the wire of SCTP it stands
 * with its low byte first. */
uint32_t xc_crc32c(uint32_t crc, const void *bytes, size_t size);
/* The same by tables only: what machines without the instruction run, and tests compare. */
uint32_t xc_crc32c_portable(uint32_t crc, const void *bytes, size_t size);

#endif
