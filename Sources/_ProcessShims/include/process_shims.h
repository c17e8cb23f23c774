// Calls of Linux that Swift's Glibc module lacks.
#ifndef V6_PROCESS_SHIMS_H
#define V6_PROCESS_SHIMS_H

#include <sys/types.h>

// Real, effective and saved user and group, on all threads; 0 or -1 with errno.
int v6_set_user(uid_t user);
int v6_set_group(gid_t group);
// No program that the process starts can gain rights.
int v6_no_new_privileges(void);
// A file that lies in memory and closes with the program: its descriptor, or -1 with errno.
int v6_memory_file(void);

#endif
