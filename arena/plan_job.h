/* SPDX-License-Identifier: Apache-2.0 */
/* plan_job.h - memory of a job, for plan.c's flat face. */
#ifndef ARENA_PLAN_JOB_H
#define ARENA_PLAN_JOB_H

#include "plimsoll/plan.h"

/* As plim_plan_job_bytes, of counts alone: greedy, one worker. 0 on overflow. */
size_t plan_job_flat_bytes(size_t buffer_count);

#endif
