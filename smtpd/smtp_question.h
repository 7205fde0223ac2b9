/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_SMTP_QUESTION_H
#define SMTPD_SMTP_QUESTION_H

/*
 * Questions that the filters of a session have not answered yet.  smtp process.
 */
#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/filter.h"

struct filter;
struct filter_proc;
struct session;
struct stage;

struct question {
	TAILQ_ENTRY(question) entry;		/* of its filter */
	TAILQ_ENTRY(question) session_entry;	/* of its session */
	struct filter_proc *proc;
	const struct filter *filter;
	struct session	*session;
	uint64_t	 token;		/* of this question alone; in dialect 1 not sent */
	uint64_t	 position;	/* in the pipe, of the end of the question */
	uint64_t	 asked;		/* monotonic ns */
	uint64_t	 started;	/* since when its time runs; 0: it has not entered the pipe */
	enum phase	 phase;
	bool		 open;		/* false: its time is over, its answer comes late */
	bool		 untimed;	/* data lines are still to come */
	bool		 excused;	/* nobody waits any more, but that was not its fault */
	uint64_t	 said;		/* bytes of data lines */
	struct stage	*stage;		/* of a stream of data lines; NULL */
};
TAILQ_HEAD(questions, question);

/* Remembers what is about to be asked; NULL: no memory. */
struct question	*question_new(struct filter_proc *, struct session *, const struct filter *, enum phase);
/* Its line, or its last one, was put in the pipe: its time may begin. */
void		 question_asked(struct question *);
void		 question_end(struct question *);
/* Nobody waits for it any more, though its answer may come. */
void		 question_close(struct question *);
/*
 * The question that an answer is to, or NULL.  lines: it is a data line; without tokens that tells
 * which question is meant, if there is one of that kind.
 */
struct question	*question_find(struct filter_proc *, struct session *, uint64_t token, bool lines);
void		 questions_end(struct questions *);	/* of a filter, all */
void		 questions_end_session(struct session *);
/* Of those whose time is over, the sessions are told. */
void		 questions_check(struct filter_proc *);

#endif
