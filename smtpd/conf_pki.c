/* SPDX-License-Identifier: ISC */
/*
 * `pki` and `ca`: which files hold certificates and keys.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpd/conf_parse.h"

static int	pki_cert(struct conf_parser *, const struct conf_word *, void *);
static int	pki_dhe(struct conf_parser *, const struct conf_word *, void *);
static int	pki_key(struct conf_parser *, const struct conf_word *, void *);

static const struct conf_word pki_options[] = {
	{ "cert",	pki_cert,	NULL, 0, 1 },
	{ "key",	pki_key,	NULL, 0, 2 },
	{ "dhe",	pki_dhe,	NULL, 0, 4 },
	{ .name = "certificate", .instead = "is now written cert" },
	{ .name = "ca", .instead = "is now a directive: ca NAME cert \"PATH\"" },
};

static int
pki_cert(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct pki	*pki = arg;

	(void)w;
	return conf_string(p, "the path of a certificate", &pki->cert);
}

static int
pki_key(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct pki	*pki = arg;

	(void)w;
	return conf_string(p, "the path of a key", &pki->key);
}

/* Only what is the default: no ciphers of that kind. */
static int
pki_dhe(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	(void)w;
	(void)arg;
	conf_next(p);
	if (conf_is_word(p, "auto") || conf_is_word(p, "legacy"))
		return conf_error(p, "not supported yet (ciphers with DHE): leave dhe out");
	if (!conf_is_word(p, "none"))
		return conf_error(p, "expected none");
	return 0;
}

static int
check_pki(struct conf_parser *p, const struct conf_token *at, void *arg)
{
	const struct pki	*pki = arg;

	if (pki->cert == NULL || pki->key == NULL)
		return conf_error_at(p, at, "this pki has no %s",
		    pki->cert == NULL ? "cert \"PATH\"" : "key \"PATH\"");
	return 0;
}

int
conf_parse_pki(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct pki	*pki;
	char		*name = NULL;
	unsigned	 seen = 0;

	(void)w;
	(void)arg;
	if (conf_lower(p, "a name for the pki", &name) == -1)
		return -1;
	if ((pki = conf_pki(p->conf, name)) != NULL)
		free(name);
	else {
		pki = conf_zalloc(sizeof(*pki));
		pki->name = name;
		TAILQ_INSERT_TAIL(&p->conf->pkis, pki, entry);
		conf_defer(p, check_pki, pki);
	}
	return conf_options(p, pki_options, nitems(pki_options), "option of pki", &seen, pki);
}

int
conf_parse_ca(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct ca	*ca;
	char		*name = NULL;

	(void)w;
	(void)arg;
	if (conf_lower(p, "a name for the ca", &name) == -1)
		return -1;
	if (conf_ca(p->conf, name) != NULL) {
		free(name);
		return conf_error(p, "there is a ca of that name already");
	}
	ca = conf_zalloc(sizeof(*ca));
	ca->name = name;
	TAILQ_INSERT_TAIL(&p->conf->cas, ca, entry);
	conf_next(p);
	if (conf_is_word(p, "certificate"))
		return conf_error(p, "is now written cert");
	conf_back(p);
	if (conf_keyword(p, "cert") == -1)
		return -1;
	return conf_string(p, "the path of a certificate", &ca->cert);
}
