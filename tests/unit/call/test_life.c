/* test_life.c - every state of a call and every input, on both sides of it: what is answered, what
 * state follows and what is to be done, written out. SPDX-License-Identifier: MIT */
#include "life_desk.h"

/* How a call 'c' with bob comes into each state, as a caller and as the one who is called. */
static const uint32_t caller_roads[XCALL_LIFE_STATES][6] = {
    [XCALL_LIFE_CALLING] = {XCALL_LIFE_PLACE},
    [XCALL_LIFE_RINGING_OUT] = {XCALL_LIFE_PLACE, XCALL_LIFE_REMOTE_RINGING},
    [XCALL_LIFE_RINGING_IN] = {XCALL_LIFE_INCOMING},
    [XCALL_LIFE_CONNECTING] = {XCALL_LIFE_PLACE, XCALL_LIFE_REMOTE_RINGING,
                               XCALL_LIFE_REMOTE_ACCEPTED},
    [XCALL_LIFE_ACTIVE] = {XCALL_LIFE_PLACE, XCALL_LIFE_REMOTE_ACCEPTED, XCALL_LIFE_MEDIA_UP},
    [XCALL_LIFE_RECONNECTING] = {XCALL_LIFE_PLACE, XCALL_LIFE_REMOTE_ACCEPTED, XCALL_LIFE_MEDIA_UP,
                                 XCALL_LIFE_MEDIA_LOST},
    [XCALL_LIFE_ENDED] = {XCALL_LIFE_PLACE, XCALL_LIFE_HANG_UP},
};
static const uint32_t callee_roads[XCALL_LIFE_STATES][6] = {
    [XCALL_LIFE_RINGING_IN] = {XCALL_LIFE_INCOMING, XCALL_LIFE_ALERTED},
    [XCALL_LIFE_CONNECTING] = {XCALL_LIFE_INCOMING, XCALL_LIFE_ACCEPT},
    [XCALL_LIFE_ACTIVE] = {XCALL_LIFE_INCOMING, XCALL_LIFE_ACCEPT, XCALL_LIFE_ACCEPT_TAKEN,
                           XCALL_LIFE_MEDIA_UP},
    [XCALL_LIFE_RECONNECTING] = {XCALL_LIFE_INCOMING, XCALL_LIFE_ACCEPT, XCALL_LIFE_MEDIA_UP,
                                 XCALL_LIFE_MEDIA_LOST},
    [XCALL_LIFE_ENDED] = {XCALL_LIFE_INCOMING, XCALL_LIFE_REMOTE_ENDED},
};

/* "!": XCALL_E_STATE; "-": nothing; "~": counted as stale; else the state after it, a reason where it
 * ended, and the actions. Nothing changes in the first three. */
struct expected {
    uint32_t input;
    const char *cell[XCALL_LIFE_STATES];
};

/* clang-format off */
static const struct expected of_caller[] = {
    /* idle, calling, ringing_out, ringing_in, connecting, active, reconnecting, ended */
    {XCALL_LIFE_PLACE, {"calling: c.start c.invite c=calling", "!", "!", "!", "!", "!", "!", "!"}},
    {XCALL_LIFE_ALERTED, {"!", "!", "!", "ringing_in: c.alerting", "!", "!", "!", "!"}},
    {XCALL_LIFE_ACCEPT, {"!", "!", "!", "connecting: c.start c.accept c=connecting", "!", "!", "!", "!"}},
    {XCALL_LIFE_DECLINE, {"!", "!", "!", "ended/declined: c.decline c=ended/declined", "!", "!", "!", "!"}},
    {XCALL_LIFE_HANG_UP, {"!",
        "ended/cancelled: c.cancel c.end c=ended/cancelled",
        "ended/cancelled: c.cancel c.end c=ended/cancelled",
        "ended/declined: c.decline c=ended/declined",
        "ended/hangup: c.hangup c.end c=ended/hangup",
        "ended/hangup: c.hangup c.end c=ended/hangup",
        "ended/hangup: c.hangup c.end c=ended/hangup", "-"}},
    {XCALL_LIFE_HOLD, {"!", "!", "!", "!", "connecting: c.hold c=connecting+h",
        "active: c.hold c=active+h", "reconnecting: c.hold c=reconnecting+h", "!"}},
    {XCALL_LIFE_UNHOLD, {"!", "!", "!", "!", "-", "-", "-", "!"}},
    {XCALL_LIFE_INCOMING, {"ringing_in: c=ringing_in", "~", "~", "~", "~", "~", "~", "~"}},
    {XCALL_LIFE_REMOTE_RINGING, {"~", "ringing_out: c=ringing_out", "~", "~", "~", "~", "~", "~"}},
    {XCALL_LIFE_REMOTE_ACCEPTED, {"~", "connecting: c=connecting", "connecting: c=connecting", "~",
        "~", "~", "~", "ended/cancelled: c.hangup"}},
    {XCALL_LIFE_ACCEPT_TAKEN, {"~", "~", "~", "~", "~", "~", "~", "~"}},
    {XCALL_LIFE_REFUSED, {"~", "ended/denied: c.end c=ended/denied",
        "ended/denied: c.end c=ended/denied", "~", "~", "~", "~", "~"}},
    {XCALL_LIFE_REMOTE_ENDED, {"ended/cancelled:",
        "ended/no_answer: c.end c=ended/no_answer", "ended/no_answer: c.end c=ended/no_answer",
        "ended/cancelled: c=ended/cancelled", "ended/hangup: c.end c=ended/hangup",
        "ended/hangup: c.end c=ended/hangup", "ended/hangup: c.end c=ended/hangup", "~"}},
    {XCALL_LIFE_MERGED, {"idle: o.hangup",
        "ended/merged: c.end c=ended/merged o.start o.accept o=connecting",
        "ended/merged: c.end c=ended/merged o.start o.accept o=connecting",
        "~", "~", "~", "~", "ended/cancelled: o.hangup"}},
    {XCALL_LIFE_REMOTE_HOLD, {"~", "~", "~", "~", "connecting: c=connecting+r", "active: c=active+r",
        "reconnecting: c=reconnecting+r", "~"}},
    {XCALL_LIFE_REMOTE_UNHOLD, {"~", "~", "~", "~", "-", "-", "-", "~"}},
    {XCALL_LIFE_CARRIER_LOST, {"-", "-", "-", "-", "-", "-", "-", "-"}},
    {XCALL_LIFE_CARRIER_BACK, {"-", "-", "-", "-", "-", "-", "reconnecting: c.restart", "-"}},
    {XCALL_LIFE_MEDIA_UP, {"!", "!", "!", "!", "active: c.media_up c=active", "-",
        "active: c.media_up c=active", "-"}},
    {XCALL_LIFE_MEDIA_LOST, {"!", "!", "!", "!", "-", "reconnecting: c.media_lost c=reconnecting", "-", "-"}},
    {XCALL_LIFE_MEDIA_FAILED, {"!",
        "ended/failed_connect: c.cancel c.end c=ended/failed_connect",
        "ended/failed_connect: c.cancel c.end c=ended/failed_connect", "!",
        "ended/failed_connect: c.hangup c.end c=ended/failed_connect",
        "ended/media_lost: c.hangup c.end c=ended/media_lost",
        "ended/media_lost: c.hangup c.end c=ended/media_lost", "-"}},
    {XCALL_LIFE_TIME, {"-", "-", "-", "-", "-", "-", "-", "-"}},
};
static const struct expected of_callee[] = {
    /* idle, calling and ringing_out are not the callee's */
    {XCALL_LIFE_PLACE, {0, 0, 0, "!", "!", "!", "!", "!"}},
    {XCALL_LIFE_ALERTED, {0, 0, 0, "-", "!", "!", "!", "!"}},
    {XCALL_LIFE_ACCEPT, {0, 0, 0, "connecting: c.start c.accept c=connecting", "!", "!", "!", "!"}},
    {XCALL_LIFE_DECLINE, {0, 0, 0, "ended/declined: c.decline c=ended/declined", "!", "!", "!", "!"}},
    {XCALL_LIFE_HANG_UP, {0, 0, 0, "ended/declined: c.decline c=ended/declined",
        "ended/hangup: c.hangup c.end c=ended/hangup",
        "ended/hangup: c.hangup c.end c=ended/hangup",
        "ended/hangup: c.hangup c.end c=ended/hangup", "-"}},
    {XCALL_LIFE_HOLD, {0, 0, 0, "!", "connecting: c.hold c=connecting+h",
        "active: c.hold c=active+h", "reconnecting: c.hold c=reconnecting+h", "!"}},
    {XCALL_LIFE_UNHOLD, {0, 0, 0, "!", "-", "-", "-", "!"}},
    {XCALL_LIFE_INCOMING, {0, 0, 0, "~", "~", "~", "~", "~"}},
    {XCALL_LIFE_REMOTE_RINGING, {0, 0, 0, "~", "~", "~", "~", "~"}},
    {XCALL_LIFE_REMOTE_ACCEPTED, {0, 0, 0, "~", "~", "~", "~", "~"}},
    {XCALL_LIFE_ACCEPT_TAKEN, {0, 0, 0, "~", "-", "-", "-", "~"}},
    {XCALL_LIFE_REFUSED, {0, 0, 0, "~", "~", "~", "~", "~"}},
    {XCALL_LIFE_REMOTE_ENDED, {0, 0, 0, "ended/cancelled: c=ended/cancelled",
        "ended/hangup: c.end c=ended/hangup", "ended/hangup: c.end c=ended/hangup",
        "ended/hangup: c.end c=ended/hangup", "~"}},
    {XCALL_LIFE_MERGED, {0, 0, 0, "~", "~", "~", "~", "ended/cancelled: o.hangup"}},
    {XCALL_LIFE_REMOTE_HOLD, {0, 0, 0, "~", "connecting: c=connecting+r", "active: c=active+r",
        "reconnecting: c=reconnecting+r", "~"}},
    {XCALL_LIFE_REMOTE_UNHOLD, {0, 0, 0, "~", "-", "-", "-", "~"}},
    {XCALL_LIFE_CARRIER_LOST, {0, 0, 0, "-", "-", "-", "-", "-"}},
    {XCALL_LIFE_CARRIER_BACK, {0, 0, 0, "-", "-", "-", "reconnecting: c.restart", "-"}},
    {XCALL_LIFE_MEDIA_UP, {0, 0, 0, "!", "active: c.media_up c=active", "-",
        "active: c.media_up c=active", "-"}},
    {XCALL_LIFE_MEDIA_LOST, {0, 0, 0, "!", "-", "reconnecting: c.media_lost c=reconnecting", "-", "-"}},
    {XCALL_LIFE_MEDIA_FAILED, {0, 0, 0, "!",
        "ended/failed_connect: c.hangup c.end c=ended/failed_connect",
        "ended/media_lost: c.hangup c.end c=ended/media_lost",
        "ended/media_lost: c.hangup c.end c=ended/media_lost", "-"}},
    {XCALL_LIFE_TIME, {0, 0, 0, "-", "-", "-", "-", "-"}},
};
/* clang-format on */

static const char *give(uint32_t type)
{
    if (type == XCALL_LIFE_PLACE || type == XCALL_LIFE_INCOMING)
        return of_peer(type, 'c', "bob", 0);
    return type == XCALL_LIFE_MERGED ? merged('c', 'o') : in(type, 'c');
}

static void check(const uint32_t *road, uint32_t state, uint32_t type, const char *expected)
{
    char now[256] = "";
    begin(0);
    for (; *road; road++) {
        give(*road);
        assert_int_equal(result, XCALL_OK);
    }
    assert_int_equal(state_of('c'), state);
    uint64_t stale = desk.stale;
    struct xc_life_call before = {0}, then = {0};
    if (look('c'))
        before = *look('c');
    const char *actions = give(type);
    if (look('c'))
        then = *look('c');
    if (strlen(expected) == 1) {
        assert_memory_equal(&before, &then, sizeof then);
        assert_string_equal(actions, "");
        assert_int_equal(result, *expected == '!' ? XCALL_E_STATE : XCALL_OK);
        assert_int_equal(desk.stale - stale, *expected == '~');
        return;
    }
    snprintf(now, sizeof now, "%s%s%s:%s%s", xcall_life_state_name(state_of('c')),
             then.state == XCALL_LIFE_ENDED ? "/" : "",
             then.state == XCALL_LIFE_ENDED ? xcall_life_reason_name(then.reason) : "",
             *actions ? " " : "", actions);
    assert_string_equal(now, expected);
    assert_int_equal(result, XCALL_OK);
    assert_int_equal(desk.stale, stale);
}

static void test_caller(void **state)
{
    (void)state;
    assert_int_equal(XC_ARRAY_LEN(of_caller), XCALL_LIFE_INPUTS - 1);
    for (uint32_t row = 0; row < XCALL_LIFE_INPUTS - 1; row++) {
        assert_int_equal(of_caller[row].input, row + 1);
        for (uint32_t column = 0; column < XCALL_LIFE_STATES; column++)
            check(caller_roads[column], column, row + 1, of_caller[row].cell[column]);
    }
}

static void test_callee(void **state)
{
    (void)state;
    assert_int_equal(XC_ARRAY_LEN(of_callee), XCALL_LIFE_INPUTS - 1);
    for (uint32_t row = 0; row < XCALL_LIFE_INPUTS - 1; row++) {
        assert_int_equal(of_callee[row].input, row + 1);
        for (uint32_t column = XCALL_LIFE_RINGING_IN; column < XCALL_LIFE_STATES; column++)
            check(callee_roads[column], column, row + 1, of_callee[row].cell[column]);
    }
}

static void test_no_such_input(void **state)
{
    (void)state;
    static const uint32_t none[] = {0, XCALL_LIFE_INPUTS, UINT32_MAX};
    begin(0);
    for (uint32_t i = 0; i < XC_ARRAY_LEN(none); i++) {
        assert_string_equal(in(none[i], 'c'), "");
        assert_int_equal(result, XCALL_E_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caller),
        cmocka_unit_test(test_callee),
        cmocka_unit_test(test_no_such_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
