/* SPDX-License-Identifier: Apache-2.0 */
/* sensors.c - which files are looked for and read, group by group (sensors.h). */
#include "platform/linux/sensors/sensors.h"

#include <string.h>

typedef struct sensor_group {
    uint32_t group;
    void (*find)(plim_sensors *self);
    void (*sense)(plim_sensors *self, uint64_t now_ns);
} sensor_group;

static const sensor_group GROUPS[] = {
    {PLIM_SENSE_HEAT, plim_thermal_find, plim_thermal_sense},
    {PLIM_SENSE_CLOCKS, plim_clocks_find, plim_clocks_sense},
    {PLIM_SENSE_CLOCKS, plim_gpu_find, plim_gpu_sense},
    {PLIM_SENSE_POWER, plim_rails_find, plim_rails_sense},
    {PLIM_SENSE_MEMORY, plim_pressure_find, plim_pressure_sense},
    {PLIM_SENSE_MEMORY, plim_memory_find, plim_memory_sense},
};

/* Every descriptor of the set, so that none is forgotten at open or at close. */
static void each_file(plim_sensors *self, void (*visit)(plim_sensors *self, int *fd))
{
    for (size_t i = 0; i < PLIM_TELEMETRY_ZONES; i++) {
        visit(self, &self->zones[i]);
    }
    for (size_t i = 0; i < PLIM_TELEMETRY_ALERTS; i++) {
        visit(self, &self->alerts[i]);
    }
    for (size_t i = 0; i < PLIM_TELEMETRY_RAILS; i++) {
        visit(self, &self->rails[i].milli_volts);
        visit(self, &self->rails[i].milli_amperes);
    }
    for (size_t i = 0; i < PLIM_TELEMETRY_CLOCKS; i++) {
        visit(self, &self->clocks[i].now);
        visit(self, &self->clocks[i].cap);
    }
    for (size_t i = 0; i < 3; i++) {
        visit(self, &self->over_current[i]);
        visit(self, &self->pressure[i]);
    }
    int *const single[] = {
        &self->emc_cap,          &self->online,
        &self->gpu.load,         &self->gpu.runtime_status,
        &self->gpu.railgated,    &self->gpu.tpc_mask,
        &self->group.usage,      &self->group.limit,
        &self->group.events,     &self->meminfo,
        &self->group.fail_count, &self->vmstat,
    };
    for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
        visit(self, single[i]);
    }
}

static void mark_closed(plim_sensors *self, int *fd)
{
    (void)self;
    *fd = -1;
}

void plim_sensors_init(plim_sensors *self, const char *root, uint32_t groups)
{
    memset(self, 0, sizeof(*self));
    self->root = root;
    self->groups = groups;
    self->sample.clock_count = PLIM_CLOCK_FIRST_CPU;
    memcpy(self->sample.clocks[PLIM_CLOCK_GPU].name, "gpu", sizeof("gpu"));
    memcpy(self->sample.clocks[PLIM_CLOCK_EMC].name, "emc", sizeof("emc"));
    self->clocks[PLIM_CLOCK_GPU].scale = self->clocks[PLIM_CLOCK_EMC].scale = 1;
    each_file(self, mark_closed);
}

void plim_sensors_find(plim_sensors *self)
{
    self->sample.left_out = 0;
    for (size_t i = 0; i < sizeof(GROUPS) / sizeof(GROUPS[0]); i++) {
        if (self->groups & GROUPS[i].group) {
            GROUPS[i].find(self);
        }
    }
}

void plim_sensors_read(plim_sensors *self, uint32_t groups, uint64_t now_ns)
{
    for (size_t i = 0; i < sizeof(GROUPS) / sizeof(GROUPS[0]); i++) {
        if (self->groups & groups & GROUPS[i].group) {
            GROUPS[i].sense(self, now_ns);
        }
    }
}

void plim_sensors_close(plim_sensors *self)
{
    each_file(self, plim_sensor_close);
}
