/* SPDX-License-Identifier: ISC */
/* objects: smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o smtpd/loop.o smtpd/log.o */
/*
 * Channels: messages arrive whole and in order, with their descriptor; what
 * disagrees with the table is dropped, and its descriptor closed.
 */
#include <sys/socket.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "smtpd/ipc.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"

const struct proc_row	 proc_rows[PROC_MAX] = {
	[PROC_PARENT] = { .name = "parent" }, [PROC_SMTP] = { .name = "smtp" },
	[PROC_LOOKUP] = { .name = "lookup" }, [PROC_QUEUE] = { .name = "queue" },
	[PROC_DELIVER] = { .name = "deliver" }, [PROC_OFFLINE] = { .name = "offline" },
};

/* What the receiver saw. */
static struct {
	unsigned	 n, gone;
	enum ipc_type	 type[64];
	uint32_t	 number[64];
	int		 fd;
	bool		 free_in_cb;
} seen;

static void
receive_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	(void)arg;
	if (msg == NULL) {
		seen.gone++;
		ipc_free(ipc);
		return;
	}
	seen.type[seen.n] = msg->type;
	if (msg->type == IPC_DISCARD)
		seen.number[seen.n] = ipc_get_u32(msg);
	if (msg->type == IPC_LISTENER) {
		seen.number[seen.n] = ipc_get_u32(msg);
		ipc_get_slice(msg);
		seen.fd = ipc_take_fd(msg);
	}
	seen.n++;
	if (seen.free_in_cb)
		ipc_free(ipc);
}

static struct ipc	*a, *b;
static int		 raw;	/* the sender's descriptor */

static void
pair(enum process from, enum process to)
{
	int	 fd[2];

	memset(&seen, 0, sizeof(seen));
	seen.fd = -1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    fd), 0);
	raw = fd[0];
	a = ipc_new(from, to, fd[0], receive_cb, NULL);
	b = ipc_new(to, from, fd[1], receive_cb, NULL);
}

static void
discard(uint32_t msgid)
{
	ipc_begin(a, IPC_DISCARD);
	ipc_put_u32(a, msgid);
	ipc_end(a);
}

static void
test_order(void **state)
{
	uint32_t	 i;

	(void)state;
	pair(PROC_SMTP, PROC_QUEUE);
	for (i = 0; i < 50; i++)
		discard(i);
	assert_true(ipc_backlog(a) > 0);
	ipc_flush(a);
	assert_int_equal(ipc_backlog(a), 0);
	ipc_drain(b);
	assert_int_equal(seen.n, 50);
	for (i = 0; i < 50; i++)
		assert_int_equal(seen.number[i], i);
	ipc_free(a);
	ipc_drain(b);
	assert_int_equal(seen.gone, 1);
}

static void
test_struct(void **state)
{
	(void)state;
	pair(PROC_SMTP, PROC_QUEUE);
	char			*big = calloc(1, 128 * 1024);
	struct ipc_commit	 c = { .msgid = 1, .nenvelopes = 2, .session = 3,
	    .size = 128 * 1024, .sender = SLICE("a\0b"), .helo = SLICE(""),
	    .src = SLICE("local"), .content = slice_make(big, 128 * 1024) };

	assert_non_null(big);
	ipc_send_commit(a, &c);
	discard(9);
	ipc_flush(a);
	ipc_drain(b);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.type[0], IPC_COMMIT);
	assert_int_equal(seen.number[1], 9);
	free(big);
	ipc_free(a);
	ipc_free(b);
}

/* Is anything open behind this number? */
static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static void
test_descriptor(void **state)
{
	int	 p[2];

	(void)state;
	pair(PROC_PARENT, PROC_SMTP);
	assert_int_equal(pipe(p), 0);
	ipc_begin(a, IPC_LISTENER);
	ipc_put_u32(a, 7);
	ipc_put_slice(a, SLICE("127.0.0.1:25"));
	ipc_end_fd(a, p[1]);
	ipc_flush(a);
	assert_false(is_open(p[1]));
	ipc_drain(b);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.number[0], 7);
	assert_int_equal(write(seen.fd, "x", 1), 1);
	close(seen.fd);
	close(p[0]);
	ipc_free(a);
	ipc_free(b);
}

/* A message that the table does not give to this sender never leaves. */
static void
test_sender(void **state)
{
	(void)state;
	pair(PROC_LOOKUP, PROC_QUEUE);
	discard(1);
	ipc_flush(a);
	ipc_drain(b);
	assert_int_equal(seen.n, 0);
	ipc_free(a);
	ipc_free(b);
}

/* What a broken-into peer could write by hand. */
static const struct {
	const char	*what;
	uint16_t	 type, fd;
	uint32_t	 size;
	size_t		 n;	/* bytes that follow */
} hostile[] = {
	{ "unknown type",		999,		0, 4, 4 },
	{ "another's message",		IPC_ENVELOPE,	0, 64, 64 },
	{ "another receiver's",		IPC_RCPT,	0, 64, 64 },
	{ "too short",			IPC_DISCARD,	0, 3, 3 },
	{ "too long",			IPC_DISCARD,	0, 5, 5 },
	{ "longer than the packet",	IPC_DISCARD,	0, 400, 4 },
	{ "a descriptor claimed",	IPC_DISCARD,	1, 4, 4 },
	{ "a descriptor missing",	IPC_LISTENER,	0, 8, 8 },
};

static void
test_hostile(void **state)
{
	char	 buf[512] = { 0 };
	size_t	 i;

	(void)state;
	for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		unsigned	 want = hostile[i].fd != 0;

		pair(PROC_SMTP, PROC_QUEUE);
		memcpy(buf, &hostile[i].type, 2);
		memcpy(buf + 2, &hostile[i].fd, 2);
		memcpy(buf + 4, &hostile[i].size, 4);
		assert_int_equal(send(raw, buf, 8 + hostile[i].n, 0),
		    8 + hostile[i].n);
		discard(1);
		ipc_flush(a);
		ipc_drain(b);
		/* A claim without a descriptor is only a claim: the message stands. */
		if (seen.n != 1 + want || seen.type[want] != IPC_DISCARD)
			fail_msg("%s: %u messages", hostile[i].what, seen.n);
		ipc_free(a);
		ipc_free(b);
	}
}

static void
test_freed_by_callback(void **state)
{
	(void)state;
	pair(PROC_SMTP, PROC_QUEUE);
	seen.free_in_cb = true;
	discard(1);
	discard(2);
	ipc_flush(a);
	ipc_drain(b);
	assert_int_equal(seen.n, 1);
	ipc_free(a);
}

/* What a peer sent before it died is read, and then its end. */
static void
test_last_words(void **state)
{
	(void)state;
	pair(PROC_SMTP, PROC_QUEUE);
	ipc_begin(b, IPC_LEASE);
	ipc_put_u32(b, 1);
	ipc_put_u32(b, 1);
	ipc_end(b);
	ipc_flush(b);
	discard(5);
	ipc_flush(a);
	ipc_free(a);	/* with a message unread: the other end gets ECONNRESET first */
	ipc_drain(b);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.number[0], 5);
	assert_int_equal(seen.gone, 1);
}

static void
test_short_gets(void **state)
{
	struct ipc_msg	 m = { .type = IPC_COMMIT, .data = SLICE("\xff\xff\xff\xff"),
	    .fd = -1 };

	(void)state;
	assert_int_equal(ipc_get_slice(&m).n, 0);
	assert_true(m.bad);
	assert_int_equal(ipc_get_u64(&m), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_struct),
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_sender),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_freed_by_callback),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_short_gets),
	};

	log_init(1, 0);
	loop_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
