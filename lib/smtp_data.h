/* SPDX-License-Identifier: ISC */
#ifndef LIB_SMTP_DATA_H
#define LIB_SMTP_DATA_H

/*
 * The content of a message on the wire (RFC 5321 4.1.1.4, 4.5.2): CRLF line
 * ends, dots stuffed, ended by CRLF . CRLF and by nothing else.
 */
#include <stdbool.h>
#include <stddef.h>

enum smtp_data_state {
	SMTP_DATA_LINE_START,	/* after CRLF, or at the very start */
	SMTP_DATA_DOT,		/* a dot there, not yet written */
	SMTP_DATA_DOT_CR,
	SMTP_DATA_LINE,
	SMTP_DATA_CR		/* a CR in a line, not yet written */
};

struct smtp_data {
	enum smtp_data_state state;
	size_t		 line;		/* bytes of the current line so far */
	size_t		 line_max;
	bool		 bare_cr, bare_lf;	/* met: the message is to be refused */
	bool		 long_line;		/* a line was longer than line_max */
	bool		 end;			/* CRLF . CRLF was read */
};

void	smtp_data_init(struct smtp_data *, size_t line_max);
/*
 * Decodes in to out: LF line ends, dots unstuffed.  Stops at the end of data, at the end of in, or
 * when out may be full; outsize is at least 2.  Returns the bytes of in that it used; *outlen are
 * the bytes of out that it wrote.
 */
size_t	smtp_data_feed(struct smtp_data *, const char *in, size_t n, char *out,
	    size_t outsize, size_t *outlen);

/*
 * The other direction: LF to CRLF, dots stuffed, without the end of data.
 * *bol is true before the first call and kept between calls.  out holds at
 * least 2 * n bytes; returns the bytes written.
 */
size_t	smtp_data_encode(bool *bol, const char *in, size_t n, char *out);

#endif
