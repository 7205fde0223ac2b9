/* SPDX-License-Identifier: ISC */
/*
 * Tables in files: table(5)'s lines, and when a file is to be read again.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "smtpd/log.h"
#include "smtpd/table_content.h"

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

/* Makes entries of c->text, which has size bytes. */
static int
file_parse(struct table_content *c, size_t size)
{
	struct table_entry	 e;
	const char		*p = c->text, *end = c->text + size, *eol, *next;

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
file_unsettled(const struct stat *st)
{
	struct timespec	 now;

	clock_gettime(CLOCK_REALTIME, &now);
	return st->st_mtim.tv_sec >= now.tv_sec - 1;
}

static struct table_content *
file_read(const char *path)
{
	struct table_content	*c = NULL;
	struct stat		 st;
	size_t			 size;
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
	    (c->text = file_slurp(fd, &size)) == NULL || file_parse(c, size) == -1)
		goto fail;
	c->dev = st.st_dev;
	c->ino = st.st_ino;
	c->size = st.st_size;
	c->mtime = st.st_mtim;
	c->unsettled = file_unsettled(&st);
	close(fd);
	return c;
fail:
	saved = errno;
	table_content_free(c);
	close(fd);
	errno = saved;
	return NULL;
}

static bool
file_changed(const struct table_content *c, const struct stat *st)
{
	return c->unsettled || c->dev != st->st_dev || c->ino != st->st_ino ||
	    c->size != st->st_size || c->mtime.tv_sec != st->st_mtim.tv_sec ||
	    c->mtime.tv_nsec != st->st_mtim.tv_nsec;
}

/* Once for each kind of failure, not for each question. */
static void
file_failed(struct table *t)
{
	if (t->file->error != errno)
		log_warn("table %s: %s", t->name, t->path);
	t->file->error = errno;
}

int
table_file_refresh(struct table *t)
{
	struct table_content	*fresh;
	struct timespec		 now;
	struct stat		 st;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (t->file->checked == now.tv_sec + 1)
		return t->content == NULL ? -1 : 0;
	t->file->checked = now.tv_sec + 1;
	if (stat(t->path, &st) == -1)
		file_failed(t);
	else if (t->content == NULL || file_changed(t->content, &st)) {
		if ((fresh = file_read(t->path)) == NULL)
			file_failed(t);
		else {
			table_content_free(t->content);
			t->content = fresh;
			t->file->error = 0;
		}
	} else
		t->file->error = 0;
	return t->content == NULL ? -1 : 0;
}
