/* SPDX-License-Identifier: ISC */
/*
 * Replies of a server (RFC 5321 4.2), of one line or several.  relay process.
 */
#include <sys/types.h>

#include <string.h>

#include "smtpd/relay.h"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Three digits, and what may follow them; a reply of the code alone is met, too. */
static bool
is_reply_line(struct slice line)
{
	return line.n >= 3 && line.p[0] >= '2' && line.p[0] <= '5' &&
	    is_digit(line.p[1]) && is_digit(line.p[2]) &&
	    (line.n == 3 || line.p[3] == ' ' || line.p[3] == '-');
}

int
relay_reply_line(struct slice *rest, struct slice *line)
{
	const char	*lf = rest->n == 0 ? NULL : memchr(rest->p, '\n', rest->n);

	if (lf == NULL)
		return 0;
	*line = slice_make(rest->p, lf - rest->p);
	rest->p = lf + 1;
	rest->n -= line->n + 1;
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	return 1;
}

ssize_t
relay_reply_parse(struct slice in, struct relay_reply *r)
{
	struct slice	 rest = in, line;
	unsigned	 code = 0;

	/* What can be no reply is not waited for to the end of its line. */
	if (in.n > 0 && (in.p[0] < '2' || in.p[0] > '5'))
		return -1;
	if (rest.n > REPLY_TEXT_MAX)
		rest.n = REPLY_TEXT_MAX;
	r->first = SLICE_NONE;
	while (relay_reply_line(&rest, &line) == 1) {
		if (!is_reply_line(line))
			return -1;
		/* Where codes differ the last one counts, and its words tell why. */
		if (r->first.p == NULL || memcmp(r->first.p, line.p, 3) != 0)
			r->first = line;
		code = (unsigned)((line.p[0] - '0') * 100 +
		    (line.p[1] - '0') * 10 + line.p[2] - '0');
		if (line.n > 3 && line.p[3] == '-')
			continue;
		r->code = code;
		r->text = slice_make(in.p, rest.p - in.p);
		return (ssize_t)r->text.n;
	}
	return in.n >= REPLY_TEXT_MAX ? -1 : 0;
}

enum result
relay_reply_result(const struct relay_reply *r)
{
	return r->code < 400 ? RESULT_OK :
	    r->code < 500 ? RESULT_TEMPFAIL : RESULT_PERMFAIL;
}
