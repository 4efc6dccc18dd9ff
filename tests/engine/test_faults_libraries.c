/* test_faults_libraries.c - allocations inside OpenSSL, Opus and libvpx fail in turn: an error, an
 * ended call or success, and no crash. What OpenSSL itself leaks then is not ours to mend. All of
 * them with XCALL_TEST_LONG=1, else an even choice that differs from seed to seed (XCALL_TEST_SEED).
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <xcall/xcall.h>

#include "engine/faults.h"
#include "support/interpose.h"

#define CHOICE 500 /* rounds of each origin in a short run */

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:_dl_map_object\nleak:dl_open_worker\nleak:libcrypto\nleak:libssl\n";
}

static void fail_in_turn(uint32_t origins, const char *name)
{
    struct fault_round round;
    const char *seed_text = getenv("XCALL_TEST_SEED");
    uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 0, count = 0, connected = 0;
    fault_round(origins, 0, &round); /* what is made once a process */
    fault_round(origins, 0, &round);
    assert_int_equal(round.result, XCALL_OK);
    assert_int_equal(round.connected, 1);
    assert_true(round.counted > 0);
    uint64_t total = round.counted, stride = getenv("XCALL_TEST_LONG") ? 1 : total / CHOICE;
    stride = stride ? stride : 1;
    for (uint64_t fail_at = 1 + seed % stride; fail_at <= total; fail_at += stride) {
        fault_round(origins, fail_at, &round);
        ERR_clear_error();
        if (round.result > 0 || round.live) {
            print_error("%s allocation %u: result %d, %d of our blocks leaked\n", name,
                        (unsigned)fail_at, (int)round.result, (int)round.live);
            fail();
        }
        connected += round.connected;
        count++;
    }
    print_message("%s: %u of %u allocations failed in turn; %u calls connected all the same\n",
                  name, (unsigned)count, (unsigned)total, (unsigned)connected);
}

static void test_openssl(void **state)
{
    (void)state;
    fail_in_turn(INTERPOSE_OPENSSL, "OpenSSL");
}

static void test_codecs(void **state)
{
    (void)state;
    fail_in_turn(INTERPOSE_CODECS, "codec");
}

/* A round without faults after all these works: nothing of the process is broken. */
static void test_sound_after(void **state)
{
    (void)state;
    struct fault_round round;
    fault_round(INTERPOSE_OURS, 0, &round);
    assert_int_equal(round.result, XCALL_OK);
    assert_int_equal(round.connected, 1);
    assert_int_equal(round.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openssl),
        cmocka_unit_test(test_codecs),
        cmocka_unit_test(test_sound_after),
    };
    interpose_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
