/* test_srtp_memory.c - SRTP when memory runs out: each allocation of create and of a new stream
 * fails in turn; the answer is NULL or XC_SRTP_BAD and nothing is left behind. Uses this program's own
 * malloc (linked with -rdynamic), so it does nothing under a sanitizer.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "proto/srtp.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED
int main(void)
{
    return 77; /* skipped */
}
#else

#define EXPORTED __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

static _Thread_local volatile long taken, balance, fail_at = -1;

static bool creating, spared;

static bool fails(void)
{
    return taken++ == fail_at;
}

static void *counted(void *memory)
{
    if (memory)
        balance++;
    return memory;
}

EXPORTED void *malloc(size_t size)
{
    return fails() ? NULL : counted(__libc_malloc(size));
}

/* libsrtp2's list of streams: it crashes when that one fails (2.5.0); srtp.c has the way around. */
enum { STREAM_LIST_SIZE = 128 };

EXPORTED void *calloc(size_t count, size_t size)
{
    bool refused = fails();
    bool spare = creating && refused && size == STREAM_LIST_SIZE;
    spared = spared || spare;
    return refused && !spare ? NULL : counted(__libc_calloc(count, size));
}

EXPORTED void *realloc(void *memory, size_t size)
{
    if (fails())
        return NULL;
    if (!memory)
        balance++;
    return __libc_realloc(memory, size);
}

EXPORTED void free(void *memory)
{
    if (memory)
        balance--;
    __libc_free(memory);
}

static const struct {
    int profile;
    size_t key_size;
} profiles[] = {{XC_SRTP_AEAD_AES_128_GCM, 28}, {XC_SRTP_AES128_CM_SHA1_80, 30}};

static struct xc_srtp *create(size_t p)
{
    static const uint8_t key[2][XC_DTLS_KEYING_MAX] = {{1}, {2}};
    return xc_srtp_create(profiles[p].profile, key[0], key[1], profiles[p].key_size);
}

static void test_create(void **state)
{
    (void)state;
    for (size_t p = 0; p < 2; p++) {
        xc_srtp_destroy(create(p)); /* whatever is made once */
        long before = balance, failures = 0;
        for (;;) {
            taken = 0;
            spared = false;
            fail_at = failures;
            creating = true;
            struct xc_srtp *srtp = create(p);
            creating = false;
            fail_at = -1;
            bool done = taken <= failures;
            assert_true(!srtp || done || spared);
            xc_srtp_destroy(srtp);
            assert_int_equal(balance, before);
            if (done)
                break;
            failures++;
        }
        assert_true(failures > 4);
    }
}

static void test_stream(void **state)
{
    (void)state;
    for (size_t p = 0; p < 2; p++) {
        long before = balance;
        struct xc_srtp *srtp = create(p);
        assert_non_null(srtp);
        long with_none = balance;
        for (long failures = 0;; failures++) {
            uint8_t packet[400] = {0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9};
            size_t size = 50;
            taken = 0;
            fail_at = failures;
            int result = xc_srtp_protect(srtp, packet, &size, sizeof packet);
            fail_at = -1;
            if (taken <= failures) {
                assert_int_equal(result, XC_SRTP_OK);
                assert_true(failures > 0);
                break;
            }
            assert_int_equal(result, XC_SRTP_BAD);
            assert_int_equal(balance, with_none);
        }
        xc_srtp_destroy(srtp);
        assert_int_equal(balance, before);
    }
}

int main(void)
{
    if (!xc_srtp_library_init())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
