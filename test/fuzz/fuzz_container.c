/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_container.c - a container's head, as it comes and with its digest put right.
 *
 * Without the second try nearly every mutation would end at the digest. What is accepted is
 * held against the format's invariants by a second, simple check, and then verified.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/engine/container.h"
#include "src/engine/digest.h"

#define LIMIT (1u << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static plim_region *home;
static unsigned char *scratch;

static void set_up(void)
{
    plim_budget *budget;
    plim_arena *arena;
    plim_budget_opts b = plim_budget_opts_default();
    plim_region_opts r = plim_region_opts_default();
    b.cap_bytes = 256u << 20;
    r.size_bytes = 128u << 20;
    r.tag = PLIM_TAG_OTHER;
    if (plim_budget_open(plim_provider_mmap(), &b, &budget, NULL) != PLIM_OK ||
        plim_arena_open(budget, plim_provider_mmap(), NULL, &arena, NULL) != PLIM_OK ||
        plim_region_create(arena, PLIM_REGION_DYNAMIC, &r, &home, NULL) != PLIM_OK ||
        posix_memalign((void **)&scratch, 4096, 16u << 20) != 0) {
        abort();
    }
}

static void check(const plim_engine_file *f, size_t size)
{
    uint64_t end = 0;
    uint64_t at = 0;
    for (size_t i = 0; i < plim_engine_section_count(f); i++) {
        const plim_section *s = plim_engine_section(f, i);
        if (s->offset_bytes < end || s->offset_bytes + s->size_bytes < s->offset_bytes ||
            s->offset_bytes + s->size_bytes > plim_engine_payload_bytes(f)) {
            abort();
        }
        end = s->offset_bytes + s->size_bytes;
    }
    for (size_t i = 0; i < plim_engine_chunk_count(f); i++) {
        const plim_chunk *c = plim_engine_chunk(f, i);
        if (c->payload_offset != at || c->file_offset % 4096 ||
            c->file_offset + c->stored_bytes > size || c->tail_bytes > c->raw_bytes) {
            abort();
        }
        at += c->raw_bytes;
    }
    if (at != plim_engine_payload_bytes(f)) {
        abort();
    }
}

static void try_one(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char path[64];
    plim_engine_file *f;
    plim_error err;
    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
    }
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) {
        abort();
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (plim_engine_open(path, home, &f, &err) == PLIM_OK) {
        check(f, size);
        (void)!plim_engine_verify(f, scratch, 16u << 20, NULL, NULL, &err);
        plim_engine_close(f);
    }
    plim_region_stats stats;
    plim_region_read(home, &stats);
    if (stats.used_bytes) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t copy[LIMIT];
    uint64_t body = 0;
    if (!home) {
        set_up();
    }
    if (size > LIMIT) {
        return 0;
    }
    try_one(data, size);
    for (unsigned i = 0; size >= 4096 && i < 8; i++) {
        body |= (uint64_t)data[64 + i] << (8 * i);
    }
    if (body >= 4096 && body <= size) {
        memcpy(copy, data, size);
        memset(copy + PLIM_CONTAINER_DIGEST_AT, 0, 32);
        uint8_t digest[32];
        if (plim_digest_of(copy, (size_t)body, digest)) {
            memcpy(copy + PLIM_CONTAINER_DIGEST_AT, digest, 32);
            try_one(copy, size);
        }
    }
    return 0;
}
