/* SPDX-License-Identifier: Apache-2.0 */
/* sweep.c - temporary files that killed writers left behind.
 *
 * Decides which of a name's temporary files nobody writes any more. A writer holds a lock on its
 * file (flock), which ends with the process, however that ends; a process number alone would not
 * tell, because numbers come back. Left alone are: names that are not of the writers' shape, what
 * is not a regular file of one link and of this user, and every file whose lock is held.
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

void plim_sweep_stale(int folder, const char *name)
{
    _Alignas(entry) char buffer[4096];
    long got;
    while ((got = syscall(SYS_getdents64, folder, buffer, sizeof(buffer))) > 0) {
        for (long at = 0; at < got;) {
            const entry *e = (const entry *)(const void *)(buffer + at);
            if (is_temporary(e->name, name)) {
                sweep_one(folder, name, e->name);
            }
            at += e->record_bytes;
        }
    }
}
