/* SPDX-License-Identifier: Apache-2.0 */
/* peak.h - what a child of bench_peak loads, and what it tells; the ONNX Runtime part of it. */
#ifndef BENCH_SUPPORT_PEAK_H
#define BENCH_SUPPORT_PEAK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEAK_ENGINES_MAX 4

typedef struct peak_job {
    const char *folder, *kind; /* raw, lz4: opaque engines; onnx: models */
    uint64_t payload_bytes[PEAK_ENGINES_MAX];
    size_t count;
} peak_job;

typedef struct peak_outcome {
    uint64_t elapsed_ns, huge_bytes, window_bytes;
    char path[128];
} peak_outcome;

/* ---- models through ONNX Runtime: generated multilayer perceptrons, random weights ---- */

/* Is there a library? Says on stdout why not. Asked in a child: this process stays without it. */
bool peak_ort_is_there(void);
/* Bytes of weights that a model of about @bytes has: whole layers. */
uint64_t peak_ort_payload(uint64_t bytes);
/* Model with its data file, container, and below 2 GB one file with everything; once. */
void peak_ort_make(const char *folder, uint64_t bytes, uint64_t seed);
/* May the whole model be one protobuf message? */
bool peak_ort_fits_inline(const peak_job *job);
/* Page cache left of all files of the job, after dropping it when @evict. */
uint64_t peak_ort_cached(const peak_job *job, bool evict);

/* One way to load every model of the job and run each once. */
void peak_ort_ours(const peak_job *job, peak_outcome *out);       /* the runtime, in place */
void peak_ort_own_path(const peak_job *job, peak_outcome *out);   /* CreateSession, data file */
void peak_ort_own_inline(const peak_job *job, peak_outcome *out); /* CreateSession, one file */
void peak_ort_read_array(const peak_job *job, peak_outcome *out); /* read, then FromArray */

#endif
