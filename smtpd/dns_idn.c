/* SPDX-License-Identifier: ISC */
/*
 * Domains in UTF-8 as the DNS has them (RFC 5891).  dns process.
 */
#include <idn2.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns.h"
#include "lib/utf8.h"
#include "smtpd/dns_int.h"

bool
idn_encode(struct slice name, char *buf)
{
	char	*encoded;
	size_t	 n;

	if (name.n > DNS_NAME_MAX)
		return false;
	memcpy(buf, name.p, name.n);
	buf[name.n] = '\0';
	if (utf8_is_ascii(name.p, name.n))
		return true;
	if (idn2_to_ascii_8z(buf, &encoded, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) !=
	    IDN2_OK)
		return false;
	n = strlcpy(buf, encoded, DNS_NAME_MAX + 1);
	free(encoded);
	return n <= DNS_NAME_MAX;
}
