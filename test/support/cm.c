/* SPDX-License-Identifier: Apache-2.0 */
/* cm.c - where tests find data, temporary folders and their seed. */
#include "test/support/cm.h"

#include <dirent.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
/* ONNX Runtime keeps a few hundred bytes a process, and some where an allocation was refused. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libonnxruntime";
}
#endif

static const char *if_there(char *path)
{
    return access(path, R_OK) == 0 ? path : NULL;
}

/* The path folder/name, if it is there. A path stays valid for the whole program: the same question
 * gets the same memory. */
static const char *find_in(const char *folder, const char *name)
{
    static char *known[256];
    char path[PATH_MAX];
    size_t i = 0;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    while (i < 256 && known[i] && strcmp(known[i], path) != 0) {
        i++;
    }
    if (i == 256) {
        fail_msg("more than 256 paths asked for");
    } else if (!known[i]) {
        known[i] = strdup(path);
    }
    return if_there(known[i]);
}

const char *cm_data(const char *name)
{
    const char *root = getenv("PLIMSOLL_DATA");
    return find_in(root && *root ? root : "../shared/data", name);
}

const char *cm_wheel(const char *name)
{
    return find_in("build/wheels", name);
}

const char *cm_model(const char *name)
{
    char in_data[NAME_MAX + 16];
    snprintf(in_data, sizeof(in_data), "models/%s", name);
    const char *found = cm_data(in_data);
    return found ? found : cm_wheel(name);
}

static char tmp_folder[PATH_MAX];

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    return remove(path);
}

static void remove_tmp(void)
{
    if (tmp_folder[0]) {
        nftw(tmp_folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

const char *cm_tmp(void)
{
    if (!tmp_folder[0]) {
        const char *root = getenv("TMPDIR");
        snprintf(tmp_folder, sizeof(tmp_folder), "%s/plimsoll-test-XXXXXX",
                 root && *root ? root : "build");
        if (!mkdtemp(tmp_folder)) {
            fail_msg("no temporary folder in %s", root ? root : "build");
        }
        atexit(remove_tmp);
    }
    return tmp_folder;
}

uint64_t cm_seed(void)
{
    const char *text = getenv("SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : 20261121;
    printf("# SEED=%" PRIu64 "\n", seed);
    return seed;
}

uint64_t cm_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
