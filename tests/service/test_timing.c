/* test_timing.c - does the time of the answer `unavailable` tell its cause (docs/security.md, abuse 5)? The whole
 * core in virtual time, each answer's real work in core and store measured and replayed: the caller sees the
 * answer when both the work is done and it is due. Each of eight causes against the seven others: area
 * under the ROC curve within 0.45 to 0.55, and Kolmogorov-Smirnov p above 0.01 / 8 (eight comparisons).
 * XCALL_TEST_LONG: 10,000 samples a cause. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <math.h>

#include "calls_world.h"
#include "policy.h"

#define CAUSES 8
#define SAMPLES_MAX 10000
#define P_MIN (0.01 / CAUSES)

static const char *const causes[CAUSES] = {"blocks",    "off",  "nobody",   "gone",
                                           "suspended", "pair", "unrolled", "nosuchone"};
static struct world world;
static struct client *alice;
static double seen_us[CAUSES][SAMPLES_MAX]; /* invite to answer, as the caller sees it */
static double work_us[CAUSES][SAMPLES_MAX]; /* of it: core and store */

/* --- statistics ----------------------------------------------------------------------------------------- */

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Both sorted. The chance that one of `a` is above one of `b`, ties counted half. */
static double area(const double *a, size_t a_count, const double *b, size_t b_count)
{
    double above = 0;
    size_t below = 0, same = 0;
    for (size_t i = 0; i < a_count; i++) {
        while (below < b_count && b[below] < a[i])
            below++;
        same = below;
        while (same < b_count && b[same] <= a[i])
            same++;
        above += (double)below + (double)(same - below) / 2;
    }
    return above / ((double)a_count * (double)b_count);
}

/* Both sorted. Asymptotic p of the two-sample test (Smirnov 1948); with ties it is too large, not too small. */
static double kolmogorov(const double *a, size_t a_count, const double *b, size_t b_count)
{
    double far = 0, p = 0, n = (double)a_count, m = (double)b_count;
    for (size_t i = 0, j = 0; i < a_count && j < b_count;) {
        double at = a[i] < b[j] ? a[i] : b[j];
        while (i < a_count && a[i] <= at)
            i++;
        while (j < b_count && b[j] <= at)
            j++;
        far = fmax(far, fabs((double)i / n - (double)j / m));
    }
    double lambda = far * sqrt(n * m / (n + m));
    for (int k = 1; k <= 100; k++)
        p += (k % 2 ? 2 : -2) * exp(-2.0 * k * k * lambda * lambda);
    return lambda < 0.3 ? 1 : fmin(1, fmax(0, p));
}

/* One cause against all others. */
static void compare(double times[CAUSES][SAMPLES_MAX], size_t count, size_t cause, double *auc,
                    double *p)
{
    double *own = malloc(count * sizeof *own), *rest = malloc(count * CAUSES * sizeof *rest);
    size_t rest_count = 0;
    assert_true(own && rest);
    memcpy(own, times[cause], count * sizeof *own);
    for (size_t i = 0; i < CAUSES; i++) {
        if (i != cause)
            memcpy(rest + count * rest_count++, times[i], count * sizeof *rest);
    }
    qsort(own, count, sizeof *own, order);
    qsort(rest, count * rest_count, sizeof *rest, order);
    *auc = area(own, count, rest, count * rest_count);
    *p = kolmogorov(own, count, rest, count * rest_count);
    free(own);
    free(rest);
}

/* --- the world ------------------------------------------------------------------------------------------ */

static void set_paid(int64_t id, uint32_t state)
{
    struct account account;
    assert_int_equal(store_account_by_id(world.store, id, &account), STORE_OK);
    account.paid = true;
    account.state = state;
    assert_int_equal(store_account_set(world.store, &account), STORE_OK);
}

static void refuse_all(void)
{
    struct call_settings settings;
    int64_t ids[CAUSES - 1];
    for (size_t i = 0; i < CAUSES - 1; i++) {
        ids[i] = world_account(&world, causes[i]);
        world_friends(&world, alice->user, ids[i]);
        if (strcmp(causes[i], "unrolled") != 0)
            set_paid(ids[i],
                     strcmp(causes[i], "suspended") == 0 ? ACCOUNT_SUSPENDED : ACCOUNT_ACTIVE);
    }
    store_edge_set(world.store, EDGE_BLOCK, ids[0], alice->user, true, world.now);
    store_settings_get(world.store, ids[1], &settings);
    settings.enabled = false;
    store_settings_set(world.store, ids[1], &settings);
    store_settings_get(world.store, ids[2], &settings);
    settings.following = settings.addressbook = false;
    store_settings_set(world.store, ids[2], &settings);
    store_account_delete(world.store, ids[3], world.now);
    struct rollout rollout;
    rollout_load(world.store, &rollout);
    rollout.rows[FEATURE_RECEIVE].all_bp = 0;
    store_rollout_set(world.store, &rollout.rows[FEATURE_RECEIVE]);
    world_policy(&world, "prior_message", "none");
    world_policy(&world, "limit_calls_account", "off");
    world_policy(&world, "limit_calls_device", "off");
    world_policy(&world, "limit_calls_address", "off");
    world_policy(&world, "limit_pair", "1/86400");
}

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static uint64_t invite(const char *to, double *work)
{
    static unsigned number;
    char call[37];
    make_id(call, ++number);
    json_t *body = make_invite(alice, to, "a");
    double start = now_us();
    uint64_t id = client_send(&world, alice, "call.invite", call, body);
    *work = now_us() - start;
    return id;
}

static void sample(size_t cause, size_t at)
{
    int64_t start = world.now;
    uint64_t id = invite(causes[cause], &work_us[cause][at]);
    world_advance(&world, 149);
    assert_null(client_answer(alice, id));
    while (!client_answer(alice, id) && world.now < start + 400)
        world_advance(&world, 1);
    assert_string_equal(answer_code(client_answer(alice, id)), "unavailable");
    double due = (double)(world.now - start) * 1000;
    seen_us[cause][at] = fmax(due, work_us[cause][at]);
    client_forget(alice);
}

/* --- the tests ------------------------------------------------------------------------------------------ */

static void causes_look_alike(void **state)
{
    (void)state;
    size_t count = getenv("XCALL_TEST_LONG") ? SAMPLES_MAX : 1000;
    double work, auc, p;
    world_start(&world, NULL);
    world_account(&world, "alice");
    alice = world_client(&world, "alice");
    refuse_all();
    client_connect(&world, alice, NULL);
    invite("pair", &work); /* its only ring of the day */
    world_advance(&world, 21000);
    client_forget(alice);
    for (size_t i = 0; i < count; i++) { /* in a new order each time */
        size_t places[CAUSES];
        for (size_t k = 0; k < CAUSES; k++) {
            size_t other = world_chance(&world, (uint32_t)k + 1);
            places[k] = places[other];
            places[other] = k;
        }
        for (size_t k = 0; k < CAUSES; k++)
            sample(places[k], i);
    }
    world_stop(&world);
    for (size_t cause = 0; cause < CAUSES; cause++) {
        compare(work_us, count, cause, &auc, &p);
        printf("%-10s work: AUC %.3f", causes[cause], auc);
        compare(seen_us, count, cause, &auc, &p);
        printf("   seen: AUC %.3f, KS p %.3f\n", auc, p);
        assert_true(auc > 0.45 && auc < 0.55);
        assert_true(p > P_MIN);
    }
}

/* What the statistics would find: one cause half a jitter's spread later, or with another spread. */
static void differences_are_found(void **state)
{
    (void)state;
    double auc, p;
    memset(&world, 0, sizeof world);
    for (size_t cause = 0; cause < CAUSES; cause++) {
        for (size_t i = 0; i < 1000; i++)
            seen_us[cause][i] = 150000 + 1000 * (double)world_chance(&world, 51);
    }
    compare(seen_us, 1000, 3, &auc, &p);
    assert_true(auc > 0.45 && auc < 0.55 && p > P_MIN);
    for (size_t i = 0; i < 1000; i++)
        seen_us[3][i] += 5000;
    compare(seen_us, 1000, 3, &auc, &p);
    assert_true(auc > 0.55 && p < P_MIN);
    for (size_t i = 0; i < 1000; i++)
        seen_us[3][i] = 150000 + 1000 * (double)(10 + world_chance(&world, 31));
    compare(seen_us, 1000, 3, &auc, &p);
    assert_true(auc < 0.55 && p < P_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(causes_look_alike),
        cmocka_unit_test(differences_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
