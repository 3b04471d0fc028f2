/* SPDX-License-Identifier: Apache-2.0 */
/* provider_large.c - the process's memory, with large pages whose page tables cost nothing.
 *
 * A private anonymous mapping pays one 4 KiB page table per 2 MiB, on large pages too: the
 * kernel keeps it in store for the day it must split the page. Pages of a memory file on a
 * tmpfs with huge=always are mapped without it. The file system is built by descriptors alone
 * (fsopen, fsmount): no mount point, no setting of the machine, nothing in the file tree; it
 * ends with the descriptor.
 *
 *   reserve       anonymous addresses, as plim_provider_mmap gives them
 *   commit        anonymous pages, as there
 *   commit_large  whole large pages inside the range from the file, the rest anonymous: a file
 *                 page is backed by 2 MiB at first touch, so none may stick out of the range
 *   decommit      fresh anonymous addresses over the range, then a hole in the file
 *
 * A byte's offset in the (sparse) file is its address, so nothing needs to be remembered, and
 * any thread may call. A fork's child shares the descriptor: it never punches holes and never
 * takes pages from the file, so that what it does cannot empty its parent's memory.
 * Refuses strict overcommit, where a page that is refused at first touch is a SIGBUS, and a
 * kernel with pages above 4 KiB, whose large pages are larger than 2 MiB (512 MiB on pages of
 * 64 KiB) and would stick out of every range.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arena/bytes.h"
#include "platform/linux/pagemap.h"
#include "plimsoll/provider.h"

#define FS_CLOEXEC     1u
#define FS_SET_STRING  1u
#define FS_CREATE      6u
#define ATTRIBUTE_NONE 0u
#define LARGE_BYTES    ((uint64_t)2 << 20)
#define FILE_BYTES     ((off_t)1 << 57) /* more than any address of a process */
#define FILE_NAME      "plimsoll-large" /* memory reports know it by this */

/* ---- the file ---- */

static int set(long fs, const char *key, const char *value)
{
    return (int)syscall(SYS_fsconfig, fs, FS_SET_STRING, key, value, 0);
}

static int open_in(int mount)
{
    int fd = openat(mount, FILE_NAME, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 && (unlinkat(mount, FILE_NAME, 0) != 0 || ftruncate(fd, FILE_BYTES) != 0)) {
        const int code = errno;
        close(fd);
        errno = code;
        fd = -1;
    }
    return fd;
}

/* A file on a fresh tmpfs with large pages; -1: errno, and the step that was refused. */
static int open_file(const char **out_step)
{
    int fd = -1;
    *out_step = "fsopen(tmpfs)";
    const long fs = syscall(SYS_fsopen, "tmpfs", FS_CLOEXEC);
    if (fs < 0) {
        return -1;
    }
    *out_step = "tmpfs option huge=always";
    /* No limit of its own: the load line is the limit, and a full tmpfs would be a SIGBUS. */
    if (set(fs, "huge", "always") == 0 && set(fs, "size", "0") == 0 &&
        set(fs, "mode", "0700") == 0 && syscall(SYS_fsconfig, fs, FS_CREATE, NULL, NULL, 0) == 0) {
        *out_step = "fsmount(tmpfs)";
        const long mount = syscall(SYS_fsmount, fs, FS_CLOEXEC, ATTRIBUTE_NONE);
        if (mount >= 0) {
            *out_step = "a file on the tmpfs";
            fd = open_in((int)mount);
            const int code = errno;
            close((int)mount);
            errno = code;
        }
    }
    const int code = errno;
    close((int)fs);
    errno = code;
    return fd;
}

/* Does a small file of the system hold @text? False also when it cannot be read. */
static bool file_says(const char *path, const char *text)
{
    char content[128];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? -1 : read(fd, content, sizeof(content) - 1);
    if (fd >= 0) {
        close(fd);
    }
    content[got > 0 ? got : 0] = 0;
    return strstr(content, text) != NULL;
}

static plim_status refuse(plim_error *err, const char *why, int code)
{
    (void)PLIM_FAIL(err, PLIM_E_UNSUPPORTED, .what = "large pages", .os_errno = code);
    plim_error_detail(err, "%s%s", why, code == EPERM ? ": needs CAP_SYS_ADMIN" : "");
    return PLIM_E_UNSUPPORTED;
}

/* ---- the table ---- */

static plim_large_provider *of(plim_provider *base)
{
    return (plim_large_provider *)base;
}

static plim_status large_reserve(plim_provider *base, size_t size_bytes, size_t align_bytes,
                                 void **out, plim_error *err)
{
    (void)base;
    return plim_provider_reserve(plim_provider_mmap(), size_bytes, align_bytes, out, err);
}

static plim_status large_commit(plim_provider *base, void *at, size_t size_bytes, plim_error *err)
{
    (void)base;
    return plim_provider_commit(plim_provider_mmap(), at, size_bytes, err);
}

static void punch(const plim_large_provider *self, void *at, size_t size_bytes)
{
    if (self->owner_pid != getpid()) {
        return;
    }
    while (fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(uintptr_t)at,
                     (off_t)size_bytes) != 0 &&
           errno == EINTR) {
    }
}

static void large_decommit(plim_provider *base, void *at, size_t size_bytes)
{
    (void)mmap(at, size_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
               -1, 0);
    punch(of(base), at, size_bytes);
}

static void large_release(plim_provider *base, void *at, size_t size_bytes)
{
    munmap(at, size_bytes);
    punch(of(base), at, size_bytes);
}

static plim_status commit_piece(void *at, uint64_t size_bytes, plim_error *err)
{
    return size_bytes ? plim_provider_commit(plim_provider_mmap(), at, size_bytes, err) : PLIM_OK;
}

static plim_status large_commit_large(plim_provider *base, void *at, size_t size_bytes,
                                      plim_error *err)
{
    uint64_t begin = (uintptr_t)at, end = 0, from = 0;
    if (!bytes_add(begin, size_bytes, &end) || !bytes_align_up(begin, LARGE_BYTES, &from)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "commit", .want = size_bytes);
    }
    const uint64_t to = bytes_align_down(end, LARGE_BYTES);
    if (from >= to || of(base)->owner_pid != getpid()) {
        return plim_provider_commit(plim_provider_mmap(), at, size_bytes, err);
    }
    plim_status status = commit_piece(at, from - begin, err);
    if (status == PLIM_OK) {
        status = commit_piece((char *)at + (to - begin), end - to, err);
    }
    if (status == PLIM_OK &&
        mmap((char *)at + (from - begin), to - from, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_NORESERVE | MAP_FIXED, of(base)->fd, (off_t)from) == MAP_FAILED) {
        status =
            PLIM_FAIL(err, PLIM_E_NOMEM, .what = "commit", .want = size_bytes, .os_errno = errno);
    }
    if (status != PLIM_OK) {
        large_decommit(base, at, size_bytes);
    }
    return status;
}

static plim_status large_advise(plim_provider *base, void *at, size_t size_bytes,
                                plim_advice advice, plim_error *err)
{
    (void)base;
    return plim_provider_advise(plim_provider_mmap(), at, size_bytes, advice, err);
}

static plim_status large_resident(plim_provider *base, const void *at, size_t size_bytes,
                                  size_t *out_bytes, plim_error *err)
{
    return plim_pagemap_resident(at, size_bytes, base->ops->page_bytes,
                                 PLIM_PAGE_IS_ALONE | PLIM_PAGE_IS_OF_FILE, out_bytes, err);
}

/* ---- open and close ---- */

static void build(plim_large_provider *self, int fd)
{
    memset(self, 0, sizeof(*self));
    self->table = (plim_provider_ops){
        .struct_size = sizeof(self->table),
        .abi = PLIM_PROVIDER_ABI,
        .name = "large",
        .kind = PLIM_MEMORY_HOST,
        .page_bytes = plim_provider_page_bytes(plim_provider_mmap()),
        .reserve = large_reserve,
        .commit = large_commit,
        .decommit = large_decommit,
        .release = large_release,
        .advise = large_advise,
        .resident = large_resident,
        .commit_large = large_commit_large,
    };
    self->base.ops = &self->table;
    self->fd = fd;
    self->owner_pid = getpid();
}

plim_status plim_provider_large_open(plim_large_provider *self, plim_error *err)
{
    const char *step = "";
    if (self == NULL) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "large pages: provider");
    }
    memset(self, 0, sizeof(*self));
    self->fd = -1;
    const uint64_t page = plim_provider_page_bytes(plim_provider_mmap());
    if (page * (page / 8) != LARGE_BYTES) { /* what one page of a page table maps */
        return refuse(err, "the kernel's large pages are not 2 MiB", 0);
    }
    if (file_says("/proc/sys/vm/overcommit_memory", "2")) {
        return refuse(err, "vm.overcommit_memory is 2", 0);
    }
    if (file_says("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "[deny]")) {
        return refuse(err, "transparent_hugepage/shmem_enabled is deny", 0);
    }
    const int fd = open_file(&step);
    if (fd < 0) {
        return refuse(err, step, errno);
    }
    build(self, fd);
    return PLIM_OK;
}

void plim_provider_large_close(plim_large_provider *self)
{
    if (self != NULL && self->base.ops != NULL) {
        close(self->fd);
        memset(self, 0, sizeof(*self));
        self->fd = -1;
    }
}
