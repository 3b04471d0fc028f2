/* SPDX-License-Identifier: Apache-2.0 */
/* machine_name.c - machines that are no Jetson: which entry of the tables is meant.
 *
 * Decides by words: those of DMI and of NVIDIA's release file against an entry's dmi words, the
 * GPU's name and the CPU's against its gpu words (a Ryzen's CPU name says its graphics). The first
 * entry that matches wins. What
 * firmware leaves as it came ("To Be Filled By O.E.M.") is no name.
 */
#include <stdio.h>
#include <string.h>

#include "platform/probe/probe.h"
#include "platform/probe/version_text.h"
#include "plimsoll/policy.h"

typedef struct machine_words {
    char product[128], release[128], cpu[128];
    const char *gpu;
} machine_words;

static bool is_filler(const char *text)
{
    static const char *const FILLERS[] = {"To Be Filled",  "System Product Name", "Default string",
                                          "Not Specified", "Not Applicable",      "O.E.M.",
                                          "None"};
    for (size_t i = 0; i < sizeof(FILLERS) / sizeof(FILLERS[0]); i++) {
        if (strstr(text, FILLERS[i])) {
            return true;
        }
    }
    return text[0] == 0;
}

/* "model name	: AMD RYZEN AI MAX+ 395 w/ Radeon 8060S" */
static void read_cpu_name(plim_probe *p, char *out, size_t room)
{
    plim_lines lines;
    out[0] = 0;
    if (plim_lines_open(p->root, "proc/cpuinfo", &lines, NULL) != PLIM_OK) {
        return;
    }
    for (char *line; !out[0] && (line = plim_lines_next(&lines));) {
        const char *colon = strchr(line, ':');
        if (colon && strncmp(line, "model name", 10) == 0) {
            snprintf(out, room, "%s", colon + 1 + strspn(colon + 1, " \t"));
        }
    }
    plim_lines_close(&lines);
}

/* DGX_PRETTY_NAME="NVIDIA DGX Spark"; DGX_NAME stands in. */
static void read_release(plim_probe *p, char *out, size_t room)
{
    plim_lines lines;
    char name[128] = "";
    out[0] = 0;
    if (!plim_probe_lines(p, "etc/dgx-release", &lines)) {
        return;
    }
    for (char *line; (line = plim_lines_next(&lines));) {
        (void)(plim_shell_value(line, "DGX_NAME", name, sizeof(name)) ||
               plim_shell_value(line, "DGX_PRETTY_NAME", out, room));
    }
    plim_lines_close(&lines);
    if (!out[0]) {
        snprintf(out, room, "%s", name);
    }
}

/* One of the words "a | b" stands in @text, whatever its case. */
static bool has_word(plim_slice words, const char *text)
{
    char list[256];
    plim_slice_copy(words, list, sizeof(list));
    char *rest = list;
    for (char *word; text[0] && list[0] && (word = strsep(&rest, "|"));) {
        word = plim_text_trim(word);
        if (word[0] && strcasestr(text, word)) {
            return true;
        }
    }
    return false;
}

/* What of the machine an entry speaks of, for the source of its facts; NULL: nothing. */
static const char *named_by(const plim_board_info *b, const machine_words *w)
{
    return has_word(b->dmi, w->release)                           ? "/etc/dgx-release"
           : has_word(b->dmi, w->product)                         ? "DMI"
           : has_word(b->gpu, w->gpu)                             ? "name of the GPU"
           : has_word(b->dmi, w->cpu) || has_word(b->gpu, w->cpu) ? "name of the CPU"
                                                                  : NULL;
}

/* The chip of a board says the stack and whether memory is shared, where nothing was read. */
static void note_soc(plim_probe *p)
{
    plim_soc_info soc;
    char text[64], source[PLIM_FACT_SOURCE_BYTES];
    const char *name = plim_facts_text(p->facts, PLIM_FACT_BOARD_SOC);
    if (!name[0] || !plim_policy_soc(p->policy, name, &soc)) {
        return;
    }
    snprintf(source, sizeof(source), "table socs, %.80s", name);
    (void)plim_facts_set_number(p->facts, PLIM_FACT_GPU_SHARES_MEMORY, soc.is_shared,
                                PLIM_CONFIDENCE_TABLE, source);
    if (soc.sm) {
        (void)plim_facts_set_number(p->facts, PLIM_FACT_GPU_SM, soc.sm, PLIM_CONFIDENCE_TABLE,
                                    source);
    }
    plim_slice_copy(soc.arch, text, sizeof(text));
    (void)plim_facts_set_text(p->facts, PLIM_FACT_CPU_ARCH, text, PLIM_CONFIDENCE_TABLE, source);
    plim_slice_copy(soc.stack, text, sizeof(text));
    (void)plim_facts_set_text(p->facts, PLIM_FACT_GPU_STACK, text, PLIM_CONFIDENCE_TABLE, source);
}

static void match(plim_probe *p, const machine_words *w)
{
    plim_policy_cursor cursor = PLIM_ZERO;
    plim_policy_entry e;
    while (plim_policy_next(p->policy, &cursor, &e)) {
        const char *by = e.kind == PLIM_POLICY_BOARD ? named_by(&e.as.board, w) : NULL;
        if (by) {
            plim_probe_board(p, &e.as.board, PLIM_CONFIDENCE_TABLE);
            note_soc(p);
            return;
        }
    }
}

/* After stack and drm (the GPU's name). A module of the tables that is known already stays. */
void plim_probe_machine(plim_probe *p)
{
    char vendor[96];
    machine_words w = {.gpu = plim_facts_text(p->facts, PLIM_FACT_GPU_NAME)};
    if (plim_probe_line(p, "sys/class/dmi/id/sys_vendor", vendor, sizeof(vendor)) &&
        !is_filler(vendor)) {
        plim_probe_text(p, PLIM_FACT_BOARD_VENDOR, vendor);
    }
    if (plim_probe_line(p, "sys/class/dmi/id/product_name", w.product, sizeof(w.product)) &&
        !is_filler(w.product)) {
        plim_probe_text(p, PLIM_FACT_BOARD_MODEL, w.product);
    }
    if (plim_facts_text(p->facts, PLIM_FACT_BOARD_FAMILY)[0]) {
        return;
    }
    read_cpu_name(p, w.cpu, sizeof(w.cpu));
    read_release(p, w.release, sizeof(w.release));
    match(p, &w);
    if (strcmp(plim_facts_text(p->facts, PLIM_FACT_CPU_ARCH), "x86_64") == 0) {
        (void)plim_facts_set_text(p->facts, PLIM_FACT_BOARD_FAMILY, "pc", PLIM_CONFIDENCE_GUESS,
                                  "x86_64 that no table names");
    }
}
