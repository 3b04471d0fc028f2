/* SPDX-License-Identifier: Apache-2.0 */
/* test_log.c - every line is JSON, and a level that is off costs nothing. */
#include <jansson.h>
#include <pthread.h>

#include "src/runtime/log.h"
#include "test/support/cm.h"
#include "test/support/heap_now.h"

typedef struct lines {
    char last[PLIM_LOG_LINE_BYTES];
    size_t last_bytes;
    uint64_t count, bad_count;
    plim_log_level level;
} lines;

static void keep(void *context, plim_log_level level, const char *text, size_t bytes)
{
    lines *to = context;
    assert_true(bytes < sizeof(to->last));
    memcpy(to->last, text, bytes);
    to->last[bytes] = 0;
    to->last_bytes = bytes;
    to->level = level;
    to->count++;
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
    to->bad_count += !json_is_object(root) || memchr(text, '\n', bytes) != NULL;
    json_decref(root);
}

static void say(plim_log *log, plim_log_level level, const char *event, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    plim_log_write(log, level, event, format, args);
    va_end(args);
}

static json_t *last(const lines *from)
{
    json_t *root = json_loadb(from->last, from->last_bytes, 0, NULL);
    if (!root) {
        fail_msg("not JSON: %s", from->last);
    }
    return root;
}

static void a_line_carries_the_fixed_fields_and_its_own(void **state)
{
    (void)state;
    static lines got;
    plim_log log;
    plim_log_init(&log, PLIM_LOG_DEBUG, keep, &got);
    plim_label_set("episode 3");

    say(&log, PLIM_LOG_WARN, "loaded", "\"engine\":\"%s\",\"bytes\":%llu,\"ok\":%s", "backbone",
        123456789012ull, "true");

    json_t *root = last(&got);
    assert_string_equal(json_string_value(json_object_get(root, "level")), "warn");
    assert_string_equal(json_string_value(json_object_get(root, "event")), "loaded");
    assert_string_equal(json_string_value(json_object_get(root, "label")), "episode 3");
    assert_string_equal(json_string_value(json_object_get(root, "engine")), "backbone");
    assert_int_equal(json_integer_value(json_object_get(root, "bytes")), 123456789012);
    assert_true(json_is_true(json_object_get(root, "ok")));
    assert_true(json_integer_value(json_object_get(root, "ts")) > 0);
    assert_true(json_integer_value(json_object_get(root, "wall")) > 1600000000000000000);
    assert_true(json_integer_value(json_object_get(root, "thread")) > 0);
    assert_int_equal(got.level, PLIM_LOG_WARN);
    json_decref(root);
    plim_label_set(NULL);
    plim_log_deinit(&log);
}

static void a_label_is_cut_to_31_bytes_and_cleared_by_null(void **state)
{
    (void)state;
    plim_label_set("0123456789012345678901234567890123456789");
    assert_string_equal(plim_label_get(), "0123456789012345678901234567890");
    plim_label_set(NULL);
    assert_string_equal(plim_label_get(), "");
}

static void quotes_controls_and_broken_utf8_are_escaped(void **state)
{
    (void)state;
    static lines got;
    plim_log log;
    plim_log_init(&log, PLIM_LOG_DEBUG, keep, &got);

    say(&log, PLIM_LOG_INFO, "a\"b", "\"path\":\"%s\"",
        "x\",\"forged\":\"1\\\n\t\x01\x7f\xff\xc3\xa9");

    json_t *root = last(&got);
    assert_null(json_object_get(root, "forged"));
    assert_string_equal(json_string_value(json_object_get(root, "path")),
                        "x\",\"forged\":\"1\\\n\t\x01\x7f\xc3\xbf\xc3\xa9");
    assert_string_equal(json_string_value(json_object_get(root, "event")), "a\"b");
    json_decref(root);
    plim_log_deinit(&log);
}

static void conversions_follow_printf(void **state)
{
    (void)state;
    char buffer[256];
    plim_line text;
    plim_line_init(&text, buffer, sizeof(buffer));
    plim_line_say(&text, "%d|%5u|%-3d|%x|%ld|%llu|%zu|%.2f|%g|%c|%.3s|%.*s|%*d|%%|%hhu", -7, 42u, 5,
                  255u, -9L, 18446744073709551615ull, (size_t)10, 3.14159, 0.5, 'q', "abcdef", 2,
                  "xyz", 4, 12, (unsigned char)200);
    assert_string_equal(buffer,
                        "-7|   42|5  |ff|-9|18446744073709551615|10|3.14|0.5|q|abc|xy|  12|%|200");
    assert_false(text.is_cut);
}

static void a_line_that_does_not_fit_is_cut_and_still_json(void **state)
{
    (void)state;
    static lines got;
    static char huge[5000];
    plim_log log;
    plim_log_init(&log, PLIM_LOG_DEBUG, keep, &got);
    memset(huge, '"', sizeof(huge) - 1);

    say(&log, PLIM_LOG_INFO, huge, "\"path\":\"%s\"", huge);
    json_t *root = last(&got);
    assert_true(json_is_true(json_object_get(root, "cut")));
    json_decref(root);

    for (size_t n = 0; n < 3000; n += 7) { /* around every boundary */
        huge[n] = 0;
        say(&log, PLIM_LOG_INFO, "grow", "\"path\":\"%s\",\"n\":%zu", huge, n);
        huge[n] = '\x02';
    }
    assert_int_equal(got.bad_count, 0);
    plim_log_deinit(&log);
}

static void a_fragment_that_is_not_members_is_kept_as_text(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "hello",         "\"a\":",     "\"a\":1,",       "\"a\":1}",       "\"a\":01",
        "\"a\":tru",     "\"a\":[1,]", "\"a\":{\"b\":1", "\"a\" 1",        "\"a\":\"\\ud800\"",
        "\"a\":1 \"b",   "a\":1",      "\"a\":\"\x01\"", "\"a\":1.e5",     "\"a\":--1",
        "\"a\":\"\\x\"", ",",          "\"a\":1\n",      "\"a\":\"\xff\"", "}{",
    };
    static lines got;
    plim_log log;
    plim_log_init(&log, PLIM_LOG_DEBUG, keep, &got);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(plim_json_members_are_valid(bad[i], strlen(bad[i])));
        say(&log, PLIM_LOG_INFO, "bad", bad[i]);
        json_t *root = last(&got);
        assert_true(json_is_true(json_object_get(root, "cut")));
        json_decref(root);
    }
    assert_int_equal(got.bad_count, 0);
    static const char good[] =
        "\"a\":-1.5e+3, \"b\":[1,[],{}],\"c\":{\"d\":null},\"e\":\"\\u00e9\"";
    assert_true(plim_json_members_are_valid(good, strlen(good)));
    assert_true(plim_json_members_are_valid("", 0));
    plim_log_deinit(&log);
}

static void random_arguments_never_break_a_line(void **state)
{
    (void)state;
    static lines got;
    plim_log log;
    uint64_t seed = cm_seed();
    plim_log_init(&log, PLIM_LOG_DEBUG, keep, &got);
    for (int round = 0; round < 4000; round++) {
        char text[128];
        size_t n = cm_next(&seed) % (sizeof(text) - 1);
        for (size_t i = 0; i < n; i++) {
            text[i] = (char)(1 + cm_next(&seed) % 255);
        }
        text[n] = 0;
        plim_label_set(text);
        say(&log, PLIM_LOG_ERROR, text, "\"a\":\"%s\",\"b\":\"%.9s\"", text, text);
        say(&log, PLIM_LOG_ERROR, "free", text[0] == '%' || strchr(text, '%') ? "\"a\":1" : text);
    }
    plim_label_set(NULL);
    assert_int_equal(got.count, 8000);
    assert_int_equal(got.bad_count, 0);
    plim_log_deinit(&log);
}

static void a_level_that_is_off_formats_and_allocates_nothing(void **state)
{
    (void)state;
    static lines got;
    plim_log log;
    plim_log_init(&log, PLIM_LOG_WARN, keep, &got);
    struct mallinfo2 before = mallinfo2();

    for (int i = 0; i < 1000; i++) {
        say(&log, PLIM_LOG_INFO, "step", "\"i\":%d,\"text\":\"%s\"", i, "never written");
        say(&log, PLIM_LOG_DEBUG, "step", "\"i\":%d", i);
    }

    struct mallinfo2 after = mallinfo2();
    assert_int_equal(log.line_count, 0);
    assert_int_equal(got.count, 0);
    assert_int_equal(after.uordblks, before.uordblks);
    assert_int_equal(after.hblkhd, before.hblkhd);
    say(&log, PLIM_LOG_WARN, "step", NULL);
    assert_int_equal(log.line_count, 1);
    assert_int_equal(mallinfo2().hblkhd, before.hblkhd);
    plim_log_deinit(&log);
}

static void no_sink_means_no_log(void **state)
{
    (void)state;
    plim_log log;
    plim_log_init(&log, PLIM_LOG_DEBUG, NULL, NULL);
    assert_false(plim_log_is_on(&log, PLIM_LOG_ERROR));
    say(&log, PLIM_LOG_ERROR, "lost", NULL);
    assert_int_equal(log.line_count, 0);
    plim_log_deinit(&log);
}

static void *chatter(void *argument)
{
    plim_label_set("thread");
    for (int i = 0; i < 200; i++) {
        say(argument, PLIM_LOG_INFO, "chatter", "\"i\":%d", i);
    }
    return NULL;
}

static void lines_of_threads_never_mix(void **state)
{
    (void)state;
    static lines got;
    plim_log log;
    pthread_t threads[4];
    plim_log_init(&log, PLIM_LOG_DEBUG, keep, &got);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, chatter, &log), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(got.count, 800);
    assert_int_equal(got.bad_count, 0);
    assert_string_equal(plim_label_get(), "");
    plim_log_deinit(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_carries_the_fixed_fields_and_its_own),
        cmocka_unit_test(a_label_is_cut_to_31_bytes_and_cleared_by_null),
        cmocka_unit_test(quotes_controls_and_broken_utf8_are_escaped),
        cmocka_unit_test(conversions_follow_printf),
        cmocka_unit_test(a_line_that_does_not_fit_is_cut_and_still_json),
        cmocka_unit_test(a_fragment_that_is_not_members_is_kept_as_text),
        cmocka_unit_test(random_arguments_never_break_a_line),
        cmocka_unit_test(a_level_that_is_off_formats_and_allocates_nothing),
        cmocka_unit_test(no_sink_means_no_log),
        cmocka_unit_test(lines_of_threads_never_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
