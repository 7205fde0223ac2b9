/* SPDX-License-Identifier: ISC */
/*
 * What a transaction hands on: to lookup with each recipient, to queue with the message, whose
 * content is the same by DATA and by BDAT.  The session and both peers are the test's own.
 */
/* objects: smtpd/smtp_tx.o smtpd/smtp_content.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "smtpd/dsn.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_filter.h"
#include "smtpd/smtp_peers.h"

struct ipc {
	int	 unused;
};

static struct ipc	 peer;
struct ipc		*smtp_lookup = &peer, *smtp_queue = &peer;

static struct conf	 conf = { .max_line = 1000, .max_message_size = 400000 };
struct conf		*proc_conf = &conf;

static struct slice	 input;		/* of the session */
static struct session	 session;
static struct listener	 listener = { .hostname = "mx.example" };

/* What was handed on. */
static struct ipc_rcpt	 rcpt;
static struct ipc_commit commit;
static char		 content[500000], orcpt[100], envid[100];
static size_t		 content_len;
static unsigned		 pieces, discards;
static enum ipc_type	 begun;

void
log_warn(const char *fmt, ...)
{
	(void)fmt;
}

uint64_t
loop_wall(void)
{
	return 0;
}

void
listener_start(void)
{
}

void
session_queue_lost(void)
{
}

void
session_run(struct session *s)
{
	(void)s;
}

bool
session_is_local(const struct session *s)
{
	(void)s;
	return false;
}

struct slice
session_address(const struct session *s)
{
	(void)s;
	return SLICE("192.0.2.1");
}

const char *
session_name(const struct session *s)
{
	return s->rdns;
}

/* No filters. */
int
stream_open(struct tx *tx)
{
	(void)tx;
	return 0;
}

void
stream_free(struct stream *st)
{
	assert_null(st);
}

int
stream_begin(struct stream *st, const char *text)
{
	(void)st;
	(void)text;
	fail();
	return -1;
}

void
stream_feed(struct stream *st, const char *p, size_t n)
{
	(void)st;
	(void)p;
	(void)n;
	fail();
}

bool
stream_finish(struct stream *st)
{
	(void)st;
	fail();
	return true;
}

void
stream_abandon(struct stream *st)
{
	(void)st;
	fail();
}

void
wait_begin(struct session *s, enum waiting w)
{
	s->waiting = w;
}

void
wait_end(struct session *s)
{
	s->waiting = WAITING_NOT;
}

struct slice
io_input(const struct io *io)
{
	(void)io;
	return input;
}

size_t
ipc_backlog(const struct ipc *ipc)
{
	(void)ipc;
	return 0;
}

void
ipc_begin(struct ipc *ipc, enum ipc_type type)
{
	(void)ipc;
	begun = type;
}

void
ipc_put_u32(struct ipc *ipc, uint32_t v)
{
	(void)ipc;
	(void)v;
}

void
session_literal(const struct session *s, char *buf, size_t size)
{
	(void)s;
	snprintf(buf, size, "192.0.2.1");
}

size_t
io_tls_text(const struct io *io, char *buf, size_t size)
{
	(void)io;
	return (size_t)snprintf(buf, size, "TLS");
}

void
io_consume(struct io *io, size_t n)
{
	(void)io;
	assert_true(n <= input.n);
	input = slice_make(input.p + n, input.n - n);
}

static void
keep(struct slice piece)
{
	assert_true(content_len + piece.n < sizeof(content));
	memcpy(content + content_len, piece.p, piece.n);
	content_len += piece.n;
}

void
ipc_put_slice(struct ipc *ipc, struct slice s)
{
	(void)ipc;
	assert_int_equal(begun, IPC_CONTENT);
	pieces++;
	keep(s);
}

void
ipc_end(struct ipc *ipc)
{
	(void)ipc;
	discards += begun == IPC_DISCARD;
}

void
ipc_send_rcpt(struct ipc *ipc, const struct ipc_rcpt *m)
{
	(void)ipc;
	rcpt = *m;
	snprintf(orcpt, sizeof(orcpt), "%.*s", (int)m->orcpt.n, m->orcpt.p);
}

void
ipc_send_commit(struct ipc *ipc, const struct ipc_commit *m)
{
	(void)ipc;
	commit = *m;
	snprintf(envid, sizeof(envid), "%.*s", (int)m->envid.n, m->envid.p);
	if (m->content.n > 0)
		keep(m->content);
}

static struct tx *
begin(const struct params *params)
{
	enum reply	 refused;

	session = (struct session){ .listener = &listener, .esmtp = true,
	    .helo = "client", .src = "192.0.2.1:1" };
	memset(&commit, 0, sizeof(commit));
	content_len = pieces = discards = 0;
	tx_lease(1, 100000);
	session.tx = tx_begin(&session, SLICE("a@b"), params, &refused);
	assert_non_null(session.tx);
	return session.tx;
}

static void
data(struct tx *tx, struct slice text, int expected)
{
	input = text;
	assert_int_equal(content_take(tx), expected);
}

static void
chunk(struct tx *tx, struct slice text, bool last)
{
	tx->chunk = text.n;
	tx->chunk_last = last;
	data(tx, text, 1);
	assert_int_equal(input.n, 0);
	assert_int_equal(tx->chunk, 0);
}

/* The content behind our header, which ends in the date. */
static struct slice
body(void)
{
	const char	*end = memmem(content, content_len, " 1970 ", 6);

	assert_non_null(end);
	end = memchr(end, '\n', content + content_len - end);
	assert_non_null(end);
	return slice_make(end + 1, content + content_len - end - 1);
}

/* Commits; the trace header has this word in it. */
static void
end(struct tx *tx, const char *with)
{
	assert_int_equal(tx->refusal, REFUSED_NOT);
	assert_int_equal(tx_commit(tx), 0);
	assert_int_equal(commit.size, content_len);
	assert_non_null(memmem(content, content_len, with, strlen(with)));
	tx_end(tx, true);
	assert_int_equal(discards, 0);
}

static void
test_handed_on(void **state)
{
	const struct params	 mail = { .body = BODY_SMTPUTF8, .ret = RET_HDRS,
				    .envid = SLICE("id+2B") };
	const struct params	 to = { .notify = NOTIFY_SUCCESS | NOTIFY_DELAY,
				    .orcpt = SLICE("rfc822;c@d") };
	const struct params	 none = { .notify = 0 };
	const struct smtp_path	 path = { .typed = SLICE("c@d"), .mailbox = SLICE("c@d") };
	struct smtp_path	 p = path;
	struct tx		*tx = begin(&mail);

	(void)state;
	p.mailbox.p = p.typed.p;
	assert_int_equal(tx_rcpt(tx, &p, &to, false), 0);
	assert_int_equal(rcpt.notify, NOTIFY_SUCCESS | NOTIFY_DELAY);
	assert_string_equal(orcpt, "rfc822;c@d");
	assert_int_equal(tx_rcpt(tx, &p, &none, false), 0);
	assert_int_equal(rcpt.notify, 0);
	assert_int_equal(rcpt.orcpt.n, 0);
	tx_data(tx, false);
	data(tx, SLICE("x\r\n.\r\n"), 1);
	end(tx, " with UTF8SMTP id ");
	assert_int_equal(commit.body, BODY_SMTPUTF8);
	assert_int_equal(commit.ret, RET_HDRS);
	assert_string_equal(envid, "id+2B");
}

static void
test_plain(void **state)
{
	const struct params	 none = { .body = 0 };
	struct tx		*tx = begin(&none);

	(void)state;
	tx_data(tx, false);
	data(tx, SLICE("x\r\n.\r\n"), 1);
	end(tx, " with ESMTP id ");
	assert_int_equal(commit.body, 0);
	assert_int_equal(commit.ret, RET_NONE);
	assert_string_equal(envid, "");
}

/* It is met in any piece, and in the address that our header names. */
static void
test_8bit(void **state)
{
	const struct params	 none = { .body = 0 };
	const struct params	 declared = { .body = BODY_8BITMIME };
	const struct params	 utf8 = { .body = BODY_SMTPUTF8 };
	struct tx		*tx = begin(&none);

	(void)state;
	tx_data(tx, false);
	data(tx, SLICE("Subject: x\r\n"), 0);
	data(tx, SLICE("\r\nna\xc3\xafve\r\n.\r\n"), 1);
	end(tx, " with ESMTP id ");
	assert_int_equal(commit.body, BODY_8BITMIME);

	tx = begin(&declared);
	tx_data(tx, false);
	data(tx, SLICE("x\r\n.\r\n"), 1);
	end(tx, " with ESMTP id ");
	assert_int_equal(commit.body, BODY_8BITMIME);

	tx = begin(&utf8);
	session.secured = true;
	tx->nrcpt = 1;
	tx->first = strdup("\xc3\xa9@d");
	tx_data(tx, false);
	data(tx, SLICE("x\r\n.\r\n"), 1);
	end(tx, " with UTF8SMTPS id ");
	assert_int_equal(commit.body, BODY_8BITMIME | BODY_SMTPUTF8);
}

/* Only the chunk's octets are taken, and the last line is ended. */
static void
test_chunks(void **state)
{
	const struct params	 none = { .body = 0 };
	struct tx		*tx = begin(&none);

	(void)state;
	tx_data(tx, true);
	tx->chunk = 4;
	data(tx, SLICE("x\r\n.\r\nNOOP\r\n"), 1);
	assert_true(slice_eq(input, SLICE("\r\nNOOP\r\n")));
	chunk(tx, SLICE("\r"), false);
	chunk(tx, SLICE(""), false);
	chunk(tx, SLICE("\n\r\n..y"), true);
	end(tx, " with ESMTP id ");
	assert_true(slice_eq(body(), SLICE("x\n.\n\n..y\n")));

	tx = begin(&none);
	tx_data(tx, true);
	tx->chunk = 5;
	data(tx, SLICE("ab"), 0);
	data(tx, SLICE("\r\n"), 0);
	data(tx, SLICE("\rQUIT"), 1);
	assert_true(slice_eq(input, SLICE("QUIT")));
	assert_int_equal(tx->refusal, REFUSED_NOT);
	chunk(tx, SLICE(""), true);
	assert_int_equal(tx->refusal, REFUSED_FORMAT);
	tx_end(tx, false);
	assert_int_equal(discards, 1);
}

/* One chunk larger than what is kept here, as the queue's window opens little by little. */
static void
test_large(void **state)
{
	const struct params	 none = { .body = 0 };
	static char		 text[300001];
	struct tx		*tx = begin(&none);
	size_t			 i;
	int			 n;

	(void)state;
	for (i = 0; i < sizeof(text); i++)
		text[i] = i % 100 == 98 ? '\r' : i % 100 == 99 ? '\n' : 'x';
	tx_data(tx, true);
	tx->chunk = sizeof(text);
	tx->chunk_last = true;
	input = slice_make(text, sizeof(text));
	while ((n = content_take(tx)) == -1) {
		assert_int_equal(session.waiting, WAITING_WINDOW);
		while (session.waiting == WAITING_WINDOW)
			content_refill(1000);
	}
	assert_int_equal(n, 1);
	assert_int_equal(input.n, 0);
	assert_true(pieces > 0);
	end(tx, " with ESMTP id ");
	assert_int_equal(body().n, 3000 * 99 + 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handed_on),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_8bit),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
