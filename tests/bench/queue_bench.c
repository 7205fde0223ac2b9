/* SPDX-License-Identifier: ISC */
/*
 * The queue process with much mail to many destinations, some of them dead:
 * how long it takes to start, what an envelope takes in memory, how long
 * `show queue` and `show hosts` take, how fast mail goes to a relay that
 * answers at once, and who has to wait.  The relay is this program's own; of
 * ten destinations one is dead: it says so after a second.
 * usage: queue_bench [-l] MESSAGES DOMAINS (-l: all live)
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "smtpd/control.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"

#define SIZE	4096		/* bytes of content */
#define DEAD	10		/* one of so many is */
#define FLUSH	1000

static char		 top[64];
static char		 text[SIZE];
static uint32_t		 messages, domains;
static bool		 all_live;
static struct ipc	*relay, *ours;		/* its end and the queue's */
static uint32_t		*done;			/* by domain */
static size_t		 ndone, nlive, held, most_held;
static double		 begun, half;
static struct late {				/* jobs of dead ones */
	uint64_t	 job, evpid;
	double		 at;
} late[RELAY_SLOTS + IPC_RELAY_RCPTS];
static size_t		 late_first, late_n;

static double
now(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double
cpu(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static size_t
memory(void)
{
	const struct mallinfo2	 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* -- the spool -- */

static bool
is_dead(uint32_t domain)
{
	return !all_live && domain % DEAD == 0;
}

static void
append(struct spool *sp, uint32_t i)
{
	char			 envelope[1024];
	uint64_t		 recno;
	struct spool_append	 a = { .content = slice_make(text, SIZE),
	    .size = SIZE, .nrcpt = 1 };

	a.envelope = slice_make(envelope, (size_t)snprintf(envelope, sizeof(envelope),
	    "msgid: %08x\nsession: %016x\narrival: %lld\nsize: %d\n"
	    "sender: from.%010u@mail.department.example.org\n"
	    "helo: mx17.outbound.example.org\nsrc: [2001:db8:1234:5678::17]:45678\n"
	    "evpid: %08x00000001\nttl: 345600\naction: out\nrelay: d%u.example.org\n"
	    "rcpt: rcpt.%010u@d%u.example.org\ndest: rcpt.%010u@d%u.example.org\n",
	    i, i, (long long)time(NULL), SIZE, i, i, i % domains, i, i % domains, i,
	    i % domains));
	if (spool_append(sp, &a, &recno) == -1)
		err(1, "append");
}

static void
fill(void)
{
	const struct spool_options	 o = { 0 };
	struct spool			*sp;
	uint32_t			 i;

	if ((sp = spool_open(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), &o)) == NULL)
		err(1, "spool");
	for (i = 1; i <= messages; i++) {
		append(sp, i);
		if (i % FLUSH != 0)
			continue;
		if (spool_flush(sp) == -1)
			err(1, "flush");
		while (spool_work(sp) == 1)
			;
	}
	spool_close(sp);
}

/* -- smtpctl -- */

static void
show(enum control_command command, const char *what)
{
	const struct control_request	 r = { .magic = CONTROL_MAGIC,
	    .version = CONTROL_VERSION, .command = command };
	struct show			*s = show_begin(&r);
	struct slice			 piece;
	double				 since = now(), slowest = 0, t;
	size_t				 bytes = 0, pieces = 0;
	int				 more;

	do {
		t = now();
		more = show_more(s, &piece);
		t = now() - t;
		slowest = t > slowest ? t : slowest;
		bytes += piece.n;
		pieces++;
	} while (more == 1);
	printf("%s: %.3f s, %zu bytes in %zu pieces, the slowest %.1f ms\n", what,
	    now() - since, bytes, pieces, slowest * 1e3);
	show_free(s);
}

/* -- a relay -- */

static void
answer(uint64_t job, uint64_t evpid, enum job_result result)
{
	const struct ipc_relayed	 m = { .job = job, .evpid = evpid,
	    .result = (uint8_t)result,
	    .flags = result == JOB_DONE ? 0 : RELAYED_UNREACHED,
	    .host = result == JOB_DONE ? SLICE("mx.example.org") : SLICE(""),
	    .dest = SLICE("192.0.2.1:25"), .reply = SLICE("250 2.0.0 ok") };

	ipc_send_relayed(relay, &m);
}

static void
told(uint32_t domain)
{
	done[domain]++;
	if (++ndone == nlive / 2)
		half = now();
	if (ndone == nlive)
		loop_stop();
}

static void
relay_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	struct ipc_relay	 m;
	struct ipc_relay_rcpt	 r;
	uint32_t		 domain;

	(void)arg;
	if (msg == NULL || msg->type != IPC_RELAY || !ipc_get_relay(ipc, msg, &m))
		errx(1, "not a job");
	domain = (uint32_t)strtoul(m.route.p + 1, NULL, 10);
	while (ipc_relay_rcpt_next(&m.rcpts, &r) == 1) {
		if (!is_dead(domain)) {
			answer(m.job, r.evpid, JOB_DONE);
			told(domain);
			continue;
		}
		late[(late_first + late_n++) % (RELAY_SLOTS + IPC_RELAY_RCPTS)] =
		    (struct late){ m.job, r.evpid, now() + 1 };
		if (++held > most_held)
			most_held = held;
	}
}

static void
late_cb(evutil_socket_t fd, short what, void *arg)
{
	struct late	*l;

	(void)fd;
	(void)what;
	(void)arg;
	while (late_n > 0 && (l = &late[late_first])->at <= now()) {
		answer(l->job, l->evpid, JOB_TEMPFAIL);
		late_first = (late_first + 1) % (RELAY_SLOTS + IPC_RELAY_RCPTS);
		late_n--;
		held--;
	}
}

static void
ours_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	(void)arg;
	if (msg == NULL)
		errx(1, "the queue has no relay any more");
	queue_message(PROC_RELAY, ipc, msg);
}

static void
relay_all(void)
{
	const struct timeval	 tv = { 0, 20000 };
	struct event		*ev = event_new(loop_base, -1, EV_PERSIST, late_cb, NULL);
	double			 busy;
	int			 fd[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) == -1)
		err(1, "socketpair");
	ours = ipc_new(PROC_QUEUE, PROC_RELAY, fd[0], ours_cb, NULL);
	relay = ipc_new(PROC_RELAY, PROC_QUEUE, fd[1], relay_cb, NULL);
	queue_peer(PROC_RELAY, ours, "");
	event_add(ev, &tv);
	loop_at_end(ipc_flush_all);
	begun = now();
	busy = cpu();
	loop_run();
	printf("relayed: %zu messages in %.2f s, %.0f/s, CPU %.2f s; the first half in %.2f s\n",
	    ndone, now() - begun, (double)ndone / (now() - begun), cpu() - busy,
	    half - begun);
	printf("dead destinations held at most %zu of %d places\n", most_held,
	    RELAY_SLOTS);
}

static int
remove_cb(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
count_live(void)
{
	uint32_t	 i;

	for (i = 1; i <= messages; i++)
		nlive += !is_dead(i % domains);
}

int
main(int argc, char *argv[])
{
	double	 since, busy;
	size_t	 before;

	all_live = argc > 1 && strcmp(argv[1], "-l") == 0;
	argc -= all_live;
	argv += all_live;
	if (argc != 3)
		errx(2, "usage: queue_bench [-l] messages domains");
	messages = (uint32_t)strtoul(argv[1], NULL, 10);
	domains = (uint32_t)strtoul(argv[2], NULL, 10);
	if (messages == 0 || domains == 0 ||
	    (done = calloc(domains, sizeof(*done))) == NULL)
		errx(2, "how many?");
	memset(text, 'x', sizeof(text));
	count_live();
	strcpy(top, "/tmp/pipepost-queue.XXXXXX");
	if (mkdtemp(top) == NULL || chdir(top) == -1)
		err(1, "%s", top);
	fill();
	proc_self = PROC_QUEUE;
	proc_conf = conf_new(NULL);
	proc_conf->max_deferred = 100;
	log_init(1, 0);
	loop_init();
	before = memory();
	since = now();
	busy = cpu();
	queue_main();
	printf("start with %zu messages to %zu destinations: %.3f s, CPU %.3f s\n",
	    message_count(), route_count().destinations, now() - since, cpu() - busy);
	printf("memory: %zu bytes an envelope, destinations included\n",
	    (memory() - before) / messages);
	show(CONTROL_QUEUE, "show queue");
	show(CONTROL_HOSTS, "show hosts");
	relay_all();
	return nftw(top, remove_cb, 8, FTW_DEPTH | FTW_PHYS) == -1;
}
