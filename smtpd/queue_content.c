/* SPDX-License-Identifier: ISC */
/*
 * The content of a message, out of memory or the spool.  Queue process.
 */
#include <errno.h>

#include "smtpd/queue.h"

int
content_read(const struct message *m, uint64_t offset, size_t n, struct slice *out)
{
	static char	 buf[CONTENT_PIECE];
	ssize_t		 got;

	if (m->content != NULL) {
		*out = slice_make(m->content + offset, n);
		return 0;
	}
	got = spool_read(queue_spool, m->recno, offset, buf, n);
	if (got == (ssize_t)n) {
		*out = slice_make(buf, n);
		return 0;
	}
	if (got != -1)
		errno = EBADMSG;
	return -1;
}

int
content_check_end(const struct message *m)
{
	char	 two[2];
	ssize_t	 got = spool_read(queue_spool, m->recno, m->size - 1, two,
	    sizeof(two));

	if (got == 1)
		return 0;
	if (got != -1)
		errno = EBADMSG;
	return -1;
}
