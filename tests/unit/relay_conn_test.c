/* SPDX-License-Identifier: ISC */
/* objects: smtpd/relay.o smtpd/relay_auth.o smtpd/dsn.o smtpd/relay_command.o smtpd/relay_conn.o smtpd/relay_content.o smtpd/relay_dest.o smtpd/relay_hello.o smtpd/relay_host.o smtpd/relay_job.o smtpd/relay_query.o smtpd/relay_reply.o smtpd/relay_route.o smtpd/relay_tls.o smtpd/relay_tx.o smtpd/srs.o smtpd/io.o smtpd/io_tell.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o smtpd/log.o smtpd/report_emit.o smtpd/report_remote.o smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_resolve.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_filter.o smtpd/conf_rule.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o */
/*
 * Conversations with a server that plays a script: every step with every class
 * of failure, what the queue is told, and what is reported.
 */
#include "tests/unit/relay_world.h"

static const struct ipc_relay_rcpt	 rcpts[] = {
	{ .evpid = 1, .dest = { "b@example.org", 13 } },
	{ .evpid = 2, .dest = { "c@example.org", 13 } },
};

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
	{ "EHLO 3yz", { HELLO "S 354 go\nC QUIT\nX\n" }, 1, UNREACHED("354 go") },
	{ "EHLO closed", { HELLO "X\n" }, 1, UNREACHED("EHLO: connection closed") },
	{ "HELO 5yz", { HELLO "S 550 no\nC HELO client.example\nS 550 never\nC QUIT\nX\n" },
	    1, "1 permfail 127.0.0.1: 550 never\n" },

	{ "all answers at once, before a question", {
	    "M 220 mx/250 mx/250 ok/250 ok/354 go/250 taken\nW\n" }, 1,
	    UNREACHED("EHLO: a reply to what was not asked yet") },
	{ "the end of data answered with DATA", { PIPELINING ONE
	    "M 250 ok/250 ok/354 go/250 taken\n" BODY }, 1,
	    "1 tempfail unsure 127.0.0.1: end of data: a reply to what was not asked yet\n" },

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

	{ "RCPT 3yz is no answer", { PIPELINING ONE "S 250 ok\nS 354 go\n",
	    PIPELINING ONE "S 354 go\n", PIPELINING ONE "S 250 ok\nS 354 go\n" }, 1,
	    "1 tempfail 127.0.0.1: envelope: a reply to no command\n" },

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
	{ "end 3yz: the go-ahead once more takes nothing", { PIPELINING ONE
	    "S 250 ok\nS 250 ok\nS 354 go\n" BODY "S 354 go\n" }, 1,
	    "1 tempfail unsure 127.0.0.1: 354 go\n" },
	{ "end refused in several codes: the last one counts", { PIPELINING ONE
	    "S 250 ok\nS 250 ok\nS 354 go\n" BODY "S 250-taken\nS 554 5.7.1 spam\n" BYE }, 1,
	    "1 permfail 127.0.0.1: 554 5.7.1 spam\n" },
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

	{ "chunking, 3yz", { OFFERS "S 250-CHUNKING\nS 250 PIPELINING\n"
	    MAIL "C RCPT TO:<b@example.org>\nC BDAT 20 LAST\nB Subject: x//.dot/\n"
	    "S 250 ok\nS 250 ok\nS 354 go\n" }, 1,
	    "1 tempfail unsure 127.0.0.1: 354 go\n" },

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

/* -- what is reported -- */

#define LINK		"link-connect|server.example|pass|127.0.0.1|SERVER\n" \
			"protocol-server|220 mx.example ESMTP\n" \
			"link-greeting|mx.example\n" \
			"protocol-client|EHLO client.example\n" \
			"link-identify|EHLO|client.example\n" \
			"protocol-server|250-mx.example\n" \
			"protocol-server|250 PIPELINING\n"
#define MAIL_OK		"protocol-client|MAIL FROM:<a@example.com>\n" \
			"tx-begin|0000abcd\n" \
			"tx-mail|0000abcd|ok|a@example.com\n" \
			"protocol-server|250 ok\n"
#define RCPT_OK		"protocol-client|RCPT TO:<b@example.org>\n" \
			"tx-envelope|0000abcd|0000000000000001\n" \
			"tx-rcpt|0000abcd|ok|b@example.org\n" \
			"protocol-server|250 ok\n"
#define DATA_OK		"protocol-client|DATA\n" \
			"tx-data|0000abcd|ok\n" \
			"protocol-server|354 go\n"
#define ROLLBACK	"tx-rollback|0000abcd\n" \
			"tx-reset|0000abcd\n"
#define END		"protocol-client|QUIT\n" \
			"protocol-server|221 bye\n" \
			"link-disconnect\n"

static const struct {
	const char	*name;
	const char	*script;
	unsigned	 nrcpt;
	const char	*events;
} reports[] = {
	{ "accepted", PIPELINING ONE "S 250 ok\nS 250 ok\nS 354 go\n" BODY
	    "S 250-2.0.0 taken\nS 250 2.0.0 really\n" BYE, 1,
	    LINK MAIL_OK RCPT_OK DATA_OK
	    "protocol-client|.\ntx-commit|0000abcd|21\ntx-reset|0000abcd\n"
	    "protocol-server|250-2.0.0 taken\nprotocol-server|250 2.0.0 really\n" END },
	{ "MAIL refused: no transaction, and no rollback", PIPELINING ONE
	    "S 550 no\nS 503 no\nS 503 no\n" BYE, 1,
	    LINK "protocol-client|MAIL FROM:<a@example.com>\n"
	    "tx-mail|00000000|permfail|a@example.com\nprotocol-server|550 no\n"
	    "protocol-client|RCPT TO:<b@example.org>\nprotocol-server|503 no\n"
	    "protocol-client|DATA\nprotocol-server|503 no\n" END },
	{ "a recipient refused: the transaction goes on", PIPELINING TWO
	    "S 250 ok\nS 250 ok\nS 550 no\nS 354 go\n" BODY "S 250 taken\n" BYE, 2,
	    LINK MAIL_OK RCPT_OK
	    "protocol-client|RCPT TO:<c@example.org>\n"
	    "tx-rcpt|0000abcd|permfail|c@example.org\nprotocol-server|550 no\n"
	    DATA_OK "protocol-client|.\ntx-commit|0000abcd|21\ntx-reset|0000abcd\n"
	    "protocol-server|250 taken\n" END },
	{ "all recipients refused: RSET ends it", PIPELINING ONE
	    "S 250 ok\nS 450 no\nS 503 no\nC RSET\nS 250 ok\n" BYE, 1,
	    LINK MAIL_OK "protocol-client|RCPT TO:<b@example.org>\n"
	    "tx-rcpt|0000abcd|tempfail|b@example.org\nprotocol-server|450 no\n"
	    "protocol-client|DATA\nprotocol-server|503 no\n"
	    "protocol-client|RSET\n" ROLLBACK "protocol-server|250 ok\n" END },
	{ "DATA refused", PIPELINING ONE
	    "S 250 ok\nS 250 ok\nS 451 no\nC RSET\nS 250 ok\n" BYE, 1,
	    LINK MAIL_OK RCPT_OK
	    "protocol-client|DATA\ntx-data|0000abcd|tempfail\nprotocol-server|451 no\n"
	    "protocol-client|RSET\n" ROLLBACK "protocol-server|250 ok\n" END },
	{ "the end of data refused", PIPELINING ONE
	    "S 250 ok\nS 250 ok\nS 354 go\n" BODY "S 554 no\n" BYE, 1,
	    LINK MAIL_OK RCPT_OK DATA_OK
	    "protocol-client|.\n" ROLLBACK "protocol-server|554 no\n" END },
	{ "hang-up at the end of data", PIPELINING ONE
	    "S 250 ok\nS 250 ok\nS 354 go\n" BODY "X\n", 1,
	    LINK MAIL_OK RCPT_OK DATA_OK
	    "protocol-client|.\n" ROLLBACK "link-disconnect\n" },
	{ "BDAT", OFFERS "S 250-CHUNKING\nS 250 PIPELINING\n"
	    MAIL "C RCPT TO:<b@example.org>\nC BDAT 20 LAST\nB Subject: x//.dot/\n"
	    "S 250 ok\nS 250 ok\nS 250 taken\n" BYE, 1,
	    "link-connect|server.example|pass|127.0.0.1|SERVER\n"
	    "protocol-server|220 mx.example ESMTP\nlink-greeting|mx.example\n"
	    "protocol-client|EHLO client.example\nlink-identify|EHLO|client.example\n"
	    "protocol-server|250-mx.example\nprotocol-server|250-CHUNKING\n"
	    "protocol-server|250 PIPELINING\n" MAIL_OK RCPT_OK
	    "protocol-client|BDAT 20 LAST\ntx-data|0000abcd|ok\n"
	    "tx-commit|0000abcd|20\ntx-reset|0000abcd\nprotocol-server|250 taken\n" END },
	{ "banner refused", "S 554 no\n" BYE, 1,
	    "link-connect|server.example|pass|127.0.0.1|SERVER\nprotocol-server|554 no\n" END },
	{ "EHLO refused, HELO not", HELLO "S 500 no\nC HELO client.example\nS 250 hi\n"
	    MAIL "S 550 no\n" BYE, 1,
	    "link-connect|server.example|pass|127.0.0.1|SERVER\n"
	    "protocol-server|220 mx.example ESMTP\nlink-greeting|mx.example\n"
	    "protocol-client|EHLO client.example\nprotocol-server|500 no\n"
	    "protocol-client|HELO client.example\nlink-identify|HELO|client.example\n"
	    "protocol-server|250 hi\nprotocol-client|MAIL FROM:<a@example.com>\n"
	    "tx-mail|00000000|permfail|a@example.com\nprotocol-server|550 no\n" END },
};

static void
same_events(const char *want)
{
	if (strcmp(world.events, want) != 0)
		fail_msg("events:\n%s\nexpected:\n%s", world.events, want);
}

static void
reports_in_parallel(void **state)
{
	struct ipc_relay	 m = { .content = SLICE(CONTENT), .msgid = 0xabcd };
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(reports); i++) {
		world_begin();
		print_message("# %s\n", reports[i].name);
		world.scripts[0] = reports[i].script;
		world_job(&m, rcpts, reports[i].nrcpt);
		world_results(reports[i].nrcpt);
		world_settle();
		world_skip(11);
		same_events(reports[i].events);
	}
}

/* A server that says nothing any more is left, with a line that says so. */
static const struct {
	const char	*name;
	const char	*script;
	unsigned	 seconds;
	const char	*result, *events;
} silences[] = {
	{ "banner", "W\n", 300, "1 tempfail unreached 127.0.0.1: banner: timed out\n",
	    "link-connect|server.example|pass|127.0.0.1|SERVER\ntimeout\nlink-disconnect\n" },
	{ "EHLO", HELLO "S 250-mx\nW\n", 300,
	    "1 tempfail unreached 127.0.0.1: EHLO: timed out\n", NULL },
	{ "end of data", PIPELINING ONE "S 250 ok\nS 250 ok\nS 354 go\n" BODY "W\n", 600,
	    "1 tempfail unsure 127.0.0.1: end of data: timed out\n",
	    LINK MAIL_OK RCPT_OK DATA_OK "timeout\nprotocol-client|.\n" ROLLBACK "link-disconnect\n" },
};

static void
leaves_the_silent(void **state)
{
	struct ipc_relay	 m = { .content = SLICE(CONTENT), .msgid = 0xabcd };
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(silences); i++) {
		world_begin();
		print_message("# silent at %s\n", silences[i].name);
		world.scripts[0] = silences[i].script;
		world_job(&m, rcpts, 1);
		world_settle();
		world_skip(silences[i].seconds - 1);
		assert_int_equal(world.nresults, 0);
		world_skip(2);
		assert_string_equal(world.results, silences[i].result);
		if (silences[i].events != NULL)
			same_events(silences[i].events);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_step_fails),
		cmocka_unit_test(reports_in_parallel),
		cmocka_unit_test(leaves_the_silent),
	};

	world_init("action r relay host \"smtp://127.0.0.1:PORT\"\n");
	relay_chunking_above = 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
