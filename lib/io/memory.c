/* memory.c - anonymous mappings. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/memory.h"

#include <sys/mman.h>

void *xc_memory_map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void xc_memory_populate(const void *memory, size_t size)
{
#ifdef MADV_POPULATE_WRITE
    uintptr_t page = 4096, from = (uintptr_t)memory & ~(page - 1);
    uintptr_t to = ((uintptr_t)memory + size + page - 1) & ~(page - 1);
    if (size)
        madvise((void *)from, to - from, MADV_POPULATE_WRITE);
#else
    (void)memory;
    (void)size;
#endif
}

void xc_memory_unmap(void *memory, size_t size)
{
    if (memory)
        munmap(memory, size);
}
