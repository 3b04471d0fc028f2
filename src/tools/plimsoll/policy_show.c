/* SPDX-License-Identifier: Apache-2.0 */
/* policy_show.c - what plimsoll policy prints. */
#include "src/tools/plimsoll/policy_show.h"

#include <stdlib.h>
#include <string.h>

#include "src/tools/facts_print.h"

#define STANZA_BYTES 16384u /* of one entry; longer ones are cut and end in what was cut off */

static const char *line_of(plim_slice slice)
{
    static char text[4096];
    plim_slice_copy(slice, text, sizeof(text));
    return text;
}

/* Words up to the terminal's width, each line after @indent blanks; cuts @text into its words. */
static void paragraph(const char *head, char *text, FILE *to)
{
    size_t indent = 9, column = indent, width = tool_columns(to);
    char *rest = NULL;
    fprintf(to, "  %-6s ", head);
    for (char *w = strtok_r(text, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
        size_t n = strlen(w);
        if (column > indent && column + 1 + n > width) {
            fprintf(to, "\n%*s", (int)indent, "");
            column = indent;
        }
        column += (size_t)fprintf(to, column > indent ? " %s" : "%s", w);
    }
    fputc('\n', to);
}

static void prose(const char *head, plim_slice slice, FILE *to)
{
    char text[4096];
    plim_slice_copy(slice, text, sizeof(text));
    paragraph(head, text, to);
}

void policy_show_place(const char *table, uint32_t line, FILE *to)
{
    fprintf(to, "%s:%u", table, line);
}

void policy_show_slice_json(plim_slice slice, FILE *to)
{
    json_text(to, line_of(slice));
}

static const char *stanza_of(const plim_policy_entry *entry)
{
    static char text[STANZA_BYTES];
    plim_policy_print(entry, text, sizeof(text));
    return text;
}

bool policy_show_has(const plim_policy_entry *entry, const char *word)
{
    static char joined[STANZA_BYTES];
    size_t n = 0;
    for (const char *at = stanza_of(entry); *at; at++) { /* folded lines count as one */
        bool is_fold = at[0] == '\n' && at[1] == ' ';
        if (!is_fold) {
            joined[n++] = *at;
        }
    }
    joined[n] = 0;
    return strcasestr(joined, word) != NULL;
}

/* ---- entries ---- */

static void id_and(const char *kind, plim_slice id, FILE *to)
{
    fprintf(to, "%-8s %-36s ", kind, line_of(id));
}

void policy_show_line(const plim_policy_entry *e, FILE *to)
{
    const char *kind = plim_policy_kind_text(e->kind);
    char more[32];
    switch (e->kind) {
    case PLIM_POLICY_RULE:
        id_and(kind, e->as.rule.id, to);
        fprintf(to, "%-7s %-9s", plim_action_text(e->as.rule.action),
                plim_evidence_text(e->as.rule.evidence));
        fprintf(to, " %s\n", line_of(e->as.rule.expires));
        break;
    case PLIM_POLICY_BOARD:
        id_and(kind, e->as.board.module, to);
        fprintf(to, "%s\n", line_of(e->as.board.name));
        break;
    case PLIM_POLICY_SOC:
        id_and(kind, e->as.soc.soc, to);
        fprintf(to, "%s\n", line_of(e->as.soc.name));
        break;
    case PLIM_POLICY_RELEASE:
        id_and(kind, e->as.release.l4t, to);
        fprintf(to, "JetPack %s\n", line_of(e->as.release.jetpack));
        break;
    case PLIM_POLICY_DTYPE:
        id_and(kind, e->as.dtype.id, to);
        plim_slice_copy(e->as.dtype.type, more, sizeof(more));
        fprintf(to, "%-5s %-12s ", more, plim_dtype_support_text(e->as.dtype.support));
        fprintf(to, "%s\n", e->as.dtype.when_count ? line_of(e->as.dtype.when[0]) : "anywhere");
        break;
    }
}

static void list_json(const char *key, const plim_slice *list, uint32_t count, FILE *to)
{
    fprintf(to, ",\"%s\":[", key);
    for (uint32_t i = 0; i < count; i++) {
        fputs(i ? "," : "", to);
        policy_show_slice_json(list[i], to);
    }
    fputc(']', to);
}

static void slice_json(const char *key, plim_slice slice, FILE *to)
{
    fprintf(to, ",\"%s\":", key);
    policy_show_slice_json(slice, to);
}

static void rule_json(const plim_rule *r, FILE *to)
{
    fprintf(to, ",\"action\":\"%s\",\"confidence\":\"%s\"", plim_action_text(r->action),
            plim_evidence_text(r->evidence));
    slice_json("symptom", r->symptom, to);
    slice_json("why", r->why, to);
    slice_json("remedy", r->remedy, to);
    slice_json("source", r->source, to);
    slice_json("seen", r->seen, to);
    slice_json("expires", r->expires, to);
    list_json("when", r->when, r->when_count, to);
    list_json("workarounds", r->workaround, r->workaround_count, to);
    list_json("links", r->link, r->link_count, to);
}

static plim_slice id_of(const plim_policy_entry *e, const char **table, uint32_t *line)
{
#define PLACE(field, name)                                                                         \
    *table = e->as.field.table;                                                                    \
    *line = e->as.field.line;                                                                      \
    return e->as.field.name
    switch (e->kind) {
    case PLIM_POLICY_BOARD:
        PLACE(board, module);
    case PLIM_POLICY_SOC:
        PLACE(soc, soc);
    case PLIM_POLICY_RELEASE:
        PLACE(release, l4t);
    case PLIM_POLICY_DTYPE:
        PLACE(dtype, id);
    case PLIM_POLICY_RULE:
        break;
    }
    PLACE(rule, id);
#undef PLACE
}

void policy_show_json(const plim_policy_entry *e, FILE *to)
{
    const char *table;
    uint32_t line;
    plim_slice id = id_of(e, &table, &line);
    fprintf(to, "{\"kind\":\"%s\",\"id\":", plim_policy_kind_text(e->kind));
    policy_show_slice_json(id, to);
    fputs(",\"table\":", to);
    json_text(to, table);
    fprintf(to, ",\"line\":%u", line);
    if (e->kind == PLIM_POLICY_RULE) {
        rule_json(&e->as.rule, to);
    }
    fputs(",\"stanza\":", to);
    json_text(to, stanza_of(e));
    fputc('}', to);
}

/* ---- matches ---- */

static void fact_text(plim_fact_id id, const plim_facts *facts, char *out, size_t room)
{
    char value[128];
    const plim_fact *fact = plim_facts_get(facts, id);
    plim_fact_format(id, fact, value, sizeof(value));
    snprintf(out, room, fact ? "%s is %s (%s)" : "%s is %s", plim_fact_key(id), value,
             fact ? fact->source : "");
}

static void conditions_text(const plim_rule *r, const plim_facts *facts, FILE *to)
{
    for (uint32_t i = 0; i < r->when_count; i++) {
        plim_fact_id key, other;
        char first[320], second[320] = "", text[5120];
        (void)plim_policy_condition(r->when[i], facts, &key, &other);
        fact_text(key, facts, first, sizeof(first));
        if (other != PLIM_FACT_COUNT) {
            fact_text(other, facts, second, sizeof(second));
        }
        snprintf(text, sizeof(text), "%s%s%s; asked: %s", first, second[0] ? ", " : "", second,
                 line_of(r->when[i]));
        paragraph(i ? "" : "as", text, to);
    }
}

void policy_show_match(const plim_rule *r, plim_verdict verdict, const plim_facts *facts, FILE *to)
{
    const char *head = verdict == PLIM_VERDICT_HIT ? plim_action_text(r->action) : "open";
    fprintf(to, "%-8s %s  (%s, ", head, line_of(r->id), plim_evidence_text(r->evidence));
    policy_show_place(r->table, r->line, to);
    fputs(")\n", to);
    conditions_text(r, facts, to);
    if (verdict != PLIM_VERDICT_HIT) {
        return;
    }
    prose("why", r->why, to);
    if (r->symptom.bytes) {
        prose("shows", r->symptom, to);
    }
    if (r->remedy.bytes) {
        prose("do", r->remedy, to);
    }
    for (uint32_t i = 0; i < r->workaround_count; i++) {
        prose("tried", r->workaround[i], to);
    }
    for (uint32_t i = 0; i < r->link_count; i++) {
        fprintf(to, "  %-6s %s\n", i ? "" : "see", line_of(r->link[i]));
    }
}

static void fact_json(plim_fact_id id, const plim_facts *facts, FILE *to)
{
    const plim_fact *fact = plim_facts_get(facts, id);
    fprintf(to, "{\"key\":\"%s\",\"value\":", plim_fact_key(id));
    if (fact) {
        facts_print_value(id, fact, to);
        fputs(",\"source\":", to);
        json_text(to, fact->source);
    } else {
        fputs("null", to);
    }
    fputc('}', to);
}

void policy_show_match_json(const plim_rule *r, plim_verdict verdict, const plim_facts *facts,
                            FILE *to)
{
    bool has_any = false;
    fprintf(to, "{\"verdict\":\"%s\",\"id\":", verdict == PLIM_VERDICT_HIT ? "hit" : "undecided");
    policy_show_slice_json(r->id, to);
    fputs(",\"table\":", to);
    json_text(to, r->table);
    fprintf(to, ",\"line\":%u", r->line);
    rule_json(r, to);
    fputs(",\"facts\":[", to);
    for (uint32_t i = 0; i < r->when_count; i++) {
        plim_fact_id about[2] = {PLIM_FACT_COUNT, PLIM_FACT_COUNT};
        (void)plim_policy_condition(r->when[i], facts, &about[0], &about[1]);
        for (size_t k = 0; k < 2; k++) {
            if (about[k] != PLIM_FACT_COUNT) {
                fputs(has_any ? "," : "", to);
                fact_json(about[k], facts, to);
                has_any = true;
            }
        }
    }
    fputs("]}", to);
}
