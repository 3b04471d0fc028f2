/* SPDX-License-Identifier: Apache-2.0 */
/* offsets_trie.h - nodes, classes and digital tries; for offsets.c and offsets_check.c only.
 *
 * A digital trie is a binary tree in which every node, not only the leaves, holds a key: at
 * depth d a node is found by the first d bits of its path and may hold any key that begins
 * with them. So a path of k bits is at most k steps long, nothing is ever rebalanced, and a
 * node leaves by letting any leaf below it take its place.
 */
#ifndef ARENA_OFFSETS_TRIE_H
#define ARENA_OFFSETS_TRIE_H

#include "arena/offsets.h"

#define SECOND_BITS  5u
#define SECOND_COUNT (1u << SECOND_BITS)
#define FIRST_COUNT  28u
#define NONE         UINT32_MAX       /* no node */
#define LIVE         (UINT32_MAX - 1) /* in next: this node is a block */
#define CHAINED      (UINT32_MAX - 2) /* in kid[0]: another node of its size is in the trie */

typedef struct node {
    uint32_t offset, size;  /* in units */
    uint32_t before, after; /* neighbours by address */
    uint32_t kid[2], up;    /* the trie; chained: up is the one before in the chain */
    uint32_t next;          /* free: the next of the same size; unused: the next unused; LIVE */
} node;

struct plim_offsets {
    uint32_t units, live_limit, live_count, node_count;
    uint32_t first, last;           /* by address */
    uint32_t unused, touched_count; /* nodes given back; nodes ever taken */
    uint32_t used_units, free_count;
    uint32_t offset_bits, slot_bits; /* w and b of offsets.h */
    uint32_t first_map, second_map[FIRST_COUNT];
    uint32_t roots[FIRST_COUNT][SECOND_COUNT];
    uint32_t large_units; /* blocks of at least this go high; UINT32_MAX: one end for all */
    uint32_t unit_bits;
    uint32_t unused_words[5]; /* so that two nodes fill a cache line, and none lies in two */
};

_Static_assert(sizeof(node) == 32, "the figure in offsets.h and arena.h");
_Static_assert(sizeof(plim_offsets) % 64 == 0, "nodes follow the head");

static inline node *at(const plim_offsets *self, uint32_t index)
{
    return (node *)((uintptr_t)self + sizeof(*self)) + index;
}

/* Roots of the tries of live blocks. */
static inline uint32_t *slots_of(const plim_offsets *self)
{
    return (uint32_t *)at(self, self->node_count);
}

static inline bool is_live(const node *n)
{
    return n->next == LIVE;
}

/* The free range behind the last block: in no trie. */
static inline bool is_tail(const plim_offsets *self, uint32_t index)
{
    return index == self->last && !is_live(at(self, index));
}

static inline uint32_t log2_floor(uint32_t n)
{
    return 31u - (uint32_t)__builtin_clz(n);
}

/* ---- paths: left-justified, the first step is the highest bit ---- */

typedef struct size_class {
    uint32_t first, second;
} size_class;

static inline size_class class_of(uint32_t units)
{
    if (units < SECOND_COUNT) {
        return (size_class){0, units};
    }
    uint32_t top = log2_floor(units);
    return (size_class){top - SECOND_BITS + 1, (units >> (top - SECOND_BITS)) & (SECOND_COUNT - 1)};
}

/* The bits of a size below those that its class has in common. */
static inline uint32_t size_path(uint32_t units)
{
    return units < 2 * SECOND_COUNT ? 0 : units << (32 + SECOND_BITS - log2_floor(units));
}

/* A bijection of the w bits of an offset: an odd factor, modulo 2^w. */
static inline uint32_t scrambled(const plim_offsets *self, uint32_t offset)
{
    return (offset * 0x9e3779b1u) << (32 - self->offset_bits);
}

static inline uint32_t *slot_of(const plim_offsets *self, uint32_t scrambled_offset)
{
    return slots_of(self) + (scrambled_offset >> (32 - self->slot_bits));
}

#endif
