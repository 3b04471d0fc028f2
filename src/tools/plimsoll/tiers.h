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

/* rules_hold - hold an engine's card and this machine against the rules. Calls @say with a line for
 * each rule that warns or was accepted. Errors: E_MISMATCH, as plim_runtime_deserialize. */
plim_status rules_hold(const manifest_engine *e, const plim_card *card, const plim_host *host,
                       void (*say)(void *context, const char *line), void *context,
                       plim_error *err);

#endif
