/* SPDX-License-Identifier: ISC */
/*
 * The conditions of filters' rules: each with every verdict on the client's
 * name, bare and negated; what is looked for in a table, written in smtpd.conf
 * or in a file, which lookup is asked about over a real channel.
 */
/* objects: smtpd/smtp_condition.o smtpd/condition.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o smtpd/loop.o smtpd/log.o */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/condition.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_condition.h"
#include "smtpd/smtp_peers.h"

#define SESSION	0x1234567890abcdefULL

const struct proc_row	 proc_rows[PROC_MAX];
static struct conf	 conf = { .hostname = "host.example" };
struct conf		*proc_conf = &conf;
struct ipc		*smtp_dns, *smtp_lookup, *smtp_queue;

static struct {			/* what phase_condition() heard */
	unsigned	 n;
	uint64_t	 session;
	uint32_t	 serial;
	enum held	 held;
} heard;

void
phase_condition(uint64_t session, uint32_t serial, enum held held)
{
	heard.n++;
	heard.session = session;
	heard.serial = serial;
	heard.held = held;
}

bool
session_is_local(const struct session *s)
{
	return s->listener->local;
}

struct slice
session_address(const struct session *s)
{
	return slice_str(s->src);
}

static const struct listener	 network = { .local = false }, submission = { .local = true };

/* A client in all that a condition may look at. */
static struct session
client(const char *src, const char *rdns, enum fcrdns verdict)
{
	return (struct session){
		.listener = strcmp(src, "local") == 0 ? &submission : &network,
		.source = { .session = SESSION },
		.src = (char *)src, .rdns = (char *)rdns, .fcrdns = verdict,
	};
}

static const char *const	 held_names[] = {
	[HELD_NO] = "no", [HELD_YES] = "yes", [HELD_ERROR] = "error", [HELD_LATER] = "later",
};

/* Bare, and negated. */
static void
judge(const struct session *s, struct filter *f, struct slice argument, enum held bare,
    enum held negated, const char *row)
{
	enum held	 h;

	f->negate = false;
	if ((h = condition_judge(s, f, argument, 1)) != bare)
		fail_msg("%s: %s", row, held_names[h]);
	f->negate = true;
	if ((h = condition_judge(s, f, argument, 1)) != negated)
		fail_msg("! %s: %s", row, held_names[h]);
}

/* -- the client's name -- */

#define NO	HELD_NO, HELD_YES
#define YES	HELD_YES, HELD_NO
#define UNSURE	HELD_NO, HELD_ERROR

static const struct {
	const char	*src, *rdns;
	enum fcrdns	 fcrdns;
	enum condition	 condition;
	enum held	 bare, negated;
} names[] = {
	{ "192.0.2.1",	"a.example",	FCRDNS_PASS,	COND_FCRDNS,		YES },
	{ "192.0.2.1",	"a.example",	FCRDNS_FAIL,	COND_FCRDNS,		NO },
	{ "192.0.2.1",	NULL,		FCRDNS_FAIL,	COND_FCRDNS,		NO },
	{ "192.0.2.1",	"a.example",	FCRDNS_ERROR,	COND_FCRDNS,		UNSURE },
	{ "192.0.2.1",	NULL,		FCRDNS_ERROR,	COND_FCRDNS,		UNSURE },
	{ "local",	NULL,		FCRDNS_PASS,	COND_FCRDNS,		YES },
	{ "192.0.2.1",	"a.example",	FCRDNS_PASS,	COND_FCRDNS_ERROR,	NO },
	{ "192.0.2.1",	NULL,		FCRDNS_FAIL,	COND_FCRDNS_ERROR,	NO },
	{ "192.0.2.1",	"a.example",	FCRDNS_ERROR,	COND_FCRDNS_ERROR,	YES },
	{ "192.0.2.1",	NULL,		FCRDNS_ERROR,	COND_FCRDNS_ERROR,	YES },
	{ "local",	NULL,		FCRDNS_PASS,	COND_FCRDNS_ERROR,	NO },
	{ "192.0.2.1",	"a.example",	FCRDNS_PASS,	COND_RDNS,		YES },
	{ "192.0.2.1",	"a.example",	FCRDNS_FAIL,	COND_RDNS,		YES },
	{ "192.0.2.1",	NULL,		FCRDNS_FAIL,	COND_RDNS,		NO },
	{ "192.0.2.1",	"a.example",	FCRDNS_ERROR,	COND_RDNS,		YES },
	{ "192.0.2.1",	NULL,		FCRDNS_ERROR,	COND_RDNS,		UNSURE },
	{ "local",	NULL,		FCRDNS_PASS,	COND_RDNS,		YES },
	{ "192.0.2.1",	"x.a.example",	FCRDNS_PASS,	COND_RDNS_TABLE,	YES },
	{ "192.0.2.1",	"X.A.example",	FCRDNS_FAIL,	COND_RDNS_TABLE,	YES },
	{ "192.0.2.1",	"b.example",	FCRDNS_PASS,	COND_RDNS_TABLE,	NO },
	{ "192.0.2.1",	"b.example",	FCRDNS_ERROR,	COND_RDNS_TABLE,	NO },
	{ "192.0.2.1",	NULL,		FCRDNS_FAIL,	COND_RDNS_TABLE,	NO },
	{ "192.0.2.1",	NULL,		FCRDNS_ERROR,	COND_RDNS_TABLE,	UNSURE },
	{ "local",	NULL,		FCRDNS_PASS,	COND_RDNS_TABLE,	YES },
	/* the others do not care */
	{ "192.0.2.1",	NULL,		FCRDNS_PASS,	COND_ANY,		YES },
	{ "192.0.2.1",	NULL,		FCRDNS_FAIL,	COND_ANY,		YES },
	{ "192.0.2.1",	NULL,		FCRDNS_ERROR,	COND_ANY,		YES },
	{ "192.0.2.1",	NULL,		FCRDNS_ERROR,	COND_AUTH,		NO },
};

static struct table *
table_of(const char *const *entries)
{
	struct table	*t = table_new("t", NULL);

	assert_non_null(t);
	for (; *entries != NULL; entries++)
		assert_int_equal(table_add(t, slice_str(*entries), SLICE_NONE), 0);
	return t;
}

static void
test_names(void **state)
{
	static const char *const	 entries[] = { "*.a.example", "host.example", NULL };
	struct table			*t = table_of(entries);
	struct filter			 f = { .kind = FILTER_RULE, .phase = PHASE_CONNECT };
	struct session			 s;
	char				 row[64];
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(names); i++) {
		s = client(names[i].src, names[i].rdns, names[i].fcrdns);
		f.condition = names[i].condition;
		f.table = f.condition == COND_RDNS_TABLE ? t : NULL;
		snprintf(row, sizeof(row), "row %zu", i);
		judge(&s, &f, SLICE(""), names[i].bare, names[i].negated, row);
		if (names[i].negated == HELD_ERROR)
			assert_true(condition_wants_name(&s, &f));
	}
	table_free(t);
}

/* -- what is looked for -- */

#define ADDRESSES "joe@example.org", "@example.net", "<>"

static const struct {
	enum condition	 condition;
	enum phase	 phase;
	bool		 regex;
	const char	*entries[4];
	const char	*argument;
	enum held	 bare, negated;
} tables[] = {
	{ COND_RDNS_TABLE, PHASE_CONNECT, true, { "^c[0-9]+\\." }, "", YES },
	{ COND_RDNS_TABLE, PHASE_DATA,	true,	{ "unknown" },	"", NO },
	{ COND_SRC, PHASE_CONNECT, false, { "192.0.2.0/24" },	"", YES },
	{ COND_SRC, PHASE_COMMIT, false, { "10.0.0.0/8", "local" }, "", NO },
	{ COND_SRC, PHASE_COMMIT, true,	{ "^192\\.0\\.2" },	"", YES },
	/* the name it gives now, then the one it gave */
	{ COND_HELO, PHASE_EHLO, false,	{ "*.new.example" },	"a.new.example", YES },
	{ COND_HELO, PHASE_HELO, false,	{ "*.new.example" },	"a.other.example", NO },
	{ COND_HELO, PHASE_EHLO, false,	{ "helo.example" },	"a.new.example", NO },
	{ COND_HELO, PHASE_DATA, false,	{ "HELO.example" },	"a.new.example", YES },
	{ COND_HELO, PHASE_DATA, true,	{ "^helo" },		"", YES },
	{ COND_AUTH, PHASE_DATA, false,	{ NULL },		"", YES },
	{ COND_AUTH_TABLE, PHASE_DATA, false, { "joe", "jim" },	"", YES },
	{ COND_AUTH_TABLE, PHASE_DATA, false, { "jill" },	"", NO },
	{ COND_AUTH_TABLE, PHASE_DATA, true, { "^jo" },		"", YES },
	{ COND_AUTH_TABLE, PHASE_AUTH, false, { "a b" },	"PLAIN a b", YES },
	{ COND_AUTH_TABLE, PHASE_AUTH, false, { "joe" },	"LOGIN jill", NO },
	{ COND_AUTH_TABLE, PHASE_AUTH, true, { "." },		"LOGIN", NO },
	{ COND_MAIL_FROM, PHASE_MAIL_FROM, false, { ADDRESSES }, "<joe@example.org> SIZE=1", YES },
	{ COND_MAIL_FROM, PHASE_MAIL_FROM, false, { ADDRESSES }, "joe@example.org", YES },
	{ COND_MAIL_FROM, PHASE_MAIL_FROM, false, { ADDRESSES }, "<@hop.example:joe@example.org>", YES },
	{ COND_MAIL_FROM, PHASE_MAIL_FROM, false, { ADDRESSES }, "<jim@example.org>", NO },
	{ COND_MAIL_FROM, PHASE_MAIL_FROM, false, { ADDRESSES }, "<>", YES },
	{ COND_MAIL_FROM, PHASE_MAIL_FROM, false, { ADDRESSES }, "", YES },
	{ COND_MAIL_FROM, PHASE_MAIL_FROM, false, { ADDRESSES }, "<no path, joe@example.net> X", YES },
	{ COND_MAIL_FROM, PHASE_MAIL_FROM, true, { "^joe@.*org$" }, "<joe@example.org> SIZE=1", YES },
	/* in later phases the sender of the transaction */
	{ COND_MAIL_FROM, PHASE_RCPT_TO, false, { "sender@example.com" }, "<joe@example.org>", YES },
	{ COND_MAIL_FROM, PHASE_DATA, false, { ADDRESSES },	"", NO },
	{ COND_MAIL_FROM, PHASE_COMMIT, true, { "^sender@" },	"", YES },
	{ COND_RCPT_TO, PHASE_RCPT_TO, false, { ADDRESSES },	"<x@Example.NET> NOTIFY=NEVER", YES },
	{ COND_RCPT_TO, PHASE_RCPT_TO, false, { ADDRESSES },	"x@example.com", NO },
	{ COND_RCPT_TO, PHASE_RCPT_TO, false, { "postmaster" },	"<Postmaster>", YES },
	{ COND_RCPT_TO, PHASE_RCPT_TO, true, { "a\\|b" },	"<a|b@example.org>", YES },
	/* check-table, check-regex */
	{ COND_ARGUMENT, PHASE_CONNECT, false, { "192.0.2.1" },	"c1.example|192.0.2.1", YES },
	{ COND_ARGUMENT, PHASE_CONNECT, false, { "192.0.2.0/29" }, "", YES },
	{ COND_ARGUMENT, PHASE_CONNECT, true, { "^192\\.0\\.2\\.1$" }, "", YES },
	{ COND_ARGUMENT, PHASE_EHLO, false, { "laptop.home", "*.dyn.example" }, "a.dyn.example", YES },
	{ COND_ARGUMENT, PHASE_HELO, true, { "^laptop" },	"laptop.home", YES },
	{ COND_ARGUMENT, PHASE_MAIL_FROM, false, { ADDRESSES },	"<x@example.net> SIZE=1", YES },
	{ COND_ARGUMENT, PHASE_RCPT_TO, true, { "^x@[^ <>]*$" }, "<x@example.net> NOTIFY=NEVER", YES },
	{ COND_ARGUMENT, PHASE_NOOP, false, { "this" },		"this", YES },
	{ COND_ARGUMENT, PHASE_QUIT, true, { "^$" },		NULL, YES },
	{ COND_ARGUMENT, PHASE_QUIT, false, { "x" },		NULL, NO },
};

static void
test_tables(void **state)
{
	struct session	 s = client("192.0.2.1", "c1.example", FCRDNS_PASS);
	struct tx	 tx = { .session = &s, .sender = "sender@example.com" };
	struct filter	 f = { .kind = FILTER_RULE };
	char		 row[64];
	size_t		 i;

	(void)state;
	s.helo = "helo.example";
	s.username = "joe";
	s.tx = &tx;
	for (i = 0; i < nitems(tables); i++) {
		f.condition = tables[i].condition;
		f.phase = tables[i].phase;
		f.regex = tables[i].regex;
		f.table = table_of(tables[i].entries);
		snprintf(row, sizeof(row), "row %zu", i);
		judge(&s, &f, slice_str(tables[i].argument), tables[i].bare, tables[i].negated, row);
		assert_false(condition_wants_name(&s, &f));
		table_free(f.table);
	}
}

/* What a session does not have is in no table, not even in one that takes all. */
static void
test_nothing(void **state)
{
	static const char *const	 all[] = { ".*", NULL };
	static const enum condition	 conditions[] = {
		COND_RDNS_TABLE, COND_HELO, COND_AUTH_TABLE, COND_MAIL_FROM,
	};
	struct session			 s = client("192.0.2.1", NULL, FCRDNS_FAIL);
	struct filter			 f = {
		.kind = FILTER_RULE, .phase = PHASE_DATA, .regex = true, .table = table_of(all),
	};
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(conditions); i++) {
		f.condition = conditions[i];
		judge(&s, &f, SLICE(""), NO, "nothing");
	}
	f.condition = COND_AUTH;
	judge(&s, &f, SLICE(""), NO, "auth");
	table_free(f.table);
}

static void
test_local(void **state)
{
	static const char *const	 entries[] = { "10.0.0.0/8", "local", NULL };
	struct session			 s = client("local", NULL, FCRDNS_PASS);
	struct filter			 f = {
		.kind = FILTER_RULE, .phase = PHASE_DATA, .condition = COND_SRC, .table = table_of(entries),
	};

	(void)state;
	judge(&s, &f, SLICE(""), YES, "local");
	table_free(f.table);
}

/* -- tables in files -- */

static struct {			/* the question that lookup has */
	unsigned	 n;
	uint64_t	 session;
	uint32_t	 serial, index;
	char		 key[CONDITION_KEY_MAX + 1];
} asked;
static struct ipc	*lookup;

static void
lookup_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	struct slice	 key;

	(void)arg;
	assert_non_null(msg);
	assert_int_equal(msg->type, IPC_CONDITION);
	asked.n++;
	asked.session = ipc_get_u64(msg);
	asked.serial = ipc_get_u32(msg);
	asked.index = ipc_get_u32(msg);
	key = ipc_get_slice(msg);
	assert_int_equal(ipc_complete(ipc, msg), 1);
	assert_true(key.n < sizeof(asked.key));
	memcpy(asked.key, key.p, key.n);
	asked.key[key.n] = '\0';
}

static void
smtp_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	(void)arg;
	assert_non_null(msg);
	condition_answer(ipc, msg);
}

static void
answer(uint32_t serial, uint32_t index, uint8_t code)
{
	heard.n = 0;
	ipc_begin(lookup, IPC_HELD);
	ipc_put_u64(lookup, SESSION);
	ipc_put_u32(lookup, serial);
	ipc_put_u32(lookup, index);
	ipc_put_u8(lookup, code);
	ipc_end(lookup);
	ipc_flush(lookup);
	ipc_drain(smtp_lookup);
}

static struct filter	 rules[] = {
	{ .kind = FILTER_CHAIN, .index = 0 },
	{ .kind = FILTER_RULE, .index = 1, .phase = PHASE_RCPT_TO, .condition = COND_RCPT_TO },
	{ .kind = FILTER_RULE, .index = 2, .phase = PHASE_RCPT_TO, .condition = COND_RCPT_TO,
	    .negate = true },
	{ .kind = FILTER_RULE, .index = 3, .phase = PHASE_CONNECT, .condition = COND_FCRDNS },
};

static const struct {
	uint32_t	 index;
	uint8_t		 code;
	enum held	 held;
} answers[] = {
	{ 1, 1 + TABLE_YES,	HELD_YES },
	{ 1, 1 + TABLE_NO,	HELD_NO },
	{ 1, 1 + TABLE_ERROR,	HELD_ERROR },
	{ 2, 1 + TABLE_YES,	HELD_NO },
	{ 2, 1 + TABLE_NO,	HELD_YES },
	{ 2, 1 + TABLE_ERROR,	HELD_ERROR },
};

static void
test_file(void **state)
{
	struct session	 s = client("192.0.2.1", NULL, FCRDNS_FAIL);
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(answers); i++) {
		asked.n = 0;
		assert_int_equal(condition_judge(&s, &rules[answers[i].index], SLICE("<a@b.example> NOTIFY=NEVER"),
		    70 + (uint32_t)i), HELD_LATER);
		ipc_flush(smtp_lookup);
		ipc_drain(lookup);
		assert_int_equal(asked.n, 1);
		assert_int_equal(asked.session, SESSION);
		assert_int_equal(asked.serial, 70 + i);
		assert_int_equal(asked.index, answers[i].index);
		assert_string_equal(asked.key, "a@b.example");
		answer(asked.serial, asked.index, answers[i].code);
		assert_int_equal(heard.n, 1);
		assert_int_equal(heard.session, SESSION);
		assert_int_equal(heard.serial, 70 + i);
		assert_int_equal(heard.held, answers[i].held);
	}
}

/* Of a chain, of a rule without a table, of none, or with an answer that is none. */
static void
test_false_answers(void **state)
{
	static const struct { uint32_t index; uint8_t code; } rows[] = {
		{ 0, 2 }, { 3, 2 }, { 4, 2 }, { 1, 3 }, { 1, 255 },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		answer(1, rows[i].index, rows[i].code);
		assert_int_equal(heard.n, 0);
	}
}

static void
test_too_long(void **state)
{
	static char	 key[CONDITION_KEY_MAX + 1];
	struct session	 s = client("192.0.2.1", NULL, FCRDNS_FAIL);

	(void)state;
	memset(key, 'a', sizeof(key));
	asked.n = 0;
	assert_int_equal(condition_judge(&s, &rules[1], slice_make(key, sizeof(key)), 1), HELD_ERROR);
	assert_int_equal(condition_judge(&s, &rules[2], slice_make(key, sizeof(key)), 1), HELD_ERROR);
	assert_int_equal(condition_judge(&s, &rules[1], slice_make(key, sizeof(key) - 1), 1), HELD_LATER);
	ipc_flush(smtp_lookup);
	ipc_drain(lookup);
	assert_int_equal(asked.n, 1);
	assert_int_equal(strlen(asked.key), CONDITION_KEY_MAX);
}

/* Last. */
static void
test_lookup_gone(void **state)
{
	struct session	 s = client("192.0.2.1", NULL, FCRDNS_FAIL);

	(void)state;
	ipc_free(smtp_lookup);
	smtp_lookup = NULL;
	assert_int_equal(condition_judge(&s, &rules[1], SLICE("<a@b>"), 1), HELD_ERROR);
	assert_int_equal(condition_judge(&s, &rules[2], SLICE("<a@b>"), 1), HELD_ERROR);
	assert_false(condition_wants_name(&s, &rules[2]));
}

static int
setup(void **state)
{
	size_t	 i;
	int	 fd[2];

	(void)state;
	log_init(1, 0);
	loop_init();
	TAILQ_INIT(&conf.filters);
	rules[1].table = rules[2].table = table_new("t", "/nonexistent/table");
	for (i = 0; i < nitems(rules); i++)
		TAILQ_INSERT_TAIL(&conf.filters, &rules[i], entry);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) == -1)
		return -1;
	smtp_lookup = ipc_new(PROC_SMTP, PROC_LOOKUP, fd[0], smtp_cb, NULL);
	lookup = ipc_new(PROC_LOOKUP, PROC_SMTP, fd[1], lookup_cb, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	ipc_free(lookup);
	table_free(rules[1].table);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_false_answers),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_lookup_gone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
