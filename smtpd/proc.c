/* SPDX-License-Identifier: ISC */
/*
 * The processes, a row each, and the life of a child: drop privileges, take
 * the configuration from the parent, meet its peers, run.
 * Used by all processes.
 */
#include <sys/prctl.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/nitems.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"

const struct proc_row proc_rows[PROC_MAX] = {
	[PROC_PARENT] = { .name = "parent" },
	[PROC_SMTP] = { "smtp", "_smtpd", EMPTYDIR,
	    smtp_main, smtp_message, smtp_peer, smtp_stop },
	[PROC_LOOKUP] = { "lookup", "_smtplk", NULL,
	    lookup_main, lookup_message, lookup_peer, lookup_stop },
	[PROC_DNS] = { "dns", "_smtpdl", EMPTYDIR,
	    dns_main, dns_message, dns_peer, dns_stop },
	[PROC_QUEUE] = { "queue", "_smtpq", "spool",
	    queue_main, queue_message, queue_peer, queue_stop },
	[PROC_RELAY] = { "relay", "_smtpdl", EMPTYDIR,
	    relay_main, relay_message, relay_peer, relay_stop },
	[PROC_AUTH] = { "auth", "_smtplk", EMPTYDIR,
	    auth_main, auth_message, auth_peer, auth_stop },
	[PROC_DELIVER] = { "deliver", NULL, NULL,
	    deliver_main, deliver_message, deliver_peer, deliver_stop },
	[PROC_OFFLINE] = { .name = "offline" },
};

enum process	 proc_self;
struct conf	*proc_conf;
struct ipc	*proc_parent;
bool		 proc_privileged;
bool		 proc_restarted;

/* The configuration as it comes in, until IPC_CONF_DONE. */
static struct conf_sources	 sources = TAILQ_HEAD_INITIALIZER(sources);
static char			*macros[64];
static size_t			 nmacros;

enum process
proc_by_name(const char *name)
{
	enum process	 p;

	for (p = 0; p < PROC_MAX; p++)
		if (strcmp(proc_rows[p].name, name) == 0)
			break;
	return p;
}

void
proc_seal(void)
{
	if (prctl(PR_SET_DUMPABLE, 0) == -1)
		fatal("prctl PR_SET_DUMPABLE");
}

static void
drop(const char *user, const char *root)
{
	struct passwd	*pw;

	tzset();	/* the zone's file is out of reach in a chroot */
	if (proc_privileged) {
		if ((pw = getpwnam(user)) == NULL)
			fatalx("getpwnam %s: no such user", user);
		if (pw->pw_uid == 0)
			fatalx("user %s has uid 0, refused", user);
		if (root != NULL && (chroot(root) == -1 || chdir("/") == -1))
			fatal("chroot %s", root);
		if (root == NULL && chdir(pw->pw_dir) == -1 &&
		    chdir("/") == -1)
			fatal("chdir /");
		if ((root != NULL ? setgroups(1, &pw->pw_gid) :
		    initgroups(user, pw->pw_gid)) == -1 ||
		    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
		    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
			fatal("become user %s", user);
	} else if (root != NULL && strcmp(root, EMPTYDIR) != 0 &&
	    chdir(root) == -1)
		fatal("chdir %s", root);
	proc_seal();
}

static struct conf_source *
source_named(struct slice name)
{
	struct conf_source	*s;

	TAILQ_FOREACH(s, &sources, entry)
		if (slice_eq(slice_str(s->name), name))
			return s;
	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->name = strndup(name.p, name.n)) == NULL)
		fatal("configuration");
	TAILQ_INSERT_TAIL(&sources, s, entry);
	return s;
}

/* A piece of a file of the configuration; its text ends in a NUL of ours. */
static void
add_source(struct ipc_msg *msg)
{
	struct slice		 name = ipc_get_slice(msg);
	struct slice		 text = ipc_get_slice(msg);
	struct conf_source	*s = source_named(name);

	if ((s->text = realloc(s->text, s->size + text.n + 1)) == NULL)
		fatal("configuration");
	if (text.n > 0)
		memcpy(s->text + s->size, text.p, text.n);
	s->size += text.n;
	s->text[s->size] = '\0';
}

static void
add_macro(struct ipc_msg *msg)
{
	struct slice	 s = ipc_get_slice(msg);

	if (nmacros + 1 == nitems(macros))
		fatalx("more than %zu macros on the command line", nmacros);
	if ((macros[nmacros++] = strndup(s.p, s.n)) == NULL)
		fatal("configuration");
}

/* The parent's host name counts: in a chroot there is no file to ask. */
static void
configured(struct ipc_msg *msg)
{
	struct slice	 hostname;

	log_init(log_to_stderr(), ipc_get_u8(msg));
	proc_restarted = ipc_get_u8(msg) != 0;
	hostname = ipc_get_slice(msg);
	proc_conf = TAILQ_EMPTY(&sources) ? conf_new(NULL) :
	    conf_parse(&sources, macros, stderr);
	if (proc_conf == NULL)
		fatalx("the configuration that the parent accepted does not parse");
	if (hostname.n >= sizeof(proc_conf->hostname))
		hostname.n = sizeof(proc_conf->hostname) - 1;
	memcpy(proc_conf->hostname, hostname.p, hostname.n);
	proc_conf->hostname[hostname.n] = '\0';
	proc_rows[proc_self].main();
	loop_at_end(ipc_flush_all);
}

static void
peer_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	enum process	 peer = (enum process)(intptr_t)arg;

	proc_rows[proc_self].message(peer, ipc, msg);
	if (msg == NULL)
		ipc_free(ipc);
}

static void
meet_peer(struct ipc_msg *msg)
{
	enum process	 peer = ipc_get_u8(msg);
	struct slice	 s = ipc_get_slice(msg);
	char		 instance[256];

	if (peer >= PROC_MAX || s.n >= sizeof(instance)) {
		log_warnx("the parent introduced no peer we know");
		return;
	}
	memcpy(instance, s.p, s.n);
	instance[s.n] = '\0';
	proc_rows[proc_self].peer(peer, ipc_new(proc_self, peer,
	    ipc_take_fd(msg), peer_cb, (void *)(intptr_t)peer), instance);
}

static void
parent_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	const struct proc_row	*row = &proc_rows[proc_self];

	(void)arg;
	if (msg == NULL) {
		/* Without a parent there is nobody to work for. */
		proc_parent = NULL;
		ipc_free(ipc);
		if (proc_conf != NULL)
			row->stop();
		else
			loop_stop();
		return;
	}
	switch (msg->type) {
	case IPC_CONF_SOURCE:
		add_source(msg);
		break;
	case IPC_CONF_MACRO:
		add_macro(msg);
		break;
	case IPC_CONF_DONE:
		configured(msg);
		break;
	case IPC_PEER:
		meet_peer(msg);
		break;
	case IPC_START:
		ipc_begin(ipc, IPC_READY);
		ipc_end(ipc);
		break;
	case IPC_STOP:
		row->stop();
		break;
	default:
		row->message(PROC_PARENT, ipc, msg);
	}
}

void
proc_child(enum process self, const char *user, const char *root)
{
	proc_self = self;
	log_setname(proc_rows[self].name);
	/* The parent decides when to stop, not the terminal or init. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	fcntl(PROC_PARENT_FD, F_SETFD, FD_CLOEXEC);
	drop(user, root);
	/* It forks nothing, and clients are its own. */
	if (self == PROC_SMTP)
		loop_init_private();
	else
		loop_init();
	proc_parent = ipc_new(self, PROC_PARENT, PROC_PARENT_FD, parent_cb,
	    NULL);
	loop_run();
	ipc_flush_all();
	exit(0);
}
