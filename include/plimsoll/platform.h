/* SPDX-License-Identifier: Apache-2.0 */
/* platform.h - what this machine is, and what its kernel says is in use.
 *
 * plim_board_probe finds out what there is to know, as facts; plim_host is the part of them that
 * an engine's card is held against. A figure that could not be had is unknown (0 with
 * PLIM_SOURCE_NONE). @root ("" for the live system) may be a folder holding a captured proc, sys,
 * etc and var, so that a board is a fixture.
 */
#ifndef PLIMSOLL_PLATFORM_H
#define PLIMSOLL_PLATFORM_H

#include <stdbool.h>

#include "plimsoll/facts.h"
#include "plimsoll/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum plim_source {
    PLIM_SOURCE_NONE = 0,   /* not known */
    PLIM_SOURCE_KERNEL = 1, /* read on the machine: proc, sys, etc, package lists */
    PLIM_SOURCE_TABLE = 2,  /* known for this board from a table */
    PLIM_SOURCE_GIVEN = 3,  /* the manifest or the caller said so */
    PLIM_SOURCE_GUESS = 4,  /* a rule of thumb; the facts say which */
} plim_source;

/* A library found here, of the system or of the container; there may be several of one name. */
typedef struct plim_component {
    char name[24];    /* "tensorrt", "cuda", "cudnn" */
    char version[32]; /* "10.3.0.30" */
    char where[96];   /* a file or a package */
    plim_confidence confidence;
} plim_component;

struct plim_policy; /* policy.h */

typedef struct plim_board_opts {
    size_t struct_size;
    const char *root;     /* NULL or "": this machine */
    const char *snapshot; /* a folder captured on the host, for what a container lacks */
    const struct plim_policy *policy; /* tables of boards and releases; NULL: those built in */
    plim_component *components;       /* room for what is found; NULL: not wanted */
    size_t component_limit;
    size_t *out_component_count; /* found; may be more than the limit */
    bool with_gpu; /* ask CUDA too: it wakes the GPU, takes memory and some 100 ms, stays loaded,
                    * and a child of fork cannot use CUDA afterwards. Not for a captured root */
} plim_board_opts;

PLIM_DEFAULTS plim_board_opts plim_board_opts_default(void)
{
    plim_board_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    return o;
}

/* plim_board_probe - add to @facts what the machine says, each with its source.
 *
 * Facts that stand there already (given by the caller, say) stay where they are as sure. Never
 * fails for what a machine lacks or says oddly: an unknown board or release leaves facts absent.
 * Owns:    borrows all; gives nothing.
 * Threads: any; nothing is shared but @facts.
 * Cost:    some hundred small files; dpkg's list is the long one. Less than 64 KiB of stack.
 * Errors:  E_ARG  no facts, or components without a count. */
PLIM_API PLIM_MUST_USE plim_status plim_board_probe(const plim_board_opts *opts, plim_facts *facts,
                                                    plim_error *err);

/* What an engine's identity card is held against. */
typedef struct plim_host {
    char board[64];           /* "NVIDIA Jetson Orin NX ..."; "" unknown */
    char arch[16];            /* "x86_64", "aarch64" */
    uint32_t sm;              /* 87 for 8.7; 0 unknown or no GPU */
    uint32_t multiprocessors; /* 8 on an Orin NX 16 GB; 0 unknown */
    uint64_t memory_bytes;    /* MemTotal */
    char l4t[16];             /* "36.4.0" */
    char jetpack[16];         /* "6.1" */
    char tensorrt[16];        /* "10.3.0" */
    plim_source board_source, sm_source, multiprocessors_source, memory_source, l4t_source,
        jetpack_source, tensorrt_source;
    uint32_t multiprocessors_now; /* left by the power mode; 0 unknown */
    uint32_t power_mode_id;       /* 0 is a mode: see its source */
    char tensorrt_build[24];      /* "10.3.0.30" */
    char power_mode[32];          /* "MAXN", "15W" */
    plim_source multiprocessors_now_source, power_mode_id_source, tensorrt_build_source,
        power_mode_source;
    char gpu_name[64];       /* "NVIDIA GB10"; "" unknown */
    char power_mode_max[32]; /* name of the mode without limits */
    plim_source gpu_name_source, power_mode_max_source;
} plim_host;

/* plim_host_from_facts - the part of @facts that a card is held against. */
PLIM_API void plim_host_from_facts(const plim_facts *facts, plim_host *out);
/* plim_host_note - the other way: what a host says, as facts. What a person gave (the manifest)
 * stands before what was probed; a field without a source counts as given. */
PLIM_API void plim_host_note(const plim_host *host, plim_facts *facts);

/* plim_host_detect - read the machine behind @root ("" or NULL: this one).
 * Probe and reduction in one; missing files leave fields unknown.
 * Cost:    as plim_board_probe, and 24 KiB more of stack for the facts.
 * Errors:  E_IO  proc/meminfo cannot be read.  E_FORMAT  it has no MemTotal. */
PLIM_API PLIM_MUST_USE plim_status plim_host_detect(const char *root, plim_host *out,
                                                    plim_error *err);

/* The kernel's figures about one process, in bytes. UINT64_MAX: the kernel does not say. */
#define PLIM_UNKNOWN_BYTES UINT64_MAX
typedef struct plim_process_memory {
    uint64_t rss_bytes, rss_peak_bytes; /* VmRSS, VmHWM */
    uint64_t anon_bytes, file_bytes, shmem_bytes;
    uint64_t pss_bytes, pss_anon_bytes, pss_file_bytes, pss_shmem_bytes;
    uint64_t page_table_bytes, swap_bytes; /* VmPTE is not part of VmRSS */
    uint64_t heap_bytes;                   /* resident in [heap]: small malloc blocks */
    uint64_t stack_bytes;     /* resident in the main stack and in those named [stack:...] */
    uint64_t anonymous_bytes; /* resident in other mappings without a file: the arena, large
                               * malloc blocks, stacks of threads */
    uint64_t mapped_bytes;    /* resident in mappings of files: code, libraries, models */
    uint64_t special_bytes;   /* resident in [vdso] and the like */
    uint64_t shared_bytes;    /* resident in memfd, /dev/shm and System V segments */
} plim_process_memory;        /* the last six add up to the sum of all mappings */

/* plim_process_memory_read - @pid 0: this process. rss_bytes is the sum over all mappings
 * (smaps), which is exact where VmRSS may lag behind by a batch of pages for each CPU.
 * Errors:  E_NOT_FOUND  no such process.  E_IO  not allowed, or unreadable. */
PLIM_API PLIM_MUST_USE plim_status plim_process_memory_read(uint32_t pid, plim_process_memory *out,
                                                            plim_error *err);

/* The machine's own figures, in bytes; PLIM_UNKNOWN_BYTES: this kernel does not say. */
typedef struct plim_system_memory {
    uint64_t total_bytes, free_bytes, available_bytes, buffers_bytes, cached_bytes, shmem_bytes;
    uint64_t anon_bytes, reclaimable_slab_bytes, swap_total_bytes, swap_free_bytes;
    uint64_t cma_total_bytes, cma_free_bytes;
    uint64_t nvmap_used_bytes; /* kernels of JetPack 4 only; later ones keep it in debugfs */
} plim_system_memory;

/* plim_system_memory_read - the kernel's meminfo behind @root ("" or NULL: this machine).
 * Errors:  E_IO  proc/meminfo cannot be read.  E_FORMAT  it has no MemTotal. */
PLIM_API PLIM_MUST_USE plim_status plim_system_memory_read(const char *root,
                                                           plim_system_memory *out,
                                                           plim_error *err);

/* plim_cgroup_memory - the memory control group that this process is charged to, v1 or v2.
 * limit_bytes is PLIM_UNKNOWN_BYTES when there is none.
 * Errors:  E_UNSUPPORTED  no memory controller is mounted. */
typedef struct plim_cgroup_memory {
    uint64_t usage_bytes, peak_bytes, limit_bytes;
    uint32_t version; /* 1 or 2 */
    char path[512];
} plim_cgroup_memory;
PLIM_API PLIM_MUST_USE plim_status plim_cgroup_memory_read(plim_cgroup_memory *out,
                                                           plim_error *err);

/* plim_file_cached_bytes - how much of a file lies in the page cache now (mincore).
 * Errors:  E_IO, E_NOT_FOUND. */
PLIM_API PLIM_MUST_USE plim_status plim_file_cached_bytes(const char *path, uint64_t *out_bytes,
                                                          plim_error *err);

#ifdef __cplusplus
}
#endif
#endif
