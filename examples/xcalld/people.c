/* people.c - follows, contacts, blocks; can_call; history; reports of abuse (docs/protocol.md 3).
 * SPDX-License-Identifier: MIT */
#include "people.h"

#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "ring.h"
#include "text.h"

#define NAMES_MAX 100
#define HISTORY_MAX 50
#define REPORT_TEXT_MAX 500
#define DAY_MS 86400000ll
#define WEEK_MS (7 * DAY_MS)

bool other_account(struct request *request, const char *member, struct account *account)
{
    struct service *service = request->service;
    const char *name = body_text(request, member, 1, 256);
    if (!name)
        return false;
    int found =
        name_valid(name) ? store_account_by_name(service->store, name, account) : STORE_NONE;
    if (!store_worked(service, found, "account"))
        request_error(request, "internal", NULL);
    else if (found != STORE_OK)
        request_error(request, "no_such_account", NULL);
    else if (account->id == request->user)
        request_wrong(request, "that is this account itself");
    else
        return true;
    return false;
}

/* --- edges ------------------------------------------------------------------------------------------------- */

static int64_t edges_max(struct service *service, int kind)
{
    const struct policy *policy = service_policy(service);
    return kind == EDGE_FOLLOW    ? policy->follows_max
           : kind == EDGE_CONTACT ? policy->contacts_max
                                  : policy->blocks_max;
}

static void edge_set(struct request *request, int kind)
{
    struct service *service = request->service;
    struct store *store = service->store;
    struct account who;
    bool on, is_on = false;
    int64_t count = 0;
    if (!body_bool(request, "on", &on) || !other_account(request, "who", &who))
        return;
    int done = store_edge_get(store, kind, request->user, who.id, &is_on);
    if (done == STORE_OK && on && !is_on)
        done = store_edge_count(store, kind, request->user, &count);
    if (done == STORE_OK && on && !is_on && count >= edges_max(service, kind)) {
        request_error(request, "too_many", NULL);
        return;
    }
    if (done == STORE_OK && on != is_on)
        done = store_edge_set(store, kind, request->user, who.id, on, service->now);
    if (done != STORE_OK) {
        store_worked(service, done, "edge");
        request_error(request, "internal", NULL);
        return;
    }
    if (kind == EDGE_BLOCK && on)
        calls_blocked(service, request->user, who.id);
    else if (kind != EDGE_BLOCK && !on && is_on)
        calls_settings_changed(service, request->user); /* fewer may call */
    request_ok(request, NULL);
}

static void edge_list(struct request *request, int kind)
{
    struct service *service = request->service;
    char names[NAMES_MAX + 1][NAME_MAX_BYTES + 1];
    size_t count = 0;
    const char *after = body_text_or(request, "after", NAME_MAX_BYTES, "");
    if (!after)
        return;
    if (!store_worked(service,
                      store_edge_list(service->store, kind, request->user, after, names,
                                      NAMES_MAX + 1, &count),
                      "edges")) {
        request_error(request, "internal", NULL);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count && i < NAMES_MAX; i++)
        json_array_append_new(list, json_string(names[i]));
    request_ok(request, json_pack("{s:o,s:b}", "names", list, "more", count > NAMES_MAX));
}

static void follow_set(struct request *request)
{
    edge_set(request, EDGE_FOLLOW);
}

static void contact_set(struct request *request)
{
    edge_set(request, EDGE_CONTACT);
}

static void block_set(struct request *request)
{
    edge_set(request, EDGE_BLOCK);
}

static void follow_list(struct request *request)
{
    edge_list(request, EDGE_FOLLOW);
}

static void contact_list(struct request *request)
{
    edge_list(request, EDGE_CONTACT);
}

static void block_list(struct request *request)
{
    edge_list(request, EDGE_BLOCK);
}

/* --- may I call? ---------------------------------------------------------------------------------------------- */

static bool read_media(struct request *request, bool *video)
{
    const char *media = body_text(request, "media", 1, 1);
    if (!media)
        return false;
    *video = *media == 'v';
    if (!*video && *media != 'a')
        request_wrong(request, "media: neither a nor v");
    return *video || *media == 'a';
}

/* The answer takes as long as call.invite's, whatever it says. */
static void delay_answer(struct request *request)
{
    struct service *service = request->service;
    const struct policy *policy = service_policy(service);
    uint32_t random;
    service->world.random(service->world.context, &random, sizeof random);
    int64_t jitter = policy->answer_jitter_ms > 0
                         ? (int64_t)(random % (uint64_t)(policy->answer_jitter_ms + 1))
                         : 0;
    request_delay(request, service->now + policy->answer_floor_ms + jitter);
}

static void can_call(struct request *request)
{
    struct service *service = request->service;
    struct gate_question question = {.caller = request->user,
                                     .dev = request->dev,
                                     .address = request->session->address,
                                     .limits = service->limits,
                                     .outdated = session_outdated(service, request->session)};
    struct gate_answer answer;
    int64_t retry_ms;
    question.callee = body_text(request, "to", 1, NAME_MAX_BYTES);
    if (!question.callee || !read_media(request, &question.video))
        return;
    if (!limit_take(service->limits, LIMIT_CAN_CALL, request->user, 0, service->now, &retry_ms)) {
        request_try_later(request, retry_ms);
        return;
    }
    if (!store_worked(service,
                      gatekeeper_decide(service->gatekeeper, &question, service->now, &answer),
                      "gate")) {
        request_error(request, "internal", NULL);
        return;
    }
    delay_answer(request);
    uint32_t reason = answer.decision.public_reason;
    if (answer.decision.verdict != XCALL_GATE_DENY) {
        request_ok(request, json_pack("{s:b}", "can", true));
        return;
    }
    json_t *body = json_pack("{s:b,s:s}", "can", false, "code", xcall_gate_public_name(reason));
    if (reason == XCALL_GATE_PUBLIC_TRY_LATER)
        json_object_set_new(body, "retry_ms", json_integer(answer.retry_ms));
    request_ok(request, body);
}

/* --- history ------------------------------------------------------------------------------------------------- */

/* As the call's events have told this side: a caller learns neither that nobody was reached nor that he was
 * blocked, and a callee not that the caller has joined another call. */
static const char *end_told(const struct history_row *row)
{
    return end_name(end_seen(row->reason, row->outgoing, row->accepted));
}

static void history_list(struct request *request)
{
    struct service *service = request->service;
    struct history_row rows[HISTORY_MAX];
    int64_t before, limit;
    size_t count = 0;
    if (!body_int(request, "before", 0, INT64_MAX, INT64_MAX, &before) ||
        !body_int(request, "limit", 1, HISTORY_MAX, HISTORY_MAX, &limit))
        return;
    if (!store_worked(
            service,
            store_history(service->store, request->user, before, rows, (size_t)limit, &count),
            "history")) {
        request_error(request, "internal", NULL);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct history_row *row = &rows[i];
        char call[37];
        call_id_text(row->call, call);
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:s,s:s,s:I,s:s,s:I,s:b}", "call", call, "peer", row->peer,
                            "dir", row->outgoing ? "out" : "in", "media", row->video ? "v" : "a",
                            "at", (json_int_t)row->at_ms, "end", end_told(row), "duration_s",
                            (json_int_t)(row->duration_ms / 1000), "missed", row->missed));
    }
    request_ok(request, json_pack("{s:o}", "calls", list));
}

/* --- reports ------------------------------------------------------------------------------------------------- */

struct report {
    const char *why, *text;
    bool has_call;
    uint8_t call[CALL_ID_SIZE];
};

static bool read_report(struct request *request, struct report *report)
{
    const char *call = body_text_or(request, "call", 36, "");
    report->why = call ? body_text(request, "why", 1, 32) : NULL;
    report->text = report->why ? body_text_or(request, "text", REPORT_TEXT_MAX, "") : NULL;
    if (!report->text)
        return false;
    report->has_call = *call != '\0';
    if (report->has_call && !call_id_parse(call, report->call)) {
        request_wrong(request, "call: not a UUID");
        return false;
    }
    if (strcmp(report->why, "spam") != 0 && strcmp(report->why, "harassment") != 0 &&
        strcmp(report->why, "other") != 0) {
        request_wrong(request, "why: spam, harassment or other");
        return false;
    }
    if (!text_plain(report->text, true)) {
        request_wrong(request, "text: control characters");
        return false;
    }
    return true;
}

/* Enough different accounts in a week: it may not place calls any more until somebody has looked. */
static int restrict_account(struct service *service, struct account *about)
{
    int64_t count = 0, enough = service_policy(service)->restrict_after_reports;
    if (enough <= 0 || about->state != ACCOUNT_ACTIVE)
        return STORE_OK;
    int done = store_report_count(service->store, about->id, service->now - WEEK_MS, &count);
    if (done != STORE_OK || count < enough)
        return done;
    about->state = ACCOUNT_RESTRICTED;
    service->core->counters.restricted++;
    service_log(service, 'w', "account_restricted",
                json_pack("{s:I}", "reports", (json_int_t)count));
    return store_account_set(service->store, about);
}

static void account_report(struct request *request)
{
    struct service *service = request->service;
    struct report report = {0};
    struct account about;
    int64_t retry_ms;
    if (!read_report(request, &report))
        return;
    if (!limit_take(service->limits, LIMIT_REPORTS, request->user, 0, service->now, &retry_ms)) {
        request_try_later(request, retry_ms);
        return;
    }
    if (!other_account(request, "who", &about))
        return;
    if (!limit_take(service->limits, LIMIT_REPORT_PAIR, request->user, about.id, service->now,
                    &retry_ms)) {
        request_ok(request, NULL); /* of today there is one already */
        return;
    }
    int done = store_report_add(service->store, request->user, about.id,
                                report.has_call ? report.call : NULL, report.why, report.text,
                                service->now);
    if (done == STORE_OK) {
        service->core->counters.reports++;
        done = restrict_account(service, &about);
    }
    if (done == STORE_OK) {
        request_ok(request, NULL);
    } else {
        store_worked(service, done, "report");
        request_error(request, "internal", NULL);
    }
}

const struct handler_row people_handlers[] = {
    {.type = "msg.send", .handle = message_send},
    {.type = "msg.list", .handle = message_list, .reads = true},
    {.type = "msg.accept", .handle = message_accept},
    {.type = "msg.chats", .handle = message_chats, .reads = true},
    {.type = "msg.read", .handle = message_read},
    {.type = "follow.set", .handle = follow_set},
    {.type = "contact.set", .handle = contact_set},
    {.type = "block.set", .handle = block_set},
    {.type = "follow.list", .handle = follow_list, .reads = true},
    {.type = "contact.list", .handle = contact_list, .reads = true},
    {.type = "block.list", .handle = block_list, .reads = true},
    {.type = "perm.get", .handle = settings_get, .reads = true},
    {.type = "perm.set", .handle = settings_set},
    {.type = "can_call", .handle = can_call, .reads = true},
    {.type = "history.list", .handle = history_list, .reads = true},
    {.type = "account.report", .handle = account_report},
    {.type = NULL},
};
