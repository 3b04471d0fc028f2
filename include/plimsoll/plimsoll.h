/* SPDX-License-Identifier: Apache-2.0 */
/* plimsoll.h - everything, and the defaults that hold for all of it.
 *
 * - Arguments are borrowed until the call returns. Accessors lend for as long as their
 *   object lives. `create`, `open` and `acquire` give; what undoes them accepts NULL.
 * - Objects are not thread-safe and share nothing, unless their header says otherwise.
 *   The budget is safe from any thread.
 * - On failure out-parameters hold their empty value and nothing else has changed.
 * - Options: NULL means all defaults; zero in a field means its default; fields past the
 *   caller's struct_size are not read.
 * - Sizes are bytes and say so in their name; ranges are half-open.
 * - The library never exits, never prints, and calls malloc for nothing of its own.
 */
#ifndef PLIMSOLL_PLIMSOLL_H
#define PLIMSOLL_PLIMSOLL_H

#include "plimsoll/arena.h"
#include "plimsoll/backend.h"
#include "plimsoll/black_box.h"
#include "plimsoll/budget.h"
#include "plimsoll/engine.h"
#include "plimsoll/episode.h"
#include "plimsoll/facts.h"
#include "plimsoll/headroom.h"
#include "plimsoll/heat.h"
#include "plimsoll/load.h"
#include "plimsoll/machine.h"
#include "plimsoll/plan.h"
#include "plimsoll/platform.h"
#include "plimsoll/policy.h"
#include "plimsoll/pressure.h"
#include "plimsoll/provider.h"
#include "plimsoll/recording.h"
#include "plimsoll/report.h"
#include "plimsoll/runtime.h"
#include "plimsoll/settings.h"
#include "plimsoll/status.h"
#include "plimsoll/survey.h"
#include "plimsoll/telemetry.h"
#include "plimsoll/tensor.h"
#include "plimsoll/topology.h"
#include "plimsoll/version.h"

#endif
