/* SPDX-License-Identifier: ISC */
/*
 * The dns process: its peers and their questions.  Each question is answered,
 * in the time that the configuration gives it.
 */
#include <sys/queue.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fcrdns.h"
#include "lib/nitems.h"
#include "smtpd/dns_int.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"

#define RESOLVER	"127.0.0.1"	/* where no file names one, as resolv.conf(5) has it */
#define WAITING_MAX	65536	/* questions of a peer that wait to be begun */
#define BACKLOG_MAX	(8 * 1024 * 1024)	/* bytes of answers that a peer did not take */
#define TEXT_MAX	(4 * 1024 * 1024)	/* bytes of a file */

struct question {
	TAILQ_ENTRY(question) entry;
	struct asker	*asker;
	uint64_t	 id;
	uint64_t	 since;		/* monotonic ns */
	enum resolve	 kind;
	enum resolve_family family;
	struct fcrdns_query *rdns;	/* under way: one of these */
	struct mx_query	*mx;
	struct host_query *host;
	char		 name[];
};
TAILQ_HEAD(questions, question);

static struct asker {
	enum process	 process;
	size_t		 most;		/* questions under way */
	struct ipc	*ipc;
	size_t		 nrunning, nwaiting;
	struct questions running, waiting;
} askers[] = {
	{ .process = PROC_SMTP, .most = 8192 },
	{ .process = PROC_RELAY, .most = 1024 },
};

static struct dns	*dns;

static struct asker *
asker_of(enum process p)
{
	size_t	 i;

	for (i = 0; i < nitems(askers); i++)
		if (askers[i].process == p)
			return &askers[i];
	return NULL;
}

/* -- answers -- */

/* Of a question that is not there, or no longer. */
static void
answer(struct ipc *ipc, enum resolve kind, struct ipc_resolved *m,
    const struct ipc_host *host)
{
	m->text.n = m->text.n < 512 ? m->text.n : 512;
	if (kind == RESOLVE_RDNS && m->result != RESOLVED_OK) {
		m->fcrdns = FCRDNS_ERROR;
		m->text = SLICE("");
	}
	ipc_send_resolved(ipc, m, host);
}

static void
refuse(struct ipc *ipc, enum resolve kind, uint64_t id, enum resolved result,
    const char *why)
{
	struct ipc_resolved	 m = { .id = id, .result = result,
				    .text = slice_str(why) };

	answer(ipc, kind, &m, NULL);
}

/* The question is answered and gone. */
static void
question_end(struct question *q)
{
	struct asker	*a = q->asker;

	TAILQ_REMOVE(&a->running, q, entry);
	a->nrunning--;
	free(q);
}

static void
fail(struct question *q, enum resolved result, const char *why)
{
	refuse(q->asker->ipc, q->kind, q->id, result, why);
	question_end(q);
}

static void
say_hosts(struct question *q, enum resolved result, const char *why,
    const struct ipc_host *host, size_t n)
{
	struct ipc_resolved	 m = {
		.id = q->id,
		.result = result,
		.text = why != NULL ? slice_str(why) : SLICE(""),
		.n = n,
	};

	answer(q->asker->ipc, q->kind, &m, host);
	question_end(q);
}

static void
say_addresses(struct question *q, const struct host_answer *a)
{
	struct ipc_host	 host[2 * HOST_ADDRESSES];
	char		 text[2 * HOST_ADDRESSES][INET6_ADDRSTRLEN];
	size_t		 i;

	for (i = 0; i < a->n; i++)
		host[i] = (struct ipc_host){ 0, slice_str(q->name),
		    host_text(&a->address[i], text[i]) };
	say_hosts(q, a->result, a->why, host, a->n);
}

/* -- questions -- */

static void	go_on(struct asker *);

static void
rdns_cb(const struct fcrdns_result *r, void *arg)
{
	struct question		*q = arg;
	struct asker		*asker = q->asker;
	struct ipc_resolved	 m = {
		.id = q->id,
		.result = RESOLVED_OK,
		.fcrdns = iprev_word(r->verdict),
		.text = slice_str(r->name),
	};

	if (r->verdict == IPREV_TEMPERROR && r->error != NULL)
		log_debug("name of %s: %s", q->name, r->error);
	answer(asker->ipc, q->kind, &m, NULL);
	question_end(q);
	go_on(asker);
}

static void
mx_known_cb(const struct mx_answer *a, void *arg)
{
	struct question	*q = arg;
	struct asker	*asker = q->asker;

	say_hosts(q, a->result, a->why, a->host, a->n);
	go_on(asker);
}

static void
host_known_cb(const struct host_answer *a, void *arg)
{
	struct question	*q = arg;
	struct asker	*asker = q->asker;

	say_addresses(q, a);
	go_on(asker);
}

/* The scope of a link-local address is of no use to a resolver. */
static void
begin_rdns(struct question *q, int deadline)
{
	union {
		struct sockaddr		 sa;
		struct sockaddr_in	 in;
		struct sockaddr_in6	 in6;
	} u;
	struct host_address	 h;

	if (!host_address_parse(slice_make(q->name, strcspn(q->name, "%")), &h)) {
		fail(q, RESOLVED_NONE, "not an address");
		return;
	}
	memset(&u, 0, sizeof(u));
	if (h.v6) {
		u.in6.sin6_family = AF_INET6;
		u.in6.sin6_addr = h.aaaa;
	} else {
		u.in.sin_family = AF_INET;
		u.in.sin_addr = h.a;
	}
	q->rdns = fcrdns_ask(dns, &u.sa, deadline, NULL, rdns_cb, q);
	if (q->rdns == NULL)
		fail(q, RESOLVED_TEMPFAIL, "out of memory");
}

/* A name that is an address needs no asking. */
static bool
answer_literal(struct question *q)
{
	struct host_address	 h;
	struct host_answer	 a = { RESOLVED_OK, NULL, 1, &h };
	struct slice		 name = slice_str(q->name);

	if (!host_literal_parse(name, &h) &&
	    (q->kind == RESOLVE_MX || !host_address_parse(name, &h)))
		return false;
	if (host_family_has(q->family, h.v6))
		say_addresses(q, &a);
	else
		fail(q, RESOLVED_NONE, h.v6 ? "an IPv6 address, and only IPv4 is used" :
		    "an IPv4 address, and only IPv6 is used");
	return true;
}

static void
begin(struct question *q)
{
	uint64_t	 waited = (loop_mono() - q->since) / 1000000;
	uint64_t	 time = (uint64_t)proc_conf->dns_timeout * 1000;
	int		 deadline;

	if (waited >= time) {
		fail(q, RESOLVED_TEMPFAIL, "too many questions at once");
		return;
	}
	deadline = (int)(time - waited);
	if (q->kind == RESOLVE_RDNS) {
		begin_rdns(q, deadline);
		return;
	}
	if (answer_literal(q))
		return;
	if (q->kind == RESOLVE_MX)
		q->mx = mx_ask(dns, q->name, q->family, deadline, mx_known_cb, q);
	else
		q->host = host_ask(dns, q->name, q->family, deadline,
		    host_known_cb, q);
	if (q->mx == NULL && q->host == NULL)
		fail(q, RESOLVED_TEMPFAIL, "out of memory");
}

/* Begins what waits, as much as there may be under way. */
static void
go_on(struct asker *a)
{
	struct question	*q;

	while (a->nrunning < a->most && (q = TAILQ_FIRST(&a->waiting)) != NULL) {
		TAILQ_REMOVE(&a->waiting, q, entry);
		a->nwaiting--;
		TAILQ_INSERT_TAIL(&a->running, q, entry);
		a->nrunning++;
		begin(q);
	}
}

static void
question(struct asker *a, const struct ipc_resolve *m)
{
	char		 name[DNS_NAME_MAX + 1];
	struct question	*q;

	if (m->kind > RESOLVE_HOST || m->family > RESOLVE_PREFER6 ||
	    m->name.n == 0 || memchr(m->name.p, '\0', m->name.n) != NULL ||
	    !idn_encode(m->name, name)) {
		refuse(a->ipc, m->kind, m->id, RESOLVED_NONE, "not a name");
		return;
	}
	if (a->nwaiting == WAITING_MAX || ipc_backlog(a->ipc) > BACKLOG_MAX ||
	    (q = calloc(1, sizeof(*q) + strlen(name) + 1)) == NULL) {
		refuse(a->ipc, m->kind, m->id, RESOLVED_TEMPFAIL,
		    "too many questions at once");
		return;
	}
	q->asker = a;
	q->id = m->id;
	q->kind = m->kind;
	q->family = m->family;
	q->since = loop_mono();
	memcpy(q->name, name, strlen(name));
	TAILQ_INSERT_TAIL(&a->waiting, q, entry);
	a->nwaiting++;
	go_on(a);
}

/* Nobody is there to be answered any more. */
static void
forget(struct asker *a)
{
	struct question	*q;

	while ((q = TAILQ_FIRST(&a->waiting)) != NULL) {
		TAILQ_REMOVE(&a->waiting, q, entry);
		free(q);
	}
	while ((q = TAILQ_FIRST(&a->running)) != NULL) {
		if (q->rdns != NULL)
			fcrdns_cancel(q->rdns);
		if (q->mx != NULL)
			mx_cancel(q->mx);
		if (q->host != NULL)
			host_cancel(q->host);
		question_end(q);
	}
	a->nwaiting = 0;
	a->ipc = NULL;
}

/* -- resolvers -- */

static void
use_file(enum resolv_file file, struct slice text)
{
	const char	*why = NULL;

	if (file == RESOLV_HOSTS && dns_hosts(dns, text) == -1)
		log_warn("hosts file");
	if (file == RESOLV_CONF && dns_resolv_conf(dns, text, &why) == -1)
		log_warnx("resolv.conf: %s", why);
}

/* A file comes in pieces; it counts when it is all there. */
static void
piece(struct ipc *ipc, struct ipc_msg *msg)
{
	static struct {
		char	*text;
		size_t	 n;
	} files[RESOLV_HOSTS + 1], *f;
	uint8_t		 file = ipc_get_u8(msg);
	bool		 last = ipc_get_u8(msg) != 0;
	struct slice	 text = ipc_get_slice(msg);
	char		*p;

	msg->bad |= file > RESOLV_HOSTS;
	if (!ipc_complete(ipc, msg))
		return;
	f = &files[file];
	if (f->n + text.n <= TEXT_MAX &&
	    (p = realloc(f->text, f->n + text.n + 1)) != NULL) {
		f->text = p;
		if (text.n > 0)
			memcpy(p + f->n, text.p, text.n);
		f->n += text.n;
	}
	if (!last)
		return;
	use_file(file, slice_make(f->text, f->n));
	free(f->text);
	f->text = NULL;
	f->n = 0;
}

/* -- the process -- */

void
dns_main(void)
{
	const char	*list, *why = NULL;
	size_t		 i;

	for (i = 0; i < nitems(askers); i++) {
		TAILQ_INIT(&askers[i].running);
		TAILQ_INIT(&askers[i].waiting);
	}
	if ((dns = dns_new(loop_base, NULL)) == NULL)
		fatal("resolver");
	list = proc_conf->resolvers != NULL ? proc_conf->resolvers : RESOLVER;
	if (dns_resolvers(dns, list, &why) == -1)
		log_warnx("dns resolver %s: %s", list, why);
}

void
dns_peer(enum process peer, struct ipc *ipc, const char *instance)
{
	struct asker	*a = asker_of(peer);

	(void)instance;
	if (a == NULL)
		return;
	forget(a);
	a->ipc = ipc;
}

void
dns_message(enum process peer, struct ipc *ipc, struct ipc_msg *msg)
{
	struct asker		*a = asker_of(peer);
	struct ipc_resolve	 m;

	if (msg == NULL) {
		if (a != NULL && ipc == a->ipc)
			forget(a);
	} else if (peer == PROC_PARENT && msg->type == IPC_RESOLV)
		piece(ipc, msg);
	else if (a != NULL && ipc == a->ipc && msg->type == IPC_RESOLVE) {
		if (ipc_get_resolve(ipc, msg, &m))
			question(a, &m);
	} else
		log_warnx("unexpected %s", ipc_type_name(msg->type));
}

void
dns_stop(void)
{
	loop_stop();
}
