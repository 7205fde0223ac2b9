/* SPDX-License-Identifier: ISC */
/*
 * The derived line replay-diff.
 */
#include <stdio.h>

#include "lib/outbuf.h"
#include "lib/replay_diff.h"
#include "lib/report_list.h"

/* A piece at a time, for it may be long. */
static void
put_text(struct outbuf *out, struct slice s)
{
	char	 buf[3 * 256];
	size_t	 n;

	outbuf_char(out, '|');
	for (; s.n != 0; s = slice_make(s.p + n, s.n - n)) {
		n = s.n < 256 ? s.n : 256;
		outbuf_slice(out, report_encode(slice_make(s.p, n), buf, sizeof(buf)));
	}
}

void
replay_diff_write(struct outbuf *out, const struct replay_session *s, uint64_t time,
    const char *status, struct slice command, struct slice expected,
    struct slice reply)
{
	char	 buf[128];
	int	 n;

	outbuf_slice(out, SLICE("report|"));
	outbuf_put(out, s->version, s->version_n);
	n = snprintf(buf, sizeof(buf), "|%llu", (unsigned long long)(time / 1000000));
	outbuf_put(out, buf, (size_t)n);
	if (!s->seconds) {
		n = snprintf(buf, sizeof(buf), ".%06u", (unsigned)(time % 1000000));
		outbuf_put(out, buf, (size_t)n);
	}
	n = snprintf(buf, sizeof(buf), "|%s|%s|%016llx|%s",
	    subsystem_names[SUBSYSTEM_SMTP_IN], report_events[EV_REPLAY_DIFF].name,
	    (unsigned long long)s->id, status);
	outbuf_put(out, buf, (size_t)n);
	put_text(out, command);
	put_text(out, expected);
	put_text(out, reply);
	outbuf_char(out, '\n');
}
