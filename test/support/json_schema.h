/* SPDX-License-Identifier: Apache-2.0 */
/* json_schema.h - the part of JSON Schema draft 7 that our schemas use. */
#ifndef TEST_SUPPORT_JSON_SCHEMA_H
#define TEST_SUPPORT_JSON_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Does @value follow @root? Else @why names the place. A keyword that is not known is a failure,
 * so that no schema says more than is checked. */
bool json_schema_holds(const json_t *root, const json_t *value, char *why, size_t why_bytes);

#endif
