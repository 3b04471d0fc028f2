/* SPDX-License-Identifier: Apache-2.0 */
/* policy_print.c - an entry back into a stanza.
 *
 * Decides nothing: the table of entry_fields.c says which keys there are and in which order. What
 * is absent is not printed; numbers get the largest unit that holds them exactly; prose is folded
 * before column 97, at single blanks alone, so that reading joins it to the same text.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "platform/policy/entries.h"

#define FOLD_COLUMN 97u

typedef struct printer {
    char *buffer;
    size_t room, used; /* used: what the whole text needs so far */
} printer;

static void put(printer *p, const char *text, size_t bytes)
{
    if (p->used < p->room) {
        size_t fits = p->room - p->used;
        memcpy(p->buffer + p->used, text, bytes < fits ? bytes : fits);
    }
    p->used += bytes;
}

static void put_text(printer *p, const char *text)
{
    put(p, text, strlen(text));
}

static void put_key(printer *p, const char *key)
{
    put_text(p, key);
    put_text(p, ": ");
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r';
}

static size_t word_bytes(const char *text, size_t bytes)
{
    size_t n = 0;
    while (n < bytes && !is_space(text[n])) {
        n++;
    }
    return n;
}

/* One value; line ends of the source become blanks, and blanks become line ends where it is long.
 * Two blanks in a row are kept as they are. */
static void put_value(printer *p, size_t column, plim_slice value, bool may_fold)
{
    size_t i = word_bytes(value.at, value.bytes);
    put(p, value.at, i);
    column += i;
    while (i < value.bytes) {
        bool is_gap = false;
        size_t blanks = 0;
        while (i + blanks < value.bytes && is_space(value.at[i + blanks])) {
            is_gap = is_gap || value.at[i + blanks] != ' ';
            blanks++;
        }
        size_t word = word_bytes(value.at + i + blanks, value.bytes - i - blanks);
        bool is_single = is_gap || blanks == 1;
        if (is_single && may_fold && column + 1 + word > FOLD_COLUMN) {
            put_text(p, "\n ");
            column = 1;
        } else if (is_single) {
            put_text(p, " ");
            column++;
        } else {
            put(p, value.at + i, blanks);
            column += blanks;
        }
        put(p, value.at + i + blanks, word);
        column += word;
        i += blanks + word;
    }
    put_text(p, "\n");
}

static void put_number(printer *p, plim_unit unit, uint64_t n)
{
    static const struct {
        plim_unit unit;
        uint64_t times;
        const char *name;
    } UNITS[] = {
        {PLIM_UNIT_BYTES, UINT64_C(1) << 30, "GiB"}, {PLIM_UNIT_BYTES, 1 << 20, "MiB"},
        {PLIM_UNIT_BYTES, 1 << 10, "KiB"},           {PLIM_UNIT_BYTES, 1, "B"},
        {PLIM_UNIT_BYTES_PER_S, 1000000000, "GB/s"}, {PLIM_UNIT_BYTES_PER_S, 1000000, "MB/s"},
        {PLIM_UNIT_BYTES_PER_S, 1000, "kB/s"},       {PLIM_UNIT_BYTES_PER_S, 1, "B/s"},
    };
    char text[32];
    snprintf(text, sizeof(text), "%" PRIu64, n);
    if (unit == PLIM_UNIT_SM) {
        snprintf(text, sizeof(text), "%" PRIu64 ".%" PRIu64, n / 10, n % 10);
    }
    for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
        if (UNITS[i].unit == unit && n % UNITS[i].times == 0) {
            snprintf(text, sizeof(text), "%" PRIu64 " %s", n / UNITS[i].times, UNITS[i].name);
            break;
        }
    }
    put_text(p, text);
}

static void put_numbers(printer *p, const plim_field *f, const void *place)
{
    uint64_t n[2] = {0, 0};
    memcpy(n, place, f->type == FIELD_RANGE ? sizeof(n) : sizeof(n[0]));
    if (n[0] || n[1]) {
        put_key(p, f->key);
        put_number(p, f->unit, n[0]);
        if (f->type == FIELD_RANGE) {
            put_text(p, " - ");
            put_number(p, f->unit, n[1]);
        }
        put_text(p, "\n");
    }
}

static void put_word(printer *p, const plim_field *f, const void *place)
{
    int n;
    memcpy(&n, place, sizeof(n));
    const char *word = f->type == FIELD_ACTION     ? plim_action_text((plim_action)n)
                       : f->type == FIELD_EVIDENCE ? plim_evidence_text((plim_evidence)n)
                                                   : plim_dtype_support_text((plim_dtype_support)n);
    put_key(p, f->key);
    put_text(p, word);
    put_text(p, "\n");
}

static void put_slices(printer *p, const plim_field *f, const plim_policy_entry *entry)
{
    const char *base = (const char *)entry;
    bool may_fold = f->type == FIELD_PROSE || f->type == FIELD_PROSE_LIST;
    uint32_t count = 1;
    if (f->count_offset) {
        memcpy(&count, base + f->count_offset, sizeof(count));
    }
    for (uint32_t i = 0; i < count; i++) {
        plim_slice value;
        memcpy(&value, base + f->offset + i * sizeof(value), sizeof(value));
        if (value.bytes) {
            put_key(p, f->key);
            put_value(p, strlen(f->key) + 2, value, may_fold);
        }
    }
}

static void put_field(printer *p, const plim_field *f, const plim_policy_entry *entry)
{
    const void *place = (const char *)entry + f->offset;
    bool flag;
    switch (f->type) {
    case FIELD_NUMBER:
    case FIELD_RANGE:
        put_numbers(p, f, place);
        break;
    case FIELD_ACTION:
    case FIELD_EVIDENCE:
    case FIELD_SUPPORT:
        put_word(p, f, place);
        break;
    case FIELD_FLAG:
        memcpy(&flag, place, sizeof(flag));
        put_key(p, f->key);
        put_text(p, flag ? "yes\n" : "no\n");
        break;
    default:
        put_slices(p, f, entry);
    }
}

size_t plim_policy_print(const plim_policy_entry *entry, char *buffer, size_t buffer_bytes)
{
    printer p = {buffer, buffer_bytes, 0};
    size_t count;
    const plim_field *fields = plim_policy_fields(entry->kind, &count);
    for (size_t i = 0; i < count; i++) {
        put_field(&p, &fields[i], entry);
    }
    if (buffer_bytes) {
        buffer[p.used < buffer_bytes ? p.used : buffer_bytes - 1] = 0;
    }
    return p.used;
}
