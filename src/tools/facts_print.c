/* SPDX-License-Identifier: Apache-2.0 */
/* facts_print.c - facts about a machine, for a person or for a program.
 *
 * What nobody could read is left out, never printed as zero. memreport host and plimsoll doctor
 * both print from here, so that a figure reads the same in both.
 */
#include "src/tools/facts_print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plimsoll/report.h"

static bool file_sink(void *context, const char *text, size_t text_bytes)
{
    return fwrite(text, 1, text_bytes, context) == text_bytes;
}

static void quoted(const char *text, FILE *to)
{
    (void)plim_report_json_text(text, file_sink, to);
}

/* Folders give names in an order of their own; a page must not. */
static int in_order(const void *a, const void *b)
{
    const plim_component *x = a, *y = b;
    int by_name = strcmp(x->name, y->name);
    int by_version = by_name ? by_name : plim_version_compare(x->version, y->version);
    return by_version ? by_version : strcmp(x->where, y->where);
}

plim_status machine_facts_read(const char *root, const char *snapshot,
                               const struct plim_policy *policy, machine_facts *out,
                               plim_error *err)
{
    plim_system_memory memory;
    plim_board_opts o = plim_board_opts_default();
    memset(out, 0, sizeof(*out));
    PLIM_TRY(plim_system_memory_read(root, &memory, err));
    o.root = root;
    o.snapshot = snapshot;
    o.policy = policy;
    o.components = out->components;
    o.component_limit = FACTS_COMPONENTS_MAX;
    o.out_component_count = &out->component_found;
    PLIM_TRY(plim_board_probe(&o, &out->facts, err));
    out->component_count =
        out->component_found < FACTS_COMPONENTS_MAX ? out->component_found : FACTS_COMPONENTS_MAX;
    qsort(out->components, out->component_count, sizeof(out->components[0]), in_order);
    return PLIM_OK;
}

/* Facts of one room ("board", "cpu") stand together. */
static bool is_same_room(plim_fact_id a, plim_fact_id b)
{
    size_t n = strcspn(plim_fact_key(a), ".");
    return strncmp(plim_fact_key(a), plim_fact_key(b), n + 1) == 0;
}

void facts_print_text(const machine_facts *m, FILE *to)
{
    plim_fact_id last = PLIM_FACT_COUNT;
    for (unsigned i = 0; i < PLIM_FACT_COUNT; i++) {
        plim_fact_id id = (plim_fact_id)i;
        const plim_fact *fact = plim_facts_get(&m->facts, id);
        char value[128];
        if (!fact) {
            continue;
        }
        if (last != PLIM_FACT_COUNT && !is_same_room(last, id)) {
            fputc('\n', to);
        }
        last = id;
        plim_fact_format(id, fact, value, sizeof(value));
        fprintf(to, "%-24s %-28s  %s, %s\n", plim_fact_key(id), value,
                plim_confidence_text(fact->confidence), fact->source);
    }
    for (size_t i = 0; i < m->component_count; i++) {
        const plim_component *c = &m->components[i];
        fprintf(to, "%s%-24s %-28s  %s, %s\n", i ? "" : "\n", c->name, c->version,
                plim_confidence_text(c->confidence), c->where);
    }
    if (m->component_found > m->component_count) {
        fprintf(to, "and %zu more libraries\n", m->component_found - m->component_count);
    }
}

void facts_print_value(plim_fact_id id, const plim_fact *fact, FILE *to)
{
    char text[128];
    switch (plim_fact_unit(id)) {
    case PLIM_UNIT_COUNT:
    case PLIM_UNIT_BYTES:
    case PLIM_UNIT_BYTES_PER_S:
    case PLIM_UNIT_HERTZ:
        fprintf(to, "%" PRIu64, fact->number);
        return;
    case PLIM_UNIT_FLAG:
        fputs(fact->number ? "true" : "false", to);
        return;
    case PLIM_UNIT_TEXT:
    case PLIM_UNIT_VERSION:
    case PLIM_UNIT_RATIO:
    case PLIM_UNIT_SM:
    case PLIM_UNIT_MASK:
        break;
    }
    plim_fact_format(id, fact, text, sizeof(text));
    quoted(text, to);
}

void facts_print_json(const machine_facts *m, FILE *to)
{
    bool has_any = false;
    fputs("\"facts\":[", to);
    for (unsigned i = 0; i < PLIM_FACT_COUNT; i++) {
        const plim_fact *fact = plim_facts_get(&m->facts, (plim_fact_id)i);
        if (fact) {
            fprintf(to, "%s{\"key\":\"%s\",\"value\":", has_any ? "," : "",
                    plim_fact_key((plim_fact_id)i));
            facts_print_value((plim_fact_id)i, fact, to);
            fprintf(to,
                    ",\"confidence\":\"%s\",\"source\":", plim_confidence_text(fact->confidence));
            quoted(fact->source, to);
            fputc('}', to);
            has_any = true;
        }
    }
    fputs("],\"components\":[", to);
    for (size_t i = 0; i < m->component_count; i++) {
        const plim_component *c = &m->components[i];
        fprintf(to, "%s{\"name\":", i ? "," : "");
        quoted(c->name, to);
        fputs(",\"version\":", to);
        quoted(c->version, to);
        fputs(",\"where\":", to);
        quoted(c->where, to);
        fprintf(to, ",\"confidence\":\"%s\"}", plim_confidence_text(c->confidence));
    }
    fputc(']', to);
}
