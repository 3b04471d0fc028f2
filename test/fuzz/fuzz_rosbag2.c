/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_rosbag2.c - rosbag2 databases (through libsqlite3, when it is there) and metadata.yaml. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/survey/bag_metadata.h"
#include "src/survey/bag_sqlite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_database(const uint8_t *data, size_t size)
{
    static plim_bag_database work;
    static plim_bag bag;
    plim_error err;
    char path[64];
    int fd = memfd_create("bag", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        abort();
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    work.is_packed = size & 1;
    plim_bag_init(&bag, NULL);
    if (plim_bag_database_read(&work, path, size, &bag, &err) == PLIM_OK) {
        uint64_t used = 0;
        for (uint32_t i = 0; i < bag.topic_count; i++) {
            used += bag.topics[i].disk_bytes;
        }
        if (used > size) {
            abort();
        }
    }
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static plim_bag_metadata metadata;
    plim_file_bytes file;
    plim_error err;
    if (plim_bag_database_is(data, size)) {
        read_database(data, size);
        return 0;
    }
    plim_file_bytes_from_memory(&file, data, size);
    if (plim_bag_metadata_read(&file, &metadata, &err) == PLIM_OK &&
        metadata.file_count > PLIM_BAG_FILES_MAX) {
        abort();
    }
    return 0;
}
