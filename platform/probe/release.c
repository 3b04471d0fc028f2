/* SPDX-License-Identifier: Apache-2.0 */
/* release.c - which Jetson Linux runs, and the JetPack that it belongs to.
 *
 * The release file says it best; the package of the same release (packages.c) may be newer than
 * the kernel that runs, so it only stands in. A release that no table knows has no JetPack name,
 * which is no error: releases appear after tools are written.
 */
#include <stdio.h>
#include <string.h>

#include "platform/probe/probe.h"
#include "plimsoll/policy.h"

/* "# R36 (release), REVISION: 4.0, GCID: ..." gives 36.4.0; a revision without patch gives .0. The
 * comma shows that the numbers are whole: 36.4.7 cut short would be another release. */
static bool release_of(const char *line, char *out, size_t room)
{
    unsigned major, minor, patch = 0;
    int used = 0;
    if (sscanf(line, "# R%3u (release), REVISION: %3u.%3u%n", &major, &minor, &patch, &used) < 3 ||
        line[used] != ',') {
        patch = 0;
        used = 0;
        if (sscanf(line, "# R%3u (release), REVISION: %3u%n", &major, &minor, &used) < 2 ||
            line[used] != ',') {
            return false;
        }
    }
    snprintf(out, room, "%u.%u.%u", major, minor, patch);
    return true;
}

/* L4T_VERSION=36.4.0 in a container's environment: the image's, when nothing of the host is seen.
 * The environment is read as the kernel keeps it, so that a captured one is not mixed with ours. */
static void read_environment(plim_probe *p)
{
    char text[8192];
    size_t bytes = 0;
    if (!plim_probe_read(p, "proc/self/environ", text, sizeof(text), &bytes)) {
        return;
    }
    for (size_t at = 0; at < bytes; at += strlen(text + at) + 1) {
        static const char KEY[] = "L4T_VERSION=";
        const char *value = text + at + sizeof(KEY) - 1;
        if (strncmp(text + at, KEY, sizeof(KEY) - 1) == 0 && value[0] >= '0' && value[0] <= '9') {
            (void)plim_facts_set_text(p->facts, PLIM_FACT_L4T_RELEASE, value, PLIM_CONFIDENCE_READ,
                                      "/proc/self/environ, L4T_VERSION");
        }
    }
}

void plim_probe_release(plim_probe *p)
{
    char text[256], l4t[24];
    if (plim_probe_line(p, "etc/nv_tegra_release", text, sizeof(text)) &&
        release_of(text, l4t, sizeof(l4t))) {
        plim_probe_text(p, PLIM_FACT_L4T_RELEASE, l4t);
    }
}

void plim_probe_jetpack(plim_probe *p)
{
    char text[PLIM_FACT_TEXT_BYTES], source[PLIM_FACT_SOURCE_BYTES];
    plim_release_info release;
    read_environment(p); /* after the packages: the last resort */
    const char *l4t = plim_facts_text(p->facts, PLIM_FACT_L4T_RELEASE);
    if (l4t[0] && plim_policy_release(p->policy, l4t, &release)) {
        snprintf(source, sizeof(source), "table releases, %s", l4t);
        plim_slice_copy(release.jetpack, text, sizeof(text));
        (void)plim_facts_set_text(p->facts, PLIM_FACT_JETPACK_RELEASE, text, PLIM_CONFIDENCE_TABLE,
                                  source);
    }
}
