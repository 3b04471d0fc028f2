/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_print.c - one page that a person can act on, most important first.
 *
 * The verdict, then what was found (refusals, warnings, hints), then the machine and the
 * deployment. 80 columns; colour on a terminal only. What nobody could read is left out.
 */
#include <inttypes.h>
#include <string.h>

#include "src/tools/plimsoll/doctor.h"

#define COLUMNS 79

/* ---- text ---- */

/* A paragraph behind a label, indented alike on every line. */
static void paragraph(FILE *to, const char *label, size_t indent, const char *text)
{
    size_t column = indent;
    fprintf(to, "%-*s", (int)indent, label);
    while (*text) {
        size_t n = strcspn(text, " ");
        if (column > indent && column + 1 + n > COLUMNS) {
            fprintf(to, "\n%*s", (int)indent, "");
            column = indent;
        }
        if (column > indent) {
            fputc(' ', to);
            column++;
        }
        fprintf(to, "%.*s", (int)n, text);
        column += n;
        text += n;
        text += strspn(text, " ");
    }
    fputc('\n', to);
}

static void counted(char *out, size_t room, size_t count, const char *one, const char *many)
{
    size_t used = strlen(out);
    if (count) {
        snprintf(out + used, room - used, "%s%zu %s", used ? ", " : "", count,
                 count == 1 ? one : many);
    }
}

static void print_verdict(const doctor *d, FILE *to, bool color)
{
    char counts[96] = "";
    const char *word = d->refuse_count ? (d->has_manifest ? "would not run" : "refused")
                       : d->warn_count || d->advise_count ? "would run"
                                                          : "fine";
    const char *on = !color            ? ""
                     : d->refuse_count ? "\033[1;31m"
                     : d->warn_count   ? "\033[1;33m"
                                       : "\033[1;32m";
    counted(counts, sizeof(counts), d->refuse_count, "refusal", "refusals");
    counted(counts, sizeof(counts), d->warn_count, "warning", "warnings");
    counted(counts, sizeof(counts), d->advise_count, "hint", "hints");
    fprintf(to, "%s%s%s: %s\n", on, word, color ? "\033[0m" : "",
            counts[0] ? counts : "nothing found");
}

/* ---- findings ---- */

static void sliced(FILE *to, const char *label, plim_slice slice)
{
    char text[1024];
    if (slice.bytes) {
        plim_slice_copy(slice, text, sizeof(text));
        paragraph(to, label, 10, text);
    }
}

static void print_finding(const doctor_finding *f, bool all, FILE *to, bool color)
{
    const char *word = f->level == PLIM_ACTION_REFUSE ? "REFUSE"
                       : f->level == PLIM_ACTION_WARN ? "WARN"
                                                      : "HINT";
    const char *on = !color                           ? ""
                     : f->level == PLIM_ACTION_REFUSE ? "\033[31m"
                     : f->level == PLIM_ACTION_WARN   ? "\033[33m"
                                                      : "\033[36m";
    fprintf(to, "\n%s%-7s%s %s%s%s\n", on, word, color ? "\033[0m" : "", f->id,
            f->about[0] ? ", engine " : "", f->about);
    sliced(to, "  symptom", f->rule.symptom);
    if (f->why[0]) {
        paragraph(to, "  why", 10, f->why);
    }
    paragraph(to, "  do", 10, f->remedy[0] ? f->remedy : "nothing is known that helps");
    for (uint32_t i = 0; i < f->rule.workaround_count; i++) {
        sliced(to, i ? "" : "  tried", f->rule.workaround[i]);
    }
    for (uint32_t i = 0; i < f->rule.link_count && (all || i == 0); i++) {
        sliced(to, i ? "" : "  see", f->rule.link[i]);
    }
    if (all && f->rule.id.bytes) {
        char source[512], text[640];
        plim_slice_copy(f->rule.source, source, sizeof(source));
        snprintf(text, sizeof(text), "%s: %s", plim_evidence_text(f->rule.evidence), source);
        paragraph(to, "  known", 10, text);
    }
}

static void print_undecided(const doctor *d, FILE *to)
{
    if (d->undecided_count == 0 && d->needs_card_count == 0) {
        return;
    }
    fprintf(to, "\nnot decided: %zu %s for facts that nobody could read here", d->undecided_count,
            d->undecided_count == 1 ? "rule" : "rules");
    if (!d->has_manifest && d->needs_card_count) {
        fprintf(to, ",\n             %zu for a manifest (plimsoll doctor deploy.yaml)",
                d->needs_card_count);
    }
    fprintf(to, "%s\n", d->o.all || !d->undecided_count ? "" : "; --all lists them");
    for (size_t i = 0; d->o.all && i < d->finding_count; i++) {
        const doctor_finding *f = &d->findings[i];
        char line[512];
        size_t used = 0;
        if (f->verdict != PLIM_VERDICT_UNDECIDED) {
            continue;
        }
        used += (size_t)snprintf(line, sizeof(line), "%s%s%s: wants", f->id,
                                 f->about[0] ? ", engine " : "", f->about);
        for (size_t k = 0; k < f->missing_count && used < sizeof(line); k++) {
            used += (size_t)snprintf(line + used, sizeof(line) - used, "%s %s", k ? "," : "",
                                     plim_fact_key(f->missing[k]));
        }
        paragraph(to, "", 4, line);
    }
}

/* ---- the machine ---- */

/* One part of a sentence: shown when a fact of it is known, and not zero where that says nothing.
 * With two facts it reads "4 of 8 cores"; with one of them "8 cores". */
typedef struct part {
    const char *before;
    plim_fact_id id;
    const char *after, *joint; /* joint NULL: one fact */
    plim_fact_id other;
    bool hides_zero;
} part;

typedef struct sentence {
    const char *label;
    const part *parts;
    size_t count;
} sentence;

#define SENTENCE(label, name)                                                                      \
    {                                                                                              \
        label, name, sizeof(name) / sizeof((name)[0])                                              \
    }
#define ONE(before, id, after)                                                                     \
    {                                                                                              \
        before, PLIM_FACT_##id, after, NULL, 0, false                                              \
    }
#define SOME(before, id, after)                                                                    \
    {                                                                                              \
        before, PLIM_FACT_##id, after, NULL, 0, true                                               \
    }
#define TWO(before, id, joint, other, after)                                                       \
    {                                                                                              \
        before, PLIM_FACT_##id, after, joint, PLIM_FACT_##other, false                             \
    }

static const part BOARD[] = {
    ONE("", BOARD_NAME, ""),
    ONE("module ", BOARD_MODULE, ""),
    ONE("in a container (", BOARD_CONTAINER, ")"),
    ONE("", CPU_ARCH, ""),
};
static const part CPU[] = {
    TWO("", CPU_ONLINE, " of ", CPU_POSSIBLE, " cores"),
    ONE("governor ", CPU_GOVERNOR, ""),
    ONE("up to ", CPU_MAX_HZ, ""),
    ONE("L2 ", CPU_L2_BYTES, ""),
    ONE("L3 ", CPU_L3_BYTES, ""),
    ONE("", NUMA_CPULESS, " memory nodes without cores"),
};
static const part GPU[] = {
    ONE("", GPU_NAME, ""),
    ONE("SM ", GPU_SM, ""),
    TWO("", GPU_MULTIPROCESSORS_NOW, " of ", GPU_MULTIPROCESSORS, " multiprocessors"),
    ONE("stack ", GPU_STACK, ""),
    ONE("driver ", GPU_DRIVER, ""),
    TWO("up to ", GPU_CAP_HZ, " of ", GPU_MAX_HZ, ""),
    ONE("governor ", GPU_GOVERNOR, ""),
    SOME("", GPU_MEMORY_BYTES, " of its own"),
    SOME("DLA cores ", GPU_DLA_CORES, ""),
    ONE("NPU ", NPU_NAME, ""),
};
static const part SOFTWARE[] = {
    ONE("", OS_NAME, ""),
    ONE("kernel ", OS_KERNEL, ""),
    ONE("L4T ", L4T_RELEASE, ""),
    ONE("JetPack ", JETPACK_RELEASE, ""),
    TWO("CUDA ", CUDA_TOOLKIT, ", the driver's ", CUDA_DRIVER, ""),
    ONE("TensorRT ", TENSORRT_RELEASE, ""),
    ONE("cuDNN ", CUDNN_RELEASE, ""),
};
static const part MEMORY[] = {
    ONE("", MEMORY_INSTALLED, " installed"),
    ONE("", MEMORY_TOTAL, " seen"),
    ONE("", MEMORY_AVAILABLE, " available"),
    ONE("", MEMORY_KIND, ""),
    ONE("", MEMORY_BANDWIDTH, ""),
    SOME("carveouts ", MEMORY_CARVEOUTS, ""),
    SOME("CMA ", MEMORY_CMA_TOTAL, ""),
    SOME("page pool ", MEMORY_PAGE_POOL, ""),
    SOME("nvmap holds ", MEMORY_NVMAP_USED, ""),
    ONE("longest free run of pages ", MEMORY_LARGEST_FREE, ""),
    ONE("huge pages ", MEMORY_HUGE_PAGES, ""),
    SOME("overcommit ", MEMORY_OVERCOMMIT, ""),
};
static const part SWAP[] = {
    ONE("", SWAP_TOTAL, " in all"),
    SOME("zram ", SWAP_ZRAM, ""),
    SOME("which holds ", SWAP_ZRAM_USED, " of DRAM"),
    SOME("on a disk ", SWAP_DISK, ""),
    ONE("swappiness ", SWAP_SWAPPINESS, ""),
};
static const part GROUP[] = {
    ONE("control group v", CGROUP_VERSION, ""),
    ONE("limit ", CGROUP_LIMIT, ""),
    ONE("", CGROUP_USAGE, " charged"),
    ONE("GPU pages charged: ", MEMORY_GPU_CHARGED, ""),
};
static const part POWER[] = {
    ONE("mode ", POWER_MODE, ""),
    TWO("id ", POWER_MODE_ID, ", default ", POWER_MODE_DEFAULT, ""),
    ONE("the mode without limits is ", POWER_MODE_MAX, ""),
    SOME("gated TPCs ", GPU_TPC_MASK, ""),
    SOME("memory clock capped at ", MEMORY_EMC_CAP_HZ, ""),
};

static const sentence SENTENCES[] = {
    SENTENCE("board", BOARD),       SENTENCE("gpu", GPU),       SENTENCE("cpu", CPU),
    SENTENCE("software", SOFTWARE), SENTENCE("memory", MEMORY), SENTENCE("swap", SWAP),
    SENTENCE("limits", GROUP),      SENTENCE("power", POWER),
};

static const plim_fact *shown(const plim_facts *facts, plim_fact_id id, const part *p)
{
    const plim_fact *fact = plim_facts_get(facts, id);
    return fact && p->hides_zero && fact->number == 0 ? NULL : fact;
}

static void say_part(const plim_facts *facts, const part *p, char *out, size_t room)
{
    char one[128] = "", two[128] = "";
    const plim_fact *first = shown(facts, p->id, p);
    const plim_fact *second = p->joint ? shown(facts, p->other, p) : NULL;
    out[0] = 0;
    if (first) {
        plim_fact_format(p->id, first, one, sizeof(one));
    }
    if (second) {
        plim_fact_format(p->other, second, two, sizeof(two));
    }
    if (first || second) {
        snprintf(out, room, "%s%s%s%s%s", p->before, one, first && second ? p->joint : "", two,
                 p->after);
    }
}

static void print_sentence(const plim_facts *facts, const sentence *s, FILE *to)
{
    char text[1024] = "", piece[320];
    size_t used = 0;
    for (size_t i = 0; i < s->count && used < sizeof(text); i++) {
        say_part(facts, &s->parts[i], piece, sizeof(piece));
        if (piece[0]) {
            used +=
                (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", used ? ", " : "", piece);
        }
    }
    if (used) {
        paragraph(to, s->label, 10, text);
    }
}

/* The sum that gives what can be had, as far as it moved anything. */
static void print_headroom(const doctor *d, FILE *to)
{
    const plim_headroom *h = &d->headroom;
    char text[256];
    if (!d->has_headroom) {
        return;
    }
    snprintf(text, sizeof(text), "%s can be had now (%s), in one block: %s",
             tool_size(h->allocatable_bytes), plim_wall_name(h->walls[h->binding].kind),
             h->largest_block_bytes == h->allocatable_bytes ? "all of it"
                                                            : tool_size(h->largest_block_bytes));
    paragraph(to, "headroom", 10, text);
    for (uint32_t i = 0; i < h->row_count; i++) {
        const plim_headroom_row *r = &h->rows[i];
        if (doctor_is_shown_row(h, r) && r->kind == PLIM_HEADROOM_MISSING) {
            fprintf(to, "%10s %12s  %s\n", "", "not known", r->name);
        } else if (doctor_is_shown_row(h, r) && r->kind == PLIM_HEADROOM_COUNTED && r->bytes) {
            uint64_t size = r->bytes < 0 ? (uint64_t)0 - (uint64_t)r->bytes : (uint64_t)r->bytes;
            fprintf(to, "%10s %c %10s  %s\n", "", r->bytes < 0 ? '-' : '+', tool_size(size),
                    r->name);
        }
    }
}

/* Asked for, so answered, even with "unknown". */
static void print_charge(const gpu_charge *c, FILE *to)
{
    char answer[GPU_CHARGE_TEXT_BYTES], text[GPU_CHARGE_TEXT_BYTES + 64];
    if (c->is_asked) {
        gpu_charge_text(c, answer);
        snprintf(text, sizeof(text), "GPU pages charged to the group: %s", answer);
        paragraph(to, "", 10, text);
    }
}

static void print_heat(const plim_telemetry_sample *s, FILE *to)
{
    char text[128];
    const plim_reading *hottest = &s->list[PLIM_READ_HOTTEST];
    const plim_reading *throttled = &s->list[PLIM_READ_THROTTLED];
    if (hottest->state != PLIM_READING_FRESH || s->hottest >= PLIM_TELEMETRY_ZONES) {
        return;
    }
    snprintf(text, sizeof(text), "%.1f C at most (%s), %s", (double)hottest->value / 1000.0,
             s->zones[s->hottest].name,
             throttled->state != PLIM_READING_FRESH ? "throttling is not told"
             : throttled->value                     ? "throttled now"
                                                    : "not throttled");
    paragraph(to, "heat", 10, text);
}

/* Which fact named the board, and how sure that is. */
static void print_known(const plim_facts *facts, FILE *to)
{
    char text[192];
    const plim_fact *fact = plim_facts_get(facts, PLIM_FACT_BOARD_MODULE);
    fact = fact ? fact : plim_facts_get(facts, PLIM_FACT_BOARD_NAME);
    if (fact) {
        snprintf(text, sizeof(text), "known from %s (%s)", fact->source,
                 plim_confidence_text(fact->confidence));
        paragraph(to, "", 10, text);
    }
}

static void print_components(const machine_facts *m, FILE *to)
{
    if (plim_facts_number(&m->facts, PLIM_FACT_TENSORRT_COUNT, 0) < 2) {
        return;
    }
    for (size_t i = 0; i < m->component_count; i++) {
        if (strcmp(m->components[i].name, "tensorrt") == 0) {
            char text[192];
            snprintf(text, sizeof(text), "TensorRT %s in %s", m->components[i].version,
                     m->components[i].where);
            paragraph(to, "", 10, text);
        }
    }
}

static bool is_setting(plim_fact_id id)
{
    static const char *const ROOMS[] = {"pytorch.",    "ort.",         "malloc.",
                                        "cuda.module", "cuda.visible", "tensorrt.workspace"};
    for (size_t i = 0; i < sizeof(ROOMS) / sizeof(ROOMS[0]); i++) {
        if (strncmp(plim_fact_key(id), ROOMS[i], strlen(ROOMS[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void print_settings(const plim_facts *facts, FILE *to)
{
    char text[1024] = "";
    size_t used = 0;
    for (unsigned i = 0; i < PLIM_FACT_COUNT && used < sizeof(text); i++) {
        const plim_fact *fact = plim_facts_get(facts, (plim_fact_id)i);
        if (fact && is_setting((plim_fact_id)i)) {
            char value[128];
            plim_fact_format((plim_fact_id)i, fact, value, sizeof(value));
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s", used ? ", " : "",
                                     plim_fact_key((plim_fact_id)i), value);
        }
    }
    if (used) {
        paragraph(to, "settings", 10, text);
    }
}

/* ---- the deployment ---- */

static void print_engines(const doctor *d, FILE *to)
{
    for (size_t i = 0; i < d->m.engine_count; i++) {
        const doctor_engine *e = &d->engines[i];
        char text[512];
        snprintf(text, sizeof(text), "%s: %s", e->from->name,
                 !e->is_open ? "cannot be read"
                 : e->fits   ? "fits this host"
                             : "does not fit");
        if (e->is_open) {
            size_t used = strlen(text);
            snprintf(text + used, sizeof(text) - used, "; %s, %s%s%s, %s", e->format,
                     e->precision_found[0] ? e->precision_found : "precision not known",
                     e->precision_asked[0] && strcmp(e->precision_asked, e->precision_found) != 0
                         ? " though asked for "
                         : "",
                     e->precision_asked[0] && strcmp(e->precision_asked, e->precision_found) != 0
                         ? e->precision_asked
                         : "",
                     tool_size(e->payload_bytes));
        }
        paragraph(to, i ? "" : "engines", 10, text);
    }
    if (d->has_plan) {
        char text[256];
        snprintf(text, sizeof(text), "peak %s under a cap of %s: %s", tool_size(d->plan.peak_bytes),
                 tool_size(d->plan.cap_bytes), d->plan.fits ? "fits" : "does not fit");
        paragraph(to, "plan", 10, text);
    }
}

void doctor_print(const doctor *d, FILE *to, bool color)
{
    const plim_facts *facts = &d->machine.facts;
    print_verdict(d, to, color);
    for (size_t i = 0; i < d->finding_count; i++) {
        if (d->findings[i].verdict == PLIM_VERDICT_HIT) {
            print_finding(&d->findings[i], d->o.all, to, color);
        }
    }
    fputc('\n', to);
    for (size_t i = 0; i < sizeof(SENTENCES) / sizeof(SENTENCES[0]); i++) {
        print_sentence(facts, &SENTENCES[i], to);
        if (SENTENCES[i].parts == BOARD) {
            print_known(facts, to);
        } else if (SENTENCES[i].parts == MEMORY) {
            print_headroom(d, to);
            print_charge(&d->charge, to);
        } else if (SENTENCES[i].parts == SOFTWARE) {
            print_components(&d->machine, to);
        }
    }
    print_heat(&d->sample, to);
    print_settings(facts, to);
    print_engines(d, to);
    print_undecided(d, to);
}
