/* push.c - a command by posix_spawn (its own process group, killed when it takes too long), or a POST by
 * libcurl. A push that waited until its call no longer rings is not sent.
 * SPDX-License-Identifier: MIT */
#include "push.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef XCALLD_CURL
#include <curl/curl.h>
#endif

#include "clock.h"
#include "log.h"
#include "session.h"

#define LOOK_MS 10 /* at a command that runs */

extern char **environ;

enum { PUSH_SENT, PUSH_FAILED, PUSH_TIMED_OUT };
struct pusher {
    const char *command, *url;
    int64_t limit_ms;
    struct pool *pool;
    atomic_ullong results[3];
};

struct push_job {
    struct push_order order;
    int64_t at_ms;
};

/* --- a command ----------------------------------------------------------------------------------- */

static int spawn(const char *command, int input, pid_t *pid)
{
    char shell[] = "sh", option[] = "-c";
    char *arguments[] = {shell, option, (char *)(uintptr_t)command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    int code = posix_spawn(pid, "/bin/sh", &files, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return code;
}

static int wait_for(pid_t pid, int64_t limit_ms, struct pool *pool)
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
    int64_t until = clock_monotonic_ms() + limit_ms;
    int status;
    for (;;) {
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid)
            return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? PUSH_SENT : PUSH_FAILED;
        if (ended < 0 && errno != EINTR)
            return PUSH_FAILED;
        if (clock_monotonic_ms() >= until || pool_stopping(pool)) {
            kill(-pid, SIGKILL);
            while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
            return PUSH_TIMED_OUT;
        }
        nanosleep(&look, NULL);
    }
}

static int run_command(struct pusher *pusher, const char *text)
{
    int ends[2];
    pid_t pid;
    if (pipe2(ends, O_CLOEXEC))
        return PUSH_FAILED;
    int code = spawn(pusher->command, ends[0], &pid);
    close(ends[0]);
    /* At most some 700 bytes: a pipe takes them whole, whether they are read or not. */
    if (code == 0 && write(ends[1], text, strlen(text)) < 0)
        code = 0; /* the command may well not read */
    close(ends[1]);
    return code ? PUSH_FAILED : wait_for(pid, pusher->limit_ms, pusher->pool);
}

/* --- a URL --------------------------------------------------------------------------------------- */

#ifdef XCALLD_CURL
static size_t ignore(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes, (void)context;
    return size * count;
}

static int progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct pusher *pusher = context;
    (void)a, (void)b, (void)c, (void)d;
    return pool_stopping(pusher->pool);
}

static int post(struct pusher *pusher, const char *text)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    long status = 0;
    if (!curl || !headers) {
        curl_slist_free_all(headers);
        curl_easy_cleanup(curl);
        return PUSH_FAILED;
    }
    curl_easy_setopt(curl, CURLOPT_URL, pusher->url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)pusher->limit_ms);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "xcalld/" XCALLD_VERSION);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, pusher);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return PUSH_TIMED_OUT;
    return code == CURLE_OK && status >= 200 && status < 300 ? PUSH_SENT : PUSH_FAILED;
}
#endif

/* --- both ---------------------------------------------------------------------------------------- */

static void work(void *context, void *memory)
{
    struct pusher *pusher = context;
    struct push_job *job = memory;
    char call[37];
    int64_t left = job->order.ring_left_ms - (clock_monotonic_ms() - job->at_ms);
    int result = PUSH_FAILED;
    call_id_text(job->order.call, call);
    json_t *object = json_pack("{s:s, s:s, s:s, s:I}", "kind", job->order.kind, "token",
                               job->order.token, "call", call, "ring_left_ms", (json_int_t)left);
    char *text = object && left > 0 ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (text && pusher->command)
        result = run_command(pusher, text);
#ifdef XCALLD_CURL
    else if (text)
        result = post(pusher, text);
#endif
    free(text);
    atomic_fetch_add(&pusher->results[result], 1);
    if (result != PUSH_SENT)
        log_facts('w', "push_failed", "{s:s, s:b}", "call", call, "timed_out",
                  result == PUSH_TIMED_OUT);
}

struct pusher *pusher_create(const struct options *options)
{
    struct pusher *pusher = calloc(1, sizeof *pusher);
    if (!pusher)
        return NULL;
    pusher->command = options->push_command;
    pusher->url = options->push_url;
    pusher->limit_ms = options->push_seconds * 1000;
    if (!pusher->command && !pusher->url)
        return pusher;
#ifdef XCALLD_CURL
    curl_global_init(CURL_GLOBAL_DEFAULT);
#endif
    pusher->pool =
        pool_create((unsigned)options->push_threads, (unsigned)options->push_queue, work, pusher);
    if (!pusher->pool) {
        free(pusher);
        return NULL;
    }
    return pusher;
}

void pusher_destroy(struct pusher *pusher)
{
    if (pusher)
        pool_destroy(pusher->pool);
    free(pusher);
}

void pusher_put(struct pusher *pusher, const struct push_order *order)
{
    struct push_job job = {.order = *order, .at_ms = clock_monotonic_ms()};
    if (pusher->pool)
        pool_put(pusher->pool, &job, sizeof job);
}

void pusher_figures(struct pusher *pusher, struct push_figures *figures)
{
    memset(figures, 0, sizeof *figures);
    if (pusher->pool)
        pool_figures(pusher->pool, &figures->pool);
    figures->sent = atomic_load(&pusher->results[PUSH_SENT]);
    figures->failed = atomic_load(&pusher->results[PUSH_FAILED]);
    figures->timed_out = atomic_load(&pusher->results[PUSH_TIMED_OUT]);
}
