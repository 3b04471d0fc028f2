/* SPDX-License-Identifier: Apache-2.0 */
/* gpu_state.c - the GPU's clock and load, read so that it is left to sleep.
 *
 * On the nvgpu stack reading `load` powers the GPU on, and keeps it on for the driver's delay.
 * So the load is read only when somebody else is known to keep it awake: the kernel's power
 * management says "active", or the driver that it is not railgated, or never is. Where
 * neither can be read the load stays missing. Asleep, the load is 0 without being read.
 * Our own reading puts off the next sleep by that delay; an idle GPU (load 0) is therefore not
 * asked again before the delay has passed, or a delay longer than our period would keep it awake
 * for ever. Its clock is not read either while it sleeps.
 *
 * Which devfreq entry is the GPU: the name of its node in the device tree, else its own name
 * ("17000000.gpu", "17000000.ga10b", "gpu-gpc-0"). Thor has no load here: NVML counts it there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "platform/fsroot.h"
#include "platform/linux/sensors/sensors.h"

#define MILLISECOND   1000000u
#define DELAY_UNKNOWN (500u * MILLISECOND) /* nvgpu's own default */
#define DELAY_SLACK   (100u * MILLISECOND) /* for going to sleep itself */
#define LOAD_MOST     1000

static bool is_gpu_name(const char *name)
{
    static const char *const NAMES[] = {"gpu", "ga10b", "gv11b", "gp10b", "gm20b"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strcmp(dot ? dot + 1 : name, NAMES[i]) == 0) {
            return true;
        }
    }
    return strncmp(name, "gpu-gpc-", 8) == 0;
}

static bool find_folder(plim_sensors *self, char *out, size_t room)
{
    plim_folder folder;
    char path[160], node[32];
    bool is_found = false;
    self->call_count += 4;
    if (plim_folder_open(self->root, "sys/class/devfreq", &folder, NULL) != PLIM_OK) {
        return false;
    }
    for (const char *entry; !is_found && (entry = plim_folder_next(&folder));) {
        snprintf(path, sizeof(path), "sys/class/devfreq/%.40s/device/of_node/name", entry);
        is_found = (plim_sensor_line(self, path, node, sizeof(node)) && is_gpu_name(node)) ||
                   is_gpu_name(entry);
        snprintf(out, room, "sys/class/devfreq/%.40s", entry);
    }
    plim_folder_close(&folder);
    return is_found;
}

/* Is its power simply left on? Then nothing that we read can wake it. */
static void find_power(plim_sensors *self)
{
    plim_gpu_files *gpu = &self->gpu;
    char path[160], text[24];
    int64_t n;
    snprintf(path, sizeof(path), "%s/device/railgate_enable", gpu->folder);
    gpu->never_sleeps =
        plim_sensor_line(self, path, text, sizeof(text)) && plim_sensor_parse(text, &n) && n == 0;
    snprintf(path, sizeof(path), "%s/device/power/control", gpu->folder);
    gpu->never_sleeps = gpu->never_sleeps || (plim_sensor_line(self, path, text, sizeof(text)) &&
                                              strcmp(text, "on") == 0);
    gpu->delay_ns = DELAY_UNKNOWN;
    snprintf(path, sizeof(path), "%s/device/power/autosuspend_delay_ms", gpu->folder);
    if (plim_sensor_line(self, path, text, sizeof(text)) && plim_sensor_parse(text, &n)) {
        gpu->never_sleeps = gpu->never_sleeps || n < 0; /* the kernel's word for "do not" */
        gpu->delay_ns = n >= 0 && n < 3600000 ? (uint64_t)n * MILLISECOND : gpu->delay_ns;
    }
}

static void open_one(plim_sensors *self, const char *file, int *fd)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s", self->gpu.folder, file);
    plim_sensor_open(self, path, fd);
}

void plim_gpu_find(plim_sensors *self)
{
    plim_gpu_files *gpu = &self->gpu;
    char path[160], text[1024];
    if (self->clocks[PLIM_CLOCK_GPU].now < 0 &&
        !find_folder(self, gpu->folder, sizeof(gpu->folder))) {
        gpu->folder[0] = 0;
    }
    if (!gpu->folder[0]) {
        return;
    }
    open_one(self, "cur_freq", &self->clocks[PLIM_CLOCK_GPU].now);
    open_one(self, "max_freq", &self->clocks[PLIM_CLOCK_GPU].cap);
    open_one(self, "device/load", &gpu->load);
    open_one(self, "device/power/runtime_status", &gpu->runtime_status);
    open_one(self, "device/is_railgated", &gpu->railgated);
    open_one(self, "device/tpc_pg_mask", &gpu->tpc_mask);
    snprintf(path, sizeof(path), "%s/available_frequencies", gpu->folder);
    self->clocks[PLIM_CLOCK_GPU].max = plim_sensor_line(self, path, text, sizeof(text))
                                           ? plim_highest_number(text)
                                           : self->clocks[PLIM_CLOCK_GPU].max;
    find_power(self);
}

/* ---- reading ---- */

static bool begins_with(const char *text, const char *word)
{
    size_t n = strlen(word);
    return strncmp(text, word, n) == 0 && strchr("\r\n", text[n]) != NULL;
}

/* 0 and *out (1: asleep), or why nobody knows. Between two states is EAGAIN. */
static int ask_asleep(plim_sensors *self, int64_t *out)
{
    plim_gpu_files *gpu = &self->gpu;
    int error = plim_sensor_text(self, &gpu->runtime_status);
    *out = 0;
    if (error == 0 && begins_with(self->text, "active")) {
        return 0;
    }
    if (error == 0 && begins_with(self->text, "suspended")) {
        *out = 1;
        return 0;
    }
    if (error == 0 && !begins_with(self->text, "unsupported")) {
        return EAGAIN; /* suspending, resuming */
    }
    if (plim_sensor_text(self, &gpu->railgated) == 0) {
        *out = self->text[0] == '1' || self->text[0] == 'y';
        return *out || self->text[0] == '0' || self->text[0] == 'n' ? 0 : EBADMSG;
    }
    return gpu->never_sleeps ? 0 : error ? error : ENOENT;
}

static void sense_load(plim_sensors *self, int asleep_error, bool is_asleep, uint64_t now_ns)
{
    plim_gpu_files *gpu = &self->gpu;
    plim_reading *load = &self->sample.list[PLIM_READ_GPU_LOAD];
    int64_t n = 0;
    if (asleep_error || is_asleep) {
        plim_reading_take(load, gpu->load < 0 ? ENOENT : asleep_error, 0, now_ns);
        gpu->load_not_before_ns = 0;
        return;
    }
    if (!gpu->never_sleeps && now_ns < gpu->load_not_before_ns) {
        return; /* it keeps its value and its age */
    }
    int error = plim_sensor_number(self, &gpu->load, &n);
    error = error == 0 && (n < 0 || n > LOAD_MOST) ? ERANGE : error;
    plim_reading_take(load, error, n, now_ns);
    gpu->load_not_before_ns = n == 0 ? now_ns + gpu->delay_ns + DELAY_SLACK : 0;
}

void plim_gpu_sense(plim_sensors *self, uint64_t now_ns)
{
    plim_reading *list = self->sample.list;
    int64_t is_asleep = 0, mask = 0;
    int error = ask_asleep(self, &is_asleep);
    plim_reading_take(&list[PLIM_READ_GPU_ASLEEP], error, is_asleep, now_ns);
    sense_load(self, error, is_asleep, now_ns);
    plim_clock_sense(self, PLIM_CLOCK_GPU, error == 0 && is_asleep, now_ns);
    error = plim_sensor_number(self, &self->gpu.tpc_mask, &mask);
    plim_reading_take(&list[PLIM_READ_GPU_TPC_MASK], error, mask, now_ns);
}
