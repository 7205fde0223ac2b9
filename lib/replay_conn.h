/* SPDX-License-Identifier: ISC */
#ifndef LIB_REPLAY_CONN_H
#define LIB_REPLAY_CONN_H

/*
 * The connection of a session that is replayed: a socket, perhaps with TLS, and
 * the dialog that goes over it.  It never blocks; its owner polls.
 */
#include "lib/replay_dialog.h"

#define REPLAY_CONN_BUFFER	16384

struct addrinfo;
struct tls;
struct tls_config;

struct replay_conn {
	struct replay_dialog	 dialog;
	const struct addrinfo	*address;	/* being tried, then where it leads */
	struct tls_config	*tls_config;
	struct tls		*tls;
	int			 fd;		/* -1: it is over */
	short			 events;	/* to poll for */
	bool			 connected, handshake;
	bool			 deaf;		/* nothing can be written any more */
	const char		*error;		/* why there is no connection; a literal or strerror's */
	char			 out[REPLAY_CONN_BUFFER];
	size_t			 start, end;	/* what of it is still to be written */
};

/*
 * Begins to connect to the first of these addresses, later to the others.  All
 * that it is given stays the caller's and has to outlive it.
 */
void	replay_conn_open(struct replay_conn *, const struct addrinfo *,
	    struct tls_config *, const struct replay_options *, struct replay_counts *,
	    struct outbuf *, const struct replay_session *, uint64_t now);
/* Goes on after poll, or because it is time; false: it is over, and closed. */
bool	replay_conn_turn(struct replay_conn *, short revents, uint64_t now);

#endif
