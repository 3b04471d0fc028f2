/* SPDX-License-Identifier: Apache-2.0 */
/* made_root.c - folders that are machines: files put under a fresh root. */
#include "test/support/made_root.h"

#include <sys/stat.h>
#include <unistd.h>

#include "test/support/tool_run.h"

const char *made_root(char *out, size_t room)
{
    static unsigned count;
    snprintf(out, room, "%s/root%u", tool_folder(), count++);
    return out;
}

void made_root_put_bytes(const char *root, const char *path, const void *bytes, size_t size)
{
    char full[1024];
    snprintf(full, sizeof(full), "%s/%s", root, path);
    for (char *slash = full + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *f = fopen(full, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

void made_root_put(const char *root, const char *path, const char *text)
{
    made_root_put_bytes(root, path, text, strlen(text));
}

bool made_root_has(const char *root, const char *path)
{
    char full[1024];
    struct stat st;
    snprintf(full, sizeof(full), "%s/%s", root, path);
    return lstat(full, &st) == 0;
}

bool made_root_holds(const char *folder, const char *text)
{
    return tool_sh("grep -raqiF -e '%s' %s || find %s | grep -qiF -e '%s'", text, folder, folder,
                   text) == 0;
}
