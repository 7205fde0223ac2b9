/* SPDX-License-Identifier: ISC */
/*
 * The lines that a client writes beside its messages: commands, and what it
 * answers to AUTH; how they are cut out of the input, and what of them is told.
 * smtp process.
 */
#include <string.h>

#include "lib/sasl.h"
#include "smtpd/smtp.h"

/* The next line without its line end; 1, or 0 if it is not all there. */
static int
next_line(struct session *s, struct slice *line)
{
	struct slice	 in = io_input(&s->io);
	const char	*lf = in.n == 0 ? NULL : memchr(in.p, '\n', in.n);

	*line = in;
	if (lf != NULL) {
		line->n = lf - in.p;
		if (line->n <= COMMAND_MAX)
			return 1;
	} else if (in.n <= COMMAND_MAX)
		return 0;
	line->n = COMMAND_MAX;
	return 1;
}

/*
 * Reports a line; was it one of AUTH?  Behind these, in an exchange, and refused
 * or not, what is no command may be a password: of that nothing is told.
 */
static bool
tell(struct session *s, struct slice line)
{
	char	 buf[COMMAND_MAX + sizeof(SASL_MASK)];

	if (s->state == STATE_AUTH) {
		s->hushed = true;
		line = SLICE(SASL_MASK);
	} else if (sasl_line_is_auth(line)) {
		s->hushed = true;
		line = sasl_line_mask(line, buf);
	} else if (s->hushed) {
		s->hushed = !verb_is_known(line);
		if (s->hushed)
			line = SLICE(SASL_MASK);
	}
	report_protocol_client(&s->source, line);
	return s->hushed;
}

/* CRLF ends a line, and nothing else does: a lone LF ends one that is refused. */
static void
run(struct session *s, struct slice line)
{
	char	 copy[COMMAND_MAX + 1];
	size_t	 size = line.n;
	bool	 crlf = line.n > 0 && line.p[line.n - 1] == '\r', secret;

	memcpy(copy, line.p, line.n);
	line = slice_make(copy, size - crlf);
	if ((secret = tell(s, line)))
		io_wipe(&s->io, size + 1);
	else
		io_consume(&s->io, size + 1);
	if (s->state == STATE_AUTH)
		auth_line(s, line, crlf);
	else if (crlf)
		verb_run(s, line);
	else
		verb_garbled(s, line, REPLY_BAD_BYTES);
	if (secret)
		explicit_bzero(copy, size);
}

/* A line longer than any may be: answered once, at its end. */
static bool
skip(struct session *s)
{
	struct slice	 in = io_input(&s->io);
	const char	*lf = in.n == 0 ? NULL : memchr(in.p, '\n', in.n);

	if (in.n == 0)
		return false;
	io_wipe(&s->io, lf == NULL ? in.n : (size_t)(lf + 1 - in.p));
	if (lf == NULL)
		return true;
	s->skipping = false;
	if (s->state == STATE_AUTH)
		auth_end(s, REPLY_AUTH_TOO_LONG);
	else
		session_reply(s, REPLY_LINE_TOO_LONG, NULL, NULL);
	return true;
}

bool
line_step(struct session *s)
{
	struct slice	 line;

	if (s->skipping)
		return skip(s);
	if (next_line(s, &line) == 0)
		return false;
	if (line.n == COMMAND_MAX && line.p[line.n] != '\n') {
		tell(s, line);
		s->skipping = s->state == STATE_AUTH || !verb_lost(s, line);
	} else
		run(s, line);
	return true;
}
