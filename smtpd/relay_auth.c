/* SPDX-License-Identifier: ISC */
/*
 * What AUTH says: PLAIN (RFC 4616) and LOGIN, in base64.  relay process.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base64.h"
#include "smtpd/relay.h"

#define PLAIN_MAX	1024	/* bytes before base64 */

size_t
relay_auth_plain(const char *credentials, char *buf, size_t size)
{
	const char	*colon = strchr(credentials, ':');
	size_t		 n = strlen(credentials), used;
	char		 plain[PLAIN_MAX];

	if (colon == NULL || n + 1 > sizeof(plain))
		return 0;
	/* No authorization identity, then NUL, user, NUL, password. */
	plain[0] = '\0';
	memcpy(plain + 1, credentials, n);
	plain[1 + colon - credentials] = '\0';
	used = base64_encode(slice_make(plain, n + 1), buf, size);
	explicit_bzero(plain, sizeof(plain));
	return used;
}

size_t
relay_auth_login(const char *credentials, bool password, char *buf, size_t size)
{
	const char	*colon = strchr(credentials, ':');

	if (colon == NULL)
		return 0;
	if (password)
		return base64_encode(slice_str(colon + 1), buf, size);
	return base64_encode(slice_make(credentials, (size_t)(colon - credentials)), buf, size);
}

static bool
holds(struct slice s, const char *p, size_t n)
{
	return n > 0 && memmem(s.p, s.n, p, n) != NULL;
}

/* The secret as it is, or as it was sent. */
static bool
is_told(const char *credentials, struct slice s)
{
	const char	*password = strchr(credentials, ':');
	char		 sent[2048];
	bool		 told;

	if (password == NULL)
		return false;
	told = holds(s, password + 1, strlen(password + 1)) ||
	    holds(s, sent, relay_auth_login(credentials, true, sent, sizeof(sent))) ||
	    holds(s, sent, relay_auth_plain(credentials, sent, sizeof(sent)));
	explicit_bzero(sent, sizeof(sent));
	return told;
}

void
relay_auth_hide(const char *credentials, struct relay_reply *r)
{
	static char	 text[16];
	int		 n;

	if (!is_told(credentials, r->text))
		return;
	n = snprintf(text, sizeof(text), "%u ********\r\n", r->code);
	r->text = slice_make(text, (size_t)n);
	r->first = slice_make(text, (size_t)n - 2);
}
