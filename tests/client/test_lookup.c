/* test_lookup.c - names: a resolver that hangs holds up neither the client's thread nor destroy, one lookup
 * at a time, and of several addresses the first that answers is taken (RFC 8305). The resolver is the
 * test's own; nothing here goes by time.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client/shell.h"
#include "client/tiny_server.h"

#define LIMIT_MS 60000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool hangs;
static uint32_t asked, answered, at_once, at_once_most;
static const char *const *addresses; /* what the resolver finds, NULL at the end */

/* Made by the system, so that freeaddrinfo takes it. */
static struct addrinfo *made(const char *address, int type)
{
    struct addrinfo wanted = {.ai_socktype = type, .ai_flags = AI_NUMERICHOST}, *found = NULL;
    return getaddrinfo(address, NULL, &wanted, &found) ? NULL : found;
}

static int resolve(const char *host, const char *service, const struct addrinfo *hints,
                   struct addrinfo **found)
{
    (void)host, (void)service;
    pthread_mutex_lock(&lock);
    asked++;
    at_once++;
    at_once_most = at_once > at_once_most ? at_once : at_once_most;
    pthread_cond_broadcast(&changed);
    while (hangs)
        pthread_cond_wait(&changed, &lock);
    at_once--;
    answered++;
    const char *const *list = addresses;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    *found = NULL;
    for (; list && *list; list++) {
        struct addrinfo **last = found;
        while (*last)
            last = &(*last)->ai_next;
        *last = made(*list, hints->ai_socktype);
    }
    return *found ? 0 : EAI_NONAME;
}

static uint32_t count(const uint32_t *of)
{
    pthread_mutex_lock(&lock);
    uint32_t value = *of;
    pthread_mutex_unlock(&lock);
    return value;
}

static void wait_for(const uint32_t *of, uint32_t least)
{
    struct timespec until;
    int late = 0;
    clock_gettime(CLOCK_REALTIME, &until); /* the condition's clock */
    until.tv_sec += LIMIT_MS / 1000;
    pthread_mutex_lock(&lock);
    while (*of < least && !late)
        late = pthread_cond_timedwait(&changed, &lock, &until);
    uint32_t value = *of;
    pthread_mutex_unlock(&lock);
    if (value < least)
        fail_msg("%u of %u within %d ms", value, least, LIMIT_MS);
}

static void hang(bool on)
{
    pthread_mutex_lock(&lock);
    hangs = on;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void finds(const char *const *list)
{
    pthread_mutex_lock(&lock);
    addresses = list;
    pthread_mutex_unlock(&lock);
}

struct side {
    xcall_engine *engine;
    xcall_client *client;
    uint32_t session, offline;
    char why[128];
};

static struct tiny_server *server;
static struct side side;

static int setup(void **state)
{
    (void)state;
    xc_client_getaddrinfo = resolve;
    asked = answered = at_once = at_once_most = 0;
    hangs = false;
    server = tiny_start();
    return server ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    tiny_stop(server);
    return 0;
}

static uint16_t port(void)
{
    return (uint16_t)atoi(strrchr(tiny_url(server), ':') + 1);
}

static void open_side(const char *host, uint32_t connect_ms)
{
    xcall_engine_config engine;
    xcall_client_config config;
    char url[128];
    memset(&side, 0, sizeof side);
    xcall_engine_config_init(&engine, sizeof engine);
    engine.flags = XCALL_ENGINE_LOOPBACK;
    engine.bind_address = "127.0.0.1";
    assert_int_equal(xcall_engine_create(&engine, &side.engine, NULL), XCALL_OK);
    xcall_client_config_init(&config, sizeof config);
    snprintf(url, sizeof url, "ws://%s:%u/xcall", host, port());
    config.engine = side.engine;
    config.url = url;
    config.connect_ms = connect_ms;
    assert_int_equal(xcall_client_create(&config, &side.client, NULL), XCALL_OK);
    assert_int_equal(xcall_client_sign_up(side.client, "alice", "password", NULL), XCALL_OK);
}

static void close_side(void)
{
    xcall_client_destroy(side.client);
    xcall_engine_close(side.engine);
    xcall_engine_unref(side.engine);
}

static void pump(uint32_t wanted)
{
    xcall_event event;
    xcall_event_init(&event, sizeof event);
    for (uint64_t until = xcall_now_ns() + LIMIT_MS * 1000000ull;
         side.session != wanted && xcall_now_ns() < until;) {
        if (xcall_engine_next_event(side.engine, &event, 100) != XCALL_OK ||
            xcall_client_take_event(side.client, &event) ||
            event.type != XCALL_CLIENT_EVENT_SESSION)
            continue;
        side.session = event.state;
        side.offline += event.state == XCALL_CLIENT_OFFLINE;
        snprintf(side.why, sizeof side.why, "%s", event.text);
    }
    assert_int_equal(side.session, wanted);
}

/* Destroyed while the resolver hangs, and the resolver returns to nobody. */
static void test_destroy_does_not_wait(void **state)
{
    (void)state;
    hang(true);
    for (int i = 0; i < 3; i++) {
        open_side("localhost", 10000);
        wait_for(&asked, (uint32_t)i + 1);
        close_side(); /* with this test it ends, or hangs for ever */
        assert_int_equal(count(&answered), 0);
    }
    hang(false);
    wait_for(&answered, 3);
}

/* The thread goes on meanwhile: the attempt times out, functions work, and no second lookup begins. */
static void test_hangs_and_comes(void **state)
{
    (void)state;
    static const char *const here[] = {"127.0.0.1", NULL};
    finds(here);
    hang(true);
    open_side("localhost", 1000);
    wait_for(&asked, 1);
    pump(XCALL_CLIENT_OFFLINE);
    assert_int_equal(xcall_client_sign_out(side.client), XCALL_OK);
    pump(XCALL_CLIENT_SIGNED_OUT);
    assert_int_equal(xcall_client_sign_up(side.client, "alice", "password", NULL), XCALL_OK);
    pump(XCALL_CLIENT_OFFLINE);
    assert_int_equal(count(&asked), 1);
    hang(false);
    pump(XCALL_CLIENT_ONLINE);
    assert_int_equal(count(&at_once_most), 1);
    close_side();
}

static void test_no_such_name(void **state)
{
    (void)state;
    finds(NULL);
    open_side("localhost", 10000);
    pump(XCALL_CLIENT_OFFLINE);
    assert_string_equal(side.why, "the name of the service is not known");
    close_side();
}

/* Takes connections and says nothing. */
static int deaf_server(const char *address)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port())};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

/* One address answers never, one refuses, one answers: that one, within a single attempt. */
static void test_first_that_answers(void **state)
{
    (void)state;
    static const char *const three[] = {"127.0.0.2", "127.0.0.3", "127.0.0.1", NULL};
    finds(three);
    int deaf = deaf_server("127.0.0.2");
    open_side("localhost", 60000);
    pump(XCALL_CLIENT_ONLINE);
    assert_int_equal(side.offline, 0);
    assert_int_equal(tiny_hellos(server), 1);
    close_side();
    close(deaf);
}

static void test_all_refuse(void **state)
{
    (void)state;
    static const char *const three[] = {"127.0.0.2", "127.0.0.3", "127.0.0.4", NULL};
    static const char *const here[] = {"127.0.0.1", NULL};
    finds(three);
    open_side("localhost", 60000);
    pump(XCALL_CLIENT_OFFLINE); /* at once, not after a minute */
    finds(here);
    pump(XCALL_CLIENT_ONLINE);
    close_side();
}

/* --- lookups alone --------------------------------------------------------------------------------- */

static struct lws_context *context_alone(void)
{
    struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN};
    lws_set_log_level(0, NULL);
    return lws_create_context(&info);
}

static struct xc_client_lookup *take(struct xc_client_lookups *lookups)
{
    struct xc_client_lookup *lookup = NULL;
    uint64_t until = xcall_now_ns() + LIMIT_MS * 1000000ull;
    while (!(lookup = xc_client_lookup_take(lookups)) && xcall_now_ns() < until)
        usleep(1000);
    assert_non_null(lookup);
    return lookup;
}

static void test_families_alternate(void **state)
{
    (void)state;
    static const char *const sorted[] = {"2001:db8::1", "2001:db8::2", "2001:db8::3",
                                         "192.0.2.1",   "192.0.2.2",   NULL};
    static const char *const wanted[] = {"2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2",
                                         "2001:db8::3"};
    struct lws_context *context = context_alone();
    struct xc_client_lookups *lookups = xc_client_lookups_create(context);
    finds(sorted);
    xc_client_lookup_host(lookups, "service.test");
    struct xc_client_lookup *lookup = take(lookups);
    assert_int_equal(lookup->found.count, 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_string_equal(lookup->found.text[i], wanted[i]);
    xc_client_lookup_free(lookup);
    xc_client_lookups_destroy(lookups);
    lws_context_destroy(context);
}

static struct xc_client_output *servers(const char *first, const char *second)
{
    struct xc_client_output *output = calloc(1, sizeof *output);
    output->type = XC_CLIENT_MEDIA;
    output->op = XC_CLIENT_MEDIA_SERVERS;
    output->urls[output->url_count++] = strdup(first);
    if (second)
        output->urls[output->url_count++] = strdup(second);
    return output;
}

/* Relays' names become addresses, one of each family; the service's name goes before those that wait, and
 * what is too much is not taken. */
static void test_relays(void **state)
{
    (void)state;
    static const char *const found[] = {"192.0.2.1", "192.0.2.2", "2001:db8::1", NULL};
    struct lws_context *context = context_alone();
    struct xc_client_lookups *lookups = xc_client_lookups_create(context);
    struct xc_client_output *literal = servers("turn:192.0.2.9:3478", NULL);
    finds(found);
    assert_false(xc_client_lookup_servers(lookups, literal));
    xc_client_output_free(literal);
    hang(true);
    assert_true(xc_client_lookup_servers(
        lookups, servers("turn:relay.test?transport=udp", "turn:192.0.2.9:5000")));
    wait_for(&asked, 1);
    for (int i = 0; i < XC_CLIENT_LOOKUPS_MAX; i++)
        assert_true(xc_client_lookup_servers(lookups, servers("turn:relay.test", NULL)));
    struct xc_client_output *more = servers("turn:relay.test", NULL);
    assert_false(xc_client_lookup_servers(lookups, more));
    xc_client_output_free(more);
    xc_client_lookup_host(lookups, "service.test");
    xc_client_lookup_host(lookups, "service.test"); /* is being asked already */
    hang(false);
    uint32_t hosts = 0, relays = 0;
    while (hosts + relays < 2 + XC_CLIENT_LOOKUPS_MAX) {
        struct xc_client_lookup *lookup = take(lookups);
        if (!lookup->servers) {
            hosts++;
            assert_int_equal(lookup->found.count, 3);
        } else if (relays++ == 0) { /* in their order */
            assert_int_equal(lookup->servers->url_count, 3);
            assert_string_equal(lookup->servers->urls[0], "turn:192.0.2.1:3478?transport=udp");
            assert_string_equal(lookup->servers->urls[1], "turn:[2001:db8::1]:3478?transport=udp");
            assert_string_equal(lookup->servers->urls[2], "turn:192.0.2.9:5000");
            for (uint32_t i = 0; i < 2; i++)
                assert_string_equal(lookup->servers->names[i], "turn:relay.test?transport=udp");
            assert_null(lookup->servers->names[2]);
        }
        xc_client_lookup_free(lookup);
    }
    assert_int_equal(hosts, 1);
    assert_int_equal(count(&at_once_most), 1);
    assert_null(xc_client_lookup_take(lookups));
    hang(true); /* gone while one is looked up and another waits */
    assert_true(xc_client_lookup_servers(lookups, servers("turn:relay.test", NULL)));
    assert_true(xc_client_lookup_servers(lookups, servers("turn:relay.test", NULL)));
    wait_for(&asked, 3 + XC_CLIENT_LOOKUPS_MAX);
    xc_client_lookups_destroy(lookups);
    lws_context_destroy(context);
    hang(false);
    wait_for(&answered, 3 + XC_CLIENT_LOOKUPS_MAX);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_destroy_does_not_wait),
        CASE(test_hangs_and_comes),
        CASE(test_no_such_name),
        CASE(test_first_that_answers),
        CASE(test_all_refuse),
        CASE(test_families_alternate),
        CASE(test_relays),
    };
    return cmocka_run_group_tests_name("client/lookup", tests, NULL, NULL);
}
