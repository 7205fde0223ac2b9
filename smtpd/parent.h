/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_PARENT_H
#define SMTPD_PARENT_H

/*
 * The parent: binds, reads keys and configuration, starts and restarts the
 * other processes.  It parses nothing that a peer of the network sent.
 */
#include <sys/types.h>

#include <stdbool.h>

#include "smtpd/conf.h"
#include "smtpd/ipc.h"

struct stat;

/* From smtpd.c: the command line. */
struct parent_options {
	const char	*conf_file;
	char *const	*macros;	/* of -D, NULL-terminated */
	bool		 foreground;	/* -d */
	int		 verbosity;
	const char	*program;	/* absolute path of this binary */
};
extern struct parent_options	 parent_options;
extern struct conf		*parent_conf;
extern bool			 parent_stopping;

/* parent.c.  Runs the daemon with the configuration; does not return. */
void		 parent_main(struct conf *);
/* A message of a child. */
void		 parent_message(enum process, struct ipc *, struct ipc_msg *);
/* A process of the daemon that did not start: says so and ends the daemon. */
void		 parent_give_up(const char *who);

/* parent_child.c: the processes of proc.c. */
void		 parent_child_start(enum process);	/* and again, whenever it ends */
int		 parent_child_deliver(const char *user);	/* once; -1 with errno */
bool		 parent_child_exited(pid_t, int status);	/* was it one of them? */
struct ipc	*parent_child_ipc(enum process);		/* NULL while it is down */
void		 parent_child_stop(enum process);
bool		 parent_child_any(enum process);
void		 parent_child_kill_all(void);
/* The user to run as for a row's user: that one, or _smtpd where it is missing. */
const char	*parent_user(const char *);

/* parent_listen.c: sockets, bound once and handed to each new smtp and queue. */
void		 parent_listen_open(void);
void		 parent_listen_send_smtp(struct ipc *);
void		 parent_listen_send_queue(struct ipc *);
void		 parent_listen_close(void);

/*
 * parent_file.c: all of a regular file of at most max bytes, malloc'd, and in
 * *st what it was before; NULL with errno (EINVAL: it is none; EFBIG).  What a
 * file has grown by meanwhile is left out.
 */
char		*parent_file_read(const char *path, size_t max, struct stat *, size_t *n);

/* parent_keys.c: certificates and keys, read once. */
void		 parent_keys_load(void);
void		 parent_keys_send(struct ipc *);	/* all, to smtp */
void		 parent_keys_send_relay(struct ipc *);	/* those that a relay action names */

/* parent_ca.c: whom relay believes, read once. */
void		 parent_ca_load(void);
void		 parent_ca_send(struct ipc *);

/* parent_resolv.c: what dns is to know of resolv.conf and hosts, now and when they change. */
void		 parent_resolv_send(struct ipc *);

/* parent_shadow.c: what the system knows of a user's password, for auth. */
void		 parent_shadow_answer(struct ipc *auth, struct ipc_msg *);

/* parent_proc.c: the commands of `proc` directives. */
void		 parent_proc_start_all(void);
void		 parent_proc_send(struct ipc *);	/* to a new smtp */
/* smtp cannot write to a command; life: as it was told, another one may run by now. */
void		 parent_proc_failed(unsigned index, uint32_t life);
bool		 parent_proc_exited(pid_t, int status);
void		 parent_proc_stop_all(void);
bool		 parent_proc_any(void);
void		 parent_proc_kill_all(void);

/* parent_offline.c: what sendmail(8) left while the daemon was down. */
void		 parent_offline(void);
bool		 parent_offline_exited(pid_t);	/* was it one of its processes? */

#endif
