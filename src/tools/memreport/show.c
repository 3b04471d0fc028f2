/* SPDX-License-Identifier: Apache-2.0 */
/* show.c - a report from a file: the rows, and the episodes of the run when it has some. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "src/tools/memreport/memreport.h"
#include "src/tools/run_table.h"

#define REPORT_LIMIT (16u << 20)

static plim_status read_whole(const char *path, char **text, size_t *bytes, plim_error *err)
{
    FILE *f;
    PLIM_TRY(report_open(path, &f, err));
    *text = malloc(REPORT_LIMIT);
    *bytes = *text ? fread(*text, 1, REPORT_LIMIT, f) : 0;
    report_close(f);
    return *text ? PLIM_OK : PLIM_FAIL(err, PLIM_E_NOMEM, .what = "report", .want = REPORT_LIMIT);
}

static uint64_t bytes_of(json_t *object, const char *key)
{
    json_t *n = json_object_get(object, key);
    return json_is_integer(n) ? (uint64_t)json_integer_value(n) : PLIM_UNKNOWN_BYTES;
}

static void print_line(const request *r, const char *name, json_t *e, json_t *parts, json_t *held,
                       uint64_t peak)
{
    uint64_t frames = bytes_of(e, "frames"), sum = 0;
    for (void *at = json_object_iter(held); at; at = json_object_iter_next(held, at)) {
        sum += (uint64_t)json_integer_value(json_object_iter_value(at));
    }
    run_table_line(stdout,
                   &(run_episode){.name = name,
                                  .frames = frames == PLIM_UNKNOWN_BYTES ? 0 : frames,
                                  .video = bytes_of(parts, "video"),
                                  .state_action = bytes_of(parts, "state_action"),
                                  .other = bytes_of(parts, "other"),
                                  .held = held ? sum : bytes_of(e, "held"),
                                  .peak = peak,
                                  .is_partial = json_is_false(json_object_get(e, "complete"))},
                   r->si);
}

/* Returns how many episodes were cut short. */
static size_t print_run(const request *r, json_t *run)
{
    json_t *episodes = json_object_get(run, "episodes");
    size_t cut = 0, count = json_array_size(episodes);
    const char *name = json_string_value(json_object_get(run, "name"));
    char a[24], b[24];
    printf(
        "run %s: predicted peak %s, measured %s\n\n", name ? name : "?",
        plim_bytes_format(bytes_of(json_object_get(run, "predicted"), "peak"), r->si, a, sizeof(a)),
        plim_bytes_format(bytes_of(json_object_get(run, "measured"), "account_peak"), r->si, b,
                          sizeof(b)));
    if (count) {
        run_table_head(stdout);
    }
    for (size_t i = 0; i < count; i++) {
        json_t *e = json_array_get(episodes, i);
        char index[24];
        snprintf(index, sizeof(index), "%" JSON_INTEGER_FORMAT,
                 json_integer_value(json_object_get(e, "index")));
        print_line(r, index, e, json_object_get(e, "whole"), json_object_get(e, "held"),
                   bytes_of(json_object_get(e, "account"), "peak"));
        cut += !json_is_true(json_object_get(e, "complete"));
    }
    if (count) {
        json_t *mean = json_object_get(run, "mean"), *most = json_object_get(run, "maximum");
        print_line(r, "mean", mean, mean, NULL, bytes_of(mean, "peak"));
        print_line(r, "maximum", most, most, NULL, bytes_of(most, "peak"));
        putchar('\n');
    }
    return cut;
}

int show(const request *r)
{
    static plim_report report;
    plim_error err = {.status = PLIM_OK};
    size_t bytes = 0, cut = 0;
    char *text = NULL;
    if (read_whole(r->file, &text, &bytes, &err) != PLIM_OK) {
        return report_refuse(r->file, &err);
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
        code = report_print(r, &report);
        json_decref(root);
    }
    free(text);
    return code == REPORT_OK && cut ? REPORT_INCOMPLETE : code;
}
