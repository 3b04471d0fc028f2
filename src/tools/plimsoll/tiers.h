/* SPDX-License-Identifier: Apache-2.0 */
/* tiers.h - which of an engine's artifacts this host is to load, and what rules say of it. */
#ifndef TOOLS_PLIMSOLL_TIERS_H
#define TOOLS_PLIMSOLL_TIERS_H

#include "src/tools/plimsoll/manifest.h"
#include "src/tools/plimsoll/tool.h"

/* tiers_choose - settle each engine's artifact: of several, the one whose card matches @host.
 * None, or two where the manifest does not order them, is a refusal that goes to @to (NULL:
 * nowhere) and names every candidate; the first one stands then. Heads are read, no body. */
tool_exit tiers_choose(manifest *m, const plim_host *host, FILE *to);

/* The facts of this machine with @host on top; probed once. */
const plim_facts *host_facts(const plim_host *host);

/* rules_load - the tables that this command goes by: built in, the machine's own, and @files
 * (policy_files.h). rules_use - those that the caller has loaded, and keeps. rules_policy - what
 * was set; before that, as rules_load without files, or the built-in ones where that fails. */
plim_status rules_load(const char *const *files, size_t file_count, plim_error *err);
void rules_use(const plim_policy *policy);
const plim_policy *rules_policy(void);

/* rules_hold - hold an engine's card and this machine against the rules. Calls @say with a line for
 * each rule that warns or was accepted, and one for a data type that is not the default here.
 * Errors: E_MISMATCH, as plim_runtime_deserialize. */
plim_status rules_hold(const manifest_engine *e, const plim_card *card, const plim_host *host,
                       void (*say)(void *context, const char *line), void *context,
                       plim_error *err);

#endif
