/* A computer with faults, for LD_PRELOAD: system calls fail on files below FAULTY_FOLDER.

   FAULTY_FLOCK, FAULTY_FSYNC_FOLDER, FAULTY_FSYNC, FAULTY_READ and FAULTY_OPEN hold the errno of
   the fault; those that are not set work. Opening and reading fail for *.hdf5, *.npz and
   *.partial only, reading after FAULTY_READ_AFTER calls that work. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fault(const char *name) {
    const char *number = getenv(name);
    return number ? atoi(number) : 0;
}

static int ends_with(const char *path, const char *end) {
    size_t length = strlen(path), wanted = strlen(end);
    return length >= wanted && strcmp(path + length - wanted, end) == 0;
}

static int is_inside(const char *path) {
    const char *folder = getenv("FAULTY_FOLDER");
    return folder && strncmp(path, folder, strlen(folder)) == 0;
}

static const char *path_of(int descriptor) {
    static __thread char path[PATH_MAX];
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    return path;
}

static int fails(int number) {
    if (number) errno = number;
    return number != 0;
}

int flock(int descriptor, int operation) {
    static int (*real)(int, int);
    if (!real) real = dlsym(RTLD_NEXT, "flock");
    int number = fault("FAULTY_FLOCK");
    if (number && is_inside(path_of(descriptor)) && fails(number)) return -1;
    return real(descriptor, operation);
}

int fsync(int descriptor) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fsync");
    struct stat about;
    int is_folder = fstat(descriptor, &about) == 0 && S_ISDIR(about.st_mode);
    int number = fault(is_folder ? "FAULTY_FSYNC_FOLDER" : "FAULTY_FSYNC");
    if (number && is_inside(path_of(descriptor)) && fails(number)) return -1;
    return real(descriptor);
}

static int holds_data(const char *path) {
    return ends_with(path, ".hdf5") || ends_with(path, ".npz") || ends_with(path, ".partial");
}

static int read_fails(int descriptor) {
    static int asked = -1, working;
    int number = fault("FAULTY_READ"), after = fault("FAULTY_READ_AFTER");
    if (!number) return 0;
    if (after != asked) working = asked = after;
    const char *path = path_of(descriptor);
    if (!is_inside(path) || !holds_data(path)) return 0;
    if (working > 0) {
        working--;
        return 0;
    }
    return fails(number);
}

#define READING(name, parameters, arguments)                    \
    ssize_t name parameters {                                   \
        static ssize_t(*real) parameters;                       \
        if (!real) real = dlsym(RTLD_NEXT, #name);              \
        return read_fails(descriptor) ? -1 : real arguments;    \
    }

READING(read, (int descriptor, void *to, size_t size), (descriptor, to, size))
READING(pread, (int descriptor, void *to, size_t size, off_t at), (descriptor, to, size, at))
READING(pread64, (int descriptor, void *to, size_t size, off64_t at), (descriptor, to, size, at))

#define OPENING(name)                                                               \
    int name(const char *path, int flags, ...) {                                    \
        static int (*real)(const char *, int, ...);                                 \
        if (!real) real = dlsym(RTLD_NEXT, #name);                                  \
        va_list rest;                                                               \
        va_start(rest, flags);                                                      \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;     \
        va_end(rest);                                                               \
        int number = fault("FAULTY_OPEN");                                          \
        if (number && holds_data(path) && fails(number)) return -1;         \
        return real(path, flags, mode);                                             \
    }

OPENING(open)
OPENING(open64)
