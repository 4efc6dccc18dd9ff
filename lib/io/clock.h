/* clock.h - the real clocks. SPDX-License-Identifier: MIT */
#ifndef XC_IO_CLOCK_H
#define XC_IO_CLOCK_H

#include "base/base.h"

uint64_t xc_clock_now(void);  /* monotonic, ns; no system call */
uint64_t xc_clock_unix(void); /* wall time, ns since 1970 */

#endif
