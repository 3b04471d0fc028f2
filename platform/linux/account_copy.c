/* SPDX-License-Identifier: Apache-2.0 */
/* account_copy.c - the account that a process publishes, found and copied.
 *
 * A runtime keeps its account in a shared segment whose descriptor it holds: a file that it was
 * told to make, or a segment without a name. Decides which of a process's descriptors that is:
 * one that is mapped shared from its first byte, is a regular file of the process's own user and
 * begins with the magic. No other file is opened, so that looking costs nobody an access time.
 * Refuses whatever is not whole. The bytes are read, never mapped: a file that is cut
 * while we look gives a short read, where a mapping would give SIGBUS. What was copied is still
 * hostile until plim_budget_attach has looked through it.
 */
#include "platform/linux/account_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena/account.h"
#include "platform/fsroot.h"

#define CANDIDATES_MAX 16u
#define CANDIDATE_ROOM 256u

static ssize_t read_at(int fd, void *to, size_t bytes, off_t from)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t n = pread(fd, (char *)to + done, bytes - done, from + (off_t)done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? n : (ssize_t)done;
        }
        done += (size_t)n;
    }
    return (ssize_t)done;
}

/* How long the image says it is; refused before anything is mapped for it. */
static plim_status image_size(int fd, size_t *out, plim_error *err)
{
    struct plim_budget head;
    ssize_t got = read_at(fd, &head, sizeof(head), 0);
    if (got < 0) {
        return PLIM_FAIL(err, PLIM_E_IO, .what = "published account", .os_errno = errno);
    }
    if ((size_t)got < sizeof(head.magic) ||
        memcmp(head.magic, ACCOUNT_MAGIC, sizeof(head.magic)) != 0) {
        return PLIM_FAIL(err, PLIM_E_FORMAT, .what = "published account: none begins here");
    }
    if ((size_t)got < sizeof(head)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "published account: cut short",
                         .want = sizeof(head), .have = (uint64_t)got);
    }
    if (head.image_bytes < sizeof(head) ||
        head.image_bytes > account_image_bytes(PLIM_OWNER_LIMIT_MAX)) {
        return PLIM_FAIL(err, PLIM_E_FORMAT, .what = "published account: a size that cannot be");
    }
    *out = (size_t)head.image_bytes;
    return PLIM_OK;
}

static plim_status copy_from(int fd, const struct stat *st, plim_account_copy *out, plim_error *err)
{
    size_t bytes = 0;
    PLIM_TRY(image_size(fd, &bytes, err));
    void *image = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (image == MAP_FAILED) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "copy of an account", .want = bytes,
                         .os_errno = errno);
    }
    ssize_t got = read_at(fd, image, bytes, 0);
    if (got < 0 || (size_t)got < bytes) {
        munmap(image, bytes);
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "published account: cut short", .want = bytes,
                         .have = got < 0 ? 0 : (uint64_t)got);
    }
    *out = (plim_account_copy){.image = image,
                               .image_bytes = bytes,
                               .mapped_bytes = bytes,
                               .inode = st->st_ino,
                               .file_bytes = (uint64_t)st->st_size};
    return PLIM_OK;
}

plim_status plim_account_copy_file(const char *path, plim_account_copy *out, plim_error *err)
{
    struct stat st;
    memset(out, 0, sizeof(*out));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int error = errno;
        if (fd >= 0) {
            close(fd);
        }
        plim_status code = error == ENOENT || error == ENOTDIR ? PLIM_E_NOT_FOUND : PLIM_E_IO;
        (void)PLIM_FAIL(err, code, .what = "published account", .os_errno = error);
        plim_error_detail(err, "%s", path);
        return code;
    }
    plim_status status = S_ISREG(st.st_mode)
                             ? copy_from(fd, &st, out, err)
                             : PLIM_FAIL(err, PLIM_E_FORMAT, .what = "published account: no file");
    if (status != PLIM_OK) {
        plim_error_detail(err, "%s", path);
    }
    close(fd);
    return status;
}

/* ---- of a process ---- */

typedef struct candidates {
    char paths[CANDIDATES_MAX][CANDIDATE_ROOM];
    size_t count;
} candidates;

/* "7f00-7f10 rw-s 00000000 00:01 42   /memfd:plimsoll-account (deleted)" */
static void take_candidate(candidates *c, const char *line)
{
    char perms[5] = "";
    uint64_t offset = 1;
    int path_at = 0;
    if (sscanf(line, "%*x-%*x %4s %" SCNx64 " %*x:%*x %*u %n", perms, &offset, &path_at) < 2 ||
        path_at == 0 || perms[3] != 's' || offset != 0 || line[path_at] != '/' ||
        c->count == CANDIDATES_MAX || strlen(line + path_at) >= CANDIDATE_ROOM) {
        return;
    }
    /* Devices and System V segments have no account; the first of equals is enough. */
    for (size_t i = 0; i < c->count; i++) {
        if (strcmp(c->paths[i], line + path_at) == 0) {
            return;
        }
    }
    snprintf(c->paths[c->count++], CANDIDATE_ROOM, "%s", line + path_at);
}

static plim_status find_candidates(const char *root, uint32_t pid, candidates *out, plim_error *err)
{
    char name[48];
    plim_lines lines;
    out->count = 0;
    snprintf(name, sizeof(name), "proc/%" PRIu32 "/maps", pid);
    PLIM_TRY(plim_lines_open(root, name, &lines, err));
    for (char *line; (line = plim_lines_next(&lines));) {
        take_candidate(out, line);
    }
    plim_lines_close(&lines);
    return PLIM_OK;
}

static bool is_candidate(const candidates *c, const char *link)
{
    char target[CANDIDATE_ROOM];
    ssize_t n = readlink(link, target, sizeof(target) - 1);
    if (n < 0) {
        return errno == EINVAL; /* a captured folder holds the file itself */
    }
    target[n] = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (strcmp(c->paths[i], target) == 0) {
            return true;
        }
    }
    return false;
}

/* A process is no number of bytes: it is named in words. */
static plim_status refuse_process(uint32_t pid, const char *what, const char *wanted,
                                  plim_error *err)
{
    char found[32];
    snprintf(found, sizeof(found), "process %" PRIu32, pid);
    return plim_error_set(err, PLIM_E_NOT_FOUND, what, "pid", wanted, found);
}

static bool is_of(const char *path, uid_t owner, struct stat *st)
{
    return stat(path, st) == 0 && S_ISREG(st->st_mode) && st->st_uid == owner;
}

plim_status plim_account_copy_process(const char *root, uint32_t pid, plim_account_copy *out,
                                      plim_error *err)
{
    char folder[48], home[PATH_MAX], path[PATH_MAX];
    candidates found;
    plim_folder fds;
    struct stat st;
    memset(out, 0, sizeof(*out));
    snprintf(folder, sizeof(folder), "proc/%" PRIu32 "/fd", pid);
    int n = snprintf(home, sizeof(home), "%s/proc/%" PRIu32, root ? root : "", pid);
    if (n < 0 || (size_t)n >= sizeof(home) - 32 || stat(home, &st) != 0) {
        return refuse_process(pid, "process", "one that runs", err);
    }
    const uid_t owner = st.st_uid;
    PLIM_TRY(find_candidates(root, pid, &found, err));
    plim_status status = PLIM_E_NOT_FOUND;
    if (found.count) {
        PLIM_TRY(plim_folder_open(root, folder, &fds, err));
        for (const char *name; status != PLIM_OK && (name = plim_folder_next(&fds));) {
            n = snprintf(path, sizeof(path), "%.*s/fd/%.16s", (int)sizeof(home), home, name);
            if (n > 0 && (size_t)n < sizeof(path) && name[0] != '.' && is_candidate(&found, path) &&
                is_of(path, owner, &st)) {
                status = plim_account_copy_file(path, out, NULL);
            }
        }
        plim_folder_close(&fds);
    }
    if (status != PLIM_OK) {
        return refuse_process(pid, "published account", "a runtime that publishes one", err);
    }
    return PLIM_OK;
}

void plim_account_copy_close(plim_account_copy *self)
{
    if (self && self->image) {
        munmap(self->image, self->mapped_bytes);
        memset(self, 0, sizeof(*self));
    }
}
