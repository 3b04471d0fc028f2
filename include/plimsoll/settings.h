/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h - what the allocators around an engine were told, as facts.
 *
 * One place for the settings of PyTorch, ONNX Runtime, TensorRT, glibc, preloaded allocators and
 * CUDA. They come from an environment (this process's, another's, or a file that will become one)
 * and from options that a program passes in code and that no environment shows. Rules over these
 * facts (platform/policy/settings.table) say which of them contradict each other or the board.
 *
 * Nothing is corrected: a setting that its framework would refuse or read past is noted as such
 * (pytorch.unknown, pytorch.refused, malloc.unknown). Each fact's source is the variable's name.
 * Of an environment only the variables in plim_settings_variable are looked at: the rest may hold
 * secrets, and nothing of it is kept, copied or printed.
 */
#ifndef PLIMSOLL_SETTINGS_H
#define PLIMSOLL_SETTINGS_H

#include "plimsoll/facts.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As getenv: the value, lent until the next call, or NULL. */
typedef const char *(*plim_settings_lookup)(void *context, const char *name);

/* plim_settings_read - note the settings that @lookup knows. @of says whose they are
 * ("environment") and is noted as settings.of. What the caller gave before (plim_settings_note)
 * stands.
 * Owns:    borrows all.   Cost: one call of @lookup a variable, then O(length of the values). */
PLIM_API void plim_settings_read(plim_facts *facts, plim_settings_lookup lookup, void *context,
                                 const char *of);

/* plim_settings_read_process - the same from a process's own environment as it was started with,
 * behind @root ("" or NULL: this machine). @pid 0: this process.
 * Errors:  E_NOT_FOUND  no such process.  E_IO  not allowed, or unreadable. */
PLIM_API PLIM_MUST_USE plim_status plim_settings_read_process(const char *root, uint32_t pid,
                                                              plim_facts *facts, plim_error *err);

/* plim_settings_read_file - from lines NAME=value, as in an EnvironmentFile of systemd or an env
 * file of Docker: blank lines and lines from '#' on are skipped, "export " in front and one pair
 * of quotes around a value are taken off. Lines above 4 KiB are cut, and what was cut is not read.
 * Errors:  E_NOT_FOUND, E_IO. */
PLIM_API PLIM_MUST_USE plim_status plim_settings_read_file(const char *path, plim_facts *facts,
                                                           plim_error *err);

/* plim_settings_note - an option that is passed in code, under its framework's own name:
 *   ONNX Runtime  arena_extend_strategy, gpu_mem_limit, enable_mem_pattern,
 *                 trt_max_workspace_size
 *   TensorRT      workspace (bytes)
 *   PyTorch       memory_fraction, torch_version
 * With any of ONNX Runtime's, arena_extend_strategy is known: kNextPowerOfTwo unless given.
 * Errors:  E_NOT_FOUND  no such option (wanted: the list).  E_FORMAT  its value. */
PLIM_API PLIM_MUST_USE plim_status plim_settings_note(plim_facts *facts, const char *name,
                                                      const char *value, plim_error *err);

/* plim_settings_variable - the @index-th variable that is looked at; NULL past the last. */
PLIM_API const char *plim_settings_variable(size_t index);

#ifdef __cplusplus
}
#endif
#endif
