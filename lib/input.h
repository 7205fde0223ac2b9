/* SPDX-License-Identifier: ISC */
#ifndef LIB_INPUT_H
#define LIB_INPUT_H

/*
 * The input of a tool: the lines of files one after the other ("-" is standard
 * input, and so is no file; .gz, .zst and .xz are read through gzip, zstd and
 * xz), cut into records, and the words for what is wrong with one.
 */
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "lib/linebuf.h"
#include "lib/report.h"

#define INPUT_COMPLAINTS	10	/* malformed lines that are named; then a count */

struct input {
	char		*const *files;	/* what is left, to NULL */
	const char	*name;		/* of the file being read, or what failed of it */
	struct linebuf	 lines;
	size_t		 malformed;	/* lines so far */
	int		 open;
	bool		 unquoted;	/* complaints leave the line out */
	pid_t		 child;		/* the decompressor, or 0 */
	char		 label[256];	/* a name that tells its program too */
	char		 text[512];	/* what input_complaint returned */
};

/* files: to NULL, as argv has them; not copied.  0, or -1 with errno. */
int	input_init(struct input *, char *const *files);
void	input_free(struct input *);
/*
 * 1 and the next record with its class, whose slices are valid until the next
 * call; 0 at the end.  -1 with errno if the file in->name cannot be opened or
 * read (its decompressor is missing, or EIO: has failed): the next call goes on
 * with the next file.  out as in linebuf_next.
 */
int	input_next(struct input *, struct outbuf *out, struct report *,
	    enum report_class *);
/* The next line, not cut; answers as input_next does. */
int	input_line(struct input *, struct outbuf *out, struct slice *line);
/* The class of that line, of which report_parse or its halves have said class. */
enum report_class input_class(const struct input *, struct report *,
    enum report_class class);
/*
 * Counts a malformed record.  The text that names it and quotes its beginning
 * (valid until the next call), or NULL if enough of them have been named.
 */
const char *input_complaint(struct input *, const struct report *);

#endif
