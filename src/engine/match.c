/* SPDX-License-Identifier: Apache-2.0 */
/* match.c - may this engine be deserialized on this host?
 *
 * A plan that was tuned for another chip fails late, deep inside the library that runs it,
 * and two chips of one SM differ in their number of multiprocessors. So every field that the
 * card ties is held against the host first, and the first difference is the answer: field,
 * wanted, found, file. A host that cannot say what a tied field asks for is refused too.
 *
 * What is held depends on how the engine was built:
 *
 *   build      SM     multiprocessors  board memory  TensorRT  L4T    JetPack
 *   native     equal  equal            same class    equal     equal  equal
 *   emulated   equal  equal            not held      equal     equal  equal
 *   compat     equal  not held         not held      equal     equal  equal
 *   portable   equal  equal            not held      equal     not    not
 *   unknown    as native
 *
 * emulated: the build ran on a larger board that pretended to be this one, so the memory it
 * saw says nothing. compat: same compute capability, any number of multiprocessors; refused
 * on a host with L4T, where that level is not supported. portable: a card seldom ties
 * anything, and what it ties is held. Board memory is compared by class (the next power of
 * two), because MemTotal is what a kernel left of the same board.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "plimsoll/engine.h"
#include "src/engine/printable.h"

typedef struct policy {
    bool multiprocessors, memory, releases;
} policy;

static policy policy_of(plim_build_kind build)
{
    switch (build) {
    case PLIM_BUILD_EMULATED:
        return (policy){.multiprocessors = true, .releases = true};
    case PLIM_BUILD_COMPAT:
        return (policy){.releases = true};
    case PLIM_BUILD_PORTABLE:
        return (policy){.multiprocessors = true};
    case PLIM_BUILD_NATIVE:
    case PLIM_BUILD_UNKNOWN:
        break;
    }
    return (policy){.multiprocessors = true, .memory = true, .releases = true};
}

/* CUDA cores in one multiprocessor, from NVIDIA's table of arithmetic throughput by compute
 * capability; 0 when this file does not know. */
static uint32_t cores_each(uint32_t sm)
{
    switch (sm) {
    case 70:
    case 72:
    case 75:
    case 80:
        return 64;
    case 50:
    case 52:
    case 53:
    case 61:
    case 62:
    case 86:
    case 87:
    case 89:
    case 90:
    case 100:
    case 101:
    case 103:
    case 110:
    case 120:
    case 121:
        return 128;
    default:
        return 0;
    }
}

static void say_multiprocessors(char *out, size_t out_bytes, uint32_t count, uint32_t sm)
{
    uint32_t each = cores_each(sm);
    if (count == 0) {
        snprintf(out, out_bytes, "unknown to this host");
    } else if (each) {
        snprintf(out, out_bytes, "%" PRIu32 " multiprocessors (%" PRIu64 " cores at SM %u.%u)",
                 count, (uint64_t)count * each, sm / 10, sm % 10);
    } else {
        snprintf(out, out_bytes, "%" PRIu32 " multiprocessors", count);
    }
}

static void say_sm(char *out, size_t out_bytes, uint32_t sm)
{
    if (sm) {
        snprintf(out, out_bytes, "SM %u.%u", sm / 10, sm % 10);
    } else {
        snprintf(out, out_bytes, "unknown to this host");
    }
}

/* The next power of two, in bytes: 15.6 GB and 16 GiB are the same board. */
static uint64_t memory_class(uint64_t bytes)
{
    uint64_t size = 1;
    while (size < bytes && size < (UINT64_C(1) << 63)) {
        size <<= 1;
    }
    return size;
}

static void say_memory(char *out, size_t out_bytes, uint64_t bytes)
{
    if (bytes == 0) {
        snprintf(out, out_bytes, "unknown to this host");
    } else {
        snprintf(out, out_bytes, "%" PRIu64 " bytes (%" PRIu64 " MiB class)", bytes,
                 memory_class(bytes) >> 20);
    }
}

static plim_status refuse(const char *field, const char *wanted, const char *found,
                          const char *file, plim_error *err)
{
    plim_error_set(err, PLIM_E_MISMATCH, "this engine was not built for this host", field, wanted,
                   found);
    plim_error_detail(err, "%s", file ? file : "");
    return PLIM_E_MISMATCH;
}

static plim_status hold_release(const char *field, const char *wanted, const char *found,
                                const char *file, plim_error *err)
{
    if (!wanted[0] || strcmp(wanted, found) == 0) {
        return PLIM_OK;
    }
    char text[64];
    plim_text_quote(text, sizeof(text), wanted, strlen(wanted));
    return refuse(field, text, found[0] ? found : "unknown to this host", file, err);
}

static plim_status hold_gpu(const plim_card *card, const plim_host *host, const policy *held,
                            const char *file, plim_error *err)
{
    char wanted[96];
    char found[96];
    if (card->sm && card->sm != host->sm) {
        say_sm(wanted, sizeof(wanted), card->sm);
        say_sm(found, sizeof(found), host->sm);
        return refuse("sm", wanted, found, file, err);
    }
    if (held->multiprocessors && card->multiprocessors &&
        card->multiprocessors != host->multiprocessors) {
        uint32_t card_sm = card->sm ? card->sm : host->sm;
        say_multiprocessors(wanted, sizeof(wanted), card->multiprocessors, card_sm);
        say_multiprocessors(found, sizeof(found), host->multiprocessors, host->sm);
        return refuse("multiprocessors", wanted, found, file, err);
    }
    if (held->memory && card->board_memory_bytes &&
        (!host->memory_bytes ||
         memory_class(card->board_memory_bytes) != memory_class(host->memory_bytes))) {
        say_memory(wanted, sizeof(wanted), card->board_memory_bytes);
        say_memory(found, sizeof(found), host->memory_bytes);
        return refuse("memory_bytes", wanted, found, file, err);
    }
    return PLIM_OK;
}

plim_status plim_card_match(const plim_card *card, const plim_host *host, const char *file,
                            plim_error *err)
{
    if (!card || !host) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "card and host");
    }
    policy held = policy_of(card->build);
    PLIM_TRY(hold_gpu(card, host, &held, file, err));
    PLIM_TRY(hold_release("tensorrt", card->tensorrt, host->tensorrt, file, err));
    if (held.releases) {
        PLIM_TRY(hold_release("l4t", card->l4t, host->l4t, file, err));
        PLIM_TRY(hold_release("jetpack", card->jetpack, host->jetpack, file, err));
    }
    if (card->build == PLIM_BUILD_COMPAT && (host->l4t[0] || host->jetpack[0])) {
        return refuse("build", "a host where the hardware compatibility level is supported",
                      host->l4t[0] ? "a host with L4T" : "a host with JetPack", file, err);
    }
    return PLIM_OK;
}
