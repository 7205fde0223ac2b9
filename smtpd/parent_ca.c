/* SPDX-License-Identifier: ISC */
/*
 * The certificates of authorities, read by the parent while it may, and given
 * to each relay process: those of the `ca` that a relay action names, and the
 * system's for actions that name none.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/nitems.h"
#include "smtpd/log.h"
#include "smtpd/parent.h"

#define CA_MAX		(4 * 1024 * 1024)
#define PIECE		65536

/* Where systems keep theirs, as one file; the first that is there. */
static const char *const	system_files[] = {
	"/etc/ssl/certs/ca-certificates.crt",	/* Debian, Alpine */
	"/etc/ssl/cert.pem",			/* OpenBSD, FreeBSD, macOS */
	"/etc/pki/tls/certs/ca-bundle.crt",	/* Fedora */
};

struct bundle {
	struct bundle	*next;
	const char	*name;		/* "" for the system's */
	char		*text;
	size_t		 n;
};

static struct bundle	*bundles;

static void
bundle_add(const char *name, char *text, size_t n)
{
	struct bundle	*b;

	if ((b = calloc(1, sizeof(*b))) == NULL)
		fatal("ca %s", name);
	b->name = name;
	b->text = text;
	b->n = n;
	b->next = bundles;
	bundles = b;
}

static bool
loaded(const char *name)
{
	const struct bundle	*b;

	for (b = bundles; b != NULL; b = b->next)
		if (strcmp(b->name, name) == 0)
			return true;
	return false;
}

/* Without any, relay verifies nobody: what must be verified waits. */
static void
load_system(void)
{
	struct stat	 st;
	char		*text;
	size_t		 i, n;

	for (i = 0; i < nitems(system_files); i++) {
		if ((text = parent_file_read(system_files[i], CA_MAX, &st, &n)) != NULL) {
			bundle_add("", text, n);
			return;
		}
		if (errno != ENOENT)
			log_warn("certificates of authorities: %s", system_files[i]);
	}
	log_warnx("no certificates of authorities, as in %s: no remote host can be verified",
	    system_files[0]);
	bundle_add("", NULL, 0);
}

static void
load_named(const char *name)
{
	const struct ca	*ca = conf_ca(parent_conf, name);
	struct stat	 st;
	char		*text;
	size_t		 n;

	if ((text = parent_file_read(ca->cert, CA_MAX, &st, &n)) == NULL)
		fatal("ca %s: cert %s", name, ca->cert);
	if (n == 0) {
		free(text);
		fatalx("ca %s: cert %s: empty", name, ca->cert);
	}
	bundle_add(ca->name, text, n);
}

void
parent_ca_load(void)
{
	const struct action	*a;

	TAILQ_FOREACH(a, &parent_conf->actions, entry) {
		if (a->kind != ACTION_RELAY || loaded(a->relay->ca != NULL ? a->relay->ca : ""))
			continue;
		if (a->relay->ca != NULL)
			load_named(a->relay->ca);
		else
			load_system();
	}
}

void
parent_ca_send(struct ipc *relay)
{
	const struct bundle	*b;
	size_t			 off, n;

	for (b = bundles; b != NULL; b = b->next)
		for (off = 0; off < b->n; off += n) {
			n = b->n - off < PIECE ? b->n - off : PIECE;
			ipc_begin(relay, IPC_CA);
			ipc_put_slice(relay, slice_str(b->name));
			ipc_put_u8(relay, off + n == b->n);
			ipc_put_slice(relay, slice_make(b->text + off, n));
			ipc_end(relay);
		}
}
