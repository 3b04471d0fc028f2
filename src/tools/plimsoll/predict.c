/* SPDX-License-Identifier: Apache-2.0 */
/* predict.c - the peak of a deployment before anything is loaded.
 *
 * Decides what each engine will hold, from its card alone: head, payload in granules, session,
 * activations (once for a scratch group), bound tensors; and what it needs on top while it
 * loads: the load window, or a whole payload more for a backend that copies its weights.
 * Two phases: loading (base + order), and running (all residents + the episode's window); the
 * higher one is the peak. Refuses artifacts that cannot be opened, cards that do not match the
 * host, inputs that the card does not have; reads no byte of any body.
 */
#include "src/tools/plimsoll/predict.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "src/tools/plimsoll/tiers.h"

#define WORKSHOP_CAP   (UINT64_C(512) << 20)
#define WORKSHOP_HOME  (UINT64_C(128) << 20)
#define DECODER_FRAMES 8u /* references, one in the making, and the one shown */
#define UNPLANNED      2u /* without a recorded trace: blocks do not lie side by side */
/* Of a recording: 8192 requests with their map, and what a solver needs for one run. */
#define RECORD_BYTES (UINT64_C(640) << 10)

static void warn(prediction *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(prediction *p, const char *format, ...)
{
    va_list args;
    if (p->warning_count < PREDICT_WARNINGS_MAX) {
        va_start(args, format);
        vsnprintf(p->warnings[p->warning_count++], sizeof(p->warnings[0]), format, args);
        va_end(args);
    }
}

/* ---- the tool's own runtime ---- */

/* What the runtime keeps beside each engine: tables of one region for its session, and of one
 * for its activations. Measured on an empty pair, because only the arena knows. */
static plim_status measure_tables(workshop *self, plim_error *err)
{
    plim_arena *arena = plim_runtime_arena(self->runtime);
    plim_budget *budget = plim_runtime_budget(self->runtime);
    plim_region_opts o = plim_region_opts_default();
    plim_region *session = NULL, *activations = NULL;
    uint64_t before = plim_budget_used_bytes(budget);
    o.tag = PLIM_TAG_OTHER;
    o.size_bytes = WORKSHOP_HOME;
    plim_status rc = plim_region_create(arena, PLIM_REGION_DYNAMIC, &o, &session, err);
    if (rc == PLIM_OK) {
        o.block_limit = PLIM_ACTIVATION_BLOCKS_MAX;
        rc = plim_region_create(arena, PLIM_REGION_DYNAMIC, &o, &activations, err);
    }
    self->region_bytes = plim_budget_used_bytes(budget) - before;
    plim_region_destroy(activations);
    plim_region_destroy(session);
    return rc;
}

plim_status workshop_open(workshop *self, const plim_host *host, plim_large_pages large_pages,
                          plim_error *err)
{
    plim_runtime_opts o = plim_runtime_opts_default();
    plim_region_opts r = plim_region_opts_default();
    memset(self, 0, sizeof(*self));
    o.budget.cap_bytes = WORKSHOP_CAP;
    o.large_pages = large_pages;
    o.host = host;
    PLIM_TRY(plim_runtime_open(&o, &self->runtime, err));
    self->table_bytes = plim_budget_used_bytes(plim_runtime_budget(self->runtime));
    r.name = "heads";
    r.tag = PLIM_TAG_OTHER;
    r.size_bytes = WORKSHOP_HOME;
    plim_status rc = plim_region_create(plim_runtime_arena(self->runtime), PLIM_REGION_BUMP, &r,
                                        &self->home, err);
    if (rc == PLIM_OK) {
        rc = measure_tables(self, err);
    }
    if (rc != PLIM_OK) {
        workshop_close(self);
    }
    return rc;
}

void workshop_close(workshop *self)
{
    plim_region_destroy(self->home);
    plim_runtime_close(self->runtime);
    memset(self, 0, sizeof(*self));
}

/* ---- one engine ---- */

static tool_exit refuse_key(const manifest *m, uint32_t line, size_t engine, const char *what)
{
    fprintf(stderr, "%s:%u: engines[%zu].%s\n", m->path, (unsigned)line, engine, what);
    return TOOL_USAGE;
}

static const plim_card_tensor *find_tensor(const plim_card *card, const char *name, bool is_input)
{
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        if (card->tensors[i].is_input == is_input && strcmp(card->tensors[i].name, name) == 0) {
            return &card->tensors[i];
        }
    }
    return NULL;
}

/* Names in the manifest against names in the card, both ways. */
static tool_exit check_inputs(const manifest *m, size_t index, const plim_card *card)
{
    const manifest_engine *e = &m->engines[index];
    char what[256];
    for (size_t i = 0; i < e->input_count; i++) {
        const manifest_input *in = &e->inputs[i];
        if (!find_tensor(card, in->tensor, true)) {
            snprintf(what, sizeof(what), "inputs.%s: the engine has no such input", in->tensor);
            return refuse_key(m, in->line, index, what);
        }
        if (in->from == FROM_FEEDBACK && !find_tensor(card, in->output, false)) {
            snprintf(what, sizeof(what), "inputs.%s.output: the engine has no output '%s'",
                     in->tensor, in->output);
            return refuse_key(m, in->line, index, what);
        }
    }
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        if (card->tensors[i].is_input && !io_given(e, card->tensors[i].name)) {
            snprintf(what, sizeof(what), "inputs: '%s' has no source", card->tensors[i].name);
            return refuse_key(m, e->line, index, what);
        }
    }
    return TOOL_OK;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static tool_exit check_backend(const manifest *m, size_t index, const plim_card *card,
                               prediction *p, uint32_t *flags, plim_error *err)
{
    predicted_engine *out = &p->engines[index];
    const manifest_engine *e = &m->engines[index];
    const plim_backend_ops *ops = NULL;
    plim_backend_info info;
    snprintf(out->backend, sizeof(out->backend), "%s", e->backend[0] ? e->backend : card->backend);
    if (plim_backend_find(out->backend, &ops, err) != PLIM_OK) {
        return tool_refuse(e->name, err);
    }
    plim_backend_probe(ops, m->onnxruntime[0] ? m->onnxruntime : NULL, &info);
    out->backend_is_present = info.is_present;
    snprintf(out->version, sizeof(out->version), "%s", info.version);
    *flags = info.flags;
    if (!info.is_present) {
        warn(p, "%s: backend %s is absent here: %.110s", e->name, out->backend, info.absent_reason);
    }
    return TOOL_OK;
}

/* A recorded trace becomes fixed places, as high as the file says, with tables that serve them;
 * without one the need is an estimate from above, and recording one has tables for a while. */
static void predict_activations(const manifest_engine *e, const plim_card *card,
                                predicted_engine *out, prediction *p)
{
    char path[MANIFEST_PATH_BYTES + 16];
    const plan_head want = {.root = card->payload_root,
                            .backend = out->backend,
                            .version = out->version,
                            .threads = e->threads ? (uint32_t)e->threads : 1,
                            .prepack = e->prepack};
    plan_head plan;
    snprintf(path, sizeof(path), "%s" PLIM_PLAN_FILE_TAIL, e->artifact);
    if (plan_head_read(path, &want, &plan)) {
        out->activation_is_known = true;
        out->activation_is_planned = true;
        out->activation_bytes = io_granules(plan.height_bytes);
        out->head_bytes += io_granules(plan.request_count * PLIM_REPLAY_REQUEST_BYTES) + IO_GRANULE;
        return;
    }
    p->record_bytes = e->record_trace ? RECORD_BYTES : p->record_bytes;
    if (!out->activation_is_known) {
        warn(p, "%s: its card does not say what activations it needs: not counted", e->name);
    } else if (strcmp(out->backend, "null") != 0) {
        out->activation_bytes *= UNPLANNED;
        warn(p, "%s: no recorded trace yet: activations are an estimate (x %u)", e->name,
             UNPLANNED);
    }
}

/* The card was measured without prepacking. A prepacked copy is of the weights that the backend
 * can pack, so a whole payload more is counted: an estimate from above. */
static uint64_t predict_session(const manifest_engine *e, const plim_card *card, uint64_t payload,
                                prediction *p)
{
    uint64_t bytes = card->session_bytes;
    if (!e->prepack || strcmp(card->backend, "null") == 0) { /* null packs nothing */
        return io_granules(bytes);
    }
    warn(p, "%s: prepack: the packed copy is counted as a whole payload more", e->name);
    return __builtin_add_overflow(bytes, payload, &bytes) ? UINT64_MAX / 2 : io_granules(bytes);
}

static void warn_line(void *context, const char *line)
{
    warn(context, "%s", line);
}

static bool is_accepted(const manifest_engine *e, const char *id)
{
    for (size_t i = 0; i < e->accept_count; i++) {
        if (strcmp(e->accept[i], id) == 0) {
            return true;
        }
    }
    return false;
}

/* As the runtime will: the card against the host, then both against the rules. */
static plim_status admit_engine(const manifest_engine *e, const plim_card *card,
                                const plim_host *host, prediction *p, plim_error *err)
{
    plim_host module = *host;
    if (is_accepted(e, "engine-at-other-power-mode") && host->multiprocessors &&
        card->multiprocessors == host->multiprocessors) {
        module.multiprocessors_now = 0;
    }
    PLIM_TRY(plim_card_match(card, &module, e->artifact, err));
    return rules_hold(e, card, host, warn_line, p, err);
}

static tool_exit predict_engine(const manifest *m, size_t index, const plim_host *host,
                                workshop *shop, prediction *p)
{
    const manifest_engine *e = &m->engines[index];
    predicted_engine *out = &p->engines[index];
    plim_engine_file *file = NULL;
    plim_error err = {.status = PLIM_OK};
    char what[256];
    uint32_t flags = 0;
    uint64_t mark = plim_region_mark(shop->home);
    if (plim_engine_open(e->artifact, shop->home, &file, &err) != PLIM_OK) {
        return tool_refuse(e->name, &err);
    }
    const plim_card *card = plim_engine_card(file);
    tool_exit code = admit_engine(e, card, host, p, &err) == PLIM_OK ? check_inputs(m, index, card)
                                                                     : tool_refuse(e->name, &err);
    if (code == TOOL_OK && !io_total_bytes(card, e, &out->io_bytes, what, sizeof(what))) {
        code = refuse_key(m, e->line, index, what);
    }
    if (code == TOOL_OK) {
        code = check_backend(m, index, card, p, &flags, &err);
    }
    if (code == TOOL_OK) {
        bool copies = !(flags & (PLIM_BACKEND_WEIGHTS_IN_PLACE | PLIM_BACKEND_STREAM_OPEN));
        snprintf(out->format, sizeof(out->format), "%s", card->format);
        out->payload_bytes = plim_engine_payload_bytes(file);
        out->weights_bytes = io_granules(plim_engine_room_bytes(file));
        out->session_bytes = predict_session(e, card, out->payload_bytes, p);
        out->activation_bytes = io_granules(card->activation_bytes);
        out->activation_is_known = card->activation_bytes > 0;
        out->extra_bytes =
            larger(PLIM_LOAD_WINDOW_BYTES,
                   larger(io_granules(card->load_extra_bytes), copies ? out->payload_bytes : 0));
        out->head_bytes =
            io_granules(plim_region_mark(shop->home) - mark) + IO_GRANULE + shop->region_bytes;
        out->page_table_bytes =
            p->has_large_pages ? 0 : plim_page_table_bytes(plim_engine_room_bytes(file));
        predict_activations(e, card, out, p);
    }
    plim_engine_close(file);
    return code;
}

/* ---- items ---- */

static void add_item(prediction *p, const char *name, uint32_t engine, uint64_t extra_bytes)
{
    plim_load_item *item = &p->items[p->item_count];
    memset(item, 0, sizeof(*item));
    snprintf(item->name, sizeof(item->name), "%s", name);
    item->extra_bytes = extra_bytes;
    p->engine_of[p->item_count++] = engine;
}

static void add_part(plim_load_item *item, plim_tag tag, uint64_t bytes)
{
    item->resident_by_tag[tag] += bytes;
    item->resident_bytes += bytes;
}

/* What the members of @index's group hold together, as far as the first @count engines go.
 *
 * A group has one span of planned places, as high as its highest plan, and beside it one dynamic
 * region for members without a plan: a member of each kind makes the group hold both. */
static uint64_t group_bytes(const manifest *m, const prediction *p, size_t index, size_t count)
{
    uint64_t planned = 0, dynamic = 0;
    for (size_t i = 0; i < count; i++) {
        const predicted_engine *e = &p->engines[i];
        if (i != index &&
            (!m->engines[index].scratch_group[0] ||
             strcmp(m->engines[i].scratch_group, m->engines[index].scratch_group) != 0)) {
            continue;
        }
        uint64_t *highest = e->activation_is_planned ? &planned : &dynamic;
        *highest = larger(*highest, e->activation_bytes);
    }
    return planned + dynamic;
}

/* What this member adds to its group, if the members before it are there already. */
static uint64_t group_growth(const manifest *m, const prediction *p, size_t index)
{
    return group_bytes(m, p, index, index + 1) - group_bytes(m, p, index, index);
}

static void add_items(const manifest *m, prediction *p)
{
    for (size_t i = 0; i < m->engine_count; i++) {
        const predicted_engine *e = &p->engines[i];
        add_item(p, m->engines[i].name, (uint32_t)i, e->extra_bytes);
        plim_load_item *item = &p->items[p->item_count - 1];
        add_part(item, PLIM_TAG_WEIGHTS, e->weights_bytes + e->session_bytes);
        add_part(item, PLIM_TAG_ACTIVATIONS, group_growth(m, p, i));
        add_part(item, PLIM_TAG_IO, e->io_bytes);
        add_part(item, PLIM_TAG_OTHER, e->head_bytes + e->page_table_bytes);
    }
    if (m->framework_bytes || m->framework_extra_bytes) {
        add_item(p, "framework", PREDICT_NO_ENGINE, m->framework_extra_bytes);
        add_part(&p->items[p->item_count - 1], PLIM_TAG_FRAMEWORK, m->framework_bytes);
    }
}

/* ---- the episode's window ---- */

static bool is_used(const manifest *m, const char *feature)
{
    for (size_t i = 0; i < m->engine_count; i++) {
        for (size_t k = 0; k < m->engines[i].input_count; k++) {
            const manifest_input *in = &m->engines[i].inputs[k];
            if (in->from == FROM_VIDEO && strcmp(in->feature, feature) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void add_cameras(const manifest *m, const plim_dataset_info *info, uint64_t longest,
                        prediction *p)
{
    uint64_t limit = m->max_frames_in_mem ? m->max_frames_in_mem : PLIM_FRAMES_DEFAULT;
    limit = limit < longest ? limit : longest;
    for (uint32_t i = 0; i < info->feature_count; i++) {
        const plim_feature *f = &info->features[i];
        if (f->group != PLIM_FEATURE_VIDEO || !f->has_files) {
            continue;
        }
        uint64_t frame = io_bytes(PLIM_U8, f->shape, f->rank);
        p->frame_bytes += io_granules(frame * limit); /* opened with the episode, read or not */
        if (!is_used(m, f->name)) {
            continue;
        }
        /* 4:2:0 planes with a border, as software decoders keep them */
        p->decoder_bytes += io_granules((uint64_t)(f->shape[0] + 64) *
                                        (uint64_t)(f->shape[1] + 64) * 3 / 2 * DECODER_FRAMES);
    }
}

static tool_exit predict_episode(const manifest *m, const char *path, workshop *shop, prediction *p)
{
    plim_dataset *data = NULL;
    plim_error err = {.status = PLIM_OK};
    uint64_t mark = plim_region_mark(shop->home);
    if (plim_dataset_open(path, shop->home, &data, &err) != PLIM_OK) {
        return tool_refuse(path, &err);
    }
    const plim_dataset_info *info = plim_dataset_get_info(data);
    uint64_t longest = 0, columns = 0;
    for (uint32_t i = 0; i < info->episode_count; i++) {
        plim_episode_size size;
        if (plim_dataset_measure(data, i, &size, &err) != PLIM_OK) {
            warn(p, "episode %u cannot be measured: %.120s", (unsigned)i, err.detail);
            continue;
        }
        longest = larger(longest, size.frame_count);
        columns = larger(columns, size.memory_bytes[PLIM_FEATURE_STATE_ACTION] +
                                      size.memory_bytes[PLIM_FEATURE_OTHER]);
    }
    /* the data set's own tables, the episode's, and its columns */
    p->frame_bytes += io_granules(plim_region_mark(shop->home) - mark) + IO_GRANULE;
    p->frame_bytes += io_granules(columns);
    add_cameras(m, info, longest, p);
    plim_dataset_close(data);
    return TOOL_OK;
}

bool predict_wants_episode(const manifest *m)
{
    for (size_t i = 0; i < m->engine_count; i++) {
        for (size_t k = 0; k < m->engines[i].input_count; k++) {
            uint32_t from = m->engines[i].inputs[k].from;
            if (from == FROM_VIDEO || from == FROM_ROW) {
                return true;
            }
        }
    }
    return false;
}

tool_exit predict_manifest(const manifest *m, const char *episode, const plim_host *host,
                           uint64_t beside_bytes, prediction *out)
{
    workshop shop;
    plim_error err = {.status = PLIM_OK};
    tool_exit code = TOOL_OK;
    memset(out, 0, sizeof(*out));
    snprintf(out->name, sizeof(out->name), "%s", m->name[0] ? m->name : "deployment");
    out->policy = (plim_load_policy)m->order;
    out->cap_bytes =
        m->cap_bytes ? m->cap_bytes : (uint64_t)(m->fraction * (double)host->memory_bytes);
    out->reserve_bytes = m->reserve_bytes;
    if (workshop_open(&shop, host, (plim_large_pages)m->large_pages, &err) != PLIM_OK) {
        return tool_refuse("plan", &err);
    }
    const char *why = "";
    out->has_large_pages = plim_runtime_has_large_pages(shop.runtime, &why);
    snprintf(out->large_reason, sizeof(out->large_reason), "%s", why);
    out->table_bytes = shop.table_bytes + beside_bytes;
    out->table_bytes += m->pressure.is_on ? PLIM_PRESSURE_WATCH_BYTES : 0;
    for (size_t i = 0; i < m->engine_count && code == TOOL_OK; i++) {
        code = predict_engine(m, i, host, &shop, out);
    }
    const char *path = episode ? episode : m->dataset[0] ? m->dataset : NULL;
    if (code == TOOL_OK && path) {
        code = predict_episode(m, path, &shop, out);
    } else if (code == TOOL_OK && predict_wants_episode(m)) {
        warn(out, "no episode given: its frames are not counted (--episode DIR)");
    }
    workshop_close(&shop);
    if (code != TOOL_OK) {
        return code;
    }
    add_items(m, out);
    return predict_solve(out, &err) == PLIM_OK ? TOOL_OK : tool_refuse("plan", &err);
}

/* ---- what-if without files ---- */

bool predict_items(const char *text, prediction *out, const char **why)
{
    static char bad[160];
    while (*text) {
        char name[PLIM_NAME_BYTES], resident[32], extra[32];
        int used = 0;
        uint64_t r, f;
        if (sscanf(text, "%31[^:,]:%31[^:,]:%31[^:,]%n", name, resident, extra, &used) != 3 ||
            (text[used] && text[used] != ',') || out->item_count == PREDICT_ITEMS_MAX) {
            snprintf(bad, sizeof(bad), "'%.60s' is not name:resident:extra", text);
            *why = bad;
            return false;
        }
        if (!size_parse(resident, &r, why) || !size_parse(extra, &f, why)) {
            return false;
        }
        add_item(out, name, PREDICT_NO_ENGINE, f);
        add_part(&out->items[out->item_count - 1], PLIM_TAG_WEIGHTS, r);
        text += used + (text[used] == ',');
    }
    *why = "no items";
    return out->item_count > 0;
}

/* ---- order, peak, verdict ---- */

static void tags_at_peak(prediction *p)
{
    uint64_t *tag = p->peak_by_tag;
    tag[PLIM_TAG_OTHER] = p->reserve_bytes + p->table_bytes;
    size_t last = p->peak_is_load ? p->plan.peak_step : p->item_count - 1;
    for (size_t s = 0; s < p->item_count && s <= last; s++) {
        const plim_load_item *item = &p->items[p->steps[s].item];
        for (unsigned t = 0; t < PLIM_TAG_COUNT; t++) {
            tag[t] += item->resident_by_tag[t];
        }
        if (p->peak_is_load && s == last) {
            tag[PLIM_TAG_LOAD_WINDOW] += item->extra_bytes;
        }
    }
    if (!p->peak_is_load && p->record_bytes > p->frame_bytes + p->decoder_bytes) {
        tag[PLIM_TAG_OTHER] += p->record_bytes; /* warming up, before any episode */
    } else if (!p->peak_is_load) {
        tag[PLIM_TAG_EPISODE] += p->frame_bytes;
        tag[PLIM_TAG_PLUGIN] += p->decoder_bytes;
    }
}

plim_status predict_solve(prediction *p, plim_error *err)
{
    PLIM_TRY(plim_load_order(p->items, p->item_count, p->policy, p->reserve_bytes + p->table_bytes,
                             p->cap_bytes, p->steps, &p->plan, err));
    p->run_bytes = p->plan.resident_bytes;
    uint64_t episode;
    if (__builtin_add_overflow(p->frame_bytes, p->decoder_bytes, &episode) ||
        __builtin_add_overflow(p->run_bytes, larger(episode, p->record_bytes), &p->run_bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "sum of a plan");
    }
    p->peak_is_load = p->plan.peak_bytes >= p->run_bytes;
    p->peak_bytes = p->peak_is_load ? p->plan.peak_bytes : p->run_bytes;
    p->fits = p->cap_bytes == 0 || p->peak_bytes <= p->cap_bytes;
    p->deficit_bytes = p->fits ? 0 : p->peak_bytes - p->cap_bytes;
    tags_at_peak(p);
    return PLIM_OK;
}

plim_status predict_admit(const prediction *p, plim_error *err)
{
    if (p->fits) {
        return PLIM_OK;
    }
    (void)PLIM_FAIL(err, PLIM_E_BUDGET, .what = "predicted peak", .want = p->peak_bytes,
                    .have = p->cap_bytes, .limit = p->cap_bytes);
    plim_error_detail(err, "over by %s while %s", tool_size(p->deficit_bytes),
                      p->peak_is_load ? p->items[p->steps[p->plan.peak_step].item].name
                                      : "episodes run");
    return PLIM_E_BUDGET;
}
