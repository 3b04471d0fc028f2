/* SPDX-License-Identifier: Apache-2.0 */
/* measure.c - what an imported model needs beside its weights, found out by running it.
 *
 * The parts are opened exactly as the runtime opens an artifact, over a host that only
 * counts. Inputs are zeros. Three runs (smallest, usual, largest shapes) give the ranges
 * of the outputs and the peak of live activation bytes; the figures count what was asked
 * for, rounded up to 64, without a region's own gaps.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "src/backend/onnxruntime/import.h"

/* ---- a host that counts ---- */

typedef struct counter {
    pthread_mutex_t lock;
    uint64_t live[2], peak[2]; /* by plim_host_class */
} counter;

typedef struct counted { /* before each block, on a cache line of its own */
    plim_import_pages pages;
    plim_host_class kind;
    uint64_t size;
} counted;

static plim_status counting_alloc(void *context, plim_host_class kind, size_t size_bytes,
                                  size_t align_bytes, void **out, plim_error *err)
{
    counter *c = context;
    plim_import_pages pages;
    uint64_t size, whole;
    (void)align_bytes; /* blocks start 128 bytes into a page */
    if (!bytes_align_up(size_bytes, 64, &size) || !bytes_add(size, 192, &whole)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "block", .want = size_bytes);
    }
    PLIM_TRY(plim_import_take(whole, &pages, err));
    *(counted *)pages.base = (counted){pages, kind, size};
    pthread_mutex_lock(&c->lock);
    c->live[kind] += size;
    c->peak[kind] = c->live[kind] > c->peak[kind] ? c->live[kind] : c->peak[kind];
    pthread_mutex_unlock(&c->lock);
    *out = (char *)pages.base + 128;
    return PLIM_OK;
}

static void counting_free(void *context, void *block)
{
    counter *c = context;
    counted it = *(counted *)(void *)((char *)block - 128);
    pthread_mutex_lock(&c->lock);
    c->live[it.kind] -= it.size;
    pthread_mutex_unlock(&c->lock);
    plim_import_give(&it.pages);
}

/* ---- tensors at one of three shapes ---- */

typedef enum which { SMALLEST, USUAL, LARGEST } which;

static int64_t *shape_of(plim_card_tensor *tensor, which w)
{
    plim_card_range *range = &tensor->profiles[0];
    return w == SMALLEST ? range->min : w == USUAL ? range->opt : range->max;
}

static plim_status count_inputs(plim_card *card, which w, uint64_t *out, plim_error *err)
{
    *out = 0;
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        plim_tensor t;
        uint64_t room;
        if (!card->tensors[i].is_input) {
            continue;
        }
        PLIM_TRY(plim_tensor_init(&t, NULL, card->tensors[i].dtype, shape_of(&card->tensors[i], w),
                                  card->tensors[i].rank, PLIM_MEMORY_HOST, err));
        if (!bytes_align_up(plim_tensor_bytes(&t) + 1, 64, &room) || !bytes_add(*out, room, out)) {
            return PLIM_FAIL(err, PLIM_E_RANGE, .what = "bytes of all inputs");
        }
    }
    return PLIM_OK;
}

/* The library makes every output, so that its shape is learnt. */
static plim_status run_once(plim_backend_engine *engine, plim_card *card, which w, char *room,
                            plim_error *err)
{
    const char *names[PLIM_CARD_TENSORS_MAX], *output_names[PLIM_CARD_TENSORS_MAX];
    plim_tensor inputs[PLIM_CARD_TENSORS_MAX];
    int64_t *shapes[PLIM_CARD_TENSORS_MAX];
    size_t in = 0, out = 0;
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        plim_card_tensor *t = &card->tensors[i];
        if (!t->is_input) {
            shapes[out] = shape_of(t, w);
            output_names[out++] = t->name;
            continue;
        }
        PLIM_TRY(plim_tensor_init(&inputs[in], room, t->dtype, shape_of(t, w), t->rank,
                                  PLIM_MEMORY_HOST, err));
        room += bytes_align_down(plim_tensor_bytes(&inputs[in]) + 64, 64);
        names[in++] = t->name;
    }
    return plim_ort_run_for_shapes(engine, names, inputs, in, output_names, shapes, out, err);
}

static plim_status run_at(plim_backend_engine *engine, plim_card *card, which w, plim_error *err)
{
    plim_import_pages pages;
    uint64_t bytes;
    PLIM_TRY(count_inputs(card, w, &bytes, err));
    PLIM_TRY(plim_import_take(bytes, &pages, err));
    plim_status s = run_once(engine, card, w, pages.base, err);
    plim_import_give(&pages);
    return s;
}

static bool is_dynamic(const plim_card *card)
{
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        const plim_card_range *r = &card->tensors[i].profiles[0];
        if (card->tensors[i].is_input && memcmp(r->min, r->max, sizeof(r->min)) != 0) {
            return true;
        }
    }
    return false;
}

/* An output's dims need not grow with the inputs': its range is what the three runs gave. */
static void order_outputs(plim_card *card)
{
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        plim_card_range *r = &card->tensors[i].profiles[0];
        for (uint32_t d = 0; !card->tensors[i].is_input && d < card->tensors[i].rank; d++) {
            int64_t low = r->min[d], high = r->max[d];
            low = r->opt[d] < low ? r->opt[d] : low;
            low = r->max[d] < low ? r->max[d] : low;
            high = r->opt[d] > high ? r->opt[d] : high;
            high = r->min[d] > high ? r->min[d] : high;
            r->min[d] = low;
            r->max[d] = high;
        }
    }
}

static plim_status run_all(plim_backend_engine *engine, plim_card *card, plim_error *err)
{
    PLIM_TRY(plim_backend_onnxruntime.load(engine, err));
    PLIM_TRY(run_at(engine, card, USUAL, err));
    if (is_dynamic(card)) {
        PLIM_TRY(run_at(engine, card, SMALLEST, err));
        PLIM_TRY(run_at(engine, card, LARGEST, err));
        order_outputs(card);
        return PLIM_OK;
    }
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        plim_card_range *r = &card->tensors[i].profiles[0];
        memcpy(r->min, r->opt, sizeof(r->opt));
        memcpy(r->max, r->opt, sizeof(r->opt));
    }
    return PLIM_OK;
}

/* ---- the parts as an artifact in memory ---- */

static plim_status place(plim_ort_parts *parts, bool is_hollow, plim_import_pages *out,
                         plim_section sections[2], plim_error *err)
{
    plim_import_pages file;
    uint64_t graph_end, total, size;
    if (!bytes_align_up(parts->graph_bytes, 4096, &graph_end) ||
        !bytes_add(graph_end, parts->weights_bytes, &total)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "bytes of the artifact");
    }
    PLIM_TRY(plim_import_take(total, out, err));
    plim_status s = plim_import_read(parts->graph_path, &file, &size, err);
    if (s == PLIM_OK) {
        memcpy(out->base, file.base, (size_t)parts->graph_bytes);
        plim_import_give(&file);
    }
    if (s == PLIM_OK && parts->weights_path[0] && !is_hollow) {
        s = plim_import_read_into(parts->weights_path, (char *)out->base + graph_end,
                                  parts->weights_bytes, err);
    }
    if (s != PLIM_OK) {
        plim_import_give(out);
        return s;
    }
    sections[0] = (plim_section){"graph", PLIM_SECTION_GRAPH, 0, parts->graph_bytes, 4096};
    sections[1] =
        (plim_section){"weights", PLIM_SECTION_WEIGHTS, graph_end, parts->weights_bytes, 4096};
    return PLIM_OK;
}

plim_status plim_ort_measure(plim_ort_parts *parts, const plim_import_opts *opts, bool is_hollow,
                             plim_error *err)
{
    plim_section sections[2];
    plim_import_pages payload;
    plim_backend_engine *engine = NULL;
    plim_card *card = &parts->card;
    counter count = {.lock = PTHREAD_MUTEX_INITIALIZER};
    size_t tensor_count = 0;
    PLIM_TRY(place(parts, is_hollow, &payload, sections, err));
    const plim_backend_host host = {sizeof(host), &count, counting_alloc, counting_free, NULL};
    const plim_backend_source source = {card, NULL, payload.base, payload.size_bytes, sections, 2};
    const plim_backend_opts how = {
        .struct_size = sizeof(how), .library = opts->library, .thread_count = opts->thread_count};
    plim_status s = plim_ort_open(&source, &host, &how, &engine, err);
    if (s != PLIM_OK) {
        goto give;
    }
    card->session_bytes = count.live[PLIM_HOST_SESSION];
    card->load_extra_bytes = count.peak[PLIM_HOST_SESSION] - card->session_bytes;
    s = plim_backend_onnxruntime.describe(engine, card->tensors, PLIM_CARD_TENSORS_MAX,
                                          &tensor_count, err);
    card->tensor_count = (uint32_t)tensor_count;
    card->profile_count = 1;
    if (s == PLIM_OK) {
        s = plim_ort_shapes(card, opts, err);
    }
    if (s == PLIM_OK) {
        s = run_all(engine, card, err);
    }
    card->session_bytes = count.live[PLIM_HOST_SESSION];
    card->activation_bytes = count.peak[PLIM_HOST_ACTIVATION];
    plim_ort_close(engine);
give:
    plim_import_give(&payload);
    return s;
}
