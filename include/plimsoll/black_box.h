/* SPDX-License-Identifier: Apache-2.0 */
/* black_box.h - what a runtime leaves behind, and how to read it afterwards.
 *
 * A runtime that is given a path (plim_runtime_opts.black_box_path) keeps one file of fixed
 * size, mapped shared: the published account at offset 0, so that the file also serves whoever
 * wants the live account, and behind it a ring of records: log lines of level info and above,
 * samples of the account and of the machine's sensors, refusals with their holders. The file stays
 * when the runtime is closed and when its process is killed; the box before it is kept as
 * PATH.previous.
 *
 * What is lost. By SIGKILL: the record that was being written, nothing else. By a power cut: on a
 * tmpfs everything; on a disk what the kernel had not written yet (up to half a minute, and pages
 * in any order: the check sums tell which records are whole).
 *
 * Here is the reader. It takes the bytes of a file, from anyone: a file that is cut or damaged
 * gives fewer records, never wrong ones.
 */
#ifndef PLIMSOLL_BLACK_BOX_H
#define PLIMSOLL_BLACK_BOX_H

#include "plimsoll/budget.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PLIM_BLACK_BOX_BYTES         (UINT64_C(1) << 20)  /* of the ring, unless told otherwise */
#define PLIM_BLACK_BOX_LEAST_BYTES   (UINT64_C(16) << 10) /* smaller ones are refused */
#define PLIM_BLACK_BOX_MOST_BYTES    (UINT64_C(1) << 30)
#define PLIM_BLACK_BOX_LINE_BYTES    2048 /* the longest line, with its NUL */
#define PLIM_BLACK_BOX_PREVIOUS_TAIL ".previous"

/* What a record is; the numbers are stored. */
typedef enum plim_box_kind {
    PLIM_BOX_LINE = 1,      /* a log line: one JSON object */
    PLIM_BOX_SAMPLE = 2,    /* the account, by tag */
    PLIM_BOX_REFUSAL = 3,   /* what did not fit, and who held what */
    PLIM_BOX_TELEMETRY = 4, /* how the machine was: with each transition, else every tenth sample */
} plim_box_kind;

typedef struct plim_box_sample { /* stored as it is */
    uint64_t used_bytes, peak_bytes;
    uint64_t tag_bytes[PLIM_TAG_COUNT];
    uint64_t refusal_count; /* of the whole account so far, recorded or not */
} plim_box_sample;

typedef struct plim_box_refusal { /* stored as it is */
    uint32_t status;              /* plim_status */
    int32_t os_errno;
    uint64_t want_bytes, have_bytes, limit_bytes;
    char event[32];               /* "load_failed" */
    char engine[PLIM_NAME_BYTES]; /* or another owner; "" when it is about none */
    char what[64], detail[256];
    plim_holder holders[PLIM_ERROR_HOLDERS]; /* largest first; bytes 0 = unused */
} plim_box_refusal;

#define PLIM_BOX_UNKNOWN INT64_MIN     /* missing, or stale when the sample was taken */
typedef struct plim_box_telemetry {    /* stored as it is; units as in telemetry.h */
    uint64_t number, transition_count; /* of the sample; told before it */
    int64_t hottest, throttled, power, gpu_load, gpu_asleep;
    int64_t gpu_hertz, gpu_cap_hertz, emc_hertz, cpu_hertz, cpu_cap_hertz; /* cpu: the fastest */
    int64_t available_bytes, swap_free_bytes, group_usage_bytes, group_limit_bytes;
    int64_t psi_memory_some, psi_memory_full_us, major_fault, oom_kill;
    char hottest_zone[24];
} plim_box_telemetry;

typedef struct plim_box_record {
    plim_box_kind kind;
    uint32_t level;   /* plim_log_level */
    uint64_t ns;      /* monotonic time of the machine that wrote it */
    uint64_t wall_ns; /* since 1970 */
    union {
        char line[PLIM_BLACK_BOX_LINE_BYTES];
        plim_box_sample sample;
        plim_box_refusal refusal;
        plim_box_telemetry telemetry;
    } as;
} plim_box_record;

/* Whose box it is and how it ended. */
typedef struct plim_box_facts {
    char program[64], version[16], board[64], boot_id[40];
    uint32_t pid;
    bool is_closed;  /* by its maker; false: it was killed, or it is still running */
    bool is_damaged; /* these facts themselves do not match their check sum */
    char close_reason[64];
    uint64_t cap_bytes;
    uint64_t start_ns, start_wall_ns, close_ns, close_wall_ns; /* close: 0 unless closed */
    uint64_t peak_bytes, peak_ns, peak_wall_ns; /* the highest that was noticed, and when: at most
                                                 * a second late while verbs are called */
    uint64_t written_count;                     /* records ever put into the ring */
} plim_box_facts;

typedef struct plim_box_reader { /* plain, but for next and rewind alone */
    plim_box_facts facts;
    const plim_budget *account; /* NULL: it is not there or damaged; account_why says which */
    plim_error account_why;
    uint64_t ring_bytes, overwritten_bytes; /* overwritten: of older records */
    uint64_t damaged_bytes;                 /* passed over so far, where no whole record was */
    bool is_recovered;                      /* the ring's ends were found by a scan */
    uint64_t private_words[8];
} plim_box_reader;

/* plim_box_attach - find the account and the ring in the bytes of a file.
 *
 * Owns:    keeps @image, aligned to 8 bytes, until the reader is done. Copy a file whose maker is
 *          still running, do not map it: the account is checked once.
 * Threads: one a reader.
 * Errors:  E_ARG  not aligned.  E_RANGE  too short for any box.  E_FORMAT  no box. */
PLIM_API PLIM_MUST_USE plim_status plim_box_attach(const void *image, size_t image_bytes,
                                                   plim_box_reader *out, plim_error *err);

/* plim_box_next - the next whole record, oldest first. False: there is none.
 * Records of a kind that this version does not know are passed over. Text ends with a NUL. */
PLIM_API bool plim_box_next(plim_box_reader *self, plim_box_record *out);
/* plim_box_rewind - to the oldest record again. */
PLIM_API void plim_box_rewind(plim_box_reader *self);

#ifdef __cplusplus
}
#endif
#endif
