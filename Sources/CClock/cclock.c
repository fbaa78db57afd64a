#include "cclock.h"

#include <sys/timex.h>
#include <time.h>

// The structure and the macros of adjtimex are not imported into Swift.
int cclock_is_synchronised(void) {
    struct timex state = {0};
    int answer = adjtimex(&state);
    return answer < 0 ? -1 : answer != TIME_ERROR;
}

// Which module of Swift the structure belongs to depends on the libraries that are imported beside it.
static long long nanoseconds(clockid_t clock) {
    struct timespec time = {0};
    clock_gettime(clock, &time);
    return (long long)time.tv_sec * 1000000000 + time.tv_nsec;
}

long long cclock_wall(void) { return nanoseconds(CLOCK_REALTIME); }
long long cclock_monotonic(void) { return nanoseconds(CLOCK_MONOTONIC); }
