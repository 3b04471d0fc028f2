/* SPDX-License-Identifier: Apache-2.0 */
/* plan_ascii.c - a plan in a terminal: time to the right, addresses upwards.
 *
 * A cell shows the buffer that holds its middle, by a letter that goes with the row of the table;
 * '.' is free at that moment. On a terminal with colours each letter has one of its own, so that
 * neighbours stay apart.
 */
#include <inttypes.h>
#include <string.h>

#include "src/tools/plimsoll/plan_file.h"
#include "src/tools/plimsoll/tool.h"

#define ROWS   24u
#define LABEL  12u
#define CELLS  256u
#define NOBODY UINT32_MAX

static bool is_in_gap(const plan_file *self, size_t *gap, size_t i, double step)
{
    bool inside = false;
    for (; *gap < self->gap_count && self->gaps[*gap].buffer <= i; ++*gap) {
        const plim_plan_gap *g = &self->gaps[*gap];
        inside = inside || (g->buffer == i && g->lower <= step && step < g->upper);
    }
    return inside;
}

/* Who holds address @at at each column. */
static void fill_row(const plan_file *self, double at, uint32_t columns, uint32_t *row)
{
    uint32_t first, end;
    plan_file_span(self, &first, &end);
    for (uint32_t c = 0; c < columns; c++) {
        row[c] = NOBODY;
    }
    for (size_t i = 0; i < self->count; i++) {
        const plim_plan_buffer *b = &self->buffers[i];
        if (at < (double)b->offset_bytes || at >= (double)(b->offset_bytes + b->size_bytes)) {
            continue;
        }
        for (uint32_t c = 0; c < columns; c++) {
            double step = first + (c + 0.5) * ((double)end - first) / columns;
            size_t gap = 0;
            if (step >= b->lower && step < b->upper && !is_in_gap(self, &gap, i, step)) {
                row[c] = (uint32_t)i;
            }
        }
    }
}

static void put_row(const uint32_t *row, uint32_t columns, bool color, FILE *to)
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    uint32_t last = NOBODY;
    for (uint32_t c = 0; c < columns; c++) {
        if (color && row[c] != last) {
            /* 256-colour cube without its darkest: black letters stay readable. */
            fprintf(to, row[c] == NOBODY ? "\033[0m" : "\033[30;48;5;%um",
                    row[c] == NOBODY ? 0u : 67 + (row[c] * 37u) % 160);
            last = row[c];
        }
        fputc(row[c] == NOBODY ? '.' : LETTERS[row[c] % (sizeof(LETTERS) - 1)], to);
    }
    fputs(color ? "\033[0m\n" : "\n", to);
}

void plan_draw_ascii(const plan_file *self, const plan_sheet *sheet, uint32_t columns, bool color,
                     FILE *to)
{
    uint32_t row[CELLS], first, end;
    uint32_t wide = columns > LABEL + 20 ? columns - LABEL - 1 : 20;
    wide = wide < CELLS ? wide : CELLS;
    plan_file_span(self, &first, &end);
    if (self->count == 0) {
        return;
    }
    for (uint32_t r = 0; r < ROWS; r++) {
        double top = (double)sheet->height_bytes * (ROWS - r) / ROWS;
        bool has_label = r % 4 == 0;
        fprintf(to, "%*s |", (int)LABEL - 2, has_label ? tool_size((uint64_t)top) : "");
        fill_row(self, top - (double)sheet->height_bytes / ROWS / 2, wide, row);
        put_row(row, wide, color, to);
    }
    fprintf(to, "%*s +", (int)LABEL - 2, "0");
    for (uint32_t c = 0; c < wide; c++) {
        fputc('-', to);
    }
    char left[24], right[24];
    snprintf(left, sizeof(left), "%" PRIu32, first);
    snprintf(right, sizeof(right), "%" PRIu32, end);
    fprintf(to, "\n%*s%s%*s\n", (int)LABEL, "", left,
            (int)(wide > strlen(left) ? wide - strlen(left) : 1), right);
}
