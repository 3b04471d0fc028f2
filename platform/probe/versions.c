/* SPDX-License-Identifier: Apache-2.0 */
/* versions.c - CUDA's toolkits, and the libraries that a process here would load.
 *
 * Decides which of several counts: of toolkits the one that /usr/local/cuda names, else the newest;
 * of libraries the newest in the first folder that has one, in the dynamic loader's own order
 * (LD_LIBRARY_PATH on the live machine, folders of ld.so.conf.d, then the system's). All are
 * components, those of a snapshot too: a container's TensorRT and its host's are two. Only names
 * of files are read, nothing is opened; a library that lies under a Python environment is not
 * looked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/probe/probe.h"
#include "platform/probe/version_text.h"

/* ---- toolkits ---- */

#define LINKED "usr/local/cuda"

static bool read_json(const char *root, const char *folder, char *out, size_t room)
{
    static const char *const MEMBERS[] = {"cuda", "cuda_nvcc", "cuda_cudart"};
    char path[160], text[8192];
    bool found = false;
    snprintf(path, sizeof(path), "%s/version.json", folder);
    if (plim_fsroot_read(root, path, text, sizeof(text), NULL)) {
        for (size_t i = 0; !found && i < sizeof(MEMBERS) / sizeof(MEMBERS[0]); i++) {
            found = plim_toolkit_version(text, MEMBERS[i], out, room);
        }
    }
    return found;
}

/* "CUDA Version 10.2.300" */
static bool read_text(const char *root, const char *folder, char *out, size_t room)
{
    char path[160], text[128];
    snprintf(path, sizeof(path), "%s/version.txt", folder);
    if (!plim_fsroot_read(root, path, text, sizeof(text), NULL)) {
        return false;
    }
    text[strcspn(text, "\r\n")] = 0;
    return strncmp(text, "CUDA Version ", 13) == 0 && plim_driver_version(text + 13, out, room);
}

static bool read_toolkit(const char *root, const char *folder, char *out, size_t room)
{
    return read_json(root, folder, out, room) || read_text(root, folder, out, room);
}

static void note_component(plim_probe *p, const char *name, const char *version, bool is_snapshot,
                           const char *where)
{
    char text[sizeof(((plim_component *)0)->where)];
    snprintf(text, sizeof(text), "%s/%.80s", is_snapshot ? "snapshot " : "", where);
    plim_probe_component(p, name, version, text, PLIM_CONFIDENCE_READ);
}

static void read_toolkits(plim_probe *p, bool is_snapshot)
{
    const char *root = is_snapshot ? p->snapshot : p->root;
    plim_folder folder;
    char version[32], linked[32] = "", newest[32] = "", source[PLIM_FACT_SOURCE_BYTES];
    bool is_listed = false;
    if (plim_folder_open(root, "usr/local", &folder, NULL) != PLIM_OK) {
        return;
    }
    (void)read_toolkit(root, LINKED, linked, sizeof(linked));
    for (const char *name; (name = plim_folder_next(&folder));) {
        char where[64];
        if (strncmp(name, "cuda-", 5) != 0 || strlen(name) > 32) {
            continue; /* "cuda" itself is a link to one of these */
        }
        snprintf(where, sizeof(where), "usr/local/%.32s", name);
        if (read_toolkit(root, where, version, sizeof(version))) {
            note_component(p, "cuda", version, is_snapshot, where);
            is_listed = is_listed || strcmp(version, linked) == 0;
            if (!newest[0] || plim_version_compare(version, newest) > 0) {
                memcpy(newest, version, sizeof(newest));
            }
        }
    }
    plim_folder_close(&folder);
    if (linked[0] && !is_listed) {
        note_component(p, "cuda", linked, is_snapshot, LINKED);
    }
    snprintf(source, sizeof(source), "%s/%s", is_snapshot ? "snapshot " : "",
             linked[0] ? LINKED : LINKED "-*");
    (void)plim_facts_set_text(p->facts, PLIM_FACT_CUDA_TOOLKIT, linked[0] ? linked : newest,
                              PLIM_CONFIDENCE_READ, source);
}

void plim_probe_toolkit(plim_probe *p)
{
    read_toolkits(p, false);
    if (p->snapshot) {
        read_toolkits(p, true);
    }
}

/* ---- libraries ---- */

typedef enum library { TENSORRT, CUDNN, CUDART, LIBRARY_COUNT } library;

static const struct {
    const char *stem, *name;
    plim_fact_id fact;
} LIBRARIES[LIBRARY_COUNT] = {
    [TENSORRT] = {"libnvinfer.so.", "tensorrt", PLIM_FACT_TENSORRT_RELEASE},
    [CUDNN] = {"libcudnn.so.", "cudnn", PLIM_FACT_CUDNN_RELEASE},
    [CUDART] = {"libcudart.so.", "cudart", PLIM_FACT_CUDA_TOOLKIT},
};

#define TENSORRTS_MAX 8u

typedef struct library_search {
    plim_probe *p;
    const char *root;
    bool is_snapshot;
    char chosen[LIBRARY_COUNT][32], where[LIBRARY_COUNT][96];
    char tensorrts[TENSORRTS_MAX][32]; /* different ones */
    uint32_t tensorrt_count;
    uint32_t searched; /* bits: folders of SYSTEM */
} library_search;

static const char *const SYSTEM[] = {"usr/lib/aarch64-linux-gnu",
                                     "usr/lib/x86_64-linux-gnu",
                                     "usr/lib64",
                                     "usr/lib",
                                     "usr/local/lib",
                                     "usr/local/cuda/lib64",
                                     "usr/local/cuda/targets/aarch64-linux/lib",
                                     "usr/local/cuda/targets/x86_64-linux/lib"};
#define SYSTEM_COUNT (sizeof(SYSTEM) / sizeof(SYSTEM[0]))

static void count_tensorrt(library_search *s, const char *version)
{
    for (uint32_t i = 0; i < s->tensorrt_count; i++) {
        if (strcmp(s->tensorrts[i], version) == 0) {
            return;
        }
    }
    if (s->tensorrt_count < TENSORRTS_MAX) {
        snprintf(s->tensorrts[s->tensorrt_count++], sizeof(s->tensorrts[0]), "%.31s", version);
    }
}

/* One file of a folder. @had: the loader found one of this kind in an earlier folder. */
static void take_file(library_search *s, const char *folder, const char *name,
                      const bool had[LIBRARY_COUNT])
{
    char version[32], where[96];
    for (unsigned i = 0; i < LIBRARY_COUNT; i++) {
        if (!plim_library_version(name, LIBRARIES[i].stem, version, sizeof(version))) {
            continue;
        }
        const int n = snprintf(where, sizeof(where), "%s/%s", folder, name);
        if (n < 0 || (size_t)n >= sizeof(where)) {
            continue;
        }
        const bool is_link = i == CUDART && strncmp(where, LINKED, strlen(LINKED)) == 0 &&
                             strcmp(version, s->chosen[i]) == 0;
        if (!is_link) { /* cuda, cuda-13 and cuda-13.0 are one folder */
            note_component(s->p, LIBRARIES[i].name, version, s->is_snapshot, where);
        }
        if (i == TENSORRT) {
            count_tensorrt(s, version);
        }
        if (!had[i] && (!s->chosen[i][0] || plim_version_compare(version, s->chosen[i]) > 0)) {
            memcpy(s->chosen[i], version, sizeof(version));
            memcpy(s->where[i], where, sizeof(where));
        }
    }
}

/* False when it was searched before. /lib is /usr/lib wherever it is still named. */
static bool is_new(library_search *s, const char **folder, char *buffer, size_t room)
{
    if (strncmp(*folder, "lib/", 4) == 0) {
        snprintf(buffer, room, "usr/%.120s", *folder);
        *folder = plim_fsroot_has(s->root, buffer) ? buffer : *folder;
    }
    for (uint32_t i = 0; i < SYSTEM_COUNT; i++) {
        if (strcmp(*folder, SYSTEM[i]) == 0) {
            const bool was = s->searched >> i & 1u;
            s->searched |= 1u << i;
            return !was;
        }
    }
    return true;
}

/* @folder begins with a slash as in ld.so.conf, or not. */
static void search_folder(library_search *s, const char *folder)
{
    plim_folder names;
    bool had[LIBRARY_COUNT];
    char buffer[128];
    folder += strspn(folder, "/");
    if (!folder[0] || !is_new(s, &folder, buffer, sizeof(buffer)) ||
        plim_folder_open(s->root, folder, &names, NULL) != PLIM_OK) {
        return;
    }
    for (unsigned i = 0; i < LIBRARY_COUNT; i++) {
        had[i] = s->chosen[i][0] != 0;
    }
    for (const char *name; (name = plim_folder_next(&names));) {
        if (strncmp(name, "lib", 3) == 0) {
            take_file(s, folder, name, had);
        }
    }
    plim_folder_close(&names);
}

/* Lines of one file of ld.so.conf.d; "include" and comments are none of ours. */
static void search_listed(library_search *s, const char *file)
{
    plim_lines lines;
    char path[160];
    snprintf(path, sizeof(path), "etc/ld.so.conf.d/%.128s", file);
    if (plim_lines_open(s->root, path, &lines, NULL) != PLIM_OK) {
        return;
    }
    for (char *line; (line = plim_lines_next(&lines));) {
        line = plim_text_trim(line);
        if (line[0] == '/') {
            search_folder(s, line);
        }
    }
    plim_lines_close(&lines);
}

static void search_configured(library_search *s)
{
    char last[129] = "";
    for (unsigned i = 0; i < 64; i++) { /* by name, as the loader sorts them */
        char next[129] = "";
        plim_folder files;
        if (plim_folder_open(s->root, "etc/ld.so.conf.d", &files, NULL) != PLIM_OK) {
            return;
        }
        for (const char *name; (name = plim_folder_next(&files));) {
            const char *dot = strrchr(name, '.');
            if (dot && strcmp(dot, ".conf") == 0 && strlen(name) < sizeof(next) &&
                strcmp(name, last) > 0 && (!next[0] || strcmp(name, next) < 0)) {
                memcpy(next, name, strlen(name) + 1);
            }
        }
        plim_folder_close(&files);
        if (!next[0]) {
            return;
        }
        search_listed(s, next);
        memcpy(last, next, sizeof(last));
    }
}

static void search_environment(library_search *s)
{
    char folder[512];
    const char *at = s->root[0] ? NULL : getenv("LD_LIBRARY_PATH");
    while (at && *at) {
        const size_t n = strcspn(at, ":;");
        if (n && n < sizeof(folder)) {
            memcpy(folder, at, n);
            folder[n] = 0;
            if (folder[0] == '/') {
                search_folder(s, folder);
            }
        }
        at += n + (at[n] != 0);
    }
}

static void note_chosen(const library_search *s)
{
    for (unsigned i = 0; i < LIBRARY_COUNT; i++) {
        char source[PLIM_FACT_SOURCE_BYTES];
        snprintf(source, sizeof(source), "/%.90s", s->where[i]);
        (void)plim_facts_set_text(s->p->facts, LIBRARIES[i].fact, s->chosen[i],
                                  PLIM_CONFIDENCE_READ, source);
    }
    if (s->tensorrt_count) {
        (void)plim_facts_set_number(s->p->facts, PLIM_FACT_TENSORRT_COUNT, s->tensorrt_count,
                                    PLIM_CONFIDENCE_READ, "names of files");
    }
}

static void search_all(plim_probe *p, bool is_snapshot)
{
    library_search s = {
        .p = p, .root = is_snapshot ? p->snapshot : p->root, .is_snapshot = is_snapshot};
    search_environment(&s);
    search_configured(&s);
    for (size_t i = 0; i < SYSTEM_COUNT; i++) {
        search_folder(&s, SYSTEM[i]);
    }
    if (!is_snapshot) {
        note_chosen(&s);
    }
}

/* After the toolkit (a runtime library only names one where there is no version file), and before
 * the packages: what lies in a folder is what is loaded. */
void plim_probe_libraries(plim_probe *p)
{
    search_all(p, false);
    if (p->snapshot) {
        search_all(p, true);
    }
}
