/* SPDX-License-Identifier: ISC */
/*
 * The event loop of a process: one libevent turn at a time, then the hooks.
 * Used by all processes.
 */
#include <stdbool.h>
#include <time.h>

#include <event2/event.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"

#define NHOOKS	8

struct event_base	*loop_base;

static void		(*hooks[NHOOKS])(void);
static size_t		 nhooks;
static bool		 stopping, again, clocks_read;
static uint64_t		 mono, wall;

/* A clock is read when somebody asks for the first time in a turn. */
static void
read_clocks(void)
{
	struct timespec	 ts;

	if (clocks_read)
		return;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	mono = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	clock_gettime(CLOCK_REALTIME, &ts);
	wall = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
	clocks_read = true;
}

void
loop_init(void)
{
	loop_base = event_base_new();
	if (loop_base == NULL)
		fatalx("event_base_new: no event loop");
}

void
loop_init_private(void)
{
	struct event_config	*config = event_config_new();

	if (config == NULL ||
	    event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == -1 ||
	    (loop_base = event_base_new_with_config(config)) == NULL)
		fatalx("event_base_new: no event loop");
	event_config_free(config);
}

void
loop_at_end(void (*fn)(void))
{
	if (nhooks == NHOOKS)
		fatalx("loop_at_end: more than %d hooks", NHOOKS);
	hooks[nhooks++] = fn;
}

void
loop_again(void)
{
	again = true;
}

static void
run_hooks(void)
{
	size_t	 i;

	again = false;
	for (i = 0; i < nhooks; i++)
		hooks[i]();
}

/* What was produced before the first turn goes out before it waits. */
void
loop_run(void)
{
	run_hooks();
	while (!stopping) {
		clocks_read = false;
		if (event_base_loop(loop_base, again ?
		    EVLOOP_ONCE | EVLOOP_NONBLOCK : EVLOOP_ONCE) == -1)
			fatalx("event_base_loop failed");
		run_hooks();
	}
}

void
loop_stop(void)
{
	stopping = true;
}

uint64_t
loop_mono(void)
{
	read_clocks();
	return mono;
}

uint64_t
loop_wall(void)
{
	read_clocks();
	return wall;
}
