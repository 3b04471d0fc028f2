/* SPDX-License-Identifier: Apache-2.0 */
/* devtree.c - the chip, by the device tree's compatible list.
 *
 * The list goes from the board to the chip, each string "vendor,part". An entry of the tables names
 * the strings that mean its chip; one that ends in a comma means every part of that vendor. The
 * file may lack its last NUL, hold empty strings or be longer than any board's: none of it is an
 * error.
 */
#include "platform/probe/devtree.h"

#include <stdio.h>
#include <string.h>

#include "plimsoll/policy.h"

bool plim_devtree_read(plim_probe *p, const char *path, plim_devtree_list *out)
{
    out->bytes = 0;
    if (!plim_probe_read(p, path, out->text, sizeof(out->text), &out->bytes)) {
        return false;
    }
    out->bytes++; /* plim_fsroot_read terminates: at worst one empty string more */
    return true;
}

const char *plim_devtree_next(const plim_devtree_list *list, const char *last)
{
    size_t at = last ? (size_t)(last - list->text) + strlen(last) + 1 : 0;
    while (at < list->bytes && list->text[at] == 0) {
        at++;
    }
    return at < list->bytes ? list->text + at : NULL;
}

/* "rockchip,rk3588 | rockchip,rk3588s", or "qcom," for all of a vendor's. */
static bool means(plim_slice words, const char *string)
{
    const char *comma = strchr(string, ',');
    char vendor[32];
    if (plim_slice_has(words, string)) {
        return true;
    }
    if (!comma || (size_t)(comma - string) + 2 > sizeof(vendor)) {
        return false;
    }
    memcpy(vendor, string, (size_t)(comma - string) + 1);
    vendor[comma - string + 1] = 0;
    return plim_slice_has(words, vendor);
}

static bool list_means(const plim_devtree_list *list, plim_slice words)
{
    for (const char *s = NULL; words.bytes && (s = plim_devtree_next(list, s));) {
        if (means(words, s)) {
            return true;
        }
    }
    return false;
}

static void note_soc(plim_probe *p, const plim_soc_info *soc)
{
    char text[64], source[PLIM_FACT_SOURCE_BYTES];
    plim_slice_copy(soc->soc, text, sizeof(text));
    plim_probe_text(p, PLIM_FACT_BOARD_SOC, text);
    snprintf(source, sizeof(source), "table socs, %s", text);
    if (soc->sm) {
        (void)plim_facts_set_number(p->facts, PLIM_FACT_GPU_SM, soc->sm, PLIM_CONFIDENCE_TABLE,
                                    source);
    }
    (void)plim_facts_set_number(p->facts, PLIM_FACT_GPU_SHARES_MEMORY, soc->is_shared,
                                PLIM_CONFIDENCE_TABLE, source);
    plim_slice_copy(soc->arch, text, sizeof(text));
    (void)plim_facts_set_text(p->facts, PLIM_FACT_CPU_ARCH, text, PLIM_CONFIDENCE_TABLE, source);
    plim_slice_copy(soc->stack, text, sizeof(text));
    (void)plim_facts_set_text(p->facts, PLIM_FACT_GPU_STACK, text, PLIM_CONFIDENCE_TABLE, source);
}

void plim_probe_devtree(plim_probe *p)
{
    plim_devtree_list list;
    plim_policy_cursor cursor = PLIM_ZERO;
    plim_policy_entry entry;
    char model[256];
    if (plim_devtree_read(p, "proc/device-tree/compatible", &list)) {
        while (plim_policy_next(p->policy, &cursor, &entry)) {
            if (entry.kind == PLIM_POLICY_SOC && list_means(&list, entry.as.soc.compatible)) {
                note_soc(p, &entry.as.soc);
            } else if (entry.kind == PLIM_POLICY_BOARD &&
                       list_means(&list, entry.as.board.compatible)) {
                plim_probe_board(p, &entry.as.board, PLIM_CONFIDENCE_TABLE);
            }
        }
    }
    if (plim_probe_line(p, "proc/device-tree/model", model, sizeof(model))) {
        plim_probe_text(p, PLIM_FACT_BOARD_MODEL, model);
    }
}
