/* SPDX-License-Identifier: ISC */
/* objects: smtpd/relay.o smtpd/relay_auth.o smtpd/relay_conn.o smtpd/relay_content.o smtpd/relay_dest.o smtpd/relay_hello.o smtpd/relay_host.o smtpd/relay_job.o smtpd/relay_query.o smtpd/relay_reply.o smtpd/relay_route.o smtpd/relay_tls.o smtpd/relay_tx.o smtpd/srs.o smtpd/io.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o smtpd/log.o smtpd/report_emit.o smtpd/report_remote.o smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_resolve.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o */
/*
 * Destinations: which host is tried and when another, how many connections,
 * what is kept open, TLS and what comes of its failure, AUTH, what the message
 * needs of the server, tables, and the end of the process.
 */
#include "tests/unit/relay_world.h"

#define CONTENT		"Subject: x\n\nhello\n"
#define HELLO		"S 220 mx.example ESMTP\nC EHLO client.example\nS 250-mx.example\n"
#define PIPELINING	HELLO "S 250 PIPELINING\n"
#define ONE		"C MAIL FROM:<a@example.com>\nC RCPT TO:<b@example.org>\nC DATA\n"
#define ACCEPTS		"S 250 ok\nS 250 ok\nS 354 go\nD Subject: x//hello\nS 250 taken\n"
#define BYE		"C QUIT\nS 221 bye\nX\n"
#define TAKEN(host)	"1 done " host ": 250 taken\n"

static const struct ipc_relay_rcpt	 rcpts[] = {
	{ .evpid = 1, .dest = { "b@example.org", 13 } },
	{ .evpid = 2, .dest = { "c@example.org", 13 } },
};

static struct relay *
relay_of(const char *action)
{
	return conf_action(proc_conf, slice_str(action))->relay;
}

static void
job(const char *action, unsigned nrcpt)
{
	struct ipc_relay	 m = { .content = SLICE(CONTENT), .msgid = 0xabcd,
				    .action = slice_str(action) };

	world_job(&m, rcpts, nrcpt);
}

/* The events hold these lines. */
static void
says(const char *lines)
{
	if (strstr(world.events, lines) == NULL)
		fail_msg("events:\n%s\nthere is not:\n%s", world.events, lines);
}

/* Scripts in the order in which they are met; then one job, its result. */
static void
run(const char *action, const char *a, const char *b, const char *results)
{
	world.scripts[0] = a;
	world.scripts[1] = b;
	job(action, 1);
	world_results(1);
	assert_string_equal(world.results, results);
	world_settle();
}

/* -- hosts -- */

static void
mx(unsigned i, uint32_t preference, const char *name, const char *address)
{
	world.hosts[i] = (struct ipc_host){ preference, slice_str(name),
	    slice_str(address) };
	world.nhosts = i + 1;
}

/* The servers of "mx" all listen on 127.0.0.1; 127.0.0.9 refuses. */
static void
tries_the_next_host(void **state)
{
	(void)state;
	world_begin();
	mx(0, 10, "dead.example", "127.0.0.9");
	mx(1, 20, "good.example", "127.0.0.1");
	run("mx", PIPELINING ONE ACCEPTS, NULL, TAKEN("good.example"));
	says("link-failed|127.0.0.9:");
	says("|Connection refused\n");

	world_begin();
	mx(0, 10, "a.example", "127.0.0.1");
	mx(1, 20, "b.example", "127.0.0.9");
	run("mx", "S 554 no\nC QUIT\nX\n", NULL,
	    "1 tempfail unreached b.example: connect: Connection refused\n");
}

static void
remembers_the_dead(void **state)
{
	(void)state;
	world_begin();
	mx(0, 10, "dead.example", "127.0.0.9");
	run("mx", NULL, NULL,
	    "1 tempfail unreached dead.example: connect: Connection refused\n");
	/* Another domain with the same host hears so at once, for a while. */
	world.events[0] = world.results[0] = '\0';
	world.nresults = 0;
	run("other", NULL, NULL,
	    "1 tempfail unreached dead.example: connect: Connection refused\n");
	assert_string_equal(world.events, "");
	world_skip(11);
	world.results[0] = '\0';
	world.nresults = 0;
	run("other", NULL, NULL,
	    "1 tempfail unreached dead.example: connect: Connection refused\n");
	says("link-failed");
}

static void
hears_what_dns_says(void **state)
{
	static const struct { const char *action; enum resolved r; const char *result; } rows[] = {
		{ "gone", RESOLVED_NONE, "1 tempfail unreached : 451 4.3.5 The host gone.example has no address: server.example\n" },
		{ "mx", RESOLVED_NONE, "1 permfail : 550 5.1.2 No such domain, or no host of it has an address: server.example\n" },
		{ "mx", RESOLVED_NULLMX, "1 permfail : 556 5.1.10 The domain takes no mail\n" },
		{ "mx", RESOLVED_TEMPFAIL, "1 tempfail unreached : 451 4.4.3 Temporary DNS failure: server.example\n" },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		world_begin();
		world.resolved = rows[i].r;
		run(rows[i].action, NULL, NULL, rows[i].result);
	}
}

/* Ours is 127.0.0.5 with the port of `listen on`. */
static void
stops_at_itself(void **state)
{
	(void)state;
	relay_of("self")->port = 4025;
	world_begin();
	mx(0, 10, "we.example", "127.0.0.5");
	mx(1, 20, "worse.example", "127.0.0.1");
	run("self", NULL, NULL,
	    "1 permfail : 554 5.4.6 Mail for it would come back here\n");

	/* The one that is better than we are is tried, the equal and the worse are not. */
	world_begin();
	mx(0, 5, "better.example", "127.0.0.9");
	mx(1, 10, "equal.example", "127.0.0.1");
	mx(2, 10, "we.example", "127.0.0.5");
	mx(3, 20, "worse.example", "127.0.0.1");
	run("self", NULL, NULL,
	    "1 tempfail unreached better.example: connect: Connection refused\n");

	/* By name, as a backup. */
	world_begin();
	mx(0, 10, "client.example", "127.0.0.1");
	run("backup", NULL, NULL,
	    "1 permfail : 554 5.4.6 Mail for it would come back here\n");

	/* By what it calls itself. */
	world_begin();
	mx(0, 10, "mx.example", "127.0.0.1");
	run("mx", "S 220 Client.Example ESMTP\nC QUIT\nS 221 bye\nX\n", NULL,
	    "1 permfail mx.example: 554 5.4.6 The host that takes its mail has the name of this one\n");
}

/* -- connections -- */

static void
keeps_a_connection(void **state)
{
	(void)state;
	world_begin();
	world.scripts[0] = PIPELINING ONE ACCEPTS ONE ACCEPTS ONE ACCEPTS BYE;
	job("r", 1);
	world_results(1);
	job("r", 1);
	world_results(2);
	world_skip(9);
	job("r", 1);
	world_results(3);
	world_settle();
	assert_int_equal(conn_count(), 1);
	world_skip(11);
	assert_int_equal(conn_count(), 0);
	assert_int_equal(world.naccepted, 1);

	/* So many messages a connection. */
	world_begin();
	world.scripts[0] = PIPELINING ONE ACCEPTS ONE ACCEPTS BYE;
	world.scripts[1] = PIPELINING ONE ACCEPTS;
	job("two", 1);
	job("two", 1);
	job("two", 1);
	world_results(3);
	assert_int_equal(world.naccepted, 2);
}

/* That a server closes what it had kept open is no failure of the message. */
static void
survives_a_closed_idle(void **state)
{
	(void)state;
	world_begin();
	world.scripts[0] = PIPELINING ONE ACCEPTS ONE "X\n";
	world.scripts[1] = PIPELINING ONE ACCEPTS;
	job("r", 1);
	world_results(1);
	job("r", 1);
	world_results(2);
	assert_string_equal(world.results, TAKEN("127.0.0.1") TAKEN("127.0.0.1"));

	world_begin();
	world.scripts[0] = PIPELINING ONE ACCEPTS "S 421 idle too long\nX\n";
	world.scripts[1] = PIPELINING ONE ACCEPTS;
	job("r", 1);
	world_results(1);
	world_settle();
	assert_int_equal(conn_count(), 0);
	job("r", 1);
	world_results(2);
}

static void
makes_more_with_success(void **state)
{
	unsigned	 i;

	(void)state;
	/* Servers that hold their first message back show how many there are. */
	world_begin();
	for (i = 0; i < SERVERS; i++)
		world.scripts[i] = PIPELINING ONE "S 250 ok\nS 250 ok\nS 354 go\n"
		    "D Subject: x//hello\nW\n";
	for (i = 0; i < 6; i++)
		job("r", 1);
	world_settle();
	assert_int_equal(world.naccepted, 2);
	for (i = 0; i < 2; i++) {
		servers[i].at = "S 250 taken\nC MAIL*\nC RCPT*\nC DATA\nW\n";
		server_run(&servers[i]);
	}
	world_settle();
	assert_int_equal(world.nresults, 2);
	assert_int_equal(world.naccepted, 4);
}

static void
keeps_the_rate(void **state)
{
	unsigned	 i;

	(void)state;
	world_begin();
	world.scripts[0] = world.scripts[1] = PIPELINING ONE ACCEPTS ONE ACCEPTS
	    ONE ACCEPTS ONE ACCEPTS;
	for (i = 0; i < 3; i++)
		job("slow", 1);
	for (i = 0; i < 30; i++)
		world_settle();
	assert_int_equal(world.nresults, 1);
	/* The clock is ahead, the timer is not: a job that comes starts those that are due. */
	world.skipped += 2000000000ULL;
	job("slow", 1);
	world_settle();
	assert_int_equal(world.nresults, 2);
	for (i = 0; i < 50 && world.nresults < 4; i++)
		world_turn(100);
	assert_int_equal(world.nresults, 4);
}

/* -- TLS -- */

#define TLS_HELLO	"C EHLO client.example\nS 250-mx.example\nS 250 PIPELINING\n"
#define STARTTLS	HELLO "S 250-PIPELINING\nS 250 STARTTLS\nC STARTTLS\n"

static void
starts_tls(void **state)
{
	(void)state;
	world_begin();
	run("r", STARTTLS "S 220 go\nT\n" TLS_HELLO ONE ACCEPTS, NULL, TAKEN("127.0.0.1"));
	says("protocol-server|220 go\nlink-tls|TLSv1.3:");

	/* What came in clear behind the 220 is not believed. */
	world_begin();
	run("r", STARTTLS "I 250 injected\nT\n" TLS_HELLO ONE ACCEPTS, NULL,
	    TAKEN("127.0.0.1"));
	assert_null(strstr(world.events, "injected"));
}

static void
falls_back_to_clear(void **state)
{
	(void)state;
	/* Refused: on the same connection. */
	world_begin();
	run("r", STARTTLS "S 454 no\n" ONE ACCEPTS, NULL, TAKEN("127.0.0.1"));

	/* A handshake that fails: on a new one, and so remembered. */
	world_begin();
	run("r", STARTTLS "S 220 go\nS rubbish that is no handshake\nX\n",
	    HELLO "S 250-PIPELINING\nS 250 STARTTLS\n" ONE ACCEPTS BYE, TAKEN("127.0.0.1"));
	world_skip(11);
	world.scripts[2] = HELLO "S 250-PIPELINING\nS 250 STARTTLS\n" ONE ACCEPTS;
	job("r", 1);
	world_results(2);

	/* After a while it is tried again. */
	world_begin();
	run("r", STARTTLS "S 220 go\nT\n" TLS_HELLO ONE ACCEPTS, NULL, TAKEN("127.0.0.1"));
}

static void
insists_on_tls(void **state)
{
	(void)state;
	world_begin();
	run("tls", PIPELINING "C QUIT\nX\n", NULL,
	    "1 tempfail unreached 127.0.0.1: 451 4.7.4 STARTTLS is not offered, and required here\n");
	world_begin();
	run("tls", STARTTLS "S 454 no\nC QUIT\nX\n", NULL,
	    "1 tempfail unreached 127.0.0.1: 454 no\n");
	world_begin();
	world.scripts[0] = STARTTLS "S 220 go\nX\n";
	job("tls", 1);
	world_results(1);
	assert_non_null(strstr(world.results,
	    "1 tempfail unreached 127.0.0.1: TLS: handshake failed"));

	/* The certificate is verified against the one authority, and the name. */
	world_begin();
	run("tls", STARTTLS "S 220 go\nT\n" TLS_HELLO ONE ACCEPTS, NULL, TAKEN("127.0.0.1"));
	world_begin();
	mx(0, 0, "localhost", "127.0.0.1");
	run("badname", STARTTLS "S 220 go\nT\nX\n", NULL, "1 tempfail unreached "
	    "localhost: TLS: name `localhost' not present in server certificate\n");
	world_begin();
	run("noverify", STARTTLS "S 220 go\nT\n" TLS_HELLO ONE ACCEPTS, NULL,
	    TAKEN("127.0.0.1"));
	world_begin();
	run("otherca", STARTTLS "S 220 go\n", NULL, "1 tempfail unreached 127.0.0.1: "
	    "451 4.7.5 TLS cannot begin here: there are no certificates to verify it with\n");

	world_begin();
	run("smtps", "T\n" PIPELINING ONE ACCEPTS, NULL, TAKEN("127.0.0.1"));
	says("|SERVER\nlink-tls|");
	world_begin();
	run("notls", HELLO "S 250-PIPELINING\nS 250 STARTTLS\n" ONE ACCEPTS, NULL,
	    TAKEN("127.0.0.1"));
}

/* -- AUTH -- */

#define AUTH(m)		HELLO "S 250-AUTH " m "\nS 250 PIPELINING\n"

static void
authenticates(void **state)
{
	(void)state;
	world_begin();
	world.answers[QUERY_CREDENTIALS] = "user:pass:word";
	run("auth", AUTH("LOGIN PLAIN") "C AUTH PLAIN AHVzZXIAcGFzczp3b3Jk\nS 235 ok\n"
	    ONE ACCEPTS, NULL, TAKEN("127.0.0.1"));
	says("protocol-client|AUTH PLAIN ********\n"
	    "link-auth|pass|user\nprotocol-server|235 ok\n");
	assert_null(strstr(world.events, "AHVz"));

	world_begin();
	world.answers[QUERY_CREDENTIALS] = "user:pass";
	run("auth", AUTH("LOGIN") "C AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC dXNlcg==\n"
	    "S 334 UGFzc3dvcmQ6\nC cGFzcw==\nS 235 ok\n" ONE ACCEPTS, NULL,
	    TAKEN("127.0.0.1"));
	says("protocol-client|AUTH LOGIN\n"
	    "protocol-server|334 VXNlcm5hbWU6\nprotocol-client|********\n"
	    "protocol-server|334 UGFzc3dvcmQ6\nprotocol-client|********\n"
	    "link-auth|pass|user\nprotocol-server|235 ok\n");

	/* Our password is wrong: mail is kept. */
	world_begin();
	world.answers[QUERY_CREDENTIALS] = "user:pass";
	run("auth", AUTH("PLAIN") "C AUTH PLAIN AHVzZXIAcGFzcw==\nS 535 no\nC QUIT\nX\n",
	    NULL, "1 tempfail unreached 127.0.0.1: 535 no\n");
	says("link-auth|fail|user\n");

	world_begin();
	world.answers[QUERY_CREDENTIALS] = "user:pass";
	run("auth", AUTH("CRAM-MD5") "C QUIT\nX\n", NULL, "1 tempfail unreached 127.0.0.1: "
	    "451 4.7.4 Neither AUTH PLAIN nor AUTH LOGIN is offered\n");
	world_begin();
	run("auth", NULL, NULL, "1 tempfail unreached : "
	    "451 4.3.5 No credentials are to be had for the label: label\n");
}

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

/* -- options -- */

static void
says_what_it_is_told(void **state)
{
	(void)state;
	world_begin();
	run("words", "S 220 mx.example\nC EHLO other.example\nS 250-mx\nS 250 HELP\n"
	    "C MAIL FROM:<us@example.net>\nS 250 ok\nC RCPT*\nS 250 ok\nC DATA\nS 354 go\n"
	    "D Subject: x//hello\nS 250 taken\n", NULL, TAKEN("127.0.0.1"));

	world_begin();
	world.answers[QUERY_SOURCE] = "127.0.0.7";
	world.answers[QUERY_HELO] = "seven.example";
	run("source", "S 220 mx.example\nC EHLO seven.example\nS 250-mx\nS 250 PIPELINING\n"
	    ONE ACCEPTS, NULL, TAKEN("127.0.0.1"));
	says("|127.0.0.7:");
	world_begin();
	run("source", NULL, NULL,
	    "1 tempfail unreached : 451 4.3.5 No source address is to be had\n");

	world_begin();
	run("srs", HELLO "S 250 HELP\nC MAIL FROM:<SRS0=*\nS 250 ok\nC RCPT*\nS 250 ok\nC DATA\n"
	    "S 354 go\nD Subject: x//hello\nS 250 taken\n", NULL, TAKEN("127.0.0.1"));
}

static void
asks_the_table_of_domains(void **state)
{
	char	 url[64];

	(void)state;
	world_begin();
	snprintf(url, sizeof(url), "smtp+notls://127.0.0.1:%u", world.port);
	world.answers[QUERY_DOMAIN] = url;
	run("domain", PIPELINING ONE ACCEPTS, NULL, TAKEN("127.0.0.1"));
	world_begin();
	world.answers[QUERY_DOMAIN] = "gopher://there";
	run("domain", NULL, NULL, "1 tempfail unreached : 451 4.3.5 The table of domains has "
	    "no relay URL here: no such scheme; one of: smtp, smtp+tls, smtp+notls, smtps, lmtp\n");
	/* What it does not name goes where the MX says. */
	world_begin();
	world.resolved = RESOLVED_NULLMX;
	run("domain", NULL, NULL, "1 permfail : 556 5.1.10 The domain takes no mail\n");
}

static void
knows_actions(void **state)
{
	(void)state;
	world_begin();
	run("nosuch", NULL, NULL,
	    "1 tempfail : 451 4.3.5 The configuration has no such relay action any more\n");
}

/* dns says nothing: the connection goes on after its time, and says so. */
static void
does_without_a_name(void **state)
{
	(void)state;
	world_begin();
	world.dns_silent = true;
	world.scripts[0] = PIPELINING ONE ACCEPTS;
	job("r", 1);
	world_settle();
	assert_string_equal(world.events, "");
	world_skip(12);
	world_results(1);
	assert_int_equal(strncmp(world.events, "link-connect|<unknown>|error|", 29), 0);
}

/* The last of all: relay ends with it, when what may have been taken is answered. */
static void
stops_when_told(void **state)
{
	(void)state;
	world_begin();
	world.scripts[0] = PIPELINING ONE "S 250 ok\nS 250 ok\nS 354 go\nD Subject: x//hello\nW\n";
	world.scripts[1] = PIPELINING ONE "S 250 ok\nW\n";
	job("r", 1);
	world_settle();
	job("r", 1);
	world_settle();
	relay_stop();
	world_settle();
	assert_false(world.stopped);
	assert_int_equal(conn_count(), 1);
	servers[0].at = "S 250 taken\n" BYE;
	server_run(&servers[0]);
	world_results(1);
	world_settle();
	assert_true(world.stopped);
	assert_int_equal(conn_count(), 0);
}

/* -- what TLS needs -- */

static void
pem(const char *path, char *buf, size_t size, size_t *n)
{
	FILE	*f = fopen(path, "r");

	assert_non_null(f);
	*n = fread(buf, 1, size, f);
	fclose(f);
}

static void
ignore_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	(void)ipc;
	(void)msg;
	(void)arg;
}

/* A certificate of its own authority, for 127.0.0.1. */
static int
setup_tls(void **state)
{
	static char		 cert[8192], key[8192], dir[] = "/tmp/relay_test.XXXXXX";
	char			 command[1024], path[64];
	struct tls_config	*config = tls_config_new();
	struct ipc		*parent = world_peer(PROC_PARENT, ignore_cb);
	size_t			 ncert, nkey;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(command, sizeof(command), "openssl req -x509 -newkey ec "
	    "-pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x "
	    "-addext subjectAltName=IP:127.0.0.1 -keyout %s/k -out %s/c 2>/dev/null", dir, dir);
	assert_int_equal(system(command), 0);
	snprintf(path, sizeof(path), "%s/c", dir);
	pem(path, cert, sizeof(cert), &ncert);
	unlink(path);
	snprintf(path, sizeof(path), "%s/k", dir);
	pem(path, key, sizeof(key), &nkey);
	unlink(path);
	rmdir(dir);
	assert_int_equal(tls_config_set_keypair_mem(config, (uint8_t *)cert, ncert,
	    (uint8_t *)key, nkey), 0);
	server_tls = tls_server();
	assert_int_equal(tls_configure(server_tls, config), 0);
	tls_config_free(config);
	/* In two pieces, as a large one comes. */
	ipc_begin(parent, IPC_CA);
	ipc_put_slice(parent, SLICE(""));
	ipc_put_u8(parent, 0);
	ipc_put_slice(parent, slice_make(cert, 100));
	ipc_end(parent);
	ipc_begin(parent, IPC_CA);
	ipc_put_slice(parent, SLICE(""));
	ipc_put_u8(parent, 1);
	ipc_put_slice(parent, slice_make(cert + 100, ncert - 100));
	ipc_end(parent);
	return 0;
}

static const char	 conf[] =
	"table auth { label = user:pass }\n"
	"table domains { example.org = smtp://x }\n"
	"table sources { 127.0.0.7 }\n"
	"table names { 127.0.0.7 = seven.example }\n"
	"ca other cert \"/nonexistent\"\n"
	"srs key \"secret\"\n"
	"listen on 127.0.0.5 port 4025\n"
	"action r relay host \"smtp://127.0.0.1:PORT\"\n"
	"action gone relay host gone.example\n"
	"action two relay host \"smtp://127.0.0.1:PORT\" messages 2 connections 1\n"
	"action slow relay host \"smtp://127.0.0.1:PORT\" rate 1/s\n"
	"action mx relay\n"
	"action other relay\n"
	"action self relay\n"
	"action backup relay backup\n"
	"action tls relay host \"smtp+tls://127.0.0.1:PORT\"\n"
	"action badname relay host \"smtp+tls://localhost:PORT\"\n"
	"action noverify relay host \"smtp+tls://127.0.0.1:PORT\" tls no-verify\n"
	"action otherca relay host \"smtp+tls://127.0.0.1:PORT\" ca other\n"
	"action smtps relay host \"smtps://127.0.0.1:PORT\"\n"
	"action notls relay host \"smtp+notls://127.0.0.1:PORT\"\n"
	"action auth relay host \"smtp+notls://label@127.0.0.1:PORT\" auth <auth>\n"
	"action lmtp relay host \"lmtp://127.0.0.1:PORT\"\n"
	"action words relay host \"smtp://127.0.0.1:PORT\" helo other.example mail-from \"us@example.net\"\n"
	"action source relay host \"smtp://127.0.0.1:PORT\" src <sources> helo-src <names>\n"
	"action srs relay host \"smtp://127.0.0.1:PORT\" srs\n"
	"action domain relay domain <domains>\n";

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tries_the_next_host),
		cmocka_unit_test(remembers_the_dead),
		cmocka_unit_test(hears_what_dns_says),
		cmocka_unit_test(stops_at_itself),
		cmocka_unit_test(keeps_a_connection),
		cmocka_unit_test(survives_a_closed_idle),
		cmocka_unit_test(makes_more_with_success),
		cmocka_unit_test(keeps_the_rate),
		cmocka_unit_test(starts_tls),
		cmocka_unit_test(falls_back_to_clear),
		cmocka_unit_test(insists_on_tls),
		cmocka_unit_test(authenticates),
		cmocka_unit_test(changes_nothing_to_fit),
		cmocka_unit_test(fetches_content),
		cmocka_unit_test(sends_chunks),
		cmocka_unit_test(answers_each_of_lmtp),
		cmocka_unit_test(says_what_it_is_told),
		cmocka_unit_test(asks_the_table_of_domains),
		cmocka_unit_test(knows_actions),
		cmocka_unit_test(does_without_a_name),
		cmocka_unit_test(stops_when_told),
	};

	world_init(conf);
	/* The servers are at no port of a scheme. */
	relay_of("mx")->port = relay_of("other")->port = world.port;
	relay_of("backup")->port = world.port;
	return cmocka_run_group_tests(tests, setup_tls, NULL);
}
