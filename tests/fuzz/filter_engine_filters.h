/* SPDX-License-Identifier: ISC */
/*
 * The filters of filter_engine_fuzz.c: what each was told and asked, and what it says to that.
 * Included by filter_engine_world.h, whose part it is.
 */
static struct actor {
	struct filter_proc *proc;
	int		 to, from;	/* where it reads and writes; -1: it is dead */
	char		 told[1 << 17];
	size_t		 n;
	char		 part[4096];	/* of a line that it says */
	size_t		 part_len;
} actors[NACTORS];

static struct proc_conf	 procs[NACTORS];
static struct filter	 programs[2 * NACTORS];	/* the second half are shadows */

/* Which messages are on their way through whom. */
static void
note_streams(void)
{
	const struct question	*q;
	const struct client	*c;
	struct message		*m;

	for (c = clients; c < clients + SESSIONS; c++) {
		if (c->s == NULL || c->s->tx == NULL || c->s->tx->stream == NULL ||
		    (m = message_of(c->s->tx->msgid)) == NULL)
			continue;
		TAILQ_FOREACH(q, &c->s->questions, session_entry)
			if (q->stage != NULL)
				m->of[q->proc->conf->index].token = q->token;
	}
}

/* A line that is about to be read: does it belong to a message? */
static void
note_line(const struct actor *a, struct slice line)
{
	struct filter_answer	 answer;
	struct session		*s;
	struct question		*q;
	struct lines		*l;
	size_t			 i, k = (size_t)(a - actors);

	note_streams();
	if (a->proc->state != FILTER_UP || filter_answer_parse(&answer, procs[k].dialect, line) !=
	    FILTER_DATA_LINE || (s = session_find(answer.session)) == NULL ||
	    (q = question_find(a->proc, s, answer.token, true)) == NULL || q->stage == NULL)
		return;
	for (i = 0; i < nmessages; i++) {
		l = &messages[i].of[k];
		if (l->token != q->token)
			continue;
		if (slice_eq(answer.param, SLICE("."))) {
			l->ended = true;
			continue;
		}
		if (answer.param.n > 0 && answer.param.p[0] == '.')
			answer.param = slice_make(answer.param.p + 1, answer.param.n - 1);
		append(&l->said, &l->n, answer.param, "\n");
	}
}

static void
actor_buried(struct actor *a)
{
	if (a->to != -1)
		close(a->to);
	if (a->from != -1)
		close(a->from);
	a->to = a->from = -1;
}

/* At most one line. */
static void
write_piece(struct actor *a, struct slice piece)
{
	bool	 ends = piece.n > 0 && piece.p[piece.n - 1] == '\n';

	if (a->from == -1 || a->proc->pipe.out == -1 || piece.n == 0 ||
	    a->part_len + piece.n > sizeof(a->part))
		return;
	memcpy(a->part + a->part_len, piece.p, piece.n);
	a->part_len += piece.n;
	if (ends) {
		note_line(a, slice_make(a->part, a->part_len - 1));
		a->part_len = 0;
	}
	must(write(a->from, piece.p, piece.n) == (ssize_t)piece.n);
	fire(&a->proc->pipe.readable, EV_READ);
}

static void
actor_says_raw(struct actor *a, struct slice text)
{
	const char	*p = text.p, *end = p + text.n, *nl;

	for (; p < end; p = nl) {
		nl = memchr(p, '\n', (size_t)(end - p));
		nl = nl == NULL ? end : nl + 1;
		write_piece(a, slice_make(p, (size_t)(nl - p)));
	}
}

static void
say(struct actor *a, const char *kind, uint64_t session, uint64_t token, struct slice text)
{
	enum dialect	 d = a->proc->conf->dialect;
	static char	 line[2048];
	int		 n;

	if (!filter_has_token(d))
		n = snprintf(line, sizeof(line), "%s|%016llx|%.*s\n", kind,
		    (unsigned long long)session, (int)text.n, text.p);
	else
		n = snprintf(line, sizeof(line), "%s|%016llx|%016llx|%.*s\n", kind,
		    (unsigned long long)(d < DIALECT_0_5 ? token : session),
		    (unsigned long long)(d < DIALECT_0_5 ? session : token),
		    (int)text.n, text.p);
	if (n > 0 && n < (int)sizeof(line))
		actor_says_raw(a, slice_make(line, (size_t)n));
}

static void
actor_says(struct actor *a, const char *kind, const struct question *q, struct slice text)
{
	say(a, kind, q->session->source.session, q->token, text);
}

static struct question *
world_question(struct actor *a, unsigned n)
{
	struct question	*q;

	TAILQ_FOREACH(q, &a->proc->questions, entry)
		if (n-- == 0)
			return q;
	return TAILQ_FIRST(&a->proc->questions);
}

/* As a filter that lets everything pass. */
static void
reply_to(struct actor *a, char *line)
{
	char	*field[8], *rest = line;
	size_t	 i, n = filter_has_token(a->proc->conf->dialect) ? 7 : 6;
	bool	 data;

	for (i = 0; i < n; i++)
		if ((field[i] = strsep(&rest, "|")) == NULL || rest == NULL)
			return;
	if (strcmp(field[0], "filter") != 0)
		return;
	data = strcmp(field[4], "data-line") == 0;
	say(a, data ? "filter-dataline" : "filter-result", strtoull(field[5], NULL, 16),
	    n == 7 ? strtoull(field[6], NULL, 16) : 0, slice_str(data ? rest : "proceed"));
}

static void
actor_works(struct actor *a, unsigned n)
{
	static char	 line[1 << 17];
	ssize_t		 got;
	char		*nl;
	size_t		 len;

	world_turn();
	if (a->to == -1)
		return;
	if ((got = read(a->to, a->told + a->n, sizeof(a->told) - a->n)) > 0)
		a->n += (size_t)got;
	for (n = n == 8 ? 10000 : n; n > 0 && (nl = memchr(a->told, '\n', a->n)) != NULL; n--) {
		len = (size_t)(nl + 1 - a->told);
		memcpy(line, a->told, len);
		line[len - 1] = '\0';
		a->n -= len;
		memmove(a->told, nl + 1, a->n);
		reply_to(a, line);
	}
}

static void
actor_dies(struct actor *a)
{
	if (a->to == -1)
		return;
	actor_buried(a);
	a->part_len = a->n = 0;
	if (a->proc->pipe.out != -1)
		fire(&a->proc->pipe.readable, EV_READ);
}

/* flags: how it begins. */
static void
actor_starts(struct actor *a, unsigned flags)
{
	unsigned	 i = (unsigned)(a - actors), phase;
	int		 in[2], out[2];
	char		 line[64];

	actor_buried(a);
	a->part_len = a->n = 0;
	must(pipe2(in, O_NONBLOCK) == 0 && pipe2(out, O_NONBLOCK) == 0);
	a->to = in[0];
	a->from = out[1];
	must(filter_open(i, 1, in[1]) == 0 && filter_output(i, out[0]) == 0);
	if (a->proc->state == FILTER_UP || flags == 15)
		return;
	if ((flags & 8) != 0)
		actor_says_raw(a, SLICE("register|report|smtp-in|*\n"));
	for (phase = 0; phase < PHASE_MAX; phase++) {
		snprintf(line, sizeof(line), "register|filter|smtp-in|%s\n",
		    filter_phases[phase].name);
		if ((flags & 7) == 0 || (phase == PHASE_DATA_LINE ? flags & 1 : flags & 2) != 0)
			actor_says_raw(a, slice_str(line));
	}
	actor_says_raw(a, SLICE("register|ready\n"));
}
