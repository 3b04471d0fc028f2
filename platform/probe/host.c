/* SPDX-License-Identifier: Apache-2.0 */
/* host.c - the facts that an engine's card is held against, as one small struct.
 *
 * Decides nothing: the probes decide. A guess stays one, by its source.
 */
#include <string.h>

#include "plimsoll/platform.h"

static plim_source source_of(plim_confidence confidence)
{
    switch (confidence) {
    case PLIM_CONFIDENCE_NONE:
        break;
    case PLIM_CONFIDENCE_GUESS:
        return PLIM_SOURCE_GUESS;
    case PLIM_CONFIDENCE_TABLE:
        return PLIM_SOURCE_TABLE;
    case PLIM_CONFIDENCE_READ:
        return PLIM_SOURCE_KERNEL;
    case PLIM_CONFIDENCE_GIVEN:
        return PLIM_SOURCE_GIVEN;
    }
    return PLIM_SOURCE_NONE;
}

static plim_source text_of(const plim_facts *facts, plim_fact_id id, char *to, size_t room)
{
    const plim_fact *f = plim_facts_get(facts, id);
    const size_t bytes = f ? strnlen(f->text, room - 1) : 0;
    memcpy(to, f ? f->text : "", bytes);
    to[bytes] = 0;
    return f ? source_of(f->confidence) : PLIM_SOURCE_NONE;
}

static plim_source number_of(const plim_facts *facts, plim_fact_id id, uint32_t *to)
{
    const plim_fact *f = plim_facts_get(facts, id);
    bool fits = f && f->number <= UINT32_MAX;
    *to = fits ? (uint32_t)f->number : 0;
    return fits ? source_of(f->confidence) : PLIM_SOURCE_NONE;
}

#define TEXT(field, id)                                                                            \
    out->field##_source = text_of(facts, PLIM_FACT_##id, out->field, sizeof(out->field))
#define NUMBER(field, id) out->field##_source = number_of(facts, PLIM_FACT_##id, &out->field)

void plim_host_from_facts(const plim_facts *facts, plim_host *out)
{
    const plim_fact *memory = plim_facts_get(facts, PLIM_FACT_MEMORY_TOTAL);
    memset(out, 0, sizeof(*out));
    (void)text_of(facts, PLIM_FACT_CPU_ARCH, out->arch, sizeof(out->arch));
    out->memory_bytes = memory ? memory->number : 0;
    out->memory_source = memory ? source_of(memory->confidence) : PLIM_SOURCE_NONE;
    TEXT(board, BOARD_NAME);
    NUMBER(sm, GPU_SM);
    NUMBER(multiprocessors, GPU_MULTIPROCESSORS);
    TEXT(l4t, L4T_RELEASE);
    TEXT(jetpack, JETPACK_RELEASE);
    TEXT(tensorrt, TENSORRT_RELEASE);
    NUMBER(multiprocessors_now, GPU_MULTIPROCESSORS_NOW);
    TEXT(tensorrt_build, TENSORRT_BUILD);
    TEXT(power_mode, POWER_MODE);
    NUMBER(power_mode_id, POWER_MODE_ID);
    TEXT(gpu_name, GPU_NAME);
    TEXT(power_mode_max, POWER_MODE_MAX);
}

/* ---- the other way ---- */

static plim_confidence confidence_of(plim_source source)
{
    switch (source) {
    case PLIM_SOURCE_KERNEL:
        return PLIM_CONFIDENCE_READ;
    case PLIM_SOURCE_TABLE:
        return PLIM_CONFIDENCE_TABLE;
    case PLIM_SOURCE_GUESS:
        return PLIM_CONFIDENCE_GUESS;
    case PLIM_SOURCE_NONE:
    case PLIM_SOURCE_GIVEN:
        break;
    }
    return PLIM_CONFIDENCE_GIVEN;
}

static void note_number(plim_facts *facts, plim_fact_id id, uint64_t number, plim_source source)
{
    if (number) {
        plim_facts_set_number(facts, id, number, confidence_of(source), "host");
    }
}

static void note_text(plim_facts *facts, plim_fact_id id, const char *text, plim_source source)
{
    plim_facts_set_text(facts, id, text, confidence_of(source), "host");
}

void plim_host_note(const plim_host *h, plim_facts *facts)
{
    note_text(facts, PLIM_FACT_CPU_ARCH, h->arch, PLIM_SOURCE_KERNEL);
    note_text(facts, PLIM_FACT_BOARD_NAME, h->board, h->board_source);
    note_number(facts, PLIM_FACT_GPU_SM, h->sm, h->sm_source);
    note_number(facts, PLIM_FACT_GPU_MULTIPROCESSORS, h->multiprocessors,
                h->multiprocessors_source);
    note_number(facts, PLIM_FACT_GPU_MULTIPROCESSORS_NOW, h->multiprocessors_now,
                h->multiprocessors_now_source);
    note_text(facts, PLIM_FACT_GPU_NAME, h->gpu_name, h->gpu_name_source);
    note_number(facts, PLIM_FACT_MEMORY_TOTAL, h->memory_bytes, h->memory_source);
    note_text(facts, PLIM_FACT_L4T_RELEASE, h->l4t, h->l4t_source);
    note_text(facts, PLIM_FACT_JETPACK_RELEASE, h->jetpack, h->jetpack_source);
    note_text(facts, PLIM_FACT_TENSORRT_RELEASE, h->tensorrt, h->tensorrt_source);
    note_text(facts, PLIM_FACT_TENSORRT_BUILD, h->tensorrt_build, h->tensorrt_build_source);
    note_text(facts, PLIM_FACT_POWER_MODE, h->power_mode, h->power_mode_source);
    note_text(facts, PLIM_FACT_POWER_MODE_MAX, h->power_mode_max, h->power_mode_max_source);
}

plim_status plim_host_detect(const char *root, plim_host *out, plim_error *err)
{
    plim_system_memory memory; /* its refusal is ours; the probe would only leave a gap */
    plim_facts facts = PLIM_ZERO;
    plim_board_opts o = plim_board_opts_default();
    memset(out, 0, sizeof(*out));
    PLIM_TRY(plim_system_memory_read(root, &memory, err));
    o.root = root;
    PLIM_TRY(plim_board_probe(&o, &facts, err));
    plim_host_from_facts(&facts, out);
    return PLIM_OK;
}
