/* SPDX-License-Identifier: Apache-2.0 */
/* packages.c - versions out of dpkg's own file, in one pass.
 *
 * Decides what counts as installed (the last word of Status, where the stanza has one) and which
 * of several wins: the highest. The file has megabytes on a board, so a line is looked at by its
 * first letters and nothing is parsed that is not wanted.
 */
#include <stdio.h>
#include <string.h>

#include "platform/probe/probe.h"

#define STATUS "var/lib/dpkg/status"
#define DIGITS "0123456789"

typedef struct stanza {
    char package[64], version[64];
    bool is_installed;
} stanza;

typedef enum wanted {
    WANTED_JETPACK,
    WANTED_L4T,
    WANTED_TENSORRT,
    WANTED_CUDNN,
    WANTED_COUNT
} wanted;

/* A name with a number directly after it: libnvinfer10, and not libnvinfer-plugin10; with the CUDA
 * that it is for, libcudnn9-cuda-12. */
static const struct {
    const char *name;
    bool has_number;
} PACKAGES[WANTED_COUNT] = {
    [WANTED_JETPACK] = {"nvidia-jetpack", false},
    [WANTED_L4T] = {"nvidia-l4t-core", false},
    [WANTED_TENSORRT] = {"libnvinfer", true},
    [WANTED_CUDNN] = {"libcudnn", true},
};

static bool is_package(const char *package, wanted which)
{
    size_t n = strlen(PACKAGES[which].name);
    if (strncmp(package, PACKAGES[which].name, n) != 0) {
        return false;
    }
    const char *rest = package + n + strspn(package + n, DIGITS);
    if ((rest != package + n) != PACKAGES[which].has_number) {
        return false;
    }
    if (PACKAGES[which].has_number && strncmp(rest, "-cuda-", 6) == 0) {
        rest += 6 + strspn(rest + 6, DIGITS);
    }
    return *rest == 0;
}

/* "10.3.0" out of "10.3.0.30-1+cuda12.5" or "6.1+b123": at most @dots dots of digits. */
static void version_digits(const char *text, unsigned dots, char *out, size_t room)
{
    size_t n = 0;
    for (; n + 1 < room && ((*text >= '0' && *text <= '9') || (*text == '.' && dots--)); text++) {
        out[n++] = *text;
    }
    out[n] = 0;
}

static void take(plim_probe *p, const stanza *s, char best[WANTED_COUNT][64])
{
    static const char *const COMPONENTS[WANTED_COUNT] = {
        [WANTED_TENSORRT] = "tensorrt", [WANTED_CUDNN] = "cudnn"};
    for (unsigned i = 0; s->is_installed && s->version[0] && i < WANTED_COUNT; i++) {
        char digits[32], where[96];
        if (!is_package(s->package, (wanted)i)) {
            continue;
        }
        if (COMPONENTS[i]) {
            version_digits(s->version, 3, digits, sizeof(digits));
            snprintf(where, sizeof(where), "%.90s", s->package);
            plim_probe_component(p, COMPONENTS[i], digits, where, PLIM_CONFIDENCE_READ);
        }
        if (!best[i][0] || plim_version_compare(s->version, best[i]) > 0) {
            memcpy(best[i], s->version, sizeof(best[i]));
        }
    }
}

static void read_stanzas(plim_probe *p, plim_lines *lines, char best[WANTED_COUNT][64])
{
    stanza s = {.is_installed = true};
    for (char *line; (line = plim_lines_next(lines));) {
        char *value = strchr(line, ':');
        if (line[0] == 'P' && strncmp(line, "Package:", 8) == 0) {
            take(p, &s, best);
            s = (stanza){.is_installed = true};
            snprintf(s.package, sizeof(s.package), "%s", plim_text_trim(value + 1));
        } else if (line[0] == 'V' && strncmp(line, "Version:", 8) == 0) {
            snprintf(s.version, sizeof(s.version), "%s", plim_text_trim(value + 1));
        } else if (line[0] == 'S' && strncmp(line, "Status:", 7) == 0) {
            s.is_installed = strstr(value, " installed") != NULL;
        }
    }
    take(p, &s, best);
}

static void note(plim_probe *p, plim_fact_id id, const char *version, unsigned dots)
{
    char digits[32];
    version_digits(version, dots, digits, sizeof(digits));
    plim_probe_text(p, id, digits);
}

/* "10.3.0.30-1+cuda12.5" says the build; "8.5.2-1+cuda11.4" does not. */
static void note_build(plim_probe *p, const char *version)
{
    char digits[32];
    const char *release = plim_facts_text(p->facts, PLIM_FACT_TENSORRT_RELEASE);
    const size_t n = strlen(release);
    unsigned dots = 0;
    version_digits(version, 3, digits, sizeof(digits));
    for (const char *c = digits; *c; c++) {
        dots += *c == '.';
    }
    /* the library that is loaded may be another one than the package's (versions.c) */
    if (dots == 3 && strncmp(digits, release, n) == 0 && digits[n] == '.') {
        plim_probe_text(p, PLIM_FACT_TENSORRT_BUILD, digits);
    }
}

void plim_probe_packages(plim_probe *p)
{
    plim_lines lines;
    char best[WANTED_COUNT][64] = {{0}};
    if (!plim_probe_lines(p, STATUS, &lines)) {
        return;
    }
    read_stanzas(p, &lines, best);
    plim_lines_close(&lines);
    note(p, PLIM_FACT_JETPACK_RELEASE, best[WANTED_JETPACK], 2);
    note(p, PLIM_FACT_L4T_RELEASE, best[WANTED_L4T], 2);
    note(p, PLIM_FACT_TENSORRT_RELEASE, best[WANTED_TENSORRT], 2);
    note_build(p, best[WANTED_TENSORRT]);
    note(p, PLIM_FACT_CUDNN_RELEASE, best[WANTED_CUDNN], 2);
}
