/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_settings.c - plimsoll settings: what allocators were told, and what does not go together.
 *
 * Shows only settings of allocators; of an environment nothing else is read.
 */
#include <string.h>

#include "plimsoll/settings.h"
#include "src/tools/plimsoll/policy_show.h"
#include "src/tools/plimsoll/tool.h"
#include "src/tools/policy_files.h"

static const command COMMAND = {
    .name = "settings",
    .usage = "settings [options]",
    .summary = "Hold the settings of PyTorch, ONNX Runtime, TensorRT, glibc and CUDA together.",
    .more = "Options that a program passes in code: --set gpu_mem_limit=4294967296,\n"
            "arena_extend_strategy=..., enable_mem_pattern=0, workspace=BYTES,\n"
            "memory_fraction=0.6, torch_version=2.6.0.\n"
            "Exit: 0 nothing to warn of, 1 a rule warns or refuses, 2 wrong command line,\n"
            "4 nothing readable.",
};

static const char *const GROUPS[] = {"pytorch.",
                                     "ort.",
                                     "malloc.",
                                     "tensorrt.workspace",
                                     "cuda.module_loading",
                                     "cuda.visible_devices",
                                     "settings."};

static bool is_setting(const char *key, size_t bytes)
{
    for (size_t i = 0; i < sizeof(GROUPS) / sizeof(GROUPS[0]); i++) {
        size_t n = strlen(GROUPS[i]);
        if (bytes >= n && memcmp(key, GROUPS[i], n) == 0) {
            return true;
        }
    }
    return false;
}

typedef struct lint {
    const plim_facts *facts;
    bool json;
    unsigned hits, warnings;
} lint;

static void show(void *context, const plim_rule *rule, plim_verdict verdict)
{
    lint *l = context;
    bool is_ours = false;
    for (uint32_t i = 0; i < rule->when_count; i++) {
        is_ours = is_ours || is_setting(rule->when[i].at, rule->when[i].bytes);
    }
    if (!is_ours || verdict != PLIM_VERDICT_HIT) {
        return;
    }
    if (l->json) {
        printf(l->hits ? "," : "");
        policy_show_match_json(rule, verdict, l->facts, stdout);
    } else {
        policy_show_match(rule, verdict, l->facts, stdout);
    }
    l->hits++;
    l->warnings += rule->action >= PLIM_ACTION_WARN;
}

static void print_settings(const plim_facts *facts, bool json)
{
    bool is_first = true;
    for (unsigned i = 0; i < PLIM_FACT_COUNT; i++) {
        const char *key = plim_fact_key((plim_fact_id)i);
        const plim_fact *f = plim_facts_get(facts, (plim_fact_id)i);
        char text[PLIM_FACT_TEXT_BYTES + 16];
        if (!f || !is_setting(key, strlen(key))) {
            continue;
        }
        plim_fact_format((plim_fact_id)i, f, text, sizeof(text));
        if (json) {
            printf(is_first ? "" : ",");
            json_text(stdout, key);
            fputs(":{\"value\":", stdout);
            json_text(stdout, text);
            fputs(",\"source\":", stdout);
            json_text(stdout, f->source);
            putchar('}');
        } else {
            printf("%-38s %-24s %s\n", key, text, f->source);
        }
        is_first = false;
    }
}

/* "name=value" into the facts. */
static plim_status give(plim_facts *facts, const char *text, plim_error *err)
{
    char name[64];
    const char *equal = strchr(text, '=');
    if (!equal || (size_t)(equal - text) >= sizeof(name)) {
        return plim_error_set(err, PLIM_E_FORMAT, "--set", "--set", "NAME=VALUE", text);
    }
    snprintf(name, sizeof(name), "%.*s", (int)(equal - text), text);
    return plim_settings_note(facts, name, equal + 1, err);
}

static plim_status gather(const char *root, uint64_t pid, const char *file, plim_facts *facts,
                          plim_error *err)
{
    plim_board_opts o = plim_board_opts_default();
    o.root = root;
    PLIM_TRY(plim_board_probe(&o, facts, err));
    return file ? plim_settings_read_file(file, facts, err)
                : plim_settings_read_process(root, (uint32_t)pid, facts, err);
}

tool_exit cmd_settings(int argc, char **argv)
{
    static plim_facts facts;
    plim_policy policy;
    plim_error err = {.status = PLIM_OK};
    option_list operands = {.count = 0}, given = {.count = 0}, files = {.count = 0};
    const char *root = "", *file = NULL;
    uint64_t pid = 0;
    lint l = {.facts = &facts};
    tool_exit code;
    const option options[] = {
        {"--pid", OPTION_COUNT, &pid, "PID", "another process's environment, as it was started"},
        {"--env-file", OPTION_TEXT, &file, "FILE", "lines NAME=value, instead of an environment"},
        {"--set", OPTION_MANY, &given, "NAME=VALUE", "an option that the program passes in code"},
        {"--policy", OPTION_MANY, &files, "FILE", "more tables (plimsoll-policy(5))"},
        {"--root", OPTION_TEXT, &root, "DIR", "a captured machine instead of this one"},
        {"--json", OPTION_FLAG, &l.json, NULL, "one JSON object (plimsoll-settings/1)"},
    };
    if (!options_parse(&COMMAND, options, sizeof(options) / sizeof(options[0]), argc, argv,
                       &operands, &code)) {
        return code;
    }
    if (operands.count || pid > UINT32_MAX || (pid && file)) {
        return usage_error(&COMMAND, "no operands, and one of --pid and --env-file");
    }
    for (size_t i = 0; i < given.count; i++) {
        if (give(&facts, given.at[i], &err) != PLIM_OK) {
            (void)tool_refuse("settings", &err);
            return TOOL_USAGE;
        }
    }
    if (gather(root, pid, file, &facts, &err) != PLIM_OK ||
        policy_files_load(root, files.at, files.count, &policy, &err) != PLIM_OK) {
        return tool_refuse("settings", &err);
    }
    fputs(l.json ? "{\"schema\":\"plimsoll-settings/1\",\"settings\":{" : "", stdout);
    print_settings(&facts, l.json);
    fputs(l.json ? "},\"rules\":[" : "\n", stdout);
    if (plim_policy_match(&policy, &facts, show, &l, &err) != PLIM_OK) {
        return tool_refuse("settings", &err);
    }
    if (l.json) {
        puts("]}");
    } else if (l.hits == 0) {
        puts("nothing to say against these settings");
    }
    return l.warnings ? TOOL_NO : TOOL_OK;
}
