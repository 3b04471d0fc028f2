/* SPDX-License-Identifier: Apache-2.0 */
/* reclaim.c - settings and limits that decide how much of what looks free can be had.
 *
 * Reads, and decides nothing. A line that was cut or holds too many digits is not believed, and its
 * figure stays unknown.
 */
#include "platform/linux/reclaim.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "arena/bytes.h"
#include "platform/fsroot.h"
#include "platform/topology/topology_files.h"

#define UNKNOWN      PLIM_UNKNOWN_BYTES
#define CPUS_ASSUMED 64u /* where nobody says: more than such boards have */
#define SWAPS_MAX    64u
#define NVMAP        "sys/kernel/debug/nvmap/"

/* ---- single lines ---- */

static const char *after_word(const char *at)
{
    at += strcspn(at, " \t");
    return at + strspn(at, " \t");
}

static bool next_number(const char **at, uint64_t *out)
{
    *at += strspn(*at, " \t");
    if (!plim_parse_u64(*at, out)) {
        return false;
    }
    *at += strspn(*at, "0123456789");
    return true;
}

bool plim_swap_free_parse(const char *line, bool *out_is_zram, uint64_t *out_free_bytes)
{
    uint64_t size, used, bytes;
    const char *at = after_word(after_word(line));
    if (line[0] != '/' || !next_number(&at, &size) || !next_number(&at, &used) || used > size ||
        (*at != ' ' && *at != '\t') || !bytes_mul(size - used, 1024, &bytes) || bytes > INT64_MAX) {
        return false;
    }
    *out_is_zram = strncmp(line, "/dev/zram", 9) == 0;
    *out_free_bytes = bytes;
    return true;
}

bool plim_limit_parse(const char *line, const char *name, uint64_t *out)
{
    size_t n = strlen(name);
    if (strncmp(line, name, n) != 0 || line[n] != ' ') {
        return false;
    }
    const char *at = line + n + strspn(line + n, " ");
    if (strncmp(at, "unlimited", 9) == 0) {
        *out = UNKNOWN;
        return true;
    }
    uint64_t limit;
    if (!next_number(&at, &limit) || *at != ' ') {
        return false;
    }
    *out = limit;
    return true;
}

bool plim_release_parse(const char *line, uint32_t out[3])
{
    unsigned major, minor, patch = 0;
    const char *revision = strstr(line, "REVISION: ");
    if (sscanf(line, "# R%4u", &major) != 1 || !revision ||
        sscanf(revision, "REVISION: %4u.%4u", &minor, &patch) < 1) {
        return false;
    }
    out[0] = major;
    out[1] = minor;
    out[2] = patch;
    return true;
}

/* ---- settings ---- */

static uint64_t read_kib(const char *root, const char *path)
{
    char text[32];
    uint64_t kib, bytes;
    return plim_fsroot_read(root, path, text, sizeof(text), NULL) && plim_parse_u64(text, &kib) &&
                   bytes_mul(kib, 1024, &bytes) && bytes <= INT64_MAX
               ? bytes
               : UNKNOWN;
}

static void read_swaps(const char *root, plim_reclaim *out)
{
    plim_lines lines;
    if (plim_lines_open(root, "proc/swaps", &lines, NULL) != PLIM_OK) {
        return;
    }
    out->zram_free_bytes = out->disk_free_bytes = 0;
    char *line = NULL;
    for (uint32_t i = 0; i < SWAPS_MAX && (line = plim_lines_next(&lines)); i++) {
        bool is_zram;
        uint64_t bytes, sum;
        if (plim_swap_free_parse(line, &is_zram, &bytes)) {
            uint64_t *to = is_zram ? &out->zram_free_bytes : &out->disk_free_bytes;
            *to = bytes_add(*to, bytes, &sum) && sum <= INT64_MAX ? sum : *to;
        }
    }
    plim_lines_close(&lines);
}

void plim_reclaim_read(const char *root, plim_reclaim *out)
{
    char text[128];
    memset(out, 0, sizeof(*out));
    out->zram_free_bytes = out->disk_free_bytes = UNKNOWN;
    if (plim_fsroot_read(root, "proc/sys/kernel/osrelease", text, sizeof(text), NULL)) {
        snprintf(out->kernel, sizeof(out->kernel), "%.*s", (int)strcspn(text, "\r\n"), text);
    }
    if (plim_fsroot_read(root, "sys/devices/system/cpu/possible", text, sizeof(text), NULL)) {
        out->cpu_count = plim_cpu_list_count(text);
    }
    out->cpu_count_is_read = out->cpu_count != 0;
    out->cpu_count = out->cpu_count ? out->cpu_count : CPUS_ASSUMED;
    out->min_free_bytes = read_kib(root, "proc/sys/vm/min_free_kbytes");
    out->admin_reserve_bytes = read_kib(root, "proc/sys/vm/admin_reserve_kbytes");
    out->user_reserve_bytes = read_kib(root, "proc/sys/vm/user_reserve_kbytes");
    out->overcommit = UNKNOWN;
    if (!plim_fsroot_read(root, "proc/sys/vm/overcommit_memory", text, sizeof(text), NULL) ||
        !plim_parse_u64(text, &out->overcommit)) {
        out->overcommit = UNKNOWN;
    }
    read_swaps(root, out);
}

/* ---- limits of a process ---- */

static bool read_limits(const char *root, const char *proc, plim_limits *out)
{
    char path[64];
    plim_lines lines;
    unsigned found = 0;
    snprintf(path, sizeof(path), "%s/limits", proc);
    if (plim_lines_open(root, path, &lines, NULL) != PLIM_OK) {
        return false;
    }
    for (char *line; (line = plim_lines_next(&lines));) {
        found += plim_limit_parse(line, "Max address space", &out->address_bytes);
        found += plim_limit_parse(line, "Max data size", &out->data_bytes);
        found += plim_limit_parse(line, "Max locked memory", &out->locked_bytes);
    }
    plim_lines_close(&lines);
    return found == 3;
}

static void take_used(const char *line, const char *key, uint64_t *out)
{
    size_t n = strlen(key);
    uint64_t kib, bytes;
    if (strncmp(line, key, n) == 0 && plim_parse_u64(line + n, &kib) &&
        bytes_mul(kib, 1024, &bytes)) {
        *out = bytes;
    }
}

void plim_limits_read(const char *root, uint32_t pid, plim_limits *out)
{
    char proc[32] = "proc/self", path[64];
    plim_lines lines;
    memset(out, 0xff, sizeof(*out)); /* every figure UNKNOWN */
    out->is_known = out->may_lock_all = false;
    if (pid) {
        snprintf(proc, sizeof(proc), "proc/%" PRIu32, pid);
    }
    out->is_known = read_limits(root, proc, out);
    snprintf(path, sizeof(path), "%s/status", proc);
    if (plim_lines_open(root, path, &lines, NULL) != PLIM_OK) {
        return;
    }
    for (char *line; (line = plim_lines_next(&lines));) {
        unsigned long long capabilities;
        take_used(line, "VmSize:", &out->address_used_bytes);
        take_used(line, "VmData:", &out->data_used_bytes);
        take_used(line, "VmLck:", &out->locked_used_bytes);
        if (sscanf(line, "CapEff: %16llx", &capabilities) == 1) {
            out->may_lock_all = capabilities >> 14 & 1; /* CAP_IPC_LOCK */
        }
    }
    plim_lines_close(&lines);
}

/* ---- nvmap ---- */

/* NVMAP_IOC_QUERY_HEAP_PARAMS: declared as one that only reads, and reads its argument first. */
typedef struct heap_query {
    uint32_t heap_mask, flags;
    uint8_t is_contiguous;
    uint64_t total, free, largest_free_block; /* the last is a stub: one page */
    uint32_t granule_bytes;
} heap_query;
_Static_assert(sizeof(heap_query) == 48 && offsetof(heap_query, free) == 24, "nvmap's layout");
#define HEAP_QUERY _IOR('N', 105, heap_query)
#define HEAP_IOVMM (1u << 30)

static bool ask_device(plim_nvmap_bound *out)
{
    heap_query query = {.heap_mask = HEAP_IOVMM};
    int fd = open("/dev/nvmap", O_RDWR | O_CLOEXEC);
    bool is_told = fd >= 0 && ioctl(fd, HEAP_QUERY, &query) == 0 && query.free <= INT64_MAX;
    if (fd >= 0) {
        close(fd);
    }
    if (is_told) {
        out->is_present = true;
        out->free_bytes = query.free;
        snprintf(out->source, sizeof(out->source), "/dev/nvmap");
    }
    return is_told;
}

static bool folder_is_there(const char *root, const char *path)
{
    plim_folder folder;
    bool is_there = plim_folder_open(root, path, &folder, NULL) == PLIM_OK;
    if (is_there) {
        plim_folder_close(&folder);
    }
    return is_there;
}

void plim_nvmap_bound_read(const char *root, const plim_nvmap *totals, plim_nvmap_bound *out)
{
    char text[160];
    memset(out, 0, sizeof(*out));
    out->free_bytes = totals->free_bytes;
    if (out->free_bytes != UNKNOWN) {
        out->is_present = true;
        snprintf(out->source, sizeof(out->source), "/" NVMAP "iovmm/free_size");
    } else if (!root || !root[0]) {
        (void)ask_device(out);
    }
    out->is_present = out->is_present || folder_is_there(root, "sys/module/nvmap") ||
                      folder_is_there(root, NVMAP "iovmm");
    if (plim_fsroot_read(root, "etc/nv_tegra_release", text, sizeof(text), NULL)) {
        (void)plim_release_parse(text, out->release);
    }
}
