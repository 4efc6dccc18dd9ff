/* calls_figures.c - call.quality, and what /metrics says of calls: attempts, refusals, set-ups, drops, by medium,
 * cohort and class of client version. Numbers only. Service thread.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <xcall/life.h>

#include "calls.h"
#include "text.h"

/* --- classes of versions ------------------------------------------------------------------------------- */

/* "1.12.3" is of class "1.12". Who says anything else, or comes when the table is full: "other". */
uint8_t version_class(struct calls *calls, const char *version)
{
    struct call_figures *figures = &calls->figures;
    if (figures->version_count == 0) {
        memcpy(figures->versions[0], "other", 6);
        figures->version_count = 1;
    }
    size_t major = strspn(version, "0123456789");
    if (!major || version[major] != '.')
        return 0;
    size_t size = major + 1 + strspn(version + major + 1, "0123456789");
    if (size == major + 1 || size >= sizeof figures->versions[0])
        return 0;
    for (uint32_t i = 1; i < figures->version_count; i++) {
        if (strlen(figures->versions[i]) == size &&
            memcmp(figures->versions[i], version, size) == 0)
            return (uint8_t)i;
    }
    if (figures->version_count == VERSIONS_MAX)
        return 0;
    memcpy(figures->versions[figures->version_count], version, size);
    return (uint8_t)figures->version_count++;
}

/* --- devices that vanish ------------------------------------------------------------------------------- */

/* Nobody sees a program crash from here. What is seen: the connection of a device goes while its call is up, without
 * a close frame that says goodbye (a page that is left or loaded again says it, RFC 6455 section 7.4.1), and
 * it comes back as a program that knows nothing (hello without resume), or not before the call's end. */

static bool is_up(const struct call_row *row)
{
    return row->state == CALL_ACCEPTED || row->state == CALL_ACTIVE;
}

static int32_t dev_of(const struct call_row *row, int side)
{
    return side == 0 ? row->caller_dev : row->callee_dev;
}

/* back: as a new program. */
static void vanished(struct calls *calls, struct live_call *call, int side, bool back)
{
    struct call_row *row = &call->ring.row;
    const struct call_party *party = &call->party[side];
    *(side == 0 ? &row->caller_vanished : &row->callee_vanished) = true;
    calls->figures.vanished[back][row->video][party->paid]++;
    calls->figures.by_version[STEP_VANISHED][party->version]++;
}

static bool has_vanished(const struct call_row *row, int side)
{
    return side == 0 ? row->caller_vanished : row->callee_vanished;
}

void figures_joined(struct service *service, struct live_call *call)
{
    const struct call_row *row = &call->ring.row;
    for (int side = 0; side < 2; side++) {
        struct call_party *party = &call->party[side];
        const struct session *session =
            session_of(service, side == 0 ? row->caller : row->callee, dev_of(row, side));
        party->away = !session && party->seen;
        party->left = false;
        party->seen |= session != NULL;
        if (session) {
            party->paid = session->paid;
            party->version = version_class(service->calls, session->client_version);
        }
        service->calls->figures.by_version[STEP_JOINED][party->version]++;
    }
}

void figures_online(struct service *service, const struct session *session, bool resumed)
{
    for (int side = 0; side < 2; side++) {
        for (struct live_call *call = live_of(service->calls, side, session->user, NULL); call;
             call = live_of(service->calls, side, session->user, call)) {
            struct call_party *party = &call->party[side];
            if (dev_of(&call->ring.row, side) != session->dev)
                continue;
            if (is_up(&call->ring.row) && party->seen && !party->left && !resumed &&
                !has_vanished(&call->ring.row, side))
                vanished(service->calls, call, side, true);
            party->away = party->left = false;
            party->seen = true;
            party->paid = session->paid;
            party->version = version_class(service->calls, session->client_version);
        }
    }
}

/* A service that drains sends them away itself. */
void figures_offline(struct service *service, int64_t user, int32_t dev, bool goodbye)
{
    for (int side = 0; side < 2 && !service->draining; side++) {
        for (struct live_call *call = live_of(service->calls, side, user, NULL); call;
             call = live_of(service->calls, side, user, call)) {
            if (!is_up(&call->ring.row) || dev_of(&call->ring.row, side) != dev)
                continue;
            call->party[side].away = !goodbye;
            call->party[side].left = goodbye;
        }
    }
}

void figures_away(const struct live_call *call, struct call_row *row)
{
    if (!is_up(&call->ring.row) || row->state != CALL_ENDED)
        return;
    row->caller_vanished |= call->party[0].away;
    row->callee_vanished |= call->party[1].away;
}

/* --- steps of a call --------------------------------------------------------------------------------------- */

void figures_attempt(struct calls *calls, const struct session *session, bool video)
{
    struct call_figures *figures = &calls->figures;
    figures->attempts[video][session->paid]++;
    figures->by_version[STEP_ATTEMPT][version_class(calls, session->client_version)]++;
}

void figures_refused(struct calls *calls, const struct session *session, bool video,
                     uint32_t public_reason)
{
    struct call_figures *figures = &calls->figures;
    figures->refusals[public_reason < REFUSALS_MAX ? public_reason : 0][video][session->paid]++;
    figures->by_version[STEP_REFUSED][version_class(calls, session->client_version)]++;
}

static void count_received(struct calls *calls, const struct live_call *call, int step)
{
    calls->figures.received[step][call->ring.row.video][call->party[1].paid]++;
}

void figures_placed(struct calls *calls, const struct live_call *call)
{
    struct call_figures *figures = &calls->figures;
    const struct call_row *row = &call->ring.row;
    const struct call_party *caller = &call->party[0];
    figures->path[row->relay][row->video][caller->paid]++;
    figures->by_version[row->relay ? STEP_RELAYED : STEP_DIRECT][caller->version]++;
    figures->shadows += row->shadow;
    count_received(calls, call, RECEIVED_PLACED);
}

static void count_end(struct calls *calls, uint32_t reason, bool video, bool paid)
{
    calls->figures.ended[reason < ENDS_MAX ? reason : 0][video][paid]++;
}

void figures_ended_at_once(struct calls *calls, const struct session *session, bool video,
                           uint32_t reason)
{
    count_end(calls, reason, video, session->paid);
}

/* As the guard figures have it (store_reports.c). */
static bool was_dropped(const struct call_row *row)
{
    return row->active_ms > 0 &&
           (row->reason == XCALL_LIFE_END_MEDIA_LOST || row->reason == XCALL_LIFE_END_SIGNAL_LOST ||
            row->reason == XCALL_LIFE_END_SERVER_RESTART);
}

static void ended(struct calls *calls, const struct live_call *call, const struct call_row *before)
{
    struct call_figures *figures = &calls->figures;
    const struct call_row *row = &call->ring.row;
    const struct call_party *caller = &call->party[0];
    count_end(calls, row->reason, row->video, caller->paid);
    if (was_dropped(row)) {
        figures->dropped[row->video][caller->paid]++;
        figures->by_version[STEP_DROPPED][caller->version]++;
        count_received(calls, call, RECEIVED_DROPPED);
    }
    for (int side = 0; side < 2; side++) {
        const struct call_party *party = &call->party[side];
        if (!has_vanished(row, side) || has_vanished(before, side))
            continue;
        figures->vanished[0][row->video][party->paid]++;
        figures->by_version[STEP_VANISHED][party->version]++;
    }
}

void figures_changed(struct calls *calls, const struct live_call *call,
                     const struct call_row *before)
{
    const struct call_row *row = &call->ring.row;
    struct call_figures *figures = &calls->figures;
    const struct call_party *caller = &call->party[0];
    if (before->state == row->state)
        return;
    figures->live[row->video][before->state]--;
    if (row->state == CALL_ENDED) {
        ended(calls, call, before);
        return;
    }
    figures->live[row->video][row->state]++;
    if (row->state == CALL_ACCEPTED) {
        figures->accepted[row->video][caller->paid]++;
        figures->by_version[STEP_ACCEPTED][caller->version]++;
        count_received(calls, call, RECEIVED_ACCEPTED);
    } else if (row->state == CALL_ACTIVE) {
        figures->connected[row->video][caller->paid]++;
        figures->by_version[STEP_CONNECTED][caller->version]++;
        count_received(calls, call, RECEIVED_CONNECTED);
    }
}

/* --- call.quality -------------------------------------------------------------------------------------- */

/* Once a side; the places are taken in turn by hash, so a repeat after thousands of calls counts again. */
static bool said_before(struct calls *calls, const uint8_t call[CALL_ID_SIZE], uint8_t side)
{
    uint32_t hash = side;
    for (unsigned i = 0; i < CALL_ID_SIZE; i++)
        hash = hash * 31 + call[i];
    struct quality_memory *memory = &calls->quality[hash % QUALITY_SEEN_MAX];
    if (memory->side == side && memcmp(memory->call, call, CALL_ID_SIZE) == 0)
        return true;
    call_bytes_change(calls, memory, sizeof *memory);
    memcpy(memory->call, call, CALL_ID_SIZE);
    memory->side = side;
    return false;
}

static bool read_quality(struct request *request, struct quality *quality)
{
    int64_t setup = -1, first = -1, loss = -1;
    if (!body_int(request, "setup_ms", -1, 600000, -1, &setup) ||
        !body_int(request, "first_media_ms", -1, 600000, -1, &first) ||
        !body_int(request, "loss_permille", -1, 1000, -1, &loss))
        return false;
    quality->relay = json_is_true(json_object_get(request->body, "relay"));
    quality->setup_ms = (int32_t)setup;
    quality->first_media_ms = (int32_t)first;
    quality->loss_permille = (int32_t)loss;
    const char *end = body_text_or(request, "end", 32, "hangup");
    if (!end)
        return false;
    quality->reason = end_of_name(end);
    if (!quality->reason)
        quality->reason = XCALL_LIFE_END_HANGUP;
    return true;
}

static const uint32_t setup_ms[SETUP_STEPS] = {250,  500,  1000,  1500, 2000,
                                               3000, 5000, 10000, 30000};

static void count_quality(struct calls *calls, const struct quality *quality)
{
    struct call_figures *figures = &calls->figures;
    figures->quality[quality->video][quality->paid]++;
    figures->by_version[STEP_REPORTED][version_class(calls, quality->version)]++;
    if (quality->setup_ms < 0)
        return;
    unsigned step = 0;
    while (step < SETUP_STEPS && (uint32_t)quality->setup_ms > setup_ms[step])
        step++;
    figures->setup[quality->relay][quality->paid][step]++;
    figures->setup_sum_ms[quality->relay][quality->paid] += (uint64_t)quality->setup_ms;
}

void call_quality(struct request *request)
{
    struct service *service = request->service;
    const struct session *session = request->session;
    struct place place;
    struct quality quality;
    memset(&quality, 0, sizeof quality);
    if (!place_find(request, &place, true))
        return;
    const struct call_row *row = place.live ? &place.live->ring.row : &place.past.row;
    int64_t tombstone = gatekeeper_policy(service->gatekeeper)->tombstone_ms;
    if (!place.caller && row->callee_dev != session->dev) {
        request_error(request, "not_yours", NULL);
        return;
    }
    if (!place.live && service->now - row->end_ms > tombstone) {
        (void)answer_refusal(request, &place, RING_ENDED);
        return;
    }
    if (!read_quality(request, &quality))
        return;
    if (said_before(service->calls, request->call, place.caller ? 1 : 2)) {
        request_ok(request, NULL);
        return;
    }
    memcpy(quality.call, request->call, CALL_ID_SIZE);
    quality.video = row->video;
    quality.paid = session->paid;
    (void)snprintf(quality.version, sizeof quality.version, "%.31s", session->client_version);
    if (store_quality_add(service->store, &quality, service->now) == STORE_FAILED) {
        request_error(request, "internal", NULL);
        return;
    }
    count_quality(service->calls, &quality);
    request_ok(request, NULL);
}

/* --- metrics --------------------------------------------------------------------------------------------- */

static void head(char **text, size_t *size, const char *name, const char *type, const char *help)
{
    (void)text_append(text, size, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* label: more of them, with a comma behind; or empty. */
static void four(char **text, size_t *size, const char *name, const char *label,
                 const uint64_t values[2][2])
{
    for (int video = 0; video < 2; video++) {
        for (int paid = 0; paid < 2; paid++)
            (void)text_append(text, size, "%s{%smedia=\"%s\",cohort=\"%s\"} %llu\n", name, label,
                              video ? "video" : "audio", paid ? "paid" : "free",
                              (unsigned long long)values[video][paid]);
    }
}

static void by_cohort(char **text, size_t *size, const char *name, const char *help,
                      const uint64_t values[2][2])
{
    head(text, size, name, "counter", help);
    four(text, size, name, "", values);
}

/* Also by a thing whose names are a few that the program has. */
static void four_of(char **text, size_t *size, const char *name, const char *label,
                    const char *value, const uint64_t values[2][2])
{
    char labels[64];
    (void)snprintf(labels, sizeof labels, "%s=\"%s\",", label, value);
    four(text, size, name, labels, values);
}

static void single(char **text, size_t *size, const char *name, const char *help, uint64_t value)
{
    head(text, size, name, "counter", help);
    (void)text_append(text, size, "%s %llu\n", name, (unsigned long long)value);
}

static void by_version(char **text, size_t *size, const struct call_figures *figures)
{
    static const char *const steps[VERSION_STEPS] = {
        [STEP_ATTEMPT] = "attempt",          [STEP_REFUSED] = "refused",
        [STEP_RELAYED] = "relayed",          [STEP_DIRECT] = "direct",
        [STEP_ACCEPTED] = "accepted",        [STEP_CONNECTED] = "connected",
        [STEP_DROPPED] = "dropped",          [STEP_JOINED] = "device",
        [STEP_VANISHED] = "device_vanished", [STEP_REPORTED] = "device_reported"};
    const char *name = "xcalld_calls_by_version_total";
    head(text, size, name, "counter",
         "Calls by the class of the caller's program and step, and "
         "devices of accepted calls by their own.");
    for (uint32_t i = 0; i < figures->version_count; i++) {
        for (int step = 0; step < VERSION_STEPS; step++)
            (void)text_append(text, size, "%s{version=\"%s\",step=\"%s\"} %llu\n", name,
                              figures->versions[i], steps[step],
                              (unsigned long long)figures->by_version[step][i]);
    }
}

static void vanished_text(char **text, size_t *size, const struct call_figures *figures)
{
    const char *name = "xcalld_calls_devices_vanished_total";
    head(text, size, name, "counter",
         "Devices whose connection went without a goodbye while their call was up and "
         "that came back as a new program, or not before its end.");
    four_of(text, size, name, "back", "new", figures->vanished[1]);
    four_of(text, size, name, "back", "never", figures->vanished[0]);
}

static void setup_text(char **text, size_t *size, const struct call_figures *figures, int relay,
                       int paid)
{
    const char *name = "xcalld_call_setup_ms", *cohort = paid ? "paid" : "free";
    const char *path = relay ? "relayed" : "direct";
    unsigned long long sum = 0;
    for (unsigned step = 0; step <= SETUP_STEPS; step++) {
        char below[16] = "+Inf";
        if (step < SETUP_STEPS)
            (void)snprintf(below, sizeof below, "%u", (unsigned)setup_ms[step]);
        sum += figures->setup[relay][paid][step];
        (void)text_append(text, size, "%s_bucket{path=\"%s\",cohort=\"%s\",le=\"%s\"} %llu\n", name,
                          path, cohort, below, sum);
    }
    (void)text_append(text, size, "%s_sum{path=\"%s\",cohort=\"%s\"} %llu\n", name, path, cohort,
                      (unsigned long long)figures->setup_sum_ms[relay][paid]);
    (void)text_append(text, size, "%s_count{path=\"%s\",cohort=\"%s\"} %llu\n", name, path, cohort,
                      sum);
}

static void gauges(char **text, size_t *size, const struct calls *calls)
{
    static const struct {
        int state;
        const char *name;
    } states[] = {{CALL_RINGING, "ringing"}, {CALL_ACCEPTED, "accepted"}, {CALL_ACTIVE, "active"}};
    head(text, size, "xcalld_calls_live", "gauge", "Calls by medium and state.");
    for (int video = 0; video < 2; video++) {
        for (size_t i = 0; i < 3; i++)
            (void)text_append(text, size, "xcalld_calls_live{media=\"%s\",state=\"%s\"} %llu\n",
                              video ? "video" : "audio", states[i].name,
                              (unsigned long long)calls->figures.live[video][states[i].state]);
    }
}

static void reasons(char **text, size_t *size, const struct call_figures *figures)
{
    const char *name = "xcalld_calls_refused_total";
    head(text, size, name, "counter", "Invites refused, by what was said.");
    for (uint32_t i = 1; i < REFUSALS_MAX; i++)
        four_of(text, size, name, "reason", xcall_gate_public_name(i), figures->refusals[i]);
    name = "xcalld_calls_ended_total";
    head(text, size, name, "counter", "Calls that ended, by reason.");
    for (uint32_t i = 1; i < ENDS_MAX; i++)
        four_of(text, size, name, "reason", end_name(i), figures->ended[i]);
}

static void received_text(char **text, size_t *size, const struct call_figures *figures)
{
    static const char *const steps[RECEIVED_STEPS] = {[RECEIVED_PLACED] = "placed",
                                                      [RECEIVED_ACCEPTED] = "accepted",
                                                      [RECEIVED_CONNECTED] = "connected",
                                                      [RECEIVED_DROPPED] = "dropped"};
    const char *name = "xcalld_calls_received_total";
    head(text, size, name, "counter", "Calls by step and by the callee's cohort.");
    for (int step = 0; step < RECEIVED_STEPS; step++)
        four_of(text, size, name, "step", steps[step], figures->received[step]);
}

static void sig_text(char **text, size_t *size, const struct call_figures *figures)
{
    const char *name = "xcalld_sig_total";
    const struct {
        const char *what;
        uint64_t value;
    } rows[] = {{"forwarded", figures->sig_forwarded}, {"kept", figures->sig_kept},
                {"late", figures->sig_late},           {"refused", figures->sig_refused},
                {"over", figures->sig_over},           {"repeated", figures->sig_repeated}};
    head(text, size, name, "counter", "Frames between two devices, by what became of them.");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        (void)text_append(text, size, "%s{what=\"%s\"} %llu\n", name, rows[i].what,
                          (unsigned long long)rows[i].value);
}

void calls_metrics(const struct service *service, char **text, size_t *size)
{
    const struct calls *calls = service->calls;
    const struct call_figures *figures = &calls->figures;
    by_cohort(text, size, "xcalld_calls_attempts_total", "Invites that the gate decided on.",
              figures->attempts);
    by_cohort(text, size, "xcalld_calls_accepted_total", "Calls accepted.", figures->accepted);
    by_cohort(text, size, "xcalld_calls_connected_total", "Calls with media up on both sides.",
              figures->connected);
    by_cohort(text, size, "xcalld_calls_dropped_total",
              "Connected calls that ended because media, signalling or the server was lost.",
              figures->dropped);
    received_text(text, size, figures);
    gauges(text, size, calls);
    reasons(text, size, figures);
    sig_text(text, size, figures);
    by_version(text, size, figures);
    by_cohort(text, size, "xcalld_calls_relayed_total", "Calls placed that had to be relayed.",
              figures->path[1]);
    by_cohort(text, size, "xcalld_calls_direct_total", "Calls placed that had not.",
              figures->path[0]);
    by_cohort(text, size, "xcalld_calls_quality_total", "Quality reports taken.", figures->quality);
    vanished_text(text, size, figures);
    head(text, size, "xcalld_call_setup_ms", "histogram", "Set-up times that devices reported.");
    for (int i = 0; i < 4; i++)
        setup_text(text, size, figures, i / 2, i % 2);
    single(text, size, "xcalld_calls_silent_total", "Calls that rang for their caller only.",
           figures->shadows);
    single(text, size, "xcalld_calls_merged_total", "Glare resolved.", figures->merged);
    single(text, size, "xcalld_calls_pushes_total", "Pushes ordered.", figures->pushes);
    single(text, size, "xcalld_calls_conflicts_total", "Rows that another had written first.",
           figures->conflicts);
    single(text, size, "xcalld_calls_bodies_refused_total", "Bodies refused.",
           figures->bodies_refused);
    single(text, size, "xcalld_turn_credentials_total", "Relay credentials given out.",
           figures->turn_credentials);
}
