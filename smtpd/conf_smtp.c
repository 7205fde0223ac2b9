/* SPDX-License-Identifier: ISC */
/*
 * What holds for the whole daemon: `smtp`, `queue`, `dns`, `spool`, `control`.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns_conf.h"
#include "smtpd/conf_parse.h"

#define COUNT_MAX	100000000
#define MESSAGE_MAX	((uint64_t)1 << 40)
#define LINE_MIN	1000		/* RFC 5321 4.5.3.1.6 */
#define LINE_MAX_MAX	((uint64_t)1 << 30)
#define DNS_TIMEOUT_MAX	300		/* seconds; a client waits for its greeting (RFC 5321 4.5.3.2.1) */
#define SUBMIT		".submit"	/* of the socket beside the control socket */

static int	dns_hosts(struct conf_parser *, const struct conf_word *, void *);
static int	dns_resolver(struct conf_parser *, const struct conf_word *, void *);
static int	dns_time(struct conf_parser *, const struct conf_word *, void *);
static int	limit_count(struct conf_parser *, const struct conf_word *, void *);
static int	limit_idle(struct conf_parser *, const struct conf_word *, void *);
static int	limit_line(struct conf_parser *, const struct conf_word *, void *);
static int	queue_ttl(struct conf_parser *, const struct conf_word *, void *);
static int	smtp_delim(struct conf_parser *, const struct conf_word *, void *);
static int	smtp_limit(struct conf_parser *, const struct conf_word *, void *);
static int	smtp_size(struct conf_parser *, const struct conf_word *, void *);

static const struct conf_word smtp_words[] = {
	{ .name = "limit", .parse = smtp_limit },
	{ .name = "max-message-size", .parse = smtp_size },
	{ .name = "sub-addr-delim", .parse = smtp_delim },
	{ .name = "ciphers" },
	{ .name = "subaddressing-delimiter", .instead = "is now written sub-addr-delim" },
};

/* value: where the number stands in struct conf */
static const struct conf_word limits[] = {
	{ .name = "max-mails", .parse = limit_count, .value = offsetof(struct conf, max_mails) },
	{ .name = "max-rcpt", .parse = limit_count, .value = offsetof(struct conf, max_rcpt) },
	{ .name = "max-sessions", .parse = limit_count, .value = offsetof(struct conf, max_sessions) },
	{ .name = "max-errors", .parse = limit_count, .value = offsetof(struct conf, max_errors) },
	{ .name = "max-line", .parse = limit_line },
	{ .name = "idle", .parse = limit_idle },
};

static const struct conf_word queue_words[] = {
	{ .name = "ttl", .parse = queue_ttl },
	{ .name = "compression" },
	{ .name = "encryption" },
	{ .name = "expire", .instead = "is now written ttl" },
};

static const struct conf_word dns_words[] = {
	{ .name = "hosts", .parse = dns_hosts },
	{ .name = "resolver", .parse = dns_resolver },
	{ .name = "timeout", .parse = dns_time },
};

static int
limit_count(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	return conf_number(p, 1, COUNT_MAX, (size_t *)((char *)arg + w->value));
}

static int
limit_line(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct conf	*conf = arg;

	(void)w;
	return conf_size(p, LINE_MIN, LINE_MAX_MAX, &conf->max_line);
}

static int
limit_idle(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct conf	*conf = arg;

	(void)w;
	return conf_time(p, &conf->idle);
}

static int
smtp_limit(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	unsigned	 seen = 0;

	(void)w;
	return conf_options(p, limits, nitems(limits), "limit", &seen, arg);
}

static int
smtp_size(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct conf	*conf = arg;

	(void)w;
	return conf_size(p, 1, MESSAGE_MAX, &conf->max_message_size);
}

static int
smtp_delim(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct conf	*conf = arg;

	(void)w;
	conf_next(p);
	if (p->token.kind > TOKEN_STRING || p->token.size != 1 ||
	    !isgraph((unsigned char)*p->token.text) || *p->token.text == '@')
		return conf_error(p, "expected one character, like \"+\", and not @");
	conf->sub_addr_delim = *p->token.text;
	return 0;
}

int
conf_parse_smtp(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	(void)w;
	(void)arg;
	return conf_second_word(p, smtp_words, nitems(smtp_words), "word after smtp");
}

static int
queue_ttl(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct conf	*conf = arg;

	(void)w;
	return conf_time(p, &conf->queue_ttl);
}

int
conf_parse_queue(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	(void)w;
	(void)arg;
	return conf_second_word(p, queue_words, nitems(queue_words), "word after queue");
}

static int
dns_hosts(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct conf	*conf = arg;

	(void)w;
	return conf_path(p, "a path", &conf->hosts);
}

/* 192.0.2.53, 192.0.2.53:5353, 2001:db8::53, [2001:db8::53], [2001:db8::53]:5353 */
static bool
is_resolver(struct slice s)
{
	char		 host[INET6_ADDRSTRLEN + 8], *p = host;
	char		*port, *end;
	const char	*why = NULL;
	struct in6_addr	 address;

	if (s.n >= sizeof(host))
		return false;
	memcpy(host, s.p, s.n);
	host[s.n] = '\0';
	port = strchr(host, ':');
	if (host[0] == '[') {
		if ((end = strchr(host, ']')) == NULL)
			return false;
		port = end[1] == '\0' ? NULL : end + 1;
		if (port != NULL && *port != ':')
			return false;
		*end = '\0';
		p++;
	} else if (port != NULL && strchr(port + 1, ':') != NULL)
		port = NULL;
	if (port != NULL) {
		*port++ = '\0';
		strtonum(port, 1, UINT16_MAX, &why);
	}
	return why == NULL && inet_pton(strchr(p, ':') != NULL ? AF_INET6 :
	    AF_INET, p, &address) == 1;
}

/* A list of addresses, or the path of a resolv.conf. */
static int
dns_resolver(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct conf	*conf = arg;
	const char	*s;
	size_t		 n, count;

	(void)w;
	if (conf_string(p, "the addresses of resolvers", &conf->resolvers) == -1)
		return -1;
	if (conf->resolvers[0] == '/') {
		free(conf->resolv_conf);
		conf->resolv_conf = conf->resolvers;
		conf->resolvers = NULL;
		return 0;
	}
	for (s = conf->resolvers, count = 1; ; s += n + 1, count++) {
		n = strcspn(s, ",");
		if (count > DNS_SERVERS)
			return conf_error(p, "more than %d resolvers", DNS_SERVERS);
		if (!is_resolver(slice_make(s, n)))
			return conf_error(p, "expected addresses like \"192.0.2.53\" or "
			    "\"[2001:db8::53]:5353\" with commas between, or a path");
		if (s[n] == '\0')
			return 0;
	}
}

static int
dns_time(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct conf	*conf = arg;

	(void)w;
	if (conf_time(p, &conf->dns_timeout) == -1)
		return -1;
	if (conf->dns_timeout > DNS_TIMEOUT_MAX)
		return conf_error(p, "at most 5m: a client waits so long for its greeting");
	return 0;
}

int
conf_parse_dns(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	(void)w;
	(void)arg;
	return conf_second_word(p, dns_words, nitems(dns_words), "word after dns");
}

int
conf_parse_spool(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	(void)w;
	(void)arg;
	if (conf_keyword(p, "directory") == -1)
		return -1;
	return conf_path(p, "a path", &p->conf->spool);
}

int
conf_parse_control(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct sockaddr_un	 sun;

	(void)w;
	(void)arg;
	if (conf_keyword(p, "socket") == -1 || conf_path(p, "a path", &p->conf->control) == -1)
		return -1;
	if (strlen(p->conf->control) + sizeof(SUBMIT) > sizeof(sun.sun_path))
		return conf_error(p, "too long for a socket: at most %zu bytes",
		    sizeof(sun.sun_path) - sizeof(SUBMIT));
	return 0;
}
