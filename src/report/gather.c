/* SPDX-License-Identifier: Apache-2.0 */
/* gather.c - the facts of a report: the account, the arena's regions, the kernel.
 *
 * Decides which row a page belongs to. Regions are asked page by page what is resident; each
 * is then taken out of the kind of mapping that it lies in, and what is left of that kind is
 * the process's own (heap, files, stacks). The total comes from a second reading of the
 * kernel, so that a page counted twice or not at all shows as "unattributed".
 * Algorithm: walk smaps once; O(mappings x regions), both in the hundreds.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "platform/fsroot.h"
#include "platform/linux/account_copy.h"
#include "platform/linux/probes.h"
#include "plimsoll/arena.h"
#include "src/report/rows.h"

#define REGIONS_MAX  400u /* more than a runtime makes */
#define FILES_SHOWN  24u
#define FILE_OWN_ROW (UINT64_C(1) << 20) /* smaller ones share the row PLIM_REPORT_CODE */

typedef struct tagged_range {
    uint64_t base;
    uint64_t resident_bytes;
} tagged_range;

typedef struct mapped_file {
    char name[PLIM_NAME_BYTES];
    uint64_t rss_bytes;
} mapped_file;

typedef struct gathering {
    tagged_range ranges[REGIONS_MAX + 1]; /* the regions, and the account itself */
    size_t range_count;
    uint64_t kind_bytes[PLIM_MAPPING_COUNT];
    uint64_t tagged_bytes[PLIM_MAPPING_COUNT]; /* of kind_bytes */
    mapped_file files[FILES_SHOWN];
    size_t file_count;
} gathering;

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void note_file(gathering *g, const mapped_file *f)
{
    for (size_t i = 0; i < g->file_count; i++) {
        if (strcmp(g->files[i].name, f->name) == 0) {
            g->files[i].rss_bytes += f->rss_bytes;
            return;
        }
    }
    if (g->file_count < FILES_SHOWN) {
        g->files[g->file_count++] = *f;
        return;
    }
    mapped_file *least = &g->files[0]; /* keep the largest: the smallest share a row anyway */
    for (size_t i = 1; i < g->file_count; i++) {
        least = g->files[i].rss_bytes < least->rss_bytes ? &g->files[i] : least;
    }
    if (least->rss_bytes < f->rss_bytes) {
        *least = *f;
    }
}

static void take_mapping(void *context, const plim_mapping *m)
{
    gathering *g = context;
    bool holds_tagged = false;
    g->kind_bytes[m->kind] += m->rss_bytes;
    for (size_t i = 0; i < g->range_count; i++) {
        if (g->ranges[i].base >= m->from && g->ranges[i].base < m->to) {
            g->tagged_bytes[m->kind] += g->ranges[i].resident_bytes;
            holds_tagged = true;
        }
    }
    if (m->kind == PLIM_MAPPING_FILE && !holds_tagged && m->rss_bytes) {
        mapped_file f = {.rss_bytes = m->rss_bytes};
        plim_report_name(f.name, sizeof(f.name), base_name(m->path));
        note_file(g, &f);
    }
}

/* ---- the account and the regions ---- */

static bool is_declared(const plim_account_row *cell)
{
    return cell->tag == PLIM_TAG_FRAMEWORK || strcmp(cell->owner, "reserve") == 0;
}

static plim_status take_account(plim_report *out, const plim_budget *budget, bool charged_is_now,
                                plim_error *err)
{
    plim_account_row cells[PLIM_REPORT_ROWS_MAX];
    plim_budget_read(budget, &out->account, cells, PLIM_REPORT_ROWS_MAX);
    if (out->account.row_count > PLIM_REPORT_ROWS_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "cells of the account",
                         .want = out->account.row_count, .have = PLIM_REPORT_ROWS_MAX,
                         .limit = PLIM_REPORT_ROWS_MAX);
    }
    for (size_t i = 0; i < out->account.row_count; i++) {
        plim_report_row *row;
        PLIM_TRY(plim_report_row_for(out, cells[i].owner, plim_tag_name(cells[i].tag),
                                     PLIM_KNOWN_TAGGED, &row, err));
        row->charged_bytes = cells[i].now_bytes;
        row->peak_bytes = (int64_t)cells[i].at_peak_bytes;
        if (charged_is_now && !is_declared(&cells[i])) {
            row->now_bytes = (int64_t)cells[i].now_bytes;
        }
    }
    return PLIM_OK;
}

static plim_status take_range(plim_report *out, gathering *g, plim_provider *provider,
                              const void *base, uint64_t bytes, const char *owner, const char *kind,
                              plim_error *err)
{
    plim_report_row *row;
    size_t resident = 0;
    if (bytes == 0) {
        return PLIM_OK;
    }
    PLIM_TRY(plim_provider_resident(provider, base, (size_t)bytes, &resident, err));
    PLIM_TRY(plim_report_row_for(out, owner, kind, PLIM_KNOWN_TAGGED, &row, err));
    row->now_bytes += (int64_t)resident;
    g->ranges[g->range_count++] =
        (tagged_range){.base = (uint64_t)(uintptr_t)base, .resident_bytes = resident};
    return PLIM_OK;
}

/* The account's own pages, whole: they were mapped by themselves. */
static plim_status take_image(plim_report *out, gathering *g, const plim_budget *budget,
                              plim_error *err)
{
    size_t bytes = 0;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const char *image = plim_budget_image(budget, &bytes);
    if (!image || (uintptr_t)image % page != 0) {
        return PLIM_OK;
    }
    bytes = (bytes + page - 1) & ~(page - 1);
    return take_range(out, g, plim_provider_mmap(), image, bytes,
                      plim_budget_owner_name(budget, PLIM_OWNER_RUNTIME),
                      plim_tag_name(PLIM_TAG_OTHER), err);
}

static plim_status take_regions(plim_report *out, gathering *g, const plim_arena *arena,
                                plim_error *err)
{
    plim_region_stats regions[REGIONS_MAX];
    plim_arena *a = (plim_arena *)(uintptr_t)arena; /* the getters below change nothing */
    const plim_budget *budget = plim_arena_budget(a);
    size_t count = plim_arena_regions(arena, regions, REGIONS_MAX);
    if (count > REGIONS_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "regions of a report", .want = count,
                         .have = REGIONS_MAX, .limit = REGIONS_MAX);
    }
    PLIM_TRY(take_account(out, budget, false, err));
    for (size_t i = 0; i < count; i++) {
        const plim_region_stats *r = &regions[i];
        PLIM_TRY(take_range(out, g, plim_arena_provider(a), r->base, r->committed_bytes,
                            plim_budget_owner_name(budget, r->owner), plim_tag_name(r->tag), err));
    }
    return take_image(out, g, budget, err);
}

/* ---- the process's own rows ---- */

static plim_status add_row(plim_report *out, const char *owner, const char *kind, uint64_t bytes,
                           plim_error *err)
{
    plim_report_row *row;
    PLIM_TRY(plim_report_row_for(out, owner, kind, PLIM_KNOWN_KERNEL, &row, err));
    row->now_bytes += (int64_t)bytes;
    return PLIM_OK;
}

static uint64_t own_bytes(const gathering *g, plim_mapping_kind kind)
{
    uint64_t all = g->kind_bytes[kind], tagged = g->tagged_bytes[kind];
    return all > tagged ? all - tagged : 0;
}

static plim_status add_file_rows(plim_report *out, const gathering *g, plim_error *err)
{
    uint64_t rest = own_bytes(g, PLIM_MAPPING_FILE) + own_bytes(g, PLIM_MAPPING_SPECIAL);
    for (size_t i = 0; i < g->file_count; i++) {
        const mapped_file *f = &g->files[i];
        if (f->rss_bytes >= FILE_OWN_ROW && f->rss_bytes <= rest) {
            PLIM_TRY(add_row(out, PLIM_REPORT_PROCESS, f->name, f->rss_bytes, err));
            rest -= f->rss_bytes;
        }
    }
    return add_row(out, PLIM_REPORT_PROCESS, PLIM_REPORT_CODE, rest, err);
}

static plim_status add_process_rows(plim_report *out, const gathering *g, bool with_anonymous,
                                    plim_error *err)
{
    uint64_t heap = own_bytes(g, PLIM_MAPPING_HEAP);
    uint64_t shared = own_bytes(g, PLIM_MAPPING_SHARED);
    heap += with_anonymous ? own_bytes(g, PLIM_MAPPING_ANONYMOUS) : 0;
    PLIM_TRY(add_row(out, PLIM_REPORT_PROCESS, PLIM_REPORT_HEAP, heap, err));
    PLIM_TRY(add_file_rows(out, g, err));
    PLIM_TRY(add_row(out, PLIM_REPORT_PROCESS, PLIM_REPORT_STACKS, own_bytes(g, PLIM_MAPPING_STACK),
                     err));
    if (shared) {
        PLIM_TRY(add_row(out, PLIM_REPORT_PROCESS, PLIM_REPORT_SHARED, shared, err));
    }
    if (out->process.page_table_bytes != PLIM_UNKNOWN_BYTES) {
        PLIM_TRY(add_row(out, PLIM_REPORT_PROCESS, PLIM_REPORT_PAGE_TABLES,
                         out->process.page_table_bytes, err));
    }
    return PLIM_OK;
}

static plim_status add_cache_rows(plim_report *out, const char *const *files, size_t count,
                                  plim_error *err)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes = 0;
        PLIM_TRY(plim_file_cached_bytes(files[i], &bytes, err));
        if (bytes) {
            PLIM_TRY(add_row(out, PLIM_REPORT_CACHE, base_name(files[i]), bytes, err));
            out->page_cache_bytes += bytes;
        }
    }
    if (count && out->page_cache_bytes == 0) {
        return add_row(out, PLIM_REPORT_CACHE, "files of the run", 0, err);
    }
    return PLIM_OK;
}

static void take_names(plim_report *out, uint32_t pid)
{
    char path[48] = "proc/self/comm";
    if (pid) {
        snprintf(path, sizeof(path), "proc/%u/comm", (unsigned)pid);
    }
    out->pid = pid ? pid : (uint32_t)getpid();
    char comm[64] = "";
    plim_fsroot_read("", path, comm, sizeof(comm), NULL);
    comm[strcspn(comm, "\n")] = 0;
    plim_report_name(out->program, sizeof(out->program), comm);
    out->has_cgroup = plim_cgroup_memory_read_at("", pid, &out->cgroup, NULL) == PLIM_OK;
}

plim_status plim_report_gather_self(const plim_arena *arena, const char *const *files,
                                    size_t file_count, plim_report *out, plim_error *err)
{
    gathering g;
    memset(&g, 0, sizeof(g));
    memset(out, 0, sizeof(*out));
    if (file_count > PLIM_REPORT_FILES_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "files of a report", .want = file_count,
                         .have = PLIM_REPORT_FILES_MAX, .limit = PLIM_REPORT_FILES_MAX);
    }
    take_names(out, 0);
    if (arena) {
        PLIM_TRY(take_regions(out, &g, arena, err));
    }
    PLIM_TRY(plim_mappings_walk("", 0, take_mapping, &g, err));
    PLIM_TRY(plim_process_memory_read(0, &out->process, err));
    PLIM_TRY(add_process_rows(out, &g, true, err));
    PLIM_TRY(add_cache_rows(out, files, file_count, err));
    return plim_report_close_sum(out, err);
}

/* From a file, or from wherever the process publishes it; having none is no failure then. */
static plim_status take_published(plim_report *out, uint32_t pid, const char *path, plim_error *err)
{
    plim_account_copy copy;
    const plim_budget *budget = NULL;
    if (path) {
        PLIM_TRY(plim_account_copy_file(path, &copy, err));
    } else if (plim_account_copy_process("", pid, &copy, NULL) != PLIM_OK) {
        return PLIM_OK;
    }
    plim_status rc = plim_budget_attach(copy.image, copy.image_bytes, &budget, err);
    if (rc == PLIM_OK) {
        rc = take_account(out, budget, true, err);
    }
    plim_account_copy_close(&copy);
    return rc;
}

plim_status plim_report_gather_process(uint32_t pid, const char *account_path, plim_report *out,
                                       plim_error *err)
{
    gathering g;
    memset(&g, 0, sizeof(g));
    memset(out, 0, sizeof(*out));
    PLIM_TRY(take_published(out, pid, account_path, err));
    PLIM_TRY(plim_mappings_walk("", pid, take_mapping, &g, err));
    PLIM_TRY(plim_process_memory_read(pid, &out->process, err));
    take_names(out, pid);
    PLIM_TRY(add_process_rows(out, &g, out->account.cap_bytes == 0, err));
    return plim_report_close_sum(out, err);
}
