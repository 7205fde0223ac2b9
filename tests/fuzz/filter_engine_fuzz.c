/* SPDX-License-Identifier: ISC */
/*
 * Filters that say anything at any time to the smtp process, while clients, lookup and queue do
 * what they do: nothing breaks, a command that a filter refused does not run, and the content of
 * a message that was committed is what its last filter said, all of which had seen its end.
 * The input is a chain and an order of events, each with its arguments.
 */
/* objects: smtpd/smtp_answer.o smtpd/smtp_chain.o smtpd/smtp_command.o smtpd/smtp_content.o smtpd/smtp_filter.o smtpd/smtp_filter_stats.o smtpd/smtp_greet.o smtpd/smtp_line.o smtpd/smtp_message.o smtpd/smtp_param.o smtpd/smtp_phase.o smtpd/smtp_pipe.o smtpd/smtp_question.o smtpd/smtp_reply.o smtpd/smtp_session.o smtpd/smtp_stream.o smtpd/smtp_tx.o smtpd/smtp_verb.o smtpd/smtp_wait.o smtpd/report_emit.o smtpd/dsn.o */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/nitems.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_chain.h"
#include "smtpd/smtp_condition.h"
#include "smtpd/smtp_filter.h"
#include "smtpd/smtp_peers.h"
#include "tests/fuzz/filter_engine_world.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const uint8_t	*arg, *args_end;	/* of the input, what is left */

static unsigned
next(unsigned below)
{
	return arg < args_end ? *arg++ % below : 0;
}

/* Bytes of the input up to a 0xff. */
static struct slice
next_text(void)
{
	const uint8_t	*begin = arg;
	size_t		 n;

	while (arg < args_end && *arg != 0xff)
		arg++;
	n = (size_t)(arg - begin);
	if (arg < args_end)
		arg++;
	return slice_make(begin, n);
}

/* -- what filters do -- */

static const char *const said_results[] = {
	"proceed", "proceed", "proceed", "reject|550 no", "reject|451 later", "reject|421 bye",
	"disconnect|550 no", "rewrite|<x@y>", "rewrite|me", "rewrite|", "junk", "report|seen",
	"reject|250 ok", "proceed|x", "nonsense", "disconnect|",
};
static const char *const said_lines[] = {
	".", "..", "...x", "", "Subject: x", "x|y", "a line", "\r",
};

static void
answer_result(struct actor *a)
{
	struct question	*q = world_question(a, next(4));
	const char	*text = said_results[next(nitems(said_results))];

	if (q != NULL)
		actor_says(a, "filter-result", q, slice_str(text));
}

static void
answer_line(struct actor *a)
{
	struct question	*q = world_question(a, next(4));
	const char	*text = said_lines[next(nitems(said_lines))];

	if (q != NULL)
		actor_says(a, "filter-dataline", q, slice_str(text));
}

/* -- what clients do -- */

static const char *const commands[] = {
	"EHLO me\r\n", "HELO me\r\n", "MAIL FROM:<a@b>\r\n", "RCPT TO:<c@d>\r\n", "DATA\r\n",
	"Subject: x\r\n", "\r\n", "..\r\n", "text\r\n", ".\r\n", "RSET\r\n", "NOOP\r\n", "HELP\r\n",
	"QUIT\r\n", "BDAT 5\r\nab\r\nc", "BDAT 4 LAST\r\nd\r\n.", "BDAT 0 LAST\r\n", "half a ",
	"EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n",
	"EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 3\r\nx\r\n",
};

static void
client_says(struct slice text)
{
	world_input(next(SESSIONS), text);
}

/* A message that is larger than a piece. */
static void
client_says_much(void)
{
	static char	 much[20000];
	size_t		 i;

	for (i = 0; i < sizeof(much); i++)
		much[i] = i % 100 == 98 ? '\r' : i % 100 == 99 ? '\n' : 'x';
	client_says(slice_make(much, sizeof(much)));
}

/* -- all of it -- */

static void
step(void)
{
	struct actor	*a = &actors[next(NACTORS)];

	switch (next(20)) {
	case 0: case 1: case 2:
		client_says(slice_str(commands[next(nitems(commands))]));
		break;
	case 3:
		client_says(next_text());
		break;
	case 4:
		client_says_much();
		break;
	case 5: case 6:
		answer_result(a);
		break;
	case 7:
		answer_line(a);
		break;
	case 8: case 9: case 10: case 11:
		actor_works(a, 1 + next(8));	/* honestly */
		break;
	case 12:
		actor_says_raw(a, next_text());
		break;
	case 13:
		world_pass((1 + next(40)) * SECOND);
		break;
	case 14:
		actor_dies(a);
		break;
	case 15:
		actor_starts(a, next(16));
		break;
	case 16:
		world_lookup(next(8));
		break;
	case 17:
		world_queue(next(8));
		break;
	case 18:
		world_client(next(SESSIONS), next(4) != 0);
		break;
	case 19:
		world_turn();
		break;
	}
	world_check();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	arg = data;
	args_end = data + (size < 4096 ? size : 4096);
	world_begin(next(256));
	while (arg < args_end)
		step();
	world_end();
	return 0;
}
