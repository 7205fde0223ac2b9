/* SPDX-License-Identifier: ISC */
/* objects: smtpd/relay.o smtpd/relay_auth.o smtpd/dsn.o smtpd/relay_command.o smtpd/relay_conn.o smtpd/relay_content.o smtpd/relay_dest.o smtpd/relay_hello.o smtpd/relay_host.o smtpd/relay_job.o smtpd/relay_query.o smtpd/relay_reply.o smtpd/relay_route.o smtpd/relay_tls.o smtpd/relay_tx.o smtpd/srs.o smtpd/io.o smtpd/io_tell.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o smtpd/log.o smtpd/report_emit.o smtpd/report_remote.o smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_resolve.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_filter.o smtpd/conf_rule.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o */
/*
 * Destinations: which host is tried and when another, how many connections,
 * what is kept open, options of actions, and the end of the process.
 */
#include <sys/resource.h>

#include "tests/unit/relay_one.h"

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

/* Who waits for a descriptor gets one when there is one, however the connection ended. */
static void
shares_descriptors(void **state)
{
	(void)state;
	world_begin();
	relay_conns_max = 1;
	world.scripts[0] = PIPELINING ONE ACCEPTS BYE;
	world.scripts[1] = world.scripts[2] = PIPELINING ONE ACCEPTS BYE;
	job("r", 1);
	job("two", 1);
	job("slow", 1);
	world_results(3);
	/* What is kept open for more mail to the same place is less urgent, too. */
	world_settle();
	world.scripts[3] = world.scripts[0];
	job("two", 1);
	world_results(4);
	relay_conns_max = 0;
}

/* Nothing is wrong with a host if it is we who cannot connect now. */
static void
runs_out_of_descriptors(void **state)
{
	struct rlimit	 old, none;
	int		 next;

	(void)state;
	world_begin();
	world.scripts[0] = world.scripts[1] = PIPELINING ONE ACCEPTS BYE;
	job("r", 1);
	world_results(1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	/* Only what is closed can be had. */
	assert_int_not_equal(next = dup(STDERR_FILENO), -1);
	close(next);
	none.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	job("two", 1);
	world_results(2);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_string_equal(world.results, TAKEN("127.0.0.1") TAKEN("127.0.0.1"));
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

/* -- time -- */

/* A reply, and what is left of its time goes by. */
static void
slowly(unsigned times)
{
	while (times-- > 0) {
		server_write(&servers[0], "250 ok\r\n", 8);
		world_settle();
		world_skip(280);
		relay_job_sweep();
		world_settle();
	}
}

/* The queue waits 2 hours for an answer, then it gives up relay and all that it holds. */
static void
answers_in_time(void **state)
{
	struct ipc_relay_rcpt	 many[40];
	struct ipc_relay	 m = { .content = SLICE(CONTENT), .action = SLICE("two") };
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(many); i++)
		many[i] = (struct ipc_relay_rcpt){ .evpid = i + 1, .dest = SLICE("b@example.org") };
	world_begin();
	world.scripts[0] = PIPELINING "W\n";
	world_job(&m, many, nitems(many));
	world_settle();
	job("two", 1);
	slowly(12);
	assert_int_equal(world.nresults, 0);
	slowly(1);
	assert_string_equal(world.results,
	    "1 tempfail : 451 4.4.7 It has waited too long for a connection\n");
	slowly(8);
	assert_int_equal(world.nresults, 1);
	slowly(1);
	assert_int_equal(world.nresults, 41);
	assert_non_null(strstr(world.results, "\n28 tempfail 127.0.0.1: "
	    "451 4.4.7 The server takes too long for the message\n"));
	assert_int_equal(conn_count(), 0);

	/* Nobody says where to. */
	world_begin();
	world.dns_silent = true;
	job("mx", 1);
	world_settle();
	world_skip(3700);
	relay_job_sweep();
	world_settle();
	assert_string_equal(world.results, "1 tempfail unreached : "
	    "451 4.4.7 It has waited too long for a connection\n");
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
	world_begin();
	run("domain", NULL, NULL, "1 permfail : 550 5.1.2 The table of domains has nothing for it\n");
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

static unsigned	 unanswered;

static void
count_cb(void *arg, const struct relay_answer *a)
{
	(void)arg;
	assert_int_equal(a->result, RESOLVED_TEMPFAIL);
	unanswered++;
}

/* What a silent process is asked for has a bound. */
static void
asks_no_more_of_the_silent(void **state)
{
	unsigned	 i;

	(void)state;
	world_begin();
	world.dns_silent = true;
	for (i = 0; i < 20000; i++) {
		relay_ask_dns(RESOLVE_RDNS, RESOLVE_ANY, SLICE("127.0.0.1"), count_cb, NULL);
		if (i % 64 == 0)
			world_turn(0);
	}
	world_settle();
	assert_in_range(unanswered, 1, 19999);
	relay_query_peer(PROC_DNS, NULL);
	loop_again();
	world_settle();
	assert_int_equal(unanswered, 20000);
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
	says("protocol-client|DATA\ntx-rollback|0000abcd\ntx-reset|0000abcd\nlink-disconnect\n");
	servers[0].at = "S 250 taken\n" BYE;
	server_run(&servers[0]);
	world_results(1);
	world_settle();
	assert_true(world.stopped);
	assert_int_equal(conn_count(), 0);
}

static const char	 conf[] =
	"table domains { example.org = smtp://x }\n"
	"table sources { 127.0.0.7 }\n"
	"table names { 127.0.0.7 = seven.example }\n"
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
		cmocka_unit_test(shares_descriptors),
		cmocka_unit_test(runs_out_of_descriptors),
		cmocka_unit_test(keeps_the_rate),
		cmocka_unit_test(answers_in_time),
		cmocka_unit_test(says_what_it_is_told),
		cmocka_unit_test(asks_the_table_of_domains),
		cmocka_unit_test(knows_actions),
		cmocka_unit_test(does_without_a_name),
		cmocka_unit_test(asks_no_more_of_the_silent),
		cmocka_unit_test(stops_when_told),
	};

	world_init(conf);
	/* The servers are at no port of a scheme. */
	relay_of("mx")->port = relay_of("other")->port = world.port;
	relay_of("backup")->port = world.port;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
