/* SPDX-License-Identifier: ISC */
#ifndef LIB_DRIVE_H
#define LIB_DRIVE_H

/*
 * A recorded stream played into a filter as smtpd(8) would have it
 * (rptdrive(1)): a drive is one filter and the sessions that it sees.
 */
#include "lib/filter.h"

struct drive;

struct drive_options {
	const char	*command;	/* for sh -c */
	const char	*name;		/* of the filter, in filter-report */
	enum dialect	 dialect;
	unsigned	 phases;	/* bits 1 << PHASE_x: those that may be asked */
	struct slice	 message;	/* content of each; SLICE_NONE: made up */
	unsigned	 timeout;	/* seconds for an answer */
	size_t		 at_once;	/* sessions that may wait for one */

	/* A decision or report, as a line with its LF; a session that has no more of them. */
	void		(*said)(void *arg, uint64_t session, struct slice line);
	void		(*ended)(void *arg, uint64_t session);
	/* The filter misbehaved: with this line, or with this request. */
	void		(*wrong)(void *arg, const char *why, struct slice what);
	void		*arg;
};

/* Starts the filter; options and its strings must stay.  NULL with errno. */
struct drive	*drive_new(const struct drive_options *);
/* Ends the filter if it has not ended. */
void		 drive_free(struct drive *);

/* May a line be played now?  Not before the handshake, nor when enough is waited for. */
bool		 drive_takes(const struct drive *);
/* The filter has ended, by itself or as it should: nothing comes of it any more. */
bool		 drive_is_down(const struct drive *);
/* A line of the stream.  0, or -1 with errno ENOMEM. */
int		 drive_play(struct drive *, const struct report *);
/* There are no more lines.  As drive_play. */
int		 drive_finish(struct drive *);
/* Sessions that were forgotten because too many were open. */
size_t		 drive_evicted(const struct drive *);

/*
 * Waits until one of the filters has read or said something, a time limit is
 * over, fd (-1: none) is readable, or ms (-1: no limit) have gone by, and does
 * what is to be done.  1 if fd is readable, 0, or -1 with errno.
 */
int		 drive_turn(struct drive *const *, size_t n, int fd, int ms);

#endif
