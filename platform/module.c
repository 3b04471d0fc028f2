/* SPDX-License-Identifier: Apache-2.0 */
/* module.c - which Jetson module this is.
 *
 * TNSPEC of the boot control file, else a part number in the device tree's compatible list, else
 * in the name of its source file. The model string cannot tell 8 GB from 16 GB modules, so it
 * only serves as the board's name when the part is not in the table. An unknown module still has
 * the compute capability of its SoC.
 */
#include <stdio.h>
#include <string.h>

#include "platform/boards.h"
#include "platform/probe.h"

/* "p3767-0005" out of "nvidia,p3768-0000+p3767-0005-super": the last part that is in the table. */
static const plim_board *board_in(const char *text)
{
    const plim_board *found = NULL;
    for (const char *p = text; (p = strchr(p, 'p')); p++) {
        char part[11];
        if (strnlen(p, 10) == 10) {
            memcpy(part, p, 10);
            part[10] = 0;
            const plim_board *b = plim_board_find(part);
            found = b ? b : found;
        }
    }
    return found;
}

/* "TNSPEC 3767-302-0005-J.1-1-0-jetson-...": board in the first field, SKU in the third. */
static const plim_board *board_from_boot_control(plim_probe *p)
{
    plim_lines lines;
    const plim_board *found = NULL;
    if (!plim_probe_lines(p, "etc/nv_boot_control.conf", &lines)) {
        return NULL;
    }
    for (char *line; !found && (line = plim_lines_next(&lines));) {
        char id[5], sku[5], part[11];
        if (sscanf(line, "TNSPEC %4[0-9]-%*[^-]-%4[0-9]-", id, sku) == 2) {
            snprintf(part, sizeof(part), "p%s-%s", id, sku);
            found = plim_board_find(part);
        }
    }
    plim_lines_close(&lines);
    return found;
}

/* The compatible list is NUL separated. */
static void read_compatible(plim_probe *p, const plim_board **board, const plim_soc **soc)
{
    char list[1024];
    size_t bytes = 0;
    if (!plim_probe_read(p, "proc/device-tree/compatible", list, sizeof(list), &bytes)) {
        return;
    }
    for (size_t at = 0; at < bytes; at += strlen(list + at) + 1) {
        const plim_board *b = board_in(list + at);
        const plim_soc *s = plim_soc_find(list + at);
        *board = *board ? *board : b;
        *soc = *soc ? *soc : s;
    }
    if (*soc) {
        plim_probe_text(p, PLIM_FACT_BOARD_SOC, (*soc)->compatible + strlen("nvidia,"));
    }
}

static void note_board(plim_probe *p, const plim_board *board)
{
    char source[PLIM_FACT_SOURCE_BYTES];
    plim_probe_text(p, PLIM_FACT_BOARD_MODULE, board->part);
    snprintf(source, sizeof(source), "table boards, %s", board->part);
    (void)plim_facts_set_text(p->facts, PLIM_FACT_BOARD_NAME, board->name, PLIM_CONFIDENCE_TABLE,
                              source);
    (void)plim_facts_set_number(p->facts, PLIM_FACT_GPU_SM, board->sm, PLIM_CONFIDENCE_TABLE,
                                source);
    if (board->multiprocessors) {
        (void)plim_facts_set_number(p->facts, PLIM_FACT_GPU_MULTIPROCESSORS, board->multiprocessors,
                                    PLIM_CONFIDENCE_TABLE, source);
    }
}

void plim_probe_module(plim_probe *p)
{
    char text[256], source[PLIM_FACT_SOURCE_BYTES];
    const plim_soc *soc = NULL;
    const plim_board *tree = NULL, *board = board_from_boot_control(p);
    memcpy(source, p->source, sizeof(source));
    read_compatible(p, &tree, &soc);
    if (board) {
        memcpy(p->source, source, sizeof(source));
    }
    board = board ? board : tree;
    if (!board &&
        plim_probe_read(p, "proc/device-tree/nvidia,dtsfilename", text, sizeof(text), 0)) {
        board = board_in(text);
    }
    if (board) {
        note_board(p, board);
    }
    if (plim_probe_line(p, "proc/device-tree/model", text, sizeof(text)) ||
        plim_probe_line(p, "sys/class/dmi/id/product_name", text, sizeof(text))) {
        plim_probe_text(p, PLIM_FACT_BOARD_MODEL, text);
        if (!board) {
            plim_probe_text(p, PLIM_FACT_BOARD_NAME, text);
        }
    }
    if (soc) {
        snprintf(source, sizeof(source), "table socs, %s", soc->compatible);
        (void)plim_facts_set_number(p->facts, PLIM_FACT_GPU_SM, soc->sm, PLIM_CONFIDENCE_TABLE,
                                    source);
        (void)plim_facts_set_text(p->facts, PLIM_FACT_CPU_ARCH, "aarch64", PLIM_CONFIDENCE_TABLE,
                                  source); /* every Tegra since the X1 */
    }
}
