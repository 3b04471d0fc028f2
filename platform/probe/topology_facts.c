/* SPDX-License-Identifier: Apache-2.0 */
/* topology_facts.c - caches and nodes as facts, and which part of MemTotal is the CPU's.
 *
 * Runs before the source of meminfo: where a GPU's memory is a node, the kernel's MemTotal counts
 * it in, and a budget for the CPU must not. Files alone: hwloc costs more than all other
 * sources together when its plug-ins are installed, and says the same here.
 */
#include <string.h>

#include "arena/bytes.h"
#include "platform/probe/probe.h"
#include "platform/topology/topology_files.h"

#define CACHE_SOURCE "/sys/devices/system/cpu"
#define NODE_SOURCE  "/sys/devices/system/node"

static void note(plim_probe *p, plim_fact_id id, uint64_t number, const char *source)
{
    if (number) {
        (void)plim_facts_set_number(p->facts, id, number, PLIM_CONFIDENCE_READ, source);
    }
}

/* MemAvailable is the kernel's estimate over all nodes; what a GPU's nodes have free is in it. */
static void note_cpu_part(plim_probe *p, const plim_topology *t)
{
    plim_system_memory m;
    uint64_t gpu_free = 0, cpu_free = 0;
    for (uint32_t i = 0; i < t->node_count; i++) {
        uint64_t *to = t->nodes[i].kind == PLIM_NODE_GPU ? &gpu_free : &cpu_free;
        (void)bytes_add(*to, t->nodes[i].free_bytes, to);
    }
    note(p, PLIM_FACT_GPU_MEMORY_BYTES, t->gpu_memory_bytes, NODE_SOURCE ", the GPU's");
    note(p, PLIM_FACT_MEMORY_TOTAL, t->cpu_memory_bytes, NODE_SOURCE ", without the GPU's");
    note(p, PLIM_FACT_MEMORY_FREE, cpu_free, NODE_SOURCE ", without the GPU's");
    if (plim_system_memory_read(p->root, &m, NULL) == PLIM_OK &&
        m.available_bytes != PLIM_UNKNOWN_BYTES && m.available_bytes > gpu_free) {
        const uint64_t rest = m.available_bytes - gpu_free;
        note(p, PLIM_FACT_MEMORY_AVAILABLE, rest < t->cpu_memory_bytes ? rest : t->cpu_memory_bytes,
             "/proc/meminfo less what the GPU's nodes have free");
    }
}

void plim_probe_topology(plim_probe *p)
{
    plim_topology t;
    uint32_t cpuless = 0;
    plim_topology_from_files(p->root, &t);
    note(p, PLIM_FACT_CPU_L1D_BYTES, t.cache_bytes[1], CACHE_SOURCE);
    note(p, PLIM_FACT_CPU_L2_BYTES, t.cache_bytes[2], CACHE_SOURCE);
    note(p, PLIM_FACT_CPU_L3_BYTES, t.cache_bytes[3], CACHE_SOURCE);
    note(p, PLIM_FACT_CPU_LINE_BYTES, t.line_bytes, CACHE_SOURCE);
    if (!t.has_nodes && !t.cpu_count) {
        return; /* a folder without these files: nothing is known */
    }
    for (uint32_t i = 0; i < t.node_count; i++) {
        cpuless += t.has_nodes && t.nodes[i].cpu_count == 0;
    }
    const char *source = t.has_nodes ? NODE_SOURCE : "a kernel without " NODE_SOURCE;
    (void)plim_facts_set_number(p->facts, PLIM_FACT_NUMA_NODES, t.node_count, PLIM_CONFIDENCE_READ,
                                source);
    (void)plim_facts_set_number(p->facts, PLIM_FACT_NUMA_CPULESS, cpuless, PLIM_CONFIDENCE_READ,
                                source);
    if (t.gpu_memory_bytes) {
        note_cpu_part(p, &t);
    }
}
