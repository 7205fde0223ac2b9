/* SPDX-License-Identifier: ISC */
/*
 * The URL of a relay, [scheme://][label@]host[:port], as `host` and the table
 * of `domain` have it.  Used by conf and by the relay process.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "lib/addr.h"
#include "lib/nitems.h"
#include "lib/smtp_path.h"
#include "smtpd/conf.h"

static const struct scheme {
	const char	*name;
	enum relay_tls	 tls;
	bool		 lmtp;
	const char	*instead;	/* what it is called now */
} schemes[] = {
	{ "smtp",	RELAY_OPPORTUNISTIC,	false,	NULL },
	{ "smtp+tls",	RELAY_TLS,		false,	NULL },
	{ "smtp+notls",	RELAY_NOTLS,		false,	NULL },
	{ "smtps",	RELAY_SMTPS,		false,	NULL },
	{ "lmtp",	RELAY_OPPORTUNISTIC,	true,	NULL },
	{ .name = "tls", .instead = "tls:// is now written smtp+tls://" },
	{ .name = "secure", .instead = "secure:// is now written smtp+tls:// or smtps://" },
	{ .name = "ssl", .instead = "ssl:// is now written smtps://" },
	{ .name = "tls+auth", .instead = "tls+auth:// is now written smtp+tls://label@host" },
	{ .name = "secure+auth", .instead = "secure+auth:// is now written smtp+tls://label@host" },
	{ .name = "smtps+auth", .instead = "smtps+auth:// is now written smtps://label@host" },
	{ .name = "ssl+auth", .instead = "ssl+auth:// is now written smtps://label@host" },
};

struct url {
	const struct scheme *scheme;
	struct slice	 label, host;	/* label: SLICE_NONE without one */
};

/* What of s is before p, and what is behind the n bytes at p. */
static struct slice
before(struct slice s, const char *p)
{
	return slice_make(s.p, (size_t)(p - s.p));
}

static struct slice
behind(struct slice s, const char *p, size_t n)
{
	return slice_make(p + n, s.n - (size_t)(p + n - s.p));
}

static const char *
scheme_cut(struct slice *s, const struct scheme **out)
{
	const char	*p = memmem(s->p, s->n, "://", 3);
	size_t		 i;

	*out = &schemes[0];
	if (p == NULL)
		return NULL;
	for (i = 0; i < nitems(schemes); i++)
		if (slice_eqi(before(*s, p), slice_str(schemes[i].name)))
			break;
	*s = behind(*s, p, 3);
	if (i == nitems(schemes))
		return "no such scheme; one of: smtp, smtp+tls, smtp+notls, smtps, lmtp";
	*out = &schemes[i];
	return schemes[i].instead;
}

static const char *
label_cut(struct slice *s, struct slice *label)
{
	const char	*p = memrchr(s->p, '@', s->n);
	size_t		 i;

	*label = SLICE_NONE;
	if (p == NULL)
		return NULL;
	*label = before(*s, p);
	*s = behind(*s, p, 1);
	if (label->n == 0)
		return "a label is missing before the @";
	for (i = 0; i < label->n; i++)
		if (!isgraph((unsigned char)label->p[i]) || label->p[i] == '/')
			return "the label before the @ holds a character that is none of a label";
	return NULL;
}

/* [address], what follows it left in *s. */
static const char *
address_cut(struct slice *s, struct slice *host)
{
	const char	*end = memchr(s->p, ']', s->n);

	if (end == NULL)
		return "a ] is missing after the address";
	*host = slice_make(s->p + 1, (size_t)(end - s->p - 1));
	*s = behind(*s, end, 1);
	if (host->n > 5 && strncasecmp(host->p, "IPv6:", 5) == 0)
		*host = slice_make(host->p + 5, host->n - 5);
	return addr_is_ip(*host) ? NULL : "no address in the brackets";
}

static const char *
host_cut(struct slice *s, struct slice *host)
{
	const char	*colon;

	if (addr_is_ip(*s) && memchr(s->p, ':', s->n) != NULL)
		return "an IPv6 address needs brackets: [2001:db8::1]";
	if (s->n == 0 || *s->p == ':')
		return "a host is missing";
	if (*s->p == '[')
		return address_cut(s, host);
	if ((colon = memchr(s->p, ':', s->n)) == NULL)
		colon = s->p + s->n;
	*host = before(*s, colon);
	*s = behind(*s, colon, 0);
	if (memchr(host->p, '/', host->n) != NULL)
		return "a host and perhaps a port is all that may follow the scheme";
	return smtp_helo_valid(*host) ? NULL : "not the name of a host";
}

/* What is left: nothing, or a colon and a port. */
static const char *
port_read(struct slice s, uint16_t *port)
{
	unsigned	 n = 0;
	size_t		 i;

	*port = 0;
	if (s.n == 0)
		return NULL;
	if (*s.p != ':')
		return "expected a colon and a port after the address";
	for (i = 1; i < s.n && n <= UINT16_MAX && isdigit((unsigned char)s.p[i]); i++)
		n = n * 10 + (unsigned)(s.p[i] - '0');
	if (i < s.n || n == 0 || n > UINT16_MAX)
		return "expected a port after the colon: 1 to 65535";
	*port = (uint16_t)n;
	return NULL;
}

static char *
copy_lower(struct slice s)
{
	char	*copy = strndup(s.p, s.n), *p;

	for (p = copy; p != NULL && *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

const char *
conf_relay_tls(struct relay *r)
{
	if (r->require_tls && r->tls == RELAY_NOTLS)
		return "smtp+notls:// and the option tls exclude each other";
	if (r->require_tls && r->tls == RELAY_OPPORTUNISTIC)
		r->tls = RELAY_TLS;
	r->verify = !r->no_verify && (r->tls == RELAY_TLS || r->tls == RELAY_SMTPS);
	return NULL;
}

int
conf_relay_url(struct slice text, struct relay *r, const char **why)
{
	struct relay	 new = *r;
	struct url	 url;

	if (text.n == 0 || memchr(text.p, '\0', text.n) != NULL) {
		*why = "a host is missing";
		return -1;
	}
	if ((*why = scheme_cut(&text, &url.scheme)) != NULL ||
	    (*why = label_cut(&text, &url.label)) != NULL ||
	    (*why = host_cut(&text, &url.host)) != NULL ||
	    (*why = port_read(text, &new.port)) != NULL)
		return -1;
	new.lmtp = url.scheme->lmtp;
	new.tls = url.scheme->tls;
	if (new.lmtp && new.port == 0) {
		*why = "lmtp has no port of its own: lmtp://host:port";
		return -1;
	}
	if ((*why = conf_relay_tls(&new)) != NULL)
		return -1;
	new.host = copy_lower(url.host);
	new.label = url.label.p == NULL ? NULL : strndup(url.label.p, url.label.n);
	if (new.host == NULL || (url.label.p != NULL && new.label == NULL)) {
		free(new.host);
		free(new.label);
		*why = strerror(ENOMEM);
		return -1;
	}
	*r = new;
	return 0;
}
