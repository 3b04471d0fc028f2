/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_activation_plan.c - any bytes as a recorded plan: refused, or safe to replay.
 *
 * A plan that is accepted is replayed with a shadow of what lives: two planned blocks that
 * overlap, or one above the height, stop the program.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "plimsoll/arena.h"
#include "src/runtime/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static plim_region *home;
static int fd;
static char path[64];

static void open_once(void)
{
    plim_budget *budget;
    plim_arena *arena;
    plim_budget_opts b = plim_budget_opts_default();
    plim_region_opts o = plim_region_opts_default();
    b.cap_bytes = 256u << 20;
    o.tag = PLIM_TAG_OTHER;
    o.size_bytes = 192u << 20;
    if (plim_budget_open(plim_provider_mmap(), &b, &budget, NULL) != PLIM_OK ||
        plim_arena_open(budget, plim_provider_mmap(), NULL, &arena, NULL) != PLIM_OK ||
        plim_region_create(arena, PLIM_REGION_BUMP, &o, &home, NULL) != PLIM_OK) {
        abort();
    }
    fd = memfd_create("plan", MFD_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
}

static uint64_t size_of(const plim_trace_plan *plan, uint32_t k)
{
    for (uint32_t i = 0; i < plan->buffer_count; i++) {
        if (plan->buffers[i].id == k) {
            return plan->buffers[i].size_bytes;
        }
    }
    return 0;
}

/* Requests in order; block k is freed when its lifetime in the plan ends. */
static void replay(const plim_trace_plan *plan)
{
    void *memory = NULL;
    plim_replay *r;
    uint64_t offset, bytes;
    size_t n = plim_replay_bytes(plan->request_count);
    if (n == 0 || plan->request_count > 4096 ||
        plim_region_alloc(home, n, 0, &memory, NULL) != PLIM_OK) {
        return;
    }
    if (plim_trace_replay(plan, memory, n, home, &r, NULL) != PLIM_OK) {
        abort();
    }
    plim_replay_begin(r, true);
    for (uint32_t k = 0; k < plan->request_count; k++) {
        for (uint32_t i = 0; i < plan->buffer_count && plan->buffer_count <= 64; i++) {
            const plim_plan_buffer *b = &plan->buffers[i];
            if (b->upper == k && !plim_replay_free(r, b->offset_bytes, &bytes)) {
                abort();
            }
        }
        uint64_t size = size_of(plan, k);
        bool is_served = plim_replay_alloc(r, size ? size : 1, 1, &offset);
        if (plan->buffer_count > 64) {
            continue; /* nothing is freed: planned places may run out, never collide */
        }
        if (is_served != (size > 0) || (is_served && offset + size > plan->height_bytes)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const plim_trace_key key = {.backend = "null", .version = "1", .thread_count = 1};
    plim_trace_plan plan;
    plim_error err;
    if (!home) {
        open_once();
    }
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) {
        return 0;
    }
    uint64_t mark = plim_region_mark(home);
    if (plim_trace_load(path, &key, home, &plan, &err) == PLIM_OK) {
        replay(&plan);
    }
    if (plim_region_rewind(home, mark, NULL) != PLIM_OK) {
        abort();
    }
    return 0;
}
