/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - memreport: where the memory of a run is, from a report or from a live process.
 *
 * Reads what the runtime publishes and what the kernel says; needs no root and no debugger for
 * one's own processes. Refuses reports that do not follow their schema or do not add up.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "src/tools/memreport/live.h"
#include "src/tools/memreport/memreport.h"
#include "src/tools/memreport/post.h"
#include "src/tools/memreport/recorded.h"
#include "src/tools/memreport/views.h"
#include "src/tools/run_table.h"

static const char HELP[] =
    "usage: memreport episode PATH [-e N|A-B|all] [options]\n"
    "       memreport dataset PATH [options]\n"
    "       memreport plan PATH [--window N] [--budget SIZE] [options]\n"
    "       memreport formats\n"
    "       memreport show [options] REPORT.json\n"
    "       memreport live [--pid PID] [options]\n"
    "       memreport replay [options] RECORDING\n"
    "       memreport post [--last N] [options] FILE\n"
    "       memreport host [options]\n"
    "       memreport --capture DIR [--root DIR]\n"
    "       memreport diff BEFORE.json AFTER.json [options]\n"
    "       memreport render REPORT.json -o PAGE.html|PICTURE.svg [options]\n"
    "       memreport export REPORT.json --csv|--prometheus|--perfetto [options]\n\n"
    "What recorded episodes weigh, on disk and in memory, before any is loaded (episode, dataset,\n"
    "plan); PATH is a data set's folder, a file or a bag, known by its content.\n"
    "Where the memory of a run is: engines, framework, heap, episode, page cache, and what\n"
    "nobody explains. Rows add up to the kernel's own figure.\n\n"
    "options of episode, dataset and plan:\n"
    "  -e N|A-B|all      these episodes (episode: the first; else all)\n"
    "  --as FORM         pixels as rgb24, nv12, native, pil, f16 or f32 (rgb24)\n"
    "  --window N        also with N frames of each camera in memory (plan: what --history needs)\n"
    "  --horizon H       steps between two looks at a camera (16)\n"
    "  --prefetch P      plan: looks that are fetched ahead (1)\n"
    "  --history N       plan: frames that one look takes (1)\n"
    "  --budget SIZE     plan: exit 1 when the window does not fit\n"
    "  --model-bytes SIZE, --engine FILE   plan: beside these\n"
    "  --view VIEW       all, or gr00t: what modality.json names\n"
    "  --worklog-compat  also by the worklog's arithmetic\n"
    "  --sort KEY        size, name or disk;  --top N: that many of a group\n"
    "  --units UNITS     iec, si or bytes\n"
    "  --exact, --fast   read the data where an index would do; metadata and indexes only\n"
    "  --strict          warnings count as damage\n"
    "  --json, --csv     for machines;  -o FILE: into a new file, -f: or an old one\n"
    "  -q                no title, warnings or progress;  -v: every column\n\n"
    "options of show, post and host:\n"
    "  --json            one JSON object a report\n"
    "  --si              MB (10^6) instead of MiB (2^20)\n"
    "  --last N          post: that many events of a black box (20; 0: all)\n"
    "  --fail-over SIZE  exit 1 when the peak is above; with episode and dataset: when an episode\n"
    "                    needs more\n\n"
    "options of host:\n"
    "  --root DIR        a captured machine instead of this one\n"
    "  --snapshot DIR    for what a container lacks: a folder captured on its host\n"
    "  --capture DIR     copy what the probes read into a new folder, for --root and --snapshot;\n"
    "                    no serial numbers, addresses, names of users or programs\n\n";
static const char HELP_REST[] =
    "options of live and replay (live on a terminal: a view that stays in place; q quits):\n"
    "  --pid PID         open this process up; without: all of the machine, and who publishes\n"
    "  --account FILE    its account, where it is not found by itself\n"
    "  --file FILE       a row for this file's page cache (up to 32 times)\n"
    "  --gpu             ask NVML too\n"
    "  --once, --batch   one frame; or one under the other, as into a pipe\n"
    "  --interval TIME   between frames: 1, 0.5, 200ms (1 s);  --count N: so many frames\n"
    "  --record FILE     also write each frame there, for replay\n"
    "  --fail-over SIZE  exit 1 when the process's peak, or without one the use, is above\n"
    "  --sort KEY        kind, size, change or name\n"
    "  --json, --csv, --prometheus   for machines;  -o FILE, -f: as above, renamed into place\n"
    "                    for Prometheus\n"
    "  --si, --no-color, --columns N, --root DIR (a captured proc and sys)\n\n"
    "options of diff, render and export (of any report with --json, and of recordings):\n"
    "  --by COLUMN       diff: now, peak or charged; memory, disk or window (the first)\n"
    "  --top N           diff: that many rows of a part; the others share a line\n"
    "  --fail-over SIZE  diff: exit 1 when the total grew by more\n"
    "  --budget SIZE     render: the budget line\n"
    "  --json, --si      diff; --si also render\n"
    "  -o FILE, -f       into a new file, or over an old one\n\n"
    "  --help, --version\n\n"
    "exit: 0 fine, 1 above the cap, --budget or --fail-over, 2 wrong command line,\n"
    "3 incomplete, 4 nothing readable, 5 the system failed\n";

static void print_help(FILE *to)
{
    fputs(HELP, to);
    fputs(HELP_REST, to);
}

int report_usage(const char *format, const char *word)
{
    fprintf(stderr, "memreport: ");
    fprintf(stderr, format, word);
    fprintf(stderr, "\n'memreport --help' lists the options\n");
    return REPORT_USAGE;
}

static bool takes_folder(const char *word, request *r, const char ***out)
{
    *out = strcmp(word, "--root") == 0       ? &r->root
           : strcmp(word, "--snapshot") == 0 ? &r->snapshot
           : strcmp(word, "--capture") == 0  ? &r->capture
                                             : NULL;
    return *out != NULL;
}

/* The first word is the command; --capture needs none. */
static int parse(int argc, char **argv, request *r)
{
    const char **folder;
    for (int i = argv[1][0] == '-' ? 1 : 2; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            r->json = true;
        } else if (strcmp(argv[i], "--si") == 0) {
            r->si = true;
        } else if (strcmp(argv[i], "--fail-over") == 0 && i + 1 == argc) {
            return report_usage("%s wants a value", argv[i]);
        } else if (strcmp(argv[i], "--fail-over") == 0) {
            const char *why;
            if (!size_parse(argv[++i], &r->fail_over, &why)) {
                return report_usage("--fail-over: %s", why);
            }
        } else if (takes_folder(argv[i], r, &folder)) {
            if (i + 1 == argc || !argv[i + 1][0]) {
                return report_usage("%s wants a folder", argv[i]);
            }
            *folder = argv[++i];
        } else if (argv[i][0] != '-' && !r->file) {
            r->file = argv[i];
        } else {
            return report_usage("unexpected '%s'", argv[i]);
        }
    }
    return REPORT_OK;
}

int report_finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return code;
    }
    fputs("memreport: the output could not be written to its end\n", stderr);
    return REPORT_INTERNAL;
}

int report_refuse(const char *doing, const plim_error *err)
{
    char text[2048];
    plim_error_format(err, text, sizeof(text));
    fprintf(stderr, "memreport: %s: %s\n", doing, text);
    switch (err->status) {
    case PLIM_E_NOT_FOUND:
    case PLIM_E_FORMAT:
    case PLIM_E_RANGE:
    case PLIM_E_IO:
    case PLIM_E_UNSUPPORTED:
        return REPORT_NOTHING;
    case PLIM_E_ARG:
        return REPORT_USAGE;
    default:
        return REPORT_INTERNAL;
    }
}

static bool file_sink(void *context, const char *text, size_t text_bytes)
{
    return fwrite(text, 1, text_bytes, context) == text_bytes;
}

static run_verdict verdict_of(const request *r, const plim_report *report)
{
    return (run_verdict){.cap = r->fail_over ? r->fail_over : report->account.cap_bytes,
                         .account_peak = report->account.peak_bytes,
                         .kernel_peak = run_kernel_peak(report),
                         .si_units = r->si};
}

int report_verdict(const request *r, const plim_report *report)
{
    run_verdict v = verdict_of(r, report);
    return v.cap && !run_verdict_is_within(&v) ? REPORT_OVER : REPORT_OK;
}

int report_print(const request *r, const plim_report *report)
{
    plim_error err = {.status = PLIM_OK};
    plim_report_text_opts o = plim_report_text_opts_default();
    struct winsize size;
    const char *no = getenv("NO_COLOR");
    bool terminal = isatty(STDOUT_FILENO);
    o.color = terminal && !(no && *no);
    o.si_units = r->si;
    if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        o.columns = size.ws_col < 100 ? size.ws_col : 100;
    }
    plim_status rc = r->json ? plim_report_json(report, file_sink, stdout, &err)
                             : plim_report_text(report, &o, file_sink, stdout, &err);
    run_verdict v = verdict_of(r, report);
    v.color = o.color;
    if (rc == PLIM_OK && (r->json || v.cap)) {
        putchar('\n');
    }
    if (rc == PLIM_OK && !r->json && v.cap) {
        run_verdict_print(stdout, &v);
    }
    return rc == PLIM_OK ? report_verdict(r, report) : report_refuse("output", &err);
}

int main(int argc, char **argv)
{
    request r = {.root = ""};
    if (argc < 2) {
        print_help(stderr);
        return REPORT_USAGE;
    }
    int code = post_main(argc, argv);
    for (int i = 1; i < argc && code < 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(stdout);
            return report_finish(REPORT_OK);
        }
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("memreport %s\n", plim_version());
        return report_finish(REPORT_OK);
    }
    code = code < 0 ? recorded_main(argc, argv) : code;
    if (code >= 0) {
        return report_finish(code);
    }
    code = live_main(argc, argv);
    code = code < 0 ? views_main(argc, argv) : code;
    if (code >= 0) {
        return code;
    }
    code = parse(argc, argv, &r);
    bool is_host = strcmp(argv[1], "host") == 0;
    if (code == REPORT_OK && !is_host && !r.capture && (r.root[0] || r.snapshot)) {
        code = report_usage("%s takes no --root and no --snapshot", argv[1]);
    } else if (code == REPORT_OK && r.capture && (argv[1][0] == '-' || is_host)) {
        code = r.file || r.snapshot || r.json
                   ? report_usage("%s stands alone, but for --root", "--capture")
                   : capture_command(&r);
    } else if (code == REPORT_OK && strcmp(argv[1], "show") == 0) {
        code = r.file ? show(&r) : report_usage("%s wants one report", "show");
    } else if (code == REPORT_OK && is_host) {
        code = r.file ? report_usage("%s takes no file", "host") : host(&r);
    } else if (code == REPORT_OK) {
        code = report_usage("unknown command '%s'; memreport --help lists them", argv[1]);
    }
    return report_finish(code);
}
