/* SPDX-License-Identifier: ISC */
#ifndef LIB_REPLAY_DIFF_H
#define LIB_REPLAY_DIFF_H

/*
 * The line replay-diff: a reply that is not what was recorded.
 */
#include "lib/replay_tape.h"

struct outbuf;

/* Texts that are not known are SLICE_NONE.  time is of the reply that was recorded. */
void	replay_diff_write(struct outbuf *, const struct replay_session *, uint64_t time,
	    const char *status, struct slice command, struct slice expected,
	    struct slice reply);

#endif
