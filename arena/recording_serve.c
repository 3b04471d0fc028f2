/* SPDX-License-Identifier: Apache-2.0 */
/* recording_serve.c - planned offsets for a run, O(1) a call, whatever the run really does.
 *
 * Decides whether a call may have its step's place. It may when it is no larger and no stricter
 * aligned than recorded and nothing alive lies there. That is known without looking at memory:
 *
 *   A live block is *timely* while the run stands within its life in the plan. All timely
 *   blocks and the step about to be served are alive together in the plan, so the verified plan
 *   keeps them apart. A block that should be gone is *late*: the plan is cut into 64 zones, and
 *   a step is refused while a late block lies in one of its zones. When the run jumps to its
 *   start, all that live are *stale*, and nothing is served until they are gone.
 *
 * So a run that strays costs misses, never an overlap. Invariants: due[k] counts the timely
 * blocks that must be gone before step k; late_mask has the zones whose late count is not zero;
 * stale_count is the number of live blocks of earlier epochs.
 *
 * In a loop, time goes on past the last step: step k comes again @count steps later, and no life
 * is longer than that, so of each step one block at most is timely.
 */
#include <string.h>

#include "arena/bytes.h"
#include "arena/recording_track.h"

#define ZONES      64u
#define MISSES_MAX 16u

enum { SLOT_FREE, SLOT_TIMELY, SLOT_LATE };

typedef struct serve_slot {
    uint64_t offset_bytes, served_bytes;
    uint64_t zones;    /* 0: the plan leaves this step to others */
    uint32_t next_due; /* the next step whose block is due at the same step, plus one */
    uint32_t epoch;    /* in which it was served */
    uint32_t same;     /* first step with this offset */
    uint32_t live;     /* of such a first step: the step that lies there, plus one */
    uint32_t state;
} serve_slot;

typedef struct due_list {
    uint32_t head;         /* first step whose block is due here, plus one */
    uint32_t epoch, count; /* of those, timely ones; zero when the epoch is another */
} due_list;

struct plim_replay {
    plim_track track;
    plim_record_step *steps;
    serve_slot *slots;
    due_list *due;    /* step_count + 1 */
    uint32_t *places; /* offset -> first step that has it, plus one; open addressing */
    uint32_t place_mask;
    uint32_t epoch, stale_count, late_count, late_in_zone[ZONES];
    uint64_t late_mask;
    bool is_loop, is_on;
    plim_replay_stats stats;
    plim_replay_miss misses[MISSES_MAX];
};

#define HEAD_BYTES (((uint64_t)sizeof(plim_replay) + 15) & ~UINT64_C(15))
/* A third of the table of places is in use at least. */
_Static_assert(sizeof(plim_record_step) + sizeof(serve_slot) + sizeof(due_list) +
                       3 * sizeof(uint32_t) <=
                   PLIM_REPLAY_STEP_BYTES,
               "the header says so");
_Static_assert(sizeof(plim_replay) + 16 * sizeof(uint32_t) + sizeof(due_list) + 32 <=
                   PLIM_REPLAY_BASE_BYTES,
               "the header says so");

static uint32_t places_for(uint32_t step_count)
{
    uint32_t n = 16;
    while (n < step_count + step_count / 2) {
        n *= 2;
    }
    return n;
}

size_t plim_replay_bytes(uint32_t step_count)
{
    if (step_count == 0 || step_count > PLIM_STEPS_MAX) {
        return 0;
    }
    return (size_t)(HEAD_BYTES +
                    (uint64_t)step_count * (sizeof(plim_record_step) + sizeof(serve_slot)) +
                    ((uint64_t)step_count + 1) * sizeof(due_list) +
                    (uint64_t)places_for(step_count) * sizeof(uint32_t));
}

static uint32_t *find_place(const plim_replay *self, uint64_t offset_bytes)
{
    uint32_t at = (uint32_t)(((offset_bytes >> 4) * 0x9e3779b97f4a7c15u) >> 32) & self->place_mask;
    while (self->places[at] && self->slots[self->places[at] - 1].offset_bytes != offset_bytes) {
        at = (at + 1) & self->place_mask;
    }
    return &self->places[at];
}

/* ---- making ready ---- */

static void lay_out(plim_replay *self, uint32_t count)
{
    self->steps = (plim_record_step *)((unsigned char *)self + HEAD_BYTES);
    self->slots = (serve_slot *)(self->steps + count);
    self->due = (due_list *)(self->slots + count);
    self->places = (uint32_t *)(self->due + count + 1);
    self->place_mask = places_for(count) - 1;
    memset(self->slots, 0, count * sizeof(self->slots[0]));
    memset(self->due, 0, ((size_t)count + 1) * sizeof(self->due[0]));
    memset(self->places, 0, ((size_t)self->place_mask + 1) * sizeof(self->places[0]));
}

static uint64_t zones_of(uint64_t offset, uint64_t size, uint64_t height)
{
    uint64_t each = height / ZONES + (height % ZONES != 0);
    uint64_t first = offset / each, last = (offset + size - 1) / each;
    return (UINT64_MAX << first) & (UINT64_MAX >> (63 - last));
}

/* Where the due list of step @k's block is. */
static uint32_t due_at(const plim_replay *self, uint32_t k)
{
    uint32_t at = k + self->steps[k].length, count = self->stats.step_count;
    return self->is_loop && at >= count ? at - count : at;
}

/* A buffer must be what plim_record_buffers makes of its step. */
static bool is_of_step(const plim_replay *self, const plim_plan_buffer *b)
{
    plim_plan_buffer wanted;
    size_t n = 0;
    if (b->id >= self->stats.step_count || self->slots[b->id].zones) {
        return false;
    }
    plim_record_buffer(self->steps, self->stats.step_count, (uint32_t)b->id, self->is_loop, &wanted,
                       &n);
    return n == 1 && b->lower == wanted.lower && b->upper == wanted.upper &&
           b->size_bytes == wanted.size_bytes && b->align_bytes == wanted.align_bytes;
}

static plim_status add_buffer(plim_replay *self, const plim_plan_buffer *b, uint64_t height,
                              plim_error *err)
{
    uint64_t end;
    if (!is_of_step(self, b)) {
        plim_status s = PLIM_FAIL(err, PLIM_E_MISMATCH, .what = "buffer of a recorded step");
        plim_error_detail(err, "buffer %llu", (unsigned long long)b->id);
        return s;
    }
    if (!bytes_add(b->offset_bytes, b->size_bytes, &end) || end > height) {
        plim_status s = PLIM_FAIL(err, PLIM_E_RANGE, .what = "place of a recorded step",
                                  .want = b->offset_bytes, .limit = height);
        plim_error_detail(err, "buffer %llu", (unsigned long long)b->id);
        return s;
    }
    uint32_t k = (uint32_t)b->id;
    self->slots[k] = (serve_slot){.offset_bytes = b->offset_bytes,
                                  .zones = zones_of(b->offset_bytes, b->size_bytes, height)};
    uint32_t *place = find_place(self, b->offset_bytes);
    *place = *place ? *place : k + 1;
    self->slots[k].same = *place - 1;
    due_list *due = &self->due[due_at(self, k)];
    self->slots[k].next_due = due->head;
    due->head = k + 1;
    return PLIM_OK;
}

plim_status plim_replay_init(void *memory, size_t memory_bytes, const plim_record_step *steps,
                             uint32_t step_count, const plim_plan_buffer *buffers,
                             size_t buffer_count, uint64_t height_bytes, bool is_loop,
                             plim_replay **out, plim_error *err)
{
    size_t need = plim_replay_bytes(step_count);
    *out = NULL;
    if (need == 0 || !memory || memory_bytes < need || (uintptr_t)memory % 16) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "memory of a replay, aligned to 16", .want = need,
                         .have = memory_bytes);
    }
    PLIM_TRY(plim_record_check(steps, step_count, err));
    plim_replay *self = memory;
    memset(self, 0, sizeof(*self));
    self->stats.step_count = step_count;
    self->is_loop = is_loop;
    self->epoch = 1;
    lay_out(self, step_count);
    memcpy(self->steps, steps, step_count * sizeof(steps[0]));
    self->track = (plim_track){.steps = self->steps, .count = step_count, .is_loop = is_loop};
    for (size_t i = 0; i < buffer_count; i++) {
        PLIM_TRY(add_buffer(self, &buffers[i], height_bytes, err));
    }
    *out = self;
    return PLIM_OK;
}

/* ---- time ---- */

static void set_late(plim_replay *self, serve_slot *slot, bool is_late)
{
    slot->state = is_late ? SLOT_LATE : SLOT_FREE;
    for (uint64_t left = slot->zones; left; left &= left - 1) {
        uint32_t zone = (uint32_t)__builtin_ctzll(left);
        self->late_in_zone[zone] += is_late ? 1u : UINT32_MAX;
        if (self->late_in_zone[zone] == 0) {
            self->late_mask &= ~(UINT64_C(1) << zone);
        }
    }
    self->late_mask |= is_late ? slot->zones : 0;
    self->late_count += is_late ? 1u : UINT32_MAX;
}

/* The run reaches step @k: whoever should be gone by now and is not, is late. */
static void reach(plim_replay *self, uint32_t k)
{
    due_list *due = &self->due[k];
    if (due->epoch != self->epoch || due->count == 0) {
        return;
    }
    for (uint32_t i = due->head; i; i = self->slots[i - 1].next_due) {
        serve_slot *slot = &self->slots[i - 1];
        if (slot->state == SLOT_TIMELY && slot->epoch == self->epoch) {
            set_late(self, slot, true);
        }
    }
    due->count = 0;
}

/* Nothing is known any more about when the live blocks will be gone. */
static void start_over(plim_replay *self)
{
    self->epoch++;
    self->stale_count = self->stats.live_count;
    self->late_count = 0;
    self->late_mask = 0;
    memset(self->late_in_zone, 0, sizeof(self->late_in_zone));
}

void plim_replay_begin(plim_replay *self, bool on)
{
    bool was_whole =
        self->is_loop && self->is_on && on && self->track.cursor == 0 && self->track.odd_count == 0;
    if (!was_whole) {
        start_over(self);
    }
    self->is_on = on;
    self->stats.is_on = on;
    self->stats.turn_count += !was_whole || self->stats.turn_count == 0;
    plim_track_begin(&self->track);
}

/* ---- calls ---- */

static bool miss(plim_replay *self, plim_replay_reason reason, uint32_t step, uint64_t asked)
{
    plim_replay_stats *s = &self->stats;
    self->misses[s->miss_count % MISSES_MAX] = (plim_replay_miss){
        .call = s->call_count - 1,
        .turn = s->turn_count ? s->turn_count - 1 : 0,
        .step = step,
        .reason = reason,
        .recorded_bytes = step < s->step_count ? self->steps[step].size_bytes : 0,
        .asked_bytes = asked};
    s->miss_count++;
    s->miss_by_reason[reason]++;
    return false;
}

/* Which step is this call? Time goes on to it. */
static uint32_t follow(plim_replay *self, uint64_t size_bytes)
{
    uint32_t from = self->track.cursor, odd = self->track.odd_count;
    uint32_t k = plim_track_next(&self->track, size_bytes);
    if (k == PLIM_STEP_NONE) {
        return k;
    }
    if (self->track.was_start) {
        start_over(self);
        self->stats.turn_count++;
        self->stats.skipped_count += self->stats.step_count - from + k;
        from = 0;
    } else {
        self->stats.skipped_count += k - from;
    }
    for (uint32_t passed = from; passed <= k; passed++) {
        reach(self, passed);
    }
    self->stats.resync_count += odd > 0;
    self->stats.turn_count += self->is_loop && self->track.cursor == 0;
    return k;
}

bool plim_replay_alloc(plim_replay *self, uint64_t size_bytes, uint64_t align_bytes,
                       uint64_t *out_offset)
{
    plim_replay_stats *s = &self->stats;
    uint64_t size = size_bytes ? size_bytes : 1;
    s->call_count++;
    if (!self->is_on) {
        return miss(self, PLIM_REPLAY_OFF, s->step_count, size);
    }
    uint32_t at = self->track.cursor, k = follow(self, size);
    if (k == PLIM_STEP_NONE) {
        return miss(self, at == s->step_count ? PLIM_REPLAY_PAST_END : PLIM_REPLAY_UNEXPECTED, at,
                    size);
    }
    serve_slot *slot = &self->slots[k];
    const plim_record_step *step = &self->steps[k];
    if (slot->zones == 0) {
        s->elsewhere_count++;
        return false;
    }
    if (size > step->size_bytes) {
        return miss(self, PLIM_REPLAY_LARGER, k, size);
    }
    if (align_bytes > 1 && align_bytes > step->align_bytes) {
        return miss(self, PLIM_REPLAY_STRICTER, k, size);
    }
    if (self->stale_count || (self->late_mask & slot->zones) || slot->state != SLOT_FREE) {
        return miss(self, PLIM_REPLAY_OCCUPIED, k, size);
    }
    due_list *due = &self->due[due_at(self, k)];
    due->count = (due->epoch == self->epoch ? due->count : 0) + 1;
    due->epoch = self->epoch;
    slot->state = SLOT_TIMELY;
    slot->epoch = self->epoch;
    slot->served_bytes = size;
    self->slots[slot->same].live = k + 1;
    s->hit_count++;
    s->live_count++;
    s->live_bytes += size;
    s->live_peak_bytes = s->live_bytes > s->live_peak_bytes ? s->live_bytes : s->live_peak_bytes;
    *out_offset = slot->offset_bytes;
    return true;
}

bool plim_replay_free(plim_replay *self, uint64_t offset_bytes, uint64_t *out_bytes)
{
    uint32_t *place = find_place(self, offset_bytes);
    if (!*place || !self->slots[*place - 1].live) {
        return false;
    }
    uint32_t k = self->slots[*place - 1].live - 1;
    serve_slot *slot = &self->slots[k];
    self->slots[*place - 1].live = 0;
    *out_bytes = slot->served_bytes;
    if (slot->epoch != self->epoch) {
        self->stale_count--;
    } else if (slot->state == SLOT_LATE) {
        set_late(self, slot, false);
    } else {
        self->due[due_at(self, k)].count--;
    }
    slot->state = SLOT_FREE;
    self->stats.live_count--;
    self->stats.live_bytes -= slot->served_bytes;
    return true;
}

/* ---- reading ---- */

void plim_replay_read(const plim_replay *self, plim_replay_stats *out)
{
    *out = self->stats;
    out->cursor = self->track.cursor;
}

size_t plim_replay_misses(const plim_replay *self, plim_replay_miss *out, size_t limit)
{
    uint64_t total = self->stats.miss_count;
    size_t n = total < MISSES_MAX ? (size_t)total : MISSES_MAX;
    n = n < limit ? n : limit;
    for (size_t i = 0; i < n; i++) {
        out[i] = self->misses[(total - 1 - i) % MISSES_MAX];
    }
    return n;
}

const char *plim_replay_reason_text(plim_replay_reason reason)
{
    switch (reason) {
#define REASON_TEXT(name, number, text)                                                            \
    case PLIM_REPLAY_##name:                                                                       \
        return text;
        PLIM_REPLAY_REASON_LIST(REASON_TEXT)
#undef REASON_TEXT
    }
    return "?";
}
