/* SPDX-License-Identifier: Apache-2.0 */
/* stream_huge.c - ask for large pages, and how much of a range lies on them.
 *
 * Only whole large pages inside the range are asked for, so that no byte beyond it is backed.
 * The count is one scan of the page tables (kernel 6.7 and later); 0 where the kernel cannot say.
 * The structures are the kernel's own, declared here because older system headers lack them.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena/bytes.h"
#include "platform/linux/stream/stream_parts.h"

typedef struct scan_region {
    uint64_t start, end, categories;
} scan_region;

typedef struct scan_arg {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
} scan_arg;

#define SCAN_IS_HUGE (1u << 6)
#define SCAN         _IOWR('f', 16, scan_arg)
#define REGIONS      32
#define HUGE_BYTES   (2u << 20)

void plim_stream_want_huge(void *base, uint64_t size_bytes)
{
    uint64_t from;
    uint64_t end;
    if (!bytes_align_up((uintptr_t)base, HUGE_BYTES, &from) ||
        !bytes_add((uintptr_t)base, size_bytes, &end)) {
        return;
    }
    end = bytes_align_down(end, HUGE_BYTES);
    if (from < end) {
        (void)madvise((void *)(uintptr_t)from, (size_t)(end - from), MADV_HUGEPAGE);
    }
}

uint64_t plim_stream_huge_bytes(const void *base, uint64_t size_bytes)
{
    scan_region regions[REGIONS];
    uint64_t huge = 0;
    uint64_t room;
    scan_arg arg = {.size = sizeof(arg),
                    .start = (uintptr_t)base,
                    .vec = (uintptr_t)regions,
                    .vec_len = REGIONS,
                    .category_mask = SCAN_IS_HUGE,
                    .return_mask = SCAN_IS_HUGE};
    if (!bytes_align_up(size_bytes, STREAM_PAGE, &room) || !bytes_add(arg.start, room, &arg.end) ||
        arg.start % STREAM_PAGE != 0) {
        return 0;
    }
    const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    while (arg.start < arg.end) {
        const int count = ioctl(fd, SCAN, &arg);
        if (count < 0 || arg.walk_end <= arg.start) {
            break;
        }
        for (int i = 0; i < count; i++) {
            huge += regions[i].end - regions[i].start;
        }
        arg.start = arg.walk_end;
    }
    close(fd);
    return huge;
}
