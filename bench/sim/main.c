/* main.c - xcall-sim: options, one simulated call, a table or JSON.
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "script.h"
#include "sim.h"

static const char help[] =
    "usage: xcall-sim [options]\n"
    "Runs a whole call between two sides in virtual time and checks what must hold at every step.\n"
    "The same seed, options and build give the same output.\n"
    "\n"
    "  --seed N              seed of everything random (default 1)\n"
    "  --seconds N           seconds of media after both sides are connected (default 10)\n"
    "  --json FILE           write the result as JSON (- is standard output)\n"
    "  --codecs model|real   frame sizes from the seed, or Opus and VP8 (default model)\n"
    "  --no-video            audio only\n"
    "  --no-trickle          descriptions carry the candidates\n"
    "  --dtx                 discontinuous transmission\n"
    "  --signal-delay MS     delay of signals, one way (default: the link's)\n"
    "  --hostile N           forged datagrams a second to each side\n"
    "  --hold AT:FOR         side a holds, seconds after connected\n"
    "  --read-pause AT:FOR   side b's host stops reading\n"
    "  --write-pause AT:FOR  side a's host stops writing\n"
    "  --hang-up-by-b        side b hangs up instead of a\n"
    "  --script SEED         print what two hosts do in mid-call, a line \"ms side action\", and "
    "end\n"
    "\n"
    "The link; each also as --ab-NAME (from a to b) and --ba-NAME for one direction:\n"
    "  --delay MS            one way\n"
    "  --jitter MS           standard deviation, order kept\n"
    "  --loss PCT            packets lost\n"
    "  --burst N             mean length of a loss, packets (default 1)\n"
    "  --rate KBPS           bottleneck (default none)\n"
    "  --queue MS            drop-tail queue of the bottleneck (default 1000)\n"
    "  --reorder PCT         packets that arrive 30 ms late, out of order\n"
    "  --duplicate PCT, --corrupt PCT\n"
    "  --drift PPM           the sender's media clock runs fast by this\n"
    "  --link-trace FILE     Mahimahi trace, plain or .gz\n"
    "  --outage AT:FOR       seconds since the start; may be repeated\n"
    "\n"
    "Exit: 0, 1 when an invariant was broken, 2 for bad use.\n";

enum {
    OPT_SEED = 1,
    OPT_SECONDS,
    OPT_JSON,
    OPT_CODECS,
    OPT_NO_VIDEO,
    OPT_NO_TRICKLE,
    OPT_DTX,
    OPT_SIGNAL_DELAY,
    OPT_HOSTILE,
    OPT_HOLD,
    OPT_READ_PAUSE,
    OPT_WRITE_PAUSE,
    OPT_HANG_UP,
    OPT_SCRIPT,
    OPT_HELP,
    OPT_LINK = 100
};

enum {
    LINK_DELAY,
    LINK_JITTER,
    LINK_LOSS,
    LINK_BURST,
    LINK_RATE,
    LINK_QUEUE,
    LINK_REORDER,
    LINK_DUPLICATE,
    LINK_CORRUPT,
    LINK_DRIFT,
    LINK_TRACE,
    LINK_OUTAGE,
    LINK_COUNT
};

static const char *const link_names[LINK_COUNT] = {"delay",   "jitter", "loss",       "burst",
                                                   "rate",    "queue",  "reorder",    "duplicate",
                                                   "corrupt", "drift",  "link-trace", "outage"};

#define SPAN_MAX 1e6 /* seconds */

static int bad(const char *name, const char *value, const char *what)
{
    fprintf(stderr, "xcall-sim: --%s %s: %s\n", name, value, what);
    return 2;
}

static bool number(const char *text, double least, double most, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && !*end && *value >= least && *value <= most;
}

static bool span(const char *text, double *at, double *length)
{
    char *colon, *end;
    *at = strtod(text, &colon);
    if (colon == text || *colon != ':')
        return false;
    *length = strtod(colon + 1, &end);
    return end != colon + 1 && !*end && *at >= 0 && *at <= SPAN_MAX && *length >= 0 &&
           *length <= SPAN_MAX;
}

static bool set_link(struct sim_link_options *link, int which, const char *text)
{
    double value = 0, length = 0;
    if (which == LINK_TRACE) {
        link->trace_path = text;
        return true;
    }
    if (which == LINK_OUTAGE) {
        if (link->outage_count == SIM_OUTAGES_MAX || !span(text, &value, &length))
            return false;
        link->outages[link->outage_count++] =
            (struct sim_outage){(uint64_t)(value * 1e9), (uint64_t)(length * 1e9)};
        return true;
    }
    static const double most[LINK_COUNT] = {60000, 10000, 100, 10000, 1e7,
                                            60000, 100,   100, 100,   10000};
    double *const places[] = {
        &link->delay_ms,        &link->jitter_ms, &link->loss_percent,    &link->burst,
        &link->rate_kbps,       &link->queue_ms,  &link->reorder_percent, &link->duplicate_percent,
        &link->corrupt_percent, &link->drift_ppm};
    double least = which == LINK_DRIFT ? -most[which] : 0;
    return number(text, least, most[which], places[which]);
}

static int set_link_option(struct sim_options *options, int code, const char *text)
{
    int which = (code - OPT_LINK) / 3, side = (code - OPT_LINK) % 3;
    for (int i = 0; i < 2; i++)
        if ((side == 0 || side == i + 1) && !set_link(&options->links[i], which, text))
            return bad(link_names[which], text, "not a value that this option takes");
    return 0;
}

static int set_option(struct sim_options *o, int code, const char *name, const char *text,
                      const char **json)
{
    double value;
    char *end;
    bool ok = true;
    switch (code) {
    case OPT_SEED:
        errno = 0;
        o->seed = strtoull(text, &end, 10);
        ok = *text >= '0' && *text <= '9' && !*end && errno != ERANGE;
        break;
    case OPT_SECONDS:
        ok = number(text, 0.1, 100000, &o->seconds);
        break;
    case OPT_JSON:
        *json = text;
        break;
    case OPT_CODECS:
        ok = !strcmp(text, "model") || !strcmp(text, "real");
        o->codecs = ok && *text == 'r' ? SIM_CODECS_REAL : SIM_CODECS_MODEL;
        break;
    case OPT_NO_VIDEO:
        o->no_video = true;
        break;
    case OPT_NO_TRICKLE:
        o->no_trickle = true;
        break;
    case OPT_HANG_UP:
        o->hang_up_by_b = true;
        break;
    case OPT_DTX:
        o->dtx = true;
        break;
    case OPT_SIGNAL_DELAY:
        ok = number(text, 0, 60000, &o->signal_delay_ms);
        break;
    case OPT_HOSTILE:
        ok = number(text, 0, 10000, &value);
        o->hostile_per_s = value;
        break;
    case OPT_HOLD:
        ok = span(text, &o->hold_at, &o->hold_for);
        break;
    case OPT_READ_PAUSE:
        ok = span(text, &o->read_pause_at, &o->read_pause_for);
        break;
    case OPT_WRITE_PAUSE:
        ok = span(text, &o->write_pause_at, &o->write_pause_for);
        break;
    default:
        return set_link_option(o, code, text);
    }
    return ok ? 0 : bad(name, text, "not a value that this option takes");
}

/* For whoever replays it elsewhere: see script.h. */
static int print_script(const char *text)
{
    struct script_line lines[SCRIPT_LINES_MAX];
    char *end;
    uint64_t seed = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end)
        return bad("script", text, "not a seed");
    uint32_t count = script_make(seed, lines);
    for (uint32_t i = 0; i < count; i++)
        printf("%u %c %s\n", (unsigned)lines[i].at_ms, 'a' + lines[i].side,
               script_actions[lines[i].action].name);
    return 0;
}

static int parse(int argc, char **argv, struct sim_options *options, const char **json)
{
    static char names[LINK_COUNT * 3][24];
    static struct option table[LINK_COUNT * 3 + 17] = {{"seed", 1, 0, OPT_SEED},
                                                       {"seconds", 1, 0, OPT_SECONDS},
                                                       {"json", 1, 0, OPT_JSON},
                                                       {"codecs", 1, 0, OPT_CODECS},
                                                       {"no-video", 0, 0, OPT_NO_VIDEO},
                                                       {"no-trickle", 0, 0, OPT_NO_TRICKLE},
                                                       {"dtx", 0, 0, OPT_DTX},
                                                       {"signal-delay", 1, 0, OPT_SIGNAL_DELAY},
                                                       {"hostile", 1, 0, OPT_HOSTILE},
                                                       {"hold", 1, 0, OPT_HOLD},
                                                       {"read-pause", 1, 0, OPT_READ_PAUSE},
                                                       {"write-pause", 1, 0, OPT_WRITE_PAUSE},
                                                       {"hang-up-by-b", 0, 0, OPT_HANG_UP},
                                                       {"script", 1, 0, OPT_SCRIPT},
                                                       {"help", 0, 0, OPT_HELP}};
    static const char *const sides[3] = {"", "ab-", "ba-"};
    int base = 15, code, index = 0;
    for (int i = 0; i < LINK_COUNT * 3; i++) {
        snprintf(names[i], sizeof names[i], "%s%s", sides[i % 3], link_names[i / 3]);
        table[base + i] = (struct option){names[i], 1, 0, OPT_LINK + i};
    }
    while ((code = getopt_long(argc, argv, "", table, &index)) != -1) {
        if (code == OPT_HELP) {
            fputs(help, stdout);
            exit(0);
        }
        if (code == OPT_SCRIPT)
            exit(print_script(optarg));
        if (code == '?')
            return 2; /* getopt has said why */
        int result = set_option(options, code, table[index].name, optarg, json);
        if (result)
            return result;
    }
    if (optind == argc)
        return 0;
    fprintf(stderr, "xcall-sim: %s: no such option (see --help)\n", argv[optind]);
    return 2;
}

static const char *const direction_names[2] = {"a_to_b", "b_to_a"};

static void write_string(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20)
            continue;
        if (*text == '"' || *text == '\\')
            fputc('\\', file);
        fputc(*text, file);
    }
    fputc('"', file);
}

static void write_link(FILE *file, const struct sim_link_options *l)
{
    fprintf(file,
            "{\"delay_ms\":%g,\"jitter_ms\":%g,\"loss_pct\":%g,\"burst\":%g,\"rate_kbps\":%g,"
            "\"queue_ms\":%g,\"reorder_pct\":%g,\"duplicate_pct\":%g,\"corrupt_pct\":%g,"
            "\"drift_ppm\":%g,\"outages_s\":[",
            l->delay_ms, l->jitter_ms, l->loss_percent, sim_link_burst(l), l->rate_kbps,
            sim_link_queue_ms(l), l->reorder_percent, l->duplicate_percent, l->corrupt_percent,
            l->drift_ppm);
    for (uint32_t i = 0; i < l->outage_count; i++)
        fprintf(file, "%s[%g,%g]", i ? "," : "", (double)l->outages[i].at / 1e9,
                (double)l->outages[i].length / 1e9);
    fputs("],\"link_trace\":", file);
    write_string(file, l->trace_path ? l->trace_path : "");
    fputc('}', file);
}

/* A number that is below 0 when it never happened or was left open. */
static void write_number(FILE *file, const char *name, const char *form, double value)
{
    fprintf(file, ",\"%s\":", name);
    if (value < 0)
        fputs("null", file);
    else
        fprintf(file, form, value);
}

static void write_span(FILE *file, const char *name, double at, double length)
{
    if (length > 0)
        fprintf(file, ",\"%s\":[%g,%g]", name, at, length);
    else
        fprintf(file, ",\"%s\":null", name);
}

static void write_settings(FILE *file, const struct sim_options *o)
{
    fprintf(file, "{\"seconds\":%g,\"codecs\":\"%s\",\"video\":%s,\"no_trickle\":%s,\"dtx\":%s",
            o->seconds, o->codecs ? "real" : "model", o->no_video ? "false" : "true",
            o->no_trickle ? "true" : "false", o->dtx ? "true" : "false");
    write_number(file, "signal_delay_ms", "%g", o->signal_delay_ms);
    write_number(file, "hostile_per_s", "%g", o->hostile_per_s);
    write_span(file, "hold", o->hold_at, o->hold_for);
    write_span(file, "read_pause", o->read_pause_at, o->read_pause_for);
    write_span(file, "write_pause", o->write_pause_at, o->write_pause_for);
    fprintf(file, ",\"hang_up_by_b\":%s", o->hang_up_by_b ? "true" : "false");
    for (int i = 0; i < 2; i++) {
        fprintf(file, ",\"%s\":", direction_names[i]);
        write_link(file, &o->links[i]);
    }
    fputc('}', file);
}

static const char *end_name(uint32_t reason)
{
    static const char *const names[] = {"none",           "hang_up",          "remote_hang_up",
                                        "connect_failed", "connection_lost",  "security",
                                        "negotiation",    "overflow",         "closed",
                                        "failed",         "relay_unavailable"};
    return reason < XC_ARRAY_LEN(names) ? names[reason] : "unknown";
}

static void write_json(FILE *file, const struct sim_options *o, const struct sim_result *r)
{
    const char *const *names = direction_names;
    fprintf(file, "{\"seed\":%llu,\"settings\":", (unsigned long long)o->seed);
    write_settings(file, o);
    write_number(file, "connected_ms", "%.3f", r->connected_ms);
    write_number(file, "first_audio_ms", "%.3f", r->first_audio_ms);
    write_number(file, "first_video_ms", "%.3f", r->first_video_ms);
    for (int i = 0; i < 2; i++) {
        const struct sim_direction *d = &r->directions[i];
        fprintf(file,
                "%s\"%s\":{\"sent\":%llu,\"played\":%llu,\"concealed_pct\":%.3f,"
                "\"added_delay_ms\":%.3f,\"fec_packets_used\":%llu}%s",
                i ? "," : ",\"audio\":{", names[i], (unsigned long long)d->audio_sent,
                (unsigned long long)d->audio_played, d->concealed_percent, d->added_delay_ms,
                (unsigned long long)d->fec_used, i ? "}" : "");
    }
    for (int i = 0; i < 2; i++) {
        const struct sim_direction *d = &r->directions[i];
        fprintf(file,
                "%s\"%s\":{\"sent\":%llu,\"delivered\":%llu,\"skipped\":%llu,\"freezes\":%llu,"
                "\"delay_ms\":"
                "{\"p50\":%.3f,\"p95\":%.3f},\"plis\":%llu}%s",
                i ? "," : ",\"video\":{", names[i], (unsigned long long)d->video_sent,
                (unsigned long long)d->video_delivered, (unsigned long long)d->video_skipped,
                (unsigned long long)d->freezes, d->video_delay_p50_ms, d->video_delay_p95_ms,
                (unsigned long long)d->plis, i ? "}" : "");
    }
    fprintf(file,
            ",\"packets\":{\"a_to_b\":%llu,\"b_to_a\":%llu},\"retransmitted\":{\"a_to_b\":%llu,"
            "\"b_to_a\":%llu},\"invariant_failures\":%u,\"invariant_failure\":",
            (unsigned long long)r->directions[0].packets,
            (unsigned long long)r->directions[1].packets,
            (unsigned long long)r->directions[0].retransmitted,
            (unsigned long long)r->directions[1].retransmitted, r->invariant_failures);
    write_string(file, r->failure);
    fprintf(file, ",\"end_reason\":{\"a\":\"%s\",\"b\":\"%s\"}}\n", end_name(r->end_reason[0]),
            end_name(r->end_reason[1]));
}

static void print_time(const char *what, double ms)
{
    if (ms < 0)
        printf("%s never", what);
    else
        printf("%s after %.1f ms", what, ms);
}

static void print_table(const struct sim_options *o, const struct sim_result *r)
{
    printf("seed %llu: ", (unsigned long long)o->seed);
    print_time("connected", r->connected_ms);
    print_time(", first audio", r->first_audio_ms);
    print_time(", first video", r->first_video_ms);
    putchar('\n');
    printf("%-8s %8s %8s %11s %9s %8s %9s %8s %9s %9s\n", "", "audio", "played", "concealed",
           "added", "video", "delivered", "freezes", "p50", "p95");
    for (int i = 0; i < 2; i++) {
        const struct sim_direction *d = &r->directions[i];
        printf("%-8s %8llu %8llu %9.2f %% %6.1f ms %8llu %9llu %8llu %6.1f ms %6.1f ms\n",
               i ? "b to a" : "a to b", (unsigned long long)d->audio_sent,
               (unsigned long long)d->audio_played, d->concealed_percent, d->added_delay_ms,
               (unsigned long long)d->video_sent, (unsigned long long)d->video_delivered,
               (unsigned long long)d->freezes, d->video_delay_p50_ms, d->video_delay_p95_ms);
    }
    printf("%u invariants broken%s%s\n", r->invariant_failures, r->failure[0] ? ": " : "",
           r->failure);
}

int main(int argc, char **argv)
{
    struct sim_options options;
    struct sim_result result;
    const char *json = NULL, *words;
    sim_options_init(&options);
    int bad_use = parse(argc, argv, &options, &json);
    if (bad_use)
        return bad_use;
    if (!sim_run(&options, &result, &words)) {
        fprintf(stderr, "xcall-sim: %s\n", words);
        return 2;
    }
    FILE *file = !json ? NULL : !strcmp(json, "-") ? stdout : fopen(json, "w");
    if (json && !file) {
        fprintf(stderr, "xcall-sim: %s: cannot be written\n", json);
        return 2;
    }
    if (file)
        write_json(file, &options, &result);
    if (file && file != stdout && fclose(file) != 0) {
        fprintf(stderr, "xcall-sim: %s: cannot be written\n", json);
        return 2;
    }
    if (file != stdout)
        print_table(&options, &result);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "xcall-sim: standard output cannot be written\n");
        return 2;
    }
    return result.invariant_failures ? 1 : 0;
}
