/* SPDX-License-Identifier: Apache-2.0 */
/* tiers.c - one manifest for several boards: exactly one artifact of an engine fits, or none is.
 *
 * Decides by the cards alone. Two that fit are a mistake of somebody, unless the manifest says
 * that their order decides (pick: first): which of them flies must not depend on luck.
 */
#include "src/tools/plimsoll/tiers.h"

#include <string.h>

#include "src/tools/plimsoll/predict.h"

typedef struct candidate {
    plim_status status;
    char why[1024];
} candidate;

static void look_at(const char *path, const plim_host *host, workshop *shop, candidate *out)
{
    plim_engine_file *file = NULL;
    plim_error err = {.status = PLIM_OK};
    uint64_t mark = plim_region_mark(shop->home);
    out->why[0] = 0;
    out->status = plim_engine_open(path, shop->home, &file, &err);
    if (out->status == PLIM_OK) {
        out->status = plim_card_match(plim_engine_card(file), host, path, &err);
        plim_engine_close(file);
        plim_status rc = plim_region_rewind(shop->home, mark, NULL);
        (void)rc; /* the mark is of this region */
    }
    if (out->status != PLIM_OK) {
        plim_error_format(&err, out->why, sizeof(out->why));
    }
}

static void list_candidates(const manifest_engine *e, const candidate *list, FILE *to)
{
    for (size_t i = 0; to && i < e->tier_count; i++) {
        fprintf(to, "  %s: %s\n", e->tiers[i], list[i].why[0] ? list[i].why : "fits this host");
    }
}

static tool_exit choose(const manifest *m, manifest_engine *e, const plim_host *host,
                        workshop *shop, FILE *to)
{
    candidate list[MANIFEST_TIERS_MAX];
    size_t count = 0, chosen = 0;
    for (size_t i = 0; i < e->tier_count; i++) {
        look_at(e->tiers[i], host, shop, &list[i]);
        chosen = list[i].status == PLIM_OK && count == 0 ? i : chosen;
        count += list[i].status == PLIM_OK;
    }
    if (count == 1 || (count > 1 && e->pick == PICK_FIRST)) {
        memcpy(e->artifact, e->tiers[chosen], sizeof(e->artifact));
        return TOOL_OK;
    }
    if (to) {
        fprintf(to,
                count
                    ? "%s:%u: engine %s: %zu artifacts fit this host, and one must; 'pick: first' "
                      "lets the order decide\n"
                    : "%s:%u: engine %s: none of its artifacts fits this host (%zu do)\n",
                m->path, (unsigned)e->line, e->name, count);
    }
    list_candidates(e, list, to);
    return count ? TOOL_USAGE : TOOL_NOTHING;
}

tool_exit tiers_choose(manifest *m, const plim_host *host, FILE *to)
{
    workshop shop;
    plim_error err = {.status = PLIM_OK};
    tool_exit code = TOOL_OK;
    bool has_tiers = false;
    for (size_t i = 0; i < m->engine_count; i++) {
        has_tiers = has_tiers || m->engines[i].tier_count > 1;
    }
    if (!has_tiers) {
        return TOOL_OK;
    }
    if (workshop_open(&shop, host, (plim_large_pages)m->large_pages, &err) != PLIM_OK) {
        return tool_refuse("tiers", &err);
    }
    for (size_t i = 0; i < m->engine_count; i++) {
        if (m->engines[i].tier_count > 1) {
            tool_exit one = choose(m, &m->engines[i], host, &shop, to);
            code = code == TOOL_OK ? one : code;
        }
    }
    workshop_close(&shop);
    return code;
}
