/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_IO_H
#define SMTPD_IO_H

/*
 * The I/O of a session: a stream socket, with TLS or without.  What is read
 * stands in one buffer of the process while the owner looks at it; only what
 * it leaves is kept, so a session at rest owns no buffer.  What is written goes
 * out at the end of the loop turn.  Used by smtp (and every process that speaks SMTP).
 */
#include <sys/queue.h>
#include <event2/event_struct.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/slice.h"

struct sockaddr;
struct sockaddr_storage;
struct tls;

enum io_event {
	IO_CONNECTED,		/* io_connect() came through */
	IO_INPUT,		/* io_input() has more than before */
	IO_SECURED,		/* the TLS handshake is done */
	IO_DRAINED,		/* output was backed up and is gone */
	IO_TIMEOUT,		/* nothing came for the idle time; it goes on waiting */
	IO_CLOSED		/* end, error or after io_finish(); the owner calls io_close() */
};

struct io;
typedef void (*io_cb)(struct io *, enum io_event);

/* Members are io.c's business. */
struct io {
	struct event	 ev;
	TAILQ_ENTRY(io)	 dirty_entry;
	io_cb		 cb;
	struct tls	*tls;
	char		*in, *out;
	uint32_t	 in_len;
	uint32_t	 out_off, out_len, out_size;
	int		 fd;
	short		 events;	/* EV_READ, EV_WRITE as waited for */
	short		 tls_wants;	/* direction a TLS call waits for */
	int		 error;		/* errno that ended it, or 0 */
	bool		 hurried;
	bool		 paused, muted, handshake, finishing, backed_up, dirty, ended;
	bool		 client, connecting;	/* we opened it */
	bool		 lingers;	/* its timer is the one of the end */
};

/* Once a process: idle time in seconds; adds the end-of-turn hook that writes. */
void	io_init(int64_t idle);

void	io_open(struct io *, int fd, io_cb);
/*
 * Opens a connection to an address, from another one (NULL: as the system
 * chooses).  IO_CONNECTED or IO_CLOSED follows; -1 with errno: it cannot begin,
 * and there is nothing to close.
 */
int	io_connect(struct io *, const struct sockaddr *to, const struct sockaddr *from, io_cb);
void	io_close(struct io *);
/* At IO_CLOSED: why, in words: "Connection refused"; of a TLS handshake, libtls's. */
const char *io_error(const struct io *);
/* Our end of the connection. */
void	io_local(const struct io *, struct sockaddr_storage *);

/* Bytes not yet consumed; valid until the next call on this io or the callback's end. */
struct slice	io_input(const struct io *);
void	io_consume(struct io *, size_t);
/* The same, with bytes that nobody is to find later. */
void	io_wipe(struct io *, size_t);

/* Nothing is read while paused. io_resume() does not call back: go on with io_input(). */
void	io_pause(struct io *);
void	io_resume(struct io *);
/* The idle time begins anew: the peer was not the one to speak. */
void	io_restart_idle(struct io *);
/* A peer that is not wanted: from now on its idle time is 30 seconds at most. */
void	io_hurry(struct io *);

void	io_write(struct io *, const void *, size_t);
/* Is so much output waiting that the owner should stop producing?  IO_DRAINED follows. */
bool	io_backed_up(struct io *);

/*
 * Throws away input and starts TLS as the server, once the output is written;
 * IO_SECURED or IO_CLOSED follows.  -1: it cannot begin, nothing has changed.
 * ctx is a tls_server() that is configured.
 */
int	io_accept_tls(struct io *, struct tls *ctx);
/*
 * The same as the client.  ctx is a tls_client() that is configured, and the
 * io's from now on, whatever comes; servername is for SNI and verification.
 */
int	io_start_tls(struct io *, struct tls *ctx, const char *servername);
/* Text of smtpd-report(7): "TLSv1.3:CIPHER:256". */
size_t	io_tls_text(const struct io *, char *buf, size_t size);

/* Writes what is waiting, then IO_CLOSED. */
void	io_finish(struct io *);

#endif
