/* SPDX-License-Identifier: Apache-2.0 */
/* test_bad_input.c - damaged, foreign and hostile files, end to end through one runtime a group.
 *
 * After each refusal: the status and the field, the account exactly where it was, the arena in
 * order, and a good artifact that loads, runs to the same bits and gives every byte back.
 * Manifests go through the tool that was built: exit 2, file, line and key.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plimsoll/plimsoll.h"
#include "test/support/tool_run.h"

#define CAP_BYTES   (64u << 20)
#define CHUNK_BYTES (64u << 10)
#define BODY_BYTES  (4u * CHUNK_BYTES + 5000u)
#define ROW         64
#define CHUNKS_MAX  8
#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))

static plim_error err;
static plim_runtime *runtime;
static plim_account start;
static char folder[600], good[700];
static float reference[ROW];

/* ---- artifacts ---- */

static const char *in(const char *name)
{
    static char path[4][700];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof(path[0]), "%s/%s", folder, name);
    return p;
}

static void put(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static size_t get(const char *path, void *out, size_t room)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(out, 1, room, f);
    assert_int_equal(fclose(f), 0);
    assert_true(n < room);
    return n;
}

static plim_card *new_card(void)
{
    static plim_card card;
    card = (plim_card){.build = PLIM_BUILD_PORTABLE, .profile_count = 1, .tensor_count = 2};
    strcpy(card.backend, "null");
    strcpy(card.format, "raw");
    for (int i = 0; i < 2; i++) {
        plim_card_tensor *t = &card.tensors[i];
        strcpy(t->name, i ? "y" : "x");
        t->is_input = i == 0;
        t->dtype = PLIM_F32;
        t->rank = 2;
        t->profiles[0] = (plim_card_range){.min = {1, ROW}, .opt = {1, ROW}, .max = {77, ROW}};
    }
    return &card;
}

/* Three bytes of four are zero when it is to be compressed, so that LZ4 pays for each chunk. */
static const unsigned char *body(bool lz4)
{
    static unsigned char bytes[BODY_BYTES];
    uint64_t seed = 20261121;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        unsigned char random = (unsigned char)cm_next(&seed);
        bytes[i] = lz4 && i % 4 ? 0 : random;
    }
    return bytes;
}

static void pack(const char *path, plim_card *card, bool lz4)
{
    plim_pack_input input = {.name = "weights",
                             .kind = PLIM_SECTION_WEIGHTS,
                             .data = body(lz4),
                             .size_bytes = BODY_BYTES};
    plim_pack_opts o = plim_pack_opts_default();
    plim_pack_result result;
    o.chunk_bytes = CHUNK_BYTES;
    o.lz4 = lz4;
    assert_ok(plim_engine_pack(path, card, &input, 1, &o, &result, &err));
    assert_int_equal(result.chunk_count, 5);
    assert_int_equal(result.lz4_chunk_count, lz4 ? 5 : 0);
}

static void flip(const char *path, uint64_t at, unsigned bit)
{
    unsigned char c;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &c, 1, (off_t)at), 1);
    c = (unsigned char)(c ^ (1u << bit));
    assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
    close(fd);
}

/* Where the chunks of @path lie, by an account of its own. */
static size_t chunks_of(const char *path, plim_chunk *out)
{
    plim_budget_opts b = plim_budget_opts_default();
    plim_region_opts r = plim_region_opts_default();
    plim_budget *budget;
    plim_arena *arena;
    plim_region *home;
    plim_engine_file *file;
    b.cap_bytes = CAP_BYTES;
    r.size_bytes = 16u << 20;
    assert_ok(plim_budget_open(plim_provider_mmap(), &b, &budget, &err));
    assert_ok(plim_arena_open(budget, plim_provider_mmap(), NULL, &arena, &err));
    assert_ok(plim_region_create(arena, PLIM_REGION_BUMP, &r, &home, &err));
    assert_ok(plim_engine_open(path, home, &file, &err));
    size_t count = plim_engine_chunk_count(file);
    assert_true(count <= CHUNKS_MAX);
    for (size_t i = 0; i < count; i++) {
        out[i] = *plim_engine_chunk(file, i);
    }
    plim_engine_close(file);
    plim_arena_close(arena);
    plim_budget_close(budget);
    return count;
}

/* ---- one runtime, and what must hold after every refusal ---- */

static plim_status load(const char *name, const char *path, plim_engine **out)
{
    plim_engine_spec s = plim_engine_spec_default();
    s.name = name;
    s.path = path;
    s.backend = NULL;
    s.load.path = PLIM_READ_BUFFERED;
    s.load.worker_count = 1;
    memset(&err, 0, sizeof(err));
    return plim_runtime_deserialize(runtime, &s, out, &err);
}

static void assert_untouched(const char *after)
{
    plim_account now;
    plim_budget_read(plim_runtime_budget(runtime), &now, NULL, 0);
    if (now.used_bytes != start.used_bytes ||
        memcmp(now.tag_now_bytes, start.tag_now_bytes, sizeof(now.tag_now_bytes)) != 0) {
        fail_msg("%s: the account has %llu bytes, and had %llu", after,
                 (unsigned long long)now.used_bytes, (unsigned long long)start.used_bytes);
    }
    assert_ok(plim_arena_check(plim_runtime_arena(runtime), &err));
}

/* Loads @path, runs it once and gives it back. */
static void use(const char *name, const char *path, float *y)
{
    static const char *const x_name[] = {"x"}, *const y_name[] = {"y"};
    float x[ROW];
    int64_t shape[2] = {1, ROW};
    plim_tensor input, output;
    plim_engine *engine = NULL;
    for (int i = 0; i < ROW; i++) {
        x[i] = (float)i / 7.0f;
    }
    assert_ok(plim_tensor_init(&input, x, PLIM_F32, shape, 2, PLIM_MEMORY_HOST, &err));
    assert_ok(plim_tensor_init(&output, y, PLIM_F32, shape, 2, PLIM_MEMORY_HOST, &err));
    assert_ok(load(name, path, &engine));
    assert_ok(plim_engine_infer(engine, x_name, &input, 1, y_name, &output, 1, &err));
    assert_ok(plim_engine_release(engine, &err));
    assert_untouched(path);
}

/* @field is how the field begins; NULL: whichever. */
static void refused(const char *path, plim_status status, const char *field, const char *what)
{
    plim_engine *engine = (plim_engine *)(void *)&err;
    float y[ROW];
    plim_status found = load("bad", path, &engine);
    if (found == PLIM_OK) {
        (void)!plim_engine_release(engine, NULL);
    }
    if (found != status || err.status != status ||
        (field && strncmp(err.field, field, strlen(field)) != 0)) {
        char text[1024];
        plim_error_format(&err, text, sizeof(text));
        fail_msg("%s: wanted %s of '%s', got %s of '%s': %s", what, plim_status_name(status),
                 field ? field : "", plim_status_name(found), err.field, text);
    }
    assert_null(engine);
    plim_error kept = err;
    assert_untouched(what);
    use("good", good, y);
    assert_memory_equal(y, reference, sizeof(y));
    err = kept;
}

static int open_runtime(void **state)
{
    (void)state;
    static plim_host host = {.board = "test board",
                             .arch = "aarch64",
                             .sm = 87,
                             .multiprocessors = 8,
                             .memory_bytes = UINT64_C(8) << 30};
    plim_runtime_opts o = plim_runtime_opts_default();
    o.budget.cap_bytes = CAP_BYTES;
    o.host = &host;
    if (!folder[0]) {
        snprintf(folder, sizeof(folder), "%.599s", tool_folder());
        snprintf(good, sizeof(good), "%s", in("good.engine"));
        pack(good, new_card(), false);
    }
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    plim_budget_read(plim_runtime_budget(runtime), &start, NULL, 0);
    use("good", good, reference);
    return 0;
}

static int close_runtime(void **state)
{
    (void)state;
    assert_untouched("the group");
    plim_runtime_close(runtime);
    runtime = NULL;
    return 0;
}

/* ---- damage ---- */

static void a_flipped_bit_in_any_chunk_is_corruption_and_named(void **state)
{
    (void)state;
    for (int lz4 = 0; lz4 < 2; lz4++) {
        const char *path = lz4 ? in("flip-lz4.engine") : in("flip-raw.engine");
        plim_chunk chunks[CHUNKS_MAX];
        float y[ROW];
        pack(path, new_card(), lz4);
        size_t count = chunks_of(path, chunks);
        for (size_t i = 0; i < count; i++) {
            uint64_t at[3] = {0, chunks[i].stored_bytes / 2, chunks[i].stored_bytes - 1};
            for (size_t k = 0; k < 3; k++) {
                char number[32];
                snprintf(number, sizeof(number), "chunk %zu", i);
                flip(path, chunks[i].file_offset + at[k], (unsigned)(i + k) % 8);
                refused(path, PLIM_E_CORRUPT, number, "a flipped bit");
                flip(path, chunks[i].file_offset + at[k], (unsigned)(i + k) % 8);
            }
        }
        use("whole again", path, y);
    }
}

static void a_flipped_bit_in_the_head_is_refused_too(void **state)
{
    (void)state;
    const char *path = in("head.engine");
    plim_chunk chunks[CHUNKS_MAX];
    pack(path, new_card(), true);
    (void)chunks_of(path, chunks);
    for (uint64_t at = 0; at < chunks[0].file_offset; at += 509) {
        plim_engine *engine = NULL;
        flip(path, at, (unsigned)at % 8);
        plim_status status = load("bad", path, &engine);
        assert_true(status == PLIM_E_CORRUPT || status == PLIM_E_FORMAT || status == PLIM_E_RANGE ||
                    status == PLIM_E_UNSUPPORTED);
        assert_null(engine);
        assert_untouched("a flipped bit of the head");
        flip(path, at, (unsigned)at % 8);
    }
    flip(path, 5000, 3);
    refused(path, PLIM_E_CORRUPT, NULL, "a flipped bit of the card");
}

static void a_file_that_ends_at_or_inside_any_chunk_is_refused(void **state)
{
    (void)state;
    for (int lz4 = 0; lz4 < 2; lz4++) {
        const char *path = lz4 ? in("cut-lz4.engine") : in("cut-raw.engine");
        plim_chunk chunks[CHUNKS_MAX];
        pack(path, new_card(), lz4);
        for (size_t i = chunks_of(path, chunks); i-- > 0;) {
            assert_int_equal(truncate(path, (off_t)(chunks[i].file_offset + 1)), 0);
            refused(path, PLIM_E_RANGE, "file_bytes", "cut inside a chunk");
            assert_int_equal(truncate(path, (off_t)chunks[i].file_offset), 0);
            refused(path, PLIM_E_RANGE, "file_bytes", "cut between chunks");
        }
        assert_int_equal(truncate(path, 4097), 0);
        refused(path, PLIM_E_RANGE, "file_bytes", "cut inside the card");
        assert_int_equal(truncate(path, 4095), 0);
        refused(path, PLIM_E_FORMAT, "file_bytes", "cut inside the header");
    }
}

/* ---- the wrong card ---- */

static uint64_t bytes_read(void)
{
    char text[512] = "";
    unsigned long long rchar = 0;
    FILE *f = fopen("/proc/self/io", "r");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    if (f) {
        fclose(f);
    }
    return n && sscanf(text, "rchar: %llu", &rchar) == 1 ? rchar : 0;
}

static void twice_the_multiprocessors_are_refused_before_the_body(void **state)
{
    (void)state;
    float y[ROW];
    plim_chunk chunks[CHUNKS_MAX];
    plim_engine *engine;
    const char *path = in("orin.engine");
    plim_card *card = new_card();
    card->build = PLIM_BUILD_NATIVE;
    card->sm = 87;
    card->multiprocessors = 8;
    pack(path, card, false);
    use("fits", path, y); /* with as many as the host has it loads */
    card = new_card();
    card->build = PLIM_BUILD_NATIVE;
    card->sm = 87;
    card->multiprocessors = 16;
    pack(path, card, false);
    size_t count = chunks_of(path, chunks);
    off_t end = (off_t)(chunks[count - 1].file_offset + chunks[count - 1].stored_bytes);

    for (int round = 0; round < 3; round++) { /* the body whole, a hole, garbage */
        if (round == 1) {
            assert_int_equal(truncate(path, (off_t)chunks[0].file_offset), 0);
            assert_int_equal(truncate(path, end), 0);
        } else if (round == 2) {
            flip(path, chunks[0].file_offset + 77, 5);
        }
        refused(path, PLIM_E_MISMATCH, "multiprocessors", "another number of multiprocessors");
        assert_non_null(strstr(err.wanted, "16 multiprocessors (2048 cores"));
        assert_non_null(strstr(err.found, "8 multiprocessors (1024 cores"));
        assert_string_equal(err.detail, path);
        uint64_t before = bytes_read();
        assert_status(load("bad", path, &engine), PLIM_E_MISMATCH);
        assert_true(bytes_read() - before < CHUNK_BYTES);
    }
}

/* ---- what a card may claim ---- */

/* Puts @to in place of the first @from of the card beside @path. */
static void edit_card(const char *path, const char *from, const char *to)
{
    static char text[65536], edited[65536];
    char card[800];
    snprintf(card, sizeof(card), "%s.card.json", path);
    text[get(card, text, sizeof(text))] = 0;
    char *at = strstr(text, from);
    if (!at) {
        fail_msg("no %s in %s", from, text);
    } else {
        int n = snprintf(edited, sizeof(edited), "%.*s%s%s", (int)(at - text), text, to,
                         at + strlen(from));
        put(card, edited, (size_t)n);
    }
}

static const char *make_bare(void)
{
    const char *path = in("bare.raw");
    plim_pack_opts o = plim_pack_opts_default();
    o.chunk_bytes = CHUNK_BYTES;
    put(path, body(false), BODY_BYTES);
    assert_ok(plim_engine_write_card(path, new_card(), &o, NULL, &err));
    return path;
}

static void what_a_card_may_not_claim_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        plim_status status;
        const char *field;
    } CASES[] = {
        {"\"float32\"", "\"float33\"", PLIM_E_UNSUPPORTED, "tensors[0].dtype"},
        {"\"rank\": 2", "\"rank\": 9", PLIM_E_SHAPE, "tensors[0].rank"},
        {"\"rank\": 2", "\"rank\": 4294967298", PLIM_E_SHAPE, "tensors[0].rank"},
        {"77", "9223372036854775808", PLIM_E_FORMAT, "JSON"},
        {"77", "-1", PLIM_E_FORMAT, "profiles[0].x.max"},
        {"\"null\"", "\"nonesuch\"", PLIM_E_NOT_FOUND, "backend"},
        {"\"null\"", "\"null\", \"bckend\": \"x\"", PLIM_E_FORMAT, "bckend"},
        {"\"bytes\": 65536", "\"bytes\": 65535", PLIM_E_FORMAT, "chunks.bytes"},
        {"\"bytes\": 65536", "\"bytes\": 0", PLIM_E_FORMAT, "chunks.bytes"},
    };
    float y[ROW];
    for (size_t i = 0; i < COUNT(CASES); i++) {
        const char *path = make_bare();
        edit_card(path, CASES[i].from, CASES[i].to);
        refused(path, CASES[i].status, CASES[i].field, CASES[i].to);
    }
    const char *path = make_bare();
    edit_card(path, "77", "9223372036854775807"); /* a dimension without a bound */
    use("unbounded", path, y);
    assert_memory_equal(y, reference, sizeof(y));
}

/* ---- parts that are gone ---- */

static size_t field(unsigned char *out, unsigned number, const void *bytes, size_t size)
{
    assert_true(size < 128);
    out[0] = (unsigned char)(number << 3 | 2);
    out[1] = (unsigned char)size;
    memcpy(out + 2, bytes, size);
    return size + 2;
}

/* The smallest ONNX model with a tensor whose bytes lie in w.bin, by hand. */
static const char *make_model(void)
{
    unsigned char entry[64], tensor[100], graph[110], model[120];
    const char *path = in("m.onnx");
    size_t n = field(entry, 1, "location", 8);
    n += field(entry + n, 2, "w.bin", 5);
    n = field(tensor, 13, entry, n);
    tensor[n++] = 14 << 3; /* data_location: external */
    tensor[n++] = 1;
    n = field(graph, 5, tensor, n);
    n = field(model, 7, graph, n);
    put(path, model, n);
    put(in("w.bin"), body(false), BODY_BYTES);
    plim_card *card = new_card();
    strcpy(card->format, "onnx+weights");
    assert_ok(plim_engine_write_card(path, card, NULL, NULL, &err));
    return path;
}

static void external_data_that_is_gone_short_or_a_link_is_named(void **state)
{
    (void)state;
    float y[ROW];
    use("whole", make_model(), y);
    assert_int_equal(unlink(in("w.bin")), 0);
    refused(in("m.onnx"), PLIM_E_NOT_FOUND, "location", "no external data");
    assert_non_null(strstr(err.found, "w.bin"));
    assert_int_equal(symlink(good, in("w.bin")), 0);
    refused(in("m.onnx"), PLIM_E_FORMAT, "location", "a link as external data");
    unlink(in("w.bin"));
    assert_int_equal(mkfifo(in("w.bin"), 0600), 0);
    refused(in("m.onnx"), PLIM_E_FORMAT, "location", "a pipe as external data");
    unlink(in("w.bin"));
    put(in("w.bin"), body(false), BODY_BYTES - 1);
    refused(in("m.onnx"), PLIM_E_RANGE, "chunks.files[1].bytes", "short external data");
    unlink(in("m.onnx.card.json"));
    refused(in("m.onnx"), PLIM_E_FORMAT, NULL, "no card beside a model");
}

static void an_artifact_without_its_graph_is_named(void **state)
{
    (void)state;
    const char *library = cm_wheel("libonnxruntime.so");
    if (!library) {
        skip_because("no libonnxruntime.so in build/wheels");
    }
    setenv("PLIMSOLL_ONNXRUNTIME", library, 1);
    plim_card *card = new_card();
    strcpy(card->backend, "onnxruntime");
    strcpy(card->format, "onnx+weights");
    pack(in("headless.engine"), card, false);
    refused(in("headless.engine"), PLIM_E_FORMAT, "section", "no graph section");
    assert_string_equal(err.wanted, "graph");
}

/* ---- things that are no artifact ---- */

static void what_is_no_file_is_refused_and_nothing_hangs(void **state)
{
    (void)state;
    static const struct {
        const char *name, *link;
        plim_status status;
        const char *field;
    } CASES[] = {
        {"proc.engine", "/proc/self/status", PLIM_E_FORMAT, "file_bytes"},
        {"mem.engine", "/proc/self/mem", PLIM_E_FORMAT, "file_bytes"},
        {"zero.engine", "/dev/zero", PLIM_E_FORMAT, ""},
        {"null.engine", "/dev/null", PLIM_E_FORMAT, ""},
        {"folder.engine", "/proc/self", PLIM_E_FORMAT, ""},
        {"loop.engine", "loop.engine", PLIM_E_IO, ""},
        {"gone.engine", "nowhere", PLIM_E_NOT_FOUND, ""},
        {"under.engine", "good.engine/x", PLIM_E_NOT_FOUND, ""},
    };
    alarm(60); /* one that waits for a pipe would wait for ever */
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_int_equal(symlink(CASES[i].link, in(CASES[i].name)), 0);
        refused(in(CASES[i].name), CASES[i].status, CASES[i].field, CASES[i].name);
    }
    assert_int_equal(mkfifo(in("pipe.engine"), 0600), 0);
    refused(in("pipe.engine"), PLIM_E_FORMAT, NULL, "a pipe");
    assert_int_equal(mkdir(in("dir.engine"), 0700), 0);
    refused(in("dir.engine"), PLIM_E_FORMAT, NULL, "a folder");
    put(in("empty.engine"), "", 0);
    refused(in("empty.engine"), PLIM_E_FORMAT, "file_bytes", "an empty file");
    alarm(0);
}

static void a_pipe_or_a_folder_beside_an_artifact_does_not_hang_it(void **state)
{
    (void)state;
    float y[ROW];
    alarm(60);
    pack(in("piped.engine"), new_card(), false);
    assert_int_equal(mkfifo(in("piped.engine.plan.csv"), 0600), 0);
    use("piped", in("piped.engine"), y); /* a plan that cannot be used is no plan */
    assert_int_equal(mkfifo(in("piped.engine.card.json"), 0600), 0);
    refused(in("piped.engine"), PLIM_E_FORMAT, NULL, "a pipe as card");
    unlink(in("piped.engine.card.json"));
    assert_int_equal(mkdir(in("piped.engine.card.json"), 0700), 0);
    refused(in("piped.engine"), PLIM_E_FORMAT, NULL, "a folder as card");
    alarm(0);
}

/* ---- manifests, through the tool ---- */

#define E    "engines:\n  - {name: a, artifact: good.engine, inputs: {x: {from: zeros}}}\n"
#define CAP  "budget: {cap: 64 MiB}\n"
#define CAP3 "budget:\n  cap: 64 MiB\n"

static char said[16384];

static int plan(const char *name)
{
    char self[600], command[2048];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    assert_true(n > 0);
    self[n] = 0;
    *strstr(self, "/test/test_bad_input") = 0;
    snprintf(command, sizeof(command), "cd %s && timeout 30 %s/plimsoll plan %s >out 2>said",
             folder, self, name);
    int status = system(command);
    said[get(in("said"), said, sizeof(said))] = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Refused with exit 2, and with each of the words said. */
static void refuses(const char *name, const char *words, const char *more)
{
    int code = plan(name);
    if (code != 2 || !strstr(said, words) || (more && !strstr(said, more))) {
        fail_msg("wanted 2, '%s', '%s'; got %d: %s", words, more ? more : "", code, said);
    }
    for (const char *c = said; *c; c++) { /* nothing of a file acts on a terminal */
        assert_true(*c == '\n' || ((unsigned char)*c >= ' ' && *c != 127));
    }
}

static void every_manifest_fault_names_file_line_and_key(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words, *more;
    } CASES[] = {
        {CAP "enignes: []\n", "m.yaml:2: enignes: unknown key; did you mean 'engines'?", NULL},
        {CAP E "    ", "", NULL}, /* the base of all the others: fits below */
        {CAP E "host: {smm: 87}\n", "m.yaml:4: host.smm: unknown key; did you mean 'sm'?", NULL},
        {"budget: {cap: 64 MeB}\n" E, "m.yaml:1: budget.cap: '64 MeB': unknown unit", NULL},
        {"budget: {cap: 64}\n" E, "m.yaml:1: budget.cap: '64': the unit is missing", NULL},
        {"budget: {cap: -1 GiB}\n" E, "m.yaml:1: budget.cap: '-1 GiB'", NULL},
        {"budget: {cap: 0 MiB}\n" E, "m.yaml:1: budget.cap", NULL},
        {"budget: {cap: 9e30 GiB}\n" E, "m.yaml:1: budget.cap", NULL},
        {"budget: {cap: 99999999999 GiB}\n" E, "m.yaml:1: budget.cap", "63 bits"},
        {"budget: {cap: \"64 MiB\\0x\"}\n" E, "m.yaml:1: budget.cap", NULL},
        {"budget: {cap: \"1 \\e[2JB\"}\n" E, "m.yaml:1: budget.cap", NULL},
        {"name: \"a\\nb\"\n" CAP E, "m.yaml:1: name", NULL},
        {"\"\\e]0;x\\a\": 1\n" CAP E, "m.yaml:1: ", "unknown key"},
        {"budget: {cap: 1 GiB, fraction: 0.5}\n" E, "m.yaml:1: budget: give one of", NULL},
        {"budget: {fraction: 1.5}\n" E, "m.yaml:1: budget.fraction: '1.5'", "at most 1"},
        {"budget: {fraction: 0}\n" E, "m.yaml:1: budget.fraction: '0'", NULL},
        {"budget: {fraction: nan}\n" E, "m.yaml:1: budget.fraction: 'nan'", NULL},
        {"budget: {}\n" E, "m.yaml:1: budget: give one of", NULL},
        {"budget: 64 MiB\n" E, "m.yaml:1: budget: keys and values", NULL},
        {"budget: {cap: [64 MiB]}\n" E, "m.yaml:1: budget.cap: a value is wanted", NULL},
        {"budget: {cap: {a: b}}\n" E, "m.yaml:1: budget.cap: a value is wanted", NULL},
        {"budget: {cap: }\n" E, "m.yaml:1: budget.cap: a value is wanted", NULL},
        {CAP3 "  cap: 1 MiB\n" E, "m.yaml:3: budget.cap: given twice, first on line 2", NULL},
        {CAP E CAP, "m.yaml:4: budget: given twice, first on line 1", NULL},
        {CAP E "order: best\n", "m.yaml:4: order: 'best': one of optimal", NULL},
        {CAP E "order: [optimal]\n", "m.yaml:4: order: a value is wanted", NULL},
        {"budget: {cap: 1 GiB, seal: never}\n" E, "m.yaml:1: budget.seal: 'never'", "refuse"},
        {CAP "engines: good.engine\n", "m.yaml:2: engines: a list of at most", NULL},
        {CAP "engines: []\n", "m.yaml:2: engines: at least one", NULL},
        {CAP "engines: [a]\n", "m.yaml:2: engines[0]: keys and values", NULL},
        {CAP "engines:\n  - {name: a, artifact: none.engine}\n",
         "m.yaml:3: engines[0].artifact: 'none.engine': no such file", NULL},
        {CAP "engines:\n  - {name: a, artifact: good.engine, backend: nonesuch}\n",
         "m.yaml:3: engines[0].backend: 'nonesuch'", "null"},
        {CAP "engines:\n  - {name: a, artifact: good.engine, threads: two}\n",
         "m.yaml:3: engines[0].threads: 'two': a whole number", NULL},
        {CAP "engines:\n  - {name: a, artifact: good.engine, prepack: maybe}\n",
         "m.yaml:3: engines[0].prepack: 'maybe': true or false", NULL},
        {CAP "engines:\n  - {name: a234567890123456789012345678901234, artifact: good.engine}\n",
         "m.yaml:3: engines[0].name: ", "too long"},
        {"budget:\n\tcap: 64 MiB\n" E, "m.yaml:2: ", "tab"},
        {"budget: {cap: 64 MiB\n" E, "m.yaml:2: ", NULL},
        {CAP "engines: [{name: a\n", "m.yaml:3: ", NULL},
        {CAP E "name: 'x\n", "m.yaml:", NULL},
        {CAP E "name: *nobody\n", "m.yaml:4: ", "alias"},
        {CAP E "---\n" CAP, "m.yaml:4: ", "document"},
        {"- a\n- b\n", "m.yaml:1: keys and values", NULL},
        {"plain words\n", "m.yaml:1: keys and values", NULL},
        {"", "m.yaml:1: the file is empty", NULL},
        {"# nothing\n\n", "m.yaml:1: the file is empty", NULL},
        {"\xff\xfe\x00\x01", "m.yaml:", NULL},
        {"\x7f"
         "ELF\x02\x01\x01\x03",
         "m.yaml:1: ", NULL},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        put(in("m.yaml"), CASES[i].text, strlen(CASES[i].text));
        if (CASES[i].words[0]) {
            refuses("m.yaml", CASES[i].words, CASES[i].more);
        } else {
            int code = plan("m.yaml");
            if (code != 0) {
                fail_msg("the base of all others: %d: %s", code, said);
            }
        }
    }
}

static void manifests_of_every_unlikely_size_and_kind_are_refused_soon(void **state)
{
    (void)state;
    static char text[10u << 20];
    assert_int_equal(mkdir(in("dir.yaml"), 0700), 0);
    refuses("dir.yaml", "dir.yaml: ", "Is a directory");
    memset(text, '#', sizeof(text));
    put(in("m.yaml"), text, sizeof(text));
    refuses("m.yaml", "m.yaml: ", "1 MiB");
    memset(text, 0, 1000);
    put(in("m.yaml"), text, 1000);
    refuses("m.yaml", "m.yaml:1: ", "control");
    uint64_t seed = cm_seed();
    for (size_t i = 0; i < 100000; i++) {
        text[i] = (char)cm_next(&seed);
    }
    put(in("m.yaml"), text, 100000);
    refuses("m.yaml", "m.yaml:", NULL);
    static const char *const DEEP[] = {"[", "{", "- ", "? ", "{a: ", "[[ "};
    for (size_t i = 0; i < COUNT(DEEP); i++) { /* as deep as a file may be large */
        size_t n = strlen(DEEP[i]), size = 1000000 / n * n;
        for (size_t at = 0; at < size; at += n) {
            memcpy(text + at, DEEP[i], n);
        }
        put(in("m.yaml"), text, size);
        refuses("m.yaml", "m.yaml:1: ", "nested");
    }
}

int main(void)
{
    const struct CMUnitTest damage[] = {
        cmocka_unit_test(a_flipped_bit_in_any_chunk_is_corruption_and_named),
        cmocka_unit_test(a_flipped_bit_in_the_head_is_refused_too),
        cmocka_unit_test(a_file_that_ends_at_or_inside_any_chunk_is_refused),
        cmocka_unit_test(twice_the_multiprocessors_are_refused_before_the_body),
        cmocka_unit_test(what_a_card_may_not_claim_is_named),
        cmocka_unit_test(external_data_that_is_gone_short_or_a_link_is_named),
        cmocka_unit_test(an_artifact_without_its_graph_is_named),
        cmocka_unit_test(what_is_no_file_is_refused_and_nothing_hangs),
        cmocka_unit_test(a_pipe_or_a_folder_beside_an_artifact_does_not_hang_it),
        cmocka_unit_test(every_manifest_fault_names_file_line_and_key),
        cmocka_unit_test(manifests_of_every_unlikely_size_and_kind_are_refused_soon),
    };
    return cmocka_run_group_tests(damage, open_runtime, close_runtime);
}
