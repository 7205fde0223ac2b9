/* SPDX-License-Identifier: ISC */
/*
 * The content of a message on the wire, both directions.
 */
#include <string.h>

#include "lib/smtp_data.h"

void
smtp_data_init(struct smtp_data *d, size_t line_max, bool chunked)
{
	memset(d, 0, sizeof(*d));
	d->chunked = chunked;
	d->line_max = line_max;
}

static void
count(struct smtp_data *d, size_t n)
{
	d->line += n;
	if (d->line > d->line_max)
		d->long_line = true;
}

/* Bytes up to the next CR, all at once; a LF among them is a bare one. */
static size_t
run(struct smtp_data *d, const char *in, size_t n, char *out)
{
	const char	*cr = memchr(in, '\r', n);
	size_t		 len = cr == NULL ? n : (size_t)(cr - in);

	if (len == 0)
		return 0;
	if (!d->bare_lf && memchr(in, '\n', len) != NULL)
		d->bare_lf = true;
	memcpy(out, in, len);
	count(d, len);
	return len;
}

/* A CR that was held back was none of a CRLF. */
static size_t
write_cr(struct smtp_data *d, char *out)
{
	d->bare_cr = true;
	*out = '\r';
	count(d, 1);
	return 1;
}

size_t
smtp_data_feed(struct smtp_data *d, const char *in, size_t n, char *out,
    size_t outsize, size_t *outlen)
{
	size_t	 i = 0, o = 0, len;

	/* One byte more than was read may come out: a CR that was held back. */
	if (n > outsize - 1)
		n = outsize - 1;
	while (i < n && !d->end) {
		switch (d->state) {
		case SMTP_DATA_LINE_START:
			if (in[i] == '.' && !d->chunked) {
				d->state = SMTP_DATA_DOT;
				i++;
			} else
				d->state = SMTP_DATA_LINE;
			break;
		case SMTP_DATA_DOT:
			if (in[i] == '\r') {
				d->state = SMTP_DATA_DOT_CR;
				i++;
			} else
				d->state = SMTP_DATA_LINE;
			break;
		case SMTP_DATA_DOT_CR:
			if (in[i] == '\n') {
				d->end = true;
				i++;
			} else {
				o += write_cr(d, out + o);
				d->state = SMTP_DATA_LINE;
			}
			break;
		case SMTP_DATA_LINE:
			len = run(d, in + i, n - i, out + o);
			i += len;
			o += len;
			if (i < n) {
				d->state = SMTP_DATA_CR;
				i++;
			}
			break;
		case SMTP_DATA_CR:
			if (in[i] == '\n') {
				out[o++] = '\n';
				i++;
				d->line = 0;
				d->state = SMTP_DATA_LINE_START;
			} else {
				o += write_cr(d, out + o);
				d->state = SMTP_DATA_LINE;
			}
			break;
		}
	}
	*outlen = o;
	return i;
}

size_t
smtp_data_finish(struct smtp_data *d, char *out)
{
	if (d->state == SMTP_DATA_CR)
		d->bare_cr = true;
	if (d->state == SMTP_DATA_LINE_START)
		return 0;
	d->state = SMTP_DATA_LINE_START;
	d->line = 0;
	*out = '\n';
	return 1;
}

size_t
smtp_data_encode(bool *bol, const char *in, size_t n, char *out)
{
	const char	*lf, *end = in + n;
	char		*o = out;
	size_t		 len;

	while (in < end) {
		if (*bol && *in == '.')
			*o++ = '.';
		lf = memchr(in, '\n', end - in);
		len = (lf == NULL ? end : lf) - in;
		memcpy(o, in, len);
		o += len;
		in += len;
		*bol = lf != NULL;
		if (lf != NULL) {
			*o++ = '\r';
			*o++ = '\n';
			in++;
		}
	}
	return o - out;
}
