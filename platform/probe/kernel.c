/* SPDX-License-Identifier: Apache-2.0 */
/* kernel.c - what the kernel says of itself and of its cores. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "platform/probe/probe.h"
#include "platform/topology/topology_files.h"

static void read_cpus(plim_probe *p, const char *path, plim_fact_id id)
{
    char text[256];
    if (plim_probe_line(p, path, text, sizeof(text)) && strlen(text) < sizeof(text) - 1 &&
        plim_cpu_list_count(text)) {
        plim_probe_count(p, id, plim_cpu_list_count(text));
    }
}

void plim_probe_kernel(plim_probe *p)
{
    char text[80];
    struct utsname u;
    if (plim_probe_line(p, "proc/sys/kernel/arch", text, sizeof(text))) { /* since 6.1 */
        plim_probe_text(p, PLIM_FACT_CPU_ARCH, text);
    } else if (!p->root[0] && uname(&u) == 0) {
        (void)plim_facts_set_text(p->facts, PLIM_FACT_CPU_ARCH, u.machine, PLIM_CONFIDENCE_READ,
                                  "uname");
    }
    if (plim_probe_line(p, "proc/sys/kernel/osrelease", text, sizeof(text))) {
        plim_probe_text(p, PLIM_FACT_OS_KERNEL, text);
    }
    read_cpus(p, "sys/devices/system/cpu/possible", PLIM_FACT_CPU_POSSIBLE);
    read_cpus(p, "sys/devices/system/cpu/online", PLIM_FACT_CPU_ONLINE);
}
