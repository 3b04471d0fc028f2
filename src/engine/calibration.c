/* SPDX-License-Identifier: Apache-2.0 */
/* calibration.c - does an INT8 calibration cache belong to this engine?
 *
 * The file is hashed through a small window; a cache that is not the one the engine was built
 * from would give other scales without any other sign.
 */
#include <errno.h>
#include <unistd.h>

#include <string.h>

#include "src/engine/digest.h"
#include "src/engine/file.h"

#define WINDOW_BYTES 8192u

static plim_status hash(int fd, const char *path, uint64_t bytes, uint8_t *out, plim_error *err)
{
    unsigned char window[WINDOW_BYTES];
    plim_digest digest;
    plim_status status = plim_digest_start(&digest) ? PLIM_OK : plim_digest_failed(err);
    for (uint64_t at = 0; status == PLIM_OK && at < bytes;) {
        size_t n = bytes - at < WINDOW_BYTES ? (size_t)(bytes - at) : WINDOW_BYTES;
        status = plim_engine_read_at(fd, path, window, n, at, err);
        if (status == PLIM_OK && !plim_digest_add(&digest, window, n)) {
            status = plim_digest_failed(err);
        }
        at += n;
    }
    if (digest.context && !plim_digest_final(&digest, out) && status == PLIM_OK) {
        status = plim_digest_failed(err);
    }
    return status;
}

plim_status plim_card_check_calibration(const plim_card *card, const char *cache_path,
                                        plim_error *err)
{
    int fd;
    uint64_t bytes;
    uint8_t found[PLIM_DIGEST_BYTES];
    if (!card || !cache_path) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "card and calibration cache");
    }
    if (!card->has_calibration_sha256) {
        return plim_error_set(err, PLIM_E_NOT_FOUND, "the card records no calibration",
                              "sha256.calibration", NULL, NULL);
    }
    PLIM_TRY(plim_engine_open_file(cache_path, &fd, &bytes, err));
    plim_status status = hash(fd, cache_path, bytes, found, err);
    close(fd);
    if (status != PLIM_OK || memcmp(found, card->calibration_sha256, sizeof(found)) == 0) {
        return status;
    }
    status = plim_digest_refuse("the calibration cache is not this engine's", "sha256.calibration",
                                card->calibration_sha256, found, err);
    plim_error_detail(err, "rebuild the engine (%.200s)", cache_path);
    return status;
}
