/* SPDX-License-Identifier: Apache-2.0 */
/* sheet_recorded.c - memreport/1 as rows: episodes by feature, data sets by group, plans by need.
 *
 * Decoders and containers are rows too, so that each column adds up to what the report calls its
 * total: memory without decoders, window with them, disk with the containers.
 */
#include <stdio.h>
#include <string.h>

#include "src/tools/memreport/sheet.h"

enum { MEMORY = 0, DISK = 1, WINDOW = 2 };

static const struct {
    const char *key;
    sheet_part part;
} GROUPS[] = {
    {"video", PART_VIDEO}, {"state_action", PART_STATE_ACTION}, {"other", PART_OTHER_DATA}};

/* A whole number from 0 on; @is_needed: its absence is refused, else it is SHEET_NONE. */
static plim_status get(json_t *object, const char *key, bool is_needed, int64_t *out,
                       plim_error *err)
{
    json_t *n = json_object_get(object, key);
    *out = SHEET_NONE;
    if ((!n || json_is_null(n)) && !is_needed) {
        return PLIM_OK;
    }
    if (!json_is_integer(n) || json_integer_value(n) < 0) {
        return sheet_refuse(err, key, "a number of bytes", n ? "something else" : "nothing");
    }
    *out = json_integer_value(n);
    return PLIM_OK;
}

static plim_status get_text(json_t *object, const char *key, const char **out, plim_error *err)
{
    *out = json_string_value(json_object_get(object, key));
    return *out ? PLIM_OK : sheet_refuse(err, key, "a text", "something else");
}

static plim_status get_figures(json_t *object, sheet_row *row, plim_error *err)
{
    PLIM_TRY(get(object, "memory", true, &row->bytes[MEMORY], err));
    PLIM_TRY(get(object, "disk", true, &row->bytes[DISK], err));
    return get(object, "window", false, &row->bytes[WINDOW], err);
}

static const char *last_part(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    size_t from = n;
    while (from > 0 && path[from - 1] != '/') {
        from--;
    }
    return path + from;
}

/* What all three kinds begin with. */
static plim_status read_head(json_t *root, sheet *out, const char **name, plim_error *err)
{
    json_t *options = json_object_get(root, "options");
    int64_t window;
    PLIM_TRY(get_text(root, "root", name, err));
    PLIM_TRY(get_text(options, "as", &out->pixels, err));
    PLIM_TRY(get(options, "window", false, &window, err));
    *name = last_part(*name);
    *name = **name ? *name : "data set";
    out->window = window == SHEET_NONE ? 0 : (uint64_t)window;
    out->is_complete = !json_is_false(json_object_get(root, "complete"));
    return PLIM_OK;
}

static void name_columns(sheet *out, bool has_window)
{
    out->columns[MEMORY] = "in memory";
    out->keys[MEMORY] = "memory";
    out->columns[DISK] = "on disk";
    out->keys[DISK] = "disk";
    if (has_window) {
        out->columns[WINDOW] = sheet_keep(out, "window %llu", (unsigned long long)out->window);
        out->keys[WINDOW] = "window";
    }
}

static plim_status read_feature(json_t *feature, const char *section, sheet *out, plim_error *err)
{
    const char *group;
    sheet_row row = {.section = section, .owner = "", .part = PART_OTHER_DATA};
    PLIM_TRY(get_text(feature, "name", &row.name, err));
    PLIM_TRY(get_text(feature, "source", &row.known, err));
    PLIM_TRY(get_text(feature, "group", &group, err));
    PLIM_TRY(get_figures(feature, &row, err));
    for (size_t i = 0; i < sizeof(GROUPS) / sizeof(GROUPS[0]); i++) {
        row.part = strcmp(group, GROUPS[i].key) == 0 ? GROUPS[i].part : row.part;
    }
    if (json_is_false(json_object_get(feature, "in_view"))) {
        row.bytes[MEMORY] = row.bytes[WINDOW] = SHEET_NONE; /* on disk, never loaded */
    }
    return sheet_add(out, &row, err);
}

static plim_status read_containers(json_t *containers, const char *section, sheet *out,
                                   plim_error *err)
{
    const char *name;
    json_t *bytes;
    json_object_foreach(containers, name, bytes)
    {
        sheet_row row = {.section = section,
                         .owner = "",
                         .name = name,
                         .known = "measured",
                         .part = PART_CONTAINERS,
                         .bytes = {SHEET_NONE, SHEET_NONE, SHEET_NONE}};
        PLIM_TRY(get(containers, name, true, &row.bytes[DISK], err));
        PLIM_TRY(sheet_add(out, &row, err));
    }
    return PLIM_OK;
}

static plim_status read_decoders(json_t *decoder, const char *section, sheet *out, plim_error *err)
{
    sheet_row row = {.section = section,
                     .owner = "",
                     .name = "decoders",
                     .part = PART_DECODERS,
                     .bytes = {SHEET_NONE, SHEET_NONE, SHEET_NONE}};
    PLIM_TRY(get_text(decoder, "source", &row.known, err));
    PLIM_TRY(get(decoder, "bytes", true, &row.bytes[WINDOW], err));
    return row.bytes[WINDOW] && out->columns[WINDOW] ? sheet_add(out, &row, err) : PLIM_OK;
}

/* The rows from @first on are this episode's, and give its totals. */
static plim_status check_episode(json_t *total, const sheet *all, size_t first, plim_error *err)
{
    sheet one = *all;
    sheet_row stated;
    one.rows = all->rows + first;
    one.row_count = all->row_count - first;
    if (one.row_count == 0) {
        one.rows = NULL;
    }
    PLIM_TRY(sheet_add_up(&one, err));
    PLIM_TRY(get_figures(total, &stated, err));
    for (size_t c = 0; c < SHEET_COLUMNS; c++) {
        if (one.columns[c]) {
            PLIM_TRY(sheet_check_total(&one, c, sheet_value(stated.bytes[c]), err));
        }
    }
    return PLIM_OK;
}

static plim_status read_episode(json_t *e, sheet *out, plim_error *err)
{
    size_t i, first = out->row_count;
    json_t *one, *features = json_object_get(e, "features");
    int64_t index;
    PLIM_TRY(get(e, "index", true, &index, err));
    const char *section = sheet_keep(out, "episode %lld", (long long)index);
    if (!json_is_array(features)) {
        return sheet_refuse(err, "features", "an array", "something else");
    }
    json_array_foreach(features, i, one)
    {
        PLIM_TRY(read_feature(one, section, out, err));
    }
    PLIM_TRY(read_containers(json_object_get(e, "container"), section, out, err));
    PLIM_TRY(read_decoders(json_object_get(e, "decoder"), section, out, err));
    return check_episode(json_object_get(e, "total"), out, first, err);
}

plim_status sheet_from_episodes(json_t *root, sheet *out, plim_error *err)
{
    json_t *episodes = json_object_get(root, "episodes"), *one;
    const char *name;
    size_t i, count = json_array_size(episodes);
    out->kind = SHEET_EPISODE;
    PLIM_TRY(read_head(root, out, &name, err));
    if (!json_is_array(episodes)) {
        return sheet_refuse(err, "episodes", "an array", "something else");
    }
    name_columns(out, out->window > 0);
    out->section_count = count;
    json_array_foreach(episodes, i, one)
    {
        PLIM_TRY(read_episode(one, out, err));
    }
    json_int_t index = json_integer_value(json_object_get(json_array_get(episodes, 0), "index"));
    out->title = count == 1 ? sheet_keep(out, "%s, episode %lld", name, (long long)index)
                            : sheet_keep(out, "%s, %zu episodes", name, count);
    return sheet_add_up(out, err);
}

plim_status sheet_from_dataset(json_t *root, sheet *out, plim_error *err)
{
    json_t *summary = json_object_get(root, "summary");
    json_t *groups = json_object_get(summary, "groups");
    const char *name;
    int64_t episodes;
    sheet_row sum;
    out->kind = SHEET_DATASET;
    PLIM_TRY(read_head(root, out, &name, err));
    PLIM_TRY(get(summary, "episodes", true, &episodes, err));
    name_columns(out, false);
    for (size_t i = 0; i < sizeof(GROUPS) / sizeof(GROUPS[0]); i++) {
        sheet_row row = {.section = "",
                         .owner = "",
                         .name = sheet_part_name(GROUPS[i].part),
                         .known = "measured",
                         .part = GROUPS[i].part};
        PLIM_TRY(get_figures(json_object_get(groups, GROUPS[i].key), &row, err));
        row.bytes[WINDOW] = SHEET_NONE;
        PLIM_TRY(sheet_add(out, &row, err));
    }
    PLIM_TRY(sheet_add_up(out, err));
    PLIM_TRY(get_figures(json_object_get(summary, "sum"), &sum, err));
    PLIM_TRY(sheet_check_total(out, MEMORY, sum.bytes[MEMORY], err));
    if (sum.bytes[DISK] < out->totals[DISK]) {
        return sheet_check_total(out, DISK, sum.bytes[DISK], err);
    }
    sheet_row containers = {.section = "",
                            .owner = "",
                            .name = "of episodes",
                            .known = "measured",
                            .part = PART_CONTAINERS,
                            .bytes = {SHEET_NONE, sum.bytes[DISK] - out->totals[DISK], SHEET_NONE}};
    PLIM_TRY(sheet_add(out, &containers, err));
    PLIM_TRY(
        read_containers(json_object_get(json_object_get(root, "files"), "shared"), "", out, err));
    out->title = sheet_keep(out, "%s, %lld episodes", name, (long long)episodes);
    return sheet_add_up(out, err);
}

plim_status sheet_from_plan(json_t *root, sheet *out, plim_error *err)
{
    static const struct {
        const char *key, *name, *known;
        sheet_part part;
    } NEEDS[] = {{"frames", "frames", "measured", PART_VIDEO},
                 {"decoders", "decoders", "estimated", PART_DECODERS},
                 {"rest", "state, action, other columns", "measured", PART_STATE_ACTION}};
    json_t *plan = json_object_get(root, "plan");
    json_t *whole = json_object_get(plan, "whole"), *window = json_object_get(plan, "window");
    int64_t engines, peak;
    const char *name;
    out->kind = SHEET_PLAN;
    PLIM_TRY(read_head(root, out, &name, err));
    out->columns[0] = sheet_keep(out, "window %llu", (unsigned long long)out->window);
    out->keys[0] = "window";
    out->columns[1] = "whole";
    out->keys[1] = "whole";
    PLIM_TRY(get(plan, "engines", true, &engines, err));
    PLIM_TRY(get(plan, "budget", false, &out->budget, err));
    sheet_row row = {.section = "",
                     .owner = "",
                     .name = "engines",
                     .known = "declared",
                     .part = PART_ENGINES,
                     .bytes = {engines, engines, SHEET_NONE}};
    PLIM_TRY(sheet_add(out, &row, err));
    for (size_t i = 0; i < sizeof(NEEDS) / sizeof(NEEDS[0]); i++) {
        row.name = NEEDS[i].name;
        row.known = NEEDS[i].known;
        row.part = NEEDS[i].part;
        PLIM_TRY(get(window, NEEDS[i].key, true, &row.bytes[0], err));
        PLIM_TRY(get(whole, NEEDS[i].key, true, &row.bytes[1], err));
        PLIM_TRY(sheet_add(out, &row, err));
    }
    PLIM_TRY(sheet_add_up(out, err));
    PLIM_TRY(get(window, "peak", true, &peak, err));
    PLIM_TRY(sheet_check_total(out, 0, peak, err));
    PLIM_TRY(get(whole, "peak", true, &peak, err));
    PLIM_TRY(sheet_check_total(out, 1, peak, err));
    out->title = sheet_keep(out, "%s, plan", name);
    return PLIM_OK;
}
