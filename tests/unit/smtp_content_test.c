/* SPDX-License-Identifier: ISC */
/*
 * Content on its way through filters to the queue: bounds (452), pieces while the queue's window
 * is shut and opens, turns, a queue that dies; by DATA and BDAT the same.  The filter is the
 * test's own: what it does with a line is a row of a table.
 */
/* objects: smtpd/smtp_content.o */
#include "tests/unit/smtp_content_world.h"

/* -- the filter -- */

enum habit { SAME, LATE, DOUBLE, NOTHING };

struct stream {
	struct tx	*tx;
	enum habit kind;
	bool		 late;		/* it writes when the test says so, */
	bool		 fed, ended, abandoned;
	char		*kept;		/* from this */
	size_t		 len;
};

static unsigned	 nstreams;

static void
write_lines(struct stream *st, const char *p, size_t n)
{
	const char	*nl, *end = p + n;

	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		assert_non_null(nl);
		if (st->kind == NOTHING)
			continue;
		content_line(st->tx, slice_make(p, (size_t)(nl - p)));
		if (st->kind == DOUBLE)
			content_line(st->tx, slice_make(p, (size_t)(nl - p)));
	}
}

/* Whole lines at once; it is late with all of them. */
void
stream_feed(struct stream *st, const char *p, size_t n)
{
	const char	*nl;
	size_t		 whole;

	assert_false(st->fed);
	if (st->tx->refusal != REFUSED_NOT || n == 0)
		return;
	st->kept = realloc(st->kept, st->len + n);
	assert_non_null(st->kept);
	memcpy(st->kept + st->len, p, n);
	st->len += n;
	if (st->kind == LATE || (nl = memrchr(st->kept, '\n', st->len)) == NULL)
		return;
	whole = (size_t)(nl + 1 - st->kept);
	write_lines(st, st->kept, whole);
	memmove(st->kept, st->kept + whole, st->len - whole);
	st->len -= whole;
}

bool
stream_finish(struct stream *st)
{
	st->fed = true;
	if (!st->late && !st->ended) {
		write_lines(st, st->kept, st->len);
		st->ended = true;
	}
	return st->ended;
}

void
stream_abandon(struct stream *st)
{
	st->fed = st->ended = st->abandoned = true;
}

void
stream_free(struct stream *st)
{
	if (st == NULL)
		return;
	nstreams--;
	free(st->kept);
	free(st);
}

static void
filter_with(struct tx *tx, enum habit kind, bool late)
{
	tx->stream = calloc(1, sizeof(*tx->stream));
	assert_non_null(tx->stream);
	tx->stream->tx = tx;
	tx->stream->kind = kind;
	tx->stream->late = late;
	nstreams++;
}

/* -- messages -- */

static int	 last_take[3];

void
session_run(struct session *s)
{
	size_t	 i = (size_t)(s - sessions), len = strlen(order);

	snprintf(order + len, sizeof(order) - len, "%zu", i);
	last_take[i] = content_take(&txs[i]);
}

static struct tx *
begin(unsigned i, bool chunked, struct slice input, bool last)
{
	struct tx	*tx = &txs[i];

	sessions[i] = (struct session){ .tx = tx };
	*tx = (struct tx){ .session = &sessions[i], .msgid = i };
	tx->chunk = chunked ? input.n : 0;
	tx->chunk_last = last;
	inputs[i] = input;
	got_len[i] = 0;
	content_open(tx, chunked);
	return tx;
}

static void
reset(bool window_open)
{
	content_queue_lost();	/* which shuts the window */
	smtp_queue = &peer;
	if (window_open)
		content_refill(WINDOW);
	npieces = biggest = discards = 0;
	backlog = 0;
	*order = '\0';
}

static void
end(struct tx *tx, struct slice expected)
{
	unsigned	 i = tx->msgid;

	assert_int_equal(tx->refusal, REFUSED_NOT);
	assert_int_equal(tx->size, expected.n);
	msgid = i;
	keep(content_last(tx));
	content_handed_on(tx);
	assert_int_equal(got_len[i], expected.n);
	assert_memory_equal(got[i], expected.p, expected.n);
	content_end(tx, true);
	assert_int_equal(discards, 0);
	assert_int_equal(nstreams, 0);
}

static void
end_refused(struct tx *tx, enum refusal why)
{
	assert_int_equal(tx->refusal, why);
	content_end(tx, false);
	assert_true(discards > 0);
	assert_int_equal(nstreams, 0);
}

/* Lines of n bytes in all, in the form of the wire or of the store; of DATA with its dot. */
static char	 wire[1 << 20], store[1 << 20];

static struct slice
make_text(size_t lines, size_t *stored)
{
	char	*w = wire, *t = store;
	size_t	 i;

	for (i = 0; i < lines; i++) {
		w += sprintf(w, "%07zu%092d\r\n", i, 0);
		t += sprintf(t, "%07zu%092d\n", i, 0);
	}
	*stored = (size_t)(t - store);
	memcpy(w, ".\r\n", 4);
	return slice_make(wire, (size_t)(w - wire));
}

static struct slice
input_of(struct slice text, bool chunked)
{
	return chunked ? text : slice_make(text.p, text.n + 3);
}

/* -- tests -- */

/* By DATA and BDAT, small and large, with the window open and shut: the same comes through. */
static void
test_same(void **state)
{
	static const size_t	 lines[] = { 0, 1, 1000, 1310, 1311, 1312, 3900 };
	struct slice		 text;
	struct tx		*tx;
	size_t			 i, stored;
	int			 n, chunked, kind, open;

	(void)state;
	for (i = 0; i < nitems(lines); i++)
		for (chunked = 0; chunked < 2; chunked++)
			for (kind = SAME; kind <= LATE; kind++)
				for (open = 0; open < 2; open++) {
					text = make_text(lines[i], &stored);
					reset(open);
					tx = begin(0, chunked, input_of(text, chunked), true);
					filter_with(tx, kind, false);
					n = content_take(tx);
					while (n == -1) {
						assert_false(open);
						assert_int_equal(sessions[0].waiting, WAITING_WINDOW);
						while (sessions[0].waiting == WAITING_WINDOW)
							content_refill(1000);
						n = last_take[0];
					}
					assert_int_equal(n, 1);
					assert_int_equal(inputs[0].n, 0);
					assert_true(tx->content_len <= SMALL + 1000);
					end(tx, slice_make(store, stored));
					assert_true(biggest <= SMALL);
					assert_int_equal(npieces > 0, stored > SMALL);
				}
}

/* What they have not written is waited for, and the session is where it was when they have. */
static void
test_late_filter(void **state)
{
	struct slice	 text;
	struct tx	*tx;
	size_t		 stored;
	int		 chunked;

	(void)state;
	for (chunked = 0; chunked < 2; chunked++) {
		text = make_text(3000, &stored);
		reset(false);
		tx = begin(0, chunked, input_of(text, chunked), true);
		filter_with(tx, LATE, true);
		assert_int_equal(content_take(tx), -1);
		assert_int_equal(sessions[0].waiting, WAITING_FILTER);
		assert_int_equal(tx->content_len, 0);
		/* All at once, more than the queue takes: that is waited for next. */
		write_lines(tx->stream, tx->stream->kept, tx->stream->len);
		tx->stream->ended = true;
		wait_end(&sessions[0]);
		session_run(&sessions[0]);
		assert_int_equal(last_take[0], -1);
		assert_int_equal(sessions[0].waiting, WAITING_WINDOW);
		assert_int_equal(npieces, 0);
		content_refill(SMALL - 1);
		assert_int_equal(npieces, 0);
		content_refill(1);
		assert_int_equal(npieces, 1);
		content_refill(WINDOW);
		assert_int_equal(last_take[0], 1);
		assert_int_equal(sessions[0].waiting, WAITING_NOT);
		end(tx, slice_make(store, stored));
	}
}

/* More than one chunk: only the last is their end. */
static void
test_chunks(void **state)
{
	struct tx	*tx;
	bool		 ended;

	(void)state;
	reset(true);
	tx = begin(0, true, SLICE("one\r\ntw"), false);
	filter_with(tx, SAME, false);
	assert_int_equal(content_take(tx), 1);
	assert_false(tx->stream->fed);
	tx->chunk = 3;
	inputs[0] = SLICE("o\r\nNOOP");
	assert_int_equal(content_take(tx), 1);
	assert_true(slice_eq(inputs[0], SLICE("NOOP")));
	ended = tx->stream->fed;
	tx->chunk = 0;
	tx->chunk_last = true;
	assert_int_equal(content_take(tx), 1);
	assert_true(!ended && tx->stream->fed);
	end(tx, SLICE("one\ntwo\n"));
}

/* What a filter adds has the bound of a message, on top of what came; then 452. */
static void
test_bound(void **state)
{
	struct slice	 text, line;
	struct tx	*tx;
	size_t		 stored, n;
	unsigned	 after;
	int		 chunked;

	(void)state;
	for (chunked = 0; chunked < 2; chunked++) {
		text = make_text(3000, &stored);
		reset(true);
		tx = begin(0, chunked, input_of(text, chunked), true);
		filter_with(tx, DOUBLE, false);
		assert_int_equal(content_take(tx), 1);
		assert_int_equal(tx->refusal, REFUSED_NOT);
		assert_int_equal(tx->size, 2 * stored);
		/* To the byte: the line that reaches the bound with its LF is one too many. */
		n = stored + BOUND - tx->size;
		while (n > 1000) {
			line = slice_make(store, 999);
			content_line(tx, line);
			n -= 1000;
		}
		content_line(tx, slice_make(store, n - 1));
		assert_int_equal(tx->refusal, REFUSED_NOT);
		assert_int_equal(tx->size, stored + BOUND);
		after = discards;
		content_line(tx, SLICE(""));
		assert_int_equal(tx->refusal, REFUSED_FULL);
		assert_int_equal(tx->size, stored + BOUND);
		assert_int_equal(discards, after + 1);
		content_line(tx, SLICE("more"));
		assert_int_equal(tx->size, stored + BOUND);
		assert_int_equal(discards, after + 1);
		end_refused(tx, REFUSED_FULL);
	}
}

/* A client that says too much is refused as without filters, whatever they leave of it. */
static void
test_client_bound(void **state)
{
	struct slice	 text;
	struct tx	*tx;
	size_t		 stored;
	int		 chunked;

	(void)state;
	for (chunked = 0; chunked < 2; chunked++) {
		text = make_text(BOUND / 100 + 1, &stored);
		reset(true);
		tx = begin(0, chunked, input_of(text, chunked), true);
		filter_with(tx, NOTHING, false);
		assert_int_equal(content_take(tx), 1);
		assert_true(tx->stream->abandoned);
		assert_int_equal(inputs[0].n, 0);
		end_refused(tx, REFUSED_SIZE);

		text = make_text(BOUND / 100, &stored);
		reset(true);
		tx = begin(0, chunked, input_of(text, chunked), true);
		filter_with(tx, NOTHING, false);
		assert_int_equal(content_take(tx), 1);
		assert_false(tx->stream->abandoned);
		end(tx, SLICE(""));
	}
}

/* The window stays shut: what is left of the message is read and dropped, 451. */
static void
test_given_up(void **state)
{
	struct slice	 text;
	struct tx	*tx;
	size_t		 stored;
	int		 chunked, filtered;

	(void)state;
	for (chunked = 0; chunked < 2; chunked++)
		for (filtered = 0; filtered < 2; filtered++) {
			text = make_text(3000, &stored);
			reset(false);
			tx = begin(0, chunked, input_of(text, chunked), true);
			if (filtered)
				filter_with(tx, SAME, false);
			assert_int_equal(content_take(tx), -1);
			assert_true(inputs[0].n > 0);
			content_give_up(tx);
			assert_int_equal(sessions[0].waiting, WAITING_NOT);
			session_run(&sessions[0]);
			assert_int_equal(last_take[0], 1);
			assert_int_equal(inputs[0].n, 0);
			if (filtered)
				assert_true(tx->stream->abandoned);
			assert_int_equal(npieces, 0);
			end_refused(tx, REFUSED_TEMP);
			/* Nobody stands in line any more. */
			content_refill(WINDOW);
			assert_string_equal(order, "0");
		}
}

/* Who needs much is not passed over, and the queue's death is heard by all. */
static void
test_turns(void **state)
{
	struct slice	 text;
	size_t		 stored;
	unsigned	 i;

	(void)state;
	text = make_text(3000, &stored);
	reset(false);
	for (i = 0; i < 3; i++) {
		begin(i, false, input_of(text, false), true);
		if (i != 1)
			filter_with(&txs[i], SAME, false);
		assert_int_equal(content_take(&txs[i]), -1);
	}
	content_refill(SMALL);
	assert_string_equal(order, "0");
	/* It has had its turn, and waits again, behind the others. */
	assert_int_equal(sessions[0].waiting, WAITING_WINDOW);
	content_refill(SMALL / 2);
	assert_string_equal(order, "0");
	content_refill(SMALL / 2);
	assert_string_equal(order, "01");
	content_refill(SMALL);
	assert_string_equal(order, "012");
	content_refill(4 * WINDOW);
	for (i = 0; i < 3; i++) {
		assert_int_equal(last_take[i], 1);
		if (i != 0)
			content_end(&txs[i], true);
	}
	end(&txs[0], slice_make(store, stored));

	reset(false);
	for (i = 0; i < 2; i++) {
		begin(i, i, input_of(text, i), true);
		filter_with(&txs[i], SAME, false);
		assert_int_equal(content_take(&txs[i]), -1);
		txs[i].refusal = REFUSED_TEMP;	/* as session_queue_lost() */
	}
	smtp_queue = NULL;
	content_queue_lost();
	for (i = 0; i < 2; i++) {
		assert_int_equal(last_take[i], 1);
		assert_int_equal(sessions[i].waiting, WAITING_NOT);
		assert_int_equal(inputs[i].n, 0);
		content_end(&txs[i], false);
	}
	assert_int_equal(nstreams, 0);
}

/* What is open of the window is kept for who stands in line, though another needs less. */
static void
test_no_overtaking(void **state)
{
	struct slice	 text;
	size_t		 stored;

	(void)state;
	text = make_text(3000, &stored);
	reset(false);
	begin(0, false, input_of(text, false), true);
	filter_with(&txs[0], SAME, false);
	assert_int_equal(content_take(&txs[0]), -1);
	begin(1, false, SLICE(""), true);
	content_put(&txs[1], store, 60000);
	content_refill(SMALL / 2);
	content_put(&txs[1], store, 80000);
	assert_int_equal(npieces, 0);
	content_end(&txs[0], false);
	content_put(&txs[1], store, 200000);
	assert_int_equal(npieces, 0);
	content_refill(SMALL);
	content_put(&txs[1], store, 1000);
	content_put(&txs[1], store, 300000);
	assert_true(npieces > 0);
	content_end(&txs[1], false);
}

/* The last of a message overdraws the window; others wait until that is paid back. */
static void
test_overdrawn(void **state)
{
	struct slice	 text;
	size_t		 stored;

	(void)state;
	text = make_text(1400, &stored);
	reset(false);
	content_refill(SMALL);
	begin(0, false, input_of(text, false), true);
	filter_with(&txs[0], SAME, false);
	assert_int_equal(content_take(&txs[0]), 1);
	assert_int_equal(npieces, 1);
	end(&txs[0], slice_make(store, stored));
	begin(1, false, input_of(text, false), true);
	filter_with(&txs[1], SAME, false);
	assert_int_equal(content_take(&txs[1]), -1);
	content_refill((uint32_t)stored - 1);
	assert_string_equal(order, "");
	content_refill(1);
	assert_string_equal(order, "1");
	assert_int_equal(last_take[1], 1);
	end(&txs[1], slice_make(store, stored));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_late_filter),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_client_bound),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_no_overtaking),
		cmocka_unit_test(test_overdrawn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
