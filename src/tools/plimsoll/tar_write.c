/* SPDX-License-Identifier: Apache-2.0 */
/* tar_write.c - a folder as a ustar archive that is the same bytes for the same files.
 *
 * Decides nothing about content. Refuses to write over a file, and names that ustar cannot hold
 * (above 255 bytes, or without a slash where the field ends). POSIX.1-1988: a head of 512 bytes,
 * the bytes, zeros up to 512; two heads of zeros at the end. zlib writes both forms.
 */
#include "src/tools/plimsoll/tar_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define BLOCK 512u

typedef struct tar {
    gzFile to;
    uint64_t files;
    char *why;
    size_t why_bytes;
} tar;

static bool fail(tar *t, const char *name, const char *what)
{
    snprintf(t->why, t->why_bytes, "%s: %s", name, what);
    return false;
}

static bool put(tar *t, const void *bytes, size_t count, const char *name)
{
    if (count && gzwrite(t->to, bytes, (unsigned)count) != (int)count) {
        return fail(t, name, errno ? strerror(errno) : "cannot be written");
    }
    return true;
}

/* The name in one field of 100, or split at a slash into 155 and 100. */
static bool put_name(char head[BLOCK], const char *name)
{
    size_t n = strlen(name);
    if (n <= 100) {
        memcpy(head, name, n);
        return true;
    }
    for (size_t at = n - 101; at < n && at <= 155; at++) {
        if (name[at] == '/' && at > 0) {
            memcpy(head + 345, name, at);
            memcpy(head, name + at + 1, n - at - 1);
            return true;
        }
    }
    return false;
}

static bool put_head(tar *t, const char *name, uint64_t bytes)
{
    char head[BLOCK] = {0};
    unsigned sum = 0;
    if (!put_name(head, name)) {
        return fail(t, name, "the name is too long for an archive");
    }
    memcpy(head + 100, "0000644", 7); /* mode; owner and group are root by number, not by name */
    memcpy(head + 108, "0000000", 7);
    memcpy(head + 116, "0000000", 7);
    snprintf(head + 124, 12, "%011" PRIo64, bytes & UINT64_C(077777777777));
    memcpy(head + 136, "00000000000", 11); /* time */
    memset(head + 148, ' ', 8);
    head[156] = '0';
    memcpy(head + 257, "ustar", 6);
    memcpy(head + 263, "00", 2);
    for (size_t i = 0; i < BLOCK; i++) {
        sum += (unsigned char)head[i];
    }
    snprintf(head + 148, 8, "%06o", sum);
    head[155] = ' ';
    return put(t, head, sizeof(head), name);
}

static bool put_file(tar *t, const char *full, const char *name, uint64_t bytes)
{
    char block[16 * BLOCK];
    FILE *f = fopen(full, "re");
    bool is_whole = f && put_head(t, name, bytes);
    for (uint64_t left = bytes; is_whole && left;) {
        size_t want = left < sizeof(block) ? (size_t)left : sizeof(block);
        size_t got = fread(block, 1, want, f);
        size_t room = (got + BLOCK - 1) / BLOCK * BLOCK;
        memset(block + got, 0, room - got);
        is_whole = got == want ? put(t, block, room, name) : fail(t, name, "changed meanwhile");
        left -= got;
    }
    if (!f) {
        return fail(t, full, strerror(errno));
    }
    fclose(f);
    t->files += is_whole;
    return is_whole;
}

static bool put_folder(tar *t, const char *folder, const char *name)
{
    struct dirent **names = NULL;
    int count = scandir(folder, &names, NULL, alphasort);
    bool is_whole = count >= 0 || fail(t, folder, strerror(errno));
    for (int i = 0; i < count; i++) {
        char full[PATH_MAX], inner[PATH_MAX];
        struct stat st;
        const char *one = names[i]->d_name;
        int n = snprintf(full, sizeof(full), "%s/%s", folder, one);
        int m = snprintf(inner, sizeof(inner), "%s/%s", name, one);
        bool is_ours = strcmp(one, ".") != 0 && strcmp(one, "..") != 0 && n < PATH_MAX &&
                       m < PATH_MAX && lstat(full, &st) == 0;
        if (is_whole && is_ours && S_ISDIR(st.st_mode)) {
            is_whole = put_folder(t, full, inner);
        } else if (is_whole && is_ours && S_ISREG(st.st_mode)) {
            is_whole = put_file(t, full, inner, (uint64_t)st.st_size);
        }
        free(names[i]);
    }
    free(names);
    return is_whole;
}

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), m = strlen(tail);
    return n >= m && strcmp(text + n - m, tail) == 0;
}

bool tar_write_folder(const char *folder, const char *top, const char *path, uint64_t *out_files,
                      char *why, size_t why_bytes)
{
    static const char END[2 * BLOCK];
    tar t = {.why = why, .why_bytes = why_bytes};
    bool is_packed = ends_with(path, ".tgz") || ends_with(path, ".gz");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    t.to = fd >= 0 ? gzdopen(fd, is_packed ? "wb9" : "wbT") : NULL;
    if (!t.to) {
        (void)fail(&t, path, errno == EEXIST ? "is there already" : strerror(errno));
        if (fd >= 0) {
            close(fd);
            unlink(path);
        }
        return false;
    }
    errno = 0;
    bool is_whole = put_folder(&t, folder, top) && put(&t, END, sizeof(END), path);
    if (gzclose(t.to) != Z_OK && is_whole) {
        is_whole = fail(&t, path, errno ? strerror(errno) : "cannot be written");
    }
    if (!is_whole) {
        unlink(path);
    }
    *out_files = t.files;
    return is_whole;
}
