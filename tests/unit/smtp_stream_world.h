/* SPDX-License-Identifier: ISC */
/*
 * What smtp_stream_test.c has around a message: its content, and programs that do with its lines
 * what a mode says.
 */
#include "tests/unit/smtp_filter_world.h"

#define ALL	((1u << PHASE_MAX) - 1)
#define TEXT	4096

/* -- neighbours -- */

enum held
condition_judge(const struct session *s, const struct filter *f, struct slice argument,
    uint32_t n)
{
	(void)s;
	(void)f;
	(void)argument;
	(void)n;
	return HELD_NO;
}

bool
condition_wants_name(const struct session *s, const struct filter *f)
{
	(void)s;
	(void)f;
	return false;
}

static char	 content[TEXT];

static void
add(char *text, struct slice line)
{
	size_t	 len = strlen(text);

	assert_true(len + line.n + 2 < TEXT);
	snprintf(text + len, TEXT - len, "%.*s\n", (int)line.n, line.n > 0 ? line.p : "");
}

void
content_line(struct tx *tx, struct slice line)
{
	assert_ptr_equal(tx, &message);
	add(content, line);
}

static void
then(struct session *s, const struct outcome *o)
{
	(void)s;
	hear("=%s;", decision_names[o->decision]);
}

/* -- programs -- */

enum mode {
	SAME,		/* each line at once */
	LATE,		/* all of them at the end */
	DROP,		/* not those that begin with D */
	MORE,		/* one before each that begins with A, with a dot, and one at the end */
	NMODES
};

static struct program {
	enum mode	 mode;
	char		 told[TEXT];	/* stuffed as it was */
	char		 kept[TEXT];
	bool		 ended;
} program[NPROCS];

static void
say(unsigned i, const struct question *q, const char *line)
{
	answer_line(i, q, "filter-dataline", line);
}

static void
say_kept(unsigned i, const struct question *q)
{
	char	*p, *end;

	for (p = program[i].kept; (end = strchr(p, '\n')) != NULL; p = end + 1) {
		*end = '\0';
		say(i, q, p);
	}
}

static void
hear_line(unsigned i, const char *line)
{
	struct program		*g = &program[i];
	const struct question	*q = last_question(i);

	if (q == NULL)
		return;		/* it has ended it already */
	add(g->told, slice_str(line));
	if (strcmp(line, ".") == 0) {
		assert_false(g->ended);
		g->ended = true;
		if (g->mode == MORE)
			say(i, q, "..the end");
		say_kept(i, q);
		say(i, q, ".");
		return;
	}
	if (g->mode == MORE && *line == 'A')
		say(i, q, "..before");
	if (g->mode == LATE)
		add(g->kept, slice_str(line));
	else if (g->mode != DROP || *line != 'D')
		say(i, q, line);
}

/* The next line that its pipe holds, behind the ids; false: there is none. */
static bool
next_line(unsigned i, char *line)
{
	struct filter_pipe	*pipe = &proc_of(i)->pipe;
	const char		*p = pipe->data + pipe->start, *end;
	int			 bars;

	if (pipe_waiting(pipe) == 0)
		return false;
	end = memchr(p, '\n', pipe_waiting(pipe));
	assert_non_null(end);
	pipe->start += (size_t)(end + 1 - p);
	pipe->written += (size_t)(end + 1 - p);
	for (bars = i == PROC_OLD ? 6 : 7; bars > 0; bars--) {
		p = memchr(p, '|', (size_t)(end - p));
		assert_non_null(p++);
	}
	assert_true(end - p < TEXT);
	memcpy(line, p, (size_t)(end - p));
	line[end - p] = '\0';
	return true;
}

/* Everybody reads what is there, and answers. */
static void
pump(void)
{
	char	 line[TEXT];
	unsigned i;
	bool	 any;

	do {
		any = false;
		for (i = 0; i < NPROCS; i++)
			while (next_line(i, line)) {
				any = true;
				hear_line(i, line);
			}
	} while (any);
}

/* What a program makes of a text that is not stuffed. */
static void
model(enum mode mode, const char *in, char *out)
{
	const char	*end;

	*out = '\0';
	for (; *in != '\0'; in = end + 1) {
		end = strchr(in, '\n');
		if (mode == MORE && *in == 'A')
			add(out, SLICE(".before"));
		if (mode != DROP || *in != 'D')
			add(out, slice_make(in, (size_t)(end - in)));
	}
	if (mode == MORE)
		add(out, SLICE(".the end"));
}

/* What one is told, from what is in it. */
static void
stuffed(const char *in, char *out)
{
	const char	*end;

	*out = '\0';
	for (; *in != '\0'; in = end + 1) {
		end = strchr(in, '\n');
		snprintf(out + strlen(out), TEXT - strlen(out), "%s%.*s\n", *in == '.' ? "." : "",
		    (int)(end - in), in);
	}
	strcat(out, ".\n");
}

static unsigned
proc_named(char c)
{
	static const char	 all[] = "abcoABCO";

	return (unsigned)(strchr(all, c) - all) % NPROCS;
}
