/* SPDX-License-Identifier: Apache-2.0 */
/* boards.c - known modules and releases: data only.
 *
 * Part numbers, compute capability and core counts: the module tables of NVIDIA's data sheets
 * as collected by jetson_stats (f41d5ca, jetson_variables.py) and meta-tegra (d5d93dc,
 * conf/machine). Multiprocessors are CUDA cores / 128 on Ampere, Blackwell and Pascal, / 64 on
 * Volta 7.2. The 8 of the Orin NX 16 GB is confirmed by trtexec's own output ("SMs: 8"); the
 * 2048 and 1024 cores of AGX Orin and Orin NX are the pair that breaks engines between them.
 * Power modes gate TPCs, so a running board may show fewer: the table says the most.
 */
#include "platform/boards.h"

#include <string.h>

static const plim_board BOARDS[] = {
    /* Tegra X1 (5.3) and X2 (6.2) */
    {"p2180-1000", "Jetson TX1", 53, 2},
    {"p3448-0000", "Jetson Nano", 53, 1},
    {"p3448-0002", "Jetson Nano module", 53, 1},
    {"p3448-0003", "Jetson Nano 2GB", 53, 1},
    {"p3310-1000", "Jetson TX2", 62, 2},
    {"p3489-0888", "Jetson TX2 4GB", 62, 2},
    {"p3489-0000", "Jetson TX2i", 62, 2},
    {"p3636-0001", "Jetson TX2 NX", 62, 2},
    /* Xavier (7.2): 384 and 512 cores */
    {"p3668-0000", "Jetson Xavier NX 8GB", 72, 6},
    {"p3668-0001", "Jetson Xavier NX 8GB", 72, 6},
    {"p3668-0003", "Jetson Xavier NX 16GB", 72, 6},
    {"p2888-0001", "Jetson AGX Xavier 16GB", 72, 8},
    {"p2888-0003", "Jetson AGX Xavier 32GB", 72, 8},
    {"p2888-0004", "Jetson AGX Xavier 32GB", 72, 8},
    {"p2888-0005", "Jetson AGX Xavier 64GB", 72, 8},
    {"p2888-0006", "Jetson AGX Xavier 8GB", 72, 8},
    {"p2888-0008", "Jetson AGX Xavier Industrial", 72, 8},
    /* Orin (8.7): 512, 1024, 1792 and 2048 cores */
    {"p3767-0000", "Jetson Orin NX 16GB", 87, 8},
    {"p3767-0001", "Jetson Orin NX 8GB", 87, 8},
    {"p3767-0003", "Jetson Orin Nano 8GB", 87, 8},
    {"p3767-0004", "Jetson Orin Nano 4GB", 87, 4},
    {"p3767-0005", "Jetson Orin Nano 8GB developer kit", 87, 8},
    {"p3701-0000", "Jetson AGX Orin developer kit", 87, 16},
    {"p3701-0002", "IGX Orin", 87, 16},
    {"p3701-0004", "Jetson AGX Orin 32GB", 87, 14},
    {"p3701-0005", "Jetson AGX Orin 64GB", 87, 16},
    /* The 2048 cores of the Industrial module are recalled, not read: its count stays unknown. */
    {"p3701-0008", "Jetson AGX Orin Industrial", 87, 0},
    /* Thor (11.0, called 10.1 by CUDA 12): 1536 and 2560 cores */
    {"p3834-0000", "Jetson Thor T4000", 110, 12},
    {"p3834-0008", "Jetson AGX Thor T5000", 110, 20},
};

static const plim_soc SOCS[] = {
    {"nvidia,tegra210", 53}, {"nvidia,tegra186", 62},  {"nvidia,tegra194", 72},
    {"nvidia,tegra234", 87}, {"nvidia,tegra264", 110},
};

/* meta-tegra's release branches (versions) and jetson_stats (names). Only to name a JetPack. */
static const struct {
    const char *l4t, *jetpack;
} RELEASES[] = {
    {"32.3.1", "4.3"},   {"32.4.3", "4.4"},   {"32.6.1", "4.6"},   {"32.7.1", "4.6.1"},
    {"32.7.6", "4.6.6"}, {"35.1.0", "5.0.2"}, {"35.2.1", "5.1"},   {"35.3.1", "5.1.1"},
    {"35.4.1", "5.1.2"}, {"35.5.0", "5.1.3"}, {"35.6.0", "5.1.4"}, {"35.6.4", "5.1.6"},
    {"36.3.0", "6.0"},   {"36.4.0", "6.1"},   {"36.4.3", "6.2"},   {"36.4.4", "6.2.1"},
    {"36.4.7", "6.2.1"}, {"36.5.0", "6.2.2"}, {"38.2.0", "7.0"},   {"38.4.0", "7.1"},
    {"39.2.0", "7.2"},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const plim_board *plim_board_find(const char *part)
{
    for (size_t i = 0; i < COUNT(BOARDS); i++) {
        if (strcmp(BOARDS[i].part, part) == 0) {
            return &BOARDS[i];
        }
    }
    return NULL;
}

const plim_soc *plim_soc_find(const char *compatible)
{
    for (size_t i = 0; i < COUNT(SOCS); i++) {
        if (strcmp(SOCS[i].compatible, compatible) == 0) {
            return &SOCS[i];
        }
    }
    return NULL;
}

const char *plim_jetpack_of(const char *l4t)
{
    for (size_t i = 0; i < COUNT(RELEASES); i++) {
        if (strcmp(RELEASES[i].l4t, l4t) == 0) {
            return RELEASES[i].jetpack;
        }
    }
    return NULL;
}
