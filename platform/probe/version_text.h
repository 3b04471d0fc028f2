/* SPDX-License-Identifier: Apache-2.0 */
/* version_text.h - values out of the small files in which systems say their versions. */
#ifndef PLATFORM_VERSION_TEXT_H
#define PLATFORM_VERSION_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* plim_shell_value - "KEY=value", "KEY='a b'" or KEY="a \"b\"" (os-release, dgx-release).
 * False when the line does not set @key, or its quotes do not end. Longer values are cut. */
bool plim_shell_value(const char *line, const char *key, char *out, size_t room);

/* plim_toolkit_version - the version of member @member in CUDA's version.json:
 * {"cuda": {"name": "CUDA SDK", "version": "12.6.11"}, ...}. Not a JSON reader: it wants a member
 * of the outermost object and in it a string "version" of digits and dots. */
bool plim_toolkit_version(const char *text, const char *member, char *out, size_t room);

/* plim_driver_version - "570.124.06" out of the NVRM line of proc/driver/nvidia/version, whose
 * words differ between the proprietary and the open module. */
bool plim_driver_version(const char *line, char *out, size_t room);

/* plim_library_version - "10.3.0" out of "libnvinfer.so.10.3.0" for @stem "libnvinfer.so."; false
 * for any other name, and for one with fewer than two dots: "libnvinfer.so.10" is a link. */
bool plim_library_version(const char *name, const char *stem, char *out, size_t room);

#endif
