/* xcall/xcall.h - the whole of libxcall's interface.
 * SPDX-License-Identifier: MIT */
#ifndef XCALL_XCALL_H
#define XCALL_XCALL_H

#include <xcall/base.h>
#include <xcall/call.h>
#include <xcall/data.h>
#include <xcall/engine.h>
#include <xcall/gate.h>
#include <xcall/life.h>
#include <xcall/media.h>
#include <xcall/trace.h>

#endif
