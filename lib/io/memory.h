/* memory.h - zero pages of the system, given back to it when a call ends.
 * SPDX-License-Identifier: MIT */
#ifndef XC_IO_MEMORY_H
#define XC_IO_MEMORY_H

#include "base/base.h"

/* Page-aligned, zero, untouched; NULL when there is none. */
void *xc_memory_map(size_t size);
void xc_memory_unmap(void *memory, size_t size); /* NULL is fine */

#endif
