/* SPDX-License-Identifier: Apache-2.0 */
/* nvpmodel.h - the power modes of a Jetson, out of its nvpmodel.conf. */
#ifndef PLATFORM_NVPMODEL_H
#define PLATFORM_NVPMODEL_H

#include <stdbool.h>
#include <stdint.h>

#define PLIM_POWER_MODES_MAX 24u
#define PLIM_POWER_NO_CAP    UINT64_MAX

typedef struct plim_power_mode {
    char name[32];
    uint32_t id;
    uint32_t cores_listed, cores_online; /* listed 0: the mode says nothing of cores */
    bool has_tpc_mask;
    uint64_t tpc_mask;   /* gated TPCs */
    uint64_t gpu_max_hz; /* PLIM_POWER_NO_CAP: as high as the chip goes; 0: not said */
    uint64_t emc_max_hz; /* likewise */
} plim_power_mode;

typedef struct plim_power_modes {
    plim_power_mode modes[PLIM_POWER_MODES_MAX];
    uint32_t count, default_id;
    bool has_default;
    bool is_in_mode; /* while reading: inside a POWER_MODEL section */
} plim_power_modes;

/* plim_nvpmodel_line - take one line of the file; @line is changed. Lines that mean nothing are
 * passed over. Start with a zero struct. */
void plim_nvpmodel_line(plim_power_modes *self, char *line);
/* The mode with this id; NULL. */
const plim_power_mode *plim_nvpmodel_find(const plim_power_modes *self, uint64_t id);

#endif
