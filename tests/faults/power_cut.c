/* A disk that forgets at a power cut what was not synced. POWER_CUT names a folder; FOLDER.synced beside it is what a
 * disk would hold: a write gets there with the next fsync of its file, or, one in four, before, as a kernel does that
 * writes back early. Whoever cuts the power kills the process and puts FOLDER.synced in the place of FOLDER.
 * POWER_CUT_LIES: syncs of the write-ahead log are said to be done and are not. Files of shared memory are nobody's disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 64

struct range { off64_t at; size_t size; };
struct file { dev_t dev; ino_t ino; int disk, wal; size_t count, room; struct range *ranges; };

static struct file files[MOST];
static size_t known;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static unsigned int chance = 1;

static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);

/* The name of a file's place on the disk; 0 for what is not in the folder. */
static int place(const char *path, char *to, size_t size) {
    const char *folder = getenv("POWER_CUT");
    size_t length = folder == NULL ? 0 : strlen(folder), whole = strlen(path);
    if (length == 0 || strncmp(path, folder, length) != 0 || path[length] != '/') return 0;
    if (whole > 4 && strcmp(path + whole - 4, "-shm") == 0) return 0;
    snprintf(to, size, "%s.synced%s", folder, path + length);
    return 1;
}

static struct file *of(int fd, struct stat *about) {
    if (getenv("POWER_CUT") == NULL || fstat(fd, about) != 0 || !S_ISREG(about->st_mode)) return NULL;
    for (size_t n = 0; n < known; n++)
        if (files[n].ino == about->st_ino && files[n].dev == about->st_dev) return files[n].disk < 0 ? NULL : &files[n];
    char link[64], path[1024] = {0}, to[1100];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) < 0 || !place(path, to, sizeof to) || known == MOST) return NULL;
    struct file *file = &files[known++];
    memset(file, 0, sizeof *file);
    file->dev = about->st_dev;
    file->ino = about->st_ino;
    file->wal = strlen(to) > 4 && strcmp(to + strlen(to) - 4, "-wal") == 0;
    file->disk = open(to, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (real_pwrite == NULL) real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    return file->disk < 0 ? NULL : file;
}

static void written(int fd, const void *data, size_t size, off64_t at) {
    struct stat about;
    pthread_mutex_lock(&turn);
    struct file *file = of(fd, &about);
    if (file != NULL) {
        if (rand_r(&chance) % 4 == 0) real_pwrite(file->disk, data, size, at);
        if (file->count == file->room) {
            file->room = file->room ? 2 * file->room : 64;
            file->ranges = realloc(file->ranges, file->room * sizeof *file->ranges);
        }
        file->ranges[file->count++] = (struct range){at, size};
    }
    pthread_mutex_unlock(&turn);
}

/* Brings a file to the disk; 0 where it is none of the folder's. */
static int synced(int fd) {
    struct stat about;
    pthread_mutex_lock(&turn);
    struct file *file = of(fd, &about);
    if (file != NULL && !(file->wal && getenv("POWER_CUT_LIES") != NULL)) {
        for (size_t n = 0; n < file->count; n++) {
            char *data = malloc(file->ranges[n].size);
            ssize_t got = pread64(fd, data, file->ranges[n].size, file->ranges[n].at);
            if (got > 0) real_pwrite(file->disk, data, (size_t)got, file->ranges[n].at);
            free(data);
        }
        file->count = 0;
        if (ftruncate64(file->disk, about.st_size) != 0) abort();
    }
    pthread_mutex_unlock(&turn);
    return file != NULL;
}

int fsync(int fd) {
    static int (*real)(int);
    if (real == NULL) real = dlsym(RTLD_NEXT, "fsync");
    return synced(fd) ? 0 : real(fd);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (real == NULL) real = dlsym(RTLD_NEXT, "fdatasync");
    return synced(fd) ? 0 : real(fd);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    if (real_pwrite == NULL) real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    ssize_t done = real_pwrite(fd, data, size, at);
    if (done > 0) written(fd, data, (size_t)done, at);
    return done;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }

int unlink(const char *path) {
    static int (*real)(const char *);
    if (real == NULL) real = dlsym(RTLD_NEXT, "unlink");
    char to[1100];
    struct stat about;
    if (place(path, to, sizeof to)) {
        pthread_mutex_lock(&turn);
        if (stat(path, &about) == 0)
            for (size_t n = 0; n < known; n++)
                if (files[n].ino == about.st_ino && files[n].dev == about.st_dev) {
                    if (files[n].disk >= 0) close(files[n].disk);
                    free(files[n].ranges);
                    files[n] = files[--known];
                    break;
                }
        real(to);
        pthread_mutex_unlock(&turn);
    }
    return real(path);
}
