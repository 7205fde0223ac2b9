/* SPDX-License-Identifier: ISC */
/*
 * Sessions and transactions held until it is known whether they are selected.
 */
#include <sys/queue.h>

#include <stdlib.h>

#include "lib/hold.h"
#include "lib/outbuf.h"
#include "lib/report_list.h"
#include "lib/u64map.h"

#define BUFFER_KEPT	16384	/* a larger one is not kept for the next group */

struct group {
	TAILQ_ENTRY(group) entry;
	uint64_t	 session;
	uint64_t	 since;		/* time of its first line, microseconds */
	char		*buf;		/* lines held */
	size_t		 n, room;
	bool		 selected;
	/* of a transaction */
	bool		 out;		/* smtp-out */
	bool		 begun, ended;	/* a tx- event was seen; a commit or rollback */
	bool		 asked;		/* the last command has no reply yet */
};
TAILQ_HEAD(groups, group);

struct hold {
	struct hold_options options;
	struct outbuf	*out;
	struct u64map	 map;		/* session: its open group */
	struct groups	 open;		/* the oldest first */
	struct groups	 spare;
	size_t		 nopen, open_selected;
	size_t		 selected, given_up;
	size_t		 bytes;		/* room of all buffers of open groups */
};

struct hold *
hold_new(const struct hold_options *o, struct outbuf *out)
{
	struct hold	*h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->options = *o;
	h->out = out;
	TAILQ_INIT(&h->open);
	TAILQ_INIT(&h->spare);
	return h;
}

static void
free_all(struct groups *groups)
{
	struct group	*g;

	while ((g = TAILQ_FIRST(groups)) != NULL) {
		TAILQ_REMOVE(groups, g, entry);
		free(g->buf);
		free(g);
	}
}

void
hold_free(struct hold *h)
{
	free_all(&h->open);
	free_all(&h->spare);
	u64map_free(&h->map);
	free(h);
}

size_t
hold_selected(const struct hold *h)
{
	return h->selected;
}

size_t
hold_given_up(const struct hold *h)
{
	return h->given_up;
}

bool
hold_done(const struct hold *h)
{
	return h->options.limited && h->selected >= h->options.limit &&
	    (h->options.silent || h->open_selected == 0);
}

/* -- groups -- */

static bool
is_live(const struct hold *h)
{
	return !h->options.whole && !h->options.invert;
}

/* One more is selected, if the limit allows. */
static bool
count(struct hold *h)
{
	if (h->options.limited && h->selected >= h->options.limit)
		return false;
	h->selected++;
	return true;
}

static void
put(struct hold *h, const char *p, size_t n)
{
	if (!h->options.silent && n > 0)
		outbuf_put(h->out, p, n);
}

static struct group *
group_open(struct hold *h, uint64_t session, uint64_t now)
{
	struct group	*g = TAILQ_FIRST(&h->spare);

	if (g != NULL)
		TAILQ_REMOVE(&h->spare, g, entry);
	else if ((g = calloc(1, sizeof(*g))) == NULL)
		return NULL;
	*g = (struct group){ .session = session, .since = now, .buf = g->buf,
	    .room = g->room };
	if (u64map_put(&h->map, session, g) == -1) {
		TAILQ_INSERT_HEAD(&h->spare, g, entry);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&h->open, g, entry);
	h->nopen++;
	h->bytes += g->room;
	return g;
}

static void
group_free(struct hold *h, struct group *g)
{
	u64map_del(&h->map, g->session);
	TAILQ_REMOVE(&h->open, g, entry);
	h->nopen--;
	h->bytes -= g->room;
	h->open_selected -= g->selected;
	if (g->room > BUFFER_KEPT) {
		free(g->buf);
		g->buf = NULL;
		g->room = 0;
	}
	TAILQ_INSERT_HEAD(&h->spare, g, entry);
}

static void
group_end(struct hold *h, struct group *g)
{
	if (h->options.invert ? !g->selected && count(h) : g->selected) {
		put(h, g->buf, g->n);
		if (h->options.whole)
			put(h, "\n", 1);
	}
	group_free(h, g);
}

/* What is selected is written as far as it is known. */
static void
group_give_up(struct hold *h, struct group *g)
{
	h->given_up++;
	if (g->selected && !h->options.invert)
		group_end(h, g);
	else
		group_free(h, g);
}

static void
group_select(struct hold *h, struct group *g)
{
	if (g->selected || (!h->options.invert && !count(h)))
		return;
	g->selected = true;
	h->open_selected++;
	if (is_live(h)) {
		put(h, g->buf, g->n);
		g->n = 0;
	} else if (h->options.invert)
		g->n = 0;
}

static int
group_add(struct hold *h, struct group *g, struct slice line)
{
	size_t	 room;
	char	*p;

	if (h->options.silent || (g->selected && h->options.invert))
		return 0;
	if (g->selected && is_live(h)) {
		put(h, line.p, line.n);
		put(h, "\n", 1);
		return 0;
	}
	if (g->n + line.n + 1 > g->room) {
		room = g->room * 2 > g->n + line.n + 1 ? g->room * 2 :
		    (g->n + line.n + 1) * 2;
		if ((p = realloc(g->buf, room)) == NULL)
			return -1;
		h->bytes += room - g->room;
		g->buf = p;
		g->room = room;
	}
	memcpy(g->buf + g->n, line.p, line.n);
	g->buf[g->n + line.n] = '\n';
	g->n += line.n + 1;
	return 0;
}

/* -- transactions: from MAIL to the reply after the end -- */

static bool
is_command(const struct report *r, const char *verb)
{
	struct slice	 s = r->field[RF_COMMAND];
	size_t		 n = strlen(verb);

	return r->event == EV_PROTOCOL_CLIENT && s.n >= n &&
	    strncasecmp(s.p, verb, n) == 0 &&
	    (s.n == n || s.p[n] == ' ' || s.p[n] == '\r');
}

static bool
is_transaction_event(enum event_id e)
{
	return e >= EV_TX_BEGIN && e <= EV_TX_ROLLBACK;
}

/* A refused MAIL is reported for transaction 00000000. */
static bool
is_of_transaction(const struct report *r)
{
	struct slice	 id;
	size_t		 i;

	if (!is_transaction_event(r->event))
		return false;
	if (!report_has(r, RF_MSGID))
		return true;
	id = r->field[RF_MSGID];
	for (i = 0; i < id.n && id.p[i] == '0'; i++)
		;
	return i < id.n;
}

static bool
is_last_reply(const struct report *r)
{
	struct slice	 s = r->field[RF_REPLY];

	return r->event == EV_PROTOCOL_SERVER && (s.n < 4 || s.p[3] != '-');
}

/*
 * Does the line belong to what comes after the transaction?  A relay's goes on
 * after the rollback of one recipient, and LMTP has a reply and a commit each.
 */
static bool
is_after(const struct group *g, const struct report *r)
{
	switch (r->event) {
	case EV_LINK_CONNECT:
	case EV_LINK_DISCONNECT:
		return true;
	case EV_TX_BEGIN:
		return g->begun;
	case EV_PROTOCOL_CLIENT:
		if (g->out && g->ended)
			return !is_command(r, "RCPT") && !is_command(r, "DATA") &&
			    !is_command(r, ".");
		return !g->begun || g->ended;
	default:
		return !g->out && g->ended && !g->asked && r->event != EV_TX_RESET;
	}
}

/* Does a group begin with this line, where none is open? */
static bool
is_first(const struct hold *h, const struct report *r)
{
	return !h->options.transactions || is_command(r, "MAIL") ||
	    (is_transaction_event(r->event) && r->event != EV_TX_RESET);
}

/* Notes what the line says of the transaction; false: it is none of its lines. */
static bool
transaction_goes_on(struct group *g, const struct report *r)
{
	if (r->event >= EV_LINK_CONNECT && r->event <= EV_LINK_DISCONNECT)
		return false;
	g->begun |= is_of_transaction(r);
	if (r->event == EV_TX_COMMIT || r->event == EV_TX_ROLLBACK)
		g->ended = true;
	else if (r->event == EV_PROTOCOL_CLIENT) {
		g->ended = false;
		g->asked = true;
	} else if (is_last_reply(r))
		g->asked = false;
	return true;
}

/* Is the group complete with this line? */
static bool
is_complete(const struct hold *h, const struct group *g, const struct report *r)
{
	if (!h->options.transactions)
		return r->event == EV_LINK_DISCONNECT || r->event == EV_LINK_FAILED ||
		    r->event == EV_LINK_SUMMARY;
	return !g->out && g->ended && !g->asked &&
	    (r->event == EV_TX_RESET || r->event == EV_PROTOCOL_SERVER);
}

/* -- lines -- */

static uint64_t
session_of(struct slice s)
{
	uint64_t	 n = 0;
	size_t		 i;

	for (i = 0; i < s.n; i++)
		n = n << 4 | (uint64_t)(s.p[i] <= '9' ? s.p[i] - '0' :
		    (s.p[i] | 0x20) - 'a' + 10);
	return n;
}

/* A line that is a group of its own. */
static int
single(struct hold *h, const struct report *r, bool selected)
{
	if (selected != h->options.invert && count(h)) {
		put(h, r->line.p, r->line.n);
		put(h, h->options.whole ? "\n\n" : "\n", h->options.whole ? 2 : 1);
	}
	return 0;
}

static void
give_up_oldest(struct hold *h, uint64_t now)
{
	struct group	*g;

	while ((g = TAILQ_FIRST(&h->open)) != NULL &&
	    (h->nopen > h->options.most || h->bytes > HOLD_BYTES ||
	    (h->options.oldest != 0 && now > g->since &&
	    now - g->since > h->options.oldest)))
		group_give_up(h, g);
}

int
hold_line(struct hold *h, const struct report *r, bool selected)
{
	uint64_t	 session = session_of(r->field[RF_SESSION]), now = 0;
	struct group	*g;
	int		 status;

	if (session == 0 || (h->options.transactions && report_is_derived(r->event)))
		return single(h, r, selected);
	report_time(r->field[RF_TIME], &now);
	give_up_oldest(h, now);
	g = u64map_get(&h->map, session);
	if (g != NULL && h->options.transactions && is_after(g, r)) {
		group_end(h, g);
		g = NULL;
	}
	if (g == NULL) {
		if (!is_first(h, r))
			return 0;
		if ((g = group_open(h, session, now)) == NULL)
			return -1;
		g->out = slice_eq(r->field[RF_SUBSYSTEM],
		    slice_str(subsystem_names[SUBSYSTEM_SMTP_OUT]));
	}
	if (h->options.transactions && !transaction_goes_on(g, r))
		return 0;
	if (selected)
		group_select(h, g);
	status = group_add(h, g, r->line);
	if (is_complete(h, g, r))
		group_end(h, g);
	give_up_oldest(h, now);
	return status;
}

void
hold_end(struct hold *h)
{
	struct group	*g;

	while ((g = TAILQ_FIRST(&h->open)) != NULL)
		group_end(h, g);
}
