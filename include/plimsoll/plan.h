/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h - the static planner: lifetimes in, offsets out.
 *
 * A buffer lives over a half-open interval of steps [lower, upper). Buffers whose intervals
 * overlap must not overlap in memory. The planner gives every buffer an offset and says how
 * high the pile is, what no plan can be lower than, and whether the answer is proven optimal.
 *
 * Two faces: a flat array of buffers (plim_plan_solve), and a problem (plim_plan_problem_solve)
 * that adds what real engines need: gaps in a lifetime, outputs that reuse an input, regions
 * with caps of their own, stages that never run at the same time. Either is checked by a
 * verifier that shares no code with the planner.
 *
 * Deterministic: the same input, options and node limit give the same bytes on every machine
 * and for every number of threads, unless should_stop ended the search.
 * Owns:    everything is borrowed until the call returns; a job borrows until job_finish.
 * Memory:  no malloc; each call says beforehand how much scratch it needs, aligned to 16.
 */
#ifndef PLIMSOLL_PLAN_H
#define PLIMSOLL_PLAN_H

#include <stdbool.h>

#include "plimsoll/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what is to be planned ---- */

#define PLIM_PLAN_REGIONS_MAX 256u
#define PLIM_PLAN_STAGES_MAX  65536u

typedef struct plim_plan_buffer {
    uint64_t id;           /* the caller's, unique; reported in errors */
    uint32_t lower, upper; /* half-open steps of its stage, lower < upper */
    uint64_t size_bytes;   /* > 0 */
    uint64_t align_bytes;  /* power of two; 0: 1 */
    uint64_t offset_bytes; /* in: where it must lie when is_fixed; out: where it lies */
    bool is_fixed;
    bool is_in_every_stage; /* alive in all steps of all stages; its own steps are not read */
    uint16_t region;        /* index into the problem's regions; 0 when there are none */
    uint32_t stage;         /* below the problem's stage_count; 0 when there is one */
} plim_plan_buffer;

/* Steps in which a buffer holds nothing of worth, though it lives before and after: others may
 * use its bytes. Strictly inside the lifetime, and apart from the buffer's other gaps. */
typedef struct plim_plan_gap {
    uint32_t buffer; /* index into the problem's buffers */
    uint32_t lower, upper;
} plim_plan_gap;

/* The output may take over the input's memory: it is made in the input's last step
 * (output.lower + 1 == input.upper) and computed in place. The two then have one offset; else
 * they lie apart as others do. An output may have several inputs to choose from. */
typedef struct plim_plan_pair {
    uint32_t input, output; /* indices into the problem's buffers */
} plim_plan_pair;

/* What the planner can say. */
typedef enum plim_plan_verdict {
    PLIM_PLAN_UNKNOWN = 0,    /* no plan under the capacity was found, and none is excluded */
    PLIM_PLAN_FEASIBLE = 1,   /* a plan; a lower one may exist */
    PLIM_PLAN_OPTIMAL = 2,    /* a plan, and no lower one exists */
    PLIM_PLAN_INFEASIBLE = 3, /* proven: no plan under the capacity exists */
} plim_plan_verdict;

/* A memory of its own: offsets begin at 0 in each. */
typedef struct plim_plan_region {
    uint64_t capacity_bytes;    /* in; 0: none */
    uint64_t height_bytes;      /* out: highest byte used + 1 */
    uint64_t lower_bound_bytes; /* out: no plan of this region is lower */
    plim_plan_verdict verdict;  /* out */
} plim_plan_region;

typedef struct plim_plan_problem {
    size_t struct_size;
    plim_plan_buffer *buffers; /* offset_bytes of those that are not fixed is written */
    size_t buffer_count;
    const plim_plan_gap *gaps;
    size_t gap_count;
    const plim_plan_pair *pairs;
    size_t pair_count;
    plim_plan_region *regions; /* outputs are written */
    size_t region_count;       /* 0: one region, its capacity in the options */
    uint32_t stage_count;      /* each has steps of its own and no two run together; 0: one */
} plim_plan_problem;

PLIM_DEFAULTS plim_plan_problem plim_plan_problem_default(void)
{
    plim_plan_problem p = PLIM_ZERO;
    p.struct_size = sizeof(p);
    return p;
}

/* ---- how ---- */

typedef enum plim_plan_effort {
    PLIM_PLAN_GREEDY = 0, /* the lowest of some orders: microseconds for small plans */
    PLIM_PLAN_SEARCH = 1, /* then search until optimal, node_limit or should_stop */
} plim_plan_effort;

typedef enum plim_plan_goal {
    PLIM_PLAN_LOWEST = 0, /* the lowest plan that the effort finds */
    PLIM_PLAN_FITS = 1,   /* stop at the first plan under the capacity */
} plim_plan_goal;

typedef struct plim_plan_opts {
    size_t struct_size;
    uint64_t capacity_bytes;         /* of every region without one of its own; 0: none */
    uint64_t seed;                   /* of the search */
    uint64_t node_limit;             /* of the search, a region; 0: 2^20 */
    bool (*should_stop)(void *user); /* NULL: never; asked often, by any worker */
    void (*improved)(void *user, uint64_t height_bytes, uint64_t lower_bound_bytes); /* or NULL */
    void *user; /* of both; they may be called by all workers at once */
    plim_plan_effort effort;
    plim_plan_goal goal;
    uint32_t worker_count; /* of a job; 0: 1, at most 64 */
} plim_plan_opts;

PLIM_DEFAULTS plim_plan_opts plim_plan_opts_default(void)
{
    plim_plan_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    return o;
}

typedef struct plim_plan_result {
    uint64_t height_bytes;      /* highest byte used + 1; of several regions the sum */
    uint64_t lower_bound_bytes; /* no plan can be lower; of several regions the sum */
    bool is_optimal;            /* verdict is PLIM_PLAN_OPTIMAL */
    plim_plan_verdict verdict;  /* of several regions the weakest; infeasible if one is */
    uint64_t node_count;        /* of the search */
    const char *strategy;       /* static text: what found the plan, of the highest region */
} plim_plan_result;

/* ---- solve ---- */

/* plim_plan_scratch_bytes - what the flat calls need for @count buffers, without search;
 * 0 on overflow. */
PLIM_API size_t plim_plan_scratch_bytes(size_t count);

/* plim_plan_solve - give every buffer an offset: one region, one stage, no gaps, no pairs.
 *
 * Owns:    borrows all; writes offset_bytes of buffers that are not fixed.
 * Memory:  @scratch of plim_plan_scratch_bytes(count), aligned to 16. The effort is greedy,
 *          whatever @opts says: to search, make a problem of the buffers.
 * Cost:    O(n log n) for the first plan; the better orders that follow visit what overlaps
 *          in time and end after a fixed number of visits. 100,000 buffers take about 0.3 s.
 * Errors:  on failure no offset changed.
 *          E_ARG     lower >= upper, size 0, alignment not a power of two, an id twice
 *                    (field says which, detail names the id); scratch too small or askew.
 *          E_RANGE   a sum of sizes and their alignment padding overflows.
 *          E_BUDGET  the best plan found is above capacity_bytes; want is its height, and
 *                    @result has the bound and the verdict (unknown or infeasible).
 *          E_FORMAT  two fixed buffers collide, or one is not aligned as it asks.
 * Source:  arena/plan_valley.c, arena/plan_fit.c.
 */
PLIM_API PLIM_MUST_USE plim_status plim_plan_solve(plim_plan_buffer *buffers, size_t count,
                                                   const plim_plan_opts *opts, void *scratch,
                                                   size_t scratch_bytes, plim_plan_result *result,
                                                   plim_error *err);

/* plim_plan_problem_scratch_bytes - what the calls on a problem need with these options, one
 * worker; 0 on overflow. */
PLIM_API size_t plim_plan_problem_scratch_bytes(const plim_plan_problem *problem,
                                                const plim_plan_opts *opts);

/* plim_plan_problem_solve - give every buffer an offset in its region.
 *
 * Owns:    borrows all; writes offsets, and the outputs of the regions.
 * Errors:  as plim_plan_solve, and on failure no offset changed.
 *          E_ARG     also: a gap that is not inside its lifetime or meets another, a pair that
 *                    does not meet in one step or crosses regions or stages, a region, stage
 *                    or index that is not there.
 *          E_BUDGET  detail says which region; verdicts and bounds of all regions are written.
 */
PLIM_API PLIM_MUST_USE plim_status plim_plan_problem_solve(const plim_plan_problem *problem,
                                                           const plim_plan_opts *opts,
                                                           void *scratch, size_t scratch_bytes,
                                                           plim_plan_result *result,
                                                           plim_error *err);

/* ---- several threads ----
 *
 * The planner makes no threads. One thread inits a job; then each of worker_count threads
 * calls job_work once with a number of its own below worker_count; when all have returned,
 * one thread finishes. Regions are dealt out by number, so the plan does not depend on who was
 * faster, nor on worker_count; more workers than regions have nothing to do. */
typedef struct plim_plan_job plim_plan_job;

/* plim_plan_job_bytes - memory for a job with opts->worker_count workers; 0 on overflow. */
PLIM_API size_t plim_plan_job_bytes(const plim_plan_problem *problem, const plim_plan_opts *opts);

/* plim_plan_job_init - check the problem and lay the job out in @memory.
 *
 * Owns:    keeps @problem's arrays, @opts->user and @memory until job_finish returns.
 * Errors:  those of plim_plan_problem_solve, but for E_BUDGET. *out is NULL on failure.
 */
PLIM_API PLIM_MUST_USE plim_status plim_plan_job_init(const plim_plan_problem *problem,
                                                      const plim_plan_opts *opts, void *memory,
                                                      size_t memory_bytes, plim_plan_job **out,
                                                      plim_error *err);

/* plim_plan_job_work - worker @worker's share. Returns when there is nothing left for it. */
PLIM_API void plim_plan_job_work(plim_plan_job *self, uint32_t worker);

/* plim_plan_job_finish - the best plan into the problem's buffers; errors as problem_solve. */
PLIM_API PLIM_MUST_USE plim_status plim_plan_job_finish(plim_plan_job *self,
                                                        plim_plan_result *result, plim_error *err);

/* ---- check ---- */

/* plim_plan_verify - does this plan keep overlapping lifetimes apart, aligned, under the
 * height? O(n log n); shares no code with the planner.
 *
 * Owns:    borrows all; changes nothing.
 * Memory:  @scratch of plim_plan_verify_bytes(count), less than the planner's; 0 on overflow.
 * Errors:  E_FORMAT  err->detail names the two buffers that collide, or the one that is high,
 *                    misaligned or malformed; field says which of its fields.
 *          E_ARG     scratch too small or not aligned.
 */
PLIM_API PLIM_MUST_USE plim_status plim_plan_verify(const plim_plan_buffer *buffers, size_t count,
                                                    uint64_t height_bytes, void *scratch,
                                                    size_t scratch_bytes, plim_error *err);

PLIM_API size_t plim_plan_verify_bytes(size_t count);

/* plim_plan_problem_verify - the same for a problem: gaps, pairs, regions and stages.
 *
 * Every region must end at or below its height_bytes; with no regions, @height_bytes holds
 * (it is not read otherwise). O(n log n) in buffers, gaps and pairs; shares no code.
 * Owns:    borrows all; changes nothing.
 * Memory:  @scratch of plim_plan_problem_verify_bytes(problem).
 * Errors:  as plim_plan_verify; E_FORMAT also for gaps, pairs, regions and stages that are
 *          not well formed.
 */
PLIM_API PLIM_MUST_USE plim_status plim_plan_problem_verify(const plim_plan_problem *problem,
                                                            uint64_t height_bytes, void *scratch,
                                                            size_t scratch_bytes, plim_error *err);
PLIM_API size_t plim_plan_problem_verify_bytes(const plim_plan_problem *problem);

/* plim_plan_lower_bound - what no plan of these buffers can be lower than: docs/planner.md.
 * UINT64_MAX when plim_plan_solve would refuse the
 * buffers, or @scratch is not that of plim_plan_scratch_bytes(count). */
PLIM_API uint64_t plim_plan_lower_bound(const plim_plan_buffer *buffers, size_t count,
                                        void *scratch, size_t scratch_bytes);

#ifdef __cplusplus
}
#endif
#endif
