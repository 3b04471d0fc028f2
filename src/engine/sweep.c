/* SPDX-License-Identifier: Apache-2.0 */
/* sweep.c - temporary files and folders that killed writers left behind.
 *
 * Decides which of a name's temporary files, or of a prefix's folders, nobody writes any more. A
 * writer holds a lock on it (flock), which ends with the process, however that ends; a process
 * number alone would not tell, because numbers come back. Left alone are: names that are not of the
 * writers' shape, what is not a regular file of one link (or a folder) and of this user, and
 * everything whose lock is held.
 *
 * Between making a file and locking it, a sweep may take it. So the sweep unlinks while it holds
 * the lock, and the writer, once it has the lock, asks whether the file still has a name. A
 * writer renames while it holds the lock, so the sweep, once it has it, asks whether the name
 * still leads to what it locked. On a file system without locks nothing is ever swept.
 */
#include "src/engine/sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "src/engine/atomic.h"
#include "src/engine/bare.h"

#define NAME_KEPT 190 /* of the final name: what is put around it must fit NAME_MAX too */
#define SUFFIX    ".tmp"

/* The kernel's record of a folder's entry; libc's reader of folders would allocate. */
typedef struct entry {
    uint64_t inode;
    int64_t next;
    unsigned short record_bytes;
    unsigned char type;
    char name[];
} entry;

void plim_sweep_name(const char *name, unsigned turn, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, ".%.*s.%ld-%u" SUFFIX, NAME_KEPT, name, (long)getpid(), turn);
}

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* ".<name>.<digits>-<digits>.tmp" */
static bool is_temporary(const char *text, const char *name)
{
    const size_t kept = strnlen(name, NAME_KEPT);
    if (text[0] != '.' || strncmp(text + 1, name, kept) != 0 || text[1 + kept] != '.') {
        return false;
    }
    text += kept + 2;
    const size_t process = digits(text);
    if (process == 0 || text[process] != '-') {
        return false;
    }
    text += process + 1;
    const size_t turn = digits(text);
    return turn != 0 && strcmp(text + turn, SUFFIX) == 0;
}

bool plim_sweep_hold(int fd)
{
    struct stat st;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return errno != EWOULDBLOCK; /* no locks here: then nobody sweeps either */
    }
    return fstat(fd, &st) != 0 || st.st_nlink != 0;
}

static bool is_stale(int folder, const char *temporary, int fd)
{
    struct stat st;
    struct stat named;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
           st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
           fstatat(folder, temporary, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           named.st_dev == st.st_dev && named.st_ino == st.st_ino;
}

static void sweep_one(int folder, const char *name, const char *temporary)
{
    char pending[NAME_MAX + 1];
    const int fd = openat(folder, temporary, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (is_stale(folder, temporary, fd)) {
        /* The card first: once the body is gone, nothing tells which card was its own. */
        if (plim_bare_pending_name(name, fd, pending, sizeof(pending))) {
            (void)plim_file_calls->unlink_at(folder, pending);
        }
        (void)plim_file_calls->unlink_at(folder, temporary);
    }
    close(fd);
}

/* Calls @see with each name in @folder, from where it was read to. */
static void each_name(int folder, void (*see)(int folder, const void *what, const char *name),
                      const void *what)
{
    _Alignas(entry) char buffer[4096];
    long got;
    while ((got = syscall(SYS_getdents64, folder, buffer, sizeof(buffer))) > 0) {
        for (long at = 0; at < got;) {
            const entry *e = (const entry *)(const void *)(buffer + at);
            see(folder, what, e->name);
            at += e->record_bytes;
        }
    }
}

static void see_file(int folder, const void *what, const char *name)
{
    if (is_temporary(name, what)) {
        sweep_one(folder, what, name);
    }
}

void plim_sweep_stale(int folder, const char *name)
{
    each_name(folder, see_file, name);
}

/* ---- folders ---- */

static bool is_stale_folder(int parent, const char *name, int fd)
{
    struct stat st;
    struct stat named;
    return fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
           fstatat(parent, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_dev == st.st_dev &&
           named.st_ino == st.st_ino;
}

static void see_folder(int parent, const void *what, const char *name)
{
    const plim_sweep_folder *kind = what;
    if (strncmp(name, kind->prefix, strlen(kind->prefix)) != 0) {
        return;
    }
    const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (is_stale_folder(parent, name, fd)) {
        for (size_t i = 0; kind->files[i]; i++) {
            (void)unlinkat(fd, kind->files[i], 0);
        }
        (void)unlinkat(parent, name, AT_REMOVEDIR); /* stays when somebody put more into it */
    }
    close(fd);
}

void plim_sweep_folders(int parent, const plim_sweep_folder *kind)
{
    each_name(parent, see_folder, kind);
}
