/* SPDX-License-Identifier: Apache-2.0 */
/* offsets_check.c - every invariant of the free-range bookkeeping; for tests and debug builds.
 *
 * Walks the nodes by address, and for each the path that a search for it would take: what is
 * not found that way is broken, and what is found twice makes the counts differ.
 */
#include "arena/offsets_trie.h"

#include <stddef.h>

/* A node is where the path of its key leads, and its parent says the same. */
static bool is_on_path(const plim_offsets *self, uint32_t index, uint32_t root, uint32_t path)
{
    uint32_t up = NONE;
    for (uint32_t i = root, steps = 0; i != NONE && steps <= 32; steps++) {
        if (i == index) {
            return at(self, i)->up == up;
        }
        up = i;
        i = at(self, i)->kid[path >> 31];
        path <<= 1;
    }
    return false;
}

static bool is_listed(const plim_offsets *self, uint32_t index)
{
    const node *n = at(self, index);
    for (uint32_t steps = 0; n->kid[0] == CHAINED; steps++) {
        if (steps > self->node_count || at(self, n->up)->next != index ||
            at(self, n->up)->size != n->size) {
            return false;
        }
        index = n->up;
        n = at(self, index);
    }
    size_class c = class_of(n->size);
    return is_on_path(self, index, self->roots[c.first][c.second], size_path(n->size));
}

static bool is_found(const plim_offsets *self, uint32_t index)
{
    uint32_t path = scrambled(self, at(self, index)->offset);
    return is_on_path(self, index, *slot_of(self, path), path << self->slot_bits);
}

static const char *check_classes(const plim_offsets *self)
{
    for (uint32_t f = 0; f < FIRST_COUNT; f++) {
        for (uint32_t s = 0; s < SECOND_COUNT; s++) {
            if ((self->roots[f][s] != NONE) != ((self->second_map[f] >> s & 1) != 0)) {
                return "offsets: a class's bit does not match its trie";
            }
        }
        if ((self->second_map[f] != 0) != ((self->first_map >> f & 1) != 0)) {
            return "offsets: a first-level bit does not match its classes";
        }
    }
    return NULL;
}

/* Nodes of a trie, chains included; walked by parents, so that no stack is needed. */
static uint32_t trie_count(const plim_offsets *self, uint32_t root, bool has_chains)
{
    uint32_t count = 0, i = root, from = root == NONE ? NONE : at(self, root)->up;
    while (i != NONE && count <= 2 * self->node_count) {
        const node *n = at(self, i);
        uint32_t was = from;
        from = i;
        if (was == n->up) { /* first time here */
            count++;
            for (uint32_t c = n->next; has_chains && c != NONE && count <= self->node_count;
                 c = at(self, c)->next) {
                count++;
            }
            i = n->kid[0] != NONE ? n->kid[0] : n->kid[1] != NONE ? n->kid[1] : n->up;
        } else {
            i = was == n->kid[0] && n->kid[1] != NONE ? n->kid[1] : n->up;
        }
    }
    return count;
}

static const char *check_tries(const plim_offsets *self, uint32_t listed, uint32_t live)
{
    uint32_t sizes = 0, offsets = 0;
    for (uint32_t c = 0; c < FIRST_COUNT * SECOND_COUNT; c++) {
        sizes += trie_count(self, self->roots[c / SECOND_COUNT][c % SECOND_COUNT], true);
    }
    for (uint32_t s = 0; s < 1u << self->slot_bits; s++) {
        offsets += trie_count(self, slots_of(self)[s], false);
    }
    if (sizes != listed || offsets != live) {
        return "offsets: a trie holds nodes that are not its own";
    }
    return check_classes(self);
}

const char *plim_offsets_check(const plim_offsets *self)
{
    uint32_t count = 0, live = 0, before = NONE, unused = 0;
    uint64_t used = 0, offset = 0;
    for (uint32_t i = self->first; i != NONE; before = i, i = at(self, i)->after) {
        const node *n = at(self, i);
        if (++count > self->node_count || n->before != before || n->offset != offset) {
            return "offsets: nodes do not cover the range in order";
        }
        offset += n->size;
        if (n->size == 0 || offset > self->units) {
            return "offsets: an empty node, or one past the end";
        }
        if (is_live(n)) {
            if (!is_found(self, i)) {
                return "offsets: a live block is not found by its offset";
            }
            live++;
            used += n->size;
        } else if (before != NONE && !is_live(at(self, before))) {
            return "offsets: two free ranges touch";
        } else if (!is_tail(self, i) && !is_listed(self, i)) {
            return "offsets: a free range is not in its class";
        }
    }
    for (uint32_t i = self->unused; i != NONE && unused <= self->node_count;
         i = at(self, i)->next) {
        unused++;
    }
    if (offset != self->units || before != self->last || live != self->live_count ||
        used != self->used_units || count + unused != self->touched_count ||
        count - live != self->free_count || self->touched_count > self->node_count) {
        return "offsets: the totals do not add up";
    }
    return check_tries(self, count - live - is_tail(self, self->last), live);
}
