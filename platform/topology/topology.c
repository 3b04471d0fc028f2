/* SPDX-License-Identifier: Apache-2.0 */
/* topology.c - caches, cores and nodes: hwloc on this machine, the kernel's files elsewhere.
 *
 * Decides who is believed: hwloc for cores and caches (it knows the chips whose files lie), the
 * files for nodes. hwloc's answer is dropped when its environment points it at something that is
 * not this machine (HWLOC_XMLFILE, HWLOC_SYNTHETIC, HWLOC_FSROOT). Its x86 backend is left out, as
 * it binds the calling thread to every core in turn; so are the plug-ins for PCI and GPUs.
 * hwloc uses the heap while it looks, and all of it is given back before the call returns.
 */
#include "plimsoll/topology.h"

#include <stdio.h>
#include <string.h>

#include <hwloc.h>

#include "platform/topology/topology_files.h"

#define CHUNK_MIN     (256u << 10)
#define CHUNK_MAX     (4u << 20)
#define CHUNK_UNKNOWN (1u << 20)

uint32_t plim_topology_chunk_bytes(const plim_topology *topology)
{
    uint64_t own = 0;
    for (size_t level = 2; level <= 3; level++) {
        const uint32_t share = topology->cache_share[level] ? topology->cache_share[level] : 1;
        const uint64_t part = topology->cache_bytes[level] / share;
        own = part > own ? part : own;
    }
    if (own == 0) {
        return CHUNK_UNKNOWN;
    }
    uint32_t chunk = CHUNK_MIN;
    while (chunk < CHUNK_MAX && (uint64_t)chunk * 2 <= own / 2) {
        chunk *= 2;
    }
    return chunk;
}

/* Cores, caches and nothing else. Names that this hwloc does not know are refused, and that is
 * as good. */
static bool restrict_discovery(hwloc_topology_t topology)
{
    static const char *const LEFT_OUT[] = {"x86",  "pci",  "gl",        "opencl", "cuda",
                                           "nvml", "rsmi", "levelzero", "xml",    "synthetic"};
    for (size_t i = 0; i < sizeof(LEFT_OUT) / sizeof(LEFT_OUT[0]); i++) {
        (void)hwloc_topology_set_components(topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST,
                                            LEFT_OUT[i]);
    }
    unsigned long flags = HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED; /* the machine, not our share */
#if HWLOC_API_VERSION >= 0x00020800
    flags |= HWLOC_TOPOLOGY_FLAG_NO_DISTANCES | HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS |
             HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS;
#endif
    return hwloc_topology_set_flags(topology, flags) == 0 &&
           hwloc_topology_set_all_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE) == 0 &&
           hwloc_topology_set_cache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_ALL) == 0 &&
           hwloc_topology_set_type_filter(topology, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL) ==
               0;
}

static void take_caches(hwloc_topology_t topology, hwloc_obj_type_t type, size_t level,
                        plim_topology *out)
{
    for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_by_type(topology, type, o));) {
        const uint64_t bytes = o->attr->cache.size;
        if (bytes == 0 || (out->cache_bytes[level] && bytes >= out->cache_bytes[level])) {
            continue;
        }
        out->cache_bytes[level] = bytes;
        const int share = o->cpuset ? hwloc_bitmap_weight(o->cpuset) : 0;
        out->cache_share[level] = share > 0 ? (uint32_t)share : 0;
        out->line_bytes = o->attr->cache.linesize ? o->attr->cache.linesize : out->line_bytes;
    }
}

/* What hwloc knows replaces what the files said; what it does not know stays. */
static void take_hwloc(hwloc_topology_t topology, plim_topology *out)
{
    static const hwloc_obj_type_t CACHES[] = {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE,
                                              HWLOC_OBJ_L3CACHE};
    const int cpus = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
    const int cores = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
    out->cpu_count = cpus > 0 ? (uint32_t)cpus : out->cpu_count;
    out->core_count = cores > 0 ? (uint32_t)cores : out->core_count;
    for (size_t i = 0; i < 3; i++) {
        if (hwloc_get_nbobjs_by_type(topology, CACHES[i]) > 0) {
            out->cache_bytes[i + 1] = 0;
            take_caches(topology, CACHES[i], i + 1, out);
        }
    }
    const unsigned api = hwloc_get_api_version();
    snprintf(out->source, sizeof(out->source), "hwloc, API %u.%u", api >> 16, (api >> 8) & 0xffu);
}

static void ask_hwloc(plim_topology *out)
{
    hwloc_topology_t topology;
    if (hwloc_get_api_version() >> 16 != HWLOC_API_VERSION >> 16 ||
        hwloc_topology_init(&topology) != 0) {
        return;
    }
    if (restrict_discovery(topology) && hwloc_topology_load(topology) == 0 &&
        hwloc_topology_is_thissystem(topology)) {
        take_hwloc(topology, out);
    }
    hwloc_topology_destroy(topology);
}

plim_status plim_topology_read(const plim_topology_opts *opts, plim_topology *out, plim_error *err)
{
    plim_topology_opts o = plim_topology_opts_default();
    memset(out, 0, sizeof(*out));
    if (opts && opts->struct_size == 0) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "plim_topology_opts.struct_size");
    }
    if (opts) {
        memcpy(&o, opts, opts->struct_size < sizeof(o) ? opts->struct_size : sizeof(o));
    }
    plim_topology_from_files(o.root, out);
    if (!o.files_only && (!o.root || !o.root[0])) {
        ask_hwloc(out);
    }
    out->chunk_bytes = plim_topology_chunk_bytes(out);
    return PLIM_OK;
}
