/* SPDX-License-Identifier: Apache-2.0 */
/* match.c - may this engine be deserialized on this host?
 *
 * A plan that was tuned for another chip fails late, deep inside the library that runs it,
 * and two chips of one SM differ in their number of multiprocessors. So every field that the
 * card ties is held against the host first, and the first difference is the answer: field,
 * wanted, found, file, and what to do. A host that cannot say what a tied field asks for is
 * refused too.
 *
 * What is held depends on how the engine was built:
 *
 *   build      SM, GPU  multiprocessors  board memory  TensorRT  L4T    JetPack
 *   native     equal    equal            same class    equal     equal  equal
 *   emulated   equal    equal            not held      equal     equal  equal
 *   compat     equal    not held         not held      equal     equal  equal
 *   portable   equal    equal            not held      equal     not    not
 *   unknown    as native
 *
 * emulated: the build ran on a larger board that pretended to be this one, so the memory it
 * saw says nothing. compat: same compute capability, any number of multiprocessors; refused
 * on a host with L4T, where that level is not supported. portable: a card seldom ties
 * anything, and what it ties is held. Board memory is compared by class (the next power of
 * two), because MemTotal is what a kernel left of the same board.
 *
 * A power mode takes multiprocessors away: an engine that was tuned for all eight of a module may
 * not be given four. So the count that is left now is what the card must name, and the remedy is
 * the mode. SM 10.1 and 11.0 are two names of one chip (Thor, before and since CUDA 13).
 * TensorRT's plans want major, minor, patch and build alike; one that was built version
 * compatible runs on later minors of its major, and on the major after it (8 to 10, 10 to 11).
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

/* 10.1 is what CUDA 12 called 11.0. */
static uint32_t sm_now(uint32_t sm)
{
    return sm == 101 ? 110 : sm;
}

static plim_status refuse(const char *field, const char *wanted, const char *found,
                          const char *file, plim_error *err)
{
    plim_error_set(err, PLIM_E_MISMATCH, "this engine was not built for this host", field, wanted,
                   found);
    plim_error_detail(err, "%s", file ? file : "");
    return PLIM_E_MISMATCH;
}

static const char *or_unknown(const char *text)
{
    return text[0] ? text : "unknown to this host";
}

/* The same release, however many zeros stand behind it. */
static bool is_release(const char *a, const char *b)
{
    bool are_numbers = a[0] >= '0' && a[0] <= '9' && b[0] >= '0' && b[0] <= '9';
    return strcmp(a, b) == 0 || (are_numbers && plim_version_compare(a, b) == 0);
}

static plim_status hold_release(const char *field, const char *wanted, const char *found,
                                const char *file, plim_error *err)
{
    if (!wanted[0] || is_release(wanted, found)) {
        return PLIM_OK;
    }
    char text[64];
    plim_text_quote(text, sizeof(text), wanted, strlen(wanted));
    plim_status status = refuse(field, text, or_unknown(found), file, err);
    if (found[0]) {
        plim_error_remedy(err, "build the engine again on this release, or flash %s", wanted);
    } else {
        plim_error_remedy(err, "give the host's %s in the manifest, where it is known", field);
    }
    return status;
}

/* ---- TensorRT ---- */

typedef struct version {
    uint64_t part[4];
    unsigned count;
} version;

static version version_of(const char *text)
{
    version v = {.count = 0};
    while (v.count < 4 && *text >= '0' && *text <= '9') {
        uint64_t n = 0;
        for (; *text >= '0' && *text <= '9'; text++) {
            n = n < 100000 ? n * 10 + (uint64_t)(*text - '0') : n;
        }
        v.part[v.count++] = n;
        text += text[0] == '.';
    }
    return v;
}

/* May @host load what a version compatible build of @card left? */
static bool is_later(const version *card, const version *host)
{
    bool is_next =
        (card->part[0] == 8 && host->part[0] == 10) || (card->part[0] == 10 && host->part[0] == 11);
    for (unsigned i = 1; card->part[0] == host->part[0] && i < 4 && i < card->count; i++) {
        if (card->part[i] != host->part[i]) {
            return card->part[i] < host->part[i];
        }
    }
    return is_next || card->part[0] == host->part[0];
}

static bool are_equal(const version *card, const version *host)
{
    unsigned i = 0;
    while (i < card->count && card->part[i] == host->part[i]) {
        i++;
    }
    return i == card->count;
}

static plim_status hold_tensorrt(const plim_card *card, const plim_host *host, const char *file,
                                 plim_error *err)
{
    char wanted[64];
    version want = version_of(card->tensorrt), have = version_of(host->tensorrt);
    version build = version_of(host->tensorrt_build);
    have = want.count == 4 && build.count == 4 ? build : have;
    if (!card->tensorrt[0] || (want.count == 0 && strcmp(card->tensorrt, host->tensorrt) == 0)) {
        return PLIM_OK;
    }
    bool is_known = want.count > 0 && have.count >= (want.count < 4 ? want.count : 4);
    if (is_known && are_equal(&want, &have)) {
        return PLIM_OK;
    }
    if (card->version_compatible && want.count && have.count >= 2 && is_later(&want, &have)) {
        return PLIM_OK;
    }
    bool only_build = want.count == 4 && have.count >= 3 &&
                      memcmp(want.part, have.part, 3 * sizeof(want.part[0])) == 0;
    plim_text_quote(wanted, sizeof(wanted), card->tensorrt, strlen(card->tensorrt));
    plim_status status =
        refuse(only_build ? "tensorrt build" : "tensorrt", wanted,
               or_unknown(only_build ? host->tensorrt_build : host->tensorrt), file, err);
    if (!host->tensorrt[0]) {
        plim_error_remedy(err, "give the host's tensorrt in the manifest, where it is known");
    } else if (card->version_compatible) {
        plim_error_remedy(err, "it loads on the TensorRT that built it and on later ones; update "
                               "TensorRT here, or build again with this one");
    } else {
        plim_error_remedy(err, "build the engine with this host's TensorRT, or version compatible "
                               "with an earlier one of the same major");
    }
    return status;
}

/* ---- the GPU ---- */

static plim_status hold_sm(const plim_card *card, const plim_host *host, const char *file,
                           plim_error *err)
{
    char wanted[96];
    char found[96];
    if (!card->sm || sm_now(card->sm) == sm_now(host->sm)) {
        return PLIM_OK;
    }
    say_sm(wanted, sizeof(wanted), card->sm);
    say_sm(found, sizeof(found), host->sm);
    plim_status status = refuse("sm", wanted, found, file, err);
    plim_error_remedy(err, "build the engine for this GPU");
    return status;
}

/* "Orin (nvgpu)" and "Orin" are one GPU under two drivers. */
static size_t name_bytes(const char *name)
{
    const char *tail = strstr(name, " (nvgpu)");
    return tail ? (size_t)(tail - name) : strlen(name);
}

static plim_status hold_gpu_name(const plim_card *card, const plim_host *host, const char *file,
                                 plim_error *err)
{
    size_t n = name_bytes(card->gpu_name);
    if (!n || (n == name_bytes(host->gpu_name) && memcmp(card->gpu_name, host->gpu_name, n) == 0)) {
        return PLIM_OK;
    }
    plim_status status = refuse("gpu", card->gpu_name, or_unknown(host->gpu_name), file, err);
    plim_error_remedy(err, "build the engine on a board with this GPU");
    return status;
}

/* What to do about a count that differs; the power mode comes first, because changing it takes a
 * minute and no build. */
static void remedy_multiprocessors(const plim_card *card, const plim_host *host, plim_error *err)
{
    uint32_t all = host->multiprocessors, now = host->multiprocessors_now;
    bool is_gated = now && all && now < all;
    const char *mode = host->power_mode[0] ? host->power_mode : "it is in";
    if (is_gated && card->multiprocessors == all) {
        const char *max = host->power_mode_max[0] ? host->power_mode_max : "without limits";
        plim_error_remedy(err,
                          "this board shows %" PRIu32 " of its %" PRIu32 " multiprocessors in "
                          "power mode %s; mode %s has %" PRIu32 ": set it with nvpmodel, or "
                          "build the engine in mode %s",
                          now, all, mode, max, all, mode);
    } else if (now && card->multiprocessors < now && card->power_mode[0] &&
               strcmp(card->power_mode, host->power_mode) != 0) {
        plim_error_remedy(err,
                          "it was built in power mode %s, and this board is in mode %s: set the "
                          "mode with nvpmodel, or build the engine again",
                          card->power_mode, mode);
    } else if (now || all) {
        plim_error_remedy(err,
                          "build the engine on this board%s%s: engines do not move between "
                          "boards of one SM",
                          is_gated ? " in power mode " : "", is_gated ? mode : "");
    } else {
        plim_error_remedy(err, "give the host's multiprocessors in the manifest");
    }
}

static plim_status hold_multiprocessors(const plim_card *card, const plim_host *host,
                                        const char *file, plim_error *err)
{
    char wanted[96];
    char found[96];
    uint32_t have = host->multiprocessors_now ? host->multiprocessors_now : host->multiprocessors;
    uint32_t card_sm = sm_now(card->sm ? card->sm : host->sm);
    if (!card->multiprocessors || card->multiprocessors == have) {
        return PLIM_OK;
    }
    say_multiprocessors(wanted, sizeof(wanted), card->multiprocessors, card_sm);
    say_multiprocessors(found, sizeof(found), have, sm_now(host->sm));
    plim_status status = refuse("multiprocessors", wanted, found, file, err);
    remedy_multiprocessors(card, host, err);
    return status;
}

static plim_status hold_memory(const plim_card *card, const plim_host *host, const char *file,
                               plim_error *err)
{
    char wanted[96];
    char found[96];
    if (!card->board_memory_bytes ||
        (host->memory_bytes &&
         memory_class(card->board_memory_bytes) == memory_class(host->memory_bytes))) {
        return PLIM_OK;
    }
    say_memory(wanted, sizeof(wanted), card->board_memory_bytes);
    say_memory(found, sizeof(found), host->memory_bytes);
    plim_status status = refuse("memory_bytes", wanted, found, file, err);
    plim_error_remedy(err, "build the engine on this board, or emulate it (build kind emulated): "
                           "tactics were chosen for another amount of memory");
    return status;
}

static plim_status hold_compat(const plim_host *host, const char *file, plim_error *err)
{
    if (!host->l4t[0] && !host->jetpack[0]) {
        return PLIM_OK;
    }
    plim_status status =
        refuse("build", "a host where the hardware compatibility level is supported",
               host->l4t[0] ? "a host with L4T" : "a host with JetPack", file, err);
    plim_error_remedy(err, "build the engine on this board without a compatibility level");
    return status;
}

plim_status plim_card_match(const plim_card *card, const plim_host *host, const char *file,
                            plim_error *err)
{
    if (!card || !host) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "card and host");
    }
    policy held = policy_of(card->build);
    PLIM_TRY(hold_sm(card, host, file, err));
    PLIM_TRY(hold_gpu_name(card, host, file, err));
    if (held.multiprocessors) {
        PLIM_TRY(hold_multiprocessors(card, host, file, err));
    }
    if (held.memory) {
        PLIM_TRY(hold_memory(card, host, file, err));
    }
    PLIM_TRY(hold_tensorrt(card, host, file, err));
    if (held.releases) {
        PLIM_TRY(hold_release("l4t", card->l4t, host->l4t, file, err));
        PLIM_TRY(hold_release("jetpack", card->jetpack, host->jetpack, file, err));
    }
    return card->build == PLIM_BUILD_COMPAT ? hold_compat(host, file, err) : PLIM_OK;
}
