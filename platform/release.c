/* SPDX-License-Identifier: Apache-2.0 */
/* release.c - which Jetson Linux runs, and the JetPack that it belongs to.
 *
 * The release file says it best; the package of the same release (packages.c) may be newer than
 * the kernel that runs, so it only stands in. A release that no table knows has no JetPack name,
 * which is no error: releases appear after tools are written.
 */
#include <stdio.h>
#include <string.h>

#include "platform/boards.h"
#include "platform/probe.h"

/* "# R36 (release), REVISION: 4.0, GCID: ..." gives 36.4.0; a revision without patch gives .0 */
void plim_probe_release(plim_probe *p)
{
    char text[256], l4t[24];
    unsigned major, minor, patch = 0;
    if (plim_probe_line(p, "etc/nv_tegra_release", text, sizeof(text)) &&
        sscanf(text, "# R%3u (release), REVISION: %3u.%3u", &major, &minor, &patch) >= 2) {
        snprintf(l4t, sizeof(l4t), "%u.%u.%u", major, minor, patch);
        plim_probe_text(p, PLIM_FACT_L4T_RELEASE, l4t);
    }
}

void plim_probe_jetpack(plim_probe *p)
{
    char source[PLIM_FACT_SOURCE_BYTES];
    const char *l4t = plim_facts_text(p->facts, PLIM_FACT_L4T_RELEASE);
    snprintf(source, sizeof(source), "table releases, %s", l4t);
    (void)plim_facts_set_text(p->facts, PLIM_FACT_JETPACK_RELEASE, plim_jetpack_of(l4t),
                              PLIM_CONFIDENCE_TABLE, source);
}
