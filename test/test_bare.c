/* SPDX-License-Identifier: Apache-2.0 */
/* test_bare.c - bare files with a card beside them: plans, safetensors, external data. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plimsoll/engine.h"
#include "src/engine/beneath.h"
#include "src/engine/onnx_external.h"
#include "src/engine/safetensors.h"
#include "test/support/cm.h"

static plim_error err;
static plim_budget *budget;
static plim_arena *arena;
static plim_region *home;
static plim_card card;
static unsigned char *scratch;
static char folder[2048];

static int set_up(void **state)
{
    (void)state;
    plim_budget_opts b = plim_budget_opts_default();
    b.cap_bytes = 256u << 20;
    assert_ok(plim_budget_open(plim_provider_mmap(), &b, &budget, &err));
    assert_ok(plim_arena_open(budget, plim_provider_mmap(), NULL, &arena, &err));
    plim_region_opts r = plim_region_opts_default();
    r.size_bytes = 64u << 20;
    r.tag = PLIM_TAG_OTHER;
    assert_ok(plim_region_create(arena, PLIM_REGION_BUMP, &r, &home, &err));
    assert_int_equal(posix_memalign((void **)&scratch, 4096, (4u << 20) + 8192), 0);
    snprintf(folder, sizeof(folder), "%s/model", cm_tmp());
    assert_int_equal(mkdir(folder, 0755), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(scratch);
    plim_arena_close(arena);
    plim_budget_close(budget);
    return 0;
}

static const char *in(const char *name)
{
    static char path[4][4096];
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
    fclose(f);
}

static void card_for(const char *format)
{
    memset(&card, 0, sizeof(card));
    strcpy(card.backend, "null");
    strcpy(card.format, format);
    card.build = PLIM_BUILD_PORTABLE;
}

static plim_pack_opts small_chunks(void)
{
    plim_pack_opts o = plim_pack_opts_default();
    o.chunk_bytes = 64u << 10;
    return o;
}

static plim_status check(const char *path)
{
    plim_engine_file *f;
    plim_status status = plim_engine_open(path, home, &f, &err);
    if (status == PLIM_OK) {
        status = plim_engine_verify(f, scratch, 4u << 20, NULL, NULL, &err);
        plim_engine_close(f);
    }
    plim_region_reset(home);
    return status;
}

static void a_plain_file_opens_through_its_card(void **state)
{
    (void)state;
    plim_pack_opts o = small_chunks();
    plim_engine_file *f;
    plim_pack_result result;
    char *bytes = calloc(1, 200001);
    put(in("m.ort"), bytes, 200001);
    card_for("ort");

    assert_ok(plim_engine_write_card(in("m.ort"), &card, &o, &result, &err));
    assert_ok(plim_engine_open(in("m.ort"), home, &f, &err));

    assert_int_equal(plim_engine_chunk_count(f), 4);
    assert_int_equal(plim_engine_payload_bytes(f), 200001);
    assert_int_equal(plim_engine_room_bytes(f), 200704);
    assert_int_equal(plim_engine_section_count(f), 1);
    assert_string_equal(plim_engine_section(f, 0)->name, "file");
    assert_int_equal(plim_engine_chunk(f, 3)->raw_bytes, 200001 - 3 * 65536);
    assert_string_equal(plim_engine_card(f)->format, "ort");
    plim_engine_close(f);
    assert_ok(check(in("m.ort")));
    bytes[150000] = 1;
    put(in("m.ort"), bytes, 200001);
    assert_status(check(in("m.ort")), PLIM_E_CORRUPT);
    assert_string_equal(err.field, "chunk 2");
    put(in("m.ort"), bytes, 200000);
    assert_status(check(in("m.ort")), PLIM_E_RANGE);
    assert_string_equal(err.field, "chunks.files[0].bytes");
    free(bytes);
}

static void a_plan_must_carry_the_card_s_version(void **state)
{
    (void)state;
    unsigned char plan[64] = "ftrt";
    plan[24] = 10;
    plan[25] = 3;
    put(in("m.plan"), plan, sizeof(plan));
    card_for("plan");
    strcpy(card.tensorrt, "10.3.0");
    assert_ok(plim_engine_write_card(in("m.plan"), &card, NULL, NULL, &err));
    strcpy(card.tensorrt, "10.7.0");
    assert_status(plim_engine_write_card(in("m.plan"), &card, NULL, NULL, &err), PLIM_E_MISMATCH);
    assert_string_equal(err.found, "10.3.0");
    assert_ok(check(in("m.plan"))); /* the first card still stands */
}

static size_t tensors_file(unsigned char *out, const char *json, size_t data)
{
    uint64_t n = strlen(json);
    memcpy(out, &n, 8);
    memcpy(out + 8, json, n);
    memset(out + 8 + n, 7, data);
    return 8 + (size_t)n + data;
}

static void safetensors_give_a_section_per_tensor(void **state)
{
    (void)state;
    unsigned char bytes[4096];
    size_t size = tensors_file(bytes,
                               "{\"__metadata__\":{\"a\":\"b\\\"c\"},"
                               "\"w2\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[16,22]},"
                               "\"w1\":{\"shape\":[2,2],\"dtype\":\"F32\",\"data_offsets\":[0,16]},"
                               "\"e\":{\"dtype\":\"U8\",\"shape\":[0,9],\"data_offsets\":[16,16]}"
                               "}   ",
                               22);
    put(in("m.safetensors"), bytes, size);
    card_for("safetensors");
    plim_engine_file *f;

    assert_ok(plim_engine_write_card(in("m.safetensors"), &card, NULL, NULL, &err));
    assert_ok(plim_engine_open(in("m.safetensors"), home, &f, &err));

    assert_int_equal(plim_engine_section_count(f), 4);
    assert_int_equal(plim_engine_find_section(f, "w1")->offset_bytes, size - 22);
    assert_int_equal(plim_engine_find_section(f, "w2")->size_bytes, 6);
    assert_int_equal(plim_engine_find_section(f, "e")->size_bytes, 0);
    plim_engine_close(f);
    assert_ok(check(in("m.safetensors")));
    bytes[10] ^= 1; /* the header is held against its digest before it is parsed */
    put(in("m.safetensors"), bytes, size);
    assert_status(check(in("m.safetensors")), PLIM_E_CORRUPT);
    assert_string_equal(err.field, "head_sha256");
}

static void hostile_safetensors_headers_are_refused(void **state)
{
    (void)state;
#define T(shape, range) "{\"a\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" range "}"
    static const char *const bad[] = {
        "{",
        "{}x",
        " {}",
        "{}",
        T("[2]", "[0,8]"),
        T("[2]", "[0,8]") "}}",
        T("[2]", "[0,7]") "}",
        T("[2]", "[8,0]") "}",
        T("[2]", "[-8,0]") "}",
        T("[2]", "[0,8.0]") "}",
        T("[02]", "[0,8]") "}",
        T("[1]", "[0,4]") "}",
        T("[1]", "[4,8]") "}",
        T("[4194305,4194305,211106198978564]", "[0,8]") "}",
        T("[9223372036854775807,2]", "[0,8]") "}",
        T("[18446744073709551616]", "[0,8]") "}",
        T("[1]", "[0,4]") ",\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
        T("[2]", "[0,8]") ",\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        T("[1]", "[0,4]") ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[5,9]}}",
        "{\"a\":{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F4\",\"shape\":[1],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}",
        "{\"\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"a\\u0041\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"__metadata__\":{\"a\":1},"
        "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        T("[2]", "[0,8]") ",}",
    };
    unsigned char bytes[4096];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        card_for("safetensors");
        put(in("h.safetensors"), bytes, tensors_file(bytes, bad[i], 8));
        if (plim_engine_write_card(in("h.safetensors"), &card, NULL, NULL, &err) == PLIM_OK) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
    for (uint64_t n = UINT64_MAX;; n >>= 1) {
        size_t size = tensors_file(bytes, T("[2]", "[0,8]") "}", 8);
        memcpy(bytes, &n, 8);
        put(in("h.safetensors"), bytes, size);
        assert_true(plim_engine_write_card(in("h.safetensors"), &card, NULL, NULL, &err));
        if (n == 0) {
            break;
        }
    }
    put(in("h.safetensors"), bytes, tensors_file(bytes, T("[2]", "[0,8]") "}", 8));
    assert_ok(plim_engine_write_card(in("h.safetensors"), &card, NULL, NULL, &err));
}

/* ---- ONNX with external data: a few bytes of protobuf, by hand ---- */

static size_t field(unsigned char *out, unsigned number, const void *bytes, size_t size)
{
    out[0] = (unsigned char)(number << 3 | 2);
    out[1] = (unsigned char)(0x80 | (size & 127));
    out[2] = (unsigned char)(size >> 7);
    memcpy(out + 3, bytes, size);
    return size + 3;
}

static size_t entry(unsigned char *out, const char *key, const char *value)
{
    unsigned char e[512];
    size_t n = field(e, 1, key, strlen(key));
    n += field(e + n, 2, value, strlen(value));
    return field(out, 13, e, n);
}

static size_t model(unsigned char *out, const char *key, const char *location, const char *offset,
                    const char *length)
{
    unsigned char tensor[1024];
    unsigned char graph[1200];
    size_t n = entry(tensor, key, location);
    n += offset ? entry(tensor + n, "offset", offset) : 0;
    n += length ? entry(tensor + n, "length", length) : 0;
    tensor[n++] = 14 << 3;
    tensor[n++] = 1;
    n = field(graph, 5, tensor, n);
    return field(out, 7, graph, n);
}

static plim_status card_onnx(const char *key, const char *location, const char *offset,
                             const char *length)
{
    unsigned char bytes[2048];
    put(in("m.onnx"), bytes, model(bytes, key, location, offset, length));
    card_for("onnx+weights");
    plim_pack_opts o = small_chunks();
    return plim_engine_write_card(in("m.onnx"), &card, &o, NULL, &err);
}

static void external_data_makes_one_chunk_list(void **state)
{
    (void)state;
    char *weights = calloc(1, 70000);
    plim_engine_file *f;
    assert_int_equal(mkdir(in("sub"), 0755), 0);
    put(in("sub/w.bin"), weights, 70000);

    assert_ok(card_onnx("location", "sub/w.bin", "4096", "65904"));
    assert_ok(plim_engine_open(in("m.onnx"), home, &f, &err));

    assert_int_equal(plim_engine_section_count(f), 2);
    const plim_section *s = plim_engine_find_section(f, "sub/w.bin");
    assert_int_equal(s->offset_bytes, 4096);
    assert_int_equal(s->size_bytes, 70000);
    assert_int_equal(plim_engine_chunk_count(f), 3);
    assert_int_equal(plim_engine_chunk(f, 2)->file_index, 1);
    assert_int_equal(plim_engine_chunk(f, 2)->file_offset, 65536);
    plim_engine_close(f);
    assert_ok(check(in("m.onnx")));
    weights[69999] = 1;
    put(in("sub/w.bin"), weights, 70000);
    assert_status(check(in("m.onnx")), PLIM_E_CORRUPT);
    put(in("sub/w.bin"), weights, 69999);
    assert_status(check(in("m.onnx")), PLIM_E_RANGE);
    put(in("sub/w.bin"), weights, 70000);
    assert_status(card_onnx("location", "sub/w.bin", "4096", "65905"), PLIM_E_RANGE);
    assert_status(card_onnx("location", "sub/w.bin", "70001", NULL), PLIM_E_RANGE);
    assert_status(card_onnx("location", "sub/w.bin", "-1", NULL), PLIM_E_FORMAT);
    assert_status(card_onnx("location", "sub/w.bin", "99999999999999999999", NULL), PLIM_E_FORMAT);
    assert_status(card_onnx("place", "sub/w.bin", "0", NULL), PLIM_E_FORMAT);
    free(weights);
}

static const char *const bad_paths[] = {"../outside.bin",
                                        "d/../../outside.bin",
                                        "d/../real.bin",
                                        "./real.bin",
                                        "/etc/passwd",
                                        "d//real.bin",
                                        "real.bin/",
                                        "",
                                        "..",
                                        ".",
                                        "link.bin",
                                        "inner.bin",
                                        "up/outside.bin",
                                        "hard.bin",
                                        "pipe",
                                        "d",
                                        "d\\..\\x",
                                        "a\nb"};

static void lay_traps(void)
{
    char outside[4096];
    snprintf(outside, sizeof(outside), "%s/outside.bin", cm_tmp());
    put(outside, "secret", 6);
    put(in("real.bin"), "weights", 7);
    assert_int_equal(mkdir(in("d"), 0755), 0);
    assert_int_equal(symlink("../outside.bin", in("link.bin")), 0);
    assert_int_equal(symlink("real.bin", in("inner.bin")), 0);
    assert_int_equal(symlink("..", in("up")), 0);
    assert_int_equal(link(outside, in("hard.bin")), 0);
    assert_int_equal(mkfifo(in("pipe"), 0644), 0);
}

static void clear_traps(void)
{
    static const char *const names[] = {"real.bin", "link.bin", "inner.bin", "up",
                                        "hard.bin", "pipe",     "deep/w.bin"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)unlink(in(names[i]));
    }
    (void)rmdir(in("deep"));
    assert_int_equal(rmdir(in("d")), 0);
}

static void nothing_outside_the_folder_is_opened(void **state)
{
    (void)state;
    lay_traps();
    for (size_t i = 0; i < sizeof(bad_paths) / sizeof(bad_paths[0]); i++) {
        plim_status status = card_onnx("location", bad_paths[i], "0", "1");
        if (status != PLIM_E_FORMAT) {
            fail_msg("%s: %s", bad_paths[i], plim_status_name(status));
        }
    }
    assert_status(card_onnx("location", "missing.bin", NULL, NULL), PLIM_E_NOT_FOUND);
    assert_ok(card_onnx("location", "real.bin", NULL, NULL));
    /* A file that becomes a link after carding is refused when it is opened. */
    assert_ok(check(in("m.onnx")));
    assert_int_equal(unlink(in("real.bin")), 0);
    assert_int_equal(symlink("../outside.bin", in("real.bin")), 0);
    assert_status(check(in("m.onnx")), PLIM_E_FORMAT);
    clear_traps();
}

#ifndef SYS_openat2 /* glibc before 2.32 (Ubuntu 20.04) does not name it */
#define SYS_openat2 __NR_openat2
#endif

/* openat2 gives @code from now on, in this process: an old kernel (ENOSYS) or a container whose
 * filter does not know the call (EPERM). */
static bool forbid_openat2(int code)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)code),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(steps) / sizeof(steps[0]), .filter = steps};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 &&
           syscall(SYS_openat2, AT_FDCWD, ".", NULL, 0) == -1 && errno == code;
}

/* 0: as it should be; else 1 + the index of the path that is not. */
static int walk_all(int at)
{
    int fd;
    uint64_t bytes;
    int lowest = dup(at);
    close(lowest);
    for (size_t i = 0; i < sizeof(bad_paths) / sizeof(bad_paths[0]); i++) {
        if (plim_beneath_open(at, bad_paths[i], &fd, &bytes, NULL) != PLIM_E_FORMAT) {
            return 1 + (int)i;
        }
    }
    if (plim_beneath_open(at, "missing.bin", &fd, &bytes, NULL) != PLIM_E_NOT_FOUND ||
        plim_beneath_open(at, "deep/missing.bin", &fd, &bytes, NULL) != PLIM_E_NOT_FOUND) {
        return 100;
    }
    if (plim_beneath_open(at, "deep/w.bin", &fd, &bytes, NULL) != PLIM_OK || bytes != 7) {
        return 101;
    }
    close(fd);
    return dup(at) == lowest ? 0 : 102; /* no descriptor stayed open */
}

static void the_walk_of_old_kernels_refuses_the_same(void **state)
{
    (void)state;
    lay_traps();
    assert_int_equal(mkdir(in("deep"), 0755), 0);
    put(in("deep/w.bin"), "weights", 7);
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    static const int codes[] = {0, ENOSYS, EPERM};
    bool filtered = true;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        int code = 0;
        pid_t child = fork();
        if (child == 0) {
            _exit(codes[i] && !forbid_openat2(codes[i]) ? 77 : walk_all(at));
        }
        assert_int_equal(waitpid(child, &code, 0), child);
        assert_true(WIFEXITED(code));
        filtered &= WEXITSTATUS(code) != 77;
        assert_true(WEXITSTATUS(code) == 77 || WEXITSTATUS(code) == 0);
    }
    close(at);
    clear_traps();
    if (!filtered) {
        skip_because("this kernel takes no seccomp filter");
    }
}

static unsigned char weights_of_two[200001];

static void *open_two(plim_engine_file **f, size_t *room)
{
    void *memory;
    assert_ok(plim_engine_open(in("m.onnx"), home, f, &err));
    *room = (size_t)plim_engine_room_bytes(*f);
    assert_int_equal(*room, 4096 + 200704);
    assert_int_equal(posix_memalign(&memory, 4096, *room), 0);
    memset(memory, 0xEE, *room);
    return memory;
}

/* Model and weights arrive from two files, each on pages of its own, on every path. */
static void a_model_and_its_external_data_are_loaded_as_one(void **state)
{
    (void)state;
    unsigned char graph[2048];
    uint64_t seed = 9;
    size_t room;
    plim_engine_file *f;
    for (size_t i = 0; i < sizeof(weights_of_two); i++) {
        weights_of_two[i] = (unsigned char)cm_next(&seed);
    }
    put(in("w2.bin"), weights_of_two, sizeof(weights_of_two));
    assert_ok(card_onnx("location", "w2.bin", "4096", "65904"));
    const size_t graph_bytes = model(graph, "location", "w2.bin", "4096", "65904");
    for (int p = PLIM_READ_AUTO; p <= PLIM_READ_BUFFERED; p++) {
        plim_load_opts o = plim_load_opts_default();
        plim_load_stats stats;
        unsigned char *bytes = open_two(&f, &room);
        o.path = (plim_read_path)p;
        plim_status status = plim_engine_load(f, bytes, &o, &stats, &err);
        if (status == PLIM_E_UNSUPPORTED) { /* a path that this machine refuses, and no other */
            assert_true(p == PLIM_READ_URING_DIRECT || p == PLIM_READ_PREAD_DIRECT);
        } else {
            assert_int_equal(status, PLIM_OK);
            assert_memory_equal(bytes, graph, graph_bytes);
            assert_int_equal(bytes[graph_bytes], 0);
            assert_int_equal(bytes[4095], 0);
            assert_memory_equal(bytes + 4096, weights_of_two, sizeof(weights_of_two));
            assert_int_equal(bytes[room - 1], 0);
            assert_int_equal(stats.payload_bytes, graph_bytes + sizeof(weights_of_two));
        }
        plim_engine_close(f);
        free(bytes);
    }
}

static void a_damaged_second_file_is_named_and_nothing_stays(void **state)
{
    (void)state;
    size_t room;
    plim_engine_file *f;
    put(in("w2.bin"), weights_of_two, sizeof(weights_of_two));
    assert_ok(card_onnx("location", "w2.bin", "4096", "65904"));
    weights_of_two[70000] ^= 1;
    put(in("w2.bin"), weights_of_two, sizeof(weights_of_two));
    unsigned char *bytes = open_two(&f, &room);

    assert_status(plim_engine_load(f, bytes, NULL, NULL, &err), PLIM_E_CORRUPT);

    assert_non_null(strstr(err.detail, "w2.bin"));
    assert_string_equal(err.field, "chunk 2"); /* of the artifact: one of the model before it */
    assert_int_equal(bytes[0], 0);
    assert_memory_equal(bytes, bytes + 1, room - 1);
    plim_engine_close(f);
    free(bytes);
}

static plim_status count_one(void *context, const plim_onnx_external *tensor, plim_error *e)
{
    (void)tensor, (void)e;
    ++*(unsigned *)context;
    return PLIM_OK;
}

static void a_damaged_model_never_crashes_the_scan(void **state)
{
    (void)state;
    unsigned char good[2048];
    unsigned char bytes[2048];
    unsigned found = 0;
    uint64_t seed = cm_seed();
    size_t size = model(good, "location", "w", "0", "1");
    for (unsigned i = 0; i < 1500; i++) {
        memcpy(bytes, good, size);
        size_t n = i < size ? i : size;
        for (unsigned k = 0; i >= size && k < 3; k++) {
            bytes[cm_next(&seed) % size] = (unsigned char)cm_next(&seed);
        }
        put(in("f.onnx"), bytes, n);
        int fd = open(in("f.onnx"), O_RDONLY | O_CLOEXEC);
        plim_file_bytes file = {fd, "f"};
        plim_byte_source source = plim_byte_source_of(&file, n);
        plim_weights weights = {.is_known = false};
        plim_status status = plim_onnx_scan(&source, count_one, &found, &weights, &err);
        assert_true(status == PLIM_OK || status == PLIM_E_FORMAT);
        close(fd);
    }
    assert_true(found > 0);
}

static void a_real_model_is_carded_and_verified(void **state)
{
    (void)state;
    const char *path = cm_model("silero_vad_16k_op15.onnx");
    if (!path) {
        skip_because("no shared/data/models");
    }
    plim_pack_input input = {.path = path, .kind = PLIM_SECTION_GRAPH};
    card_for("onnx");
    plim_pack_result result;

    assert_ok(plim_engine_write_bare(in("real.onnx"), &card, &input, NULL, &result, &err));

    assert_int_equal(result.payload_bytes, 1289603);
    assert_ok(check(in("real.onnx")));
}

static void a_card_that_lies_about_its_chunks_is_refused(void **state)
{
    (void)state;
    put(in("l.ort"), "abc", 3);
    card_for("ort");
    assert_ok(plim_engine_write_card(in("l.ort"), &card, NULL, NULL, &err));
    char text[4096] = "";
    FILE *f = fopen(in("l.ort.card.json"), "rb");
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    static const struct {
        const char *from, *to;
    } lies[] = {{"\"bytes\": 1048576", "\"bytes\": 1048577"},
                {"\"bytes\": 1048576", "\"bytes\": 0"},
                {"\"files\": [", "\"filez\": ["},
                {"{\"bytes\": 3", "{\"bytes\": 4"},
                {"\"sha256\": [", "\"sha256\": [1, "},
                {"ba7816bf", "ba7816be"},
                {"{\"bytes\": 3", "{\"x\": 1, \"bytes\": 3"}};
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        char lie[8192];
        char *at = strstr(text, lies[i].from);
        assert_non_null(at);
        int m = snprintf(lie, sizeof(lie), "%.*s%s%s", (int)(at - text), text, lies[i].to,
                         at + strlen(lies[i].from));
        put(in("l.ort.card.json"), lie, (size_t)m);
        assert_true(check(in("l.ort")) != PLIM_OK);
    }
    for (size_t cut = 0; cut < n - 1; cut++) {
        put(in("l.ort.card.json"), text, cut);
        assert_true(check(in("l.ort")) != PLIM_OK);
    }
    put(in("l.ort.card.json"), text, n);
    assert_ok(check(in("l.ort")));
}

/* What the progress of carding said last, and where it cuts the second file. */
typedef struct watched {
    uint64_t done, total;
    const char *cut;
} watched;

static void watch(void *context, uint64_t done, uint64_t total)
{
    watched *w = context;
    assert_true(done > w->done && done <= total);
    w->done = done;
    w->total = total;
    if (w->cut) {
        assert_int_equal(truncate(w->cut, 10), 0);
    }
}

static plim_status card_watched(watched *w)
{
    card_for("onnx+weights");
    plim_pack_opts o = small_chunks();
    o.progress = watch;
    o.progress_context = w;
    return plim_engine_write_card(in("m.onnx"), &card, &o, NULL, &err);
}

static void carding_two_files_counts_to_the_end(void **state)
{
    (void)state;
    watched w = {0};
    put(in("w2.bin"), weights_of_two, sizeof(weights_of_two));
    assert_ok(card_onnx("location", "w2.bin", "4096", "65904"));

    assert_ok(card_watched(&w));

    assert_int_equal(w.total, 4096 + sizeof(weights_of_two));
    assert_int_equal(w.done, w.total);
}

static void a_second_file_that_shrinks_is_named(void **state)
{
    (void)state;
    char cut[4096];
    watched w = {.cut = cut};
    put(in("w2.bin"), weights_of_two, sizeof(weights_of_two));
    assert_ok(card_onnx("location", "w2.bin", "4096", "65904"));
    snprintf(cut, sizeof(cut), "%s", in("w2.bin"));

    assert_status(card_watched(&w), PLIM_E_IO);

    assert_non_null(strstr(err.detail, "w2.bin"));
}

/* The card's text is needed to open and for nothing else: a dynamic home has it back. */
static void an_open_bare_file_does_not_hold_its_card_s_text(void **state)
{
    (void)state;
    plim_region *dynamic;
    plim_region_stats before, after;
    plim_engine_file *f;
    char *text = malloc(1 << 20); /* a card of 1 MiB: blanks are allowed between its parts */
    plim_region_opts r = plim_region_opts_default();
    r.size_bytes = 16u << 20;
    r.tag = PLIM_TAG_OTHER;
    assert_ok(plim_region_create(arena, PLIM_REGION_DYNAMIC, &r, &dynamic, &err));
    put(in("b.ort"), "abc", 3);
    card_for("ort");
    assert_ok(plim_engine_write_card(in("b.ort"), &card, NULL, NULL, &err));
    FILE *file = fopen(in("b.ort.card.json"), "rb");
    size_t n = fread(text, 1, 1 << 20, file);
    fclose(file);
    memset(text + n, ' ', (1 << 20) - n);
    put(in("b.ort.card.json"), text, 1 << 20);
    free(text);
    plim_region_read(dynamic, &before);

    assert_ok(plim_engine_open(in("b.ort"), dynamic, &f, &err));

    plim_region_read(dynamic, &after);
    assert_true(after.used_bytes - before.used_bytes < 200000); /* the object with its plim_card */
    plim_engine_close(f);
    plim_region_read(dynamic, &after);
    assert_int_equal(after.used_bytes, before.used_bytes);
    plim_region_destroy(dynamic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_file_opens_through_its_card),
        cmocka_unit_test(a_plan_must_carry_the_card_s_version),
        cmocka_unit_test(safetensors_give_a_section_per_tensor),
        cmocka_unit_test(hostile_safetensors_headers_are_refused),
        cmocka_unit_test(external_data_makes_one_chunk_list),
        cmocka_unit_test(nothing_outside_the_folder_is_opened),
        cmocka_unit_test(a_damaged_model_never_crashes_the_scan),
        cmocka_unit_test(a_real_model_is_carded_and_verified),
        cmocka_unit_test(a_card_that_lies_about_its_chunks_is_refused),
        cmocka_unit_test(a_model_and_its_external_data_are_loaded_as_one),
        cmocka_unit_test(a_damaged_second_file_is_named_and_nothing_stays),
        cmocka_unit_test(the_walk_of_old_kernels_refuses_the_same),
        cmocka_unit_test(an_open_bare_file_does_not_hold_its_card_s_text),
        cmocka_unit_test(a_second_file_that_shrinks_is_named),
        cmocka_unit_test(carding_two_files_counts_to_the_end),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
