/* SPDX-License-Identifier: Apache-2.0 */
/* plan_header.h - the TensorRT version that a plan carries in its first bytes. */
#ifndef ENGINE_PLAN_HEADER_H
#define ENGINE_PLAN_HEADER_H

#include "plimsoll/engine.h"

/* Holds the card's TensorRT version against the plan's own. A plan of a layout without such
 * a version passes.
 * Errors: E_MISMATCH field "tensorrt", E_IO. */
plim_status plim_plan_header_check(int fd, const char *path, uint64_t file_bytes,
                                   const plim_card *card, plim_error *err);

#endif
