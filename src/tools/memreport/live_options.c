/* SPDX-License-Identifier: Apache-2.0 */
/* live_options.c - memreport live and memreport replay: the command line.
 *
 * An option that a command does not use is refused, so that nobody believes it had an effect.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/tools/memreport/live.h"

enum { FOR_LIVE = 1, FOR_REPLAY = 2, FOR_BOTH = 3 };

typedef enum option_kind {
    O_PID,
    O_TEXT,
    O_FILE,
    O_SECONDS,
    O_COUNT,
    O_COLUMNS,
    O_SIZE,
    O_FLAG,
    O_FORM,
    O_SORT,
} option_kind;

typedef struct option {
    const char *name;
    option_kind kind;
    unsigned commands;
    size_t at; /* offset in live_request, or a live_form */
} option;

#define AT(field) offsetof(live_request, field)
static const option OPTIONS[] = {
    {"--pid", O_PID, FOR_LIVE, 0},
    {"--account", O_TEXT, FOR_LIVE, AT(account)},
    {"--file", O_FILE, FOR_LIVE, 0},
    {"--root", O_TEXT, FOR_LIVE, AT(root)},
    {"--gpu", O_FLAG, FOR_LIVE, AT(with_gpu)},
    {"--record", O_TEXT, FOR_LIVE, AT(record)},
    {"--interval", O_SECONDS, FOR_BOTH, AT(interval_ms)},
    {"--count", O_COUNT, FOR_BOTH, AT(count)},
    {"--fail-over", O_SIZE, FOR_BOTH, AT(fail_over)},
    {"--once", O_FLAG, FOR_LIVE, AT(is_once)},
    {"--batch", O_FLAG, FOR_BOTH, AT(is_batch)},
    {"--json", O_FORM, FOR_BOTH, LIVE_JSON},
    {"--csv", O_FORM, FOR_BOTH, LIVE_CSV},
    {"--prometheus", O_FORM, FOR_BOTH, LIVE_PROMETHEUS},
    {"-o", O_TEXT, FOR_BOTH, AT(output)},
    {"-f", O_FLAG, FOR_BOTH, AT(is_forced)},
    {"--sort", O_SORT, FOR_BOTH, 0},
    {"--si", O_FLAG, FOR_BOTH, AT(si)},
    {"--no-color", O_FLAG, FOR_BOTH, AT(no_color)},
    {"--columns", O_COLUMNS, FOR_BOTH, 0},
};

static bool to_number(const char *text, uint64_t limit, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    *out = n;
    return text[0] >= '0' && text[0] <= '9' && *end == 0 && errno == 0 && n <= limit;
}

/* "1", "0.5", "200ms", "2s": at least 10 ms, at most a day. */
static bool to_interval(const char *text, uint64_t *out_ms)
{
    char *end;
    double n = strtod(text, &end);
    double scale = strcmp(end, "ms") == 0 ? 1.0 : *end == 0 || strcmp(end, "s") == 0 ? 1e3 : 0.0;
    if (end == text || !(n * scale >= 10.0 && n * scale <= 86400e3)) {
        return false;
    }
    *out_ms = (uint64_t)(n * scale);
    return true;
}

static int take_sort(live_request *r, const char *value)
{
    static const char *const NAMES[] = {"kind", "size", "change", "name"};
    for (unsigned i = 0; i < 4; i++) {
        if (strcmp(value, NAMES[i]) == 0) {
            r->sort = (live_sort)i;
            return REPORT_OK;
        }
    }
    return report_usage("--sort '%s': kind, size, change or name", value);
}

static int take_value(live_request *r, const option *o, const char *value)
{
    const char *why;
    char *at = (char *)r + o->at;
    uint64_t n = 0;
    switch (o->kind) {
    case O_TEXT:
        memcpy(at, &value, sizeof(value));
        return REPORT_OK;
    case O_FILE:
        if (r->file_count == PLIM_MACHINE_FILES_MAX) {
            return report_usage("--file '%s': at most 32 files", value);
        }
        r->files[r->file_count++] = value;
        return REPORT_OK;
    case O_SECONDS:
        return to_interval(value, (uint64_t *)(void *)at)
                   ? REPORT_OK
                   : report_usage("--interval '%s': seconds, or as 200ms; 10ms to a day", value);
    case O_SIZE:
        return size_parse(value, (uint64_t *)(void *)at, &why)
                   ? REPORT_OK
                   : report_usage("--fail-over: %s", why);
    case O_SORT:
        return take_sort(r, value);
    default:
        break;
    }
    const uint64_t limit = o->kind == O_COLUMNS ? LIVE_COLUMNS : UINT32_MAX;
    if (!to_number(value, limit, &n) || n == 0 || (o->kind == O_COLUMNS && n < 80)) {
        return report_usage(o->kind == O_COLUMNS ? "--columns '%s': 80 to 240"
                                                 : "'%s' is not a number above 0",
                            value);
    }
    if (o->kind == O_PID) {
        r->pid = (uint32_t)n;
    } else if (o->kind == O_COLUMNS) {
        r->columns = (uint32_t)n;
    } else {
        r->count = n;
    }
    return REPORT_OK;
}

static int check(const live_request *r, bool is_replay)
{
    if (is_replay && !r->replay) {
        return report_usage("%s wants the file of a recording", "replay");
    }
    if (r->account && !r->pid) {
        return report_usage("%s goes with --pid", "--account");
    }
    if (r->output && r->form == LIVE_TEXT && !r->is_batch && !r->is_once && !r->count) {
        return report_usage("%s wants --once, --batch, --count or a form for machines", "-o");
    }
    return REPORT_OK;
}

int live_options(int argc, char **argv, live_request *out)
{
    const bool is_replay = strcmp(argv[1], "replay") == 0;
    const unsigned command = is_replay ? FOR_REPLAY : FOR_LIVE;
    *out = (live_request){.root = ""};
    for (int i = 2; i < argc; i++) {
        const option *o = NULL;
        for (size_t k = 0; k < sizeof(OPTIONS) / sizeof(OPTIONS[0]); k++) {
            o = strcmp(argv[i], OPTIONS[k].name) == 0 ? &OPTIONS[k] : o;
        }
        if (!o && is_replay && !out->replay && (argv[i][0] != '-' || argv[i][1] == 0)) {
            out->replay = argv[i];
            continue;
        }
        if (!o || !(o->commands & command)) {
            return report_usage("unexpected '%s'", argv[i]);
        }
        if (o->kind == O_FLAG) {
            *((bool *)((char *)out + o->at)) = true;
        } else if (o->kind == O_FORM) {
            out->form = (live_form)o->at;
        } else if (i + 1 == argc) {
            return report_usage("%s wants a value", argv[i]);
        } else {
            int code = take_value(out, o, argv[++i]);
            if (code != REPORT_OK) {
                return code;
            }
        }
    }
    return check(out, is_replay);
}
