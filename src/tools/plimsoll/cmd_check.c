/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_check.c - plimsoll check: an artifact on a known input, against recorded outputs.
 *
 * The file has one line an output: model, inputs with their shapes (or "same"), output, its
 * shape, the sum of absolute values, the first element. The input is a formula of the
 * element's index alone, so nothing but the figures has to be kept.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/tools/plimsoll/pipeline.h"
#include "src/tools/plimsoll/tool.h"

#define TOLERANCE 1e-4

static const command COMMAND = {
    .name = "check",
    .usage = "check [options] ARTIFACT --golden FILE",
    .summary = "Run an artifact on a known input and compare its outputs within 1e-4.",
    .more = "The tolerance is relative to the recorded figure, absolute below 1.\n"
            "Exit: 0 equal, 1 different, 2 wrong command line, 4 nothing readable or no line for\n"
            "this model.",
};

typedef struct golden_line {
    char output[64];
    char shape[64];
    double sum, first;
} golden_line;

typedef struct golden {
    manifest_engine engine; /* inputs as the file gives them, all from the formula */
    golden_line lines[32];
    size_t line_count;
} golden;

static bool parse_shape(const char *text, manifest_input *in)
{
    in->rank = 0;
    while (*text >= '0' && *text <= '9' && in->rank < PLIM_TENSOR_RANK_MAX) {
        char *end;
        in->shape[in->rank++] = strtoll(text, &end, 10);
        text = *end == 'x' ? end + 1 : end;
    }
    return true;
}

/* "input=1x576 state=2x1x128 sr=int64 scalar": words without '=' say a type, which the card has. */
static void parse_inputs(char *text, manifest_engine *e)
{
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *equals = strchr(word, '=');
        if (!equals || e->input_count == MANIFEST_INPUTS_MAX) {
            continue;
        }
        manifest_input *in = &e->inputs[e->input_count++];
        snprintf(in->tensor, sizeof(in->tensor), "%.*s", (int)(equals - word), word);
        in->from = FROM_FORMULA;
        parse_shape(equals + 1, in);
    }
}

static void parse_line(char *line, const char *model, golden *g)
{
    char *field[6] = {0}, *rest = NULL, file[128];
    size_t n = 0;
    for (char *p = strtok_r(line, "\t\n", &rest); p && n < 6; p = strtok_r(NULL, "\t\n", &rest)) {
        field[n++] = p;
    }
    snprintf(file, sizeof(file), "%s.onnx", model);
    if (n < 6 || line[0] == '#' || strcmp(field[0], file) != 0 || g->line_count == 32) {
        return;
    }
    if (strcmp(field[1], "same") != 0) {
        parse_inputs(field[1], &g->engine);
    }
    golden_line *out = &g->lines[g->line_count++];
    snprintf(out->output, sizeof(out->output), "%s", field[2]);
    snprintf(out->shape, sizeof(out->shape), "%s", field[3]);
    out->sum = strtod(field[4], NULL);
    out->first = strtod(field[5], NULL);
}

static bool read_golden(const char *path, const char *model, golden *g)
{
    char line[1024];
    FILE *f = fopen(path, "re");
    if (!f) {
        return false;
    }
    while (fgets(line, sizeof(line), f)) {
        parse_line(line, model, g);
    }
    fclose(f);
    return true;
}

static bool is_near(double a, double wanted)
{
    return fabs(a - wanted) <= TOLERANCE * (fabs(wanted) > 1 ? fabs(wanted) : 1);
}

static void shape_text(const plim_tensor *t, char *out, size_t room)
{
    size_t used = 0;
    out[0] = 0;
    for (uint32_t d = 0; d < t->rank && used < room; d++) {
        used += (size_t)snprintf(out + used, room - used, "%s%" PRId64, d ? "x" : "", t->shape[d]);
    }
}

/* JSON has no number for what is none. */
static void print_number(const char *key, double value)
{
    if (isfinite(value)) {
        printf(",\"%s\":%.9g", key, value);
    } else {
        printf(",\"%s\":null", key);
    }
}

static void print_json(const golden_line *line, const char *shape, double sum, double first,
                       bool equal, bool is_first)
{
    printf("%s{\"output\":", is_first ? "" : ",");
    json_text(stdout, line->output);
    printf(",\"shape\":\"%s\"", shape);
    print_number("sum", sum);
    print_number("first", first);
    print_number("wanted_sum", line->sum);
    print_number("wanted_first", line->first);
    printf(",\"equal\":%s}", equal ? "true" : "false");
}

static bool compare(const bound_engine *e, const golden_line *line, bool json, bool is_first)
{
    for (size_t i = 0; i < e->output_count; i++) {
        const plim_tensor *t = &e->outputs[i].last;
        double sum = 0, first = 0, value;
        char shape[64];
        if (strcmp(e->outputs[i].name, line->output) != 0) {
            continue;
        }
        for (uint64_t k = 0; k < (uint64_t)plim_tensor_elements(t); k++) {
            if (!tensor_get(plim_tensor_data(t), t->dtype, k, &value)) {
                break;
            }
            sum += fabs(value);
            first = k == 0 ? value : first;
        }
        shape_text(t, shape, sizeof(shape));
        bool equal = strcmp(shape, line->shape) == 0 && is_near(sum, line->sum) &&
                     is_near(first, line->first);
        if (json) {
            print_json(line, shape, sum, first, equal, is_first);
        } else {
            printf("%s %s sum %.6g first %.6g (wanted %.6g, %.6g) %s\n", line->output, shape, sum,
                   first, line->sum, line->first, equal ? "equal" : "DIFFERENT");
        }
        return equal;
    }
    fprintf(stderr, "plimsoll: check: the engine has no output '%s'\n", line->output);
    return false;
}

static plim_status run_once(plim_runtime *runtime, const char *path, const char *library,
                            const char *golden_path, golden *g, bound_engine *e, plim_error *err)
{
    plim_engine_spec spec = plim_engine_spec_default();
    plim_engine *engine = NULL;
    spec.name = "checked";
    spec.path = path;
    spec.library = library;
    PLIM_TRY(plim_runtime_deserialize(runtime, &spec, &engine, err));
    const char *model = plim_engine_get_card(engine)->name.model;
    if (!read_golden(golden_path, model, g) || g->line_count == 0) {
        return plim_error_set(err, PLIM_E_NOT_FOUND, "recorded outputs", golden_path,
                              "a line for this model", model);
    }
    PLIM_TRY(bind_engine(e, runtime, &g->engine, engine, err));
    return run_engine(e, err);
}

tool_exit cmd_check(int argc, char **argv)
{
    static golden g;
    static bound_engine e;
    option_list operands = {.count = 0};
    const char *golden_path = NULL, *library = NULL;
    uint64_t cap = UINT64_C(1) << 30;
    bool json = false, equal = true;
    plim_runtime *runtime = NULL;
    plim_error err = {.status = PLIM_OK};
    tool_exit code;
    const option options[] = {
        {"--golden", OPTION_TEXT, &golden_path, "FILE", "recorded outputs"},
        {"--library", OPTION_TEXT, &library, "PATH", "the backend's library"},
        {"--cap", OPTION_SIZE, &cap, "SIZE", "load line of the check (1 GiB)"},
        {"--json", OPTION_FLAG, &json, NULL, "one JSON object (plimsoll-check/1)"},
    };
    if (!options_parse(&COMMAND, options, sizeof(options) / sizeof(options[0]), argc, argv,
                       &operands, &code)) {
        return code;
    }
    if (operands.count != 1 || !golden_path) {
        return usage_error(&COMMAND, "one artifact and --golden are wanted");
    }
    plim_runtime_opts ro = plim_runtime_opts_default();
    ro.budget.cap_bytes = cap;
    plim_status rc = plim_runtime_open(&ro, &runtime, &err);
    if (rc == PLIM_OK) {
        rc = run_once(runtime, operands.at[0], library, golden_path, &g, &e, &err);
    }
    if (rc == PLIM_OK) {
        fputs(json ? "{\"schema\":\"plimsoll-check/1\",\"outputs\":[" : "", stdout);
        for (size_t i = 0; i < g.line_count; i++) {
            equal = compare(&e, &g.lines[i], json, i == 0) && equal;
        }
        fputs(json ? "]}\n" : "", stdout);
        code = equal ? TOOL_OK : TOOL_NO;
    } else {
        code = tool_refuse(operands.at[0], &err);
    }
    unbind_engine(&e);
    plim_runtime_close(runtime);
    return code;
}
