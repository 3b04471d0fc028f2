/* SPDX-License-Identifier: Apache-2.0 */
/* csv.c - rows of a table, each complaint with its line and column.
 *
 * Decides what a row is: as many fields as the header has, LF or CR LF, no quotes (no tool writes
 * them for these tables). Refuses blank lines before the end, because a reader that stops there
 * plans half a file without a word; and bytes of zero.
 */
#include <stdio.h>
#include <string.h>

#include "src/tools/plimsoll/csv.h"

void csv_begin(csv_reader *self, const char *path, char *text, size_t bytes, plim_error *err)
{
    memset(self, 0, sizeof(*self));
    self->path = path;
    self->at = text;
    self->end = text + bytes;
    self->err = err;
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        self->at += 3;
    }
}

static plim_status wrong_at(csv_reader *self, uint32_t column, const char *field,
                            const char *wanted, const char *found)
{
    plim_error_set(self->err, PLIM_E_FORMAT, "table", field, wanted, found);
    plim_error_detail(self->err, "%s, line %u, column %u", self->path, (unsigned)self->line,
                      (unsigned)column);
    return PLIM_E_FORMAT;
}

plim_status csv_wrong(csv_reader *self, size_t field, const char *wanted)
{
    char found[64];
    snprintf(found, sizeof(found), "%.60s", self->fields[field]);
    return wrong_at(self, self->field_column[field],
                    field < self->name_count ? self->names[field] : "field", wanted,
                    found[0] ? found : "nothing");
}

/* Cuts the next line into fields; false when the text is over. */
static bool cut_line(csv_reader *self)
{
    if (self->at >= self->end) {
        return false;
    }
    char *start = self->at, *stop = memchr(start, '\n', (size_t)(self->end - start));
    self->at = stop ? stop + 1 : self->end;
    stop = stop ? stop : self->end;
    stop -= stop > start && stop[-1] == '\r';
    *stop = 0;
    self->line++;
    self->field_count = 0;
    for (char *p = start;; p++) {
        if (self->field_count < CSV_FIELDS_MAX) {
            self->fields[self->field_count] = p;
            self->field_column[self->field_count] = (uint32_t)(p - start) + 1;
        }
        self->field_count++;
        p = memchr(p, ',', (size_t)(stop - p));
        if (!p) {
            break;
        }
        *p = 0;
    }
    self->field_count -= start == stop; /* a blank line has none */
    return true;
}

static bool has_only_blank_lines(const csv_reader *self)
{
    for (const char *p = self->at; p < self->end; p++) {
        if (*p != '\n' && *p != '\r') {
            return false;
        }
    }
    return true;
}

plim_status csv_header(csv_reader *self)
{
    if (memchr(self->at, 0, (size_t)(self->end - self->at))) {
        self->line = 1;
        return wrong_at(self, 1, "text", "no zero bytes", "one");
    }
    if (!cut_line(self) || self->field_count == 0) {
        self->line = 1;
        return wrong_at(self, 1, "header", "names of columns", "nothing");
    }
    if (self->field_count > CSV_FIELDS_MAX) {
        return wrong_at(self, 1, "header", "at most 16 columns", "more");
    }
    for (size_t i = 0; i < self->field_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(self->fields[i], self->fields[j]) == 0) {
                return wrong_at(self, self->field_column[i], "header", "each column once",
                                self->fields[i]);
            }
        }
        self->names[i] = self->fields[i];
    }
    self->name_count = self->field_count;
    return PLIM_OK;
}

int csv_column(const csv_reader *self, const char *const *names)
{
    for (; *names; names++) {
        for (size_t i = 0; i < self->name_count; i++) {
            if (strcmp(self->names[i], *names) == 0) {
                return (int)i;
            }
        }
    }
    return -1;
}

plim_status csv_next(csv_reader *self, bool *out_end)
{
    char found[32], wanted[32];
    *out_end = false;
    if (has_only_blank_lines(self)) {
        *out_end = true;
        return PLIM_OK;
    }
    (void)cut_line(self);
    if (self->field_count != self->name_count) {
        snprintf(wanted, sizeof(wanted), "%zu fields", self->name_count);
        snprintf(found, sizeof(found), "%zu", self->field_count);
        return wrong_at(self, 1, "row", wanted, self->field_count ? found : "a blank line");
    }
    return PLIM_OK;
}

plim_status csv_number(csv_reader *self, size_t field, uint64_t most, uint64_t *out)
{
    const char *p = self->fields[field];
    uint64_t value = 0;
    char wanted[48];
    bool is_number = *p != 0, fits = true;
    for (; *p && is_number; p++) {
        is_number = *p >= '0' && *p <= '9';
        fits = fits && !__builtin_mul_overflow(value, 10u, &value) &&
               !__builtin_add_overflow(value, (uint64_t)(*p - '0'), &value);
    }
    if (!is_number) {
        return csv_wrong(self, field, "a whole number, 0 or more");
    }
    if (!fits || value > most) {
        snprintf(wanted, sizeof(wanted), "at most %llu", (unsigned long long)most);
        return csv_wrong(self, field, wanted);
    }
    *out = value;
    return PLIM_OK;
}
