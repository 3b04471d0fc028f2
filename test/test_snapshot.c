/* SPDX-License-Identifier: Apache-2.0 */
/* test_snapshot.c - no torn copy, no unbounded reader, whatever the writer does.
 *
 * READS=100000000 WORDS=900 test_snapshot is the long form; without them it is short. */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena/snapshot.h"
#include "test/support/cm.h"

#define MOST_WORDS 4096u

static _Alignas(64) unsigned char home[sizeof(snapshot) + 2 * MOST_WORDS * 8];

static snapshot *fresh(size_t bytes)
{
    assert_true(snapshot_footprint_bytes(bytes) <= sizeof(home));
    memset(home, 0, sizeof(home));
    return snapshot_init(home, bytes);
}

static size_t from_environment(const char *name, size_t otherwise)
{
    const char *text = getenv(name);
    return text ? (size_t)strtoull(text, NULL, 10) : otherwise;
}

/* Every word says which version it belongs to and where it stands. */
static void write_pattern(uint64_t *words, size_t count, uint64_t version)
{
    for (size_t i = 0; i < count; i++) {
        words[i] = version * 0x9e3779b97f4a7c15u + i;
    }
}

/* Of version 0, before the first publication, all is zero. */
static bool is_whole(const uint64_t *words, size_t count, uint64_t version)
{
    uint64_t wrong = words[0] ^ version * 0x9e3779b97f4a7c15u;
    for (size_t i = 1; i < count; i++) {
        wrong |= words[i] ^ (version ? words[0] + i : 0);
    }
    return wrong == 0;
}

static void what_was_put_comes_out(void **state)
{
    (void)state;
    char in[13] = "twelve bytes", out[13] = "";
    uint64_t version = 9;
    snapshot *s = fresh(sizeof(in));
    assert_int_equal(snapshot_read(s, out, &version), 1);
    assert_int_equal(version, 0);
    assert_int_equal(out[0], 0);

    assert_true(snapshot_put(s, in));

    assert_int_equal(snapshot_read(s, out, &version), 1);
    assert_int_equal(version, 1);
    assert_string_equal(out, in);
}

static void a_writer_that_died_inside_a_copy_leaves_the_one_before(void **state)
{
    (void)state;
    uint64_t words[4], out[4], version;
    snapshot *s = fresh(sizeof(words));
    write_pattern(words, 4, 1);
    assert_true(snapshot_put(s, words));
    s->sequences[1 - s->newest] |= 1; /* it began the next one */
    memset((void *)(home + sizeof(snapshot) + (1 - s->newest) * 64), 0xee, 16);

    assert_int_equal(snapshot_read(s, out, &version), 1);
    assert_int_equal(version, 1);
    assert_memory_equal(out, words, sizeof(out));
}

static void a_reader_that_is_counted_in_holds_the_writer_off_and_nobody_waits(void **state)
{
    (void)state;
    uint64_t words[4], out[4], version;
    snapshot *s = fresh(sizeof(words));
    write_pattern(words, 4, 1);
    assert_true(snapshot_put(s, words));

    s->holders = 1;
    assert_false(snapshot_put(s, words));
    assert_int_equal(snapshot_read(s, out, &version), 1);
    assert_int_equal(version, 1);

    s->holders = 0;
    assert_true(snapshot_put(s, words));
    snapshot_read(s, out, &version);
    assert_int_equal(version, 2);
}

static void the_last_resort_finds_the_whole_copy_whichever_is_marked(void **state)
{
    (void)state;
    for (uint64_t marked = 0; marked < 2; marked++) {
        uint64_t words[4], out[4], version;
        snapshot *s = fresh(sizeof(words));
        for (uint64_t v = 1; v <= 2; v++) {
            write_pattern(words, 4, v);
            assert_true(snapshot_put(s, words));
        }
        s->newest = marked; /* as a reader sees it that looked long ago */
        s->sequences[marked] |= 1;

        uint32_t attempts = snapshot_read(s, out, &version);

        assert_int_equal(attempts, SNAPSHOT_ATTEMPTS + 1);
        assert_true(is_whole(out, 4, version));
        assert_int_equal(version, s->sequences[1 - marked] / 2);
        assert_int_equal(s->holders, 0);
    }
}

/* ---- against a writer ---- */

typedef struct race {
    snapshot *to;
    size_t words;
    _Atomic bool is_over;
    uint64_t put_count, held_count;
} race;

static void *write_until_over(void *argument)
{
    race *r = argument;
    static uint64_t words[MOST_WORDS];
    while (!r->is_over) {
        write_pattern(words, r->words, r->put_count + 1);
        if (snapshot_put(r->to, words)) {
            r->put_count++;
        } else {
            r->held_count++;
        }
    }
    return NULL;
}

typedef struct reader {
    race *race;
    size_t reads;
    bool holds; /* every eighth read begins at the last resort */
    uint64_t torn, attempts[SNAPSHOT_ATTEMPTS + 2], changes, too_many;
} reader;

static void *read_much(void *argument)
{
    reader *r = argument;
    uint64_t *words = malloc(r->race->words * 8), version = 0, last = 0;
    for (size_t i = 0; i < r->reads || r->changes < 2; i++) {
        uint32_t attempts = SNAPSHOT_ATTEMPTS + 1;
        if (r->holds && i % 8 == 0) {
            snapshot_read_held(r->race->to, words, &version);
        } else {
            attempts = snapshot_read(r->race->to, words, &version);
        }
        bool is_bounded = attempts <= SNAPSHOT_ATTEMPTS + 1;
        r->too_many += !is_bounded;
        r->attempts[is_bounded ? attempts : 0]++;
        r->torn += !is_whole(words, r->race->words, version);
        r->changes += version != last;
        last = version;
    }
    free(words);
    return NULL;
}

static void report(const char *what, const race *w, const reader *r)
{
    printf("# %s: %zu reads of %zu words, %llu torn, %llu versions seen; first attempt %llu, "
           "second %llu, last resort %llu; %llu put, %llu held off\n",
           what, r->reads, w->words, (unsigned long long)r->torn, (unsigned long long)r->changes,
           (unsigned long long)r->attempts[1], (unsigned long long)r->attempts[2],
           (unsigned long long)r->attempts[SNAPSHOT_ATTEMPTS + 1], (unsigned long long)w->put_count,
           (unsigned long long)w->held_count);
}

static void race_readers(const char *what, size_t count, bool holds)
{
    race w = {.words = from_environment("WORDS", 64)};
    assert_true(w.words >= 2 && w.words <= MOST_WORDS);
    w.to = fresh(w.words * 8);
    reader readers[2] = {{.race = &w, .holds = holds}, {.race = &w, .holds = holds}};
    pthread_t writer, threads[2];
    assert_int_equal(pthread_create(&writer, NULL, write_until_over, &w), 0);
    for (size_t i = 0; i < count; i++) {
        readers[i].reads = from_environment("READS", 1200000) / count;
        assert_int_equal(pthread_create(&threads[i], NULL, read_much, &readers[i]), 0);
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
    w.is_over = true;
    pthread_join(writer, NULL);

    for (size_t i = 0; i < count; i++) {
        report(what, &w, &readers[i]);
        assert_int_equal(readers[i].torn, 0);
        assert_int_equal(readers[i].too_many, 0);
        assert_true(readers[i].changes > 1);
    }
}

static void no_copy_is_torn_against_a_writer_that_never_rests(void **state)
{
    (void)state;
    race_readers("one reader", 1, false);
    race_readers("two readers", 2, false);
}

static void no_copy_is_torn_when_readers_use_the_last_resort(void **state)
{
    (void)state;
    race_readers("last resort", 2, true);
}

static void no_copy_is_torn_between_processes(void **state)
{
    (void)state;
    race w = {.words = 64};
    size_t bytes = snapshot_footprint_bytes(w.words * 8);
    void *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    w.to = snapshot_init(shared, w.words * 8);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)write_until_over(&w); /* until it is killed */
        _exit(0);
    }
    uint64_t words[64], version, last = 0, changes = 0, torn = 0, said_no = 0;
    const size_t reads = from_environment("READS", 200000);
    for (size_t i = 0; i < reads || changes < 2; i++) {
        if (!snapshot_try(w.to, words, &version)) {
            said_no++;
            continue;
        }
        torn += !is_whole(words, 64, version);
        changes += version != last;
        last = version;
    }
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    reader after = {.race = &w, .reads = 1000, .changes = 2}; /* wherever it died */
    (void)read_much(&after);

    printf("# processes: %zu tries, %llu said no, %llu versions seen\n", reads,
           (unsigned long long)said_no, (unsigned long long)changes);
    assert_int_equal(torn, 0);
    assert_int_equal(after.torn, 0);
    assert_int_equal(after.attempts[1], 1000);
    munmap(shared, bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_comes_out),
        cmocka_unit_test(a_writer_that_died_inside_a_copy_leaves_the_one_before),
        cmocka_unit_test(a_reader_that_is_counted_in_holds_the_writer_off_and_nobody_waits),
        cmocka_unit_test(the_last_resort_finds_the_whole_copy_whichever_is_marked),
        cmocka_unit_test(no_copy_is_torn_against_a_writer_that_never_rests),
        cmocka_unit_test(no_copy_is_torn_when_readers_use_the_last_resort),
        cmocka_unit_test(no_copy_is_torn_between_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
