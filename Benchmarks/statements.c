// Put before a program with LD_PRELOAD: writes every SQL text that the program prepares into the file that STATEMENTS names.
// Each text ends in a NUL; the same one may come several times, once for each connection.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*Prepare)(void *, const char *, int, unsigned, void **, const char **);

static void note(const char *sql, int bytes) {
    const char *path = getenv("STATEMENTS");
    int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (file < 0) return;
    size_t length = bytes < 0 ? strlen(sql) : strnlen(sql, bytes);
    char *copy = malloc(length + 1);
    if (copy) {
        memcpy(copy, sql, length);
        copy[length] = 0;
        // One write with O_APPEND, so that two threads do not mix.
        if (write(file, copy, length + 1) < 0) _exit(2);
        free(copy);
    }
    close(file);
}

int sqlite3_prepare_v3(void *db, const char *sql, int bytes, unsigned flags, void **statement, const char **tail) {
    static Prepare next;
    if (!next) next = (Prepare)dlsym(RTLD_NEXT, "sqlite3_prepare_v3");
    note(sql, bytes);
    return next(db, sql, bytes, flags, statement, tail);
}

int sqlite3_prepare_v2(void *db, const char *sql, int bytes, void **statement, const char **tail) {
    static int (*next)(void *, const char *, int, void **, const char **);
    if (!next) next = (int (*)(void *, const char *, int, void **, const char **))dlsym(RTLD_NEXT, "sqlite3_prepare_v2");
    note(sql, bytes);
    return next(db, sql, bytes, statement, tail);
}
