/* SPDX-License-Identifier: ISC */
/*
 * What follows `action NAME relay`: where mail is sent to, and how.
 */
#include <stdlib.h>
#include <string.h>
#include <tls.h>

#include "lib/addr.h"
#include "lib/smtp_path.h"
#include "smtpd/conf_parse.h"
#include "smtpd/ipc.h"

#define CONNECTIONS_MAX	1000
#define COUNT_MAX	1000000
#define NAME_MAX_BYTES	255

/* host, domain and backup say where to; one of them at most. */
enum { ONCE_TO = 1, ONCE_AUTH = 2, ONCE_TLS = 4, ONCE_CA = 8, ONCE_PKI = 16, ONCE_HELO = 32, ONCE_HELO_SRC = 64,
    ONCE_SRC = 128, ONCE_SRS = 256, ONCE_MAIL_FROM = 512, ONCE_PROTOCOLS = 1024, ONCE_CIPHERS = 2048,
    ONCE_FAMILY = 4096, ONCE_RATE = 8192, ONCE_CONNECTIONS = 16384, ONCE_MESSAGES = 32768, ONCE_TTL = 65536,
    ONCE_FILTER = 131072 };

static int	option_auth(struct conf_parser *, const struct conf_word *, void *);
static int	option_backup(struct conf_parser *, const struct conf_word *, void *);
static int	option_ca(struct conf_parser *, const struct conf_word *, void *);
static int	option_ciphers(struct conf_parser *, const struct conf_word *, void *);
static int	option_count(struct conf_parser *, const struct conf_word *, void *);
static int	option_domain(struct conf_parser *, const struct conf_word *, void *);
static int	option_family(struct conf_parser *, const struct conf_word *, void *);
static int	option_filter(struct conf_parser *, const struct conf_word *, void *);
static int	option_helo(struct conf_parser *, const struct conf_word *, void *);
static int	option_helo_src(struct conf_parser *, const struct conf_word *, void *);
static int	option_host(struct conf_parser *, const struct conf_word *, void *);
static int	option_mail_from(struct conf_parser *, const struct conf_word *, void *);
static int	option_pki(struct conf_parser *, const struct conf_word *, void *);
static int	option_prefer(struct conf_parser *, const struct conf_word *, void *);
static int	option_protocols(struct conf_parser *, const struct conf_word *, void *);
static int	option_rate(struct conf_parser *, const struct conf_word *, void *);
static int	option_src(struct conf_parser *, const struct conf_word *, void *);
static int	option_srs(struct conf_parser *, const struct conf_word *, void *);
static int	option_tls(struct conf_parser *, const struct conf_word *, void *);
static int	option_ttl(struct conf_parser *, const struct conf_word *, void *);

#define OF_DELIVERY	"belongs to an action that delivers (maildir, mda), not to relay"

static const struct conf_word options[] = {
	{ "host",	option_host,	NULL, 0, ONCE_TO },
	{ "domain",	option_domain,	NULL, 0, ONCE_TO },
	{ "backup",	option_backup,	NULL, 0, ONCE_TO },
	{ "auth",	option_auth,	NULL, 0, ONCE_AUTH },
	{ "tls",	option_tls,	NULL, 0, ONCE_TLS },
	{ "ca",		option_ca,	NULL, 0, ONCE_CA },
	{ "pki",	option_pki,	NULL, 0, ONCE_PKI },
	{ "protocols",	option_protocols, NULL, 0, ONCE_PROTOCOLS },
	{ "ciphers",	option_ciphers,	NULL, 0, ONCE_CIPHERS },
	{ "helo",	option_helo,	NULL, 0, ONCE_HELO },
	{ "helo-src",	option_helo_src, NULL, 0, ONCE_HELO_SRC },
	{ "src",	option_src,	NULL, 0, ONCE_SRC },
	{ "srs",	option_srs,	NULL, 0, ONCE_SRS },
	{ "mail-from",	option_mail_from, NULL, 0, ONCE_MAIL_FROM },
	{ "inet4",	option_family,	NULL, RESOLVE_INET4, ONCE_FAMILY },
	{ "inet6",	option_family,	NULL, RESOLVE_INET6, ONCE_FAMILY },
	{ "prefer",	option_prefer,	NULL, 0, ONCE_FAMILY },
	{ "rate",	option_rate,	NULL, 0, ONCE_RATE },
	{ "connections", option_count,	NULL, offsetof(struct relay, connections), ONCE_CONNECTIONS },
	{ "messages",	option_count,	NULL, offsetof(struct relay, messages), ONCE_MESSAGES },
	{ "ttl",	option_ttl,	NULL, 0, ONCE_TTL },
	{ "filter",	option_filter,	NULL, 0, ONCE_FILTER },
	{ .name = "alias", .instead = OF_DELIVERY },
	{ .name = "virtual", .instead = OF_DELIVERY },
	{ .name = "user", .instead = OF_DELIVERY },
	{ .name = "userbase", .instead = OF_DELIVERY },
	{ .name = "wrapper", .instead = OF_DELIVERY },
	{ .name = "via", .instead = "is now written host" },
	{ .name = "as", .instead = "is now written mail-from" },
	{ .name = "hostname", .instead = "is now written helo" },
	{ .name = "hostnames", .instead = "is now written helo-src" },
	{ .name = "source", .instead = "is now written src" },
	{ .name = "verify", .instead = "is the default now where TLS is required; see tls no-verify" },
	{ .name = "no-verify", .instead = "is now said as tls no-verify" },
	{ .name = "expire", .instead = "is now written ttl" },
};

static const struct conf_word families[] = {
	{ .name = "inet4", .parse = option_family, .value = RESOLVE_PREFER4 },
	{ .name = "inet6", .parse = option_family, .value = RESOLVE_PREFER6 },
};

/* -- what a table written in smtpd.conf holds; *bad is what is wrong, unless it is a secret -- */

static const char *
check_url(struct slice key, struct slice value, struct slice *bad)
{
	struct relay	 r = { .host = NULL };
	const char	*why;

	(void)key;
	*bad = value;
	if (conf_relay_url(value, &r, &why) == -1)
		return why;
	free(r.host);
	free(r.label);
	return NULL;
}

static const char *
check_credentials(struct slice key, struct slice value, struct slice *bad)
{
	*bad = key;
	return memchr(value.p, ':', value.n) != NULL && *value.p != ':' ? NULL :
	    "expected \"user:password\"";
}

static const char *
check_address(struct slice key, struct slice value, struct slice *bad)
{
	(void)value;
	*bad = key;
	return addr_is_ip(key) ? NULL : "expected an address, without brackets or port";
}

static const char *
check_helo(struct slice key, struct slice value, struct slice *bad)
{
	const char	*why = check_address(key, value, bad);

	if (why != NULL || smtp_helo_valid(value))
		return why;
	*bad = value;
	return "expected the name of a host";
}

/* Files are read when they are asked. */
static int
table_read(struct conf_parser *p, bool mapping,
    const char *(*check)(struct slice, struct slice, struct slice *), struct table **out)
{
	struct slice	 key, value, bad;
	const char	*why;
	size_t		 i;

	if (conf_table_value(p, mapping, out) == -1)
		return -1;
	if ((*out)->path != NULL)
		return 0;
	for (i = 0; table_nth(*out, i, mapping, &key, &value) == TABLE_YES; i++)
		if ((why = check(key, value, &bad)) != NULL)
			return conf_error(p, "\"%.*s\": %s", (int)bad.n, bad.p, why);
	return 0;
}

/* -- options -- */

static int
option_host(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;
	const char	*why;

	(void)w;
	conf_next(p);
	if (p->token.kind > TOKEN_STRING)
		return conf_error(p, "expected the URL of a host: \"smtp+tls://mail.example.org\"");
	if (conf_relay_url(slice_str(p->token.text), a->relay, &why) == -1)
		return conf_error(p, "%s", why);
	return 0;
}

static int
option_domain(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)w;
	return table_read(p, true, check_url, &a->relay->domain);
}

static int
option_auth(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)w;
	return table_read(p, true, check_credentials, &a->relay->auth);
}

static int
option_helo_src(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)w;
	return table_read(p, true, check_helo, &a->relay->helo_src);
}

static int
option_src(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)w;
	return table_read(p, false, check_address, &a->relay->src);
}

static int
name_read(struct conf_parser *p, char **out)
{
	if (conf_string(p, "a host name", out) == -1)
		return -1;
	if (strlen(*out) > NAME_MAX_BYTES || !smtp_helo_valid(slice_str(*out)))
		return conf_error(p, "expected a host name");
	return 0;
}

static int
option_helo(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)w;
	return name_read(p, &a->relay->helo);
}

static int
option_backup(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)w;
	a->relay->backup = true;
	conf_next(p);
	if (conf_is_word(p, "mx"))
		return name_read(p, &a->relay->backup_name);
	conf_back(p);
	return 0;
}

static int
option_tls(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)w;
	a->relay->require_tls = true;
	conf_next(p);
	if (conf_is_word(p, "no-verify"))
		a->relay->no_verify = true;
	else
		conf_back(p);
	return 0;
}

static int
check_ca(struct conf_parser *p, const struct conf_token *at, void *arg)
{
	struct nearest	 nearest;
	struct ca	*ca;

	(void)arg;
	if (conf_ca(p->conf, at->text) != NULL)
		return 0;
	nearest_init(&nearest, slice_str(at->text));
	TAILQ_FOREACH(ca, &p->conf->cas, entry)
		nearest_try(&nearest, ca->name);
	return conf_error_at(p, at, "no such ca%s", conf_nearest_hint(&nearest));
}

static int
check_pki(struct conf_parser *p, const struct conf_token *at, void *arg)
{
	struct nearest	 nearest;
	struct pki	*pki;

	(void)arg;
	if (conf_pki(p->conf, at->text) != NULL)
		return 0;
	nearest_init(&nearest, slice_str(at->text));
	TAILQ_FOREACH(pki, &p->conf->pkis, entry)
		nearest_try(&nearest, pki->name);
	return conf_error_at(p, at, "no such pki%s", conf_nearest_hint(&nearest));
}

static int
reference_read(struct conf_parser *p, const char *what, char **out,
    int (*check)(struct conf_parser *, const struct conf_token *, void *))
{
	if (conf_lower(p, what, out) == -1)
		return -1;
	conf_defer(p, check, NULL);
	return 0;
}

static int
option_ca(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)w;
	return reference_read(p, "the name of a ca", &a->relay->ca, check_ca);
}

static int
option_pki(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)w;
	return reference_read(p, "the name of a pki", &a->relay->pki, check_pki);
}

static int
option_protocols(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;
	uint32_t	 protocols;

	(void)w;
	if (conf_string(p, "protocols like \"tlsv1.2,tlsv1.3\"", &a->relay->protocols) == -1)
		return -1;
	if (tls_config_parse_protocols(&protocols, a->relay->protocols) == -1)
		return conf_error(p, "expected protocols like \"tlsv1.2,tlsv1.3\", or secure, or all");
	return 0;
}

static int
option_ciphers(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action		*a = arg;
	struct tls_config	*config;
	int			 result;

	(void)w;
	if (conf_string(p, "ciphers like \"secure\" or \"HIGH:!aNULL\"", &a->relay->ciphers) == -1)
		return -1;
	if ((config = tls_config_new()) == NULL)
		return conf_error(p, "cannot be checked: out of memory");
	result = tls_config_set_ciphers(config, a->relay->ciphers);
	tls_config_free(config);
	return result == 0 ? 0 :
	    conf_error(p, "expected secure, compat, legacy, all, or a list of ciphers(1) that TLS knows");
}

static int
check_srs(struct conf_parser *p, const struct conf_token *at, void *arg)
{
	(void)arg;
	if (p->conf->srs_key == NULL)
		return conf_error_at(p, at, "needs a key: srs key \"SECRET\"");
	return 0;
}

static int
option_srs(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)w;
	a->relay->srs = true;
	conf_defer(p, check_srs, NULL);
	return 0;
}

/* user@domain, or @domain alone */
static bool
sender_valid(const char *s)
{
	struct smtp_path	 path;
	struct slice		 rest;
	char			 text[300];

	if ((size_t)snprintf(text, sizeof(text), *s == '@' ? "<x%s>" : "<%s>", s) >= sizeof(text))
		return false;
	return smtp_path_parse(slice_str(text), 0, &path, &rest) == 0 && rest.n == 0 &&
	    path.mailbox.n == path.typed.n;
}

static int
option_mail_from(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)w;
	if (conf_string(p, "an address", &a->relay->mail_from) == -1)
		return -1;
	if (!sender_valid(a->relay->mail_from))
		return conf_error(p, "expected an address: \"user@example.org\" or \"@example.org\"");
	return 0;
}

static int
option_family(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)p;
	a->relay->family = (uint8_t)w->value;
	return 0;
}

static int
option_prefer(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	(void)w;
	conf_next(p);
	if ((w = conf_word_find(p, families, nitems(families), "family to prefer")) == NULL)
		return -1;
	return w->parse(p, w, arg);
}

/* N/s */
static int
option_rate(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;
	const char	*why;
	char		 digits[16];
	size_t		 n;

	(void)w;
	conf_next(p);
	n = strspn(p->token.text, "0123456789");
	if (p->token.kind <= TOKEN_STRING && n > 0 && n < sizeof(digits) &&
	    strcmp(p->token.text + n, "/s") == 0) {
		strlcpy(digits, p->token.text, n + 1);
		a->relay->rate = (uint32_t)strtonum(digits, 1, COUNT_MAX, &why);
		if (why == NULL)
			return 0;
	}
	return conf_error(p, "expected messages a second, like 10/s, from 1/s to %d/s", COUNT_MAX);
}

/* value: where the number stands in struct relay */
static int
option_count(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;
	uint32_t	*count = (uint32_t *)((char *)a->relay + w->value);
	size_t		 n;

	if (conf_number(p, 1, w->once == ONCE_CONNECTIONS ? CONNECTIONS_MAX : COUNT_MAX, &n) == -1)
		return -1;
	*count = (uint32_t)n;
	return 0;
}

static int
option_ttl(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)w;
	return conf_time(p, &a->ttl);
}

/* It is told what it registers for, which needs a handshake. */
static int
check_told(struct conf_parser *p, const struct conf_token *at, void *arg)
{
	const struct proc_conf	*proc;
	uint64_t		 bits = conf_filter_bits(arg);

	TAILQ_FOREACH(proc, &p->conf->procs, entry)
		if (proc->is_filter && (bits >> proc->bit & 1) != 0 && !filter_has_handshake(proc->dialect))
			return conf_error_at(p, at, "in protocol \"1\" it cannot say what it wants to be told: "
			    "write report smtp-out on %s", proc->name);
	return 0;
}

static int
option_filter(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)w;
	if (conf_filter_value(p, &a->relay->filter) == -1)
		return -1;
	if (conf_filter_bits(a->relay->filter) == 0)
		return conf_error(p, "has no proc: nothing is decided in sessions that go out, procs are told of them");
	conf_filter_attach(a->relay->filter, SUBSYSTEM_SMTP_OUT);
	conf_defer(p, check_told, a->relay->filter);
	return 0;
}

/* -- all of it -- */

static bool
is_this_host(const char *host)
{
	return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
	    strcasecmp(host, "localhost") == 0;
}

static const char *
contradiction(struct relay *r)
{
	const char	*why;

	if ((why = conf_relay_tls(r)) != NULL)
		return why;
	if (r->label != NULL && r->auth == NULL)
		return "the label of the URL is looked up in a table: auth <table>";
	if (r->label != NULL && r->tls == RELAY_NOTLS && !is_this_host(r->host))
		return "the password would go in clear: write smtp+tls://LABEL@host";
	if (r->auth != NULL && r->label == NULL && r->domain == NULL)
		return "auth needs a label to look up: host \"smtp+tls://LABEL@host\"";
	return NULL;
}

int
conf_relay_options(struct conf_parser *p, struct action *a)
{
	struct conf_token	 at;
	const char		*why;
	unsigned		 seen = 0;
	int			 result;

	conf_token_copy(&at, &p->token);
	result = conf_options(p, options, nitems(options), "option of relay", &seen, a);
	if (result == 0 && (why = contradiction(a->relay)) != NULL)
		result = conf_error_at(p, &at, "%s", why);
	conf_token_free(&at);
	return result;
}
