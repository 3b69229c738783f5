/* SPDX-License-Identifier: MIT */
/* The subcommands, a file each. */
#ifndef SLIPWAY_IMGTOOL_COMMANDS_H
#define SLIPWAY_IMGTOOL_COMMANDS_H

#include "imgtool/options.h"

#define EXIT_TOOL 125 /* an error of ours, as docker's */

extern const struct command command_pull, command_inspect, command_cpio, command_build, command_run, command_prune;

#endif
