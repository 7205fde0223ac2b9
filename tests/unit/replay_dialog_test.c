/* SPDX-License-Identifier: ISC */
/*
 * A session that is replayed against a server that says what the test says:
 * what is sent, what differs, and when.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "lib/outbuf.h"
#include "lib/replay_dialog.h"
#include "tests/unit/replay_world.h"

#define SECOND	1000000ULL

struct world {
	struct replay_tape	 tape;
	struct replay_session	*session;
	struct replay_dialog	 dialog;
	struct replay_options	 options;
	struct replay_counts	 counts;
	struct outbuf		 out;
	FILE			*file;
	char			 sent[65536];
	size_t			 n;
	uint64_t		 now;
};

static void
begin(struct world *w, const char *const *lines, double speed)
{
	memset(w, 0, sizeof(*w));
	w->options.speed = speed;
	w->options.message = -1;
	w->options.patience = 30 * SECOND;
	w->now = 1000 * SECOND;
	w->file = tmpfile();
	assert_int_equal(outbuf_init(&w->out, dup(fileno(w->file))), 0);
	replay_tape_init(&w->tape);
	w->session = record(&w->tape, lines);
	replay_dialog_init(&w->dialog, &w->options, &w->counts, &w->out, w->session, w->now);
}

/* Everything that it sends now; content becomes "<CONTENT>". */
static void
send_all(struct world *w, size_t piece)
{
	char	*content;
	size_t	 n, from = w->n;

	while ((n = replay_dialog_output(&w->dialog, w->sent + w->n, piece, w->now)) > 0)
		w->n += n;
	w->sent[w->n] = '\0';
	if ((content = strstr(w->sent + from, "Date: ")) != NULL)
		w->n = (size_t)(content - w->sent) +
		    (size_t)sprintf(content, "<CONTENT>");
}

static void
answer(struct world *w, const char *text, size_t piece)
{
	size_t	 n, i, all = strlen(text);

	for (i = 0; i < all; i += n) {
		n = all - i < piece ? all - i : piece;
		if ((n = replay_dialog_input(&w->dialog, text + i, n, w->now)) == 0)
			return;
	}
}

/* The last parameters of its lines: "STATUS|COMMAND|EXPECTED|REPLY", a line each. */
static void
differences(struct world *w, char *buf, size_t size)
{
	char	 line[8192], *p;
	size_t	 n = 0;

	buf[0] = '\0';
	assert_int_equal(outbuf_flush(&w->out), 0);
	rewind(w->file);
	while (fgets(line, sizeof(line), w->file) != NULL) {
		p = strstr(line, "|000000000000000a|");
		assert_non_null(p);
		n += (size_t)snprintf(buf + n, size - n, "%s", p + 18);
	}
}

static void
end(struct world *w)
{
	assert_int_equal(outbuf_close(&w->out), 0);
	fclose(w->file);
	replay_tape_give(&w->tape, w->session);
	replay_tape_free(&w->tape);
}

#define HELLO	"S 220 x ESMTP", "C EHLO c", "S 250 x"

static const struct {
	const char	*lines[24];
	const char	*answers[16];	/* each when a reply is awaited; "TLS": it is up; "": closed */
	const char	*sent;
	const char	*differences;
	enum replay_state state;
} rows[] = {
	{ { HELLO, "C QUIT", "S 221 2.0.0 bye", NULL },
	    { "220 y\r\n", "250-y\r\n250 z\r\n", "221 2.0.0 Bye\r\n" },
	    "EHLO c\r\nQUIT\r\n", "", REPLAY_OVER },
	{ { HELLO, "C QUIT", "S 221 2.0.0 bye", NULL },
	    { "220 y\n", "550 z\n", "221 Bye\n" }, "EHLO c\r\nQUIT\r\n",
	    "differs|EHLO c|250 x|550 z\ndiffers|QUIT|221 2.0.0 bye|221 Bye\n", REPLAY_OVER },
	/* The server ends it. */
	{ { HELLO, "C QUIT", "S 221 2.0.0 bye", NULL }, { "220 y\r\n", "" },
	    "EHLO c\r\n", "closed|EHLO c|250 x|\n", REPLAY_OVER },
	{ { HELLO, "C QUIT", "S 221 2.0.0 bye", NULL }, { "220 y\r\n", "250-one\r\n250-t", "" },
	    "EHLO c\r\n", "closed|EHLO c|250 x|250-one\n", REPLAY_OVER },
	{ { HELLO, "C QUIT", "S 221 2.0.0 bye", NULL }, { "421 y\r\n" },
	    "", "differs||220 x ESMTP|421 y\n", REPLAY_OVER },
	{ { "S 421 busy", NULL }, { "421 y\r\n" }, "", "", REPLAY_OVER },
	/* The client has gone. */
	{ { NULL }, { "220 y\r\n" }, "", "", REPLAY_OVER },
	{ { HELLO, NULL }, { "220 y\r\n", "250 z\r\n" }, "EHLO c\r\n", "", REPLAY_OVER },
	{ { HELLO, "C FOO", NULL }, { "220 y\r\n", "250 z\r\n" },
	    "EHLO c\r\nFOO\r\n", "", REPLAY_OVER },
	{ { HELLO, "C FOO", "C BAR", "S 250 ok", NULL },
	    { "220 y\r\n", "250 z\r\n", "500 a\r\n", "250 b\r\n" },
	    "EHLO c\r\nFOO\r\nBAR\r\n", "", REPLAY_OVER },
	{ { HELLO, "C DATA", "S 354 go", NULL }, { "220 y\r\n", "250 z\r\n", "354 a\r\n" },
	    "EHLO c\r\nDATA\r\n", "", REPLAY_OVER },
	/* Content, where it is wanted. */
	{ { HELLO, "C DATA", "S 354 go", "C .", "S 250 ok", NULL },
	    { "220 y\r\n", "250 z\r\n", "354 a\r\n", "250 b\r\n" },
	    "EHLO c\r\nDATA\r\n<CONTENT>", "", REPLAY_OVER },
	{ { HELLO, "C DATA", "S 354 go", "C .", "S 250 ok", "C NOOP", "S 250 ok", NULL },
	    { "220 y\r\n", "250 z\r\n", "554 a\r\n", "250 b\r\n" },
	    "EHLO c\r\nDATA\r\nNOOP\r\n", "differs|DATA|354 go|554 a\n", REPLAY_OVER },
	{ { HELLO, "C DATA", "S 554 no", "C NOOP", "S 250 ok", NULL },
	    { "220 y\r\n", "250 z\r\n", "354 a\r\n", "250 b\r\n", "250 c\r\n" },
	    "EHLO c\r\nDATA\r\n<CONTENT>NOOP\r\n",
	    "differs|DATA|554 no|354 a\ndiffers|.||250 b\n", REPLAY_OVER },
	/* Chunks, where they are known. */
	{ { HELLO, "C BDAT 4 LAST", "S 250 ok", NULL },
	    { "220 y\r\n", "250-y\r\n250 chunking\r\n", "250 b\r\n" },
	    "EHLO c\r\nBDAT 4 LAST\r\nDate", "", REPLAY_OVER },
	{ { HELLO, "C BDAT 4 LAST", "S 250 ok", NULL },
	    { "220 y\r\n", "250 y\r\n", "500 b\r\n" },
	    "EHLO c\r\nBDAT 4 LAST\r\n", "differs|BDAT 4 LAST|250 ok|500 b\n", REPLAY_OVER },
	{ { "S 220 x", "C BDAT 4", "S 503 no", "C BDAT 3", "S 503 no", NULL },
	    { "220 y\r\n", "503 y\r\n", "503 b\r\n" },
	    "BDAT 4\r\nDateBDAT 3\r\nRep", "", REPLAY_OVER },
	{ { "S 220 x", "C BDAT 4", "S 500 no", NULL }, { "220 y\r\n", "500 y\r\n" },
	    "BDAT 4\r\n", "", REPLAY_OVER },
	/* Logins. */
	{ { HELLO, "C AUTH LOGIN", "S 334 a", "C ********", "S 334 b", "C ********",
	    "S 235 ok", "C AUTH PLAIN ********", "S 503 no", "C NOOP", "S 250 ok", NULL },
	    { "220 y\r\n", "250 y\r\n", "250 b\r\n" }, "EHLO c\r\nNOOP\r\n", "", REPLAY_OVER },
	{ { HELLO, "C AUTH LOGIN", "S 334 a", "C Zm9v", "S 334 b", "C YmFy", "S 235 ok",
	    "C NOOP", "S 250 ok", NULL },
	    { "220 y\r\n", "250 y\r\n", "334 b\r\n", "535 c\r\n", "250 d\r\n" },
	    "EHLO c\r\nAUTH LOGIN\r\nZm9v\r\nNOOP\r\n", "differs|Zm9v|334 b|535 c\n",
	    REPLAY_OVER },
	{ { HELLO, "C AUTH LOGIN", "S 503 a", "C NOOP", "S 250 ok", NULL },
	    { "220 y\r\n", "250 y\r\n", "334 b\r\n", "501 c\r\n", "250 d\r\n" },
	    "EHLO c\r\nAUTH LOGIN\r\n*\r\nNOOP\r\n",
	    "differs|AUTH LOGIN|503 a|334 b\ndiffers|*||501 c\n", REPLAY_OVER },
	/* TLS. */
	{ { HELLO, "C STARTTLS", "S 220 go", "link-tls|TLSv1.3:AES:256", "C EHLO d", "S 250 z",
	    NULL }, { "220 y\r\n", "250 y\r\n", "220 b\r\n250 injected\r\n", "TLS", "250 e\r\n" },
	    "EHLO c\r\nSTARTTLS\r\nEHLO d\r\n", "", REPLAY_OVER },
	{ { HELLO, "C STARTTLS", "S 220 go", "link-tls|TLSv1.3:AES:256", NULL },
	    { "220 y\r\n", "250 y\r\n", "220 b\r\n", "" },
	    "EHLO c\r\nSTARTTLS\r\n", "closed|STARTTLS|220 go|\n", REPLAY_OVER },
	{ { HELLO, "C STARTTLS", "S 220 go", NULL },
	    { "220 y\r\n", "250 y\r\n", "220 b\r\n" }, "EHLO c\r\nSTARTTLS\r\n", "", REPLAY_OVER },
	{ { HELLO, "C STARTTLS", "S 500 no", NULL },
	    { "220 y\r\n", "250 y\r\n", "220 b\r\n" }, "EHLO c\r\nSTARTTLS\r\n",
	    "differs|STARTTLS|500 no|220 b\n", REPLAY_SECURING },
	/* Texts of all kinds. */
	{ { "S 220 a|b, 50%", NULL }, { "221 \001x|y\r\n" },
	    "", "differs||220 a%7Cb%2C 50%25|221 \\001x%7Cy\n", REPLAY_OVER },
	{ { HELLO, NULL }, { "what?\r\n", "\r\n" }, "EHLO c\r\n",
	    "differs||220 x ESMTP|what?\ndiffers|EHLO c|250 x|\n", REPLAY_OVER },
};

static void
play(size_t i, size_t piece)
{
	struct world	 w;
	char		 text[4096];
	size_t		 a;

	begin(&w, rows[i].lines, 0);
	for (a = 0; a < nitems(rows[i].answers) && rows[i].answers[a] != NULL; a++) {
		send_all(&w, piece + 1);
		if (strcmp(rows[i].answers[a], "TLS") == 0) {
			assert_int_equal(w.dialog.state, REPLAY_SECURING);
			replay_dialog_secured(&w.dialog, w.now);
		} else if (rows[i].answers[a][0] == '\0')
			replay_dialog_closed(&w.dialog, "closed");
		else {
			assert_int_equal(w.dialog.state, REPLAY_READING);
			answer(&w, rows[i].answers[a], piece);
		}
	}
	send_all(&w, piece + 1);
	assert_string_equal(w.sent, rows[i].sent);
	differences(&w, text, sizeof(text));
	assert_string_equal(text, rows[i].differences);
	assert_int_equal(w.dialog.state, rows[i].state);
	assert_int_equal(w.counts.sessions, 1);
	end(&w);
}

static void
dialogs_test(void **state)
{
	static const size_t	 pieces[] = { 1, 5, 8192 };
	size_t			 i, k;

	(void)state;
	for (i = 0; i < nitems(rows); i++)
		for (k = 0; k < nitems(pieces); k++)
			play(i, pieces[k]);
}

/* Lines of a session stand a second from each other, the first at 1. */
static void
pauses_test(void **state)
{
	static const char *const	 lines[] = { HELLO, "C QUIT", NULL };
	struct world			 w;

	(void)state;
	begin(&w, lines, 2);
	answer(&w, "220 y\r\n", 100);
	assert_int_equal(w.dialog.state, REPLAY_WAITING);
	assert_int_equal(w.dialog.due, w.now + SECOND);	/* EHLO stands at 3 */
	replay_dialog_time(&w.dialog, w.now + SECOND - 1);
	assert_int_equal(w.dialog.state, REPLAY_WAITING);
	/* What nobody has asked for is not taken. */
	assert_int_equal(replay_dialog_input(&w.dialog, "250 x\r\n", 7, w.now), 0);
	w.now += SECOND;
	replay_dialog_time(&w.dialog, w.now);
	send_all(&w, 100);
	assert_string_equal(w.sent, "EHLO c\r\n");
	/* Who answers late is not waited for again. */
	w.now += 2 * SECOND;
	answer(&w, "250 y\r\n", 100);
	assert_int_equal(w.dialog.state, REPLAY_SENDING);
	end(&w);
}

/* A client that stays is gone when it was, but for a timeout. */
static void
leaving_test(void **state)
{
	static const char *const	 silent[] = { "S 220 x", NULL };
	static const char *const	 idle[] = { "S 220 x", "timeout", "S 421 x", NULL };
	struct world			 w;

	(void)state;
	begin(&w, silent, 1);
	answer(&w, "220 y\r\n", 100);
	assert_int_equal(w.dialog.state, REPLAY_WAITING);
	assert_int_equal(w.dialog.due, w.now + 2 * SECOND);
	replay_dialog_time(&w.dialog, w.now + 2 * SECOND);
	assert_int_equal(w.dialog.state, REPLAY_OVER);
	end(&w);
	begin(&w, idle, 1);
	answer(&w, "220 y\r\n", 100);
	assert_int_equal(w.dialog.state, REPLAY_OVER);
	end(&w);
}

static void
patience_test(void **state)
{
	static const char *const	 lines[] = { HELLO, NULL };
	struct world			 w;
	char				 text[256];

	(void)state;
	begin(&w, lines, 0);
	answer(&w, "220-still\r\n", 100);
	replay_dialog_time(&w.dialog, w.now + 30 * SECOND - 1);
	assert_int_equal(w.dialog.state, REPLAY_READING);
	replay_dialog_time(&w.dialog, w.now + 30 * SECOND);
	assert_int_equal(w.dialog.state, REPLAY_OVER);
	differences(&w, text, sizeof(text));
	assert_string_equal(text, "timeout||220 x ESMTP|\n");
	end(&w);

	/* Who does not take what is sent. */
	begin(&w, lines, 0);
	answer(&w, "220 x\r\n", 100);
	assert_int_equal(replay_dialog_output(&w.dialog, w.sent, 3, w.now + SECOND), 3);
	replay_dialog_time(&w.dialog, w.now + 31 * SECOND - 1);
	assert_int_equal(w.dialog.state, REPLAY_SENDING);
	replay_dialog_time(&w.dialog, w.now + 31 * SECOND);
	assert_int_equal(w.dialog.state, REPLAY_OVER);
	end(&w);
}

/* Endless lines and endless replies are cut. */
static void
endless_test(void **state)
{
	static const char *const	 lines[] = { "S 220 x", "C QUIT", "S 221 x", NULL };
	struct world			 w;
	size_t				 i;

	(void)state;
	begin(&w, lines, 0);
	for (i = 0; i < 3 * REPLAY_REPLY_MAX / 8; i++)
		answer(&w, "220-abc\n", 8);
	answer(&w, "220 ", 8);
	for (i = 0; i < 3 * REPLAY_LINE_MAX; i++)
		answer(&w, "x", 1);
	assert_int_equal(w.dialog.state, REPLAY_READING);
	answer(&w, "\n", 1);
	assert_int_equal(w.dialog.state, REPLAY_SENDING);
	assert_int_equal(w.counts.differences, 0);
	/* A server that closes while it is sent to may have said why. */
	replay_dialog_deaf(&w.dialog, w.now);
	answer(&w, "221 x\n", 6);
	assert_int_equal(w.dialog.state, REPLAY_OVER);
	assert_int_equal(w.counts.differences, 0);
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(dialogs_test),
		cmocka_unit_test(pauses_test),
		cmocka_unit_test(leaving_test),
		cmocka_unit_test(patience_test),
		cmocka_unit_test(endless_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
