/* SPDX-License-Identifier: Apache-2.0 */
/* pressure_stall.c - /proc/pressure as readings: memory, CPU, disks.
 *
 * The CPU's file had no full line before kernel 5.13. A kernel without it (JetPack 5) has no
 * folder, and one that was booted with psi=0 refuses the read. stall_share.h parses the lines.
 */
#include <errno.h>

#include "platform/linux/sensors/sensors.h"
#include "platform/linux/stall_share.h"

void plim_pressure_find(plim_sensors *self)
{
    plim_sensor_open(self, "proc/pressure/memory", &self->pressure[0]);
    plim_sensor_open(self, "proc/pressure/cpu", &self->pressure[1]);
    plim_sensor_open(self, "proc/pressure/io", &self->pressure[2]);
}

static void sense_one(plim_sensors *self, int *fd, plim_reading *list, uint64_t now_ns)
{
    static const char *const WORDS[] = {"some", "full"};
    int error = plim_sensor_text(self, fd);
    for (size_t i = 0; i < 2; i++) {
        plim_stall stall = {.share = 0};
        bool is_good = error == 0 && plim_stall_parse(self->text, WORDS[i], &stall);
        int why = is_good ? 0 : error ? error : ENODATA;
        plim_reading_take(&list[i], why, stall.share, now_ns);
        plim_reading_take(&list[i + 2], why, (int64_t)stall.total_us, now_ns);
    }
}

_Static_assert(PLIM_READ_PSI_CPU_SOME == PLIM_READ_PSI_MEMORY_SOME + 4 &&
                   PLIM_READ_PSI_IO_SOME == PLIM_READ_PSI_MEMORY_SOME + 8 &&
                   PLIM_READ_PSI_MEMORY_FULL_US == PLIM_READ_PSI_MEMORY_SOME + 3,
               "four readings a file, in this order");

void plim_pressure_sense(plim_sensors *self, uint64_t now_ns)
{
    for (size_t i = 0; i < 3; i++) {
        sense_one(self, &self->pressure[i], &self->sample.list[PLIM_READ_PSI_MEMORY_SOME + 4 * i],
                  now_ns);
    }
}
