/* SPDX-License-Identifier: Apache-2.0 */
/* tegra_module.c - which Jetson module this is, and on which carrier.
 *
 * Sources, the first that names a module of the tables wins:
 *   TNSPEC of the boot control file   written when the module was flashed
 *   the module's EEPROM               only its nvmem file, where the kernel has bound one and the
 *                                     process may read it; nothing is ever sent over I2C
 *   compatible list, source file and board ids of the device tree
 *   COMPATIBLE_SPEC                   names a class of modules: a guess
 *   MemTotal, count of cores, words of the model   a guess, and only what all modules that fit
 *                                     agree on
 * A name is not believed against the kernel: an image that was cloned from another module holds
 * that module's TNSPEC, but a module cannot have less memory or fewer cores than the kernel sees.
 * The model string tells no SKU and carriers replace it, so it is the board's name only when no
 * part number is known. An unknown module still has its chip (devtree.c).
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "platform/probe/devtree.h"
#include "plimsoll/policy.h"

#define PART_BYTES  11u /* "p3767-0000" */
#define EEPROM_AT   20u /* where "699-13767-0000-300 G.1" begins */
#define EEPROM_TEXT 29u

/* ---- from a table to facts ---- */

static void note_text(plim_probe *p, plim_fact_id id, plim_slice slice, plim_confidence c,
                      const char *source)
{
    char text[PLIM_FACT_TEXT_BYTES];
    plim_slice_copy(slice, text, sizeof(text));
    (void)plim_facts_set_text(p->facts, id, text, c, source);
}

void plim_probe_board(plim_probe *p, const plim_board_info *b, plim_confidence confidence)
{
    char source[PLIM_FACT_SOURCE_BYTES], module[32];
    const plim_confidence c =
        confidence > PLIM_CONFIDENCE_TABLE ? PLIM_CONFIDENCE_TABLE : confidence;
    const struct {
        plim_fact_id id;
        uint64_t number;
    } NUMBERS[] = {
        {PLIM_FACT_GPU_SM, b->sm},
        {PLIM_FACT_GPU_MULTIPROCESSORS, b->multiprocessors},
        {PLIM_FACT_GPU_DLA_CORES, b->dla},
        {PLIM_FACT_GPU_MEMORY_BYTES, b->gpu_memory_bytes},
        {PLIM_FACT_CPU_POSSIBLE, b->cpus},
        {PLIM_FACT_MEMORY_INSTALLED, b->memory_bytes},
        {PLIM_FACT_MEMORY_BANDWIDTH, b->bandwidth},
    };
    plim_slice_copy(b->module, module, sizeof(module));
    snprintf(source, sizeof(source), "table boards, %s", module[0] ? module : "all that fit");
    note_text(p, PLIM_FACT_BOARD_NAME, b->name, c, source);
    note_text(p, PLIM_FACT_BOARD_FAMILY, b->family, c, source);
    note_text(p, PLIM_FACT_BOARD_SOC, b->soc, c, source);
    note_text(p, PLIM_FACT_MEMORY_KIND, b->memory_kind, c, source);
    for (size_t i = 0; i < sizeof(NUMBERS) / sizeof(NUMBERS[0]); i++) {
        if (NUMBERS[i].number) {
            (void)plim_facts_set_number(p->facts, NUMBERS[i].id, NUMBERS[i].number, c, source);
        }
    }
}

/* ---- part numbers ---- */

static bool is_part(const char *text)
{
    static const char FORM[] = "p####-####";
    for (size_t i = 0; FORM[i]; i++) {
        if (FORM[i] == '#' ? !isdigit((unsigned char)text[i]) : text[i] != FORM[i]) {
            return false;
        }
    }
    return !isdigit((unsigned char)text[PART_BYTES - 1]);
}

/* p3767-0002 is a module that the tables do not hold, p3768-0000 is no module. */
static bool is_module_number(const plim_policy *policy, const char *part)
{
    plim_policy_cursor cursor = PLIM_ZERO;
    plim_policy_entry e;
    while (plim_policy_next(policy, &cursor, &e)) {
        if (e.kind == PLIM_POLICY_BOARD && e.as.board.module.bytes == PART_BYTES - 1 &&
            memcmp(e.as.board.module.at, part, 5) == 0) {
            return true;
        }
    }
    return false;
}

/* What the kernel counts is a lower bound; @is_guess: also that half of it is not missing. */
static bool is_plausible(const plim_probe *p, const plim_board_info *b, bool is_guess)
{
    const uint64_t total = plim_facts_number(p->facts, PLIM_FACT_MEMORY_TOTAL, 0);
    const plim_fact *cpus = plim_facts_get(p->facts, PLIM_FACT_CPU_POSSIBLE);
    if (b->memory_bytes && total > b->memory_bytes) {
        return false;
    }
    if (is_guess && b->memory_bytes && total && total < b->memory_bytes / 2) {
        return false;
    }
    return !b->cpus || !cpus || cpus->confidence != PLIM_CONFIDENCE_READ || cpus->number <= b->cpus;
}

/* Notes @part as what p->source says; true when the tables know it. */
static bool take_part(plim_probe *p, const char *part, plim_confidence c)
{
    plim_board_info board;
    const plim_fact *before = plim_facts_get(p->facts, PLIM_FACT_BOARD_MODULE);
    if (!plim_policy_board(p->policy, part, &board)) {
        if (is_module_number(p->policy, part)) {
            (void)plim_facts_set_text(p->facts, PLIM_FACT_BOARD_MODULE, part, c, p->source);
        } else {
            (void)plim_facts_set_text(p->facts, PLIM_FACT_BOARD_CARRIER, part, c, p->source);
        }
        return false;
    }
    if (!is_plausible(p, &board, c == PLIM_CONFIDENCE_GUESS) ||
        (before && before->confidence >= c && strcmp(before->text, part) != 0)) {
        return false; /* two modules are not mixed: what the first leaves open stays open */
    }
    (void)plim_facts_set_text(p->facts, PLIM_FACT_BOARD_MODULE, part, c, p->source);
    plim_probe_board(p, &board, c);
    return true;
}

/* Every part number in a text, which may name a carrier as well. */
static bool take_parts(plim_probe *p, const char *text, plim_confidence c)
{
    bool found = false;
    for (const char *at = text; (at = strchr(at, 'p')); at++) {
        char part[PART_BYTES];
        if (is_part(at)) {
            memcpy(part, at, PART_BYTES - 1);
            part[PART_BYTES - 1] = 0;
            found = take_part(p, part, c) || found;
        }
    }
    return found;
}

/* Of "3767-302-0005-J.1-1-0-jetson-...", the board and its SKU; fields between may be empty. */
static bool spec_part(const char *spec, char part[PART_BYTES])
{
    const char *sku = strchr(spec, '-');
    sku = sku ? strchr(sku + 1, '-') : NULL;
    if (!sku || strcspn(spec, "-") != 4 || strcspn(sku + 1, "-") != 4) {
        return false;
    }
    snprintf(part, PART_BYTES, "p%.4s-%.4s", spec, sku + 1);
    return is_part(part);
}

static bool from_boot_control(plim_probe *p, const char *key, plim_confidence c)
{
    plim_lines lines;
    bool found = false;
    if (!plim_probe_lines(p, "etc/nv_boot_control.conf", &lines)) {
        return false;
    }
    for (char *line; !found && (line = plim_lines_next(&lines));) {
        char part[PART_BYTES];
        size_t n = strlen(key);
        if (strncmp(line, key, n) == 0 && (line[n] == ' ' || line[n] == '\t') &&
            spec_part(plim_text_trim(line + n), part)) {
            found = take_part(p, part, c);
        }
    }
    plim_lines_close(&lines);
    return found;
}

/* "699-13767-0000-300 G.1": one digit of the kind of part, then the board, then the SKU. Bus 0, 1,
 * 2 or 7; the address of the module is 0x50, that of carriers 0x57. */
static bool from_eeprom(plim_probe *p)
{
    static const unsigned BUSES[] = {0, 1, 2, 7};
    for (size_t i = 0; i < sizeof(BUSES) / sizeof(BUSES[0]); i++) {
        char path[64], bytes[EEPROM_AT + EEPROM_TEXT + 1], part[PART_BYTES + 1];
        size_t count = 0;
        snprintf(path, sizeof(path), "sys/bus/i2c/devices/%u-0050/eeprom", BUSES[i]);
        if (!plim_probe_read(p, path, bytes, sizeof(bytes), &count) || count < EEPROM_AT + 14 ||
            memcmp(bytes + EEPROM_AT, "699-", 4) != 0) {
            continue;
        }
        snprintf(part, sizeof(part), "p%.4s-%.4s", bytes + EEPROM_AT + 5, bytes + EEPROM_AT + 10);
        if (is_part(part) && take_part(p, part, PLIM_CONFIDENCE_READ)) {
            return true;
        }
    }
    return false;
}

static bool from_devtree(plim_probe *p, const char *property)
{
    plim_devtree_list list;
    char path[64];
    bool found = false;
    snprintf(path, sizeof(path), "proc/device-tree/%s", property);
    if (!plim_devtree_read(p, path, &list)) {
        return false;
    }
    for (const char *s = NULL; (s = plim_devtree_next(&list, s));) {
        found = take_parts(p, s, PLIM_CONFIDENCE_READ) || found;
    }
    return found;
}

/* Newer boards print them like a TNSPEC, "2888-0400-0004-..."; older ones the board alone. */
static bool from_board_ids(plim_probe *p)
{
    plim_devtree_list list;
    bool found = false;
    if (!plim_devtree_read(p, "proc/device-tree/nvidia,boardids", &list)) {
        return false;
    }
    for (const char *s = NULL; !found && (s = plim_devtree_next(&list, s));) {
        char part[PART_BYTES];
        found = spec_part(s, part) && take_part(p, part, PLIM_CONFIDENCE_READ);
    }
    return found;
}

/* ---- guessing ---- */

/* @text holds the words of the family, "orin-nx" as "Orin NX", or words for DMI. */
static bool is_named_by(const plim_board_info *b, const char *text)
{
    char words[128];
    plim_slice_copy(b->family, words, sizeof(words));
    for (char *c = words; *c; c++) {
        *c = *c == '-' ? ' ' : *c;
    }
    if (text[0] && strcasestr(text, words)) {
        return true;
    }
    plim_slice_copy(b->dmi, words, sizeof(words));
    char *rest = words;
    for (char *word; (word = strsep(&rest, "|"));) {
        word = plim_text_trim(word);
        if (word[0] && text[0] && strcasestr(text, word)) {
            return true;
        }
    }
    return false;
}

/* MemTotal as boards of this kind show it, a hundredth more or less; or from where the family's
 * rule begins. */
static bool fits_memory(const plim_board_info *b, uint64_t total)
{
    const bool by_rule = b->guess_from && total >= b->guess_from;
    const bool as_seen = b->seen_total_low &&
                         total >= b->seen_total_low - b->seen_total_low / 100 &&
                         total <= b->seen_total_high + b->seen_total_high / 100;
    return (by_rule || as_seen) && total <= b->memory_bytes;
}

static bool is_candidate(const plim_probe *p, const plim_board_info *b)
{
    const char *soc = plim_facts_text(p->facts, PLIM_FACT_BOARD_SOC);
    const plim_fact *cpus = plim_facts_get(p->facts, PLIM_FACT_CPU_POSSIBLE);
    const bool is_tegra = b->soc.bytes > 5 && memcmp(b->soc.at, "tegra", 5) == 0;
    return is_tegra && (soc[0] == 0 || plim_slice_is(b->soc, soc)) &&
           fits_memory(b, plim_facts_number(p->facts, PLIM_FACT_MEMORY_TOTAL, 0)) &&
           (!cpus || !b->cpus || cpus->number == b->cpus);
}

static bool same(plim_slice a, plim_slice b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.at, b.at, a.bytes) == 0);
}

/* Leaves in @sum what both say. */
static void agree(plim_board_info *sum, const plim_board_info *b)
{
    plim_slice *const SLICES[] = {&sum->module, &sum->name, &sum->family, &sum->soc,
                                  &sum->memory_kind};
    const plim_slice OTHERS[] = {b->module, b->name, b->family, b->soc, b->memory_kind};
    uint64_t *const NUMBERS[] = {&sum->sm,           &sum->multiprocessors, &sum->cpus,
                                 &sum->memory_bytes, &sum->bandwidth,       &sum->dla};
    const uint64_t VALUES[] = {b->sm,           b->multiprocessors, b->cpus,
                               b->memory_bytes, b->bandwidth,       b->dla};
    for (size_t i = 0; i < sizeof(SLICES) / sizeof(SLICES[0]); i++) {
        *SLICES[i] = same(*SLICES[i], OTHERS[i]) ? *SLICES[i] : (plim_slice)PLIM_ZERO;
    }
    for (size_t i = 0; i < sizeof(NUMBERS) / sizeof(NUMBERS[0]); i++) {
        *NUMBERS[i] = *NUMBERS[i] == VALUES[i] ? VALUES[i] : 0;
    }
}

/* The boards that fit; @text not NULL: and that it names. Returns how many. */
static size_t gather_candidates(plim_probe *p, const char *text, plim_board_info *sum)
{
    plim_policy_cursor cursor = PLIM_ZERO;
    plim_policy_entry e;
    size_t count = 0;
    while (plim_policy_next(p->policy, &cursor, &e)) {
        if (e.kind != PLIM_POLICY_BOARD || !is_candidate(p, &e.as.board) ||
            (text && !is_named_by(&e.as.board, text))) {
            continue;
        }
        if (count++ == 0) {
            *sum = e.as.board;
        } else {
            agree(sum, &e.as.board);
        }
    }
    return count;
}

static void guess(plim_probe *p)
{
    char text[256], source[PLIM_FACT_SOURCE_BYTES];
    plim_board_info sum = PLIM_ZERO;
    size_t count = 0;
    const bool is_tegra = strncmp(plim_facts_text(p->facts, PLIM_FACT_BOARD_SOC), "tegra", 5) == 0;
    if (plim_probe_line(p, "sys/class/dmi/id/product_name", text, sizeof(text))) {
        count = gather_candidates(p, text, &sum);
    }
    if (!count && is_tegra) {
        const char *model = plim_facts_text(p->facts, PLIM_FACT_BOARD_MODEL);
        count = gather_candidates(p, model, &sum);
        count = count ? count : gather_candidates(p, NULL, &sum);
    }
    if (count) {
        snprintf(source, sizeof(source), "MemTotal and cores, %zu fit", count);
        note_text(p, PLIM_FACT_BOARD_MODULE, sum.module, PLIM_CONFIDENCE_GUESS, source);
        plim_probe_board(p, &sum, PLIM_CONFIDENCE_GUESS);
    }
}

void plim_probe_module(plim_probe *p)
{
    const bool is_named = from_boot_control(p, "TNSPEC", PLIM_CONFIDENCE_READ) || from_eeprom(p);
    /* these name the carrier too: read in any case */
    const bool in_tree = from_devtree(p, "compatible");
    const bool in_file = from_devtree(p, "nvidia,dtsfilename");
    if (!is_named && !in_tree && !in_file && !from_board_ids(p) &&
        !from_boot_control(p, "COMPATIBLE_SPEC", PLIM_CONFIDENCE_GUESS)) {
        guess(p);
    }
}

void plim_probe_name(plim_probe *p)
{
    const plim_fact *model = plim_facts_get(p->facts, PLIM_FACT_BOARD_MODEL);
    const plim_fact *name = plim_facts_get(p->facts, PLIM_FACT_BOARD_NAME);
    if (model && (!name || name->confidence < PLIM_CONFIDENCE_TABLE)) {
        (void)plim_facts_set_text(p->facts, PLIM_FACT_BOARD_NAME, model->text, model->confidence,
                                  model->source);
    }
}
