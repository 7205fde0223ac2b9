/* SPDX-License-Identifier: ISC */
/*
 * The lines of a message on their way through a filter: what smtpd(8) adds, the
 * message given or one made up, and the dot; what comes back is counted.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/addr.h"
#include "lib/drive_int.h"
#include "lib/smtp_date.h"

#define TEXT_MAX	(DRIVE_RCPTS_MAX + 16384)

/* FNV-1a: to tell one content from another, and for nothing else. */
static uint64_t
hash_line(uint64_t h, struct slice line)
{
	size_t	 i;

	for (i = 0; i < line.n; i++)
		h = (h ^ (unsigned char)line.p[i]) * 0x100000001b3;
	return (h ^ '\n') * 0x100000001b3;
}

static int
trace(const struct drive_session *s, const char *date, char *buf, size_t size)
{
	struct slice	 host, port;

	addr_split(slice_str(drive_or(s->src, "local")), &host, &port);
	return snprintf(buf, size, "Received: from %s (%s [%.*s])\n"
	    "\tby %s (rptdrive) with %s id %08x;\n\t%s\n",
	    drive_or(s->helo, "unknown"), drive_or(s->rdns, "<unknown>"), (int)host.n, host.p,
	    drive_or(s->host, "localhost"), !s->esmtp ? "SMTP" : s->tls ? "ESMTPS" : "ESMTP",
	    s->msgid, date);
}

static int
made_up(const struct drive_session *s, const char *date, char *buf, size_t size)
{
	return snprintf(buf, size, "From: <%s>\nTo: %s\nSubject: message %08x\n"
	    "Date: %s\nMessage-ID: <%08x.%016" PRIx64 "@rptdrive>\n\n"
	    "This message was made up: a recorded stream has no contents.\n",
	    drive_or(s->sender, ""), drive_or(s->rcpts, "undisclosed-recipients:;"), s->msgid, date,
	    s->msgid, s->id);
}

static void
open_content(struct drive *d, struct drive_session *s)
{
	struct drive_content	*c;
	char			 date[SMTP_DATE_MAX];
	int			 n, m = 0;

	if ((c = calloc(1, sizeof(*c))) == NULL ||
	    (c->text = malloc(TEXT_MAX)) == NULL) {
		free(c);
		d->error = ENOMEM;
		return;
	}
	smtp_date((int64_t)(s->time / 1000000), date);
	n = trace(s, date, c->text, TEXT_MAX);
	if (n > 0 && n < TEXT_MAX && d->o->message.p == NULL)
		m = made_up(s, date, c->text + n, (size_t)(TEXT_MAX - n));
	c->trace = (size_t)(n > 0 && n < TEXT_MAX ? n : 0);
	c->n = c->trace + (size_t)(m > 0 && m < TEXT_MAX - n ? m : 0);
	c->token = ++d->last_token;
	c->hash = c->hash_back = 0xcbf29ce484222325;
	s->content = c;
}

/* Dots are stuffed as a client's are. */
static void
send_line(struct drive *d, struct drive_session *s, struct slice line, bool stuff)
{
	struct filter_request	 r = { .dialect = d->o->dialect, .time = s->time,
	    .phase = PHASE_DATA_LINE, .session = s->id, .token = s->content->token,
	    .param = line };
	char			*p;
	size_t			 size = FILTER_HEAD_MAX + line.n + 2;

	if (stuff && line.n > 0 && line.p[0] == '.') {
		if (d->scratch_size < line.n + 1) {
			if ((p = realloc(d->scratch, line.n + 1)) == NULL) {
				d->error = ENOMEM;
				return;
			}
			d->scratch = p;
			d->scratch_size = line.n + 1;
		}
		d->scratch[0] = '.';
		memcpy(d->scratch + 1, line.p, line.n);
		r.param = slice_make(d->scratch, line.n + 1);
	}
	if ((p = drive_filter_room(&d->filter, size)) == NULL) {
		d->error = ENOMEM;
		return;
	}
	drive_filter_used(&d->filter, filter_request_write(p, size, &r));
	if (!stuff)
		return;
	s->content->lines++;
	s->content->bytes += line.n + 1;
	s->content->hash = hash_line(s->content->hash, r.param);
}

/* The next line from *at on, without its end; false behind the last. */
static bool
next_line(struct slice text, size_t *at, struct slice *line)
{
	const char	*lf;

	if (*at >= text.n)
		return false;
	*line = slice_make(text.p + *at, text.n - *at);
	lf = memchr(line->p, '\n', line->n);
	if (lf != NULL)
		line->n = (size_t)(lf - line->p);
	*at += line->n + 1;
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

void
drive_content_begin(struct drive *d, struct drive_session *s)
{
	struct slice	 line, text;

	if (s->content != NULL || d->down || (d->asks >> PHASE_DATA_LINE & 1) == 0)
		return;
	open_content(d, s);
	if (s->content == NULL)
		return;
	text = slice_make(s->content->text, s->content->trace);
	while (next_line(text, &s->content->at, &line))
		send_line(d, s, line, true);
}

bool
drive_content_ask(struct drive *d, struct drive_session *s)
{
	drive_content_begin(d, s);
	if (s->content == NULL || d->down)
		return false;
	if (s->content->early) {
		/* Its end came before ours: what it made is not the message. */
		s->spoiled = true;
		drive_content_end(s);
		return false;
	}
	drive_ask_begin(d, s, PHASE_DATA_LINE, s->content->token);
	s->streams = true;
	drive_content_write(d, s);
	return true;
}

void
drive_content_write(struct drive *d, struct drive_session *s)
{
	struct drive_content	*c = s->content;
	struct slice		 line;

	while (s->streams && drive_filter_unread(&d->filter) < DRIVE_OUT_HIGH) {
		if (next_line(slice_make(c->text, c->n), &c->at, &line) ||
		    next_line(d->o->message, &c->at_message, &line)) {
			send_line(d, s, line, true);
			continue;
		}
		send_line(d, s, SLICE("."), false);
		s->streams = false;
	}
	drive_ask_again(d, s);
}

static void
say(struct drive *d, struct drive_session *s)
{
	const struct drive_content	*c = s->content;
	bool				 same = c->hash == c->hash_back;
	char				 text[256];
	int				 n;

	n = snprintf(text, sizeof(text), same ? "data-line: %zu lines, %zu bytes, unchanged" :
	    "data-line: %zu lines, %zu bytes, made %zu lines, %zu bytes of hash %016" PRIx64,
	    c->lines, c->bytes, c->lines_back, c->bytes_back, c->hash_back);
	const struct report_value	 v[] = {
		{ RF_KIND,	.token = "proc" },
		{ RF_FILTER,	.text = slice_str(d->o->name) },
		{ RF_MESSAGE,	.text = slice_make(text, (size_t)n) },
	};
	drive_report_say(d, s, EV_FILTER_REPORT, v, 3);
}

void
drive_content_line(struct drive *d, struct drive_session *s, struct slice line)
{
	struct drive_content	*c = s->content;

	if (!slice_eq(line, SLICE("."))) {
		c->lines_back++;
		c->bytes_back += line.n + 1 - (line.n > 0 && line.p[0] == '.');
		c->hash_back = hash_line(c->hash_back, line);
		if (s->waits)
			drive_ask_again(d, s);
		return;
	}
	if (!s->waits || s->streams) {
		c->early = true;
		d->o->wrong(d->o->arg, "the final dot of a message that has not ended",
		    SLICE("."));
		if (s->waits)
			drive_ask_failed(d, s);
		return;
	}
	say(d, s);
	drive_ask_answered(d, s);
}

void
drive_content_end(struct drive_session *s)
{
	if (s->content == NULL)
		return;
	free(s->content->text);
	free(s->content);
	s->content = NULL;
}
