/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_pack_plan.c - plimsoll pack-plan: buffers in, offsets out.
 *
 * Reads and writes MiniMalloc's tables. Every plan is verified by code that shares nothing with
 * the planner before a byte of it is written; with --capacity, exit 1 says that none was found,
 * and the verdict whether none exists.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "src/tools/new_file.h"
#include "src/tools/plimsoll/csv.h"
#include "src/tools/plimsoll/plan_file.h"
#include "src/tools/plimsoll/tool.h"

static const command COMMAND = {
    .name = "pack-plan",
    .usage = "pack-plan [options] FILE.csv|-",
    .summary = "Give buffers with known lifetimes fixed offsets, as low as can be.",
    .more =
        "FILE has the columns id,lower,upper,size[,alignment][,gaps][,offset] in any order, as\n"
        "MiniMalloc's, with commas alone between (no spaces, no quotes); sizes are plain bytes;\n"
        "a filled offset is fixed, and owner is a name to colour by.\n"
        "Exit: 0 a plan, 1 none under the capacity was found, 2 wrong command line,\n"
        "4 the table cannot be read, 5 the system failed.",
};

typedef struct packing {
    const char *path, *out_path, *svg_path, *capacity_text, *time_text;
    uint64_t capacity, nodes, seed;
    double seconds; /* to search for; 0: as long as the node limit lasts */
    bool ascii, json, lowest, is_forced;
    plan_file file;
    plim_plan_result result;
    plim_status status;
    double spent;
    uint64_t stop_ns;
    bool is_shown;
} packing;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool should_stop(void *user)
{
    const packing *p = user;
    return p->stop_ns && now_ns() >= p->stop_ns;
}

static void improved(void *user, uint64_t height_bytes, uint64_t bound_bytes)
{
    packing *p = user;
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r\033[Kplanning  height %s, bound %s", tool_size(height_bytes),
                tool_size(bound_bytes));
        fflush(stderr);
        p->is_shown = true;
    }
}

static const char *verdict_text(const packing *p)
{
    switch (p->result.verdict) {
    case PLIM_PLAN_OPTIMAL:
        return "optimal";
    case PLIM_PLAN_FEASIBLE:
        return "feasible";
    case PLIM_PLAN_INFEASIBLE:
        return "infeasible";
    default:
        return "unknown";
    }
}

static plim_plan_problem problem_of(const packing *p)
{
    plim_plan_problem problem = plim_plan_problem_default();
    problem.buffers = p->file.buffers;
    problem.buffer_count = p->file.count;
    problem.gaps = p->file.gaps;
    problem.gap_count = p->file.gap_count;
    return problem;
}

static plim_plan_opts options_of(packing *p)
{
    plim_plan_opts o = plim_plan_opts_default();
    o.capacity_bytes = p->capacity;
    o.seed = p->seed;
    o.node_limit = p->nodes ? p->nodes : p->seconds > 0 ? UINT64_MAX : 0;
    o.should_stop = should_stop;
    o.improved = improved;
    o.user = p;
    o.effort = PLIM_PLAN_SEARCH;
    o.goal = p->capacity && !p->lowest ? PLIM_PLAN_FITS : PLIM_PLAN_LOWEST;
    p->stop_ns = p->seconds > 0 ? now_ns() + (uint64_t)(p->seconds * 1e9) : 0;
    return o;
}

static void *scratch_of(size_t bytes)
{
    void *scratch = NULL;
    return bytes && posix_memalign(&scratch, 64, bytes) == 0 ? scratch : NULL;
}

static plim_status solve(packing *p, plim_error *err)
{
    plim_plan_problem problem = problem_of(p);
    plim_plan_opts o = options_of(p);
    size_t bytes = plim_plan_problem_scratch_bytes(&problem, &o);
    void *scratch = scratch_of(bytes);
    if (!scratch) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "scratch of the planner", .want = bytes);
    }
    uint64_t start = now_ns();
    plim_status status = plim_plan_problem_solve(&problem, &o, scratch, bytes, &p->result, err);
    p->spent = (double)(now_ns() - start) / 1e9;
    free(scratch);
    if (p->is_shown) {
        fprintf(stderr, "\r\033[K");
    }
    return status;
}

static plim_status verify(packing *p, plim_error *err)
{
    plim_plan_problem problem = problem_of(p);
    size_t bytes = plim_plan_problem_verify_bytes(&problem);
    void *scratch = scratch_of(bytes);
    if (!scratch) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "scratch of the verifier", .want = bytes);
    }
    plim_status status =
        plim_plan_problem_verify(&problem, p->result.height_bytes, scratch, bytes, err);
    free(scratch);
    return status;
}

/* ---- input: errors speak of rows, people of ids ---- */

static plim_status load(packing *p, plim_error *err)
{
    char *text;
    size_t bytes;
    PLIM_TRY(csv_load(p->path, &text, &bytes, err));
    PLIM_TRY(plan_file_parse(strcmp(p->path, "-") == 0 ? "standard input" : p->path, text, bytes,
                             &p->file, err));
    if (p->file.window_count) {
        fprintf(stderr,
                "plimsoll: %zu gaps have a window; their buffers are kept whole meanwhile\n",
                p->file.window_count);
    }
    return PLIM_OK;
}

/* ---- output ---- */

static void print_text(const packing *p, FILE *to)
{
    const plim_plan_result *r = &p->result;
    bool has_plan = p->status == PLIM_OK;
    fprintf(to, "buffers   %zu\n", p->file.count);
    fprintf(to, "height    %s  %" PRIu64 " bytes%s\n", tool_size(r->height_bytes), r->height_bytes,
            has_plan ? "" : ", the lowest found");
    fprintf(to, "bound     %s  %" PRIu64 " bytes", tool_size(r->lower_bound_bytes),
            r->lower_bound_bytes);
    if (r->lower_bound_bytes && r->height_bytes) {
        fprintf(to, ", height is %.4f of it",
                (double)r->height_bytes / (double)r->lower_bound_bytes);
    }
    fputc('\n', to);
    if (p->capacity) {
        fprintf(to, "capacity  %s  %" PRIu64 " bytes\n", tool_size(p->capacity), p->capacity);
    }
    static const char *const MEANS[] = {
        "no plan under the capacity was found, none is excluded", "a plan; a lower one may exist",
        "a plan, and no lower one exists", "proven: no plan under the capacity exists"};
    fprintf(to, "verdict   %s: %s\n", verdict_text(p), MEANS[r->verdict]);
    fprintf(to, "search    %" PRIu64 " nodes, %.6f s, %s\n", r->node_count, p->spent,
            r->strategy ? r->strategy : "-");
}

static void print_json(const packing *p, FILE *to)
{
    const plim_plan_result *r = &p->result;
    fprintf(to, "{\"schema\":\"plimsoll-pack-plan/1\",\"file\":");
    json_text(to, p->path);
    fprintf(to,
            ",\"buffers\":%zu,\"gaps\":%zu,\"capacity\":%" PRIu64
            ",\"found\":%s,\"height\":%" PRIu64 ",\"lower_bound\":%" PRIu64
            ",\"verdict\":\"%s\",\"nodes\":%" PRIu64 ",\"seconds\":%.6f,\"strategy\":",
            p->file.count, p->file.gap_count, p->capacity, p->status == PLIM_OK ? "true" : "false",
            r->height_bytes, r->lower_bound_bytes, verdict_text(p), r->node_count, p->spent);
    json_text(to, r->strategy ? r->strategy : "");
    fputs("}\n", to);
}

static void draw_table(const packing *p, const plan_sheet *sheet, FILE *to)
{
    (void)sheet;
    plan_file_write(&p->file, to);
}

static void draw_svg(const packing *p, const plan_sheet *sheet, FILE *to)
{
    plan_draw_svg(&p->file, sheet, to);
}

static tool_exit write_to(const packing *p, const plan_sheet *sheet, const char *path,
                          void (*write)(const packing *, const plan_sheet *, FILE *))
{
    new_file file;
    int code = new_file_open(&file, strcmp(path, "-") == 0 ? NULL : path, p->is_forced);
    if (code != TOOL_OK) {
        return (tool_exit)code;
    }
    write(p, sheet, file.to);
    return (tool_exit)new_file_close(&file, TOOL_OK);
}

static tool_exit give(const packing *p)
{
    bool is_table_out = p->out_path && strcmp(p->out_path, "-") == 0;
    const char *base = strrchr(p->path, '/');
    plan_sheet sheet = {.title = strcmp(p->path, "-") == 0 ? "standard input"
                                 : base                    ? base + 1
                                                           : p->path,
                        .height_bytes = p->result.height_bytes,
                        .lower_bound_bytes = p->result.lower_bound_bytes,
                        .capacity_bytes = p->capacity,
                        .verdict = verdict_text(p)};
    tool_exit code = TOOL_OK;
    if (p->status == PLIM_OK && p->out_path) {
        code = write_to(p, &sheet, p->out_path, draw_table);
    }
    if (code == TOOL_OK && p->status == PLIM_OK && p->svg_path) {
        code = write_to(p, &sheet, p->svg_path, draw_svg);
    }
    FILE *to = is_table_out ? stderr : stdout; /* the table alone goes into a pipe */
    if (p->json) {
        print_json(p, to);
        return code;
    }
    if (p->ascii && p->status == PLIM_OK) {
        plan_draw_ascii(&p->file, &sheet, tool_columns(to), tool_color(to), to);
        fputc('\n', to);
    }
    print_text(p, to);
    return code;
}

static tool_exit pack(packing *p)
{
    plim_error err = {.status = PLIM_OK};
    if (load(p, &err) != PLIM_OK) {
        return tool_refuse("pack-plan", &err) == TOOL_INTERNAL ? TOOL_INTERNAL : TOOL_NOTHING;
    }
    p->status = solve(p, &err);
    if (p->status != PLIM_OK && p->status != PLIM_E_BUDGET) {
        tool_exit code = tool_refuse(p->path, &err);
        return code == TOOL_USAGE ? TOOL_NOTHING : code; /* the table says it, not the options */
    }
    if (p->status == PLIM_E_BUDGET && p->result.height_bytes == 0) {
        p->result.height_bytes = err.want;
    }
    if (p->status == PLIM_OK && verify(p, &err) != PLIM_OK) {
        (void)tool_refuse("the plan does not verify", &err);
        return TOOL_INTERNAL;
    }
    tool_exit code = give(p);
    return code == TOOL_OK && p->status != PLIM_OK ? TOOL_NO : code;
}

/* Plain bytes, as MiniMalloc's users write it, or with a unit. */
static bool take_numbers(packing *p, tool_exit *code)
{
    const char *why = NULL;
    char *end = NULL;
    if (p->capacity_text && !count_parse(p->capacity_text, &p->capacity) &&
        !size_parse(p->capacity_text, &p->capacity, &why)) {
        *code = usage_error(&COMMAND, "--capacity '%s': %s", p->capacity_text, why);
        return false;
    }
    p->seconds = p->time_text ? strtod(p->time_text, &end) : 0;
    if (p->time_text && (*end || end == p->time_text || !(p->seconds > 0 && p->seconds < 1e6))) {
        *code = usage_error(&COMMAND, "--time '%s': seconds, such as 0.5", p->time_text);
        return false;
    }
    return true;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return strcmp(a, "-") != 0 && stat(a, &x) == 0 && S_ISREG(x.st_mode) && stat(b, &y) == 0 &&
           x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Before the search, which may be long. */
static tool_exit check_outputs(const packing *p)
{
    const char *const outputs[] = {p->out_path, p->svg_path};
    if (p->out_path && p->svg_path && new_file_is_one(p->out_path, p->svg_path)) {
        return usage_error(&COMMAND, "-o and --svg are one file, '%s'", p->out_path);
    }
    for (size_t i = 0; i < 2; i++) {
        if (!outputs[i] || strcmp(outputs[i], "-") == 0) {
            continue;
        }
        if (is_same_file(p->path, outputs[i])) {
            return usage_error(&COMMAND, "%s '%s' is the table itself", i ? "--svg" : "-o",
                               outputs[i]);
        }
        int code = new_file_check(outputs[i], p->is_forced);
        if (code != TOOL_OK) {
            return (tool_exit)code;
        }
    }
    return TOOL_OK;
}

tool_exit cmd_pack_plan(int argc, char **argv)
{
    static packing p;
    option_list operands = {.count = 0};
    tool_exit code;
    const option options[] = {
        {"--capacity", OPTION_TEXT, &p.capacity_text, "BYTES", "stop at a plan under it"},
        {"--lowest", OPTION_FLAG, &p.lowest, NULL, "go on below the capacity"},
        {"--time", OPTION_TEXT, &p.time_text, "SECONDS", "search for so long at most"},
        {"--nodes", OPTION_COUNT, &p.nodes, "N", "search so many nodes at most"},
        {"--seed", OPTION_COUNT, &p.seed, "N", "of the search"},
        {"-o", OPTION_TEXT, &p.out_path, "FILE", "write the table with offsets; - is stdout"},
        {"--svg", OPTION_TEXT, &p.svg_path, "FILE", "draw time against address"},
        {"-f", OPTION_FLAG, &p.is_forced, NULL, "overwrite the files of -o and --svg"},
        {"--ascii", OPTION_FLAG, &p.ascii, NULL, "draw it in the terminal"},
        {"--json", OPTION_FLAG, &p.json, NULL, "one JSON object (plimsoll-pack-plan/1)"},
    };
    if (!options_parse(&COMMAND, options, sizeof(options) / sizeof(options[0]), argc, argv,
                       &operands, &code)) {
        return code;
    }
    if (operands.count != 1) {
        return usage_error(&COMMAND, "exactly one table is wanted, - for standard input");
    }
    if (p.ascii && p.json) {
        return usage_error(&COMMAND, "--ascii and --json exclude each other");
    }
    if (!take_numbers(&p, &code)) {
        return code;
    }
    p.path = operands.at[0];
    code = check_outputs(&p);
    if (code != TOOL_OK) {
        return code;
    }
    code = pack(&p);
    plan_file_drop(&p.file);
    return code;
}
