/* SPDX-License-Identifier: Apache-2.0 */
/* test_stream_disk.c - a disk that fails in the middle of a load, for real.
 *
 * A loop device over a file that is then cut: the block layer itself answers EIO.
 */
#include "test/support/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COUNT 12

/* An attached loop device over @fd, or -1. */
static int attach(int fd, char *path, size_t path_size)
{
    const int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    const int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
    if (control >= 0) {
        close(control);
    }
    if (number < 0) {
        return -1;
    }
    snprintf(path, path_size, "/dev/loop%d", number);
    const int device = open(path, O_RDWR | O_CLOEXEC);
    if (device >= 0 && ioctl(device, LOOP_SET_FD, fd) == 0) {
        return device;
    }
    if (device >= 0) {
        close(device);
    }
    return -1;
}

static void a_disk_that_fails_midway_gives_its_error_and_nothing_stays(void **state)
{
    (void)state;
    static const plim_read_path paths[] = {PLIM_READ_URING_DIRECT, PLIM_READ_PREAD_DIRECT,
                                           PLIM_READ_BUFFERED};
    uint32_t sizes[COUNT];
    char path[64];
    shelf s;
    for (size_t i = 0; i < COUNT; i++) {
        sizes[i] = 262144;
    }
    shelf_build(&s, cm_tmp(), sizes, COUNT, 1, true);
    const int backing = s.files[0].fd;
    const int device = attach(backing, path, sizeof(path));
    if (device < 0) {
        shelf_drop(&s);
        skip_because("no loop device here");
    }
    s.files[0].fd = device;
    s.files[0].path = path;

    for (size_t p = 0; p < 3; p++) {
        plim_error err = {0};
        plim_load_opts opts = plim_load_opts_default();
        opts.path = paths[p];
        if (!shelf_has_path(&s, paths[p])) {
            continue;
        }
        assert_ok(shelf_run(&s, &opts, NULL, NULL, &err));
        assert_arrived(&s);
        memset(s.room, 0xEE, SHELF_ROOM_BYTES);
    }
    assert_int_equal(ftruncate(backing, (off_t)s.chunks[6].file_offset), 0);
    const census before = take_census();
    for (size_t p = 0; p < 3; p++) {
        plim_error err = {0};
        plim_load_opts opts = plim_load_opts_default();
        opts.path = paths[p];
        memset(s.room, 0xEE, SHELF_ROOM_BYTES);
        const plim_status status = shelf_run(&s, &opts, NULL, NULL, &err);
        if (status == PLIM_E_UNSUPPORTED) {
            continue;
        }
        assert_int_equal(status, PLIM_E_IO);
        assert_int_equal(err.os_errno, EIO);
        assert_memory_equal(err.field, "chunk ", 6);
        assert_in_range(strtoul(err.field + 6, NULL, 10), 6, COUNT - 1);
        assert_non_null(strstr(err.detail, path));
        assert_scrubbed(&s);
        assert_census(before);
    }

    ioctl(device, LOOP_CLR_FD, 0);
    close(device);
    s.files[0].fd = backing;
    shelf_drop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_that_fails_midway_gives_its_error_and_nothing_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
