/* guard.c - see guard.h. Linux only, like lib/io.
 * SPDX-License-Identifier: MIT */
#include "guard.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define MARK UINT64_C(0x58434755415244aa)
#define STACK_TOUCHED (384 * 1024) /* Opus takes its scratch memory from the stack */
#define PAGE 4096

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

static int eventfds[GUARD_EVENTFDS_MAX];
static uint32_t eventfd_count;
static __thread struct guard_report *current;
static __thread uint64_t faults_before;

#define LOAD(field)                                                                                \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define LOAD_HALF(index, half)                                                                     \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                                                             \
             (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (index) + 4 * (half)))
#define EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), yes, no)
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, action)

static void on_trap(int number, siginfo_t *info, void *context)
{
    ucontext_t *thread = context;
    (void)number;
    if (current && !current->trapped++) {
        current->trapped_number = info->si_syscall;
        current->trapped_at = info->si_call_addr;
    }
#if defined(__x86_64__)
    thread->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
#elif defined(__aarch64__)
    thread->uc_mcontext.regs[0] = (unsigned long long)-ENOSYS;
#endif
}

static void find_eventfds(void)
{
    eventfd_count = 0;
    for (int fd = 0; fd < 1024 && eventfd_count < GUARD_EVENTFDS_MAX; fd++) {
        char path[64], target[64] = "";
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (readlink(path, target, sizeof target - 1) > 0 && strstr(target, "[eventfd]"))
            eventfds[eventfd_count++] = fd;
    }
}

bool guard_init(void)
{
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
    find_eventfds();
    return sigaction(SIGSYS, &action, NULL) == 0 && prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0;
}

/* A jump reaches 255 instructions; the list of descriptors stays below that. */
static bool install_filter(void)
{
    struct sock_filter code[40 + 2 * GUARD_EVENTFDS_MAX];
    const struct sock_filter head[] = {
        LOAD(arch),
        EQUAL(ARCH, 1, 0),
        ANSWER(SECCOMP_RET_TRAP),
        LOAD(nr),
        EQUAL(SYS_rt_sigreturn, 0, 1),
        ANSWER(SECCOMP_RET_ALLOW),
        EQUAL(SYS_exit, 0, 1),
        ANSWER(SECCOMP_RET_ALLOW),
        EQUAL(SYS_clock_nanosleep, 2, 0), /* the test's own, with their mark */
        EQUAL(SYS_getrusage, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JA, 6, 0, 0), /* to what follows this list */
        LOAD_HALF(5, 0),
        EQUAL(MARK, 0, 3),
        LOAD_HALF(5, 1),
        EQUAL(MARK >> 32, 0, 1),
        ANSWER(SECCOMP_RET_ALLOW),
        ANSWER(SECCOMP_RET_TRAP),
    };
    size_t n = sizeof head / sizeof head[0];
    memcpy(code, head, sizeof head);
    code[n++] = (struct sock_filter)EQUAL(SYS_write, 1, 0);
    code[n++] = (struct sock_filter)ANSWER(SECCOMP_RET_TRAP);
    code[n++] = (struct sock_filter)LOAD_HALF(2, 0);
    code[n++] = (struct sock_filter)EQUAL(8, 1, 0);
    code[n++] = (struct sock_filter)ANSWER(SECCOMP_RET_TRAP);
    code[n++] = (struct sock_filter)LOAD_HALF(0, 0);
    for (uint32_t i = 0; i < eventfd_count; i++) {
        code[n++] = (struct sock_filter)EQUAL(eventfds[i], 0, 1);
        code[n++] = (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW);
    }
    code[n++] = (struct sock_filter)ANSWER(SECCOMP_RET_TRAP);
    struct sock_fprog program = {.len = (unsigned short)n, .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

static __attribute__((noinline)) void touch_stack(void)
{
    volatile uint8_t stack[STACK_TOUCHED];
    for (size_t i = 0; i < sizeof stack; i += PAGE)
        stack[i] = 1;
    stack[sizeof stack - 1] = stack[0];
}

static uint64_t count_faults(void)
{
    struct rusage usage;
    memset(&usage, 0, sizeof usage);
    syscall(SYS_getrusage, RUSAGE_THREAD, &usage, 0L, 0L, 0L, MARK);
    return (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
}

bool guard_enter(struct guard_report *report)
{
    memset(report, 0, sizeof *report);
    touch_stack();
    guard_sleep_until(0); /* the first use of each function maps its page */
    current = report;
    count_faults();
    if (!install_filter())
        return false;
    interpose_arm(&report->counts);
    faults_before = count_faults();
    return true;
}

void guard_sleep_until(uint64_t time_ns)
{
    struct timespec until = {.tv_sec = (time_t)(time_ns / 1000000000),
                             .tv_nsec = (long)(time_ns % 1000000000)};
    syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL, 0L, MARK);
}

void guard_exit(struct guard_report *report)
{
    report->faults = count_faults() - faults_before;
    interpose_arm(NULL);
    /* The C library's way out makes more calls than the filter lets through; the kernel wakes who
     * joins, and that frees the stack. */
    for (;;)
        syscall(SYS_exit, 0);
}
