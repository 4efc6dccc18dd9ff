/* test_stop.c - destroy wakes the client's thread and the thread frees its connection: whoever is slow in
 * between, the wake-up never reaches a context that is gone.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <stdatomic.h>
#include <unistd.h>

#include <libwebsockets.h>
#include <xcall/client.h>

static _Atomic int contexts; /* that are there */
static _Atomic int slow;
static _Atomic int late; /* wake-ups of one that is not */

void lws_context_destroy(struct lws_context *context)
{
    void (*next)(struct lws_context *) =
        (void (*)(struct lws_context *))dlsym(RTLD_NEXT, "lws_context_destroy");
    atomic_fetch_sub(&contexts, 1);
    next(context);
}

struct lws_context *lws_create_context(const struct lws_context_creation_info *info)
{
    struct lws_context *(*next)(const struct lws_context_creation_info *) =
        (struct lws_context * (*)(const struct lws_context_creation_info *))
            dlsym(RTLD_NEXT, "lws_create_context");
    atomic_fetch_add(&contexts, 1);
    return next(info);
}

void lws_cancel_service(struct lws_context *context)
{
    void (*next)(struct lws_context *) =
        (void (*)(struct lws_context *))dlsym(RTLD_NEXT, "lws_cancel_service");
    if (atomic_load(&slow))
        usleep(1500000); /* the thread wakes by itself meanwhile: it tries to connect again */
    if (atomic_load(&contexts) == 0)
        atomic_fetch_add(&late, 1);
    else
        next(context);
}

static void test_slow_wake_up(void **state)
{
    (void)state;
    xcall_engine *engine;
    xcall_client *client;
    xcall_engine_config engine_config;
    xcall_client_config config;
    xcall_engine_config_init(&engine_config, sizeof engine_config);
    engine_config.flags = XCALL_ENGINE_LOOPBACK;
    engine_config.bind_address = "127.0.0.1";
    assert_int_equal(xcall_engine_create(&engine_config, &engine, NULL), XCALL_OK);
    xcall_client_config_init(&config, sizeof config);
    config.engine = engine;
    config.url = "ws://127.0.0.1:9/nobody";
    assert_int_equal(xcall_client_create(&config, &client, NULL), XCALL_OK);
    assert_int_equal(xcall_client_sign_in(client, "alice", "password", NULL), XCALL_OK);
    usleep(200000);
    atomic_store(&slow, 1);
    xcall_client_destroy(client);
    assert_int_equal(atomic_load(&late), 0);
    assert_int_equal(atomic_load(&contexts), 0);
    xcall_engine_close(engine);
    xcall_engine_unref(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_slow_wake_up)};
    return cmocka_run_group_tests_name("client/stop", tests, NULL, NULL);
}
