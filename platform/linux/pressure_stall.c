/* SPDX-License-Identifier: Apache-2.0 */
/* pressure_stall.c - /proc/pressure: how long somebody, and everybody, had to wait.
 *
 * Two lines a file, "some avg10=1.23 avg60=.. avg300=.. total=456" and "full ..."; the one for the
 * CPU had no full line before kernel 5.13. A kernel without it (JetPack 5) has no folder, and
 * one that was booted with psi=0 refuses the read.
 */
#include <errno.h>
#include <string.h>

#include "platform/linux/sensors.h"

void plim_pressure_find(plim_sensors *self)
{
    plim_sensor_open(self, "proc/pressure/memory", &self->pressure[0]);
    plim_sensor_open(self, "proc/pressure/cpu", &self->pressure[1]);
    plim_sensor_open(self, "proc/pressure/io", &self->pressure[2]);
}

/* "12.34" as 1234. */
static bool parse_centi(const char *text, int64_t *out)
{
    int64_t whole, part;
    const char *dot = text + strspn(text, "0123456789");
    if (*dot != '.' || !plim_sensor_parse(text, &whole) || whole > 100 ||
        strspn(dot + 1, "0123456789") != 2 || !plim_sensor_parse(dot + 1, &part)) {
        return false;
    }
    *out = whole * 100 + part;
    return true;
}

static bool parse_line(const char *text, const char *word, int64_t *out_centi, int64_t *out_us)
{
    size_t n = strlen(word);
    for (const char *at = text; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        const char *end = strchr(at, '\n');
        if (strncmp(at, word, n) != 0 || !end) { /* a cut line may end within its number */
            continue;
        }
        const char *average = strstr(at, " avg10="), *total = strstr(at, " total=");
        return average && total && average < end && total < end &&
               parse_centi(average + strlen(" avg10="), out_centi) &&
               plim_sensor_parse(total + strlen(" total="), out_us);
    }
    return false;
}

static void sense_one(plim_sensors *self, int *fd, plim_reading *list, uint64_t now_ns)
{
    static const char *const WORDS[] = {"some ", "full "};
    int error = plim_sensor_text(self, fd);
    for (size_t i = 0; i < 2; i++) {
        int64_t centi = 0, us = 0;
        bool is_good = error == 0 && parse_line(self->text, WORDS[i], &centi, &us);
        int why = is_good ? 0 : error ? error : ENODATA;
        plim_reading_take(&list[i], why, centi, now_ns);
        plim_reading_take(&list[i + 2], why, us, now_ns);
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
