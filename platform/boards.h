/* SPDX-License-Identifier: Apache-2.0 */
/* boards.h - known modules and releases: data, each entry with its source in boards.c. */
#ifndef PLATFORM_BOARDS_H
#define PLATFORM_BOARDS_H

#include <stdint.h>

typedef struct plim_board {
    const char *part;         /* "p3767-0000", as in the device tree and in TNSPEC */
    const char *name;         /* informative, for people */
    uint32_t sm;              /* 87 for compute capability 8.7 */
    uint32_t multiprocessors; /* with every TPC powered; a power mode may gate some */
} plim_board;

typedef struct plim_soc {
    const char *compatible; /* "nvidia,tegra234" */
    uint32_t sm;
} plim_soc;

/* NULL when it is not in the table: never an error, boards appear after tools are written. */
const plim_board *plim_board_find(const char *part);
const plim_soc *plim_soc_find(const char *compatible);
/* "6.1" for "36.4.0"; NULL when the release is not known. */
const char *plim_jetpack_of(const char *l4t);

#endif
