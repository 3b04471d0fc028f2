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
    unsigned char window[WINDOW_BYTES];
    plim_status status =
        plim_engine_digest_to(fd, cache_path, bytes, window, sizeof(window), found, err);
    close(fd);
    if (status != PLIM_OK || memcmp(found, card->calibration_sha256, sizeof(found)) == 0) {
        return status;
    }
    status = plim_digest_refuse("the calibration cache is not this engine's", "sha256.calibration",
                                card->calibration_sha256, found, err);
    plim_error_detail(err, "rebuild the engine (%.200s)", cache_path);
    return status;
}
