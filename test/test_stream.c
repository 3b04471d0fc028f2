/* SPDX-License-Identifier: Apache-2.0 */
/* test_stream.c - chunks arrive whole and verified, or the target is zero and nothing leaks. */
#include "test/support/shelf.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

static const uint32_t MIXED[] = {1048576, 1048576, 65536, 4096, 262144, 1,       4095,
                                 4097,    100000,  65537, 8192, 777777, 1048575, 524288};
#define MIXED_COUNT (sizeof(MIXED) / sizeof(MIXED[0]))
static const uint32_t EVEN[12] = {262144, 262144, 262144, 262144, 262144, 262144,
                                  262144, 262144, 262144, 262144, 262144, 99999};
#define EVEN_COUNT (sizeof(EVEN) / sizeof(EVEN[0]))
static const plim_read_path PATHS[] = {PLIM_READ_URING_DIRECT, PLIM_READ_PREAD_DIRECT,
                                       PLIM_READ_BUFFERED};

static plim_load_opts opts_for(plim_read_path path)
{
    plim_load_opts opts = plim_load_opts_default();
    opts.path = path;
    return opts;
}

static void every_path_brings_every_chunk_shape(void **state)
{
    (void)state;
    static const uint32_t depths[] = {1, 2, 4, 16};
    for (size_t files = 1; files <= 2; files++) {
        for (int lz4 = 0; lz4 <= 1; lz4++) {
            shelf s;
            shelf_build(&s, cm_tmp(), MIXED, MIXED_COUNT, files, lz4);
            for (size_t p = 0; p < 3; p++) {
                if (!shelf_has_path(&s, PATHS[p])) {
                    continue;
                }
                for (size_t d = 0; d < 4; d++) {
                    plim_error err = {0};
                    plim_load_stats stats;
                    plim_load_opts opts = opts_for(PATHS[p]);
                    opts.queue_depth = depths[d];
                    opts.worker_count = depths[d] % 3;
                    memset(s.room, 0xEE, SHELF_ROOM_BYTES);

                    assert_ok(shelf_run(&s, &opts, NULL, &stats, &err));

                    assert_arrived(&s);
                    assert_int_equal(stats.path, PATHS[p]);
                    assert_int_equal(stats.chunk_count, MIXED_COUNT);
                    assert_int_equal(stats.payload_bytes, s.payload_bytes);
                    assert_int_equal(stats.lz4_chunk_count > 0, lz4);
                    assert_in_range(stats.window_bytes, SHELF_PAGE, 24u << 20);
                }
            }
            shelf_drop(&s);
        }
    }
}

static void the_best_path_is_picked_and_said(void **state)
{
    (void)state;
    shelf s;
    plim_error err = {0};
    plim_load_stats stats;
    shelf_build(&s, cm_tmp(), EVEN, EVEN_COUNT, 1, true);

    assert_ok(shelf_run(&s, NULL, NULL, &stats, &err));

    assert_arrived(&s);
    assert_int_equal(stats.path_reason[0] == '\0', stats.path == PLIM_READ_URING_DIRECT);
    shelf_drop(&s);
}

/* Cuts one site out; counts calls so that an every-failure loop can walk over them. */
typedef struct breaker {
    plim_stream_site site;
    int code;
    atomic_int left; /* calls until it breaks */
    bool keeps;
} breaker;

static int break_at(void *context, plim_stream_site site)
{
    breaker *b = context;
    if (site != b->site) {
        return 0;
    }
    const int left = atomic_fetch_sub(&b->left, 1);
    return left == 0 || (b->keeps && left < 0) ? b->code : 0;
}

static void a_refused_ring_falls_back_to_threads_and_says_why(void **state)
{
    (void)state;
    shelf s;
    plim_error err = {0};
    plim_load_stats stats;
    breaker b = {.site = STREAM_SITE_RING, .code = EPERM, .keeps = true};
    const plim_stream_seam seam = {break_at, &b};
    shelf_build(&s, cm_tmp(), EVEN, EVEN_COUNT, 1, true);
    if (!shelf_has_path(&s, PLIM_READ_PREAD_DIRECT)) {
        shelf_drop(&s);
        skip_because("no direct reads in the scratch folder");
    }

    assert_ok(shelf_run(&s, NULL, &seam, &stats, &err));
    assert_arrived(&s);
    assert_int_equal(stats.path, PLIM_READ_PREAD_DIRECT);
    assert_string_equal(stats.path_reason, "io_uring is refused (Operation not permitted)");

    plim_load_opts opts = opts_for(PLIM_READ_URING_DIRECT);
    assert_status(shelf_run(&s, &opts, &seam, &stats, &err), PLIM_E_UNSUPPORTED);
    assert_string_equal(err.field, "path");
    assert_string_equal(err.found, "io_uring is refused (Operation not permitted)");
    shelf_drop(&s);
}

static void refused_direct_reads_fall_back_to_windows_and_say_why(void **state)
{
    (void)state;
    static const int codes[] = {EINVAL, EFAULT, EOPNOTSUPP};
    for (size_t i = 0; i < 3; i++) {
        shelf s;
        plim_error err = {0};
        plim_load_stats stats;
        breaker b = {.site = STREAM_SITE_DIRECT, .code = codes[i], .keeps = true};
        const plim_stream_seam seam = {break_at, &b};
        shelf_build(&s, cm_tmp(), EVEN, EVEN_COUNT, 2, true);

        assert_ok(shelf_run(&s, NULL, &seam, &stats, &err));
        assert_arrived(&s);
        assert_int_equal(stats.path, PLIM_READ_BUFFERED);
        assert_non_null(strstr(stats.path_reason, "direct reads: "));
        assert_non_null(strstr(stats.path_reason, strerror(codes[i])));

        for (size_t p = 0; p < 2; p++) {
            plim_load_opts opts = opts_for(PATHS[p]);
            assert_status(shelf_run(&s, &opts, &seam, &stats, &err), PLIM_E_UNSUPPORTED);
            assert_string_equal(err.field, "path");
        }
        shelf_drop(&s);
    }
}

static void a_memory_file_system_is_read_buffered_and_named(void **state)
{
    (void)state;
    shelf s;
    plim_error err = {0};
    plim_load_stats stats;
    if (access("/dev/shm", W_OK) != 0) {
        skip_because("no /dev/shm");
    }
    shelf_build(&s, "/dev/shm", EVEN, EVEN_COUNT, 1, true);

    assert_ok(shelf_run(&s, NULL, NULL, &stats, &err));
    assert_arrived(&s);
    assert_int_equal(stats.path, PLIM_READ_BUFFERED);
    assert_non_null(strstr(stats.path_reason, "tmpfs"));

    plim_load_opts opts = opts_for(PLIM_READ_PREAD_DIRECT);
    assert_status(shelf_run(&s, &opts, NULL, &stats, &err), PLIM_E_UNSUPPORTED);
    shelf_drop(&s);
}

static void no_page_cache_is_left_on_any_path(void **state)
{
    (void)state;
    shelf s;
    shelf_build(&s, cm_tmp(), MIXED, MIXED_COUNT, 1, false);
    for (size_t p = 0; p < 3; p++) {
        plim_error err = {0};
        plim_load_opts opts = opts_for(PATHS[p]);
        if (!shelf_has_path(&s, PATHS[p])) {
            continue;
        }
        assert_ok(shelf_run(&s, &opts, NULL, NULL, &err));
        assert_int_equal(cached_pages(s.files[0].fd, s.files[0].size_bytes), 0);
    }
    shelf_drop(&s);
}

static void a_flipped_bit_in_any_chunk_is_named_and_nothing_stays(void **state)
{
    (void)state;
    shelf s;
    uint64_t random = cm_seed();
    shelf_build(&s, cm_tmp(), MIXED, MIXED_COUNT, 2, true);
    for (size_t p = 0; p < 3; p++) {
        if (!shelf_has_path(&s, PATHS[p])) {
            continue;
        }
        const census before = take_census();
        for (size_t i = 0; i < MIXED_COUNT; i++) {
            plim_error err = {0};
            plim_load_opts opts = opts_for(PATHS[p]);
            char field[32];
            const uint64_t bit = cm_next(&random) >> 1;
            memset(s.room, 0xEE, SHELF_ROOM_BYTES);
            shelf_flip(&s, i, bit);

            assert_status(shelf_run(&s, &opts, NULL, NULL, &err), PLIM_E_CORRUPT);

            snprintf(field, sizeof(field), "chunk %zu", i);
            assert_string_equal(err.field, field);
            assert_int_equal(strlen(err.wanted), 64);
            assert_int_equal(strlen(err.found), 64);
            assert_string_not_equal(err.wanted, err.found);
            assert_non_null(strstr(err.detail, s.path[s.chunks[i].file]));
            assert_scrubbed(&s);
            assert_int_equal(s.room[0], 0);
            shelf_flip(&s, i, bit);
        }
        assert_census(before);
    }
    shelf_drop(&s);
}

static void a_wrong_digest_in_the_list_is_corruption_too(void **state)
{
    (void)state;
    shelf s;
    plim_error err = {0};
    shelf_build(&s, cm_tmp(), EVEN, EVEN_COUNT, 1, false);
    s.chunks[4].sha256 = s.digest[5];

    assert_status(shelf_run(&s, NULL, NULL, NULL, &err), PLIM_E_CORRUPT);

    assert_string_equal(err.field, "chunk 4");
    assert_scrubbed(&s);
    shelf_drop(&s);
}

static void an_lz4_block_that_does_not_decode_is_a_format_error(void **state)
{
    (void)state;
    shelf s;
    plim_error err = {0};
    shelf_build(&s, cm_tmp(), EVEN, EVEN_COUNT, 1, true);
    shelf_flip(&s, 1, 8 * 2048 + 3);
    s.chunks[1].sha256 = NULL;
    assert_int_equal(s.chunks[1].codec, PLIM_CODEC_LZ4);
    s.chunks[1].stored_bytes -= 200; /* same extent, but the block now starts inside itself */

    assert_status(shelf_run(&s, NULL, NULL, NULL, &err), PLIM_E_FORMAT);

    assert_string_equal(err.field, "chunk 1");
    assert_scrubbed(&s);
    shelf_drop(&s);
}

static void a_file_cut_at_any_chunk_is_refused(void **state)
{
    (void)state;
    for (size_t p = 0; p < 3; p++) {
        shelf s;
        shelf_build(&s, cm_tmp(), EVEN, EVEN_COUNT, 1, true);
        if (!shelf_has_path(&s, PATHS[p])) {
            shelf_drop(&s);
            continue;
        }
        const uint64_t whole_bytes = s.files[0].size_bytes;
        const census before = take_census();
        for (size_t i = EVEN_COUNT; i-- > 0;) {
            for (int known = 0; known <= 1; known++) {
                plim_error err = {0};
                plim_load_opts opts = opts_for(PATHS[p]);
                char field[32];
                const uint64_t size = s.chunks[i].file_offset + (known ? 0 : 1000);
                memset(s.room, 0xEE, SHELF_ROOM_BYTES);
                assert_int_equal(ftruncate(s.files[0].fd, (off_t)size), 0);
                s.files[0].size_bytes = known ? size : whole_bytes;

                assert_status(shelf_run(&s, &opts, NULL, NULL, &err), PLIM_E_IO);

                snprintf(field, sizeof(field), "chunk %zu", i);
                assert_string_equal(err.field, field);
                assert_non_null(strstr(err.detail, s.path[0]));
                assert_scrubbed(&s);
            }
        }
        assert_census(before);
        shelf_drop(&s);
    }
}

/* Fails read 0, 1, 2 ... on every path until a run goes through. */
static void every_read_may_fail_and_nothing_leaks(void **state)
{
    (void)state;
    static const int codes[] = {EIO, STREAM_END_OF_FILE};
    shelf s;
    shelf_build(&s, cm_tmp(), EVEN, EVEN_COUNT, 2, true);
    for (size_t p = 0; p < 3; p++) {
        if (!shelf_has_path(&s, PATHS[p])) {
            continue;
        }
        const census before = take_census();
        for (size_t c = 0; c < 2; c++) {
            int failed = 0;
            for (int at = 0;; at++) {
                plim_error err = {0};
                plim_load_opts opts = opts_for(PATHS[p]);
                breaker b = {.site = STREAM_SITE_READ, .code = codes[c]};
                const plim_stream_seam seam = {break_at, &b};
                atomic_store(&b.left, at);
                memset(s.room, 0xEE, SHELF_ROOM_BYTES);
                const plim_status status = shelf_run(&s, &opts, &seam, NULL, &err);
                if (status == PLIM_OK) {
                    assert_arrived(&s);
                    break;
                }
                assert_int_equal(status, PLIM_E_IO);
                assert_int_equal(err.os_errno, codes[c] > 0 ? codes[c] : 0);
                assert_memory_equal(err.field, "chunk ", 6);
                assert_scrubbed(&s);
                failed++;
            }
            assert_int_equal(failed, EVEN_COUNT);
        }
        assert_census(before);
    }
    shelf_drop(&s);
}

static void short_and_interrupted_reads_are_taken_up_again(void **state)
{
    (void)state;
    static const int codes[] = {STREAM_SHORT_READ, EINTR, EAGAIN};
    shelf s;
    shelf_build(&s, cm_tmp(), EVEN, EVEN_COUNT, 1, true);
    for (size_t p = 0; p < 3; p++) {
        for (size_t c = 0; shelf_has_path(&s, PATHS[p]) && c < 3; c++) {
            plim_error err = {0};
            plim_load_opts opts = opts_for(PATHS[p]);
            breaker b = {.site = STREAM_SITE_READ, .code = codes[c], .keeps = c == 0};
            const plim_stream_seam seam = {break_at, &b};
            atomic_store(&b.left, 2);
            memset(s.room, 0xEE, SHELF_ROOM_BYTES);

            assert_ok(shelf_run(&s, &opts, &seam, NULL, &err));

            assert_arrived(&s);
        }
    }
    shelf_drop(&s);
}

static void every_step_of_setting_up_may_fail_and_nothing_leaks(void **state)
{
    (void)state;
    static const plim_stream_site sites[] = {STREAM_SITE_MAP, STREAM_SITE_DIRECT, STREAM_SITE_OPEN,
                                             STREAM_SITE_THREAD};
    shelf s;
    unsigned int failures = 0;
    shelf_build(&s, cm_tmp(), EVEN, EVEN_COUNT, 2, true);
    for (size_t p = 0; p < 3; p++) {
        if (!shelf_has_path(&s, PATHS[p])) {
            continue;
        }
        const census before = take_census();
        for (size_t k = 0; k < 4; k++) {
            for (int at = 0; at < 16; at++) {
                plim_error err = {0};
                plim_load_opts opts = opts_for(PATHS[p]);
                breaker b = {.site = sites[k], .code = ENFILE};
                const plim_stream_seam seam = {break_at, &b};
                atomic_store(&b.left, at);
                memset(s.room, 0xEE, SHELF_ROOM_BYTES);
                const plim_status status = shelf_run(&s, &opts, &seam, NULL, &err);
                if (status == PLIM_OK) {
                    assert_arrived(&s);
                    break;
                }
                assert_true(status == PLIM_E_NOMEM || status == PLIM_E_IO);
                assert_int_equal(err.status, status);
                assert_int_equal(err.os_errno, ENFILE);
                assert_scrubbed(&s);
                assert_census(before);
                failures++;
            }
        }
    }
    assert_true(failures >= 4);
    shelf_drop(&s);
}

typedef struct watcher {
    volatile bool cancel;
    uint64_t calls, last, total, cancel_after;
} watcher;

static void watch(void *context, uint64_t done, uint64_t total)
{
    watcher *w = context;
    assert_true(done > w->last);
    w->last = done;
    w->total = total;
    w->cancel = ++w->calls == w->cancel_after;
}

static void progress_rises_to_the_total_in_the_calling_thread(void **state)
{
    (void)state;
    shelf s;
    shelf_build(&s, cm_tmp(), MIXED, MIXED_COUNT, 1, true);
    for (size_t p = 0; p < 3; p++) {
        plim_error err = {0};
        watcher w = {0};
        plim_load_opts opts = opts_for(PATHS[p]);
        opts.progress = watch;
        opts.progress_context = &w;
        if (!shelf_has_path(&s, PATHS[p])) {
            continue;
        }

        assert_ok(shelf_run(&s, &opts, NULL, NULL, &err));

        assert_int_equal(w.calls, MIXED_COUNT);
        assert_int_equal(w.last, s.payload_bytes);
        assert_int_equal(w.total, s.payload_bytes);
    }
    shelf_drop(&s);
}

static void a_cancel_at_any_chunk_ends_the_run_and_scrubs(void **state)
{
    (void)state;
    shelf s;
    shelf_build(&s, cm_tmp(), EVEN, EVEN_COUNT, 1, true);
    for (size_t p = 0; p < 3; p++) {
        if (!shelf_has_path(&s, PATHS[p])) {
            continue;
        }
        const census before = take_census();
        for (uint64_t after = 1; after < EVEN_COUNT; after++) {
            plim_error err = {0};
            watcher w = {.cancel_after = after};
            plim_load_opts opts = opts_for(PATHS[p]);
            opts.queue_depth = 1;
            opts.progress = watch;
            opts.progress_context = &w;
            opts.cancel = &w.cancel;
            memset(s.room, 0xEE, SHELF_ROOM_BYTES);

            const plim_status status = shelf_run(&s, &opts, NULL, NULL, &err);

            /* Later chunks may all have been retired in the same turn. */
            if (status != PLIM_OK) {
                assert_int_equal(status, PLIM_E_CANCELLED);
                assert_scrubbed(&s);
            }
        }
        volatile bool cancelled = true;
        plim_error err = {0};
        plim_load_opts opts = opts_for(PATHS[p]);
        opts.cancel = &cancelled;
        assert_status(shelf_run(&s, &opts, NULL, NULL, &err), PLIM_E_CANCELLED);
        assert_census(before);
    }
    shelf_drop(&s);
}

static void a_passed_deadline_ends_the_run_and_scrubs(void **state)
{
    (void)state;
    shelf s;
    shelf_build(&s, cm_tmp(), EVEN, EVEN_COUNT, 1, true);
    for (size_t p = 0; p < 3; p++) {
        plim_error err = {0};
        plim_load_opts opts = opts_for(PATHS[p]);
        opts.deadline_ns = 1;
        if (!shelf_has_path(&s, PATHS[p])) {
            continue;
        }
        const census before = take_census();

        assert_status(shelf_run(&s, &opts, NULL, NULL, &err), PLIM_E_DEADLINE);

        assert_int_equal(err.status, PLIM_E_DEADLINE);
        assert_scrubbed(&s);
        assert_census(before);
    }
    shelf_drop(&s);
}

static void break_rule(plim_stream_chunk *chunk, int rule)
{
    chunk->raw_bytes = rule == 0 ? 0 : rule == 1 ? PLIM_LZ4_RAW_MAX + 1 : chunk->raw_bytes;
    chunk->tail_bytes = rule == 3   ? PLIM_LZ4_TAIL_MAX + 1
                        : rule == 8 ? chunk->stored_bytes
                                    : chunk->tail_bytes;
    chunk->stored_bytes = rule == 2 ? UINT32_MAX : chunk->stored_bytes;
    chunk->file = rule == 4 ? 1 : chunk->file;
    chunk->file_offset += rule == 5 ? 512 : 0;
    chunk->target += rule == 6 ? 8 : 0;
    chunk->codec = rule == 7 ? (plim_codec)7 : chunk->codec;
}

static void chunks_that_break_the_rules_are_refused(void **state)
{
    (void)state;
    shelf s;
    shelf_build(&s, cm_tmp(), EVEN, EVEN_COUNT, 1, true);
    const census before = take_census();
    for (int rule = 0; rule < 9; rule++) {
        plim_error err = {0};
        plim_stream_chunk *chunk = &s.chunks[4];
        const plim_stream_chunk sound = *chunk;
        assert_int_equal(sound.codec, PLIM_CODEC_LZ4);
        break_rule(chunk, rule);

        assert_status(shelf_run(&s, NULL, NULL, NULL, &err), PLIM_E_ARG);

        assert_memory_equal(err.field, "chunk 4.", 8);
        *chunk = sound;
    }
    plim_error err = {0};
    s.chunks[4].file_offset = UINT64_MAX - 4095;
    assert_status(shelf_run(&s, NULL, NULL, NULL, &err), PLIM_E_IO);
    assert_status(plim_stream_run(NULL, 1, shelf_next_chunk, &s, 1, 1, NULL, NULL, &err),
                  PLIM_E_ARG);
    assert_status(plim_stream_run(s.files, 0, shelf_next_chunk, &s, 1, 1, NULL, NULL, &err),
                  PLIM_E_ARG);
    assert_census(before);
    shelf_drop(&s);
}

static void an_empty_list_is_done_at_once(void **state)
{
    (void)state;
    shelf s;
    plim_error err = {0};
    plim_load_stats stats;
    shelf_build(&s, cm_tmp(), EVEN, EVEN_COUNT, 1, false);
    s.chunk_count = 0;

    assert_ok(shelf_run(&s, NULL, NULL, &stats, &err));

    assert_int_equal(stats.chunk_count, 0);
    assert_int_equal(s.room[0], 0xEE);
    shelf_drop(&s);
}

static void the_prefault_leaves_bytes_alone_on_cold_memory(void **state)
{
    (void)state;
    shelf s;
    plim_error err = {0};
    shelf_build(&s, cm_tmp(), MIXED, MIXED_COUNT, 1, true);
    for (int i = 0; i < 4; i++) {
        plim_load_opts opts = plim_load_opts_default();
        opts.no_prefault = i == 3;
        munmap(s.room, SHELF_ROOM_BYTES);
        assert_true(mmap(s.room, SHELF_ROOM_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == s.room);
        plim_stream_want_huge(s.room, SHELF_ROOM_BYTES);

        assert_ok(shelf_run(&s, &opts, NULL, NULL, &err));

        assert_memory_equal(s.room, s.want, shelf_room_used(&s));
    }
    shelf_drop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_brings_every_chunk_shape),
        cmocka_unit_test(the_best_path_is_picked_and_said),
        cmocka_unit_test(a_refused_ring_falls_back_to_threads_and_says_why),
        cmocka_unit_test(refused_direct_reads_fall_back_to_windows_and_say_why),
        cmocka_unit_test(a_memory_file_system_is_read_buffered_and_named),
        cmocka_unit_test(no_page_cache_is_left_on_any_path),
        cmocka_unit_test(a_flipped_bit_in_any_chunk_is_named_and_nothing_stays),
        cmocka_unit_test(a_wrong_digest_in_the_list_is_corruption_too),
        cmocka_unit_test(an_lz4_block_that_does_not_decode_is_a_format_error),
        cmocka_unit_test(a_file_cut_at_any_chunk_is_refused),
        cmocka_unit_test(every_read_may_fail_and_nothing_leaks),
        cmocka_unit_test(short_and_interrupted_reads_are_taken_up_again),
        cmocka_unit_test(every_step_of_setting_up_may_fail_and_nothing_leaks),
        cmocka_unit_test(progress_rises_to_the_total_in_the_calling_thread),
        cmocka_unit_test(a_cancel_at_any_chunk_ends_the_run_and_scrubs),
        cmocka_unit_test(a_passed_deadline_ends_the_run_and_scrubs),
        cmocka_unit_test(chunks_that_break_the_rules_are_refused),
        cmocka_unit_test(an_empty_list_is_done_at_once),
        cmocka_unit_test(the_prefault_leaves_bytes_alone_on_cold_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
