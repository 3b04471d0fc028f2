/* SPDX-License-Identifier: Apache-2.0 */
/* digest.c - SHA-256 through libcrypto, which picks the machine's instructions. */
#include "src/engine/digest.h"

#include <openssl/evp.h>

#include "src/engine/printable.h"

bool plim_digest_start(plim_digest *self)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    self->context = context;
    return context != NULL;
}

bool plim_digest_add(plim_digest *self, const void *bytes, size_t size)
{
    return EVP_DigestUpdate(self->context, bytes, size) == 1;
}

bool plim_digest_final(plim_digest *self, uint8_t out[PLIM_DIGEST_BYTES])
{
    bool done = EVP_DigestFinal_ex(self->context, out, NULL) == 1;
    EVP_MD_CTX_free(self->context);
    self->context = NULL;
    return done;
}

bool plim_digest_of(const void *bytes, size_t size, uint8_t out[PLIM_DIGEST_BYTES])
{
    return EVP_Digest(bytes, size, out, NULL, EVP_sha256(), NULL) == 1;
}

plim_status plim_digest_refuse(const char *what, const char *field, const uint8_t *wanted,
                               const uint8_t *found, plim_error *err)
{
    char want[PLIM_DIGEST_TEXT_BYTES];
    char have[PLIM_DIGEST_TEXT_BYTES];
    plim_text_hex(want, wanted, PLIM_DIGEST_BYTES);
    plim_text_hex(have, found, PLIM_DIGEST_BYTES);
    return plim_error_set(err, PLIM_E_CORRUPT, what, field, want, have);
}

plim_status plim_digest_failed(plim_error *err)
{
    return PLIM_FAIL(err, PLIM_E_BACKEND, .what = "libcrypto refused a SHA-256 digest");
}
