/* SPDX-License-Identifier: Apache-2.0 */
/* facts_text.c - facts as text, for what-if questions and for tests of a person's own rules.
 *
 * Reads the text twice: once to see that all of it is sound, then to note it, so that a failure
 * leaves the table of facts as it was without a second table of 24 KiB.
 */
#include <stdio.h>
#include <string.h>

#include "platform/policy/conditions.h"
#include "platform/policy/stanza.h"

static bool is_text(plim_unit unit)
{
    return unit == PLIM_UNIT_TEXT || unit == PLIM_UNIT_VERSION || unit == PLIM_UNIT_RATIO;
}

static const char *wrong_with(const plim_stanza_field *f)
{
    plim_fact_id id = plim_fact_find(f->key.at, f->key.bytes);
    uint64_t number;
    if (id == PLIM_FACT_COUNT) {
        return "the key of a fact";
    }
    plim_unit unit = plim_fact_unit(id);
    bool is_free = unit == PLIM_UNIT_TEXT || unit == PLIM_UNIT_VERSION;
    if (f->is_folded || f->value.bytes >= PLIM_FACT_TEXT_BYTES ||
        (!is_free && !plim_literal_number(unit, f->value, &number))) {
        return "a value in the unit of this fact";
    }
    return NULL;
}

static void note(plim_facts *facts, const char *name, const plim_stanza_field *f)
{
    plim_fact_id id = plim_fact_find(f->key.at, f->key.bytes);
    char value[PLIM_FACT_TEXT_BYTES], source[PLIM_FACT_SOURCE_BYTES];
    uint64_t number = 0;
    snprintf(source, sizeof(source), "%s:%u", name, f->line);
    plim_slice_copy(f->value, value, sizeof(value));
    if (is_text(plim_fact_unit(id))) {
        plim_facts_set_text(facts, id, value, PLIM_CONFIDENCE_GIVEN, source);
    } else if (plim_literal_number(plim_fact_unit(id), f->value, &number)) {
        plim_facts_set_number(facts, id, number, PLIM_CONFIDENCE_GIVEN, source);
    }
}

plim_status plim_facts_read(plim_facts *facts, const char *name, const char *text, size_t bytes,
                            plim_error *err)
{
    plim_stanza_field field;
    if (!facts || !name || (!text && bytes)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "facts as text");
    }
    if (bytes > PLIM_POLICY_TEXT_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "bytes of facts as text", .want = bytes,
                         .limit = PLIM_POLICY_TEXT_MAX);
    }
    for (int pass = 0; pass < 2; pass++) {
        plim_stanza_reader r = {name, text, bytes, 0, 0};
        do {
            PLIM_TRY(plim_stanza_next(&r, &field, err));
            const char *wrong = field.item == STANZA_FIELD ? wrong_with(&field) : NULL;
            if (wrong) {
                return plim_stanza_wrong(&r, field.line, field.key, wrong, field.value, err);
            }
            if (field.item == STANZA_FIELD && pass == 1) {
                note(facts, name, &field);
            }
        } while (field.item != STANZA_END);
    }
    return PLIM_OK;
}
