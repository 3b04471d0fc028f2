/* SPDX-License-Identifier: Apache-2.0 */
/* counters.c - the machine's own counters: where bytes are that belong to no process.
 *
 * Decides nothing: reads what is printed, keeps unknown apart from zero, and counts the lines
 * that it could not believe (too many digits, cut short). A file that is missing, denied or
 * answers EAGAIN leaves its figure unknown.
 */
#include "platform/linux/counters.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arena/bytes.h"
#include "platform/fsroot.h"
#include "platform/linux/stall_share.h"

#define ORDER_MAX 32u

typedef struct counter_key {
    const char *name;
    size_t offset;
} counter_key;

#define KEY(text, field)                                                                           \
    {                                                                                              \
        text, offsetof(plim_kernel_memory, field)                                                  \
    }
static const counter_key KEYS[] = {
    KEY("MemTotal:", total),
    KEY("MemFree:", free),
    KEY("MemAvailable:", available),
    KEY("Buffers:", buffers),
    KEY("Cached:", cached),
    KEY("Shmem:", shmem),
    KEY("AnonPages:", anon),
    KEY("SReclaimable:", slab_reclaimable),
    KEY("SUnreclaim:", slab_unreclaimable),
    KEY("KReclaimable:", reclaimable),
    KEY("KernelStack:", stacks),
    KEY("PageTables:", page_tables),
    KEY("SecPageTables:", secondary_page_tables),
    KEY("Percpu:", percpu),
    KEY("VmallocUsed:", vmalloc),
    KEY("Bounce:", bounce),
    KEY("Hugetlb:", hugetlb),
    KEY("Zswap:", zswap),
    KEY("Balloon:", balloon),
    KEY("Unaccepted:", unaccepted),
    KEY("SwapTotal:", swap_total),
    KEY("SwapFree:", swap_free),
    KEY("CmaTotal:", cma_total),
    KEY("CmaFree:", cma_free),
    KEY("NvMapMemUsed:", nvmap_used),
    KEY("NvMapMemFree:", nvmap_free),
    KEY("Dirty:", dirty),
    KEY("Writeback:", writeback),
    KEY("Unevictable:", unevictable),
    KEY("Mlocked:", mlocked),
    KEY("CommitLimit:", commit_limit),
    KEY("Committed_AS:", committed),
};
#undef KEY

bool plim_kib_parse(const char *text, uint64_t *out_bytes)
{
    uint64_t kib;
    if (!plim_parse_u64(text, &kib) || !bytes_mul(kib, 1024, out_bytes) || *out_bytes > INT64_MAX) {
        return false;
    }
    text += strspn(text, " \t");
    return strncmp(text + strspn(text, "0123456789"), " kB", 3) == 0;
}

static void take_line(const char *line, plim_kernel_memory *out)
{
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
        size_t n = strlen(KEYS[i].name);
        uint64_t bytes;
        if (strncmp(line, KEYS[i].name, n) == 0 && plim_kib_parse(line + n, &bytes)) {
            memcpy((char *)out + KEYS[i].offset, &bytes, sizeof(bytes));
        }
    }
}

plim_status plim_kernel_memory_read(const char *root, plim_kernel_memory *out, plim_error *err)
{
    plim_lines lines;
    memset(out, 0xff, sizeof(*out)); /* every field PLIM_UNKNOWN_BYTES */
    PLIM_TRY(plim_lines_open(root, "proc/meminfo", &lines, err));
    for (char *line; (line = plim_lines_next(&lines));) {
        take_line(line, out);
    }
    plim_lines_close(&lines);
    if (out->total == PLIM_UNKNOWN_BYTES) {
        return plim_error_set(err, PLIM_E_FORMAT, "proc/meminfo", "MemTotal", "a number in kB",
                              "nothing");
    }
    return PLIM_OK;
}

/* ---- single lines ---- */

static const char *next_word(const char *at)
{
    while (*at && !isspace((unsigned char)*at)) {
        at++;
    }
    while (isspace((unsigned char)*at)) {
        at++;
    }
    return at;
}

static const char *first_word(const char *at)
{
    while (isspace((unsigned char)*at)) {
        at++;
    }
    return at;
}

/* mm_stat: orig_data_size compr_data_size mem_used_total mem_limit ...; kernel's zram.rst. */
bool plim_zram_parse(const char *line, uint64_t *out_bytes)
{
    const char *at = next_word(next_word(first_word(line)));
    return plim_parse_u64(at, out_bytes) && *out_bytes <= INT64_MAX &&
           *next_word(at) != 0; /* the file has more fields: else the number may be cut */
}

/* A blank in the name is printed as \\040: words stay words. */
bool plim_swap_parse(const char *line, bool *out_is_zram, uint64_t *out_bytes)
{
    const char *at = next_word(next_word(line));
    uint64_t kib;
    *out_is_zram = strncmp(line, "/dev/zram", 9) == 0;
    return line[0] == '/' && plim_parse_u64(at, &kib) && bytes_mul(kib, 1024, out_bytes) &&
           *out_bytes <= INT64_MAX && *next_word(at) != 0;
}

/* "Node 0, zone   Normal      1      0      2": free blocks of order 0, 1, 2 ... */
bool plim_buddy_parse(const char *line, uint32_t *order, uint64_t *count)
{
    const char *at = strstr(line, "zone");
    uint64_t n = 0;
    if (!at) {
        return false;
    }
    at = next_word(next_word(at));
    for (uint32_t i = 0; *at; i++, at = next_word(at)) {
        if (i == ORDER_MAX || !plim_parse_u64(at, &n)) {
            return false;
        }
        if (n && (i > *order || *count == 0)) {
            *order = i;
            *count = n;
        } else if (n && i == *order && !bytes_add(*count, n, count)) {
            return false;
        }
    }
    return true;
}

bool plim_carveout_parse(const unsigned char *cells, size_t bytes, uint32_t address_cells,
                         uint32_t size_cells, uint64_t *out_bytes)
{
    size_t pair = ((size_t)address_cells + size_cells) * 4;
    *out_bytes = 0;
    if (address_cells > 2 || size_cells == 0 || size_cells > 2 || bytes % pair != 0) {
        return false;
    }
    for (size_t at = 0; at < bytes; at += pair) {
        uint64_t size = 0;
        for (size_t i = (size_t)address_cells * 4; i < pair; i++) {
            size = size << 8 | cells[at + i];
        }
        if (!bytes_add(*out_bytes, size, out_bytes) || *out_bytes > INT64_MAX) {
            return false;
        }
    }
    return true;
}

/* ---- files ---- */

static void add(uint64_t *sum, uint64_t bytes)
{
    uint64_t from = *sum == PLIM_UNKNOWN_BYTES ? 0 : *sum;
    if (!bytes_add(from, bytes, sum) || *sum > INT64_MAX) {
        *sum = from;
    }
}

static void read_zram(const char *root, plim_machine_counters *out)
{
    plim_folder folder;
    if (plim_folder_open(root, "sys/block", &folder, NULL) != PLIM_OK) {
        return;
    }
    for (const char *name; (name = plim_folder_next(&folder));) {
        char path[64], line[256];
        uint64_t bytes;
        if (strncmp(name, "zram", 4) != 0) {
            continue;
        }
        snprintf(path, sizeof(path), "sys/block/%.32s/mm_stat", name);
        if (!plim_fsroot_read(root, path, line, sizeof(line), NULL) || line[0] == 0) {
            continue; /* an unused device of an old kernel */
        }
        if (plim_zram_parse(line, &bytes)) {
            add(&out->zram_bytes, bytes);
        } else {
            out->damaged_count++;
        }
    }
    plim_folder_close(&folder);
}

static bool read_number(const char *root, const char *folder, const char *name, const char *file,
                        uint64_t *out)
{
    char path[128], text[32];
    snprintf(path, sizeof(path), "%s/%.48s/%s", folder, name, file);
    return plim_fsroot_read(root, path, text, sizeof(text), NULL) && plim_parse_u64(text, out);
}

/* Pages that drivers hold out of CMA: total less available (6.15 on), else debugfs's "used".
 * CmaTotal - CmaFree would also count page cache that only lies there until it is in the way. */
static void read_cma(const char *root, plim_machine_counters *out)
{
    static const char *const FOLDERS[] = {"sys/kernel/mm/cma", "sys/kernel/debug/cma"};
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < 2 && out->cma_used_bytes == PLIM_UNKNOWN_BYTES; i++) {
        plim_folder folder;
        if (plim_folder_open(root, FOLDERS[i], &folder, NULL) != PLIM_OK) {
            continue;
        }
        for (const char *name; (name = plim_folder_next(&folder));) {
            uint64_t total, free_pages, used, bytes;
            bool known = read_number(root, FOLDERS[i], name, "used", &used);
            if (!known && read_number(root, FOLDERS[i], name, "total_pages", &total) &&
                read_number(root, FOLDERS[i], name, "available_pages", &free_pages) &&
                free_pages <= total) {
                used = total - free_pages;
                known = true;
            }
            if (known && bytes_mul(used, page, &bytes) && bytes <= INT64_MAX) {
                add(&out->cma_used_bytes, bytes);
            }
        }
        plim_folder_close(&folder);
    }
}

static uint32_t cells_of(const char *root, const char *file)
{
    char path[96], text[8];
    size_t bytes = 0;
    snprintf(path, sizeof(path), "proc/device-tree/reserved-memory/%s", file);
    bool is_there = plim_fsroot_read(root, path, text, sizeof(text), &bytes) && bytes == 4;
    return is_there ? (unsigned char)text[3] : 2;
}

static bool is_there(const char *root, const char *path)
{
    char text[8];
    return plim_fsroot_read(root, path, text, sizeof(text), NULL);
}

/* A node that is reusable is CMA and part of MemTotal; one without a reg was placed at boot. */
static void read_carveouts(const char *root, plim_machine_counters *out)
{
    plim_folder folder;
    if (plim_folder_open(root, "proc/device-tree/reserved-memory", &folder, NULL) != PLIM_OK) {
        return;
    }
    const uint32_t address = cells_of(root, "#address-cells"), size = cells_of(root, "#size-cells");
    for (const char *name; (name = plim_folder_next(&folder));) {
        char path[128], cells[256];
        size_t bytes = 0;
        uint64_t sum;
        snprintf(path, sizeof(path), "proc/device-tree/reserved-memory/%.56s/reusable", name);
        if (is_there(root, path)) {
            continue;
        }
        snprintf(path, sizeof(path), "proc/device-tree/reserved-memory/%.56s/reg", name);
        bool has_reg = plim_fsroot_read(root, path, cells, sizeof(cells), &bytes) && bytes;
        snprintf(path, sizeof(path), "proc/device-tree/reserved-memory/%.56s/size", name);
        if (!has_reg && (!plim_fsroot_read(root, path, cells, sizeof(cells), &bytes) || !bytes)) {
            continue;
        }
        if (plim_carveout_parse((unsigned char *)cells, bytes, has_reg ? address : 0, size, &sum)) {
            add(&out->carveout_bytes, sum);
        } else {
            out->damaged_count++;
        }
    }
    plim_folder_close(&folder);
}

static void read_free_blocks(const char *root, plim_machine_counters *out)
{
    plim_lines lines;
    uint32_t order = 0;
    uint64_t count = 0;
    if (plim_lines_open(root, "proc/buddyinfo", &lines, NULL) != PLIM_OK) {
        return;
    }
    for (char *line; (line = plim_lines_next(&lines));) {
        out->damaged_count += !plim_buddy_parse(line, &order, &count);
    }
    plim_lines_close(&lines);
    if (count) {
        out->largest_free_bytes = (uint64_t)sysconf(_SC_PAGESIZE) << order;
        out->largest_free_count = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
    }
}

void plim_machine_counters_read(const char *root, plim_machine_counters *out)
{
    char text[PLIM_STALL_TEXT_BYTES];
    plim_stall stall = {.share = UINT32_MAX};
    memset(out, 0, sizeof(*out));
    out->zram_bytes = out->cma_used_bytes = out->carveout_bytes = PLIM_UNKNOWN_BYTES;
    read_zram(root, out);
    read_cma(root, out);
    read_carveouts(root, out);
    read_free_blocks(root, out);
    if (plim_fsroot_read(root, "proc/pressure/memory", text, sizeof(text), NULL) && text[0] &&
        !plim_stall_parse(text, "some", &stall)) {
        out->damaged_count++;
    }
    out->pressure_centi = stall.share;
}
