/* SPDX-License-Identifier: ISC */
/*
 * The lookup process between its peers: envelopes for queue, then the verdict
 * for who asked, smtp or queue; answers for relay, and for smtp about filters.
 * Channels are real.
 */
/* objects: smtpd/condition.o smtpd/lookup.o smtpd/lookup_hash.o smtpd/lookup_expand.o smtpd/lookup_nodes.o smtpd/lookup_include.o smtpd/lookup_value.o smtpd/lookup_match.o smtpd/lookup_local.o smtpd/lookup_relay.o smtpd/lookup_query.o smtpd/lookup_update.o smtpd/srs.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o smtpd/loop.o smtpd/log.o smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o smtpd/conf_filter.o smtpd/conf_rule.o */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/dsn.h"
#include "smtpd/lookup.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "tests/unit/conf_text.h"

#define CONF								\
	"table listed { a, b }\n"					\
	"table live file:/nonexistent/live\n"				\
	"action local maildir\n"					\
	"action mx relay auth { me = 'user:secret' } domain { '*' = 'smtp://me@far' } ttl 2h\n" \
	"action smart relay host smtp://smart\n"			\
	"match for domain plain.example action local\n"			\
	"match for domain smart.example action smart\n"			\
	"match for any action mx\n"

const struct proc_row	 proc_rows[PROC_MAX];
struct conf		*proc_conf;

enum user_answer
lookup_user(struct slice name, struct slice *login)
{
	if (!slice_eqi(name, SLICE("alice")))
		return USER_NO;
	*login = SLICE("alice");
	return USER_YES;
}

/* A peer: its end of the channel, and in words what came over it. */
static struct peer {
	enum process	 process;
	struct ipc	*theirs, *ours;
	char		 said[1024];
} smtp = { .process = PROC_SMTP }, queue = { .process = PROC_QUEUE }, relay = { .process = PROC_RELAY };

static void
say(struct peer *p, const char *fmt, ...)
{
	size_t	 n = strlen(p->said);
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(p->said + n, sizeof(p->said) - n, fmt, ap);
	va_end(ap);
}

static void
say_envelope(struct peer *p, struct ipc *ipc, struct ipc_msg *msg)
{
	struct ipc_envelope	 e;

	assert_int_equal(ipc_get_envelope(ipc, msg, &e), 1);
	assert_int_equal(e.evpid >> 32, e.msgid);
	say(p, "envelope %x %.*s %s %.*s %.*s %d %u %.*s; ", e.msgid, (int)e.action.n, e.action.p,
	    e.route_kind == ROUTE_RELAY ? "relay" : "user", (int)e.route.n, e.route.p,
	    (int)e.dest.n, e.dest.p, (int)e.ttl, e.notify, (int)e.orcpt.n, e.orcpt.p);
}

static void
peer_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	struct peer	*p = arg;
	uint64_t	 id;
	uint32_t	 msgid, serial;
	unsigned	 result;
	struct slice	 value;

	assert_non_null(msg);
	switch (msg->type) {
	case IPC_ENVELOPE:
		say_envelope(p, ipc, msg);
		break;
	case IPC_VERDICT:
		id = ipc_get_u64(msg);
		msgid = ipc_get_u32(msg);
		serial = ipc_get_u32(msg);
		result = ipc_get_u8(msg);
		ipc_get_u32(msg);
		say(p, "verdict %d %x %u %u of %u; ", (int)id, msgid, serial, result, ipc_get_u32(msg));
		break;
	case IPC_ANSWER:
		id = ipc_get_u64(msg);
		result = ipc_get_u8(msg);
		value = ipc_get_slice(msg);
		say(p, "answer %d %u %.*s; ", (int)id, result, (int)value.n, value.p);
		break;
	case IPC_UPDATED:
		id = ipc_get_u64(msg);
		result = ipc_get_u8(msg);
		value = ipc_get_slice(msg);
		say(p, "updated %d %u %.*s; ", (int)id, result, (int)value.n, value.p);
		break;
	case IPC_HELD:
		id = ipc_get_u64(msg);
		serial = ipc_get_u32(msg);
		msgid = ipc_get_u32(msg);
		say(p, "held %d %u %u %u; ", (int)id, serial, msgid, ipc_get_u8(msg));
		break;
	default:
		fail_msg("%s", ipc_type_name(msg->type));
	}
}

static void
lookup_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	const struct peer	*p = arg;

	lookup_message(p->process, ipc, msg);
	if (msg == NULL)
		ipc_free(ipc);
}

static void
connect_peer(struct peer *p)
{
	int	 fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd), 0);
	p->theirs = ipc_new(p->process, PROC_LOOKUP, fd[0], peer_cb, p);
	p->ours = ipc_new(PROC_LOOKUP, p->process, fd[1], lookup_cb, p);
	lookup_peer(p->process, p->ours, "");
	p->said[0] = '\0';
}

/* What p has sent goes to lookup, and all that it says to everybody. */
static void
exchange(struct peer *p)
{
	struct peer	*const all[] = { &smtp, &queue, &relay };
	size_t		 i;

	for (i = 0; i < nitems(all); i++)
		all[i]->said[0] = '\0';
	ipc_flush(p->theirs);
	ipc_drain(p->ours);
	ipc_flush_all();
	for (i = 0; i < nitems(all); i++)
		if (all[i]->theirs != NULL)
			ipc_drain(all[i]->theirs);
}

static void
ask(struct peer *p, const char *rcpt, bool local)
{
	struct ipc_rcpt	 q = { .session = 7, .msgid = 0xabcd, .serial = 3, .local = local,
			    .src = SLICE("192.0.2.1"), .rcpt = slice_str(rcpt), .notify = NOTIFY_FAILURE,
			    .orcpt = SLICE("rfc822;x") };

	ipc_send_rcpt(p->theirs, &q);
	exchange(p);
}

static const struct {
	const char	*rcpt;
	bool		 local;
	const char	*envelope, *verdict;
} rows[] = {
	{ "alice@plain.example", true, "envelope abcd local user alice alice@plain.example 345600 4 rfc822;x; ",
	    "verdict 7 abcd 3 0 of 1; " },
	{ "bob@Far.Example", true, "envelope abcd mx relay far.example bob@Far.Example 7200 4 rfc822;x; ",
	    "verdict 7 abcd 3 0 of 1; " },
	{ "bob@smart.example", true, "envelope abcd smart relay  bob@smart.example 345600 4 rfc822;x; ",
	    "verdict 7 abcd 3 0 of 1; " },
	/* nobody else relays */
	{ "bob@far.example", false, "", "verdict 7 abcd 3 1 of 0; " },
	{ "bob@smart.example", false, "", "verdict 7 abcd 3 1 of 0; " },
};

static void
test_recipients(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		ask(&smtp, rows[i].rcpt, rows[i].local);
		assert_string_equal(queue.said, rows[i].envelope);
		assert_string_equal(smtp.said, rows[i].verdict);
		assert_string_equal(relay.said, "");
	}
}

/* Of a bounce; the verdict comes behind the envelope, on the same channel. */
static void
test_queue_asks(void **state)
{
	char	 both[512];
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		snprintf(both, sizeof(both), "%s%s", rows[i].envelope, rows[i].verdict);
		ask(&queue, rows[i].rcpt, rows[i].local);
		assert_string_equal(queue.said, both);
		assert_string_equal(smtp.said, "");
	}
}

static void
query(uint8_t kind, const char *table, const char *key)
{
	ipc_begin(relay.theirs, IPC_QUERY);
	ipc_put_u64(relay.theirs, 42);
	ipc_put_u8(relay.theirs, kind);
	ipc_put_slice(relay.theirs, slice_str(table));
	ipc_put_slice(relay.theirs, slice_str(key));
	ipc_end(relay.theirs);
	exchange(&relay);
}

static void
test_relay_asks(void **state)
{
	(void)state;
	query(QUERY_CREDENTIALS, "<dynamic:0>", "me");
	assert_string_equal(relay.said, "answer 42 2 user:secret; ");
	query(QUERY_CREDENTIALS, "<dynamic:0>", "you");
	assert_string_equal(relay.said, "answer 42 1 ; ");
	query(QUERY_CREDENTIALS, "<dynamic:1>", "*");
	assert_string_equal(relay.said, "answer 42 0 ; ");
	query(QUERY_DOMAIN, "<dynamic:1>", "far.example");
	assert_string_equal(relay.said, "answer 42 2 smtp://me@far; ");
	query(200, "<dynamic:1>", "far.example");
	assert_string_equal(relay.said, "answer 42 0 ; ");
}

/* -- of the tables of filters -- */

static struct filter	 filters[] = {
	{ .index = 0, .kind = FILTER_CHAIN },
	{ .index = 1, .phase = PHASE_CONNECT, .condition = COND_SRC },
	{ .index = 2, .phase = PHASE_DATA, .condition = COND_MAIL_FROM, .regex = true },
	{ .index = 3, .phase = PHASE_DATA, .condition = COND_FCRDNS },
	{ .index = 4, .phase = PHASE_CONNECT, .condition = COND_SRC, .negate = true },
};

static void
add_filters(void)
{
	static const char *const	 entries[][2] = { { "10.0.0.0/8", "local" }, { "^a.b@", "c$" } };
	size_t				 i, k;

	for (i = 0; i < nitems(filters); i++)
		TAILQ_INSERT_TAIL(&proc_conf->filters, &filters[i], entry);
	for (i = 0; i < nitems(entries); i++) {
		filters[1 + i].table = table_new("t", NULL);
		assert_non_null(filters[1 + i].table);
		for (k = 0; k < nitems(entries[i]); k++)
			assert_int_equal(table_add(filters[1 + i].table, slice_str(entries[i][k]), SLICE_NONE), 0);
	}
	filters[4].table = table_new("t", "/nonexistent/table");
}

static void
remove_filters(void)
{
	size_t	 i;

	for (i = 0; i < nitems(filters); i++)
		table_free(filters[i].table);
	TAILQ_INIT(&proc_conf->filters);
}

static const struct {
	struct peer	*peer;
	uint32_t	 index;
	const char	*key, *answer;
} conditions[] = {
	{ &smtp,	1,	"10.1.2.3",	"held 7 3 1 2; " },
	{ &smtp,	1,	"local",	"held 7 3 1 2; " },
	{ &smtp,	1,	"192.0.2.1",	"held 7 3 1 1; " },
	{ &smtp,	2,	"axb@d",	"held 7 3 2 2; " },
	{ &smtp,	2,	"",		"held 7 3 2 1; " },
	/* it cannot be read; that the rule says `!' is smtp's to know */
	{ &smtp,	4,	"10.1.2.3",	"held 7 3 4 0; " },
	/* a chain, a rule without a table, none */
	{ &smtp,	0,	"10.1.2.3",	"" },
	{ &smtp,	3,	"10.1.2.3",	"" },
	{ &smtp,	5,	"10.1.2.3",	"" },
	/* relay and queue may not ask that */
	{ &relay,	1,	"10.1.2.3",	"" },
	{ &queue,	1,	"10.1.2.3",	"" },
};

static void
test_smtp_asks(void **state)
{
	struct peer	*p;
	size_t		 i;

	(void)state;
	add_filters();
	for (i = 0; i < nitems(conditions); i++) {
		p = conditions[i].peer;
		ipc_begin(p->theirs, IPC_CONDITION);
		ipc_put_u64(p->theirs, 7);
		ipc_put_u32(p->theirs, 3);
		ipc_put_u32(p->theirs, conditions[i].index);
		ipc_put_slice(p->theirs, slice_str(conditions[i].key));
		ipc_end(p->theirs);
		exchange(p);
		assert_string_equal(smtp.said, conditions[i].answer);
		assert_string_equal(p->said, conditions[i].answer);
	}
	remove_filters();
}

/* -- smtpctl update table, by queue -- */

static const struct {
	const char	*table, *answer;
} updates[] = {
	{ "live", "updated 9 0 table live stays as it is: /nonexistent/live: No such file or directory; " },
	{ "listed", "updated 9 0 table listed is written in smtpd.conf: it changes when smtpd starts anew; " },
	{ "lvie", "updated 9 0 no table \"lvie\"; did you mean \"live\"?; " },
	{ "nothing-like-that", "updated 9 0 no table \"nothing-like-that\"; " },
	/* a list in a rule has a name, too, but it is nobody's to use */
	{ "<dynamic:0>", "updated 9 0 no table \"<dynamic:0>\"; " },
	{ "", "updated 9 0 no table \"\"; " },
};

static void
test_queue_updates(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(updates); i++) {
		ipc_begin(queue.theirs, IPC_UPDATE);
		ipc_put_u64(queue.theirs, 9);
		ipc_put_slice(queue.theirs, slice_str(updates[i].table));
		ipc_end(queue.theirs);
		exchange(&queue);
		assert_string_equal(queue.said, updates[i].answer);
	}
}

/* Last: without queue everybody waits, and one that comes again is used. */
static void
test_queue_gone(void **state)
{
	(void)state;
	ipc_free(queue.theirs);
	queue.theirs = NULL;
	ipc_drain(queue.ours);
	ask(&smtp, "bob@far.example", true);
	assert_string_equal(smtp.said, "verdict 7 abcd 3 4 of 0; ");
	connect_peer(&queue);
	ask(&smtp, "bob@far.example", true);
	assert_string_equal(smtp.said, rows[1].verdict);
}

static int
setup(void **state)
{
	char	*errors;

	(void)state;
	loop_init();
	proc_conf = parse(CONF, NULL, &errors);
	assert_string_equal(errors, "");
	free(errors);
	lookup_main();
	connect_peer(&smtp);
	connect_peer(&queue);
	connect_peer(&relay);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	conf_free(proc_conf);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_recipients),
		cmocka_unit_test(test_queue_asks),
		cmocka_unit_test(test_relay_asks),
		cmocka_unit_test(test_smtp_asks),
		cmocka_unit_test(test_queue_updates),
		cmocka_unit_test(test_queue_gone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
