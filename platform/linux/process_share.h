/* SPDX-License-Identifier: Apache-2.0 */
/* process_share.h - what each process has of memory that several may share, one small read each. */
#ifndef PLATFORM_LINUX_PROCESS_SHARE_H
#define PLATFORM_LINUX_PROCESS_SHARE_H

#include "plimsoll/platform.h"

typedef enum plim_share_state {
    PLIM_SHARE_GONE = 0,       /* it ended meanwhile */
    PLIM_SHARE_KERNEL = 1,     /* a thread of the kernel: no memory of its own */
    PLIM_SHARE_UNREADABLE = 2, /* another user's */
    PLIM_SHARE_READ = 3,
} plim_share_state;

typedef struct plim_process_share {
    uint64_t anon_bytes, file_bytes, shmem_bytes; /* Pss: shared pages in equal parts */
} plim_process_share;

plim_share_state plim_process_share_read(const char *root, uint32_t pid, plim_process_share *out);
/* The text of smaps_rollup. False: no share stands in it. */
bool plim_process_share_parse(const char *text, plim_process_share *out);

/* When the process started, in ticks since boot: a number used again has another. False: gone, or
 * dead and only waiting for its parent to look. */
bool plim_process_start(const char *root, uint32_t pid, uint64_t *out_ticks);
/* Out of the text of "stat", whose second field may hold blanks and parentheses. */
bool plim_process_start_parse(const char *text, uint64_t *out_ticks);

/* Soft limits in bytes; PLIM_UNKNOWN_BYTES: unlimited, or not told. */
void plim_process_limits(const char *root, uint32_t pid, uint64_t *out_address,
                         uint64_t *out_locked);

/* The program's name without its newline; "" when it is gone. */
void plim_process_name(const char *root, uint32_t pid, char *out, size_t room);

/* A name in proc as the number of a process. False: something else. */
bool plim_process_number(const char *name, uint32_t *out_pid);

#endif
