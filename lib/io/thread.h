/* thread.h - threads of the engine's own, and the one lock of its control side (create, statistics;
 * never on a media path). SPDX-License-Identifier: MIT */
#ifndef XC_IO_THREAD_H
#define XC_IO_THREAD_H

#include <pthread.h>

#include "base/base.h"

struct xc_thread {
    pthread_t id;
    bool running;
};

/* All signals are blocked in it; name: at most 15 bytes. False when the system refused. */
bool xc_thread_start(struct xc_thread *thread, const char *name, void *(*run)(void *), void *arg);
void xc_thread_join(struct xc_thread *thread);

void xc_thread_yield(void); /* lets others have this processor, if there are any */

struct xc_lock {
    pthread_mutex_t mutex;
};

void xc_lock_init(struct xc_lock *lock);
void xc_lock_deinit(struct xc_lock *lock);
void xc_lock_take(struct xc_lock *lock);
void xc_lock_give(struct xc_lock *lock);

#endif
