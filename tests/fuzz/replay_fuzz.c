/* SPDX-License-Identifier: ISC */
/*
 * Any sessions against any server: the first byte says how, then come its
 * answers up to a NUL, then the stream.  Every dialog ends, and what it writes
 * are records.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/outbuf.h"
#include "lib/replay_dialog.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct replay_dialog	 dialog;

static void
read_tape(struct replay_tape *t, const char *p, const char *end)
{
	const char	*lf;
	struct report	 r;

	for (; p < end; p = lf + 1) {
		if ((lf = memchr(p, '\n', (size_t)(end - p))) == NULL)
			lf = end;
		if (report_parse(&r, slice_make(p, (size_t)(lf - p))) != REPORT_KNOWN)
			continue;
		if (replay_tape_line(t, &r) == -1)
			abort();
		if (t->bytes > 1 << 20 && replay_tape_cut(t) == -1)
			abort();
	}
	replay_tape_end(t);
}

/* The answers again and again, a piece at a time, until it is over. */
static void
play(const struct replay_options *o, struct outbuf *out, struct replay_session *s,
    const char *answers, size_t n)
{
	static char		 buf[4096];
	struct replay_counts	 counts = { .sessions = 0 };
	uint64_t		 now = 1000000;
	size_t			 i = 0, piece = n % 7 + 1, taken;

	replay_dialog_init(&dialog, o, &counts, out, s, now);
	while (dialog.state != REPLAY_OVER) {
		switch (dialog.state) {
		case REPLAY_READING:
			taken = n == 0 ? 0 : replay_dialog_input(&dialog, answers + i,
			    piece < n - i ? piece : n - i, now);
			i = i + taken >= n ? 0 : i + taken;
			now += o->patience / 1000 + 1;
			break;
		case REPLAY_SENDING:
			replay_dialog_output(&dialog, buf, sizeof(buf), now);
			/* What was recorded may be large. */
			if (dialog.content && dialog.body.left > 1 << 20)
				replay_dialog_deaf(&dialog, now);
			break;
		case REPLAY_SECURING:
			if (n % 2 == 0)
				replay_dialog_secured(&dialog, now);
			else
				replay_dialog_closed(&dialog, "failed");
			break;
		default:
			now = dialog.due;
			break;
		}
		replay_dialog_time(&dialog, now);
	}
}

static void
check(const char *p, size_t n)
{
	const char	*end = p + n, *lf;
	struct report	 r;

	for (; p < end; p = lf + 1)
		if ((lf = memchr(p, '\n', (size_t)(end - p))) == NULL ||
		    report_parse(&r, slice_make(p, (size_t)(lf - p))) != REPORT_KNOWN ||
		    r.event != EV_REPLAY_DIFF || !report_has(&r, RF_STATUS))
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int		 fd = -1;
	static char		 text[1 << 20];
	struct replay_options	 o = { .message = -1, .patience = 1000 };
	struct replay_tape	 tape;
	struct replay_session	*s;
	struct outbuf		 out;
	const char		*p = (const char *)data, *nul;
	ssize_t			 n;

	if (fd == -1) {
		char	 name[] = "/tmp/replay_fuzz.XXXXXX";

		if ((fd = mkostemp(name, O_APPEND | O_CLOEXEC)) == -1)
			abort();
		unlink(name);
	}
	if (size < 2 || (nul = memchr(p + 1, '\0', size - 1)) == NULL)
		return 0;
	o.exact = (*p & 1) != 0;
	o.speed = (*p & 2) != 0 ? 1.5 : 0;
	if (ftruncate(fd, 0) == -1 || outbuf_init(&out, fd) == -1)
		abort();
	replay_tape_init(&tape);
	read_tape(&tape, nul + 1, p + size);
	while ((s = replay_tape_take(&tape)) != NULL) {
		play(&o, &out, s, p + 1, (size_t)(nul - p) - 1);
		replay_tape_give(&tape, s);
	}
	if (tape.bytes != 0)
		abort();
	replay_tape_free(&tape);
	if (outbuf_flush(&out) == -1 || (n = pread(fd, text, sizeof(text), 0)) == -1)
		abort();
	free(out.buf);
	if ((size_t)n < sizeof(text))
		check(text, (size_t)n);
	return 0;
}
