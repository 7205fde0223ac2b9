/* SPDX-License-Identifier: ISC */
/*
 * What the administrator changes in the queue, by smtpctl(8): tries at once,
 * none at all for now, or none any more.  Queue process.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/queue.h"

/* Each is given an envelope that may end.  False: it runs, and what was asked for comes later. */

static bool
schedule(struct envelope *e)
{
	if (e->route->kind == ROUTE_RELAY && route_is_held(e->route))
		route_hold(e->route, 0);
	if (e->state != ENV_WAITING)
		return e->state != ENV_RUNNING;
	sched_out(e);
	e->due = 0;
	e->next = queue_now();
	sched_add(e);
	return true;
}

static bool
take_away(struct envelope *e)
{
	if (e->state == ENV_RUNNING || e->state == ENV_BOUNCING) {
		e->removed = true;
		return false;
	}
	sched_out(e);
	fate_removed(e);
	return true;
}

static bool
set_aside(struct envelope *e)
{
	e->paused = true;
	if (e->state == ENV_RUNNING)
		return false;
	sched_out(e);
	sched_add(e);
	return true;
}

static bool
bring_back(struct envelope *e)
{
	if (!e->paused)
		return true;
	e->paused = false;
	if (e->state == ENV_PAUSED)
		sched_add(e);
	return true;
}

static bool	(*const change[])(struct envelope *) = {
	[ADMIN_SCHEDULE] = schedule,
	[ADMIN_REMOVE]	= take_away,
	[ADMIN_PAUSE]	= set_aside,
	[ADMIN_RESUME]	= bring_back,
};

/* Not those that are not flushed yet; those whose sender is being told can only be removed. */
static bool
may_change(const struct envelope *e, enum admin what)
{
	return e != NULL && e->state != ENV_HELD &&
	    (e->state != ENV_BOUNCING || what == ADMIN_REMOVE);
}

/* With the last envelope the message is gone: the next is looked for before. */
static void
change_message(enum admin what, struct message *m, uint64_t evpid,
    struct admin_count *n)
{
	uint32_t	 i, left = m->left, all = m->n;
	struct envelope	*e;

	for (i = 0; i < all && left > 0; i++) {
		e = m->env[i];
		left -= e != NULL;
		if (!may_change(e, what) || (evpid != 0 && e->evpid != evpid))
			continue;
		if (change[what](e))
			n->done++;
		else
			n->busy++;
	}
}

/* The map must not change while it is visited. */
static int
change_all(enum admin what, struct admin_count *n)
{
	uint32_t	*msgids = calloc(message_count() + 1, sizeof(*msgids));
	struct message	*m;
	size_t		 pos = 0, i, all = 0;

	if (msgids == NULL)
		return -1;
	while ((m = message_next(&pos)) != NULL)
		msgids[all++] = m->msgid;
	for (i = 0; i < all; i++)
		if ((m = message_find(msgids[i])) != NULL)
			change_message(what, m, 0, n);
	free(msgids);
	return 0;
}

int
admin_envelopes(enum admin what, uint64_t id, struct admin_count *n)
{
	bool		 one = id > UINT32_MAX;
	struct message	*m;

	*n = (struct admin_count){ 0 };
	if (id == 0)
		return change_all(what, n);
	m = message_find(one ? (uint32_t)(id >> 32) : (uint32_t)id);
	if (m != NULL)
		change_message(what, m, one ? id : 0, n);
	if (n->done + n->busy > 0)
		return 0;
	errno = ENOENT;
	return -1;
}

void
admin_pause(enum route_kind kind, bool pause)
{
	if (route_paused[kind] != pause)
		log_info("smtpctl %s %s", pause ? "pause" : "resume",
		    kind == ROUTE_USER ? "mda" : "mta");
	route_paused[kind] = pause;
	queue_turn_again();
}
