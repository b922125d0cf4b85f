/* What the faults suite preloads into the program under test: a disk and a clock that misbehave on demand.
 *
 * Everything is told by a file of 64-bit words (FAULTS_CONTROL) that is mapped here and written by the test; all zero is
 * no fault at all. Only files whose name contains "textgate.db" are touched, never sockets or logs. With FAULTS_JOURNAL
 * each write to them is noted there with what stood before, so that a test can undo what was never synced, as a power cut does.
 * Names are resolved from the file FAULTS_HOSTS, where it is set. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* In the order of `Word` in shim.rs. */
enum { WALL_OFFSET_MS, WRITE_ERRNO, SYNC_ERRNO, SYNC_DELAY_US, SHORT_WRITES, TEAR_AT, STRIKE_EACH, STRUCK, WRITES, READ_ERRNO, WORDS };

static volatile int64_t *control;
static int journal = -1;
static uint64_t journal_end;
static pthread_mutex_t journal_lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))real_##name)
#define RESOLVE(name) if (!real_##name) real_##name = dlsym(RTLD_NEXT, #name)
static void *real_write, *real_pwrite, *real_pwrite64, *real_pread64, *real_read, *real_fsync, *real_fdatasync,
    *real_ftruncate, *real_ftruncate64, *real_clock_gettime, *real_getaddrinfo;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULTS_CONTROL");
    if (path) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0) {
            void *at = mmap(NULL, WORDS * 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            if (at != MAP_FAILED) control = at;
            close(fd);
        }
    }
    path = getenv("FAULTS_JOURNAL");
    if (path) journal = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static int64_t word(int at) { return control ? control[at] : 0; }

static int is_ours(int fd) {
    if (!control) return 0;
    char name[64], path[512];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(name, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return strstr(path, "textgate.db") != NULL;
}

/* Whether this call is struck: each, or each n-th. */
static int strikes(void) {
    static int64_t calls;
    int64_t each = word(STRIKE_EACH);
    if (each > 1 && __sync_add_and_fetch(&calls, 1) % each) return 0;
    __sync_add_and_fetch(&control[STRUCK], 1);
    return 1;
}

struct note { uint64_t kind, ino, at, size, before, after; };

/* Notes what a write or a truncation is about to change. */
static void note(int fd, uint64_t kind, const void *octets, uint64_t count, uint64_t at) {
    struct stat stat;
    if (journal < 0 || fstat(fd, &stat)) return;
    RESOLVE(pread64); RESOLVE(write);
    uint64_t before = 0, size = stat.st_size;
    if (kind == 1) before = at < size ? (size - at < count ? size - at : count) : 0;
    if (kind == 2) before = at < size ? size - at : 0;
    struct note head = { kind, stat.st_ino, at, size, before, kind == 1 ? count : 0 };
    char *record = malloc(sizeof head + before + head.after);
    if (!record) return;
    memcpy(record, &head, sizeof head);
    if (before && ((ssize_t (*)(int, void *, size_t, off_t))real_pread64)(fd, record + sizeof head, before, at) != (ssize_t)before)
        memset(record + sizeof head, 0, before);
    if (head.after) memcpy(record + sizeof head + before, octets, head.after);
    ssize_t n = REAL(write)(journal, record, sizeof head + before + head.after);
    if (n > 0) journal_end += n;
    free(record);
}

static void note_synced(int fd, uint64_t upto) {
    struct stat stat;
    if (journal < 0 || fstat(fd, &stat)) return;
    struct note head = { 3, stat.st_ino, upto, 0, 0, 0 };
    pthread_mutex_lock(&journal_lock);
    RESOLVE(write);
    ssize_t n = REAL(write)(journal, &head, sizeof head);
    if (n > 0) journal_end += n;
    pthread_mutex_unlock(&journal_lock);
}

/* A write to one of our files: how many octets of it are to be written; -1 with errno set where none, 1 where the process dies after. */
static int before_write(int fd, size_t count, size_t *allowed) {
    *allowed = count;
    __sync_add_and_fetch(&control[WRITES], 1);
    if (word(WRITE_ERRNO) && strikes()) {
        errno = (int)word(WRITE_ERRNO);
        return -1;
    }
    if ((word(SHORT_WRITES) || word(TEAR_AT)) && count > 1) {
        if (word(TEAR_AT) && __sync_sub_and_fetch(&control[TEAR_AT], 1) == 0) {
            *allowed = count / 2;
            return 1;
        }
        if (word(SHORT_WRITES) && strikes()) *allowed = count / 2;
    }
    return 0;
}

ssize_t write(int fd, const void *octets, size_t count) {
    RESOLVE(write);
    if (!is_ours(fd)) return REAL(write)(fd, octets, count);
    size_t allowed;
    int then = before_write(fd, count, &allowed);
    if (then < 0) return -1;
    pthread_mutex_lock(&journal_lock);
    note(fd, 1, octets, allowed, lseek(fd, 0, SEEK_CUR));
    ssize_t n = REAL(write)(fd, octets, allowed);
    pthread_mutex_unlock(&journal_lock);
    /* Half of it stands on the disk, and the machine is gone. */
    if (then == 1) raise(SIGKILL);
    return n;
}

static ssize_t pwrite_by(void *real, int fd, const void *octets, size_t count, off_t at) {
    ssize_t (*call)(int, const void *, size_t, off_t) = real;
    if (!is_ours(fd)) return call(fd, octets, count, at);
    size_t allowed;
    int then = before_write(fd, count, &allowed);
    if (then < 0) return -1;
    pthread_mutex_lock(&journal_lock);
    note(fd, 1, octets, allowed, at);
    ssize_t n = call(fd, octets, allowed, at);
    pthread_mutex_unlock(&journal_lock);
    /* Half of it stands on the disk, and the machine is gone. */
    if (then == 1) raise(SIGKILL);
    return n;
}

ssize_t pwrite(int fd, const void *octets, size_t count, off_t at) {
    RESOLVE(pwrite);
    return pwrite_by(real_pwrite, fd, octets, count, at);
}

ssize_t pwrite64(int fd, const void *octets, size_t count, off64_t at) {
    RESOLVE(pwrite64);
    return pwrite_by(real_pwrite64, fd, octets, count, at);
}

ssize_t read(int fd, void *octets, size_t count) {
    RESOLVE(read);
    if (word(READ_ERRNO) && is_ours(fd) && strikes()) { errno = (int)word(READ_ERRNO); return -1; }
    return REAL(read)(fd, octets, count);
}

ssize_t pread64(int fd, void *octets, size_t count, off64_t at) {
    RESOLVE(pread64);
    if (word(READ_ERRNO) && is_ours(fd) && strikes()) { errno = (int)word(READ_ERRNO); return -1; }
    return REAL(pread64)(fd, octets, count, at);
}

static int sync_by(void *real, int fd) {
    int (*call)(int) = real;
    if (!is_ours(fd)) return call(fd);
    if (word(SYNC_DELAY_US)) usleep((useconds_t)word(SYNC_DELAY_US));
    if (word(SYNC_ERRNO) && strikes()) { errno = (int)word(SYNC_ERRNO); return -1; }
    pthread_mutex_lock(&journal_lock);
    uint64_t upto = journal_end;
    pthread_mutex_unlock(&journal_lock);
    int done = call(fd);
    if (done == 0) note_synced(fd, upto);
    return done;
}

int fsync(int fd) { RESOLVE(fsync); return sync_by(real_fsync, fd); }
int fdatasync(int fd) { RESOLVE(fdatasync); return sync_by(real_fdatasync, fd); }

static int truncate_by(void *real, int fd, off_t size) {
    int (*call)(int, off_t) = real;
    if (!is_ours(fd)) return call(fd, size);
    if (word(WRITE_ERRNO) && strikes()) { errno = (int)word(WRITE_ERRNO); return -1; }
    pthread_mutex_lock(&journal_lock);
    note(fd, 2, NULL, 0, size);
    int done = call(fd, size);
    pthread_mutex_unlock(&journal_lock);
    return done;
}

int ftruncate(int fd, off_t size) { RESOLVE(ftruncate); return truncate_by(real_ftruncate, fd, size); }
int ftruncate64(int fd, off64_t size) { RESOLVE(ftruncate64); return truncate_by(real_ftruncate64, fd, size); }

/* The wall clock; the steady ones are left alone. */
int clock_gettime(clockid_t clock, struct timespec *time) {
    RESOLVE(clock_gettime);
    int done = REAL(clock_gettime)(clock, time);
    int64_t offset = word(WALL_OFFSET_MS);
    if (done == 0 && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t ns = time->tv_nsec + offset % 1000 * 1000000;
        time->tv_sec += offset / 1000 + (ns < 0 ? -1 : ns / 1000000000);
        time->tv_nsec = ns < 0 ? ns + 1000000000 : ns % 1000000000;
    }
    return done;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    int done = clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return done;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

/* Names from FAULTS_HOSTS, a line each: `name address`, `name fails`, `name hangs`. Others are resolved as ever. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    RESOLVE(getaddrinfo);
    const char *path = getenv("FAULTS_HOSTS");
    FILE *hosts = path && name ? fopen(path, "re") : NULL;
    char line[512], host[256], address[256];
    int is_known = 0;
    while (hosts && fgets(line, sizeof line, hosts))
        if (sscanf(line, "%255s %255s", host, address) == 2 && !strcasecmp(host, name)) { is_known = 1; break; }
    if (hosts) fclose(hosts);
    if (!is_known) return REAL(getaddrinfo)(name, service, hints, found);
    if (!strcmp(address, "fails")) return EAI_AGAIN;
    if (!strcmp(address, "hangs")) { sleep(20); return EAI_AGAIN; }
    return REAL(getaddrinfo)(address, service, hints, found);
}
