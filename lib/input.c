/* SPDX-License-Identifier: ISC */
/*
 * The input of a tool: files, lines, records.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/input.h"
#include "lib/outbuf.h"

#define QUOTED_MAX	200

int
input_init(struct input *in, char *const *files)
{
	static char		 standard[] = "-";
	static char *const	 none[] = { standard, NULL };

	*in = (struct input){ .files = *files == NULL ? none : files };
	return linebuf_init(&in->lines, -1);
}

static void
input_close(struct input *in)
{
	if (in->open && in->lines.fd != STDIN_FILENO)
		close(in->lines.fd);
	in->open = 0;
}

void
input_free(struct input *in)
{
	input_close(in);
	linebuf_free(&in->lines);
}

/* 1 if there is a file, 0 if none is left, -1 if it cannot be opened. */
static int
input_open(struct input *in)
{
	int	 fd = STDIN_FILENO;

	if (*in->files == NULL)
		return 0;
	in->name = *in->files++;
	if (strcmp(in->name, "-") == 0)
		in->name = "stdin";
	else if ((fd = open(in->name, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	linebuf_open(&in->lines, fd);
	in->open = 1;
	return 1;
}

int
input_next(struct input *in, struct outbuf *out, struct report *r,
    enum report_class *class)
{
	struct slice	 line;
	int		 n;

	for (;;) {
		if (!in->open && (n = input_open(in)) != 1)
			return n;
		if ((n = linebuf_next(&in->lines, out, &line)) == 1)
			break;
		input_close(in);
		if (n == -1 || out->error != 0)
			return n;
	}
	*class = report_parse(r, line);
	if (in->lines.cut) {
		*class = REPORT_MALFORMED;
		r->error = "line too long";
		r->culprit = RF_MAX;
	}
	return 1;
}

const char *
input_complaint(struct input *in, const struct report *r)
{
	char		 quoted[QUOTED_MAX];
	struct slice	 s = report_safe(quoted, sizeof(quoted), r->line, true);
	int		 known = r->culprit < RF_MAX;

	if (++in->malformed > INPUT_COMPLAINTS)
		return NULL;
	snprintf(in->text, sizeof(in->text), "%.100s:%zu: %s%s%s: %.*s", in->name,
	    in->lines.number, known ? report_fields[r->culprit].name : "",
	    known ? ": " : "", r->error, (int)s.n, s.p);
	return in->text;
}
