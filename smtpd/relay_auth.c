/* SPDX-License-Identifier: ISC */
/*
 * What AUTH says: PLAIN (RFC 4616) and LOGIN, in base64.  relay process.
 */
#include <string.h>

#include "smtpd/relay.h"

#define PLAIN_MAX	1024	/* bytes before base64 */

static const char	 alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t
base64(const unsigned char *in, size_t n, char *buf, size_t size)
{
	size_t	 i, used = 0;
	uint32_t v;

	if ((n + 2) / 3 * 4 > size)
		return 0;
	for (i = 0; i < n; i += 3) {
		v = (uint32_t)in[i] << 16;
		v |= i + 1 < n ? (uint32_t)in[i + 1] << 8 : 0;
		v |= i + 2 < n ? in[i + 2] : 0;
		buf[used++] = alphabet[v >> 18];
		buf[used++] = alphabet[v >> 12 & 63];
		buf[used++] = i + 1 < n ? alphabet[v >> 6 & 63] : '=';
		buf[used++] = i + 2 < n ? alphabet[v & 63] : '=';
	}
	return used;
}

size_t
relay_auth_plain(const char *credentials, char *buf, size_t size)
{
	const char	*colon = strchr(credentials, ':');
	size_t		 n = strlen(credentials), used;
	unsigned char	 plain[PLAIN_MAX];

	if (colon == NULL || n + 1 > sizeof(plain))
		return 0;
	/* No authorization identity, then NUL, user, NUL, password. */
	plain[0] = '\0';
	memcpy(plain + 1, credentials, n);
	plain[1 + colon - credentials] = '\0';
	used = base64(plain, n + 1, buf, size);
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
		return base64((const unsigned char *)colon + 1, strlen(colon + 1),
		    buf, size);
	return base64((const unsigned char *)credentials, colon - credentials,
	    buf, size);
}
