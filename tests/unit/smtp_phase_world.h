/* SPDX-License-Identifier: ISC */
/*
 * What the tests of phases have around them: rules that say what the test wants, and somebody who
 * asks.
 */
#include "tests/unit/smtp_filter_world.h"

#define ALL	((1u << PHASE_MAX) - 1)

/* -- neighbours -- */

static enum held	 held[4];	/* what rules say, by index */
static bool		 wants_name[4];
static uint32_t		 serial;	/* of the last question to lookup */
static char		 judged_of[100];

enum held
condition_judge(const struct session *s, const struct filter *f, struct slice argument,
    uint32_t n)
{
	assert_ptr_equal(s, &session);
	serial = n;
	snprintf(judged_of, sizeof(judged_of), "%.*s", (int)argument.n, argument.p);
	return held[f->index];
}

bool
condition_wants_name(const struct session *s, const struct filter *f)
{
	(void)s;
	return wants_name[f->index];
}

void
content_line(struct tx *tx, struct slice line)
{
	(void)tx;
	(void)line;
	fail();
}

static void
then(struct session *s, const struct outcome *o)
{
	assert_ptr_equal(s, &session);
	assert_null(s->asking);
	assert_int_equal(s->waiting, WAITING_NOT);
	hear("=%s%s%.*s", decision_names[o->decision], o->text.p == NULL ? "" : " ",
	    (int)o->text.n, o->text.p == NULL ? "" : o->text.p);
	hear(o->result == RESULT_OK ? ";" : o->result == RESULT_TEMPFAIL ? " t;" : " p;");
}

static void
ask(enum phase phase)
{
	phase_ask(&session, phase, SLICE("ARG"), then);
}

static void
over(void)
{
	assert_null(session.asking);
	assert_int_equal(session.waiting, WAITING_NOT);
	phase_end(&session);
}

static void
start_all(void)
{
	unsigned	 i;

	for (i = 0; i < NPROCS; i++)
		start(i, ALL);
}
