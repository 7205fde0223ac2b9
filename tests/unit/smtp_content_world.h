/* SPDX-License-Identifier: ISC */
/*
 * What smtp_content_test.c has around the content: a session's input, the queue, the log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/dsn.h"
#include "smtpd/log.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_filter.h"
#include "smtpd/smtp_peers.h"

#define SMALL	(128 * 1024)	/* a piece */
#define BOUND	400000		/* max-message-size */
#define WINDOW	(1024 * 1024)

struct ipc {
	int	 unused;
};

static struct ipc	 peer;
struct ipc		*smtp_queue;
static struct conf	 conf = { .max_line = 1000, .max_message_size = BOUND };
struct conf		*proc_conf = &conf;

static struct session	 sessions[3];
static struct tx	 txs[3];
static struct slice	 inputs[3];
static size_t		 backlog;

/* What the queue got, by message. */
static char		 got[3][1 << 20];
static size_t		 got_len[3], npieces, biggest;
static unsigned		 discards;
static enum ipc_type	 begun;
static uint32_t		 msgid;
static char		 order[64];	/* who was run, by refills */

void
log_warn(const char *fmt, ...)
{
	(void)fmt;
}

void
wait_begin(struct session *s, enum waiting w)
{
	assert_int_equal(s->waiting, WAITING_NOT);
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
	return inputs[((const struct session *)io) - sessions];
}

void
io_consume(struct io *io, size_t n)
{
	struct slice	*in = &inputs[((struct session *)io) - sessions];

	assert_true(n <= in->n);
	*in = slice_make(in->p + n, in->n - n);
}

size_t
ipc_backlog(const struct ipc *ipc)
{
	(void)ipc;
	return backlog;
}

void
ipc_begin(struct ipc *ipc, enum ipc_type type)
{
	assert_ptr_equal(ipc, &peer);
	begun = type;
}

void
ipc_put_u32(struct ipc *ipc, uint32_t v)
{
	(void)ipc;
	msgid = v;
}

static void
keep(struct slice piece)
{
	assert_true(msgid < 3 && got_len[msgid] + piece.n <= sizeof(got[0]));
	if (piece.n > 0)
		memcpy(got[msgid] + got_len[msgid], piece.p, piece.n);
	got_len[msgid] += piece.n;
}

void
ipc_put_slice(struct ipc *ipc, struct slice s)
{
	(void)ipc;
	assert_int_equal(begun, IPC_CONTENT);
	npieces++;
	biggest = s.n > biggest ? s.n : biggest;
	keep(s);
}

void
ipc_end(struct ipc *ipc)
{
	(void)ipc;
	discards += begun == IPC_DISCARD;
}

void
session_queue_lost(void)
{
}
