/* SPDX-License-Identifier: Apache-2.0 */
/* provider_shm.c - shared memory without a name (memfd), passed on by its descriptor.
 *
 * The size is sealed at once: whoever gets the descriptor can neither cut it, which would
 * make its readers die of SIGBUS, nor grow it past the budget.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "platform/linux/segment.h"

plim_status plim_provider_shm_open(plim_shm_provider *self, const char *name, size_t size_bytes,
                                   plim_error *err)
{
    size_t size = 0;
    if (!self || !plim_segment_round(size_bytes, &size)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "shared memory: size", .want = size_bytes);
    }
    plim_segment_init(self, "shm", -1, 0);
    int fd = memfd_create(name ? name : "plimsoll", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        plim_status status = errno == ENOSYS ? PLIM_E_UNSUPPORTED : PLIM_E_NOMEM;
        return PLIM_FAIL(err, status, .what = "memfd", .want = size, .os_errno = errno);
    }
    if (ftruncate(fd, (off_t)size) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
        int error = errno;
        close(fd);
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "memfd", .want = size, .os_errno = error);
    }
    plim_segment_init(self, "shm", fd, size);
    return PLIM_OK;
}

int plim_provider_shm_fd(const plim_shm_provider *self)
{
    return self->fd;
}

/* A zeroed object has no table: there was never a descriptor to close. */
void plim_provider_shm_close(plim_shm_provider *self)
{
    if (self && self->base.ops) {
        plim_segment_deinit(self);
    }
}
