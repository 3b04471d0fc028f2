/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h - what every source of facts about a board is given, and how it reads.
 *
 * A source is `void plim_probe_<name>(plim_probe *p)`: it reads files through the calls below,
 * notes what it finds in p->facts, and never fails. What it could not read stays absent. Sources
 * run in the order of probe.c; of two that are as sure, the first wins.
 *
 * A file that the root lacks is taken from the snapshot, a folder captured on the host of a
 * container, when there is one; p->source then begins with "snapshot ". Figures that move
 * (memory in use, clocks) are not worth taking from there: read those through p->root alone.
 */
#ifndef PLATFORM_PROBE_H
#define PLATFORM_PROBE_H

#include "platform/fsroot.h"
#include "plimsoll/platform.h"

struct plim_board_info; /* policy.h */

typedef struct plim_probe {
    const char *root;                 /* never NULL; "" is this machine */
    const char *snapshot;             /* NULL: none */
    bool with_gpu;                    /* CUDA may be asked */
    const struct plim_policy *policy; /* never NULL */
    plim_facts *facts;
    plim_component *components;          /* may be NULL */
    size_t component_limit;              /* places in components */
    size_t component_count;              /* found, those without a place counted too */
    char source[PLIM_FACT_SOURCE_BYTES]; /* of the last file that was read */
} plim_probe;

/* plim_probe_read - the first bytes of a file, as plim_fsroot_read. @out_bytes may be NULL. */
bool plim_probe_read(plim_probe *p, const char *path, char *out, size_t out_room,
                     size_t *out_bytes);
/* plim_probe_line - the first line of a small file, without blanks at its ends; false: unreadable
 * or empty. A line longer than @out is cut. */
bool plim_probe_line(plim_probe *p, const char *path, char *out, size_t out_room);
/* plim_probe_number - a file that holds one decimal number and nothing else. */
bool plim_probe_number(plim_probe *p, const char *path, uint64_t *out);
/* plim_probe_lines, plim_probe_folder - opened when true; the caller closes it. */
bool plim_probe_lines(plim_probe *p, const char *path, plim_lines *out);
bool plim_probe_folder(plim_probe *p, const char *path, plim_folder *out);
/* plim_probe_has - something of this name is there, opened or not. */
bool plim_probe_has(plim_probe *p, const char *path);

/* Notes of what p->source says. */
void plim_probe_text(plim_probe *p, plim_fact_id id, const char *text);
void plim_probe_count(plim_probe *p, plim_fact_id id, uint64_t number);
/* plim_probe_component - one more CUDA, TensorRT or cuDNN; the same one twice is noted once. */
void plim_probe_component(plim_probe *p, const char *name, const char *version, const char *where,
                          plim_confidence confidence);

/* plim_probe_board - what the tables say of a board, as facts of the confidence TABLE at most. */
void plim_probe_board(plim_probe *p, const struct plim_board_info *board,
                      plim_confidence confidence);

/* plim_text_trim - cuts blanks, tabs, CR and LF from both ends, in place. */
char *plim_text_trim(char *text);

/* The sources, in the order of probe.c. */
void plim_probe_kernel(plim_probe *p);
void plim_probe_topology(plim_probe *p);
void plim_probe_memory(plim_probe *p);
void plim_probe_cores(plim_probe *p);
void plim_probe_container(plim_probe *p);
void plim_probe_system(plim_probe *p);
void plim_probe_gpu(plim_probe *p);
void plim_probe_devtree(plim_probe *p);
void plim_probe_module(plim_probe *p);
void plim_probe_tegra_gpu(plim_probe *p);
void plim_probe_nvpmodel(plim_probe *p);
void plim_probe_multiprocessors(plim_probe *p);
void plim_probe_stack(plim_probe *p);
void plim_probe_drm(plim_probe *p);
void plim_probe_no_gpu(plim_probe *p);
void plim_probe_machine(plim_probe *p);
void plim_probe_toolkit(plim_probe *p);
void plim_probe_libraries(plim_probe *p);
void plim_probe_release(plim_probe *p);
void plim_probe_packages(plim_probe *p);
void plim_probe_jetpack(plim_probe *p);
void plim_probe_name(plim_probe *p);
void plim_probe_headroom(plim_probe *p);

#endif
