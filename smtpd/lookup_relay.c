/* SPDX-License-Identifier: ISC */
/*
 * Recipients of relay actions: the address as it is sent on, and where to.
 * lookup process.
 */
#include "lib/smtp_path.h"
#include "smtpd/log.h"
#include "smtpd/lookup.h"
#include "smtpd/lookup_nodes.h"

#define PR(s)	(int)(s).n, (s).p

/* Can it be written between the brackets of a command? */
static bool
is_path(struct slice address)
{
	char			 text[512];
	struct smtp_path	 path;
	struct slice		 rest;

	if (address.n + 2 > sizeof(text))
		return false;
	text[0] = '<';
	memcpy(text + 1, address.p, address.n);
	text[address.n + 1] = '>';
	return smtp_path_parse(slice_make(text, address.n + 2), SMTP_PATH_UTF8_OK, &path, &rest) == 0 &&
	    rest.n == 0 && path.mailbox.n == address.n && path.domain.n > 0;
}

/* With its local part in quotes, if it needs them. */
static struct slice
quoted(struct slice address)
{
	struct slice	 local = lookup_local_part(address);
	size_t		 rest = address.n - local.n, n;
	char		*buf = nodes_alloc(2 * local.n + 2 + rest);

	if (buf == NULL)
		return SLICE_NONE;
	n = smtp_local_quote(local, buf);
	memcpy(buf + n, address.p + local.n, rest);
	return slice_make(buf, n + rest);
}

static struct slice
lower(struct slice s)
{
	char	*buf = nodes_alloc(s.n + 1);
	size_t	 i;

	if (buf == NULL)
		return SLICE_NONE;
	for (i = 0; i < s.n; i++)
		buf[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 'a' - 'A' : s.p[i]);
	return slice_make(buf, s.n);
}

enum verdict
lookup_relay(const struct action *action, struct slice dest, struct slice *address, struct slice *route)
{
	struct slice	 url;

	*address = is_path(dest) ? dest : quoted(dest);
	*route = action->relay->host != NULL ? SLICE("") : lower(lookup_domain(dest));
	if (address->p == NULL || route->p == NULL)
		return VERDICT_TEMPFAIL;
	if (!is_path(*address)) {
		log_warnx("action %s: %.*s is no address to relay to", action->name, PR(dest));
		return VERDICT_TEMPFAIL;
	}
	if (action->relay->domain == NULL)
		return VERDICT_OK;
	switch (lookup_url(action->relay->domain, *route, &url)) {
	case TABLE_YES:
		return VERDICT_OK;
	case TABLE_NO:
		log_info("action %s: table %s has nothing for %.*s", action->name,
		    action->relay->domain->name, PR(*route));
		return VERDICT_NO_RULE;
	default:
		return VERDICT_TEMPFAIL;
	}
}
