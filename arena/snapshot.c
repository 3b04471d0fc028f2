/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.c - two copies under sequence numbers; the argument stands in snapshot.h. */
#include "arena/snapshot.h"

#include <string.h>

#define LINE_WORDS 8u

static size_t word_count(size_t size_bytes)
{
    size_t words = (size_bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t);
    return (words + LINE_WORDS - 1) / LINE_WORDS * LINE_WORDS;
}

size_t snapshot_footprint_bytes(size_t size_bytes)
{
    return sizeof(snapshot) + 2 * word_count(size_bytes) * sizeof(uint64_t);
}

snapshot *snapshot_init(void *memory, size_t size_bytes)
{
    snapshot *self = memory;
    self->size_bytes = size_bytes;
    return self;
}

static void store_words(_Atomic uint64_t *to, const unsigned char *from, size_t bytes)
{
    size_t whole = bytes / sizeof(uint64_t), rest = bytes % sizeof(uint64_t);
    uint64_t word;
    for (size_t i = 0; i < whole; i++) {
        memcpy(&word, from + i * sizeof(word), sizeof(word));
        atomic_store_explicit(&to[i], word, memory_order_relaxed);
    }
    if (rest) {
        word = 0;
        memcpy(&word, from + whole * sizeof(word), rest);
        atomic_store_explicit(&to[whole], word, memory_order_relaxed);
    }
}

static void load_words(const _Atomic uint64_t *from, unsigned char *to, size_t bytes)
{
    size_t whole = bytes / sizeof(uint64_t), rest = bytes % sizeof(uint64_t);
    uint64_t word;
    for (size_t i = 0; i < whole; i++) {
        word = atomic_load_explicit(&from[i], memory_order_relaxed);
        memcpy(to + i * sizeof(word), &word, sizeof(word));
    }
    if (rest) {
        word = atomic_load_explicit(&from[whole], memory_order_relaxed);
        memcpy(to + whole * sizeof(word), &word, rest);
    }
}

bool snapshot_put(snapshot *self, const void *from)
{
    uint64_t target = 1 - atomic_load_explicit(&self->newest, memory_order_relaxed);
    uint64_t was = atomic_load_explicit(&self->sequences[target], memory_order_relaxed);
    /* Release: whoever sees this mark also sees that the other copy is whole. */
    atomic_store_explicit(&self->sequences[target], was | 1, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst); /* the mark before the look, and before the words */
    /* Acquire: a reader that has counted itself out has read its last word. */
    if (atomic_load_explicit(&self->holders, memory_order_acquire)) {
        atomic_store_explicit(&self->sequences[target], was, memory_order_release);
        return false;
    }
    store_words(self->words + target * word_count(self->size_bytes), from, self->size_bytes);
    uint64_t now = 2 * ++self->version;
    atomic_store_explicit(&self->sequences[target], now, memory_order_release);
    atomic_store_explicit(&self->newest, target, memory_order_release);
    return true;
}

/* The version of a copy that is whole now; false while it is marked. */
static bool look(const snapshot *self, uint64_t which, uint64_t *sequence)
{
    *sequence = atomic_load_explicit(&self->sequences[which], memory_order_acquire);
    return (*sequence & 1) == 0;
}

static void copy_out(const snapshot *self, uint64_t which, void *out)
{
    load_words(self->words + which * word_count(self->size_bytes), out, self->size_bytes);
}

bool snapshot_try(const snapshot *self, void *out, uint64_t *version)
{
    uint64_t newest = atomic_load_explicit(&self->newest, memory_order_acquire) & 1;
    uint64_t before;
    if (!look(self, newest, &before)) {
        return false;
    }
    copy_out(self, newest, out);
    atomic_thread_fence(memory_order_acquire); /* the words before the second look */
    if (atomic_load_explicit(&self->sequences[newest], memory_order_relaxed) != before) {
        return false;
    }
    if (version) {
        *version = before / 2;
    }
    return true;
}

uint32_t snapshot_read(snapshot *self, void *out, uint64_t *version)
{
    for (uint32_t i = 1; i <= SNAPSHOT_ATTEMPTS; i++) {
        if (snapshot_try(self, out, version)) {
            return i;
        }
    }
    snapshot_read_held(self, out, version);
    return SNAPSHOT_ATTEMPTS + 1;
}

void snapshot_read_held(snapshot *self, void *out, uint64_t *version)
{
    atomic_fetch_add(&self->holders, 1);
    atomic_thread_fence(memory_order_seq_cst); /* counted in before the look */
    uint64_t which = atomic_load_explicit(&self->newest, memory_order_acquire) & 1, sequence;
    for (int i = 0; i < 2 && !look(self, which, &sequence); i++) {
        which = 1 - which;
    }
    (void)look(self, which, &sequence); /* the third look needs no answer: that copy is whole */
    copy_out(self, which, out);         /* marks may come and go meanwhile; no word changes */
    atomic_fetch_sub_explicit(&self->holders, 1, memory_order_release);
    if (version) {
        *version = sequence / 2;
    }
}
