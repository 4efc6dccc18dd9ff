/* virtual_time.c - gettimeofday() for everything in the process that has no other clock (OpenSSL's
 * DTLS timer), and a seeded RAND_METHOD. The symbol must have default visibility, or the shared
 * libraries do not see it.
 * SPDX-License-Identifier: MIT */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "virtual_time.h"

#include <openssl/rand.h>
#include <sys/time.h>

#include "base/rng.h"

static uint64_t virtual_now;
static struct xc_rng generator;

__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict tv,
                                                        void *restrict zone)
{
    uint64_t t = SIM_UNIX_EPOCH + virtual_now;
    (void)zone;
    tv->tv_sec = (time_t)(t / XC_NS_PER_S);
    tv->tv_usec = (suseconds_t)(t % XC_NS_PER_S / 1000);
    return 0;
}

static int draw(unsigned char *out, int size)
{
    xc_rng_bytes(&generator, out, (size_t)size);
    return 1;
}

static int status(void)
{
    return 1;
}

void sim_virtual_time_set(uint64_t now)
{
    virtual_now = now;
}

void sim_virtual_random_seed(uint64_t seed)
{
    static const RAND_METHOD method = {.bytes = draw, .pseudorand = draw, .status = status};
    xc_rng_init_number(&generator, seed ^ UINT64_C(0x6f70656e73736c21));
    RAND_set_rand_method(&method);
}
