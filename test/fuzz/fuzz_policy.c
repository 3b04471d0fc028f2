/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_policy.c - a table that is accepted walks, prints to itself, matches and is checked; facts
 * and conditions of any bytes never fault, and a refusal changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "plimsoll/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PRINTED_MAX (1u << 20)

static char first[PRINTED_MAX], second[PRINTED_MAX];

static void insist(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void print_and_read_again(const plim_policy_entry *entry)
{
    plim_policy again = {.text_count = 0};
    plim_policy_cursor cursor = {0, 0, 0};
    plim_policy_entry same;
    size_t bytes = plim_policy_print(entry, first, sizeof(first));
    insist(bytes < sizeof(first));
    if (bytes > PLIM_POLICY_TEXT_MAX) { /* folding adds an indent to each line */
        return;
    }
    insist(plim_policy_add(&again, "printed", first, bytes, NULL) == PLIM_OK);
    insist(plim_policy_next(&again, &cursor, &same) && same.kind == entry->kind);
    insist(plim_policy_print(&same, second, sizeof(second)) == bytes);
    insist(memcmp(first, second, bytes) == 0);
}

static void count(void *context, const plim_rule *rule, plim_verdict verdict)
{
    insist(rule->id.bytes > 0 && rule->action >= PLIM_ACTION_ADVISE);
    insist(verdict == PLIM_VERDICT_HIT || verdict == PLIM_VERDICT_UNDECIDED);
    insist(rule->evidence != PLIM_EVIDENCE_DOUBTFUL || rule->action == PLIM_ACTION_ADVISE);
    ++*(size_t *)context;
}

static void use(const plim_policy *policy, const plim_facts *facts)
{
    plim_policy_cursor cursor = {0, 0, 0};
    plim_policy_entry entry;
    plim_dtype_choice choice;
    size_t entries = 0, visited = 0, findings = 0;
    for (; plim_policy_next(policy, &cursor, &entry); entries++) {
        print_and_read_again(&entry);
    }
    insist(plim_policy_match(policy, facts, count, &visited, NULL) == PLIM_OK);
    insist(visited <= entries);
    insist(plim_policy_check(policy, "2026-11-21", NULL, NULL, &findings, NULL) == PLIM_OK);
    plim_status rc = plim_policy_dtype(policy, facts, "fp16", &choice, NULL);
    insist(rc != PLIM_OK || choice.dtype[0]);
}

static void a_few_facts(plim_facts *facts)
{
    static const char TEXT[] = "gpu.sm: 8.7\ngpu.stack: nvgpu\nl4t.release: 36.4.7\n"
                               "memory.total: 16 GiB\ncard.largest: 4 GiB\n"
                               "pytorch.memory_fraction: 0.6\ngpu.shares_memory: yes\n";
    insist(plim_facts_read(facts, "few", TEXT, sizeof(TEXT) - 1, NULL) == PLIM_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static plim_facts few, facts;
    static bool is_ready;
    plim_policy policy = {.text_count = 0};
    plim_error err = {.status = PLIM_OK};
    const char *text = (const char *)data;
    plim_fact_id key, other;
    if (!is_ready) {
        a_few_facts(&few);
        is_ready = true;
    }
    if (plim_policy_add(&policy, "fuzzed", text, size, &err) == PLIM_OK) {
        insist(policy.text_count == 1);
        use(&policy, &few);
    } else {
        insist(policy.text_count == 0 && err.status != PLIM_OK);
    }
    memset(&facts, 0, sizeof(facts));
    if (plim_facts_read(&facts, "fuzzed", text, size, NULL) != PLIM_OK) {
        for (unsigned i = 0; i < PLIM_FACT_COUNT; i++) {
            insist(!plim_facts_get(&facts, (plim_fact_id)i));
        }
    }
    (void)plim_policy_condition((plim_slice){text, size}, &few, &key, &other);
    return 0;
}
