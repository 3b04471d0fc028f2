/* SPDX-License-Identifier: Apache-2.0 */
/* entry_fields.c - the keys of each kind of stanza: data only.
 *
 * To add a key: a field at the end of its struct in policy.h, and a line here. Reading, printing,
 * the checks for unknown and missing keys and plimsoll-policy(5)'s list all follow this table.
 */
#include "platform/policy/entries.h"

#define AT(kind, field) offsetof(plim_policy_entry, as.kind.field)
#define ONE(key, type, kind, field, required)                                                      \
    {                                                                                              \
        (key), FIELD_##type, PLIM_UNIT_TEXT, (required), 1, AT(kind, field), 0                     \
    }
#define LIST(key, type, kind, field, count, limit)                                                 \
    {                                                                                              \
        (key), FIELD_##type, PLIM_UNIT_TEXT, false, (limit), AT(kind, field), AT(kind, count)      \
    }
#define NUMBER(key, type, unit, kind, field)                                                       \
    {                                                                                              \
        (key), FIELD_##type, PLIM_UNIT_##unit, false, 1, AT(kind, field), 0                        \
    }

static const plim_field RULE[] = {
    ONE("rule", WORDS, rule, id, true),
    LIST("when", WHEN_LIST, rule, when, when_count, PLIM_RULE_CONDITIONS_MAX),
    ONE("action", ACTION, rule, action, true),
    ONE("symptom", PROSE, rule, symptom, false),
    ONE("why", PROSE, rule, why, true),
    ONE("remedy", PROSE, rule, remedy, false),
    LIST("workaround", PROSE_LIST, rule, workaround, workaround_count, PLIM_RULE_WORKAROUNDS_MAX),
    LIST("link", LINK_LIST, rule, link, link_count, PLIM_RULE_LINKS_MAX),
    ONE("source", PROSE, rule, source, false),
    ONE("confidence", EVIDENCE, rule, evidence, true),
    ONE("seen", DATE, rule, seen, false),
    ONE("expires", DATE, rule, expires, false),
};

static const plim_field BOARD[] = {
    ONE("board", WORDS, board, module, true),
    ONE("name", WORDS, board, name, true),
    ONE("family", WORDS, board, family, true),
    ONE("soc", WORDS, board, soc, false),
    ONE("chip_sku", WORDS, board, chip_sku, false),
    NUMBER("sm", NUMBER, SM, board, sm),
    NUMBER("multiprocessors", NUMBER, COUNT, board, multiprocessors),
    NUMBER("cpus", NUMBER, COUNT, board, cpus),
    NUMBER("memory", NUMBER, BYTES, board, memory_bytes),
    ONE("memory_kind", WORDS, board, memory_kind, false),
    NUMBER("bandwidth", NUMBER, BYTES_PER_S, board, bandwidth),
    NUMBER("gpu_memory", NUMBER, BYTES, board, gpu_memory_bytes),
    NUMBER("dla", NUMBER, COUNT, board, dla),
    ONE("compatible", WORDS, board, compatible, false),
    ONE("dmi", WORDS, board, dmi, false),
    ONE("gpu", WORDS, board, gpu, false),
    NUMBER("seen_total", RANGE, BYTES, board, seen_total_low),
    NUMBER("guess_from", NUMBER, BYTES, board, guess_from),
    ONE("note", PROSE, board, note, false),
    ONE("source", PROSE, board, source, false),
    ONE("confidence", EVIDENCE, board, evidence, true),
};
_Static_assert(offsetof(plim_board_info, seen_total_high) ==
                   offsetof(plim_board_info, seen_total_low) + sizeof(uint64_t),
               "FIELD_RANGE writes two numbers side by side");

static const plim_field SOC[] = {
    ONE("soc", WORDS, soc, soc, true),
    ONE("name", WORDS, soc, name, true),
    ONE("compatible", WORDS, soc, compatible, false),
    NUMBER("sm", NUMBER, SM, soc, sm),
    NUMBER("sm_also", NUMBER, SM, soc, sm_also),
    ONE("stack", WORDS, soc, stack, false),
    ONE("arch", WORDS, soc, arch, false),
    ONE("shares_memory", FLAG, soc, is_shared, true),
    ONE("source", PROSE, soc, source, false),
    ONE("confidence", EVIDENCE, soc, evidence, true),
};

static const plim_field RELEASE[] = {
    ONE("release", VERSION, release, l4t, true),
    ONE("jetpack", WORDS, release, jetpack, false),
    ONE("cuda", VERSION, release, cuda, false),
    ONE("tensorrt", VERSION, release, tensorrt, false),
    ONE("cudnn", VERSION, release, cudnn, false),
    ONE("kernel", VERSION, release, kernel, false),
    ONE("ubuntu", VERSION, release, ubuntu, false),
    ONE("modules", WORDS, release, modules, false),
    ONE("source", PROSE, release, source, false),
    ONE("confidence", EVIDENCE, release, evidence, true),
};

static const plim_field DTYPE[] = {
    ONE("dtype", WORDS, dtype, id, true),
    ONE("type", WORDS, dtype, type, true),
    LIST("when", WHEN_LIST, dtype, when, when_count, PLIM_RULE_CONDITIONS_MAX),
    ONE("support", SUPPORT, dtype, support, true),
    NUMBER("rank", NUMBER, COUNT, dtype, rank),
    ONE("why", PROSE, dtype, why, true),
    ONE("source", PROSE, dtype, source, false),
    ONE("confidence", EVIDENCE, dtype, evidence, true),
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const plim_field *plim_policy_fields(plim_policy_kind kind, size_t *count)
{
    static const struct {
        const plim_field *fields;
        size_t count;
    } KINDS[PLIM_POLICY_KINDS] = {
        [PLIM_POLICY_RULE] = {RULE, COUNT(RULE)},
        [PLIM_POLICY_BOARD] = {BOARD, COUNT(BOARD)},
        [PLIM_POLICY_SOC] = {SOC, COUNT(SOC)},
        [PLIM_POLICY_RELEASE] = {RELEASE, COUNT(RELEASE)},
        [PLIM_POLICY_DTYPE] = {DTYPE, COUNT(DTYPE)},
    };
    *count = KINDS[kind].count;
    return KINDS[kind].fields;
}
