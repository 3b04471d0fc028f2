/* SPDX-License-Identifier: Apache-2.0 */
/* topology_files.c - cores, caches and nodes as the kernel's own files say them.
 *
 * Decides what a captured folder knows, and what this machine knows without hwloc. Refuses
 * lists of CPUs that are damaged anywhere: half a list is a wrong count. Caches are those of up
 * to 16 CPUs, evenly spread over those that run: a chip with two kinds of cores shows both, and
 * a server with 256 of one kind is not opened 3,000 times. Of each level the smallest counts.
 *
 * A node is a GPU's when the driver says so (proc/driver/nvidia/gpus/N/numa_status, "Node: 1"; the
 * format is that of NVIDIA's open kernel module, nv-procfs.c). Nodes with neither cores nor
 * memory are left out: Grace Hopper reserves eight for partitions of its GPU.
 */
#include "platform/topology/topology_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "platform/fsroot.h"

#define CPU_FOLDER   "sys/devices/system/cpu"
#define NODE_FOLDER  "sys/devices/system/node"
#define GPU_FOLDER   "proc/driver/nvidia/gpus"
#define CPU_LIMIT    65536u /* numbers in a list beyond this are damage */
#define CACHE_CPUS   16u
#define CACHES_A_CPU 8u
#define CORES_MAX    1024u

/* ---- lists of CPUs ---- */

static bool list_number(const char **at, uint32_t *out)
{
    uint64_t n;
    if (**at < '0' || **at > '9' || !plim_parse_u64(*at, &n) || n >= CPU_LIMIT) {
        return false;
    }
    while (**at >= '0' && **at <= '9') {
        ++*at;
    }
    *out = (uint32_t)n;
    return true;
}

bool plim_cpu_list_next(const char **at, uint32_t *first, uint32_t *last)
{
    if (!list_number(at, first)) {
        return false;
    }
    *last = *first;
    if (**at == '-') {
        ++*at;
        if (!list_number(at, last) || *last < *first) {
            return false;
        }
    }
    if (**at == ',') {
        ++*at;
    }
    return true;
}

static bool list_has_ended(const char *at)
{
    return *at == 0 || *at == '\n' || *at == '\r';
}

uint32_t plim_cpu_list_count(const char *list)
{
    uint32_t count = 0, first, last;
    while (plim_cpu_list_next(&list, &first, &last)) {
        count += last - first + 1;
        if (count > CPU_LIMIT) {
            return 0;
        }
    }
    return list_has_ended(list) ? count : 0;
}

/* ---- small files ---- */

/* Long enough for the list of a machine with 4096 CPUs of which every second is off. */
typedef struct cpu_list_text {
    char text[4096];
} cpu_list_text;

static uint32_t read_list(const char *root, const char *path, cpu_list_text *out)
{
    return plim_fsroot_read(root, path, out->text, sizeof(out->text), NULL)
               ? plim_cpu_list_count(out->text)
               : 0;
}

/* "64K", "1024K", "32M", "64": bytes. */
static bool size_of(const char *text, uint64_t *out)
{
    uint64_t n;
    if (!plim_parse_u64(text, &n)) {
        return false;
    }
    const char *unit = text + strspn(text, " \t0123456789");
    return bytes_mul(n,
                     *unit == 'K'   ? 1024u
                     : *unit == 'M' ? 1048576u
                                    : 1u,
                     out) &&
           *out <= INT64_MAX;
}

/* ---- caches ---- */

static bool cache_text(const char *root, uint32_t cpu, uint32_t index, const char *name, char *out,
                       size_t room)
{
    char path[96];
    snprintf(path, sizeof(path), CPU_FOLDER "/cpu%" PRIu32 "/cache/index%" PRIu32 "/%s", cpu, index,
             name);
    return plim_fsroot_read(root, path, out, room, NULL);
}

static void take_cache(const char *root, uint32_t cpu, uint32_t index, plim_topology *out)
{
    char text[64];
    cpu_list_text list;
    uint64_t level, bytes, line;
    if (!cache_text(root, cpu, index, "level", text, sizeof(text)) ||
        !plim_parse_u64(text, &level) || level < 1 || level > 3 ||
        (cache_text(root, cpu, index, "type", text, sizeof(text)) && text[0] == 'I') ||
        !cache_text(root, cpu, index, "size", text, sizeof(text)) || !size_of(text, &bytes) ||
        bytes == 0) {
        return;
    }
    if (cache_text(root, cpu, index, "coherency_line_size", text, sizeof(text)) &&
        plim_parse_u64(text, &line) && bytes_is_power_of_two(line) && line <= 4096) {
        out->line_bytes = (uint32_t)line;
    }
    if (out->cache_bytes[level] && bytes >= out->cache_bytes[level]) {
        return;
    }
    out->cache_bytes[level] = bytes;
    out->cache_share[level] =
        cache_text(root, cpu, index, "shared_cpu_list", list.text, sizeof(list.text))
            ? plim_cpu_list_count(list.text)
            : 0;
}

static void read_caches(const char *root, const char *online, uint32_t count, plim_topology *out)
{
    const uint32_t step = (count + CACHE_CPUS - 1) / CACHE_CPUS;
    uint32_t first, last, k = 0;
    while (plim_cpu_list_next(&online, &first, &last)) {
        for (uint32_t cpu = first; cpu <= last; cpu++, k++) {
            for (uint32_t i = 0; k % step == 0 && i < CACHES_A_CPU; i++) {
                take_cache(root, cpu, i, out);
            }
        }
    }
}

/* A core is counted at the first of its threads. 0 when a CPU does not say. */
static uint32_t count_cores(const char *root, const char *online)
{
    char path[96];
    cpu_list_text list;
    uint32_t first, last, cores = 0, seen = 0;
    while (plim_cpu_list_next(&online, &first, &last)) {
        for (uint32_t cpu = first; cpu <= last; cpu++) {
            uint32_t one, end;
            const char *at = list.text;
            snprintf(path, sizeof(path), CPU_FOLDER "/cpu%" PRIu32 "/topology/thread_siblings_list",
                     cpu);
            if (++seen > CORES_MAX || !read_list(root, path, &list) ||
                !plim_cpu_list_next(&at, &one, &end)) {
                return 0;
            }
            cores += one == cpu;
        }
    }
    return cores;
}

void plim_topology_cores_from_files(const char *root, plim_topology *out)
{
    cpu_list_text online;
    out->cpu_possible = read_list(root, CPU_FOLDER "/possible", &online);
    out->cpu_count = read_list(root, CPU_FOLDER "/online", &online);
    out->core_count = 0;
    memset(out->cache_bytes, 0, sizeof(out->cache_bytes));
    memset(out->cache_share, 0, sizeof(out->cache_share));
    out->line_bytes = 0;
    if (out->cpu_count) {
        read_caches(root, online.text, out->cpu_count, out);
        out->core_count = count_cores(root, online.text);
    }
    snprintf(out->source, sizeof(out->source), "sys/devices/system");
}

/* ---- nodes ---- */

/* "Node 0 MemTotal:       32659212 kB" */
static void read_node_memory(const char *root, plim_node *node)
{
    static const char *const KEYS[] = {" MemTotal:", " MemFree:"};
    char path[96];
    plim_lines lines;
    uint64_t *const to[] = {&node->memory_bytes, &node->free_bytes}, kib, bytes;
    snprintf(path, sizeof(path), NODE_FOLDER "/node%" PRIu32 "/meminfo", node->number);
    if (plim_lines_open(root, path, &lines, NULL) != PLIM_OK) {
        return;
    }
    for (char *line; (line = plim_lines_next(&lines));) {
        for (size_t i = 0; i < 2; i++) {
            const char *key = strstr(line, KEYS[i]);
            if (key && plim_parse_u64(key + strlen(KEYS[i]), &kib) &&
                bytes_mul(kib, 1024, &bytes) && bytes <= INT64_MAX) {
                *to[i] = bytes;
            }
        }
    }
    plim_lines_close(&lines);
}

static void take_node(const char *root, uint32_t number, plim_topology *out)
{
    char path[96];
    cpu_list_text list;
    plim_node node = {.number = number};
    snprintf(path, sizeof(path), NODE_FOLDER "/node%" PRIu32 "/cpulist", number);
    node.cpu_count = read_list(root, path, &list);
    node.kind = node.cpu_count ? PLIM_NODE_CORES : PLIM_NODE_MEMORY;
    read_node_memory(root, &node);
    if ((node.cpu_count || node.memory_bytes) && out->node_count < PLIM_NODES_MAX) {
        out->nodes[out->node_count++] = node;
    }
}

static void mark_gpu_node(const char *root, const char *gpu, plim_topology *out)
{
    char path[128], text[256];
    uint64_t number;
    if (strlen(gpu) > 32) {
        return;
    }
    snprintf(path, sizeof(path), GPU_FOLDER "/%.32s/numa_status", gpu);
    if (!plim_fsroot_read(root, path, text, sizeof(text), NULL) || strncmp(text, "Node:", 5) != 0 ||
        !plim_parse_u64(text + 5, &number)) {
        return; /* a GPU without a node says -1 */
    }
    for (uint32_t i = 0; i < out->node_count; i++) {
        if (out->nodes[i].number == number && out->nodes[i].cpu_count == 0) {
            out->nodes[i].kind = PLIM_NODE_GPU;
        }
    }
}

static void mark_gpu_nodes(const char *root, plim_topology *out)
{
    plim_folder folder;
    if (plim_folder_open(root, GPU_FOLDER, &folder, NULL) != PLIM_OK) {
        return;
    }
    for (const char *name; (name = plim_folder_next(&folder));) {
        mark_gpu_node(root, name, out);
    }
    plim_folder_close(&folder);
}

static void read_nodes(const char *root, plim_topology *out)
{
    cpu_list_text online;
    const char *at = online.text;
    uint32_t first, last;
    if (read_list(root, NODE_FOLDER "/online", &online)) {
        while (plim_cpu_list_next(&at, &first, &last)) {
            for (uint32_t n = first; n <= last && n - first < 1024; n++) {
                take_node(root, n, out);
            }
        }
        mark_gpu_nodes(root, out);
    }
    if (out->node_count == 0) { /* a kernel without NUMA: one node, its memory is MemTotal */
        out->node_count = 1;
        out->nodes[0] = (plim_node){.cpu_count = out->cpu_count};
        return;
    }
    out->has_nodes = true;
    for (uint32_t i = 0; i < out->node_count; i++) {
        uint64_t *sum =
            out->nodes[i].kind == PLIM_NODE_GPU ? &out->gpu_memory_bytes : &out->cpu_memory_bytes;
        uint64_t next;
        *sum =
            bytes_add(*sum, out->nodes[i].memory_bytes, &next) && next <= INT64_MAX ? next : *sum;
    }
}

void plim_topology_from_files(const char *root, plim_topology *out)
{
    memset(out, 0, sizeof(*out));
    plim_topology_cores_from_files(root, out);
    read_nodes(root, out);
}

uint64_t plim_topology_gpu_free_bytes(const char *root)
{
    char online[64];
    uint64_t sum = 0, next;
    plim_topology t = {.node_count = 0};
    if (!plim_fsroot_read(root, NODE_FOLDER "/online", online, sizeof(online), NULL) ||
        !strpbrk(online, ",-")) {
        return 0;
    }
    read_nodes(root, &t);
    for (uint32_t i = 0; i < t.node_count; i++) {
        if (t.nodes[i].kind == PLIM_NODE_GPU && bytes_add(sum, t.nodes[i].free_bytes, &next)) {
            sum = next;
        }
    }
    return sum;
}
