/* SPDX-License-Identifier: Apache-2.0 */
/* worker_thread.c - start, wait, call, end.
 *
 * Times are absolute, so that what the thread does between two waits does not shift the next one.
 * The eventfd keeps a call that comes before the wait. In a child of fork there is no thread: a
 * call and an end there touch nothing that the parent's thread would notice.
 */
#include "platform/linux/worker_thread.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "arena/bytes.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_LEAST_BYTES (1024u << 10)
#else
#define STACK_LEAST_BYTES (32u << 10)
#endif

/* Blocked, such a fault would end the process past the handler that reports crashes. */
static const int OWN_FAULTS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};

size_t plim_worker_stack_bytes(size_t wanted_bytes)
{
    const long least = sysconf(_SC_THREAD_STACK_MIN); /* with the thread's static variables */
    uint64_t sum = wanted_bytes > STACK_LEAST_BYTES ? wanted_bytes : STACK_LEAST_BYTES;
    if (least > 0) {
        (void)bytes_add(sum, (uint64_t)least, &sum);
    }
    (void)bytes_align_up(sum, (uint64_t)sysconf(_SC_PAGESIZE), &sum);
    return (size_t)sum;
}

plim_status plim_worker_open(plim_worker *self, plim_error *err)
{
    *self = (plim_worker){.pid = getpid()};
    self->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->call_fd < 0) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "thread: its descriptor", .os_errno = errno);
    }
    return PLIM_OK;
}

plim_status plim_worker_start(plim_worker *self, const char *name, void *stack, size_t stack_bytes,
                              void *(*body)(void *), void *argument, plim_error *err)
{
    pthread_attr_t attr;
    sigset_t all, before;
    int code = pthread_attr_init(&attr);
    if (code == 0) {
        code = pthread_attr_setstack(&attr, stack, stack_bytes);
        if (code == 0) {
            sigfillset(&all);
            for (size_t i = 0; i < sizeof(OWN_FAULTS) / sizeof(OWN_FAULTS[0]); i++) {
                sigdelset(&all, OWN_FAULTS[i]);
            }
            pthread_sigmask(SIG_SETMASK, &all, &before);
            self->has_thread = true; /* before: @body may ask */
            code = pthread_create(&self->thread, &attr, body, argument);
            self->has_thread = code == 0;
            pthread_sigmask(SIG_SETMASK, &before, NULL);
        }
        pthread_attr_destroy(&attr);
    }
    if (code != 0) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "thread", .want = stack_bytes,
                         .os_errno = code);
    }
    (void)pthread_setname_np(self->thread, name);
    return PLIM_OK;
}

bool plim_worker_is_ours(const plim_worker *self)
{
    return self->pid == getpid();
}

bool plim_worker_is_here(const plim_worker *self)
{
    return self->has_thread && plim_worker_is_ours(self);
}

void plim_worker_call(plim_worker *self)
{
    const uint64_t one = 1;
    if (plim_worker_is_here(self)) {
        ssize_t n;
        do {
            n = write(self->call_fd, &one, sizeof(one)); /* EAGAIN: it is called already */
        } while (n < 0 && errno == EINTR);
    }
}

static struct timespec time_until(uint64_t until_ns)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    uint64_t now = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    uint64_t left = until_ns > now ? until_ns - now : 0;
    return (struct timespec){.tv_sec = (time_t)(left / 1000000000u),
                             .tv_nsec = (long)(left % 1000000000u)};
}

uint32_t plim_worker_wait(plim_worker *self, uint64_t until_ns, const int *fds,
                          const int16_t *events, uint32_t count)
{
    struct pollfd list[PLIM_WORKER_FDS + 1] = {{.fd = self->call_fd, .events = POLLIN}};
    uint32_t bits = 0;
    for (uint32_t i = 0; i < count; i++) {
        list[i + 1] = (struct pollfd){.fd = fds[i], .events = events[i]};
    }
    struct timespec left = time_until(until_ns);
    if (ppoll(list, count + 1, &left, NULL) <= 0) {
        return 0;
    }
    if (list[0].revents) {
        uint64_t calls;
        ssize_t n = read(self->call_fd, &calls, sizeof(calls));
        bits |= n == (ssize_t)sizeof(calls) ? PLIM_WORKER_CALLED : 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        const short got = list[i + 1].revents;
        if (got & events[i]) {
            bits |= 1u << i;
        } else if (got) { /* POLLERR, POLLHUP, POLLNVAL: it would be ready for ever */
            bits |= 1u << (PLIM_WORKER_FAILED + i);
        }
    }
    return bits;
}

void plim_worker_close(plim_worker *self)
{
    if (plim_worker_is_here(self)) {
        pthread_join(self->thread, NULL);
    }
    self->has_thread = false;
    close(self->call_fd);
    self->call_fd = -1;
}
