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

const char *cm_data(const char *name)
{
    static char path[4][PATH_MAX];
    static unsigned turn;
    char *p = path[turn++ % 4];
    const char *root = getenv("PLIMSOLL_DATA");
    snprintf(p, PATH_MAX, "%s/%s", root && *root ? root : "../shared/data", name);
    return if_there(p);
}

const char *cm_wheel(const char *name)
{
    static char path[4][PATH_MAX];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, PATH_MAX, "build/wheels/%s", name);
    return if_there(p);
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
