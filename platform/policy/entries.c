/* SPDX-License-Identifier: Apache-2.0 */
/* entries.c - one stanza into one entry.
 *
 * Decides by the table of entry_fields.c. Refuses a stanza that begins with no known kind, a key
 * that the kind does not have, one that stands twice, one that is missing, a value of the wrong
 * form, and a doubtful rule that does more than advise. Each refusal names key, file and line.
 */
#include "platform/policy/entries.h"

#include <string.h>

#include "platform/policy/conditions.h"

#define ID_BYTES_MAX 63u

static const char *const EVIDENCE[] = {"", "verified", "reported", "doubtful"};
static const char *const ACTIONS[] = {"off", "note", "advise", "warn", "refuse"};
static const char *const SUPPORTS[] = {"none", "emulated", "weights-only", "allowed", "default"};

const char *plim_evidence_text(plim_evidence evidence)
{
    return (unsigned)evidence <= PLIM_EVIDENCE_DOUBTFUL ? EVIDENCE[evidence] : "?";
}

const char *plim_action_text(plim_action action)
{
    return (unsigned)action <= PLIM_ACTION_REFUSE ? ACTIONS[action] : "?";
}

const char *plim_dtype_support_text(plim_dtype_support support)
{
    return (unsigned)support <= PLIM_SUPPORT_DEFAULT ? SUPPORTS[support] : "?";
}

const char *plim_policy_kind_text(plim_policy_kind kind)
{
    size_t count;
    return (unsigned)kind < PLIM_POLICY_KINDS ? plim_policy_fields(kind, &count)[0].key : "?";
}

unsigned plim_policy_kind_of(plim_slice key)
{
    unsigned kind = 0;
    while (kind < PLIM_POLICY_KINDS &&
           !plim_slice_is(key, plim_policy_kind_text((plim_policy_kind)kind))) {
        kind++;
    }
    return kind;
}

static void *field_at(plim_policy_entry *entry, size_t offset)
{
    return (char *)entry + offset;
}

plim_slice plim_policy_entry_id(const plim_policy_entry *entry)
{
    size_t count;
    plim_slice id;
    const plim_field *first = plim_policy_fields(entry->kind, &count);
    memcpy(&id, (const char *)entry + first->offset, sizeof(id));
    return id;
}

/* ---- values ---- */

static bool is_digit_at(plim_slice text, size_t i)
{
    return text.at[i] >= '0' && text.at[i] <= '9';
}

static unsigned digits_at(plim_slice text, size_t at, size_t count)
{
    unsigned n = 0;
    for (size_t i = at; i < at + count; i++) {
        n = n * 10 + (unsigned)(text.at[i] - '0');
    }
    return n;
}

bool plim_policy_is_date(plim_slice text)
{
    static const uint8_t DAYS[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (text.bytes != 10 || text.at[4] != '-' || text.at[7] != '-') {
        return false;
    }
    for (size_t i = 0; i < 10; i++) {
        if (i != 4 && i != 7 && !is_digit_at(text, i)) {
            return false;
        }
    }
    unsigned year = digits_at(text, 0, 4), month = digits_at(text, 5, 2);
    unsigned day = digits_at(text, 8, 2);
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month >= 1 && month <= 12 && day >= 1 && day <= DAYS[month - 1] &&
           (month != 2 || day < 29 || is_leap);
}

static bool is_link(plim_slice text)
{
    bool has_scheme = (text.bytes > 8 && memcmp(text.at, "https://", 8) == 0) ||
                      (text.bytes > 7 && memcmp(text.at, "http://", 7) == 0);
    return has_scheme && !memchr(text.at, ' ', text.bytes);
}

static bool is_id(plim_slice text)
{
    return text.bytes <= ID_BYTES_MAX && !memchr(text.at, ' ', text.bytes);
}

static bool one_of(plim_slice text, const char *const *words, unsigned first, unsigned last,
                   int *out)
{
    for (unsigned i = first; i <= last; i++) {
        if (plim_slice_is(text, words[i])) {
            *out = (int)i;
            return true;
        }
    }
    return false;
}

static bool read_range(plim_unit unit, plim_slice text, uint64_t *out)
{
    plim_slice low;
    plim_slice_cut(&text, '-', &low);
    return text.at && plim_literal_number(unit, plim_slice_trim(low), &out[0]) &&
           plim_literal_number(unit, plim_slice_trim(text), &out[1]) && out[0] <= out[1];
}

/* The next place of a list; NULL when it is full. */
static plim_slice *next_of(const plim_field *f, plim_policy_entry *out)
{
    uint32_t *count = field_at(out, f->count_offset);
    plim_slice *list = field_at(out, f->offset);
    return *count < f->limit ? &list[(*count)++] : NULL;
}

static const char *read_list(const plim_field *f, plim_slice value, plim_policy_entry *out)
{
    plim_condition unused;
    const char *wrong = f->type == FIELD_WHEN_LIST ? plim_condition_read(value, &unused) : NULL;
    if (wrong) {
        return wrong;
    }
    if (f->type == FIELD_LINK_LIST && !is_link(value)) {
        return "https://... without a blank";
    }
    plim_slice *place = next_of(f, out);
    if (!place) {
        return "no more of this key";
    }
    *place = value;
    return NULL;
}

/* Sets an enum of C's int size by the name that the table gives it. */
static const char *read_word(const plim_field *f, plim_slice value, plim_policy_entry *out)
{
    int n = 0;
    _Static_assert(sizeof(plim_action) == sizeof(int) && sizeof(plim_evidence) == sizeof(int) &&
                       sizeof(plim_dtype_support) == sizeof(int),
                   "enums are copied as int");
    switch (f->type) {
    case FIELD_ACTION:
        if (!one_of(value, ACTIONS, PLIM_ACTION_OFF, PLIM_ACTION_REFUSE, &n)) {
            return "off, note, advise, warn or refuse";
        }
        break;
    case FIELD_EVIDENCE:
        if (!one_of(value, EVIDENCE, PLIM_EVIDENCE_VERIFIED, PLIM_EVIDENCE_DOUBTFUL, &n)) {
            return "verified, reported or doubtful";
        }
        break;
    default:
        if (!one_of(value, SUPPORTS, PLIM_SUPPORT_NONE, PLIM_SUPPORT_DEFAULT, &n)) {
            return "default, allowed, weights-only, emulated or none";
        }
    }
    memcpy(field_at(out, f->offset), &n, sizeof(n));
    return NULL;
}

/* Stores one value. NULL, or what was wanted. */
static const char *read_value(const plim_field *f, plim_slice value, plim_policy_entry *out)
{
    void *place = field_at(out, f->offset);
    switch (f->type) {
    case FIELD_PROSE_LIST:
    case FIELD_LINK_LIST:
    case FIELD_WHEN_LIST:
        return read_list(f, value, out);
    case FIELD_ACTION:
    case FIELD_EVIDENCE:
    case FIELD_SUPPORT:
        return read_word(f, value, out);
    case FIELD_NUMBER:
        return plim_literal_number(f->unit, value, place) ? NULL : "a number with its unit";
    case FIELD_RANGE:
        return read_range(f->unit, value, place) ? NULL : "low - high, each with its unit";
    case FIELD_FLAG:
        *(bool *)place = plim_slice_is(value, "yes");
        return *(bool *)place || plim_slice_is(value, "no") ? NULL : "yes or no";
    case FIELD_DATE:
        memcpy(place, &value, sizeof(value));
        return plim_policy_is_date(value) ? NULL : "a day such as 2026-11-21";
    case FIELD_VERSION:
        memcpy(place, &value, sizeof(value));
        return is_digit_at(value, 0) ? NULL : "a version";
    case FIELD_WORDS:
    case FIELD_PROSE:
        memcpy(place, &value, sizeof(value));
        break;
    }
    return NULL;
}

/* ---- stanzas ---- */

static bool is_list(const plim_field *f)
{
    return f->type == FIELD_PROSE_LIST || f->type == FIELD_LINK_LIST || f->type == FIELD_WHEN_LIST;
}

static bool may_fold(const plim_field *f)
{
    return f->type == FIELD_PROSE || f->type == FIELD_PROSE_LIST;
}

static plim_status take(const plim_stanza_reader *r, const plim_stanza_field *field, uint32_t *seen,
                        plim_policy_entry *out, plim_error *err)
{
    size_t count, i = 0;
    const plim_field *fields = plim_policy_fields(out->kind, &count);
    while (i < count && !plim_slice_is(field->key, fields[i].key)) {
        i++;
    }
    if (i == count) {
        return plim_stanza_wrong(r, field->line, field->key, "a key of this kind of stanza",
                                 field->key, err);
    }
    if (*seen & 1u << i && !is_list(&fields[i])) {
        return plim_stanza_wrong(r, field->line, field->key, "this key once", field->value, err);
    }
    if (field->is_folded && !may_fold(&fields[i])) {
        return plim_stanza_wrong(r, field->line, field->key, "one line", field->value, err);
    }
    *seen |= 1u << i;
    const char *wanted = read_value(&fields[i], field->value, out);
    return wanted ? plim_stanza_wrong(r, field->line, field->key, wanted, field->value, err)
                  : PLIM_OK;
}

/* Where an entry of each kind keeps its table and line. */
static const struct {
    size_t table, line;
} PLACES[PLIM_POLICY_KINDS] = {
#define PLACE(KIND, kind)                                                                          \
    [PLIM_POLICY_##KIND] = {offsetof(plim_policy_entry, as.kind.table),                            \
                            offsetof(plim_policy_entry, as.kind.line)}
    PLACE(RULE, rule),       PLACE(BOARD, board), PLACE(SOC, soc),
    PLACE(RELEASE, release), PLACE(DTYPE, dtype),
#undef PLACE
};

uint32_t plim_policy_entry_line(const plim_policy_entry *entry)
{
    uint32_t line;
    memcpy(&line, (const char *)entry + PLACES[entry->kind].line, sizeof(line));
    return line;
}

static void set_place(plim_policy_entry *out, const char *table, uint32_t line)
{
    memcpy(field_at(out, PLACES[out->kind].table), &table, sizeof(table));
    memcpy(field_at(out, PLACES[out->kind].line), &line, sizeof(line));
}

/* What no single value shows. */
static plim_status check_whole(const plim_stanza_reader *r, uint32_t line, uint32_t seen,
                               const plim_policy_entry *entry, plim_error *err)
{
    size_t count;
    const plim_field *fields = plim_policy_fields(entry->kind, &count);
    plim_slice id = plim_policy_entry_id(entry), none = {NULL, 0};
    for (size_t i = 0; i < count; i++) {
        if (fields[i].is_required && !(seen & 1u << i)) {
            plim_slice key = {fields[i].key, strlen(fields[i].key)};
            return plim_stanza_wrong(r, line, key, "this key in the stanza", none, err);
        }
    }
    if (!is_id(id)) {
        plim_slice key = {fields[0].key, strlen(fields[0].key)};
        return plim_stanza_wrong(r, line, key, "an id without blanks, at most 63 bytes", id, err);
    }
    if (entry->kind == PLIM_POLICY_RULE && entry->as.rule.evidence == PLIM_EVIDENCE_DOUBTFUL &&
        entry->as.rule.action > PLIM_ACTION_ADVISE) {
        plim_slice key = {"action", 6};
        const char *text = plim_action_text(entry->as.rule.action);
        return plim_stanza_wrong(r, line, key, "advise: it is doubtful",
                                 (plim_slice){text, strlen(text)}, err);
    }
    return PLIM_OK;
}

plim_status plim_policy_read(plim_stanza_reader *r, plim_policy_entry *out, bool *found,
                             plim_error *err)
{
    plim_stanza_field field;
    uint32_t seen = 0, line;
    *found = false;
    do {
        PLIM_TRY(plim_stanza_next(r, &field, err));
    } while (field.item == STANZA_GAP);
    if (field.item == STANZA_END) {
        return PLIM_OK;
    }
    unsigned kind = plim_policy_kind_of(field.key);
    if (kind == PLIM_POLICY_KINDS) {
        return plim_stanza_wrong(r, field.line, field.key,
                                 "rule, board, soc, release or dtype first", field.key, err);
    }
    line = field.line;
    memset(out, 0, sizeof(*out));
    out->kind = (plim_policy_kind)kind;
    do {
        PLIM_TRY(take(r, &field, &seen, out, err));
        PLIM_TRY(plim_stanza_next(r, &field, err));
    } while (field.item == STANZA_FIELD);
    PLIM_TRY(check_whole(r, line, seen, out, err));
    set_place(out, r->name, line);
    *found = true;
    return PLIM_OK;
}
