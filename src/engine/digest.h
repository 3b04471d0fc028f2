/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h - SHA-256 of one piece, or of pieces as they come. */
#ifndef ENGINE_DIGEST_H
#define ENGINE_DIGEST_H

#include "plimsoll/engine.h"

typedef struct plim_digest {
    void *context; /* libcrypto's; NULL when it failed */
} plim_digest;

/* Each false means that libcrypto refused; final ends and frees the context either way. */
bool plim_digest_start(plim_digest *self);
bool plim_digest_add(plim_digest *self, const void *bytes, size_t size);
bool plim_digest_final(plim_digest *self, uint8_t out[PLIM_DIGEST_BYTES]);

bool plim_digest_of(const void *bytes, size_t size, uint8_t out[PLIM_DIGEST_BYTES]);

/* E_CORRUPT with both digests in hex. */
plim_status plim_digest_refuse(const char *what, const char *field, const uint8_t *wanted,
                               const uint8_t *found, plim_error *err);
plim_status plim_digest_failed(plim_error *err);

#endif
