/* SPDX-License-Identifier: ISC */
/*
 * The questions of dns's peers: each is answered once, in time, however many
 * there are; a peer that is gone is forgotten.  Channels and resolver are the
 * test's own.
 */
/* objects: smtpd/dns.o smtpd/dns_host.o smtpd/dns_idn.o smtpd/log.o */
#include <sys/socket.h>
#include <netinet/in.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fcrdns.h"
#include "smtpd/dns_int.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"

#define SECOND	1000000000ULL
#define SMTP	((struct ipc *)1)	/* its channel, and of relay */
#define RELAY	((struct ipc *)2)

struct event_base	*loop_base;
static struct conf	 conf = { .dns_timeout = 10 };
struct conf		*proc_conf = &conf;
enum process		 proc_self = PROC_DNS;
static uint64_t		 now = SECOND;
static size_t		 backlog;

/* What is under way: any kind of question. */
static struct open {
	struct open	*next;
	void		(*rdns)(const struct fcrdns_result *, void *);
	mx_cb		 mx;
	void		*arg;
	int		 deadline;
} *opened;
static size_t		 nopen, ncancelled;

/* The last answer, and how many there were. */
static struct ipc_resolved	 said;
static struct ipc_host		 said_host;
static char			 said_text[64];
static size_t			 nsaid;

uint64_t
loop_mono(void)
{
	return now;
}

void
loop_stop(void)
{
}

const char *
ipc_type_name(enum ipc_type type)
{
	(void)type;
	return "message";
}

size_t
ipc_backlog(const struct ipc *ipc)
{
	(void)ipc;
	return backlog;
}

static struct ipc_resolve	 asked;

int
ipc_get_resolve(struct ipc *ipc, struct ipc_msg *msg, struct ipc_resolve *m)
{
	(void)ipc;
	(void)msg;
	*m = asked;
	return 1;
}

void
ipc_send_resolved(struct ipc *ipc, const struct ipc_resolved *m,
    const struct ipc_host *host)
{
	assert_true(ipc == SMTP || ipc == RELAY);
	said = *m;
	if (m->n > 0)
		said_host = *host;
	assert_true(m->text.n < sizeof(said_text));
	memcpy(said_text, m->text.p, m->text.n);
	said_text[m->text.n] = '\0';
	nsaid++;
}

/* Not of use here: the files of resolvers. */

uint8_t
ipc_get_u8(struct ipc_msg *msg)
{
	(void)msg;
	return 0;
}

struct slice
ipc_get_slice(struct ipc_msg *msg)
{
	(void)msg;
	return SLICE("");
}

int
ipc_complete(struct ipc *ipc, struct ipc_msg *msg)
{
	(void)ipc;
	(void)msg;
	return 0;
}

struct dns *
dns_new(struct event_base *base, const struct dns_options *options)
{
	(void)base;
	(void)options;
	return (struct dns *)&conf;
}

int
dns_resolvers(struct dns *dns, const char *list, const char **why)
{
	(void)dns;
	(void)list;
	(void)why;
	return 0;
}

int
dns_resolv_conf(struct dns *dns, struct slice text, const char **why)
{
	(void)dns;
	(void)text;
	(void)why;
	return 0;
}

int
dns_hosts(struct dns *dns, struct slice text)
{
	(void)dns;
	(void)text;
	return 0;
}

/* There is no memory for questions about hosts. */
struct dns_query *
dns_ask(struct dns *dns, const char *name, enum dns_type type, int deadline,
    dns_cb cb, void *arg)
{
	(void)dns;
	(void)name;
	(void)type;
	(void)deadline;
	(void)cb;
	(void)arg;
	return NULL;
}

void
dns_cancel(struct dns_query *q)
{
	(void)q;
}

static struct open *
open_one(int deadline, void *arg)
{
	struct open	*o = calloc(1, sizeof(*o));

	assert_true(deadline > 0 && deadline <= 10000);
	o->deadline = deadline;
	o->arg = arg;
	o->next = opened;
	opened = o;
	nopen++;
	return o;
}

struct fcrdns_query *
fcrdns_ask(struct dns *dns, const struct sockaddr *sa, int deadline,
    fcrdns_step_cb step, fcrdns_cb cb, void *arg)
{
	struct open	*o = open_one(deadline, arg);

	assert_non_null(dns);
	assert_null(step);
	assert_true(sa->sa_family == AF_INET || sa->sa_family == AF_INET6);
	o->rdns = cb;
	return (struct fcrdns_query *)o;
}

struct mx_query *
mx_ask(struct dns *dns, const char *domain, enum resolve_family family,
    int deadline, mx_cb cb, void *arg)
{
	struct open	*o = open_one(deadline, arg);

	(void)dns;
	(void)domain;
	(void)family;
	o->mx = cb;
	return (struct mx_query *)o;
}

static void
drop(struct open *o)
{
	struct open	**p;

	for (p = &opened; *p != o; p = &(*p)->next)
		assert_non_null(*p);
	*p = o->next;
	nopen--;
	free(o);
}

void
fcrdns_cancel(struct fcrdns_query *q)
{
	ncancelled++;
	drop((struct open *)q);
}

void
mx_cancel(struct mx_query *q)
{
	ncancelled++;
	drop((struct open *)q);
}

/* The newest question is answered. */
static void
answer_one(enum iprev verdict, const char *name)
{
	struct open			 o = *opened;
	const struct fcrdns_result	 r = { verdict, name, NULL, 60 };
	const struct mx_answer		 a = { RESOLVED_NONE, "no such name", 0, NULL };

	drop(opened);
	if (o.rdns != NULL)
		o.rdns(&r, o.arg);
	else
		o.mx(&a, o.arg);
}

static void
ask(enum process peer, uint64_t id, enum resolve kind, struct slice name)
{
	struct ipc_msg	 msg = { .type = IPC_RESOLVE, .fd = -1 };

	asked = (struct ipc_resolve){ id, kind, RESOLVE_INET4, name };
	dns_message(peer, peer == PROC_SMTP ? SMTP : RELAY, &msg);
}

static int
setup(void **state)
{
	(void)state;
	dns_peer(PROC_SMTP, SMTP, "");
	dns_peer(PROC_RELAY, RELAY, "");
	nsaid = ncancelled = 0;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	dns_message(PROC_SMTP, SMTP, NULL);
	dns_message(PROC_RELAY, RELAY, NULL);
	assert_null(opened);
	return 0;
}

static void
test_verdicts(void **state)
{
	static const struct {
		enum iprev	 verdict;
		enum fcrdns	 fcrdns;
	} rows[] = {
		{ IPREV_PASS, FCRDNS_PASS }, { IPREV_FAIL, FCRDNS_FAIL },
		{ IPREV_PERMERROR, FCRDNS_FAIL }, { IPREV_TEMPERROR, FCRDNS_ERROR },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < 4; i++) {
		ask(PROC_SMTP, i, RESOLVE_RDNS, SLICE("192.0.2.1"));
		assert_int_equal(nsaid, i);
		answer_one(rows[i].verdict, "a.example");
		assert_int_equal(nsaid, i + 1);
		assert_int_equal(said.id, i);
		assert_int_equal(said.fcrdns, rows[i].fcrdns);
		assert_string_equal(said_text, "a.example");
	}
}

/* What needs no asking, or cannot be asked, is answered at once. */
static void
test_at_once(void **state)
{
	(void)state;
	ask(PROC_SMTP, 1, RESOLVE_RDNS, SLICE("local"));
	assert_int_equal(said.fcrdns, FCRDNS_ERROR);
	assert_int_equal(said.text.n, 0);
	ask(PROC_RELAY, 2, RESOLVE_MX, SLICE(""));
	assert_int_equal(said.result, RESOLVED_NONE);
	ask(PROC_RELAY, 3, RESOLVE_MX, SLICE("a\0b"));
	assert_int_equal(said.result, RESOLVED_NONE);
	ask(PROC_RELAY, 4, RESOLVE_HOST + 1, SLICE("a"));
	assert_int_equal(said.result, RESOLVED_NONE);
	ask(PROC_RELAY, 5, RESOLVE_MX, SLICE("[192.0.2.1]"));
	assert_int_equal(said.result, RESOLVED_OK);
	assert_int_equal(said.n, 1);
	ask(PROC_RELAY, 6, RESOLVE_MX, SLICE("[IPv6:::1]"));
	assert_int_equal(said.result, RESOLVED_NONE);
	ask(PROC_RELAY, 7, RESOLVE_HOST, SLICE("192.0.2.1"));
	assert_int_equal(said.result, RESOLVED_OK);
	ask(PROC_RELAY, 8, RESOLVE_HOST, SLICE("a.example"));
	assert_int_equal(said.result, RESOLVED_TEMPFAIL);
	backlog = 64 * 1024 * 1024;
	ask(PROC_RELAY, 9, RESOLVE_MX, SLICE("a.example"));
	backlog = 0;
	assert_int_equal(said.result, RESOLVED_TEMPFAIL);
	assert_int_equal(said.id, 9);
	assert_int_equal(nsaid, 9);
	assert_int_equal(nopen, 0);
}

/* What is too much at once waits; what has waited too long is not begun. */
static void
test_bounds(void **state)
{
	size_t	 i, most;

	(void)state;
	for (i = 0; i < 3000; i++)
		ask(PROC_RELAY, i, RESOLVE_MX, SLICE("a.example"));
	most = nopen;
	assert_true(most < 3000);
	assert_int_equal(nsaid, 0);
	/* Others are not kept waiting by that. */
	ask(PROC_SMTP, 1, RESOLVE_RDNS, SLICE("192.0.2.1"));
	assert_int_equal(nopen, most + 1);
	answer_one(IPREV_PASS, "a.example");
	now += 4 * SECOND;
	answer_one(0, NULL);
	assert_int_equal(nopen, most);
	assert_int_equal(opened->deadline, 6000);
	now += 7 * SECOND;
	answer_one(0, NULL);
	assert_int_equal(nopen, most - 1);
	while (opened != NULL)
		answer_one(0, NULL);
	assert_int_equal(nsaid, 3001);
	/* Beyond all bounds: an answer too. */
	for (i = 0; i < most + 65536 + 10; i++)
		ask(PROC_RELAY, i, RESOLVE_MX, SLICE("a.example"));
	assert_int_equal(nsaid, 3001 + 10);
	assert_int_equal(said.result, RESOLVED_TEMPFAIL);
}

static void
test_death(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < 2000; i++)
		ask(PROC_RELAY, i, RESOLVE_MX, SLICE("a.example"));
	ask(PROC_SMTP, 1, RESOLVE_RDNS, SLICE("::1"));
	i = nopen;
	dns_message(PROC_RELAY, RELAY, NULL);
	assert_int_equal(nopen, 1);
	assert_int_equal(ncancelled, i - 1);
	answer_one(IPREV_FAIL, "");
	assert_int_equal(nsaid, 1);
	dns_peer(PROC_RELAY, RELAY, "");
	ask(PROC_RELAY, 1, RESOLVE_MX, SLICE("a.example"));
	assert_int_equal(nopen, 1);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_verdicts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_death, setup, teardown),
	};

	dns_main();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
