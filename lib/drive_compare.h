/* SPDX-License-Identifier: ISC */
#ifndef LIB_DRIVE_COMPARE_H
#define LIB_DRIVE_COMPARE_H

/*
 * What two versions of a filter decided of the same sessions: kept until both
 * have come to the end of a session, and written if it is not the same.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/slice.h"
#include "lib/u64map.h"

#define COMPARE_MAX	(64 << 20)	/* bytes kept; beyond, only whether they differ is known */

enum version { VERSION_OLD, VERSION_NEW, VERSIONS };

struct outbuf;

struct compare {
	struct outbuf	*out;
	struct u64map	 sessions;
	size_t		 kept;
	size_t		 differing;	/* sessions written so far */
};

/* A line that a drive said.  0, or -1 with errno ENOMEM. */
int	compare_said(struct compare *, enum version, uint64_t session, struct slice line);
/* It has no more of that session. */
void	compare_ended(struct compare *, enum version, uint64_t session);
/* Nothing more comes of anyone: writes what is left and differs. */
void	compare_end(struct compare *);

#endif
