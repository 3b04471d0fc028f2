/* SPDX-License-Identifier: Apache-2.0 */
/* group.c - control groups by hand: a few files each, no library. */
#include "bench/support/group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static bool write_text(const char *folder, const char *file, const char *text)
{
    char path[640];
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    const bool is_written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return is_written;
}

static bool read_text(const char *folder, const char *file, char *text, size_t size)
{
    char path[640];
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0) {
        close(fd);
    }
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* Our own group's folder under the hierarchy of @controller ("" is version 2). */
static bool own_folder(const char *controller, char *out, size_t size)
{
    char line[512];
    FILE *file = fopen("/proc/self/cgroup", "re");
    bool is_found = false;
    while (file != NULL && !is_found && fgets(line, sizeof(line), file) != NULL) {
        char *list = strchr(line, ':');
        char *path = list == NULL ? NULL : strchr(list + 1, ':');
        if (path == NULL) {
            continue;
        }
        *path++ = '\0';
        list++;
        path[strcspn(path, "\n")] = '\0';
        char wrapped[300];
        char wanted[64];
        snprintf(wrapped, sizeof(wrapped), ",%.256s,", list);
        snprintf(wanted, sizeof(wanted), ",%s,", controller);
        is_found = controller[0] == '\0' ? list[0] == '\0' : strstr(wrapped, wanted) != NULL;
        snprintf(out, size, "/sys/fs/cgroup%s%s%s", controller[0] != '\0' ? "/" : "", controller,
                 path);
    }
    if (file != NULL) {
        fclose(file);
    }
    return is_found && access(out, W_OK) == 0;
}

bool bench_group_open(bench_group *self, const char *name, uint64_t limit_bytes)
{
    char own[400];
    char text[32];
    self->is_v2 = !own_folder("memory", own, sizeof(own));
    if (self->is_v2 && !own_folder("", own, sizeof(own))) {
        printf("# skipped: no memory control group that this process may use\n");
        return false;
    }
    if (self->is_v2) {
        (void)write_text(own, "cgroup.subtree_control", "+memory");
    }
    snprintf(self->folder, sizeof(self->folder), "%s/plimsoll-bench-%d-%s", own, (int)getpid(),
             name);
    if (mkdir(self->folder, 0755) != 0 && errno != EEXIST) {
        printf("# skipped: no right to make a memory control group (%s)\n", strerror(errno));
        return false;
    }
    snprintf(text, sizeof(text), "%llu", (unsigned long long)limit_bytes);
    const char *limit = self->is_v2 ? "memory.max" : "memory.limit_in_bytes";
    if ((limit_bytes != 0 && !write_text(self->folder, limit, text)) ||
        bench_group_peak(self) == UINT64_MAX) {
        printf("# skipped: the memory control group has no limit or no peak\n");
        bench_group_close(self);
        return false;
    }
    if (limit_bytes != 0 && self->is_v2) {
        (void)write_text(self->folder, "memory.swap.max", "0");
    }
    return true;
}

bool bench_group_enter(const bench_group *self, pid_t pid)
{
    char text[32];
    snprintf(text, sizeof(text), "%d", (int)pid);
    return write_text(self->folder, "cgroup.procs", text);
}

uint64_t bench_group_peak(const bench_group *self)
{
    char text[64];
    const char *file = self->is_v2 ? "memory.peak" : "memory.max_usage_in_bytes";
    return read_text(self->folder, file, text, sizeof(text)) ? strtoull(text, NULL, 10)
                                                             : UINT64_MAX;
}

void bench_group_close(const bench_group *self)
{
    for (int i = 0; i < 100 && rmdir(self->folder) != 0 && errno == EBUSY; i++) {
        usleep(10000); /* the last task may still be on its way out */
    }
}

static char throttle_folder[512];
static char throttle_home[400];

bool bench_throttle(const char *path, uint64_t bytes_per_second)
{
    char text[96];
    struct stat at;
    if (stat(path, &at) != 0) {
        return false;
    }
    if (throttle_folder[0] == '\0') {
        if (!own_folder("blkio", throttle_home, sizeof(throttle_home))) {
            return false;
        }
        snprintf(throttle_folder, sizeof(throttle_folder), "%s/plimsoll-bench-%d", throttle_home,
                 (int)getpid());
        snprintf(text, sizeof(text), "%d", (int)getpid());
        if (mkdir(throttle_folder, 0755) != 0 ||
            !write_text(throttle_folder, "cgroup.procs", text)) {
            throttle_folder[0] = '\0';
            return false;
        }
    }
    snprintf(text, sizeof(text), "%u:%u %llu", major(at.st_dev), minor(at.st_dev),
             (unsigned long long)bytes_per_second);
    return write_text(throttle_folder, "blkio.throttle.read_bps_device", text);
}

void bench_throttle_close(void)
{
    char text[32];
    if (throttle_folder[0] != '\0') {
        snprintf(text, sizeof(text), "%d", (int)getpid());
        (void)write_text(throttle_home, "cgroup.procs", text);
        rmdir(throttle_folder);
        throttle_folder[0] = '\0';
    }
}
