/* SPDX-License-Identifier: MIT */
#ifndef FS_ANON_H
#define FS_ANON_H

void anon_init(void); /* before the first pipe */

#endif
