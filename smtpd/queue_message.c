/* SPDX-License-Identifier: ISC */
/*
 * Messages and envelopes in memory, known by msgid.  Queue process.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/queue.h"

/* Kept in all; the rest is read again.  The spare part is for what is nowhere else yet. */
#define CONTENT_BOUND	(64 * 1024 * 1024)
#define CONTENT_SPARE	(8 * 1024 * 1024)

static struct u64map	 by_msgid;
static size_t		 content_bytes;

struct message *
message_new(uint32_t msgid)
{
	struct message	*m = calloc(1, sizeof(*m));

	if (m != NULL)
		m->msgid = msgid;
	return m;
}

int
message_fill(struct message *m, const struct ipc_commit *c, int64_t arrival)
{
	char	*p = malloc(c->sender.n + c->helo.n + c->src.n + c->envid.n + 1);

	if (p == NULL)
		return -1;
	m->session = c->session;
	m->size = c->size;
	m->arrival = arrival;
	m->body = c->body;
	m->ret = c->ret;
	free(m->text);
	m->text = p;
	m->sender = slice_copy(&p, c->sender);
	m->helo = slice_copy(&p, c->helo);
	m->src = slice_copy(&p, c->src);
	m->envid = slice_copy(&p, c->envid);
	return 0;
}

static int
room_for_one(struct message *m)
{
	uint32_t	 n = m->nalloc == 0 ? 1 : 2 * m->nalloc;
	struct envelope	**env;

	if (m->n < m->nalloc)
		return 0;
	if ((env = reallocarray(m->env, n, sizeof(*env))) == NULL)
		return -1;
	m->env = env;
	m->nalloc = n;
	return 0;
}

/* A login is a C string to the parent, a domain a word to relay; any byte may be in the rest. */
static bool
is_route(const struct ipc_envelope *from)
{
	struct slice	 name = from->route;

	switch (from->route_kind) {
	case ROUTE_USER:
		return name.n > 0 && name.n <= LOGIN_MAX &&
		    memchr(name.p, '\0', name.n) == NULL;
	case ROUTE_RELAY:
		return from->action.n > 0 && name.n <= DOMAIN_MAX;
	default:
		return false;
	}
}

static struct route *
route_of(const struct ipc_envelope *from)
{
	return route_get(from->route_kind,
	    from->route_kind == ROUTE_RELAY ? from->action : SLICE(""), from->route);
}

static void
envelope_fill(struct envelope *e, const struct ipc_envelope *from)
{
	char	*p = e->text;

	e->evpid = from->evpid;
	e->ttl = from->ttl;
	e->notify = from->notify;
	e->action = e->route->kind == ROUTE_RELAY ? e->route->action :
	    slice_copy(&p, from->action);
	e->rcpt = slice_copy(&p, from->rcpt);
	e->dest = slice_copy(&p, from->dest);
	e->orcpt = slice_copy(&p, from->orcpt);
}

struct envelope *
message_add(struct message *m, const struct ipc_envelope *from)
{
	size_t		 n = from->action.n + from->rcpt.n + from->dest.n;
	struct envelope	*e;

	if (m->n == SPOOL_NRCPT || n > ENVELOPE_MAX || from->orcpt.n > ORCPT_MAX) {
		errno = E2BIG;
		return NULL;
	}
	if (from->evpid >> 32 != m->msgid || !is_route(from)) {
		errno = EINVAL;
		return NULL;
	}
	n += from->orcpt.n - (from->route_kind == ROUTE_RELAY ? from->action.n : 0);
	if (room_for_one(m) == -1 || (e = calloc(1, sizeof(*e) + n)) == NULL)
		return NULL;
	if ((e->route = route_of(from)) == NULL) {
		free(e);
		return NULL;
	}
	route_keep(e->route);
	envelope_fill(e, from);
	e->msg = m;
	e->index = m->n;
	m->env[m->n++] = e;
	m->left++;
	m->untouched++;
	return e;
}

static void
drop_content(struct message *m)
{
	if (m->content == NULL)
		return;
	content_bytes -= m->size;
	free(m->content);
	m->content = NULL;
}

bool
message_keep(struct message *m, struct slice content, bool needed)
{
	size_t	 bound = CONTENT_BOUND - (needed ? 0 : CONTENT_SPARE);

	if (content.n == 0 || m->size != content.n ||
	    content_bytes + content.n > bound ||
	    (m->content = malloc(content.n)) == NULL)
		return false;
	memcpy(m->content, content.p, content.n);
	content_bytes += content.n;
	return true;
}

void
message_touched(struct envelope *e)
{
	if (e->touched)
		return;
	e->touched = true;
	if (--e->msg->untouched == 0)
		drop_content(e->msg);
}

static void
envelope_free(struct envelope *e)
{
	struct route	*r = e->route;

	free(e);
	route_release(r);
}

void
message_settle(struct envelope *e)
{
	struct message	*m = e->msg;

	message_touched(e);
	m->env[e->index] = NULL;
	envelope_free(e);
	if (--m->left == 0)
		message_free(m);
}

void
message_free(struct message *m)
{
	uint32_t	 i;

	for (i = 0; i < m->n; i++)
		if (m->env[i] != NULL)
			envelope_free(m->env[i]);
	drop_content(m);
	if (message_find(m->msgid) == m)
		u64map_del(&by_msgid, m->msgid);
	free(m->env);
	free(m->text);
	free(m);
}

struct message *
message_find(uint32_t msgid)
{
	return u64map_get(&by_msgid, msgid);
}

int
message_enlist(struct message *m)
{
	return u64map_put(&by_msgid, m->msgid, m);
}

struct message *
message_next(size_t *pos)
{
	return u64map_next(&by_msgid, pos);
}

size_t
message_count(void)
{
	return by_msgid.used;
}
