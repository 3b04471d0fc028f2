/* SPDX-License-Identifier: Apache-2.0 */
/* provider_huge.c - a memory file on a detached tmpfs that backs itself with large pages.
 *
 * The file system is built by descriptors alone (fsopen, fsmount), so that no mount point is
 * needed and no other process sees it. within_size, not always: the last, partial large page
 * of the file stays on small ones, and the payload is not rounded up to 2 MiB.
 */
#include "platform/provider_huge.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/linux/segment.h"

#define FS_CLOEXEC     1u
#define FS_SET_STRING  1u
#define FS_CREATE      6u
#define ATTRIBUTE_NONE 0u

static int set(long fs, const char *key, const char *value)
{
    return (int)syscall(SYS_fsconfig, fs, FS_SET_STRING, key, value, 0);
}

/* A file on a fresh tmpfs with large pages, or -1 with errno. */
static int open_file(void)
{
    const long fs = syscall(SYS_fsopen, "tmpfs", FS_CLOEXEC);
    if (fs < 0) {
        return -1;
    }
    int fd = -1;
    if (set(fs, "huge", "within_size") == 0 && set(fs, "size", "100%") == 0 &&
        set(fs, "mode", "0700") == 0 && syscall(SYS_fsconfig, fs, FS_CREATE, NULL, NULL, 0) == 0) {
        const long mount = syscall(SYS_fsmount, fs, FS_CLOEXEC, ATTRIBUTE_NONE);
        if (mount >= 0) {
            fd = openat((int)mount, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
            const int code = errno;
            close((int)mount);
            errno = code;
        }
    }
    const int code = errno;
    close((int)fs);
    errno = code;
    return fd;
}

plim_status plim_provider_huge_open(plim_segment_provider *self, size_t size_bytes, plim_error *err)
{
    size_t size = 0;
    if (self == NULL || !plim_segment_round(size_bytes, &size)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "large pages: size", .want = size_bytes);
    }
    plim_segment_init(self, "huge", -1, 0);
    const int fd = open_file();
    if (fd < 0) {
        return PLIM_FAIL(err, PLIM_E_UNSUPPORTED, .what = "tmpfs with large pages", .want = size,
                         .os_errno = errno);
    }
    if (ftruncate(fd, (off_t)size) != 0) {
        const int code = errno;
        close(fd);
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "tmpfs with large pages", .want = size,
                         .os_errno = code);
    }
    plim_segment_init(self, "huge", fd, size);
    return PLIM_OK;
}

void plim_provider_huge_close(plim_segment_provider *self)
{
    if (self != NULL && self->base.ops != NULL) {
        plim_segment_deinit(self);
    }
}
