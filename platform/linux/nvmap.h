/* SPDX-License-Identifier: Apache-2.0 */
/* nvmap.h - memory that Tegra's GPU driver holds, from its debugfs (root only). */
#ifndef PLATFORM_LINUX_NVMAP_H
#define PLATFORM_LINUX_NVMAP_H

#include "plimsoll/platform.h"

/* Bytes; PLIM_UNKNOWN_BYTES: not told. */
typedef struct plim_nvmap {
    uint64_t total_bytes;   /* every handle once */
    uint64_t process_bytes; /* of the process that was asked for: shared handles in equal parts */
    uint64_t others_bytes;  /* of all other processes */
    uint64_t kernel_bytes;  /* of clients of the kernel itself */
    uint64_t pool_bytes;    /* pages kept for the next allocation */
    uint64_t free_bytes;    /* what nvmap would give to one more allocation */
    uint64_t others_mapped_bytes; /* of others_bytes: also in the file pages of those processes */
    bool is_denied;               /* it is there, and may not be read */
    uint32_t damaged_count;       /* lines that could not be believed */
} plim_nvmap;

/* plim_nvmap_read - @pid 0: nobody's. Never fails: what is not there is unknown. */
void plim_nvmap_read(const char *root, uint32_t pid, plim_nvmap *out);
/* plim_nvmap_totals_read - only the figures that need no walk over processes: a few small files. */
void plim_nvmap_totals_read(const char *root, plim_nvmap *out);

/* One line of "clients"; @line is changed. */
typedef enum plim_nvmap_line {
    PLIM_NVMAP_OTHER = 0, /* the head, or blank */
    PLIM_NVMAP_CLIENT = 1,
    PLIM_NVMAP_TOTAL = 2,
    PLIM_NVMAP_DAMAGED = 3,
} plim_nvmap_line;
plim_nvmap_line plim_nvmap_client_parse(char *line, uint32_t *out_pid, uint64_t *out_bytes);

/* "Max allocatable IOVMM memory: 12345 bytes". False: not that line. */
bool plim_nvmap_free_parse(const char *line, uint64_t *out_bytes);

/* One line of "handles_by_pid": base, size, flags, share_count, mapped_size. False: not one. */
bool plim_nvmap_handle_parse(const char *line, uint64_t *out_size, uint64_t *out_mapped);

#endif
