/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_plan_table.c - any bytes as a planning instance: refused with a place, or written back as
 * a table that is read to the same buffers, and drawn. */
#include <stdlib.h>
#include <string.h>

#include "src/tools/plimsoll/plan_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *copy(const void *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text) {
        abort();
    }
    memcpy(text, data, size);
    text[size] = 0;
    return text;
}

static bool is_same(const plan_file *a, const plan_file *b)
{
    bool same = a->count == b->count && a->gap_count == b->gap_count;
    for (size_t i = 0; same && i < a->count; i++) {
        const plim_plan_buffer *x = &a->buffers[i], *y = &b->buffers[i];
        same = strcmp(a->ids[i], b->ids[i]) == 0 && x->lower == y->lower && x->upper == y->upper &&
               x->size_bytes == y->size_bytes && x->offset_bytes == y->offset_bytes;
    }
    return same;
}

static void draw(const plan_file *file)
{
    FILE *to = fopen("/dev/null", "w");
    plan_sheet sheet = {.title = "x", .height_bytes = 1, .capacity_bytes = 9, .verdict = "<"};
    for (size_t i = 0; i < file->count; i++) {
        const plim_plan_buffer *b = &file->buffers[i];
        uint64_t end = b->offset_bytes + b->size_bytes;
        sheet.height_bytes = end > sheet.height_bytes ? end : sheet.height_bytes;
    }
    if (to && file->count < 64) {
        plan_draw_svg(file, &sheet, to);
        plan_draw_ascii(file, &sheet, 80, true, to);
    }
    if (to) {
        fclose(to);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    plan_file file, again;
    plim_error err = {.status = PLIM_OK};
    if (plan_file_parse("fuzz", copy(data, size), size, &file, &err) != PLIM_OK) {
        if (err.status == PLIM_OK || file.buffers) {
            abort();
        }
        return 0;
    }
    char *text = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);
    if (!to) {
        abort();
    }
    plan_file_write(&file, to);
    fclose(to);
    if (plan_file_parse("again", text, bytes, &again, &err) != PLIM_OK || !is_same(&file, &again)) {
        abort();
    }
    draw(&file);
    plan_file_drop(&again);
    plan_file_drop(&file);
    return 0;
}
