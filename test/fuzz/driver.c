/* SPDX-License-Identifier: Apache-2.0 */
/* driver.c - runs a fuzz target without libFuzzer: the corpus, every truncation of small
 * inputs, then N seeded mutations. With clang the same targets link to -fsanitize=fuzzer.
 *
 * usage: [SEED=S] fuzz_x [N] [corpus file ...]; corpus default: test/fuzz/corpus/<target>/
 * SIGTERM ends it early, and it says how many were done.
 */
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX  (1u << 20)
#define INPUTS_MAX 256

static uint8_t *inputs[INPUTS_MAX];
static size_t input_bytes[INPUTS_MAX];
static size_t input_count;
static uint64_t state = 20261121;
static volatile sig_atomic_t is_asked_to_end;

static void end_early(int number)
{
    (void)number;
    is_asked_to_end = 1;
}

static uint64_t next(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void keep(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f || input_count == INPUTS_MAX) {
        if (f) {
            fclose(f);
        }
        return;
    }
    uint8_t *bytes = malloc(INPUT_MAX);
    if (bytes) {
        input_bytes[input_count] = fread(bytes, 1, INPUT_MAX, f);
        inputs[input_count++] = bytes;
    }
    fclose(f);
}

/* A copy of exactly @size bytes, so that a sanitizer sees the first byte past the end. */
static void feed(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    if (exact) {
        memcpy(exact, data, size);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
    }
}

static size_t mutate(uint8_t *data, size_t size)
{
    static const uint64_t edges[] = {0,           1,         127,       128,        255,
                                     256,         65535,     65536,     0x7fffffff, 0x80000000u,
                                     0xffffffffu, INT64_MAX, UINT64_MAX};
    unsigned times = 1 + (unsigned)(next() % 4);
    for (unsigned i = 0; i < times && size; i++) {
        size_t at = next() % size;
        switch (next() % 6) {
        case 0:
            data[at] ^= (uint8_t)(1u << (next() % 8));
            break;
        case 1:
            data[at] = (uint8_t)next();
            break;
        case 2: {
            uint64_t v = edges[next() % (sizeof(edges) / sizeof(edges[0]))];
            size_t n = (size_t)1 << (next() % 4);
            memcpy(data + at, &v, n <= size - at ? n : size - at);
            break;
        }
        case 3:
            size = at + 1;
            break;
        case 4: {
            size_t n = next() % (size - at) + 1;
            memmove(data + at, data + next() % (size - n + 1), n);
            break;
        }
        default: {
            size_t n = next() % 16 + 1;
            if (size + n <= INPUT_MAX) {
                memmove(data + at + n, data + at, size - at);
                size += n;
            }
        }
        }
    }
    return size;
}

int main(int argc, char **argv)
{
    uint64_t runs = argc > 1 ? strtoull(argv[1], NULL, 0) : 20000;
    const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    for (int i = 2; i < argc; i++) {
        keep(argv[i]);
    }
    if (argc <= 2) {
        char folder[256];
        snprintf(folder, sizeof(folder), "test/fuzz/corpus/%s", name + strlen("fuzz_"));
        DIR *d = opendir(folder);
        for (struct dirent *e; d && (e = readdir(d));) {
            char path[600];
            snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
            if (e->d_name[0] != '.') {
                keep(path);
            }
        }
        if (d) {
            closedir(d);
        }
    }
    const char *seed = getenv("SEED");
    state = seed ? strtoull(seed, NULL, 0) : state;
    signal(SIGTERM, end_early);
    uint64_t done = 0;
    feed((const uint8_t *)"", 0);
    for (size_t i = 0; i < input_count; i++) {
        for (size_t n = 0; n <= input_bytes[i] && n <= 8192; n++, done++) {
            feed(inputs[i], n);
        }
        feed(inputs[i], input_bytes[i]);
    }
    uint8_t *work = malloc(INPUT_MAX);
    for (uint64_t k = 0; work && k < runs && !is_asked_to_end; k++, done++) {
        size_t size = 64;
        if (input_count) {
            size_t i = next() % input_count;
            size = input_bytes[i];
            memcpy(work, inputs[i], size);
        } else {
            for (size_t j = 0; j < size; j++) {
                work[j] = (uint8_t)next();
            }
        }
        feed(work, mutate(work, size));
    }
    free(work);
    printf("%s: %llu executions over %zu inputs, no finding\n", name, (unsigned long long)done,
           input_count);
    for (size_t i = 0; i < input_count; i++) {
        free(inputs[i]);
    }
    return 0;
}
