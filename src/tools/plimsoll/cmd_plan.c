/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_plan.c - plimsoll plan: the timeline, the peak by tag, the verdict.
 *
 * Reads heads and cards only. Exit 1 when it does not fit: a script can ask before it loads.
 */
#include <string.h>

#include "src/tools/plimsoll/predict.h"
#include "src/tools/plimsoll/tiers.h"

static const command COMMAND = {
    .name = "plan",
    .usage =
        "plan [options] MANIFEST\n       plimsoll plan --items NAME:RESIDENT:EXTRA,... [options]",
    .summary = "Predict the peak of a deployment before anything is loaded.",
    .more = "Sizes carry a unit: 256 MiB, 1.5GB. Policies: optimal, as-listed, largest-first.\n"
            "The peak is also held against what the machine can give right now (--headroom).\n"
            "Exit: 0 fits, 1 does not fit, 2 wrong manifest or command line, 4 nothing readable.",
};

static tool_exit plan_items(const char *items, const char *policy, uint64_t cap, uint64_t base,
                            prediction *p)
{
    const char *why = NULL;
    plim_error err = {.status = PLIM_OK};
    memset(p, 0, sizeof(*p));
    snprintf(p->name, sizeof(p->name), "what-if");
    p->cap_bytes = cap;
    p->reserve_bytes = base;
    if (policy && plim_load_policy_parse(policy, &p->policy, &err) != PLIM_OK) {
        return usage_error(&COMMAND, "--policy '%s': optimal, as-listed or largest-first", policy);
    }
    if (!predict_items(items, p, &why)) {
        return usage_error(&COMMAND, "--items: %s", why);
    }
    return predict_solve(p, &err) == PLIM_OK ? TOOL_OK : tool_refuse("plan", &err);
}

static tool_exit plan_manifest(const char *path, const char *policy, uint64_t cap,
                               const char *episode, bool verbose, prediction *p)
{
    static manifest m;
    static complaints bad;
    plim_host host;
    plim_error err = {.status = PLIM_OK};
    plim_load_policy order;
    if (!manifest_read(path, &m, &bad)) {
        fputs(bad.text, stderr);
        return TOOL_USAGE;
    }
    if (policy && plim_load_policy_parse(policy, &order, &err) != PLIM_OK) {
        return usage_error(&COMMAND, "--policy '%s': optimal, as-listed or largest-first", policy);
    }
    m.order = policy ? order : m.order;
    m.cap_bytes = cap ? cap : m.cap_bytes;
    if (plim_host_detect("", &host, &err) != PLIM_OK) {
        return tool_refuse("host", &err);
    }
    manifest_host(&m, &host);
    tool_exit chosen = tiers_choose(&m, &host, stderr);
    if (chosen != TOOL_OK) {
        return chosen;
    }
    if (verbose) {
        manifest_print(&m, stderr);
    }
    return predict_manifest(&m, episode, &host, 0, p);
}

tool_exit cmd_plan(int argc, char **argv)
{
    static prediction p;
    option_list operands = {.count = 0}, rules = {.count = 0};
    plim_error err = {.status = PLIM_OK};
    const char *items = NULL, *policy = NULL, *episode = NULL, *now = NULL, *root = NULL;
    const char *probe_gpu = NULL;
    now_mode mode = NOW_WARN;
    uint64_t cap = 0, base = 0;
    bool json = false, verbose = false;
    tool_exit code;
    const option options[] = {
        {"--items", OPTION_TEXT, &items, "LIST", "what-if without files"},
        {"--policy", OPTION_TEXT, &policy, "NAME", "order to plan, instead of the manifest's"},
        {"--cap", OPTION_SIZE, &cap, "SIZE", "load line, instead of the manifest's"},
        {"--base", OPTION_SIZE, &base, "SIZE", "with --items: resident before the first"},
        {"--episode", OPTION_TEXT, &episode, "DIR", "data set whose frames are counted too"},
        {"--headroom", OPTION_TEXT, &now, "MODE",
         "peak above what can be had now: warn (default), "
         "refuse, off"},
        {"--probe-gpu", OPTION_MAYBE, &probe_gpu, "LIBRARY", GPU_CHARGE_HELP},
        {"--root", OPTION_TEXT, &root, "DIR", "whose headroom: a captured machine"},
        {"--rules", OPTION_MANY, &rules, "FILE", "more tables (plimsoll-policy(5))"},
        {"--json", OPTION_FLAG, &json, NULL, "one JSON object (plimsoll-plan/1)"},
        {"--verbose", OPTION_FLAG, &verbose, NULL, "print the effective configuration first"},
    };
    if (!options_parse(&COMMAND, options, sizeof(options) / sizeof(options[0]), argc, argv,
                       &operands, &code)) {
        return code;
    }
    if (operands.count != (items ? 0u : 1u)) {
        return usage_error(&COMMAND, items ? "--items and a manifest exclude each other"
                                           : "exactly one manifest is wanted");
    }
    if (items && (episode || verbose)) {
        return usage_error(&COMMAND, "nothing reads --episode or --verbose with --items");
    }
    if (!items && base) {
        return usage_error(&COMMAND, "nothing reads --base without --items");
    }
    if (items && (now || root || probe_gpu)) {
        return usage_error(&COMMAND,
                           "nothing reads --headroom, --root or --probe-gpu with --items");
    }
    if (now && !predict_now_mode(now, &mode)) {
        return usage_error(&COMMAND, "--headroom '%s': warn, refuse or off", now);
    }
    if (probe_gpu && (root || mode == NOW_OFF)) {
        return usage_error(&COMMAND, root ? "--probe-gpu asks this machine: leave --root out"
                                          : "nothing reads --probe-gpu with --headroom off");
    }
    if (rules_load(rules.at, rules.count, &err) != PLIM_OK) {
        return tool_refuse("rules", &err);
    }
    code = items ? plan_items(items, policy, cap, base, &p)
                 : plan_manifest(operands.at[0], policy, cap, episode, verbose, &p);
    if (code != TOOL_OK) {
        return code;
    }
    predict_now_read(&p, root, probe_gpu, items ? NOW_OFF : mode);
    if (json) {
        predict_json(&p, stdout);
        putchar('\n');
    } else {
        predict_print(&p, stdout);
    }
    return p.fits && (p.fits_now || mode != NOW_REFUSE) ? TOOL_OK : TOOL_NO;
}
