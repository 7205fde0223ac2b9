/* SPDX-License-Identifier: ISC */
/* objects: smtpd/smtp_lines.o smtpd/report_remote.o smtpd/report_emit.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o smtpd/loop.o smtpd/log.o */
/*
 * Lines of queue and relay: batched, in order, of what each may speak of, and
 * with a gap line where one died or smtp did not read.
 */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/ipc.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/report_emit.h"
#include "smtpd/report_remote.h"
#include "smtpd/smtp_bus.h"
#include "smtpd/smtp_lines.h"
#include "smtpd/smtp_peers.h"

struct ipc			*smtp_queue, *smtp_lookup;
struct conf			*proc_conf;
bool				 proc_restarted;
const struct proc_row		 proc_rows[PROC_MAX] = {
	[PROC_SMTP] = { .name = "smtp" }, [PROC_QUEUE] = { .name = "queue" },
	[PROC_RELAY] = { .name = "relay" },
};

/* What the bus was given, and the commits that came, in one text. */
static char	 told[1 << 16];
static bool	 deaf;

static void
tell(struct slice s)
{
	size_t	 n = strlen(told);

	if (deaf)
		return;
	assert_true(s.n < sizeof(told) - n);
	memcpy(told + n, s.p, s.n);
	told[n + s.n] = '\0';
}

static uint64_t	 expected_watchers = 5;

void
bus_lines(enum subsystem subsystem, enum dialect d, uint64_t watchers, uint64_t first,
    uint64_t last, struct slice text)
{
	char	 head[64];

	assert_true(first <= last);
	assert_int_equal(watchers, expected_watchers);
	snprintf(head, sizeof(head), "%s %s: ", subsystem_names[subsystem], dialect_names[d]);
	tell(slice_str(head));
	tell(text);
}

static void
bus_event(const struct report_source *src, enum event_id event,
    const struct report_value *v, size_t n)
{
	(void)v;
	(void)n;
	tell(slice_str(subsystem_names[src->subsystem]));
	tell(SLICE(" "));
	tell(slice_str(report_events[event].name));
	tell(SLICE("\n"));
}

struct end {			/* of a channel to smtp, and smtp's */
	enum process	 peer;
	struct ipc	*theirs, *ours;
	int		 fd;
};

static void
smtp_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	struct end	*e = arg;

	if (msg == NULL)
		return;
	if (msg->type == IPC_REPORT)
		lines_take(e->peer, ipc, msg);
	else if (msg->type == IPC_COMMITTED)
		tell(SLICE("commit\n"));
}

static void
peer_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	(void)ipc;
	(void)msg;
	(void)arg;
}

static void
end_open(struct end *e, enum process peer)
{
	int	 fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd), 0);
	e->peer = peer;
	e->fd = fd[0];
	e->theirs = ipc_new(peer, PROC_SMTP, fd[0], peer_cb, e);
	e->ours = ipc_new(PROC_SMTP, peer, fd[1], smtp_cb, e);
	told[0] = '\0';
}

static void
end_close(struct end *e)
{
	ipc_free(e->theirs);
	ipc_free(e->ours);
}

static void
send_text(struct end *e, enum subsystem s, struct slice text)
{
	ipc_begin(e->theirs, IPC_REPORT);
	ipc_put_u8(e->theirs, s);
	ipc_put_u8(e->theirs, DIALECT_1);
	ipc_put_u64(e->theirs, expected_watchers);
	ipc_put_u64(e->theirs, 1);
	ipc_put_u64(e->theirs, 2);
	ipc_put_slice(e->theirs, text);
	ipc_end(e->theirs);
	ipc_flush(e->theirs);
}

/* What the queue has said is published before a line that came from relay. */
static void
order_test(void **state)
{
	struct end	 queue, relay;

	(void)state;
	end_open(&queue, PROC_QUEUE);
	end_open(&relay, PROC_RELAY);
	smtp_queue = queue.ours;
	send_text(&relay, SUBSYSTEM_SMTP_OUT, SLICE("tx-begin\n"));
	ipc_begin(queue.theirs, IPC_COMMITTED);
	ipc_put_u32(queue.theirs, 1);
	ipc_put_u8(queue.theirs, 0);
	ipc_end(queue.theirs);
	send_text(&queue, SUBSYSTEM_QUEUE, SLICE("delivered\n"));
	ipc_drain(relay.ours);
	assert_string_equal(told, "commit\nqueue 1: delivered\nsmtp-out 1: tx-begin\n");
	/* Without the queue, or with none of its messages, they come all the same. */
	smtp_queue = NULL;
	send_text(&relay, SUBSYSTEM_SMTP_OUT, SLICE("a\nb\n"));
	told[0] = '\0';
	ipc_drain(relay.ours);
	assert_string_equal(told, "smtp-out 1: a\nb\n");
	end_close(&queue);
	end_close(&relay);
}

/* Nobody speaks for others, or in half a line. */
static void
forged_test(void **state)
{
	static const struct {
		enum process	 peer;
		enum subsystem	 subsystem;
		struct slice	 text;
		bool		 taken;
	} rows[] = {
		{ PROC_QUEUE, SUBSYSTEM_QUEUE, SLICE("x\n"), true },
		{ PROC_QUEUE, SUBSYSTEM_STATS, SLICE("x\n"), true },
		{ PROC_QUEUE, SUBSYSTEM_SMTP_IN, SLICE("x\n"), false },
		{ PROC_QUEUE, SUBSYSTEM_SMTP_OUT, SLICE("x\n"), false },
		{ PROC_RELAY, SUBSYSTEM_SMTP_OUT, SLICE("x\n"), true },
		{ PROC_RELAY, SUBSYSTEM_STATS, SLICE("x\n"), true },
		{ PROC_RELAY, SUBSYSTEM_QUEUE, SLICE("x\n"), false },
		{ PROC_RELAY, SUBSYSTEM_SMTP_IN, SLICE("x\n"), false },
		{ PROC_RELAY, SUBSYSTEM_MAX, SLICE("x\n"), false },
		{ PROC_RELAY, SUBSYSTEM_SMTP_OUT, SLICE("x"), false },
		{ PROC_RELAY, SUBSYSTEM_SMTP_OUT, SLICE(""), false },
	};
	struct end	 e;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		end_open(&e, rows[i].peer);
		send_text(&e, rows[i].subsystem, rows[i].text);
		ipc_drain(e.ours);
		assert_int_equal(told[0] != '\0', rows[i].taken);
		end_close(&e);
	}
}

/* The first of each is no news; one in its place, and an smtp in its place, are. */
static void
gap_test(void **state)
{
	(void)state;
	report_to(bus_event);
	told[0] = '\0';
	lines_init();
	lines_peer(PROC_QUEUE);
	lines_peer(PROC_LOOKUP);
	lines_peer(PROC_LOOKUP);
	lines_peer(PROC_RELAY);
	assert_string_equal(told, "");
	lines_peer(PROC_RELAY);
	assert_string_equal(told, "smtp-out report-gap\n");
	told[0] = '\0';
	lines_peer(PROC_QUEUE);
	lines_peer(PROC_RELAY);
	assert_string_equal(told, "queue report-gap\nsmtp-out report-gap\n");
	told[0] = '\0';
	proc_restarted = true;
	lines_init();
	assert_string_equal(told, "smtp-in report-gap\nsmtp-out report-gap\nqueue report-gap\n");
	proc_restarted = false;
}

/* -- the other end -- */

static size_t
lines_of(const char *text, const char *word)
{
	size_t	 n = 0;

	for (; (text = strstr(text, word)) != NULL; text++)
		n++;
	return n;
}

/* What no longer fits in 16 MB is counted; the gap line stands before the next line. */
static void
backlog_test(void **state)
{
	static struct proc_conf	 proc = { .reports = 1u << SUBSYSTEM_QUEUE,
	    .dialect = DIALECT_0_7 };
	static struct conf	 conf;
	static char		 reply[8192];
	struct report_fate	 fate = { .msgid = 1, .evpid = 1ULL << 32 | 1,
	    .transport = "relay", .recipient = SLICE("a@b") };
	struct end		 e;
	unsigned		 i;

	(void)state;
	expected_watchers = 0;
	TAILQ_INIT(&conf.procs);
	TAILQ_INSERT_TAIL(&conf.procs, &proc, entry);
	proc_conf = &conf;
	report_remote_init();
	end_open(&e, PROC_QUEUE);
	/* To nobody yet. */
	report_envelope(EV_ENVELOPE_DELIVERED, &fate);
	report_remote_peer(e.theirs);
	memset(reply, 'x', sizeof(reply));
	fate.reply = slice_make(reply, sizeof(reply));
	for (i = 0; i < 4000; i++)
		report_envelope(EV_ENVELOPE_FAILED, &fate);
	assert_true(ipc_backlog(e.theirs) < 17 * 1024 * 1024);
	deaf = true;
	while (ipc_backlog(e.theirs) > 0) {
		ipc_flush(e.theirs);
		ipc_drain(e.ours);
	}
	deaf = false;
	fate.reply = SLICE("250 ok");
	report_envelope(EV_ENVELOPE_DELIVERED, &fate);
	/* The batch goes at the end of the turn; another of its size pushes it out. */
	fate.reply = slice_make(reply, sizeof(reply));
	for (i = 0; i < 4; i++)
		report_envelope(EV_ENVELOPE_EXPIRED, &fate);
	ipc_flush(e.theirs);
	ipc_drain(e.ours);
	assert_int_equal(lines_of(told, "report-gap"), 1);
	assert_int_equal(lines_of(told, "envelope-delivered"), 1);
	assert_true(strstr(told, "report-gap") < strstr(told, "envelope-delivered"));
	report_remote_peer(NULL);
	report_envelope(EV_ENVELOPE_DELIVERED, &fate);
	end_close(&e);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(order_test),
		cmocka_unit_test(forged_test),
		cmocka_unit_test(gap_test),
		cmocka_unit_test(backlog_test),
	};

	loop_init();
	log_init(1, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
