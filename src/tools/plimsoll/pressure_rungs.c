/* SPDX-License-Identifier: Apache-2.0 */
/* pressure_rungs.c - a manifest's pressure ladder, from its keys to the report.
 *
 * Decides what a deployment may say: the built-in rungs as they are ("pressure: {}"), or a list in
 * its own order with its own lines. Refuses lines that would flap and rungs that watch nothing
 * with the line of the file, before anything is loaded. Giving the allocator's free memory back
 * (heap-trim) is here and not in the library, which does not own the process's heap.
 */
#include "src/tools/plimsoll/pressure_rungs.h"

#include <inttypes.h>
#include <malloc.h>
#include <string.h>
#include <unistd.h>

#include "src/tools/plimsoll/tool.h"

/* In the order of plim_rung_kind, with the tool's own in the place of the callback. */
static const char *const RUNG_NAMES[] = {"heap-trim",      "drop-video",        "trim-caches",
                                         "shrink-windows", "refuse-admissions", NULL};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define LINE(key_name, key_kind, field)                                                            \
    {                                                                                              \
        key_name, key_kind, offsetof(manifest_lines, field), 0, NULL, NULL                         \
    }

/* ---- reading ---- */

#define LINE_KEYS                                                                                  \
    LINE("psi_some", KEY_SHARE, psi_some), LINE("psi_full", KEY_SHARE, psi_full),                  \
        LINE("headroom", KEY_SIZE, headroom_bytes), LINE("cgroup", KEY_SHARE, cgroup)

static void read_leave(yaml_reader *r, yaml_node_t *node, void *base, const char *where)
{
    static const yaml_key KEYS[] = {LINE_KEYS};
    yaml_seen seen;
    yaml_bind(r, node, KEYS, COUNT(KEYS), &((manifest_rung *)base)->leave, where, &seen);
}

static void read_enter(yaml_reader *r, yaml_node_t *node, void *base, const char *where)
{
    static const yaml_key KEYS[] = {LINE_KEYS, LINE("events", KEY_COUNT, events)};
    yaml_seen seen;
    yaml_bind(r, node, KEYS, COUNT(KEYS), &((manifest_rung *)base)->enter, where, &seen);
}

static void check_line(yaml_reader *r, uint32_t line, const char *where, const char *key,
                       bool is_calmer, bool is_watched, bool is_given)
{
    char full[160];
    snprintf(full, sizeof(full), "%.100s.leave.%s", where, key);
    if (is_given && !is_watched) {
        complain(r->bad, r->file, line, full, "nothing reads this: 'enter' does not watch it");
    } else if (is_given && !is_calmer) {
        complain(r->bad, r->file, line, full, "must be calmer than 'enter', or the rung flaps");
    }
}

static void check_rung(yaml_reader *r, const manifest_rung *g, uint32_t line, const char *where)
{
    const manifest_lines *e = &g->enter, *l = &g->leave;
    check_line(r, line, where, "psi_some", l->psi_some<e->psi_some, e->psi_some> 0,
               l->psi_some > 0);
    check_line(r, line, where, "psi_full", l->psi_full<e->psi_full, e->psi_full> 0,
               l->psi_full > 0);
    check_line(r, line, where, "cgroup", l->cgroup<e->cgroup, e->cgroup> 0, l->cgroup > 0);
    check_line(r, line, where, "headroom", l->headroom_bytes > e->headroom_bytes,
               e->headroom_bytes > 0, l->headroom_bytes > 0);
    if (!(e->psi_some > 0 || e->psi_full > 0 || e->cgroup > 0 || e->headroom_bytes || e->events)) {
        complain(r->bad, r->file, line, where, "'enter' watches nothing");
    }
}

static void read_rung(yaml_reader *r, yaml_node_t *node, manifest_pressure *p, const char *where)
{
    static const yaml_key KEYS[] = {
        {"rung", KEY_CHOICE, offsetof(manifest_rung, kind), 0, RUNG_NAMES, NULL},
        {"enter", KEY_NODE, 0, 0, NULL, read_enter},
        {"leave", KEY_NODE, 0, 0, NULL, read_leave},
        {"hold_ms", KEY_COUNT, offsetof(manifest_rung, hold_ms), 0, NULL, NULL},
        {"cool_down_ms", KEY_COUNT, offsetof(manifest_rung, cool_down_ms), 0, NULL, NULL},
        {"deadline_ms", KEY_COUNT, offsetof(manifest_rung, deadline_ms), 0, NULL, NULL},
        {"calls", KEY_COUNT, offsetof(manifest_rung, calls), 0, NULL, NULL},
    };
    yaml_seen seen;
    manifest_rung *g = &p->rungs[p->rung_count];
    uint32_t line = yaml_line(node);
    unsigned before = r->bad->count;
    yaml_bind(r, node, KEYS, COUNT(KEYS), g, where, &seen);
    if (!seen.line[0] || !seen.line[1]) {
        complain(r->bad, r->file, line, where, "the key '%s' is missing",
                 seen.line[0] ? "enter" : "rung");
    } else if (r->bad->count == before) {
        check_rung(r, g, line, where);
    }
    if (g->hold_ms > UINT32_MAX || g->cool_down_ms > UINT32_MAX || g->deadline_ms > UINT32_MAX ||
        g->calls > UINT32_MAX) {
        complain(r->bad, r->file, line, where, "a number is too large");
    }
    for (size_t i = 0; i < p->rung_count && seen.line[0]; i++) {
        if (p->rungs[i].kind == g->kind) {
            complain(r->bad, r->file, line, where, "the rung '%s' is listed twice",
                     RUNG_NAMES[g->kind]);
        }
    }
    p->rung_count++;
}

static void read_rungs(yaml_reader *r, yaml_node_t *node, void *base, const char *where)
{
    manifest_pressure *p = base;
    size_t count = yaml_length(node);
    if (count == 0 || count > MANIFEST_RUNGS_MAX) {
        complain(r->bad, r->file, yaml_line(node), where, "a list of 1 to %d rungs is wanted",
                 MANIFEST_RUNGS_MAX);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        char full[64];
        snprintf(full, sizeof(full), "%s[%zu]", where, i);
        read_rung(r, yaml_item(r, node, i), p, full);
    }
}

void read_pressure(yaml_reader *r, yaml_node_t *node, void *base, const char *where)
{
    enum { HEAP_TRIM, RUNGS };
    static const yaml_key KEYS[] = {
        [HEAP_TRIM] = {"heap_trim", KEY_BOOL, offsetof(manifest_pressure, heap_trim), 0, NULL,
                       NULL},
        [RUNGS] = {"rungs", KEY_NODE, 0, 0, NULL, read_rungs},
    };
    yaml_seen seen;
    manifest_pressure *p = &((manifest *)base)->pressure;
    p->is_on = true;
    yaml_bind(r, node, KEYS, COUNT(KEYS), p, where, &seen);
    if (seen.line[HEAP_TRIM] && seen.line[RUNGS]) {
        complain(r->bad, r->file, seen.line[HEAP_TRIM], "pressure.heap_trim",
                 "nothing reads this: put the rung 'heap-trim' into 'rungs'");
    }
}

/* ---- the watch ---- */

static uint64_t resident_bytes(void)
{
    unsigned long long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f) {
        if (fscanf(f, "%llu %llu", &size, &resident) != 2) {
            resident = 0;
        }
        fclose(f);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Other threads allocate meanwhile: what it answers is near, not exact. */
static uint64_t trim_heap(void *context, const plim_pressure *p)
{
    (void)context, (void)p;
    uint64_t before = resident_bytes();
    (void)malloc_trim(0);
    uint64_t after = resident_bytes();
    return before > after ? before - after : 0;
}

static void set_lines(const manifest_lines *l, uint64_t *out)
{
    out[PLIM_PRESSURE_PSI_SOME] = (uint64_t)(l->psi_some * PLIM_PRESSURE_SHARE + 0.5);
    out[PLIM_PRESSURE_PSI_FULL] = (uint64_t)(l->psi_full * PLIM_PRESSURE_SHARE + 0.5);
    out[PLIM_PRESSURE_CGROUP] = (uint64_t)(l->cgroup * PLIM_PRESSURE_SHARE + 0.5);
    out[PLIM_PRESSURE_HEADROOM] = l->headroom_bytes;
    out[PLIM_PRESSURE_EVENTS] = l->events;
}

static plim_rung make_rung(const manifest_rung *g)
{
    plim_rung r = {.kind = (plim_rung_kind)g->kind,
                   .hold_ns = g->hold_ms * 1000000u,
                   .cool_down_ns = g->cool_down_ms * 1000000u,
                   .deadline_ns = g->deadline_ms * 1000000u,
                   .call_limit = (uint32_t)g->calls,
                   .act = g->kind == PLIM_RUNG_CALLBACK ? trim_heap : NULL};
    snprintf(r.name, sizeof(r.name), "%s", RUNG_NAMES[g->kind]);
    set_lines(&g->enter, r.enter);
    set_lines(&g->leave, r.leave);
    return r;
}

/* The built-in rungs, and heap-trim behind the other caches. */
static size_t default_rungs(uint64_t total_bytes, plim_rung *out)
{
    size_t count = plim_pressure_rungs(total_bytes, out);
    memmove(&out[3], &out[2], (count - 2) * sizeof(*out));
    out[2] = out[1]; /* with its lines */
    out[2].kind = PLIM_RUNG_CALLBACK;
    out[2].act = trim_heap;
    snprintf(out[2].name, sizeof(out[2].name), "heap-trim");
    return count + 1;
}

plim_status pressure_open(const manifest *m, plim_runtime *runtime, plim_pressure_watch **out,
                          plim_error *err)
{
    plim_rung rungs[MANIFEST_RUNGS_MAX + PLIM_RUNGS_BUILT_IN];
    plim_pressure_opts o = plim_pressure_opts_default();
    const manifest_pressure *p = &m->pressure;
    *out = NULL;
    if (!p->is_on) {
        return PLIM_OK;
    }
    for (size_t i = 0; i < p->rung_count; i++) {
        rungs[i] = make_rung(&p->rungs[i]);
    }
    o.rungs = p->rung_count || p->heap_trim ? rungs : NULL;
    o.rung_count = p->rung_count;
    if (!p->rung_count && p->heap_trim) {
        plim_cgroup_memory group;
        uint64_t total = plim_runtime_host(runtime)->memory_bytes;
        if (plim_cgroup_memory_read(&group, NULL) == PLIM_OK && group.limit_bytes < total) {
            total = group.limit_bytes;
        }
        o.rung_count = default_rungs(total, rungs);
    }
    return plim_pressure_open(runtime, &o, out, err);
}

/* ---- the report ---- */

void pressure_print_config(const manifest *m, FILE *to)
{
    const manifest_pressure *p = &m->pressure;
    fprintf(to, "  pressure: %s", p->is_on ? "" : "not watched\n");
    for (size_t i = 0; i < p->rung_count; i++) {
        fprintf(to, "%s%s", i ? ", " : "", RUNG_NAMES[p->rungs[i].kind]);
    }
    if (p->is_on) {
        fprintf(to, "%s%s\n", p->rung_count ? "" : "the built-in rungs",
                p->heap_trim ? " and heap-trim" : "");
    }
}

void pressure_print(plim_pressure_watch *watch, FILE *to)
{
    plim_pressure_state s;
    uint32_t entered = 0;
    if (!watch) {
        return;
    }
    plim_pressure_read(watch, &s);
    for (uint32_t i = 0; i < s.rung_count; i++) {
        entered += s.rungs[i].enter_count != 0;
    }
    if (entered == 0) {
        fprintf(to, "pressure: no rung was entered in %" PRIu64 " looks\n", s.step_count);
        return;
    }
    fprintf(to, "\n%-20s %8s %6s %11s %11s %9s  %s\n", "pressure", "entered", "acted", "it said",
            "kernel says", "at worst", "last cause");
    for (uint32_t i = 0; i < s.rung_count; i++) {
        const plim_rung_state *r = &s.rungs[i];
        if (r->enter_count == 0) {
            continue;
        }
        bool is_more = r->moved_bytes < 0;
        char moved[32], worst[24];
        snprintf(moved, sizeof(moved), "%s%s",
                 is_more               ? "+"
                 : r->moved_bytes == 0 ? ""
                                       : "-",
                 tool_size((uint64_t)(is_more ? -r->moved_bytes : r->moved_bytes)));
        snprintf(worst, sizeof(worst), "%.1f ms", (double)r->ns_worst / 1e6);
        fprintf(to, "%-20s %8" PRIu32 " %6" PRIu32 " %11s %11s %9s  %s%s%s\n", r->name,
                r->enter_count, r->call_count, tool_size(r->said_bytes), moved, worst,
                plim_pressure_figure_name(r->cause), r->overrun_count ? ", late" : "",
                r->is_skipped ? ", skipped" : "");
    }
}

static void json_rung(const plim_rung_state *r, FILE *to)
{
    fprintf(to, "{\"name\":");
    json_text(to, r->name);
    fprintf(to,
            ",\"entered\":%" PRIu32 ",\"left\":%" PRIu32 ",\"acted\":%" PRIu32 ",\"late\":%" PRIu32
            ",\"skipped\":%s,\"said_bytes\":%" PRIu64 ",\"moved_bytes\":%" PRId64
            ",\"worst_ns\":%" PRIu64 ",\"cause\":",
            r->enter_count, r->leave_count, r->call_count, r->overrun_count,
            r->is_skipped ? "true" : "false", r->said_bytes, r->moved_bytes, r->ns_worst);
    if (r->enter_count) {
        fprintf(to, "\"%s\"", plim_pressure_figure_name(r->cause));
    } else {
        fputs("null", to);
    }
    fprintf(to, ",\"value\":%" PRIu64 ",\"line\":%" PRIu64 "}", r->value, r->line);
}

void pressure_json(plim_pressure_watch *watch, FILE *to)
{
    plim_pressure_state s;
    if (!watch) {
        return;
    }
    plim_pressure_read(watch, &s);
    fprintf(to, ",\"pressure\":{\"looks\":%" PRIu64 ",\"rungs\":[", s.step_count);
    for (uint32_t i = 0; i < s.rung_count; i++) {
        fputs(i ? "," : "", to);
        json_rung(&s.rungs[i], to);
    }
    fprintf(to, "]}");
}
