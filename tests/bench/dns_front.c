/* SPDX-License-Identifier: ISC */
/*
 * A name server's front for the bench of fcrdns(1): one PTR question in ten is
 * held for a while or lost, by the last byte of the address; all else goes
 * through.  usage: dns_front PORT SERVER-PORT MILLISECONDS, on 127.0.0.1.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH	64
#define PACKET	1232
#define HEADER	12
#define IDS	65536
#define LATE	65536		/* answers held at once; a power of two */
#define BUFFER	(8 * 1024 * 1024)

/* Questions under way, by the id that the server sees. */
static struct {
	struct sockaddr_in	 client;
	uint8_t			 id[2];
	bool			 slow;
} asked[IDS];
static uint16_t	 next_id;

static struct {
	uint64_t	 due;
	uint16_t	 id, n;
	uint8_t		 p[512];
} late[LATE];
static size_t	 first, last;

static uint8_t			 packets[BATCH][PACKET];
static struct sockaddr_in	 peers[BATCH];
static struct iovec		 iov[BATCH];
static struct mmsghdr		 messages[BATCH];

static uint64_t
milliseconds(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int
port(const char *arg)
{
	const char	*error;
	int		 n = (int)strtonum(arg, 1, 65535, &error);

	if (error != NULL)
		errx(2, "port is %s: %s", error, arg);
	return n;
}

static int
endpoint(int number, bool server)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)number),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int			 fd, size = BUFFER;

	if ((fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)) == -1)
		err(2, "socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if ((server ? bind : connect)(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(2, "port %d", number);
	return fd;
}

static int
receive(int fd, bool peer)
{
	int	 i;

	for (i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ packets[i], PACKET };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
		if (peer) {
			messages[i].msg_hdr.msg_name = &peers[i];
			messages[i].msg_hdr.msg_namelen = sizeof(peers[i]);
		}
	}
	i = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
	return i == -1 ? 0 : i;
}

/* What the socket does not take is lost, as on any network. */
static void
send_all(int fd, int n)
{
	struct pollfd	 pfd = { .fd = fd, .events = POLLOUT };
	int		 done = 0, k;

	while (done < n) {
		if ((k = sendmmsg(fd, messages + done, (unsigned)(n - done), 0)) > 0)
			done += k;
		else if (poll(&pfd, 1, 10) != 1)
			return;
	}
}

/* The number that the name begins with, of the names in the reverse tree. */
static int
octet(const uint8_t *p, size_t n)
{
	size_t	 i;
	int	 number = 0;

	for (i = HEADER + 1; i < n && p[i] >= '0' && p[i] <= '9'; i++)
		number = number * 10 + p[i] - '0';
	return i == HEADER + 1 ? -1 : number;
}

static void
questions(int clients, int server)
{
	int	 i, n = receive(clients, true), keep = 0, number;
	size_t	 size;

	for (i = 0; i < n; i++) {
		size = messages[i].msg_len;
		number = octet(packets[i], size);
		if (size < HEADER || number % 20 == 19)
			continue;
		asked[next_id].client = peers[i];
		asked[next_id].slow = number % 20 == 9;
		memcpy(asked[next_id].id, packets[i], 2);
		memcpy(packets[i], &next_id, 2);
		next_id++;
		iov[keep] = (struct iovec){ packets[i], size };
		messages[keep].msg_hdr = (struct msghdr){ .msg_iov = &iov[keep], .msg_iovlen = 1 };
		keep++;
	}
	send_all(server, keep);
}

static void
answers(int clients, int server, int delay)
{
	int		 i, n = receive(server, false), keep = 0;
	size_t		 size;
	uint16_t	 id;

	for (i = 0; i < n; i++) {
		size = messages[i].msg_len;
		memcpy(&id, packets[i], 2);
		memcpy(packets[i], asked[id].id, 2);
		if (asked[id].slow && size <= sizeof(late[0].p) && last - first < LATE) {
			late[last % LATE].due = milliseconds() + (uint64_t)delay;
			late[last % LATE].id = id;
			late[last % LATE].n = (uint16_t)size;
			memcpy(late[last++ % LATE].p, packets[i], size);
			continue;
		}
		iov[keep] = (struct iovec){ packets[i], size };
		messages[keep].msg_hdr = (struct msghdr){ .msg_iov = &iov[keep],
		    .msg_iovlen = 1, .msg_name = &asked[id].client,
		    .msg_namelen = sizeof(asked[id].client) };
		keep++;
	}
	send_all(clients, keep);
}

static void
late_answers(int clients)
{
	uint64_t	 now = milliseconds();
	size_t		 i;

	for (; first < last && late[i = first % LATE].due <= now; first++)
		sendto(clients, late[i].p, late[i].n, 0,
		    (struct sockaddr *)&asked[late[i].id].client,
		    sizeof(asked[late[i].id].client));
}

int
main(int argc, char *argv[])
{
	struct pollfd	 pfd[2];
	const char	*error;
	int		 delay;

	if (argc != 4) {
		fputs("usage: dns_front port server-port milliseconds\n", stderr);
		return 2;
	}
	delay = (int)strtonum(argv[3], 0, 60000, &error);
	if (error != NULL)
		errx(2, "milliseconds: %s: %s", error, argv[3]);
	pfd[0] = (struct pollfd){ .fd = endpoint(port(argv[1]), true), .events = POLLIN };
	pfd[1] = (struct pollfd){ .fd = endpoint(port(argv[2]), false), .events = POLLIN };
	for (;;) {
		if (poll(pfd, 2, first < last ? 1 : -1) == -1)
			err(2, "poll");
		if (pfd[0].revents != 0)
			questions(pfd[0].fd, pfd[1].fd);
		if (pfd[1].revents != 0)
			answers(pfd[0].fd, pfd[1].fd, delay);
		late_answers(pfd[0].fd);
	}
}
