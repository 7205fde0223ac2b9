/* SPDX-License-Identifier: ISC */
/* The spool after a crash or damage: what is torn is dropped, what is damaged is kept aside. */
/* objects: smtpd/spool.o smtpd/spool_batch.o smtpd/spool_big.o smtpd/spool_copy.o smtpd/spool_corrupt.o smtpd/spool_dump.o smtpd/spool_hash.o smtpd/spool_index.o smtpd/spool_scan.o smtpd/spool_segment.o */
#include <dirent.h>

#include "tests/unit/spool_world.h"

static void
fill(char *p, size_t n)
{
	while (n-- > 0)
		*p++ = (char)below(256);
}

/* Cut at each block of the last batch: never acknowledged, so never missed. */
static void
test_torn(void **state)
{
	static char	 before[SEGMENT], after[SEGMENT], torn[SEGMENT];
	struct spool_stat st;
	struct spool	*sp = open_spool(8);
	uint64_t	 a, b;
	size_t		 at, cuts = 0;
	int		 again;

	(void)state;
	assert_int_equal(add(sp, 100, 1, &a), 0);
	assert_int_equal(spool_flush(sp), 0);
	segment_io(0, false, before);
	assert_int_equal(add(sp, 20000, 1, &b), 0);
	assert_int_equal(spool_flush(sp), 0);
	spool_close(sp);
	segment_io(0, false, after);
	for (at = 0; at < SEGMENT; at += BLOCK) {
		if (memcmp(before + at, after + at, BLOCK) == 0)
			continue;
		cuts++;
		memcpy(torn, after, SEGMENT);
		memset(torn + at, 0, SEGMENT - at);
		segment_io(0, true, torn);
		for (again = 0; again < 2; again++) {
			sp = open_spool(8);
			spool_stat(sp, &st);
			assert_int_equal(nfound, 1);
			assert_int_equal(found[0].recno, a);
			assert_int_equal(notes, 0);
			assert_int_equal(st.damaged, 0);
			kill_spool(sp);
		}
	}
	assert_int_equal(cuts, 5);
}

/* Puts the blocks of `to` whose bit is set over those of `from`. */
static void
mix(char *out, const char *from, const char *to, unsigned bits)
{
	unsigned	 i;

	memcpy(out, from, SEGMENT);
	for (i = 0; i < SEGMENT / BLOCK; i++)
		if (bits & 1u << i)
			memcpy(out + i * BLOCK, to + i * BLOCK, BLOCK);
}

/*
 * The first batch of a segment's second life, torn in each way, its head lost
 * or not: what the segment held before does not come back, and is no damage.
 */
static void
test_torn_life(void **state)
{
	static char	 before[SEGMENT], after[SEGMENT], torn[SEGMENT];
	struct spool	*sp = open_spool(8);
	uint64_t	 kept, r;
	unsigned	 bits, n;

	(void)state;
	work(sp);
	for (n = 0;; n++) {		/* until the first segment begins anew */
		assert_true(n < 1000);
		segment_io(0, false, before);
		memset(body, '!' + n % 64, 9000);	/* no block is as it was */
		assert_int_equal(add(sp, 9000, 1, &r), 0);
		assert_int_equal(spool_flush(sp), 0);
		segment_io(0, false, after);
		if (n > 5 && memcmp(before, after, BLOCK) != 0)
			break;
		done(sp, r, 0);
		assert_int_equal(add(sp, 50, 1, &kept), 0);
		assert_int_equal(spool_flush(sp), 0);
		done(sp, kept, 0);
		assert_int_equal(spool_flush(sp), 0);
	}
	spool_close(sp);
	/* The head, and the three blocks of the batch. */
	assert_int_equal(memcmp(before + 4 * BLOCK, after + 4 * BLOCK,
	    SEGMENT - 4 * BLOCK), 0);
	for (bits = 0; bits < 16; bits++) {
		mix(torn, before, after, bits);
		segment_io(0, true, torn);
		sp = open_spool(8);
		assert_int_equal(was_found(r), bits == 15);
		assert_false(was_found(kept));
		assert_int_equal(notes, 0);
		assert_int_equal(stat_of(sp).damaged, 0);
		kill_spool(sp);
	}
}

/* What stood before good batches was acknowledged: it is missed, the rest lives. */
static void
test_damaged(void **state)
{
	static char	 seg[SEGMENT];
	struct spool_stat st;
	struct spool	*sp = open_spool(8);
	uint64_t	 r[3];
	int		 i;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_int_equal(add(sp, 100, 1, &r[i]), 0);
		assert_int_equal(spool_flush(sp), 0);
	}
	spool_close(sp);
	segment_io(0, false, seg);
	seg[2 * BLOCK + 200] ^= 1;	/* in the content of the second */
	segment_io(0, true, seg);
	sp = open_spool(8);
	spool_stat(sp, &st);
	assert_int_equal(st.damaged, 1);
	assert_int_equal(nfound, 2);
	assert_false(was_found(r[1]));
	assert_int_equal(spool_read(sp, r[1], 0, (char[1]){ 0 }, 1), -1);
	spool_close(sp);
}

/* Where a body begins within its batch: the same for all with this envelope. */
static size_t
body_offset(const char *disk, size_t batch)
{
	size_t	 at = batch;

	while (memcmp(disk + at, body, 16) != 0)
		at++;
	return at - batch;
}

/*
 * A body may hold a byte-exact copy of a batch, and it may lie where a scan
 * looks for one once its own batch is damaged: it is never taken for one.
 */
static void
test_forged(void **state)
{
	static char	 disk[SEGMENT];
	struct spool	*sp = open_spool(64);
	uint64_t	 old, forged;
	size_t		 batch = 3 * BLOCK, pad;

	(void)state;
	assert_int_equal(add(sp, 1000, 1, &old), 0);
	assert_int_equal(spool_flush(sp), 0);
	segment_io(0, false, disk);
	pad = BLOCK - body_offset(disk, BLOCK);
	done(sp, old, 0);
	assert_int_equal(spool_flush(sp), 0);
	memcpy(body + pad, disk + BLOCK, BLOCK);
	assert_int_equal(add(sp, pad + 2 * BLOCK, 1, &forged), 0);
	assert_int_equal(spool_flush(sp), 0);
	spool_close(sp);

	/* The copy lies on a block of its own, as a batch would. */
	segment_io(0, false, disk);
	assert_memory_equal(disk + batch + BLOCK, disk + BLOCK, BLOCK);
	sp = open_spool(64);
	assert_int_equal(nfound, 1);
	assert_int_equal(found[0].recno, forged);
	spool_close(sp);

	memset(disk + batch, 0, 64);
	segment_io(0, true, disk);
	sp = open_spool(64);
	assert_int_equal(nfound, 0);
	spool_close(sp);
}

/* Old bytes or any others in the blocks of the last batch: a torn tail too. */
static void
test_torn_random(void **state)
{
	static char	 before[SEGMENT], after[SEGMENT], torn[SEGMENT];
	struct spool	*sp = open_spool(8);
	uint64_t	 a, b;
	size_t		 at, cut, seed;

	(void)state;
	assert_int_equal(add(sp, 100, 1, &a), 0);
	assert_int_equal(spool_flush(sp), 0);
	segment_io(0, false, before);
	assert_int_equal(add(sp, 20000, 1, &b), 0);
	assert_int_equal(spool_flush(sp), 0);
	spool_close(sp);
	segment_io(0, false, after);
	for (seed = 0; seed < 300; seed++) {
		memcpy(torn, after, SEGMENT);
		for (at = 2 * BLOCK; at < SEGMENT; at += BLOCK) {
			cut = (size_t)below(BLOCK);
			switch (below(4)) {
			case 0:
				memcpy(torn + at + cut, before + at + cut,
				    BLOCK - cut);
				break;
			case 1:
				fill(torn + at + cut, BLOCK - cut);
				break;
			case 2:
				fill(torn + at, cut);
				break;
			}
		}
		/* All that counts of it may have got there. */
		cut = memcmp(torn + 2 * BLOCK, after + 2 * BLOCK, 20100) == 0;
		segment_io(0, true, torn);
		sp = open_spool(8);
		assert_int_equal(nfound, 1 + cut);
		assert_true(was_found(a));
		assert_int_equal(notes, 0);
		assert_int_equal(stat_of(sp).damaged, 0);
		kill_spool(sp);
	}
}

/* What failed and was voided is not missed where it is gone; what was flushed is. */
static void
test_gap(void **state)
{
	static char	 disk[SEGMENT], none[SEGMENT];
	unsigned long long from, to;
	struct spool	*sp = open_spool(8);
	uint64_t	 a, b, c, d;

	(void)state;
	assert_int_equal(add(sp, 100, 1, &a), 0);
	assert_int_equal(spool_flush(sp), 0);
	assert_int_equal(add(sp, 100, 1, &b), 0);
	assert_int_equal(spool_flush(sp), 0);
	assert_int_equal(add(sp, 100, 1, &c), 0);
	failing = 2;			/* itself, and what voids it at once */
	assert_int_equal(spool_flush(sp), -1);
	assert_int_equal(add(sp, 100, 1, &d), 0);
	assert_int_equal(spool_flush(sp), 0);
	spool_close(sp);

	segment_io(0, false, disk);	/* of the failed ones nothing got there */
	memset(disk + 3 * BLOCK, 0, BLOCK);
	segment_io(0, true, disk);
	segment_io(1, true, none);
	sp = open_spool(8);
	assert_int_equal(notes, 0);
	assert_int_equal(nfound, 3);
	spool_close(sp);

	memset(disk + 2 * BLOCK, 0, BLOCK);
	segment_io(0, true, disk);
	sp = open_spool(8);
	assert_int_equal(nfound, 2);
	assert_true(was_found(a) && was_found(d));
	assert_int_equal(notes, 1);
	assert_int_equal(stat_of(sp).damaged, 1);
	assert_int_equal(sscanf(last_note, "batches %llu to %llu are missing",
	    &from, &to), 2);
	assert_int_equal(from, to);
	spool_close(sp);
}

static struct stat
corrupt_stat(const char *name)
{
	char		 path[160];
	struct stat	 st;

	snprintf(path, sizeof(path), "%s/corrupt/%s", top, name);
	assert_int_equal(stat(path, &st), 0);
	return st;
}

static unsigned
corrupt_files(char *name, size_t size)
{
	char		 path[96];
	struct dirent	*d;
	DIR		*dir;
	unsigned	 n = 0;

	snprintf(path, sizeof(path), "%s/corrupt", top);
	assert_non_null(dir = opendir(path));
	while ((d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.') {
			snprintf(name, size, "%s", d->d_name);
			n++;
		}
	closedir(dir);
	return n;
}

/* The damaged bytes are kept, for the owner only, and once. */
static void
test_kept(void **state)
{
	static char	 disk[SEGMENT];
	char		 name[256], path[400], *kept;
	struct spool	*sp = open_spool(8);
	uint64_t	 r[3];
	size_t		 n, at;
	int		 i, fd;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_int_equal(add(sp, 3000, 1, &r[i]), 0);
		assert_int_equal(spool_flush(sp), 0);
	}
	spool_close(sp);
	segment_io(0, false, disk);
	disk[2 * BLOCK + 1000] ^= 1;
	segment_io(0, true, disk);
	for (i = 0; i < 2; i++) {	/* at the second start it is there */
		sp = open_spool(8);
		assert_int_equal(stat_of(sp).damaged, 1);
		assert_int_equal(notes, 1);
		spool_close(sp);
		assert_int_equal(corrupt_files(name, sizeof(name)), 1);
	}
	n = (size_t)corrupt_stat(name).st_size;
	assert_int_equal(corrupt_stat(name).st_mode & 0777, 0600);
	assert_in_range(n, 3000, 3200);
	snprintf(path, sizeof(path), "%s/corrupt/%s", top, name);
	assert_int_not_equal(fd = open(path, O_RDONLY), -1);
	assert_non_null(kept = malloc(n));
	assert_int_equal(read(fd, kept, n), n);
	close(fd);
	/* It is the record, as it stood where its name says. */
	at = strtoul(strchr(name, '.') + 1, NULL, 16);
	assert_in_range(at, 2 * BLOCK, 2 * BLOCK + 200);
	assert_memory_equal(kept, disk + at, n);
	free(kept);
}

/* However much is damaged and however often: 64 pieces are kept, all are counted. */
static void
test_kept_bound(void **state)
{
	static char	 disk[SEGMENT];
	char		 name[256];
	struct spool	*sp;
	uint64_t	 r;
	unsigned	 round, slot, i;
	uint64_t	 damaged = 0;

	(void)state;
	for (round = 0; round < 8; round++) {
		sp = open_spool(64);
		damaged += stat_of(sp).damaged;
		work(sp);
		for (i = 0; i < 14; i++) {
			assert_int_equal(add(sp, 100, 1, &r), 0);
			assert_int_equal(spool_flush(sp), 0);
		}
		spool_close(sp);
		for (slot = 0; slot < 8; slot++) {
			segment_io(slot, false, disk);
			for (i = 1; i < 14; i++)
				disk[i * BLOCK + 200] = 1;
			segment_io(slot, true, disk);
		}
	}
	assert_true(damaged > 64);
	assert_int_equal(corrupt_files(name, sizeof(name)), 64);
}

/* A record that cannot be read at start is told when it can. */
static char	 unread[8][SEGMENT];

static void
unreadable_cb(void *arg, const struct spool_message *m)
{
	char	 path[96];
	int	 i;

	recovered_cb(arg, m);
	for (i = 0; i < 8 && nfound == 1; i++) {
		snprintf(path, sizeof(path), "%s/segment.%04d", top, i);
		segment_io(i, false, unread[i]);
		assert_int_equal(truncate(path, 0), 0);
	}
}

static void
test_told_late(void **state)
{
	struct spool_options	 o = { .segment_size = SEGMENT, .segments = 8,
	    .segments_max = 8, .note = note_cb, .recovered = unreadable_cb,
	    .fdatasync = sync_cb, .now = now_cb };
	struct spool	*sp = open_spool(8);
	uint64_t	 r[3];
	int		 i;

	(void)state;
	for (i = 0; i < 3; i++)
		assert_int_equal(add(sp, 100, 1, &r[i]), 0);
	assert_int_equal(spool_flush(sp), 0);
	work(sp);
	spool_close(sp);
	nfound = notes = 0;
	assert_non_null(sp = spool_open(open(top, O_RDONLY | O_DIRECTORY), &o));
	assert_int_equal(nfound, 1);
	assert_int_equal(notes, 1);
	assert_int_equal(stat_of(sp).messages, 3);
	mono += 60;
	work(sp);			/* in vain */
	assert_int_equal(nfound, 1);
	for (i = 0; i < 8; i++)
		segment_io(i, true, unread[i]);
	mono += 59;
	work(sp);
	assert_int_equal(nfound, 1);
	mono++;
	work(sp);
	assert_int_equal(nfound, 3);
	for (i = 0; i < 3; i++) {
		assert_true(was_found(r[i]));
		done(sp, r[i], 0);
	}
	mono += 60;
	work(sp);
	assert_int_equal(nfound, 3);
	assert_int_equal(stat_of(sp).damaged, 0);
	spool_close(sp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_torn), T(test_torn_random), T(test_torn_life),
		T(test_damaged), T(test_gap), T(test_kept), T(test_kept_bound),
		T(test_forged), T(test_told_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
