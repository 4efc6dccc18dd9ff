/* memory.h - zero pages of the system, given back to it when a call ends.
 * SPDX-License-Identifier: MIT */
#ifndef XC_IO_MEMORY_H
#define XC_IO_MEMORY_H

#include "base/base.h"

/* Page-aligned, zero, untouched; NULL when there is none. */
void *xc_memory_map(size_t size);
/* Has the pages there now, contents kept: for memory that a real-time thread is about to use. A
 * kernel that cannot (before 5.14) takes its faults later. */
void xc_memory_populate(const void *memory, size_t size);
void xc_memory_unmap(void *memory, size_t size); /* NULL is fine */

#endif
