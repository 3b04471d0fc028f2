/* SPDX-License-Identifier: Apache-2.0 */
/* test_boards.c - every board in test/fixtures/boards gives what its expected.txt says: each
 * fact that is present, with its confidence and its source. UPDATE=1 rewrites the files; what it
 * wrote is then read by a person before it is believed. */
#include <dirent.h>
#include <inttypes.h>
#include <unistd.h>

#include "plimsoll/platform.h"
#include "test/support/cm.h"

#define BOARDS    "test/fixtures/boards"
#define TEXT_ROOM 16384

static plim_error err;

static void value_of(plim_fact_id id, const plim_fact *fact, char *out, size_t room)
{
    char text[96];
    plim_fact_format(id, fact, text, sizeof(text));
    switch (plim_fact_unit(id)) {
    case PLIM_UNIT_BYTES:
    case PLIM_UNIT_BYTES_PER_S:
    case PLIM_UNIT_HERTZ:
        snprintf(out, room, "%" PRIu64 " (%s)", fact->number, text);
        break;
    default:
        snprintf(out, room, "%s", text);
    }
}

/* A container's folder names the captured host beside it in a file "snapshot". */
static bool has_snapshot(const char *root, char *out, size_t room)
{
    char path[320], name[100] = "";
    snprintf(path, sizeof(path), "%s/snapshot", root);
    FILE *f = fopen(path, "r");
    const bool has = f && fscanf(f, "%99s", name) == 1;
    if (f) {
        fclose(f);
    }
    snprintf(out, room, BOARDS "/%s", name);
    return has;
}

static size_t describe(const char *root, char *out)
{
    static plim_facts facts;
    plim_board_opts o = plim_board_opts_default();
    char snapshot[160];
    size_t used = 0;
    memset(&facts, 0, sizeof(facts));
    o.root = root;
    o.snapshot = has_snapshot(root, snapshot, sizeof(snapshot)) ? snapshot : NULL;
    assert_ok(plim_board_probe(&o, &facts, &err));
    for (unsigned i = 0; i < PLIM_FACT_COUNT; i++) {
        char value[128];
        const plim_fact *f = plim_facts_get(&facts, (plim_fact_id)i);
        if (f) {
            value_of((plim_fact_id)i, f, value, sizeof(value));
            used += (size_t)snprintf(out + used, TEXT_ROOM - used, "%-26s %-32s %-6s %s\n",
                                     plim_fact_key((plim_fact_id)i), value,
                                     plim_confidence_text(f->confidence), f->source);
            assert_true(used < TEXT_ROOM);
        }
    }
    return used;
}

/* The first line that differs, for a person. */
static void compare(const char *name, const char *expected, const char *found)
{
    while (*expected && *expected == *found) {
        expected++;
        found++;
    }
    if (*expected != *found) {
        fail_msg("%s: expected from there \"%.80s\", found \"%.80s\"", name, expected, found);
    }
}

static void every_board_gives_what_was_expected_of_it(void **state)
{
    static char expected[TEXT_ROOM], found[TEXT_ROOM];
    size_t count = 0;
    (void)state;
    DIR *boards = opendir(BOARDS);
    assert_non_null(boards);

    for (struct dirent *e; (e = readdir(boards));) {
        char root[300], path[320];
        snprintf(root, sizeof(root), BOARDS "/%.200s", e->d_name);
        snprintf(path, sizeof(path), "%s/expected.txt", root);
        const bool is_known = access(path, R_OK) == 0;
        if (e->d_name[0] == '.' || !is_known) {
            continue;
        }
        size_t bytes = describe(root, found);
        FILE *f = fopen(path, getenv("UPDATE") ? "w+" : "r");
        assert_non_null(f);
        if (getenv("UPDATE")) {
            assert_int_equal(fwrite(found, 1, bytes, f), bytes);
            rewind(f);
        }
        expected[fread(expected, 1, sizeof(expected) - 1, f)] = 0;
        fclose(f);

        compare(e->d_name, expected, found);
        count++;
    }
    closedir(boards);
    assert_true(count >= 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_board_gives_what_was_expected_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
