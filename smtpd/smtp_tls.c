/* SPDX-License-Identifier: ISC */
/*
 * The server's side of TLS: keypairs from the parent, a libtls context for
 * each listener that offers it.  smtp process.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <tls.h>

#include "smtpd/log.h"
#include "smtpd/smtp.h"

struct keypair {
	struct keypair	*next;
	char		*name;
	struct tls	*tls;
};

static struct keypair	*keypairs;

void
smtp_tls_add(struct slice name, struct slice cert, struct slice key)
{
	struct tls_config	*config = tls_config_new();
	struct keypair		*k = calloc(1, sizeof(*k));

	if (config == NULL || k == NULL ||
	    (k->name = strndup(name.p, name.n)) == NULL ||
	    (k->tls = tls_server()) == NULL)
		fatal("pki %.*s", (int)name.n, name.p);
	if (tls_config_set_keypair_mem(config, (const uint8_t *)cert.p, cert.n,
	    (const uint8_t *)key.p, key.n) == -1)
		fatalx("pki %s: %s", k->name, tls_config_error(config));
	if (tls_configure(k->tls, config) == -1)
		fatalx("pki %s: %s: is each file PEM, and the key the certificate's?",
		    k->name, tls_error(k->tls));
	tls_config_free(config);
	k->next = keypairs;
	keypairs = k;
}

/* The pki that the listener names, else the one named like the host, else the only one. */
struct tls *
smtp_tls_server(const struct listen *l, const char *hostname)
{
	const char		*name = l->pki != NULL ? l->pki : hostname;
	const struct keypair	*k;

	for (k = keypairs; k != NULL; k = k->next)
		if (strcasecmp(k->name, name) == 0)
			return k->tls;
	if (l->pki == NULL && keypairs != NULL && keypairs->next == NULL)
		return keypairs->tls;
	log_warnx("listen on %s: no pki %s, TLS is not offered", l->on, name);
	return NULL;
}
