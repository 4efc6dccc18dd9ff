/* random.h - seeds from the kernel. SPDX-License-Identifier: MIT */
#ifndef XC_IO_RANDOM_H
#define XC_IO_RANDOM_H

#include "base/base.h"

bool xc_random_bytes(void *out, size_t size); /* at most 256 bytes */

#endif
