/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.h - what a look at a machine, and at a deployment on it, has found. */
#ifndef TOOLS_PLIMSOLL_DOCTOR_H
#define TOOLS_PLIMSOLL_DOCTOR_H

#include "plimsoll/headroom.h"
#include "plimsoll/policy.h"
#include "plimsoll/telemetry.h"
#include "src/tools/facts_print.h"
#include "src/tools/plimsoll/gpu_charge.h"
#include "src/tools/plimsoll/predict.h"
#include "src/tools/plimsoll/tool.h"

#define DOCTOR_FINDINGS_MAX 128u
#define DOCTOR_MISSING_MAX  8u

/* Beyond the codes of all commands: it would run, and there is something to say. */
enum {
    DOCTOR_EXIT_ADVICE = 10,
    DOCTOR_EXIT_WARNINGS = 11,
};

typedef struct doctor_finding {
    plim_action level;
    plim_verdict verdict;                /* UNDECIDED: a fact is missing */
    char id[64], about[PLIM_NAME_BYTES]; /* about: an engine; "" the machine */
    plim_rule rule;                      /* slices of the policy; empty for our own findings */
    char why[640], remedy[320];          /* of our own findings; else the rule's */
    plim_fact_id missing[DOCTOR_MISSING_MAX];
    size_t missing_count;
} doctor_finding;

typedef struct doctor_engine {
    const manifest_engine *from;
    bool is_open, fits;
    char precision_asked[16], precision_found[16], format[32], built_on[64];
    uint64_t payload_bytes;
    char *card_json;    /* for a report; NULL: not wanted */
    plim_error refusal; /* why not: field, wanted, found */
} doctor_engine;

typedef struct doctor_options {
    const char *root, *snapshot; /* root "": this machine; snapshot may be NULL */
    option_list policies;
    const char *manifest_path; /* NULL: none */
    const char *environment;   /* a file of NAME=value; NULL: this process's, on this machine */
    const char *probe_gpu;     /* a driver's library, "" for its own; NULL: do not ask */
    const char *report, *run_report, *black_box; /* NULL: none */
    bool all, json;
} doctor_options;

typedef struct doctor { /* large: static */
    doctor_options o;
    plim_policy policy;
    machine_facts machine;
    plim_headroom headroom;
    gpu_charge charge;
    plim_telemetry_sample sample; /* zero: nothing answers */
    plim_host host;
    manifest m;
    bool has_headroom, has_manifest, has_plan;
    doctor_engine engines[MANIFEST_ENGINES_MAX];
    prediction plan;
    doctor_finding findings[DOCTOR_FINDINGS_MAX]; /* hits by level, then the undecided */
    size_t finding_count, left_out;
    size_t refuse_count, warn_count, advise_count, undecided_count, needs_card_count;
} doctor;

/* Looks. False: it could not, *code is what to exit with, and stderr says why. */
bool doctor_look(doctor *d, tool_exit *code);
/* The deployment's part of it. */
bool doctor_engines(doctor *d, tool_exit *code);
/* A finding of our own, beside those of the rules. */
void doctor_find(doctor *d, plim_action level, const char *id, const char *about, const char *why,
                 const char *remedy);
/* Holds the rules against @facts; about an engine, only those that ask for its card. */
void doctor_rules(doctor *d, const plim_facts *facts, const char *about);
int doctor_exit(const doctor *d);
const char *doctor_verdict(const doctor *d); /* "fine", "advice", "warnings", "refused" */

/* The rows of what can be had now: those of the wall that binds, and those of every wall. */
bool doctor_is_shown_row(const plim_headroom *h, const plim_headroom_row *row);
void doctor_print(const doctor *d, FILE *to, bool color);
void doctor_json(const doctor *d, FILE *to);
/* All of it, and the captured machine, as an archive at @path, which must not be there. */
tool_exit doctor_report(const doctor *d, const char *path);

#endif
