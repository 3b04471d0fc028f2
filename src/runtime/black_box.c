/* SPDX-License-Identifier: Apache-2.0 */
/* black_box.c - what the runtime writes into its black box, and when.
 *
 * Decides what is worth a record: every line of level info and above; every refusal of memory,
 * with its holders; a sample when the account moved by a 256th of its cap or a second has passed,
 * looked at when a verb is called. Refuses, at open, a file without all its pages: later there
 * is nothing left to refuse, and the writer meets no error.
 *
 * The writer takes a lock of its own for the copy of one record, after everything was put
 * together; so whoever meets it waits for a copy of 2 KiB at most, and a run, which does no more
 * than look at the time, almost never meets it.
 * The time of the account's peak is that of the first record behind it.
 */
#include "src/runtime/box.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "arena/account.h"
#include "arena/black_box_note.h"
#include "arena/bytes.h"
#include "plimsoll/runtime.h"

#define SAMPLE_EVERY_NS 1000000000u
#define NOTICE_SHARE    256u

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- open ---- */

plim_status plim_black_box_home(plim_black_box *self, const char *path, uint64_t ring_bytes,
                                uint32_t owner_limit, plim_provider **out, plim_error *err)
{
    uint64_t account = 0, page = plim_provider_page_bytes(plim_provider_mmap());
    self->ring_bytes = ring_bytes ? ring_bytes : PLIM_BLACK_BOX_BYTES;
    if (self->ring_bytes < PLIM_BLACK_BOX_LEAST_BYTES ||
        self->ring_bytes > PLIM_BLACK_BOX_MOST_BYTES ||
        !bytes_align_up(self->ring_bytes, page, &self->ring_bytes) ||
        !bytes_align_up(account_footprint_bytes(owner_limit), page, &account)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "black box: size", .want = ring_bytes,
                         .have = PLIM_BLACK_BOX_LEAST_BYTES, .limit = PLIM_BLACK_BOX_MOST_BYTES);
    }
    PLIM_TRY(plim_box_file_open(&self->file, path, account + self->ring_bytes, err));
    *out = &self->file.base;
    return PLIM_OK;
}

static void write_note(ring_head *ring, const plim_host *host, uint64_t cap_bytes)
{
    black_box_note *n = black_box_note_of(ring);
    plim_this_process self;
    plim_this_process_read(&self);
    snprintf(n->program, sizeof(n->program), "%s", self.program);
    snprintf(n->version, sizeof(n->version), "%s", plim_version());
    snprintf(n->board, sizeof(n->board), "%s", host->board);
    snprintf(n->boot_id, sizeof(n->boot_id), "%s", self.boot_id);
    n->pid = self.pid;
    n->cap_bytes = cap_bytes;
    n->start_ns = clock_ns(CLOCK_MONOTONIC);
    n->start_wall_ns = clock_ns(CLOCK_REALTIME);
    n->check = plim_black_box_note_check(n);
}

/* All pages exist afterwards, in the file and in this process. */
static plim_status map_ring(plim_black_box *self, void **out, plim_error *err)
{
    plim_provider *home = &self->file.base;
    void *base = NULL;
    PLIM_TRY(plim_provider_reserve(home, self->ring_bytes, 0, &base, err));
    plim_status status = plim_provider_commit(home, base, self->ring_bytes, err);
    if (status == PLIM_OK) {
        status = plim_provider_advise(home, base, self->ring_bytes, PLIM_ADVICE_PREFAULT, err);
    }
    if (status != PLIM_OK) {
        plim_provider_release(home, base, self->ring_bytes);
        return status;
    }
    *out = base;
    return PLIM_OK;
}

plim_status plim_black_box_start(plim_black_box *self, plim_budget *budget, const plim_host *host,
                                 plim_error *err)
{
    uint64_t cap = plim_budget_cap_bytes(budget);
    void *base = NULL;
    PLIM_TRY(plim_budget_charge(budget, PLIM_OWNER_RUNTIME, PLIM_TAG_OTHER, self->ring_bytes, err));
    plim_status status = map_ring(self, &base, err);
    if (status == PLIM_OK) {
        ring_head *ring = plim_ring_init(base, self->ring_bytes);
        write_note(ring, host, cap);
        plim_ring_publish(ring);
        status = plim_box_file_publish(&self->file, err);
    }
    if (status != PLIM_OK) {
        if (base) {
            plim_provider_release(&self->file.base, base, self->ring_bytes);
        }
        plim_budget_credit(budget, PLIM_OWNER_RUNTIME, PLIM_TAG_OTHER, self->ring_bytes);
        return status;
    }
    pthread_mutex_init(&self->lock, NULL);
    self->budget = budget;
    self->notice_bytes = cap / NOTICE_SHARE;
    self->ring = base;
    plim_black_box_sample(self);
    return PLIM_OK;
}

/* ---- records ---- */

static void put(plim_black_box *self, const ring_record *r, const void *payload)
{
    pthread_mutex_lock(&self->lock);
    black_box_note *n = black_box_note_of(self->ring);
    uint64_t peak = plim_budget_peak_bytes(self->budget);
    if (peak > atomic_load_explicit(&n->peak_bytes, memory_order_relaxed)) {
        atomic_store_explicit(&n->peak_ns, r->ns, memory_order_relaxed);
        atomic_store_explicit(&n->peak_wall_ns, r->wall_ns, memory_order_relaxed);
        atomic_store_explicit(&n->peak_bytes, peak, memory_order_release);
    }
    plim_ring_put(self->ring, *r, payload);
    pthread_mutex_unlock(&self->lock);
}

static ring_record record_now(plim_box_kind kind, uint32_t level, size_t payload_bytes)
{
    return (ring_record){.kind = kind,
                         .level = level,
                         .payload_bytes = (uint32_t)payload_bytes,
                         .ns = clock_ns(CLOCK_MONOTONIC),
                         .wall_ns = clock_ns(CLOCK_REALTIME)};
}

void plim_black_box_line(plim_black_box *self, uint32_t level, uint64_t ns, uint64_t wall_ns,
                         const char *text, size_t text_bytes)
{
    if (self->ring) {
        ring_record r = {.kind = PLIM_BOX_LINE,
                         .level = level,
                         .payload_bytes = (uint32_t)text_bytes,
                         .ns = ns,
                         .wall_ns = wall_ns};
        put(self, &r, text);
    }
}

void plim_black_box_refusal(plim_black_box *self, const char *event, const char *engine,
                            const plim_error *err)
{
    if (!self->ring) {
        return;
    }
    plim_box_refusal f = {.status = (uint32_t)err->status,
                          .os_errno = err->os_errno,
                          .want_bytes = err->want,
                          .have_bytes = err->have,
                          .limit_bytes = err->limit};
    snprintf(f.event, sizeof(f.event), "%s", event);
    snprintf(f.engine, sizeof(f.engine), "%s", engine);
    snprintf(f.what, sizeof(f.what), "%s", err->what ? err->what : "");
    snprintf(f.detail, sizeof(f.detail), "%s", err->detail);
    memcpy(f.holders, err->holders, sizeof(f.holders));
    ring_record r = record_now(PLIM_BOX_REFUSAL, PLIM_LOG_ERROR, sizeof(f));
    put(self, &r, &f);
    plim_black_box_sample(self);
}

void plim_black_box_sample(plim_black_box *self)
{
    plim_account account;
    if (!self->ring) {
        return;
    }
    ring_record r = record_now(PLIM_BOX_SAMPLE, PLIM_LOG_INFO, sizeof(plim_box_sample));
    /* Before the work, so that of threads that come together one takes the sample. */
    atomic_store_explicit(&self->due_ns, r.ns + SAMPLE_EVERY_NS, memory_order_relaxed);
    plim_budget_read(self->budget, &account, NULL, 0);
    plim_box_sample s = {.used_bytes = account.used_bytes,
                         .peak_bytes = account.peak_bytes,
                         .refusal_count = account.refusal_count};
    memcpy(s.tag_bytes, account.tag_now_bytes, sizeof(s.tag_bytes));
    atomic_store_explicit(&self->sampled_bytes, s.used_bytes, memory_order_relaxed);
    put(self, &r, &s);
}

void plim_black_box_notice(plim_black_box *self)
{
    if (!self->ring) {
        return;
    }
    uint64_t now = plim_budget_used_bytes(self->budget);
    uint64_t then = atomic_load_explicit(&self->sampled_bytes, memory_order_relaxed);
    if ((now > then ? now - then : then - now) >= self->notice_bytes) {
        plim_black_box_sample(self);
    } else {
        plim_black_box_tick(self, clock_ns(CLOCK_MONOTONIC));
    }
}

static int64_t known(const plim_reading *r)
{
    return r->state == PLIM_READING_FRESH ? r->value : PLIM_BOX_UNKNOWN;
}

static void fill_clocks(plim_box_telemetry *t, const plim_telemetry_sample *s)
{
    t->gpu_hertz = t->emc_hertz = t->gpu_cap_hertz = t->cpu_hertz = t->cpu_cap_hertz =
        PLIM_BOX_UNKNOWN;
    for (uint32_t i = 0; i < s->clock_count; i++) {
        int64_t now = known(&s->clocks[i].now), cap = known(&s->clocks[i].cap);
        if (strcmp(s->clocks[i].name, "gpu") == 0) {
            t->gpu_hertz = now;
            t->gpu_cap_hertz = cap;
        } else if (strcmp(s->clocks[i].name, "emc") == 0) {
            t->emc_hertz = now;
        } else {
            t->cpu_hertz = now > t->cpu_hertz ? now : t->cpu_hertz;
            t->cpu_cap_hertz = cap > t->cpu_cap_hertz ? cap : t->cpu_cap_hertz;
        }
    }
}

void plim_black_box_telemetry(plim_black_box *self, const plim_telemetry_sample *s)
{
    if (!self->ring) {
        return;
    }
    const plim_reading *list = s->list;
    plim_box_telemetry t = {
        .number = s->number,
        .transition_count = s->transition_count,
        .hottest = known(&list[PLIM_READ_HOTTEST]),
        .throttled = known(&list[PLIM_READ_THROTTLED]),
        .power = known(&list[PLIM_READ_POWER_TOTAL]),
        .gpu_load = known(&list[PLIM_READ_GPU_LOAD]),
        .gpu_asleep = known(&list[PLIM_READ_GPU_ASLEEP]),
        .available_bytes = known(&list[PLIM_READ_MEMORY_AVAILABLE]),
        .swap_free_bytes = known(&list[PLIM_READ_SWAP_FREE]),
        .group_usage_bytes = known(&list[PLIM_READ_GROUP_USAGE]),
        .group_limit_bytes = known(&list[PLIM_READ_GROUP_LIMIT]),
        .psi_memory_some = known(&list[PLIM_READ_PSI_MEMORY_SOME]),
        .psi_memory_full_us = known(&list[PLIM_READ_PSI_MEMORY_FULL_US]),
        .major_fault = known(&list[PLIM_READ_MAJOR_FAULT]),
        .oom_kill = known(&list[PLIM_READ_OOM_KILL]),
    };
    fill_clocks(&t, s);
    if (t.hottest != PLIM_BOX_UNKNOWN) {
        memcpy(t.hottest_zone, s->zones[s->hottest].name, sizeof(t.hottest_zone));
    }
    ring_record r = record_now(PLIM_BOX_TELEMETRY, PLIM_LOG_INFO, sizeof(t));
    put(self, &r, &t);
}

/* ---- close ---- */

void plim_black_box_end(plim_black_box *self, const char *reason)
{
    if (!self->ring) {
        return;
    }
    plim_black_box_sample(self);
    black_box_note *n = black_box_note_of(self->ring);
    snprintf(n->close_reason, sizeof(n->close_reason), "%s", reason);
    n->close_ns = clock_ns(CLOCK_MONOTONIC);
    n->close_wall_ns = clock_ns(CLOCK_REALTIME);
    atomic_store(&n->is_closed, 1);
    plim_provider_release(&self->file.base, self->ring, self->ring_bytes);
    self->ring = NULL;
    pthread_mutex_destroy(&self->lock);
    plim_budget_credit(self->budget, PLIM_OWNER_RUNTIME, PLIM_TAG_OTHER, self->ring_bytes);
}

void plim_black_box_close(plim_black_box *self)
{
    plim_box_file_close(&self->file);
}
