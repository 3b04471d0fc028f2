/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_import.c - plimsoll import: make an engine artifact out of a model.
 *
 * Runs offline, never on the path of a run: the backend optimises the graph, lays its weights
 * out so that they are used in place, and measures what a run needs for the card.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/tools/plimsoll/tool.h"

static const command COMMAND = {
    .name = "import",
    .usage = "import [options] MODEL -o DIR",
    .summary = "Make an engine artifact out of a model.",
    .more = "Exit: 0 written, 2 wrong command line, 4 not a model or no backend, 5 it failed.",
};

#define IMPORT_CAP_SHARE 0.5 /* of this machine: an import is not the run that must fit */

/* What the caller must say differently is a wrong command line, not a verdict. */
static tool_exit refuse(const char *model, const plim_error *err)
{
    tool_exit code = tool_refuse(model, err);
    bool is_shape = err->status == PLIM_E_SHAPE || strcmp(err->field, "shape") == 0;
    return is_shape ? TOOL_USAGE : code;
}

/* The folder for the artifact, made when it is not there. */
static bool ready_folder(const char *out, bool *made)
{
    *made = mkdir(out, 0777) == 0;
    if ((!*made && errno != EEXIST) || access(out, W_OK | X_OK) != 0) {
        fprintf(stderr, "plimsoll: import: -o %s: no artifact can be written there: %s\n", out,
                strerror(errno));
        return false;
    }
    return true;
}

tool_exit cmd_import(int argc, char **argv)
{
    option_list operands = {.count = 0}, shapes = {.count = 0};
    const char *out = ".", *name = NULL, *backend = "onnxruntime", *library = NULL, *format = NULL;
    uint64_t threads = 0;
    bool made, lz4 = false, for_this_cpu = false, no_optimize = false, json = false;
    char path[4096];
    plim_error err = {.status = PLIM_OK};
    plim_runtime *runtime = NULL;
    tool_exit code;
    const option options[] = {
        {"-o", OPTION_TEXT, &out, "DIR", "folder for the artifact (this one)"},
        {"--name", OPTION_TEXT, &name, "NAME", "model name, instead of the file's"},
        {"--shape", OPTION_MANY, &shapes, "T:1x3x8x8", "input shape, for open dimensions"},
        {"--backend", OPTION_TEXT, &backend, "NAME", "backend (onnxruntime)"},
        {"--library", OPTION_TEXT, &library, "PATH", "the backend's library"},
        {"--format", OPTION_TEXT, &format, "NAME", "artifact format, if it has several"},
        {"--no-optimize", OPTION_FLAG, &no_optimize, NULL, "keep the operators as they are"},
        {"--for-this-cpu", OPTION_FLAG, &for_this_cpu, NULL, "bake in layouts of this CPU type"},
        {"--lz4", OPTION_FLAG, &lz4, NULL, "compress chunks where it pays"},
        {"--threads", OPTION_COUNT, &threads, "N", "threads for the measuring runs (1)"},
        {"--json", OPTION_FLAG, &json, NULL, "one JSON object (plimsoll-import/1)"},
    };
    if (!options_parse(&COMMAND, options, sizeof(options) / sizeof(options[0]), argc, argv,
                       &operands, &code)) {
        return code;
    }
    if (operands.count != 1 || threads > 1024) {
        return usage_error(&COMMAND, operands.count != 1 ? "exactly one model is wanted"
                                                         : "--threads is at most 1024");
    }
    plim_import_opts o = plim_import_opts_default();
    o.library = library;
    o.name = name;
    o.lz4 = lz4;
    o.for_this_cpu = for_this_cpu;
    o.thread_count = (uint32_t)threads;
    o.format = format;
    o.no_optimize = no_optimize;
    o.shapes = shapes.at;
    o.shape_count = shapes.count;
    plim_runtime_opts ro = plim_runtime_opts_default();
    ro.budget.fraction = IMPORT_CAP_SHARE;
    if (!ready_folder(out, &made)) {
        return TOOL_INTERNAL;
    }
    progress p;
    progress_begin(&p, "importing");
    progress_steps(&p, 0, 1);
    plim_status rc = plim_runtime_open(&ro, &runtime, &err);
    if (rc == PLIM_OK) {
        rc = plim_runtime_compile(runtime, backend, operands.at[0], out, &o, path, sizeof(path),
                                  &err);
    }
    plim_runtime_close(runtime);
    progress_end(&p);
    if (rc != PLIM_OK) {
        if (made) {
            (void)rmdir(out);
        }
        return refuse(operands.at[0], &err);
    }
    if (json) {
        printf("{\"schema\":\"plimsoll-import/1\",\"path\":");
        json_text(stdout, path);
        printf("}\n");
    } else {
        printf("%s\n", path);
    }
    return TOOL_OK;
}
