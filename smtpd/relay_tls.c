/* SPDX-License-Identifier: ISC */
/*
 * The client's side of TLS: certificates and keypairs from the parent, a
 * libtls configuration for each way in which actions use it.  relay process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tls.h>

#include "smtpd/log.h"
#include "smtpd/relay.h"

struct bundle {			/* certificates of authorities, or a keypair */
	struct bundle	*next;
	char		*name;
	char		*pem, *key;
	size_t		 n, nkey;
	bool		 complete;
};

struct config {
	struct config	*next;
	struct relay	 relay;		/* whose names and words it has */
	bool		 verify;
	struct tls_config *tls;
};

static struct bundle	*cas, *pkis;
static struct config	*configs;

static struct bundle *
bundle_find(struct bundle *b, struct slice name)
{
	while (b != NULL && !slice_eq(slice_str(b->name), name))
		b = b->next;
	return b;
}

static struct bundle *
bundle_get(struct bundle **list, struct slice name)
{
	struct bundle	*b = bundle_find(*list, name);

	if (b != NULL)
		return b;
	if ((b = calloc(1, sizeof(*b))) == NULL ||
	    (b->name = strndup(name.p, name.n)) == NULL)
		fatal("certificates");
	b->next = *list;
	return *list = b;
}

static void
append(char **to, size_t *n, struct slice piece)
{
	char	*p = realloc(*to, *n + piece.n + 1);

	if (p == NULL)
		fatal("certificates");
	if (piece.n > 0)
		memcpy(p + *n, piece.p, piece.n);
	*to = p;
	*n += piece.n;
}

void
relay_tls_ca(struct ipc *ipc, struct ipc_msg *msg)
{
	struct slice	 name = ipc_get_slice(msg);
	bool		 last = ipc_get_u8(msg) != 0;
	struct slice	 piece = ipc_get_slice(msg);
	struct bundle	*b;

	if (!ipc_complete(ipc, msg))
		return;
	b = bundle_get(&cas, name);
	append(&b->pem, &b->n, piece);
	b->complete = last;
}

void
relay_tls_pki(struct ipc *ipc, struct ipc_msg *msg)
{
	struct slice	 name = ipc_get_slice(msg);
	struct slice	 cert = ipc_get_slice(msg);
	struct slice	 key = ipc_get_slice(msg);
	struct bundle	*b;

	if (!ipc_complete(ipc, msg))
		return;
	b = bundle_get(&pkis, name);
	append(&b->pem, &b->n, cert);
	append(&b->key, &b->nkey, key);
	b->complete = true;
}

/* -- configurations -- */

static const char *
set_ca(struct tls_config *c, const struct relay *r)
{
	const struct bundle	*b = bundle_find(cas,
				    r->ca == NULL ? SLICE("") : slice_str(r->ca));

	if (b == NULL || !b->complete || b->n == 0)
		return "there are no certificates to verify it with";
	return tls_config_set_ca_mem(c, (const uint8_t *)b->pem, b->n) == -1 ?
	    tls_config_error(c) : NULL;
}

static const char *
set_keypair(struct tls_config *c, const struct relay *r)
{
	const struct bundle	*b;

	if (r->pki == NULL)
		return NULL;
	if ((b = bundle_find(pkis, slice_str(r->pki))) == NULL)
		return "its pki is not there";
	return tls_config_set_keypair_mem(c, (const uint8_t *)b->pem, b->n,
	    (const uint8_t *)b->key, b->nkey) == -1 ? tls_config_error(c) : NULL;
}

static const char *
set_words(struct tls_config *c, const struct relay *r)
{
	uint32_t	 protocols;

	if (r->protocols != NULL) {
		if (tls_config_parse_protocols(&protocols, r->protocols) == -1 ||
		    tls_config_set_protocols(c, protocols) == -1)
			return "its protocols are unknown";
	}
	if (r->ciphers != NULL && tls_config_set_ciphers(c, r->ciphers) == -1)
		return tls_config_error(c);
	return NULL;
}

static const char *
set_verify(struct tls_config *c, const struct relay *r, bool verify)
{
	if (verify)
		return set_ca(c, r);
	tls_config_insecure_noverifycert(c);
	tls_config_insecure_noverifyname(c);
	tls_config_insecure_noverifytime(c);
	/* The alternative is no secrecy at all. */
	if (r->ciphers == NULL && tls_config_set_ciphers(c, "compat") == -1)
		return tls_config_error(c);
	return NULL;
}

static bool
same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static struct tls_config *
config_get(const struct relay *r, bool verify, char *buf, size_t size)
{
	struct config		*c;
	struct tls_config	*tls;
	const char		*why;

	for (c = configs; c != NULL; c = c->next)
		if (c->verify == verify && same(c->relay.ca, r->ca) &&
		    same(c->relay.pki, r->pki) &&
		    same(c->relay.protocols, r->protocols) &&
		    same(c->relay.ciphers, r->ciphers))
			return c->tls;
	if ((tls = tls_config_new()) == NULL) {
		strlcpy(buf, "no memory", size);
		return NULL;
	}
	if ((why = set_words(tls, r)) != NULL ||
	    (why = set_verify(tls, r, verify)) != NULL ||
	    (why = set_keypair(tls, r)) != NULL ||
	    (c = calloc(1, sizeof(*c))) == NULL) {
		strlcpy(buf, why != NULL ? why : "no memory", size);
		tls_config_free(tls);
		return NULL;
	}
	*c = (struct config){ configs, *r, verify, tls };
	configs = c;
	return tls;
}

struct tls *
relay_tls_client(const struct relay *r, bool verify, char *buf, size_t size)
{
	struct tls_config	*config = config_get(r, verify, buf, size);
	struct tls		*tls;

	if (config == NULL)
		return NULL;
	if ((tls = tls_client()) == NULL) {
		strlcpy(buf, "no memory", size);
		return NULL;
	}
	if (tls_configure(tls, config) == -1) {
		strlcpy(buf, tls_error(tls), size);
		tls_free(tls);
		return NULL;
	}
	return tls;
}
