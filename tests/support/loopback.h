/* loopback.h - that what was sent over loopback is there: an engine on a virtual clock, and a test that
 * looks once, must not outrun the system. See loopback.c.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TESTS_LOOPBACK_H
#define XC_TESTS_LOOPBACK_H

/* Returns when every datagram that this thread has sent so far is in its receiver's socket. */
void loopback_settle(void);

#endif
