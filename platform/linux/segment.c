/* SPDX-License-Identifier: Apache-2.0 */
/* segment.c - shared pages behind a descriptor.
 *
 * Decides which part of the descriptor a reservation gets: the lowest gap that is wide
 * enough, out of at most PLIM_SEGMENT_MAPS live ones. Refuses what does not fit.
 *
 * Invariant: live maps do not overlap in the descriptor and lie inside its size. The lock
 * guards the maps' table; it is held for table look-ups only, never over a system call that
 * moves pages.
 */
#include "platform/linux/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena/bytes.h"
#include "platform/linux/prefault.h"

static void lock(plim_segment_provider *self)
{
    while (__atomic_exchange_n(&self->lock, 1, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
}

static void unlock(plim_segment_provider *self)
{
    __atomic_store_n(&self->lock, 0, __ATOMIC_RELEASE);
}

/* ---- the table of maps, under the lock ---- */

static bool overlaps(const plim_segment_provider *self, uint64_t offset, uint64_t size,
                     uint64_t *out_end)
{
    for (size_t i = 0; i < PLIM_SEGMENT_MAPS; i++) {
        uint64_t from = self->maps[i].offset_bytes, to = from + self->maps[i].size_bytes;
        if (self->maps[i].size_bytes && offset < to && from < offset + size) {
            *out_end = to;
            return true;
        }
    }
    return false;
}

/* The slot that got [offset, offset + size) of the descriptor; PLIM_SEGMENT_MAPS: none. */
static size_t place(plim_segment_provider *self, uint64_t size)
{
    size_t slot = 0;
    while (slot < PLIM_SEGMENT_MAPS && self->maps[slot].size_bytes) {
        slot++;
    }
    if (slot == PLIM_SEGMENT_MAPS) {
        return slot;
    }
    uint64_t offset = 0;
    while (size <= self->size_bytes && offset <= self->size_bytes - size) {
        if (!overlaps(self, offset, size, &offset)) {
            self->maps[slot].base = NULL;
            self->maps[slot].size_bytes = size;
            self->maps[slot].offset_bytes = offset;
            return slot;
        }
    }
    return PLIM_SEGMENT_MAPS;
}

/* Where in the descriptor the address lies; false when it is in none of the maps. */
static bool offset_of(plim_segment_provider *self, const void *at, size_t size_bytes,
                      off_t *out_offset)
{
    bool found = false;
    lock(self);
    for (size_t i = 0; i < PLIM_SEGMENT_MAPS && !found; i++) {
        uint64_t into = (uintptr_t)at - (uintptr_t)self->maps[i].base;
        if (self->maps[i].base && self->maps[i].size_bytes >= size_bytes &&
            into <= self->maps[i].size_bytes - size_bytes) {
            *out_offset = (off_t)(self->maps[i].offset_bytes + into);
            found = true;
        }
    }
    unlock(self);
    return found;
}

/* ---- the provider ---- */

/* Aligned addresses first, from anonymous space, and then the descriptor over them. */
static void *map_aligned(int fd, uint64_t offset, size_t size, size_t align, size_t page)
{
    uint64_t span = size, start = 0;
    if (align > page && !bytes_add(span, align, &span)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    char *at = mmap(NULL, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        return MAP_FAILED;
    }
    (void)bytes_align_up((uintptr_t)at, align, &start);
    size_t head = start - (uintptr_t)at;
    void *base =
        mmap(at + head, size, PROT_NONE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, (off_t)offset);
    if (base == MAP_FAILED) {
        int error = errno;
        munmap(at, span);
        errno = error;
        return MAP_FAILED;
    }
    if (head) {
        munmap(at, head);
    }
    if (span > head + size) {
        munmap(at + head + size, span - head - size);
    }
    return base;
}

static plim_status segment_reserve(plim_provider *base, size_t size_bytes, size_t align_bytes,
                                   void **out, plim_error *err)
{
    plim_segment_provider *self = (plim_segment_provider *)base;
    lock(self);
    size_t slot = place(self, size_bytes);
    uint64_t offset = slot < PLIM_SEGMENT_MAPS ? self->maps[slot].offset_bytes : 0;
    unlock(self);
    if (slot == PLIM_SEGMENT_MAPS) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "reserve: the segment has no such gap",
                         .want = size_bytes, .limit = self->size_bytes);
    }
    void *at = map_aligned(self->fd, offset, size_bytes, align_bytes, base->ops->page_bytes);
    int error = errno;
    lock(self);
    if (at == MAP_FAILED) {
        self->maps[slot].size_bytes = 0;
    } else {
        self->maps[slot].base = at;
    }
    unlock(self);
    if (at == MAP_FAILED) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "reserve", .want = size_bytes,
                         .os_errno = error);
    }
    *out = at;
    return PLIM_OK;
}

static void punch(plim_segment_provider *self, off_t offset, size_t size_bytes)
{
    while (fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
                     (off_t)size_bytes) != 0 &&
           errno == EINTR) {
    }
}

/* Pages are taken now: the system can say no here, later only by SIGBUS. A file system that
 * cannot allocate ahead gets its blocks written, which is what posix_fallocate does. */
static plim_status segment_commit(plim_provider *base, void *at, size_t size_bytes, plim_error *err)
{
    plim_segment_provider *self = (plim_segment_provider *)base;
    off_t offset = 0;
    if (!offset_of(self, at, size_bytes, &offset)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "commit: not of this segment");
    }
    int error;
    do {
        error = posix_fallocate(self->fd, offset, (off_t)size_bytes);
    } while (error == EINTR);
    if (error == 0 && mprotect(at, size_bytes, PROT_READ | PROT_WRITE) != 0) {
        error = errno;
    }
    if (error) {
        punch(self, offset, size_bytes);
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "commit", .want = size_bytes,
                         .os_errno = error);
    }
    return PLIM_OK;
}

static void segment_decommit(plim_provider *base, void *at, size_t size_bytes)
{
    plim_segment_provider *self = (plim_segment_provider *)base;
    off_t offset = 0;
    if (offset_of(self, at, size_bytes, &offset)) {
        (void)mprotect(at, size_bytes, PROT_NONE);
        punch(self, offset, size_bytes);
    }
}

static void forget(plim_segment_provider *self, const void *at)
{
    lock(self);
    for (size_t i = 0; i < PLIM_SEGMENT_MAPS; i++) {
        if (self->maps[i].base == at) {
            memset(&self->maps[i], 0, sizeof(self->maps[i]));
        }
    }
    unlock(self);
}

static void segment_release(plim_provider *base, void *at, size_t size_bytes)
{
    plim_segment_provider *self = (plim_segment_provider *)base;
    off_t offset = 0;
    if (offset_of(self, at, size_bytes, &offset)) {
        munmap(at, size_bytes);
        punch(self, offset, size_bytes);
        forget(self, at);
    }
}

/* The same two for a segment whose content outlives its maps (plim_segment_keep). */
static void kept_decommit(plim_provider *base, void *at, size_t size_bytes)
{
    off_t offset = 0;
    if (offset_of((plim_segment_provider *)base, at, size_bytes, &offset)) {
        (void)mprotect(at, size_bytes, PROT_NONE);
    }
}

static void kept_release(plim_provider *base, void *at, size_t size_bytes)
{
    off_t offset = 0;
    if (offset_of((plim_segment_provider *)base, at, size_bytes, &offset)) {
        munmap(at, size_bytes);
        forget((plim_segment_provider *)base, at);
    }
}

/* Commit took the room; on a disk's file system the pages themselves come at first touch. */
static plim_status segment_advise(plim_provider *base, void *at, size_t size_bytes,
                                  plim_advice advice, plim_error *err)
{
    if (advice == PLIM_ADVICE_PREFAULT) {
        return plim_prefault(at, size_bytes, base->ops->page_bytes, err);
    }
    if (madvise(at, size_bytes, MADV_HUGEPAGE) != 0) {
        return PLIM_FAIL(err, PLIM_E_UNSUPPORTED, .what = "large pages", .want = size_bytes,
                         .os_errno = errno);
    }
    return PLIM_OK;
}

/* mincore is exact here: it asks whether the page exists, whoever made it. */
static plim_status segment_resident(plim_provider *base, const void *at, size_t size_bytes,
                                    size_t *out_bytes, plim_error *err)
{
    size_t page = base->ops->page_bytes, found = 0;
    unsigned char seen[1024];
    for (size_t done = 0; done < size_bytes;) {
        size_t n = (size_bytes - done) / page;
        n = n < sizeof(seen) ? n : sizeof(seen);
        if (mincore((char *)(uintptr_t)at + done, n * page, seen) != 0) {
            return PLIM_FAIL(err, PLIM_E_IO, .what = "mincore", .os_errno = errno);
        }
        for (size_t i = 0; i < n; i++) {
            found += seen[i] & 1;
        }
        done += n * page;
    }
    *out_bytes = found * page;
    return PLIM_OK;
}

bool plim_segment_round(size_t size_bytes, size_t *out_bytes)
{
    uint64_t size = 0;
    if (size_bytes == 0 || !bytes_align_up(size_bytes, (uint64_t)sysconf(_SC_PAGESIZE), &size) ||
        size > INT64_MAX) {
        return false;
    }
    *out_bytes = size;
    return true;
}

void plim_segment_init(plim_segment_provider *self, const char *name, int fd, size_t size_bytes)
{
    memset(self, 0, sizeof(*self));
    self->table = (plim_provider_ops){
        .struct_size = sizeof(self->table),
        .abi = PLIM_PROVIDER_ABI,
        .name = name,
        .kind = PLIM_MEMORY_SHARED,
        .page_bytes = (size_t)sysconf(_SC_PAGESIZE),
        .reserve = segment_reserve,
        .commit = segment_commit,
        .decommit = segment_decommit,
        .release = segment_release,
        .advise = segment_advise,
        .resident = segment_resident,
    };
    self->base.ops = &self->table;
    self->fd = fd;
    self->size_bytes = size_bytes;
}

void plim_segment_keep(plim_segment_provider *self)
{
    self->table.decommit = kept_decommit;
    self->table.release = kept_release;
}

void plim_segment_deinit(plim_segment_provider *self)
{
    for (size_t i = 0; i < PLIM_SEGMENT_MAPS; i++) {
        if (self->maps[i].base) {
            munmap(self->maps[i].base, self->maps[i].size_bytes);
        }
    }
    if (self->fd >= 0) {
        close(self->fd);
    }
    memset(self, 0, sizeof(*self));
    self->fd = -1;
}
