/* SPDX-License-Identifier: Apache-2.0 */
/* plan_jigsaw.c - perfect packings by cutting, and network-like lifetimes by walking a graph.
 *
 * Integers only, so that a seed means the same instance everywhere.
 */
#include "test/support/plan_jigsaw.h"

#include <string.h>

static uint64_t next(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t below(uint64_t *state, uint64_t limit)
{
    return next(state) % limit;
}

/* ---- cutting ---- */

static plim_plan_buffer piece(uint32_t lower, uint32_t upper, uint64_t low, uint64_t high)
{
    return (plim_plan_buffer){
        .lower = lower, .upper = upper, .offset_bytes = low, .size_bytes = high - low};
}

/* Which rectangle is cut next: each with a chance as large as its area. */
static size_t by_area(const plim_plan_buffer *b, size_t count, uint64_t area, uint64_t *state)
{
    uint64_t at = below(state, area);
    for (size_t i = 0; i < count; i++) {
        uint64_t own = (b[i].upper - b[i].lower) * b[i].size_bytes;
        if (at < own) {
            return i;
        }
        at -= own;
    }
    return count - 1;
}

/* Five pieces in place of one: four arms around a middle. Both turns occur. */
static size_t cut_pinwheel(plim_plan_buffer *at, plim_plan_buffer *more, uint64_t *state)
{
    const uint32_t left = at->lower, right = at->upper;
    const uint64_t low = at->offset_bytes, high = low + at->size_bytes;
    const uint32_t a = left + 1 + (uint32_t)below(state, right - left - 2);
    const uint32_t b = a + 1 + (uint32_t)below(state, right - a - 1);
    const uint64_t c = low + 1 + below(state, high - low - 2);
    const uint64_t d = c + 1 + below(state, high - c - 1);
    *at = piece(a, b, c, d);
    if (next(state) % 2) {
        more[0] = piece(left, b, low, c);
        more[1] = piece(b, right, low, d);
        more[2] = piece(a, right, d, high);
        more[3] = piece(left, a, c, high);
    } else {
        more[0] = piece(a, right, low, c);
        more[1] = piece(b, right, c, high);
        more[2] = piece(left, b, d, high);
        more[3] = piece(left, a, low, d);
    }
    return 4;
}

static size_t cut_in_two(plim_plan_buffer *at, plim_plan_buffer *more, uint64_t *state)
{
    const uint32_t life = at->upper - at->lower;
    const uint64_t size = at->size_bytes, top = at->offset_bytes + size;
    if (life > 1 && (size == 1 || next(state) % 2)) {
        const uint32_t step = at->lower + 1 + (uint32_t)below(state, life - 1);
        *more = piece(step, at->upper, at->offset_bytes, top);
        at->upper = step;
    } else {
        const uint64_t offset = at->offset_bytes + 1 + below(state, size - 1);
        *more = piece(at->lower, at->upper, offset, top);
        at->size_bytes = offset - at->offset_bytes;
    }
    return 1;
}

void plan_shuffle(plim_plan_buffer *buffers, size_t count, uint64_t seed)
{
    for (size_t i = count; i > 1; i--) {
        const size_t j = below(&seed, i);
        const plim_plan_buffer b = buffers[i - 1];
        buffers[i - 1] = buffers[j];
        buffers[j] = b;
    }
}

static void number(plim_plan_buffer *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        b[i].id = i;
    }
}

size_t plan_jigsaw_cut(const plan_jigsaw *spec, plim_plan_buffer *out)
{
    const uint64_t unit = spec->unit_bytes ? spec->unit_bytes : 1;
    const uint64_t height = spec->height_bytes / unit, area = height * spec->steps;
    uint64_t state = spec->seed;
    size_t count = 1;
    out[0] = piece(0, spec->steps, 0, height);
    while (count < spec->pieces) {
        plim_plan_buffer *at = &out[by_area(out, count, area, &state)];
        const bool wide = at->upper - at->lower > 2 && at->size_bytes > 2;
        if (wide && spec->pieces - count >= 4 && below(&state, 100) < spec->pinwheel_percent) {
            count += cut_pinwheel(at, &out[count], &state);
        } else if (at->upper - at->lower > 1 || at->size_bytes > 1) {
            count += cut_in_two(at, &out[count], &state);
        }
    }
    plan_shuffle(out, count, next(&state));
    count -= count * spec->removed_percent / 100;
    for (size_t i = 0; i < count; i++) {
        out[i].size_bytes *= unit;
        out[i].offset_bytes *= unit;
    }
    number(out, count);
    return count;
}

/* ---- families ---- */

const char *plan_family_name(plan_family family)
{
    static const char *const names[] = {"chain", "nested", "training", "cache"};
    return family < PLAN_FAMILIES ? names[family] : "?";
}

/* Like channels x rows x columns: a few shapes make all the sizes. */
static uint64_t shape(uint64_t *state)
{
    static const uint16_t channels[] = {1, 3, 16, 24, 32, 48, 64, 96, 128, 256, 512};
    static const uint16_t sides[] = {1, 7, 14, 20, 28, 40, 56, 80, 112};
    const uint64_t side = sides[below(state, 9)];
    return channels[below(state, 11)] * side * side * 4;
}

static plim_plan_buffer alive(uint64_t lower, uint64_t upper, uint64_t size_bytes)
{
    return (plim_plan_buffer){
        .lower = (uint32_t)lower, .upper = (uint32_t)upper, .size_bytes = size_bytes};
}

static void make_chain(size_t count, uint64_t *state, plim_plan_buffer *out)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t step = i / 2; /* an output and its scratch at each step */
        const uint64_t skip = below(state, 8) == 0 ? 2 + below(state, 24) : 2;
        out[i] = i % 2 ? alive(step, step + 1, shape(state) / 2 + 4)
                       : alive(step, step + skip, shape(state));
    }
}

/* Every buffer is a pair of brackets; [first, first + 2 n) of steps hold n of them. */
static void make_nested(size_t count, uint64_t *state, plim_plan_buffer *out)
{
    uint64_t step = 0;
    size_t open = 0, made = 0;
    /* out[made - 1] downwards: which are open is found by upper == 0 */
    while (made < count || open > 0) {
        const bool push = made < count && (open == 0 || below(state, 100) < 52);
        if (push) {
            out[made++] = alive(step, 0, shape(state));
            open++;
        } else {
            size_t at = made;
            do {
                at--;
            } while (out[at].upper != 0);
            out[at].upper = (uint32_t)(step + 1);
            open--;
        }
        step++;
    }
}

static void make_training(size_t count, uint64_t *state, plim_plan_buffer *out)
{
    const size_t layers = count / 8 + 1;
    for (size_t i = 0; i < count; i++) {
        const uint64_t layer = i / 8, last = 4 * layers - 1, start = 2 * layer;
        switch (i % 8) {
        case 0: /* kept for the backward pass */
            out[i] = alive(start, last - start + 1, shape(state));
            break;
        case 1: /* a gradient, kept until the end */
            out[i] = alive(last - start, last + 2, shape(state) / 8 + 4);
            break;
        case 2:
        case 3: /* between two layers */
            out[i] = alive(start, start + 2 + below(state, 4), shape(state));
            break;
        case 4:
            out[i] = alive(last - start, last - start + 2 + below(state, 4), shape(state));
            break;
        default: /* scratch, either way */
            out[i] = below(state, 2) ? alive(start, start + 1, shape(state))
                                     : alive(last - start, last - start + 1, shape(state));
        }
    }
}

static void make_cache(size_t count, uint64_t *state, plim_plan_buffer *out)
{
    const uint64_t layers = 4, row = 2 * 64 * 8 * (1 + below(state, 4));
    for (size_t i = 0; i < count; i++) {
        const uint64_t token = i / 16, step = 16 * token + i % 16, layer = i % 4;
        const uint64_t held = 16 + token;
        if (i % 16 < layers) { /* the cache of this token lives until the next token's is made */
            out[i] = alive(step, step + 17, row * held);
        } else {
            out[i] = alive(step, step + 1 + below(state, 4),
                           below(state, 3) ? 4096 * (1 + layer) : held * 64);
        }
    }
}

void plan_family_make(plan_family family, size_t count, uint64_t seed, plim_plan_buffer *out)
{
    static void (*const make[])(size_t, uint64_t *, plim_plan_buffer *) = {
        make_chain, make_nested, make_training, make_cache};
    make[family](count, &seed, out);
    plan_shuffle(out, count, next(&seed));
    number(out, count);
}
