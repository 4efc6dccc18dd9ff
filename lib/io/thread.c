/* thread.c - POSIX threads. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/thread.h"

#include <sched.h>
#include <signal.h>

bool xc_thread_start(struct xc_thread *thread, const char *name, void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread->running = pthread_create(&thread->id, NULL, run, arg) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (thread->running)
        pthread_setname_np(thread->id, name);
    return thread->running;
}

void xc_thread_join(struct xc_thread *thread)
{
    if (thread->running)
        pthread_join(thread->id, NULL);
    thread->running = false;
}

void xc_thread_yield(void)
{
    sched_yield();
}

void xc_lock_init(struct xc_lock *lock)
{
    pthread_mutex_init(&lock->mutex, NULL);
}

void xc_lock_deinit(struct xc_lock *lock)
{
    pthread_mutex_destroy(&lock->mutex);
}

void xc_lock_take(struct xc_lock *lock)
{
    pthread_mutex_lock(&lock->mutex);
}

void xc_lock_give(struct xc_lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}
