/* random.c - getrandom(2). SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/random.h"

#include <errno.h>
#include <sys/random.h>

bool xc_random_bytes(void *out, size_t size)
{
    ssize_t n;
    do
        n = getrandom(out, size, 0);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)size;
}
