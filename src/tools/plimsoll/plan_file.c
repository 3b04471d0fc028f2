/* SPDX-License-Identifier: Apache-2.0 */
/* plan_file.c - a planning instance out of a table, and back into one.
 *
 * Decides what a column means by its name, so that files for MiniMalloc are read as they are.
 * Refuses what has no meaning, each with its line and column: a lifetime that ends before it
 * begins, a size of nothing, an alignment that is no power of two, a gap outside its lifetime,
 * an id twice. Gaps with a window (lower-upper@from:to) are read and taken as none: the plan is
 * then right, and higher than it need be.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/tools/plimsoll/csv.h"
#include "src/tools/plimsoll/plan_file.h"

typedef struct columns {
    int id, lower, upper, size, alignment, gaps, offset, owner;
    bool end_is_inclusive;
} columns;

/* Bytes of tables and no more, even from a file of a gigabyte. */
#define ROWS_MAX ((size_t)1 << 24)

static plim_status find_columns(csv_reader *from, columns *out)
{
    static const char *const ID[] = {"id", "buffer", "buffer_id", NULL};
    static const char *const LOWER[] = {"lower", "begin", "start", NULL};
    static const char *const UPPER[] = {"upper", NULL}, *const END[] = {"end", NULL};
    static const char *const SIZE[] = {"size", NULL}, *const ALIGN[] = {"alignment", NULL};
    static const char *const GAPS[] = {"gaps", NULL}, *const OFFSET[] = {"offset", NULL};
    static const char *const OWNER[] = {"owner", NULL};
    int end = csv_column(from, END);
    *out = (columns){.id = csv_column(from, ID),
                     .lower = csv_column(from, LOWER),
                     .upper = csv_column(from, UPPER),
                     .size = csv_column(from, SIZE),
                     .alignment = csv_column(from, ALIGN),
                     .gaps = csv_column(from, GAPS),
                     .offset = csv_column(from, OFFSET),
                     .owner = csv_column(from, OWNER)};
    out->end_is_inclusive = out->upper < 0 && end >= 0;
    out->upper = out->upper < 0 ? end : out->upper;
    const char *missing = out->id < 0      ? "id"
                          : out->lower < 0 ? "lower"
                          : out->upper < 0 ? "upper"
                          : out->size < 0  ? "size"
                                           : NULL;
    if (missing) {
        plim_error_set(from->err, PLIM_E_FORMAT, "table", "header", missing, "no such column");
        plim_error_detail(from->err, "%s, line 1: columns id, lower, upper, size are wanted",
                          from->path);
        return PLIM_E_FORMAT;
    }
    return PLIM_OK;
}

static plim_status make_room(plan_file *self, size_t rows, plim_error *err)
{
    self->ids = calloc(rows + 1, sizeof(*self->ids));
    self->owners = calloc(rows + 1, sizeof(*self->owners));
    self->buffers = calloc(rows + 1, sizeof(*self->buffers));
    return self->ids && self->owners && self->buffers
               ? PLIM_OK
               : PLIM_FAIL(err, PLIM_E_NOMEM, .what = "rows of a table", .want = rows);
}

/* ---- gaps: "7-9 12-14@0:64" ---- */

static bool take_step(const char **at, uint64_t *out)
{
    const char *p = *at;
    for (*out = 0; *p >= '0' && *p <= '9'; p++) {
        *out = *out * 10 + (uint64_t)(*p - '0');
        if (*out > UINT32_MAX) {
            return false;
        }
    }
    bool ok = p > *at;
    *at = p;
    return ok;
}

static bool add_gap(plan_file *self, uint64_t lower, uint64_t upper)
{
    if (self->gap_count == self->gap_room) {
        size_t room = self->gap_room ? self->gap_room * 2 : 64;
        plim_plan_gap *gaps = realloc(self->gaps, room * sizeof(*gaps));
        if (!gaps) {
            return false;
        }
        self->gaps = gaps;
        self->gap_room = room;
    }
    self->gaps[self->gap_count++] = (plim_plan_gap){
        .buffer = (uint32_t)self->count, .lower = (uint32_t)lower, .upper = (uint32_t)upper};
    return true;
}

static plim_status read_gaps(csv_reader *from, const columns *c, plan_file *self)
{
    const plim_plan_buffer *b = &self->buffers[self->count];
    const char *at = from->fields[c->gaps];
    uint64_t last = b->lower;
    for (;;) {
        uint64_t lower = 0, upper = 0, low, high;
        at += strspn(at, " ");
        if (*at == 0) {
            return PLIM_OK;
        }
        bool ok = take_step(&at, &lower) && *at++ == '-' && take_step(&at, &upper);
        upper += ok && c->end_is_inclusive;
        bool has_window = ok && *at == '@';
        if (has_window) {
            at++;
            ok = take_step(&at, &low) && *at++ == ':' && take_step(&at, &high);
        }
        if (!ok || (*at && *at != ' ') || lower >= upper) {
            return csv_wrong(from, (size_t)c->gaps, "gaps as 7-9 12-14");
        }
        /* Strictly inside: a gap at either end is only a shorter life. */
        if (lower <= last || upper >= b->upper) {
            return csv_wrong(from, (size_t)c->gaps, "gaps inside the lifetime, rising");
        }
        last = upper;
        self->window_count += has_window;
        if (!has_window && !add_gap(self, lower, upper)) {
            return PLIM_FAIL(from->err, PLIM_E_NOMEM, .what = "gaps of a table");
        }
    }
}

/* ---- rows ---- */

static plim_status read_life(csv_reader *from, const columns *c, plim_plan_buffer *b)
{
    uint64_t lower, upper;
    PLIM_TRY(csv_number(from, (size_t)c->lower, UINT32_MAX - 1, &lower));
    PLIM_TRY(csv_number(from, (size_t)c->upper, UINT32_MAX - c->end_is_inclusive, &upper));
    upper += c->end_is_inclusive;
    if (upper <= lower) {
        return csv_wrong(from, (size_t)c->upper,
                         c->end_is_inclusive ? "not before the start" : "above lower");
    }
    b->lower = (uint32_t)lower;
    b->upper = (uint32_t)upper;
    return PLIM_OK;
}

static plim_status read_row(csv_reader *from, const columns *c, plan_file *self)
{
    plim_plan_buffer *b = &self->buffers[self->count];
    *b = (plim_plan_buffer){.id = self->count};
    self->ids[self->count] = from->fields[c->id];
    self->owners[self->count] = c->owner < 0 ? "" : from->fields[c->owner];
    if (from->fields[c->id][0] == 0) {
        return csv_wrong(from, (size_t)c->id, "a name");
    }
    PLIM_TRY(read_life(from, c, b));
    PLIM_TRY(csv_number(from, (size_t)c->size, INT64_MAX, &b->size_bytes));
    if (b->size_bytes == 0) {
        return csv_wrong(from, (size_t)c->size, "a byte at least");
    }
    if (c->alignment >= 0) {
        PLIM_TRY(csv_number(from, (size_t)c->alignment, INT64_MAX, &b->align_bytes));
        if (b->align_bytes == 0 || (b->align_bytes & (b->align_bytes - 1))) {
            return csv_wrong(from, (size_t)c->alignment, "a power of two");
        }
    }
    if (c->gaps >= 0) {
        PLIM_TRY(read_gaps(from, c, self));
    }
    if (c->offset >= 0 && from->fields[c->offset][0]) {
        PLIM_TRY(csv_number(from, (size_t)c->offset, INT64_MAX, &b->offset_bytes));
        b->is_fixed = true;
    }
    self->count++;
    return PLIM_OK;
}

/* An id twice would leave two places under one name. */
static int by_name(const void *a, const void *b)
{
    const char *const *const *x = a, *const *const *y = b;
    int order = strcmp(**x, **y);
    return order ? order : (*x > *y) - (*x < *y);
}

static plim_status check_names(const csv_reader *from, const plan_file *self)
{
    const char ***order = malloc((self->count + 1) * sizeof(*order));
    if (!order) {
        return PLIM_FAIL(from->err, PLIM_E_NOMEM, .what = "names of a table");
    }
    for (size_t i = 0; i < self->count; i++) {
        order[i] = &self->ids[i];
    }
    qsort(order, self->count, sizeof(*order), by_name);
    plim_status status = PLIM_OK;
    for (size_t i = 1; i < self->count && status == PLIM_OK; i++) {
        if (strcmp(*order[i - 1], *order[i]) == 0) {
            status = plim_error_set(from->err, PLIM_E_FORMAT, "table", "id", "each name once",
                                    *order[i]);
            plim_error_detail(from->err, "%s, line %zu; the first is in line %zu", from->path,
                              (size_t)(order[i] - self->ids) + 2,
                              (size_t)(order[i - 1] - self->ids) + 2);
        }
    }
    free(order);
    return status;
}

static size_t count_lines(const char *text, size_t bytes)
{
    size_t n = 1;
    for (const char *p = text; (p = memchr(p, '\n', (size_t)(text + bytes - p))); p++) {
        n++;
    }
    return n;
}

static plim_status read_all(csv_reader *from, size_t lines, plan_file *self)
{
    columns c;
    PLIM_TRY(csv_header(from));
    PLIM_TRY(find_columns(from, &c));
    self->has_alignment = c.alignment >= 0;
    self->has_gaps = c.gaps >= 0;
    self->has_owner = c.owner >= 0;
    self->has_offset = c.offset >= 0;
    if (lines > ROWS_MAX) {
        return PLIM_FAIL(from->err, PLIM_E_RANGE, .what = "rows of a table", .want = lines,
                         .limit = ROWS_MAX);
    }
    PLIM_TRY(make_room(self, lines, from->err));
    for (bool is_end = false;;) {
        PLIM_TRY(csv_next(from, &is_end));
        if (is_end) {
            return check_names(from, self);
        }
        PLIM_TRY(read_row(from, &c, self));
    }
}

plim_status plan_file_parse(const char *path, char *text, size_t bytes, plan_file *out,
                            plim_error *err)
{
    csv_reader from;
    memset(out, 0, sizeof(*out));
    out->text = text;
    csv_begin(&from, path, text, bytes, err);
    plim_status status = read_all(&from, count_lines(text, bytes), out);
    if (status != PLIM_OK) {
        plan_file_drop(out);
    }
    return status;
}

void plan_file_drop(plan_file *self)
{
    free(self->text);
    free(self->ids);
    free(self->owners);
    free(self->buffers);
    free(self->gaps);
    memset(self, 0, sizeof(*self));
}

void plan_file_span(const plan_file *self, uint32_t *out_first, uint32_t *out_end)
{
    *out_first = self->count ? UINT32_MAX : 0;
    *out_end = 0;
    for (size_t i = 0; i < self->count; i++) {
        const plim_plan_buffer *b = &self->buffers[i];
        *out_first = b->lower < *out_first ? b->lower : *out_first;
        *out_end = b->upper > *out_end ? b->upper : *out_end;
    }
}

/* ---- back ---- */

void plan_file_write(const plan_file *self, FILE *to)
{
    fprintf(to, "id,lower,upper,size%s%s%s,offset\n", self->has_alignment ? ",alignment" : "",
            self->has_gaps ? ",gaps" : "", self->has_owner ? ",owner" : "");
    for (size_t i = 0, g = 0; i < self->count; i++) {
        const plim_plan_buffer *b = &self->buffers[i];
        fprintf(to, "%s,%" PRIu32 ",%" PRIu32 ",%" PRIu64, self->ids[i], b->lower, b->upper,
                b->size_bytes);
        if (self->has_alignment) {
            fprintf(to, ",%" PRIu64, b->align_bytes);
        }
        if (self->has_gaps) {
            const char *between = ",";
            for (; g < self->gap_count && self->gaps[g].buffer == i; g++, between = " ") {
                fprintf(to, "%s%" PRIu32 "-%" PRIu32, between, self->gaps[g].lower,
                        self->gaps[g].upper);
            }
            fputs(between[0] == ',' ? "," : "", to);
        }
        if (self->has_owner) {
            fprintf(to, ",%s", self->owners[i]);
        }
        fprintf(to, ",%" PRIu64 "\n", b->offset_bytes);
    }
}
