/* store_fixture.h - what the tests of xcalld's store share: a file of their own, accounts, calls.
 * SPDX-License-Identifier: MIT */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store.h"

#define NOW 1700000000000
#define OK(call) assert_int_equal(call, STORE_OK)
#define IS(result, call) assert_int_equal(call, STORE_##result)

static char fixture_path[32];

/* A new file; *state: the store. */
static inline int fixture_setup(void **state)
{
    char error[512];
    snprintf(fixture_path, sizeof fixture_path, "/tmp/xcalld-test-XXXXXX");
    int fd = mkstemp(fixture_path);
    assert_true(fd >= 0);
    close(fd);
    struct store *store = NULL;
    if (store_open(fixture_path, &store, error, sizeof error) != STORE_OK)
        fail_msg("%s", error);
    *state = store;
    return 0;
}

static inline void fixture_remove(const char *path)
{
    char beside[128];
    unlink(path);
    snprintf(beside, sizeof beside, "%s-wal", path);
    unlink(beside);
    snprintf(beside, sizeof beside, "%s-shm", path);
    unlink(beside);
}

static inline int fixture_teardown(void **state)
{
    store_close(*state);
    fixture_remove(fixture_path);
    return 0;
}

static inline struct store *fixture_again(const char *path)
{
    char error[512];
    struct store *store = NULL;
    if (store_open(path, &store, error, sizeof error) != STORE_OK)
        fail_msg("%s", error);
    return store;
}

static inline int64_t account(struct store *store, const char *name)
{
    int64_t id = 0;
    OK(store_account_add(store, name, NULL, NOW, &id));
    return id;
}

static inline struct call_row a_call(int number, int64_t caller, int64_t callee)
{
    struct call_row row = {.caller = caller,
                           .callee = callee,
                           .caller_dev = 1,
                           .state = CALL_RINGING,
                           .rev = 1,
                           .invite_ms = NOW + number,
                           .reach_deadline_ms = NOW + 20000,
                           .ring_deadline_ms = NOW + 60000,
                           .deadline_ms = NOW + 20000,
                           .offer = "{\"type\":\"offer\"}"};
    memset(row.id, 0x40, sizeof row.id);
    memcpy(row.id, &number, sizeof number);
    return row;
}

/* Each step of what deleted accounts have left, as a service does it; how many there were. */
static inline int erase_all(struct store *store)
{
    int64_t asked_ms;
    bool more = true;
    for (int steps = 0;; steps++) {
        OK(store_begin(store));
        OK(store_erase(store, &asked_ms, &more));
        OK(store_commit(store));
        if (!more)
            return steps + (asked_ms != 0);
    }
}

/* Is this text in the file or beside it? */
static inline bool in_bytes(const char *path, const char *text)
{
    bool found = false;
    for (int i = 0; i < 2; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", path, i ? "-wal" : "");
        FILE *file = fopen(name, "rb");
        if (!file)
            continue;
        fseek(file, 0, SEEK_END);
        size_t size = (size_t)ftell(file);
        rewind(file);
        char *bytes = malloc(size + 1);
        assert_int_equal(fread(bytes, 1, size, file), size);
        fclose(file);
        found |= memmem(bytes, size, text, strlen(text)) != NULL;
        free(bytes);
    }
    return found;
}

#endif
