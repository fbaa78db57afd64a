#pragma once
#include <sys/timex.h>

// The structure and the macros of adjtimex are not imported. 1: a time server keeps the clock, 0: none does, -1: unknown.
static inline int app_clock_is_synchronised(void) {
    struct timex state = {0};
    int answer = adjtimex(&state);
    return answer < 0 ? -1 : answer != TIME_ERROR;
}
