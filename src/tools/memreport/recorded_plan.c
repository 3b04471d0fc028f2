/* SPDX-License-Identifier: Apache-2.0 */
/* recorded_plan.c - what a data set needs beside the engines, under a budget.
 *
 * The largest episode decides, not the mean. A policy that looks at H frames every horizon steps
 * and fetches P looks ahead needs H frames for now, and for each look ahead as many frames as it
 * does not share with the one before: history + prefetch x min(history, horizon).
 */
#include <inttypes.h>
#include <string.h>

#include "plimsoll/engine.h"
#include "src/tools/memreport/recorded.h"

/* The worst of all episodes, each part with the episode it comes from. */
typedef struct plan_need {
    uint64_t whole, whole_rest;                      /* video as rgb24; state/action and other */
    uint64_t frames, decoders, rest, total;          /* under the window */
    uint64_t whole_episode, window_episode, a_frame; /* bytes of one frame of every camera */
    uint32_t cameras, decoder_frames;
    uint64_t decoded_a_step;
    bool is_estimated;
} plan_need;

static void add(plan_need *need, const recorded_request *r, const plim_survey_episode *e)
{
    plan_need now = {.whole_episode = e->index, .window_episode = e->index};
    for (uint32_t i = 0; i < e->feature_count; i++) {
        const plim_survey_feature *f = &e->features[i];
        uint64_t decoder;
        if (!recorded_is_seen(r, f) || !f->has_data) {
            continue;
        }
        if (f->group != PLIM_FEATURE_VIDEO) {
            now.rest += plim_survey_memory(f, r->pixels, UINT64_MAX);
            continue;
        }
        uint64_t jump =
            f->keyframe_apart && f->keyframe_apart < r->horizon ? f->keyframe_apart : r->horizon;
        now.whole += plim_survey_memory(f, PLIM_PIXELS_RGB24, UINT64_MAX);
        now.frames += plim_survey_memory(f, r->pixels, r->window);
        now.a_frame += plim_survey_memory(f, r->pixels, 1);
        now.decoder_frames += plim_survey_decoder(f, &decoder);
        now.decoders += decoder;
        now.cameras++;
        now.decoded_a_step = jump > now.decoded_a_step ? jump : now.decoded_a_step;
    }
    now.whole_rest = now.rest;
    now.total = now.frames + now.decoders + now.rest;
    if (now.whole + now.whole_rest > need->whole + need->whole_rest) {
        need->whole = now.whole;
        need->whole_rest = now.whole_rest;
        need->whole_episode = now.whole_episode;
    }
    if (now.total > need->total) {
        uint64_t whole = need->whole, rest = need->whole_rest, index = need->whole_episode;
        *need = now;
        need->whole = whole;
        need->whole_rest = rest;
        need->whole_episode = index;
    }
}

/* Bytes that the engines need while they run: what their cards say, else the file's room. */
static int add_engines(recorded_walk *self, uint64_t *out)
{
    const recorded_request *r = self->request;
    plim_error err = {.status = PLIM_OK};
    plim_budget *budget = NULL;
    plim_arena *arena = NULL;
    plim_region *home = NULL;
    plim_budget_opts b = plim_budget_opts_default();
    plim_region_opts g = plim_region_opts_default();
    b.cap_bytes = 8u << 20;
    g.tag = PLIM_TAG_OTHER;
    g.size_bytes = 4u << 20;
    int code = REPORT_OK;
    if (!r->engine_count) {
        return code;
    }
    plim_status status = plim_budget_open(plim_provider_mmap(), &b, &budget, &err);
    if (status == PLIM_OK) {
        status = plim_arena_open(budget, plim_provider_mmap(), NULL, &arena, &err);
    }
    if (status == PLIM_OK) {
        status = plim_region_create(arena, PLIM_REGION_BUMP, &g, &home, &err);
    }
    for (uint32_t i = 0; i < r->engine_count && status == PLIM_OK; i++) {
        plim_engine_file *file;
        status = plim_engine_open(r->engines[i], home, &file, &err);
        if (status == PLIM_OK) {
            const plim_card *card = plim_engine_card(file);
            uint64_t resident = card->resident_bytes;
            *out += (resident ? resident : plim_engine_room_bytes(file)) + card->activation_bytes;
            plim_engine_close(file);
        } else {
            code = report_refuse(r->engines[i], &err);
        }
    }
    plim_region_destroy(home);
    plim_arena_close(arena);
    plim_budget_close(budget);
    return code;
}

typedef struct plan_result {
    uint64_t engines, whole_peak, window_peak, smallest, largest;
} plan_result;

static plan_result solve(const recorded_request *r, const plan_need *n, uint64_t engines)
{
    plan_result p = {.engines = engines};
    uint64_t shared = r->history < r->horizon ? r->history : r->horizon;
    p.whole_peak = n->whole + n->whole_rest + engines;
    p.window_peak = n->total + engines;
    p.smallest = r->history + r->prefetch * shared;
    uint64_t rest = n->decoders + n->rest + engines;
    if (r->budget > rest && n->a_frame) {
        p.largest = (r->budget - rest) / n->a_frame;
    }
    return p;
}

static void print_line(const recorded_request *r, const char *name, uint64_t whole, bool has_whole,
                       uint64_t window, const char *note)
{
    char a[32], b[32];
    printf("%-22s %14s %14s%s%s\n", name, has_whole ? recorded_size(r, whole, a, sizeof(a)) : "-",
           recorded_size(r, window, b, sizeof(b)), note[0] ? "   " : "", note);
}

static void print_against(const recorded_request *r, const plan_result *p)
{
    const uint64_t peaks[] = {p->whole_peak, p->window_peak};
    char size[32], name[48];
    snprintf(name, sizeof(name), "of %s", recorded_size(r, r->budget, size, sizeof(size)));
    printf("%-22s", name);
    for (int i = 0; i < 2; i++) {
        bool is_over = peaks[i] > r->budget;
        uint64_t by = is_over ? peaks[i] - r->budget : r->budget - peaks[i];
        char text[48];
        snprintf(text, sizeof(text), "%s%s", is_over ? "over " : "",
                 recorded_size(r, by, size, sizeof(size)));
        const char *colour = !r->has_color ? "" : is_over ? "\033[1;31m" : "\033[1;32m";
        printf(" %s%14s%s", colour, text, r->has_color ? "\033[0m" : "");
    }
    printf("   %s\n", p->window_peak > r->budget ? "does not fit" : "left");
}

static void print_table(const recorded_request *r, const plan_need *n, const plan_result *p)
{
    char title[32], name[48], note[96], size[32];
    snprintf(title, sizeof(title), "window %" PRIu64, r->window);
    printf("%-22s %14s %14s\n", "", "whole, rgb24", title);
    snprintf(name, sizeof(name), "frames (episode %" PRIu64 ")", n->whole_episode);
    snprintf(note, sizeof(note), "%s, %" PRIu64 " x %u camera%s", recorded_pixels(r->pixels),
             r->window, n->cameras, n->cameras == 1 ? "" : "s");
    print_line(r, name, n->whole, true, n->frames, note);
    snprintf(note, sizeof(note), "%u frames, estimated", n->decoder_frames);
    print_line(r, "decoders", 0, false, n->decoders, n->decoder_frames ? note : "");
    print_line(r, "state/action, other", n->whole_rest, true, n->rest, "");
    if (p->engines) {
        print_line(r, "engines", p->engines, true, p->engines,
                   r->engine_count ? "as their cards say" : "given");
    }
    printf("----------------------------------------------------\n");
    print_line(r, "peak", p->whole_peak, true, p->window_peak, "");
    if (r->budget) {
        print_against(r, p);
    }
    printf("\nsmallest window that serves horizon %" PRIu64 " with %" PRIu64
           " fetched ahead: %" PRIu64 "%s\n",
           r->horizon, r->prefetch, p->smallest,
           p->smallest > r->window ? " (the window above is smaller)" : "");
    if (r->budget && p->largest) {
        printf("largest window under %s: %" PRIu64 "\n",
               recorded_size(r, r->budget, size, sizeof(size)), p->largest);
    }
    if (n->decoded_a_step) {
        printf("frames decoded from one look to the next: up to %" PRIu64 " a camera\n",
               n->decoded_a_step);
    }
}

static void write_need(const char *key, uint64_t index, uint64_t frames, uint64_t decoders,
                       uint64_t rest, uint64_t peak)
{
    printf("\"%s\":{\"index\":%" PRIu64 ",\"frames\":%" PRIu64 ",\"decoders\":%" PRIu64
           ",\"rest\":%" PRIu64 ",\"peak\":%" PRIu64 "},",
           key, index, frames, decoders, rest, peak);
}

static void write_json(const recorded_walk *self, const plan_need *n, const plan_result *p,
                       int code)
{
    const recorded_request *r = self->request;
    recorded_json_head(self, "plan");
    printf(",\n\"plan\":{");
    write_need("whole", n->whole_episode, n->whole, 0, n->whole_rest, p->whole_peak);
    write_need("window", n->window_episode, n->frames, n->decoders, n->rest, p->window_peak);
    printf("\"engines\":%" PRIu64 ",\"budget\":", p->engines);
    printf(r->budget ? "%" PRIu64 : "null", r->budget);
    printf(",\"fits\":%s,\"smallest_window\":%" PRIu64 ",\"largest_window\":",
           !r->budget                    ? "null"
           : p->window_peak <= r->budget ? "true"
                                         : "false",
           p->smallest);
    printf(r->budget ? "%" PRIu64 : "null", p->largest);
    printf(",\"cameras\":%u,\"decoded_a_step\":%" PRIu64 "}", n->cameras, n->decoded_a_step);
    recorded_json_warnings(self, code);
}

int recorded_plan(recorded_walk *self)
{
    recorded_request r = *self->request;
    plan_need need = {.whole = 0};
    const plim_survey_episode *e;
    uint64_t engines = r.model_bytes;
    uint64_t shared = r.history < r.horizon ? r.history : r.horizon;
    int code = add_engines(self, &engines);
    if (code != REPORT_OK) {
        return code;
    }
    r.window = r.window ? r.window : r.history + r.prefetch * shared;
    self->request = &r;
    while ((e = recorded_next(self, &code))) {
        add(&need, &r, e);
    }
    plan_result p = solve(&r, &need, engines);
    code = code == REPORT_OK ? recorded_outcome(self) : code;
    if (code == REPORT_OK && r.budget && p.window_peak > r.budget) {
        code = REPORT_OVER;
    }
    if (r.form == RECORDED_JSON) {
        write_json(self, &need, &p, code);
    } else {
        if (self->readable) {
            print_table(&r, &need, &p);
        }
        recorded_print_warnings(self);
    }
    return code;
}
