/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy_witness.c - every rule of the built-in tables on the facts for which it was written.
 *
 * test/fixtures/policy/witnesses.txt holds for each rule that can match a set of facts under which
 * it hits, and near misses: the same set with one fact changed or taken away, so that exactly one
 * condition of the rule fails. Each condition has a near miss of its own, so that one that says
 * nothing is noticed. test/fixtures/policy/boards.txt holds which rules hit on which board of
 * test/fixtures/boards; UPDATE=1 rewrites that one, and then a person reads it line by line.
 */
#include <dirent.h>

#include "plimsoll/platform.h"
#include "plimsoll/policy.h"
#include "test/support/cm.h"
#include "test/support/made_root.h"

#define WITNESSES "test/fixtures/policy/witnesses.txt"
#define HITS      "test/fixtures/policy/boards.txt"
#define BOARDS    "test/fixtures/boards"

static plim_error err;
static plim_policy builtin;

static size_t read_whole(const char *path, char *out, size_t room)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        fail_msg("%s cannot be read", path);
    }
    size_t bytes = fread(out, 1, room - 1, f);
    fclose(f);
    assert_true(bytes < room - 1);
    out[bytes] = 0;
    return bytes;
}

/* ---- witnesses ---- */

static void take_fact(plim_facts *facts, const char *rule, const char *line)
{
    const char *space = strchr(line, ' ');
    if (space && strcmp(space, " absent") == 0) {
        plim_fact_id id = plim_fact_find(line, (size_t)(space - line));
        if (!plim_facts_get(facts, id)) {
            fail_msg("%s: a near miss takes a fact away that is not there: %s", rule, line);
        }
        plim_facts_forget(facts, id);
    } else {
        const char *colon = strchr(line, ':');
        if (colon) {
            plim_facts_forget(facts, plim_fact_find(line, (size_t)(colon - line)));
        }
        assert_ok(plim_facts_read(facts, rule, line, strlen(line), &err));
    }
}

/* How many conditions of @rule fail; *out_last is the last of them. */
static unsigned failing(const plim_rule *rule, const plim_facts *facts, uint32_t *out_last)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < rule->when_count; i++) {
        if (plim_policy_condition(rule->when[i], facts, NULL, NULL) == PLIM_VERDICT_NO) {
            *out_last = i;
            count++;
        }
    }
    return count;
}

static void hold_miss(const plim_rule *rule, const char *id, const plim_facts *facts,
                      const char *change, bool *is_missed)
{
    static plim_facts changed;
    uint32_t which = 0;
    changed = *facts;
    take_fact(&changed, id, change);
    unsigned count = failing(rule, &changed, &which);
    if (count != 1) {
        fail_msg("%s: near miss '%s' fails %u conditions, not one", id, change, count);
    }
    is_missed[which] = true;
}

static void hold_hit(const plim_rule *rule, const char *id, const plim_facts *facts)
{
    for (uint32_t i = 0; i < rule->when_count; i++) {
        if (plim_policy_condition(rule->when[i], facts, NULL, NULL) != PLIM_VERDICT_HIT) {
            fail_msg("%s: its witness does not hold: %.*s", id, (int)rule->when[i].bytes,
                     rule->when[i].at);
        }
    }
}

/* One block of the file: the id, facts, near misses, each on a line, up to an empty line.
 * Gives what follows it. */
static char *hold_block(char *block)
{
    static plim_facts facts;
    plim_policy_entry entry;
    bool is_missed[PLIM_RULE_CONDITIONS_MAX] = {false};
    char *rest = block;
    const char *id = strsep(&rest, "\n");
    memset(&facts, 0, sizeof(facts));
    if (!plim_policy_find(&builtin, PLIM_POLICY_RULE, id, &entry) ||
        entry.as.rule.action < PLIM_ACTION_ADVISE) {
        fail_msg("%s: a witness for no rule that can match", id);
    }
    while (rest && rest[0] && rest[0] != '\n') {
        const char *line = strsep(&rest, "\n");
        if (strncmp(line, "miss ", 5) == 0) {
            hold_hit(&entry.as.rule, id, &facts);
            hold_miss(&entry.as.rule, id, &facts, line + 5, is_missed);
        } else {
            take_fact(&facts, id, line);
        }
    }
    hold_hit(&entry.as.rule, id, &facts);
    for (uint32_t i = 0; i < entry.as.rule.when_count; i++) {
        if (!is_missed[i]) {
            fail_msg("%s: no near miss for: %.*s", id, (int)entry.as.rule.when[i].bytes,
                     entry.as.rule.when[i].at);
        }
    }
    return rest;
}

static void each_witness_hits_and_each_condition_has_its_near_miss(void **state)
{
    static char text[1u << 16];
    size_t count = 0;
    (void)state;
    read_whole(WITNESSES, text, sizeof(text));

    for (char *at = text; at && *at; count++) {
        while (*at == '#' || *at == '\n') {
            at += strcspn(at, "\n") + 1;
        }
        at = hold_block(at);
    }

    assert_true(count > 80);
}

static void every_rule_that_can_match_has_one_witness(void **state)
{
    static char text[1u << 16];
    plim_policy_cursor cursor = {0, 0, 0};
    plim_policy_entry entry;
    (void)state;
    read_whole(WITNESSES, text, sizeof(text));

    while (plim_policy_next(&builtin, &cursor, &entry)) {
        char line[80];
        unsigned count = 0;
        if (entry.kind != PLIM_POLICY_RULE || entry.as.rule.action < PLIM_ACTION_ADVISE) {
            continue;
        }
        int n = snprintf(line, sizeof(line), "\n\n%.*s\n", (int)entry.as.rule.id.bytes,
                         entry.as.rule.id.at);
        for (const char *at = text; (at = strstr(at, line)); at += n) {
            count++;
        }
        if (count != 1) {
            fail_msg("%.*s: %u witnesses", (int)entry.as.rule.id.bytes, entry.as.rule.id.at, count);
        }
    }
}

/* ---- boards ---- */

typedef struct page {
    char text[1u << 15];
    size_t used;
} page;

static void add(page *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(page *to, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    to->used += (size_t)vsnprintf(to->text + to->used, sizeof(to->text) - to->used, format, list);
    va_end(list);
    assert_true(to->used < sizeof(to->text));
}

static void note_hit(void *context, const plim_rule *rule, plim_verdict verdict)
{
    if (verdict == PLIM_VERDICT_HIT) {
        add(context, "  %-7s %.*s\n", plim_action_text(rule->action), (int)rule->id.bytes,
            rule->id.at);
    }
}

/* A container's folder names the captured host beside it in a file "snapshot". */
static const char *snapshot_of(const char *root, char *out, size_t room)
{
    char path[320], name[100];
    snprintf(path, sizeof(path), "%s/snapshot", root);
    FILE *f = fopen(path, "re");
    const bool has = f && fscanf(f, "%99s", name) == 1;
    if (f) {
        fclose(f);
    }
    snprintf(out, room, BOARDS "/%s", has ? name : "");
    return has ? out : NULL;
}

static void describe_boards(page *out)
{
    static plim_facts facts;
    struct dirent **boards = NULL;
    int count = scandir(BOARDS, &boards, NULL, alphasort);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        char root[300], snapshot[160];
        plim_board_opts o = plim_board_opts_default();
        snprintf(root, sizeof(root), BOARDS "/%s", boards[i]->d_name);
        if (made_root_has(root, "expected.txt")) {
            o.root = root;
            o.snapshot = snapshot_of(root, snapshot, sizeof(snapshot));
            memset(&facts, 0, sizeof(facts));
            assert_ok(plim_board_probe(&o, &facts, &err));
            add(out, "%s\n", boards[i]->d_name);
            assert_ok(plim_policy_match(&builtin, &facts, note_hit, out, &err));
        }
        free(boards[i]);
    }
    free(boards);
}

static void each_board_hits_the_rules_that_were_expected(void **state)
{
    static page found;
    static char expected[1u << 15];
    (void)state;

    describe_boards(&found);

    if (getenv("UPDATE")) {
        FILE *f = fopen(HITS, "we");
        assert_non_null(f);
        assert_int_equal(fwrite(found.text, 1, found.used, f), found.used);
        fclose(f);
    }
    read_whole(HITS, expected, sizeof(expected));
    assert_string_equal(found.text, expected);
}

static int start(void **state)
{
    (void)state;
    plim_policy_builtin(&builtin);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_witness_hits_and_each_condition_has_its_near_miss),
        cmocka_unit_test(every_rule_that_can_match_has_one_witness),
        cmocka_unit_test(each_board_hits_the_rules_that_were_expected),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
