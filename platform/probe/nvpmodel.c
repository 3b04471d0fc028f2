/* SPDX-License-Identifier: Apache-2.0 */
/* nvpmodel.c - the power mode, and what it leaves of the GPU.
 *
 * A conf is sections "< KIND KEY=VALUE ... >", of which POWER_MODEL and PM_CONFIG matter, and
 * lines "PARAM ARG VALUE" in a mode; '#' begins a comment, and the blank after '<' may be missing.
 * -1 is no limit; for the memory clock 0 is none either.
 *
 * Which mode is on: nvpmodel keeps the number that it last set in var/lib/nvpmodel/status,
 * "pmode:0002" (not in NVIDIA's documents, but alike in many users' reports and scripts). Two
 * cases are known where it is not in force: a mode that gates TPCs waits for a reboot, and
 * nvpmodel run in a container writes the file and changes nothing. So a mode whose cores or TPC
 * mask are not those of the kernel is only a guess. Without the file, the mode is deduced when
 * exactly one fits what the kernel shows.
 */
#include "platform/probe/nvpmodel.h"

#include <stdio.h>
#include <string.h>

#include "platform/probe/probe.h"

#define CONF   "etc/nvpmodel.conf"
#define STATUS "var/lib/nvpmodel/status"

/* ---- reading ---- */

/* -1 and numbers; false: neither. */
static bool parse_value(const char *text, uint64_t *out)
{
    if (strcmp(text, "-1") == 0) {
        *out = PLIM_POWER_NO_CAP;
        return true;
    }
    return text[0] && text[strspn(text, "0123456789")] == 0 && plim_parse_u64(text, out);
}

/* Cuts the next word off; "" at the end. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, " \t\r");
    *at = word + strcspn(word, " \t\r");
    if (**at) {
        *(*at)++ = 0;
    }
    return word;
}

static const char *value_of(const char *word, const char *key)
{
    size_t n = strlen(key);
    return strncmp(word, key, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

static void begin_mode(plim_power_modes *self, char *attributes)
{
    plim_power_mode mode = {.id = 0};
    bool has_id = false;
    for (char *word; (word = next_word(&attributes))[0];) {
        const char *id = value_of(word, "ID"), *name = value_of(word, "NAME");
        uint64_t number;
        if (id && parse_value(id, &number) && number <= UINT32_MAX) {
            mode.id = (uint32_t)number;
            has_id = true;
        } else if (name) {
            snprintf(mode.name, sizeof(mode.name), "%s", name);
        }
    }
    self->is_in_mode = has_id && mode.name[0] && self->count < PLIM_POWER_MODES_MAX &&
                       !plim_nvpmodel_find(self, mode.id);
    if (self->is_in_mode) {
        self->modes[self->count++] = mode;
    }
}

static void take_default(plim_power_modes *self, char *attributes)
{
    for (char *word; (word = next_word(&attributes))[0];) {
        const char *text = value_of(word, "DEFAULT");
        uint64_t number;
        if (text && parse_value(text, &number) && number <= UINT32_MAX) {
            self->default_id = (uint32_t)number;
            self->has_default = true;
        }
    }
}

static void take_setting(plim_power_mode *mode, char *line)
{
    const char *param = next_word(&line), *arg = next_word(&line);
    uint64_t value;
    if (!parse_value(next_word(&line), &value)) {
        return;
    }
    if (strcmp(param, "CPU_ONLINE") == 0 && strncmp(arg, "CORE_", 5) == 0 && value <= 1) {
        mode->cores_listed++;
        mode->cores_online += (uint32_t)value;
    } else if (strcmp(arg, "TPC_PG_MASK") == 0 && value <= UINT32_MAX) {
        mode->has_tpc_mask = true;
        mode->tpc_mask = value;
    } else if (strcmp(param, "GPU") == 0 && strcmp(arg, "MAX_FREQ") == 0) {
        mode->gpu_max_hz = value;
    } else if (strcmp(param, "EMC") == 0 && strcmp(arg, "MAX_FREQ") == 0) {
        mode->emc_max_hz = value == 0 ? PLIM_POWER_NO_CAP : value;
    }
}

void plim_nvpmodel_line(plim_power_modes *self, char *line)
{
    line[strcspn(line, "#")] = 0;
    line = plim_text_trim(line);
    if (line[0] != '<') {
        if (self->is_in_mode && line[0]) {
            take_setting(&self->modes[self->count - 1], line);
        }
        return;
    }
    line[strcspn(line, ">")] = 0;
    line++;
    const char *kind = next_word(&line);
    self->is_in_mode = false;
    if (strcmp(kind, "POWER_MODEL") == 0) {
        begin_mode(self, line);
    } else if (strcmp(kind, "PM_CONFIG") == 0) {
        take_default(self, line);
    }
}

const plim_power_mode *plim_nvpmodel_find(const plim_power_modes *self, uint64_t id)
{
    for (uint32_t i = 0; i < self->count; i++) {
        if (self->modes[i].id == id) {
            return &self->modes[i];
        }
    }
    return NULL;
}

/* ---- which one is on ---- */

/* Nothing that the kernel shows contradicts the mode. @with_clocks: its limits of clocks too,
 * which anyone may have changed since. */
static bool is_in_force(const plim_probe *p, const plim_power_mode *m, bool with_clocks)
{
    const plim_fact *online = plim_facts_get(p->facts, PLIM_FACT_CPU_ONLINE);
    const plim_fact *mask = plim_facts_get(p->facts, PLIM_FACT_GPU_TPC_MASK);
    const plim_fact *gpu = plim_facts_get(p->facts, PLIM_FACT_GPU_CAP_HZ);
    const plim_fact *gpu_max = plim_facts_get(p->facts, PLIM_FACT_GPU_MAX_HZ);
    const plim_fact *emc = plim_facts_get(p->facts, PLIM_FACT_MEMORY_EMC_CAP_HZ);
    if ((online && m->cores_listed && online->number != m->cores_online) ||
        (mask && m->has_tpc_mask && mask->number != m->tpc_mask)) {
        return false;
    }
    if (with_clocks && gpu && m->gpu_max_hz) {
        bool is_capped = gpu_max && gpu->number < gpu_max->number;
        if (m->gpu_max_hz == PLIM_POWER_NO_CAP ? is_capped : gpu->number != m->gpu_max_hz) {
            return false;
        }
    }
    return !with_clocks || !emc || !m->emc_max_hz || m->emc_max_hz == PLIM_POWER_NO_CAP ||
           emc->number == m->emc_max_hz;
}

/* "pmode:0002", beside other lines such as the fan's. Four digits: fewer are a number cut short. */
static bool read_status(plim_probe *p, uint64_t *out)
{
    plim_lines lines;
    bool found = false;
    if (!plim_probe_lines(p, STATUS, &lines)) {
        return false;
    }
    for (char *line; !found && (line = plim_lines_next(&lines));) {
        line = plim_text_trim(line);
        size_t digits = strncmp(line, "pmode:", 6) == 0 ? strspn(line + 6, "0123456789") : 0;
        found = digits >= 4 && line[6 + digits] == 0 && plim_parse_u64(line + 6, out);
    }
    plim_lines_close(&lines);
    return found && *out <= UINT32_MAX;
}

/* The mode that fits; NULL when it is not exactly one. @out_any: one of those that fit, when they
 * gate the same TPCs, which says something although the mode is not known. */
static const plim_power_mode *deduce(const plim_probe *p, const plim_power_modes *all,
                                     const plim_power_mode **out_any)
{
    const plim_power_mode *found = NULL;
    uint32_t count = 0;
    bool is_same_mask = true;
    for (uint32_t i = 0; i < all->count; i++) {
        const plim_power_mode *m = &all->modes[i];
        if (is_in_force(p, m, true)) {
            is_same_mask =
                is_same_mask && m->has_tpc_mask && (!found || m->tpc_mask == found->tpc_mask);
            found = m;
            count++;
        }
    }
    *out_any = is_same_mask ? found : NULL;
    return count == 1 ? found : NULL;
}

/* ---- facts ---- */

static void note_limits(plim_probe *p, const plim_power_mode *m, plim_confidence c)
{
    char source[PLIM_FACT_SOURCE_BYTES];
    snprintf(source, sizeof(source), "/" CONF ", mode %u", (unsigned)m->id);
    if (m->has_tpc_mask) {
        (void)plim_facts_set_number(p->facts, PLIM_FACT_GPU_TPC_MASK, m->tpc_mask, c, source);
    }
    if (m->gpu_max_hz && m->gpu_max_hz != PLIM_POWER_NO_CAP) {
        (void)plim_facts_set_number(p->facts, PLIM_FACT_GPU_CAP_HZ, m->gpu_max_hz, c, source);
    }
    if (m->emc_max_hz && m->emc_max_hz != PLIM_POWER_NO_CAP) {
        (void)plim_facts_set_number(p->facts, PLIM_FACT_MEMORY_EMC_CAP_HZ, m->emc_max_hz, c,
                                    source);
    }
}

static void note_mode(plim_probe *p, const plim_power_modes *all)
{
    uint64_t id = 0;
    const char *source = p->source;
    plim_confidence c = PLIM_CONFIDENCE_READ;
    const plim_power_mode *any = NULL;
    const bool is_stored = read_status(p, &id);
    const plim_power_mode *m = is_stored ? plim_nvpmodel_find(all, id) : deduce(p, all, &any);
    if (!is_stored) {
        c = PLIM_CONFIDENCE_GUESS;
        source = "the only mode that fits cores, TPC mask and clocks";
    } else if (m && !is_in_force(p, m, false)) {
        c = PLIM_CONFIDENCE_GUESS;
        source = "/" STATUS ", though cores or TPC mask are not its";
    }
    if (m) {
        id = m->id;
        (void)plim_facts_set_text(p->facts, PLIM_FACT_POWER_MODE, m->name, c, source);
        note_limits(p, m, c == PLIM_CONFIDENCE_READ ? PLIM_CONFIDENCE_TABLE : c);
    } else if (any) {
        (void)plim_facts_set_number(p->facts, PLIM_FACT_GPU_TPC_MASK, any->tpc_mask,
                                    PLIM_CONFIDENCE_GUESS, "/" CONF ", all modes that fit");
    }
    if (m || is_stored) { /* a number that the conf does not hold is still a number */
        (void)plim_facts_set_number(p->facts, PLIM_FACT_POWER_MODE_ID, id, c, source);
    }
}

/* The mode without limits is called MAXN or MAXN_SUPER; else the one that caps no clock. */
static const plim_power_mode *unlimited(const plim_power_modes *all)
{
    const plim_power_mode *found = NULL;
    for (uint32_t i = 0; i < all->count; i++) {
        const plim_power_mode *m = &all->modes[i];
        if (strncmp(m->name, "MAXN", 4) == 0) {
            return m;
        }
        if (!found && m->gpu_max_hz == PLIM_POWER_NO_CAP && m->cores_online == m->cores_listed) {
            found = m;
        }
    }
    return found;
}

void plim_probe_nvpmodel(plim_probe *p)
{
    plim_power_modes all = {.count = 0};
    plim_lines lines;
    if (plim_probe_lines(p, CONF, &lines)) {
        for (char *line; (line = plim_lines_next(&lines));) {
            plim_nvpmodel_line(&all, line);
        }
        plim_lines_close(&lines);
        if (all.has_default) {
            plim_probe_count(p, PLIM_FACT_POWER_MODE_DEFAULT, all.default_id);
        }
        const plim_power_mode *max = unlimited(&all);
        plim_probe_text(p, PLIM_FACT_POWER_MODE_MAX, max ? max->name : "");
    }
    note_mode(p, &all);
}
