/* SPDX-License-Identifier: Apache-2.0 */
/* show.c - a report from a file: the rows, and the episodes of the run when it has some. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "src/tools/memreport/memreport.h"

#define REPORT_LIMIT (16u << 20)

static char *read_whole(const char *path, size_t *bytes)
{
    bool is_pipe = strcmp(path, "-") == 0;
    FILE *f = is_pipe ? stdin : fopen(path, "rbe");
    char *text = f ? malloc(REPORT_LIMIT) : NULL;
    *bytes = text ? fread(text, 1, REPORT_LIMIT, f) : 0;
    if (f && !is_pipe) {
        fclose(f);
    }
    return text;
}

static const char *size(const request *r, json_t *n)
{
    static char text[8][24];
    static unsigned turn;
    char *to = text[turn++ % 8];
    return json_is_integer(n) ? plim_bytes_format((uint64_t)json_integer_value(n), r->si, to, 24)
                              : "n/a";
}

static void print_line(const request *r, const char *name, json_t *frames, json_t *parts,
                       json_t *peak)
{
    printf("%-10s %8" JSON_INTEGER_FORMAT " %12s %12s %12s %12s\n", name,
           json_integer_value(frames), size(r, json_object_get(parts, "video")),
           size(r, json_object_get(parts, "state_action")),
           size(r, json_object_get(parts, "other")), size(r, peak));
}

/* Returns how many episodes were cut short. */
static size_t print_run(const request *r, json_t *run)
{
    json_t *episodes = json_object_get(run, "episodes");
    size_t cut = 0;
    const char *name = json_string_value(json_object_get(run, "name"));
    printf("run %s: account peak %s, predicted %s, cap %s: %s\n", name ? name : "?",
           size(r, json_object_get(json_object_get(run, "measured"), "account_peak")),
           size(r, json_object_get(json_object_get(run, "predicted"), "peak")),
           size(r, json_object_get(run, "cap")),
           json_is_true(json_object_get(run, "within")) ? "within" : "OVER");
    if (json_array_size(episodes)) {
        printf("\n%-10s %8s %12s %12s %12s %12s\n", "episode", "frames", "video", "state/act.",
               "other", "peak");
    }
    for (size_t i = 0; i < json_array_size(episodes); i++) {
        json_t *e = json_array_get(episodes, i);
        char index[24];
        snprintf(index, sizeof(index), "%" JSON_INTEGER_FORMAT,
                 json_integer_value(json_object_get(e, "index")));
        print_line(r, index, json_object_get(e, "frames"), json_object_get(e, "whole"),
                   json_object_get(json_object_get(e, "account"), "peak"));
        cut += !json_is_true(json_object_get(e, "complete"));
    }
    if (json_array_size(episodes)) {
        json_t *mean = json_object_get(run, "mean"), *most = json_object_get(run, "maximum");
        print_line(r, "mean", json_object_get(mean, "frames"), mean, json_object_get(mean, "peak"));
        print_line(r, "maximum", json_object_get(most, "frames"), most,
                   json_object_get(most, "peak"));
    }
    printf("\n");
    return cut;
}

int show(const request *r)
{
    static plim_report report;
    plim_error err = {.status = PLIM_OK};
    size_t bytes = 0, cut = 0;
    char *text = read_whole(r->file, &bytes);
    if (!text) {
        fprintf(stderr, "memreport: %s: not readable\n", r->file);
        return REPORT_NOTHING;
    }
    if (plim_report_parse(text, bytes, &report, &err) != PLIM_OK) {
        free(text);
        return report_refuse(r->file, &err);
    }
    int code = REPORT_OK;
    if (r->json) {
        fwrite(text, 1, bytes, stdout); /* as it is, with keys that this version does not know */
        code = report_verdict(r, &report);
    } else {
        json_t *root = json_loadb(text, bytes, 0, NULL);
        json_t *run = json_object_get(root, "run");
        cut = run ? print_run(r, run) : 0;
        json_decref(root);
        code = report_print(r, &report);
    }
    free(text);
    return code == REPORT_OK && cut ? REPORT_INCOMPLETE : code;
}
