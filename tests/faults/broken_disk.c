/* A disk that fails on demand: while the file named by BROKEN_DISK exists, its first word says how.
 * "EIO": fsync and fdatasync fail. "ENOSPC": writes to the journal fail. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int broken(const char *how) {
    const char *path = getenv("BROKEN_DISK");
    struct stat about;
    if (path == NULL || stat(path, &about) != 0) return 0;
    char word[16] = {0};
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    if (fscanf(file, "%15s", word) != 1) word[0] = 0;
    fclose(file);
    return strcmp(word, how) == 0;
}

static int regular(int fd) {
    struct stat about;
    return fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

int fsync(int fd) {
    static int (*real)(int);
    if (real == NULL) real = dlsym(RTLD_NEXT, "fsync");
    if (broken("EIO")) { errno = EIO; return -1; }
    return real(fd);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (real == NULL) real = dlsym(RTLD_NEXT, "fdatasync");
    if (broken("EIO")) { errno = EIO; return -1; }
    return real(fd);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (real == NULL) real = dlsym(RTLD_NEXT, "pwrite64");
    if (regular(fd) && broken("ENOSPC")) { errno = ENOSPC; return -1; }
    return real(fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (real == NULL) real = dlsym(RTLD_NEXT, "pwrite");
    if (regular(fd) && broken("ENOSPC")) { errno = ENOSPC; return -1; }
    return real(fd, data, size, at);
}
