/* SPDX-License-Identifier: ISC */
/*
 * The content of a message: cut in any way it decodes to the same, it ends at
 * CRLF . CRLF and nowhere else, and what is right comes back from the wire; so in chunks.
 * The first byte of the input says how the rest is cut.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/smtp_data.h"
#include "lib/smtp_header.h"

#define LINE	1000

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Decodes in pieces of cut bytes, into room bytes at a time; bytes written. */
static size_t
decode(struct smtp_data *d, struct smtp_header *h, const char *in, size_t n,
    size_t cut, size_t room, bool chunked, char *out, size_t *used)
{
	size_t	 len = 0, piece, took, wrote;

	smtp_data_init(d, LINE, chunked);
	smtp_header_init(h);
	for (*used = 0; *used < n && !d->end; *used += took) {
		piece = n - *used < cut ? n - *used : cut;
		took = smtp_data_feed(d, in + *used, piece, out + len, room,
		    &wrote);
		if (took == 0 || took > piece || wrote > room)
			abort();
		smtp_header_feed(h, out + len, wrote);
		len += wrote;
	}
	if (chunked)
		len += smtp_data_finish(d, out + len);
	return len;
}

/* Where the message ends by the book: behind the first CRLF . CRLF. */
static const char *
true_end(const char *in, size_t n)
{
	const char	*p;

	if (n >= 3 && memcmp(in, ".\r\n", 3) == 0)
		return in + 3;
	p = n == 0 ? NULL : memmem(in, n, "\r\n.\r\n", 5);
	return p == NULL ? NULL : p + 5;
}

static void
same(const struct smtp_data *d, const struct smtp_data *e)
{
	if (d->end != e->end || d->bare_cr != e->bare_cr ||
	    d->bare_lf != e->bare_lf || d->long_line != e->long_line ||
	    d->state != e->state)
		abort();
}

/* In chunks: all of it is used, and what is right is what DATA makes of the same lines. */
static void
chunks(const char *in, size_t n, size_t cut, size_t room, char *out,
    char *again, char *wire)
{
	struct smtp_data d, e;
	struct smtp_header h;
	size_t		 len, used, k;
	bool		 bol = true;

	len = decode(&d, &h, in, n, n, n + 2, true, out, &used);
	if (used != n || d.end || (len > 0 && out[len - 1] != '\n') ||
	    decode(&e, &h, in, n, cut, room, true, again, &used) != len ||
	    memcmp(out, again, len) != 0)
		abort();
	same(&d, &e);
	if (d.bare_cr || d.bare_lf)
		return;
	k = smtp_data_encode(&bol, out, len, wire);
	memcpy(wire + k, ".\r\n", 3);
	if (!bol || decode(&e, &h, wire, k + 3, k + 3, k + 5, false, again,
	    &used) != len || memcmp(out, again, len) != 0 || !e.end ||
	    e.bare_cr || e.bare_lf || e.long_line != d.long_line)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct smtp_data d, e;
	struct smtp_header h, g;
	const char	*in = (const char *)data + 1, *end;
	char		*out, *again, *wire;
	size_t		 n, k, len, used, used_cut, len_cut, cut;
	bool		 bol = true;

	if (size == 0)
		return 0;
	n = size - 1;
	cut = data[0] % 16 + 1;
	out = malloc(n + 258);
	again = malloc(n + 258);
	wire = malloc(2 * n + 8);
	if (out == NULL || again == NULL || wire == NULL)
		abort();
	len = decode(&d, &h, in, n, n, n + 2, false, out, &used);
	len_cut = decode(&e, &g, in, n, cut, data[0] / 16 + 2, false,
	    again, &used_cut);
	if (len != len_cut || used != used_cut || memcmp(out, again, len) != 0 ||
	    h.received != g.received || h.done != g.done)
		abort();
	same(&d, &e);
	end = true_end(in, n);
	if (d.end != (end != NULL) || (end != NULL && in + used != end))
		abort();
	if (d.end && !d.bare_cr && !d.bare_lf) {
		k = smtp_data_encode(&bol, out, len, wire);
		memcpy(wire + k, ".\r\n", 3);
		len_cut = decode(&e, &g, wire, k + 3, k + 3, k + 5, false,
		    again, &used);
		if (!bol || !e.end || used != k + 3 || len != len_cut ||
		    memcmp(out, again, len) != 0)
			abort();
	}
	chunks(in, n, cut, data[0] / 16 + 2, out, again, wire);
	free(out);
	free(again);
	free(wire);
	return 0;
}
