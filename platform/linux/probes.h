/* SPDX-License-Identifier: Apache-2.0 */
/* probes.h - the probes of this room that take a root, for tests and for report. */
#ifndef PLATFORM_LINUX_PROBES_H
#define PLATFORM_LINUX_PROBES_H

#include "plimsoll/platform.h"

typedef enum plim_mapping_kind {
    PLIM_MAPPING_HEAP = 0,      /* [heap] */
    PLIM_MAPPING_STACK = 1,     /* [stack], [stack:123], [anon:stack...] */
    PLIM_MAPPING_ANONYMOUS = 2, /* no file, private */
    PLIM_MAPPING_FILE = 3,      /* a file on a disk */
    PLIM_MAPPING_SHARED = 4,    /* memfd, /dev/shm, System V */
    PLIM_MAPPING_SPECIAL = 5,   /* [vdso], [vvar] */
    PLIM_MAPPING_COUNT = 6
} plim_mapping_kind;

typedef struct plim_mapping {
    uint64_t from, to; /* addresses, half-open */
    plim_mapping_kind kind;
    uint64_t rss_bytes;
    uint64_t pss_bytes, anonymous_bytes; /* its share of them; those that are no file's */
    uint64_t inode;                      /* 0: no file */
    uint32_t device_major, device_minor;
    const char *path; /* lent until the callback returns; "" when there is none */
} plim_mapping;

/* plim_mappings_walk - every mapping of @pid (0: this process) in smaps.
 * Errors:  E_NOT_FOUND no such process; E_IO not allowed. */
PLIM_MUST_USE plim_status plim_mappings_walk(const char *root, uint32_t pid,
                                             void (*visit)(void *context, const plim_mapping *m),
                                             void *context, plim_error *err);

PLIM_MUST_USE plim_status plim_process_memory_read_at(const char *root, uint32_t pid,
                                                      plim_process_memory *out, plim_error *err);
PLIM_MUST_USE plim_status plim_cgroup_memory_read_at(const char *root, uint32_t pid,
                                                     plim_cgroup_memory *out, plim_error *err);

#endif
