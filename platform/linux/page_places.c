/* SPDX-License-Identifier: Apache-2.0 */
/* page_places.c - on which node the pages of a range lie.
 *
 * Decides what counts when the kernel refuses to say: with one node every page that is present
 * (mincore) lies on it; with several it is unknown. Container runtimes forbid move_pages without
 * CAP_SYS_NICE, and kernels of some boards are built without NUMA.
 */
#include <errno.h>
#include <numaif.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena/bytes.h"
#include "plimsoll/topology.h"

#define BATCH 256u

typedef struct page_range {
    uintptr_t begin;
    uint64_t page_bytes;
    size_t count; /* at most BATCH */
} page_range;

static void count_node(const plim_topology *topology, int node, uint64_t times,
                       plim_page_places *out)
{
    for (uint32_t i = 0; i < topology->node_count && i < PLIM_NODES_MAX; i++) {
        if (topology->nodes[i].number == (uint32_t)node) {
            out->node_count[i] += times;
            return;
        }
    }
    out->elsewhere_count += times;
}

/* False when this kernel or a filter does not let us ask. */
static bool ask_places(const plim_topology *topology, const page_range *range,
                       plim_page_places *out)
{
    void *pages[BATCH];
    int places[BATCH];
    for (size_t i = 0; i < range->count; i++) {
        pages[i] = (void *)(range->begin + i * range->page_bytes);
        places[i] = -ENOENT;
    }
    if (move_pages(0, range->count, pages, NULL, places, 0) != 0) {
        return false;
    }
    for (size_t i = 0; i < range->count; i++) {
        if (places[i] >= 0) {
            count_node(topology, places[i], 1, out);
        } else {
            out->absent_count += places[i] == -ENOENT || places[i] == -EFAULT;
            out->unknown_count += places[i] != -ENOENT && places[i] != -EFAULT;
        }
    }
    return true;
}

/* A hole in the range makes mincore refuse the whole of it, so pages are asked one by one then. */
static size_t count_present(const page_range *range)
{
    unsigned char is_present[BATCH];
    size_t present = 0;
    const bool is_whole =
        mincore((void *)range->begin, range->count * range->page_bytes, is_present) == 0;
    for (size_t i = 0; i < range->count; i++) {
        if (!is_whole && mincore((void *)(range->begin + i * range->page_bytes), range->page_bytes,
                                 &is_present[i]) != 0) {
            is_present[i] = 0;
        }
        present += is_present[i] & 1;
    }
    return present;
}

static void guess_places(const plim_topology *topology, const page_range *range,
                         plim_page_places *out)
{
    const size_t present = count_present(range);
    out->absent_count += range->count - present;
    if (topology->node_count == 1) {
        out->node_count[0] += present;
    } else {
        out->unknown_count += present;
    }
}

plim_status plim_topology_pages(const plim_topology *topology, const void *base, size_t bytes,
                                plim_page_places *out, plim_error *err)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t end;
    memset(out, 0, sizeof(*out));
    out->page_bytes = page;
    if ((!base && bytes) || !bytes_add((uintptr_t)base, bytes, &end) ||
        !bytes_align_up(end, page, &end)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "range of pages", .want = bytes);
    }
    if (bytes == 0) {
        return PLIM_OK;
    }
    const uint64_t begin = bytes_align_down((uintptr_t)base, page);
    out->page_count = (end - begin) / page;
    bool may_ask = true;
    for (uint64_t done = 0; done < out->page_count; done += BATCH) {
        const uint64_t left = out->page_count - done;
        const page_range range = {(uintptr_t)(begin + done * page), page,
                                  (size_t)(left < BATCH ? left : BATCH)};
        may_ask = may_ask && ask_places(topology, &range, out);
        if (!may_ask) {
            guess_places(topology, &range, out);
        }
    }
    return PLIM_OK;
}
