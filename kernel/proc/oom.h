/* SPDX-License-Identifier: MIT */
/* Out of memory: who has to go. */
#ifndef PROC_OOM_H
#define PROC_OOM_H

#include "lib/types.h"

/* Kills the process with most memory, oom_score_adj considered. true: something was killed or is dying. Any locks up to
 * LOCK_SIGNAL may be held. */
bool oom_kill(void);

#endif
