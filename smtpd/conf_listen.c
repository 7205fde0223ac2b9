/* SPDX-License-Identifier: ISC */
/*
 * `listen on`: an interface, an address, a host name, or the socket for local
 * submissions.
 */
#include <sys/socket.h>

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/conf_parse.h"

#define PORT_SMTP	25
#define PORT_SMTPS	465

enum { ONCE_FAMILY = 1, ONCE_PORT = 2, ONCE_TLS = 4, ONCE_PKI = 8, ONCE_TAG = 16,
    ONCE_HOSTNAME = 32, ONCE_MASK = 64, ONCE_DSN = 128, ONCE_FILTER = 256,
    ONCE_AUTH = 512, ONCE_AUTH_CLEAR = 1024, ONCE_RECEIVED_AUTH = 2048 };

static int	option_auth(struct conf_parser *, const struct conf_word *, void *);
static int	option_auth_clear(struct conf_parser *, const struct conf_word *, void *);
static int	option_family(struct conf_parser *, const struct conf_word *, void *);
static int	option_filter(struct conf_parser *, const struct conf_word *, void *);
static int	option_flag(struct conf_parser *, const struct conf_word *, void *);
static int	option_hostname(struct conf_parser *, const struct conf_word *, void *);
static int	option_pki(struct conf_parser *, const struct conf_word *, void *);
static int	option_port(struct conf_parser *, const struct conf_word *, void *);
static int	option_tag(struct conf_parser *, const struct conf_word *, void *);
static int	option_tls(struct conf_parser *, const struct conf_word *, void *);

enum { FLAG_MASK_SRC, FLAG_NO_DSN, FLAG_RECEIVED_AUTH };

static const struct conf_word interface_options[] = {
	{ "inet4",		option_family,	NULL, AF_INET, ONCE_FAMILY },
	{ "inet6",		option_family,	NULL, AF_INET6, ONCE_FAMILY },
	{ "port",		option_port,	NULL, 0, ONCE_PORT },
	{ "tls",		option_tls,	NULL, LISTEN_TLS, ONCE_TLS },
	{ "tls-require",	option_tls,	NULL, LISTEN_TLS_REQUIRE, ONCE_TLS },
	{ "smtps",		option_tls,	NULL, LISTEN_SMTPS, ONCE_TLS },
	{ "pki",		option_pki,	NULL, 0, ONCE_PKI },
	{ "hostname",		option_hostname, NULL, 0, ONCE_HOSTNAME },
	{ "tag",		option_tag,	NULL, 0, ONCE_TAG },
	{ "mask-src",		option_flag,	NULL, FLAG_MASK_SRC, ONCE_MASK },
	{ "no-dsn",		option_flag,	NULL, FLAG_NO_DSN, ONCE_DSN },
	{ "auth",		option_auth,	NULL, LISTEN_AUTH, ONCE_AUTH },
	{ "auth-optional",	option_auth,	NULL, LISTEN_AUTH_OPTIONAL, ONCE_AUTH },
	{ "auth-clear",		option_auth_clear, NULL, 0, ONCE_AUTH_CLEAR },
	{ "received-auth",	option_flag,	NULL, FLAG_RECEIVED_AUTH, ONCE_RECEIVED_AUTH },
	{ .name = "ca" },
	{ .name = "ciphers" },
	{ "filter",		option_filter,	NULL, 0, ONCE_FILTER },
	{ .name = "hostnames" },
	{ .name = "masquerade" },
	{ .name = "protocols" },
	{ .name = "proxy-v2" },
	{ .name = "senders" },
	{ .name = "verify" },
	{ .name = "mask-source", .instead = "is now written mask-src" },
	{ .name = "secure", .instead = "write two lines: one with tls, one with smtps" },
	{ .name = "certificate", .instead = "write pki NAME here, and pki NAME cert \"PATH\" key \"PATH\" above" },
};

static const struct conf_word socket_options[] = {
	{ "tag",		option_tag,	NULL, 0, ONCE_TAG },
	{ "mask-src",		option_flag,	NULL, FLAG_MASK_SRC, ONCE_MASK },
	{ "filter",		option_filter,	NULL, 0, ONCE_FILTER },
	{ .name = "mask-source", .instead = "is now written mask-src" },
};

/* So that a configuration means the same where there is no /etc/services. */
static const struct { const char *name; uint16_t port; } services[] = {
	{ "smtp",		PORT_SMTP },
	{ "smtps",		PORT_SMTPS },
	{ "submissions",	PORT_SMTPS },
	{ "submission",		587 },
};

static int
option_family(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct listen	*l = arg;

	(void)p;
	l->family = w->value;
	return 0;
}

static int
option_port(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct listen	*l = arg;
	struct servent	*service;
	const char	*why;
	size_t		 i;

	(void)w;
	conf_next(p);
	if (p->token.kind > TOKEN_STRING)
		return conf_error(p, "expected a port");
	for (i = 0; i < nitems(services); i++)
		if (strcmp(p->token.text, services[i].name) == 0) {
			l->port = services[i].port;
			return 0;
		}
	l->port = (uint16_t)strtonum(p->token.text, 1, UINT16_MAX, &why);
	if (why == NULL)
		return 0;
	if ((service = getservbyname(p->token.text, "tcp")) == NULL)
		return conf_error(p, "expected a port: 1 to 65535, or a service's name");
	l->port = ntohs((uint16_t)service->s_port);
	return 0;
}

/* With tls: is there a key?  Without pki, the one named like the listener, or the only one. */
static int
check_key(struct conf_parser *p, const struct conf_token *at, void *arg)
{
	const struct listen	*l = arg;
	const struct conf	*conf = p->conf;
	struct nearest		 nearest;
	const struct pki	*pki;

	if (l->pki == NULL) {
		pki = TAILQ_FIRST(&conf->pkis);
		if (conf_pki(conf, l->hostname != NULL ? l->hostname : conf->hostname) != NULL ||
		    (pki != NULL && TAILQ_NEXT(pki, entry) == NULL))
			return 0;
		return conf_error_at(p, at, pki == NULL ?
		    "needs a certificate: pki NAME cert \"PATH\" key \"PATH\"" :
		    "say which certificate: pki NAME");
	}
	if (conf_pki(conf, l->pki) != NULL)
		return 0;
	nearest_init(&nearest, slice_str(l->pki));
	TAILQ_FOREACH(pki, &conf->pkis, entry)
		nearest_try(&nearest, pki->name);
	return conf_error_at(p, at, "no such pki%s", conf_nearest_hint(&nearest));
}

static int
option_tls(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct listen	*l = arg;

	l->tls = (enum listen_tls)w->value;
	conf_defer(p, check_key, l);
	conf_next(p);
	if (w->value != LISTEN_TLS && conf_is_word(p, "verify"))
		return conf_error(p, "not supported yet (%s verify)", w->name);
	conf_back(p);
	return 0;
}

static int
check_tls(struct conf_parser *p, const struct conf_token *at, void *arg)
{
	const struct listen	*l = arg;

	if (l->tls == LISTEN_PLAIN)
		return conf_error_at(p, at, "pki needs tls, tls-require or smtps");
	return 0;
}

static int
option_pki(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct listen	*l = arg;

	(void)w;
	conf_defer(p, check_tls, l);
	return conf_string(p, "the name of a pki", &l->pki);
}

static int
option_hostname(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct listen	*l = arg;

	(void)w;
	if (conf_string(p, "a host name", &l->hostname) == -1)
		return -1;
	if (strlen(l->hostname) >= sizeof(p->conf->hostname) ||
	    strpbrk(l->hostname, " \t<>()@\"") != NULL)
		return conf_error(p, "expected a host name");
	return 0;
}

static int
option_tag(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct listen	*l = arg;

	(void)w;
	return conf_string(p, "a tag", &l->tag);
}

static int
option_flag(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct listen	*l = arg;

	(void)p;
	switch (w->value) {
	case FLAG_MASK_SRC:
		l->mask_src = true;
		break;
	case FLAG_NO_DSN:
		l->no_dsn = true;
		break;
	case FLAG_RECEIVED_AUTH:
		l->received_auth = true;
		break;
	}
	return 0;
}

/* Passwords are not sent for everybody to read. */
static int
check_auth(struct conf_parser *p, const struct conf_token *at, void *arg)
{
	const struct listen	*l = arg;

	if (l->tls == LISTEN_PLAIN && !l->auth_in_clear)
		return conf_error_at(p, at, "needs tls, tls-require or smtps, or auth-clear local");
	return 0;
}

/* What is written here is a hash, not a password; a file is judged when it is asked. */
static int
check_hashes(struct conf_parser *p, struct table *t)
{
	struct slice	 user, hash;
	size_t		 i;

	if (t->path != NULL)
		return 0;
	for (i = 0; table_nth(t, i, true, &user, &hash) == TABLE_YES; i++)
		if (hash.n == 0 || hash.p[0] != '$')
			return conf_error(p, "\"%.*s\" has no hash of a password; smtpctl encrypt makes one",
			    (int)user.n, user.p);
	return 0;
}

/* Without a table: the users of the system. */
static int
option_auth(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct listen	*l = arg;
	bool		 table;

	l->auth = (enum listen_auth)w->value;
	conf_defer(p, check_auth, l);
	conf_next(p);
	table = conf_is_punct(p, "<") || conf_is_punct(p, "{");
	conf_back(p);
	if (!table)
		return 0;
	if (conf_table_value(p, true, &l->credentials) == -1)
		return -1;
	return check_hashes(p, l->credentials);
}

static int
check_auth_clear(struct conf_parser *p, const struct conf_token *at, void *arg)
{
	const struct listen	*l = arg;

	if (l->auth == LISTEN_NO_AUTH)
		return conf_error_at(p, at, "auth-clear needs auth or auth-optional");
	return 0;
}

static int
option_auth_clear(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct listen	*l = arg;

	(void)w;
	l->auth_in_clear = true;
	if (conf_keyword(p, "local") == -1)
		return -1;
	conf_defer(p, check_auth_clear, l);
	return 0;
}

/* `filter` alone is of the grammar of 2018, as are the rules that it lets hold. */
static int
check_filtered(struct conf_parser *p, const struct conf_token *at, void *arg)
{
	const struct listen	*l = arg;
	const struct filter	*f;

	TAILQ_FOREACH(f, &p->conf->filters, entry)
		if (f->name == NULL)
			return 0;
	return !l->filtered ? 0 : conf_error_at(p, at,
	    "expected the name of a filter; alone it needs filters without one: filter smtp-in ...");
}

static int
option_filter(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct listen	*l = arg;

	(void)w;
	conf_defer(p, check_filtered, l);
	conf_next(p);
	l->filtered = conf_is_end(p) || conf_word_known(p, interface_options, nitems(interface_options));
	conf_back(p);
	if (l->filtered)
		return 0;
	if (conf_filter_value(p, &l->filter) == -1)
		return -1;
	conf_filter_attach(l->filter, SUBSYSTEM_SMTP_IN);
	return 0;
}

static struct listen *
listen_new(struct conf *conf)
{
	struct listen	*l = conf_zalloc(sizeof(*l)), *other;

	TAILQ_FOREACH(other, &conf->listens, entry)
		l->index++;
	l->family = AF_UNSPEC;
	TAILQ_INSERT_TAIL(&conf->listens, l, entry);
	return l;
}

static struct listen *
listen_socket(const struct conf *conf)
{
	struct listen	*l;

	TAILQ_FOREACH(l, &conf->listens, entry)
		if (l->socket)
			break;
	return l;
}

void
conf_listen_default(struct conf *conf)
{
	struct listen	*l;

	if ((l = listen_socket(conf)) == NULL) {
		l = listen_new(conf);
		l->socket = true;
	}
	if (l->tag == NULL)
		l->tag = conf_strdup("local");
}

int
conf_parse_listen(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct listen	*l;
	unsigned	 seen = 0;

	(void)w;
	(void)arg;
	if (conf_keyword(p, "on") == -1)
		return -1;
	conf_next(p);
	if (conf_is_word(p, "socket")) {
		if (listen_socket(p->conf) != NULL)
			return conf_error(p, "said twice: there is one socket");
		l = listen_new(p->conf);
		l->socket = true;
		return conf_options(p, socket_options, nitems(socket_options),
		    "option of listen on socket", &seen, l);
	}
	conf_back(p);
	l = listen_new(p->conf);
	if (conf_string(p, "an interface, an address, a host name or socket", &l->on) == -1 ||
	    conf_options(p, interface_options, nitems(interface_options), "option of listen",
	    &seen, l) == -1)
		return -1;
	if (l->port == 0)
		l->port = l->tls == LISTEN_SMTPS ? PORT_SMTPS : PORT_SMTP;
	return 0;
}
