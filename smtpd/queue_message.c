/* SPDX-License-Identifier: ISC */
/*
 * Messages and envelopes in memory, known by msgid.  Queue process.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpd/queue.h"

#define CONTENT_BOUND	(64 * 1024 * 1024)	/* kept in all; the rest is read again */

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

struct envelope *
message_add(struct message *m, uint64_t evpid)
{
	struct envelope	*e, **env;

	env = reallocarray(m->env, m->n + 1, sizeof(*env));
	if (env == NULL)
		return NULL;
	m->env = env;
	if ((e = calloc(1, sizeof(*e))) == NULL)
		return NULL;
	e->msg = m;
	e->evpid = evpid;
	e->index = m->n;
	m->env[m->n++] = e;
	m->left++;
	return e;
}

void
message_drop_content(struct message *m)
{
	if (m->content == NULL)
		return;
	content_bytes -= m->size;
	free(m->content);
	m->content = NULL;
}

bool
message_keep_content(struct message *m, struct slice content)
{
	if (content.n == 0 || content_bytes + content.n > CONTENT_BOUND ||
	    (m->content = malloc(content.n)) == NULL)
		return false;
	memcpy(m->content, content.p, content.n);
	content_bytes += content.n;
	return true;
}

void
envelope_free(struct envelope *e)
{
	free(e->action);
	free(e->rcpt);
	free(e->dest);
	free(e);
}

void
message_free(struct message *m)
{
	uint32_t	 i;

	for (i = 0; i < m->n; i++)
		if (m->env[i] != NULL)
			envelope_free(m->env[i]);
	message_drop_content(m);
	if (message_find(m->msgid) == m)
		u64map_del(&by_msgid, m->msgid);
	free(m->env);
	free(m->sender);
	free(m->helo);
	free(m->src);
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
