/* SPDX-License-Identifier: Apache-2.0 */
/* telemetry_names.c - what readings and transitions are called. */
#include "plimsoll/telemetry.h"

typedef struct reading_name {
    const char *key, *unit, *meaning;
} reading_name;

static const reading_name NAMES[PLIM_READ_COUNT] = {
#define READING_NAME(name, key, unit, text) [PLIM_READ_##name] = {key, unit, text},
    PLIM_TELEMETRY_LIST(READING_NAME)
#undef READING_NAME
};

const char *plim_telemetry_key(plim_telemetry_id id)
{
    return (unsigned)id < PLIM_READ_COUNT ? NAMES[id].key : "";
}

const char *plim_telemetry_unit(plim_telemetry_id id)
{
    return (unsigned)id < PLIM_READ_COUNT ? NAMES[id].unit : "";
}

const char *plim_telemetry_meaning(plim_telemetry_id id)
{
    return (unsigned)id < PLIM_READ_COUNT ? NAMES[id].meaning : "";
}

const char *plim_transition_name(uint32_t kind)
{
    static const char *const KINDS[] = {
        "?",    "throttle", "over_current", "power_mode", "clock_cap",   "sensor",
        "late", "pressure", "oom_kill",     "group",      "memory_room",
    };
    return kind < sizeof(KINDS) / sizeof(KINDS[0]) ? KINDS[kind] : "?";
}
