/* SPDX-License-Identifier: Apache-2.0 */
/* kernel.c - what the kernel says of itself and of its cores. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "platform/probe/probe.h"

/* "0-3,6" are five cores. False: not a list, or one that cannot be. */
static bool cpu_list_count(const char *text, uint64_t *out)
{
    uint64_t count = 0;
    while (*text) {
        char *end;
        unsigned from, to;
        int used = 0;
        if (sscanf(text, "%5u%n", &from, &used) != 1) {
            return false;
        }
        end = (char *)text + used;
        to = from;
        if (*end == '-') {
            if (sscanf(end + 1, "%5u%n", &to, &used) != 1 || to < from) {
                return false;
            }
            end += used + 1;
        }
        if (*end != ',' && *end != 0) {
            return false;
        }
        count += to - from + 1;
        text = *end ? end + 1 : end;
    }
    *out = count;
    return count != 0;
}

static void read_cpus(plim_probe *p, const char *path, plim_fact_id id)
{
    char text[256];
    uint64_t count;
    if (plim_probe_line(p, path, text, sizeof(text)) && strlen(text) < sizeof(text) - 1 &&
        cpu_list_count(text, &count)) {
        plim_probe_count(p, id, count);
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
