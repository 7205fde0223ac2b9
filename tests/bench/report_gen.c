/* SPDX-License-Identifier: ISC */
/*
 * A stream of report lines as a busy host would have it, always the same for
 * the same arguments: many sessions open at once, in and out, with and without
 * TLS and logins, refusals, resets, timeouts, clients that only knock.
 *
 * usage: report_gen [-o open-sessions] megabytes
 */
#include <err.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/nitems.h"
#include "lib/outbuf.h"

#define RECIPIENTS	5000
#define PEERS		20000

enum state { CONNECT, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, DOT, QUIT };

struct session {
	enum state	 state;
	uint64_t	 id;
	uint32_t	 msgid;
	unsigned	 peer, sender, rcpts, accepted, messages;
	bool		 out, tls, auth;
};

static struct outbuf	 out;
static uint64_t		 seed = 1, now = 1580000000000000;
static size_t		 written;
static const char	*const tlds[] = { "example.org", "example.net", "example.com" };

/* splitmix64 */
static uint64_t
next_random(void)
{
	uint64_t	 z = (seed += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static unsigned
below(unsigned n)
{
	return (unsigned)(next_random() % n);
}

/* Small numbers often, large ones rarely. */
static unsigned
skewed(unsigned n)
{
	return below(below(n) + 1);
}

static bool
percent(unsigned n)
{
	return below(100) < n;
}

__attribute__((__format__(printf, 3, 4))) static void
line(const struct session *s, const char *event, const char *fmt, ...)
{
	char	 buf[1024];
	va_list	 ap;
	int	 n;

	now += below(40);
	n = snprintf(buf, sizeof(buf), "report|0.7|%llu.%06u|smtp-%s|%s|%016llx%s",
	    (unsigned long long)(now / 1000000), (unsigned)(now % 1000000),
	    s->out ? "out" : "in", event, (unsigned long long)s->id,
	    *fmt == '\0' ? "" : "|");
	va_start(ap, fmt);
	n += vsnprintf(buf + n, sizeof(buf) - (size_t)n, fmt, ap);
	va_end(ap);
	buf[n++] = '\n';
	outbuf_put(&out, buf, (size_t)n);
	written += (size_t)n;
}

static void
asked(const struct session *s, const char *phase)
{
	if (!s->out)
		line(s, "filter-response", "%s|proceed", phase);
}

static void
peer_name(const struct session *s, char *buf, size_t size)
{
	snprintf(buf, size, "mx%u.host%u.%s", s->peer % 4, s->peer,
	    tlds[s->peer % nitems(tlds)]);
}

/* -- one turn of a session: a client's line, what it causes, the reply -- */

static enum state
run_connect(struct session *s)
{
	char		 name[64] = "<unknown>";
	unsigned	 p;

	s->id = next_random();
	s->out = percent(30);
	s->peer = p = skewed(PEERS);
	s->messages = 1 + skewed(4);
	s->tls = s->auth = false;
	if (!percent(12))
		peer_name(s, name, sizeof(name));
	if (s->out)
		line(s, "link-connect", "%s|pass|192.0.2.25:%u|198.51.%u.%u:25", name,
		    30000 + below(30000), p >> 8, p & 255);
	else if (p % 7 == 0)
		line(s, "link-connect", "%s|%s|[2001:db8::%x]:%u|[2001:db8::25]:25", name,
		    *name == '<' || percent(3) ? "fail" : "pass", p, 30000 + below(30000));
	else
		line(s, "link-connect", "%s|%s|198.51.%u.%u:%u|192.0.2.25:%u", name,
		    *name == '<' || percent(3) ? "fail" : "pass", p >> 8, p & 255,
		    30000 + below(30000), percent(20) ? 587 : 25);
	asked(s, "connected");
	line(s, "protocol-server", "220 %s ESMTP ready", s->out ? name : "mx.example.org");
	line(s, "link-greeting", "%s", s->out ? name : "mx.example.org");
	return EHLO;
}

static enum state
run_ehlo(struct session *s)
{
	static const char	*const offers[] = { "8BITMIME",
	    "ENHANCEDSTATUSCODES", "SIZE 36700160", "DSN" };
	char			 name[64];
	size_t			 i;

	peer_name(s, name, sizeof(name));
	line(s, "protocol-client", "EHLO %s", s->out ? "mx.example.org" : name);
	asked(s, "ehlo");
	line(s, "link-identify", "EHLO|%s", s->out ? "mx.example.org" : name);
	line(s, "protocol-server", "250-%s Hello %s, pleased to meet you",
	    s->out ? name : "mx.example.org", s->out ? "mx.example.org" : name);
	for (i = 0; i < nitems(offers); i++)
		line(s, "protocol-server", "250-%s", offers[i]);
	if (!s->tls)
		line(s, "protocol-server", "250-STARTTLS");
	line(s, "protocol-server", "250 HELP");
	if (!s->tls && percent(70))
		return STARTTLS;
	if (!s->out && percent(s->tls ? 25 : 4))
		return AUTH;
	return percent(6) ? QUIT : MAIL;
}

static enum state
run_starttls(struct session *s)
{
	line(s, "protocol-client", "STARTTLS");
	asked(s, "tls");
	line(s, "protocol-server", "220 2.0.0 Ready to start TLS");
	line(s, "link-tls", percent(80) ? "TLSv1.3:TLS_AES_256_GCM_SHA384:256" :
	    "TLSv1.2:ECDHE-RSA-AES128-GCM-SHA256:128");
	s->tls = true;
	return EHLO;
}

static enum state
run_auth(struct session *s)
{
	line(s, "protocol-client", "AUTH PLAIN ********");
	asked(s, "auth");
	s->auth = !percent(30);
	line(s, "link-auth", "%s|user%u", s->auth ? "pass" : "fail", skewed(500));
	line(s, "protocol-server", s->auth ? "235 2.0.0 Authentication succeeded" :
	    "535 5.7.8 Authentication failed");
	return s->auth ? MAIL : percent(50) ? AUTH : QUIT;
}

static enum state
run_mail(struct session *s)
{
	char	 domain[64], address[128] = "";

	s->sender = skewed(100000);
	s->rcpts = 1 + skewed(6);
	s->accepted = 0;
	peer_name(s, domain, sizeof(domain));
	if (!percent(5))
		snprintf(address, sizeof(address), "sender%u@%s", s->sender, domain);
	line(s, "protocol-client", "MAIL FROM:<%s> SIZE=%u", address, 500 + skewed(60000));
	asked(s, "mail-from");
	s->msgid = (uint32_t)next_random() | 1;
	line(s, "tx-begin", "%08x", s->msgid);
	line(s, "tx-mail", "%08x|ok|%s", s->msgid, address);
	line(s, "protocol-server", "250 2.0.0 Ok");
	return RCPT;
}

static enum state
run_rcpt(struct session *s)
{
	unsigned	 r = skewed(RECIPIENTS), luck = below(100);
	const char	*domain = tlds[r % nitems(tlds)];

	line(s, "protocol-client", "RCPT TO:<user%u@%s>", r, domain);
	asked(s, "rcpt-to");
	if (luck < 6) {
		line(s, "tx-rcpt", "%08x|permfail|user%u@%s", s->msgid, r, domain);
		line(s, "protocol-server", "550 5.1.1 Invalid recipient: user%u@%s", r, domain);
	} else if (luck < 8) {
		line(s, "tx-rcpt", "%08x|tempfail|user%u@%s", s->msgid, r, domain);
		line(s, "protocol-server", "451 4.7.1 Greylisted, try again later");
	} else {
		line(s, "tx-envelope", "%08x|%08x%08x", s->msgid, s->msgid,
		    (uint32_t)next_random());
		line(s, "tx-rcpt", "%08x|ok|user%u@%s", s->msgid, r, domain);
		line(s, "protocol-server", "250 2.1.5 Destination address valid: Recipient ok");
		s->accepted++;
	}
	return --s->rcpts > 0 ? RCPT : DATA;
}

static void
rollback(struct session *s, const char *reply)
{
	line(s, "tx-rollback", "%08x", s->msgid);
	line(s, "tx-reset", "%08x", s->msgid);
	line(s, "protocol-server", "%s", reply);
}

static enum state
run_data(struct session *s)
{
	if (s->accepted == 0) {
		line(s, "protocol-client", "RSET");
		asked(s, "rset");
		rollback(s, "250 2.0.0 Reset state");
		return QUIT;
	}
	line(s, "protocol-client", "DATA");
	asked(s, "data");
	line(s, "tx-data", "%08x|ok", s->msgid);
	line(s, "protocol-server", "354 Enter mail, end with \".\" on a line by itself");
	return DOT;
}

static enum state
run_dot(struct session *s)
{
	line(s, "protocol-client", ".");
	if (!s->out && percent(2)) {
		line(s, "filter-report", "builtin|spam|score %u.%u", 5 + below(20), below(10));
		line(s, "filter-response", "commit|reject|550 5.7.1 Message refused");
		rollback(s, "550 5.7.1 Message refused");
	} else {
		asked(s, "commit");
		line(s, "tx-commit", "%08x|%u", s->msgid, 600 + skewed(2000000));
		line(s, "tx-reset", "%08x", s->msgid);
		line(s, "protocol-server", "250 2.0.0 %08x Message accepted for delivery",
		    s->msgid);
	}
	return --s->messages > 0 ? MAIL : QUIT;
}

static enum state
run_quit(struct session *s)
{
	if (percent(3))
		line(s, "timeout", "%s", "");
	else if (!percent(4)) {
		line(s, "protocol-client", "QUIT");
		asked(s, "quit");
		line(s, "protocol-server", "221 2.0.0 Bye");
	}
	line(s, "link-disconnect", "%s", "");
	return CONNECT;
}

static enum state (*const run[])(struct session *) = {
	[CONNECT]	= run_connect,
	[EHLO]		= run_ehlo,
	[STARTTLS]	= run_starttls,
	[AUTH]		= run_auth,
	[MAIL]		= run_mail,
	[RCPT]		= run_rcpt,
	[DATA]		= run_data,
	[DOT]		= run_dot,
	[QUIT]		= run_quit,
};

static void
usage(void)
{
	fputs("usage: report_gen [-o open-sessions] megabytes\n", stderr);
	exit(2);
}

int
main(int argc, char *argv[])
{
	struct session	*sessions, *s;
	const char	*error;
	size_t		 want;
	unsigned	 open = 1000;
	int		 ch;

	while ((ch = getopt(argc, argv, "o:")) != -1) {
		if (ch != 'o')
			usage();
		open = (unsigned)strtonum(optarg, 1, 10000000, &error);
		if (error != NULL)
			errx(2, "open sessions: %s: %s", error, optarg);
	}
	if (argc - optind != 1)
		usage();
	want = (size_t)strtonum(argv[optind], 1, 1000000, &error) * 1000000;
	if (error != NULL)
		errx(2, "megabytes: %s: %s", error, argv[optind]);
	if ((sessions = calloc(open, sizeof(*sessions))) == NULL ||
	    outbuf_init(&out, STDOUT_FILENO) == -1)
		err(2, NULL);
	while (written < want && out.error == 0) {
		s = &sessions[below(open)];
		now += below(400);
		s->state = run[s->state](s);
	}
	free(sessions);
	if (outbuf_close(&out) == -1)
		err(2, "stdout");
	return 0;
}
