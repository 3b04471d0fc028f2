/* SPDX-License-Identifier: Apache-2.0 */
/* machine_gather.c - MemTotal as a sum.
 *
 * The kernel's counters cut memory into parts that do not overlap: free, anonymous, page cache,
 * shared memory, slab and the like. Each part is then dealt out: first to the process that was
 * opened up, then to the others, and what is left of it is its own row. A part that was dealt out
 * more than it holds shows nothing for itself; the excess is in "unattributed", which closes the
 * sum whatever its sign.
 * Overlaps of the kernel's own: MemFree holds CmaFree; VmallocUsed holds the kernel's stacks;
 * KReclaimable holds SReclaimable; Cached holds Shmem.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "arena/opts.h"
#include "platform/fsroot.h"
#include "platform/linux/account_copy.h"
#include "platform/linux/counters.h"
#include "platform/linux/nvml.h"
#include "platform/linux/process_share.h"
#include "src/report/machine_parts.h"
#include "src/report/rows.h"

typedef struct other {
    uint32_t pid;
    uint64_t bytes;
} other;

typedef struct others {
    plim_process_share sum;
    other largest[PLIM_MACHINE_OTHERS_MAX];
    size_t count; /* of largest */
} others;

plim_status plim_machine_add(plim_machine *self, plim_place place, plim_known known,
                             const char *name, int64_t bytes, plim_error *err)
{
    char clean[PLIM_MACHINE_NAME_BYTES];
    plim_report_name(clean, sizeof(clean), name);
    for (size_t i = 0; i < self->row_count; i++) {
        plim_machine_row *r = &self->rows[i];
        if (r->place == place && strcmp(r->name, clean) == 0) {
            r->now_bytes = r->now_bytes == PLIM_REPORT_NONE ? bytes
                           : bytes == PLIM_REPORT_NONE      ? r->now_bytes
                                                            : r->now_bytes + bytes;
            return PLIM_OK;
        }
    }
    if (self->row_count == PLIM_MACHINE_ROWS_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "rows of a machine",
                         .want = PLIM_MACHINE_ROWS_MAX + 1, .limit = PLIM_MACHINE_ROWS_MAX);
    }
    plim_machine_row *r = &self->rows[self->row_count++];
    *r = (plim_machine_row){
        .place = place, .known = known, .now_bytes = bytes, .peak_bytes = PLIM_REPORT_NONE};
    memcpy(r->name, clean, sizeof(r->name));
    return PLIM_OK;
}

static int64_t shown(uint64_t bytes)
{
    return bytes == PLIM_UNKNOWN_BYTES ? PLIM_REPORT_NONE : (int64_t)bytes;
}

/* What is left of a counter after @less; nothing when more was dealt out than it holds. */
static int64_t left_of(uint64_t counter, uint64_t less)
{
    return counter == PLIM_UNKNOWN_BYTES ? PLIM_REPORT_NONE
           : counter > less              ? (int64_t)(counter - less)
                                         : 0;
}

/* ---- other processes ---- */

static void keep_largest(others *self, uint32_t pid, uint64_t bytes)
{
    size_t at = self->count < PLIM_MACHINE_OTHERS_MAX ? self->count++ : PLIM_MACHINE_OTHERS_MAX;
    while (at && self->largest[at - 1].bytes < bytes) {
        if (at < PLIM_MACHINE_OTHERS_MAX) {
            self->largest[at] = self->largest[at - 1];
        }
        at--;
    }
    if (at < PLIM_MACHINE_OTHERS_MAX) {
        self->largest[at] = (other){.pid = pid, .bytes = bytes};
    }
}

static void take_peer(const plim_machine_opts *o, plim_machine *out, uint32_t pid)
{
    plim_account_copy copy;
    const plim_budget *budget = NULL;
    plim_account account;
    char name[64];
    if (out->peer_count == PLIM_MACHINE_PEERS_MAX ||
        plim_account_copy_process(o->root, pid, &copy, NULL) != PLIM_OK) {
        return;
    }
    if (plim_budget_attach(copy.image, copy.image_bytes, &budget, NULL) == PLIM_OK) {
        plim_machine_peer *p = &out->peers[out->peer_count++];
        plim_budget_read(budget, &account, NULL, 0);
        plim_process_name(o->root, pid, name, sizeof(name));
        plim_report_name(p->program, sizeof(p->program), name);
        p->pid = pid;
        p->used_bytes = account.used_bytes;
        p->peak_bytes = account.peak_bytes;
        p->cap_bytes = account.cap_bytes;
    }
    plim_account_copy_close(&copy);
}

static void take_other(const plim_machine_opts *o, plim_machine *out, others *all, uint32_t pid)
{
    plim_process_share s;
    plim_share_state state = plim_process_share_read(o->root, pid, &s);
    out->process_count += state == PLIM_SHARE_READ || state == PLIM_SHARE_UNREADABLE;
    out->unreadable_count += state == PLIM_SHARE_UNREADABLE;
    if (state != PLIM_SHARE_READ) {
        return;
    }
    all->sum.anon_bytes += s.anon_bytes;
    all->sum.file_bytes += s.file_bytes;
    all->sum.shmem_bytes += s.shmem_bytes;
    keep_largest(all, pid, s.anon_bytes + s.file_bytes + s.shmem_bytes);
    if (o->pid == 0) {
        take_peer(o, out, pid);
    }
}

static plim_status walk_others(const plim_machine_opts *o, plim_machine *out, others *all,
                               plim_error *err)
{
    plim_folder folder;
    uint32_t pid;
    PLIM_TRY(plim_folder_open(o->root, "proc", &folder, err));
    for (const char *name; (name = plim_folder_next(&folder));) {
        if (plim_process_number(name, &pid) && pid != o->pid) {
            take_other(o, out, all, pid);
        }
    }
    plim_folder_close(&folder);
    return PLIM_OK;
}

static plim_status add_others(const plim_machine_opts *o, plim_machine *out, const others *all,
                              plim_error *err)
{
    uint64_t rest = all->sum.anon_bytes + all->sum.file_bytes + all->sum.shmem_bytes;
    for (size_t i = 0; i < all->count; i++) {
        char program[64], name[96];
        plim_process_name(o->root, all->largest[i].pid, program, sizeof(program));
        if (!program[0]) {
            continue; /* it has ended: its pages stay among the smaller ones */
        }
        snprintf(name, sizeof(name), "%.40s (%" PRIu32 ")", program, all->largest[i].pid);
        PLIM_TRY(plim_machine_add(out, PLIM_PLACE_OTHERS, PLIM_KNOWN_KERNEL, name,
                                  (int64_t)all->largest[i].bytes, err));
        rest -= all->largest[i].bytes;
    }
    return rest ? plim_machine_add(out, PLIM_PLACE_OTHERS, PLIM_KNOWN_KERNEL, "smaller ones",
                                   (int64_t)rest, err)
                : PLIM_OK;
}

/* Anonymous pages that no readable process has: those of the processes that may not be read. */
static plim_status add_unreadable(plim_machine *out, const plim_kernel_memory *k, uint64_t known,
                                  plim_error *err)
{
    int64_t bytes = left_of(k->anon, known);
    if (out->unreadable_count == 0 && bytes == 0) {
        return PLIM_OK;
    }
    return plim_machine_add(out, PLIM_PLACE_OTHERS, PLIM_KNOWN_DIFFERENCE,
                            out->unreadable_count ? "not readable, anonymous part"
                                                  : "anonymous, of no process seen",
                            bytes, err);
}

/* ---- the device driver ---- */

static plim_status add_device(plim_machine *out, const char *name, uint64_t bytes, plim_error *err)
{
    return plim_machine_add(out, PLIM_PLACE_DEVICE, PLIM_KNOWN_KERNEL, name, shown(bytes), err);
}

static plim_status add_nvmap(plim_machine *out, const plim_nvmap *n, plim_error *err)
{
    const uint64_t none = PLIM_UNKNOWN_BYTES;
    uint64_t clients = 0;
    const uint64_t parts[] = {n->process_bytes, n->others_bytes, n->kernel_bytes};
    for (size_t i = 0; i < 3; i++) {
        clients += parts[i] == none ? 0 : parts[i];
    }
    if (n->process_bytes != none) {
        PLIM_TRY(plim_machine_add(out, PLIM_PLACE_PROCESS, PLIM_KNOWN_KERNEL,
                                  "device driver (nvmap)", (int64_t)n->process_bytes, err));
    }
    if (n->others_bytes != none) {
        PLIM_TRY(add_device(out, "nvmap: other processes", n->others_bytes, err));
    }
    if (n->kernel_bytes != none) {
        PLIM_TRY(add_device(out, "nvmap: kernel clients", n->kernel_bytes, err));
    }
    if (n->total_bytes != none) {
        const bool has_clients = clients != 0 || n->process_bytes != none;
        PLIM_TRY(plim_machine_add(out, PLIM_PLACE_DEVICE,
                                  has_clients ? PLIM_KNOWN_DIFFERENCE : PLIM_KNOWN_KERNEL,
                                  has_clients ? "nvmap: orphan handles" : "nvmap: all clients",
                                  left_of(n->total_bytes, clients), err));
    } else if (n->is_denied) {
        PLIM_TRY(add_device(out, "nvmap (needs root)", none, err));
    }
    return n->pool_bytes != none ? add_device(out, "nvmap: page pool", n->pool_bytes, err)
                                 : PLIM_OK;
}

static plim_status add_nvml(const plim_machine_opts *o, plim_machine *out, plim_error *err)
{
    plim_nvml n;
    if (plim_nvml_read(o->pid, &n, NULL) != PLIM_OK) {
        return o->with_gpu ? add_device(out, "NVML (no library or driver)", PLIM_UNKNOWN_BYTES, err)
                           : PLIM_OK;
    }
    if (n.own_total_bytes) { /* a card's memory is no part of MemTotal */
        if (o->pid) {
            PLIM_TRY(plim_machine_add(out, PLIM_PLACE_OUTSIDE, PLIM_KNOWN_KERNEL,
                                      "GPU memory, this process", (int64_t)n.own_process_bytes,
                                      err));
        }
        PLIM_TRY(plim_machine_add(out, PLIM_PLACE_OUTSIDE, PLIM_KNOWN_KERNEL, "GPU memory, in use",
                                  (int64_t)n.own_used_bytes, err));
        return plim_machine_add(out, PLIM_PLACE_OUTSIDE, PLIM_KNOWN_KERNEL, "GPU memory, total",
                                (int64_t)n.own_total_bytes, err);
    }
    if (o->pid) {
        PLIM_TRY(plim_machine_add(out, PLIM_PLACE_PROCESS, PLIM_KNOWN_KERNEL,
                                  "device driver (NVML)", (int64_t)n.process_bytes, err));
    }
    return add_device(out, "NVML: other processes", n.others_bytes, err);
}

/* ---- the kernel ---- */

static plim_status add_kernel(plim_machine *out, const plim_kernel_memory *k,
                              const plim_machine_counters *c, const plim_process_parts *parts,
                              plim_error *err)
{
    const uint64_t none = PLIM_UNKNOWN_BYTES;
    const uint64_t stacks = k->stacks == none ? 0 : k->stacks;
    const struct {
        const char *name;
        int64_t bytes;
        bool is_rare; /* left out when the kernel does not say, or says 0 */
    } rows[] = {
        {"slab, reclaimable", shown(k->slab_reclaimable), false},
        {"slab, unreclaimable", shown(k->slab_unreclaimable), false},
        {"other reclaimable",
         k->slab_reclaimable == none ? PLIM_REPORT_NONE
                                     : left_of(k->reclaimable, k->slab_reclaimable),
         true},
        {"kernel stacks", shown(k->stacks), false},
        {"page tables", left_of(k->page_tables, parts->page_table_bytes), false},
        {"page tables of devices", shown(k->secondary_page_tables), true},
        {"per-CPU memory", shown(k->percpu), false},
        /* 0 from kernels 4.4 to 5.2 says: not counted. Stacks of threads lie in it. */
        {"vmalloc", k->vmalloc ? left_of(k->vmalloc, stacks) : PLIM_REPORT_NONE, false},
        {"zram store", shown(c->zram_bytes), true},
        {"zswap store", shown(k->zswap), true},
        {"huge page pool", shown(k->hugetlb), true},
        {"balloon, given to the host", shown(k->balloon), true},
        {"bounce buffers", shown(k->bounce), true},
        {"not accepted yet", shown(k->unaccepted), true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!rows[i].is_rare || rows[i].bytes > 0) {
            PLIM_TRY(plim_machine_add(out, PLIM_PLACE_KERNEL, PLIM_KNOWN_KERNEL, rows[i].name,
                                      rows[i].bytes, err));
        }
    }
    return PLIM_OK;
}

/* Said beside the sum: parts of other rows, and what MemTotal does not hold. */
static plim_status add_outside(plim_machine *out, const plim_kernel_memory *k,
                               const plim_machine_counters *c, plim_error *err)
{
    const uint64_t none = PLIM_UNKNOWN_BYTES;
    uint64_t swap = k->swap_total != none && k->swap_free <= k->swap_total
                        ? k->swap_total - k->swap_free
                        : none;
    const struct {
        const char *name;
        uint64_t bytes;
        bool is_shown;
    } rows[] = {
        {"available, kernel's estimate", k->available, true},
        {"swap in use", swap, k->swap_total != 0},
        {"of free: CMA, for drivers only", k->cma_free, k->cma_total != none && k->cma_total},
        {"carveouts, outside MemTotal", c->carveout_bytes, c->carveout_bytes != none},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].is_shown) {
            PLIM_TRY(plim_machine_add(out, PLIM_PLACE_OUTSIDE, PLIM_KNOWN_KERNEL, rows[i].name,
                                      shown(rows[i].bytes), err));
        }
    }
    return PLIM_OK;
}

/* ---- the sum ---- */

static plim_status add_cache_and_shared(plim_machine *out, const plim_kernel_memory *k,
                                        const plim_process_parts *p, const others *all,
                                        uint64_t driver_mapped, plim_error *err)
{
    uint64_t cache = k->cached, file = all->sum.file_bytes;
    file = file > driver_mapped ? file - driver_mapped : 0; /* the driver's, not the cache's */
    if (cache != PLIM_UNKNOWN_BYTES) {
        cache += k->buffers == PLIM_UNKNOWN_BYTES ? 0 : k->buffers;
        uint64_t shmem = k->shmem == PLIM_UNKNOWN_BYTES ? 0 : k->shmem;
        cache = cache > shmem ? cache - shmem : 0;
    }
    PLIM_TRY(plim_machine_add(out, PLIM_PLACE_CACHE, PLIM_KNOWN_DIFFERENCE,
                              "other files, reclaimable",
                              left_of(cache, p->file_bytes + p->cached_bytes + file), err));
    return plim_machine_add(out, PLIM_PLACE_SHARED, PLIM_KNOWN_DIFFERENCE,
                            "tmpfs and segments nobody maps",
                            left_of(k->shmem, p->shmem_bytes + all->sum.shmem_bytes), err);
}

/* What the driver maps into other processes is in their shares as well: taken off once. */
static plim_status take_off_mapped(plim_machine *out, uint64_t bytes, plim_error *err)
{
    return bytes ? plim_machine_add(out, PLIM_PLACE_OTHERS, PLIM_KNOWN_DIFFERENCE,
                                    "less the driver's, mapped", -(int64_t)bytes, err)
                 : PLIM_OK;
}

static plim_status close_sum(plim_machine *out, plim_error *err)
{
    int64_t sum = 0;
    for (unsigned place = 0; place < PLIM_PLACE_OUTSIDE; place++) {
        sum += plim_machine_sum(out, (plim_place)place);
    }
    return plim_machine_add(out, PLIM_PLACE_UNATTRIBUTED, PLIM_KNOWN_DIFFERENCE,
                            "what no row explains", (int64_t)out->total_bytes - sum, err);
}

static void take_head(const plim_machine_opts *o, plim_machine *out)
{
    struct timespec now = {0, 0};
    plim_host host;
    clock_gettime(CLOCK_REALTIME, &now);
    out->time_ms = (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
    if (plim_host_detect(o->root, &host, NULL) == PLIM_OK) {
        plim_report_name(out->board, sizeof(out->board), host.board);
    }
}

static bool has_nvmap(const char *root)
{
    plim_folder folder;
    if (plim_folder_open(root, "sys/module/nvmap", &folder, NULL) != PLIM_OK) {
        return false;
    }
    plim_folder_close(&folder);
    return true;
}

static plim_status add_drivers(const plim_machine_opts *o, plim_machine *out, plim_nvmap *nvmap,
                               const plim_kernel_memory *k, const plim_machine_counters *c,
                               plim_error *err)
{
    plim_nvmap_read(o->root, o->pid, nvmap);
    nvmap->is_denied = nvmap->is_denied && has_nvmap(o->root); /* debugfs denies everything */
    if (nvmap->total_bytes == PLIM_UNKNOWN_BYTES && k->nvmap_used != PLIM_UNKNOWN_BYTES) {
        nvmap->total_bytes = k->nvmap_used; /* JetPack 4 says it to everybody */
    }
    out->damaged_count += nvmap->damaged_count;
    PLIM_TRY(add_nvmap(out, nvmap, err));
    /* nvmap is there and empty on Thor: the desktop driver holds the GPU's memory. */
    if (o->with_gpu || (nvmap->total_bytes == 0 && !o->root[0])) {
        PLIM_TRY(add_nvml(o, out, err));
    }
    return c->cma_used_bytes == PLIM_UNKNOWN_BYTES || (k->cma_total == 0)
               ? PLIM_OK
               : add_device(out, "CMA held by drivers", c->cma_used_bytes, err);
}

static plim_status gather(const plim_machine_opts *o, plim_machine *out, plim_error *err)
{
    plim_process_parts parts = {.anon_bytes = 0};
    plim_kernel_memory k;
    plim_machine_counters c;
    plim_nvmap nvmap;
    others all = {.count = 0};
    PLIM_TRY(o->pid ? plim_machine_open_process(o, out, &parts, err)
                    : plim_machine_named_files(o, out, &parts, err));
    PLIM_TRY(plim_kernel_memory_read(o->root, &k, err));
    PLIM_TRY(walk_others(o, out, &all, err));
    plim_machine_counters_read(o->root, &c);
    out->total_bytes = k.total;
    out->available_bytes = k.available;
    out->pressure_centi = c.pressure_centi;
    out->largest_free_bytes = c.largest_free_bytes;
    out->largest_free_count = c.largest_free_count;
    out->damaged_count += c.damaged_count;
    PLIM_TRY(add_drivers(o, out, &nvmap, &k, &c, err));
    PLIM_TRY(add_others(o, out, &all, err));
    PLIM_TRY(add_unreadable(out, &k, parts.anon_bytes + all.sum.anon_bytes, err));
    PLIM_TRY(take_off_mapped(out, nvmap.others_mapped_bytes, err));
    PLIM_TRY(add_cache_and_shared(out, &k, &parts, &all, nvmap.others_mapped_bytes, err));
    PLIM_TRY(add_kernel(out, &k, &c, &parts, err));
    PLIM_TRY(plim_machine_add(out, PLIM_PLACE_FREE, PLIM_KNOWN_KERNEL, "free pages", shown(k.free),
                              err));
    PLIM_TRY(add_outside(out, &k, &c, err));
    return close_sum(out, err);
}

plim_status plim_machine_gather(const plim_machine_opts *opts, plim_machine *out, plim_error *err)
{
    plim_machine_opts o;
    plim_machine_opts defaults = plim_machine_opts_default();
    if (!out || !opts_take(&o, sizeof(o), opts ? opts : &defaults)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "machine: out or opts");
    }
    memset(out, 0, sizeof(*out));
    if (o.file_count > PLIM_MACHINE_FILES_MAX || (o.file_count && !o.files)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "files of a report", .want = o.file_count,
                         .limit = PLIM_MACHINE_FILES_MAX);
    }
    o.root = o.root ? o.root : "";
    out->rss_bytes = out->rss_peak_bytes = out->swap_bytes = PLIM_UNKNOWN_BYTES;
    out->limit_cgroup_bytes = out->limit_address_bytes = out->limit_locked_bytes =
        PLIM_UNKNOWN_BYTES;
    take_head(&o, out);
    plim_heat_read(o.root, &out->heat);
    plim_status status = gather(&o, out, err);
    if (status != PLIM_OK) {
        memset(out, 0, sizeof(*out));
    }
    return status;
}

/* ---- names and sums ---- */

const char *plim_place_name(plim_place place)
{
    switch (place) {
#define PLIM_PLACE_TEXT(name, number, text)                                                        \
    case PLIM_PLACE_##name:                                                                        \
        return text;
        PLIM_PLACE_LIST(PLIM_PLACE_TEXT)
#undef PLIM_PLACE_TEXT
    default:
        return "?";
    }
}

const char *plim_known_text(plim_known known)
{
    return plim_known_name(known);
}

int64_t plim_machine_sum(const plim_machine *machine, plim_place place)
{
    int64_t sum = 0;
    for (size_t i = 0; i < machine->row_count; i++) {
        const plim_machine_row *r = &machine->rows[i];
        sum += r->place == place && r->now_bytes != PLIM_REPORT_NONE ? r->now_bytes : 0;
    }
    return sum;
}
