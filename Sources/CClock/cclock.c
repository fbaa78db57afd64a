#include "cclock.h"

#include <sys/timex.h>

// The structure and the macros of adjtimex are not imported into Swift.
int cclock_is_synchronised(void) {
    struct timex state = {0};
    int answer = adjtimex(&state);
    return answer < 0 ? -1 : answer != TIME_ERROR;
}
