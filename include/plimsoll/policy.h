/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h - what is known about boards, releases, data types and defects, as data.
 *
 * Tables are text in stanzas (plimsoll-policy(5)): a board, a chip, a release, a data type, or a
 * rule whose conditions are held against the facts of a machine (facts.h). Each entry says where
 * it comes from, how sure it is and until when somebody must look again. The tables of this
 * release are compiled in; a person adds files of the same form, and an entry with the id of an
 * earlier one takes its place.
 *
 * Nothing is stored: an entry is a set of slices of the text, and walking the tables parses them
 * again. So a policy is a small plain struct, needs no memory, and all its readers may run at the
 * same time. A condition over a fact that nobody could read is undecided, which is neither yes
 * nor no. A doubtful entry may advise; it never warns or refuses, whoever wrote it.
 */
#ifndef PLIMSOLL_POLICY_H
#define PLIMSOLL_POLICY_H

#include "plimsoll/facts.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A part of a text that somebody else holds; not terminated. Prose may run over several lines,
 * each further one indented: plim_slice_copy joins them. */
typedef struct plim_slice {
    const char *at; /* NULL when there is none */
    size_t bytes;
} plim_slice;

/* plim_slice_copy - the slice as one line into @buffer, terminated and cut to fit.
 * As snprintf: returns what the whole text needs without its NUL. */
PLIM_API size_t plim_slice_copy(plim_slice slice, char *buffer, size_t buffer_bytes);
/* plim_slice_is - the slice is exactly this text. */
PLIM_API bool plim_slice_is(plim_slice slice, const char *text);
/* plim_slice_has - the slice holds @word as one of its values: "a | b | c". */
PLIM_API bool plim_slice_has(plim_slice slice, const char *word);

/* ---- the tables ---- */

#define PLIM_POLICY_TEXTS_MAX   24u
#define PLIM_POLICY_TEXT_MAX    (256u * 1024u) /* bytes of all that are added */
#define PLIM_POLICY_ENTRIES_MAX 1024u          /* of one text */

typedef struct plim_policy_text {
    const char *name, *text; /* kept until the policy is no longer used */
    size_t bytes;
} plim_policy_text;

/* Plain; zero is empty. */
typedef struct plim_policy {
    uint32_t text_count, builtin_count; /* the built-in texts come first */
    plim_policy_text texts[PLIM_POLICY_TEXTS_MAX];
} plim_policy;

/* plim_policy_builtin - the tables of this release, and nothing else. Cannot fail. */
PLIM_API void plim_policy_builtin(plim_policy *out);

/* plim_policy_add - one more text, read in full before any of it counts.
 *
 * Owns:    keeps @name and @text as long as @policy is used; on failure @policy is unchanged.
 * Threads: one at a time, and before the readers.
 * Errors:  E_FORMAT  err->field is the key, err->detail "name:line", wanted and found say what.
 *          E_RANGE   more than PLIM_POLICY_TEXT_MAX, _ENTRIES_MAX or _TEXTS_MAX.
 * Cost:    one pass for the syntax; ids are compared pairwise.
 */
PLIM_API PLIM_MUST_USE plim_status plim_policy_add(plim_policy *policy, const char *name,
                                                   const char *text, size_t bytes, plim_error *err);

/* ---- entries ---- */

typedef enum plim_policy_kind {
    PLIM_POLICY_RULE = 0,
    PLIM_POLICY_BOARD = 1,
    PLIM_POLICY_SOC = 2,
    PLIM_POLICY_RELEASE = 3,
    PLIM_POLICY_DTYPE = 4,
} plim_policy_kind;
#define PLIM_POLICY_KINDS 5

/* The first key of a stanza: "rule", "board", "soc", "release", "dtype". */
PLIM_API const char *plim_policy_kind_text(plim_policy_kind kind);

/* How sure an entry is. */
typedef enum plim_evidence {
    PLIM_EVIDENCE_NONE = 0,     /* it does not say */
    PLIM_EVIDENCE_VERIFIED = 1, /* read in the vendor's text or code, or measured */
    PLIM_EVIDENCE_REPORTED = 2, /* users say so; plausible, not reproduced */
    PLIM_EVIDENCE_DOUBTFUL = 3, /* recalled, contradicted or of one reporter: may only advise */
} plim_evidence;
PLIM_API const char *plim_evidence_text(plim_evidence evidence);

typedef enum plim_action {
    PLIM_ACTION_OFF = 0,    /* never matched: a person's file turns a rule off with it */
    PLIM_ACTION_NOTE = 1,   /* never matched: stands in the table to be found by its symptom */
    PLIM_ACTION_ADVISE = 2, /* say it */
    PLIM_ACTION_WARN = 3,   /* say it before the run, and count it */
    PLIM_ACTION_REFUSE = 4, /* do not start */
} plim_action;
PLIM_API const char *plim_action_text(plim_action action);

#define PLIM_RULE_CONDITIONS_MAX  8u
#define PLIM_RULE_WORKAROUNDS_MAX 8u
#define PLIM_RULE_LINKS_MAX       8u

/* Slices are empty (NULL, 0) where the entry does not say; numbers are 0. */
typedef struct plim_rule {
    plim_slice id;
    plim_action action;
    plim_evidence evidence;
    uint32_t when_count, workaround_count, link_count;
    plim_slice when[PLIM_RULE_CONDITIONS_MAX];        /* all must hold; none: always */
    plim_slice workaround[PLIM_RULE_WORKAROUNDS_MAX]; /* "what was tried -> outcome" */
    plim_slice link[PLIM_RULE_LINKS_MAX];
    plim_slice symptom, why, remedy, source, seen, expires;
    const char *table; /* name of its text */
    uint32_t line;     /* on which it begins */
} plim_rule;

typedef struct plim_board_info {
    plim_slice module; /* its id: "p3767-0000", or "dgx-spark" where modules have no number */
    plim_slice name;   /* for people */
    plim_slice family; /* "orin-nx" */
    plim_slice soc;    /* id of a chip's entry, "tegra234" */
    plim_slice memory_kind, chip_sku;
    plim_slice compatible; /* words of the device tree that mean this board: "a | b" */
    plim_slice dmi;        /* words of DMI's product name that mean it, whatever their case */
    plim_slice gpu;        /* words of the GPU's name that mean it */
    uint64_t sm, multiprocessors, cpus, memory_bytes, bandwidth, dla, gpu_memory_bytes;
    uint64_t seen_total_low, seen_total_high; /* MemTotal as boards have shown it */
    uint64_t guess_from; /* MemTotal from which a board of this family is taken for this one */
    plim_slice note, source;
    plim_evidence evidence;
    const char *table;
    uint32_t line;
} plim_board_info;

typedef struct plim_soc_info {
    plim_slice soc, name;
    plim_slice compatible; /* words of the device tree, "rockchip,rk3588 | rockchip,rk3588s" */
    plim_slice stack;      /* driver of the GPU, when it is known: as gpu.stack */
    plim_slice arch, source;
    uint64_t sm, sm_also; /* 110, also reported as 101 */
    bool is_shared;       /* CPU and GPU share one DRAM */
    plim_evidence evidence;
    const char *table;
    uint32_t line;
} plim_soc_info;

typedef struct plim_release_info {
    plim_slice l4t; /* its id, "36.4.0" */
    plim_slice jetpack, cuda, tensorrt, cudnn, kernel, ubuntu, modules, source;
    plim_evidence evidence;
    const char *table;
    uint32_t line;
} plim_release_info;

typedef enum plim_dtype_support {
    PLIM_SUPPORT_NONE = 0,         /* the hardware has no path: values would have to be expanded */
    PLIM_SUPPORT_EMULATED = 1,     /* computed in another type, slower */
    PLIM_SUPPORT_WEIGHTS_ONLY = 2, /* storage of weights; arithmetic in another type */
    PLIM_SUPPORT_ALLOWED = 3,      /* the hardware has it; measure before preferring it */
    PLIM_SUPPORT_DEFAULT = 4,      /* the hardware has it, and it is what an engine should use */
} plim_dtype_support;
PLIM_API const char *plim_dtype_support_text(plim_dtype_support support);

typedef struct plim_dtype_info {
    plim_slice id, type; /* "fp16-orin", "fp16" */
    plim_dtype_support support;
    uint64_t rank; /* of two defaults, the lower one */
    uint32_t when_count;
    plim_slice when[PLIM_RULE_CONDITIONS_MAX];
    plim_slice why, source;
    plim_evidence evidence;
    const char *table;
    uint32_t line;
} plim_dtype_info;

typedef struct plim_policy_entry {
    plim_policy_kind kind;
    union {
        plim_rule rule;
        plim_board_info board;
        plim_soc_info soc;
        plim_release_info release;
        plim_dtype_info dtype;
    } as;
} plim_policy_entry;

/* A place in the tables; zero is their beginning. */
typedef struct plim_policy_cursor {
    uint32_t text, line;
    size_t at;
} plim_policy_cursor;

/* plim_policy_next - the next entry that no later one replaces; false at the end. */
PLIM_API bool plim_policy_next(const plim_policy *policy, plim_policy_cursor *cursor,
                               plim_policy_entry *out);
/* plim_policy_find - the entry with this kind and id; false when there is none. */
PLIM_API bool plim_policy_find(const plim_policy *policy, plim_policy_kind kind, const char *id,
                               plim_policy_entry *out);
/* The same for the kinds that are looked up. False leaves @out zero. A release is found by
 * number: "36.4" finds 36.4.0. */
PLIM_API bool plim_policy_board(const plim_policy *policy, const char *module,
                                plim_board_info *out);
PLIM_API bool plim_policy_soc(const plim_policy *policy, const char *soc, plim_soc_info *out);
PLIM_API bool plim_policy_release(const plim_policy *policy, const char *l4t,
                                  plim_release_info *out);

/* plim_policy_print - an entry as a stanza that parses to the same entry. As snprintf. */
PLIM_API size_t plim_policy_print(const plim_policy_entry *entry, char *buffer,
                                  size_t buffer_bytes);

/* ---- rules ---- */

typedef enum plim_verdict {
    PLIM_VERDICT_NO = 0,
    PLIM_VERDICT_UNDECIDED = 1, /* no condition fails, but a fact that one needs is absent */
    PLIM_VERDICT_HIT = 2,
} plim_verdict;

/* plim_policy_condition - hold one condition of an entry against the facts.
 * @out_key, @out_other (NULL: not wanted) are the facts that it is about; PLIM_FACT_COUNT when
 * there is no second one. A condition that does not parse is NO. */
PLIM_API plim_verdict plim_policy_condition(plim_slice condition, const plim_facts *facts,
                                            plim_fact_id *out_key, plim_fact_id *out_other);

/* plim_policy_match - hold every rule against the facts of a machine.
 *
 * Visits the rules that hit or are undecided, in the order of the tables; a rule whose action is
 * off or note is not visited. @visit may keep the slices as long as the texts live, not the struct.
 * Owns:    borrows all.  Memory: none.  Threads: any number at once.
 * Errors:  E_ARG  something is NULL.
 */
PLIM_API PLIM_MUST_USE plim_status
plim_policy_match(const plim_policy *policy, const plim_facts *facts,
                  void (*visit)(void *context, const plim_rule *rule, plim_verdict verdict),
                  void *context, plim_error *err);

/* plim_facts_read - facts as a person writes them: "gpu.sm: 8.7", one a line, values and units as
 * in conditions. They are noted as given, with "@name:line" as their source.
 *
 * Owns:    borrows all; on failure @facts is unchanged.
 * Errors:  E_FORMAT  err->field is the key, err->detail "name:line".
 *          E_RANGE   more than PLIM_POLICY_TEXT_MAX.
 */
PLIM_API PLIM_MUST_USE plim_status plim_facts_read(plim_facts *facts, const char *name,
                                                   const char *text, size_t bytes, plim_error *err);

/* ---- data types ---- */

typedef struct plim_dtype_choice {
    char dtype[16];     /* what to use */
    char otherwise[16]; /* the default of this machine; differs from dtype when overridden */
    plim_dtype_support support;
    plim_evidence evidence;
    plim_verdict verdict; /* UNDECIDED: facts are missing, this is the careful answer */
    bool is_asked;        /* the user chose it; false: the tables did */
    char id[64];          /* the entry that decided */
    char why[256];        /* its reason, cut to fit */
    char source[160];
} plim_dtype_choice;

/* plim_policy_dtype - the data type for this machine, and the reason.
 *
 * @asked NULL or "": the default (the lowest rank). Otherwise the user's choice, which is granted
 * when the hardware has it and recorded as an override when it is not the default. Types that are
 * emulated or for weights alone are granted too, and the answer says so.
 * Owns:    borrows all; @out is plain and holds copies.
 * Errors:  E_UNSUPPORTED  the hardware has no path for @asked: wanted is the type, found the
 *                         default, detail the reason. @out describes the refusal.
 *          E_NOT_FOUND    no entry speaks of this type here.
 */
PLIM_API PLIM_MUST_USE plim_status plim_policy_dtype(const plim_policy *policy,
                                                     const plim_facts *facts, const char *asked,
                                                     plim_dtype_choice *out, plim_error *err);

/* ---- the checker ---- */

typedef enum plim_policy_problem {
    PLIM_POLICY_EXPIRED = 0,      /* somebody must look again */
    PLIM_POLICY_NO_EXPIRY = 1,    /* a rule that nobody would look at again */
    PLIM_POLICY_NO_SOURCE = 2,    /* any entry */
    PLIM_POLICY_NO_LINK = 3,      /* a rule that warns or refuses, or has a symptom and no doubt */
    PLIM_POLICY_NO_REMEDY = 4,    /* a rule that does not say what to do */
    PLIM_POLICY_DUPLICATE = 5,    /* two built-in tables hold this id */
    PLIM_POLICY_UNREACHABLE = 6,  /* conditions that cannot hold together */
    PLIM_POLICY_SEEN_LATER = 7,   /* seen after the day of the check, or after it expires */
    PLIM_POLICY_NO_SUCH_NAME = 8, /* a board, family or chip that has no entry: a slip of the pen */
} plim_policy_problem;
PLIM_API const char *plim_policy_problem_text(plim_policy_problem problem);

typedef struct plim_policy_finding {
    plim_policy_problem problem;
    plim_policy_kind kind;
    plim_slice id, value; /* value: the date or the condition; may be empty */
    const char *table;
    uint32_t line;
} plim_policy_finding;

/* plim_policy_check - look for entries that should not stay as they are.
 * @today is "2026-11-21": nothing here asks the clock. @visit may be NULL; @out_count (may be
 * NULL) is how many findings there were.
 * Errors:  E_ARG  @today is no date, or @policy is NULL. */
PLIM_API PLIM_MUST_USE plim_status
plim_policy_check(const plim_policy *policy, const char *today,
                  void (*visit)(void *context, const plim_policy_finding *finding), void *context,
                  size_t *out_count, plim_error *err);

#ifdef __cplusplus
}
#endif
#endif
