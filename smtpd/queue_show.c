/* SPDX-License-Identifier: ISC */
/*
 * Answers to smtpctl(8), made piece by piece while the client reads: of what
 * was there when it asked, oldest first; what is gone by then is left out.
 * However slowly it reads, that is a piece in memory, 16 bytes a message for
 * the list, or the envelopes of the one message.  Queue process.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/report.h"
#include "smtpd/control.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"

#define PIECE	65536		/* bytes of an answer at once, about */
#define DUMP	"dump.tmp"	/* in the spool's directory, unlinked at once */

struct name {			/* of a message */
	uint64_t	 recno;
	uint32_t	 msgid;
};

struct show {
	const struct row *row;
	enum control_command command;
	uint64_t	 id;
	struct slice	 text;		/* of the request; while the answer begins */
	char		*host;		/* action and name of the last destination shown, */
	struct slice	 action, name;	/* which point there */
	struct name	*names;
	size_t		 n, i;		/* names, and those done, */
	uint32_t	 env;		/* and envelopes of the next */
	size_t		 offset;	/* in the message's content */
	FILE		*dump;
	struct update	*update;	/* lookup has not answered */
	void		(*ready)(void *);
	void		*ready_arg;
	char		*buf;
	size_t		 len, size;
	bool		 told;		/* what is in buf was given out */
	bool		 failed;	/* the text is an error */
	bool		 broken;	/* ENOMEM, or an error after text */
};

/* -- text -- */

static char *
room(struct show *s, size_t n)
{
	size_t	 size = s->size == 0 ? PIECE : s->size;
	char	*p;

	while (size - s->len < n)
		size *= 2;
	if (size != s->size) {
		if ((p = realloc(s->buf, size)) == NULL) {
			s->broken = true;
			return NULL;
		}
		s->buf = p;
		s->size = size;
	}
	return s->buf + s->len;
}

static void
put(struct show *s, const char *p, size_t n)
{
	char	*to = room(s, n);

	if (to == NULL)
		return;
	memcpy(to, p, n);
	s->len += n;
}

static void __attribute__((format(printf, 2, 3)))
print(struct show *s, const char *fmt, ...)
{
	char	 line[512];
	va_list	 ap;
	int	 n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	put(s, line, n < (int)sizeof(line) ? n : (int)sizeof(line) - 1);
}

/* A field of a line: control bytes and the separator as \ooo. */
static void
put_field(struct show *s, struct slice text)
{
	char	*to = room(s, 4 * text.n + 1);

	if (to == NULL)
		return;
	s->len += report_safe(to, 4 * text.n, text, false).n;
	s->buf[s->len++] = '|';
}

static void __attribute__((format(printf, 2, 3)))
fail(struct show *s, const char *fmt, ...)
{
	char	 line[512];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	s->failed = true;
	print(s, CONTROL_ERROR "%s\n", line);
}

/* -- queue -- */

static int
name_cmp(const void *a, const void *b)
{
	const struct name	*x = a, *y = b;

	return (x->recno > y->recno) - (x->recno < y->recno);
}

static int
begin_queue(struct show *s)
{
	const struct message	*m;
	size_t			 pos = 0;

	s->names = calloc(message_count() + 1, sizeof(*s->names));
	if (s->names == NULL)
		return -1;
	while ((m = message_next(&pos)) != NULL)
		s->names[s->n++] = (struct name){ m->recno, m->msgid };
	qsort(s->names, s->n, sizeof(*s->names), name_cmp);
	return 0;
}

static void
show_envelope(struct show *s, const struct envelope *e)
{
	static const char *const	 names[] = {
		[ENV_HELD]	= "held",
		[ENV_WAITING]	= "deferred",
		[ENV_READY]	= "ready",
		[ENV_RUNNING]	= "running",
		[ENV_PAUSED]	= "paused",
		[ENV_BOUNCING]	= "bouncing",
	};
	const struct message		*m = e->msg;

	print(s, "%016" PRIx64 "|%s|", e->evpid, names[e->state]);
	put_field(s, e->action);
	put_field(s, e->route->name);
	put_field(s, m->sender);
	put_field(s, e->dest);
	print(s, "%" PRIu64 "|%" PRId64 "|%u|%" PRId64 "\n", m->size, m->arrival,
	    e->attempts, e->state == ENV_WAITING ? e->next : 0);
}

static struct message *
still_there(const struct name *name)
{
	struct message	*m = message_find(name->msgid);

	return m == NULL || m->recno != name->recno ? NULL : m;
}

static int
more_queue(struct show *s)
{
	const struct message	*m;

	while (s->i < s->n && s->len < PIECE) {
		m = still_there(&s->names[s->i]);
		while (m != NULL && s->env < m->n && s->len < PIECE) {
			if (m->env[s->env] != NULL)
				show_envelope(s, m->env[s->env]);
			s->env++;
		}
		if (m == NULL || s->env == m->n) {
			s->i++;
			s->env = 0;
		}
	}
	return s->i < s->n;
}

/* -- message -- */

static int
begin_message(struct show *s)
{
	const struct message	*m = message_find(s->id > UINT32_MAX ?
	    (uint32_t)(s->id >> 32) : (uint32_t)s->id);
	char			*text;
	ssize_t			 n;

	if ((s->names = calloc(1, sizeof(*s->names))) == NULL)
		return -1;
	if (m == NULL || m->recno == 0) {
		fail(s, "no message %08" PRIx64 " in the queue", s->id);
		return 0;
	}
	s->names[0] = (struct name){ m->recno, m->msgid };
	if ((n = spool_envelope(queue_spool, m->recno, &text)) == -1) {
		fail(s, "read message %08x: %s", m->msgid, strerror(errno));
		return 0;
	}
	put(s, text, n);
	put(s, "\n", 1);
	free(text);
	return 0;
}

static int
more_message(struct show *s)
{
	char	*to = s->failed ? NULL : room(s, PIECE);
	ssize_t	 n;

	if (to == NULL)
		return 0;
	/* Delivered meanwhile, or damaged: the answer is not whole. */
	if (still_there(&s->names[0]) == NULL ||
	    (n = spool_read(queue_spool, s->names[0].recno, s->offset, to, PIECE)) == -1) {
		s->broken = true;
		return 0;
	}
	s->len += n;
	s->offset += n;
	return n > 0;
}

/* -- hosts -- */

static const char *
host_state(const struct route *r)
{
	return route_paused[ROUTE_RELAY] ? "paused" : route_is_held(r) ? "held" :
	    r->nready > 0 || r->nrunning > 0 ? "open" : "idle";
}

static void
show_host(struct show *s, const struct route *r)
{
	put_field(s, r->action);
	put_field(s, route_host(r));
	print(s, "%s|%u|%u|%u|%" PRId64 "|%u|", host_state(r), r->envelopes - r->njobs,
	    r->nready, r->nrunning, route_is_held(r) ?
	    queue_now() + (int64_t)((r->not_before - loop_mono()) / SECOND) : 0,
	    r->failures);
	put_field(s, slice_str(r->why != NULL ? r->why : ""));
	s->buf[s->len - 1] = '\n';
}

/* Destinations come and go while the client reads: the last one is known by its names. */
static int
remember_host(struct show *s, const struct route *r)
{
	char	*p = malloc(r->action.n + r->name.n + 1);

	if (p == NULL) {
		s->broken = true;
		return -1;
	}
	memcpy(p, r->action.p, r->action.n);
	memcpy(p + r->action.n, r->name.p, r->name.n);
	free(s->host);
	s->host = p;
	s->action = slice_make(p, r->action.n);
	s->name = slice_make(p + r->action.n, r->name.n);
	return 0;
}

static int
more_hosts(struct show *s)
{
	const struct route	*r = NULL, *last = NULL;

	while (s->len < PIECE && !s->broken) {
		r = last != NULL ? route_after(ROUTE_RELAY, last->action, last->name) :
		    route_after(ROUTE_RELAY, s->action, s->name);
		if (r == NULL)
			return 0;
		show_host(s, r);
		last = r;
	}
	return last != NULL && remember_host(s, last) == 0;
}

static int
begin_hosts(struct show *s)
{
	s->action = s->name = SLICE("");	/* before all: an action has a name */
	return 0;
}

/* -- what changes the queue -- */

static const struct {
	enum admin	 what;
	const char	*done, *later;
} changes[CONTROL_MAX] = {
	[CONTROL_SCHEDULE] = { ADMIN_SCHEDULE, "scheduled", NULL },
	[CONTROL_REMOVE] = { ADMIN_REMOVE, "removed",
	    "being delivered now, or the sender told: removed if that fails" },
	[CONTROL_PAUSE]	= { ADMIN_PAUSE, "paused",
	    "being delivered now: paused if that fails" },
	[CONTROL_RESUME] = { ADMIN_RESUME, "resumed", NULL },
};

static int
begin_change(struct show *s)
{
	struct admin_count	 n;

	if (admin_envelopes(changes[s->command].what, s->id, &n) == -1) {
		if (errno != ENOENT)
			return -1;
		fail(s, s->id > UINT32_MAX ? "no envelope %016" PRIx64 " in the queue" :
		    "no message %08" PRIx64 " in the queue", s->id);
		return 0;
	}
	print(s, "%zu %s\n", n.done, changes[s->command].done);
	if (n.busy > 0 && changes[s->command].later != NULL)
		print(s, "%zu %s\n", n.busy, changes[s->command].later);
	return 0;
}

static int
begin_pause(struct show *s)
{
	bool	 pause = s->command == CONTROL_PAUSE_MDA ||
	    s->command == CONTROL_PAUSE_MTA;

	admin_pause(s->command == CONTROL_PAUSE_MDA ||
	    s->command == CONTROL_RESUME_MDA ? ROUTE_USER : ROUTE_RELAY, pause);
	return 0;
}

/* -- stats -- */

static int
begin_stats(struct show *s)
{
	const struct sched_count	 c = sched_count();
	const struct route_count	 r = route_count();
	const struct queue_counters	*q = &queue_counters;
	struct spool_stat		 st;

	spool_stat(queue_spool, &st);
	print(s, "messages=%zu\ndeferred=%zu\nready=%zu\nrunning=%zu\n",
	    message_count(), c.waiting, c.ready, c.running);
	print(s, "users=%zu\ndelivers=%zu\n", r.users, r.delivers);
	print(s, "destinations=%zu\ndestinations.held=%zu\nrelay.jobs=%zu\n"
	    "relay.running=%zu\n", r.destinations, r.held, queue_relay_jobs(),
	    c.relayed);
	print(s, "paused.mda=%d\npaused.mta=%d\n", route_paused[ROUTE_USER],
	    route_paused[ROUTE_RELAY]);
	print(s, "total.accepted=%" PRIu64 "\ntotal.delivered=%" PRIu64
	    "\ntotal.deferred=%" PRIu64 "\ntotal.failed=%" PRIu64
	    "\ntotal.expired=%" PRIu64 "\ntotal.removed=%" PRIu64
	    "\ntotal.delivers-died=%" PRIu64 "\n",
	    q->accepted, q->delivered, q->deferred, q->failed, q->expired,
	    q->removed, q->died);
	print(s, "spool.messages=%" PRIu64 "\nspool.bytes=%" PRIu64 "\n",
	    st.messages, st.bytes);
	print(s, "spool.flushes=%" PRIu64 "\nspool.flush-errors=%" PRIu64
	    "\nspool.damaged=%" PRIu64 "\n", st.flushes, st.flush_errors,
	    st.damaged);
	print(s, "spool.segments=%u\nspool.segments-free=%u\nspool.full=%d\n",
	    st.segments, st.segments_free, st.full);
	return 0;
}

/* -- dump, stop -- */

static int
dump_cb(void *arg, const char *p, size_t n)
{
	return fwrite(p, 1, n, arg) == n ? 0 : -1;
}

/* The spool tells it in one go, the client may read it slowly: a file holds it. */
static int
begin_dump(struct show *s)
{
	int	 fd = open(DUMP, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		    0600);

	if (fd == -1 || unlink(DUMP) == -1 ||
	    (s->dump = fdopen(fd, "w+")) == NULL) {
		fail(s, "create " DUMP ": %s", strerror(errno));
		if (fd != -1)
			close(fd);
		return 0;
	}
	if (spool_dump(queue_spool, dump_cb, s->dump) == -1 ||
	    fseek(s->dump, 0, SEEK_SET) == -1)
		fail(s, "dump of the spool: %s", strerror(errno));
	return 0;
}

static int
more_dump(struct show *s)
{
	char	*to = room(s, PIECE);
	size_t	 n;

	if (to == NULL)
		return 0;
	n = fread(to, 1, PIECE, s->dump);
	s->len += n;
	s->broken = ferror(s->dump);
	return n > 0;
}

static int
begin_stop(struct show *s)
{
	(void)s;
	if (proc_parent == NULL)
		return 0;
	log_info("smtpctl stop");
	ipc_begin(proc_parent, IPC_SHUTDOWN);
	ipc_end(proc_parent);
	return 0;
}

/* -- update -- */

static void
updated_cb(void *arg, bool done, struct slice text)
{
	struct show	*s = arg;

	s->update = NULL;
	if (done)
		put(s, text.p, text.n);
	else
		fail(s, "%.*s", (int)text.n, text.p);
	s->ready(s->ready_arg);
}

static int
begin_update(struct show *s)
{
	s->update = update_begin(s->text, updated_cb, s);
	if (s->update == NULL && errno == EAGAIN) {
		fail(s, "the lookup process is not there, try again");
		return 0;
	}
	return s->update == NULL ? -1 : 0;
}

bool
show_waits(const struct show *s)
{
	return s->update != NULL;
}

void
show_give_up(struct show *s)
{
	update_forget(s->update);
	s->update = NULL;
	fail(s, "the lookup process does not answer");
}

/* -- the commands -- */

static const struct row {
	int	 (*begin)(struct show *);	/* -1 with errno */
	int	 (*more)(struct show *);	/* 1: there is more; NULL: begin said all */
} rows[CONTROL_MAX] = {
	[CONTROL_QUEUE]		= { begin_queue,	more_queue },
	[CONTROL_MESSAGE]	= { begin_message,	more_message },
	[CONTROL_STATS]		= { begin_stats,	NULL },
	[CONTROL_DUMP]		= { begin_dump,		more_dump },
	[CONTROL_STOP]		= { begin_stop,		NULL },
	[CONTROL_HOSTS]		= { begin_hosts,	more_hosts },
	[CONTROL_SCHEDULE]	= { begin_change,	NULL },
	[CONTROL_REMOVE]	= { begin_change,	NULL },
	[CONTROL_PAUSE]		= { begin_change,	NULL },
	[CONTROL_RESUME]	= { begin_change,	NULL },
	[CONTROL_PAUSE_MDA]	= { begin_pause,	NULL },
	[CONTROL_PAUSE_MTA]	= { begin_pause,	NULL },
	[CONTROL_RESUME_MDA]	= { begin_pause,	NULL },
	[CONTROL_RESUME_MTA]	= { begin_pause,	NULL },
	[CONTROL_UPDATE_TABLE]	= { begin_update,	NULL },
};

static int
begin(struct show *s, const struct control_request *r)
{
	if (r->magic != CONTROL_MAGIC || r->version != CONTROL_VERSION)
		fail(s, "smtpctl and smtpd are of different versions");
	else if (queue_spool == NULL)
		fail(s, "smtpd is about to end");
	else if (r->command >= CONTROL_MAX)
		fail(s, "unknown command %u", r->command);
	else {
		s->row = &rows[r->command];
		s->text = slice_make(r->name, strnlen(r->name, sizeof(r->name)));
		return s->row->begin(s);
	}
	return 0;
}

struct show *
show_begin(const struct control_request *r, void (*ready)(void *), void *arg)
{
	struct show	*s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->id = r->id;
	s->ready = ready;
	s->ready_arg = arg;
	s->command = r->command;
	if (begin(s, r) == -1) {
		s->len = 0;
		fail(s, "%s", strerror(errno));
	}
	return s;
}

int
show_more(struct show *s, struct slice *text)
{
	int	 more = 0;

	s->len = s->told ? 0 : s->len;
	s->told = true;
	if (queue_spool == NULL && !s->failed)
		s->broken = true;
	else if (!s->failed && s->row->more != NULL && s->len < PIECE)
		more = s->row->more(s);
	else if (!s->failed && s->row->more != NULL)
		more = 1;
	*text = slice_make(s->buf, s->len);
	return s->broken ? -1 : more;
}

bool
show_failed(const struct show *s)
{
	return s->failed;
}

void
show_free(struct show *s)
{
	if (s->update != NULL)
		update_forget(s->update);
	if (s->dump != NULL)
		fclose(s->dump);
	free(s->host);
	free(s->names);
	free(s->buf);
	free(s);
}
