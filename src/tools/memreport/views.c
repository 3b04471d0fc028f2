/* SPDX-License-Identifier: Apache-2.0 */
/* views.c - the command lines of diff, render and export.
 *
 * An option that a command does not use is refused, so that nobody believes it had an effect.
 */
#include "src/tools/memreport/views.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { FOR_DIFF = 1, FOR_RENDER = 2, FOR_EXPORT = 4 };

int views_usage(const char *format, const char *word)
{
    fprintf(stderr, "memreport: ");
    fprintf(stderr, format, word);
    fprintf(stderr, "\n'memreport --help' lists the options\n");
    return REPORT_USAGE;
}

int views_read(const char *path, sheet *out)
{
    plim_error err = {.status = PLIM_OK};
    plim_status rc = sheet_read(path, out, &err);
    if (rc == PLIM_OK) {
        return REPORT_OK;
    }
    int code = report_refuse(path, &err);
    return rc == PLIM_E_UNSUPPORTED ? REPORT_NOTHING : code;
}

size_t views_column(const views_request *r, const sheet *s)
{
    size_t count = sheet_column_count(s);
    for (size_t c = 0; c < count && r->by; c++) {
        if (strcmp(r->by, s->keys[c]) == 0) {
            return c;
        }
    }
    return r->by ? SHEET_COLUMNS : 0;
}

/* "64 MiB", "1GB", "0". */
static bool to_size(const char *text, int64_t *out)
{
    static const struct {
        const char *name;
        double bytes;
    } UNITS[] = {{"", 1},     {"B", 1},        {"kB", 1e3},        {"MB", 1e6},
                 {"GB", 1e9}, {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}};
    char *end;
    double n = strtod(text, &end);
    while (*end == ' ') {
        end++;
    }
    for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
        if (text[0] >= '0' && text[0] <= '9' && strcmp(end, UNITS[i].name) == 0 &&
            n * UNITS[i].bytes < 9e18) {
            *out = (int64_t)(n * UNITS[i].bytes);
            return true;
        }
    }
    return false;
}

static int set_value(const char *name, const char *value, views_request *r)
{
    if (strcmp(name, "-o") == 0) {
        r->output = value;
    } else if (strcmp(name, "--by") == 0) {
        r->by = value;
    } else if (strcmp(name, "--top") == 0) {
        char *end;
        errno = 0;
        r->top = strtoull(value, &end, 10);
        if (value[0] < '0' || value[0] > '9' || *end || errno || !r->top) {
            return views_usage("--top '%s': a number from 1 on", value);
        }
    } else if (strcmp(name, "--fail-over") == 0) {
        r->has_fail_over = true;
        return to_size(value, &r->fail_over)
                   ? REPORT_OK
                   : views_usage("--fail-over '%s': a size: 64 MiB, 1GB, 0", value);
    } else if (!to_size(value, &r->budget) || !r->budget) {
        return views_usage("--budget '%s': a size: 8GiB, 512 MiB", value);
    }
    return REPORT_OK;
}

static const struct view_option {
    const char *name;
    unsigned commands;
    bool has_value;
    views_form form;
} OPTIONS[] = {
    {"-o", FOR_DIFF | FOR_RENDER | FOR_EXPORT, true, VIEWS_DEFAULT},
    {"--by", FOR_DIFF, true, VIEWS_DEFAULT},
    {"--top", FOR_DIFF, true, VIEWS_DEFAULT},
    {"--fail-over", FOR_DIFF, true, VIEWS_DEFAULT},
    {"--budget", FOR_RENDER, true, VIEWS_DEFAULT},
    {"-f", FOR_DIFF | FOR_RENDER | FOR_EXPORT, false, VIEWS_DEFAULT},
    {"--si", FOR_DIFF | FOR_RENDER, false, VIEWS_DEFAULT},
    {"--json", FOR_DIFF, false, VIEWS_JSON},
    {"--csv", FOR_EXPORT, false, VIEWS_CSV},
    {"--prometheus", FOR_EXPORT, false, VIEWS_PROMETHEUS},
    {"--perfetto", FOR_EXPORT, false, VIEWS_PERFETTO},
};

static const struct view_option *find_option(const char *name)
{
    for (size_t i = 0; i < sizeof(OPTIONS) / sizeof(OPTIONS[0]); i++) {
        if (strcmp(name, OPTIONS[i].name) == 0) {
            return &OPTIONS[i];
        }
    }
    return NULL;
}

static int parse_one(int argc, char **argv, int *i, unsigned command, views_request *r)
{
    const struct view_option *o = find_option(argv[*i]);
    if (!o || !(o->commands & command)) {
        return views_usage(o ? "this command takes no %s" : "unknown option '%s'", argv[*i]);
    }
    if (o->has_value) {
        if (*i + 1 == argc) {
            return views_usage("%s wants a value", argv[*i]);
        }
        ++*i;
        return set_value(o->name, argv[*i], r);
    }
    if (o->form != VIEWS_DEFAULT) {
        if (r->form != VIEWS_DEFAULT && r->form != o->form) {
            return views_usage("%s: one form at a time", argv[*i]);
        }
        r->form = o->form;
    }
    r->is_forced = r->is_forced || strcmp(o->name, "-f") == 0;
    r->si = r->si || strcmp(o->name, "--si") == 0;
    return REPORT_OK;
}

static int parse(int argc, char **argv, unsigned command, views_request *r)
{
    const size_t files = command == FOR_DIFF ? 2 : 1;
    bool is_only_names = false;
    for (int i = 2; i < argc; i++) {
        int code = REPORT_OK;
        if (!is_only_names && strcmp(argv[i], "--") == 0) {
            is_only_names = true;
        } else if (is_only_names || argv[i][0] != '-' || !argv[i][1]) {
            code = r->file_count == files ? views_usage("unexpected '%s'", argv[i]) : REPORT_OK;
            if (code == REPORT_OK) {
                r->files[r->file_count++] = argv[i];
            }
        } else {
            code = parse_one(argc, argv, &i, command, r);
        }
        if (code != REPORT_OK) {
            return code;
        }
    }
    if (r->file_count < files) {
        return views_usage(files == 2 ? "%s wants two reports" : "%s wants a report", argv[1]);
    }
    return REPORT_OK;
}

static void look_at_terminal(views_request *r)
{
    struct winsize size;
    const char *no = getenv("NO_COLOR"), *wide = getenv("COLUMNS");
    bool is_terminal = !r->output && isatty(STDOUT_FILENO);
    r->has_color = is_terminal && !(no && *no);
    r->columns = wide && atoi(wide) >= 60 ? (uint32_t)atoi(wide) : 100;
    if (is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col) {
        r->columns = size.ws_col;
    }
    r->columns = r->columns < 70 ? 70 : r->columns > 120 ? 120 : r->columns;
}

int views_main(int argc, char **argv)
{
    static const struct {
        const char *name;
        unsigned command;
        int (*run)(const views_request *r);
    } COMMANDS[] = {{"diff", FOR_DIFF, views_diff},
                    {"render", FOR_RENDER, views_render},
                    {"export", FOR_EXPORT, views_export}};
    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++) {
        if (strcmp(argv[1], COMMANDS[i].name) == 0) {
            views_request r = {.budget = SHEET_NONE};
            int code = parse(argc, argv, COMMANDS[i].command, &r);
            look_at_terminal(&r);
            return code == REPORT_OK ? COMMANDS[i].run(&r) : code;
        }
    }
    return -1;
}
