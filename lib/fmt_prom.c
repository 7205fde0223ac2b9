/* SPDX-License-Identifier: ISC */
/*
 * Counters for Prometheus, in a file for the textfile collector.  Every label
 * value is a word known here, or a name in the daemon's configuration, so no
 * client can make more of them.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/fmt_prom_stats.h"
#include "lib/nitems.h"
#include "lib/report_list.h"

#define INTERVAL	15

/* The words of a label; whatever else comes is "other". */
#define WORDS_MAX	20
#define OTHER		"other"

static const char *const	 results[WORDS_MAX] = { "ok", "tempfail", "permfail",
    "pass", "fail", "error", OTHER };
static const char *const	 decisions[WORDS_MAX] = { "proceed", "junk", "rewrite",
    "reject", "disconnect", "report", "bypass", OTHER };
static const char *const	 phases[WORDS_MAX] = { "connected", "tls", "auth",
    "helo", "ehlo", "mail-from", "rcpt-to", "data", "data-line", "commit",
    "rset", "quit", "noop", "help", "wiz", "vrfy", "expn", OTHER };
static const char *const	 fcrdns[WORDS_MAX] = { "pass", "fail", "error", OTHER };
static const char *const	 versions[WORDS_MAX] = { "SSLv3", "TLSv1", "TLSv1.1",
    "TLSv1.2", "TLSv1.3", OTHER };
static const char *const	 classes[WORDS_MAX] = { "2xx", "3xx", "4xx", "5xx", OTHER };
static const char *const	 statuses[WORDS_MAX] = { "commit", "rollback",
    "disconnect", "timeout", "open", "evicted", "delivered", "failed",
    "differs", "closed", OTHER };
static const char *const	 transports[WORDS_MAX] = { "maildir", "mda", "relay",
    "lmtp", OTHER };

/* What becomes of envelopes: an event each. */
static const struct {
	enum event_id	 event;
	const char	*name;
} fates[] = {
	{ EV_ENVELOPE_DELIVERED,	"delivered" },
	{ EV_ENVELOPE_DEFERRED,		"deferred" },
	{ EV_ENVELOPE_FAILED,		"failed" },
	{ EV_ENVELOPE_EXPIRED,		"expired" },
	{ EV_ENVELOPE_REMOVED,		"removed" },
};

struct fmt_prom {
	char		*file, *temporary;
	uint64_t	 events[SUBSYSTEM_MAX][EV_MAX];
	uint64_t	 results[SUBSYSTEM_MAX][EV_MAX][WORDS_MAX];
	uint64_t	 statuses[SUBSYSTEM_MAX][EV_MAX][WORDS_MAX];
	uint64_t	 decisions[WORDS_MAX][WORDS_MAX];	/* by phase */
	uint64_t	 fcrdns[SUBSYSTEM_MAX][WORDS_MAX];
	uint64_t	 versions[SUBSYSTEM_MAX][WORDS_MAX];
	uint64_t	 classes[SUBSYSTEM_MAX][WORDS_MAX];
	uint64_t	 sessions[SUBSYSTEM_MAX];
	uint64_t	 bytes[SUBSYSTEM_MAX];
	uint64_t	 lost[SUBSYSTEM_MAX];
	uint64_t	 fates[nitems(fates)][WORDS_MAX];	/* by transport */
	uint64_t	 delays[nitems(fates)][WORDS_MAX];	/* microseconds */
	struct prom_stats stats;
	uint64_t	 foreign, malformed;
	uint64_t	 last;		/* newest time, in microseconds */
};

struct fmt_prom *
fmt_prom_new(const char *arg, unsigned *interval)
{
	struct fmt_prom	*p;
	const char	*colon = strrchr(arg, ':'), *error = NULL;
	size_t		 n = strlen(arg);

	*interval = INTERVAL;
	if (colon != NULL && strspn(colon + 1, "0123456789") == strlen(colon + 1)) {
		*interval = (unsigned)strtonum(colon + 1, 1, FMT_PROM_INTERVAL_MAX, &error);
		n = (size_t)(colon - arg);
	}
	if (error != NULL || n == 0) {
		errno = EINVAL;
		return NULL;
	}
	if ((p = calloc(1, sizeof(*p))) == NULL ||
	    (p->file = strndup(arg, n)) == NULL ||
	    asprintf(&p->temporary, "%s.tmp", p->file) == -1) {
		fmt_prom_free(p);
		errno = ENOMEM;
		return NULL;
	}
	return p;
}

void
fmt_prom_free(struct fmt_prom *p)
{
	if (p == NULL)
		return;
	free(p->file);
	free(p->temporary);
	free(p);
}

const char *
fmt_prom_file(const struct fmt_prom *p)
{
	return p->file;
}

/* -- counting -- */

static size_t
word_of(const char *const *words, struct slice s)
{
	size_t	 i;

	for (i = 0; strcmp(words[i], OTHER) != 0; i++)
		if (slice_eq(s, slice_str(words[i])))
			break;
	return i;
}

static size_t
class_of(struct slice reply)
{
	return reply.n > 0 && *reply.p >= '2' && *reply.p <= '5' ?
	    (size_t)(*reply.p - '2') : 4;
}

static enum subsystem
subsystem_of(const struct report *r)
{
	enum subsystem	 s;

	/* A known event is of one that is known. */
	for (s = 0; s + 1 < SUBSYSTEM_MAX; s++)
		if (slice_eq(r->field[RF_SUBSYSTEM], slice_str(subsystem_names[s])))
			break;
	return s;
}

/* A number of the line: what no counter can hold counts nothing. */
static uint64_t
number(const struct report *r, enum field f)
{
	struct slice	 s = r->field[f];
	uint64_t	 n = 0;
	size_t		 i;

	if (!report_has(r, f) || s.n > 18)
		return 0;
	for (i = 0; i < s.n; i++)
		n = n * 10 + (uint64_t)(s.p[i] - '0');
	return n;
}

/* Fields that count wherever they stand, except in derived events. */
static void
count_words(struct fmt_prom *p, const struct report *r, enum subsystem s)
{
	static const struct report_name	 version = { RF_TLS, PART_VERSION };
	struct slice			 value;

	if (report_has(r, RF_RESULT))
		p->results[s][r->event][word_of(results, r->field[RF_RESULT])]++;
	if (report_has(r, RF_DECISION))
		p->decisions[word_of(phases, r->field[RF_PHASE])]
		    [word_of(decisions, r->field[RF_DECISION])]++;
	if (report_has(r, RF_FCRDNS))
		p->fcrdns[s][word_of(fcrdns, r->field[RF_FCRDNS])]++;
	if (report_value(r, version, &value))
		p->versions[s][word_of(versions, value)]++;
	if (report_has(r, RF_REPLY))
		p->classes[s][class_of(r->field[RF_REPLY])]++;
}

static void
count_fate(struct fmt_prom *p, const struct report *r)
{
	size_t		 i, transport = word_of(transports, r->field[RF_TRANSPORT]);
	uint64_t	 usec;

	for (i = 0; i < nitems(fates) && fates[i].event != r->event; i++)
		;
	if (i == nitems(fates))
		return;
	p->fates[i][transport]++;
	if (report_has(r, RF_DELAY) && r->field[RF_DELAY].n < 20 &&
	    report_time(r->field[RF_DELAY], &usec) == 0)
		p->delays[i][transport] += usec;
}

void
fmt_prom_record(struct fmt_prom *p, const struct report *r)
{
	enum subsystem	 s = subsystem_of(r);
	uint64_t	 usec;

	p->events[s][r->event]++;
	if (report_time(r->field[RF_TIME], &usec) == 0 && usec > p->last)
		p->last = usec;
	if (report_is_derived(r->event)) {
		if (report_has(r, RF_STATUS))
			p->statuses[s][r->event][word_of(statuses,
			    r->field[RF_STATUS])]++;
		return;
	}
	count_words(p, r, s);
	if (r->event == EV_LINK_CONNECT)
		p->sessions[s]++;
	else if (r->event == EV_TX_COMMIT)
		p->bytes[s] += number(r, RF_SIZE);
	else if (r->event == EV_REPORT_GAP)
		p->lost[s] += number(r, RF_COUNT);
	else if (r->event == EV_COUNTER || r->event == EV_GAUGE)
		prom_stats_take(&p->stats, r->field[RF_NAME], r->event == EV_GAUGE,
		    number(r, RF_VALUE));
	else
		count_fate(p, r);
}

void
fmt_prom_other(struct fmt_prom *p, enum report_class class)
{
	if (class == REPORT_FOREIGN)
		p->foreign++;
	else if (class == REPORT_MALFORMED)
		p->malformed++;
}

/* -- writing -- */

void
prom_put_number(struct outbuf *out, uint64_t n)
{
	char	 buf[24];

	outbuf_put(out, buf, (size_t)snprintf(buf, sizeof(buf), "%llu\n",
	    (unsigned long long)n));
}

void
prom_put_family(struct outbuf *out, const char *name, const char *type, const char *help)
{
	fmt_put_str(out, "# HELP ");
	fmt_put_str(out, name);
	fmt_put_str(out, " ");
	fmt_put_str(out, help);
	fmt_put_str(out, "\n# TYPE ");
	fmt_put_str(out, name);
	fmt_put_str(out, " ");
	fmt_put_str(out, type);
	fmt_put_str(out, "\n");
}

/* name{label="value",...} and a blank; labels and values in turn, to NULL. */
static void
put_name(struct outbuf *out, const char *name, const char *const *labels)
{
	const char	*between = "{";

	fmt_put_str(out, name);
	for (; *labels != NULL; labels += 2) {
		fmt_put_str(out, between);
		fmt_put_str(out, labels[0]);
		fmt_put_str(out, "=\"");
		fmt_put_str(out, labels[1]);
		fmt_put_str(out, "\"");
		between = ",";
	}
	fmt_put_str(out, *between == ',' ? "} " : " ");
}

static void
put_sample(struct outbuf *out, const char *name, const char *const *labels, uint64_t n)
{
	put_name(out, name, labels);
	prom_put_number(out, n);
}

#define LABELS(...)	(const char *const []){ __VA_ARGS__, NULL }

/* A rate needs the zero before the first of a kind: what is usual always stands. */
static bool
is_usual(enum subsystem s, enum event_id e)
{
	if (report_is_derived(e))
		return false;
	if (e >= EV_ENVELOPE_DELIVERED && e <= EV_MESSAGE_BOUNCE)
		return s == SUBSYSTEM_QUEUE;
	if (e == EV_COUNTER || e == EV_GAUGE)
		return s == SUBSYSTEM_STATS;
	return s <= SUBSYSTEM_SMTP_OUT;
}

static bool
event_has(enum event_id e, enum field f)
{
	const uint8_t	*p;

	for (p = report_events[e].field; *p != RF_VERSION && *p != f; p++)
		;
	return *p == f;
}

static void
put_events(struct outbuf *out, const struct fmt_prom *p)
{
	static const char	 name[] = "rpt_events_total";
	enum subsystem		 s;
	enum event_id		 e;

	prom_put_family(out, name, "counter", "Events by subsystem.");
	for (s = 0; s < SUBSYSTEM_MAX; s++)
		for (e = 0; e < EV_MAX; e++)
			if (is_usual(s, e) || p->events[s][e] != 0)
				put_sample(out, name, LABELS("subsystem",
				    subsystem_names[s], "event",
				    report_events[e].name), p->events[s][e]);
}

static void
put_by_event(struct outbuf *out, const char *name, const char *help,
    const char *label, enum field field, const char *const *words,
    const uint64_t n[SUBSYSTEM_MAX][EV_MAX][WORDS_MAX])
{
	enum subsystem	 s;
	enum event_id	 e;
	size_t		 i;

	prom_put_family(out, name, "counter", help);
	for (s = 0; s < SUBSYSTEM_MAX; s++)
		for (e = 0; e < EV_MAX; e++)
			for (i = 0; event_has(e, field) && words[i] != NULL; i++)
				if (is_usual(s, e) || n[s][e][i] != 0)
					put_sample(out, name, LABELS("subsystem",
					    subsystem_names[s], "event",
					    report_events[e].name, label,
					    words[i]), n[s][e][i]);
}

static void
put_decisions(struct outbuf *out, const struct fmt_prom *p)
{
	static const char	 name[] = "rpt_decisions_total";
	size_t			 i, j;

	prom_put_family(out, name, "counter", "Decisions of filters by phase.");
	for (i = 0; phases[i] != NULL; i++)
		for (j = 0; decisions[j] != NULL; j++)
			put_sample(out, name, LABELS("phase", phases[i], "decision",
			    decisions[j]), p->decisions[i][j]);
}

static void
put_by_word(struct outbuf *out, const char *name, const char *help,
    const char *label, const char *const *words,
    const uint64_t n[SUBSYSTEM_MAX][WORDS_MAX])
{
	enum subsystem	 s;
	size_t		 i;

	prom_put_family(out, name, "counter", help);
	for (s = SUBSYSTEM_SMTP_IN; s <= SUBSYSTEM_SMTP_OUT; s++)
		for (i = 0; words[i] != NULL; i++)
			put_sample(out, name, LABELS("subsystem",
			    subsystem_names[s], label, words[i]), n[s][i]);
}

static void
put_by_subsystem(struct outbuf *out, const char *name, const char *help,
    const uint64_t n[SUBSYSTEM_MAX])
{
	enum subsystem	 s;

	prom_put_family(out, name, "counter", help);
	for (s = 0; s < SUBSYSTEM_MAX; s++)
		put_sample(out, name, LABELS("subsystem", subsystem_names[s]), n[s]);
}

static void
put_fates(struct outbuf *out, const struct fmt_prom *p)
{
	static const char	 count[] = "rpt_fates_total";
	static const char	 delay[] = "rpt_fate_delay_seconds_total";
	char			 buf[24];
	size_t			 i, k;

	prom_put_family(out, count, "counter", "What became of envelopes.");
	for (i = 0; i < nitems(fates); i++)
		for (k = 0; transports[k] != NULL; k++)
			put_sample(out, count, LABELS("fate", fates[i].name,
			    "transport", transports[k]), p->fates[i][k]);
	prom_put_family(out, delay, "counter", "Delays of those together.");
	for (i = 0; i < nitems(fates); i++)
		for (k = 0; transports[k] != NULL; k++) {
			put_name(out, delay, LABELS("fate", fates[i].name,
			    "transport", transports[k]));
			outbuf_put(out, buf, (size_t)snprintf(buf, sizeof(buf),
			    "%llu.%06u\n", (unsigned long long)(p->delays[i][k] / 1000000),
			    (unsigned)(p->delays[i][k] % 1000000)));
		}
}

static void
put_all(struct outbuf *out, const struct fmt_prom *p)
{
	static const char	 last[] = "rpt_last_event_timestamp_seconds";
	static const char	 other[] = "rpt_other_lines_total";

	put_events(out, p);
	put_by_event(out, "rpt_results_total", "Results of commands and logins.",
	    "result", RF_RESULT, results, p->results);
	put_by_event(out, "rpt_status_total", "How what txjoin joined has ended.",
	    "status", RF_STATUS, statuses, p->statuses);
	put_decisions(out, p);
	put_by_word(out, "rpt_fcrdns_total", "Forward-confirmed names of peers.",
	    "result", fcrdns, p->fcrdns);
	put_by_word(out, "rpt_tls_total", "TLS sessions by version.", "version",
	    versions, p->versions);
	put_by_word(out, "rpt_replies_total", "Reply lines by class.", "class",
	    classes, p->classes);
	put_by_subsystem(out, "rpt_sessions_total", "Connections.", p->sessions);
	put_by_subsystem(out, "rpt_bytes_total", "Sizes of committed messages.",
	    p->bytes);
	put_by_subsystem(out, "rpt_lost_lines_total", "Lines that gaps stand for.",
	    p->lost);
	put_fates(out, p);
	prom_put_family(out, other, "counter", "Lines that are no events.");
	put_sample(out, other, LABELS("class", "foreign"), p->foreign);
	put_sample(out, other, LABELS("class", "malformed"), p->malformed);
	prom_put_family(out, last, "gauge", "Time of the newest event.");
	put_sample(out, last, (const char *const []){ NULL }, p->last / 1000000);
	prom_stats_put(out, &p->stats);
}

int
fmt_prom_write(const struct fmt_prom *p)
{
	struct outbuf	 out;
	struct stat	 st;
	int		 fd, saved;

	/* The rename would take the place of a device, for root even in /dev. */
	if (lstat(p->file, &st) == 0 && !S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	if ((fd = open(p->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
	    O_NOFOLLOW, 0644)) == -1)
		return -1;
	if (outbuf_init(&out, fd) == -1) {
		close(fd);
		return -1;
	}
	put_all(&out, p);
	if (outbuf_close(&out) == 0 && rename(p->temporary, p->file) == 0)
		return 0;
	saved = errno;
	unlink(p->temporary);
	errno = saved;
	return -1;
}
