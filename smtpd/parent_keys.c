/* SPDX-License-Identifier: ISC */
/*
 * Certificates and private keys, read by the parent while it may, and given
 * to each smtp process, and to relay those that its actions name.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/log.h"
#include "smtpd/parent.h"

#define KEY_MAX		(64 * 1024)

struct keypair {
	struct keypair	*next;
	const char	*name;
	char		*cert, *key;
	size_t		 ncert, nkey;
};

static struct keypair	*keypairs;

static char *
read_file(const char *what, const char *pki, const char *path, bool secret,
    size_t *n)
{
	struct stat	 st;
	char		*text;

	if (path == NULL)
		fatalx("pki %s: no %s given: pki %s %s \"FILE\"", pki, what,
		    pki, what);
	text = parent_file_read(path, KEY_MAX, &st, n);
	if (text == NULL && (errno == EINVAL || errno == EFBIG))
		fatalx("pki %s: %s %s: not a regular file of at most %d bytes",
		    pki, what, path, KEY_MAX);
	if (text == NULL)
		fatal("pki %s: read %s %s", pki, what, path);
	if (secret && (st.st_mode & (S_IWGRP | S_IRWXO)) != 0)
		fatalx("pki %s: %s %s: mode %04o lets others at it; chmod 0600",
		    pki, what, path, (unsigned)(st.st_mode & 07777));
	return text;
}

void
parent_keys_load(void)
{
	const struct pki	*p;
	struct keypair		*k;

	TAILQ_FOREACH(p, &parent_conf->pkis, entry) {
		if ((k = calloc(1, sizeof(*k))) == NULL)
			fatal("pki %s", p->name);
		k->name = p->name;
		k->cert = read_file("cert", p->name, p->cert, false, &k->ncert);
		k->key = read_file("key", p->name, p->key, true, &k->nkey);
		k->next = keypairs;
		keypairs = k;
	}
}

static void
keypair_send(struct ipc *to, const struct keypair *k)
{
	ipc_begin(to, IPC_PKI);
	ipc_put_slice(to, slice_str(k->name));
	ipc_put_slice(to, slice_make(k->cert, k->ncert));
	ipc_put_slice(to, slice_make(k->key, k->nkey));
	ipc_end(to);
}

void
parent_keys_send(struct ipc *smtp)
{
	const struct keypair	*k;

	for (k = keypairs; k != NULL; k = k->next)
		keypair_send(smtp, k);
}

static bool
relay_shows(const struct keypair *k)
{
	const struct action	*a;

	TAILQ_FOREACH(a, &parent_conf->actions, entry)
		if (a->kind == ACTION_RELAY && a->relay->pki != NULL &&
		    strcmp(a->relay->pki, k->name) == 0)
			return true;
	return false;
}

void
parent_keys_send_relay(struct ipc *relay)
{
	const struct keypair	*k;

	for (k = keypairs; k != NULL; k = k->next)
		if (relay_shows(k))
			keypair_send(relay, k);
}
