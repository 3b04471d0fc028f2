/* SPDX-License-Identifier: Apache-2.0 */
/* facts.c - the table of facts.
 *
 * Decides which value wins (the surer one, then the first) and what text may stand in a fact
 * (printable ASCII, because files of a board are not ours and facts end up on terminals).
 */
#include "plimsoll/facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct fact_kind {
    const char *key;
    plim_unit unit;
    const char *meaning;
} fact_kind;

static const fact_kind KINDS[PLIM_FACT_COUNT] = {
#define KIND(name, key, unit, text) {key, PLIM_UNIT_##unit, text},
    PLIM_FACT_LIST(KIND)
#undef KIND
};

static bool is_fact(plim_fact_id id)
{
    return (unsigned)id < PLIM_FACT_COUNT;
}

static bool unit_is_text(plim_unit unit)
{
    return unit == PLIM_UNIT_TEXT || unit == PLIM_UNIT_VERSION || unit == PLIM_UNIT_RATIO;
}

const plim_fact *plim_facts_get(const plim_facts *facts, plim_fact_id id)
{
    return facts && is_fact(id) && facts->list[id].confidence ? &facts->list[id] : NULL;
}

const char *plim_facts_text(const plim_facts *facts, plim_fact_id id)
{
    const plim_fact *f = plim_facts_get(facts, id);
    return f ? f->text : "";
}

uint64_t plim_facts_number(const plim_facts *facts, plim_fact_id id, uint64_t otherwise)
{
    const plim_fact *f = plim_facts_get(facts, id);
    return f ? f->number : otherwise;
}

static void copy_printable(char *to, size_t room, const char *from)
{
    size_t n = 0;
    for (; n + 1 < room && from[n]; n++) {
        to[n] = from[n] >= ' ' && from[n] <= '~' ? from[n] : '?';
    }
    while (n && to[n - 1] == ' ') {
        n--;
    }
    memset(to + n, 0, room - n);
}

/* The place for a new value of this confidence; NULL when what stands there wins. */
static plim_fact *place_for(plim_facts *facts, plim_fact_id id, bool is_text, plim_confidence c)
{
    bool fits = facts && is_fact(id) && c > PLIM_CONFIDENCE_NONE && c <= PLIM_CONFIDENCE_GIVEN &&
                unit_is_text(KINDS[id].unit) == is_text;
    return fits && facts->list[id].confidence < c ? &facts->list[id] : NULL;
}

bool plim_facts_set_text(plim_facts *facts, plim_fact_id id, const char *text,
                         plim_confidence confidence, const char *source)
{
    plim_fact *f = text && text[0] ? place_for(facts, id, true, confidence) : NULL;
    if (!f) {
        return false;
    }
    f->number = 0;
    f->confidence = confidence;
    copy_printable(f->text, sizeof(f->text), text);
    copy_printable(f->source, sizeof(f->source), source ? source : "");
    return true;
}

bool plim_facts_set_number(plim_facts *facts, plim_fact_id id, uint64_t number,
                           plim_confidence confidence, const char *source)
{
    plim_fact *f = place_for(facts, id, false, confidence);
    if (!f) {
        return false;
    }
    f->number = KINDS[id].unit == PLIM_UNIT_FLAG ? number != 0 : number;
    f->confidence = confidence;
    copy_printable(f->source, sizeof(f->source), source ? source : "");
    return true;
}

void plim_facts_forget(plim_facts *facts, plim_fact_id id)
{
    if (is_fact(id)) {
        memset(&facts->list[id], 0, sizeof(facts->list[id]));
    }
}

const char *plim_fact_key(plim_fact_id id)
{
    return is_fact(id) ? KINDS[id].key : "";
}

plim_unit plim_fact_unit(plim_fact_id id)
{
    return is_fact(id) ? KINDS[id].unit : PLIM_UNIT_TEXT;
}

const char *plim_fact_meaning(plim_fact_id id)
{
    return is_fact(id) ? KINDS[id].meaning : "";
}

plim_fact_id plim_fact_find(const char *key, size_t key_bytes)
{
    for (unsigned i = 0; i < PLIM_FACT_COUNT; i++) {
        if (strlen(KINDS[i].key) == key_bytes && memcmp(KINDS[i].key, key, key_bytes) == 0) {
            return (plim_fact_id)i;
        }
    }
    return PLIM_FACT_COUNT;
}

const char *plim_confidence_text(plim_confidence confidence)
{
    static const char *const TEXTS[] = {"not known", "guess", "table", "read", "given"};
    return (unsigned)confidence <= PLIM_CONFIDENCE_GIVEN ? TEXTS[confidence] : "?";
}

/* ---- values for people ---- */

static size_t scaled(double value, const char *const *units, size_t unit_count, double step,
                     char *buffer, size_t room)
{
    size_t u = 0;
    for (; value >= step && u + 1 < unit_count; u++) {
        value /= step;
    }
    bool is_whole = u == 0 || value == (double)(uint64_t)value;
    return (size_t)snprintf(buffer, room, is_whole ? "%.0f %s" : "%.1f %s", value, units[u]);
}

size_t plim_fact_format(plim_fact_id id, const plim_fact *fact, char *buffer, size_t buffer_bytes)
{
    static const char *const BYTES[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    static const char *const RATES[] = {"B/s", "kB/s", "MB/s", "GB/s", "TB/s"};
    static const char *const HERTZ[] = {"Hz", "kHz", "MHz", "GHz"};
    plim_unit unit = plim_fact_unit(id);
    double value = fact ? (double)fact->number : 0;

    if (!fact || fact->confidence == PLIM_CONFIDENCE_NONE) {
        return (size_t)snprintf(buffer, buffer_bytes, "not known");
    }
    switch (unit) {
    case PLIM_UNIT_BYTES:
        return scaled(value, BYTES, 5, 1024.0, buffer, buffer_bytes);
    case PLIM_UNIT_BYTES_PER_S:
        return scaled(value, RATES, 5, 1000.0, buffer, buffer_bytes);
    case PLIM_UNIT_HERTZ:
        return scaled(value, HERTZ, 4, 1000.0, buffer, buffer_bytes);
    case PLIM_UNIT_FLAG:
        return (size_t)snprintf(buffer, buffer_bytes, "%s", fact->number ? "yes" : "no");
    case PLIM_UNIT_SM:
        return (size_t)snprintf(buffer, buffer_bytes, "%" PRIu64 ".%" PRIu64, fact->number / 10,
                                fact->number % 10);
    case PLIM_UNIT_MASK:
        return (size_t)snprintf(buffer, buffer_bytes, "0x%" PRIx64, fact->number);
    case PLIM_UNIT_COUNT:
        return (size_t)snprintf(buffer, buffer_bytes, "%" PRIu64, fact->number);
    case PLIM_UNIT_TEXT:
    case PLIM_UNIT_VERSION:
    case PLIM_UNIT_RATIO:
        break;
    }
    return (size_t)snprintf(buffer, buffer_bytes, "%s", fact->text);
}

/* ---- versions ---- */

/* The next number of a version; 0 at its end. Leading zeros say nothing; 18 digits are enough. */
static uint64_t next_number(const char **at)
{
    uint64_t n = 0;
    while (**at >= '0' && **at <= '9') {
        uint64_t digit = (uint64_t)(**at - '0');
        n = n < UINT64_MAX / 10 - 1 ? n * 10 + digit : UINT64_MAX;
        ++*at;
    }
    if (**at == '.' && (*at)[1] >= '0' && (*at)[1] <= '9') {
        ++*at;
    }
    return n;
}

static bool has_number(const char *at)
{
    return *at >= '0' && *at <= '9';
}

int plim_version_compare(const char *a, const char *b)
{
    while (has_number(a) || has_number(b)) {
        uint64_t x = next_number(&a), y = next_number(&b);
        if (x != y) {
            return x < y ? -1 : 1;
        }
    }
    return 0;
}
