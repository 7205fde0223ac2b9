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

/* Copies s to *to and moves that on. */
static struct slice
copy(char **to, struct slice s)
{
	struct slice	 out = { *to, s.n };

	if (s.n > 0)
		memcpy(*to, s.p, s.n);
	*to += s.n;
	return out;
}

int
message_fill(struct message *m, const struct ipc_commit *c, int64_t arrival)
{
	char	*p = malloc(c->sender.n + c->helo.n + c->src.n + 1);

	if (p == NULL)
		return -1;
	m->session = c->session;
	m->size = c->size;
	m->arrival = arrival;
	free(m->text);
	m->text = p;
	m->sender = copy(&p, c->sender);
	m->helo = copy(&p, c->helo);
	m->src = copy(&p, c->src);
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

struct envelope *
message_add(struct message *m, const struct ipc_envelope *from)
{
	size_t		 n = from->action.n + from->rcpt.n + from->dest.n;
	struct envelope	*e;
	char		*p;

	if (m->n == SPOOL_NRCPT || n > ENVELOPE_MAX) {
		errno = E2BIG;
		return NULL;
	}
	/* A login is a C string to the parent; any byte may be in the rest. */
	if (from->evpid >> 32 != m->msgid || from->route_kind != ROUTE_USER ||
	    from->route.n == 0 ||
	    from->route.n > LOGIN_MAX ||
	    memchr(from->route.p, '\0', from->route.n) != NULL) {
		errno = EINVAL;
		return NULL;
	}
	if (room_for_one(m) == -1 || (e = calloc(1, sizeof(*e) + n)) == NULL)
		return NULL;
	if ((e->user = user_get(from->route)) == NULL) {
		free(e);
		return NULL;
	}
	e->user->envelopes++;
	e->msg = m;
	e->evpid = from->evpid;
	e->ttl = from->ttl;
	e->index = m->n;
	p = e->text;
	e->action = copy(&p, from->action);
	e->rcpt = copy(&p, from->rcpt);
	e->dest = copy(&p, from->dest);
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
	e->user->envelopes--;
	user_place(e->user);
	free(e);
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
