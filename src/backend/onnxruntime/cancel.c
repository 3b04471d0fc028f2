/* SPDX-License-Identifier: Apache-2.0 */
/* cancel.c - one thread that looks at callers' flags while runs are under way.
 *
 * ONNX Runtime asks between nodes whether it should stop; somebody must tell it while the
 * caller's thread is inside the run. One thread a process does: it is started by the first
 * run that has a flag, sleeps while there is none, looks every millisecond while there is
 * one, and is joined when the last engine closes.
 */
#include "src/backend/onnxruntime/cancel.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#define LOOK_EVERY_NS 1000000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static plim_ort_watch *watches;
static unsigned engine_count;
static bool is_running, is_stopping;
static pthread_t watcher;

static void look(void)
{
    for (plim_ort_watch *w = watches; w; w = w->next) {
        if (!w->was_told && __atomic_load_n(w->flag, __ATOMIC_RELAXED)) {
            w->was_told = true;
            w->ort->api.ReleaseStatus(w->ort->api.RunOptionsSetTerminate(w->options));
        }
    }
}

static void *watch(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&lock);
    while (!is_stopping) {
        if (!watches) {
            pthread_cond_wait(&wake, &lock);
            continue;
        }
        look();
        struct timespec at;
        clock_gettime(CLOCK_REALTIME, &at);
        at.tv_nsec += LOOK_EVERY_NS;
        at.tv_sec += at.tv_nsec / 1000000000;
        at.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&wake, &lock, &at);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* Signals are the program's business, not this thread's. */
static int start_watcher(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&watcher, NULL, watch, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

void plim_ort_watch_join(void)
{
    pthread_mutex_lock(&lock);
    engine_count++;
    pthread_mutex_unlock(&lock);
}

void plim_ort_watch_part(void)
{
    pthread_mutex_lock(&lock);
    bool is_last = --engine_count == 0 && is_running;
    pthread_t old = watcher;
    if (is_last) {
        is_stopping = true;
        pthread_cond_broadcast(&wake);
        pthread_mutex_unlock(&lock);
        pthread_join(old, NULL);
        pthread_mutex_lock(&lock);
        is_stopping = is_running = false;
        pthread_cond_broadcast(&wake);
    }
    pthread_mutex_unlock(&lock);
}

plim_status plim_ort_watch_begin(plim_ort_watch *self, plim_error *err)
{
    pthread_mutex_lock(&lock);
    while (is_stopping) { /* the last engine of before is just closing */
        pthread_cond_wait(&wake, &lock);
    }
    int rc = is_running ? 0 : start_watcher();
    if (rc == 0) {
        is_running = true;
        self->was_told = false;
        self->next = watches;
        watches = self;
        pthread_cond_broadcast(&wake);
    }
    pthread_mutex_unlock(&lock);
    return rc == 0 ? PLIM_OK
                   : PLIM_FAIL(err, PLIM_E_NOMEM, .what = "thread that watches for cancellation",
                               .os_errno = rc);
}

bool plim_ort_watch_end(plim_ort_watch *self)
{
    pthread_mutex_lock(&lock);
    for (plim_ort_watch **at = &watches; *at; at = &(*at)->next) {
        if (*at == self) {
            *at = self->next;
            break;
        }
    }
    bool was_told = self->was_told;
    pthread_mutex_unlock(&lock);
    return was_told;
}
