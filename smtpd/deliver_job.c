/* SPDX-License-Identifier: ISC */
/*
 * A job of the deliver process: its memory, its result, and what stands on
 * top of a delivered message.  deliver process.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "smtpd/deliver.h"

static struct slice
keep(char **p, struct slice s)
{
	struct slice	 kept = { *p, s.n };

	if (s.n > 0)
		memcpy(*p, s.p, s.n);
	*p += s.n;
	return kept;
}

struct job *
job_new(const struct ipc_job *m, const struct action *action)
{
	struct job	*job;
	char		*p;

	job = malloc(sizeof(*job) + m->sender.n + m->rcpt.n + m->dest.n +
	    m->content.n);
	if (job == NULL)
		return NULL;
	memset(job, 0, sizeof(*job));
	p = job->data;
	job->evpid = m->evpid;
	job->attempt = m->attempt;
	job->arrival = m->arrival;
	job->size = m->size;
	job->received = m->content.n;
	job->action = action;
	job->sender = keep(&p, m->sender);
	job->rcpt = keep(&p, m->rcpt);
	job->dest = keep(&p, m->dest);
	job->content = keep(&p, m->content);
	job->fd = -1;
	job->result = JOB_DONE;
	return job;
}

void
job_free(struct job *job)
{
	free(job->name);
	free(job);
}

void
job_fail(struct job *job, enum job_result result, const char *fmt, ...)
{
	va_list	 ap;
	char	*p;

	if (job->result != JOB_DONE)
		return;
	job->result = result;
	va_start(ap, fmt);
	vsnprintf(job->reason, sizeof(job->reason), fmt, ap);
	va_end(ap);
	for (p = job->reason; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
}

/* An address in a header: whatever a peer sent, the header stays one line. */
static size_t
put_address(char *buf, struct slice s)
{
	size_t	 i, n = s.n < JOB_HEAD / 2 - 64 ? s.n : JOB_HEAD / 2 - 64;

	for (i = 0; i < n; i++)
		buf[i] = (unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f ?
		    '?' : s.p[i];
	return n;
}

static size_t
put_literal(char *buf, struct slice s)
{
	memcpy(buf, s.p, s.n);
	return s.n;
}

size_t
job_head(const struct job *job, char buf[JOB_HEAD])
{
	size_t	 n;

	n = put_literal(buf, SLICE("Return-Path: <"));
	n += put_address(buf + n, job->sender);
	n += put_literal(buf + n, SLICE(">\nDelivered-To: "));
	n += put_address(buf + n, job->dest);
	n += put_literal(buf + n, SLICE("\n"));
	return n;
}

void
job_values(const struct job *job, const struct deliver_user *user,
    struct format_values *v)
{
	*v = (struct format_values){ .sender = job->sender, .rcpt = job->rcpt,
	    .dest = job->dest, .username = user->name,
	    .directory = user->home, .delim = user->delim };
}
