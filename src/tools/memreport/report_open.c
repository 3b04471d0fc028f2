/* SPDX-License-Identifier: Apache-2.0 */
/* report_open.c - a report by its name: a regular file, or standard input as "-".
 *
 * A pipe without a writer and a terminal make their reader wait, and a device may have no end;
 * who means one of them says "-".
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/tools/memreport/memreport.h"

plim_status report_open(const char *path, FILE **out, plim_error *err)
{
    struct stat st;
    *out = strcmp(path, "-") == 0 ? stdin : NULL;
    if (*out) {
        return PLIM_OK;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        plim_status rc = errno == ENOENT ? PLIM_E_NOT_FOUND : PLIM_E_IO;
        return PLIM_FAIL(err, rc, .what = "report", .os_errno = errno);
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return plim_error_set(err, PLIM_E_FORMAT, "report", "path",
                              "a regular file, or - for standard input", "something else");
    }
    *out = fdopen(fd, "rb");
    if (!*out) {
        close(fd);
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "report", .os_errno = errno);
    }
    return PLIM_OK;
}

void report_close(FILE *f)
{
    if (f && f != stdin) {
        fclose(f);
    }
}
