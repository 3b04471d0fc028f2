/* SPDX-License-Identifier: Apache-2.0 */
/* cancel.h - a caller's flag, carried into a run that is under way. */
#ifndef BACKEND_ONNXRUNTIME_CANCEL_H
#define BACKEND_ONNXRUNTIME_CANCEL_H

#include <stdbool.h>

#include "src/backend/onnxruntime/library.h"

typedef struct plim_ort_watch plim_ort_watch;
struct plim_ort_watch {
    plim_ort_watch *next;
    const plim_ort *ort;
    ort_run_options *options;
    const volatile bool *flag;
    bool was_told; /* the run was asked to stop */
};

/* An engine says that it exists, so that the watching thread lives no longer than they do. */
void plim_ort_watch_join(void);
void plim_ort_watch_part(void);

/* plim_ort_watch_begin, plim_ort_watch_end - around one run. end returns whether the run was
 * asked to stop; afterwards nobody touches @options. Errors: E_NOMEM no thread to be had. */
PLIM_MUST_USE plim_status plim_ort_watch_begin(plim_ort_watch *self, plim_error *err);
bool plim_ort_watch_end(plim_ort_watch *self);

#endif
