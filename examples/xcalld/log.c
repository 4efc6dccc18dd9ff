/* log.c - lines wait in a bounded list; a thread writes them. A token bucket bounds the rate of those
 * below error.
 * SPDX-License-Identifier: MIT */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAITING_MAX 4096 /* lines */

struct line {
    struct line *next;
    size_t size;
    char text[];
};

static struct {
    struct log_options options;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    struct line *first, *last;
    unsigned waiting;
    double tokens;
    struct timespec filled;
    uint64_t lost, lost_said;
    bool open, stop, reopen;
    int descriptor;
} the_log = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .descriptor = -1};

static int rank(char level)
{
    const char *order = "ewid", *found = level ? strchr(order, level) : NULL;
    return found ? (int)(found - order) : 3;
}

static int open_file(void)
{
    if (!the_log.options.file)
        return STDERR_FILENO;
    return open(the_log.options.file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

static void write_whole(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t wrote = write(the_log.descriptor, text, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return; /* a full disk must not end the service */
        text += wrote;
        size -= (size_t)wrote;
    }
}

static void reopen_file(void)
{
    int fresh = open_file();
    if (fresh < 0)
        return; /* the old one is still there */
    if (the_log.descriptor != STDERR_FILENO)
        close(the_log.descriptor);
    the_log.descriptor = fresh;
}

static void *write_lines(void *context)
{
    (void)context;
    pthread_mutex_lock(&the_log.lock);
    for (;;) {
        while (!the_log.first && !the_log.stop && !the_log.reopen)
            pthread_cond_wait(&the_log.wake, &the_log.lock);
        struct line *lines = the_log.first;
        bool reopen = the_log.reopen, stop = the_log.stop;
        the_log.first = the_log.last = NULL;
        the_log.waiting = 0;
        the_log.reopen = false;
        pthread_mutex_unlock(&the_log.lock);
        if (reopen)
            reopen_file();
        while (lines) {
            struct line *line = lines;
            lines = line->next;
            write_whole(line->text, line->size);
            free(line);
        }
        if (stop)
            return NULL;
        pthread_mutex_lock(&the_log.lock);
    }
}

bool log_open(const struct log_options *options)
{
    the_log.options = *options;
    the_log.descriptor = open_file();
    if (the_log.descriptor < 0)
        return false;
    the_log.tokens = options->lines_per_second;
    clock_gettime(CLOCK_MONOTONIC, &the_log.filled);
    the_log.open = pthread_create(&the_log.thread, NULL, write_lines, NULL) == 0;
    return the_log.open;
}

static void signal_writer(bool *flag)
{
    pthread_mutex_lock(&the_log.lock);
    *flag = true;
    pthread_cond_signal(&the_log.wake);
    pthread_mutex_unlock(&the_log.lock);
}

void log_reopen(void)
{
    if (the_log.open)
        signal_writer(&the_log.reopen);
}

void log_close(void)
{
    if (!the_log.open)
        return;
    signal_writer(&the_log.stop);
    pthread_join(the_log.thread, NULL);
    the_log.open = false;
    if (the_log.descriptor != STDERR_FILENO)
        close(the_log.descriptor);
}

static bool take_token(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double most = the_log.options.lines_per_second;
    double passed = (double)(now.tv_sec - the_log.filled.tv_sec) +
                    (double)(now.tv_nsec - the_log.filled.tv_nsec) * 1e-9;
    the_log.filled = now;
    the_log.tokens += passed * most;
    if (the_log.tokens > most)
        the_log.tokens = most;
    if (the_log.tokens < 1)
        return false;
    the_log.tokens--;
    return true;
}

static struct line *line_make(char level, const char *event, json_t *facts)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    struct timespec now;
    struct tm parts;
    char time_text[40];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t used = strftime(time_text, sizeof time_text, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(time_text + used, sizeof time_text - used, ".%03dZ", (int)(now.tv_nsec / 1000000));
    json_t *object = json_pack("{s:s, s:s, s:s}", "time", time_text, "level", names[rank(level)],
                               "event", event);
    if (object && facts)
        json_object_update_missing(object, facts);
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(object);
    size_t size = text ? strlen(text) : 0;
    struct line *line = text ? malloc(sizeof *line + size + 1) : NULL;
    if (line) {
        memcpy(line->text, text, size);
        line->text[size] = '\n';
        line->size = size + 1;
        line->next = NULL;
    }
    free(text);
    return line;
}

static void append(struct line *line)
{
    if (the_log.last && the_log.first)
        the_log.last->next = line;
    else
        the_log.first = line;
    the_log.last = line;
    the_log.waiting++;
    pthread_cond_signal(&the_log.wake);
}

void log_event(char level, const char *event, json_t *facts)
{
    if (!the_log.open || rank(level) > rank(the_log.options.level))
        return;
    struct line *line = line_make(level, event, facts), *note = NULL;
    if (!line)
        return;
    pthread_mutex_lock(&the_log.lock);
    bool token = take_token(), room = the_log.waiting < WAITING_MAX - 1;
    if ((token || level == 'e') && room) {
        if (the_log.lost > the_log.lost_said) {
            json_t *lost =
                json_pack("{s:I}", "lines", (json_int_t)(the_log.lost - the_log.lost_said));
            note = line_make('w', "log_lost", lost);
            json_decref(lost);
            the_log.lost_said = the_log.lost;
        }
        if (note)
            append(note);
        append(line);
        line = NULL;
    } else {
        the_log.lost++;
    }
    pthread_mutex_unlock(&the_log.lock);
    free(line);
}

void log_facts(char level, const char *event, const char *format, ...)
{
    if (!the_log.open || rank(level) > rank(the_log.options.level))
        return;
    va_list arguments;
    va_start(arguments, format);
    json_t *facts = json_vpack_ex(NULL, 0, format, arguments);
    va_end(arguments);
    log_event(level, event, facts);
    json_decref(facts);
}

uint64_t log_lost(void)
{
    pthread_mutex_lock(&the_log.lock);
    uint64_t lost = the_log.lost;
    pthread_mutex_unlock(&the_log.lock);
    return lost;
}
