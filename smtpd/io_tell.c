/* SPDX-License-Identifier: ISC */
/*
 * What is known of a connection: why it ended, our end of it, its TLS.  Used
 * by every process that speaks SMTP.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <tls.h>

#include "smtpd/io.h"

const char *
io_error(const struct io *io)
{
	const char	*why = io->handshake ? tls_error(io->tls) : NULL;

	if (why != NULL)
		return why;
	return io->error != 0 ? strerror(io->error) : "connection closed";
}

void
io_local(const struct io *io, struct sockaddr_storage *ss)
{
	socklen_t	 n = sizeof(*ss);

	memset(ss, 0, n);
	if (getsockname(io->fd, (struct sockaddr *)ss, &n) == -1)
		ss->ss_family = AF_UNSPEC;
}

size_t
io_tls_text(const struct io *io, char *buf, size_t size)
{
	int	 n = snprintf(buf, size, "%s:%s:%d", tls_conn_version(io->tls),
	    tls_conn_cipher(io->tls), tls_conn_cipher_strength(io->tls));

	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}
