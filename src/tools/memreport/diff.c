/* SPDX-License-Identifier: Apache-2.0 */
/* diff.c - which rows grew, which shrank, which came and went.
 *
 * Rows are paired by section, owner, name and part; rows of one name are added up first, so that
 * none hides another. What did not change is one line, and so the lines add up to both totals.
 * A row that is 0 on one side and missing on the other is listed: it came or went.
 * Sums cannot overflow: sheet_add_up has left half the range free.
 * Algorithm: sort both by key, merge; O(n log n).
 */
#include "src/tools/memreport/diff.h"

#include <stdlib.h>
#include <string.h>

static int compare_keys(const sheet_row *x, const sheet_row *y)
{
    int order = strcmp(x->section, y->section);
    order = order ? order : strcmp(x->owner, y->owner);
    order = order ? order : strcmp(x->name, y->name);
    return order ? order : (int)x->part - (int)y->part;
}

static int by_key(const void *a, const void *b)
{
    return compare_keys(a, b);
}

static uint64_t magnitude(int64_t n)
{
    return n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
}

/* By part, and within a part the largest change first. */
static int by_change(const void *a, const void *b)
{
    const diff_row *x = a, *y = b;
    uint64_t p = magnitude(x->change), q = magnitude(y->change);
    if (x->row->part != y->row->part) {
        return (int)x->row->part - (int)y->row->part;
    }
    return p != q ? (p < q ? 1 : -1) : compare_keys(x->row, y->row);
}

static int by_part_change(const void *a, const void *b)
{
    const diff_part *x = a, *y = b;
    uint64_t p = magnitude(x->change), q = magnitude(y->change);
    return p != q ? (p < q ? 1 : -1) : (int)x->part - (int)y->part;
}

/* The sum of the rows with the key of rows[*i]; *i moves past them. */
static int64_t take_key(const sheet *s, size_t column, size_t *i)
{
    const sheet_row *first = &s->rows[*i];
    int64_t sum = SHEET_NONE;
    for (; *i < s->row_count && compare_keys(first, &s->rows[*i]) == 0; ++*i) {
        int64_t bytes = s->rows[*i].bytes[column];
        if (bytes != SHEET_NONE) {
            sum = sheet_value(sum) + bytes; /* part of a sum that has been checked */
        }
    }
    return sum;
}

static void take_pair(diff_result *d, const sheet_row *row, int64_t before, int64_t after)
{
    if (before == after) {
        d->unchanged_count += before != SHEET_NONE;
        d->unchanged_bytes += sheet_value(before);
        d->parts[row->part].kept_rows += before != SHEET_NONE;
        d->parts[row->part].kept_bytes += sheet_value(before);
        return;
    }
    d->rows[d->row_count++] = (diff_row){.row = row,
                                         .before = before,
                                         .after = after,
                                         .change = sheet_value(after) - sheet_value(before)};
}

static void merge(const sheet *a, const sheet *b, diff_result *d)
{
    size_t i = 0, k = 0;
    while (i < a->row_count || k < b->row_count) {
        int order = i == a->row_count   ? 1
                    : k == b->row_count ? -1
                                        : compare_keys(&a->rows[i], &b->rows[k]);
        const sheet_row *row = order <= 0 ? &a->rows[i] : &b->rows[k];
        int64_t before = order <= 0 ? take_key(a, d->column, &i) : SHEET_NONE;
        int64_t after = order >= 0 ? take_key(b, d->column, &k) : SHEET_NONE;
        take_pair(d, row, before, after);
    }
}

static void sum_parts(diff_result *d)
{
    for (unsigned p = 0; p < PART_COUNT; p++) {
        d->parts[p].part = (sheet_part)p;
    }
    for (size_t i = 0; i < d->row_count; i++) {
        diff_part *p = &d->parts[d->rows[i].row->part];
        p->rows++;
        p->before += sheet_value(d->rows[i].before);
        p->after += sheet_value(d->rows[i].after);
    }
    for (unsigned p = 0; p < PART_COUNT; p++) {
        d->parts[p].change = d->parts[p].after - d->parts[p].before;
        d->parts[p].before += d->parts[p].kept_bytes;
        d->parts[p].after += d->parts[p].kept_bytes;
        if (d->parts[p].rows) {
            d->parts[d->part_count++] = d->parts[p];
        } else {
            d->kept_count += d->parts[p].kept_rows;
            d->kept_bytes += d->parts[p].kept_bytes;
        }
    }
    qsort(d->parts, d->part_count, sizeof(d->parts[0]), by_part_change);
}

/* One episode beside one other: their numbers do not keep them apart. */
static void forget_section(sheet *s)
{
    for (size_t i = 0; i < s->row_count; i++) {
        s->rows[i].section = "";
    }
}

static void sort_by_key(sheet *s)
{
    if (s->row_count) {
        qsort(s->rows, s->row_count, sizeof(*s->rows), by_key);
    }
}

plim_status diff_compare(sheet *a, sheet *b, size_t column, diff_result *out, plim_error *err)
{
    *out = (diff_result){.a = a, .b = b, .column = column};
    if (a->kind != b->kind) {
        return plim_error_set(err, PLIM_E_MISMATCH, "two reports", "kind", sheet_kind_name(a->kind),
                              sheet_kind_name(b->kind));
    }
    out->change = b->totals[column] - a->totals[column];
    out->rows = calloc(a->row_count + b->row_count + 1, sizeof(*out->rows));
    if (!out->rows) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "rows of a difference");
    }
    if (a->section_count == 1 && b->section_count == 1) {
        forget_section(a);
        forget_section(b);
    }
    sort_by_key(a);
    sort_by_key(b);
    merge(a, b, out);
    if (out->row_count) {
        qsort(out->rows, out->row_count, sizeof(*out->rows), by_change);
    }
    sum_parts(out);
    return PLIM_OK;
}

void diff_close(diff_result *self)
{
    free(self->rows);
    self->rows = NULL;
}
