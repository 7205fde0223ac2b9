/* SPDX-License-Identifier: ISC */
/*
 * Who waits for a table to be read again: is told once, what lookup says of
 * that table, or that lookup is gone; not at all when it waits no more.  The
 * channel to lookup is real.
 */
/* objects: smtpd/queue_update.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o smtpd/loop.o smtpd/log.o */
#include <sys/socket.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"

const struct proc_row	 proc_rows[PROC_MAX];
struct ipc		*queue_lookup;

static struct ipc	*lookup;
static uint64_t		 asked[4];	/* numbers of the questions that lookup has */
static size_t		 nasked;
static char		 told[512];

static void
lookup_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	(void)arg;
	assert_non_null(msg);
	assert_int_equal(msg->type, IPC_UPDATE);
	assert_true(nasked < 4);
	asked[nasked++] = ipc_get_u64(msg);
	assert_true(slice_eq(ipc_get_slice(msg), SLICE("t")));
	assert_int_equal(ipc_complete(ipc, msg), 1);
}

static void
queue_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	(void)arg;
	assert_non_null(msg);
	update_answered(ipc, msg);
}

static void
tell(void *arg, bool done, struct slice text)
{
	size_t	 n = strlen(told);

	snprintf(told + n, sizeof(told) - n, "%s %d %.*s; ", (const char *)arg, done,
	    (int)text.n, text.p);
}

static struct update *
ask(const char *who)
{
	struct update	*u = update_begin(SLICE("t"), tell, (void *)who);

	assert_non_null(u);
	assert_string_equal(told, "");
	ipc_flush(queue_lookup);
	ipc_drain(lookup);
	return u;
}

static void
answer(uint64_t number, bool done, const char *text)
{
	told[0] = '\0';
	ipc_begin(lookup, IPC_UPDATED);
	ipc_put_u64(lookup, number);
	ipc_put_u8(lookup, done);
	ipc_put_slice(lookup, slice_str(text));
	ipc_end(lookup);
	ipc_flush(lookup);
	ipc_drain(queue_lookup);
}

static void
test_answers(void **state)
{
	(void)state;
	ask("a");
	ask("b");
	assert_int_equal(nasked, 2);
	assert_true(asked[0] != asked[1]);
	answer(asked[1], false, "no");
	assert_string_equal(told, "b 0 no; ");
	answer(asked[1], true, "again");
	assert_string_equal(told, "");
	answer(asked[0], true, "2 entries");
	assert_string_equal(told, "a 1 2 entries; ");
	answer(12345, true, "nobody asked");
	assert_string_equal(told, "");
}

static void
test_forgotten(void **state)
{
	struct update	*u;

	(void)state;
	u = ask("a");
	ask("b");
	update_forget(u);
	answer(asked[0], true, "late");
	assert_string_equal(told, "");
	answer(asked[1], true, "yes");
	assert_string_equal(told, "b 1 yes; ");
}

static void
test_lost(void **state)
{
	(void)state;
	ask("a");
	ask("b");
	update_lookup_lost();
	assert_string_equal(told, "a 0 the lookup process died over it; "
	    "b 0 the lookup process died over it; ");
	told[0] = '\0';
	update_lookup_lost();
	assert_string_equal(told, "");
	answer(asked[0], true, "late");
	assert_string_equal(told, "");
}

static void
test_absent(void **state)
{
	struct ipc	*was = queue_lookup;

	(void)state;
	queue_lookup = NULL;
	errno = 0;
	assert_null(update_begin(SLICE("t"), tell, "a"));
	assert_int_equal(errno, EAGAIN);
	queue_lookup = was;
}

static int
setup(void **state)
{
	int	 fd[2];

	(void)state;
	nasked = 0;
	told[0] = '\0';
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) == -1)
		return -1;
	queue_lookup = ipc_new(PROC_QUEUE, PROC_LOOKUP, fd[0], queue_cb, NULL);
	lookup = ipc_new(PROC_LOOKUP, PROC_QUEUE, fd[1], lookup_cb, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	ipc_free(queue_lookup);
	ipc_free(lookup);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_absent, setup, teardown),
	};

	log_init(1, 0);
	loop_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
