/* SPDX-License-Identifier: Apache-2.0 */
/* topology_files.h - cores, caches and nodes as the kernel's own files say them. */
#ifndef PLATFORM_TOPOLOGY_FILES_H
#define PLATFORM_TOPOLOGY_FILES_H

#include "plimsoll/topology.h"

/* plim_cpu_list_next - walk "0-3,8,10-11": the next range [*first, *last]; @at starts at the
 * text. False at its end and at anything that is no such list (its rest is not looked at). */
bool plim_cpu_list_next(const char **at, uint32_t *first, uint32_t *last);
/* How many numbers a list holds; 0 for one that is damaged anywhere. */
uint32_t plim_cpu_list_count(const char *list);

/* All fields but chunk_bytes; those that cannot be read stay 0. */
void plim_topology_from_files(const char *root, plim_topology *out);
/* cpu_count, cpu_possible, core_count and the caches, again. */
void plim_topology_cores_from_files(const char *root, plim_topology *out);

/* Free bytes of all nodes that are a GPU's; 0 on machines with one node, after one small file. */
uint64_t plim_topology_gpu_free_bytes(const char *root);

#endif
