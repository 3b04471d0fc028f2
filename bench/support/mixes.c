/* SPDX-License-Identifier: Apache-2.0 */
/* mixes.c - random deployments: artifacts made once, manifests drawn by seed.
 *
 * A hollow twin has the head of an artifact and a hole for a body: who reads it notices.
 */
#include "bench/support/mixes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plimsoll/plimsoll.h"

#define OPAQUE_COUNT 12u
#define TAIL         "__smany_jpany_trtnone_fp32.engine"

static const struct {
    const char *model, *shape, *inputs, *video_input;
} REAL[] = {
    {"silero_vad_16k_op15", "--shape input:1x576 --shape state:2x1x128",
     "{input: {from: formula}, state: {from: feedback, output: stateN}, sr: {from: constant, "
     "value: 16000}}",
     NULL},
    {"ppocr_v4_det", "--shape x:1x3x320x320", "{x: {from: formula}}", "x"},
    {"ppocr_v4_rec", "--shape x:1x3x48x320", "{x: {from: formula}}", "x"},
    {"magika_v3_3", "--shape bytes:1x2048", "{bytes: {from: formula}}", NULL},
};

uint64_t mix_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void stop(const char *what, const char *detail)
{
    fprintf(stderr, "bench_predict: %s: %s\n", what, detail);
    exit(2);
}

static void shell(const char *command)
{
    if (system(command) != 0) {
        stop("failed", command);
    }
}

static bool is_there(const char *path, uint64_t *bytes)
{
    struct stat st;
    bool ok = stat(path, &st) == 0;
    *bytes = ok ? (uint64_t)st.st_size : 0;
    return ok;
}

/* ---- artifacts ---- */

static mix_artifact *shelve(mix_shelf *self, const char *model, unsigned kind, char *path)
{
    mix_artifact *a = &self->artifacts[self->count++];
    snprintf(a->model, sizeof(a->model), "%s", model);
    snprintf(a->name, sizeof(a->name), "%s" TAIL, model);
    a->kind = kind;
    snprintf(path, MIX_PATH, "%.400s/%s", self->folder, a->name);
    return a;
}

static void import_real(mix_shelf *self, unsigned kind)
{
    char path[MIX_PATH], source[128], command[2048];
    uint64_t bytes;
    snprintf(source, sizeof(source), "build/wheels/%s.onnx", REAL[kind].model);
    if (!is_there(source, &bytes)) {
        return;
    }
    mix_artifact *a = shelve(self, REAL[kind].model, kind, path);
    if (!is_there(path, &a->file_bytes)) {
        snprintf(command, sizeof(command), "%s/plimsoll import %s --name %s %s -o %s >/dev/null",
                 self->tools, source, a->model, REAL[kind].shape, self->folder);
        shell(command);
    }
    self->real_count++;
}

/* Half of the numbers are zero, so that LZ4 has something to do. */
static void write_weights(const char *path, uint64_t bytes, uint64_t seed)
{
    static uint64_t block[8192];
    FILE *f = fopen(path, "wb");
    for (uint64_t at = 0; f && at < bytes; at += sizeof(block)) {
        for (size_t i = 0; i < sizeof(block) / sizeof(block[0]); i++) {
            block[i] = (i / 64) % 2 ? mix_next(&seed) : 0;
        }
        (void)fwrite(block, 1, bytes - at < sizeof(block) ? (size_t)(bytes - at) : sizeof(block),
                     f);
    }
    if (!f || fclose(f) != 0) {
        stop("cannot write", path);
    }
}

static void write_card(const char *path, const mix_artifact *a)
{
    FILE *f = fopen(path, "w");
    if (!f) {
        stop("cannot write", path);
    }
    uint64_t n = a->square;
    fprintf(f,
            "{\"plimsoll_card\": 1, \"name\": \"%s\", \"backend\": \"null\", \"format\": \"raw\",\n"
            "\"precision\": {\"asked\": \"fp32\", \"found\": \"fp32\"},\n"
            "\"build\": {\"kind\": \"portable\"},\n"
            "\"memory\": {\"activation_bytes\": %" PRIu64 ", \"session_bytes\": 4096},\n"
            "\"tensors\": [{\"name\": \"x\", \"io\": \"input\", \"dtype\": \"float32\", \"rank\": "
            "4}, {\"name\": \"y\", \"io\": \"output\", \"dtype\": \"float32\", \"rank\": 4}],\n"
            "\"profiles\": [{",
            a->name, n * n * 3 * 4);
    for (int k = 0; k < 2; k++) {
        fprintf(f, "%s\"%s\": {", k ? ", " : "", k ? "y" : "x");
        for (int r = 0; r < 3; r++) {
            static const char *const RANGE[] = {"min", "opt", "max"};
            fprintf(f, "%s\"%s\": [1, 3, %" PRIu64 ", %" PRIu64 "]", r ? ", " : "", RANGE[r], n, n);
        }
        fputc('}', f);
    }
    fputs("}]}\n", f);
    fclose(f);
}

static void pack_opaque(mix_shelf *self, unsigned i, uint64_t *state)
{
    char path[MIX_PATH], model[32], weights[MIX_PATH], card[MIX_PATH], command[3072];
    uint64_t bytes = (UINT64_C(1) << 20) << mix_next(state) % 6;
    bytes += mix_next(state) % bytes; /* 1 to 64 MiB, as many small ones as large ones */
    uint64_t square = 32 + 16 * (mix_next(state) % 30), seed = mix_next(state);
    snprintf(model, sizeof(model), "opaque_%u_%s", i, i % 2 ? "lz4" : "raw");
    mix_artifact *a = shelve(self, model, MIX_OPAQUE, path);
    a->square = square;
    if (is_there(path, &a->file_bytes)) {
        return;
    }
    snprintf(weights, sizeof(weights), "%.400s/weights.bin", self->folder);
    snprintf(card, sizeof(card), "%.400s/card.json", self->folder);
    write_weights(weights, bytes, seed);
    write_card(card, a);
    snprintf(command, sizeof(command),
             "%s/plimsoll pack --card %s --section weights:weights:%s %s -o %s >/dev/null",
             self->tools, card, weights, i % 2 ? "--lz4" : "", self->folder);
    shell(command);
    unlink(weights);
}

/* ---- hollow twins ---- */

static uint64_t body_begins(plim_region *home, const char *path)
{
    plim_engine_file *file = NULL;
    plim_error err = {.status = PLIM_OK};
    uint64_t least = UINT64_MAX;
    if (plim_engine_open(path, home, &file, &err) != PLIM_OK) {
        stop("cannot open", path);
    }
    for (size_t i = 0; i < plim_engine_chunk_count(file); i++) {
        uint64_t at = plim_engine_chunk(file, i)->file_offset;
        least = at < least ? at : least;
    }
    plim_engine_close(file);
    return least;
}

static void hollow_out(const mix_shelf *self, plim_region *home, mix_artifact *a)
{
    char path[MIX_PATH], twin[MIX_PATH];
    static char block[65536];
    snprintf(path, sizeof(path), "%.400s/%s", self->folder, a->name);
    snprintf(twin, sizeof(twin), "%.400s/hollow/%s", self->folder, a->name);
    (void)is_there(path, &a->file_bytes);
    uint64_t left = body_begins(home, path);
    FILE *from = fopen(path, "rb"), *to = fopen(twin, "wb");
    if (!from || !to) {
        stop("cannot copy to", twin);
    }
    while (left) {
        size_t n = fread(block, 1, left < sizeof(block) ? (size_t)left : sizeof(block), from);
        if (n == 0 || fwrite(block, 1, n, to) != n) {
            stop("cannot copy to", twin);
        }
        left -= n;
    }
    if (fflush(to) != 0 || ftruncate(fileno(to), (off_t)a->file_bytes) != 0) {
        stop("cannot lengthen", twin);
    }
    fclose(to);
    fclose(from);
}

static void hollow_out_all(mix_shelf *self)
{
    plim_runtime_opts o = plim_runtime_opts_default();
    plim_region_opts r = plim_region_opts_default();
    plim_runtime *runtime = NULL;
    plim_region *home = NULL;
    plim_error err = {.status = PLIM_OK};
    o.budget.cap_bytes = UINT64_C(256) << 20;
    r.size_bytes = UINT64_C(64) << 20;
    r.tag = PLIM_TAG_OTHER;
    if (plim_runtime_open(&o, &runtime, &err) != PLIM_OK ||
        plim_region_create(plim_runtime_arena(runtime), PLIM_REGION_BUMP, &r, &home, &err) !=
            PLIM_OK) {
        stop("no runtime", err.what ? err.what : "");
    }
    for (unsigned i = 0; i < self->count; i++) {
        hollow_out(self, home, &self->artifacts[i]);
    }
    plim_region_destroy(home);
    plim_runtime_close(runtime);
}

void mix_shelf_fill(mix_shelf *self, const char *folder, const char *tools)
{
    char command[2048];
    uint64_t state = 7;
    memset(self, 0, sizeof(*self));
    snprintf(self->folder, sizeof(self->folder), "%s", folder);
    snprintf(self->tools, sizeof(self->tools), "%s", tools);
    snprintf(command, sizeof(command), "mkdir -p %s/hollow", folder);
    shell(command);
    for (unsigned i = 0; i < sizeof(REAL) / sizeof(REAL[0]); i++) {
        import_real(self, i);
    }
    for (unsigned i = 0; i < OPAQUE_COUNT; i++) {
        pack_opaque(self, i, &state);
    }
    hollow_out_all(self);
    for (unsigned i = 0; i < 2; i++) {
        snprintf(command, sizeof(command),
                 "test -d %s/episode%u || %s/make_episode -n 24,20 -s %u %s/episode%u >/dev/null",
                 folder, i, tools, i ? 480u : 128u, folder, i);
        shell(command);
    }
}

/* ---- drawing and writing ---- */

void mix_draw(mix *self, const mix_shelf *shelf, uint64_t *state)
{
    bool taken[MIX_ARTIFACTS_MAX] = {false};
    memset(self, 0, sizeof(*self));
    self->count = 1 + (unsigned)(mix_next(state) % MIX_ENGINES_MAX);
    self->order = (unsigned)(mix_next(state) % 3);
    self->traced = mix_next(state) % 2;
    self->has_episode = mix_next(state) % 2;
    self->frames = 1 + (unsigned)(mix_next(state) % 16);
    self->episode = (unsigned)(mix_next(state) % 2);
    for (unsigned i = 0; i < self->count; i++) {
        /* every second one real, as far as they go */
        unsigned from = mix_next(state) % 2 && shelf->real_count ? shelf->real_count : shelf->count;
        unsigned at = (unsigned)(mix_next(state) % from);
        while (taken[at]) {
            at = (at + 1) % shelf->count;
        }
        taken[at] = true;
        self->engines[i] = at;
        self->has_real = self->has_real || shelf->artifacts[at].kind != MIX_OPAQUE;
        self->groups[i] = (unsigned)(mix_next(state) % 3); /* 0: none */
        self->threads[i] = 1 + (unsigned)(mix_next(state) % 2);
        self->prepack[i] = mix_next(state) % 4 == 0;
        self->source[i] = (unsigned)(mix_next(state) % 3);
    }
}

static void write_inputs(const mix *self, const mix_artifact *a, unsigned i, FILE *f)
{
    static const char *const OPAQUE_INPUTS[] = {
        "{x: {from: formula}}", "{x: {from: feedback, output: y}}", "{x: {from: zeros}}"};
    bool is_real = a->kind != MIX_OPAQUE;
    const char *video = is_real ? REAL[a->kind].video_input : "x";
    if (self->has_episode && video && self->source[i] != 2) {
        fprintf(f,
                "    inputs: {%s: {from: video, feature: observation.images.ego_view, layout: "
                "nchw, scale: 0.0078}}\n",
                video);
    } else {
        fprintf(f, "    inputs: %s\n",
                is_real ? REAL[a->kind].inputs : OPAQUE_INPUTS[self->source[i]]);
    }
}

void mix_write(const mix *self, const mix_shelf *shelf, uint64_t cap_bytes, bool hollow,
               const char *path)
{
    static const char *const ORDERS[] = {"optimal", "as-listed", "largest-first"};
    FILE *f = fopen(path, "w");
    if (!f) {
        stop("cannot write", path);
    }
    /* what the process holds beside the engines: the tool, ONNX Runtime, the video decoder */
    fprintf(f,
            "name: mix\nbudget: {cap: %" PRIu64 " B}\norder: %s\nframework: {resident: %u MiB}\n",
            cap_bytes, ORDERS[self->order],
            24u + (self->has_real ? 40u : 0u) + (self->has_episode ? 40u : 0u));
    if (self->has_episode) {
        fprintf(f, "episode: {max_frames_in_mem: %u, dataset: %.400s/episode%u}\n", self->frames,
                shelf->folder, self->episode);
    }
    fprintf(f, "engines:\n");
    for (unsigned i = 0; i < self->count; i++) {
        const mix_artifact *a = &shelf->artifacts[self->engines[i]];
        fprintf(f, "  - name: e%u\n    artifact: %.400s/%s%s\n    threads: %u\n    prepack: %s\n",
                i, shelf->folder, hollow ? "hollow/" : "", a->name, self->threads[i],
                self->prepack[i] ? "true" : "false");
        if (self->groups[i]) {
            fprintf(f, "    scratch_group: g%u\n", self->groups[i]);
        }
        if (self->traced) {
            fprintf(f, "    record_trace: true\n");
        }
        write_inputs(self, a, i, f);
    }
    if (fclose(f) != 0) {
        stop("cannot write", path);
    }
}

void mix_forget_trace(const mix *self, const mix_shelf *shelf, unsigned engine)
{
    char path[MIX_PATH + 16];
    snprintf(path, sizeof(path), "%.400s/%s.plan.csv", shelf->folder,
             shelf->artifacts[self->engines[engine]].name);
    unlink(path);
}

void mix_forget_traces(const mix *self, const mix_shelf *shelf)
{
    for (unsigned i = 0; i < self->count; i++) {
        mix_forget_trace(self, shelf, i);
    }
}
