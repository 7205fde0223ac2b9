/* SPDX-License-Identifier: ISC */
/*
 * Every format on any bytes, plain and with pseudonyms: JSON is JSON, no format
 * writes a control character that it does not mean, and what is rewritten in
 * another dialect is an event of the same name.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fmt.h"
#include "lib/fmt_anon.h"
#include "lib/nitems.h"
#include "lib/utf8.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct fmt	 formats[] = {
	{ .arg = "" },
	{ .arg = "j" },
	{ .arg = "k" },
	{ .arg = "c" },
	{ .arg = "t", .times = FMT_INCREMENT, .fields = "event,recipient.domain,src.ip,tls.bits" },
	{ .arg = "x", .times = FMT_RELATIVE },
	{ .arg = "j", .times = FMT_STRFTIME, .time_format = "%Y \"%N", .utc = true },
	{ .arg = "p%{address:20} %{recipient.user:-9}\\t%{delay}" },
	{ .arg = "Vsame" },
	{ .arg = "Vunversioned" },
	{ .arg = "V1" },
	{ .arg = "V0.5" },
	{ .arg = "V0.7" },
};
static struct outbuf	 out;
static struct fmt_prom	*prom;
static struct fmt_anon	*anon;

static void
setup(void)
{
	struct fmt	*f;
	unsigned	 seconds;
	size_t		 i;

	if (outbuf_init(&out, open("/dev/null", O_WRONLY)) == -1 ||
	    (anon = fmt_anon_new(NULL)) == NULL ||
	    (prom = fmt_prom_new("/dev/null:1", &seconds)) == NULL)
		abort();
	for (i = 0; i < nitems(formats); i++) {
		f = &formats[i];
		f->row = fmt_row(*f->arg);
		f->arg += *f->arg != '\0';
		if (fmt_init(f) == -1)
			abort();
	}
}

/* A string between quotes, a number or another word; what follows it. */
static const char *
skip_value(const char *p, const char *end)
{
	size_t	 n;

	if (*p != '"') {
		for (; p < end && strchr("0123456789.-nul", *p) != NULL; p++)
			;
		return p;
	}
	for (p++; p < end && *p != '"'; p += n) {
		if ((n = utf8_length(p, (size_t)(end - p))) == 0 ||
		    (unsigned char)*p < 0x20)
			abort();
		if (*p == '\\')
			n = p[1] == 'u' ? 6 : 2;
	}
	if (p >= end)
		abort();
	return p + 1;
}

static const char *
expect(const char *p, const char *end, const char *any)
{
	if (p >= end || strchr(any, *p) == NULL)
		abort();
	return p + 1;
}

static void
check_json(const char *p, const char *end)
{
	if (p == end)
		return;
	for (p = expect(p, end, "{"); ; p++) {
		p = expect(skip_value(p, end), end, ":");
		if (*p == '[') {
			for (p++; ; p++)
				if (*(p = skip_value(p, end)) != ',')
					break;
			p = expect(p, end, "]");
		} else
			p = skip_value(p, end);
		if (*p != ',')
			break;
	}
	p = expect(expect(p, end, "}"), end, "\n");
	if (p != end)
		abort();
}

static void
check_text(const char *p, const char *end)
{
	for (; p < end; p++)
		if (((unsigned char)*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f)
			abort();
}

static void
check_report(const struct fmt *f, const struct report *r)
{
	struct report	 again;

	if (out.n == 0)
		return;
	if (out.buf[out.n - 1] != '\n' ||
	    report_parse(&again, slice_make(out.buf, out.n - 1)) != REPORT_KNOWN ||
	    again.event != r->event)
		abort();
	if (f->anon == NULL && strcmp(f->arg, "same") == 0 &&
	    !slice_eq(again.line, r->line))
		abort();
}

static void
check_format(struct fmt *f, const struct report *r)
{
	out.n = 0;
	if (fmt_record(f, &out, r) == -1)
		abort();
	/* Of a line longer than the buffer there is only the end. */
	if (r->line.n > 2000)
		return;
	if (f->row->letter == 'j')
		check_json(out.buf, out.buf + out.n);
	else if (f->row->letter == 'V')
		check_report(f, r);
	else
		check_text(out.buf, out.buf + out.n);
}

static void
check_line(struct slice line)
{
	struct report	 r;
	size_t		 i;

	if (report_parse(&r, line) != REPORT_KNOWN)
		return;
	fmt_prom_record(prom, &r);
	for (i = 0; i < nitems(formats); i++) {
		formats[i].anon = NULL;
		check_format(&formats[i], &r);
		formats[i].anon = anon;
		check_format(&formats[i], &r);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char	*p = (const char *)data, *end = p + size, *lf;

	if (prom == NULL)
		setup();
	for (; p < end; p = lf + 1) {
		if ((lf = memchr(p, '\n', (size_t)(end - p))) == NULL)
			lf = end;
		check_line(slice_make(p, (size_t)(lf - p)));
	}
	return 0;
}
