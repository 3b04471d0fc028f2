/* SPDX-License-Identifier: Apache-2.0 */
/* backend_fixture.h - a host that counts and refuses, and artifacts to open on it.
 *
 * Included by the one program that needs it, so everything is static. Tests may use malloc;
 * the backends may not. */
#ifndef TEST_CONFORMANCE_BACKEND_FIXTURE_H
#define TEST_CONFORMANCE_BACKEND_FIXTURE_H

#include <math.h>
#include <pthread.h>
#include <unistd.h>

#include "plimsoll/backend_plugin.h"
#include "src/backend/onnxruntime/import.h"
#include "test/support/cm.h"

typedef struct fixture_host {
    plim_backend_host host;
    pthread_mutex_t lock;
    uint64_t call_count, fail_at; /* refuse this call; UINT64_MAX: none */
    uint64_t live_count, live_bytes[2], peak_bytes[2];
    uint64_t bad_count;   /* frees of what was not given, or written past its end */
    volatile bool *raise; /* set when activation number raise_at is asked for */
    uint64_t raise_at, activation_count;
    uint64_t trace_hash; /* of the sizes asked for, in their order */
} fixture_host;

/* An artifact in memory: its sections lie in one block, as the loader would leave them. */
typedef struct fixture_artifact {
    const plim_backend_ops *ops;
    const char *library;
    plim_card *card;
    char *payload, *pristine; /* pristine: a copy of the payload */
    uint64_t payload_bytes;
    plim_section sections[2]; /* graph, weights */
    size_t section_count;
    plim_backend_source source;
} fixture_artifact;

/* One engine with tensors of the usual shapes, inputs filled by the golden formula. */
typedef struct fixture_run {
    plim_backend_engine *engine;
    size_t input_count, output_count;
    const char *input_names[8], *output_names[8];
    plim_tensor inputs[8], outputs[8];
} fixture_run;
/* ---- host ---- */

#define SLACK 64u
#define MARK  0xa5u

typedef struct block {
    fixture_host *owner;
    void *raw;
    plim_host_class kind;
    size_t size;
} block;

static plim_status host_alloc(void *context, plim_host_class kind, size_t size, size_t align,
                              void **out, plim_error *err)
{
    fixture_host *h = context;
    (void)align;
    pthread_mutex_lock(&h->lock);
    bool is_refused = h->call_count++ == h->fail_at;
    h->trace_hash = (h->trace_hash ^ size) * 1099511628211u;
    bool is_raised =
        kind == PLIM_HOST_ACTIVATION && h->raise && ++h->activation_count >= h->raise_at;
    pthread_mutex_unlock(&h->lock);
    if (is_raised) {
        *h->raise = true;
        usleep(2000); /* the watching thread looks every millisecond */
    }
    if (is_refused) {
        return PLIM_FAIL(err, PLIM_E_BUDGET, .what = "fixture cap", .want = size, .have = 1,
                         .limit = 2);
    }
    char *raw = malloc(size + 128 + SLACK + 64);
    assert_non_null(raw);
    char *at = (char *)(((uintptr_t)raw + 128 + 63) & ~(uintptr_t)63);
    *(block *)(void *)(at - 64) = (block){h, raw, kind, size};
    memset(at + size, MARK, SLACK);
    pthread_mutex_lock(&h->lock);
    h->live_count++;
    h->live_bytes[kind] += size;
    h->peak_bytes[kind] =
        h->live_bytes[kind] > h->peak_bytes[kind] ? h->live_bytes[kind] : h->peak_bytes[kind];
    pthread_mutex_unlock(&h->lock);
    *out = at;
    return PLIM_OK;
}

static void host_free(void *context, void *given)
{
    fixture_host *h = context;
    block b = *(block *)(void *)((char *)given - 64);
    bool is_bad = b.owner != h;
    for (size_t i = 0; !is_bad && i < SLACK; i++) {
        is_bad = (unsigned char)((char *)given)[b.size + i] != MARK;
    }
    pthread_mutex_lock(&h->lock);
    h->bad_count += is_bad;
    h->live_count--;
    h->live_bytes[b.kind] -= b.size;
    pthread_mutex_unlock(&h->lock);
    free(b.raw);
}

static void fixture_host_init(fixture_host *self)
{
    memset(self, 0, sizeof(*self));
    self->host = (plim_backend_host){sizeof(self->host), self, host_alloc, host_free, NULL};
    pthread_mutex_init(&self->lock, NULL);
    self->fail_at = UINT64_MAX;
}

/* ---- artifacts ---- */

/* ONNX Runtime is not built for the thread sanitizer: how its pool hands work over is unseen, so
 * that every block which one thread makes and another drops looks like a race. Our side of it, the
 * watching thread, has test_ort_cancel. */
static const char *fixture_library(void)
{
#ifdef __SANITIZE_THREAD__
    printf("# skipped: onnxruntime is not instrumented for the thread sanitizer\n");
    return NULL;
#endif
    const char *given = getenv("PLIMSOLL_ONNXRUNTIME"), *needed = getenv("PLIMSOLL_REQUIRE");
    const char *library = given && *given ? given : cm_wheel("libonnxruntime.so");
    if (!library && needed && strstr(needed, "onnxruntime")) {
        fail_msg("PLIMSOLL_REQUIRE asks for onnxruntime and there is no library");
    }
    return library;
}

static void finish(fixture_artifact *a)
{
    a->pristine = malloc(a->payload_bytes);
    assert_non_null(a->pristine);
    memcpy(a->pristine, a->payload, a->payload_bytes);
    a->source = (plim_backend_source){a->card,          NULL,        a->payload,
                                      a->payload_bytes, a->sections, a->section_count};
}

static fixture_artifact *new_artifact(const char *backend, uint64_t bytes)
{
    plim_error err;
    fixture_artifact *a = calloc(1, sizeof(*a));
    assert_non_null(a);
    a->card = calloc(1, sizeof(*a->card));
    a->payload_bytes = bytes;
    a->payload = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    assert_true(a->card && a->payload);
    memset(a->payload, 0, bytes);
    assert_ok(plim_backend_find(backend, &a->ops, &err));
    return a;
}

static void null_tensor(plim_card *card, const char *name, bool is_input)
{
    plim_card_tensor *t = &card->tensors[card->tensor_count++];
    strcpy(t->name, name);
    t->is_input = is_input;
    t->dtype = PLIM_F32;
    t->rank = 2;
    plim_card_range *r = &t->profiles[0];
    r->min[0] = r->opt[0] = r->max[0] = 1;
    r->min[1] = r->opt[1] = r->max[1] = 1000;
}

static fixture_artifact *fixture_null(void)
{
    fixture_artifact *a = new_artifact("null", 5000);
    for (size_t i = 0; i < 5000; i++) {
        a->payload[i] = (char)(i * 37 + 11);
    }
    strcpy(a->card->backend, "null");
    strcpy(a->card->format, "raw");
    a->card->profile_count = 1;
    null_tensor(a->card, "x", true);
    null_tensor(a->card, "y", false);
    a->sections[0] = (plim_section){"graph", PLIM_SECTION_GRAPH, 0, 16, 4096};
    a->sections[1] = (plim_section){"weights", PLIM_SECTION_WEIGHTS, 4096, 904, 4096};
    a->section_count = 2;
    finish(a);
    return a;
}

static fixture_artifact *fixture_onnx(const char *model_path, const char *const *shapes,
                                      size_t count, const char *format)
{
    plim_error err;
    const char *library = fixture_library();
    plim_import_opts opts = plim_import_opts_default();
    static plim_ort_parts parts;
    if (!library || !model_path) {
        return NULL;
    }
    opts.library = library;
    opts.shapes = shapes;
    opts.shape_count = count;
    opts.format = format;
    assert_ok(plim_ort_parts_make(model_path, cm_tmp(), &opts, &parts, &err));
    uint64_t at = (parts.graph_bytes + 4095) / 4096 * 4096;
    fixture_artifact *a = new_artifact("onnxruntime", at + parts.weights_bytes);
    a->library = library;
    *a->card = parts.card;
    assert_ok(plim_import_read_into(parts.graph_path, a->payload, parts.graph_bytes, &err));
    a->sections[0] = (plim_section){"graph", PLIM_SECTION_GRAPH, 0, parts.graph_bytes, 4096};
    a->section_count = 1;
    if (parts.weights_path[0]) {
        assert_ok(
            plim_import_read_into(parts.weights_path, a->payload + at, parts.weights_bytes, &err));
        a->sections[1] =
            (plim_section){"weights", PLIM_SECTION_WEIGHTS, at, parts.weights_bytes, 4096};
        a->section_count = 2;
    }
    plim_ort_parts_drop(&parts);
    finish(a);
    return a;
}

static void fixture_drop(fixture_artifact *self)
{
    if (self) {
        free(self->pristine);
        free(self->payload);
        free(self->card);
        free(self);
    }
}

/* ---- runs ---- */

static void fill(plim_tensor *t)
{
    int64_t n = plim_tensor_elements(t);
    for (int64_t k = 0; k < n; k++) {
        float f = (float)((((uint32_t)k * 2654435761u) >> 8) & 1023) / 1024.0f - 0.4f;
        switch (t->dtype) {
        case PLIM_F32:
            ((float *)t->data)[k] = f;
            break;
        case PLIM_I32:
            ((int32_t *)t->data)[k] = (int32_t)(k % 255);
            break;
        case PLIM_I64:
            ((int64_t *)t->data)[k] = 16000;
            break;
        default:
            fail_msg("the golden formula knows no %s", plim_dtype_name(t->dtype));
        }
    }
}

static void make_tensor(const plim_card_tensor *from, plim_tensor *out)
{
    plim_error err;
    assert_ok(plim_tensor_init(out, NULL, from->dtype, from->profiles[0].opt, from->rank,
                               PLIM_MEMORY_HOST, &err));
    out->data = calloc(1, plim_tensor_bytes(out) + 64);
    assert_non_null(out->data);
}

static plim_status fixture_open(fixture_artifact *artifact, fixture_host *host, uint32_t threads,
                                fixture_run *out, plim_error *err)
{
    const plim_card *card = artifact->card;
    plim_backend_opts opts = {
        .struct_size = sizeof(opts), .library = artifact->library, .thread_count = threads};
    memset(out, 0, sizeof(*out));
    PLIM_TRY(artifact->ops->open(&artifact->source, &host->host, &opts, &out->engine, err));
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        const plim_card_tensor *t = &card->tensors[i];
        if (t->is_input) {
            make_tensor(t, &out->inputs[out->input_count]);
            fill(&out->inputs[out->input_count]);
            out->input_names[out->input_count++] = t->name;
        } else {
            make_tensor(t, &out->outputs[out->output_count]);
            out->output_names[out->output_count++] = t->name;
        }
    }
    return PLIM_OK;
}

static plim_status fixture_go(fixture_artifact *artifact, fixture_run *run,
                              const volatile bool *cancel, plim_error *err)
{
    return artifact->ops->run(run->engine, run->input_names, run->inputs, run->input_count,
                              run->output_names, run->outputs, run->output_count, cancel, err);
}

static void fixture_close(fixture_artifact *artifact, fixture_run *run)
{
    artifact->ops->close(run->engine);
    for (size_t i = 0; i < run->input_count; i++) {
        free(run->inputs[i].data);
    }
    for (size_t i = 0; i < run->output_count; i++) {
        free(run->outputs[i].data);
    }
    memset(run, 0, sizeof(*run));
}

static uint64_t fixture_hash(const fixture_run *run)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < run->output_count; i++) {
        const unsigned char *bytes = plim_tensor_data(&run->outputs[i]);
        for (uint64_t k = 0; k < plim_tensor_bytes(&run->outputs[i]); k++) {
            h = (h ^ bytes[k]) * 1099511628211u;
        }
    }
    return h;
}

static double fixture_sum(const fixture_run *run, size_t output, double *first)
{
    const float *y = plim_tensor_data(&run->outputs[output]);
    int64_t n = plim_tensor_elements(&run->outputs[output]);
    double sum = 0;
    for (int64_t k = 0; k < n; k++) {
        sum += fabs((double)y[k]);
    }
    *first = n ? (double)y[0] : 0;
    return sum;
}

#endif
