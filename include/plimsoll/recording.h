/* SPDX-License-Identifier: Apache-2.0 */
/* recording.h - from the allocations of one run to planned offsets for the next.
 *
 * A backend or framework asks for the same blocks in the same order, run after run. Record one
 * run (or several), find the loop in it, plan it, and serve the following runs in O(1) a call:
 *
 *     record    plim_recorder        alloc and free, as they come
 *     loop      plim_record_loop     one iteration that stands for all of them
 *     plan      plim_record_buffers  an instance for the planner
 *     serve     plim_replay          offsets, and a named reason whenever there is none
 *
 * A *step* is one allocation: the k-th of a run is step k. A block lives for @length steps:
 * it was freed before step k + length was asked for. So two frees in a row may change places
 * without changing anything, and the most bytes alive at a step are those of the run, exactly.
 *
 * What varies is not an error. Sizes at one step are a range over all recorded runs, and its
 * upper end is planned; a run that asks for more, or for something in between, gets "no" for
 * that call, takes the block elsewhere and is back on the plan a few calls later.
 *
 * Nothing here allocates or touches the planned bytes.
 */
#ifndef PLIMSOLL_RECORDING_H
#define PLIMSOLL_RECORDING_H

#include "plimsoll/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PLIM_STEP_NONE      UINT32_MAX
#define PLIM_STEPS_MAX      (1u << 24) /* of one recording */
#define PLIM_STEP_ALIGN_MAX (UINT64_C(1) << 30)

typedef struct plim_record_step {
    uint64_t size_bytes;  /* most asked for at this step over the runs merged */
    uint64_t least_bytes; /* least asked for */
    uint64_t align_bytes; /* strictest; 0: 1 */
    uint32_t length;      /* in steps, > 0; PLIM_STEP_NONE: outlives the recording */
    uint32_t run_count;   /* runs or iterations merged, at least 1 */
} plim_record_step;

/* ---- record ---- */

typedef struct plim_recorder plim_recorder;

/* plim_recorder_bytes - memory for @step_limit steps; 0: the limit is 0 or above
 * PLIM_STEPS_MAX. */
PLIM_API size_t plim_recorder_bytes(uint32_t step_limit);

/* plim_recorder_init - an empty recording in @memory.
 *
 * Owns:    keeps @memory, aligned to 16, until the caller is done; there is no deinit.
 * Errors:  E_ARG  memory too small or not aligned, or a step_limit that cannot be. */
PLIM_API PLIM_MUST_USE plim_status plim_recorder_init(void *memory, size_t memory_bytes,
                                                      uint32_t step_limit, plim_recorder **out,
                                                      plim_error *err);

/* plim_recorder_alloc - the next step. @key names the block until its free: its address or
 * an id. A size of 0 is recorded as 1. After a failure the recording is void.
 *
 * Owns:    borrows all.
 * Errors:  E_RANGE  step_limit steps are there, or the alignment is above PLIM_STEP_ALIGN_MAX.
 *          E_STATE  a block of this key is alive.  E_ARG  alignment not a power of two. */
PLIM_API PLIM_MUST_USE plim_status plim_recorder_alloc(plim_recorder *self, uint64_t key,
                                                       uint64_t size_bytes, uint64_t align_bytes,
                                                       plim_error *err);

/* plim_recorder_free - false: no block of this key is alive in the recording. */
PLIM_API bool plim_recorder_free(plim_recorder *self, uint64_t key);

/* plim_recorder_steps - what was recorded, lent until the next alloc or free; NULL when it is
 * void. *out_count is the number of steps in either case. */
PLIM_API const plim_record_step *plim_recorder_steps(const plim_recorder *self,
                                                     uint32_t *out_count);

/* plim_recorder_peak_bytes - most bytes alive at once; UINT64_MAX when the sum overflowed. */
PLIM_API uint64_t plim_recorder_peak_bytes(const plim_recorder *self);

/* ---- loops and several runs ---- */

/* Steps [first, first + period * repeats) are @repeats iterations of one loop. */
typedef struct plim_record_loop {
    uint32_t first, period, repeats;
    uint64_t carried_bytes; /* alive where an iteration begins */
} plim_record_loop;

/* plim_record_loop_scratch_bytes - for plim_record_loop_find; 0 on overflow. */
PLIM_API size_t plim_record_loop_scratch_bytes(uint32_t count);

/* plim_record_loop_find - the loop that covers most of the end of a recording.
 *
 * Sizes of one step may differ by up to a factor of four between iterations (a prompt's
 * length, a cache that grows). An iteration is cut where least is alive. When a block lives
 * longer than one iteration, the period is a multiple that holds it. No loop: repeats is 1
 * and the period is the whole recording.
 *
 * Owns:    borrows all. Memory: @scratch of plim_record_loop_scratch_bytes(count), aligned to 8.
 * Cost:    O(count) but for adversarial recordings, where it is O(count^2).
 * Errors:  E_ARG  scratch too small, or a step is malformed (detail names it). */
PLIM_API PLIM_MUST_USE plim_status plim_record_loop_find(const plim_record_step *steps,
                                                         uint32_t count, void *scratch,
                                                         size_t scratch_bytes,
                                                         plim_record_loop *out, plim_error *err);

/* plim_record_loop_fold - all iterations of @loop as one, in @out (@loop->period steps): the
 * most and least of each size, the longest life. What the recording's end cut off lives as
 * long as in the iterations before.
 *
 * Owns:    borrows all.
 * Errors:  E_RANGE  the loop is not within the recording. */
PLIM_API PLIM_MUST_USE plim_status plim_record_loop_fold(const plim_record_step *steps,
                                                         uint32_t count,
                                                         const plim_record_loop *loop,
                                                         plim_record_step *out, plim_error *err);

/* plim_record_merge - widen @into by another recording of the same run: steps are matched as
 * a replay would match them, so a run with other branches or another length may be merged.
 * *out_left_out: its steps that @into has no place for. (NULL: not asked.)
 *
 * Owns:    borrows all.
 * Errors:  E_ARG  a step is malformed; detail names it. */
PLIM_API PLIM_MUST_USE plim_status plim_record_merge(plim_record_step *into, uint32_t into_count,
                                                     const plim_record_step *from,
                                                     uint32_t from_count, uint32_t *out_left_out,
                                                     plim_error *err);

/* ---- plan ---- */

/* plim_record_buffers - the steps as an instance for the planner.
 *
 * @out has room for @count; id is the step. Blocks that outlive the recording are left out, as
 * are those that live longer than an iteration: they are for a dynamic region. In a loop, a
 * block that is freed in the next iteration lives from the start to the end, with a gap where
 * it does not. @gaps has room for @count; NULL: without gaps, which never does harm but costs
 * memory.
 *
 * Owns:    borrows all; *out_count buffers and *out_gap_count (NULL with @gaps) are filled.
 * Errors:  E_ARG  a step is malformed; detail names it. */
PLIM_API PLIM_MUST_USE plim_status plim_record_buffers(const plim_record_step *steps,
                                                       uint32_t count, bool is_loop,
                                                       plim_plan_buffer *out, size_t *out_count,
                                                       plim_plan_gap *gaps, size_t *out_gap_count,
                                                       plim_error *err);

/* ---- serve ---- */

/* Why a call got no planned place. */
#define PLIM_REPLAY_REASON_LIST(X)                                                                 \
    X(OFF, 0, "the run does not use the plan")                                                     \
    X(LARGER, 1, "larger than recorded")                                                           \
    X(STRICTER, 2, "stricter aligned than recorded")                                               \
    X(OCCUPIED, 3, "a block that should be free by now lies there")                                \
    X(UNEXPECTED, 4, "not what the recording has here")                                            \
    X(PAST_END, 5, "the recorded run is over")

typedef enum plim_replay_reason {
#define PLIM_REPLAY_REASON_ENUM(name, number, text) PLIM_REPLAY_##name = (number),
    PLIM_REPLAY_REASON_LIST(PLIM_REPLAY_REASON_ENUM)
#undef PLIM_REPLAY_REASON_ENUM
} plim_replay_reason;

#define PLIM_REPLAY_REASON_COUNT 6

PLIM_API const char *plim_replay_reason_text(plim_replay_reason reason);

typedef struct plim_replay_miss {
    uint64_t call; /* number of the call since init, from 0 */
    uint64_t turn; /* number of the run or iteration, from 0 */
    uint32_t step; /* where the recording stood; its step count: past the end */
    plim_replay_reason reason;
    uint64_t recorded_bytes; /* size at that step; 0: none */
    uint64_t asked_bytes;
} plim_replay_miss;

typedef struct plim_replay_stats {
    uint64_t call_count, hit_count;
    uint64_t elsewhere_count; /* calls that the plan leaves to others: their blocks outlive it */
    uint64_t miss_count;      /* calls that the plan should have served and did not */
    uint64_t miss_by_reason[PLIM_REPLAY_REASON_COUNT];
    uint64_t skipped_count;               /* recorded steps that no call came for */
    uint64_t resync_count;                /* times that a run came back to the recording */
    uint64_t turn_count;                  /* runs or iterations begun */
    uint64_t live_bytes, live_peak_bytes; /* asked for, of blocks in planned places */
    uint32_t live_count, step_count, cursor;
    bool is_on;
} plim_replay_stats;

typedef struct plim_replay plim_replay;

/* plim_replay_bytes - memory for a plan of @step_count steps; 0: none, or too many. At most
 * PLIM_REPLAY_STEP_BYTES for each step, and PLIM_REPLAY_BASE_BYTES. */
#define PLIM_REPLAY_STEP_BYTES 112u
#define PLIM_REPLAY_BASE_BYTES 2048u
PLIM_API size_t plim_replay_bytes(uint32_t step_count);

/* plim_replay_init - make ready to serve @steps from the offsets in @buffers.
 *
 * @buffers is what plim_record_buffers gave, solved and verified (plim_plan_verify, or with
 * gaps plim_plan_problem_verify): the places are held against the steps here, not against one
 * another.
 *
 * Owns:    keeps @memory, aligned to 16; borrows the rest.
 * Threads: one thread, or the caller's lock.
 * Errors:  E_ARG       memory too small or not aligned, no steps.
 *          E_MISMATCH  a buffer is not that of its step (detail names it).
 *          E_RANGE     a place ends above @height_bytes. */
PLIM_API PLIM_MUST_USE plim_status
plim_replay_init(void *memory, size_t memory_bytes, const plim_record_step *steps,
                 uint32_t step_count, const plim_plan_buffer *buffers, size_t buffer_count,
                 uint64_t height_bytes, bool is_loop, plim_replay **out, plim_error *err);

/* plim_replay_begin - a run or an iteration begins. Where nobody knows that, one call at the
 * start is enough: the start is recognised by its first steps. @on false: this run is not to
 * use the plan. Blocks of earlier runs keep their places until they are freed. */
PLIM_API void plim_replay_begin(plim_replay *self, bool on);

/* plim_replay_alloc - a planned place for the next block, if there is one.
 *
 * True: [*out_offset, *out_offset + size_bytes) is in the plan and no live block overlaps it,
 * whatever order the run took. False: serve it elsewhere; the reason is in the statistics.
 * Cost: O(1); off the recording, a look at the next 64 steps; one step for each block that
 * is found late. */
PLIM_API bool plim_replay_alloc(plim_replay *self, uint64_t size_bytes, uint64_t align_bytes,
                                uint64_t *out_offset);

/* plim_replay_free - false: no planned block begins at @offset_bytes. *out_bytes: what was
 * asked for. O(1). */
PLIM_API bool plim_replay_free(plim_replay *self, uint64_t offset_bytes, uint64_t *out_bytes);

PLIM_API void plim_replay_read(const plim_replay *self, plim_replay_stats *out);

/* plim_replay_misses - the latest misses, newest first; returns how many (at most 16). */
PLIM_API size_t plim_replay_misses(const plim_replay *self, plim_replay_miss *out, size_t limit);

#ifdef __cplusplus
}
#endif
#endif
