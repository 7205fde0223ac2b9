/* SPDX-License-Identifier: ISC */
/*
 * Delivery status notifications: for people, for programs (RFC 3464), and the
 * message, or its header.  Queue process.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/smtp_date.h"
#include "lib/smtp_xtext.h"
#include "lib/utf8.h"
#include "smtpd/dsn.h"
#include "smtpd/queue_dsn.h"

#define LINE		72	/* bytes of a reply in a line for people */

/* What is said of all recipients together: the first row one of whom had that. */
static const struct {
	const char	*action;	/* RFC 3464 2.3.3 */
	char		 class;		/* of its status */
	const char	*subject;
	const char	*text;
} actions[DSN_ACTION_MAX] = {
	[DSN_FAILED]	= { "failed", '5', "Mail could not be delivered",
	    "Your message could not be delivered to these recipients, and is not tried again:" },
	[DSN_DELAYED]	= { "delayed", '4', "Mail is delayed",
	    "Your message could not be delivered to these recipients yet.  It is still tried;\n"
	    "you need not send it again:" },
	[DSN_DELIVERED]	= { "delivered", '2', "Mail was delivered",
	    "Your message was delivered to these recipients:" },
	[DSN_RELAYED]	= { "relayed", '2', "Mail was relayed",
	    "Your message was handed on for these recipients, to a server that will not\n"
	    "tell you more:" },
};

/* -- statuses -- */

static bool
is_digit(struct slice s, size_t i)
{
	return i < s.n && s.p[i] >= '0' && s.p[i] <= '9';
}

/* "5.1.1" at the start of s, its length; 0: none. */
static size_t
enhanced(struct slice s)
{
	size_t	 i = 1, n, part;

	if (s.n < 5 || (s.p[0] != '2' && s.p[0] != '4' && s.p[0] != '5'))
		return 0;
	for (part = 0; part < 2; part++) {
		if (i >= s.n || s.p[i++] != '.')
			return 0;
		for (n = 0; is_digit(s, i) && n < 3; n++)
			i++;
		if (n == 0)
			return 0;
	}
	return i == s.n || s.p[i] == ' ' || s.p[i] == ':' ? i : 0;
}

/* Behind the three digits of a reply and what follows them, if it has them. */
static struct slice
behind_code(struct slice s)
{
	if (!is_digit(s, 0) || !is_digit(s, 1) || !is_digit(s, 2) ||
	    s.n < 4 || (s.p[3] != ' ' && s.p[3] != '-'))
		return s;
	return slice_make(s.p + 4, s.n - 4);
}

/* Words of a host, or of ours about it: "connect: Connection refused". */
static bool
host_said(const struct dsn_rcpt *r)
{
	return r->host.n > 0 && behind_code(r->reply).n < r->reply.n;
}

/* RFC 3463 3.5: nobody answered, or the connection did not hold. */
static const char *
network_status(struct slice words)
{
	static const char	 connect[] = "connect: ";
	const size_t		 n = sizeof(connect) - 1;

	return words.n >= n && memcmp(words.p, connect, n) == 0 ? ".4.1" : ".4.2";
}

const char *
dsn_status(const struct dsn_rcpt *r, char *buf)
{
	struct slice	 words = behind_code(r->reply);
	size_t		 n = enhanced(words);
	const char	*rest = r->action == DSN_FAILED && r->host.n == 0 ? ".3.0" : ".0.0";

	if (r->action == DSN_DELAYED && r->host.n > 0 && r->reply.n > 0 && !host_said(r))
		rest = network_status(r->reply);
	if (r->expired)
		rest = ".4.7";
	if (n > 0 && !r->expired)
		snprintf(buf, DSN_STATUS_MAX, "%c%.*s", actions[r->action].class,
		    (int)n - 1, words.p + 1);
	else
		snprintf(buf, DSN_STATUS_MAX, "%c%s", actions[r->action].class, rest);
	return buf;
}

/* -- texts -- */

static bool
is_ascii(struct slice s)
{
	return utf8_is_ascii(s.p, s.n);
}

/* What others said, safe in a line of ours. */
static void
put(FILE *f, struct slice s, bool utf8)
{
	size_t		 i;
	unsigned char	 c;

	for (i = 0; i < s.n; i++) {
		c = (unsigned char)s.p[i];
		putc(c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8) ? '?' : c, f);
	}
}

static void
put_xtext(FILE *f, struct slice s, bool utf8)
{
	char	 text[DSN_ORCPT_MAX];
	ssize_t	 n = s.n <= sizeof(text) ? smtp_xtext_decode(s, text) : -1;

	put(f, n == -1 ? s : slice_make(text, (size_t)n), utf8);
}

static void
put_date(FILE *f, const char *name, int64_t seconds)
{
	char	 buf[SMTP_DATE_MAX];

	fprintf(f, "%s: %s\n", name, smtp_date(seconds, buf));
}

/* -- the parts -- */

static enum dsn_action
action_of(const struct dsn *d)
{
	enum dsn_action	 a = DSN_ACTION_MAX - 1;
	size_t		 i;

	for (i = 0; i < d->n; i++)
		if (d->rcpt[i].action < a)
			a = d->rcpt[i].action;
	return a;
}

static struct slice	returned(const struct dsn *);

static void
put_header(FILE *f, const struct dsn *d, bool utf8)
{
	put_date(f, "Date", d->now);
	fprintf(f, "From: Mail Delivery System <MAILER-DAEMON@%s>\nTo: <", d->hostname);
	put(f, d->to, utf8);
	fprintf(f, ">\nSubject: %s\n", actions[action_of(d)].subject);
	fprintf(f, "Message-ID: <%016" PRIx64 ".dsn@%s>\n", d->unique, d->hostname);
	/* RFC 3834 5: nobody answers this by himself. */
	fprintf(f, "Auto-Submitted: auto-replied\nMIME-Version: 1.0\n");
	fprintf(f, "Content-Type: multipart/report; report-type=%sdelivery-status;\n"
	    "\tboundary=\"%016" PRIx64 "\"\n", utf8 ? "global-" : "", d->unique);
	/* The whole is what a part is, RFC 2045 6.4. */
	if (utf8 || !is_ascii(returned(d)))
		fprintf(f, "Content-Transfer-Encoding: 8bit\n");
	fprintf(f, "\nThis is a MIME-encapsulated message.\n");
}

static void
put_boundary(FILE *f, const struct dsn *d, const char *end)
{
	fprintf(f, "\n--%016" PRIx64 "%s\n", d->unique, end);
}

/* A reply for people: in lines that are not too long. */
static void
put_folded(FILE *f, struct slice s, bool utf8)
{
	size_t	 n;

	while (s.n > 0) {
		n = s.n;
		if (n > LINE)
			for (n = LINE; n > LINE / 2 && s.p[n - 1] != ' '; n--)
				;
		if (s.n > LINE && n == LINE / 2)
			n = LINE;
		fputs("    ", f);
		put(f, slice_make(s.p, n), utf8);
		putc('\n', f);
		s = slice_make(s.p + n, s.n - n);
	}
}

static void
put_people(FILE *f, const struct dsn *d, bool utf8)
{
	enum dsn_action		 a;
	const struct dsn_rcpt	*r;
	bool			 said;

	put_boundary(f, d, "");
	fprintf(f, "Content-Type: text/plain; charset=%s\n\nThis is the mail system at host %s.\n",
	    utf8 ? "utf-8" : "us-ascii", d->hostname);
	for (a = 0; a < DSN_ACTION_MAX; a++) {
		said = false;
		for (r = d->rcpt; r < d->rcpt + d->n; r++) {
			if (r->action != a)
				continue;
			if (!said)
				fprintf(f, "\n%s\n", actions[a].text);
			said = true;
			fputs("\n  <", f);
			put(f, r->dest, utf8);
			fputs(">\n", f);
			if (r->host.n > 0) {
				fputs("    host ", f);
				put(f, r->host, utf8);
				fputs(host_said(r) ? " said:\n" : ":\n", f);
			}
			put_folded(f, r->reply, utf8);
			if (r->action == DSN_DELAYED)
				put_date(f, "    tried until", r->until);
		}
	}
}

static void
put_status(FILE *f, const struct dsn_rcpt *r, bool utf8)
{
	const char	*type = is_ascii(r->dest) ? "rfc822" : "utf-8";
	const char	*semicolon = r->orcpt.n == 0 ? NULL : memchr(r->orcpt.p, ';', r->orcpt.n);
	char		 status[DSN_STATUS_MAX];
	size_t		 n;

	putc('\n', f);
	if (semicolon != NULL) {
		n = (size_t)(semicolon - r->orcpt.p);
		fputs("Original-Recipient: ", f);
		put(f, slice_make(r->orcpt.p, n), utf8);
		putc(';', f);
		put_xtext(f, slice_make(semicolon + 1, r->orcpt.n - n - 1), utf8);
		putc('\n', f);
	}
	fprintf(f, "Final-Recipient: %s;", type);
	put(f, r->dest, utf8);
	fprintf(f, "\nAction: %s\nStatus: %s\n", actions[r->action].action,
	    dsn_status(r, status));
	if (r->host.n > 0) {
		fputs("Remote-MTA: dns;", f);
		put(f, r->host, utf8);
		putc('\n', f);
	}
	if (r->reply.n > 0) {
		fprintf(f, "Diagnostic-Code: %s;", host_said(r) ? "smtp" : "x-pipepost");
		put(f, r->reply, utf8);
		putc('\n', f);
	}
	if (r->action == DSN_DELAYED)
		put_date(f, "Will-Retry-Until", r->until);
}

static void
put_programs(FILE *f, const struct dsn *d, bool utf8)
{
	size_t	 i;

	put_boundary(f, d, "");
	fprintf(f, "Content-Type: message/%sdelivery-status\n", utf8 ? "global-" : "");
	if (utf8)
		fputs("Content-Transfer-Encoding: 8bit\n", f);
	putc('\n', f);
	if (d->envid.n > 0) {
		fputs("Original-Envelope-Id: ", f);
		put_xtext(f, d->envid, utf8);
		putc('\n', f);
	}
	fprintf(f, "Reporting-MTA: dns;%s\n", d->hostname);
	put_date(f, "Arrival-Date", d->arrival);
	for (i = 0; i < d->n; i++)
		put_status(f, &d->rcpt[i], utf8);
}

/* The header with its last LF; all if there is no end of it. */
static struct slice
header_of(struct slice content)
{
	const char	*end = content.n == 0 ? NULL :
	    memmem(content.p, content.n, "\n\n", 2);

	if (content.n > 0 && content.p[0] == '\n')
		return slice_make(content.p, 0);
	return end == NULL ? content : slice_make(content.p, (size_t)(end + 1 - content.p));
}

static struct slice
returned(const struct dsn *d)
{
	return d->full ? d->content : header_of(d->content);
}

static void
put_message(FILE *f, const struct dsn *d)
{
	struct slice	 s = returned(d);

	put_boundary(f, d, "");
	fprintf(f, "Content-Type: %s\n", d->full ? "message/rfc822" : "text/rfc822-headers");
	if (!is_ascii(s))
		fputs("Content-Transfer-Encoding: 8bit\n", f);
	putc('\n', f);
	fwrite(s.p, 1, s.n, f);
	if (s.n > 0 && s.p[s.n - 1] != '\n')
		putc('\n', f);
}

char *
dsn_write(const struct dsn *d, size_t *n)
{
	char	*text = NULL;
	FILE	*f = open_memstream(&text, n);
	bool	 utf8 = !is_ascii(d->to), failed;
	size_t	 i;

	if (f == NULL)
		return NULL;
	for (i = 0; i < d->n; i++)
		utf8 = utf8 || !is_ascii(d->rcpt[i].dest);
	put_header(f, d, utf8);
	put_people(f, d, utf8);
	put_programs(f, d, utf8);
	put_message(f, d);
	put_boundary(f, d, "--");
	failed = ferror(f) != 0;
	if (fclose(f) == 0 && !failed)
		return text;
	free(text);
	errno = ENOMEM;
	return NULL;
}

uint8_t
dsn_body(struct slice text)
{
	const char	*end;

	if (is_ascii(text))
		return 0;
	end = memmem(text.p, text.n, "\n\n", 2);
	/* Its own header is not ASCII only where an address in it is not. */
	return is_ascii(slice_make(text.p, (size_t)(end - text.p))) ? BODY_8BITMIME :
	    BODY_8BITMIME | BODY_SMTPUTF8;
}
