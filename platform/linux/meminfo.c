/* SPDX-License-Identifier: Apache-2.0 */
/* meminfo.c - the machine's memory as the kernel sees it.
 *
 * Keeps unknown apart from zero: a line that this kernel does not print stays
 * PLIM_UNKNOWN_BYTES. NvMapMemUsed exists on the 4.9 kernel of JetPack 4 only.
 */
#include <string.h>

#include "platform/fsroot.h"
#include "platform/linux/counters.h"
#include "plimsoll/platform.h"

typedef struct meminfo_key {
    const char *name;
    size_t offset;
} meminfo_key;

#define KEY(text, field)                                                                           \
    {                                                                                              \
        text, offsetof(plim_system_memory, field)                                                  \
    }
static const meminfo_key KEYS[] = {
    KEY("MemTotal:", total_bytes),          KEY("MemFree:", free_bytes),
    KEY("MemAvailable:", available_bytes),  KEY("Buffers:", buffers_bytes),
    KEY("Cached:", cached_bytes),           KEY("Shmem:", shmem_bytes),
    KEY("AnonPages:", anon_bytes),          KEY("SReclaimable:", reclaimable_slab_bytes),
    KEY("SwapTotal:", swap_total_bytes),    KEY("SwapFree:", swap_free_bytes),
    KEY("CmaTotal:", cma_total_bytes),      KEY("CmaFree:", cma_free_bytes),
    KEY("NvMapMemUsed:", nvmap_used_bytes),
};
#undef KEY
#define KEY_COUNT (sizeof(KEYS) / sizeof(KEYS[0]))

static void take_line(const char *line, plim_system_memory *out)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        size_t n = strlen(KEYS[i].name);
        uint64_t bytes;
        if (strncmp(line, KEYS[i].name, n) == 0 && plim_kib_parse(line + n, &bytes)) {
            memcpy((char *)out + KEYS[i].offset, &bytes, sizeof(bytes));
        }
    }
}

plim_status plim_system_memory_read(const char *root, plim_system_memory *out, plim_error *err)
{
    plim_lines lines;
    memset(out, 0xff, sizeof(*out)); /* every field PLIM_UNKNOWN_BYTES */
    if (plim_lines_open(root, "proc/meminfo", &lines, err) != PLIM_OK) {
        if (err) {
            err->status = PLIM_E_IO;
        }
        return PLIM_E_IO;
    }
    for (char *line; (line = plim_lines_next(&lines));) {
        take_line(line, out);
    }
    plim_lines_close(&lines);
    if (out->total_bytes == PLIM_UNKNOWN_BYTES) {
        return plim_error_set(err, PLIM_E_FORMAT, "proc/meminfo", "MemTotal", "a number in kB",
                              "nothing");
    }
    return PLIM_OK;
}
