/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_policy.c - plimsoll policy: the tables of boards, releases, types and known defects.
 *
 * list and show print entries, check finds those that should not stay as they are, match holds
 * the rules against this machine, another one's captured folder, or facts in a file.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "src/tools/facts_print.h"
#include "src/tools/plimsoll/policy_show.h"
#include "src/tools/policy_files.h"

static const command COMMAND = {
    .name = "policy",
    .usage = "policy list [WORD] | show ID | check [FILE]... | match [options]",
    .summary = "What is known about boards, releases, data types and defects, and what of it\n"
               "applies to this machine.",
    .more = "list: one line an entry; WORD: only those whose text holds it.\n"
            "show: the entry as it stands in its table.\n"
            "check: entries that are expired, without a source, or cannot be reached.\n"
            "match: the rules that apply, the facts they rest on, and what to do.\n"
            "Tables: those built in, /" POLICY_FOLDER "/*.table, then --policy.\n"
            "Exit: 0 fine, 1 a rule refuses or the checker found something, 2 wrong command line,\n"
            "4 no such entry or nothing readable.",
};

typedef struct policy_run {
    plim_policy policy; /* its texts stay to the end of the program */
    option_list words, policies;
    const char *facts_path, *root, *snapshot, *today, *kind;
    bool json, undecided;
    machine_facts machine; /* large: the run is static */
    size_t shown, open_count;
    plim_action worst;
    bool only_named; /* check: findings in the files of the command line alone */
} policy_run;

/* ---- list, show ---- */

static void begin_json(const policy_run *run, const char *key)
{
    if (run->json) {
        printf("{\"schema\":\"plimsoll-policy/1\",\"%s\":[", key);
    }
}

static void show_entry(policy_run *run, const plim_policy_entry *entry, bool whole)
{
    static char stanza[16384];
    if (run->json) {
        fputs(run->shown ? "," : "", stdout);
        policy_show_json(entry, stdout);
    } else if (whole) {
        plim_policy_print(entry, stanza, sizeof(stanza));
        printf("%s%s", run->shown ? "\n" : "", stanza);
    } else {
        policy_show_line(entry, stdout);
    }
    run->shown++;
}

static tool_exit list(policy_run *run)
{
    plim_policy_cursor cursor = {0, 0, 0};
    plim_policy_entry entry;
    const char *word = run->words.count > 1 ? run->words.at[1] : "";
    begin_json(run, "entries");
    while (plim_policy_next(&run->policy, &cursor, &entry)) {
        bool is_kind = !run->kind || strcmp(run->kind, plim_policy_kind_text(entry.kind)) == 0;
        if (is_kind && policy_show_has(&entry, word)) {
            show_entry(run, &entry, false);
        }
    }
    fputs(run->json ? "]}\n" : "", stdout);
    if (!run->shown) {
        fprintf(stderr, "plimsoll: policy: no entry holds '%s'\n", word);
    }
    return run->shown ? TOOL_OK : TOOL_NOTHING;
}

static tool_exit show(policy_run *run)
{
    plim_policy_entry entry;
    const char *id = run->words.at[1];
    begin_json(run, "entries");
    for (unsigned kind = 0; kind < PLIM_POLICY_KINDS; kind++) {
        if (plim_policy_find(&run->policy, (plim_policy_kind)kind, id, &entry)) {
            show_entry(run, &entry, true);
        }
    }
    fputs(run->json ? "]}\n" : "", stdout);
    if (!run->shown) {
        fprintf(stderr, "plimsoll: policy: no entry '%s'; plimsoll policy list WORD searches\n",
                id);
    }
    return run->shown ? TOOL_OK : TOOL_NOTHING;
}

/* ---- check ---- */

static bool is_wanted(const policy_run *run, const char *table)
{
    for (size_t i = 1; run->only_named && i < run->words.count; i++) {
        if (strcmp(run->words.at[i], table) == 0) {
            return true;
        }
    }
    return !run->only_named;
}

static void show_finding(void *context, const plim_policy_finding *f)
{
    policy_run *run = context;
    if (!is_wanted(run, f->table)) {
        return;
    }
    if (run->json) {
        printf("%s{\"kind\":\"%s\",\"id\":", run->shown ? "," : "", plim_policy_kind_text(f->kind));
        policy_show_slice_json(f->id, stdout);
        fputs(",\"table\":", stdout);
        json_text(stdout, f->table);
        printf(",\"line\":%u,\"problem\":", f->line);
        json_text(stdout, plim_policy_problem_text(f->problem));
        fputs(",\"value\":", stdout);
        policy_show_slice_json(f->value, stdout);
        fputc('}', stdout);
    } else {
        policy_show_place(f->table, f->line, stdout);
        printf(" %.*s: %s", (int)f->id.bytes, f->id.at, plim_policy_problem_text(f->problem));
        printf(f->value.bytes ? " (%.*s)\n" : "\n", (int)f->value.bytes,
               f->value.at ? f->value.at : "");
    }
    run->shown++;
}

static tool_exit check(policy_run *run)
{
    char now[16];
    time_t t = time(NULL);
    struct tm day;
    plim_error err = {.status = PLIM_OK};
    if (!run->today) {
        strftime(now, sizeof(now), "%Y-%m-%d", gmtime_r(&t, &day));
        run->today = now;
    }
    run->only_named = run->words.count > 1;
    begin_json(run, "findings");
    plim_status rc = plim_policy_check(&run->policy, run->today, show_finding, run, NULL, &err);
    fputs(run->json ? "]}\n" : "", stdout);
    if (rc != PLIM_OK) {
        return usage_error(&COMMAND, "--today '%s': a day such as 2026-11-21 is wanted",
                           run->today);
    }
    if (!run->json) {
        printf("%zu findings on %s\n", run->shown, run->today);
    }
    return run->shown ? TOOL_NO : TOOL_OK;
}

/* ---- match ---- */

/* The facts of memreport host --json: numbers, flags and texts as it prints them. */
static void take_json_fact(plim_facts *facts, json_t *item, const char *path)
{
    const char *key = json_string_value(json_object_get(item, "key"));
    json_t *value = json_object_get(item, "value");
    plim_fact_id id = plim_fact_find(key ? key : "", key ? strlen(key) : 0);
    char line[256];
    if (id == PLIM_FACT_COUNT || !value) {
        return; /* of another release: no harm */
    }
    if (json_is_integer(value) || json_is_boolean(value)) {
        uint64_t n = json_is_boolean(value) ? (uint64_t)json_is_true(value)
                                            : (uint64_t)json_integer_value(value);
        plim_facts_set_number(facts, id, n, PLIM_CONFIDENCE_GIVEN, path);
    } else if (json_is_string(value)) {
        int n = snprintf(line, sizeof(line), "%s: %s\n", key, json_string_value(value));
        if (n > 0 && (size_t)n < sizeof(line) &&
            plim_facts_read(facts, path, line, (size_t)n, NULL) != PLIM_OK) {
            plim_facts_set_text(facts, id, json_string_value(value), PLIM_CONFIDENCE_GIVEN, path);
        }
    }
}

static plim_status facts_from_file(const char *path, plim_facts *out, plim_error *err)
{
    static char text[PLIM_POLICY_TEXT_MAX + 1]; /* one more, so that a longer file is noticed */
    size_t bytes, i;
    json_t *item;
    FILE *f = fopen(path, "re");
    if (!f) {
        return PLIM_FAIL(err, errno == ENOENT ? PLIM_E_NOT_FOUND : PLIM_E_IO, .what = "facts",
                         .os_errno = errno);
    }
    bytes = fread(text, 1, sizeof(text), f);
    bool has_failed = ferror(f) != 0;
    fclose(f);
    if (has_failed) {
        return PLIM_FAIL(err, PLIM_E_IO, .what = "facts", .os_errno = EIO);
    }
    json_t *root = bytes && text[0] == '{' ? json_loadb(text, bytes, 0, NULL) : NULL;
    plim_status rc = PLIM_OK;
    if (root) {
        json_array_foreach(json_object_get(root, "facts"), i, item)
        {
            take_json_fact(out, item, path);
        }
        json_decref(root);
    } else {
        rc = plim_facts_read(out, path, text, bytes, err);
    }
    return rc;
}

static void show_match(void *context, const plim_rule *rule, plim_verdict verdict)
{
    policy_run *run = context;
    if (verdict == PLIM_VERDICT_HIT && rule->action > run->worst) {
        run->worst = rule->action;
    }
    run->open_count += verdict == PLIM_VERDICT_UNDECIDED;
    if (verdict == PLIM_VERDICT_UNDECIDED && !run->undecided) {
        return;
    }
    if (run->json) {
        fputs(run->shown ? "," : "", stdout);
        policy_show_match_json(rule, verdict, &run->machine.facts, stdout);
    } else {
        fputs(run->shown ? "\n" : "", stdout);
        policy_show_match(rule, verdict, &run->machine.facts, stdout);
    }
    run->shown++;
}

static tool_exit match(policy_run *run)
{
    plim_error err = {.status = PLIM_OK};
    plim_status rc = run->facts_path ? facts_from_file(run->facts_path, &run->machine.facts, &err)
                                     : machine_facts_read(run->root, run->snapshot, &run->policy,
                                                          &run->machine, &err);
    if (rc != PLIM_OK) {
        return tool_refuse(run->facts_path ? run->facts_path : "this machine", &err);
    }
    begin_json(run, "rules");
    rc = plim_policy_match(&run->policy, &run->machine.facts, show_match, run, &err);
    if (run->json) {
        printf("],\"undecided\":%zu,\"worst\":\"%s\"}\n", run->open_count,
               plim_action_text(run->worst));
    } else {
        printf("%srules that apply: %zu; that cannot be decided: %zu%s\n", run->shown ? "\n" : "",
               run->shown - (run->undecided ? run->open_count : 0), run->open_count,
               run->open_count && !run->undecided ? " (--undecided lists them)" : "");
    }
    return rc == PLIM_OK && run->worst != PLIM_ACTION_REFUSE ? TOOL_OK : TOOL_NO;
}

/* ---- the command ---- */

static const struct {
    const char *word;
    tool_exit (*run)(policy_run *run);
    size_t least, most; /* words, itself among them */
} VERBS[] = {
    {"list", list, 1, 2},
    {"show", show, 2, 2},
    {"check", check, 1, 9},
    {"match", match, 1, 1},
};
#define VERB_COUNT (sizeof(VERBS) / sizeof(VERBS[0]))

static tool_exit run_verb(policy_run *run, size_t verb)
{
    plim_error err = {.status = PLIM_OK};
    const char *paths[64];
    size_t count = 0;
    for (size_t i = 0; i < run->policies.count; i++) {
        paths[count++] = run->policies.at[i];
    }
    for (size_t i = 1; VERBS[verb].run == check && i < run->words.count; i++) {
        paths[count++] = run->words.at[i];
    }
    if (policy_files_load(run->root, paths, count, &run->policy, &err) != PLIM_OK) {
        tool_exit code = tool_refuse("policy tables", &err);
        bool is_bad = err.status == PLIM_E_FORMAT || err.status == PLIM_E_RANGE;
        return is_bad && VERBS[verb].run == check ? TOOL_NO : code;
    }
    return VERBS[verb].run(run);
}

static bool is_kind_word(const char *word)
{
    for (unsigned kind = 0; kind < PLIM_POLICY_KINDS; kind++) {
        if (strcmp(word, plim_policy_kind_text((plim_policy_kind)kind)) == 0) {
            return true;
        }
    }
    return false;
}

tool_exit cmd_policy(int argc, char **argv)
{
    static policy_run run;
    tool_exit code;
    const option options[] = {
        {"--policy", OPTION_MANY, &run.policies, "FILE", "one more table; replaces by id"},
        {"--kind", OPTION_TEXT, &run.kind, "KIND", "list: rule, board, soc, release or dtype"},
        {"--today", OPTION_TEXT, &run.today, "DATE", "check: as if it were that day"},
        {"--facts", OPTION_TEXT, &run.facts_path, "FILE",
         "match: 'key: value' lines, or memreport host --json"},
        {"--root", OPTION_TEXT, &run.root, "DIR", "match: a captured machine"},
        {"--snapshot", OPTION_TEXT, &run.snapshot, "DIR", "match: what a container lacks"},
        {"--undecided", OPTION_FLAG, &run.undecided, NULL,
         "match: also what facts are missing for"},
        {"--json", OPTION_FLAG, &run.json, NULL, "one JSON object (plimsoll-policy/1)"},
    };
    if (!options_parse(&COMMAND, options, sizeof(options) / sizeof(options[0]), argc, argv,
                       &run.words, &code)) {
        return code;
    }
    if (run.kind && !is_kind_word(run.kind)) {
        return usage_error(&COMMAND, "--kind '%s': rule, board, soc, release or dtype", run.kind);
    }
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (run.words.count && strcmp(run.words.at[0], VERBS[i].word) == 0) {
            bool fits = run.words.count >= VERBS[i].least && run.words.count <= VERBS[i].most;
            return fits ? run_verb(&run, i) : usage_error(&COMMAND, "wanted: %s", COMMAND.usage);
        }
    }
    return usage_error(&COMMAND, "list, show, check or match is wanted");
}
