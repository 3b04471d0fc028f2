/* SPDX-License-Identifier: Apache-2.0 */
/* topology.h - caches, cores and memory nodes, and where the pages of a range went.
 *
 * A machine without NUMA is a machine with one node: that is an answer, not an error. A node
 * without cores may be a GPU's own memory (Grace Hopper: coherent, but not the CPU's DRAM) or
 * plain memory on a link; the two are told apart where the GPU's driver says so.
 */
#ifndef PLIMSOLL_TOPOLOGY_H
#define PLIMSOLL_TOPOLOGY_H

#include <stdbool.h>

#include "plimsoll/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum plim_node_kind {
    PLIM_NODE_CORES = 0,  /* memory beside cores */
    PLIM_NODE_MEMORY = 1, /* memory without cores, for all that is known the machine's own */
    PLIM_NODE_GPU = 2,    /* memory of a GPU: its driver names the node */
} plim_node_kind;

typedef struct plim_node {
    uint32_t number; /* as the kernel counts */
    plim_node_kind kind;
    uint32_t cpu_count;
    uint64_t memory_bytes, free_bytes; /* 0: unknown */
} plim_node;

#define PLIM_NODES_MAX 64u /* listed; a GPU's empty nodes are left out */

typedef struct plim_topology {
    uint32_t cpu_count;      /* online, hardware threads counted */
    uint32_t cpu_possible;   /* of the chip; power modes take cores away. 0: unknown */
    uint32_t core_count;     /* online; 0: unknown */
    uint32_t cache_share[4]; /* CPUs that share one cache of level 1..3; [0] is unused */
    uint64_t cache_bytes[4]; /* level 1 data, 2, 3: the smallest of each level; 0: none, unknown */
    uint32_t line_bytes;     /* 0: unknown */
    uint32_t node_count;     /* at least 1 */
    plim_node nodes[PLIM_NODES_MAX];
    uint64_t cpu_memory_bytes; /* of all nodes that are not a GPU's; 0: the kernel has no nodes */
    uint64_t gpu_memory_bytes; /* of those that are */
    bool has_nodes;            /* false: a kernel without NUMA, or a folder without these files */
    uint32_t chunk_bytes;      /* see plim_topology_chunk_bytes */
    char source[32];           /* "hwloc, API 2.8" or "sys/devices/system": of cores, caches */
} plim_topology;

typedef struct plim_topology_opts {
    size_t struct_size;
    const char *root; /* NULL, "": this machine; else a folder with its sys and proc */
    bool files_only;  /* do not ask hwloc: faster, and no heap; see below */
} plim_topology_opts;

PLIM_DEFAULTS plim_topology_opts plim_topology_opts_default(void)
{
    plim_topology_opts o = {sizeof(plim_topology_opts), NULL, false};
    return o;
}

/* plim_topology_read - caches, cores and nodes of the machine behind opts->root.
 *
 * On this machine hwloc gives caches and cores, and the kernel's files what it leaves open; of a
 * captured folder the files give all of it, because hwloc can only be sent to another root by
 * an environment variable, for the whole process. Nodes always come from the files: hwloc
 * before 2.10 hides those of NVIDIA's GPUs. Only hwloc's discovery of cores and caches is asked;
 * GPUs and PCI are not. When libhwloc-plugins is installed, hwloc opens these plug-ins all the
 * same, once a process (some 3 MB resident while it looks): files_only avoids it.
 * Owns:    borrows @opts; NULL is all defaults.
 * Threads: any.
 * Errors:  E_ARG  opts->struct_size is 0. A file that cannot be read leaves its field 0. */
PLIM_API PLIM_MUST_USE plim_status plim_topology_read(const plim_topology_opts *opts,
                                                      plim_topology *out, plim_error *err);

/* plim_topology_chunk_bytes - a chunk size for engines that are loaded on this machine.
 *
 * A chunk is hashed, and decoded in place, right after it was read; that costs no second trip to
 * DRAM when chunk and decoder's window still lie in the cache of the core that does it. So:
 * half of what one core has for itself of its largest cache (L3 over the CPUs that share it, or
 * L2), down to a power of two, and never outside 256 KiB .. 4 MiB, because smaller reads cost
 * the device's rate and larger ones gain nothing. 1 MiB when nothing is known.
 * It is advice: the packer's default does not follow it, or a file would depend on the
 * machine that packed it. */
PLIM_API uint32_t plim_topology_chunk_bytes(const plim_topology *topology);

/* Where pages of this process lie. */
typedef struct plim_page_places {
    uint64_t page_bytes;
    uint64_t page_count;                 /* in the range, first and last counted whole */
    uint64_t absent_count;               /* never touched, swapped out, or not mapped */
    uint64_t unknown_count;              /* present, and the kernel does not say where */
    uint64_t node_count[PLIM_NODES_MAX]; /* pages on topology->nodes[i] */
    uint64_t elsewhere_count;            /* on a node that the topology does not list */
} plim_page_places;

/* plim_topology_pages - on which node each page of [base, base + bytes) lies now.
 *
 * Asks the kernel (move_pages, which moves nothing here); where it refuses (no NUMA, or a
 * container's filter), pages that are present lie on the only node, or count as unknown.
 * @topology must be this machine's.
 * Cost:    some 0.2 us a page.
 * Errors:  E_ARG  @base is NULL with bytes, or the range wraps. */
PLIM_API PLIM_MUST_USE plim_status plim_topology_pages(const plim_topology *topology,
                                                       const void *base, size_t bytes,
                                                       plim_page_places *out, plim_error *err);

#ifdef __cplusplus
}
#endif
#endif
