/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c - the effective configuration: what was given, what was detected, what is default. */
#include <inttypes.h>
#include <string.h>

#include "src/tools/plimsoll/manifest.h"
#include "src/tools/plimsoll/pressure_rungs.h"
#include "src/tools/plimsoll/tool.h"

static void give_number(uint64_t given, uint32_t *to, plim_source *source)
{
    if (given) {
        *to = (uint32_t)given;
        *source = PLIM_SOURCE_GIVEN;
    }
}

static void give_text(const char *given, char *to, size_t room, plim_source *source)
{
    if (given[0]) {
        snprintf(to, room, "%s", given);
        *source = PLIM_SOURCE_GIVEN;
    }
}

void manifest_host(const manifest *m, plim_host *host)
{
    give_number(m->host_sm, &host->sm, &host->sm_source);
    give_number(m->host_multiprocessors, &host->multiprocessors, &host->multiprocessors_source);
    give_number(m->host_multiprocessors, &host->multiprocessors_now,
                &host->multiprocessors_now_source); /* what a person says holds whatever the mode */
    if (m->host_memory_bytes) {
        host->memory_bytes = m->host_memory_bytes;
        host->memory_source = PLIM_SOURCE_GIVEN;
    }
    give_text(m->host_l4t, host->l4t, sizeof(host->l4t), &host->l4t_source);
    give_text(m->host_jetpack, host->jetpack, sizeof(host->jetpack), &host->jetpack_source);
    give_text(m->host_tensorrt, host->tensorrt, sizeof(host->tensorrt), &host->tensorrt_source);
}

static void print_input(const manifest_input *in, FILE *to)
{
    fprintf(to, "    %s: from %s", in->tensor, INPUT_FROM_NAMES[in->from]);
    switch (in->from) {
    case FROM_VIDEO:
        fprintf(to, " %s, %s, x %g %+g", in->feature, in->layout == LAYOUT_NCHW ? "nchw" : "nhwc",
                in->scale, in->bias);
        break;
    case FROM_ROW:
        fprintf(to, " %s, x %g %+g", in->feature, in->scale, in->bias);
        break;
    case FROM_BYTES:
        fprintf(to, " of %s", in->file);
        break;
    case FROM_CONSTANT:
        fprintf(to, " %g", in->value);
        break;
    case FROM_FEEDBACK:
        fprintf(to, " of output %s", in->output);
        break;
    default:
        break;
    }
    fputc('\n', to);
}

void manifest_print(const manifest *m, FILE *to)
{
    static const char *const SEALS[] = {"open", "count", "refuse"};
    fprintf(to, "%s: effective configuration\n", m->path);
    if (m->cap_bytes) {
        fprintf(to, "  budget.cap: %s\n", tool_size(m->cap_bytes));
    } else {
        fprintf(to, "  budget.fraction: %g\n", m->fraction);
    }
    fprintf(to, "  budget.reserve: %s\n  budget.seal: %s\n  budget.large_pages: %s\n  order: %s\n",
            tool_size(m->reserve_bytes), SEALS[m->seal], LARGE_PAGES_NAMES[m->large_pages],
            plim_load_policy_name((plim_load_policy)m->order));
    fprintf(to, "  framework: %s resident, %s extra\n", tool_size(m->framework_bytes),
            tool_size(m->framework_extra_bytes));
    fprintf(to, "  library.onnxruntime: %s\n", m->onnxruntime[0] ? m->onnxruntime : "as probed");
    pressure_print_config(m, to);
    for (size_t i = 0; i < m->engine_count; i++) {
        const manifest_engine *e = &m->engines[i];
        fprintf(to,
                "  engine %s: %s\n    backend %s, threads %" PRIu64 "%s, every %" PRIu64 "%s%s%s\n",
                e->name, e->artifact, e->backend[0] ? e->backend : "the card's",
                e->threads ? e->threads : 1, e->prepack ? ", prepack" : "", e->every,
                e->scratch_group[0] ? ", scratch group " : "", e->scratch_group,
                e->record_trace ? ", records its trace" : "");
        for (size_t k = 0; k < e->input_count; k++) {
            print_input(&e->inputs[k], to);
        }
    }
    fprintf(to, "  episode.max_frames_in_mem: %" PRIu64 "\n",
            m->max_frames_in_mem ? m->max_frames_in_mem : PLIM_FRAMES_DEFAULT);
}
