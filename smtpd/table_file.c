/* SPDX-License-Identifier: ISC */
/*
 * Tables in files: table(5)'s lines, and when a file is to be read again.  It
 * is looked at once a second, when the table is asked.  What grew by whole
 * lines is taken at once; of anything else nobody can tell whether its writer
 * is done, so it must have been left alone for a moment and end with a line,
 * but it is not waited for for ever.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "smtpd/log.h"
#include "smtpd/table_content.h"

#define MS		1000000ULL	/* nanoseconds */
#define LOOK		(1000 * MS)	/* between two looks at a file, */
#define LOOK_CHANGING	(100 * MS)	/* and while it changes */
#define QUIET		(500 * MS)	/* so long it must have been left alone, */
#define PATIENCE	(5000 * MS)	/* or so long is waited for that, and for the end of its last line */

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/*
 * `item`, `key value`, `key: value`, `key:value`.  The item ends at a blank and
 * sheds a final colon; the key ends at a blank or a colon, but an IPv6 address
 * followed by a blank is a key as it stands.
 */
void
table_file_cut(struct table_entry *e, const char *line, size_t n)
{
	size_t	 word, key, at;

	for (word = 0; word < n && !blank(line[word]); word++)
		;
	e->text = line;
	e->item = (uint32_t)word;
	key = word;
	if (!table_net_valid(slice_make(line, word))) {
		for (key = 0; key < word && line[key] != ':'; key++)
			;
		if (word > 1 && line[word - 1] == ':')
			e->item--;
	}
	/* One colon: a value may begin with another, as `:include:` does. */
	for (at = key; at < n && blank(line[at]); at++)
		;
	if (at < n && line[at] == ':' &&
	    (at == key || at + 1 == n || blank(line[at + 1])))
		at++;
	for (; at < n && blank(line[at]); at++)
		;
	e->key = (uint32_t)key;
	e->at = (uint32_t)at;
	e->value = (uint32_t)(n - at);
}

/* Makes entries of c->text. */
static int
file_parse(struct table_content *c)
{
	struct table_entry	 e;
	const char		*p = c->text, *end = c->text + c->len, *eol, *next;

	for (; p < end; p = next) {
		if ((eol = memchr(p, '\n', (size_t)(end - p))) == NULL)
			eol = end;
		next = eol + (eol < end);
		while (p < eol && blank(*p))
			p++;
		while (eol > p && blank(eol[-1]))
			eol--;
		if (p == eol || *p == '#')
			continue;
		if ((uint64_t)(eol - p) > UINT32_MAX) {
			errno = EFBIG;
			return -1;
		}
		table_file_cut(&e, p, (size_t)(eol - p));
		if (table_content_add(c, &e) == -1)
			return -1;
	}
	return 0;
}

static char *
file_slurp(int fd, size_t *size)
{
	char	*buf = NULL, *bigger;
	size_t	 n = 0, room = 0;
	ssize_t	 r;

	for (;;) {
		if (n == room) {
			room = room == 0 ? 64 * 1024 : room * 2;
			if ((bigger = realloc(buf, room)) == NULL)
				break;
			buf = bigger;
		}
		if ((r = read(fd, buf + n, room - n)) == 0) {
			*size = n;
			return buf;
		}
		if (r == -1 && errno != EINTR)
			break;
		if (r > 0)
			n += (size_t)r;
	}
	free(buf);
	return NULL;
}

/* Was the file written so lately that a second change could look the same? */
static bool
file_unsettled(const struct table_stamp *stamp)
{
	struct timespec	 now;

	clock_gettime(CLOCK_REALTIME, &now);
	return stamp->mtime.tv_sec >= now.tv_sec - 1;
}

static struct table_stamp
stamp_of(const struct stat *st)
{
	return (struct table_stamp){ st->st_dev, st->st_ino, st->st_size, st->st_mtim };
}

static bool
stamp_same(const struct table_stamp *a, const struct table_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec;
}

static struct table_content *
file_read(const char *path)
{
	struct table_content	*c = NULL;
	struct table_stamp	 after;
	struct stat		 st;
	int			 fd, saved;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1)
		return NULL;
	if (fstat(fd, &st) == -1)
		goto fail;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		goto fail;
	}
	if ((c = table_content_new()) == NULL ||
	    (c->text = file_slurp(fd, &c->len)) == NULL || file_parse(c) == -1)
		goto fail;
	c->stamp = stamp_of(&st);
	c->unsettled = file_unsettled(&c->stamp);
	if (fstat(fd, &st) == -1)
		goto fail;
	after = stamp_of(&st);
	c->steady = stamp_same(&c->stamp, &after);
	close(fd);
	return c;
fail:
	saved = errno;
	table_content_free(c);
	close(fd);
	errno = saved;
	return NULL;
}

/* Once for each kind of failure, not for each question. */
static void
file_failed(struct table *t)
{
	t->file->changing = false;
	if (t->file->error == errno)
		return;
	t->file->error = errno;
	if (t->content == NULL)
		log_warn("table %s: %s", t->name, t->path);
	else
		log_warn("table %s keeps the %zu entries it has: %s", t->name, t->content->n, t->path);
}

/* What was in the table is kept where the text is the same: its indexes are made. */
static void
file_take(struct table *t, struct table_content *fresh)
{
	struct table_content	*old = t->content;

	t->file->error = 0;
	t->file->changing = false;
	if (old != NULL && old->len == fresh->len && memcmp(old->text, fresh->text, old->len) == 0) {
		old->stamp = fresh->stamp;
		old->unsettled = fresh->unsettled;
		table_content_free(fresh);
		return;
	}
	if (old != NULL)
		log_info("table %s was read again: %zu entries, %zu before", t->name, fresh->n, old->n);
	table_content_free(old);
	t->content = fresh;
}

/* -- is it whole? -- */

static uint64_t
mono(void)
{
	struct timespec	 now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

/* By its own time; 0 if that is in the future. */
static uint64_t
age(const struct table_stamp *stamp)
{
	struct timespec	 now;
	int64_t		 ns;

	clock_gettime(CLOCK_REALTIME, &now);
	ns = (int64_t)(now.tv_sec - stamp->mtime.tv_sec) * (int64_t)(1000 * MS) +
	    now.tv_nsec - stamp->mtime.tv_nsec;
	return ns < 0 ? 0 : (uint64_t)ns;
}

/* For how long the file looks as it does; its own clock may be another than ours. */
static uint64_t
left_alone(struct table_file *f, const struct table_stamp *stamp, uint64_t now)
{
	uint64_t	 by_us, by_itself = age(stamp);

	if (!f->changing) {
		f->since = now;
		f->told = false;
	}
	if (!f->changing || !stamp_same(&f->seen, stamp)) {
		f->seen = *stamp;
		f->seen_at = now;
	}
	f->changing = true;
	by_us = now - f->seen_at;
	return by_us > by_itself ? by_us : by_itself;
}

/* Nothing is not: who writes to it has truncated it, and thinks. */
static bool
whole_lines(const struct table_content *c)
{
	return c->len > 0 && c->text[c->len - 1] == '\n';
}

static bool
grew(const struct table_content *old, const struct table_content *fresh)
{
	return old->len > 0 && fresh->len > old->len && whole_lines(fresh) &&
	    memcmp(old->text, fresh->text, old->len) == 0;
}

static void
tell_waiting(struct table *t)
{
	if (!t->file->told)
		log_info("table %s: %s does not end with a whole line yet", t->name, t->path);
	t->file->told = true;
}

/* There is another file than was read, or there may be. */
static void
file_changed(struct table *t, const struct table_stamp *stamp, uint64_t now)
{
	const struct table_content	*old = t->content;
	struct table_content		*fresh;
	uint64_t			 alone = left_alone(t->file, stamp, now);
	bool				 enough = alone >= PATIENCE || now - t->file->since >= PATIENCE;
	bool				 larger = stamp->dev == old->stamp.dev &&
					    stamp->ino == old->stamp.ino && stamp->size > old->stamp.size;

	if (alone < QUIET && !larger && !enough)
		return;
	if ((fresh = file_read(t->path)) == NULL) {
		file_failed(t);
		return;
	}
	if (enough || grew(old, fresh) || (alone >= QUIET && fresh->steady && whole_lines(fresh))) {
		file_take(t, fresh);
		return;
	}
	if (alone >= QUIET && !whole_lines(fresh))
		tell_waiting(t);
	table_content_free(fresh);
}

static void
file_look(struct table *t, uint64_t now)
{
	struct table_stamp	 stamp;
	struct stat		 st;

	if (t->content == NULL) {
		table_file_update(t);
		return;
	}
	if (stat(t->path, &st) == -1) {
		file_failed(t);
		return;
	}
	stamp = stamp_of(&st);
	if (t->content->unsettled || !stamp_same(&stamp, &t->content->stamp))
		file_changed(t, &stamp, now);
	else {
		t->file->error = 0;
		t->file->changing = false;
	}
}

int
table_file_refresh(struct table *t)
{
	uint64_t	 now = mono();

	if (now >= t->file->next) {
		file_look(t, now);
		t->file->next = now + (t->file->changing ? LOOK_CHANGING : LOOK);
	}
	return t->content == NULL ? -1 : 0;
}

int
table_file_update(struct table *t)
{
	struct table_content	*fresh = file_read(t->path);
	int			 saved = errno;

	if (fresh == NULL) {
		file_failed(t);
		errno = saved;
		return -1;
	}
	file_take(t, fresh);
	return 0;
}
