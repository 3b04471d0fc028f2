/* SPDX-License-Identifier: Apache-2.0 */
/* new_file.c - an output file that is there whole or not at all.
 *
 * Written under a name of its own in the same folder and then linked (never over another file) or,
 * with -f, renamed. A full disk, a signal or a crash leaves the old file as it was. A pipe or a
 * device is written to as it is: nothing is put in its place.
 */
#include "src/tools/memreport/new_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/tools/memreport/memreport.h"

static int refuse(const char *path, int code)
{
    fprintf(stderr, "memreport: %s: %s%s\n", path, strerror(errno),
            errno == EEXIST ? "; -f overwrites it" : "");
    return code;
}

int new_file_open(new_file *self, const char *path, bool is_forced)
{
    *self = (new_file){.to = stdout, .path = path, .is_forced = is_forced};
    if (!path) {
        return REPORT_OK;
    }
    if (!is_forced && access(path, F_OK) == 0) {
        errno = EEXIST;
        return refuse(path, REPORT_USAGE);
    }
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) { /* a pipe, a device: nothing to replace */
        self->path = NULL;
        self->to = fopen(path, "we");
        return self->to ? REPORT_OK : refuse(path, REPORT_USAGE);
    }
    int n = snprintf(self->beside, sizeof(self->beside), "%s.XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof(self->beside)) {
        errno = ENAMETOOLONG;
        return refuse(path, REPORT_USAGE);
    }
    int fd = mkstemp(self->beside);
    mode_t mask = umask(0);
    umask(mask);
    if (fd < 0 || fchmod(fd, 0666 & ~mask) != 0 || !(self->to = fdopen(fd, "w"))) {
        int code = refuse(path, REPORT_USAGE);
        if (fd >= 0) {
            close(fd);
            unlink(self->beside);
        }
        return code;
    }
    return REPORT_OK;
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
        return is_whole || code != REPORT_OK ? code : REPORT_INTERNAL;
    }
    is_whole = is_whole && fsync(fileno(self->to)) == 0;
    is_whole = fclose(self->to) == 0 && is_whole;
    bool is_wanted = code == REPORT_OK || code == REPORT_OVER || code == REPORT_INCOMPLETE;
    if (is_wanted && is_whole && move_to_place(self) == 0) {
        return code;
    }
    if (is_wanted) {
        code = refuse(self->path, errno == EEXIST ? REPORT_USAGE : REPORT_INTERNAL);
    }
    unlink(self->beside);
    return code;
}
