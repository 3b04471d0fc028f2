/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_doctor.c - plimsoll doctor: what this machine is, what is wrong with it, and what to do. */
#include <string.h>

#include "src/tools/capture/capture.h"
#include "src/tools/plimsoll/doctor.h"

static const command COMMAND = {
    .name = "doctor",
    .usage = "doctor [options] [MANIFEST]\n       plimsoll doctor --report FILE.tgz [options] "
             "[MANIFEST]\n       plimsoll doctor --capture DIR [--root DIR]",
    .summary = "Say what this machine is, what stands in the way of a deployment, what to do.",
    .more = "Exit: 0 nothing found, 10 hints only, 11 warnings, 1 something would not run,\n"
            "2 wrong manifest or command line, 4 it could not look, 5 the system failed.\n"
            "With --capture or --report: 0 when it was written.",
};

static tool_exit capture_machine(const char *root, const char *folder)
{
    capture_counts counts;
    char why[CAPTURE_PATH_BYTES + 128] = "";
    if (!capture_run(root, folder, &counts, why, sizeof(why))) {
        fprintf(stderr, "plimsoll doctor: --capture: %s\n", why);
        return counts.files ? TOOL_INTERNAL : TOOL_USAGE;
    }
    capture_print(&counts, folder, stdout);
    return counts.has_meminfo ? TOOL_OK : TOOL_NOTHING;
}

static bool is_archive_name(const char *path)
{
    static const char *const ENDS[] = {".tar", ".tgz", ".tar.gz"};
    size_t n = strlen(path);
    for (size_t i = 0; i < sizeof(ENDS) / sizeof(ENDS[0]); i++) {
        size_t end = strlen(ENDS[i]);
        if (n > end && strcmp(path + n - end, ENDS[i]) == 0) {
            return true;
        }
    }
    return false;
}

tool_exit cmd_doctor(int argc, char **argv)
{
    static doctor d;
    option_list operands = {.count = 0};
    const char *capture = NULL;
    tool_exit code;
    d.o.root = "";
    const option options[] = {
        {"--all", OPTION_FLAG, &d.o.all, NULL, "every link, source and undecided rule"},
        {"--json", OPTION_FLAG, &d.o.json, NULL, "one JSON object (plimsoll-doctor/1)"},
        {"--policy", OPTION_MANY, &d.o.policies, "FILE", "more rules and boards, or other ones"},
        {"--root", OPTION_TEXT, &d.o.root, "DIR", "a captured machine instead of this one"},
        {"--snapshot", OPTION_TEXT, &d.o.snapshot, "DIR", "captured on the host of a container"},
        {"--env", OPTION_TEXT, &d.o.environment, "FILE", "NAME=value lines, as a unit would get"},
        {"--probe-gpu", OPTION_MAYBE, &d.o.probe_gpu, "LIBRARY", GPU_CHARGE_HELP},
        {"--report", OPTION_TEXT, &d.o.report, "FILE", "a new .tar or .tgz for a bug report"},
        {"--run-report", OPTION_TEXT, &d.o.run_report, "FILE",
         "put into it: of plimsoll run --report"},
        {"--black-box", OPTION_TEXT, &d.o.black_box, "FILE", "put into it: how that run ended"},
        {"--capture", OPTION_TEXT, &capture, "DIR", "copy what the probes read, and no more"},
    };
    if (!options_parse(&COMMAND, options, sizeof(options) / sizeof(options[0]), argc, argv,
                       &operands, &code)) {
        return code;
    }
    if (operands.count > 1) {
        return usage_error(&COMMAND, "one manifest at most");
    }
    if (!d.o.report && (d.o.run_report || d.o.black_box)) {
        return usage_error(&COMMAND, "nothing reads --run-report or --black-box without --report");
    }
    if (d.o.report && !is_archive_name(d.o.report)) {
        return usage_error(&COMMAND, "--report '%s': a name that ends in .tar, .tgz or .tar.gz",
                           d.o.report);
    }
    if (d.o.probe_gpu && d.o.root[0] && !capture) {
        return usage_error(&COMMAND, "--probe-gpu asks this machine: leave --root out");
    }
    if (capture) {
        return operands.count || d.o.json || d.o.all || d.o.snapshot || d.o.policies.count ||
                       d.o.environment || d.o.report || d.o.probe_gpu
                   ? usage_error(&COMMAND, "--capture stands alone, but for --root")
                   : capture_machine(d.o.root, capture);
    }
    d.o.manifest_path = operands.count ? operands.at[0] : NULL;
    if (!doctor_look(&d, &code)) {
        return code;
    }
    if (d.o.report) {
        d.o.all = true;
        return doctor_report(&d, d.o.report);
    }
    if (d.o.json) {
        doctor_json(&d, stdout);
    } else {
        doctor_print(&d, stdout, tool_color(stdout));
    }
    return (tool_exit)doctor_exit(&d);
}
