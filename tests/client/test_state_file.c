/* test_state_file.c - what is kept comes back; modes; every damage is a clear error and never a crash;
 * the bounds of peers and their keys. And the URLs that a client takes.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/shell.h"
#include "client/state_file.h"

#define URL "wss://calls.example.org/xcall"

static struct xc_client_saved saved, read_back;
static char folder[] = "/tmp/xcall-state-XXXXXX", path[64];

static int setup(void **state)
{
    (void)state;
    memset(&saved, 0, sizeof saved);
    return 0;
}

static void fill(void)
{
    uint8_t key[32];
    strcpy(saved.token, "a-token");
    strcpy(saved.name, "alice");
    memset(saved.seed, 7, sizeof saved.seed);
    saved.has_seed = true;
    memset(key, 1, sizeof key);
    assert_int_equal(xc_state_meet(&saved, "bob", key), 0);
    assert_int_equal(xc_state_meet(&saved, "carol", key), 0);
    memset(key, 2, sizeof key);
    assert_int_equal(xc_state_meet(&saved, "bob", key), 2);
    assert_int_equal(xc_state_meet(&saved, "bob", key), 1);
}

static void test_there_and_back(void **state)
{
    (void)state;
    const char *why = "";
    struct stat about;
    fill();
    char *text = xc_state_encode(&saved, URL);
    assert_non_null(text);
    assert_int_equal(xc_state_store(path, text), 0);
    assert_int_equal(xc_state_store(path, text), 0); /* over an old one */
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(xc_state_load(path, URL, &read_back, &why), 0);
    assert_null(why);
    assert_memory_equal(&saved, &read_back, sizeof saved);
    /* Of another service: nothing of it is told to this one. */
    assert_int_equal(xc_state_load(path, "wss://evil.example.org/", &read_back, &why), 0);
    memset(&saved, 0, sizeof saved);
    assert_memory_equal(&saved, &read_back, sizeof saved);
    free(text);
    unlink(path);
    assert_int_equal(xc_state_load(path, URL, &read_back, &why), 0); /* none yet */
    assert_int_not_equal(xc_state_store("/no/such/folder/file", "x"), 0);
}

/* What somebody else has laid in the way is neither written to nor waited for. */
static void test_in_the_way(void **state)
{
    (void)state;
    char beside[80], victim[80];
    const char *why = NULL;
    struct stat about;
    snprintf(beside, sizeof beside, "%s.new", path);
    snprintf(victim, sizeof victim, "%s.victim", path);
    FILE *file = fopen(victim, "w");
    assert_true(file && fputs("precious", file) >= 0 && !fclose(file));
    assert_int_equal(link(victim, beside), 0);
    assert_int_equal(xc_state_store(path, "{}"), 0);
    assert_int_equal(stat(victim, &about), 0);
    assert_int_equal(about.st_size, 8);
    assert_int_equal(symlink(victim, beside), 0);
    assert_int_equal(xc_state_store(path, "{}"), 0);
    assert_int_equal(stat(victim, &about), 0);
    assert_int_equal(about.st_size, 8);
    unlink(victim);
    unlink(path);
    alarm(20);
    assert_int_equal(mkfifo(beside, 0600), 0);
    assert_int_equal(xc_state_store(path, "{}"), 0);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_not_equal(xc_state_load(path, URL, &read_back, &why), 0);
    alarm(0);
    unlink(path);
}

static void test_damaged(void **state)
{
    (void)state;
    const char *why = NULL;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "x",
        "{\"xcall_client\":2}",
        "{\"xcall_client\":1,\"url\":\"" URL "\"}",
        "{\"xcall_client\":1,\"url\":\"" URL "\",\"peers\":[{}]}",
        "{\"xcall_client\":1,\"url\":\"" URL "\",\"peers\":[],\"token\":\"t\"}",
        "{\"xcall_client\":1,\"url\":\"" URL "\",\"peers\":[],\"key\":\"short\"}",
        "{\"xcall_client\":1,\"url\":\"" URL "\",\"peers\":[],\"token\":7}",
        "{\"xcall_client\":1,\"url\":\"" URL "\",\"peers\":[{\"name\":\"a\",\"keys\":[7]}]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_non_null(xc_state_decode(bad[i], strlen(bad[i]), URL, &read_back));
    fill();
    char *text = xc_state_encode(&saved, URL);
    for (size_t i = 0; i + 1 < strlen(text); i++)
        assert_non_null(xc_state_decode(text, i, URL, &read_back));
    assert_int_equal(xc_state_store(path, "{\"xcall"), 0);
    assert_int_not_equal(xc_state_load(path, URL, &read_back, &why), 0);
    assert_non_null(strstr(why, "damaged"));
    free(text);
    assert_int_not_equal(xc_state_load(folder, URL, &read_back, &why), 0); /* no file */
}

static void test_bounds(void **state)
{
    (void)state;
    uint8_t key[32] = {0};
    char name[16];
    for (uint32_t i = 0; i < XC_PEERS_MAX + 10; i++) {
        snprintf(name, sizeof name, "p%u", i);
        assert_int_equal(xc_state_meet(&saved, name, key), 0);
    }
    assert_int_equal(saved.peer_count, XC_PEERS_MAX);
    assert_int_equal(xc_state_meet(&saved, "p9", key), 0);  /* was forgotten */
    assert_int_equal(xc_state_meet(&saved, "p50", key), 1); /* was not */
    for (uint32_t i = 1; i <= XC_PEER_KEYS_MAX; i++) {
        key[0] = (uint8_t)i;
        assert_int_equal(xc_state_meet(&saved, "p50", key), 2);
    }
    key[0] = 0;
    assert_int_equal(xc_state_meet(&saved, "p50", key), 2); /* the oldest gave way */
    key[0] = XC_PEER_KEYS_MAX;
    assert_int_equal(xc_state_meet(&saved, "p50", key), 1);
}

static void test_urls(void **state)
{
    (void)state;
    struct xc_client_url url;
    assert_null(xc_client_url_read("wss://calls.example.org:8443/xcall", &url));
    assert_string_equal(url.host, "calls.example.org");
    assert_string_equal(url.path, "/xcall");
    assert_int_equal(url.port, 8443);
    assert_true(url.tls && !url.literal);
    assert_null(xc_client_url_read("wss://192.0.2.1", &url));
    assert_true(url.literal && url.port == 443);
    assert_null(xc_client_url_read("ws://127.0.0.1:80/x", &url));
    assert_null(xc_client_url_read("ws://[::1]:8080/x", &url));
    assert_string_equal(url.host, "::1");
    assert_null(xc_client_url_read("ws://localhost/x", &url));
    static const char *const bad[] = {"http://a/",
                                      "ws://192.0.2.1/x",
                                      "ws://example.org/",
                                      "wss://",
                                      "wss:///x",
                                      "wss://a:/x",
                                      "wss://a:0/x",
                                      "wss://a:65536/",
                                      "wss://a:x/",
                                      "wss://[::1/x",
                                      "wss://u@h/x",
                                      "wss://a b/",
                                      "ws://127.0.0.1.example.org/",
                                      "",
                                      "ws://[::1]x/"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_non_null(xc_client_url_read(bad[i], &url));
}

static void test_relay_names(void **state)
{
    (void)state;
    char out[4][XC_URL_SIZE], host[256];
    assert_int_equal(xc_client_url_resolve("turn:192.0.2.1:3478?transport=udp", out, 4), 1);
    assert_string_equal(out[0], "turn:192.0.2.1:3478?transport=udp");
    assert_int_equal(xc_client_url_resolve("turn:localhost", out, 4), 0); /* nobody waits here */
    assert_true(xc_client_url_name("turn:relay.test?transport=udp", host));
    assert_string_equal(host, "relay.test");
    assert_false(xc_client_url_name("turn:192.0.2.1:3478", host));
    assert_false(xc_client_url_name("turn:[::1]:3478", host));
    assert_false(xc_client_url_name("turn:", host));
    xc_client_url_put("turn:relay.test?transport=udp", "192.0.2.7", out[0]);
    assert_string_equal(out[0], "turn:192.0.2.7:3478?transport=udp");
    xc_client_url_put("turn:relay.test:99", "2001:db8::7", out[0]);
    assert_string_equal(out[0], "turn:[2001:db8::7]:99");
    assert_int_equal(xc_client_url_resolve("turn:", out, 4), 0);
    assert_int_equal(xc_client_url_resolve("nothing", out, 4), 0);
    assert_int_equal(xc_client_url_resolve("turn:192.0.2.1", out, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_there_and_back, setup),
        cmocka_unit_test_setup(test_in_the_way, setup),
        cmocka_unit_test_setup(test_damaged, setup),
        cmocka_unit_test_setup(test_bounds, setup),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_relay_names),
    };
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/state", folder);
    int failed = cmocka_run_group_tests_name("client/state_file", tests, NULL, NULL);
    unlink(path);
    rmdir(folder);
    return failed;
}
