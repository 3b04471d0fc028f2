/* SPDX-License-Identifier: Apache-2.0 */
/* new_file.c - an output file that is there whole or not at all.
 *
 * Written under a name of its own in the same folder and then linked (never over another file) or,
 * with -f, renamed. A full disk, a signal or a crash leaves the old file as it was. A pipe or a
 * device is written to as it is: nothing is put in its place.
 */
#include "src/tools/new_file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of both tools: tool.h, memreport.h. */
enum { EXIT_WHOLE = 0, EXIT_OVER = 1, EXIT_USAGE = 2, EXIT_INCOMPLETE = 3, EXIT_SYSTEM = 5 };

static int refuse(const char *path, int code)
{
    fprintf(stderr, "%s: %s: %s%s\n", program_invocation_short_name, path, strerror(errno),
            errno == EEXIST ? "; -f overwrites it" : "");
    return code;
}

int new_file_check(const char *path, bool is_forced)
{
    if (is_forced || access(path, F_OK) != 0) {
        return EXIT_WHOLE;
    }
    errno = EEXIST;
    return refuse(path, EXIT_USAGE);
}

int new_file_open(new_file *self, const char *path, bool is_forced)
{
    *self = (new_file){.to = stdout, .path = path, .is_forced = is_forced};
    if (!path) {
        return EXIT_WHOLE;
    }
    int code = new_file_check(path, is_forced);
    if (code != EXIT_WHOLE) {
        return code;
    }
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) { /* a pipe, a device: nothing to replace */
        self->path = NULL;
        self->to = fopen(path, "we");
        return self->to ? EXIT_WHOLE : refuse(path, EXIT_USAGE);
    }
    int n = snprintf(self->beside, sizeof(self->beside), "%s.XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof(self->beside)) {
        errno = ENAMETOOLONG;
        return refuse(path, EXIT_USAGE);
    }
    int fd = mkstemp(self->beside);
    mode_t mask = umask(0);
    umask(mask);
    if (fd < 0 || fchmod(fd, 0666 & ~mask) != 0 || !(self->to = fdopen(fd, "w"))) {
        code = refuse(path, EXIT_USAGE);
        if (fd >= 0) {
            close(fd);
            unlink(self->beside);
        }
        return code;
    }
    return EXIT_WHOLE;
}

static int move_to_place(const new_file *self)
{
    if (self->is_forced) {
        return rename(self->beside, self->path);
    }
    if (link(self->beside, self->path) != 0) {
        return -1; /* somebody made it meanwhile */
    }
    return unlink(self->beside);
}

int new_file_close(new_file *self, int code)
{
    bool is_whole = fflush(self->to) == 0 && !ferror(self->to);
    if (!self->path) {
        is_whole = (self->to == stdout || fclose(self->to) == 0) && is_whole;
        return is_whole || code != EXIT_WHOLE ? code : EXIT_SYSTEM;
    }
    is_whole = is_whole && fsync(fileno(self->to)) == 0;
    is_whole = fclose(self->to) == 0 && is_whole;
    bool is_wanted = code == EXIT_WHOLE || code == EXIT_OVER || code == EXIT_INCOMPLETE;
    if (is_wanted && is_whole && move_to_place(self) == 0) {
        return code;
    }
    if (is_wanted) {
        code = refuse(self->path, errno == EEXIST ? EXIT_USAGE : EXIT_SYSTEM);
    }
    unlink(self->beside);
    return code;
}

/* Its folder; false when that is not there. */
static bool folder_of(const char *path, struct stat *st)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int n = slash ? snprintf(folder, sizeof(folder), "%.*s/", (int)(slash - path), path) : 0;
    return n >= 0 && (size_t)n < sizeof(folder) && stat(slash ? folder : ".", st) == 0;
}

bool new_file_is_one(const char *a, const char *b)
{
    struct stat x, y;
    const char *a_slash = strrchr(a, '/'), *b_slash = strrchr(b, '/');
    if (strcmp(a_slash ? a_slash + 1 : a, b_slash ? b_slash + 1 : b) != 0) {
        return false;
    }
    return strcmp(a, b) == 0 ||
           (folder_of(a, &x) && folder_of(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}
