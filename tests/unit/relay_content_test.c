/* SPDX-License-Identifier: ISC */
/* objects: smtpd/relay.o smtpd/relay_auth.o smtpd/dsn.o smtpd/relay_command.o smtpd/relay_conn.o smtpd/relay_content.o smtpd/relay_dest.o smtpd/relay_hello.o smtpd/relay_host.o smtpd/relay_job.o smtpd/relay_query.o smtpd/relay_reply.o smtpd/relay_route.o smtpd/relay_tls.o smtpd/relay_tx.o smtpd/srs.o smtpd/io.o smtpd/io_tell.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o smtpd/log.o smtpd/report_emit.o smtpd/report_remote.o smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_resolve.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_filter.o smtpd/conf_rule.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o */
/*
 * What a message needs of a server, large content, chunks, and LMTP.
 */
#include "tests/unit/relay_one.h"

/* -- what the message is, and what the server offers -- */

static const struct needs {
	const char	*name, *offers, *mail, *rcpt, *content, *sender, *dest;
	uint8_t		 body, ret, notify;
	const char	*envid, *orcpt, *result;
} needs[] = {
	{ "8BITMIME where content has it", "8BITMIME", " BODY=8BITMIME", "",
	    "Subject: x\n\n\303\244\n", NULL, NULL, 0, 0, 0, NULL, NULL, NULL },
	{ "8BITMIME where it was declared", "8BITMIME", " BODY=8BITMIME", "",
	    CONTENT, NULL, NULL, BODY_8BITMIME, 0, 0, NULL, NULL, NULL },
	{ "7-bit content goes anywhere", "HELP", "", "",
	    CONTENT, NULL, NULL, BODY_8BITMIME, 0, 0, NULL, NULL, NULL },
	{ "8-bit content does not", "HELP", NULL, "",
	    "Subject: x\n\n\303\244\n", NULL, NULL, 0, 0, 0, NULL, NULL,
	    "1 permfail 127.0.0.1: 554 5.6.3 The message has 8-bit content, which the server does not offer to take\n" },
	{ "SMTPUTF8 where an address needs it", "SMTPUTF8", " SMTPUTF8", "",
	    CONTENT, "\303\244@example.com", NULL, BODY_SMTPUTF8, 0, 0, NULL, NULL, NULL },
	{ "SMTPUTF8 not offered, but declared only", "HELP", "", "",
	    CONTENT, NULL, NULL, BODY_SMTPUTF8, 0, 0, NULL, NULL, NULL },
	{ "SMTPUTF8 not offered, a sender needs it", "8BITMIME", NULL, "",
	    CONTENT, "\303\244@example.com", NULL, BODY_SMTPUTF8, 0, 0, NULL, NULL,
	    "1 permfail 127.0.0.1: 554 5.6.7 The message needs SMTPUTF8, which the server does not offer\n" },
	{ "SMTPUTF8 not offered, a header needs it", "8BITMIME", NULL, "",
	    "Subject: \303\244\n\nx\n", NULL, NULL, BODY_SMTPUTF8, 0, 0, NULL, NULL,
	    "1 permfail 127.0.0.1: 554 5.6.7 The message needs SMTPUTF8, which the server does not offer\n" },
	{ "SMTPUTF8 not offered, a recipient needs it", "8BITMIME", NULL, "",
	    CONTENT, NULL, "\303\244@example.org", BODY_SMTPUTF8, 0, 0, NULL, NULL,
	    "1 permfail 127.0.0.1: 554 5.6.7 The address needs SMTPUTF8, which the server does not offer\n" },
	{ "a line end in an address", "HELP", NULL, "",
	    CONTENT, NULL, "b>\r\nRSET\r\n@example.org", 0, 0, 0, NULL, NULL,
	    "1 permfail 127.0.0.1: 553 5.1.3 The address cannot be sent\n" },
	{ "a line end in a sender", "HELP", NULL, "",
	    CONTENT, "a\n@example.com", NULL, 0, 0, 0, NULL, NULL,
	    "1 permfail 127.0.0.1: 553 5.1.7 The sender cannot be sent\n" },
	{ "a line end in ENVID", "DSN", NULL, "",
	    CONTENT, NULL, NULL, 0, 0, 0, "a\nb", NULL,
	    "1 permfail 127.0.0.1: 553 5.1.7 The sender cannot be sent\n" },
	{ "a line end in ORCPT", "DSN", NULL, "",
	    CONTENT, NULL, NULL, 0, 0, 0, NULL, "rfc822;a\nb",
	    "1 permfail 127.0.0.1: 553 5.1.3 The address cannot be sent\n" },
	{ "DSN", "DSN", " RET=HDRS ENVID=QQ+2B1", " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x@y",
	    CONTENT, NULL, NULL, 0, RET_HDRS, NOTIFY_SUCCESS | NOTIFY_DELAY, "QQ+2B1",
	    "rfc822;x@y", NULL },
	{ "DSN: never", "DSN", " RET=FULL", " NOTIFY=NEVER",
	    CONTENT, NULL, NULL, 0, RET_FULL, NOTIFY_NEVER, NULL, NULL, NULL },
	{ "DSN not offered", "HELP", "", "",
	    CONTENT, NULL, NULL, 0, RET_HDRS, NOTIFY_SUCCESS, "QQ", "rfc822;x@y", NULL },
};

static void
needs_what_is_offered(const struct needs *t)
{
	struct ipc_relay_rcpt	 r = { .evpid = 1, .notify = t->notify };
	struct ipc_relay	 m = { .content = slice_str(t->content) };
	char			 script[2048];

	world_begin();
	print_message("# %s\n", t->name);
	snprintf(script, sizeof(script), HELLO "S 250 %s\n", t->offers);
	if (t->mail != NULL)
		snprintf(script + strlen(script), 1024,
		    "C MAIL FROM:<%s>%s\nS 250 ok\nC RCPT TO:<b@example.org>%s\nS 250 ok\n"
		    "C DATA\nS 354 go\nD *\nS 250 taken\n",
		    t->sender != NULL ? t->sender : "a@example.com", t->mail, t->rcpt);
	world.scripts[0] = script;
	r.dest = slice_str(t->dest != NULL ? t->dest : "b@example.org");
	r.orcpt = t->orcpt != NULL ? slice_str(t->orcpt) : SLICE("");
	m.sender = slice_str(t->sender);
	m.body = t->body;
	m.ret = t->ret;
	m.envid = t->envid != NULL ? slice_str(t->envid) : SLICE("");
	world_job(&m, &r, 1);
	world_results(1);
	assert_string_equal(world.results, t->result != NULL ? t->result :
	    strcmp(t->offers, "DSN") == 0 ? "1 done dsn 127.0.0.1: 250 taken\n" :
	    TAKEN("127.0.0.1"));
}

static void
changes_nothing_to_fit(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(needs); i++)
		needs_what_is_offered(&needs[i]);
}

/* Large content comes from the queue in pieces. */
static char	 big[300000];

static void
big_job(void)
{
	struct ipc_relay	 m = { .size = sizeof(big) };
	size_t			 i;

	for (i = 0; i < sizeof(big); i++)
		big[i] = i % 60 == 59 ? '\n' : (char)('a' + i % 26);
	big[sizeof(big) - 1] = '\n';
	world.content = big;
	world.ncontent = sizeof(big);
	world_job(&m, rcpts, 1);
}

/* The server reads on until what it was sent ends so; the octets that came. */
static size_t
swallow(const char *end)
{
	struct server	*s = &servers[0];
	size_t		 all = 0, i, n = strlen(end);

	for (i = 0; i < 500; i++) {
		world_turn(2);
		if (s->nin >= n && memcmp(s->in + s->nin - n, end, n) == 0)
			return all + s->nin;
		if (s->nin > n) {
			all += s->nin - n;
			memmove(s->in, s->in + s->nin - n, n);
			s->nin = n;
		}
	}
	fail_msg("the end did not come");
	return 0;
}

/* More than is kept in memory is fetched when its turn has come, small as it is. */
static void
keeps_its_bound(void **state)
{
	static char		 small[16 * 1024];
	struct ipc_relay	 m = { .content = { small, sizeof(small) } };
	unsigned		 i, n = 64 * 1024 * 1024 / sizeof(small) + 10;

	(void)state;
	memset(small, 'a', sizeof(small));
	small[sizeof(small) - 1] = '\n';
	world_begin();
	world.content = small;
	world.ncontent = sizeof(small);
	for (i = 0; i < SERVERS; i++)
		world.scripts[i] = "S 220 mx\nC EHLO*\nS 250-mx\nS 250 8BITMIME\nA\n";
	world.scripts[0] = "W\n";
	for (i = 0; i < n; i++) {
		world_job(&m, rcpts, 1);
		if (i % 16 == 15)
			world_settle();
	}
	world_settle();
	assert_int_equal(world.fetches, 0);
	servers[0].at = world.scripts[1];
	server_run(&servers[0]);
	for (i = 0; i < 100 * n && world.nresults < n; i++)
		world_turn(2);
	assert_int_equal(world.nresults, n);
	assert_int_equal(world.fetches, 10);
}

static void
fetches_content(void **state)
{
	const size_t	 wire = sizeof(big) + sizeof(big) / 60;

	(void)state;
	world_begin();
	world.scripts[0] = HELLO "S 250 8BITMIME\nC MAIL*\nS 250 ok\nC RCPT*\nS 250 ok\nC DATA\n"
	    "S 354 go\nW\n";
	big_job();
	assert_int_equal(swallow("\r\n.\r\n"), wire + 3);
	server_write(&servers[0], "250 taken\r\n", 11);
	world_results(1);
	assert_int_equal(world.fetches, 5);
	assert_string_equal(world.results, TAKEN("127.0.0.1"));

	/* Without 8BITMIME it is read once before. */
	world_begin();
	world.scripts[0] = HELLO "S 250 HELP\nC MAIL*\nS 250 ok\nC RCPT*\nS 250 ok\nC DATA\n"
	    "S 354 go\nW\n";
	big_job();
	assert_int_equal(swallow("\r\n.\r\n"), wire + 3);
	server_write(&servers[0], "250 taken\r\n", 11);
	world_results(1);
	assert_int_equal(world.fetches, 10);

	/* It cannot be read: the connection cannot go on. */
	world_begin();
	world.lose_content = true;
	world.scripts[0] = HELLO "S 250 8BITMIME\nC MAIL*\nS 250 ok\nC RCPT*\nS 250 ok\nC DATA\n"
	    "S 354 go\n";
	big_job();
	world_results(1);
	assert_string_equal(world.results,
	    "1 tempfail : 451 4.3.0 The content cannot be read from the queue\n");
	world_settle();
	assert_int_equal(conn_count(), 0);
}

static void
sends_chunks(void **state)
{
	const size_t	 wire = sizeof(big) + sizeof(big) / 60;
	size_t		 got;

	(void)state;
	world_begin();
	world.scripts[0] = HELLO "S 250-8BITMIME\nS 250 CHUNKING\nC MAIL*\nS 250 ok\nC RCPT*\n"
	    "S 250 ok\nW\n";
	big_job();
	/* Four of a whole piece, and the last. */
	got = swallow("k\r\n");
	assert_true(got > wire && got < wire + 100);
	server_write(&servers[0], "250 a\r\n250 b\r\n250 c\r\n250 d\r\n", 28);
	world_settle();
	assert_int_equal(world.nresults, 0);
	server_write(&servers[0], "250 taken\r\n", 11);
	world_results(1);
	assert_string_equal(world.results, TAKEN("127.0.0.1"));
	says(" LAST\ntx-commit|00000000|305000\n");
}

/* The message ends at the chunk that is refused, and the connection goes on. */
static void
survives_a_refused_chunk(void **state)
{
	(void)state;
	world_begin();
	world.scripts[0] = HELLO "S 250-8BITMIME\nS 250 CHUNKING\nC MAIL*\nS 250 ok\nC RCPT*\n"
	    "S 250 ok\nW\n";
	big_job();
	swallow("k\r\n");
	server_write(&servers[0], "250 a\r\n552 no\r\n503 no\r\n503 no\r\n503 no\r\n", 39);
	servers[0].nin = 0;
	servers[0].at = "C RSET\nS 250 ok\nC MAIL*\nS 550 no\n" BYE;
	world_results(1);
	assert_string_equal(world.results, "1 permfail 127.0.0.1: 552 no\n");
	world_settle();
	says("tx-data|00000000|ok\nprotocol-server|250 a\n");
	says("tx-rollback|00000000\ntx-reset|00000000\nprotocol-server|552 no\n");
	says("LAST\nprotocol-server|503 no\nprotocol-client|RSET\nprotocol-server|250 ok\n");
	job("r", 1);
	world_results(2);

	/* The next is one that must be looked at before. */
	world_begin();
	world.scripts[0] = HELLO "S 250 CHUNKING\nC MAIL*\nS 250 ok\nC RCPT*\nS 250 ok\nW\n";
	big_job();
	swallow("k\r\n");
	server_write(&servers[0], "552 no\r\n503 no\r\n503 no\r\n503 no\r\n503 no\r\n", 40);
	servers[0].nin = 0;
	servers[0].at = "C RSET\nS 250 ok\nC MAIL*\nS 550 never\nW\n";
	world_results(1);
	big_job();
	world_results(2);
	assert_string_equal(world.results,
	    "1 permfail 127.0.0.1: 552 no\n1 permfail 127.0.0.1: 550 never\n");
}

/* -- LMTP -- */

static void
answers_each_of_lmtp(void **state)
{
	(void)state;
	world_begin();
	world.scripts[0] = "S 220 lmtp\nC LHLO client.example\nS 250-lmtp\nS 250 PIPELINING\n"
	    "C MAIL FROM:<a@example.com>\nC RCPT TO:<b@example.org>\nC RCPT TO:<c@example.org>\nC DATA\n"
	    "S 250 ok\nS 250 ok\nS 250 ok\nS 354 go\nD Subject: x//hello\n"
	    "S 452 full\nS 250 taken\n" BYE;
	job("lmtp", 2);
	world_results(2);
	assert_string_equal(world.results,
	    "1 tempfail 127.0.0.1: 452 full\n2 done 127.0.0.1: 250 taken\n");
	says("protocol-client|.\nprotocol-server|452 full\n"
	    "tx-commit|0000abcd|21\ntx-reset|0000abcd\nprotocol-server|250 taken\n");
	says("link-identify|LHLO|client.example");

	/* Half of the answers came. */
	world_begin();
	world.scripts[0] = "S 220 lmtp\nC LHLO client.example\nS 250-lmtp\nS 250 PIPELINING\n"
	    "C MAIL FROM:<a@example.com>\nC RCPT TO:<b@example.org>\nC RCPT TO:<c@example.org>\nC DATA\n"
	    "S 250 ok\nS 250 ok\nS 250 ok\nS 354 go\nD Subject: x//hello\nS 250 taken\nX\n";
	job("lmtp", 2);
	world_results(2);
	assert_string_equal(world.results, "1 done 127.0.0.1: 250 taken\n"
	    "2 tempfail unsure 127.0.0.1: end of data: connection closed\n");
}

static const char	 conf[] =
	"action r relay host \"smtp://127.0.0.1:PORT\" connections 1 messages 100000\n"
	"action lmtp relay host \"lmtp://127.0.0.1:PORT\"\n";

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_nothing_to_fit),
		cmocka_unit_test(fetches_content),
		cmocka_unit_test(keeps_its_bound),
		cmocka_unit_test(sends_chunks),
		cmocka_unit_test(survives_a_refused_chunk),
		cmocka_unit_test(answers_each_of_lmtp),
	};

	world_init(conf);
	relay_chunking_above = 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
