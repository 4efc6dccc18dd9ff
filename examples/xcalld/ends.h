/* ends.h - why a call ended: the names of docs/protocol.md, and which of them each side is told.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_ENDS_H
#define XCALLD_ENDS_H

#include <stdbool.h>
#include <stdint.h>

/* end: XCALL_LIFE_END_*. The reason that a side sees of a call that ended for it. */
uint32_t end_seen(uint32_t end, bool by_caller_side, bool was_accepted);
const char *end_name(uint32_t end);     /* as docs/protocol.md writes it; "unknown" */
uint32_t end_of_name(const char *name); /* 0: none */

#endif
