/* pair.c - two processes for the two ends of a call. Both are forked before any engine exists; what
 * they found travels in files that the parent opened.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

static pid_t start(bench_role role, struct bench_child child, int other, unsigned limit_s)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    close(other);
    alarm(limit_s);
    role(&child);
    _exit(fflush(child.out) == 0 ? 0 : 1);
}

bool bench_pair_run(bench_role alice, bench_role bob, void (*meanwhile)(void *), void *config,
                    unsigned limit_s, FILE *results[2])
{
    static const char *const names[2] = {"alice", "bob"};
    bench_role roles[2] = {alice, bob};
    int ends[2], status;
    pid_t pids[2];
    bool ok = true;
    results[0] = tmpfile();
    results[1] = tmpfile();
    if (!results[0] || !results[1] || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        struct bench_child child = {.peer = ends[i], .out = results[i], .config = config};
        pids[i] = start(roles[i], child, ends[!i], limit_s);
    }
    close(ends[0]);
    close(ends[1]);
    if (meanwhile)
        meanwhile(config);
    for (int i = 0; i < 2; i++) {
        if (pids[i] < 0 || waitpid(pids[i], &status, 0) != pids[i] || status != 0) {
            fprintf(stderr, "bench: %s did not come to an end as it should\n", names[i]);
            ok = false;
        }
        rewind(results[i]);
    }
    return ok;
}

void bench_put(FILE *file, const void *values, size_t size, size_t count)
{
    uint64_t n = count;
    if (fwrite(&n, sizeof n, 1, file) != 1 || fwrite(values, size, count, file) != count)
        bench_fail("results cannot be written", XCALL_E_SYSTEM);
}

void *bench_get(FILE *file, size_t size, size_t *count)
{
    uint64_t n;
    if (fread(&n, sizeof n, 1, file) != 1)
        bench_fail("results cannot be read", XCALL_E_SYSTEM);
    void *values = malloc(n * size + 1);
    if (!values || fread(values, size, n, file) != n)
        bench_fail("results cannot be read", XCALL_E_SYSTEM);
    if (count)
        *count = n;
    return values;
}
