/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_versions.c - any bytes as version.json, dpkg's status, os-release, dgx-release and the
 * driver's line: a value that fits and has the form of its kind, or none. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/probe/probe.h"
#include "platform/probe/version_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[] = "/dev/shm/plimsoll-fuzz-XXXXXX";
static int file = -1;

static void remove_root(void)
{
    static const char *const PATHS[] = {"/var/lib/dpkg/status", "/var/lib/dpkg", "/var/lib", "/var",
                                        ""};
    char path[128];
    for (size_t i = 0; i < sizeof(PATHS) / sizeof(PATHS[0]); i++) {
        strcat(strcpy(path, root), PATHS[i]);
        (void)remove(path);
    }
}

static void make_root(void)
{
    static const char *const FOLDERS[] = {"/var", "/var/lib", "/var/lib/dpkg"};
    char path[128];
    if (!mkdtemp(root)) {
        abort();
    }
    atexit(remove_root);
    for (size_t i = 0; i < sizeof(FOLDERS) / sizeof(FOLDERS[0]); i++) {
        strcat(strcpy(path, root), FOLDERS[i]);
        (void)mkdir(path, 0700);
    }
    file = open(strcat(path, "/status"), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (file < 0) {
        abort();
    }
}

static void check_digits(bool found, const char *out, size_t room)
{
    if (found && (strlen(out) >= room || out[0] == 0 || out[strspn(out, "0123456789.")] != 0)) {
        abort();
    }
}

static void read_text(char *text)
{
    char out[24];
    check_digits(plim_toolkit_version(text, "cuda", out, sizeof(out)), out, sizeof(out));
    for (char *line; (line = strsep(&text, "\n"));) {
        check_digits(plim_driver_version(line, out, sizeof(out)), out, sizeof(out));
        check_digits(plim_library_version(line, "libnvinfer.so.", out, sizeof(out)), out,
                     sizeof(out));
        if (plim_shell_value(line, "PRETTY_NAME", out, sizeof(out)) && strlen(out) >= sizeof(out)) {
            abort();
        }
    }
}

static void read_packages(const uint8_t *data, size_t size)
{
    static plim_facts facts;
    plim_component found[4];
    plim_probe p = {.root = root, .facts = &facts, .components = found, .component_limit = 4};
    memset(&facts, 0, sizeof(facts));
    if (file < 0) {
        make_root();
    }
    if (ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != (ssize_t)size) {
        abort();
    }
    plim_probe_packages(&p);
    for (size_t i = 0; i < p.component_count && i < 4; i++) {
        check_digits(found[i].version[0] != 0, found[i].version, sizeof(found[i].version));
    }
    const char *release = plim_facts_text(&facts, PLIM_FACT_TENSORRT_RELEASE);
    check_digits(release[0] != 0, release, PLIM_FACT_TEXT_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = 0;
    read_text(text);
    free(text);
    read_packages(data, size);
    return 0;
}
