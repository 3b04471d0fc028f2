/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_trace_table.c - any bytes as a recorded run: refused, or a run whose loop is found, whose
 * iteration folds, and that is served without two live blocks in one place. */
#include <stdlib.h>
#include <string.h>

#include "src/tools/plimsoll/trace_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX 64u

/* Events as they came; a place is given for a step at most once at a time. */
static void serve(const trace_table *t, const plim_record_step *steps, uint32_t count)
{
    static _Alignas(16) unsigned char memory[64 * 1024], scratch[64 * 1024];
    plim_plan_buffer buffers[STEPS_MAX];
    plim_plan_result result;
    plim_replay *replay;
    size_t n;
    uint64_t at[STEPS_MAX], bytes;
    bool is_planned[STEPS_MAX] = {false};
    if (plim_record_buffers(steps, count, true, buffers, &n, NULL, NULL, NULL) != PLIM_OK ||
        plim_plan_solve(buffers, n, NULL, scratch, sizeof(scratch), &result, NULL) != PLIM_OK ||
        plim_replay_init(memory, sizeof(memory), steps, count, buffers, n, result.height_bytes,
                         true, &replay, NULL) != PLIM_OK) {
        return; /* sizes whose sum overflows */
    }
    plim_replay_begin(replay, true);
    for (size_t i = 0; i < t->event_count; i++) {
        uint32_t k = t->events[i].step;
        if (t->events[i].is_free) {
            if (is_planned[k] && !plim_replay_free(replay, at[k], &bytes)) {
                abort();
            }
            is_planned[k] = false;
            continue;
        }
        is_planned[k] = plim_replay_alloc(replay, t->steps[k].size_bytes, 0, &at[k]);
        for (uint32_t j = 0; is_planned[k] && j < k; j++) {
            if (is_planned[j] && at[j] < at[k] + t->steps[k].size_bytes &&
                at[k] < at[j] + t->steps[j].size_bytes) {
                abort();
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    trace_table t;
    plim_error err = {.status = PLIM_OK};
    char *text = malloc(size + 1);
    if (!text) {
        abort();
    }
    memcpy(text, data, size);
    text[size] = 0;
    if (trace_table_parse("fuzz", text, size, &t, &err) != PLIM_OK) {
        if (err.status == PLIM_OK || t.events) {
            abort();
        }
        return 0;
    }
    static uint64_t scratch[STEPS_MAX + 1];
    plim_record_step turn[STEPS_MAX];
    plim_record_loop loop;
    if (t.step_count && t.step_count <= STEPS_MAX) {
        if (plim_record_loop_find(t.steps, t.step_count, scratch, sizeof(scratch), &loop, NULL) !=
                PLIM_OK ||
            plim_record_loop_fold(t.steps, t.step_count, &loop, turn, NULL) != PLIM_OK) {
            abort();
        }
        serve(&t, turn, loop.period);
    }
    trace_table_drop(&t);
    return 0;
}
