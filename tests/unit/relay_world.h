/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_RELAY_WORLD_H
#define TESTS_UNIT_RELAY_WORLD_H

/*
 * The world around relay in unit tests: a queue that gives jobs and notes the
 * answers, a dns and a lookup that answer from what the test says, a bus that
 * notes the events, a clock that can be moved, and servers on loopback
 * that play a script (relay_server.h).
 */
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <tls.h>

#include "lib/nitems.h"
#include "smtpd/dsn.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/relay.h"
#include "smtpd/report_remote.h"
#include "smtpd/table.h"

const struct proc_row	 proc_rows[PROC_MAX] = {
	[PROC_PARENT] = { .name = "parent" }, [PROC_SMTP] = { .name = "smtp" },
	[PROC_LOOKUP] = { .name = "lookup" }, [PROC_DNS] = { .name = "dns" },
	[PROC_QUEUE] = { .name = "queue" }, [PROC_RELAY] = { .name = "relay" },
};
enum process	 proc_self = PROC_RELAY;
struct conf	*proc_conf;

#define SERVERS	8

static struct {
	uint64_t	 skipped;	/* ns that the clock is ahead */
	void		 (*hooks[8])(void);
	size_t		 nhooks;
	bool		 again, stopped;
	unsigned	 quiet;		/* turns in which nothing happened */

	struct ipc	*queue;		/* the other ends of relay's channels */
	char		 results[16384];
	unsigned	 nresults;
	char		 events[65536];
	unsigned	 nlines[DIALECT_MAX];	/* of them, */
	uint64_t	 watchers[DIALECT_MAX];	/* and who is told */
	const char	*content;	/* what FETCH reads */
	size_t		 ncontent;
	bool		 lose_content;
	unsigned	 fetches;

	struct ipc_host	 hosts[8];
	unsigned	 nhosts;
	enum resolved	 resolved;
	bool		 dns_silent;
	const char	*answers[4];	/* of enum query; NULL: not in the table */

	int		 listener;
	uint16_t	 port;
	const char	*scripts[SERVERS];
	unsigned	 naccepted;
	char		 failure[4096];
} world;

/* -- the loop, with a clock of its own -- */

struct event_base	*loop_base;

void
loop_at_end(void (*fn)(void))
{
	world.hooks[world.nhooks++] = fn;
}

void
loop_again(void)
{
	world.again = true;
}

void
loop_stop(void)
{
	world.stopped = true;
}

uint64_t
loop_mono(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec +
	    world.skipped;
}

uint64_t
loop_wall(void)
{
	return 1700000000000000ULL;
}

/* In a callback: the test fails when the turn is over. */
static void
world_failed(const char *fmt, ...)
{
	va_list	 ap;

	if (world.failure[0] != '\0')
		return;
	va_start(ap, fmt);
	vsnprintf(world.failure, sizeof(world.failure), fmt, ap);
	va_end(ap);
}

static void
late_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	world.quiet++;
}

/* One turn; waits at most ms for an event. */
static void
world_turn(int ms)
{
	static struct event	 timer;
	struct timeval		 tv = { 0, ms * 1000 };
	size_t			 i;

	if (!event_initialized(&timer))
		evtimer_assign(&timer, loop_base, late_cb, NULL);
	if (world.again)
		tv.tv_usec = 0;
	event_add(&timer, &tv);
	event_base_loop(loop_base, EVLOOP_ONCE);
	world.again = false;
	for (i = 0; i < world.nhooks; i++)
		world.hooks[i]();
	if (world.failure[0] != '\0')
		fail_msg("%s", world.failure);
}

/* Until nothing happens any more. */
static void
world_settle(void)
{
	for (world.quiet = 0; world.quiet < 2;)
		world_turn(2);
}

#include "tests/unit/relay_server.h"

/* -- the other processes -- */

static void
note_result(const struct ipc_relayed *m)
{
	static const char *const names[] = { "done", "tempfail", "permfail" };
	size_t	 n = strlen(world.results);

	world.nresults++;
	snprintf(world.results + n, sizeof(world.results) - n,
	    "%llx %s%s%s%s %.*s: %.*s\n", (unsigned long long)m->evpid,
	    names[m->result], m->flags & RELAYED_UNREACHED ? " unreached" : "",
	    m->flags & RELAYED_DSN ? " dsn" : "",
	    m->flags & RELAYED_UNSURE ? " unsure" : "", (int)m->host.n,
	    m->host.p, (int)m->reply.n, m->reply.p);
}

static void
answer_fetch(struct ipc *ipc, uint64_t job, uint64_t offset, uint32_t bytes)
{
	struct slice	 piece = SLICE("");

	world.fetches++;
	if (!world.lose_content && offset < world.ncontent)
		piece = slice_make(world.content + offset,
		    world.ncontent - offset < bytes ?
		    world.ncontent - offset : bytes);
	ipc_begin(ipc, IPC_FETCHED);
	ipc_put_u64(ipc, job);
	ipc_put_slice(ipc, piece);
	ipc_end(ipc);
}

static void
queue_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	struct ipc_relayed	 m;
	uint64_t		 job, offset;

	(void)arg;
	assert_non_null(msg);
	if (msg->type == IPC_RELAYED) {
		assert_int_equal(ipc_get_relayed(ipc, msg, &m), 1);
		note_result(&m);
		return;
	}
	assert_int_equal(msg->type, IPC_FETCH);
	job = ipc_get_u64(msg);
	offset = ipc_get_u64(msg);
	answer_fetch(ipc, job, offset, ipc_get_u32(msg));
}

static void
dns_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	struct ipc_resolve	 q;
	struct ipc_resolved	 a;

	(void)arg;
	assert_non_null(msg);
	assert_int_equal(ipc_get_resolve(ipc, msg, &q), 1);
	if (world.dns_silent)
		return;
	a = (struct ipc_resolved){ .id = q.id, .text = SLICE("server.example"),
	    .fcrdns = FCRDNS_PASS };
	if (q.kind != RESOLVE_RDNS) {
		a.result = world.resolved;
		a.n = world.resolved == RESOLVED_OK ? world.nhosts : 0;
	}
	ipc_send_resolved(ipc, &a, world.hosts);
}

static void
lookup_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	uint64_t	 id;
	const char	*value;

	(void)arg;
	assert_non_null(msg);
	assert_int_equal(msg->type, IPC_QUERY);
	id = ipc_get_u64(msg);
	value = world.answers[ipc_get_u8(msg)];
	ipc_begin(ipc, IPC_ANSWER);
	ipc_put_u64(ipc, id);
	ipc_put_u8(ipc, 1 + (value == NULL ? TABLE_NO : TABLE_YES));
	ipc_put_slice(ipc, value == NULL ? SLICE("") : slice_str(value));
	ipc_end(ipc);
}

/* Session, time and our port are left out of an event. */
static void
note_event(struct slice line)
{
	char		 text[4096], src[64];
	const char	*p = line.p;
	size_t		 n = strlen(world.events);
	int		 i;
	char		*at;

	for (i = 0; i < 4; i++)
		p = (const char *)memchr(p, '|', line.n) + 1;
	snprintf(text, sizeof(text), "%.*s", (int)(line.p + line.n - p), p);
	/* EVENT|SESSION[|...] */
	at = strchr(text, '|');
	if (at[17] == '|')
		memmove(at, at + 17, strlen(at + 17) + 1);
	else
		*at = '\0';
	snprintf(src, sizeof(src), "|127.0.0.1:%u", world.port);
	if ((at = strstr(text, src)) != NULL)
		strcpy(at, "|SERVER");
	if ((at = strstr(text, "|127.0.0.1:")) != NULL)
		memmove(at + 10, strrchr(text, '|'), strlen(strrchr(text, '|')) + 1);
	snprintf(world.events + n, sizeof(world.events) - n, "%s\n", text);
}

static unsigned
lines_in(struct slice text)
{
	unsigned	 n = 0;
	size_t		 i;

	for (i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

static void
smtp_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	struct slice	 text;
	const char	*lf;
	enum dialect	 d;
	uint64_t	 watchers;

	(void)ipc;
	(void)arg;
	assert_non_null(msg);
	assert_int_equal(msg->type, IPC_REPORT);
	ipc_get_u8(msg);
	d = (enum dialect)ipc_get_u8(msg);
	watchers = ipc_get_u64(msg);
	ipc_get_u64(msg);
	ipc_get_u64(msg);
	text = ipc_get_slice(msg);
	assert_true(d < DIALECT_MAX);
	world.watchers[d] |= watchers;
	world.nlines[d] += lines_in(text);
	while ((lf = memchr(text.p, '\n', text.n)) != NULL) {
		note_event(slice_make(text.p, (size_t)(lf - text.p)));
		text.n -= (size_t)(lf + 1 - text.p);
		text.p = lf + 1;
		if (text.n == 0)
			break;
	}
}

static void
relay_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	relay_message((enum process)(intptr_t)arg, ipc, msg);
	if (msg == NULL)
		ipc_free(ipc);
}

/* Introduces a peer to relay; returns the peer's end. */
static struct ipc *
world_peer(enum process peer, ipc_cb cb)
{
	int		 fd[2];
	struct ipc	*ours;

	assert_int_equal(socketpair(AF_UNIX,
	    SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	ours = ipc_new(PROC_RELAY, peer, fd[0], relay_cb, (void *)(intptr_t)peer);
	if (peer != PROC_PARENT)
		relay_peer(peer, ours, "");
	return ipc_new(peer, PROC_RELAY, fd[1], cb, NULL);
}

/* -- configuration -- */

/* Text of smtpd.conf; PORT in it becomes the server's. */
static struct conf *
world_conf(const char *text)
{
	struct conf_sources	 list = TAILQ_HEAD_INITIALIZER(list);
	struct conf_source	*s;
	char			 whole[8192], *p;
	char			 port[8];

	snprintf(whole, sizeof(whole),
	    "proc reporter \"cat\" protocol \"0.7\"\n"
	    "report smtp-out on reporter\n%s\n"
	    "match from any for any action r\n", text);
	snprintf(port, sizeof(port), "%u", world.port);
	while ((p = strstr(whole, "PORT")) != NULL) {
		memmove(p + strlen(port), p + 4, strlen(p + 4) + 1);
		memcpy(p, port, strlen(port));
	}
	s = calloc(1, sizeof(*s));
	assert_non_null(s);
	s->name = strdup("smtpd.conf");
	s->text = strdup(whole);
	s->size = strlen(whole);
	TAILQ_INSERT_TAIL(&list, s, entry);
	proc_conf = conf_parse(&list, NULL, stderr);
	assert_non_null(proc_conf);
	strlcpy(proc_conf->hostname, "client.example", sizeof(proc_conf->hostname));
	return proc_conf;
}

/* Once a program: relay's statics are those of a process. */
static void
world_init(const char *conf)
{
	signal(SIGPIPE, SIG_IGN);
	log_init(true, getenv("VERBOSE") != NULL);
	loop_base = event_base_new();
	world_listen();
	world_conf(conf);
	relay_main();
	loop_at_end(ipc_flush_all);
	world.queue = world_peer(PROC_QUEUE, queue_cb);
	world_peer(PROC_SMTP, smtp_cb);
	world_peer(PROC_DNS, dns_cb);
	world_peer(PROC_LOOKUP, lookup_cb);
}

/* -- a test's turn -- */

static void
world_begin(void)
{
	unsigned	 i;

	world.failure[0] = '\0';
	/* What the last test left is over, and so is what was noted of hosts. */
	for (i = 0; i < world.naccepted; i++) {
		if (servers[i].fd > 0)
			server_close(&servers[i]);
		servers[i].nin = 0;
	}
	world_settle();
	world.skipped += 4000 * 1000000000ULL;
	conn_sweep();
	world_settle();
	assert_int_equal(conn_count(), 0);
	memset(world.scripts, 0, sizeof(world.scripts));
	world.naccepted = world.nresults = world.fetches = 0;
	world.results[0] = world.events[0] = '\0';
	memset(world.nlines, 0, sizeof(world.nlines));
	memset(world.watchers, 0, sizeof(world.watchers));
	world.resolved = RESOLVED_OK;
	world.nhosts = 0;
	world.dns_silent = world.lose_content = false;
	memset(world.answers, 0, sizeof(world.answers));
}

static uint64_t	 world_jobs;

static void
world_job(struct ipc_relay *m, const struct ipc_relay_rcpt *r, size_t n)
{
	m->job = ++world_jobs;
	if (m->action.p == NULL)
		m->action = SLICE("r");
	if (m->route.p == NULL)
		m->route = SLICE("example.org");
	if (m->sender.p == NULL)
		m->sender = SLICE("a@example.com");
	if (m->size == 0)
		m->size = m->content.n;
	ipc_send_relay(world.queue, m, r, n);
}

/* Until so many answers are there. */
static void
world_results(unsigned n)
{
	unsigned	 i;

	for (i = 0; i < 1000 && world.nresults < n; i++)
		world_turn(2);
	if (world.nresults != n)
		fail_msg("%u answers, expected %u: %s", world.nresults, n,
		    world.results);
}

/* The clock goes on by so much, and who is late hears of it. */
static inline void
world_skip(unsigned seconds)
{
	world.skipped += seconds * 1000000000ULL;
	conn_sweep();
	world_settle();
}

#endif
