/* fork_guard.c - see fork_guard.h. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/fork_guard.h"

#include <sys/mman.h>
#include <unistd.h>

bool xc_fork_guard_init(struct xc_fork_guard *guard)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return false;
    if (madvise(page, size, MADV_WIPEONFORK) != 0) {
        munmap(page, size);
        return false;
    }
    guard->page = page;
    *guard->page = 1;
    return true;
}

void xc_fork_guard_deinit(struct xc_fork_guard *guard)
{
    if (guard->page)
        munmap((void *)(uintptr_t)guard->page, (size_t)sysconf(_SC_PAGESIZE));
    guard->page = NULL;
}
