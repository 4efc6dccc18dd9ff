/* metrics.c - the core's counters in the text format of Prometheus: figures only, no name, address or key.
 * Versions are what clients say of themselves: a bounded number of them is told apart.
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core.h"
#include "text.h"

#define VERSIONS_MAX 24

void metrics_code(struct service *service, const char *code)
{
    struct code_count *codes = service->core->codes;
    for (size_t i = 0; i < CODES_MAX; i++) {
        if (!codes[i].code[0])
            strncpy(codes[i].code, code, sizeof codes[i].code - 1);
        if (strcmp(codes[i].code, code) == 0) {
            codes[i].count++;
            return;
        }
    }
}

static void counter(char **text, size_t *size, const char *name, uint64_t value)
{
    text_append(text, size, "# TYPE xcalld_%s counter\nxcalld_%s %" PRIu64 "\n", name, name, value);
}

static void gauge(char **text, size_t *size, const char *name, size_t value)
{
    text_append(text, size, "# TYPE xcalld_%s gauge\nxcalld_%s %zu\n", name, name, value);
}

static void counters_text(const struct counters *c, char **text, size_t *size)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"frames_received_total", c->frames},
        {"frame_bytes_received_total", c->frame_bytes},
        {"frames_malformed_total", c->malformed},
        {"frames_ignored_total", c->ignored},
        {"frames_sent_total", c->sent},
        {"frame_bytes_sent_total", c->sent_bytes},
        {"events_total", c->events},
        {"batches_total", c->batches},
        {"batches_failed_total", c->failed_batches},
        {"inputs_failed_total", c->failed_steps},
        {"store_failures_total", c->store_failures},
        {"connections_opened_total", c->opened},
        {"connections_refused_total", c->refused},
        {"connections_closed_total", c->closed},
        {"connections_displaced_total", c->displaced},
        {"hellos_total", c->welcomed},
        {"hellos_failed_total", c->hello_failed},
        {"resumes_total", c->resumed},
        {"resume_gaps_total", c->resume_gaps},
        {"requests_repeated_total", c->repeats},
        {"requests_limited_total", c->limited},
        {"accounts_created_total", c->signed_up},
        {"sign_ins_total", c->signed_in},
        {"sign_ins_failed_total", c->sign_in_failed},
        {"messages_total", c->messages},
        {"messages_withheld_total", c->messages_withheld},
        {"reports_total", c->reports},
        {"accounts_restricted_total", c->restricted},
        {"pushes_total", c->pushes},
        {"changes_followed_total", c->changes},
        {"policy_loads_total", c->reloads},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        counter(text, size, rows[i].name, rows[i].value);
}

struct version_count {
    char version[32];
    size_t count[2]; /* paid */
};

/* Connected devices by version and cohort; what is one version too many is "other". */
static void devices_text(const struct service *service, char **text, size_t *size)
{
    struct version_count versions[VERSIONS_MAX + 1] = {0};
    const struct table *devices = &service->sessions->devices;
    size_t known = 0;
    for (struct table_node *node = table_first(devices); node; node = table_next(devices, node)) {
        const struct session *session = &TABLE_ENTRY(node, struct presence, node)->session;
        const char *version = session->client_version[0] ? session->client_version : "unknown";
        size_t i = 0;
        if (!session->connection)
            continue;
        while (i < known && strcmp(versions[i].version, version) != 0)
            i++;
        if (i == known && known < VERSIONS_MAX)
            snprintf(versions[known++].version, sizeof versions[0].version, "%s", version);
        versions[i].count[session->paid]++;
    }
    text_append(text, size, "# TYPE xcalld_devices gauge\n");
    strcpy(versions[VERSIONS_MAX].version, "other");
    for (size_t i = 0; i <= VERSIONS_MAX; i++)
        for (int paid = 0; paid < 2; paid++)
            if (versions[i].count[paid])
                text_append(text, size, "xcalld_devices{version=\"%s\",cohort=\"%s\"} %zu\n",
                            versions[i].version, paid ? "paid" : "free", versions[i].count[paid]);
}

char *service_metrics(const struct service *service)
{
    const struct core *core = service->core;
    const struct sessions *sessions = service->sessions;
    char *text = NULL;
    size_t size = 0;
    counters_text(&core->counters, &text, &size);
    gauge(&text, &size, "connections", sessions->connections.count);
    gauge(&text, &size, "connections_unauthenticated", sessions->unauthenticated);
    gauge(&text, &size, "devices_connected", sessions->connected);
    gauge(&text, &size, "devices_away", sessions->retained_count);
    gauge(&text, &size, "events_kept_bytes", sessions->event_bytes);
    gauge(&text, &size, "replies_kept_bytes", core->replies.bytes);
    gauge(&text, &size, "answers_delayed", core->replies.heap_count);
    gauge(&text, &size, "requests_held", core->held.count);
    gauge(&text, &size, "limit_buckets", limits_count(service->limits));
    gauge(&text, &size, "strangers_not_relayed", strangers_unrelayed(service));
    gauge(&text, &size, "ready", service_ready(service));
    devices_text(service, &text, &size);
    text_append(&text, &size, "# TYPE xcalld_requests_total counter\n");
    for (size_t i = 0; i < core->types_count; i++)
        text_append(&text, &size, "xcalld_requests_total{type=\"%s\"} %" PRIu64 "\n",
                    core->types[i].row->type, core->types[i].count);
    text_append(&text, &size, "# TYPE xcalld_errors_total counter\n");
    for (size_t i = 0; i < CODES_MAX && core->codes[i].code[0]; i++)
        text_append(&text, &size, "xcalld_errors_total{code=\"%s\"} %" PRIu64 "\n",
                    core->codes[i].code, core->codes[i].count);
    if (service->calls)
        calls_metrics(service, &text, &size);
    return text;
}
