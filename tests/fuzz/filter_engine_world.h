/* SPDX-License-Identifier: ISC */
#ifndef TESTS_FUZZ_FILTER_ENGINE_WORLD_H
#define TESTS_FUZZ_FILTER_ENGINE_WORLD_H

/*
 * Around the engine of filters, for filter_engine_fuzz.c: clients, filters behind real pipes,
 * lookup, queue and time; and what must hold of all of it.
 */
#include <event2/event.h>

#define SESSIONS	2
#define NACTORS		4
#define NMESSAGES	64		/* begun in a run, of which content is compared */
#define IN_MAX		65536

#define must(cond)	do { if (!(cond)) abort(); } while (0)

/* -- the daemon around it -- */

struct ipc {
	int	 unused;
};
static struct ipc	 peer;
struct ipc		*smtp_lookup, *smtp_queue, *smtp_dns, *proc_parent = &peer;
struct event_base	*loop_base;
static struct conf	 conf = { .hostname = "mx", .max_line = 500, .max_message_size = 30000,
			    .max_mails = 20, .max_rcpt = 10, .max_errors = 20, .idle = 300,
			    .dns_timeout = 10 };
struct conf		*proc_conf = &conf;

static uint64_t		 mono, random_state;
static event_callback_fn on_tick;

uint64_t loop_mono(void) { return mono; }
uint64_t loop_wall(void) { return 1543836000000000 + mono / 1000; }


/* The same in each run. */
void
arc4random_buf(void *buf, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++) {
		random_state = random_state * 6364136223846793005U + 1442695040888963407U;
		((uint8_t *)buf)[i] = (uint8_t)(random_state >> 56);
	}
}

void log_info(const char *fmt, ...) { (void)fmt; }
void log_debug(const char *fmt, ...) { (void)fmt; }
void log_warn(const char *fmt, ...) { (void)fmt; }
void log_warnx(const char *fmt, ...) { (void)fmt; }
void fatal(const char *fmt, ...) { (void)fmt; abort(); }
void fatalx(const char *fmt, ...) { (void)fmt; abort(); }

bool bus_paused(void);
struct proclog;
struct proclog *proclog_new(const char *);
void proclog_open(struct proclog *, int);
bool bus_paused(void) { return false; }
struct proclog *proclog_new(const char *name) { (void)name; return NULL; }
void proclog_open(struct proclog *l, int fd) { (void)l; close(fd); }

void listener_start(void) { }
void listener_resume(void) { }
enum listen_tls listener_tls(const struct listener *l) { (void)l; return (enum listen_tls)0; }
bool auth_is_offered(const struct session *s) { (void)s; return false; }
bool auth_is_missing(const struct session *s) { (void)s; return false; }
void auth_begin(struct session *s, struct slice a) { (void)a; session_reply(s, REPLY_NO_AUTH, NULL, NULL); }
void auth_line(struct session *s, struct slice l, bool crlf) { (void)s; (void)l; (void)crlf; abort(); }
void auth_end(struct session *s, enum reply r) { (void)s; (void)r; abort(); }
void auth_free(struct session *s) { (void)s; }
void auth_waited(struct session *s) { (void)s; abort(); }
struct slice auth_secret(const struct session *s) { (void)s; return SLICE_NONE; }
struct slice auth_told(const struct session *s, struct slice t) { (void)s; return t; }

int name_ask(const struct session *s) { (void)s; return -1; }
struct slice session_address(const struct session *s) { (void)s; return SLICE("192.0.2.1"); }
const char *session_name(const struct session *s) { (void)s; return NULL; }

void
session_literal(const struct session *s, char *buf, size_t size)
{
	(void)s;
	snprintf(buf, size, "192.0.2.1");
}

/* There are no rules. */
enum held
condition_judge(const struct session *s, const struct filter *f, struct slice argument,
    uint32_t serial)
{
	(void)s;
	(void)f;
	(void)argument;
	(void)serial;
	abort();
}

bool condition_wants_name(const struct session *s, const struct filter *f) { (void)s; (void)f; return false; }

/* Timers and pipes are looked after by the run. */
int
event_assign(struct event *ev, struct event_base *base, evutil_socket_t fd,
    short what, event_callback_fn fn, void *arg_)
{
	memset(ev, 0, sizeof(*ev));
	(void)base;
	ev->ev_fd = fd;
	ev->ev_events = what;
	ev->ev_evcallback.evcb_cb_union.evcb_callback = fn;
	ev->ev_evcallback.evcb_arg = arg_;
	if (fd == -1 && (what & EV_PERSIST) != 0)
		on_tick = fn;
	return 0;
}

int event_add(struct event *ev, const struct timeval *tv) { (void)ev; (void)tv; return 0; }
int event_del(struct event *ev) { (void)ev; return 0; }
int event_initialized(const struct event *ev) { (void)ev; return 1; }
int event_pending(const struct event *ev, short what, struct timeval *tv) { (void)ev; (void)what; (void)tv; return 1; }

static void
fire(struct event *ev, short what)
{
	ev->ev_evcallback.evcb_cb_union.evcb_callback(ev->ev_fd, what,
	    ev->ev_evcallback.evcb_arg);
}

/* -- clients -- */

static struct client {
	struct session	*s;		/* NULL: there is none */
	char		 in[IN_MAX];
	size_t		 n;
	bool		 paused;
} clients[SESSIONS];
static struct client	*coming;	/* it is being accepted */

static void	world_turn(void);

static struct client *
client_of(const struct io *io)
{
	struct client	*c;

	for (c = clients; c < clients + SESSIONS; c++)
		if (c->s != NULL && &c->s->io == io)
			return c;
	abort();
}

static void
consume(struct io *io, size_t n)
{
	struct client	*c = client_of(io);

	must(n <= c->n);
	c->n -= n;
	memmove(c->in, c->in + n, c->n);
}

void
io_open(struct io *io, int fd, io_cb cb)
{
	io->fd = fd;
	io->cb = cb;
	coming->s = (struct session *)((char *)io - offsetof(struct session, io));
	coming->n = 0;
	coming->paused = false;
}

void io_close(struct io *io) { client_of(io)->s = NULL; }
struct slice io_input(const struct io *io) { return slice_make(client_of(io)->in, client_of(io)->n); }
void io_consume(struct io *io, size_t n) { consume(io, n); }
void io_wipe(struct io *io, size_t n) { consume(io, n); }
void io_pause(struct io *io) { client_of(io)->paused = true; }
void io_resume(struct io *io) { client_of(io)->paused = false; }
void io_restart_idle(struct io *io) { (void)io; }
void io_hurry(struct io *io) { (void)io; }
void io_write(struct io *io, const void *p, size_t n) { (void)io; (void)p; (void)n; }
bool io_backed_up(struct io *io) { (void)io; return false; }
int io_accept_tls(struct io *io, struct tls *ctx) { (void)io; (void)ctx; return -1; }
size_t io_tls_text(const struct io *io, char *buf, size_t n) { (void)io; (void)buf; (void)n; return 0; }
void io_finish(struct io *io) { io->finishing = true; }

/* -- what must hold -- */

static struct message {		/* that went through filters */
	uint32_t	 msgid;
	uint64_t	 session;
	char		*content;	/* as the queue got it */
	size_t		 n;
	struct lines {			/* of each filter */
		uint64_t	 token;	/* 0: it is not asked */
		char		*said;
		size_t		 n;
		bool		 ended;
	} of[NACTORS];
} messages[NMESSAGES];
static size_t		 nmessages;

static struct {			/* what a session's filters said last */
	enum phase	 phase;
	bool		 known, refused;
} response[SESSIONS];

static struct message *
message_of(uint32_t msgid)
{
	size_t	 i;

	for (i = 0; i < nmessages; i++)
		if (messages[i].msgid == msgid)
			return &messages[i];
	if (nmessages == NMESSAGES)
		return NULL;
	messages[nmessages] = (struct message){ .msgid = msgid };
	return &messages[nmessages++];
}

static void
append(char **p, size_t *n, struct slice a, const char *b)
{
	size_t	 len = strlen(b);

	must((*p = realloc(*p, *n + a.n + len + 1)) != NULL);
	if (a.n > 0)
		memcpy(*p + *n, a.p, a.n);
	memcpy(*p + *n + a.n, b, len);
	*n += a.n + len;
}

/* Its filters let this phase pass, just now. */
static void
must_be_allowed(const struct client *c, enum phase phase)
{
	if (c->s->filtered)
		must(response[c - clients].known && response[c - clients].phase == phase &&
		    !response[c - clients].refused);
}

static bool
is_token(const struct report_value *v, size_t n, enum field field, const char *what)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (v[i].field == field)
			return strcmp(v[i].token, what) == 0;
	return false;
}

/* Decisions of filters, but not those of shadows. */
static void
note_response(size_t client, const struct report_value *v)
{
	enum phase	 phase;

	must(v[0].field == RF_PHASE && v[1].field == RF_DECISION);
	if (strncmp(v[1].token, "shadow-", 7) == 0)
		return;
	for (phase = 0; phase < PHASE_MAX; phase++)
		if (strcmp(filter_phases[phase].reported, v[0].token) == 0)
			response[client].phase = phase;
	response[client].known = true;
	response[client].refused = strcmp(v[1].token, "reject") == 0 ||
	    strcmp(v[1].token, "disconnect") == 0;
}

static struct slice
report_line(void *unused, enum dialect d)
{
	(void)unused;
	(void)d;
	return SLICE("report|0.7|1.000000|smtp-in|x|0|\n");
}

static void
sink(const struct report_source *src, enum event_id event,
    const struct report_value *v, size_t n)
{
	struct client	*c;

	for (c = clients; c < clients + SESSIONS; c++) {
		if (c->s == NULL || c->s->source.session != src->session)
			continue;
		if (event == EV_FILTER_RESPONSE)
			note_response((size_t)(c - clients), v);
		else if (event == EV_LINK_IDENTIFY)
			must_be_allowed(c, c->s->esmtp ? PHASE_EHLO : PHASE_HELO);
		else if (event == EV_TX_BEGIN)
			must_be_allowed(c, PHASE_MAIL_FROM);
		else if (event == EV_TX_RCPT && is_token(v, n, RF_RESULT, "ok"))
			must_be_allowed(c, PHASE_RCPT_TO);
		else if (event == EV_TX_DATA && is_token(v, n, RF_RESULT, "ok"))
			must_be_allowed(c, PHASE_DATA);
		else if (event == EV_LINK_GREETING)
			must_be_allowed(c, PHASE_CONNECT);
	}
	filters_report(src, event, report_line, NULL);
}

/* -- lookup and queue -- */

static struct ipc_rcpt	 asked[SESSIONS];	/* of lookup */
static size_t		 nasked;
static uint32_t		 committed[SESSIONS];	/* told to queue, not answered */
static size_t		 ncommitted;
static enum ipc_type	 begun;
static uint32_t		 begun_msgid, lease;
static const struct filter *chain[NACTORS];
static struct listener	 listener = { .hostname = "mx", .chain = { chain, 0 } };

size_t ipc_backlog(const struct ipc *ipc) { (void)ipc; return 0; }
void ipc_begin(struct ipc *ipc, enum ipc_type type) { must(ipc == &peer); begun = type; }
void ipc_put_u32(struct ipc *ipc, uint32_t v) { (void)ipc; begun_msgid = v; }
void ipc_end(struct ipc *ipc) { (void)ipc; }
uint64_t ipc_get_u64(struct ipc_msg *m) { (void)m; abort(); }

void
ipc_put_slice(struct ipc *ipc, struct slice s)
{
	struct message	*m = message_of(begun_msgid);

	(void)ipc;
	must(begun == IPC_CONTENT);
	if (m != NULL)
		append(&m->content, &m->n, s, "");
}

void
ipc_send_rcpt(struct ipc *ipc, const struct ipc_rcpt *m)
{
	(void)ipc;
	if (nasked < SESSIONS)
		asked[nasked++] = *m;
}

static unsigned
actor_of(const struct filter *f)
{
	return f->proc->index;
}

static void
must_be_filtered(const struct message *m, const struct session *s)
{
	const struct lines	*l, *last = NULL;
	size_t			 i;

	for (i = 0; i < listener.chain.n; i++) {
		l = &m->of[actor_of(chain[i])];
		if (chain[i]->shadow)
			continue;
		/* One that the session has, and that is to see the lines, has seen them. */
		must(l->token != 0 || !phase_watched(s, chain[i]) ||
		    !phase_asks(chain[i], PHASE_DATA_LINE));
		if (l->token == 0)
			continue;
		must(l->ended);
		last = l;
	}
	if (last != NULL)
		must(last->n == m->n && (m->n == 0 || memcmp(last->said, m->content, m->n) == 0));
}

void
ipc_send_commit(struct ipc *ipc, const struct ipc_commit *commit)
{
	struct message	*m = message_of(commit->msgid);
	struct client	*c;

	(void)ipc;
	for (c = clients; c < clients + SESSIONS; c++)
		if (c->s != NULL && c->s->source.session == commit->session)
			must_be_allowed(c, PHASE_COMMIT);
	if (m != NULL) {
		append(&m->content, &m->n, commit->content, "");
		must(m->n == commit->size);
		must_be_filtered(m, tx_find(commit->msgid)->session);
	}
	if (ncommitted < SESSIONS)
		committed[ncommitted++] = commit->msgid;
}

static void
queue_meets(void)
{
	smtp_lookup = smtp_queue = &peer;
	tx_lease(lease, 500);
	lease += 500;
	content_refill(64 * 1024);
}

static void
world_lookup(unsigned what)
{
	struct ipc_msg	 none = { 0 };
	size_t		 i, n = nasked;

	nasked = 0;
	if (what == 7) {
		session_lookup_lost();
		return;
	}
	for (i = 0; i < n; i++)
		session_verdict(asked[i].session, asked[i].msgid, asked[i].serial,
		    what == 6 ? VERDICT_TEMPFAIL : what == 5 ? VERDICT_NO_RULE : VERDICT_OK,
		    0, &none, 0);
}

static void
world_queue(unsigned what)
{
	size_t	 i, n = ncommitted;

	if (what == 7) {
		ncommitted = 0;
		smtp_queue = NULL;
		tx_queue_lost();
		return;
	}
	if (smtp_queue == NULL) {
		queue_meets();
		return;
	}
	if (what < 2)
		content_refill(what * 100000 + 1000);
	ncommitted = 0;
	for (i = 0; i < n; i++)
		session_committed(committed[i], what == 6 ? COMMIT_TEMPFAIL : COMMIT_OK);
}

#include "tests/fuzz/filter_engine_filters.h"

/* -- turns -- */

static void
world_turn(void)
{
	struct client	*c;

	filters_flush();
	for (c = clients; c < clients + SESSIONS; c++)
		if (c->s != NULL && c->s->io.finishing)
			c->s->io.cb(&c->s->io, IO_CLOSED);
}

static void
world_pass(uint64_t time)
{
	struct client	*c;

	world_turn();
	on_tick(-1, EV_TIMEOUT, NULL);
	mono += time;
	on_tick(-1, EV_TIMEOUT, NULL);
	for (c = clients; time > 35 * SECOND && c < clients + SESSIONS; c++)
		if (c->s != NULL && !c->paused)
			c->s->io.cb(&c->s->io, IO_TIMEOUT);
}

static void
world_client(unsigned i, bool comes)
{
	struct client	*c = &clients[i];

	if (c->s != NULL && !comes)
		c->s->io.cb(&c->s->io, IO_CLOSED);
	else if (c->s == NULL && comes) {
		coming = c;
		response[i].known = false;
		session_new(&listener, -1, "192.0.2.1:1");
	}
}

static void
world_input(unsigned i, struct slice text)
{
	struct client	*c = &clients[i];

	world_client(i, true);
	if (c->s == NULL || c->s->io.finishing || text.n > IN_MAX - c->n)
		return;
	if (text.n > 0)
		memcpy(c->in + c->n, text.p, text.n);
	c->n += text.n;
	if (!c->paused)
		c->s->io.cb(&c->s->io, IO_INPUT);
}

/* Who waits for a filter waits for something that is open. */
static void
world_check(void)
{
	const struct client	*c;
	const struct question	*q;
	bool			 open;

	note_streams();
	for (c = clients; c < clients + SESSIONS; c++) {
		if (c->s == NULL || c->s->waiting != WAITING_FILTER)
			continue;
		open = false;
		TAILQ_FOREACH(q, &c->s->questions, session_entry)
			open |= q->open && !q->filter->shadow &&
			    (c->s->asking != NULL) == (q->phase != PHASE_DATA_LINE);
		must(open);
	}
}

static void
world_init(void)
{
	static char	*names[] = { "a", "b", "c", "old" };
	unsigned	 i;

	TAILQ_INIT(&conf.procs);
	TAILQ_INIT(&conf.filters);
	TAILQ_INIT(&conf.rules);
	for (i = 0; i < NACTORS; i++) {
		procs[i] = (struct proc_conf){ .index = i, .bit = i, .name = names[i],
		    .is_filter = true, .timeout = 30, .buffer = 8192, .bypass = i == 1,
		    .dialect = i == 3 ? DIALECT_1 : i == 2 ? DIALECT_0_4 : DIALECT_0_7,
		    .phases = i == 3 ? ~0u : 0 };
		TAILQ_INSERT_TAIL(&conf.procs, &procs[i], entry);
		programs[i] = programs[NACTORS + i] = (struct filter){ .name = names[i],
		    .kind = FILTER_PROC, .proc = &procs[i] };
		programs[NACTORS + i].shadow = true;
	}
	signal(SIGPIPE, SIG_IGN);
	report_to(sink);
	filters_init();
	chains_init();
	for (i = 0; i < NACTORS; i++) {
		actors[i].proc = filter_of(&procs[i]);
		actors[i].to = actors[i].from = -1;
	}
}

static void
world_begin(unsigned which)
{
	static const char *const chains[] = {
		"a", "ab", "abc", "o", "oa", "ao", "Ab", "aB", "aBc", "AbC", "O", "cab", "A", "oA",
	};
	static const char	 letters[] = "abcoABCO";
	static bool		 there;
	const char		*p;
	unsigned		 i;

	if (!there)
		world_init();
	there = true;
	mono = 1000 * SECOND;
	random_state = lease = 1;
	listener.chain.n = 0;
	for (p = chains[which % nitems(chains)]; *p != '\0'; p++)
		chain[listener.chain.n++] = &programs[strchr(letters, *p) - letters];
	for (i = 0; i < NACTORS; i++)
		actor_starts(&actors[i], 0);
	queue_meets();
}

static void
world_end(void)
{
	size_t	 i, k;

	for (i = 0; i < SESSIONS; i++)
		while (clients[i].s != NULL) {
			clients[i].s->gone ? world_queue(7) : world_client((unsigned)i, false);
			if (clients[i].s != NULL)
				world_lookup(7);
		}
	must(session_count() == 0);
	for (i = 0; i < NACTORS; i++) {
		must(TAILQ_EMPTY(&actors[i].proc->questions));
		filter_ended(actors[i].proc, "the end");
		actor_buried(&actors[i]);
	}
	smtp_queue = NULL;
	tx_queue_lost();
	for (i = 0; i < nmessages; i++) {
		free(messages[i].content);
		for (k = 0; k < NACTORS; k++)
			free(messages[i].of[k].said);
	}
	nmessages = nasked = ncommitted = 0;
}

#endif
