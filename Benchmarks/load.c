// The load of the benchmark, in C so that it costs little beside what it measures.
//
//   load run PLAN ANSWERS CONNECTIONS PORT   sends the requests of a plan and writes what came back
//   load hash THREADS SECONDS KIB PASSES     hashes with Argon2id as the server does, and prints count, seconds, CPU seconds
//
// A plan is a list of jobs: "J n\n", then n times "S bytes\n" and the request itself. A job's requests go one after the other
// over one kept connection. "{{LOC}}" stands for the path of the last Location header, "{{SID}}" for the last session cookie.
#define _GNU_SOURCE
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

typedef struct { char *bytes; size_t length; } Text;
typedef struct { Text request, answer; int status; long microseconds; } Step;
typedef struct { Step *steps; int count; } Job;

static Job *jobs;
static int jobCount, port;
static atomic_int nextJob, failures;

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
    perror(what);
    exit(2);
}

static void *room(size_t bytes) {
    void *made = malloc(bytes ? bytes : 1);
    if (!made) die("memory");
    return made;
}

static void readPlan(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    int capacity = 0, count;
    while (fscanf(file, " J %d", &count) == 1) {
        if (jobCount == capacity) {
            capacity = capacity ? 2 * capacity : 256;
            jobs = realloc(jobs, capacity * sizeof(Job));
            if (!jobs) die("memory");
        }
        Job *job = &jobs[jobCount++];
        job->count = count;
        job->steps = room(count * sizeof(Step));
        memset(job->steps, 0, count * sizeof(Step));
        for (int i = 0; i < count; i++) {
            size_t length;
            if (fscanf(file, " S %zu", &length) != 1 || fgetc(file) != '\n') die("plan");
            Text *request = &job->steps[i].request;
            request->bytes = room(length + 1);
            request->length = length;
            if (fread(request->bytes, 1, length, file) != length) die("plan");
            request->bytes[length] = 0;
        }
    }
    fclose(file);
}

static int connection(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct timeval patience = {.tv_sec = 60};
    if (s < 0 || connect(s, (struct sockaddr *)&address, sizeof address)) die("connect");
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return s;
}

// The request with its gaps filled.
static Text filled(const Text *request, const char *location, const char *session) {
    size_t capacity = request->length + 4 * (strlen(location) + strlen(session)) + 1;
    Text out = {room(capacity), 0};
    for (size_t i = 0; i < request->length;) {
        const char *with = !strncmp(request->bytes + i, "{{LOC}}", 7) ? location : !strncmp(request->bytes + i, "{{SID}}", 7) ? session : NULL;
        if (with) {
            if (out.length + strlen(with) + request->length - i >= capacity) die("gaps");
            memcpy(out.bytes + out.length, with, strlen(with));
            out.length += strlen(with);
            i += 7;
        } else {
            out.bytes[out.length++] = request->bytes[i++];
        }
    }
    return out;
}

// A header's value into `value`, the last one of that name; `from` is its start, for example "\r\nLocation: ".
static int header(const char *head, const char *name, char *value, size_t size) {
    int found = 0;
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line && strncmp(line, "\r\n\r\n", 4); line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, length)) continue;
        const char *from = line + 2 + length;
        size_t end = strcspn(from, "\r");
        if (end >= size) die("header");
        memcpy(value, from, end);
        value[end] = 0;
        found = 1;
    }
    return found;
}

static int sendAll(int s, Text text) {
    for (size_t sent = 0; sent < text.length;) {
        ssize_t n = send(s, text.bytes + sent, text.length - sent, MSG_NOSIGNAL);
        if (n <= 0) return -1;
        sent += n;
    }
    return 0;
}

static int receive(int s, Step *step, char *buffer, size_t size) {
    size_t have = 0;
    char *end = NULL, number[32];
    while (!end) {
        ssize_t n = recv(s, buffer + have, size - 1 - have, 0);
        if (n <= 0) return -1;
        have += n;
        buffer[have] = 0;
        end = strstr(buffer, "\r\n\r\n");
    }
    size_t head = end + 4 - buffer, body = 0;
    char kept = *(end + 4);
    *(end + 4) = 0;
    if (header(buffer, "Content-Length: ", number, sizeof number)) body = strtoul(number, NULL, 10);
    *(end + 4) = kept;
    if (head + body + 1 > size) die("answer too long");
    while (have < head + body) {
        ssize_t n = recv(s, buffer + have, head + body - have, 0);
        if (n <= 0) return -1;
        have += n;
    }
    step->status = atoi(buffer + 9);
    step->answer.bytes = room(have);
    step->answer.length = have;
    memcpy(step->answer.bytes, buffer, have);
    return 0;
}

static void *work(void *unused) {
    size_t size = 1 << 20;
    char *buffer = room(size), location[4096], session[512], cookie[1024];
    int s = connection();
    for (int i; (i = atomic_fetch_add(&nextJob, 1)) < jobCount;) {
        location[0] = session[0] = 0;
        for (int j = 0; j < jobs[i].count; j++) {
            Step *step = &jobs[i].steps[j];
            Text request = filled(&step->request, location, session);
            double begun = now(CLOCK_MONOTONIC);
            if (sendAll(s, request) || receive(s, step, buffer, size)) {
                atomic_fetch_add(&failures, 1);
                close(s);
                s = connection();
                free(request.bytes);
                break;
            }
            step->microseconds = (now(CLOCK_MONOTONIC) - begun) * 1e6;
            free(request.bytes);
            char *end = memmem(buffer, step->answer.length, "\r\n\r\n", 4);
            end[4] = 0;
            header(buffer, "Location: ", location, sizeof location);
            // The session's own cookie, whatever other cookies are set beside it.
            if (header(buffer, "Set-Cookie: converge=", cookie, sizeof cookie)) {
                cookie[strcspn(cookie, ";")] = 0;
                strncpy(session, cookie, sizeof session - 1);
            }
        }
    }
    close(s);
    free(buffer);
    return unused;
}

static int run(const char *plan, const char *answers, int connections) {
    readPlan(plan);
    pthread_t threads[256];
    double begun = now(CLOCK_MONOTONIC);
    for (int i = 0; i < connections; i++)
        if (pthread_create(&threads[i], NULL, work, NULL)) die("thread");
    for (int i = 0; i < connections; i++) pthread_join(threads[i], NULL);
    double seconds = now(CLOCK_MONOTONIC) - begun;
    FILE *file = fopen(answers, "wb");
    if (!file) die(answers);
    for (int i = 0; i < jobCount; i++) {
        fprintf(file, "J %d\n", jobs[i].count);
        for (int j = 0; j < jobs[i].count; j++) {
            Step *step = &jobs[i].steps[j];
            fprintf(file, "S %d %ld %zu\n", step->status, step->microseconds, step->answer.length);
            fwrite(step->answer.bytes, 1, step->answer.length, file);
            fputc('\n', file);
        }
    }
    fclose(file);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("%.6f %.6f %d\n", seconds, cpu, atomic_load(&failures));
    return 0;
}

static double hashUntil;
static unsigned long long passes;
static size_t memory;
static atomic_long hashes;

static void *hashing(void *unused) {
    unsigned char key[32], salt[16] = {7};
    const char *password = "quiet harbour lights at noon";
    do {
        if (crypto_pwhash(key, sizeof key, password, strlen(password), salt, passes, memory, crypto_pwhash_ALG_ARGON2ID13)) die("hash");
        atomic_fetch_add(&hashes, 1);
    } while (now(CLOCK_MONOTONIC) < hashUntil);
    return unused;
}

static int hash(int threads, double seconds) {
    pthread_t made[256];
    if (sodium_init() < 0) die("sodium");
    double begun = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    hashUntil = begun + seconds;
    for (int i = 0; i < threads; i++)
        if (pthread_create(&made[i], NULL, hashing, NULL)) die("thread");
    for (int i = 0; i < threads; i++) pthread_join(made[i], NULL);
    printf("%ld %.6f %.6f\n", atomic_load(&hashes), now(CLOCK_MONOTONIC) - begun, now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 6 && !strcmp(argv[1], "run") && atoi(argv[4]) <= 256) {
        port = atoi(argv[5]);
        return run(argv[2], argv[3], atoi(argv[4]));
    }
    if (argc == 6 && !strcmp(argv[1], "hash") && atoi(argv[2]) <= 256) {
        memory = strtoul(argv[4], NULL, 10) * 1024;
        passes = strtoull(argv[5], NULL, 10);
        return hash(atoi(argv[2]), atof(argv[3]));
    }
    fprintf(stderr, "load run PLAN ANSWERS CONNECTIONS PORT, or load hash THREADS SECONDS KIB PASSES\n");
    return 2;
}
