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
    quality->reason = ring_end_of_name(end);
    if (!quality->reason)
        quality->reason = XCALL_LIFE_END_HANGUP;
    return true;
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
    service->calls->figures.quality++;
    request_ok(request, NULL);
}

/* --- metrics --------------------------------------------------------------------------------------------- */

static void head(char **text, size_t *size, const char *name, const char *type, const char *help)
{
    (void)text_append(text, size, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void by_cohort(char **text, size_t *size, const char *name, const char *help,
                      const uint64_t values[2][2])
{
    head(text, size, name, "counter", help);
    for (int video = 0; video < 2; video++) {
        for (int paid = 0; paid < 2; paid++)
            (void)text_append(text, size, "%s{media=\"%s\",cohort=\"%s\"} %llu\n", name,
                              video ? "video" : "audio", paid ? "paid" : "free",
                              (unsigned long long)values[video][paid]);
    }
}

static void single(char **text, size_t *size, const char *name, const char *help, uint64_t value)
{
    head(text, size, name, "counter", help);
    (void)text_append(text, size, "%s %llu\n", name, (unsigned long long)value);
}

static void by_version(char **text, size_t *size, const struct call_figures *figures)
{
    static const char *const steps[] = {"attempt", "connected", "dropped"};
    const uint64_t *const values[] = {figures->version_attempts, figures->version_connected,
                                      figures->version_dropped};
    const char *name = "xcalld_calls_by_version_total";
    head(text, size, name, "counter", "Calls by the class of the caller's program and step.");
    for (uint32_t i = 0; i < figures->version_count; i++) {
        for (int step = 0; step < 3; step++)
            (void)text_append(text, size, "%s{version=\"%s\",step=\"%s\"} %llu\n", name,
                              figures->versions[i], steps[step],
                              (unsigned long long)values[step][i]);
    }
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
    head(text, size, "xcalld_calls_refused_total", "counter", "Invites refused, by what was said.");
    for (uint32_t i = 1; i < REFUSALS_MAX; i++)
        (void)text_append(text, size, "xcalld_calls_refused_total{reason=\"%s\"} %llu\n",
                          xcall_gate_public_name(i), (unsigned long long)figures->refusals[i]);
    head(text, size, "xcalld_calls_ended_total", "counter", "Calls that ended, by reason.");
    for (uint32_t i = 1; i < ENDS_MAX; i++)
        (void)text_append(text, size, "xcalld_calls_ended_total{reason=\"%s\"} %llu\n",
                          ring_end_name(i), (unsigned long long)figures->ended[i]);
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
              "Accepted calls that media or signalling left.", figures->dropped);
    gauges(text, size, calls);
    reasons(text, size, figures);
    by_version(text, size, figures);
    single(text, size, "xcalld_calls_relayed_total", "Calls that had to be relayed.",
           figures->relayed);
    single(text, size, "xcalld_calls_silent_total", "Calls that rang for their caller only.",
           figures->shadows);
    single(text, size, "xcalld_calls_merged_total", "Glare resolved.", figures->merged);
    single(text, size, "xcalld_calls_pushes_total", "Pushes ordered.", figures->pushes);
    single(text, size, "xcalld_calls_conflicts_total", "Rows that another had written first.",
           figures->conflicts);
    single(text, size, "xcalld_calls_bodies_refused_total", "Bodies refused.",
           figures->bodies_refused);
    single(text, size, "xcalld_calls_quality_total", "Quality reports taken.", figures->quality);
    single(text, size, "xcalld_turn_credentials_total", "Relay credentials given out.",
           figures->turn_credentials);
}
