/* SPDX-License-Identifier: ISC */
/*
 * From connect to a connection that is ready for mail: banner, EHLO, STARTTLS,
 * AUTH.  relay process.
 */
#include <stdio.h>
#include <string.h>

#include <tls.h>

#include "smtpd/log.h"
#include "smtpd/proc.h"
#include "smtpd/relay_hello.h"

static void	after_ehlo(struct conn *);

/* -- TLS -- */

static void
start_tls(struct conn *c)
{
	const struct relay	*r = &c->dest->relay;
	char			 why[256], text[320];
	struct tls		*tls = relay_tls_client(r, r->verify, why, sizeof(why));

	if (tls == NULL)
		log_warnx("relay action %s: TLS: %s", c->dest->action->name, why);
	if (tls != NULL && io_start_tls(&c->io, tls, c->name) == 0) {
		conn_enter(c, CONN_HANDSHAKE);
		return;
	}
	snprintf(text, sizeof(text), "451 4.7.5 TLS cannot begin here%s%s",
	    tls == NULL ? ": " : "", tls == NULL ? why : "");
	conn_lost(c, slice_str(text));
}

/* -- banner -- */

void
hello_begin(struct conn *c)
{
	c->connected = true;
	report_link_connect(&c->source, c->rdns[0] != '\0' ?
	    slice_str(c->rdns) : SLICE("<unknown>"), c->fcrdns,
	    slice_str(c->src), slice_str(c->text));
	io_resume(&c->io);
	if (c->dest->relay.tls == RELAY_SMTPS)
		start_tls(c);
	else
		conn_enter(c, CONN_BANNER);
}

/* The first word behind the code. */
static struct slice
greeted_name(const struct relay_reply *r)
{
	struct slice	 s = slice_make(r->first.p + 3, r->first.n - 3);
	size_t		 n = 0;

	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '-')) {
		s.p++;
		s.n--;
	}
	while (n < s.n && s.p[n] != ' ')
		n++;
	return slice_make(s.p, n);
}

/* An MX that has our name: mail for it would come back.  Where a host is named, ours may be meant. */
static bool
is_ourselves(const struct conn *c, const struct relay_reply *r)
{
	return c->dest->relay.host == NULL &&
	    slice_eqi(greeted_name(r), slice_str(proc_conf->hostname));
}

static void
refuse_ourselves(struct conn *c)
{
	conn_refused(c, JOB_PERMFAIL,
	    SLICE("554 5.4.6 The host that takes its mail has the name of this one"));
}

static void
refuse(struct conn *c, const struct relay_reply *r)
{
	if (r->code == 421)
		conn_lost(c, r->first);
	else
		conn_refused(c, relay_reply_result(r) == RESULT_PERMFAIL ?
		    JOB_PERMFAIL : JOB_TEMPFAIL, r->first);
}

static void
say_hello(struct conn *c, enum method method)
{
	char	 line[300];
	int	 n = snprintf(line, sizeof(line), "%s %s\r\n",
		    method_names[method], c->helo);

	c->method = method;
	conn_send(c, line, (size_t)n);
	conn_enter(c, method == METHOD_HELO ? CONN_HELO : CONN_EHLO);
}

static void
say_first_hello(struct conn *c)
{
	say_hello(c, c->dest->relay.lmtp ? METHOD_LHLO : METHOD_EHLO);
}

void
hello_named(struct conn *c, struct slice name)
{
	bool		 asked = c->state == CONN_SOURCE;
	const char	*own = c->dest->relay.helo != NULL ?
			    c->dest->relay.helo : proc_conf->hostname;

	if (name.n > 0 && name.n < sizeof(c->helo)) {
		memcpy(c->helo, name.p, name.n);
		c->helo[name.n] = '\0';
	} else
		strlcpy(c->helo, own, sizeof(c->helo));
	say_first_hello(c);
	if (asked)
		io_resume(&c->io);
}

static void
source_answered(void *arg, const struct relay_answer *a)
{
	struct conn	*c = arg;

	if (c->state == CONN_SOURCE)
		hello_named(c, a->result == RESOLVED_OK ? a->text : SLICE_NONE);
}

static void
find_name(struct conn *c)
{
	struct slice	 host, port;

	if (c->dest->relay.helo_src == NULL) {
		hello_named(c, SLICE_NONE);
		return;
	}
	addr_split(slice_str(c->src), &host, &port);
	/* Who says more before it is asked is not read. */
	io_pause(&c->io);
	conn_enter(c, CONN_SOURCE);
	relay_ask_table(QUERY_HELO, c->dest->relay.helo_src, host,
	    source_answered, c);
}

void
hello_banner_reply(struct conn *c, const struct relay_reply *r)
{
	conn_report_server(c, r);
	if (r->code != 220) {
		refuse(c, r);
		return;
	}
	report_link_greeting(&c->source, greeted_name(r));
	if (is_ourselves(c, r))
		refuse_ourselves(c);
	else
		find_name(c);
}

/* -- EHLO -- */

static void
report_hello(struct conn *c, const struct relay_reply *r)
{
	char	 line[300];
	int	 n = snprintf(line, sizeof(line), "%s %s",
		    method_names[c->method], c->helo);

	conn_report_client(c, slice_make(line, (size_t)n));
	if (r->code / 100 == 2)
		report_link_identify(&c->source, c->method, slice_str(c->helo));
	conn_report_server(c, r);
}

static void
read_extensions(struct conn *c, const struct relay_reply *r)
{
	struct slice	 rest = r->text, line;

	smtp_ext_init(&c->ext);
	while (relay_reply_line(&rest, &line) == 1)
		smtp_ext_line(&c->ext, line.n > 4 ?
		    slice_make(line.p + 4, line.n - 4) : SLICE(""));
}

void
hello_ehlo_reply(struct conn *c, const struct relay_reply *r)
{
	report_hello(c, r);
	if (relay_reply_result(r) == RESULT_PERMFAIL && c->method == METHOD_EHLO &&
	    c->dest->relay.tls != RELAY_TLS)
		say_hello(c, METHOD_HELO);
	else if (r->code / 100 != 2)
		refuse(c, r);
	else if (is_ourselves(c, r))
		refuse_ourselves(c);
	else {
		read_extensions(c, r);
		after_ehlo(c);
	}
}

void
hello_helo_reply(struct conn *c, const struct relay_reply *r)
{
	report_hello(c, r);
	smtp_ext_init(&c->ext);
	if (r->code / 100 != 2)
		refuse(c, r);
	else if (is_ourselves(c, r))
		refuse_ourselves(c);
	else
		after_ehlo(c);
}

void
hello_starttls_reply(struct conn *c, const struct relay_reply *r)
{
	conn_report_client(c, SLICE("STARTTLS"));
	conn_report_server(c, r);
	if (r->code == 220)
		start_tls(c);
	else if (r->code == 421)
		conn_lost(c, r->first);
	else if (c->dest->relay.tls == RELAY_TLS)
		/* What its operator may repair is no reason to return mail. */
		conn_refused(c, JOB_TEMPFAIL, r->first);
	else {
		c->plain = true;
		after_ehlo(c);
	}
}

void
hello_secured(struct conn *c)
{
	char	 text[256];
	size_t	 n = io_tls_text(&c->io, text, sizeof(text));

	c->secured = true;
	report_link_tls(&c->source, slice_make(text, n));
	if (c->dest->relay.tls == RELAY_SMTPS)
		conn_enter(c, CONN_BANNER);
	else
		say_first_hello(c);
}

/* -- AUTH -- */

static bool
is_loopback(const struct conn *c)
{
	const struct sockaddr_in	*four = (const struct sockaddr_in *)&c->sa;
	const struct sockaddr_in6	*six = (const struct sockaddr_in6 *)&c->sa;

	return c->sa.ss_family == AF_INET ?
	    ntohl(four->sin_addr.s_addr) >> 24 == 127 :
	    IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

static void
ready(struct conn *c)
{
	c->ready = true;
	dest_ready(c->dest, c);
	conn_next(c);
}

/* Sends a line with a secret, of which no copy stays here. */
static void
send_secret(struct conn *c, char *line, size_t n, enum conn_state next)
{
	memcpy(line + n, "\r\n", 2);
	conn_send(c, line, n + 2);
	explicit_bzero(line, n);
	conn_enter(c, next);
}

static void
authenticate(struct conn *c)
{
	char	 line[2048] = "AUTH PLAIN ";
	size_t	 n;

	if (!c->secured && !is_loopback(c))
		conn_refused(c, JOB_TEMPFAIL,
		    SLICE("451 4.7.11 No TLS: the password is not sent"));
	else if (c->ext.auth & SMTP_AUTH_PLAIN) {
		if ((n = relay_auth_plain(c->dest->credentials, line + 11,
		    sizeof(line) - 13)) > 0)
			send_secret(c, line, n + 11, CONN_AUTH);
		else
			conn_refused(c, JOB_TEMPFAIL,
			    SLICE("451 4.3.5 The credentials are too long"));
	} else if (c->ext.auth & SMTP_AUTH_LOGIN) {
		conn_send(c, "AUTH LOGIN\r\n", 12);
		conn_enter(c, CONN_AUTH);
	} else
		conn_refused(c, JOB_TEMPFAIL,
		    SLICE("451 4.7.4 Neither AUTH PLAIN nor AUTH LOGIN is offered"));
}

static void
report_auth_end(struct conn *c, const struct relay_reply *r)
{
	static const char *const results[RESULT_MAX] = { "pass", "error", "fail" };
	const char	*user = c->dest->credentials;

	/* 334 asks for more than there is. */
	report_link_auth(&c->source, results[r->code / 100 == 3 ?
	    RESULT_TEMPFAIL : relay_reply_result(r)],
	    slice_make(user, strcspn(user, ":")));
}

/* The next line of AUTH LOGIN. */
static void
auth_more(struct conn *c, bool password)
{
	char	 line[2048];
	size_t	 n = relay_auth_login(c->dest->credentials, password, line,
		    sizeof(line) - 2);

	send_secret(c, line, n, password ? CONN_AUTH_PASSWORD : CONN_AUTH_USER);
}

void
hello_auth_reply(struct conn *c, const struct relay_reply *r)
{
	bool	 login = (c->ext.auth & SMTP_AUTH_PLAIN) == 0;

	conn_report_client(c, c->state != CONN_AUTH ? SLICE("********") :
	    login ? SLICE("AUTH LOGIN") : SLICE("AUTH PLAIN ********"));
	if (r->code == 334 && login && c->state != CONN_AUTH_PASSWORD) {
		conn_report_server(c, r);
		auth_more(c, c->state == CONN_AUTH_USER);
		return;
	}
	report_auth_end(c, r);
	conn_report_server(c, r);
	if (r->code / 100 == 2)
		ready(c);
	else if (r->code == 421)
		conn_lost(c, r->first);
	else
		/* Wrong credentials are to be repaired here: no reason to return mail. */
		conn_refused(c, JOB_TEMPFAIL, r->first);
}

static void
after_ehlo(struct conn *c)
{
	const struct relay	*r = &c->dest->relay;
	bool			 offered = (c->ext.offered & SMTP_EXT_STARTTLS) != 0;

	if (!c->secured && r->tls == RELAY_TLS && !offered)
		conn_refused(c, JOB_TEMPFAIL,
		    SLICE("451 4.7.4 STARTTLS is not offered, and required here"));
	else if (!c->secured && offered && (r->tls == RELAY_TLS ||
	    (r->tls == RELAY_OPPORTUNISTIC && !c->plain))) {
		conn_send(c, "STARTTLS\r\n", 10);
		conn_enter(c, CONN_STARTTLS);
	} else if (c->dest->credentials != NULL)
		authenticate(c);
	else
		ready(c);
}
