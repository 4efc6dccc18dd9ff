/* test_ends.c - why a call ended, as each side is told and as its export says: by a table of its own.
 * SPDX-License-Identifier: MIT */
#include "store_fixture.h"

#include <jansson.h>
#include <xcall/life.h>

#include "ends.h"

/* What the caller hears of a call that was not accepted and of one that was; and the callee. */
static const struct told {
    const char *caller, *caller_accepted, *callee, *callee_accepted;
} wanted[] = {
    [XCALL_LIFE_END_HANGUP] = {"hangup", "hangup", "hangup", "hangup"},
    [XCALL_LIFE_END_CANCELLED] = {"cancelled", "cancelled", "cancelled", "cancelled"},
    [XCALL_LIFE_END_DECLINED] = {"declined", "declined", "declined", "declined"},
    [XCALL_LIFE_END_BUSY] = {"busy", "busy", "busy", "busy"},
    [XCALL_LIFE_END_NO_ANSWER] = {"no_answer", "no_answer", "no_answer", "no_answer"},
    [XCALL_LIFE_END_UNREACHABLE] = {"no_answer", "no_answer", "no_answer", "no_answer"},
    [XCALL_LIFE_END_ANSWERED_ELSEWHERE] = {"answered_elsewhere", "answered_elsewhere",
                                           "answered_elsewhere", "answered_elsewhere"},
    [XCALL_LIFE_END_DECLINED_ELSEWHERE] = {"declined_elsewhere", "declined_elsewhere",
                                           "declined_elsewhere", "declined_elsewhere"},
    [XCALL_LIFE_END_MERGED] = {"superseded", "superseded", "superseded", "superseded"},
    [XCALL_LIFE_END_DENIED] = {"no_answer", "hangup", "cancelled", "hangup"},
    [XCALL_LIFE_END_PERM_REVOKED] = {"no_answer", "hangup", "cancelled", "hangup"},
    [XCALL_LIFE_END_BLOCKED] = {"no_answer", "hangup", "cancelled", "hangup"},
    [XCALL_LIFE_END_FAILED_CONNECT] = {"failed_connect", "failed_connect", "failed_connect",
                                       "failed_connect"},
    [XCALL_LIFE_END_MEDIA_LOST] = {"media_lost", "media_lost", "media_lost", "media_lost"},
    [XCALL_LIFE_END_SIGNAL_LOST] = {"signal_lost", "signal_lost", "signal_lost", "signal_lost"},
    [XCALL_LIFE_END_SERVER_RESTART] = {"failed_connect", "failed_connect", "failed_connect",
                                       "failed_connect"},
    [XCALL_LIFE_END_SUPERSEDED] = {"superseded", "superseded", "cancelled", "superseded"},
    [XCALL_LIFE_END_UNSUPPORTED] = {"no_answer", "unsupported", "unsupported", "unsupported"},
    [XCALL_LIFE_END_SECURITY] = {"hangup", "hangup", "hangup", "hangup"},
    [XCALL_LIFE_END_RELAY_UNAVAILABLE] = {"failed_connect", "failed_connect", "failed_connect",
                                          "failed_connect"},
};
enum { ENDS = sizeof wanted / sizeof *wanted };

static void names(void **state)
{
    (void)state;
    for (uint32_t end = 1; end < ENDS; end++)
        assert_int_equal(end_of_name(end_name(end)), end);
    assert_string_equal(end_name(ENDS), "unknown");
    assert_string_equal(end_name(UINT32_MAX), "unknown");
    assert_int_equal(end_of_name("unknown"), XCALL_LIFE_END_NONE);
    assert_int_equal(end_of_name(""), XCALL_LIFE_END_NONE);
}

static void told(void **state)
{
    (void)state;
    for (uint32_t end = 1; end < ENDS; end++) {
        assert_non_null(wanted[end].caller);
        assert_string_equal(end_name(end_seen(end, true, false)), wanted[end].caller);
        assert_string_equal(end_name(end_seen(end, true, true)), wanted[end].caller_accepted);
        assert_string_equal(end_name(end_seen(end, false, false)), wanted[end].callee);
        assert_string_equal(end_name(end_seen(end, false, true)), wanted[end].callee_accepted);
    }
}

/* The ends of an account's calls in their order, joined to `all`. */
static void export_ends(struct store *store, int64_t user, json_t *all)
{
    char cursor[EXPORT_CURSOR_SIZE] = "";
    do {
        char *text = NULL;
        size_t i;
        json_t *row;
        OK(store_account_export(store, user, cursor, &text));
        json_t *part = json_loads(text, 0, NULL);
        free(text);
        json_array_foreach(json_object_get(part, "calls"), i, row)
            json_array_append(all, json_object_get(row, "end"));
        json_decref(part);
    } while (*cursor);
}

static void exported(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice"), bob = account(store, "bob");
    uint8_t other[CALL_ID_SIZE];
    for (uint32_t end = 1; end < ENDS; end++) {
        for (int was_accepted = 0; was_accepted < 2; was_accepted++) {
            struct call_row call = a_call((int)(2 * end) + was_accepted, alice, bob);
            call.state = CALL_ENDED;
            call.reason = end;
            call.accept_ms = was_accepted ? NOW + 3000 : 0;
            call.end_ms = NOW + 90000;
            OK(store_call_insert(store, &call, other));
        }
    }
    json_t *of_alice = json_array(), *of_bob = json_array();
    export_ends(store, alice, of_alice);
    export_ends(store, bob, of_bob);
    assert_int_equal(json_array_size(of_alice), 2 * (ENDS - 1));
    assert_int_equal(json_array_size(of_bob), 2 * (ENDS - 1));
    for (uint32_t end = 1; end < ENDS; end++) {
        const char *const there[4] = {
            json_string_value(json_array_get(of_alice, 2 * end - 2)),
            json_string_value(json_array_get(of_alice, 2 * end - 1)),
            json_string_value(json_array_get(of_bob, 2 * end - 2)),
            json_string_value(json_array_get(of_bob, 2 * end - 1)),
        };
        assert_string_equal(there[0], wanted[end].caller);
        assert_string_equal(there[1], wanted[end].caller_accepted);
        assert_string_equal(there[2], wanted[end].callee);
        assert_string_equal(there[3], wanted[end].callee_accepted);
    }
    json_decref(of_alice);
    json_decref(of_bob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(told),
        cmocka_unit_test_setup_teardown(exported, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests_name("service/ends", tests, NULL, NULL);
}
