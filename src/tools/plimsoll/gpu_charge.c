/* SPDX-License-Identifier: Apache-2.0 */
/* gpu_charge.c - what the probe of GPU pages and control groups found, in words and figures.
 *
 * Asked only when --probe-gpu says so: the probe makes a context of the driver, which costs memory
 * and wakes a GPU that sleeps. An answer that is not sure is none: groups go on binding.
 */
#include "src/tools/plimsoll/gpu_charge.h"

#include <inttypes.h>
#include <string.h>

void gpu_charge_ask(const char *library, gpu_charge *out)
{
    plim_gpu_charge_opts o = plim_gpu_charge_opts_default();
    plim_error err = {.status = PLIM_OK};
    memset(out, 0, sizeof(*out));
    if (!library) {
        return;
    }
    o.library = library[0] ? library : NULL;
    out->is_asked = true;
    if (plim_gpu_charge_probe(&o, &out->found, &err) != PLIM_OK) {
        memset(&out->found, 0, sizeof(out->found));
        snprintf(out->found.how, sizeof(out->found.how), "the system refused %.100s", err.what);
    }
}

/* A count that fell is shown as such: others gave something back meanwhile. */
static void say_growth(const plim_gpu_charge *c, char *text, size_t room)
{
    const char *sign[2], *size[2];
    for (int i = 0; i < 2; i++) {
        const int64_t grown = c->grown_bytes[i];
        sign[i] = grown < 0 ? "-" : "";
        size[i] = tool_size(grown < 0 ? (uint64_t)0 - (uint64_t)grown : (uint64_t)grown);
    }
    snprintf(text, room, "%s%s and %s%s of %s", sign[0], size[0], sign[1], size[1],
             tool_size(c->block_bytes));
}

/* Two blocks that came to nothing are a no; an unknown with figures is one that was measured. */
static bool is_measured(const plim_gpu_charge *c)
{
    return c->charged != PLIM_CHARGED_UNKNOWN || c->grown_bytes[0] || c->grown_bytes[1];
}

void gpu_charge_text(const gpu_charge *c, char text[GPU_CHARGE_TEXT_BYTES])
{
    char growth[96];
    const char *answer = plim_charged_text(c->found.charged);
    if (!is_measured(&c->found)) {
        snprintf(text, GPU_CHARGE_TEXT_BYTES, "%s: %s", answer, c->found.how);
        return;
    }
    say_growth(&c->found, growth, sizeof(growth));
    snprintf(text, GPU_CHARGE_TEXT_BYTES, "%s: %s came to %s", answer, growth, c->found.how);
}

void gpu_charge_note(const gpu_charge *c, plim_facts *facts)
{
    char growth[64], source[PLIM_FACT_SOURCE_BYTES];
    if (!c->is_asked || c->found.charged == PLIM_CHARGED_UNKNOWN) {
        return;
    }
    say_growth(&c->found, growth, sizeof(growth));
    snprintf(source, sizeof(source), "a probe: %s charged", growth);
    (void)plim_facts_set_number(facts, PLIM_FACT_MEMORY_GPU_CHARGED,
                                c->found.charged == PLIM_CHARGED_YES, PLIM_CONFIDENCE_READ, source);
}

void gpu_charge_json(const gpu_charge *c, FILE *to)
{
    const plim_gpu_charge *f = &c->found;
    if (!c->is_asked) {
        fputs(",\"gpu_charge\":null", to);
        return;
    }
    fprintf(to, ",\"gpu_charge\":{\"charged\":\"%s\",\"block\":%" PRIu64 ",\"grown\":",
            plim_charged_text(f->charged), f->block_bytes);
    if (is_measured(f)) {
        fprintf(to, "[%" PRId64 ",%" PRId64 "]", f->grown_bytes[0], f->grown_bytes[1]);
    } else {
        fputs("null", to);
    }
    fputs(",\"how\":", to);
    json_text(to, f->how);
    fputc('}', to);
}
