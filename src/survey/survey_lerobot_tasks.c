/* SPDX-License-Identifier: Apache-2.0 */
/* survey_lerobot_tasks.c - the worklog's arithmetic for task texts.
 *
 * GR00T's loader puts the text of its task beside every step, and the worklog's helper adds
 * sys.getsizeof of it for each: one string counted hundreds of times. Sizes are CPython's, up to
 * 3.11 (from 3.12 on 8 bytes less): 49 + n for ASCII, 73, 74 or 76 + width x n for the rest.
 */
#include <stdio.h>
#include <string.h>

#include "src/survey/survey_lerobot.h"

#define TASKS_MAX 65536u

/* Bytes of a str object with this UTF-8 text. */
static uint32_t text_bytes(const char *text)
{
    uint32_t count = 0, most = 0;
    for (const uint8_t *p = (const uint8_t *)text; *p;) {
        uint32_t code = *p < 0x80 ? *p : *p < 0xe0 ? 0x80 : *p < 0xf0 ? 0x100 : 0x10000;
        if (*p == 0xc4 || (*p > 0xc3 && *p < 0xe0)) {
            code = 0x100; /* two bytes, but past Latin-1 */
        }
        most = code > most ? code : most;
        p++;
        while ((*p & 0xc0) == 0x80) {
            p++;
        }
        count++;
    }
    return most < 0x80      ? 49 + count
           : most < 0x100   ? 73 + count
           : most < 0x10000 ? 74 + 2 * count
                            : 76 + 4 * count;
}

plim_status plim_survey_tasks(plim_survey *self, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_file_bytes file;
    plim_json_feed feed;
    plim_error mine = {.status = PLIM_OK};
    json_t *line = NULL;
    uint64_t count = 0;
    void *block;
    plim_status status = plim_survey_open_file(self, "meta/tasks.jsonl", &file, &mine);
    if (status != PLIM_OK) {
        plim_survey_warn(self, "worklog-text", "", 0,
                         "meta/tasks.jsonl is missing: the worklog's figures lack the task texts");
        return PLIM_OK;
    }
    status = plim_json_count_lines(&file, &count, err);
    if (status == PLIM_OK) {
        set->task_limit = count < TASKS_MAX ? (uint32_t)count : TASKS_MAX;
        status = plim_survey_take(self, set->task_limit * sizeof(uint32_t), &block, err);
    }
    if (status != PLIM_OK) {
        plim_file_bytes_close(&file);
        return status;
    }
    set->task_bytes = block;
    plim_json_feed_init(&feed, &file, &mine);
    while ((status = plim_json_line(&feed, &line, &mine)) == PLIM_OK && line) {
        uint64_t index = plim_json_count(line, "task_index");
        const char *text = json_string_value(json_object_get(line, "task"));
        if (index < set->task_limit && text) {
            set->task_bytes[index] = text_bytes(text);
        }
        json_decref(line);
    }
    if (status != PLIM_OK) {
        plim_survey_lost(self, "", &mine);
    }
    plim_file_bytes_close(&file);
    return PLIM_OK;
}

typedef struct task_read {
    plim_survey *self;
    const plim_file_bytes *file;
} task_read;

static plim_status add_texts(void *context, const plim_parquet *parquet,
                             const plim_parquet_chunk *chunk, plim_error *err)
{
    task_read *r = context;
    plim_survey_set *set = r->self->state;
    const plim_parquet_leaf *leaf = &parquet->leaves[chunk->leaf];
    plim_survey_feature *to = NULL;
    uint64_t scratch_bytes;
    void *values, *scratch;
    for (uint32_t i = 0; i < r->self->episode.feature_count; i++) {
        plim_survey_feature *f = &r->self->features[i];
        to = strcmp(f->name, leaf->root) == 0 && f->group == PLIM_FEATURE_OTHER && f->is_loaded
                 ? f
                 : to;
    }
    if (!to || leaf->type != PLIM_PARQUET_INT64 || chunk->value_count != chunk->row_count) {
        return PLIM_OK;
    }
    PLIM_TRY(plim_parquet_scratch_bytes(chunk, &scratch_bytes, err));
    PLIM_TRY(plim_survey_take(r->self, chunk->row_count * 8, &values, err));
    PLIM_TRY(plim_survey_take(r->self, scratch_bytes, &scratch, err));
    PLIM_TRY(plim_parquet_values(r->file, leaf, chunk, 1, scratch, scratch_bytes, values, err));
    for (uint64_t i = 0; i < chunk->row_count; i++) {
        int64_t index = ((const int64_t *)values)[i];
        if (index >= 0 && index < set->task_limit) {
            to->worklog_bytes += set->task_bytes[index];
        }
    }
    return PLIM_OK;
}

plim_status plim_survey_task_columns(plim_survey *self, const char *relative, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_file_bytes file;
    plim_error mine = {.status = PLIM_OK};
    task_read r = {.self = self, .file = &file};
    (void)err;
    if (!set->task_bytes || !set->parquet.leaf_count ||
        plim_survey_open_file(self, relative, &file, &mine) != PLIM_OK) {
        return PLIM_OK; /* said before */
    }
    plim_status status = plim_parquet_read(&file, &set->parquet, add_texts, &r, &mine);
    plim_file_bytes_close(&file);
    if (status != PLIM_OK) {
        plim_survey_lost(self, "", &mine);
    }
    return PLIM_OK;
}
