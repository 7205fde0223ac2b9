/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_PROC_H
#define SMTPD_PROC_H

/*
 * The processes of smtpd: a row each in proc.c (name, user, root, peers, main
 * function).  A child is the same binary executed again with -x NAME; its
 * channel to the parent is descriptor 3.  Used by all processes.
 */
#include <stdbool.h>
#include <stdnoreturn.h>

#include "smtpd/conf.h"
#include "smtpd/ipc.h"

struct proc_row {
	const char	*name;
	const char	*user;		/* if started as root; missing: _smtpd */
	const char	*root;		/* chroot; NULL none, "spool" the spool directory */
	void		(*main)(void);	/* configured: sets up events and end-of-turn hooks, returns */
	/* A message from a peer or the parent; NULL msg: that peer is gone. */
	void		(*message)(enum process peer, struct ipc *, struct ipc_msg *);
	/* A peer's channel is there (new, or again after a restart). */
	void		(*peer)(enum process peer, struct ipc *, const char *instance);
	void		(*stop)(void);	/* IPC_STOP: finish, then loop_stop() */
};
extern const struct proc_row proc_rows[PROC_MAX];

extern enum process	 proc_self;
extern struct conf	*proc_conf;	/* of this process */
extern struct ipc	*proc_parent;	/* channel to the parent, in a child */
extern bool		 proc_privileged;	/* the parent was started as root */
extern bool		 proc_restarted;	/* this process takes the place of one that died */

#define PROC_PARENT_FD	3

/* PROC_MAX if there is none. */
enum process	proc_by_name(const char *);
/* From now on no other process of the same user reads or traces this one. */
void	proc_seal(void);
/*
 * The life of a child: become user (when started as root; never uid 0) in root
 * (NULL: the user's home), read the configuration, run the loop.
 * main() runs when the configuration is known; then peers are introduced.
 */
void	proc_child(enum process, const char *user, const char *root);

/* One set per process, defined in PREFIX.c, referred to by proc.c only. */
void	smtp_main(void), lookup_main(void), dns_main(void), queue_main(void), relay_main(void),
	auth_main(void), deliver_main(void);
void	smtp_message(enum process, struct ipc *, struct ipc_msg *);
void	lookup_message(enum process, struct ipc *, struct ipc_msg *);
void	dns_message(enum process, struct ipc *, struct ipc_msg *);
void	queue_message(enum process, struct ipc *, struct ipc_msg *);
void	relay_message(enum process, struct ipc *, struct ipc_msg *);
void	auth_message(enum process, struct ipc *, struct ipc_msg *);
void	deliver_message(enum process, struct ipc *, struct ipc_msg *);
void	smtp_peer(enum process, struct ipc *, const char *);
void	lookup_peer(enum process, struct ipc *, const char *);
void	dns_peer(enum process, struct ipc *, const char *);
void	queue_peer(enum process, struct ipc *, const char *);
void	relay_peer(enum process, struct ipc *, const char *);
void	auth_peer(enum process, struct ipc *, const char *);
void	deliver_peer(enum process, struct ipc *, const char *);
void	smtp_stop(void), lookup_stop(void), dns_stop(void), queue_stop(void), relay_stop(void),
	auth_stop(void), deliver_stop(void);
/* A process without channels: submits file over socket, if it is not larger than limit; offline.c. */
noreturn void	offline_main(const char *file, const char *socket, const char *limit);

#endif
