/* SPDX-License-Identifier: ISC */
/*
 * The auth process between its peers: who asks it, who it asks, what it says of
 * good and bad hashes, of too many logins, and when somebody dies.  Channels are
 * real, and so is crypt(3).
 */
/* objects: smtpd/auth.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o smtpd/loop.o smtpd/log.o smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o smtpd/conf_filter.o smtpd/conf_rule.o */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "lib/nitems.h"
#include "lib/sasl.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/table.h"
#include "tests/unit/conf_text.h"

#define CONF	PKI							\
	"listen on lo tls auth { alice = '$x' }\n"			\
	"listen on lo port 26 tls auth\n"				\
	"listen on lo port 27\n" RULE

enum { TABLE, SYSTEM, NONE };	/* the listeners, by index */

#define QUICK	"$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"	/* "secret" */

const struct proc_row	 proc_rows[PROC_MAX];
struct conf		*proc_conf;
struct ipc		*proc_parent;

/* A peer: its end of the channel, and in words what came over it. */
static struct peer {
	enum process	 process;
	struct ipc	*theirs, *ours;
	char		 said[8192];
	uint32_t	 id;		/* of the last question */
} smtp = { .process = PROC_SMTP }, lookup = { .process = PROC_LOOKUP }, parent = { .process = PROC_PARENT };

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
peer_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	static const char *const	 words[] = { "pass", "fail", "error" };
	struct peer	*p = arg;
	unsigned	 session, serial;
	struct slice	 user;

	if (msg == NULL)
		return;
	switch (msg->type) {
	case IPC_LOGGED_IN:
		session = (unsigned)ipc_get_u64(msg);
		serial = ipc_get_u32(msg);
		say(p, "%u/%u %s; ", session, serial, words[ipc_get_u8(msg)]);
		break;
	case IPC_HASH_WANT:
		p->id = ipc_get_u32(msg);
		ipc_get_u32(msg);
		user = ipc_get_slice(msg);
		say(p, "%.*s?", (int)user.n, user.p);
		break;
	default:
		fail_msg("%s", ipc_type_name(msg->type));
	}
	assert_int_equal(ipc_complete(ipc, msg), 1);
}

static void
auth_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	const struct peer	*p = arg;

	auth_message(p->process, ipc, msg);
	if (msg == NULL)
		ipc_free(ipc);
}

static void
connect_peer(struct peer *p)
{
	int	 fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd), 0);
	p->theirs = ipc_new(p->process, PROC_AUTH, fd[0], peer_cb, p);
	p->ours = ipc_new(PROC_AUTH, p->process, fd[1], auth_cb, p);
	if (p == &parent)
		proc_parent = p->ours;
	else
		auth_peer(p->process, p->ours, "");
}

/* Its end of the channel is closed, and that is seen. */
static void
die(struct peer *p)
{
	ipc_free(p->theirs);
	ipc_drain(p->ours);
	p->theirs = p->ours = NULL;
}

static void
exchange(void)
{
	struct peer	*const all[] = { &smtp, &lookup, &parent };
	size_t		 i;
	int		 turn;

	for (i = 0; i < nitems(all); i++)
		all[i]->said[0] = '\0';
	/* A login a turn. */
	for (turn = 0; turn < 300; turn++) {
		ipc_flush_all();
		for (i = 0; i < nitems(all); i++)
			if (all[i]->ours != NULL) {
				ipc_drain(all[i]->ours);
				ipc_drain(all[i]->theirs);
			}
		event_base_loop(loop_base, EVLOOP_NONBLOCK);
	}
	ipc_flush_all();
	for (i = 0; i < nitems(all); i++)
		if (all[i]->theirs != NULL)
			ipc_drain(all[i]->theirs);
}

static void
login(uint64_t session, uint32_t serial, uint32_t listener, const char *client, const char *user,
    const char *password)
{
	ipc_begin(smtp.theirs, IPC_LOGIN);
	ipc_secret(smtp.theirs);
	ipc_put_u64(smtp.theirs, session);
	ipc_put_u32(smtp.theirs, serial);
	ipc_put_u32(smtp.theirs, listener);
	ipc_put_slice(smtp.theirs, slice_str(client));
	ipc_put_slice(smtp.theirs, slice_str(user));
	ipc_put_slice(smtp.theirs, slice_str(password));
	ipc_end(smtp.theirs);
}

static void
tell(struct peer *p, uint32_t id, int answer, const char *hash)
{
	ipc_begin(p->theirs, IPC_HASH);
	ipc_put_u32(p->theirs, id);
	ipc_put_u8(p->theirs, (uint8_t)(1 + answer));
	ipc_put_slice(p->theirs, slice_str(hash));
	ipc_end(p->theirs);
}

static int
start(void **state)
{
	char	*errors;

	(void)state;
	proc_conf = parse(CONF, NULL, &errors);
	assert_string_equal(errors, "");
	free(errors);
	loop_init();
	auth_main();
	connect_peer(&parent);
	connect_peer(&lookup);
	connect_peer(&smtp);
	exchange();
	return 0;
}

static int
end(void **state)
{
	(void)state;
	if (smtp.theirs != NULL)
		die(&smtp);
	if (lookup.theirs != NULL)
		die(&lookup);
	exchange();
	ipc_free(parent.theirs);
	ipc_free(parent.ours);
	conf_free(proc_conf);
	return 0;
}

/* -- hashes -- */

static const struct {
	const char	*password;
	int		 answer;
	const char	*hash, *said;
} rows[] = {
	{ "secret",	TABLE_YES,	QUICK,			"1/2 pass; " },
	{ "Secret",	TABLE_YES,	QUICK,			"1/2 fail; " },
	{ "s",		TABLE_YES,	QUICK,			"1/2 fail; " },
	{ "secret",	TABLE_YES,	"$6$rounds=1000$pipepost$XUTB8Enjsp5lrekRryP5.lPAQStfW/uYR3fbcTXEMZl1"
	    "MerWEyNAf./BTzV.c4HVeSEGEPRvB0NYl4d97WWK5/",	"1/2 pass; " },
	{ "secret",	TABLE_YES,	"$y$j75$pipepost$TtsdsoSKC3T3RHZq5voZNme33XjUXTy9aftZRqU0/43",
	    "1/2 pass; " },
	/* a hash that belongs to somebody else opens nothing */
	{ "secret",	TABLE_NO,	QUICK,			"1/2 fail; " },
	{ "secret",	TABLE_NO,	"",			"1/2 fail; " },
	{ "secret",	TABLE_NO,	"secret",		"1/2 fail; " },
	{ "secret",	TABLE_ERROR,	"",			"1/2 error; " },
	{ "secret",	TABLE_ERROR,	QUICK,			"1/2 error; " },
	{ "secret",	7,		QUICK,			"1/2 error; " },
	/* what is no hash is never compared as it is */
	{ "secret",	TABLE_YES,	"secret",		"1/2 error; " },
	{ "secret",	TABLE_YES,	"",			"1/2 error; " },
	{ "$",		TABLE_YES,	"$",			"1/2 error; " },
	{ "secret",	TABLE_YES,	"*",			"1/2 error; " },
	{ "secret",	TABLE_YES,	"!" QUICK,		"1/2 error; " },
	{ "secret",	TABLE_YES,	"pi2vQXxKDS7gk",	"1/2 error; " },
	{ "secret",	TABLE_YES,	"$99$x$y",		"1/2 error; " },
	{ "*0",		TABLE_YES,	"*0",			"1/2 error; " },
	/* a part of one is another */
	{ "secret",	TABLE_YES,	"$6$rounds=1000$pipepost$", "1/2 fail; " },
	{ "secret",	TABLE_YES,	QUICK "x",		"1/2 fail; " },
};

static void
test_hashes(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		login(1, 2, TABLE, "192.0.2.1", "alice", rows[i].password);
		exchange();
		assert_string_equal(lookup.said, "alice?");
		assert_string_equal(parent.said, "");
		assert_string_equal(smtp.said, "");
		tell(&lookup, lookup.id, rows[i].answer, rows[i].hash);
		exchange();
		assert_string_equal(smtp.said, rows[i].said);
	}
}

static void
test_system(void **state)
{
	(void)state;
	login(3, 4, SYSTEM, "192.0.2.1", "bob", "secret");
	exchange();
	assert_string_equal(parent.said, "bob?");
	assert_string_equal(lookup.said, "");
	/* lookup has no say here */
	tell(&lookup, parent.id, TABLE_YES, QUICK);
	exchange();
	assert_string_equal(smtp.said, "");
	tell(&parent, parent.id, TABLE_YES, QUICK);
	exchange();
	assert_string_equal(smtp.said, "3/4 pass; ");
	/* nor do answers twice */
	tell(&parent, parent.id, TABLE_YES, QUICK);
	exchange();
	assert_string_equal(smtp.said, "");
}

/* What smtp should not have sent is an error, and nobody is asked. */
static void
test_unsound(void **state)
{
	char	 longer[SASL_SECRET_MAX + 2];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	login(1, 1, NONE, "192.0.2.1", "alice", "secret");
	login(1, 2, 77, "192.0.2.1", "alice", "secret");
	login(1, 3, TABLE, "192.0.2.1", "al\nice", "secret");
	login(1, 4, TABLE, "192.0.2.1", "alice", longer);
	exchange();
	assert_string_equal(smtp.said, "1/1 error; 1/2 error; 1/3 error; 1/4 error; ");
	assert_string_equal(lookup.said, "");
	assert_string_equal(parent.said, "");
}

/* -- bounds -- */

static unsigned
count(const char *s, const char *what)
{
	unsigned	 n = 0;

	while ((s = strstr(s, what)) != NULL) {
		n++;
		s += strlen(what);
	}
	return n;
}

static void
test_one_client(void **state)
{
	unsigned	 i;

	(void)state;
	for (i = 0; i < 40; i++)
		login(i, 1, TABLE, "192.0.2.1", "alice", "secret");
	login(99, 1, TABLE, "192.0.2.2", "alice", "secret");
	exchange();
	assert_int_equal(count(lookup.said, "alice?"), 33);
	assert_int_equal(count(smtp.said, "error"), 8);
	for (i = 0; i < 40; i++)
		tell(&lookup, lookup.id - i, TABLE_YES, QUICK);
	exchange();
	assert_int_equal(count(smtp.said, "pass"), 33);
	assert_non_null(strstr(smtp.said, "99/1 pass"));
}

static void
test_all_clients(void **state)
{
	char		 client[32];
	unsigned	 i;

	(void)state;
	for (i = 0; i < 150; i++) {
		snprintf(client, sizeof(client), "192.0.2.%u", i);
		login(i, 1, TABLE, client, "alice", "secret");
	}
	exchange();
	assert_int_equal(count(lookup.said, "alice?"), 128);
	assert_int_equal(count(smtp.said, "error"), 22);
	for (i = 0; i < 128; i++)
		tell(&lookup, lookup.id - i, TABLE_NO, QUICK);
	exchange();
	assert_int_equal(count(smtp.said, "fail"), 128);
	login(1, 1, TABLE, "192.0.2.1", "alice", "secret");
	exchange();
	assert_string_equal(lookup.said, "alice?");
	tell(&lookup, lookup.id, TABLE_YES, QUICK);
	exchange();
	assert_string_equal(smtp.said, "1/1 pass; ");
}

/* -- deaths -- */

static void
test_lookup_dies(void **state)
{
	uint32_t	 old;

	(void)state;
	login(1, 1, TABLE, "192.0.2.1", "alice", "secret");
	login(2, 1, SYSTEM, "192.0.2.1", "bob", "secret");
	exchange();
	old = lookup.id;
	die(&lookup);
	login(3, 1, TABLE, "192.0.2.1", "alice", "secret");
	exchange();
	assert_string_equal(smtp.said, "1/1 error; 3/1 error; ");
	connect_peer(&lookup);
	tell(&lookup, old, TABLE_YES, QUICK);
	tell(&parent, parent.id, TABLE_YES, QUICK);
	exchange();
	assert_string_equal(smtp.said, "2/1 pass; ");
}

static void
test_smtp_dies(void **state)
{
	uint32_t	 old;

	(void)state;
	login(1, 1, TABLE, "192.0.2.1", "alice", "secret");
	exchange();
	old = lookup.id;
	die(&smtp);
	connect_peer(&smtp);
	tell(&lookup, old, TABLE_YES, QUICK);
	exchange();
	assert_string_equal(smtp.said, "");
	login(1, 1, TABLE, "192.0.2.1", "alice", "secret");
	exchange();
	tell(&lookup, lookup.id, TABLE_YES, QUICK);
	exchange();
	assert_string_equal(smtp.said, "1/1 pass; ");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_system),
		cmocka_unit_test(test_unsound),
		cmocka_unit_test(test_one_client),
		cmocka_unit_test(test_all_clients),
		cmocka_unit_test(test_lookup_dies),
		cmocka_unit_test(test_smtp_dies),
	};

	return cmocka_run_group_tests(tests, start, end);
}
