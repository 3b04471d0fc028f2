/* SPDX-License-Identifier: Apache-2.0 */
/* test_budget.c - the load line: exact caps, refusals with numbers, peaks, threads, images. */
#include "test/support/cm.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "plimsoll/budget.h"

/* Counts what the C library's heap is asked for, so that "allocates nothing" can be shown. */
static unsigned long heap_calls;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEAP_IS_COUNTED 0 /* the sanitizers bring their own heap */
#else
#define HEAP_IS_COUNTED 1
#endif
#if HEAP_IS_COUNTED
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
#define SEEN_BY_ALL __attribute__((visibility("default"))) /* the build hides symbols */
SEEN_BY_ALL void *malloc(size_t n)
{
    __atomic_fetch_add(&heap_calls, 1, __ATOMIC_RELAXED);
    return __libc_malloc(n);
}
SEEN_BY_ALL void *calloc(size_t n, size_t m)
{
    __atomic_fetch_add(&heap_calls, 1, __ATOMIC_RELAXED);
    return __libc_calloc(n, m);
}
SEEN_BY_ALL void *realloc(void *p, size_t n)
{
    __atomic_fetch_add(&heap_calls, 1, __ATOMIC_RELAXED);
    return __libc_realloc(p, n);
}
#endif

#define OWN   own_bytes()
#define CAP   1000000u
#define SPARE (CAP - OWN)

static plim_error err;

/* What the account of 64 owners charges itself: 16712 bytes, in whole pages of this machine (4 to
 * 64 KiB on the boards there are). */
static uint64_t own_bytes(void)
{
    const uint64_t page = plim_provider_page_bytes(plim_provider_mmap());
    return (16712 + page - 1) / page * page;
}

static plim_budget *open_cap(uint64_t cap)
{
    plim_budget_opts o = plim_budget_opts_default();
    plim_budget *b = NULL;
    o.cap_bytes = cap;
    assert_ok(plim_budget_open(plim_provider_mmap(), &o, &b, &err));
    return b;
}

static plim_owner owner(plim_budget *b, const char *name)
{
    plim_owner id = UINT32_MAX;
    assert_ok(plim_budget_owner(b, name, &id, &err));
    return id;
}

static void charge(plim_budget *b, plim_owner o, plim_tag t, uint64_t n)
{
    assert_ok(plim_budget_charge(b, o, t, n, &err));
}

static void budget_charges_itself_for_its_own_pages(void **state)
{
    (void)state;
    plim_budget *b = open_cap(CAP);
    plim_account a;
    plim_account_row rows[4];

    plim_budget_read(b, &a, rows, 4);

    assert_int_equal(a.used_bytes, OWN);
    assert_int_equal(a.peak_bytes, OWN);
    assert_int_equal(a.row_count, 1);
    assert_string_equal(rows[0].owner, "runtime");
    assert_int_equal(rows[0].tag, PLIM_TAG_OTHER);
    assert_int_equal(rows[0].now_bytes, OWN);
    assert_int_equal(rows[0].at_peak_bytes, OWN);
    plim_budget_close(b);
}

static void budget_grants_the_cap_to_the_byte_and_refuses_one_more(void **state)
{
    (void)state;
    plim_budget *b = open_cap(CAP);
    plim_owner o = owner(b, "backbone");

    charge(b, o, PLIM_TAG_WEIGHTS, SPARE);
    assert_status(plim_budget_charge(b, o, PLIM_TAG_IO, 1, &err), PLIM_E_BUDGET);

    assert_int_equal(err.want, 1);
    assert_int_equal(err.have, 0);
    assert_int_equal(err.limit, CAP);
    assert_string_equal(err.what, "io");
    assert_string_equal(err.field, "backbone");
    assert_int_equal(plim_budget_used_bytes(b), CAP);
    assert_int_equal(plim_budget_peak_bytes(b), CAP);
    plim_budget_credit(b, o, PLIM_TAG_WEIGHTS, SPARE);
    assert_int_equal(plim_budget_used_bytes(b), OWN);
    plim_budget_close(b);
}

static void budget_refuses_sizes_that_would_wrap_around(void **state)
{
    (void)state;
    plim_budget *b = open_cap(CAP);

    assert_status(plim_budget_charge(b, 0, PLIM_TAG_IO, UINT64_MAX, &err), PLIM_E_BUDGET);
    assert_status(plim_budget_charge(b, 0, PLIM_TAG_IO, UINT64_MAX - OWN + 1, NULL), PLIM_E_BUDGET);

    assert_int_equal(plim_budget_used_bytes(b), OWN);
    plim_budget_close(b);
}

static void budget_takes_a_fraction_of_the_device(void **state)
{
    (void)state;
    plim_budget_opts o = plim_budget_opts_default();
    plim_budget *b = NULL;
    o.fraction = 0.75;
    o.total_bytes = 1u << 20;

    assert_ok(plim_budget_open(plim_provider_mmap(), &o, &b, &err));

    assert_int_equal(plim_budget_cap_bytes(b), 786432);
    plim_budget_close(b);
    o.fraction = 1.0;
    assert_ok(plim_budget_open(plim_provider_mmap(), &o, &b, &err));
    assert_int_equal(plim_budget_cap_bytes(b), 1u << 20);
    plim_budget_close(b);
}

static void budget_refuses_options_that_draw_no_line(void **state)
{
    (void)state;
    const double bad[] = {0.0, -0.5, 1.0000001, (double)NAN};
    plim_budget *b = NULL;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        plim_budget_opts o = plim_budget_opts_default();
        o.fraction = bad[i];
        o.total_bytes = 1u << 20;
        assert_status(plim_budget_open(plim_provider_mmap(), &o, &b, &err), PLIM_E_ARG);
        assert_null(b);
    }
    plim_budget_opts o = plim_budget_opts_default();
    o.fraction = 0.5;
    assert_status(plim_budget_open(plim_provider_mmap(), &o, &b, &err), PLIM_E_ARG);
    assert_status(plim_budget_open(plim_provider_mmap(), NULL, &b, &err), PLIM_E_ARG);
    o.cap_bytes = PLIM_CAP_MAX_BYTES + 1;
    assert_status(plim_budget_open(plim_provider_mmap(), &o, &b, &err), PLIM_E_RANGE);
    o.cap_bytes = CAP;
    o.owner_limit = PLIM_OWNER_LIMIT_MAX + 1;
    assert_status(plim_budget_open(plim_provider_mmap(), &o, &b, &err), PLIM_E_RANGE);
    o.struct_size = 0;
    assert_status(plim_budget_open(plim_provider_mmap(), &o, &b, &err), PLIM_E_ARG);
}

static void budget_refuses_a_cap_below_its_own_account(void **state)
{
    (void)state;
    plim_recording_provider seen;
    plim_recording_provider_init(&seen, plim_provider_mmap());
    plim_budget_opts o = plim_budget_opts_default();
    plim_budget *b = NULL;
    o.cap_bytes = OWN - 1;

    assert_status(plim_budget_open(&seen.base, &o, &b, &err), PLIM_E_BUDGET);

    assert_int_equal(err.want, OWN);
    assert_int_equal(err.limit, OWN - 1);
    assert_int_equal(seen.reserve_count, 0);
    o.cap_bytes = OWN;
    assert_ok(plim_budget_open(&seen.base, &o, &b, &err));
    plim_budget_close(b);
    assert_int_equal(seen.committed_bytes, 0);
    assert_int_equal(seen.reserved_bytes, 0);
}

static void budget_gives_back_what_it_took_when_its_home_refuses(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 2; n++) {
        plim_recording_provider seen;
        plim_failing_provider failing;
        plim_recording_provider_init(&seen, plim_provider_mmap());
        plim_failing_provider_init(&failing, &seen.base, n, false);
        plim_budget_opts o = plim_budget_opts_default();
        plim_budget *b = NULL;
        o.cap_bytes = CAP;

        assert_status(plim_budget_open(&failing.base, &o, &b, &err), PLIM_E_NOMEM);

        assert_null(b);
        assert_int_equal(seen.reserved_bytes, 0);
        assert_int_equal(seen.committed_bytes, 0);
    }
}

static void refusal_names_the_three_largest_holders_and_allocates_nothing(void **state)
{
    (void)state;
    plim_recording_provider seen;
    plim_recording_provider_init(&seen, plim_provider_mmap());
    plim_budget_opts o = plim_budget_opts_default();
    plim_budget *b = NULL;
    o.cap_bytes = CAP;
    assert_ok(plim_budget_open(&seen.base, &o, &b, &err));
    plim_owner vision = owner(b, "vision"), policy = owner(b, "policy");
    charge(b, vision, PLIM_TAG_WEIGHTS, 300000);
    charge(b, policy, PLIM_TAG_WEIGHTS, 400000);
    charge(b, policy, PLIM_TAG_IO, 10000);
    charge(b, vision, PLIM_TAG_ACTIVATIONS, 200000);
    uint64_t reserves = seen.reserve_count, commits = seen.commit_count;
    unsigned long heap = heap_calls;

    plim_status status = plim_budget_charge(b, vision, PLIM_TAG_LOAD_WINDOW, 69521, &err);
    unsigned long heap_after = heap_calls;

    assert_int_equal(status, PLIM_E_BUDGET);
    assert_true(!HEAP_IS_COUNTED || heap > 0); /* cmocka's own calls: the counter works */
    assert_int_equal(heap_after, heap);
    assert_int_equal(seen.reserve_count, reserves);
    assert_int_equal(seen.commit_count, commits);
    assert_int_equal(err.want, 69521);
    assert_int_equal(err.have, 69520);
    assert_int_equal(err.limit, CAP);
    assert_string_equal(err.holders[0].owner, "policy");
    assert_int_equal(err.holders[0].tag, PLIM_TAG_WEIGHTS);
    assert_int_equal(err.holders[0].bytes, 400000);
    assert_string_equal(err.holders[1].owner, "vision");
    assert_int_equal(err.holders[1].tag, PLIM_TAG_WEIGHTS);
    assert_int_equal(err.holders[1].bytes, 300000);
    assert_int_equal(err.holders[2].tag, PLIM_TAG_ACTIVATIONS);
    assert_int_equal(err.holders[2].bytes, 200000);
    plim_budget_credit(b, vision, PLIM_TAG_WEIGHTS, 300000);
    plim_budget_credit(b, policy, PLIM_TAG_WEIGHTS, 400000);
    plim_budget_credit(b, policy, PLIM_TAG_IO, 10000);
    plim_budget_credit(b, vision, PLIM_TAG_ACTIVATIONS, 200000);
    plim_budget_close(b);
}

static void budget_refuses_labels_that_it_does_not_know(void **state)
{
    (void)state;
    plim_budget *b = open_cap(CAP);

    assert_status(plim_budget_charge(b, 1, PLIM_TAG_IO, 1, &err), PLIM_E_ARG);
    assert_status(plim_budget_charge(b, UINT32_MAX, PLIM_TAG_IO, 1, &err), PLIM_E_ARG);
    assert_status(plim_budget_charge(b, 0, PLIM_TAG_COUNT, 1, &err), PLIM_E_ARG);

    assert_string_equal(plim_budget_owner_name(b, 1), "?");
    assert_string_equal(plim_tag_name(PLIM_TAG_COUNT), "?");
    assert_int_equal(plim_budget_used_bytes(b), OWN);
    plim_budget_close(b);
}

static void owner_names_are_found_again_bounded_and_limited(void **state)
{
    (void)state;
    plim_budget_opts o = plim_budget_opts_default();
    plim_budget *b = NULL;
    plim_owner id = 7;
    o.cap_bytes = CAP;
    o.owner_limit = 3;
    assert_ok(plim_budget_open(plim_provider_mmap(), &o, &b, &err));

    assert_int_equal(owner(b, "runtime"), PLIM_OWNER_RUNTIME);
    assert_int_equal(owner(b, "a"), 1);
    assert_int_equal(owner(b, "0123456789012345678901234567890"), 2);
    assert_int_equal(owner(b, "a"), 1);
    assert_string_equal(plim_budget_owner_name(b, 1), "a");
    assert_status(plim_budget_owner(b, "c", &id, &err), PLIM_E_RANGE);
    assert_int_equal(err.limit, 3);
    assert_status(plim_budget_owner(b, "", &id, &err), PLIM_E_ARG);
    assert_status(plim_budget_owner(b, "01234567890123456789012345678901", &id, &err), PLIM_E_ARG);
    plim_budget_close(b);
}

static void seal_refuses_growth(void **state)
{
    (void)state;
    plim_budget *b = open_cap(CAP);
    plim_account a;
    charge(b, 0, PLIM_TAG_IO, 100);

    plim_budget_seal(b, PLIM_SEAL_REFUSE);

    assert_status(plim_budget_charge(b, 0, PLIM_TAG_IO, 1, &err), PLIM_E_STATE);
    assert_int_equal(err.want, 1);
    assert_int_equal(err.have, SPARE - 100);
    assert_int_equal(err.limit, CAP);
    plim_budget_read(b, &a, NULL, 0);
    assert_true(a.sealed);
    assert_int_equal(a.refusal_count, 1);
    plim_budget_credit(b, 0, PLIM_TAG_IO, 100);
    plim_budget_seal(b, PLIM_SEAL_OPEN);
    charge(b, 0, PLIM_TAG_IO, 1);
    plim_budget_credit(b, 0, PLIM_TAG_IO, 1);
    plim_budget_close(b);
}

static void seal_counts_growth(void **state)
{
    (void)state;
    plim_budget *b = open_cap(CAP);
    plim_account a;
    charge(b, 0, PLIM_TAG_IO, 100);

    plim_budget_seal(b, PLIM_SEAL_COUNT);
    charge(b, 0, PLIM_TAG_IO, 1);
    charge(b, 0, PLIM_TAG_IO, 2);
    assert_status(plim_budget_charge(b, 0, PLIM_TAG_IO, CAP, &err), PLIM_E_BUDGET);

    plim_budget_read(b, &a, NULL, 0);
    assert_int_equal(a.sealed_growth_count, 2);
    assert_int_equal(a.charge_count, 4);
    assert_int_equal(a.refusal_count, 1);
    plim_budget_credit(b, 0, PLIM_TAG_IO, 103);
    plim_budget_close(b);
}

static void at_peak_bytes_add_up_to_the_peak(void **state)
{
    (void)state;
    plim_budget *b = open_cap(CAP);
    plim_account a;
    plim_account_row rows[8];
    plim_owner o = owner(b, "dit");
    charge(b, o, PLIM_TAG_WEIGHTS, 1000);
    charge(b, o, PLIM_TAG_LOAD_WINDOW, 500);
    plim_budget_read(b, &a, rows, 8); /* at the peak, nothing written down yet */
    assert_int_equal(rows[2].at_peak_bytes, 500);

    plim_budget_credit(b, o, PLIM_TAG_LOAD_WINDOW, 500);
    charge(b, o, PLIM_TAG_IO, 200);
    plim_budget_read(b, &a, rows, 8);

    assert_int_equal(a.peak_bytes, OWN + 1500);
    assert_int_equal(a.used_bytes, OWN + 1200);
    assert_int_equal(a.row_count, 4);
    uint64_t sum = 0;
    for (size_t i = 0; i < 4; i++) {
        sum += rows[i].at_peak_bytes;
    }
    assert_int_equal(sum, a.peak_bytes);
    assert_int_equal(rows[1].at_peak_bytes, 1000); /* weights */
    assert_int_equal(rows[2].tag, PLIM_TAG_IO);
    assert_int_equal(rows[2].at_peak_bytes, 0);
    assert_int_equal(rows[3].tag, PLIM_TAG_LOAD_WINDOW);
    assert_int_equal(rows[3].at_peak_bytes, 500);
    assert_int_equal(rows[3].now_bytes, 0);
    assert_int_equal(rows[3].peak_bytes, 500);
    plim_budget_credit(b, o, PLIM_TAG_WEIGHTS, 1000);
    plim_budget_credit(b, o, PLIM_TAG_IO, 200);
    plim_budget_close(b);
}

static void at_peak_bytes_add_up_after_any_sequence(void **state)
{
    (void)state;
    plim_budget *b = open_cap(CAP);
    uint64_t seed = cm_seed(), held[4][PLIM_TAG_COUNT] = {{0}};
    plim_owner ids[4] = {owner(b, "a"), owner(b, "b"), owner(b, "c"), owner(b, "d")};
    for (int step = 0; step < 20000; step++) {
        size_t o = cm_next(&seed) % 4, t = cm_next(&seed) % PLIM_TAG_COUNT;
        size_t o2 = cm_next(&seed) % 4, t2 = cm_next(&seed) % PLIM_TAG_COUNT;
        uint64_t n = cm_next(&seed) % 60000 + 1;
        switch (cm_next(&seed) % 3) {
        case 0:
            if (plim_budget_charge(b, ids[o], (plim_tag)t, n, NULL) == PLIM_OK) {
                held[o][t] += n;
            }
            break;
        case 1:
            n = held[o][t] ? n % held[o][t] + 1 : 0;
            plim_budget_credit(b, ids[o], (plim_tag)t, n);
            held[o][t] -= n;
            break;
        default:
            n = held[o][t] ? n % held[o][t] + 1 : 0;
            plim_budget_move(b, ids[o], (plim_tag)t, ids[o2], (plim_tag)t2, n);
            held[o][t] -= n;
            held[o2][t2] += n;
        }
        plim_account a;
        plim_account_row rows[40];
        plim_budget_read(b, &a, rows, 40);
        uint64_t at_peak = 0, now = 0;
        for (size_t i = 0; i < a.row_count; i++) {
            at_peak += rows[i].at_peak_bytes;
            now += rows[i].now_bytes;
        }
        assert_int_equal(at_peak, a.peak_bytes);
        assert_int_equal(now, a.used_bytes);
        assert_true(a.peak_bytes <= CAP);
    }
    for (size_t i = 0; i < 4 * PLIM_TAG_COUNT; i++) {
        plim_budget_credit(b, ids[i / PLIM_TAG_COUNT], (plim_tag)(i % PLIM_TAG_COUNT),
                           held[i / PLIM_TAG_COUNT][i % PLIM_TAG_COUNT]);
    }
    assert_int_equal(plim_budget_used_bytes(b), OWN);
    plim_budget_close(b);
}

static void move_changes_labels_and_not_the_total(void **state)
{
    (void)state;
    plim_budget *b = open_cap(CAP);
    plim_account a;
    plim_owner o = owner(b, "dit");
    charge(b, o, PLIM_TAG_LOAD_WINDOW, 4096);
    plim_budget_seal(b, PLIM_SEAL_REFUSE);

    plim_budget_move(b, o, PLIM_TAG_LOAD_WINDOW, o, PLIM_TAG_WEIGHTS, 4096);

    plim_account_row rows[4];
    plim_budget_read(b, &a, rows, 4);
    assert_int_equal(rows[1].tag, PLIM_TAG_WEIGHTS);
    assert_int_equal(rows[1].at_peak_bytes, 0);
    assert_int_equal(rows[2].tag, PLIM_TAG_LOAD_WINDOW);
    assert_int_equal(rows[2].at_peak_bytes, 4096); /* as it was when the peak was reached */
    assert_int_equal(a.used_bytes, OWN + 4096);
    assert_int_equal(a.peak_bytes, OWN + 4096);
    assert_int_equal(a.tag_now_bytes[PLIM_TAG_LOAD_WINDOW], 0);
    assert_int_equal(a.tag_now_bytes[PLIM_TAG_WEIGHTS], 4096);
    assert_int_equal(a.tag_peak_bytes[PLIM_TAG_LOAD_WINDOW], 4096);
    plim_budget_credit(b, o, PLIM_TAG_WEIGHTS, 4096);
    plim_budget_close(b);
}

/* ---- threads ---- */

#define THREADS 8
#define ROUNDS  40000

typedef struct racer {
    plim_budget *budget;
    uint64_t seed, granted, over;
    plim_owner ids[16];
} racer;

static void *race(void *context)
{
    racer *r = context;
    char name[] = "owner-a";
    for (size_t i = 0; i < 16; i++) {
        name[6] = (char)('a' + i);
        if (plim_budget_owner(r->budget, name, &r->ids[i], NULL) != PLIM_OK) {
            r->over++;
        }
    }
    uint64_t held = 0, cap = plim_budget_cap_bytes(r->budget);
    plim_owner mine = r->ids[r->seed % 16];
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t n = cm_next(&r->seed) % (cap / 4) + 1;
        if (cm_next(&r->seed) % 2 && held) {
            plim_budget_credit(r->budget, mine, PLIM_TAG_IO, held);
            held = 0;
        } else if (plim_budget_charge(r->budget, mine, PLIM_TAG_IO, n, NULL) == PLIM_OK) {
            held += n;
            r->granted++;
        }
        r->over += plim_budget_used_bytes(r->budget) > cap;
    }
    plim_budget_credit(r->budget, mine, PLIM_TAG_IO, held);
    return NULL;
}

static void contended_charges_never_cross_the_cap(void **state)
{
    (void)state;
    plim_budget *b = open_cap(CAP);
    pthread_t threads[THREADS];
    racer racers[THREADS];
    uint64_t seed = cm_seed(), granted = 0;
    for (size_t i = 0; i < THREADS; i++) {
        racers[i] = (racer){.budget = b, .seed = cm_next(&seed)};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(racers[i].over, 0);
        assert_memory_equal(racers[i].ids, racers[0].ids, sizeof(racers[0].ids));
        granted += racers[i].granted;
    }

    plim_account a;
    plim_account_row rows[32];
    plim_budget_read(b, &a, rows, 32);
    assert_int_equal(a.used_bytes, OWN);
    assert_true(a.peak_bytes <= CAP && a.peak_bytes > OWN);
    assert_true(a.tag_peak_bytes[PLIM_TAG_IO] <= SPARE);
    assert_int_equal(a.tag_now_bytes[PLIM_TAG_IO], 0);
    assert_int_equal(a.charge_count, granted + 1);
    uint64_t at_peak = 0;
    for (size_t i = 0; i < a.row_count; i++) {
        at_peak += rows[i].at_peak_bytes;
        assert_true(rows[i].peak_bytes <= CAP);
    }
    assert_true(at_peak <= CAP);
    plim_budget_close(b);
}

/* ---- the published block ---- */

static void image_is_read_through_a_read_only_mapping_of_its_file(void **state)
{
    (void)state;
    char path[4200];
    snprintf(path, sizeof(path), "%s/account", cm_tmp());
    plim_file_provider file;
    assert_ok(plim_file_provider_open(&file, path, 1u << 20, &err));
    plim_budget_opts opts = plim_budget_opts_default();
    plim_budget *b = NULL;
    opts.cap_bytes = CAP;
    assert_ok(plim_budget_open(&file.base, &opts, &b, &err));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    const void *seen = mmap(NULL, 1u << 20, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(seen, MAP_FAILED);
    const plim_budget *reader = NULL;
    assert_ok(plim_budget_attach(seen, 1u << 20, &reader, &err));

    plim_owner o = owner(b, "policy");
    charge(b, o, PLIM_TAG_WEIGHTS, 12345);

    plim_account a;
    plim_account_row rows[4];
    plim_budget_read(reader, &a, rows, 4);
    assert_int_equal(a.used_bytes, OWN + 12345);
    assert_string_equal(rows[1].owner, "policy");
    assert_int_equal(rows[1].at_peak_bytes, 12345);
    assert_string_equal(plim_budget_owner_name(reader, o), "policy");
    plim_budget_credit(b, o, PLIM_TAG_WEIGHTS, 12345);
    plim_budget_close(b);
    munmap((void *)(uintptr_t)seen, 1u << 20);
    close(fd);
    plim_file_provider_close(&file);
    assert_int_equal(access(path, F_OK), -1);
}

static void *copy_image(const plim_budget *b, size_t *bytes)
{
    const void *image = plim_budget_image(b, bytes);
    void *copy = malloc(*bytes);
    assert_non_null(copy);
    memcpy(copy, image, *bytes);
    return copy;
}

static void attach_refuses_every_truncation(void **state)
{
    (void)state;
    plim_budget *b = open_cap(CAP);
    size_t bytes = 0;
    void *whole = copy_image(b, &bytes);
    const plim_budget *reader = NULL;

    assert_ok(plim_budget_attach(whole, bytes, &reader, &err));
    assert_status(plim_budget_attach(whole, bytes - 1, &reader, &err), PLIM_E_RANGE);
    assert_int_equal(err.want, bytes);
    assert_int_equal(err.have, bytes - 1);
    for (size_t n = 0; n < bytes; n += n < 400 ? 1 : 97) {
        void *cut = malloc(n ? n : 1);
        memcpy(cut, whole, n);
        assert_status(plim_budget_attach(cut, n, &reader, &err), PLIM_E_RANGE);
        assert_null(reader);
        free(cut);
    }

    free(whole);
    plim_budget_close(b);
}

/* Whatever a damaged block is taken for, reading it stays inside it (asan watches). */
static void attach_survives_every_damaged_byte(void **state)
{
    (void)state;
    plim_budget *b = open_cap(CAP);
    (void)owner(b, "policy");
    size_t bytes = 0, refused = 0;
    unsigned char *whole = copy_image(b, &bytes);
    static const unsigned char damage[] = {0xff, 0x80, 0x01, 0x7f};
    for (size_t i = 0; i < bytes; i += i < 4000 ? 1 : 13) {
        for (size_t d = 0; d < sizeof(damage); d++) {
            unsigned char was = whole[i];
            whole[i] ^= damage[d];
            const plim_budget *reader = NULL;
            plim_account a;
            plim_account_row rows[8];
            if (plim_budget_attach(whole, bytes, &reader, &err) == PLIM_OK) {
                plim_budget_read(reader, &a, rows, 8);
                for (plim_owner o = 0; o < 70; o++) {
                    assert_true(strlen(plim_budget_owner_name(reader, o)) < PLIM_NAME_BYTES);
                }
            } else {
                refused++;
                assert_null(reader);
            }
            whole[i] = was;
        }
    }

    assert_true(refused > 1000);
    free(whole);
    plim_budget_close(b);
}

static void attach_names_what_is_wrong(void **state)
{
    (void)state;
    plim_budget *b = open_cap(CAP);
    size_t bytes = 0;
    unsigned char *image = copy_image(b, &bytes);
    const plim_budget *reader = NULL;

    image[0] = 'X';
    assert_status(plim_budget_attach(image, bytes, &reader, &err), PLIM_E_FORMAT);
    assert_string_equal(err.what, "account: no account begins here");
    image[0] = 'P';
    image[8] = 2;
    assert_status(plim_budget_attach(image, bytes, &reader, &err), PLIM_E_FORMAT);
    assert_string_equal(err.what, "account: of another version");
    image[8] = 1;
    const uint32_t owner_limits[] = {0, 63, 65, 4096, 4097, UINT32_MAX};
    for (size_t i = 0; i < sizeof(owner_limits) / sizeof(owner_limits[0]); i++) {
        memcpy(image + 32, &owner_limits[i], 4);
        assert_status(plim_budget_attach(image, bytes, &reader, &err), PLIM_E_FORMAT);
        assert_string_equal(err.what, "account: counts that cannot be");
    }
    memcpy(image + 32, &(uint32_t){0}, 4); /* no owner at all, and a length that agrees */
    memcpy(image + 16, &(uint64_t){264}, 8);
    assert_status(plim_budget_attach(image, bytes, &reader, &err), PLIM_E_FORMAT);
    memcpy(image + 32, &(uint32_t){64}, 4);
    memcpy(image + 16, &(uint64_t){bytes}, 8);
    assert_ok(plim_budget_attach(image, bytes, &reader, &err));
    memset(image + 264 + 8, 'n', PLIM_NAME_BYTES); /* the first owner's name does not end */
    assert_status(plim_budget_attach(image, bytes, &reader, &err), PLIM_E_FORMAT);
    assert_string_equal(err.what, "account: owner names that cannot be");
    assert_status(plim_budget_attach(image + 1, bytes - 1, &reader, &err), PLIM_E_ARG);

    free(image);
    plim_budget_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget_charges_itself_for_its_own_pages),
        cmocka_unit_test(budget_grants_the_cap_to_the_byte_and_refuses_one_more),
        cmocka_unit_test(budget_refuses_sizes_that_would_wrap_around),
        cmocka_unit_test(budget_takes_a_fraction_of_the_device),
        cmocka_unit_test(budget_refuses_options_that_draw_no_line),
        cmocka_unit_test(budget_refuses_a_cap_below_its_own_account),
        cmocka_unit_test(budget_gives_back_what_it_took_when_its_home_refuses),
        cmocka_unit_test(refusal_names_the_three_largest_holders_and_allocates_nothing),
        cmocka_unit_test(budget_refuses_labels_that_it_does_not_know),
        cmocka_unit_test(owner_names_are_found_again_bounded_and_limited),
        cmocka_unit_test(seal_refuses_growth),
        cmocka_unit_test(seal_counts_growth),
        cmocka_unit_test(at_peak_bytes_add_up_to_the_peak),
        cmocka_unit_test(at_peak_bytes_add_up_after_any_sequence),
        cmocka_unit_test(move_changes_labels_and_not_the_total),
        cmocka_unit_test(contended_charges_never_cross_the_cap),
        cmocka_unit_test(image_is_read_through_a_read_only_mapping_of_its_file),
        cmocka_unit_test(attach_refuses_every_truncation),
        cmocka_unit_test(attach_survives_every_damaged_byte),
        cmocka_unit_test(attach_names_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
