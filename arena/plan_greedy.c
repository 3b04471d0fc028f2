/* SPDX-License-Identifier: Apache-2.0 */
/* plan_greedy.c - which orders with which rule, and the lowest plan of them.
 *
 * The valley rule comes first: it is the faster one, and nearly always the better one. Within
 * it an order says which of the pieces that fit a valley is taken; the orders are those of
 * MiniMalloc's search (fullest section touched, lifetime, area) and by size. The fit rule
 * follows for what the valley rule knows less well: fixed pieces, gaps, alignment waste.
 *
 * Invariant: the same input gives the same plan everywhere; the index breaks every tie, and a
 * later strategy must be strictly lower to win.
 */
#include "arena/plan_greedy.h"

#include <string.h>

#include "arena/bytes.h"
#include "arena/plan_sort.h"

typedef enum by { BY_NONE, BY_FULLEST, BY_LIFE, BY_AREA, BY_SIZE, BY_START, BY_CONFLICT } by;
typedef enum laying { VALLEY, LOWEST_GAP, TIGHTEST_GAP } laying;

static const struct {
    const char *name;
    laying rule;
    by order[3]; /* falling; the first is the most significant */
} strategies[PLAN_GREEDY_STRATEGIES] = {
    {"valley, fullest then longest", VALLEY, {BY_FULLEST, BY_LIFE, BY_AREA}},
    {"valley, fullest then greatest area", VALLEY, {BY_FULLEST, BY_AREA, BY_LIFE}},
    {"valley, greatest area", VALLEY, {BY_AREA, BY_LIFE}},
    {"valley, largest", VALLEY, {BY_SIZE, BY_LIFE}},
    {"valley, longest", VALLEY, {BY_LIFE, BY_AREA}},
    {"valley, fullest then largest", VALLEY, {BY_FULLEST, BY_SIZE, BY_LIFE}},
    {"first fit, largest", LOWEST_GAP, {BY_SIZE, BY_LIFE, BY_START}},
    {"best fit, largest", TIGHTEST_GAP, {BY_SIZE, BY_LIFE, BY_START}},
    {"first fit, most conflicts", LOWEST_GAP, {BY_CONFLICT, BY_SIZE, BY_LIFE}},
    {"best fit, most conflicts", TIGHTEST_GAP, {BY_CONFLICT, BY_SIZE, BY_LIFE}},
    {"first fit, earliest", LOWEST_GAP, {BY_START, BY_SIZE, BY_LIFE}},
    {"best fit, earliest", TIGHTEST_GAP, {BY_START, BY_SIZE, BY_LIFE}},
    {"first fit, longest", LOWEST_GAP, {BY_LIFE, BY_SIZE, BY_START}},
    {"best fit, longest", TIGHTEST_GAP, {BY_LIFE, BY_SIZE, BY_START}},
    {"first fit, greatest area", LOWEST_GAP, {BY_AREA, BY_SIZE, BY_LIFE}},
    {"best fit, greatest area", TIGHTEST_GAP, {BY_AREA, BY_SIZE, BY_LIFE}},
};

const char *plan_greedy_name(uint32_t number)
{
    return number < PLAN_GREEDY_STRATEGIES ? strategies[number].name : "none";
}

/* Bytes alive at some time of each piece's: all that began before its end, less what ended by
 * its start. Gaps do not count. */
static void key_by_conflict(const plan_line *line, void *memory, uint64_t *keys)
{
    uint64_t *begun = memory, *ended = begun + line->rank_count + 1;
    memset(begun, 0, ((size_t)line->rank_count + 1) * 2 * sizeof(*begun));
    for (uint32_t i = 0; i < line->piece_count; i++) {
        begun[line->whole[i].lower + 1] += line->pieces[i].size_bytes;
        ended[line->whole[i].upper] += line->pieces[i].size_bytes;
    }
    for (uint32_t r = 1; r <= line->rank_count; r++) {
        begun[r] += begun[r - 1];
        ended[r] += ended[r - 1];
    }
    for (uint32_t i = 0; i < line->piece_count; i++) {
        keys[i] = begun[line->whole[i].upper] - ended[line->whole[i].lower];
    }
}

static uint64_t key_of(const plan_line *line, by what, uint32_t i)
{
    uint64_t area, size = line->pieces[i].size_bytes;
    switch (what) {
    case BY_FULLEST:
        return line->fullest[i];
    case BY_LIFE:
        return line->life[i];
    case BY_AREA:
        return bytes_mul(line->life[i], size, &area) ? area : UINT64_MAX;
    case BY_SIZE:
        return size;
    case BY_START:
        return UINT32_MAX - line->whole[i].lower;
    default:
        return 0;
    }
}

static void sort_pieces(const plan_line *line, const by order[3], plan_order *out, void *memory)
{
    uint32_t count = line->piece_count;
    for (uint32_t i = 0; i < count; i++) {
        out->list[i] = i;
    }
    for (int k = 3; k-- > 0;) {
        if (order[k] == BY_NONE) {
            continue;
        }
        if (order[k] == BY_CONFLICT) {
            key_by_conflict(line, memory, out->keys);
        }
        for (uint32_t i = 0; i < count; i++) { /* falling */
            out->keys[i] = ~(order[k] == BY_CONFLICT ? out->keys[i] : key_of(line, order[k], i));
        }
        plan_sort(out->keys, out->list, out->spare, count);
    }
}

size_t plan_greedy_bytes(size_t piece_count, size_t span_count)
{
    size_t most = plan_valley_bytes(piece_count, span_count), fit = plan_fit_bytes(piece_count);
    size_t sums = plan_cut_bytes(4 * span_count + 2, 8);
    most = fit > most ? fit : most;
    most = sums > most ? sums : most;
    return most + 2 * plan_cut_bytes(piece_count, 4) + plan_cut_bytes(piece_count, 8);
}

uint64_t plan_greedy_try(const plan_line *line, uint32_t number, uint64_t limit, void *memory,
                         uint64_t *offsets)
{
    unsigned char *at = memory;
    plan_order order;
    order.list = plan_cut(&at, line->piece_count, 4);
    order.spare = plan_cut(&at, line->piece_count, 4);
    order.keys = plan_cut(&at, line->piece_count, 8);
    laying rule = strategies[number].rule;
    if (rule != VALLEY && !plan_fit_suits(line)) {
        return UINT64_MAX;
    }
    sort_pieces(line, strategies[number].order, &order, at);
    return rule == VALLEY ? plan_valley(line, order.list, limit, at, offsets)
                          : plan_fit(line, order.list, rule == TIGHTEST_GAP, limit, at, offsets);
}

uint64_t plan_greedy_best(const plan_line *line, uint64_t enough, void *memory, uint64_t *spare,
                          uint64_t *offsets, uint32_t *out_number)
{
    uint64_t lowest = UINT64_MAX;
    *out_number = 0;
    for (uint32_t number = 0; number < PLAN_GREEDY_STRATEGIES && lowest > enough; number++) {
        uint64_t height = plan_greedy_try(line, number, lowest, memory, spare);
        if (height < lowest) {
            memcpy(offsets, spare, line->piece_count * sizeof(*offsets));
            lowest = height;
            *out_number = number;
        }
    }
    return lowest;
}
