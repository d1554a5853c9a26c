/* A disk that fails on command, and remembers what was written to it.
 *
 * Preloaded into a process (LD_PRELOAD), it stands between the program and the
 * files below FAULTS_DIR. Every change and every sync goes to the journal at
 * FAULTS_JOURNAL, in the order in which it happened, together with what the
 * process says on its standard output. From that a test makes what a power cut
 * would have left at any moment: see crash.rs. Syncs are not passed on to the
 * real disk, so a test runs as fast as memory.
 *
 * What fails is said in the file at FAULTS_CONTROL, which the test writes while
 * the process runs: see disk.rs for its fields.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FILES 4096

/* In the order of disk.rs. The first three are an errno, or zero. */
struct control {
	uint32_t sync, write, read;
	uint32_t stall_sync, stall_read; /* milliseconds */
	uint32_t longest;                /* KiB: no file grows beyond; zero: no limit */
	uint32_t halt;                   /* whether all changes wait for ever */
};

static const struct control *control;
static int journal = -1;
static char dir[PATH_MAX];
static size_t dir_length;
static char *paths[FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);
	if (!found)
		abort();
	return found;
}

__attribute__((constructor)) static void begin(void)
{
	const char *to = getenv("FAULTS_JOURNAL"), *by = getenv("FAULTS_CONTROL");
	const char *below = getenv("FAULTS_DIR");
	if (!to || !by || !below || !realpath(below, dir))
		return;
	dir_length = strlen(dir);
	int file = syscall(SYS_openat, AT_FDCWD, by, O_RDONLY | O_CLOEXEC, 0);
	void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
	if (file < 0 || map == MAP_FAILED)
		abort();
	control = map;
	journal = syscall(SYS_openat, AT_FDCWD, to,
			  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (journal < 0)
		abort();
}

static void nap(uint32_t millis)
{
	struct timespec left = { millis / 1000, (millis % 1000) * 1000000L };
	while (millis && nanosleep(&left, &left) && errno == EINTR)
		;
}

/* The path below the directory, or NULL where a path leads elsewhere. */
static const char *inside(const char *path)
{
	static __thread char full[PATH_MAX];
	if (journal < 0 || !path)
		return NULL;
	if (path[0] != '/') {
		if (!getcwd(full, sizeof full))
			return NULL;
		size_t length = strlen(full);
		if (length + strlen(path) + 2 > sizeof full)
			return NULL;
		full[length] = '/';
		strcpy(full + length + 1, path);
		path = full;
	}
	if (strncmp(path, dir, dir_length))
		return NULL;
	if (!path[dir_length])
		return "";
	return path[dir_length] == '/' ? path + dir_length + 1 : NULL;
}

static const char *of(int file)
{
	return file >= 0 && file < FILES ? paths[file] : NULL;
}

static void all(const void *bytes, size_t count)
{
	const char *from = bytes;
	while (count) {
		ssize_t done = syscall(SYS_write, journal, from, count);
		if (done < 0) {
			if (errno == EINTR)
				continue;
			abort();
		}
		from += done;
		count -= done;
	}
}

/* One line of the journal: kind, path, two numbers, bytes. Under the lock. */
static void note(char kind, const char *path, uint64_t at, const void *bytes, uint64_t count)
{
	unsigned char head[1 + 2 + 8 + 8];
	uint16_t length = strlen(path);
	head[0] = kind;
	memcpy(head + 1, &length, 2);
	memcpy(head + 3, &at, 8);
	memcpy(head + 11, &count, 8);
	all(head, sizeof head);
	all(path, length);
	all(bytes, count);
}

/* A process that is to be killed stands still first, so that none dies between
 * a change and its line in the journal. */
static void enter(void)
{
	pthread_mutex_lock(&lock);
	while (control && *(volatile const uint32_t *)&control->halt)
		nap(1000);
}

static int opened(int file, const char *path, int created)
{
	int error = errno;
	if (file < 0 || file >= FILES)
		return file;
	enter();
	free(paths[file]);
	paths[file] = path ? strdup(path) : NULL;
	if (path && created)
		note('C', path, 0, NULL, 0);
	pthread_mutex_unlock(&lock);
	errno = error;
	return file;
}

static int open_any(int at, const char *path, int flags, mode_t mode)
{
	const char *known = at == AT_FDCWD || path[0] == '/' ? inside(path) : NULL;
	char name[PATH_MAX];
	struct stat found;
	int created = 0;
	if (known) {
		known = strcpy(name, known);
		created = (flags & O_CREAT) && fstatat(at, path, &found, 0);
		if (created && control->write) {
			errno = control->write;
			return -1;
		}
	}
	int file = syscall(SYS_openat, at, path, flags | O_LARGEFILE, mode);
	if (file >= 0 && known && !created && (flags & O_TRUNC)) {
		enter();
		note('T', known, 0, NULL, 0);
		pthread_mutex_unlock(&lock);
	}
	return opened(file, known, created);
}

#define MODE \
	mode_t mode = 0; \
	if (flags & (O_CREAT | __O_TMPFILE)) { \
		va_list more; \
		va_start(more, flags); \
		mode = va_arg(more, mode_t); \
		va_end(more); \
	}

int open(const char *path, int flags, ...) { MODE return open_any(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return open_any(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE return open_any(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE return open_any(at, path, flags, mode); }

int close(int file)
{
	if (file >= 0 && file < FILES && paths[file]) {
		enter();
		free(paths[file]);
		paths[file] = NULL;
		pthread_mutex_unlock(&lock);
	}
	return REAL(close)(file);
}

static int refused(int file, off_t end)
{
	struct stat found;
	int error = control->write;
	off_t longest = (off_t)control->longest * 1024;
	char reserve[PATH_MAX + 16];
	snprintf(reserve, sizeof reserve, "%s/reserve", dir);
	/* What the reserve took can be had once it is gone. */
	if (longest && syscall(SYS_faccessat, AT_FDCWD, reserve, F_OK))
		longest += 2 << 20;
	/* As on a full disk: what has its place can be written, more can't. */
	if (!error && longest && end > longest &&
	    (fstat(file, &found) || end > found.st_size))
		error = ENOSPC;
	if (error)
		errno = error;
	return error;
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at)
{
	const char *path = of(file);
	if (!path)
		return REAL(pwrite64)(file, bytes, count, at);
	if (refused(file, at + count))
		return -1;
	enter();
	ssize_t done = REAL(pwrite64)(file, bytes, count, at);
	if (done > 0)
		note('W', path, at, bytes, done);
	pthread_mutex_unlock(&lock);
	return done;
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at)
{
	return pwrite64(file, bytes, count, at);
}

ssize_t write(int file, const void *bytes, size_t count)
{
	const char *path = of(file);
	if (!path && (file != STDOUT_FILENO || journal < 0))
		return REAL(write)(file, bytes, count);
	off_t at = 0;
	if (path) {
		at = lseek(file, 0, SEEK_CUR);
		if (refused(file, at + count))
			return -1;
	}
	enter();
	ssize_t done = REAL(write)(file, bytes, count);
	if (done > 0)
		note(path ? 'W' : 'A', path ? path : "", at, bytes, done);
	pthread_mutex_unlock(&lock);
	return done;
}

int ftruncate64(int file, off64_t length)
{
	const char *path = of(file);
	if (!path)
		return REAL(ftruncate64)(file, length);
	if (refused(file, length))
		return -1;
	enter();
	int done = REAL(ftruncate64)(file, length);
	if (!done)
		note('T', path, length, NULL, 0);
	pthread_mutex_unlock(&lock);
	return done;
}

int ftruncate(int file, off_t length)
{
	return ftruncate64(file, length);
}

static int synced(int file)
{
	const char *path = of(file);
	nap(control->stall_sync);
	int error = control->sync;
	enter();
	note(error ? 'F' : 'S', path, 0, NULL, 0);
	pthread_mutex_unlock(&lock);
	if (error)
		errno = error;
	return error ? -1 : 0;
}

int fsync(int file)
{
	return of(file) ? synced(file) : REAL(fsync)(file);
}

int fdatasync(int file)
{
	return of(file) ? synced(file) : REAL(fdatasync)(file);
}

int sync_file_range(int file, off64_t at, off64_t count, unsigned int flags)
{
	/* It promises nothing, so it has no place in the journal. */
	if (!of(file))
		return REAL(sync_file_range)(file, at, count, flags);
	nap(control->stall_sync);
	return 0;
}

ssize_t pread64(int file, void *bytes, size_t count, off64_t at)
{
	if (of(file)) {
		nap(control->stall_read);
		if (control->read) {
			errno = control->read;
			return -1;
		}
	}
	return REAL(pread64)(file, bytes, count, at);
}

ssize_t pread(int file, void *bytes, size_t count, off_t at)
{
	return pread64(file, bytes, count, at);
}

/* Names: the new one is in the bytes. */
static int name(char kind, const char *from, const char *to, int (*act)(const char *, const char *))
{
	char one[PATH_MAX];
	const char *old = inside(from);
	if (old)
		old = strcpy(one, old);
	if (!old)
		return act(from, to);
	if (control->write) {
		errno = control->write;
		return -1;
	}
	const char *new = to ? inside(to) : "";
	enter();
	int done = act(from, to);
	if (!done && new)
		note(kind, old, 0, new, strlen(new));
	pthread_mutex_unlock(&lock);
	return done;
}

static int really_rename(const char *from, const char *to) { return REAL(rename)(from, to); }
static int really_link(const char *from, const char *to) { return REAL(link)(from, to); }
static int really_unlink(const char *path, const char *none) { (void)none; return REAL(unlink)(path); }
static int really_rmdir(const char *path, const char *none) { (void)none; return REAL(rmdir)(path); }

int rename(const char *from, const char *to) { return name('R', from, to, really_rename); }
int link(const char *from, const char *to) { return name('L', from, to, really_link); }
int unlink(const char *path) { return name('U', path, NULL, really_unlink); }
int rmdir(const char *path) { return name('X', path, NULL, really_rmdir); }

int linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
	if (!inside(from) || flags)
		return REAL(linkat)(from_at, from, to_at, to, flags);
	return link(from, to);
}

int mkdir(const char *path, mode_t mode)
{
	char copy[PATH_MAX];
	const char *known = inside(path);
	if (known)
		known = strcpy(copy, known);
	if (known && control->write) {
		errno = control->write;
		return -1;
	}
	int done = REAL(mkdir)(path, mode);
	if (!done && known) {
		enter();
		note('M', known, 0, NULL, 0);
		pthread_mutex_unlock(&lock);
	}
	return done;
}
