/* SPDX-License-Identifier: Apache-2.0 */
/* test_card_matrix.c - every card against every host: exactly one answer, and each "no" says why.
 *
 * Boards come from the tables that the tools use, so that a board that is added there is a row and
 * a column here. What comes out is held against test/fixtures/cards/matrix.txt; UPDATE=1 writes it
 * anew, and the difference is for a person to read. One letter a pair: '.' matches, else the field
 * that refuses.
 */
#include <dirent.h>

#include "plimsoll/engine.h"
#include "plimsoll/policy.h"
#include "test/support/cm.h"

#define EXPECTED   "test/fixtures/cards/matrix.txt"
#define BOARDS_MAX 64u

typedef struct board {
    char module[24];
    plim_host host;
} board;

static plim_error err;
static plim_card card;
static board boards[BOARDS_MAX];
static size_t board_count;

static void put(char *out, size_t room, const char *text)
{
    assert_true(strlen(text) < room);
    strcpy(out, text);
}

/* A host of each board of the tables that has a count; MemTotal is what a kernel leaves of it. */
static int know_boards(void **state)
{
    (void)state;
    plim_policy policy;
    plim_policy_cursor at = {0};
    static plim_policy_entry entry;
    plim_policy_builtin(&policy);
    while (plim_policy_next(&policy, &at, &entry)) {
        const plim_board_info *b = &entry.as.board;
        if (entry.kind != PLIM_POLICY_BOARD || !b->multiprocessors || !b->memory_bytes || !b->sm) {
            continue;
        }
        board *to = &boards[board_count++];
        assert_true(board_count <= BOARDS_MAX);
        plim_slice_copy(b->module, to->module, sizeof(to->module));
        to->host = (plim_host){.sm = (uint32_t)b->sm,
                               .multiprocessors = (uint32_t)b->multiprocessors,
                               .memory_bytes = b->memory_bytes / 100 * 95};
        put(to->host.tensorrt, sizeof(to->host.tensorrt), "10.3.0");
        put(to->host.tensorrt_build, sizeof(to->host.tensorrt_build), "10.3.0.30");
        put(to->host.power_mode_max, sizeof(to->host.power_mode_max), "MAXN");
        if (to->module[0] == 'p' && to->module[5] == '-') { /* a Jetson */
            put(to->host.l4t, sizeof(to->host.l4t), "36.4.0");
        }
    }
    return board_count > 25 ? 0 : -1;
}

/* The card that a build on @host leaves. */
static void card_of(const plim_host *host, plim_build_kind build)
{
    memset(&card, 0, sizeof(card));
    card.build = build;
    card.sm = host->sm;
    card.multiprocessors =
        host->multiprocessors_now ? host->multiprocessors_now : host->multiprocessors;
    card.board_memory_bytes = host->memory_bytes;
    put(card.tensorrt, sizeof(card.tensorrt), host->tensorrt);
    if (build != PLIM_BUILD_COMPAT) {
        put(card.l4t, sizeof(card.l4t), host->l4t);
    }
    put(card.power_mode, sizeof(card.power_mode), host->power_mode);
}

/* One letter; a refusal without its parts fails the test. */
static char verdict(const plim_host *host)
{
    static const char *const fields[] = {"sm",           "gpu",      "multiprocessors",
                                         "memory_bytes", "tensorrt", "tensorrt build",
                                         "l4t",          "jetpack",  "build"};
    static const char letters[] = "sgmbTtljc";
    memset(&err, 0, sizeof(err));
    plim_status status = plim_card_match(&card, host, "policy.engine", &err);
    if (status == PLIM_OK) {
        assert_int_equal(err.status, PLIM_OK);
        return '.';
    }
    assert_int_equal(status, PLIM_E_MISMATCH);
    assert_true(err.wanted[0] && err.found[0] && err.remedy[0]);
    assert_string_not_equal(err.wanted, err.found);
    assert_string_equal(err.detail, "policy.engine");
    for (size_t i = 0; letters[i]; i++) {
        if (strcmp(err.field, fields[i]) == 0) {
            return letters[i];
        }
    }
    fail_msg("a refusal of no known field: '%s'", err.field);
    return '?';
}

/* ---- the tables ---- */

typedef struct page {
    char text[1 << 16];
    size_t used;
} page;

static void say(page *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(page *to, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(to->text + to->used, sizeof(to->text) - to->used, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof(to->text) - to->used);
    to->used += (size_t)n;
}

static void say_boards(page *to, const char *title, plim_build_kind build)
{
    say(to, "\n# %s: a row is the board it was built on, a column the host, in this order\n",
        title);
    for (size_t i = 0; i < board_count; i++) {
        say(to, "%-14s ", boards[i].module);
        for (size_t k = 0; k < board_count; k++) {
            card_of(&boards[i].host, build);
            say(to, "%c", verdict(&boards[k].host));
        }
        say(to, "\n");
    }
}

static const board *board_named(const char *module)
{
    for (size_t i = 0; i < board_count; i++) {
        if (strcmp(boards[i].module, module) == 0) {
            return &boards[i];
        }
    }
    fail_msg("%s is not in the tables", module);
    return NULL;
}

/* Multiprocessors that are left in each mode: platform.md's table of nvpmodel files. */
static const struct {
    const char *module, *mode;
    uint32_t now;
} MODES[] = {
    {"p3701-0005", "MAXN", 16}, {"p3701-0005", "50W", 16},  {"p3701-0005", "30W", 8},
    {"p3701-0005", "15W", 6},   {"p3701-0004", "MAXN", 14}, {"p3701-0004", "40W", 14},
    {"p3701-0004", "30W", 8},   {"p3701-0004", "15W", 6},   {"p3767-0000", "MAXN", 8},
    {"p3767-0000", "25W", 8},   {"p3767-0000", "15W", 4},   {"p3767-0000", "10W", 4},
    {"p3767-0001", "MAXN", 8},  {"p3767-0001", "20W", 8},   {"p3767-0001", "15W", 4},
    {"p3767-0003", "15W", 8},   {"p3767-0003", "7W", 4},    {"p3767-0004", "10W", 4},
};
#define MODE_COUNT (sizeof(MODES) / sizeof(MODES[0]))

static plim_host host_in_mode(size_t i)
{
    plim_host h = board_named(MODES[i].module)->host;
    h.multiprocessors_now = MODES[i].now;
    put(h.power_mode, sizeof(h.power_mode), MODES[i].mode);
    return h;
}

static void say_modes(page *to, const char *title, plim_build_kind build)
{
    say(to, "\n# %s, by power mode: built in the row's mode, run in the column's\n", title);
    for (size_t i = 0; i < MODE_COUNT; i++) {
        say(to, "%-10s %-4s ", MODES[i].module, MODES[i].mode);
        for (size_t k = 0; k < MODE_COUNT; k++) {
            plim_host from = host_in_mode(i), on = host_in_mode(k);
            card_of(&from, build);
            say(to, "%c", verdict(&on));
        }
        say(to, "\n");
    }
}

static const char *const RELEASES[] = {"8.5.2",     "8.6.2.3",   "10.3.0",     "10.3.0.26",
                                       "10.3.0.30", "10.13.3.9", "10.16.2.10", "11.1.0.5"};
#define RELEASE_COUNT (sizeof(RELEASES) / sizeof(RELEASES[0]))

static void say_releases(page *to, bool version_compatible)
{
    say(to,
        "\n# TensorRT%s: the card's in the row, the host's in the column (each with its build)\n",
        version_compatible ? ", version compatible" : "");
    for (size_t i = 0; i < RELEASE_COUNT; i++) {
        say(to, "%-10s ", RELEASES[i]);
        for (size_t k = 0; k < RELEASE_COUNT; k++) {
            plim_host h = board_named("p3767-0000")->host;
            card_of(&h, PLIM_BUILD_NATIVE);
            put(card.tensorrt, sizeof(card.tensorrt), RELEASES[i]);
            card.version_compatible = version_compatible;
            unsigned dots = 0;
            h.tensorrt[0] = h.tensorrt_build[0] = 0;
            for (const char *p = RELEASES[k]; *p && (dots += *p == '.') < 3; p++) {
                size_t n = strlen(h.tensorrt);
                h.tensorrt[n] = *p;
                h.tensorrt[n + 1] = 0;
            }
            if (dots == 3) {
                put(h.tensorrt_build, sizeof(h.tensorrt_build), RELEASES[k]);
            }
            say(to, "%c", verdict(&h));
        }
        say(to, "\n");
    }
}

static void every_pair_has_the_verdict_that_is_written_down(void **state)
{
    (void)state;
    static page now, then;
    memset(&now, 0, sizeof(now));
    say(&now,
        "# . matches; refused: s SM, m multiprocessors, b board memory, T TensorRT,\n"
        "# t its build, l L4T, c compatibility level. Written by UPDATE=1 test_card_matrix.\n");
    say_boards(&now, "native", PLIM_BUILD_NATIVE);
    say_boards(&now, "emulated", PLIM_BUILD_EMULATED);
    say_boards(&now, "compat", PLIM_BUILD_COMPAT);
    say_modes(&now, "native", PLIM_BUILD_NATIVE);
    say_modes(&now, "emulated", PLIM_BUILD_EMULATED);
    say_releases(&now, false);
    say_releases(&now, true);

    FILE *f = fopen(EXPECTED, getenv("UPDATE") ? "wb" : "rb");
    assert_non_null(f);
    if (getenv("UPDATE")) {
        fwrite(now.text, 1, now.used, f);
    } else {
        then.used = fread(then.text, 1, sizeof(then.text) - 1, f);
        assert_string_equal(now.text, then.text);
    }
    fclose(f);
}

/* ---- what the table must hold ---- */

static void an_engine_for_2048_cores_is_refused_where_there_are_1024(void **state)
{
    (void)state;
    card_of(&board_named("p3701-0005")->host, PLIM_BUILD_NATIVE);

    assert_int_equal(verdict(&board_named("p3767-0000")->host), 'm');

    assert_string_equal(err.wanted, "16 multiprocessors (2048 cores at SM 8.7)");
    assert_string_equal(err.found, "8 multiprocessors (1024 cores at SM 8.7)");
    assert_non_null(strstr(err.remedy, "build the engine on this board"));
}

static void a_power_mode_that_takes_multiprocessors_away_is_named_with_its_remedy(void **state)
{
    (void)state;
    plim_host all = host_in_mode(8), gated = host_in_mode(10);
    card_of(&all, PLIM_BUILD_NATIVE);

    assert_int_equal(verdict(&gated), 'm');

    assert_string_equal(err.found, "4 multiprocessors (512 cores at SM 8.7)");
    assert_non_null(strstr(err.remedy, "this board shows 4 of its 8 multiprocessors in power mode "
                                       "15W; mode MAXN has 8"));
    card_of(&gated, PLIM_BUILD_NATIVE);
    assert_int_equal(verdict(&gated), '.');
    assert_int_equal(verdict(&all), 'm');
    assert_non_null(strstr(err.remedy, "it was built in power mode 15W"));
    gated.multiprocessors_now = 0; /* not known: the module's count is all there is */
    assert_int_equal(verdict(&gated), 'm');
}

static void thor_has_one_sm_under_two_names(void **state)
{
    (void)state;
    plim_host host = board_named("p3834-0008")->host;
    card_of(&host, PLIM_BUILD_NATIVE);
    card.sm = 101;

    assert_int_equal(verdict(&host), '.');

    host.sm = 101;
    card.sm = 110;
    assert_int_equal(verdict(&host), '.');
    host.sm = 121;
    assert_int_equal(verdict(&host), 's');
}

static void a_gpu_that_is_tied_by_name_is_held_by_name(void **state)
{
    (void)state;
    plim_host host = board_named("p3767-0000")->host;
    put(host.gpu_name, sizeof(host.gpu_name), "Orin (nvgpu)");
    card_of(&host, PLIM_BUILD_NATIVE);
    put(card.gpu_name, sizeof(card.gpu_name), "Orin");

    assert_int_equal(verdict(&host), '.');

    put(host.gpu_name, sizeof(host.gpu_name), "Orin2");
    assert_int_equal(verdict(&host), 'g');
    host.gpu_name[0] = 0;
    assert_int_equal(verdict(&host), 'g');
    assert_string_equal(err.found, "unknown to this host");
}

static void a_build_that_the_host_cannot_name_is_refused(void **state)
{
    (void)state;
    plim_host host = board_named("p3767-0000")->host;
    card_of(&host, PLIM_BUILD_NATIVE);
    put(card.tensorrt, sizeof(card.tensorrt), "10.3.0.30");
    host.tensorrt_build[0] = 0;

    assert_int_equal(verdict(&host), 't');

    assert_string_equal(err.found, "unknown to this host");
    card.version_compatible = true; /* with later ones, and nobody knows whether this is one */
    assert_int_equal(verdict(&host), 't');
    put(host.tensorrt, sizeof(host.tensorrt), "nightly");
    assert_int_equal(verdict(&host), 'T');
    put(card.tensorrt, sizeof(card.tensorrt), "nightly");
    assert_int_equal(verdict(&host), '.');
}

static bool is_one_tier(const plim_host *a, const plim_host *b)
{
    card_of(a, PLIM_BUILD_NATIVE);
    return plim_card_match(&card, b, NULL, NULL) == PLIM_OK;
}

/* One engine for each kind of board: whatever the host, one of them fits, and no two. */
static void of_one_engine_for_each_kind_of_board_exactly_one_fits(void **state)
{
    (void)state;
    const plim_host *tiers[BOARDS_MAX];
    size_t tier_count = 0;
    for (size_t i = 0; i < board_count; i++) {
        bool is_new = true;
        for (size_t t = 0; t < tier_count; t++) {
            is_new = is_new && !is_one_tier(tiers[t], &boards[i].host);
        }
        if (is_new) {
            tiers[tier_count++] = &boards[i].host;
        }
    }
    assert_true(tier_count > 10);

    for (size_t i = 0; i < board_count; i++) {
        size_t matches = 0;
        for (size_t t = 0; t < tier_count; t++) {
            card_of(tiers[t], PLIM_BUILD_NATIVE);
            matches += verdict(&boards[i].host) == '.';
        }
        if (matches != 1) {
            fail_msg("%s: %zu engines fit", boards[i].module, matches);
        }
    }
}

/* Whatever a captured board says or leaves out, there is one answer and it is whole. */
static void a_captured_board_takes_a_card_or_says_why_not(void **state)
{
    (void)state;
    DIR *d = opendir("test/fixtures/boards");
    size_t seen = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char root[512];
        plim_host host;
        snprintf(root, sizeof(root), "test/fixtures/boards/%s", e->d_name);
        if (e->d_name[0] == '.' || plim_host_detect(root, &host, &err) != PLIM_OK) {
            continue;
        }
        seen++;
        for (size_t i = 0; i < board_count; i++) {
            for (unsigned build = 0; build <= PLIM_BUILD_PORTABLE; build++) {
                card_of(&boards[i].host, (plim_build_kind)build);
                (void)verdict(&host);
            }
        }
        if (host.sm && host.multiprocessors && host.tensorrt[0]) {
            card_of(&host, PLIM_BUILD_NATIVE);
            assert_int_equal(verdict(&host), '.'); /* its own engine */
        }
    }
    closedir(d);
    assert_true(seen >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_engine_for_2048_cores_is_refused_where_there_are_1024),
        cmocka_unit_test(a_power_mode_that_takes_multiprocessors_away_is_named_with_its_remedy),
        cmocka_unit_test(thor_has_one_sm_under_two_names),
        cmocka_unit_test(a_gpu_that_is_tied_by_name_is_held_by_name),
        cmocka_unit_test(a_build_that_the_host_cannot_name_is_refused),
        cmocka_unit_test(of_one_engine_for_each_kind_of_board_exactly_one_fits),
        cmocka_unit_test(a_captured_board_takes_a_card_or_says_why_not),
        cmocka_unit_test(every_pair_has_the_verdict_that_is_written_down),
    };
    return cmocka_run_group_tests(tests, know_boards, NULL);
}
