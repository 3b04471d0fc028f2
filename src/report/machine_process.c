/* SPDX-License-Identifier: Apache-2.0 */
/* machine_process.c - one process opened up: its share of the machine in rows.
 *
 * Decides which row each mapping belongs to, and which of the machine's counters holds the same
 * bytes. A mapping's share (Pss) splits in two: pages that are no file's (AnonPages) and the rest,
 * which is in Shmem for memfd, tmpfs and System V segments and in Cached for files. Mappings of
 * devices are left out: their pages are the driver's, which has rows of its own. So is the vDSO,
 * which is the kernel's.
 *
 * What was charged in the account lies in anonymous mappings, in the large pages' segment and in
 * the account's own pages. Regions cannot be seen from outside, so tagged rows say what was
 * charged; when that is more than these mappings hold, the difference is a negative row.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "platform/fsroot.h"
#include "platform/linux/account_copy.h"
#include "platform/linux/file_cache.h"
#include "platform/linux/probes.h"
#include "platform/linux/process_share.h"
#include "src/report/machine_parts.h"
#include "src/report/rows.h"

#define FILES_KEPT    24u
#define FILE_OWN_ROW  (UINT64_C(1) << 20) /* smaller ones share a row */
#define SHMEM_DEVICES 24u
#define DESCRIPTORS   64u /* open files that are looked at */
#define CELLS_MAX     128u

typedef struct mapped_file {
    char path[PLIM_CACHE_PATH_BYTES];
    uint64_t bytes;    /* its share, with private copies of pages */
    uint64_t pss, rss; /* of its pages in the page cache */
} mapped_file;

typedef struct opened {
    const char *root;
    uint64_t heap, stack, anonymous, large, account, shared, files_pss;
    uint64_t account_inode;
    uint32_t shmem_major[SHMEM_DEVICES], shmem_minor[SHMEM_DEVICES];
    size_t shmem_count, file_count;
    mapped_file files[FILES_KEPT];
    plim_process_parts *parts;
} opened;

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - tmpfs tmpfs rw": the devices of tmpfs mounts. */
static void find_shmem_devices(opened *self)
{
    plim_lines lines;
    if (plim_lines_open(self->root, "proc/self/mountinfo", &lines, NULL) != PLIM_OK) {
        return;
    }
    for (char *line; self->shmem_count < SHMEM_DEVICES && (line = plim_lines_next(&lines));) {
        uint32_t *major = &self->shmem_major[self->shmem_count];
        uint32_t *minor = &self->shmem_minor[self->shmem_count];
        const char *type = strstr(line, " - ");
        if (type && (starts(type + 3, "tmpfs ") || starts(type + 3, "devtmpfs ")) &&
            sscanf(line, "%*u %*u %" SCNu32 ":%" SCNu32, major, minor) == 2) {
            self->shmem_count++;
        }
    }
    plim_lines_close(&lines);
}

static bool is_shmem(const opened *self, const plim_mapping *m)
{
    if (m->kind == PLIM_MAPPING_SHARED || starts(m->path, "/plimsoll-large") ||
        starts(m->path, "[anon_shmem")) {
        return true;
    }
    for (size_t i = 0; m->kind == PLIM_MAPPING_FILE && i < self->shmem_count; i++) {
        if (self->shmem_major[i] == m->device_major && self->shmem_minor[i] == m->device_minor) {
            return true;
        }
    }
    return false;
}

static mapped_file *file_slot(opened *self, const char *path, uint64_t bytes)
{
    mapped_file *least = &self->files[0];
    for (size_t i = 0; i < self->file_count; i++) {
        if (strcmp(self->files[i].path, path) == 0) {
            return &self->files[i];
        }
        least = self->files[i].bytes < least->bytes ? &self->files[i] : least;
    }
    if (self->file_count < FILES_KEPT) {
        least = &self->files[self->file_count++];
    } else if (least->bytes >= bytes) {
        return NULL; /* keep the largest: the smallest share a row anyway */
    }
    memset(least, 0, sizeof(*least));
    snprintf(least->path, sizeof(least->path), "%s", path);
    return least;
}

static void take_file(opened *self, const plim_mapping *m, uint64_t anon)
{
    self->files_pss += m->pss_bytes;
    mapped_file *f =
        strlen(m->path) < PLIM_CACHE_PATH_BYTES ? file_slot(self, m->path, m->pss_bytes) : NULL;
    if (f) {
        f->bytes += m->pss_bytes;
        f->pss += m->pss_bytes - anon;
        f->rss += m->rss_bytes > m->anonymous_bytes ? m->rss_bytes - m->anonymous_bytes : 0;
    }
}

static void take_mapping(void *context, const plim_mapping *m)
{
    opened *self = context;
    const uint64_t pss = m->pss_bytes;
    uint64_t anon = m->anonymous_bytes < pss ? m->anonymous_bytes : pss;
    const bool is_account = self->account_inode && m->inode == self->account_inode;
    if (m->kind == PLIM_MAPPING_SPECIAL ||
        (m->kind == PLIM_MAPPING_FILE && starts(m->path, "/dev/") && !is_shmem(self, m))) {
        return;
    }
    if (m->path[0] != '/' && !is_shmem(self, m)) {
        anon = pss; /* heap, stacks, private memory */
    }
    self->parts->anon_bytes += anon;
    *(is_shmem(self, m) ? &self->parts->shmem_bytes : &self->parts->file_bytes) += pss - anon;
    if (is_account) {
        self->account += pss;
    } else if (m->kind == PLIM_MAPPING_HEAP) {
        self->heap += pss;
    } else if (m->kind == PLIM_MAPPING_STACK) {
        self->stack += pss;
    } else if (starts(m->path, "/plimsoll-large")) {
        self->large += pss;
    } else if (m->kind == PLIM_MAPPING_ANONYMOUS && !is_shmem(self, m)) {
        self->anonymous += pss;
    } else if (is_shmem(self, m)) {
        self->shared += pss;
    } else {
        take_file(self, m, anon);
    }
}

/* ---- the account ---- */

static bool is_declared(const plim_account_row *cell)
{
    return cell->tag == PLIM_TAG_FRAMEWORK || strcmp(cell->owner, "reserve") == 0;
}

static plim_status add_cells(const plim_budget *budget, plim_machine *out, uint64_t *tagged,
                             plim_error *err)
{
    plim_account_row cells[CELLS_MAX];
    plim_budget_read(budget, &out->account, cells, CELLS_MAX);
    out->has_account = true;
    size_t count = out->account.row_count < CELLS_MAX ? out->account.row_count : CELLS_MAX;
    uint64_t other = 0, all = 0;
    for (size_t t = 0; t < PLIM_TAG_COUNT; t++) {
        all += out->account.tag_now_bytes[t];
    }
    for (size_t i = 0; i < count; i++) {
        char name[PLIM_MACHINE_NAME_BYTES];
        other += cells[i].now_bytes;
        if (is_declared(&cells[i])) {
            out->declared_bytes += cells[i].now_bytes;
            continue;
        }
        snprintf(name, sizeof(name), "%.31s %s", cells[i].owner, plim_tag_name(cells[i].tag));
        PLIM_TRY(plim_machine_add(out, PLIM_PLACE_PROCESS, PLIM_KNOWN_TAGGED, name,
                                  (int64_t)cells[i].now_bytes, err));
        out->rows[out->row_count - 1].peak_bytes = (int64_t)cells[i].peak_bytes;
        *tagged += cells[i].now_bytes;
    }
    if (out->account.row_count > CELLS_MAX && all > other) { /* more engines than rows */
        *tagged += all - other;
        return plim_machine_add(out, PLIM_PLACE_PROCESS, PLIM_KNOWN_TAGGED, "more engines",
                                (int64_t)(all - other), err);
    }
    return PLIM_OK;
}

static plim_status take_account(const plim_machine_opts *opts, plim_machine *out, opened *self,
                                uint64_t *tagged, plim_error *err)
{
    plim_account_copy copy;
    const plim_budget *budget = NULL;
    if (opts->account_path) {
        PLIM_TRY(plim_account_copy_file(opts->account_path, &copy, err));
    } else if (plim_account_copy_process(opts->root, opts->pid, &copy, NULL) != PLIM_OK) {
        return PLIM_OK;
    }
    plim_status status = plim_budget_attach(copy.image, copy.image_bytes, &budget, err);
    if (status == PLIM_OK) {
        self->account_inode = copy.inode;
        status = add_cells(budget, out, tagged, err);
    }
    plim_account_copy_close(&copy);
    return status;
}

/* ---- rows ---- */

static plim_status add(plim_machine *out, plim_known known, const char *name, uint64_t bytes,
                       plim_error *err)
{
    return plim_machine_add(out, PLIM_PLACE_PROCESS, known, name, (int64_t)bytes, err);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static plim_status add_files(plim_machine *out, const opened *self, plim_error *err)
{
    uint64_t rest = self->files_pss;
    for (size_t i = 0; i < self->file_count; i++) {
        const mapped_file *f = &self->files[i];
        if (f->bytes >= FILE_OWN_ROW) {
            PLIM_TRY(add(out, PLIM_KNOWN_KERNEL, base_name(f->path), f->bytes, err));
            rest -= f->bytes;
        }
    }
    return add(out, PLIM_KNOWN_KERNEL, "code and libraries", rest, err);
}

static plim_status add_memory(plim_machine *out, const opened *self, uint64_t tagged,
                              plim_error *err)
{
    const uint64_t room = self->anonymous + self->large + self->account;
    const plim_known known = tagged ? PLIM_KNOWN_DIFFERENCE : PLIM_KNOWN_KERNEL;
    PLIM_TRY(add(out, PLIM_KNOWN_KERNEL, "heap", self->heap, err));
    PLIM_TRY(add(out, known, "anonymous, untagged", room > tagged ? room - tagged : 0, err));
    if (tagged > room) {
        PLIM_TRY(plim_machine_add(out, PLIM_PLACE_PROCESS, PLIM_KNOWN_DIFFERENCE,
                                  "charged, not resident", -(int64_t)(tagged - room), err));
    }
    PLIM_TRY(add(out, PLIM_KNOWN_KERNEL, "stacks", self->stack, err));
    if (self->shared) {
        PLIM_TRY(add(out, PLIM_KNOWN_KERNEL, "shared memory", self->shared, err));
    }
    return PLIM_OK;
}

/* ---- page cache of files ---- */

static uint64_t mapped_of(const opened *self, const char *path, bool *is_shared)
{
    for (size_t i = 0; self && i < self->file_count; i++) {
        if (strcmp(self->files[i].path, path) == 0) {
            *is_shared = self->files[i].pss < self->files[i].rss;
            return self->files[i].rss;
        }
    }
    return 0;
}

/* What lies in the page cache of a file beyond the pages that the process maps, which are in its
 * own rows. A file that others map as well is in their shares too: only when it was named. */
static plim_status add_cached(plim_machine *out, plim_process_parts *parts, const opened *self,
                              const char *path, bool is_named, plim_error *err)
{
    bool is_shared = false;
    uint64_t cached = 0, mapped = mapped_of(self, path, &is_shared);
    if (!plim_file_cache_read(path, &cached)) {
        return is_named ? plim_machine_add(out, PLIM_PLACE_CACHE, PLIM_KNOWN_KERNEL,
                                           base_name(path), PLIM_REPORT_NONE, err)
                        : PLIM_OK;
    }
    uint64_t bytes = cached > mapped ? cached - mapped : 0;
    if (!is_named && (is_shared || bytes < FILE_OWN_ROW)) {
        return PLIM_OK;
    }
    parts->cached_bytes += bytes;
    return plim_machine_add(out, PLIM_PLACE_CACHE, PLIM_KNOWN_KERNEL, base_name(path),
                            (int64_t)bytes, err);
}

static bool is_named(const plim_machine_opts *opts, const char *path)
{
    for (size_t i = 0; i < opts->file_count; i++) {
        if (plim_file_cache_is_same(opts->files[i], path)) {
            return true;
        }
    }
    return false;
}

plim_status plim_machine_named_files(const plim_machine_opts *opts, plim_machine *out,
                                     plim_process_parts *parts, plim_error *err)
{
    for (size_t i = 0; i < opts->file_count; i++) {
        PLIM_TRY(add_cached(out, parts, NULL, opts->files[i], true, err));
    }
    return PLIM_OK;
}

/* Mapped files, open files and named ones, each once. */
static plim_status add_cache(const plim_machine_opts *opts, plim_machine *out, const opened *self,
                             plim_process_parts *parts, plim_error *err)
{
    plim_folder fds;
    char folder[48], path[PLIM_CACHE_PATH_BYTES];
    size_t seen = 0;
    for (size_t i = 0; i < opts->file_count; i++) {
        char real[PLIM_CACHE_PATH_BYTES];
        const char *name = plim_file_cache_real(opts->files[i], real) ? real : opts->files[i];
        PLIM_TRY(add_cached(out, parts, self, name, true, err));
    }
    for (size_t i = 0; i < self->file_count; i++) {
        if (!is_named(opts, self->files[i].path)) {
            PLIM_TRY(add_cached(out, parts, self, self->files[i].path, false, err));
        }
    }
    snprintf(folder, sizeof(folder), "proc/%" PRIu32 "/fd", opts->pid);
    if (plim_folder_open(opts->root, folder, &fds, NULL) != PLIM_OK) {
        return PLIM_OK;
    }
    plim_status status = PLIM_OK;
    for (const char *name;
         status == PLIM_OK && seen < DESCRIPTORS && (name = plim_folder_next(&fds)); seen++) {
        bool is_shared;
        if (plim_file_cache_of_descriptor(opts->pid, name, path) && !is_named(opts, path) &&
            mapped_of(self, path, &is_shared) == 0) {
            status = add_cached(out, parts, self, path, false, err);
        }
    }
    plim_folder_close(&fds);
    return status;
}

static plim_status refuse_absent(plim_error *err, uint32_t pid)
{
    char number[16];
    snprintf(number, sizeof(number), "%" PRIu32, pid);
    plim_error_set(err, PLIM_E_NOT_FOUND, "process", "pid", "a process that runs", number);
    return PLIM_E_NOT_FOUND;
}

plim_status plim_machine_open_process(const plim_machine_opts *opts, plim_machine *out,
                                      plim_process_parts *parts, plim_error *err)
{
    opened self = {.root = opts->root, .parts = parts};
    plim_process_memory memory;
    plim_cgroup_memory cgroup;
    char name[64];
    uint64_t tagged = 0;
    if (!plim_process_start(opts->root, opts->pid, &out->start_ticks) && !opts->root[0]) {
        return refuse_absent(err, opts->pid);
    }
    out->pid = opts->pid;
    plim_process_name(opts->root, opts->pid, name, sizeof(name));
    plim_report_name(out->program, sizeof(out->program), name);
    PLIM_TRY(take_account(opts, out, &self, &tagged, err));
    find_shmem_devices(&self);
    PLIM_TRY(plim_mappings_walk(opts->root, opts->pid, take_mapping, &self, err));
    PLIM_TRY(plim_process_memory_read_at(opts->root, opts->pid, &memory, err));
    if (!opts->root[0] && !plim_process_start(opts->root, opts->pid, &out->start_ticks)) {
        return refuse_absent(err, opts->pid);
    }
    out->rss_bytes = memory.rss_bytes;
    out->rss_peak_bytes = memory.rss_peak_bytes;
    out->swap_bytes = memory.swap_bytes;
    out->has_cgroup = plim_cgroup_memory_read_at(opts->root, opts->pid, &cgroup, NULL) == PLIM_OK;
    out->limit_cgroup_bytes = out->has_cgroup ? cgroup.limit_bytes : PLIM_UNKNOWN_BYTES;
    plim_process_limits(opts->root, opts->pid, &out->limit_address_bytes, &out->limit_locked_bytes);
    PLIM_TRY(add_memory(out, &self, tagged, err));
    PLIM_TRY(add_files(out, &self, err));
    if (memory.page_table_bytes != PLIM_UNKNOWN_BYTES) {
        parts->page_table_bytes = memory.page_table_bytes;
        PLIM_TRY(add(out, PLIM_KNOWN_KERNEL, "page tables", memory.page_table_bytes, err));
    }
    return opts->root[0] ? PLIM_OK : add_cache(opts, out, &self, parts, err);
}
