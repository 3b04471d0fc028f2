/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_run.c - plimsoll run: plan, load in order, stream episodes, report, verdict.
 *
 * Refuses before a byte of a body is read when the plan does not fit. The exit code is the
 * verdict: 1 when the account or the process was above the cap.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/tools/plimsoll/deploy.h"
#include "src/tools/plimsoll/tiers.h"

static const command COMMAND = {
    .name = "run",
    .usage = "run [options] MANIFEST",
    .summary = "Load a manifest's engines in planned order and stream episodes through them.",
    .more = "The cap holds throughout; every frame is dropped after its last reader.\n"
            "Exit: 0 within the cap, 1 over it or it does not fit, 2 wrong manifest or command\n"
            "line, 3 an episode could not be read to its end, 4 nothing readable, 5 it failed.",
};

/* "3", "0-4" or "all". */
static bool parse_range(const char *text, uint32_t *from, uint32_t *to)
{
    uint64_t a, b;
    char first[16];
    const char *dash = strchr(text, '-');
    if (strcmp(text, "all") == 0) {
        *from = 0;
        *to = UINT32_MAX;
        return true;
    }
    snprintf(first, sizeof(first), "%.*s", dash ? (int)(dash - text) : 15, text);
    if (!count_parse(first, &a) || !count_parse(dash ? dash + 1 : first, &b) || b < a ||
        b >= UINT32_MAX) {
        return false;
    }
    *from = (uint32_t)a;
    *to = (uint32_t)b + 1;
    return true;
}

static tool_exit write_report(const deployment *d, const char *path)
{
    FILE *f = fopen(path, "we");
    if (!f) {
        fprintf(stderr, "plimsoll: run: %s: cannot be written\n", path);
        return TOOL_INTERNAL;
    }
    run_json(d, f);
    bool ok = !ferror(f);
    ok = fclose(f) == 0 && ok;
    if (!ok) {
        fprintf(stderr, "plimsoll: run: %s: not written whole\n", path);
    }
    return ok ? TOOL_OK : TOOL_INTERNAL;
}

static tool_exit finish(deployment *d, bool json, const char *report_path)
{
    tool_exit code = report_path ? write_report(d, report_path) : TOOL_OK;
    if (json) {
        run_json(d, stdout);
    } else {
        run_print(d, stdout);
    }
    if (code == TOOL_OK && d->faults) {
        code = TOOL_INCOMPLETE;
    }
    return code == TOOL_OK && !run_within_cap(d) ? TOOL_NO : code;
}

static tool_exit execute(deployment *d, const plim_host *host, bool json, const char *report_path)
{
    plim_error err = {.status = PLIM_OK};
    plim_status rc = deploy_open(d, host, &err);
    if (rc == PLIM_OK) {
        rc = deploy_load(d, &err);
    }
    if (rc == PLIM_OK) {
        rc = deploy_episodes(d, &err);
    }
    tool_exit code = rc == PLIM_OK ? finish(d, json, report_path) : tool_refuse("run", &err);
    deploy_close(d);
    return code;
}

/* Before the first byte of a body: does it fit the cap, and the machine as it is now? */
static tool_exit admit(prediction *p, const char *probe_gpu, now_mode mode)
{
    plim_error err = {.status = PLIM_OK};
    predict_now_read(p, NULL, probe_gpu, mode);
    if (predict_admit(p, &err) != PLIM_OK || predict_now_admit(p, &err) != PLIM_OK) {
        predict_print(p, stderr);
        (void)tool_refuse("run", &err);
        return TOOL_NO;
    }
    if (!p->fits_now) {
        fputs("plimsoll: warning: ", stderr);
        predict_now_print(p, stderr);
    }
    return TOOL_OK;
}

static tool_exit run(const char *path, run_options *o, now_mode mode, bool json,
                     const char *report_path)
{
    static manifest m;
    static complaints bad;
    static prediction p;
    static plim_report report;
    static deployment d;
    static run_heat heat = RUN_HEAT_INIT;
    plim_host host;
    plim_error err = {.status = PLIM_OK};
    if (!manifest_read(path, &m, &bad)) {
        fputs(bad.text, stderr);
        return TOOL_USAGE;
    }
    if (plim_host_detect("", &host, &err) != PLIM_OK) {
        return tool_refuse("host", &err);
    }
    manifest_host(&m, &host);
    tool_exit chosen = tiers_choose(&m, &host, stderr);
    if (chosen != TOOL_OK) {
        return chosen;
    }
    o->dataset = o->dataset ? o->dataset : m.dataset[0] ? m.dataset : NULL;
    if (!o->dataset && predict_wants_episode(&m)) {
        fprintf(stderr, "plimsoll: run: inputs come from an episode: give --episode DIR\n");
        return TOOL_USAGE;
    }
    if (o->verbose) {
        manifest_print(&m, stderr);
    }
    tool_exit code = predict_manifest(&m, o->dataset, &host, o->black_box_bytes, &p);
    if (code != TOOL_OK) {
        return code;
    }
    code = admit(&p, o->probe_gpu, mode);
    if (code != TOOL_OK) {
        return code;
    }
    for (size_t i = 0; i < p.warning_count && o->verbose; i++) {
        fprintf(stderr, "plimsoll: warning: %s\n", p.warnings[i]);
    }
    if (!json) {
        printf("plan: peak %s of %s", tool_size(p.peak_bytes), tool_size(p.cap_bytes));
        printf(p.warning_count ? "; warnings: %zu ('plimsoll plan' says which)\n" : "\n",
               p.warning_count);
        predict_now_charge(&p, stdout);
    }
    d = (deployment){.m = &m, .p = &p, .o = o, .report = &report, .heat = &heat};
    return execute(&d, &host, json, report_path);
}

/* What the black box is charged: whole pages, so that the plan counts what the run will. */
static uint64_t box_bytes(const run_options *o)
{
    const uint64_t page = plim_provider_page_bytes(plim_provider_mmap());
    uint64_t bytes = o->black_box_bytes ? o->black_box_bytes : PLIM_BLACK_BOX_BYTES;
    return o->black_box_path ? (bytes + page - 1) / page * page : 0;
}

tool_exit cmd_run(int argc, char **argv)
{
    option_list operands = {.count = 0}, rules = {.count = 0};
    plim_error err = {.status = PLIM_OK};
    run_options o = {.from = 0, .to = UINT32_MAX};
    const char *range = NULL, *report_path = NULL, *now = NULL;
    now_mode mode = NOW_WARN;
    bool json = false;
    tool_exit code;
    const option options[] = {
        {"--episode", OPTION_TEXT, &o.dataset, "DIR", "data set, instead of the manifest's"},
        {"--episodes", OPTION_TEXT, &range, "A-B", "which ones: 3, 0-4 or all (all)"},
        {"--max-frames", OPTION_COUNT, &o.max_steps, "N", "steps of an episode at most"},
        {"--report", OPTION_TEXT, &report_path, "FILE", "write the JSON report there too"},
        {"--account", OPTION_TEXT, &o.account_path, "FILE", "publish the live account there"},
        {"--black-box", OPTION_TEXT, &o.black_box_path, "FILE", "publish it there, with a record"},
        {"--black-box-size", OPTION_SIZE, &o.black_box_bytes, "SIZE", "of that record (1 MiB)"},
        {"--headroom", OPTION_TEXT, &now, "MODE",
         "peak above what can be had now: warn (default), "
         "refuse, off"},
        {"--probe-gpu", OPTION_MAYBE, &o.probe_gpu, "LIBRARY", GPU_CHARGE_HELP},
        {"--log", OPTION_TEXT, &o.log_path, "FILE", "append the structured log there"},
        {"--rules", OPTION_MANY, &rules, "FILE", "more tables (plimsoll-policy(5))"},
        {"--json", OPTION_FLAG, &json, NULL, "one JSON object (plimsoll-report/1)"},
        {"--verbose", OPTION_FLAG, &o.verbose, NULL, "effective configuration and log on stderr"},
    };
    if (!options_parse(&COMMAND, options, sizeof(options) / sizeof(options[0]), argc, argv,
                       &operands, &code)) {
        return code;
    }
    if (operands.count != 1) {
        return usage_error(&COMMAND, "exactly one manifest is wanted");
    }
    if (range && !parse_range(range, &o.from, &o.to)) {
        return usage_error(&COMMAND, "--episodes '%s': a number, A-B or all", range);
    }
    if (now && !predict_now_mode(now, &mode)) {
        return usage_error(&COMMAND, "--headroom '%s': warn, refuse or off", now);
    }
    if (o.probe_gpu && mode == NOW_OFF) {
        return usage_error(&COMMAND, "nothing reads --probe-gpu with --headroom off");
    }
    if (o.account_path && o.black_box_path) {
        return usage_error(&COMMAND, "--black-box publishes the account: leave --account out");
    }
    if (o.black_box_bytes > PLIM_BLACK_BOX_MOST_BYTES) {
        return usage_error(&COMMAND, "--black-box-size: at most 1 GiB");
    }
    if (rules_load(rules.at, rules.count, &err) != PLIM_OK) {
        return tool_refuse("rules", &err);
    }
    o.black_box_bytes = box_bytes(&o);
    return run(operands.at[0], &o, mode, json, report_path);
}
