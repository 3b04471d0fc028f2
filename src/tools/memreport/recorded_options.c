/* SPDX-License-Identifier: Apache-2.0 */
/* recorded_options.c - memreport episode, dataset, plan, formats: the command line.
 *
 * An option that a command does not use is refused, so that nobody believes it had an effect.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "src/tools/memreport/recorded.h"
#include "src/tools/new_file.h"

enum { FOR_EPISODE = 1, FOR_DATASET = 2, FOR_PLAN = 4, FOR_FORMATS = 8 };
#define FOR_WALK (FOR_EPISODE | FOR_DATASET | FOR_PLAN)

typedef enum option_kind {
    O_FLAG,
    O_COUNT,
    O_SIZE,
    O_TEXT,
    O_RANGE,
    O_UNITS,
    O_PIXELS,
    O_SORT,
    O_FORMAT,
    O_VIEW,
    O_ENGINE,
} option_kind;

typedef struct option {
    const char *name;
    option_kind kind;
    unsigned commands;
    size_t at; /* offset in recorded_request */
} option;

#define AT(field) offsetof(recorded_request, field)
static const option OPTIONS[] = {
    {"-e", O_RANGE, FOR_WALK, 0},
    {"--episode", O_RANGE, FOR_WALK, 0},
    {"--as", O_PIXELS, FOR_WALK, AT(pixels)},
    {"--window", O_COUNT, FOR_WALK, AT(window)},
    {"--horizon", O_COUNT, FOR_EPISODE | FOR_PLAN, AT(horizon)},
    {"--prefetch", O_COUNT, FOR_PLAN, AT(prefetch)},
    {"--history", O_COUNT, FOR_PLAN, AT(history)},
    {"--budget", O_SIZE, FOR_PLAN, AT(budget)},
    {"--model-bytes", O_SIZE, FOR_PLAN, AT(model_bytes)},
    {"--engine", O_ENGINE, FOR_PLAN, 0},
    {"--fail-over", O_SIZE, FOR_EPISODE | FOR_DATASET, AT(fail_over)},
    {"--view", O_VIEW, FOR_WALK, AT(is_gr00t)},
    {"--worklog-compat", O_FLAG, FOR_EPISODE | FOR_DATASET, AT(is_worklog)},
    {"--exact", O_FLAG, FOR_WALK, AT(is_exact)},
    {"--fast", O_FLAG, FOR_WALK, AT(is_fast)},
    {"--sort", O_SORT, FOR_EPISODE, AT(sort)},
    {"--top", O_COUNT, FOR_EPISODE, AT(top)},
    {"--units", O_UNITS, FOR_WALK, AT(units)},
    {"--strict", O_FLAG, FOR_WALK, AT(is_strict)},
    {"--json", O_FORMAT, FOR_WALK | FOR_FORMATS, AT(form)},
    {"--csv", O_FORMAT, FOR_EPISODE | FOR_DATASET, AT(form)},
    {"-o", O_TEXT, FOR_WALK, AT(output)},
    {"-f", O_FLAG, FOR_WALK, AT(is_forced)},
    {"-q", O_FLAG, FOR_WALK, AT(is_quiet)},
    {"-v", O_FLAG, FOR_EPISODE, AT(is_verbose)},
};

static bool to_count(const char *text, char **end, uint64_t *out)
{
    errno = 0;
    unsigned long long n = strtoull(text, end, 10);
    *out = n;
    return text[0] >= '0' && text[0] <= '9' && errno == 0;
}

/* "7", "3-9", "all". */
static bool to_range(const char *text, recorded_request *r)
{
    char *end;
    r->is_first = false;
    r->is_range = strcmp(text, "all") != 0;
    if (!r->is_range) {
        return true;
    }
    if (!to_count(text, &end, &r->first)) {
        return false;
    }
    r->last = r->first;
    return *end == 0 ||
           (*end == '-' && to_count(end + 1, &end, &r->last) && *end == 0 && r->last >= r->first);
}

static bool to_choice(const char *text, const char *const *names, int *out)
{
    for (int i = 0; names[i]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static int set_choice(const option *o, const char *value, recorded_request *r)
{
    static const char *const PIXELS[] = {"rgb24", "nv12", "native", "pil", "f16", "f32", NULL};
    static const char *const UNITS[] = {"iec", "si", "bytes", NULL};
    static const char *const SORTS[] = {"size", "name", "disk", NULL};
    static const char *const VIEWS[] = {"all", "gr00t", NULL};
    int n = 0;
    switch (o->kind) {
    case O_PIXELS:
        if (!to_choice(value, PIXELS, &n)) {
            return report_usage("--as '%s': rgb24, nv12, native, pil, f16 or f32", value);
        }
        r->pixels = (plim_pixel_form)n;
        return REPORT_OK;
    case O_UNITS:
        if (!to_choice(value, UNITS, &n)) {
            return report_usage("--units '%s': iec, si or bytes", value);
        }
        r->units = (recorded_units)n;
        return REPORT_OK;
    case O_SORT:
        if (!to_choice(value, SORTS, &n)) {
            return report_usage("--sort '%s': size, name or disk", value);
        }
        r->sort = (recorded_sort)n;
        return REPORT_OK;
    default:
        if (!to_choice(value, VIEWS, &n)) {
            return report_usage("--view '%s': all or gr00t", value);
        }
        r->is_gr00t = n == 1;
        return REPORT_OK;
    }
}

static int set_value(const option *o, const char *value, recorded_request *r)
{
    uint64_t *to = (uint64_t *)(void *)((char *)r + o->at);
    const char *why;
    char *end;
    switch (o->kind) {
    case O_COUNT:
        if (!to_count(value, &end, to) || *end || !*to || *to > UINT32_MAX) {
            return report_usage("'%s' is not a number from 1 on", value);
        }
        return REPORT_OK;
    case O_SIZE:
        if (!size_parse(value, to, &why)) {
            return report_usage("%s", why);
        }
        if (!*to) {
            return report_usage("'%s': a size above 0", value);
        }
        return REPORT_OK;
    case O_RANGE:
        return to_range(value, r) ? REPORT_OK
                                  : report_usage("-e '%s': a number, A-B or all", value);
    case O_TEXT:
        r->output = value;
        return REPORT_OK;
    case O_ENGINE:
        if (r->engine_count == RECORDED_ENGINES) {
            return report_usage("%s: more than 16 engines", "--engine");
        }
        r->engines[r->engine_count++] = value;
        return REPORT_OK;
    default:
        return set_choice(o, value, r);
    }
}

static const option *find_option(const char *name)
{
    for (size_t i = 0; i < sizeof(OPTIONS) / sizeof(OPTIONS[0]); i++) {
        if (strcmp(name, OPTIONS[i].name) == 0) {
            return &OPTIONS[i];
        }
    }
    return NULL;
}

static int parse(int argc, char **argv, unsigned command, recorded_request *r)
{
    bool is_only_names = false;
    for (int i = 2; i < argc; i++) {
        if (!is_only_names && strcmp(argv[i], "--") == 0) {
            is_only_names = true;
            continue;
        }
        if (is_only_names || argv[i][0] != '-' || !argv[i][1]) {
            if (r->path) {
                return report_usage("unexpected '%s': one data set at a time", argv[i]);
            }
            r->path = argv[i];
            continue;
        }
        const option *o = find_option(argv[i]);
        if (!o || !(o->commands & command)) {
            return report_usage(o ? "this command takes no %s" : "unknown option '%s'", argv[i]);
        }
        if (o->kind == O_FLAG) {
            *((bool *)(void *)r + o->at) = true;
        } else if (o->kind == O_FORMAT) {
            r->form = strcmp(o->name, "--csv") == 0 ? RECORDED_CSV : RECORDED_JSON;
        } else if (i + 1 == argc) {
            return report_usage("%s wants a value", argv[i]);
        } else {
            int code = set_value(o, argv[++i], r);
            if (code != REPORT_OK) {
                return code;
            }
        }
    }
    return REPORT_OK;
}

static void look_at_terminal(recorded_request *r)
{
    struct winsize size;
    const char *no = getenv("NO_COLOR"), *wide = getenv("COLUMNS");
    r->is_terminal = isatty(STDOUT_FILENO);
    r->has_color = r->is_terminal && !(no && *no);
    r->columns = wide && atoi(wide) >= 40 ? (uint32_t)atoi(wide) : 140;
    if (r->is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) {
        r->columns = size.ws_col;
    }
}

static int show_formats(const recorded_request *r)
{
    const char *name, *reads, *why;
    if (r->path) {
        return report_usage("unexpected '%s'", r->path);
    }
    if (r->form == RECORDED_JSON) {
        printf("{\"schema\":\"%s\",\"tool\":\"memreport %s\",\"kind\":\"formats\",\"formats\":[",
               RECORDED_SCHEMA, plim_version());
    }
    for (uint32_t i = 0; (name = plim_survey_format(i, &reads, &why)); i++) {
        if (r->form != RECORDED_JSON) {
            printf("%-10s %s%s%s%s\n", name, reads, why ? " (not here: " : "", why ? why : "",
                   why ? ")" : "");
            continue;
        }
        printf("%s{\"name\":", i ? "," : "");
        recorded_json_text(name);
        printf(",\"reads\":");
        recorded_json_text(reads);
        printf(",\"usable\":%s", why ? "false,\"why_not\":" : "true");
        if (why) {
            recorded_json_text(why);
        }
        putchar('}');
    }
    if (r->form == RECORDED_JSON) {
        puts("]}");
    }
    return REPORT_OK;
}

static int show_episodes(recorded_walk *w)
{
    const recorded_request *r = w->request;
    const plim_survey_episode *e;
    bool is_over = false;
    int code = REPORT_OK;
    if (r->form == RECORDED_JSON) {
        recorded_json_head(w, "episode");
    } else if (r->form == RECORDED_CSV) {
        recorded_csv_head(r);
    }
    uint64_t printed = 0;
    while ((!r->is_first || !printed) && (e = recorded_next(w, &code))) {
        recorded_episode figures = recorded_measure(r, e);
        uint64_t peak = r->window ? figures.total.window : figures.total.memory;
        is_over = is_over || (r->fail_over && peak > r->fail_over);
        if (r->form == RECORDED_JSON) {
            recorded_json_episode(w, e, printed == 0);
        } else if (r->form == RECORDED_CSV) {
            recorded_csv_episode(w, e);
        } else {
            if (printed) {
                putchar('\n');
            }
            recorded_print_episode(w, e);
        }
        printed++;
    }
    if (code == REPORT_OK) {
        code = recorded_outcome(w);
    }
    if (code == REPORT_OK && is_over) {
        code = REPORT_OVER;
    }
    if (r->form == RECORDED_JSON) {
        putchar(']');
        recorded_json_warnings(w, code);
    } else {
        recorded_print_warnings(w);
    }
    return code;
}

static int walk_all(unsigned command, const recorded_request *r)
{
    static recorded_walk walk;
    int code = recorded_open(&walk, r);
    if (code == REPORT_OK) {
        code = command == FOR_EPISODE   ? show_episodes(&walk)
               : command == FOR_DATASET ? recorded_dataset(&walk)
                                        : recorded_plan(&walk);
    }
    recorded_close(&walk);
    return code;
}

/* What prints prints to standard output, which is the new file meanwhile. */
static int run(unsigned command, const recorded_request *r)
{
    static new_file file;
    int code = new_file_open(&file, r->output, r->is_forced);
    if (code != REPORT_OK) {
        return code;
    }
    bool is_there = file.to == stdout || dup2(fileno(file.to), STDOUT_FILENO) >= 0;
    code = is_there ? report_finish(walk_all(command, r)) : REPORT_INTERNAL;
    return new_file_close(&file, code);
}

int recorded_main(int argc, char **argv)
{
    static const struct {
        const char *name;
        unsigned command;
    } COMMANDS[] = {{"episode", FOR_EPISODE},
                    {"dataset", FOR_DATASET},
                    {"plan", FOR_PLAN},
                    {"formats", FOR_FORMATS}};
    recorded_request r = {.is_first = true, .horizon = 16, .prefetch = 1, .history = 1};
    unsigned command = 0;
    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++) {
        command = strcmp(argv[1], COMMANDS[i].name) == 0 ? COMMANDS[i].command : command;
    }
    if (!command) {
        return -1;
    }
    r.is_first = command == FOR_EPISODE;
    int code = parse(argc, argv, command, &r);
    if (code != REPORT_OK) {
        return code;
    }
    look_at_terminal(&r);
    if (command == FOR_FORMATS) {
        return show_formats(&r);
    }
    if (!r.path) {
        return report_usage("%s wants a data set: a folder or a file", argv[1]);
    }
    return run(command, &r);
}
