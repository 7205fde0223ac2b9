/* SPDX-License-Identifier: ISC */
/*
 * smtpctl update table: lookup is told to read a file again, and who asked
 * waits for what it says.  Queue process.
 */
#include <sys/queue.h>

#include <errno.h>
#include <stdlib.h>

#include "smtpd/queue.h"

struct update {
	TAILQ_ENTRY(update) entry;
	uint64_t	 number;
	update_cb	 cb;
	void		*arg;
};

static TAILQ_HEAD(, update)	 updates = TAILQ_HEAD_INITIALIZER(updates);
static uint64_t			 numbers;

struct update *
update_begin(struct slice table, update_cb cb, void *arg)
{
	struct update	*u;

	if (queue_lookup == NULL) {
		errno = EAGAIN;
		return NULL;
	}
	if ((u = calloc(1, sizeof(*u))) == NULL)
		return NULL;
	u->number = ++numbers;
	u->cb = cb;
	u->arg = arg;
	TAILQ_INSERT_TAIL(&updates, u, entry);
	ipc_begin(queue_lookup, IPC_UPDATE);
	ipc_put_u64(queue_lookup, u->number);
	ipc_put_slice(queue_lookup, table);
	ipc_end(queue_lookup);
	return u;
}

void
update_forget(struct update *u)
{
	TAILQ_REMOVE(&updates, u, entry);
	free(u);
}

static void
update_end(struct update *u, bool done, struct slice text)
{
	update_cb	 cb = u->cb;
	void		*arg = u->arg;

	update_forget(u);
	cb(arg, done, text);
}

void
update_answered(struct ipc *ipc, struct ipc_msg *msg)
{
	uint64_t	 number = ipc_get_u64(msg);
	bool		 done = ipc_get_u8(msg) != 0;
	struct slice	 text = ipc_get_slice(msg);
	struct update	*u;

	if (!ipc_complete(ipc, msg))
		return;
	TAILQ_FOREACH(u, &updates, entry)
		if (u->number == number)
			break;
	if (u != NULL)
		update_end(u, done, text);
}

void
update_lookup_lost(void)
{
	struct update	*u;

	while ((u = TAILQ_FIRST(&updates)) != NULL)
		update_end(u, false, SLICE("the lookup process died over it"));
}
