/* version.c - what this library is and what it runs on. SPDX-License-Identifier: MIT */
#include <openssl/crypto.h>
#include <opus/opus.h>
#include <pthread.h>
#include <srtp2/srtp.h>
#include <stdio.h>
#include <vpx/vpx_codec.h>

#include "api/check.h"
#include "io/clock.h"

#define STRING_(x) #x
#define STRING(x) STRING_(x)

static char versions[256];
static pthread_once_t versions_once = PTHREAD_ONCE_INIT;

static void fill_versions(void)
{
    snprintf(versions, sizeof versions,
             "libxcall %s; %s; %s; libvpx %s; %s with OpenSSL EVP ciphers", xcall_version(),
             OpenSSL_version(OPENSSL_VERSION), opus_get_version_string(), vpx_codec_version_str(),
             srtp_get_version_string());
}

const char *xcall_version(void)
{
    return STRING(XCALL_VERSION_MAJOR) "." STRING(XCALL_VERSION_MINOR) "." STRING(
        XCALL_VERSION_PATCH);
}

uint32_t xcall_abi_version(void)
{
    return XCALL_ABI_VERSION;
}

const char *xcall_dependency_versions(void)
{
    pthread_once(&versions_once, fill_versions);
    return versions;
}

uint64_t xcall_now_ns(void)
{
    return xc_clock_now();
}
