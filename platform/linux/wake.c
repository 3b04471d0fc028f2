/* SPDX-License-Identifier: Apache-2.0 */
/* wake.c - triggers that the kernel offers for memory running short.
 *
 * Decides which of them can be had here, and keeps in words why another cannot: which is what a
 * person asks when nothing woke. Refuses nothing; a machine without any of them has a clock.
 *
 * PSI (Documentation/accounting/psi.rst): "some STALL WINDOW", in microseconds, written to
 * /proc/pressure/memory; the descriptor polls POLLPRI once a window at most, and the trigger lives
 * as long as it is open. Windows are 0.5 to 10 s; since 6.4 a process without CAP_SYS_RESOURCE gets
 * multiples of 2 s, before it got EPERM at the open.
 * Version 1 (admin-guide/cgroup-v1/memory.rst): "EVENTFD FILE ARGUMENT" into cgroup.event_control.
 */
#include "platform/linux/wake.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define PSI_FILE          "proc/pressure/memory"
#define PSI_LEAST_US      UINT64_C(500000)
#define PSI_MOST_US       UINT64_C(10000000)
#define PSI_UNENTITLED_US UINT64_C(2000000)

static void start(plim_wake *self)
{
    *self = (plim_wake){.fd = -1, .kept = {-1, -1, -1}};
}

static int open_at(const char *root, const char *folder, const char *file, int flags)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s%s%s", root ? root : "", folder,
                     folder[0] ? "/" : "", file);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(path, flags | O_CLOEXEC);
}

/* Everything is closed, the reason stays. */
static void give_up(plim_wake *self, const char *what, int number)
{
    plim_wake_close(self);
    snprintf(self->why, sizeof(self->why), "%s: %s", what, strerror(number));
}

/* ---- pressure stall information ---- */

size_t plim_wake_psi_text(uint64_t stall_us, uint64_t window_us, char *out, size_t room)
{
    if (window_us < PSI_LEAST_US || window_us > PSI_MOST_US || stall_us == 0 ||
        stall_us > window_us) {
        return 0;
    }
    int n = snprintf(out, room, "some %llu %llu", (unsigned long long)stall_us,
                     (unsigned long long)window_us);
    return n > 0 && (size_t)n < room ? (size_t)n + 1 : 0;
}

/* 0 or the system's error. A descriptor takes one trigger in its life, and is closed after a
 * failure. */
static int try_psi(const char *root, uint64_t stall_us, uint64_t window_us, plim_wake *out)
{
    char text[64];
    size_t bytes = plim_wake_psi_text(stall_us, window_us, text, sizeof(text));
    if (bytes == 0) {
        return EINVAL;
    }
    out->fd = open_at(root, "", PSI_FILE, O_RDWR | O_NONBLOCK);
    if (out->fd < 0) {
        return errno;
    }
    ssize_t n = write(out->fd, text, bytes);
    int number = n == (ssize_t)bytes ? 0 : n < 0 ? errno : EIO;
    if (number) {
        close(out->fd);
        out->fd = -1;
    }
    return number;
}

void plim_wake_psi(const char *root, uint64_t stall_us, uint64_t window_us, plim_wake *out)
{
    start(out);
    out->events = POLLPRI;
    int number = try_psi(root, stall_us, window_us, out);
    bool is_whole = window_us % PSI_UNENTITLED_US == 0;
    if ((number == EINVAL || number == EPERM) && !is_whole && window_us < PSI_MOST_US &&
        stall_us <= window_us) {
        uint64_t window = (window_us / PSI_UNENTITLED_US + 1) * PSI_UNENTITLED_US;
        uint64_t stall = (uint64_t)((double)stall_us / (double)window_us * (double)window);
        number = try_psi(root, stall, window, out);
        if (number == 0) {
            snprintf(out->why, sizeof(out->why),
                     "windows are multiples of 2 s without CAP_SYS_RESOURCE: %llu us in %llu us",
                     (unsigned long long)stall, (unsigned long long)window);
        }
    }
    if (number) {
        give_up(out, "/" PSI_FILE, number);
    }
}

/* ---- control groups ---- */

/* "EVENTFD FILE ARGUMENT"; 0 or the system's error. */
static int control(int control_fd, int event_fd, int file_fd, const uint64_t *argument)
{
    char text[80];
    int n = argument ? snprintf(text, sizeof(text), "%d %d %llu", event_fd, file_fd,
                                (unsigned long long)*argument)
                     : snprintf(text, sizeof(text), "%d %d", event_fd, file_fd);
    return write(control_fd, text, (size_t)n) == n ? 0 : errno ? errno : EIO;
}

/* The eventfd, and open in kept: the file and cgroup.event_control. */
static int open_event(const char *root, const plim_cgroup_memory *group, const char *file,
                      plim_wake *out)
{
    out->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    out->events = POLLIN;
    if (out->fd < 0) {
        return errno;
    }
    out->kept[0] = open_at(root, group->path + 1, file, O_RDONLY);
    if (out->kept[0] < 0) {
        return errno;
    }
    out->kept[1] = open_at(root, group->path + 1, "cgroup.event_control", O_WRONLY);
    return out->kept[1] < 0 ? errno : 0;
}

static void say_version(plim_wake *out)
{
    snprintf(out->why, sizeof(out->why), "control group version 2 has no lines of usage");
}

void plim_wake_usage(const char *root, const plim_cgroup_memory *group, const uint64_t *lines,
                     size_t count, plim_wake *out)
{
    start(out);
    if (group->version != 1) {
        say_version(out);
        return;
    }
    int number = open_event(root, group, "memory.usage_in_bytes", out);
    for (size_t i = 0; i < count && number == 0; i++) {
        number = control(out->kept[1], out->fd, out->kept[0], &lines[i]);
    }
    if (number) {
        give_up(out, "memory.usage_in_bytes", number);
    }
}

void plim_wake_limit(const char *root, const plim_cgroup_memory *group, plim_wake *out)
{
    char text[1024];
    start(out);
    if (group->version == 1) {
        int number = open_event(root, group, "memory.oom_control", out);
        number = number ? number : control(out->kept[1], out->fd, out->kept[0], NULL);
        if (number) {
            give_up(out, "memory.oom_control", number);
        }
        return;
    }
    out->fd = open_at(root, group->path + 1, "memory.events", O_RDONLY);
    out->events = POLLPRI;
    if (out->fd < 0) {
        give_up(out, "memory.events", errno);
    } else if (read(out->fd, text, sizeof(text)) < 0) { /* news is what comes after a reading */
        give_up(out, "memory.events", errno);
    }
}

/* ---- a clock ---- */

static bool add(int set, int fd, uint32_t mark)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = mark};
    return epoll_ctl(set, EPOLL_CTL_ADD, fd, &e) == 0;
}

void plim_wake_timer(int beside, plim_wake *out)
{
    start(out);
    out->events = POLLIN;
    out->fd = epoll_create1(EPOLL_CLOEXEC);
    out->kept[0] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (out->fd < 0 || out->kept[0] < 0 || !add(out->fd, out->kept[0], 0)) {
        give_up(out, "timer", errno);
    } else if (beside >= 0 && !add(out->fd, beside, 1)) { /* a plain file, or none at all */
        snprintf(out->why, sizeof(out->why), "the descriptor given: %s", strerror(errno));
    }
}

void plim_wake_arm(const plim_wake *timer, uint64_t at_ns)
{
    struct itimerspec at = {.it_value = {0}}; /* 0: disarmed */
    if (timer->fd < 0) {
        return;
    }
    if (at_ns != UINT64_MAX) {
        at.it_value.tv_sec = (time_t)(at_ns / 1000000000u);
        at.it_value.tv_nsec = (long)(at_ns % 1000000000u) + (at_ns == 0);
    }
    (void)timerfd_settime(timer->kept[0], TFD_TIMER_ABSTIME, &at, NULL);
}

/* False: there is nothing, and there will be nothing. */
static bool take(int fd)
{
    char some[8];
    ssize_t n;
    do {
        n = read(fd, some, sizeof(some));
    } while (n < 0 && errno == EINTR);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

bool plim_wake_take_timer(const plim_wake *timer, int beside, bool *is_timer, bool *is_beside)
{
    struct epoll_event ready[2];
    bool is_there = true;
    int n = epoll_wait(timer->fd, ready, 2, 0);
    *is_timer = *is_beside = false;
    for (int i = 0; i < n; i++) {
        bool is_clock = ready[i].data.u32 == 0;
        bool is_taken = take(is_clock ? timer->kept[0] : beside);
        *is_timer = *is_timer || is_clock;
        *is_beside = *is_beside || (!is_clock && is_taken);
        if (!is_clock && !is_taken) { /* its writers have gone: it would be ready for ever */
            (void)epoll_ctl(timer->fd, EPOLL_CTL_DEL, beside, NULL);
            is_there = false;
        }
    }
    return is_there;
}

/* PSI is taken by the poll itself; a file that counts is news again after it was read. */
void plim_wake_take(const plim_wake *self)
{
    char text[1024];
    if (self->fd >= 0 && self->events == POLLIN) {
        (void)take(self->fd);
    } else if (self->fd >= 0) {
        ssize_t n = pread(self->fd, text, sizeof(text), 0);
        (void)n;
    }
}

void plim_wake_close(plim_wake *self)
{
    for (size_t i = 0; i < sizeof(self->kept) / sizeof(self->kept[0]); i++) {
        if (self->kept[i] >= 0) {
            close(self->kept[i]);
        }
        self->kept[i] = -1;
    }
    if (self->fd >= 0) {
        close(self->fd);
    }
    self->fd = -1;
}
