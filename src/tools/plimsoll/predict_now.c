/* SPDX-License-Identifier: Apache-2.0 */
/* predict_now.c - a prediction held against what this machine can give right now.
 *
 * A cap says what a deployment may have; it says nothing about what is there. Decides whether the
 * predicted peak, and the cap, can be had at this moment, and who holds what cannot. Refuses only
 * when asked to (--headroom refuse): the machine may be emptier when the load gets there, and
 * a cap that fits was a promise before there was a headroom.
 */
#include <inttypes.h>
#include <string.h>

#include "src/tools/plimsoll/predict.h"

#define ROWS_SHOWN 3

bool predict_now_mode(const char *text, now_mode *out)
{
    static const char *const NAMES[] = {"warn", "refuse", "off"};
    for (unsigned i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strcmp(text, NAMES[i]) == 0) {
            *out = (now_mode)i;
            return true;
        }
    }
    return false;
}

/* Backends of today take the host's pages; a TensorRT engine's lie in the GPU driver's. */
static bool has_engine(const prediction *p, bool on_gpu)
{
    for (size_t i = 0; i < p->item_count; i++) {
        uint32_t at = p->engine_of[i];
        if (at != PREDICT_NO_ENGINE &&
            (strcmp(p->engines[at].backend, "tensorrt") == 0) == on_gpu) {
            return true;
        }
    }
    return false;
}

void predict_now_read(prediction *p, const char *root, const char *probe_gpu, now_mode mode)
{
    plim_headroom_opts o = plim_headroom_opts_default();
    plim_error err = {.status = PLIM_OK};
    o.root = root;
    o.for_gpu = has_engine(p, true);
    gpu_charge_ask(probe_gpu, &p->charge);
    /* The host's pages are charged whatever the driver says: with any of them, groups bind. */
    o.gpu_charged = has_engine(p, false) ? PLIM_CHARGED_UNKNOWN : p->charge.found.charged;
    p->now = mode;
    p->has_headroom = mode != NOW_OFF && plim_headroom_read(&o, &p->headroom, &err) == PLIM_OK;
    if (mode != NOW_OFF && !p->has_headroom && p->warning_count < PREDICT_WARNINGS_MAX) {
        snprintf(p->warnings[p->warning_count++], sizeof(p->warnings[0]),
                 "what can be had now is not known: %.140s", err.detail);
    }
    p->fits_now = !p->has_headroom || p->peak_bytes <= p->headroom.allocatable_bytes;
}

static bool is_of_promise(const plim_headroom *h, const plim_headroom_row *r)
{
    return r->kind == PLIM_HEADROOM_COUNTED && r->bytes < 0 &&
           (r->wall == h->binding || r->wall == PLIM_HEADROOM_EVERY_WALL);
}

/* The largest deductions of the wall that binds, largest first. */
static size_t largest_rows(const plim_headroom *h, const plim_headroom_row *out[ROWS_SHOWN])
{
    size_t count = 0;
    for (uint32_t i = 0; i < h->row_count; i++) {
        const plim_headroom_row *r = &h->rows[i];
        if (!is_of_promise(h, r)) {
            continue;
        }
        size_t at = count < ROWS_SHOWN ? count++ : ROWS_SHOWN;
        for (; at && out[at - 1]->bytes > r->bytes; at--) {
            if (at < ROWS_SHOWN) {
                out[at] = out[at - 1];
            }
        }
        if (at < ROWS_SHOWN) {
            out[at] = r;
        }
    }
    return count;
}

static void print_rows(const plim_headroom *h, FILE *to)
{
    const plim_headroom_row *rows[ROWS_SHOWN];
    const size_t count = largest_rows(h, rows);
    for (size_t i = 0; i < count; i++) {
        fprintf(to, "  %-34s %10s   %s\n", rows[i]->name, tool_size((uint64_t)-rows[i]->bytes),
                rows[i]->source);
    }
}

void predict_now_charge(const prediction *p, FILE *to)
{
    char text[GPU_CHARGE_TEXT_BYTES];
    if (p->charge.is_asked) {
        gpu_charge_text(&p->charge, text);
        fprintf(to, "GPU pages charged to the group: %s\n", text);
    }
}

void predict_now_print(const prediction *p, FILE *to)
{
    const plim_headroom *h = &p->headroom;
    if (!p->has_headroom) {
        return;
    }
    const char *can = tool_size(h->allocatable_bytes), *wall = h->walls[h->binding].name;
    const bool cap_fits = p->cap_bytes <= h->allocatable_bytes;
    if (!p->fits_now) {
        fprintf(to, "does not fit now: only %s can be had, peak %s; held by %s\n", can,
                tool_size(p->peak_bytes), wall);
    } else if (p->cap_bytes && !cap_fits) {
        fprintf(to, "now: the peak fits, cap %s does not: only %s can be had, held by %s\n",
                tool_size(p->cap_bytes), can, wall);
    } else if (p->cap_bytes) {
        fprintf(to, "now: cap %s fits this machine, %s can be had (%s)\n", tool_size(p->cap_bytes),
                can, wall);
    } else {
        fprintf(to, "now: the peak fits this machine, %s can be had (%s)\n", can, wall);
    }
    if (!p->fits_now || (p->cap_bytes && !cap_fits)) {
        print_rows(h, to);
    }
    if (h->missing_count) {
        fprintf(to, "  figures that could not be read: %u\n", (unsigned)h->missing_count);
    }
}

/* "headroom": null when it was not asked for or is not known. */
void predict_now_json(const prediction *p, FILE *to)
{
    const plim_headroom *h = &p->headroom;
    bool is_first = true;
    if (!p->has_headroom) {
        fputs(",\"headroom\":null", to);
        return;
    }
    fprintf(to,
            ",\"headroom\":{\"allocatable\":%" PRIu64 ",\"largest_block\":%" PRIu64
            ",\"fits_now\":%s,\"wall\":\"%s\",\"name\":",
            h->allocatable_bytes, h->largest_block_bytes, p->fits_now ? "true" : "false",
            plim_wall_name(h->walls[h->binding].kind));
    json_text(to, h->walls[h->binding].name);
    fprintf(to, ",\"missing\":%u,\"rows\":[", (unsigned)h->missing_count);
    for (uint32_t i = 0; i < h->row_count; i++) {
        const plim_headroom_row *r = &h->rows[i];
        bool is_counted = r->kind == PLIM_HEADROOM_COUNTED &&
                          (r->wall == h->binding || r->wall == PLIM_HEADROOM_EVERY_WALL);
        if (!is_counted && r->kind != PLIM_HEADROOM_MISSING) {
            continue;
        }
        fprintf(to, "%s{\"name\":", is_first ? "" : ",");
        json_text(to, r->name);
        fprintf(to, ",\"bytes\":");
        fprintf(to, is_counted ? "%" PRId64 : "null", r->bytes);
        fprintf(to, ",\"source\":");
        json_text(to, r->source);
        fputc('}', to);
        is_first = false;
    }
    fputs("]}", to);
}

plim_status predict_now_admit(const prediction *p, plim_error *err)
{
    if (p->fits_now || p->now != NOW_REFUSE) {
        return PLIM_OK;
    }
    (void)PLIM_FAIL(err, PLIM_E_NOMEM, .what = "predicted peak", .want = p->peak_bytes,
                    .have = p->headroom.allocatable_bytes,
                    .limit = p->headroom.walls[p->headroom.binding].room_bytes);
    plim_error_detail(err, "held by %s", p->headroom.walls[p->headroom.binding].name);
    return PLIM_E_NOMEM;
}
