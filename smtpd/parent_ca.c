/* SPDX-License-Identifier: ISC */
/*
 * The certificates of authorities, read by the parent while it may, and given
 * to each relay process: those of the `ca` that a relay action names, and the
 * system's for actions that name none.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* All of a file in memory; NULL with errno. */
static char *
read_file(const char *path, size_t *n)
{
	struct stat	 st;
	char		*text = NULL;
	ssize_t		 r;
	int		 fd, saved;

	*n = 0;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return NULL;
	if (fstat(fd, &st) == -1)
		goto fail;
	if (!S_ISREG(st.st_mode) || st.st_size > CA_MAX) {
		errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
		goto fail;
	}
	if ((text = malloc((size_t)st.st_size + 1)) == NULL)
		goto fail;
	while (*n < (size_t)st.st_size && (r = read(fd, text + *n, (size_t)st.st_size - *n)) != 0) {
		if (r == -1)
			goto fail;
		*n += (size_t)r;
	}
	close(fd);
	return text;
fail:
	saved = errno;
	free(text);
	close(fd);
	errno = saved;
	return NULL;
}

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
	char	*text;
	size_t	 i, n;

	for (i = 0; i < nitems(system_files); i++) {
		if ((text = read_file(system_files[i], &n)) != NULL) {
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
	char		*text;
	size_t		 n;

	if ((text = read_file(ca->cert, &n)) == NULL)
		fatal("ca %s: cert %s", name, ca->cert);
	if (n == 0)
		fatalx("ca %s: cert %s: empty", name, ca->cert);
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
