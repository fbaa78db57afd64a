#pragma once

// Nothing of the system is included here: a release build, which compiles all files at once, would take the system's own time
// structures for this module's.

/// What the kernel says of the clock. 1: a time server keeps it, 0: none does, -1: unknown.
int cclock_is_synchronised(void);

/// Nanoseconds since 1970.
long long cclock_wall(void);
/// Nanoseconds that only go forward.
long long cclock_monotonic(void);
