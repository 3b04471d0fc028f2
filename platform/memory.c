/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - the machine's memory as facts.
 *
 * Read through the root alone, never out of a snapshot: what was free when a folder was captured
 * says nothing about now.
 */
#include "platform/probe.h"

void plim_probe_memory(plim_probe *p)
{
    plim_system_memory m;
    if (plim_system_memory_read(p->root, &m, NULL) != PLIM_OK) {
        return;
    }
    const struct {
        plim_fact_id id;
        uint64_t bytes;
    } ROWS[] = {
        {PLIM_FACT_MEMORY_TOTAL, m.total_bytes},
        {PLIM_FACT_MEMORY_AVAILABLE, m.available_bytes},
        {PLIM_FACT_MEMORY_FREE, m.free_bytes},
        {PLIM_FACT_SWAP_TOTAL, m.swap_total_bytes},
        {PLIM_FACT_SWAP_FREE, m.swap_free_bytes},
        {PLIM_FACT_MEMORY_CMA_TOTAL, m.cma_total_bytes},
        {PLIM_FACT_MEMORY_CMA_FREE, m.cma_free_bytes},
        {PLIM_FACT_MEMORY_NVMAP_USED, m.nvmap_used_bytes},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        if (ROWS[i].bytes != PLIM_UNKNOWN_BYTES) {
            (void)plim_facts_set_number(p->facts, ROWS[i].id, ROWS[i].bytes, PLIM_CONFIDENCE_READ,
                                        "/proc/meminfo");
        }
    }
}
