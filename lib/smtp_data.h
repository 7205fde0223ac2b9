/* SPDX-License-Identifier: ISC */
#ifndef LIB_SMTP_DATA_H
#define LIB_SMTP_DATA_H

/*
 * The content of a message on the wire (RFC 5321 4.1.1.4, 4.5.2): CRLF line
 * ends, dots stuffed, ended by CRLF . CRLF and by nothing else; or in chunks of
 * announced lengths (RFC 3030), without dots.
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
	bool		 chunked;		/* BDAT: a dot is a byte like others */
	bool		 end;			/* CRLF . CRLF was read */
};

void	smtp_data_init(struct smtp_data *, size_t line_max, bool chunked);
/*
 * Decodes in to out: LF line ends, dots unstuffed.  Stops at the end of data, at the end of in, or
 * when out may be full; outsize is at least 2.  Returns the bytes of in that it used; *outlen are
 * the bytes of out that it wrote.
 */
size_t	smtp_data_feed(struct smtp_data *, const char *in, size_t n, char *out,
	    size_t outsize, size_t *outlen);

/*
 * The last chunk was fed: ends a last line that has no end, so that the same message by
 * DATA is the same.  Bytes written to out: 0 or 1.
 */
size_t	smtp_data_finish(struct smtp_data *, char *out);

/*
 * The other direction: LF to CRLF, dots stuffed, without the end of data.
 * *bol is true before the first call and kept between calls.  out holds at
 * least 2 * n bytes; returns the bytes written.
 */
size_t	smtp_data_encode(bool *bol, const char *in, size_t n, char *out);

#endif
