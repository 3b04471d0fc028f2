/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c - runs the sources of facts about a board, in order of reliability.
 *
 * Decides the order, and where a file is read from: the root, else the snapshot. Refuses nothing
 * that a machine says or does not say; only options that make no sense. Needs no heap: the facts
 * are the caller's, and a source keeps one buffer of a few KiB at a time on the stack.
 */
#include "platform/probe/probe.h"

#include <stdio.h>
#include <string.h>

#include "arena/opts.h"
#include "plimsoll/policy.h"

/* A source may use what those before it found: the module needs the kernel's count of cores and
 * MemTotal, the power mode the GPU's mask, the name of a JetPack the packages. */
static void (*const SOURCES[])(plim_probe *) = {
    plim_probe_kernel,          /* architecture, release, cores */
    plim_probe_topology,        /* caches and nodes: which part of MemTotal is the CPU's */
    plim_probe_memory,          /* meminfo and the like */
    plim_probe_cores,           /* governor, clocks */
    plim_probe_container,       /* whether this is one */
    plim_probe_system,          /* its release, its desktop */
    plim_probe_gpu,             /* CUDA itself, when it may be asked */
    plim_probe_devtree,         /* the chip */
    plim_probe_module,          /* which Jetson, on which carrier */
    plim_probe_tegra_gpu,       /* clocks, gated TPCs */
    plim_probe_nvpmodel,        /* power mode */
    plim_probe_multiprocessors, /* what the mode leaves of them */
    plim_probe_stack,           /* driver of the GPU */
    plim_probe_drm,             /* GPUs of others, NPUs */
    plim_probe_no_gpu,          /* that there is none, where that is certain */
    plim_probe_machine,         /* machines that are no Jetson, by their words */
    plim_probe_toolkit,         /* CUDA */
    plim_probe_libraries,       /* TensorRT, cuDNN, as a process would load them */
    plim_probe_release,         /* Jetson Linux, by its own file */
    plim_probe_packages,        /* what dpkg has installed */
    plim_probe_jetpack,         /* the name of the release, when no package has it */
    plim_probe_name,            /* the model stands in for a name: after all tables */
    plim_probe_headroom,        /* what can be had, by who shares the memory: last */
};

/* ---- reading ---- */

static void read_from(plim_probe *p, bool is_snapshot, const char *path)
{
    snprintf(p->source, sizeof(p->source), "%s/%s", is_snapshot ? "snapshot " : "", path);
    if (is_snapshot) {
        (void)plim_facts_set_text(p->facts, PLIM_FACT_BOARD_SNAPSHOT, p->snapshot,
                                  PLIM_CONFIDENCE_GIVEN, "options");
    }
}

bool plim_probe_read(plim_probe *p, const char *path, char *out, size_t out_room, size_t *out_bytes)
{
    if (plim_fsroot_read(p->root, path, out, out_room, out_bytes)) {
        read_from(p, false, path);
        return true;
    }
    if (p->snapshot && plim_fsroot_read(p->snapshot, path, out, out_room, out_bytes)) {
        read_from(p, true, path);
        return true;
    }
    return false;
}

char *plim_text_trim(char *text)
{
    static const char BLANKS[] = " \t\r\n";
    size_t n = strlen(text);
    while (n && strchr(BLANKS, text[n - 1])) {
        text[--n] = 0;
    }
    return text + strspn(text, BLANKS);
}

bool plim_probe_line(plim_probe *p, const char *path, char *out, size_t out_room)
{
    if (!plim_probe_read(p, path, out, out_room, NULL)) {
        return false;
    }
    out[strcspn(out, "\n")] = 0;
    const char *text = plim_text_trim(out);
    memmove(out, text, strlen(text) + 1);
    return out[0] != 0;
}

bool plim_probe_number(plim_probe *p, const char *path, uint64_t *out)
{
    char text[32];
    return plim_probe_line(p, path, text, sizeof(text)) && text[strspn(text, "0123456789")] == 0 &&
           plim_parse_u64(text, out);
}

bool plim_probe_lines(plim_probe *p, const char *path, plim_lines *out)
{
    bool is_snapshot = plim_lines_open(p->root, path, out, NULL) != PLIM_OK;
    if (is_snapshot && (!p->snapshot || plim_lines_open(p->snapshot, path, out, NULL) != PLIM_OK)) {
        return false;
    }
    read_from(p, is_snapshot, path);
    return true;
}

bool plim_probe_folder(plim_probe *p, const char *path, plim_folder *out)
{
    bool is_snapshot = plim_folder_open(p->root, path, out, NULL) != PLIM_OK;
    if (is_snapshot &&
        (!p->snapshot || plim_folder_open(p->snapshot, path, out, NULL) != PLIM_OK)) {
        return false;
    }
    read_from(p, is_snapshot, path);
    return true;
}

bool plim_probe_has(plim_probe *p, const char *path)
{
    const bool is_snapshot = !plim_fsroot_has(p->root, path);
    if (is_snapshot && (!p->snapshot || !plim_fsroot_has(p->snapshot, path))) {
        return false;
    }
    read_from(p, is_snapshot, path);
    return true;
}

/* ---- noting ---- */

void plim_probe_text(plim_probe *p, plim_fact_id id, const char *text)
{
    (void)plim_facts_set_text(p->facts, id, text, PLIM_CONFIDENCE_READ, p->source);
}

void plim_probe_count(plim_probe *p, plim_fact_id id, uint64_t number)
{
    (void)plim_facts_set_number(p->facts, id, number, PLIM_CONFIDENCE_READ, p->source);
}

void plim_probe_component(plim_probe *p, const char *name, const char *version, const char *where,
                          plim_confidence confidence)
{
    for (size_t i = 0; i < p->component_count && i < p->component_limit; i++) {
        const plim_component *c = &p->components[i];
        if (strcmp(c->name, name) == 0 && strcmp(c->version, version) == 0 &&
            strcmp(c->where, where) == 0) {
            return;
        }
    }
    if (p->component_count++ < p->component_limit) {
        plim_component *c = &p->components[p->component_count - 1];
        memset(c, 0, sizeof(*c));
        snprintf(c->name, sizeof(c->name), "%s", name);
        snprintf(c->version, sizeof(c->version), "%s", version);
        snprintf(c->where, sizeof(c->where), "%s", where);
        c->confidence = confidence;
    }
}

/* ---- all of it ---- */

plim_status plim_board_probe(const plim_board_opts *opts, plim_facts *facts, plim_error *err)
{
    plim_board_opts o;
    plim_board_opts defaults = plim_board_opts_default();
    if (!facts || !opts_take(&o, sizeof(o), opts ? opts : &defaults) ||
        (o.component_limit && (!o.components || !o.out_component_count))) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "board: facts or opts");
    }
    plim_policy builtin;
    if (!o.policy) {
        plim_policy_builtin(&builtin);
    }
    plim_probe p = {.root = o.root ? o.root : "",
                    .snapshot = o.snapshot,
                    .with_gpu = o.with_gpu,
                    .policy = o.policy ? o.policy : &builtin,
                    .facts = facts,
                    .components = o.components,
                    .component_limit = o.component_limit};
    for (size_t i = 0; i < sizeof(SOURCES) / sizeof(SOURCES[0]); i++) {
        SOURCES[i](&p);
    }
    if (o.out_component_count) {
        *o.out_component_count = p.component_count;
    }
    return PLIM_OK;
}
