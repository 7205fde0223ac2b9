/* SPDX-License-Identifier: ISC */
/* objects: smtpd/relay.o smtpd/relay_auth.o smtpd/relay_conn.o smtpd/relay_content.o smtpd/relay_dest.o smtpd/relay_hello.o smtpd/relay_host.o smtpd/relay_job.o smtpd/relay_query.o smtpd/relay_reply.o smtpd/relay_route.o smtpd/relay_tls.o smtpd/relay_tx.o smtpd/srs.o smtpd/io.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o smtpd/log.o smtpd/report_emit.o smtpd/report_remote.o smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_resolve.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o */
/*
 * Conversations with a server that plays a script: every step with every class
 * of failure, what the queue is told, and what is reported.
 */
#include "tests/unit/relay_world.h"

#define CONTENT	"Subject: x\n\n.dot\n"

/* -- what the queue is told -- */

#define HELLO		"S 220 mx.example ESMTP\nC EHLO client.example\n"
#define OFFERS		HELLO "S 250-mx.example\n"
#define PIPELINING	OFFERS "S 250 PIPELINING\n"
#define PLAIN		OFFERS "S 250 HELP\n"
#define MAIL		"C MAIL FROM:<a@example.com>\n"
#define ONE		MAIL "C RCPT TO:<b@example.org>\nC DATA\n"
#define TWO		MAIL "C RCPT TO:<b@example.org>\nC RCPT TO:<c@example.org>\nC DATA\n"
#define BODY		"D Subject: x//..dot\n"
#define BYE		"C QUIT\nS 221 bye\nX\n"
#define UNREACHED(s)	"1 tempfail unreached 127.0.0.1: " s "\n"

static const struct row {
	const char	*name;
	const char	*scripts[4];
	unsigned	 nrcpt;
	const char	*results;
} rows[] = {
	{ "accepted, pipelined", { PIPELINING ONE
	    "S 250 ok\nS 250 ok\nS 354 go\n" BODY "S 250 2.0.0 taken\n" BYE }, 1,
	    "1 done 127.0.0.1: 250 2.0.0 taken\n" },
	{ "accepted, a command at a time", { PLAIN MAIL "S 250 ok\n"
	    "C RCPT TO:<b@example.org>\nS 250 ok\nC DATA\nS 354 go\n" BODY
	    "S 250 taken\n" BYE }, 1,
	    "1 done 127.0.0.1: 250 taken\n" },
	{ "HELO where EHLO is unknown", { HELLO "S 502 what?\n"
	    "C HELO client.example\nS 250 mx\n" MAIL "S 250 ok\n"
	    "C RCPT TO:<b@example.org>\nS 251 ok\nC DATA\nS 354 go\n" BODY
	    "S 250 taken\n" BYE }, 1,
	    "1 done 127.0.0.1: 250 taken\n" },

	/* Before there is a connection for mail: the next host, and there is none. */
	{ "banner 4yz", { "S 421 no\nX\n" }, 1, UNREACHED("421 no") },
	{ "banner 450", { "S 450 no\nC QUIT\nS 221 bye\nX\n" }, 1, UNREACHED("450 no") },
	{ "banner 5yz", { "S 554-no\nS 554 never\nC QUIT\nX\n" }, 1,
	    "1 permfail 127.0.0.1: 554-no\n" },
	{ "banner is none", { "S hello\n" }, 1,
	    UNREACHED("banner: what came is no reply of SMTP") },
	{ "banner without end", { "s 3000\nW\n" }, 1,
	    UNREACHED("banner: what came is no reply of SMTP") },
	{ "closed before the banner", { "X\n" }, 1,
	    UNREACHED("banner: connection closed") },
	{ "reset at EHLO", { HELLO "R\n" }, 1,
	    UNREACHED("EHLO: Connection reset by peer") },
	{ "EHLO 4yz", { HELLO "S 450 later\nC QUIT\nX\n" }, 1, UNREACHED("450 later") },
	{ "EHLO 421", { HELLO "S 421 later\nX\n" }, 1, UNREACHED("421 later") },
	{ "EHLO closed", { HELLO "X\n" }, 1, UNREACHED("EHLO: connection closed") },
	{ "HELO 5yz", { HELLO "S 550 no\nC HELO client.example\nS 550 never\nC QUIT\nX\n" },
	    1, "1 permfail 127.0.0.1: 550 never\n" },

	/* MAIL */
	{ "MAIL 4yz", { PIPELINING TWO "S 451 later\nS 503 no\nS 503 no\nS 503 no\n" BYE },
	    2, "1 tempfail 127.0.0.1: 451 later\n2 tempfail 127.0.0.1: 451 later\n" },
	{ "MAIL 5yz", { PIPELINING TWO "S 550 no\nS 503 no\nS 503 no\nS 503 no\n" BYE },
	    2, "1 permfail 127.0.0.1: 550 no\n2 permfail 127.0.0.1: 550 no\n" },
	{ "MAIL 5yz, a command at a time", { PLAIN MAIL "S 550 no\n" BYE },
	    1, "1 permfail 127.0.0.1: 550 no\n" },
	{ "MAIL 421, then better", { PIPELINING ONE "S 421 busy\nX\n",
	    PIPELINING ONE "S 250 ok\nS 250 ok\nS 354 go\n" BODY "S 250 taken\n" BYE },
	    1, "1 done 127.0.0.1: 250 taken\n" },
	{ "MAIL 421, always", { PIPELINING ONE "S 421 busy\nX\n",
	    PIPELINING ONE "S 421 busy\nX\n", PIPELINING ONE "S 421 busy\nX\n" },
	    1, "1 tempfail 127.0.0.1: 421 busy\n" },
	{ "MAIL closed, always", { PIPELINING ONE "X\n",
	    PIPELINING ONE "X\n", PIPELINING ONE "X\n" },
	    1, "1 tempfail 127.0.0.1: envelope: connection closed\n" },

	/* RCPT */
	{ "RCPT 4yz, another accepted", { PIPELINING TWO
	    "S 250 ok\nS 450 later\nS 250 ok\nS 354 go\n" BODY "S 250 taken\n" BYE }, 2,
	    "1 tempfail 127.0.0.1: 450 later\n2 done 127.0.0.1: 250 taken\n" },
	{ "RCPT 5yz, another accepted", { PIPELINING TWO
	    "S 250 ok\nS 250 ok\nS 550 5.1.1 no\nS 354 go\n" BODY "S 250 taken\n" BYE }, 2,
	    "2 permfail 127.0.0.1: 550 5.1.1 no\n1 done 127.0.0.1: 250 taken\n" },
	{ "RCPT 5yz, all", { PIPELINING ONE
	    "S 250 ok\nS 550 no\nS 503 no\nC RSET\nS 250 ok\n" BYE }, 1,
	    "1 permfail 127.0.0.1: 550 no\n" },
	{ "RCPT 5yz, all, but 354", { PIPELINING ONE
	    "S 250 ok\nS 550 no\nS 354 go\nD \nS 554 nobody\n" BYE }, 1,
	    "1 permfail 127.0.0.1: 550 no\n" },
	{ "RCPT 5yz, a command at a time", { PLAIN MAIL "S 250 ok\n"
	    "C RCPT TO:<b@example.org>\nS 550 no\nC RSET\nS 250 ok\n" BYE }, 1,
	    "1 permfail 127.0.0.1: 550 no\n" },
	{ "RCPT 452 behind one: the rest once more", { PIPELINING TWO
	    "S 250 ok\nS 250 ok\nS 452 too many\nS 354 go\n" BODY "S 250 first\n"
	    MAIL "C RCPT TO:<c@example.org>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\n"
	    BODY "S 250 second\n" BYE }, 2,
	    "1 done 127.0.0.1: 250 first\n2 done 127.0.0.1: 250 second\n" },
	{ "RCPT 452, the first", { PIPELINING ONE
	    "S 250 ok\nS 452 full\nS 503 no\nC RSET\nS 250 ok\n" BYE }, 1,
	    "1 tempfail 127.0.0.1: 452 full\n" },
	{ "RCPT 421: only those without an answer again", { PIPELINING TWO
	    "S 250 ok\nS 550 no\nS 421 busy\nX\n",
	    PIPELINING MAIL "C RCPT TO:<c@example.org>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\n"
	    BODY "S 250 taken\n" BYE }, 2,
	    "1 permfail 127.0.0.1: 550 no\n2 done 127.0.0.1: 250 taken\n" },
	{ "RCPT closed, then better", { PIPELINING TWO "S 250 ok\nS 250 ok\nX\n",
	    PIPELINING TWO "S 250 ok\nS 250 ok\nS 250 ok\nS 354 go\n" BODY
	    "S 250 taken\n" BYE }, 2,
	    "1 done 127.0.0.1: 250 taken\n2 done 127.0.0.1: 250 taken\n" },

	/* DATA */
	{ "DATA 4yz", { PIPELINING ONE
	    "S 250 ok\nS 250 ok\nS 451 later\nC RSET\nS 250 ok\n" BYE }, 1,
	    "1 tempfail 127.0.0.1: 451 later\n" },
	{ "DATA 5yz", { PIPELINING ONE
	    "S 250 ok\nS 250 ok\nS 554 no\nC RSET\nS 250 ok\n" BYE }, 1,
	    "1 permfail 127.0.0.1: 554 no\n" },
	{ "DATA 2yz is no answer", { PIPELINING ONE
	    "S 250 ok\nS 250 ok\nS 250 hm\nC RSET\nS 250 ok\n" BYE }, 1,
	    "1 tempfail 127.0.0.1: 250 hm\n" },
	{ "DATA 421, then better", { PIPELINING ONE "S 250 ok\nS 250 ok\nS 421 busy\nX\n",
	    PIPELINING ONE "S 250 ok\nS 250 ok\nS 354 go\n" BODY "S 250 taken\n" BYE }, 1,
	    "1 done 127.0.0.1: 250 taken\n" },
	{ "DATA 5yz, RSET 5yz", { PIPELINING ONE
	    "S 250 ok\nS 250 ok\nS 554 no\nC RSET\nS 554 no\n" }, 1,
	    "1 permfail 127.0.0.1: 554 no\n" },

	/* the end of data */
	{ "end 4yz", { PIPELINING TWO
	    "S 250 ok\nS 250 ok\nS 250 ok\nS 354 go\n" BODY "S 451 4.3.0 later\n" BYE }, 2,
	    "1 tempfail 127.0.0.1: 451 4.3.0 later\n2 tempfail 127.0.0.1: 451 4.3.0 later\n" },
	{ "end 5yz", { PIPELINING TWO
	    "S 250 ok\nS 250 ok\nS 250 ok\nS 354 go\n" BODY "S 554-spam\nS 554 5.7.1 spam\n" BYE },
	    2, "1 permfail 127.0.0.1: 554-spam\n2 permfail 127.0.0.1: 554-spam\n" },
	{ "end 421", { PIPELINING ONE
	    "S 250 ok\nS 250 ok\nS 354 go\n" BODY "S 421 busy\nX\n" }, 1,
	    "1 tempfail 127.0.0.1: 421 busy\n" },
	{ "end closed: it may have been taken", { PIPELINING TWO
	    "S 250 ok\nS 250 ok\nS 250 ok\nS 354 go\n" BODY "X\n" }, 2,
	    "1 tempfail unsure 127.0.0.1: end of data: connection closed\n"
	    "2 tempfail unsure 127.0.0.1: end of data: connection closed\n" },
	{ "end reset", { PIPELINING ONE
	    "S 250 ok\nS 250 ok\nS 354 go\n" BODY "R\n" }, 1,
	    "1 tempfail unsure 127.0.0.1: end of data: Connection reset by peer\n" },
	{ "end garbage", { PIPELINING ONE
	    "S 250 ok\nS 250 ok\nS 354 go\n" BODY "S bla\n" }, 1,
	    "1 tempfail unsure 127.0.0.1: end of data: what came is no reply of SMTP\n" },
	{ "a reply too many", { PIPELINING ONE
	    "S 250 ok\nS 250 ok\nS 354 go\n" BODY "S 250 taken\nS 250 ok\n" }, 1,
	    "1 done 127.0.0.1: 250 taken\n" },

	/* BDAT */
	{ "chunking, all in one flight", { OFFERS "S 250-CHUNKING\nS 250 PIPELINING\n"
	    MAIL "C RCPT TO:<b@example.org>\nC BDAT 20 LAST\nB Subject: x//.dot/\n"
	    "S 250 ok\nS 250 ok\nS 250 taken\n" BYE }, 1,
	    "1 done 127.0.0.1: 250 taken\n" },
	{ "chunking, a command at a time", { OFFERS "S 250 CHUNKING\n"
	    MAIL "S 250 ok\nC RCPT TO:<b@example.org>\nS 250 ok\n"
	    "C BDAT 20 LAST\nB Subject: x//.dot/\nS 250 taken\n" BYE }, 1,
	    "1 done 127.0.0.1: 250 taken\n" },
	{ "chunking, refused at RCPT", { OFFERS "S 250-CHUNKING\nS 250 PIPELINING\n"
	    MAIL "C RCPT TO:<b@example.org>\nC BDAT 20 LAST\nB Subject: x//.dot/\n"
	    "S 250 ok\nS 550 no\nS 503 no\nC RSET\nS 250 ok\n" BYE }, 1,
	    "1 permfail 127.0.0.1: 550 no\n" },
	{ "chunking, refused at MAIL", { OFFERS "S 250-CHUNKING\nS 250 PIPELINING\n"
	    MAIL "C RCPT TO:<b@example.org>\nC BDAT 20 LAST\nB Subject: x//.dot/\n"
	    "S 550 no\nS 503 no\nS 503 no\n" BYE }, 1,
	    "1 permfail 127.0.0.1: 550 no\n" },
	{ "chunking, refused at the end", { OFFERS "S 250-CHUNKING\nS 250 PIPELINING\n"
	    MAIL "C RCPT TO:<b@example.org>\nC BDAT 20 LAST\nB Subject: x//.dot/\n"
	    "S 250 ok\nS 250 ok\nS 554 spam\n" BYE }, 1,
	    "1 permfail 127.0.0.1: 554 spam\n" },
	{ "chunking, closed after all was sent", { OFFERS "S 250-CHUNKING\nS 250 PIPELINING\n"
	    MAIL "C RCPT TO:<b@example.org>\nC BDAT 20 LAST\nB Subject: x//.dot/\n"
	    "S 250 ok\nS 250 ok\nX\n" }, 1,
	    "1 tempfail unsure 127.0.0.1: end of data: connection closed\n" },

	/* SIZE, DSN */
	{ "SIZE is said", { OFFERS "S 250-SIZE 1000\nS 250 PIPELINING\n"
	    "C MAIL FROM:<a@example.com> SIZE=20\nC RCPT TO:<b@example.org>\nC DATA\n"
	    "S 250 ok\nS 250 ok\nS 354 go\n" BODY "S 250 taken\n" BYE }, 1,
	    "1 done 127.0.0.1: 250 taken\n" },
	{ "SIZE is too small", { OFFERS "S 250 SIZE 19\n" BYE }, 1,
	    "1 permfail 127.0.0.1: 552 5.3.4 The message is larger than the server takes\n" },
	{ "DSN is offered", { OFFERS "S 250-DSN\nS 250 PIPELINING\n"
	    ONE "S 250 ok\nS 250 ok\nS 354 go\n" BODY "S 250 taken\n" BYE }, 1,
	    "1 done dsn 127.0.0.1: 250 taken\n" },
};

static void
run_row(const struct row *row)
{
	static const struct ipc_relay_rcpt rcpts[] = {
		{ .evpid = 1, .dest = { "b@example.org", 13 } },
		{ .evpid = 2, .dest = { "c@example.org", 13 } },
	};
	struct ipc_relay	 m = { .content = SLICE(CONTENT), .msgid = 0xabcd };
	size_t			 i;

	world_begin();
	print_message("# %s\n", row->name);
	for (i = 0; i < nitems(row->scripts); i++)
		world.scripts[i] = row->scripts[i];
	world_job(&m, rcpts, row->nrcpt);
	world_results(row->nrcpt);
	assert_string_equal(world.results, row->results);
	world_settle();
	/* It leaves with QUIT, where the script goes so far. */
	world_skip(11);
	world_settle();
	for (i = 0; i < world.naccepted; i++)
		if (servers[i].at[0] == 'C')
			fail_msg("the script waits at %.30s", servers[i].at);
}

static void
every_step_fails(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++)
		run_row(&rows[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_step_fails),
	};

	world_init("action r relay host \"smtp://127.0.0.1:PORT\"\n");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
