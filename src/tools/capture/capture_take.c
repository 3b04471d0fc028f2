/* SPDX-License-Identifier: Apache-2.0 */
/* capture_take.c - one file of a copy: where it lies, whether it may come along, what is written.
 *
 * A path is resolved first: it must lie in the root, and where a link leads it must be the kernel's
 * own (proc, sys) or on the list itself, so that no link planted in etc takes another file along.
 * Only regular files are opened. What may not be read becomes a folder of that name with a file
 * "denied", "again" (EAGAIN) or "failed" in it: reading the copy then fails where reading the
 * machine did, and the fixtures of the tests have that form too. A folder that may not be entered
 * is marked as a whole: what it holds is not known, and a copy must not seem to know.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/tools/capture/capture_parts.h"

void capture_note(capture *c, const char *state, uint64_t bytes, const char *path, const char *why)
{
    fprintf(c->manifest, "%s\t%" PRIu64 "\t%s%s%s\n", state, bytes, path, why[0] ? "\t" : "", why);
}

/* ---- writing ---- */

static bool make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        bool is_made = mkdir(path, 0755) == 0 || errno == EEXIST;
        *slash = '/';
        if (!is_made) {
            return false;
        }
    }
    return true;
}

static void break_off(capture *c, const char *path)
{
    if (!c->is_broken) {
        c->broken_errno = errno;
        snprintf(c->broken_path, sizeof(c->broken_path), "%s", path);
    }
    c->is_broken = true;
}

static void write_copy(capture *c, const char *path, const char *text, size_t bytes)
{
    char full[PATH_MAX];
    int n = snprintf(full, sizeof(full), "%s/%s", c->folder, path);
    int fd = -1;
    if (n > 0 && (size_t)n < sizeof(full) && make_folders(full)) {
        fd = open(full, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    }
    bool is_whole = fd >= 0;
    for (size_t at = 0; is_whole && at < bytes;) {
        ssize_t m = write(fd, text + at, bytes - at);
        is_whole = m > 0 || (m < 0 && errno == EINTR);
        at += m > 0 ? (size_t)m : 0;
    }
    if ((fd >= 0 && close(fd) != 0) || !is_whole) {
        break_off(c, path);
        return;
    }
    c->counts.files++;
    c->counts.bytes += bytes;
}

static bool is_copied(const capture *c, const char *path)
{
    char full[PATH_MAX];
    struct stat st;
    int n = snprintf(full, sizeof(full), "%s/%s", c->folder, path);
    return n < 0 || (size_t)n >= sizeof(full) || lstat(full, &st) == 0;
}

/* A folder in place of a file that could not be read. */
static void mark(capture *c, const char *path, const char *state, const char *why)
{
    char inner[CAPTURE_PATH_BYTES + 16];
    uint64_t *count = strcmp(state, "denied") == 0  ? &c->counts.denied
                      : strcmp(state, "again") == 0 ? &c->counts.again
                                                    : &c->counts.failed;
    (*count)++;
    snprintf(inner, sizeof(inner), "%s/%s", path, state);
    capture_note(c, state, 0, path, why);
    if (!is_copied(c, inner)) {
        write_copy(c, inner, "", 0);
        c->counts.files--; /* no file of the machine */
    }
}

/* ---- finding ---- */

void capture_full_path(const capture *c, const char *path, char out[PATH_MAX])
{
    int n = snprintf(out, PATH_MAX, "%s/%s", c->root, path);
    if (n < 0 || n >= PATH_MAX) {
        out[0] = 0;
    }
}

static bool is_kernels(const char *path)
{
    return strncmp(path, "proc/", 5) == 0 || strncmp(path, "sys/", 4) == 0;
}

bool capture_resolve(const capture *c, const char *path, bool is_folder, char out[PATH_MAX])
{
    char full[PATH_MAX], real[PATH_MAX];
    size_t n = strlen(c->root);
    capture_full_path(c, path, full);
    if (!realpath(full, real)) {
        return false;
    }
    errno = ELOOP;
    if (strncmp(real, c->root, n) != 0 || real[n] != '/') {
        return false;
    }
    snprintf(out, PATH_MAX, "%s", real + n + 1);
    bool is_direct = strcmp(out, path) == 0;
    bool is_within =
        is_direct || (is_kernels(path) && is_kernels(out)) || is_folder || capture_is_listed(out);
    return is_within && !capture_is_secret(out);
}

/* The folder on the way to @path that may not be entered: what it holds is not known. */
static bool closed_folder(const capture *c, const char *path, char out[CAPTURE_PATH_BYTES])
{
    char full[PATH_MAX];
    for (size_t at = strcspn(path, "/"); path[at]; at += 1 + strcspn(path + at + 1, "/")) {
        snprintf(out, CAPTURE_PATH_BYTES, "%.*s", (int)at, path);
        capture_full_path(c, out, full);
        if (access(full, X_OK) != 0 && errno == EACCES) {
            return true;
        }
    }
    return false;
}

/* A folder that stands for a file: what a copy of a copy, or a fixture, has. */
static const char *marker_in(const char *full)
{
    static const char *const MARKERS[] = {"denied", "again", "failed"};
    for (size_t i = 0; i < sizeof(MARKERS) / sizeof(MARKERS[0]); i++) {
        char inner[PATH_MAX];
        struct stat st;
        int n = snprintf(inner, sizeof(inner), "%s/%s", full, MARKERS[i]);
        if (n > 0 && (size_t)n < sizeof(inner) && lstat(inner, &st) == 0) {
            return MARKERS[i];
        }
    }
    return NULL;
}

void capture_refuse(capture *c, const char *path)
{
    char closed[CAPTURE_PATH_BYTES];
    int e = errno;
    if (e == ENOENT || e == ENOTDIR) {
        capture_note(c, "absent", 0, path, "");
    } else if (e == EACCES && closed_folder(c, path, closed)) {
        char marked[CAPTURE_PATH_BYTES + 16];
        snprintf(marked, sizeof(marked), "%s/denied", closed);
        if (!is_copied(c, marked)) {
            mark(c, closed, "denied", "the folder may not be entered");
        }
        capture_note(c, "denied", 0, path, "lies in it");
    } else if (e == ELOOP) {
        c->counts.left_out++;
        capture_note(c, "link", 0, path, "leads off the list");
    } else {
        mark(c, path,
             e == EACCES || e == EPERM     ? "denied"
             : e == EAGAIN || e == ENODATA ? "again"
                                           : "failed",
             strerror(e));
    }
}

/* ---- one file ---- */

static ssize_t read_whole(int fd, char *to, size_t room)
{
    size_t used = 0;
    while (used < room) {
        ssize_t n = read(fd, to + used, room - used);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return used ? (ssize_t)used : -1;
        }
        if (n == 0) {
            break;
        }
        used += (size_t)n;
    }
    return (ssize_t)used;
}

ssize_t capture_read(capture *c, const char *real, size_t room)
{
    char full[PATH_MAX];
    struct stat st;
    capture_full_path(c, real, full);
    if (lstat(full, &st) != 0) {
        return -1;
    }
    if (!S_ISREG(st.st_mode)) {
        errno = ENOTBLK;
        return -1;
    }
    int fd = open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return -1;
    }
    ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read_whole(fd, c->buffer, room) : -1;
    int e = errno;
    close(fd);
    errno = e;
    return n;
}

static size_t apply_form(capture *c, size_t bytes)
{
    static char out[CAPTURE_FILE_BYTES];
    switch (c->entry->form) {
    case CAPTURE_PACKAGES:
        return capture_keep_packages(c->buffer, bytes);
    case CAPTURE_CLIENTS:
        return capture_keep_clients(c->buffer, bytes);
    case CAPTURE_DISPLAY:
        return capture_keep_display(c->buffer, bytes);
    case CAPTURE_GROUPS:
    case CAPTURE_MOUNTS:
        bytes = (c->entry->form == CAPTURE_GROUPS ? capture_keep_groups : capture_keep_mounts)(
            c->buffer, bytes, out, sizeof(out));
        memcpy(c->buffer, out, bytes);
        return bytes;
    default:
        return bytes;
    }
}

static bool has_room(capture *c, const char *path)
{
    if (c->counts.files < CAPTURE_FILES_MAX && c->counts.bytes < CAPTURE_TOTAL_BYTES) {
        return true;
    }
    c->counts.left_out++;
    capture_note(c, "no-room", 0, path, "the copy is as large as it may be");
    return false;
}

static void take_folder(capture *c, const char *path, const char *real)
{
    char full[PATH_MAX];
    capture_full_path(c, real, full);
    const char *marker = marker_in(full);
    if (marker) {
        mark(c, path, marker, "a mark of an earlier copy");
    } else {
        capture_note(c, "folder", 0, path, "");
    }
}

/* Nothing is opened, so it does not matter where a link leads. */
static void take_presence(capture *c, const char *from, const char *path)
{
    char full[PATH_MAX];
    struct stat st;
    capture_full_path(c, from, full);
    if (lstat(full, &st) != 0) {
        capture_refuse(c, path);
        return;
    }
    write_copy(c, path, "", 0);
    capture_note(c, "present", 0, path, "");
}

void capture_take(capture *c, const char *from, const char *path)
{
    char real[PATH_MAX];
    const size_t most = c->entry->form == CAPTURE_PACKAGES ? PACKAGES_BYTES : CAPTURE_FILE_BYTES;
    if (c->is_broken || is_copied(c, path) || capture_is_secret(path) || !has_room(c, path)) {
        return;
    }
    if (c->entry->form == CAPTURE_PRESENCE) {
        take_presence(c, from, path);
        return;
    }
    if (!capture_resolve(c, from, false, real)) {
        capture_refuse(c, path);
        return;
    }
    ssize_t n = capture_read(c, real, most);
    if (n < 0 && errno == ENOTBLK) {
        take_folder(c, path, real);
        return;
    }
    if (n < 0) {
        capture_refuse(c, path);
        return;
    }
    size_t bytes = apply_form(c, (size_t)n);
    if (bytes == 0 && c->entry->form == CAPTURE_DISPLAY) {
        return; /* some other program: not even its number is noted */
    }
    size_t places = capture_scrub(&c->secrets, c->buffer, bytes);
    bool is_cut = (size_t)n == most || bytes > CAPTURE_FILE_BYTES;
    bytes = bytes < CAPTURE_FILE_BYTES ? bytes : CAPTURE_FILE_BYTES;
    char why[48] = "";
    if (places) {
        snprintf(why, sizeof(why), "%zu overwritten", places);
    }
    c->counts.scrubbed += places;
    c->counts.has_meminfo = c->counts.has_meminfo || strcmp(path, "proc/meminfo") == 0;
    write_copy(c, path, c->buffer, bytes);
    capture_note(c, is_cut ? "cut" : bytes != (size_t)n ? "filtered" : "copied", bytes, path, why);
}
