/* SPDX-License-Identifier: Apache-2.0 */
/* cores.c - the governor of the first core that runs, and the highest clock of any.
 *
 * Of many cores 16 are looked at, evenly spread: those of one kind have one clock.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "platform/probe/probe.h"
#include "platform/topology/topology_files.h"

#define CPU_FOLDER "sys/devices/system/cpu"
#define CPUS       16u
#define KHZ_MAX    UINT64_C(100000000) /* above: no clock */

static uint64_t max_khz(plim_probe *p, uint32_t cpu)
{
    char path[96];
    uint64_t khz;
    snprintf(path, sizeof(path), CPU_FOLDER "/cpu%" PRIu32 "/cpufreq/cpuinfo_max_freq", cpu);
    return plim_probe_number(p, path, &khz) && khz < KHZ_MAX ? khz : 0;
}

void plim_probe_cores(plim_probe *p)
{
    char list[4096], path[96], governor[64];
    const char *at = list;
    uint32_t first, last, k = 0;
    uint64_t highest = 0;
    if (!plim_probe_line(p, CPU_FOLDER "/online", list, sizeof(list))) {
        return;
    }
    const uint32_t count = plim_cpu_list_count(list), step = (count + CPUS - 1) / CPUS;
    while (count && plim_cpu_list_next(&at, &first, &last)) {
        for (uint32_t cpu = first; cpu <= last; cpu++, k++) {
            const uint64_t khz = k % step == 0 ? max_khz(p, cpu) : 0;
            highest = khz > highest ? khz : highest;
            snprintf(path, sizeof(path), CPU_FOLDER "/cpu%" PRIu32 "/cpufreq/scaling_governor",
                     cpu);
            if (k == 0 && plim_probe_line(p, path, governor, sizeof(governor))) {
                plim_probe_text(p, PLIM_FACT_CPU_GOVERNOR, governor);
            }
        }
    }
    if (highest) {
        (void)plim_facts_set_number(p->facts, PLIM_FACT_CPU_MAX_HZ, highest * 1000,
                                    PLIM_CONFIDENCE_READ, "/" CPU_FOLDER "/cpu*/cpufreq");
    }
}
