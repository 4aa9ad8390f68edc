/* Makes the disk of one process slow, full or broken, and its clock wrong. Loaded with LD_PRELOAD by tests.
 *
 * TILLGATE_FAULTS names a file that says what goes wrong, in words separated by blanks; without words all is well:
 *   sync_ms=N            each sync takes so much longer, or until the file changes
 *   fail=write|sync      such calls fail with errno=N, from the from=Nth after the change of the file, count=N of them
 *   short=1              writes take half of what they are given
 *   clock_s=N            the time of day is so many seconds off
 * TILLGATE_FAULTS_BELOW names the folder whose files are concerned.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct faults {
    long sync_ms, error, from, count, shortened, clock_s;
    char fail[16];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct faults now;
static struct stat seen;
static long calls;

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

static long number(const char *text, const char *word, long otherwise) {
    const char *at = strstr(text, word);
    return at ? strtol(at + strlen(word), NULL, 10) : otherwise;
}

/* Reads the file again if it is another one: a test replaces it whole. */
static void look(void) {
    const char *path = getenv("TILLGATE_FAULTS");
    struct stat found;
    char text[512] = "";
    if (!path || stat(path, &found) != 0) return;
    if (found.st_ino == seen.st_ino && found.st_mtim.tv_sec == seen.st_mtim.tv_sec &&
        found.st_mtim.tv_nsec == seen.st_mtim.tv_nsec)
        return;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    if (size < 0) return;
    text[size] = 0;
    seen = found;
    calls = 0;
    memset(&now, 0, sizeof now);
    now.sync_ms = number(text, "sync_ms=", 0);
    now.error = number(text, "errno=", EIO);
    now.from = number(text, "from=", 1);
    now.count = number(text, "count=", LONG_MAX / 2);
    now.shortened = number(text, "short=", 0);
    now.clock_s = number(text, "clock_s=", 0);
    const char *fail = strstr(text, "fail=");
    if (fail) sscanf(fail + 5, "%15s", now.fail);
}

static struct faults current(void) {
    int before = errno;
    pthread_mutex_lock(&lock);
    look();
    struct faults copy = now;
    pthread_mutex_unlock(&lock);
    errno = before;
    return copy;
}

static int concerned(int fd) {
    const char *below = getenv("TILLGATE_FAULTS_BELOW");
    char name[64], path[PATH_MAX];
    int before = errno;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(name, path, sizeof path - 1);
    errno = before;
    if (!below || size < 0) return 0;
    path[size] = 0;
    size_t length = strlen(below);
    return strncmp(path, below, length) == 0 && path[length] == '/';
}

/* Whether this call fails; it is counted. */
static int fails(const char *kind) {
    pthread_mutex_lock(&lock);
    look();
    int hit = 0;
    if (strcmp(now.fail, kind) == 0) {
        calls++;
        hit = calls >= now.from && calls < now.from + now.count;
    }
    int error = (int)now.error;
    pthread_mutex_unlock(&lock);
    if (hit) errno = error;
    return hit;
}

static void delay(void) {
    struct timespec step = {0, 1000000};
    for (long waited = 0; waited < current().sync_ms; waited++) nanosleep(&step, NULL);
}

static size_t taken(size_t size) {
    return current().shortened && size > 1 ? size / 2 : size;
}

ssize_t write(int fd, const void *bytes, size_t size) {
    if (!concerned(fd)) return REAL(write)(fd, bytes, size);
    return fails("write") ? -1 : REAL(write)(fd, bytes, taken(size));
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
    if (!concerned(fd)) return REAL(pwrite)(fd, bytes, size, at);
    return fails("write") ? -1 : REAL(pwrite)(fd, bytes, taken(size), at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
    if (!concerned(fd)) return REAL(pwrite64)(fd, bytes, size, at);
    return fails("write") ? -1 : REAL(pwrite64)(fd, bytes, taken(size), at);
}

int fsync(int fd) {
    if (!concerned(fd)) return REAL(fsync)(fd);
    delay();
    return fails("sync") ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd) {
    if (!concerned(fd)) return REAL(fdatasync)(fd);
    delay();
    return fails("sync") ? -1 : REAL(fdatasync)(fd);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = REAL(clock_gettime)(clock, time);
    if (result == 0 && clock == CLOCK_REALTIME) time->tv_sec += current().clock_s;
    return result;
}
